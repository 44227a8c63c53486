//! The data folder, held by one process at a time.
//!
//! The lock on the database says that it is held; the `holder` file says by whom and whether that
//! process is still starting: `PID` or `PID starting`. It is only for messages and exit codes.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

use crate::api::error::{CallError, ErrorKind};
use crate::config::{Config, HOLDER_FILE};
use crate::store::db::{Store, StoreOptions};
use crate::store::error::StoreError;

/// The data folder, held by this process until dropped.
pub struct Held {
    pub store: Arc<Store>,
    pub config: Config,
}

/// What a process does with the folder that it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holding {
    /// It brings a node up, which can take a while.
    Starting,
    /// It reads, or its node answers.
    Ready,
}

/// Opens the store of the folder, made if absent; `None` while another process holds it.
pub fn hold(config: &Config, holding: Holding) -> Result<Option<Held>, CallError> {
    let folder = config.data_folder();
    make_folder(&folder)?;
    let options =
        StoreOptions { no_script_index: config.no_address_index, ..StoreOptions::default() };
    match Store::open_told(&folder, config.params, options, &mut || say(config, holding)) {
        Ok(store) => Ok(Some(Held { store: Arc::new(store), config: config.clone() })),
        Err(StoreError::InUse { .. }) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// Notes who holds the folder, for the messages of other processes.
pub fn say(config: &Config, holding: Holding) {
    let state = match holding {
        Holding::Starting => " starting",
        Holding::Ready => "",
    };
    // Without it the messages say less.
    let _ = fs::write(
        config.data_folder().join(HOLDER_FILE),
        format!("{}{state}\n", std::process::id()),
    );
}

fn make_folder(folder: &Path) -> Result<(), CallError> {
    if folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|e| {
        let folder = folder.display();
        CallError::new(
            ErrorKind::Store,
            format!("the data folder {folder} can't be made: {e}; name another with --datadir"),
        )
    })
}

/// The error that says who holds the folder: a node that is starting, which is worth another try,
/// or something that never answered.
pub fn in_use(config: &Config) -> CallError {
    let folder = config.data_folder();
    let holder = fs::read_to_string(folder.join(HOLDER_FILE)).unwrap_or_default();
    let mut words = holder.split_whitespace();
    let pid = words.next().and_then(|pid| pid.parse::<u32>().ok());
    let starting = words.next() == Some("starting");
    let folder = folder.display();
    match pid {
        Some(pid) if starting && is_alive(pid) => CallError::new(
            ErrorKind::WarmingUp,
            format!("the node of process {pid} on {folder} is still starting: try again shortly"),
        ),
        pid => {
            let who = pid.map_or("another process".to_owned(), |pid| format!("process {pid}"));
            let why = "stop it, or name another folder with --datadir";
            let why = format!("{who} holds the data folder {folder}: {why}");
            CallError::new(ErrorKind::NoNode, why)
        }
    }
}

/// Whether a process is there, as far as can be told: a killed one leaves its file behind.
fn is_alive(pid: u32) -> bool {
    let processes = Path::new("/proc");
    !processes.join("self").exists() || processes.join(pid.to_string()).exists()
}
