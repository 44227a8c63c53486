//! The data folder, held by one process at a time.
//!
//! The lock on the database says that it is held. By whom, the system says where it lists locks;
//! a node notes it in the `holder` file, too: `PID`, behind it `starting` while it does, and
//! `console` for one that ends with a console's one-liner. A console that only looks writes
//! nothing. All of it is only for messages, exit codes, and whether a node waits for the folder.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::logs;
use crate::config::{Config, HOLDER_FILE};
use rpc::error::{CallError, ErrorKind};
use store::db::{Store, StoreOptions};
use store::error::StoreError;
use store::tables::FILE_NAME;

/// How long a folder may be held by a process that answers on no socket, or by a console's
/// one-liner: it is starting or ending.
pub const HELD_FOR: Duration = Duration::from_secs(5);
pub const RETRY_EVERY: Duration = Duration::from_millis(10);

/// The data folder, held by this process until dropped.
pub struct Held {
    pub store: Arc<Store>,
    pub config: Config,
    /// By a console that lets go when its line is done.
    pub shortly: bool,
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
    let mut told = || {
        if holding == Holding::Starting {
            say(config, holding, false);
        }
    };
    match Store::open_told(&folder, config.params, options, &mut told) {
        Ok(store) => {
            let shortly = holding == Holding::Ready;
            Ok(Some(Held { store: Arc::new(store), config: config.clone(), shortly }))
        }
        Err(StoreError::InUse { .. }) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// Opens the store for a node. Another node that holds it is refused at once: two never share a
/// folder; a console is waited for, but not long.
pub fn hold_for_node(config: &Config) -> Result<Held, CallError> {
    let deadline = Instant::now() + HELD_FOR;
    let mut told = false;
    loop {
        if let Some(held) = hold(config, Holding::Starting)? {
            return Ok(held);
        }
        if Instant::now() > deadline || is_nodes(config) {
            return Err(taken(config));
        }
        if !std::mem::replace(&mut told, true) {
            let (who, limit) = (who(config), HELD_FOR.as_secs());
            logs::note("store", &format!("{who} holds the folder: waiting {limit} s at most"));
        }
        std::thread::sleep(RETRY_EVERY);
    }
}

/// A node holds the folder, or one that is just coming up; not a console's one-liner.
fn is_nodes(config: &Config) -> bool {
    let Noted { pid, console, .. } = noted(config);
    let Some(pid) = pid.filter(|_| !console) else { return false };
    match fs::metadata(config.data_folder().join(FILE_NAME)) {
        Ok(file) if knows_processes() => holds_lock(pid, file.ino()),
        _ => true,
    }
}

/// Notes who holds the folder, for the messages of other processes; `shortly`: a console that lets
/// go when its line is done.
pub fn say(config: &Config, holding: Holding, shortly: bool) {
    let mut state = match holding {
        Holding::Starting => " starting",
        Holding::Ready => "",
    }
    .to_owned();
    if shortly {
        state.push_str(" console");
    }
    let place = config.data_folder().join(HOLDER_FILE);
    let next = place.with_extension("next");
    // Without it the messages say less. A reader sees the old line or the new one, never none.
    let _ = fs::write(&next, format!("{}{state}\n", std::process::id()))
        .and_then(|()| fs::rename(&next, &place));
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

/// Why a console found no node: one that is starting, which is worth another try, or something
/// that never answered.
pub fn in_use(config: &Config) -> CallError {
    match holder(config) {
        (Some(pid), true) => {
            let folder = config.data_folder();
            let folder = folder.display();
            CallError::new(
                ErrorKind::WarmingUp,
                format!(
                    "the node of process {pid} on {folder} is still starting: try again shortly"
                ),
            )
        }
        _ => taken(config),
    }
}

/// Why a second node can't have the folder, whatever the first one is doing.
pub fn taken(config: &Config) -> CallError {
    let folder = config.data_folder();
    let folder = folder.display();
    let who = who(config);
    let why = "stop it, or name another folder with --datadir";
    CallError::new(ErrorKind::NoNode, format!("{who} holds the data folder {folder}: {why}"))
}

/// What the `holder` file says; it may be of a process that is gone.
#[derive(Default)]
struct Noted {
    pid: Option<u32>,
    starting: bool,
    console: bool,
}

fn noted(config: &Config) -> Noted {
    let told = fs::read_to_string(config.data_folder().join(HOLDER_FILE)).unwrap_or_default();
    let mut words = told.split_whitespace();
    let pid = words.next().and_then(|pid| pid.parse().ok());
    let words: Vec<&str> = words.collect();
    Noted { pid, starting: words.contains(&"starting"), console: words.contains(&"console") }
}

fn who(config: &Config) -> String {
    holder(config).0.map_or("another process".to_owned(), |pid| format!("process {pid}"))
}

/// Who holds the folder, and whether it says of itself that it is starting.
fn holder(config: &Config) -> (Option<u32>, bool) {
    let Noted { pid, starting, .. } = noted(config);
    match lock_owner(&config.data_folder().join(FILE_NAME)) {
        Some(owner) if pid != Some(owner) => (Some(owner), false),
        _ => (pid.filter(|pid| is_alive(*pid)), starting),
    }
}

/// The process that holds the lock on a file, where the system tells it (Linux) and lets us see.
fn lock_owner(file: &Path) -> Option<u32> {
    let inode = fs::metadata(file).ok()?.ino();
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let mut pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.find(|pid| holds_lock(*pid, inode))
}

/// Whether a process has a lock on the file of that number. The list of all locks has no process
/// beside one that belongs to an open file, as the engine's does; the file's own entry tells it.
fn holds_lock(pid: u32, inode: u64) -> bool {
    let place = format!(":{inode} ");
    let Ok(files) = fs::read_dir(format!("/proc/{pid}/fdinfo")) else { return false };
    let mut told = files.flatten().filter_map(|file| fs::read_to_string(file.path()).ok());
    // lock: 1: OFDLCK ADVISORY WRITE -1 fe:00:123456 0 EOF
    told.any(|told| told.lines().any(|line| line.starts_with("lock:") && line.contains(&place)))
}

/// The system shows its processes as files.
fn knows_processes() -> bool {
    Path::new("/proc/self/fdinfo").exists()
}

/// Whether a process is there, as far as can be told: a killed one leaves its file behind.
fn is_alive(pid: u32) -> bool {
    !knows_processes() || Path::new("/proc").join(pid.to_string()).exists()
}
