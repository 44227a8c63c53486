//! The data folder, locked by one process at a time.
//!
//! The lock is the one on the database file. Which process holds it, `/proc` tells on Linux; a node
//! also writes it to the `holder` file: its process id, followed by `starting` until it serves, and by
//! `console` if it ends with a console's one-liner. A console that only reads writes nothing there.
//! The file serves messages, exit codes, and whether a node waits for the lock; it protects nothing.

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

/// How long to wait for a lock held by a process that answers on no socket, or by a console's
/// one-liner: it is starting or ending.
pub const LOCK_WAIT: Duration = Duration::from_secs(5);
pub const RETRY_EVERY: Duration = Duration::from_millis(10);

/// The data folder, locked by this process until dropped.
pub struct LockedFolder {
    pub store: Arc<Store>,
    pub config: Config,
    /// By a console that unlocks it when its line is done.
    pub is_one_liner: bool,
}

/// What a process does with the folder that it has locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Its node is starting, which can take a while.
    Starting,
    /// It reads, or its node answers.
    Ready,
}

/// Locks the folder and opens its store, made if absent; `None` while another process has the lock.
pub fn lock(config: &Config, stage: Stage) -> Result<Option<LockedFolder>, CallError> {
    let folder = config.data_folder();
    make_folder(&folder)?;
    let options =
        StoreOptions { no_script_index: config.no_address_index, ..StoreOptions::default() };
    let mut locked = || {
        if stage == Stage::Starting {
            write_holder(config, stage, false);
        }
    };
    match Store::open_told(&folder, config.params, options, &mut locked) {
        Ok(store) => {
            let is_one_liner = stage == Stage::Ready;
            let store = Arc::new(store);
            Ok(Some(LockedFolder { store, config: config.clone(), is_one_liner }))
        }
        Err(StoreError::InUse { .. }) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// Locks the folder for a node. It fails at once if another node has the lock, since two never share
/// a folder; for a console it waits, but not long.
pub fn lock_for_node(config: &Config) -> Result<LockedFolder, CallError> {
    let deadline = Instant::now() + LOCK_WAIT;
    let mut reported = false;
    loop {
        if let Some(folder) = lock(config, Stage::Starting)? {
            return Ok(folder);
        }
        if Instant::now() > deadline || is_held_by_node(config) {
            return Err(in_use(config));
        }
        if !std::mem::replace(&mut reported, true) {
            let (holder, limit) = (holder_name(config), LOCK_WAIT.as_secs());
            logs::note("store", &format!("{holder} holds the folder: waiting {limit} s at most"));
        }
        std::thread::sleep(RETRY_EVERY);
    }
}

/// Whether a node holds the folder, running or starting, and not a console's one-liner.
fn is_held_by_node(config: &Config) -> bool {
    let Holder { pid, is_console, .. } = read_holder(config);
    let Some(pid) = pid.filter(|_| !is_console) else { return false };
    match fs::metadata(config.data_folder().join(FILE_NAME)) {
        Ok(file) if has_proc() => holds_lock(pid, file.ino()),
        _ => true,
    }
}

/// Writes the `holder` file, for the messages of other processes; `is_one_liner`: a console that
/// unlocks the folder when its line is done.
pub fn write_holder(config: &Config, stage: Stage, is_one_liner: bool) {
    let mut state = match stage {
        Stage::Starting => " starting",
        Stage::Ready => "",
    }
    .to_owned();
    if is_one_liner {
        state.push_str(" console");
    }
    let place = config.data_folder().join(HOLDER_FILE);
    let next = place.with_extension("next");
    // Without it messages say less. A reader sees the old line or the new one, never none.
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

/// Why a console found no node: one is starting, which is worth another try, or the folder is in use
/// by something that never answered.
pub fn no_answer(config: &Config) -> CallError {
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
        _ => in_use(config),
    }
}

/// Why a second node can't have the folder, whatever the first one is doing.
pub fn in_use(config: &Config) -> CallError {
    let folder = config.data_folder();
    let folder = folder.display();
    let holder = holder_name(config);
    let why = "stop it, or name another folder with --datadir";
    CallError::new(ErrorKind::NoNode, format!("{holder} holds the data folder {folder}: {why}"))
}

/// What the `holder` file says; it may be of a process that has ended.
#[derive(Default)]
struct Holder {
    pid: Option<u32>,
    is_starting: bool,
    is_console: bool,
}

fn read_holder(config: &Config) -> Holder {
    let text = fs::read_to_string(config.data_folder().join(HOLDER_FILE)).unwrap_or_default();
    let mut words = text.split_whitespace();
    let pid = words.next().and_then(|pid| pid.parse().ok());
    let words: Vec<&str> = words.collect();
    let (is_starting, is_console) = (words.contains(&"starting"), words.contains(&"console"));
    Holder { pid, is_starting, is_console }
}

fn holder_name(config: &Config) -> String {
    holder(config).0.map_or("another process".to_owned(), |pid| format!("process {pid}"))
}

/// The process that holds the folder, and whether it says of itself that it is starting.
fn holder(config: &Config) -> (Option<u32>, bool) {
    let Holder { pid, is_starting, .. } = read_holder(config);
    match lock_owner(&config.data_folder().join(FILE_NAME)) {
        Some(owner) if pid != Some(owner) => (Some(owner), false),
        _ => (pid.filter(|pid| is_alive(*pid)), is_starting),
    }
}

/// The process that holds the lock on a file, where the system shows it (Linux) and we may see it.
fn lock_owner(file: &Path) -> Option<u32> {
    let inode = fs::metadata(file).ok()?.ino();
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let mut pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.find(|pid| holds_lock(*pid, inode))
}

/// Whether a process has a lock on the file of that inode. `/proc/locks` names no process for a lock
/// of an open file description, as the engine's is; the descriptor's own entry shows it.
fn holds_lock(pid: u32, inode: u64) -> bool {
    let place = format!(":{inode} ");
    let Ok(files) = fs::read_dir(format!("/proc/{pid}/fdinfo")) else { return false };
    let mut entries = files.flatten().filter_map(|file| fs::read_to_string(file.path()).ok());
    // lock: 1: OFDLCK ADVISORY WRITE -1 fe:00:123456 0 EOF
    entries
        .any(|entry| entry.lines().any(|line| line.starts_with("lock:") && line.contains(&place)))
}

/// Whether the system shows its processes in `/proc`.
fn has_proc() -> bool {
    Path::new("/proc/self/fdinfo").exists()
}

/// Whether a process runs, as far as we can see: a killed one leaves its `holder` file behind.
fn is_alive(pid: u32) -> bool {
    !has_proc() || Path::new("/proc").join(pid.to_string()).exists()
}
