//! Import of a Bitcoin Core `blocks` folder.

use std::path::Path;
use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::chain_files::{IMPORT_BLOCKS, IMPORT_BYTES};
use crate::console::host::ConsoleHost;
use chain::core_folder::{CoreFolder, Record, RecordPlace};
use forth2012::host::HostContext;
use primitives::hex;
use rpc::error::{CallError, ErrorKind};

/// What an import skips and names; the rest is counted.
const PASSED_NAMED: usize = 100;

impl ConsoleHost {
    /// Imports a `blocks` folder of Bitcoin Core. Unless `strict`, what is not a block or is refused
    /// is reported and skipped.
    pub(super) fn import_folder(
        &mut self,
        name: &str,
        strict: bool,
        context: &mut HostContext<'_>,
    ) -> Result<(), CallError> {
        let unreadable = |e: &dyn std::fmt::Display| CallError::new(ErrorKind::File, e.to_string());
        let mut folder = CoreFolder::open(Path::new(name), self.config.params)
            .map_err(|error| unreadable(&error))?;
        let interrupt = context.interrupt();
        let mut progress = self.progress("blocks");
        let mut report = FolderReport { strict, ..FolderReport::default() };
        let mut more = true;
        let mut ended = Ok(());
        while more && ended.is_ok() {
            if interrupt.load(Ordering::Relaxed) {
                let why = "stopped, run it again to go on".to_owned();
                ended = Err((ErrorKind::Interrupted, why));
                break;
            }
            let (mut batch, mut bytes) = (Vec::new(), 0);
            while more && ended.is_ok() && batch.len() < IMPORT_BLOCKS && bytes < IMPORT_BYTES {
                match folder.next_record().map_err(|error| unreadable(&error))? {
                    None => more = false,
                    Some(Record::Rubbish(rubbish)) => ended = report.pass(rubbish.to_string()),
                    Some(Record::Block(place, block)) => {
                        bytes += block.len();
                        batch.push((place, block));
                    }
                }
            }
            let sent = self.send_folder_batch(&batch, &mut report)?;
            ended = sent.and(ended);
            progress.show(report.accepted + report.known, folder.read(), folder.size());
        }
        if ended.is_ok() && report.waiting > 0 {
            let why = "blocks name parents that are neither known nor in the folder";
            ended = report.pass(format!("{} {why}", report.waiting));
        }
        progress.done();
        self.ask("flush", Vec::new())?;
        ended.map_err(|(kind, why)| {
            let kept = "new blocks before it are kept";
            CallError::new(kind, format!("import of {name:?}: {why}; {} {kept}", report.accepted))
        })?;
        let shown = self.show(&report.text(self.config.json), context);
        shown.map_err(|_| CallError::new(ErrorKind::Internal, "the output is closed"))
    }

    /// Sends blocks of a folder; where one of them is refused, each alone, so that only those are
    /// passed over that are refused themselves.
    fn send_folder_batch(
        &mut self,
        batch: &[(RecordPlace, Vec<u8>)],
        report: &mut FolderReport,
    ) -> Result<Result<(), (ErrorKind, String)>, CallError> {
        let hexes: Value = batch.iter().map(|(_, block)| hex::encode(block)).collect();
        let Some(first_reason) = report.take(&self.ask("importblocks", vec![hexes])?) else {
            return Ok(Ok(()));
        };
        for (place, block) in batch {
            let before = (report.accepted, report.known, report.waiting);
            let answer = self.ask("importblocks", vec![json!([hex::encode(block)])])?;
            let reason = report.take(&answer);
            let after = (report.accepted, report.known, report.waiting);
            // A block that was refused before is passed over by the node in silence.
            let reason = reason.or_else(|| (before == after).then(|| first_reason.clone()));
            if let Some(reason) = reason
                && let Err(end) = report.pass(format!("the block at {place} is refused: {reason}"))
            {
                return Ok(Err(end));
            }
        }
        Ok(Ok(()))
    }
}

/// How an import of a folder goes.
#[derive(Default)]
struct FolderReport {
    strict: bool,
    accepted: u64,
    known: u64,
    waiting: u64,
    height: u64,
    passed: usize,
    named: Vec<String>,
}

impl FolderReport {
    /// Counts an answer of the node; why it refused a block, if it did.
    fn take(&mut self, answer: &Value) -> Option<String> {
        let count = |name: &str| answer.get(name).and_then(Value::as_u64).unwrap_or(0);
        self.accepted += count("accepted");
        self.known += count("known");
        self.waiting = count("waiting");
        self.height = count("height");
        let reason = answer.get("refused")?.get("reason")?.as_str()?;
        Some(reason.to_owned())
    }

    /// Passes something over, or ends with it.
    fn pass(&mut self, what: String) -> Result<(), (ErrorKind, String)> {
        if self.strict {
            return Err((ErrorKind::Rejected, what));
        }
        self.passed += 1;
        if self.named.len() < PASSED_NAMED {
            self.named.push(what);
        }
        Ok(())
    }

    fn text(&self, json: bool) -> String {
        let FolderReport { accepted, known, height, passed, .. } = self;
        if json {
            let report = json!({
                "accepted": accepted, "known": known, "height": height,
                "passed_over": passed, "named": self.named,
            });
            return format!("{report}\n");
        }
        let mut text: String =
            self.named.iter().map(|what| format!("passed over: {what}\n")).collect();
        text += &format!(
            "imported {accepted} blocks, {known} already known, {passed} passed over, height {height}\n"
        );
        text
    }
}
