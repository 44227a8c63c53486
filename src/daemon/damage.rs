//! Reports a corrupt database that makes the engine panic as what it is.
//!
//! redb returns an error for most corruption of its file and asserts the rest. Whatever was committed
//! is on disk by then, so a panic loses nothing more: the process names the corrupt file and exits as
//! on any other fault of the data folder. A panic hook costs nothing at start-up; unwinding out of the
//! engine would leave it in an undefined state.

use std::panic::{self, PanicHookInfo};
use std::path::{Component, Path};
use std::process;

use crate::config::Config;
use rpc::error::{ErrorKind, exit_code_of_throw};
use store::error::StoreError;
use store::tables::FILE_NAME;

/// From now on a panic of the engine exits the process with a message and the exit code of a data
/// folder's fault; any other panic is reported as usual.
pub fn watch(config: &Config) {
    let path = config.data_folder().join(FILE_NAME);
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !info.location().is_some_and(|at| is_of_engine(at.file())) {
            return usual(info);
        }
        let error = StoreError::Corrupt { path: path.clone(), what: said(info) };
        eprintln!("forthcoin: {error}");
        process::exit(exit_code_of_throw(ErrorKind::Store.throw_code()).into());
    }));
}

/// Whether a source file is the engine's.
fn is_of_engine(file: &str) -> bool {
    let part = |part: Component<'_>| {
        part.as_os_str().to_str().is_some_and(|name| name == "redb" || name.starts_with("redb-"))
    };
    Path::new(file).components().any(part)
}

/// What the engine asserted, on one line and not too long.
fn said(info: &PanicHookInfo<'_>) -> String {
    const LONGEST: usize = 200;
    let text = info.payload_as_str().unwrap_or("an assertion of the database failed");
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_is_known_by_its_path() {
        assert!(is_of_engine("/root/.cargo/registry/src/index-1/redb-4.6.0/src/tree.rs"));
        assert!(is_of_engine("vendor/redb/src/tree.rs"));
        assert!(!is_of_engine("src/store/db.rs") && !is_of_engine("/build/redbull/src/a.rs"));
    }
}
