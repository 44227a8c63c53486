//! From an operation and the kinds of its operands to the handler.

use super::super::operation::{Bin, FloatBin, Un, bin, float_bin, un};
use super::chain::{Acc, Imm, Index, Local, Slot, Zero};
use super::code::Handler;
use super::floats as f;
use super::handlers as h;

/// Kind of a first operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum X {
    Slot,
    Acc,
    Local,
    Index,
    /// Nothing: an address is its offset.
    Zero,
}

/// Kind of a second operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Y {
    Slot,
    Acc,
    Local,
    Imm,
}

macro_rules! by_y {
    ($y:expr, $f:ident, $o:ty, $x:ty) => {
        match $y {
            Y::Slot => h::$f::<$o, $x, Slot>,
            Y::Acc => h::$f::<$o, $x, Acc>,
            Y::Local => h::$f::<$o, $x, Local>,
            Y::Imm => h::$f::<$o, $x, Imm>,
        }
    };
}

macro_rules! by_xy {
    ($x:expr, $y:expr, $f:ident, $o:ty) => {
        match $x {
            X::Slot => by_y!($y, $f, $o, Slot),
            X::Acc => by_y!($y, $f, $o, Acc),
            X::Local => by_y!($y, $f, $o, Local),
            X::Index | X::Zero => by_y!($y, $f, $o, Index),
        }
    };
}

macro_rules! by_op {
    ($op:expr, $x:expr, $y:expr, $f:ident, [$($name:ident)*]) => {
        match $op {
            $(Bin::$name => by_xy!($x, $y, $f, bin::$name),)*
            _ => return None,
        }
    };
}

/// Handler of `a = b op c`.
#[must_use]
pub fn bin(op: Bin, x: X, y: Y) -> Option<Handler> {
    let f: Handler = by_op!(
        op, x, y, bin,
        [Add Sub RSub Mul And AndU Or Xor Shl Shr Sar Min Max Eq Ne Lt Ge Gt Le ULt UGe NTst]
    );
    Some(f)
}

/// Handler of a jump on `b op c`.
#[must_use]
pub fn branch(op: Bin, x: X, y: Y, back: bool) -> Option<Handler> {
    let f: Handler = if back {
        by_op!(op, x, y, branch_back, [Eq Ne Lt Ge Gt Le ULt UGe Tst NTst])
    } else {
        by_op!(op, x, y, branch_on, [Eq Ne Lt Ge Gt Le ULt UGe Tst NTst])
    };
    Some(f)
}

macro_rules! by_x {
    ($x:expr, $f:ident, $($o:ty)?) => {
        match $x {
            X::Slot => h::$f::<$($o,)? Slot>,
            X::Acc => h::$f::<$($o,)? Acc>,
            X::Local => h::$f::<$($o,)? Local>,
            X::Index | X::Zero => h::$f::<$($o,)? Index>,
        }
    };
}

/// Handler of `a = op b`.
#[must_use]
pub fn un(op: Un, x: X) -> Handler {
    match op {
        Un::Copy => by_x!(x, un, un::Copy),
        Un::Invert => by_x!(x, un, un::Invert),
        Un::Negate => by_x!(x, un, un::Negate),
        Un::Abs => by_x!(x, un, un::Abs),
    }
}

/// Handler of `a = (b << 3) + imm`.
#[must_use]
pub fn scale(x: X) -> Handler {
    by_x!(x, scale,)
}

/// Handler that stores to a local.
#[must_use]
pub fn set_local(x: X) -> Handler {
    by_x!(x, set_local,)
}

/// Handler of `>R`.
#[must_use]
pub fn to_r(x: X) -> Handler {
    by_x!(x, to_r,)
}

macro_rules! load_x {
    ($x:ty, $scaled:expr, $byte:expr) => {
        match ($scaled, $byte) {
            (false, false) => h::load::<$x, false, false>,
            (false, true) => h::load::<$x, false, true>,
            (true, false) => h::load::<$x, true, false>,
            (true, true) => h::load::<$x, true, true>,
        }
    };
}

/// Handler of a load.
#[must_use]
pub fn load(x: X, scaled: bool, byte: bool) -> Handler {
    match x {
        X::Slot => load_x!(Slot, scaled, byte),
        X::Acc => load_x!(Acc, scaled, byte),
        X::Local => load_x!(Local, scaled, byte),
        X::Index => load_x!(Index, scaled, byte),
        X::Zero => load_x!(Zero, false, byte),
    }
}

macro_rules! store_y {
    ($y:expr, $x:ty, $scaled:literal, $how:expr) => {
        match $y {
            Y::Slot => h::store::<$x, $scaled, Slot, $how>,
            Y::Acc => h::store::<$x, $scaled, Acc, $how>,
            Y::Local => h::store::<$x, $scaled, Local, $how>,
            Y::Imm => h::store::<$x, $scaled, Imm, $how>,
        }
    };
}

macro_rules! store_how {
    ($how:expr, $y:expr, $x:ty, $scaled:literal) => {
        match $how {
            h::STORE_BYTE => store_y!($y, $x, $scaled, { h::STORE_BYTE }),
            h::STORE_ADD => store_y!($y, $x, $scaled, { h::STORE_ADD }),
            _ => store_y!($y, $x, $scaled, { h::STORE }),
        }
    };
}

/// Handler of a store.
#[must_use]
pub fn store(x: X, scaled: bool, y: Y, how: u8) -> Handler {
    match (x, scaled) {
        (X::Slot, false) => store_how!(how, y, Slot, false),
        (X::Acc, false) => store_how!(how, y, Acc, false),
        (X::Local, false) => store_how!(how, y, Local, false),
        (X::Index, false) => store_how!(how, y, Index, false),
        (X::Slot, true) => store_how!(how, y, Slot, true),
        (X::Acc, true) => store_how!(how, y, Acc, true),
        (X::Local, true) => store_how!(how, y, Local, true),
        (X::Index, true) => store_how!(how, y, Index, true),
        (X::Zero, _) => store_how!(how, y, Zero, false),
    }
}

macro_rules! divide_y {
    ($y:expr, $modulo:literal) => {
        match $y {
            Y::Slot => h::divide::<$modulo, Slot>,
            Y::Acc => h::divide::<$modulo, Acc>,
            Y::Local => h::divide::<$modulo, Local>,
            Y::Imm => h::divide::<$modulo, Imm>,
        }
    };
}

/// Handler of `/` or `MOD`.
#[must_use]
pub fn divide(modulo: bool, y: Y) -> Handler {
    if modulo { divide_y!(y, true) } else { divide_y!(y, false) }
}

/// Handler of +LOOP.
#[must_use]
pub fn plus_loop(y: Y) -> Handler {
    match y {
        Y::Slot => h::plus_loop::<Slot>,
        Y::Acc => h::plus_loop::<Acc>,
        Y::Local => h::plus_loop::<Local>,
        Y::Imm => h::plus_loop::<Imm>,
    }
}

/// Handler of F@ (`store` false) or F!.
#[must_use]
pub fn float_memory(x: X, store: bool) -> Handler {
    match (x, store) {
        (X::Slot, false) => f::fload::<Slot>,
        (X::Acc, false) => f::fload::<Acc>,
        (X::Local, false) => f::fload::<Local>,
        (X::Index, false) => f::fload::<Index>,
        (X::Zero, false) => f::fload::<Zero>,
        (X::Slot, true) => f::fstore::<Slot>,
        (X::Acc, true) => f::fstore::<Acc>,
        (X::Local, true) => f::fstore::<Local>,
        (X::Index, true) => f::fstore::<Index>,
        (X::Zero, true) => f::fstore::<Zero>,
    }
}

/// Handler of S>F.
#[must_use]
pub fn s_to_f(x: X) -> Handler {
    match x {
        X::Slot => f::s_to_f::<Slot>,
        X::Acc => f::s_to_f::<Acc>,
        X::Local => f::s_to_f::<Local>,
        X::Index | X::Zero => f::s_to_f::<Index>,
    }
}

/// Where the second float of an operation comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// Both from the stack.
    Stack,
    /// The instruction.
    Lit,
    /// Memory at a fixed address.
    Load,
    /// FOVER before the operation.
    Over,
    /// FOVER FOVER before the operation.
    TwoOver,
}

macro_rules! by_from {
    ($from:expr, $o:ty) => {
        match $from {
            From::Stack => f::fbin::<$o>,
            From::Lit => f::fbin_lit::<$o>,
            From::Load => f::fbin_load::<$o>,
            From::Over => f::fbin_over::<$o>,
            From::TwoOver => f::fbin_two_over::<$o>,
        }
    };
}

/// Handler of an operation of two floats.
#[must_use]
pub fn float_binary(operation: FloatBin, from: From) -> Handler {
    match operation {
        FloatBin::Add => by_from!(from, float_bin::Add),
        FloatBin::Sub => by_from!(from, float_bin::Sub),
        FloatBin::Mul => by_from!(from, float_bin::Mul),
        FloatBin::Div => by_from!(from, float_bin::Div),
    }
}
