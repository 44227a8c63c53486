//! Where tests find the published vectors: `FORTHCOIN_VECTORS`, or `shared/vectors` beside the
//! project. A folder that is not there is said aloud and the test ends.

use std::path::PathBuf;

/// The path of a vector, or `None` with a word on stderr.
pub fn path(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("FORTHCOIN_VECTORS").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors"),
        PathBuf::from,
    );
    let path = folder.join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("SKIPPED: no vector at {}; set FORTHCOIN_VECTORS", path.display());
    None
}

/// The bytes of a vector.
pub fn read(name: &str) -> Option<Vec<u8>> {
    path(name).map(|path| std::fs::read(path).expect("a vector is readable"))
}

/// The blocks 1 to 206 of the published regtest chain, in wire form.
pub fn regtest_blocks() -> Option<Vec<Vec<u8>>> {
    let text = String::from_utf8(read("blocks/regtest-core-206.hex")?).expect("the file is text");
    let decode = |line: &str| primitives::hex::decode(line).expect("a line is hex");
    Some(text.lines().filter(|line| !line.is_empty()).map(decode).collect())
}
