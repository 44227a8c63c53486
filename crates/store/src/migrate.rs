//! Schema versions: which can be read, which are refused, and the upgrade from older ones.

use redb::{TableError, WriteTransaction};

use super::error::{Place, StoreError};
use super::rows::Tip;
use super::script_rows::Build;
use super::tables::{self, SCHEMA_VERSION};
use primitives::block::Height;
use primitives::codec::Encode;

/// Says whether a file of schema `found` can be used; a newer one is refused untouched. Schema 1
/// has no index of scripts: it can be read as it is, the first commit makes it schema 2 and begins
/// the index, which is built by and by.
pub(super) fn admit(found: u32, place: &Place) -> Result<(), StoreError> {
    if found > SCHEMA_VERSION {
        return Err(StoreError::NewerSchema {
            path: place.0.clone(),
            found,
            known: SCHEMA_VERSION,
        });
    }
    if found == 0 {
        return Err(place.corrupt("it names no schema version"));
    }
    Ok(())
}

/// Whether the index of scripts is to be kept, what is left to build, and whether the file must be
/// told: from what it says of the index (nothing in schema 1) and from what the operator wants.
pub(super) fn wanted(
    found: Option<&[u8]>,
    build: Option<Build>,
    no_scripts: bool,
) -> (bool, Option<Build>, bool) {
    match (found, no_scripts) {
        // Without scripts only the index of transactions is left to build.
        (None | Some([1]), true) => match build {
            Some(Build::Coins(_)) => (false, None, true),
            build => (false, build, true),
        },
        (None, false) => (true, Some(Build::Blocks(Height(1))), true),
        (Some([1]), false) => (true, build, false),
        (Some(_), _) => (false, build, false),
    }
}

/// Writes the schema and how the indexes are. An index that is no longer kept goes.
pub(super) fn write_state(
    txn: &WriteTransaction,
    scripts: bool,
    build: Option<Build>,
) -> Result<(), redb::Error> {
    {
        let mut meta = txn.open_table(tables::META)?;
        meta.insert(tables::META_SCHEMA, SCHEMA_VERSION.to_le_bytes().as_slice())?;
        meta.insert(tables::META_SCRIPT_INDEX, [u8::from(scripts)].as_slice())?;
    }
    write_build(txn, build)?;
    if scripts {
        txn.open_table(tables::SCRIPT_HISTORY)?;
        txn.open_table(tables::SCRIPT_COINS)?;
    } else {
        txn.delete_table(tables::SCRIPT_HISTORY)?;
        txn.delete_table(tables::SCRIPT_COINS)?;
    }
    Ok(())
}

/// Writes how far the building of the indexes is.
pub(super) fn write_build(txn: &WriteTransaction, build: Option<Build>) -> Result<(), redb::Error> {
    let mut meta = txn.open_table(tables::META)?;
    match build {
        Some(build) => drop(meta.insert(tables::META_BUILD, build.to_bytes().as_slice())?),
        None => drop(meta.remove(tables::META_BUILD)?),
    }
    Ok(())
}

/// Empties the indexes; with the tip of genesis given, the active chain and its coins as well.
pub(super) fn clear(txn: &WriteTransaction, reset: Option<&Tip>) -> Result<(), redb::Error> {
    let gone = |result: Result<bool, TableError>| result.map(drop);
    gone(txn.delete_table(tables::SCRIPT_HISTORY))?;
    gone(txn.delete_table(tables::SCRIPT_COINS))?;
    gone(txn.delete_table(tables::TXS))?;
    txn.open_table(tables::TXS)?;
    if let Some(tip) = reset {
        gone(txn.delete_table(tables::COINS))?;
        gone(txn.delete_table(tables::CHAIN))?;
        txn.open_table(tables::COINS)?;
        txn.open_table(tables::CHAIN)?.insert(0, 0)?;
        txn.open_table(tables::META)?.insert(tables::META_TIP, tip.to_bytes().as_slice())?;
    }
    Ok(())
}
