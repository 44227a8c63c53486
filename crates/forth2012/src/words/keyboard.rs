//! Bytes from the keyboard for the words of several sets.

use crate::error::Res;
use crate::machine::Machine;

/// One byte from the keyboard, also one that EKEY gave back; `None` at the end of input.
pub fn next_key(m: &mut Machine) -> Res<Option<u8>> {
    if let Some(byte) = m.extra.keys.pop_front() {
        return Ok(Some(byte));
    }
    m.flush_out()?;
    m.host.flush()?;
    Ok(m.host.key()?)
}
