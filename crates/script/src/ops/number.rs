//! Arithmetic over numbers of at most four bytes; results may take five.

use crate::error::ScriptError;
use crate::num::{self, MAX_NUM_SIZE};
use crate::vm::Vm;

type Done = Result<(), ScriptError>;

fn at_depth(vm: &Vm<'_>, depth: usize) -> Result<i64, ScriptError> {
    num::decode(vm.stack.top(depth)?, vm.minimal_numbers(), MAX_NUM_SIZE)
}

fn unary(vm: &mut Vm<'_>, result: impl FnOnce(i64) -> i64) -> Done {
    let n = at_depth(vm, 1)?;
    vm.stack.drop(1)?;
    vm.stack.push_num(result(n));
    Ok(())
}

fn binary(vm: &mut Vm<'_>, result: impl FnOnce(i64, i64) -> i64) -> Done {
    vm.stack.need(2)?;
    let (a, b) = (at_depth(vm, 2)?, at_depth(vm, 1)?);
    vm.stack.drop(2)?;
    vm.stack.push_num(result(a, b));
    Ok(())
}

macro_rules! numbers {
    ($($effect:literal $name:ident $shape:ident $result:expr;)*) => {
        $(#[doc = $effect] pub fn $name(vm: &mut Vm<'_>) -> Done { $shape(vm, $result) })*
    };
}

numbers! {
    "( n -- n+1 )" one_add unary |n| n + 1;
    "( n -- n-1 )" one_sub unary |n| n - 1;
    "( n -- -n )" negate unary |n| -n;
    "( n -- |n| )" abs unary i64::abs;
    "( n -- f )" not unary |n| i64::from(n == 0);
    "( n -- f )" zero_not_equal unary |n| i64::from(n != 0);
    "( n1 n2 -- n1+n2 )" add binary |a, b| a + b;
    "( n1 n2 -- n1-n2 )" sub binary |a, b| a - b;
    "( n1 n2 -- f )" bool_and binary |a, b| i64::from(a != 0 && b != 0);
    "( n1 n2 -- f )" bool_or binary |a, b| i64::from(a != 0 || b != 0);
    "( n1 n2 -- f )" num_equal binary |a, b| i64::from(a == b);
    "( n1 n2 -- f )" num_not_equal binary |a, b| i64::from(a != b);
    "( n1 n2 -- f )" less_than binary |a, b| i64::from(a < b);
    "( n1 n2 -- f )" greater_than binary |a, b| i64::from(a > b);
    "( n1 n2 -- f )" less_or_equal binary |a, b| i64::from(a <= b);
    "( n1 n2 -- f )" greater_or_equal binary |a, b| i64::from(a >= b);
    "( n1 n2 -- n )" min binary i64::min;
    "( n1 n2 -- n )" max binary i64::max;
}

/// ( n1 n2 -- )
pub fn num_equal_verify(vm: &mut Vm<'_>) -> Done {
    num_equal(vm)?;
    vm.verify_top(ScriptError::NumEqualVerify)
}

/// ( n low high -- f ) True when low <= n < high.
pub fn within(vm: &mut Vm<'_>) -> Done {
    vm.stack.need(3)?;
    let (n, low, high) = (at_depth(vm, 3)?, at_depth(vm, 2)?, at_depth(vm, 1)?);
    vm.stack.drop(3)?;
    vm.stack.push_bool(low <= n && n < high);
    Ok(())
}
