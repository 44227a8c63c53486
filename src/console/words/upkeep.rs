//! Words that maintain a node: indexes, backups, migration, health.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rpc_types::upkeep::{BackupState, CheckState};
use serde_json::{Value, json};

use super::with_path;
use super::{CONSOLE, ConsoleWord};
use crate::console::host::throw_of;
use crate::console::host::{ConsoleHost, file_error};
use crate::console::sandbox::Capability;
use crate::console::stack_values::pop_lossy;
use crypto::seal;
use forth2012::host::HostContext;
use rpc::error::{CallError, ErrorKind};
use rpc::table::calls;
use rpc::value::Json;
use store::backup::file::{magic, restore, verify};
use store::backup::{self, BackupError, Summary};

/// Entries of the words.
pub const WORDS: &[ConsoleWord] = &[
    ConsoleWord {
        name: "reindex-what",
        effect: "( c-addr u -- )",
        help: "Rebuild \"indexes\" or \"coins\" completely, with progress.",
        example: "init-storage s\" indexes\" reindex-what",
        group: CONSOLE,
        twin: None,
        capability: Capability::NodeChange,
        run: |console, context| {
            let what = pop_lossy(context)?;
            console.reindex(&what, context).map_err(throw_of)
        },
    },
    ConsoleWord {
        name: "back-up-to",
        effect: "( c-addr u -- )",
        help: "Write a verified backup of the chain to the named new file while the node keeps running; the node's process writes it.",
        example: "",
        group: CONSOLE,
        twin: None,
        capability: Capability::NodeChange,
        run: |console, context| with_path(console, context, ConsoleHost::back_up),
    },
    ConsoleWord {
        name: "verify-backup-at",
        effect: "( c-addr u -- )",
        help: "Verify the named backup of a chain by reading all of it, or the named encrypted wallet by opening it, and show what it is.",
        example: "",
        group: CONSOLE,
        twin: None,
        capability: Capability::Files,
        run: |console, context| with_path(console, context, ConsoleHost::verify_backup),
    },
    ConsoleWord {
        name: "restore-from",
        effect: "( c-addr u -- )",
        help: "Restore the chain from the named backup into the data folder, which must be empty.",
        example: "",
        group: CONSOLE,
        twin: None,
        capability: Capability::NodeChange,
        run: |console, context| with_path(console, context, ConsoleHost::restore),
    },
    ConsoleWord {
        name: "migrate",
        effect: "( -- )",
        help: "Migrate the data folder to this program's schema, with progress; an interrupted migration resumes where it stopped.",
        example: "init-storage migrate",
        group: CONSOLE,
        twin: None,
        capability: Capability::NodeChange,
        run: |console, context| console.migrate(context).map_err(throw_of),
    },
    ConsoleWord {
        name: "health",
        effect: "( -- )",
        help: "Show the health checks of the node and its data folder; THROW -270, which ends with exit code 6, if one fails.",
        example: "init-storage health",
        group: CONSOLE,
        twin: None,
        capability: Capability::NodeRead,
        run: |console, context| console.health(context).map_err(throw_of),
    },
];

/// How long to wait before the first query of a running backup, and at most before later ones.
const FIRST_QUERY: Duration = Duration::from_millis(2);
const QUERY_EVERY: Duration = Duration::from_millis(100);

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
    /// Builds indexes or coins again, step by step, so that Ctrl-C can stop it; what is left then
    /// goes on with "continue" or at the node's next start.
    fn reindex(&mut self, what: &str, context: &mut HostContext<'_>) -> Result<(), CallError> {
        let interrupt = context.interrupt();
        let mut progress = self.progress("blocks");
        let mut step = self.ask("reindex", vec![json!(what)])?;
        while step.get("finished") == Some(&Value::Bool(false)) {
            if interrupt.load(Ordering::Relaxed) {
                progress.done();
                let why = "stopped; it goes on at the node's next start";
                return Err(CallError::new(ErrorKind::Interrupted, why));
            }
            let count = |name: &str| step.get(name).and_then(Value::as_u64).unwrap_or(0);
            progress.show(count("done"), count("done"), count("of"));
            step = self.ask("reindex", vec![json!("continue")])?;
        }
        progress.done();
        let line = match self.config.json {
            true => json!({ "reindexed": what }).to_string(),
            false => format!("{what} built again"),
        };
        let shown = self.show(&(line + "\n"), context);
        shown.map_err(|_| CallError::new(ErrorKind::Internal, "the output is closed"))
    }

    /// Has the node write a backup and waits for it. The name is taken from this console's folder;
    /// a node elsewhere wants a whole path.
    pub(in crate::console) fn back_up(
        &mut self,
        name: &str,
        context: &mut HostContext<'_>,
    ) -> Result<(), CallError> {
        let path = std::path::absolute(name).map_err(|e| file_error("name", name, &e))?;
        let path = path.to_str().ok_or_else(|| {
            CallError::invalid_params("the path of this folder is not UTF-8: give a whole path")
        })?;
        let interrupt = context.interrupt();
        let mut progress = self.progress("MiB");
        let mut wait = FIRST_QUERY;
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
            wait = (wait * 2).min(QUERY_EVERY);
            Json(status) = self.call_node::<calls::BackupStatus>(Vec::new())?;
        }
        progress.done();
        self.show_value(&json!(status), context)
    }

    /// What a file is, by its first bytes, and whether it is whole.
    pub(in crate::console) fn verify_backup(
        &mut self,
        name: &str,
        context: &mut HostContext<'_>,
    ) -> Result<(), CallError> {
        let path = Path::new(name);
        let magic = magic(path).map_err(|e| file_error("read", name, &e))?;
        if magic == backup::MAGIC {
            let whole = std::fs::metadata(path).map_or(0, |file| file.len());
            let interrupt = context.interrupt();
            let mut progress = self.progress("MiB");
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
        let verified = self.lend_to_wallet(|wallet, services| wallet.verify_backup(path, services));
        let mut verified = verified?;
        if let Value::Object(verified) = &mut verified {
            verified.insert("kind".to_owned(), json!("wallet"));
        }
        self.show_value(&verified, context)
    }

    /// Makes the store of a backup in the data folder.
    pub(in crate::console) fn restore(
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
        let mut progress = self.progress("MiB");
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
    pub(in crate::console) fn migrate(
        &mut self,
        context: &mut HostContext<'_>,
    ) -> Result<(), CallError> {
        let Json(before) = self.call_node::<calls::GetSchema>(Vec::new())?;
        let interrupt = context.interrupt();
        let mut progress = self.progress("");
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

    /// Shows the checks; fails when one does.
    pub(in crate::console) fn health(
        &mut self,
        context: &mut HostContext<'_>,
    ) -> Result<(), CallError> {
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
