//! A bounded stack with room on both sides, so that fast code may look a window beyond its ends.

/// Cells of room below the bottom and above the limit.
pub const GUARD: usize = 256;

/// A stack of cells or floats.
#[derive(Debug)]
pub struct Stack<T> {
    /// `GUARD` unused items, the items, and unused room up to the limit plus `2 * GUARD`.
    pub cells: Vec<T>,
    /// Number of items.
    pub depth: usize,
    /// Most items.
    pub limit: usize,
}

impl<T: Copy + Default> Stack<T> {
    /// An empty stack for `limit` items over `cells`, which must hold `Self::room(limit)`.
    #[must_use]
    pub fn new(cells: Vec<T>, limit: usize) -> Self {
        assert!(cells.len() >= Self::room(limit), "a stack needs its guard room");
        Self { cells, depth: 0, limit }
    }

    /// Items that must be allocated for a limit.
    #[must_use]
    pub const fn room(limit: usize) -> usize {
        limit + 4 * GUARD
    }

    /// Adds an item; false when full.
    #[inline]
    #[must_use]
    pub fn push(&mut self, value: T) -> bool {
        if self.depth >= self.limit {
            return false;
        }
        self.cells[GUARD + self.depth] = value;
        self.depth += 1;
        true
    }

    /// Takes the top item.
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        let depth = self.depth.checked_sub(1)?;
        self.depth = depth;
        Some(self.cells[GUARD + depth])
    }

    /// The item `n` below the top.
    #[inline]
    #[must_use]
    pub fn peek(&self, n: usize) -> Option<T> {
        let at = self.depth.checked_sub(n.checked_add(1)?)?;
        Some(self.cells[GUARD + at])
    }

    /// Items from the bottom.
    #[must_use]
    pub fn items(&self) -> &[T] {
        &self.cells[GUARD..GUARD + self.depth]
    }

    /// Items from the bottom, to change.
    pub fn items_mut(&mut self) -> &mut [T] {
        &mut self.cells[GUARD..GUARD + self.depth]
    }
}
