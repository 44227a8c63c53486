//! What a primitive is: a word that both engines know.
//!
//! A primitive is one row of a word set's table (`words/*.rs`): name, stack effect, help, what the
//! stepper does and what the fast engine does. The stepper follows from the [`Form`] where that
//! says everything. Items taken and left are counted in the stack effect itself, and a word that
//! only rearranges items *is* its effect: `( x1 x2 -- x2 x1 )`.

use super::error::Res;
use super::machine::Machine;
use super::operation::{Bin, FloatBin, Un};

/// Code of a word in Rust.
pub type Prim = fn(&mut Machine) -> Res;

/// Most items that a word which rearranges them leaves.
const ITEMS: usize = 6;

/// What the stepper and the fast engine do for a word.
#[derive(Debug, Clone, Copy)]
pub struct Primitive {
    /// The stack effect in numbers.
    pub shape: Shape,
    /// What the stepper does, unless it follows from the form.
    pub run: Option<Prim>,
    /// What the fast engine does.
    pub form: Form,
}

/// What the fast engine does for a primitive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// It hands over to the stepper.
    Step,
    /// Nothing: the items stay as they are.
    Nothing,
    /// Rearranges the items as the stack effect says.
    Shuffle,
    /// Rearranges the top items: how many, and those that are left, counted from the deepest.
    Arrange(usize, &'static [u8]),
    /// Pushes a number.
    Number(i64),
    /// Adds a number to the top item.
    Add(i64),
    /// Multiplies by the size of a cell.
    Cells,
    /// An operation of one cell.
    Unary(Un),
    /// An operation of two cells.
    Binary(Bin),
    /// Compares the top item with zero.
    CompareZero(Bin),
    /// `/`
    Divide,
    /// `MOD`
    Modulo,
    /// Reads a cell.
    Load,
    /// Reads a byte.
    LoadByte,
    /// Writes a cell.
    Store,
    /// Writes a byte.
    StoreByte,
    /// Adds to a cell.
    StoreAdd,
    /// Moves an item to the return stack.
    ToReturn,
    /// Moves an item from the return stack.
    FromReturn,
    /// Copies the item of the return stack that lies so far below its top.
    FetchReturn(u8),
    /// Index of the counted loop.
    Index,
    /// Index of the counted loop around that.
    OuterIndex,
    /// Forgets the counted loop.
    Unloop,
    /// `EXECUTE`
    Execute,
    /// `CATCH`
    Catch,
    /// `THROW`
    Throw,
    /// `?DUP`, which is known before `IF` alone.
    DupIf,
    /// `PICK`, which is known after a number alone.
    Pick,
    /// A word of the floating-point stack.
    Float(Float),
    /// Several forms one after the other.
    Sequence(&'static [Self]),
}

/// What the fast engine does on the floating-point stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Float {
    /// An operation of two floats.
    Binary(FloatBin),
    Dup,
    Over,
    Drop,
    Swap,
    Rot,
    Negate,
    Abs,
    Fetch,
    Store,
    Less,
    Negative,
    Zero,
    FromDouble,
    FromSingle,
}

/// Copies the top item.
pub const DUP: Form = Form::Arrange(1, &[0, 0]);
/// Exchanges the top two items.
pub const SWAP: Form = Form::Arrange(2, &[1, 0]);

impl Form {
    /// By how much the return stack of a leaf grows, of which `items` are its own; nothing when a
    /// leaf may not hold the form.
    #[must_use]
    pub fn in_leaf(self, items: i32) -> Option<i32> {
        Some(match self {
            Self::ToReturn => 1,
            Self::FromReturn => -1,
            Self::FetchReturn(below) if items <= i32::from(below) => return None,
            Self::Sequence(forms) => forms.iter().try_fold(0, |change, form| {
                form.in_leaf(items + change).map(|more| change + more)
            })?,
            Self::Step
            | Self::Unloop
            | Self::OuterIndex
            | Self::Execute
            | Self::Catch
            | Self::DupIf
            | Self::Pick => return None,
            _ => 0,
        })
    }
}

impl Primitive {
    /// A primitive whose form tells the stepper what to do.
    pub const fn of_form(effect: &str, form: Form) -> Self {
        assert!(
            matches!(
                form,
                Form::Nothing
                    | Form::Shuffle
                    | Form::Add(_)
                    | Form::Cells
                    | Form::Unary(_)
                    | Form::Binary(_)
                    | Form::CompareZero(_)
                    | Form::Float(Float::Binary(_))
            ),
            "the stepper needs code for this form"
        );
        Self { shape: Shape::of(effect), run: None, form }
    }

    /// A primitive with code for the stepper.
    pub const fn with_code(effect: &str, run: Prim, form: Form) -> Self {
        Self { shape: Shape::of(effect), run: Some(run), form }
    }
}

/// A stack effect in numbers: cells of the data stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Cells taken.
    pub takes: u8,
    /// Cells left.
    pub gives: u8,
    /// For each cell left, which of those taken it is; counted from the deepest.
    pattern: [u8; ITEMS],
}

impl Shape {
    /// Reads a stack effect. What it says of other stacks does not count.
    #[must_use]
    pub const fn of(effect: &str) -> Self {
        let text = effect.as_bytes();
        let mut shape = Self { takes: 0, gives: 0, pattern: [u8::MAX; ITEMS] };
        let mut inputs = [(0, 0); ITEMS];
        let mut left = false;
        let mut at = 1;
        loop {
            while at < text.len() && text[at] == b' ' {
                at += 1;
            }
            let start = at;
            while at < text.len() && text[at] != b' ' {
                at += 1;
            }
            let len = at - start;
            if len == 0 || text[start] == b')' || (len == 2 && text[start + 1] == b':') {
                return shape;
            }
            if len == 2 && text[start] == b'-' && text[start + 1] == b'-' {
                left = true;
                continue;
            }
            let cells = if is_double(text, start, len) { 2 } else { 1 };
            if !left {
                if (shape.takes as usize) < ITEMS {
                    inputs[shape.takes as usize] = (start, len);
                }
                shape.takes += cells;
                continue;
            }
            let mut input = 0;
            while input < ITEMS {
                let (from, size) = inputs[input];
                if size == len && same(text, from, start, len) && (shape.gives as usize) < ITEMS {
                    shape.pattern[shape.gives as usize] = input as u8;
                }
                input += 1;
            }
            shape.gives += cells;
        }
    }

    /// Which of the cells taken are left, counted from the deepest.
    #[must_use]
    pub fn pattern(&self) -> &[u8] {
        self.pattern.get(..self.gives as usize).unwrap_or(&[])
    }
}

/// True for the name of a double number: `d`, `ud`, `d1`.
const fn is_double(text: &[u8], start: usize, len: usize) -> bool {
    let d = if text[start] == b'u' { 1 } else { 0 };
    if d >= len || text[start + d] != b'd' {
        return false;
    }
    let mut at = d + 1;
    while at < len {
        if !text[start + at].is_ascii_digit() {
            return false;
        }
        at += 1;
    }
    true
}

const fn same(text: &[u8], a: usize, b: usize, len: usize) -> bool {
    let mut at = 0;
    while at < len {
        if text[a + at] != text[b + at] {
            return false;
        }
        at += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(effect: &str) -> (u8, u8) {
        let shape = Shape::of(effect);
        (shape.takes, shape.gives)
    }

    #[test]
    fn effects_in_numbers() {
        assert_eq!(shape("( -- )"), (0, 0));
        assert_eq!(shape("( x -- ) ( R: -- x )"), (1, 0));
        assert_eq!(shape("( F: r1 r2 -- r3 )"), (0, 0));
        assert_eq!(shape("( -- f ) ( F: r1 r2 -- )"), (0, 1));
        assert_eq!(shape("( d -- ) ( F: -- r )"), (2, 0));
        assert_eq!(shape("( n -- d )"), (1, 2));
        assert_eq!(shape("( df-addr1 -- df-addr2 )"), (1, 1));
        assert_eq!(Shape::of("( x1 x2 -- x2 x1 x2 )").pattern(), &[1, 0, 1]);
        assert_eq!(Shape::of("( x1 x2 -- )").pattern(), &[] as &[u8]);
    }

    #[test]
    fn words_that_rearrange_name_what_they_leave() {
        for (_, entry) in Machine::entries() {
            if let crate::dict::Code::Primitive(primitive) = &entry.code
                && primitive.form == Form::Shuffle
            {
                let shape = primitive.shape;
                assert!(shape.pattern().len() == shape.gives as usize, "{}", entry.name);
                assert!(shape.pattern().iter().all(|&from| from < shape.takes), "{}", entry.name);
            }
        }
    }

    /// The stack effect in the table is what the stepper does to the depth.
    #[test]
    fn effects_are_true() {
        for (_, entry) in Machine::entries() {
            let crate::dict::Code::Primitive(primitive) = &entry.code else { continue };
            let unknown = matches!(
                primitive.form,
                Form::Execute | Form::Catch | Form::Throw | Form::DupIf | Form::Pick
            );
            if unknown || entry.flags != 0 {
                continue;
            }
            let (mut machine, _) = crate::tests::machine();
            // Addresses, so that every word finds what it needs.
            let text = format!("1e 2e 3e pad pad 8 + pad 16 + pad 24 + {}", entry.name);
            assert!(machine.interpret(text.as_bytes(), "test").is_ok(), "{}", entry.name);
            let change = i32::from(primitive.shape.gives) - i32::from(primitive.shape.takes);
            assert_eq!(machine.depth() as i32, 4 + change, "{}", entry.name);
        }
    }
}
