//! Opcodes that move and inspect stack elements.

use crate::error::ScriptError;
use crate::num::{self, MAX_NUM_SIZE};
use crate::vm::Vm;

type Done = Result<(), ScriptError>;

/// ( x -- ; alt: -- x )
pub fn to_alt(vm: &mut Vm<'_>) -> Done {
    let element = vm.stack.pop()?;
    vm.alt.push(element);
    Ok(())
}

/// ( -- x ; alt: x -- )
pub fn from_alt(vm: &mut Vm<'_>) -> Done {
    let element = vm.alt.pop().map_err(|_| ScriptError::InvalidAltstackOperation)?;
    vm.stack.push(element);
    Ok(())
}

/// ( x1 x2 -- )
pub fn two_drop(vm: &mut Vm<'_>) -> Done {
    vm.stack.drop(2)
}

/// ( x1 x2 -- x1 x2 x1 x2 )
pub fn two_dup(vm: &mut Vm<'_>) -> Done {
    vm.stack.need(2)?;
    (0..2).try_for_each(|_| vm.stack.copy(2))
}

/// ( x1 x2 x3 -- x1 x2 x3 x1 x2 x3 )
pub fn three_dup(vm: &mut Vm<'_>) -> Done {
    vm.stack.need(3)?;
    (0..3).try_for_each(|_| vm.stack.copy(3))
}

/// ( x1 x2 x3 x4 -- x1 x2 x3 x4 x1 x2 )
pub fn two_over(vm: &mut Vm<'_>) -> Done {
    vm.stack.need(4)?;
    (0..2).try_for_each(|_| vm.stack.copy(4))
}

/// ( x1 x2 x3 x4 x5 x6 -- x3 x4 x5 x6 x1 x2 )
pub fn two_rot(vm: &mut Vm<'_>) -> Done {
    vm.stack.need(6)?;
    (0..2).try_for_each(|_| vm.stack.roll(6))
}

/// ( x1 x2 x3 x4 -- x3 x4 x1 x2 )
pub fn two_swap(vm: &mut Vm<'_>) -> Done {
    vm.stack.swap(4, 2)?;
    vm.stack.swap(3, 1)
}

/// ( x -- x x | 0 -- 0 )
pub fn if_dup(vm: &mut Vm<'_>) -> Done {
    if num::is_true(vm.stack.top(1)?) { vm.stack.copy(1) } else { Ok(()) }
}

/// ( -- n )
pub fn depth(vm: &mut Vm<'_>) -> Done {
    let depth = vm.stack.len() as i64;
    vm.stack.push_num(depth);
    Ok(())
}

/// ( x -- )
pub fn drop(vm: &mut Vm<'_>) -> Done {
    vm.stack.drop(1)
}

/// ( x -- x x )
pub fn dup(vm: &mut Vm<'_>) -> Done {
    vm.stack.copy(1)
}

/// ( x1 x2 -- x2 )
pub fn nip(vm: &mut Vm<'_>) -> Done {
    vm.stack.swap(2, 1)?;
    vm.stack.drop(1)
}

/// ( x1 x2 -- x1 x2 x1 )
pub fn over(vm: &mut Vm<'_>) -> Done {
    vm.stack.copy(2)
}

/// ( xn … x0 n -- xn … x0 xn )
pub fn pick(vm: &mut Vm<'_>) -> Done {
    let depth = chosen_depth(vm)?;
    vm.stack.copy(depth)
}

/// ( xn … x0 n -- … x0 xn )
pub fn roll(vm: &mut Vm<'_>) -> Done {
    let depth = chosen_depth(vm)?;
    vm.stack.roll(depth)
}

/// ( n -- ) The depth, from 1, that `n` names among the elements under it.
fn chosen_depth(vm: &mut Vm<'_>) -> Result<usize, ScriptError> {
    vm.stack.need(2)?;
    let chosen = num::decode(vm.stack.top(1)?, vm.minimal_numbers(), MAX_NUM_SIZE)?;
    vm.stack.drop(1)?;
    match usize::try_from(chosen) {
        Ok(chosen) if chosen < vm.stack.len() => Ok(chosen + 1),
        _ => Err(ScriptError::InvalidStackOperation),
    }
}

/// ( x1 x2 x3 -- x2 x3 x1 )
pub fn rot(vm: &mut Vm<'_>) -> Done {
    vm.stack.roll(3)
}

/// ( x1 x2 -- x2 x1 )
pub fn swap(vm: &mut Vm<'_>) -> Done {
    vm.stack.swap(2, 1)
}

/// ( x1 x2 -- x2 x1 x2 )
pub fn tuck(vm: &mut Vm<'_>) -> Done {
    vm.stack.swap(2, 1)?;
    vm.stack.copy(2)
}

/// ( x -- x n )
pub fn size(vm: &mut Vm<'_>) -> Done {
    let size = vm.stack.top(1)?.len() as i64;
    vm.stack.push_num(size);
    Ok(())
}

/// ( x1 x2 -- f )
pub fn equal(vm: &mut Vm<'_>) -> Done {
    let same = vm.stack.top(1)? == vm.stack.top(2)?;
    vm.stack.drop(2)?;
    vm.stack.push_bool(same);
    Ok(())
}

/// ( x1 x2 -- )
pub fn equal_verify(vm: &mut Vm<'_>) -> Done {
    equal(vm)?;
    vm.verify_top(ScriptError::EqualVerify)
}
