//! The audit log at the console: its end, its check, and its anchor in the chain.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use super::{CONSOLE, ConsoleWord};
use crate::console::host::ConsoleHost;
use crate::console::host::throw_of;
use crate::console::sandbox::Capability;
use crate::console::wallet::pay::PaymentRequest;
use audit_log::{AuditLog, head, tail, verify};
use forth2012::host::HostContext;
use primitives::amount::Amount;
use primitives::hex;
use primitives::script::Script;
use primitives::tx::TxOut;
use rpc::error::{CallError, ErrorKind};
use store::backup::Summary;

/// Entries of the words.
pub const WORDS: &[ConsoleWord] = &[
    ConsoleWord {
        name: "audit-tail",
        effect: "( n -- )",
        help: "Show the last n lines of the data folder's audit log: every change that was requested, by whom, and its result.",
        example: "5 audit-tail",
        group: CONSOLE,
        twin: None,
        capability: Capability::Files,
        run: |console, context| {
            let count = usize::try_from(context.pop()?).unwrap_or(0);
            console.audit_tail(count, context).map_err(throw_of)
        },
    },
    ConsoleWord {
        name: "audit-verify",
        effect: "( -- )",
        help: "Verify the hash chain of the audit log, including rotated files; THROW -270 and report what was removed, edited or moved.",
        example: "audit-verify",
        group: CONSOLE,
        twin: None,
        capability: Capability::Files,
        run: |console, context| console.audit_verify(context).map_err(throw_of),
    },
    ConsoleWord {
        name: "audit-anchor",
        effect: "( -- )",
        help: "Commit the latest hash of the audit log in an OP_RETURN output paid for by the open wallet, and show the transaction's id.",
        example: "",
        group: CONSOLE,
        twin: None,
        capability: Capability::Wallet,
        run: |console, context| console.audit_anchor(context).map_err(throw_of),
    },
];

/// What an anchor's OP_RETURN begins with; the line's number (8 bytes, little-endian) and its hash
/// follow.
const ANCHOR: &[u8; 4] = b"FCAL";

fn unread(error: std::io::Error) -> CallError {
    CallError::new(ErrorKind::File, format!("the audit log can't be read: {error}"))
}

impl ConsoleHost {
    /// The folder of the log; a node elsewhere keeps it there.
    fn audit_folder(&self) -> Result<PathBuf, CallError> {
        if self.config.service.attach.is_some() {
            let why = "the audit log is on the node's machine: ask there";
            return Err(CallError::new(ErrorKind::Forbidden, why));
        }
        Ok(self.config.data_folder())
    }

    pub(in crate::console) fn audit_tail(
        &mut self,
        count: usize,
        context: &mut HostContext<'_>,
    ) -> Result<(), CallError> {
        let lines = tail(&self.audit_folder()?, count).map_err(unread)?;
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let closed = |_| CallError::new(ErrorKind::Internal, "the output is closed");
        self.show(&text, context).map_err(closed)
    }

    pub(in crate::console) fn audit_verify(
        &mut self,
        context: &mut HostContext<'_>,
    ) -> Result<(), CallError> {
        let report = verify(&self.audit_folder()?).map_err(unread)?;
        let shown = json!({
            "files": report.files,
            "lines": report.lines,
            "first": report.first,
            "last": report.head.number,
            "head": hex::encode(&report.head.hash),
            "torn_by_crashes": report.torn,
            "faults": report.faults,
        });
        self.show_value(&shown, context)?;
        match report.faults.first() {
            None => Ok(()),
            Some(first) => {
                let more = report.faults.len() - 1;
                let why = format!("the audit log is not whole: {first}; {more} more faults");
                Err(CallError::new(ErrorKind::Unhealthy, why))
            }
        }
    }

    /// Pays for a transaction that holds the log's head; it goes through the node like any other.
    pub(in crate::console) fn audit_anchor(
        &mut self,
        context: &mut HostContext<'_>,
    ) -> Result<(), CallError> {
        let folder = self.audit_folder()?;
        let report = verify(&folder).map_err(unread)?;
        if let Some(fault) = report.faults.first() {
            let why = format!("the audit log is not whole, so it is not anchored: {fault}");
            return Err(CallError::new(ErrorKind::Unhealthy, why));
        }
        let Some(head) = head(&folder).map_err(unread)? else {
            return Err(CallError::not_found("there is no audit log yet"));
        };
        let mut data = ANCHOR.to_vec();
        data.extend_from_slice(&head.number.to_le_bytes());
        data.extend_from_slice(&head.hash);
        // OP_RETURN and one push.
        let mut script = vec![0x6a, data.len() as u8];
        script.extend_from_slice(&data);
        let output = TxOut { value: Amount::ZERO, script_pubkey: Script::new(script) };
        let sent = self.lend_to_wallet(|wallet, services| {
            let plan = wallet.plan(PaymentRequest::Pay(vec![output]), services)?;
            wallet.send(plan, None, services)
        });
        let shown = json!({
            "txid": sent?,
            "number": head.number,
            "head": hex::encode(&head.hash),
            "data": hex::encode(&data),
        });
        self.show_value(&shown, context)
    }

    /// Begins the audit log of a restored folder with who made it of what.
    pub(in crate::console) fn note_restore(&self, name: &str, folder: &Path, restored: &Summary) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let user = format!("uid {}", rustix::process::getuid().as_raw());
        let fields: [(&str, Value); 6] = [
            ("at", json!(now)),
            ("door", json!("console")),
            ("user", json!(user)),
            ("method", json!("restore")),
            ("params", json!({ "file": name, "height": restored.head.tip.height.0 })),
            ("result", json!("done")),
        ];
        let fields: Map<String, Value> =
            fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        // The folder is there already; a log that can't be written shows in the node's health.
        let _ = AuditLog::open(folder).and_then(|mut log| log.append(fields, true));
    }
}
