//! The console's words that look after a node: backups, migration, health.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rpc_types::upkeep::{BackupState, CheckState};
use serde_json::{Value, json};

use super::host::{ConsoleHost, file_error};
use super::picture;
use super::progress::Progress;
use super::wallet::desk::Desk;
use crypto::seal;
use forth2012::host::HostContext;
use rpc::error::{CallError, ErrorKind};
use rpc::table::calls;
use rpc::value::Json;
use store::backup::file::{magic, restore, verify};
use store::backup::{self, BackupError, Summary};
use store::db::{Store, StoreOptions};

/// How often a running backup is looked at: at first, and later.
const FIRST_LOOK: Duration = Duration::from_millis(2);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Bytes of the unit that progress counts in.
const MIB: u64 = 1 << 20;

fn shown(summary: &Summary) -> Value {
    let head = &summary.head;
    json!({
        "kind": "chain",
        "network": head.network,
        "height": head.tip.height.0,
        "best": head.tip.hash.to_string(),
        "schema": head.schema,
        "made_at": head.made_at,
        "rows": summary.rows,
        "bytes": summary.bytes,
    })
}

impl ConsoleHost {
    fn progress(&self) -> Progress {
        Progress::new(self.stdio.output_is_terminal && !self.config.json, "MiB")
    }

    /// Shows a value as a picture, or as it is under --json.
    pub(super) fn show_value(
        &mut self,
        value: &Value,
        context: &mut HostContext<'_>,
    ) -> Result<(), CallError> {
        let text = match self.config.json {
            true => value.to_string() + "\n",
            false => picture::picture(value),
        };
        let closed = |_| CallError::new(ErrorKind::Internal, "the output is closed");
        self.show(&text, context).map_err(closed)
    }

    /// Has the node write a backup and waits for it. The name is taken from this console's folder;
    /// a node elsewhere wants a whole path.
    pub(super) fn back_up(
        &mut self,
        name: &str,
        context: &mut HostContext<'_>,
    ) -> Result<(), CallError> {
        let path = std::path::absolute(name).map_err(|e| file_error("name", name, &e))?;
        let path = path.to_str().ok_or_else(|| {
            CallError::invalid_params("the path of this folder is not UTF-8: give a whole path")
        })?;
        let interrupt = context.interrupt();
        let mut progress = self.progress();
        let mut wait = FIRST_LOOK;
        let Json(mut status) = self.call_node::<calls::StartBackup>(vec![json!(path)])?;
        loop {
            match status.state {
                BackupState::Writing | BackupState::Verifying => {
                    let bytes = status.bytes.unwrap_or(0);
                    progress.show(bytes / MIB, bytes, status.of.unwrap_or(0));
                }
                BackupState::Failed => {
                    progress.done();
                    return Err(CallError::from_json(&json!(status.error)));
                }
                BackupState::Done => break,
                BackupState::None => {
                    let why = "the node knows nothing of the backup: it was started anew";
                    return Err(CallError::new(ErrorKind::NoNode, why));
                }
            }
            if interrupt.load(Ordering::Relaxed) {
                self.call_node::<calls::StopBackup>(Vec::new())?;
            }
            std::thread::sleep(wait);
            wait = (wait * 2).min(LOOK_EVERY);
            Json(status) = self.call_node::<calls::BackupStatus>(Vec::new())?;
        }
        progress.done();
        self.show_value(&json!(status), context)
    }

    /// What a file is, by its first bytes, and whether it is whole.
    pub(super) fn verify_backup(
        &mut self,
        name: &str,
        context: &mut HostContext<'_>,
    ) -> Result<(), CallError> {
        let path = Path::new(name);
        let magic = magic(path).map_err(|e| file_error("read", name, &e))?;
        if magic == backup::MAGIC {
            let whole = std::fs::metadata(path).map_or(0, |file| file.len());
            let interrupt = context.interrupt();
            let mut progress = self.progress();
            let verified = verify(path, &mut |_, bytes| {
                progress.show(bytes / MIB, bytes, whole);
                !interrupt.load(Ordering::Relaxed)
            });
            progress.done();
            return self.show_value(&shown(&verified?), context);
        }
        if magic != seal::MAGIC {
            let why = format!("{name:?} is neither a backup of a chain nor a sealed wallet");
            return Err(CallError::new(ErrorKind::Undecodable, why));
        }
        let mut desk: Desk = std::mem::take(&mut self.desk);
        let verified = desk.verify_backup(path, self);
        self.desk = desk;
        let mut verified = verified?;
        if let Value::Object(verified) = &mut verified {
            verified.insert("kind".to_owned(), json!("wallet"));
        }
        self.show_value(&verified, context)
    }

    /// Makes the store of a backup in the data folder.
    pub(super) fn restore(
        &mut self,
        name: &str,
        context: &mut HostContext<'_>,
    ) -> Result<(), CallError> {
        if self.config.offline || self.config.readonly {
            let why = "--offline and --readonly restore nothing";
            return Err(CallError::new(ErrorKind::Forbidden, why));
        }
        if self.is_open() {
            let why =
                "this console has the folder open: restore in a fresh one, before init-storage";
            return Err(CallError::new(ErrorKind::Rejected, why));
        }
        let whole = std::fs::metadata(name).map_or(0, |file| file.len());
        let interrupt = context.interrupt();
        let mut progress = self.progress();
        let (folder, params) = (self.config.data_folder(), self.config.params);
        let restored: Result<Summary, BackupError> =
            restore(Path::new(name), &folder, params, &mut |_, bytes| {
                progress.show(bytes / MIB, bytes, whole);
                !interrupt.load(Ordering::Relaxed)
            });
        progress.done();
        let restored = restored?;
        self.note_restore(name, &folder, &restored);
        let mut value = shown(&restored);
        if let Value::Object(value) = &mut value {
            value.insert("restored_into".to_owned(), json!(folder.to_string_lossy()));
        }
        self.show_value(&value, context)
    }

    /// Brings the data up to this program's schema, step by step.
    pub(super) fn migrate(&mut self, context: &mut HostContext<'_>) -> Result<(), CallError> {
        let Json(before) = self.call_node::<calls::GetSchema>(Vec::new())?;
        let interrupt = context.interrupt();
        let mut progress = Progress::new(self.stdio.output_is_terminal && !self.config.json, "");
        let mut left = !before.current || before.building;
        while left {
            let Json(step) = self.call_node::<calls::ReindexStep>(vec![json!("continue")])?;
            left = !step.finished;
            if interrupt.load(Ordering::Relaxed) {
                progress.done();
                let why = "stopped; migrate goes on where it was";
                return Err(CallError::new(ErrorKind::Interrupted, why));
            }
            let done = u64::from(step.done.unwrap_or(0));
            progress.show(done, done, step.of.unwrap_or(0).into());
        }
        progress.done();
        let Json(after) = self.call_node::<calls::GetSchema>(Vec::new())?;
        let mut after = json!(after);
        if let Value::Object(after) = &mut after {
            after.insert("schema_before".to_owned(), json!(before.schema));
        }
        self.show_value(&after, context)
    }

    /// Makes the chain's file as small as what it holds.
    pub(super) fn compact(&mut self, context: &mut HostContext<'_>) -> Result<(), CallError> {
        if self.config.offline || self.config.readonly || self.config.service.attach.is_some() {
            let why = "--offline, --readonly and --attach compact nothing";
            return Err(CallError::new(ErrorKind::Forbidden, why));
        }
        if self.is_open() {
            let why = "this console has the folder open: say compact in a fresh one";
            return Err(CallError::new(ErrorKind::Rejected, why));
        }
        let options = StoreOptions {
            no_script_index: self.config.no_address_index,
            ..StoreOptions::default()
        };
        let mut store = Store::open(&self.config.data_folder(), self.config.params, options)?;
        let before = store.size_on_disk();
        if before > 0 {
            store.compact()?;
        }
        let path = store.path().to_owned();
        drop(store);
        let after = std::fs::metadata(path).map_or(0, |file| file.len());
        let shown = json!({
            "bytes_before": before,
            "bytes": after,
            "freed": before.saturating_sub(after),
        });
        self.show_value(&shown, context)
    }

    /// Shows the checks; fails when one does.
    pub(super) fn health(&mut self, context: &mut HostContext<'_>) -> Result<(), CallError> {
        let Json(health) = self.call_node::<calls::GetHealth>(Vec::new())?;
        self.show_value(&json!(health), context)?;
        if health.healthy {
            return Ok(());
        }
        let failed = health.checks.iter().filter(|check| check.state == CheckState::Fail);
        let failed: Vec<String> =
            failed.map(|check| format!("{} ({})", check.check, check.why)).collect();
        let why = format!("unhealthy: {}", failed.join(", "));
        Err(CallError::new(ErrorKind::Unhealthy, why))
    }
}
