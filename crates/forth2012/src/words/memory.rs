//! MEMORY.

use crate::dict::{Entry, WordSet, prim};
use crate::error::Res;
use crate::machine::Machine;

/// The table.
pub const SET: WordSet = WordSet { name: "MEMORY", words: WORDS };

static WORDS: &[Entry] = &[
    prim("allocate", "( u -- a-addr ior )", "Gets u bytes from the heap.", allocate),
    prim("free", "( a-addr -- ior )", "Gives heap memory back.", free),
    prim("resize", "( a-addr1 u -- a-addr2 ior )", "Changes the size of heap memory.", resize),
];

fn allocate(m: &mut Machine) -> Res {
    let size = m.pop()?;
    let address = usize::try_from(size).ok().and_then(|size| m.memory.allocate(size));
    match address {
        Some(address) => m.push_n([address as i64, 0]),
        None => m.push_n([0, -59]),
    }
}

fn free(m: &mut Machine) -> Res {
    let address = m.pop()?;
    let freed = usize::try_from(address).is_ok_and(|address| m.memory.release(address));
    m.push(if freed { 0 } else { -60 })
}

fn resize(m: &mut Machine) -> Res {
    let [address, size] = m.pop_n()?;
    let new = match (usize::try_from(address), usize::try_from(size)) {
        (Ok(at), Ok(size)) => m.memory.resize(at, size),
        _ => Err(-61),
    };
    match new {
        Ok(new) => m.push_n([new as i64, 0]),
        Err(ior) => m.push_n([address, ior]),
    }
}
