//! Backups, one at a time, written on a thread of their own: the node goes on, and the caller polls
//! the progress.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rpc_types::BlockHash;
use rpc_types::upkeep::{BackupFailure, BackupState, BackupStatus};

use crate::daemon::clock::now_s;
use node::view::View;
use rpc::error::{CallError, ErrorKind};
use store::backup::file::{Phase, back_up};
use store::backup::{BackupError, Summary};

/// The last backup of this process.
#[derive(Default)]
pub struct Backups {
    last: Mutex<Option<Job>>,
}

struct Job {
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

struct State {
    path: PathBuf,
    /// The store's size at the start: the size of the rows is not known before they are read.
    of: u64,
    done: AtomicU64,
    verifying: AtomicBool,
    stop: AtomicBool,
    started: Instant,
    ended: Mutex<Option<(Duration, Result<Summary, CallError>)>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Backups {
    pub fn start(&self, view: &View, path: &str) -> Result<BackupStatus, CallError> {
        let path = Path::new(path);
        if !path.is_absolute() || path.file_name().is_none() {
            let why = "name the file by its whole path, as the node's process sees it";
            return Err(CallError::invalid_params(why));
        }
        let mut last = lock(&self.last);
        if last.as_ref().is_some_and(|job| lock(&job.state.ended).is_none()) {
            let why = "a backup is being written: wait for it, or stop it with stop-backup";
            return Err(CallError::new(ErrorKind::Busy, why));
        }
        let snapshot = view.store().snapshot()?;
        let state = Arc::new(State {
            path: path.to_owned(),
            of: view.store().size_on_disk(),
            done: AtomicU64::new(0),
            verifying: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            started: Instant::now(),
            ended: Mutex::default(),
        });
        let ours = Arc::clone(&state);
        let spawned = std::thread::Builder::new().name("backup".to_owned()).spawn(move || {
            let mut watch = |phase, bytes| {
                ours.verifying.store(phase == Phase::Verifying, Ordering::Relaxed);
                ours.done.store(bytes, Ordering::Relaxed);
                !ours.stop.load(Ordering::Relaxed)
            };
            let result = back_up(snapshot, &ours.path, now_s(), &mut watch);
            if let Err(error) = &result
                && !matches!(error, BackupError::Stopped)
            {
                tracing::error!(target: "backup", %error, "no backup was written");
            }
            let result = result.map_err(CallError::from);
            *lock(&ours.ended) = Some((ours.started.elapsed(), result));
        });
        let thread = spawned.map_err(|e| {
            CallError::new(ErrorKind::Internal, format!("the backup can't start: {e}"))
        })?;
        *last = Some(Job { state: Arc::clone(&state), thread: Some(thread) });
        Ok(state.status())
    }

    pub fn status(&self) -> BackupStatus {
        match &*lock(&self.last) {
            Some(job) => job.state.status(),
            None => BackupStatus::default(),
        }
    }

    /// Stops the backup that runs and waits until nothing of it is left.
    pub fn stop(&self) {
        let mut last = lock(&self.last);
        let Some(job) = &mut *last else { return };
        job.state.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = job.thread.take() {
            // A thread that panicked writes nothing more.
            let _ = thread.join();
        }
    }
}

impl Drop for Backups {
    fn drop(&mut self) {
        self.stop();
    }
}

impl State {
    fn status(&self) -> BackupStatus {
        let file = self.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let file = Some(file);
        match &*lock(&self.ended) {
            None => {
                let verifying = self.verifying.load(Ordering::Relaxed);
                let state = if verifying { BackupState::Verifying } else { BackupState::Writing };
                let bytes = Some(self.done.load(Ordering::Relaxed));
                BackupStatus { state, file, bytes, of: Some(self.of), ..BackupStatus::default() }
            }
            Some((_, Err(error))) => {
                let (code, message) = (error.kind.rpc_code(), error.message.clone());
                let error = Some(BackupFailure { code, message });
                let state = BackupState::Failed;
                BackupStatus { state, file, error, ..BackupStatus::default() }
            }
            Some((took, Ok(summary))) => BackupStatus {
                state: BackupState::Done,
                file,
                bytes: Some(summary.bytes),
                rows: Some(summary.rows),
                height: Some(summary.head.tip.height.0),
                best: Some(BlockHash(summary.head.tip.hash.to_string())),
                schema: Some(summary.head.schema),
                seconds: Some(took.as_millis() as f64 / 1e3),
                ..BackupStatus::default()
            },
        }
    }
}
