//! Published test vectors, read from a folder beside the project.

use std::path::PathBuf;

/// The file `name` of the vectors' folder (`FORTHCOIN_VECTORS`, else `../shared/vectors` beside
/// the project). Says aloud when it is absent, so that a green run never hides a missing proof.
pub fn load(name: &str) -> Option<Vec<u8>> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors");
    let folder = std::env::var_os("FORTHCOIN_VECTORS").map_or_else(beside, PathBuf::from);
    let path = folder.join(name);
    match std::fs::read(&path) {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            eprintln!("VECTORS MISSING: {}: {error}", path.display());
            None
        }
    }
}
