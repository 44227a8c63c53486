//! Operations on cells and floats that cannot fail: the one definition that the stepper evaluates,
//! the translator folds with and the handlers of fast code are made from.

/// An operation of two cells, as a type for handlers.
pub trait Binary {
    /// Its value.
    fn eval(a: i64, b: i64) -> i64;
}

/// An operation of one cell, as a type for handlers.
pub trait Unary {
    /// Its value.
    fn eval(a: i64) -> i64;
}

/// An operation of two floats, as a type for handlers.
pub trait FloatBinary {
    /// Its value.
    fn eval(a: f64, b: f64) -> f64;
}

/// Makes an enum of operations and one type for each.
macro_rules! operations {
    (
        $(#[$doc:meta])* $enum:ident: $trait:ident $args:tt -> $cell:ty, $function:ty, types in $types:ident
        { $($name:ident: $value:expr;)* }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $enum {
            $(#[doc = concat!("`", stringify!($value), "`")] $name,)*
        }

        impl $enum {
            /// Every operation.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The operation as a function.
            #[inline]
            #[must_use]
            pub const fn function(self) -> $function {
                match self {
                    $(Self::$name => <$types::$name as $trait>::eval,)*
                }
            }
        }

        /// The operations as types.
        pub mod $types {
            use super::*;
            $(
                #[doc = concat!("`", stringify!($value), "`")]
                pub struct $name;
                impl $trait for $name {
                    #[inline(always)]
                    fn eval $args -> $cell {
                        $value
                    }
                }
            )*
        }
    };
}

/// A well-formed flag.
#[inline(always)]
#[must_use]
pub const fn flag(value: bool) -> i64 {
    -(value as i64)
}

operations! {
    /// An operation of two cells.
    Bin: Binary (a: i64, b: i64) -> i64, fn(i64, i64) -> i64, types in bin {
        Add: a.wrapping_add(b);
        Sub: a.wrapping_sub(b);
        RSub: b.wrapping_sub(a);
        Mul: a.wrapping_mul(b);
        And: a & b;
        AndU: a & (b & 0xffff_ffff);
        Or: a | b;
        Xor: a ^ b;
        Shl: if (b as u64) < 64 { ((a as u64) << b) as i64 } else { 0 };
        Shr: if (b as u64) < 64 { ((a as u64) >> b) as i64 } else { 0 };
        Sar: a >> (b & 63);
        Min: a.min(b);
        Max: a.max(b);
        Eq: flag(a == b);
        Ne: flag(a != b);
        Lt: flag(a < b);
        Ge: flag(a >= b);
        Gt: flag(a > b);
        Le: flag(a <= b);
        ULt: flag((a as u64) < b as u64);
        UGe: flag(a as u64 >= b as u64);
        Tst: a & b;
        NTst: flag(a & b == 0);
    }
}

operations! {
    /// An operation of one cell.
    Un: Unary (a: i64) -> i64, fn(i64) -> i64, types in un {
        Copy: a;
        Invert: !a;
        Negate: a.wrapping_neg();
        Abs: a.wrapping_abs();
    }
}

operations! {
    /// An operation of two floats.
    FloatBin: FloatBinary (a: f64, b: f64) -> f64, fn(f64, f64) -> f64, types in float_bin {
        Add: a + b;
        Sub: a - b;
        Mul: a * b;
        Div: a / b;
    }
}

impl Un {
    /// The value of the operation.
    #[inline]
    #[must_use]
    pub fn eval(self, a: i64) -> i64 {
        self.function()(a)
    }
}

impl FloatBin {
    /// The value of the operation.
    #[inline]
    #[must_use]
    pub fn eval(self, a: f64, b: f64) -> f64 {
        self.function()(a, b)
    }
}

impl Bin {
    /// The value of the operation.
    #[inline]
    #[must_use]
    pub fn eval(self, a: i64, b: i64) -> i64 {
        self.function()(a, b)
    }

    /// The same with its operands exchanged.
    #[must_use]
    pub const fn mirrored(self) -> Option<Self> {
        Some(match self {
            Self::Eq | Self::Ne => self,
            Self::Lt => Self::Gt,
            Self::Gt => Self::Lt,
            Self::Le => Self::Ge,
            Self::Ge => Self::Le,
            _ => return None,
        })
    }

    /// The opposite comparison; nothing else has one.
    #[must_use]
    pub const fn negated(self) -> Option<Self> {
        Some(match self {
            Self::Eq => Self::Ne,
            Self::Ne => Self::Eq,
            Self::Lt => Self::Ge,
            Self::Ge => Self::Lt,
            Self::Gt => Self::Le,
            Self::Le => Self::Gt,
            Self::ULt => Self::UGe,
            Self::UGe => Self::ULt,
            _ => return None,
        })
    }

    /// True when the operands may change places.
    #[must_use]
    pub const fn commutes(self) -> bool {
        matches!(
            self,
            Self::Add
                | Self::Mul
                | Self::And
                | Self::Or
                | Self::Xor
                | Self::Min
                | Self::Max
                | Self::Eq
                | Self::Ne
        )
    }
}
