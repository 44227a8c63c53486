//! Schema versions: which are read, which are refused, and the way up from older ones.

use super::error::{Place, StoreError};
use super::tables::SCHEMA_VERSION;

/// Says whether a file of schema `found` can be used. There is one schema so far, so there is
/// nothing to migrate; a newer one is refused untouched.
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
