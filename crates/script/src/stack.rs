//! The two stacks of a script and the nesting of its conditionals.

use super::error::ScriptError;
use super::num;

/// Most elements on both stacks together.
pub const MAX_STACK_SIZE: usize = 1000;

/// A stack of byte strings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stack(pub Vec<Vec<u8>>);

impl Stack {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Fails unless there are `count` elements.
    pub fn need(&self, count: usize) -> Result<(), ScriptError> {
        if self.len() < count { Err(ScriptError::InvalidStackOperation) } else { Ok(()) }
    }

    /// The element `depth` from the top; the top is 1.
    pub fn top(&self, depth: usize) -> Result<&[u8], ScriptError> {
        let at = self.len().checked_sub(depth).ok_or(ScriptError::InvalidStackOperation)?;
        self.0.get(at).map(Vec::as_slice).ok_or(ScriptError::InvalidStackOperation)
    }

    pub fn push(&mut self, element: Vec<u8>) {
        self.0.push(element);
    }

    pub fn push_num(&mut self, value: i64) {
        self.push(num::encode(value));
    }

    /// True is one byte 01, false is empty.
    pub fn push_bool(&mut self, value: bool) {
        self.push(if value { vec![1] } else { vec![] });
    }

    pub fn pop(&mut self) -> Result<Vec<u8>, ScriptError> {
        self.0.pop().ok_or(ScriptError::InvalidStackOperation)
    }

    /// Drops the top `count` elements.
    pub fn drop(&mut self, count: usize) -> Result<(), ScriptError> {
        self.need(count)?;
        self.0.truncate(self.len() - count);
        Ok(())
    }

    /// Pushes a copy of the element at `depth`.
    pub fn copy(&mut self, depth: usize) -> Result<(), ScriptError> {
        let element = self.top(depth)?.to_vec();
        self.push(element);
        Ok(())
    }

    /// Moves the element at `depth` to the top.
    pub fn roll(&mut self, depth: usize) -> Result<(), ScriptError> {
        self.need(depth)?;
        let element = self.0.remove(self.len() - depth);
        self.push(element);
        Ok(())
    }

    /// Exchanges the elements at two depths.
    pub fn swap(&mut self, a: usize, b: usize) -> Result<(), ScriptError> {
        self.need(a.max(b))?;
        let length = self.len();
        self.0.swap(length - a, length - b);
        Ok(())
    }
}

/// The open IFs: how many, and the first whose branch is not taken. The rest are never looked at
/// while that one is open, so two numbers are enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Branches {
    open: usize,
    first_false: Option<usize>,
}

impl Branches {
    pub fn is_empty(&self) -> bool {
        self.open == 0
    }

    /// How many IFs are open.
    pub fn depth(&self) -> usize {
        self.open
    }

    /// Every open branch is taken.
    pub fn all_true(&self) -> bool {
        self.first_false.is_none()
    }

    pub fn enter(&mut self, taken: bool) {
        if !taken && self.first_false.is_none() {
            self.first_false = Some(self.open);
        }
        self.open += 1;
    }

    pub fn toggle(&mut self) -> Result<(), ScriptError> {
        let innermost = self.open.checked_sub(1).ok_or(ScriptError::UnbalancedConditional)?;
        match self.first_false {
            None => self.first_false = Some(innermost),
            Some(at) if at == innermost => self.first_false = None,
            Some(_) => {}
        }
        Ok(())
    }

    pub fn leave(&mut self) -> Result<(), ScriptError> {
        self.open = self.open.checked_sub(1).ok_or(ScriptError::UnbalancedConditional)?;
        if self.first_false == Some(self.open) {
            self.first_false = None;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_false_branch_matters() {
        let mut branches = Branches::default();
        branches.enter(true);
        branches.enter(false);
        branches.enter(true);
        assert!(!branches.all_true());
        branches.toggle().expect("open");
        branches.leave().expect("open");
        assert!(!branches.all_true());
        branches.toggle().expect("open");
        assert!(branches.all_true());
        branches.leave().expect("open");
        branches.leave().expect("open");
        assert_eq!(branches.leave(), Err(ScriptError::UnbalancedConditional));
        assert_eq!(branches.toggle(), Err(ScriptError::UnbalancedConditional));
    }

    #[test]
    fn depths_count_from_one() {
        let mut stack = Stack(vec![vec![1], vec![2], vec![3]]);
        assert_eq!(stack.top(1), Ok(&[3u8][..]));
        assert_eq!(stack.top(4), Err(ScriptError::InvalidStackOperation));
        stack.roll(3).expect("three there");
        assert_eq!(stack.0, [vec![2], vec![3], vec![1]]);
        assert_eq!(stack.roll(4), Err(ScriptError::InvalidStackOperation));
    }
}
