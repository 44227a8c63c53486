//! The world as the console's Forth machine meets it: terminal, files, clock, and the door.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use super::alerts::Alerts;
use super::bench::{self, Bench, BenchError};
use super::files::Files;
use super::help;
use super::mine::Mine;
use super::net_picture;
use super::picture;
use super::progress::Progress;
use super::simulate;
use super::stdio::{self, Stdio};
use super::wallet::{
    self,
    desk::{Around, Desk},
};
use super::words::{self, Meaning, Own};
use crate::config::Config;
use chain::core_folder::{CoreFolder, Record, RecordPlace};
use chain::import::{BlockFile, FileError, Place};
use forth2012::host::{Host, HostContext, HostFiles, HostWord, Throw};
use primitives::address::Address;
use primitives::hex;
use rpc::call::Entry;
use rpc::door::{Door, Opener};
use rpc::error::{CallError, ErrorKind};
use rpc::table::CALLS;
use rpc::value::{Param, Shape};
use rpc::wire::{Params, Request};
use script::asm::assemble;

/// Longest source file that is included, in bytes.
const LONGEST_SOURCE: u64 = 16 * 1024 * 1024;

/// Blocks of one request of an import, and their bytes together.
const IMPORT_BLOCKS: usize = 1000;
const IMPORT_BYTES: usize = 8 << 20;
/// What an import passes over and names; the rest is counted.
const PASSED_NAMED: usize = 100;

/// THROW of a sandboxed word: unsupported operation.
const THROW_UNSUPPORTED: i64 = -21;
const THROW_FILE: i64 = -37;
const THROW_NO_FILE: i64 = -38;
const THROW_NO_NAME: i64 = -16;

/// What the host and the loop around the machine both look at.
#[derive(Default)]
pub struct Shared {
    /// The way to the node, once it is open.
    door: RefCell<Option<Box<dyn Door>>>,
    /// The height last heard of.
    pub height: Cell<Option<u64>>,
    /// Nobody reads our output any more.
    pub closed: Cell<bool>,
    /// A wallet is open that no file holds.
    pub unsaved: Cell<bool>,
    /// The operator's words that run when something happens.
    pub alerts: RefCell<Alerts>,
    /// Block hashes that answers named, the latest first.
    seen: RefCell<VecDeque<String>>,
}

/// Block hashes that completion remembers.
const HASHES_SEEN: usize = 50;

impl Shared {
    /// Hears the node's height anew, where there is a way to it.
    pub fn hear_height(&self) {
        let request =
            Request { method: "getblockcount".to_owned(), params: Params::ByPosition(Vec::new()) };
        if let Some(door) = self.door.borrow_mut().as_mut()
            && let Ok(height) = door.ask(request)
        {
            self.height.set(height.as_u64());
        }
    }

    /// Leaves the node in order; what was changed is on the disk afterwards.
    pub fn close(&self) -> Result<(), CallError> {
        self.door.take().map_or(Ok(()), |mut door| door.close())
    }

    /// Addresses of the node's peers; none while no node was asked for anything.
    pub fn peers(&self) -> Vec<String> {
        let Ok(mut door) = self.door.try_borrow_mut() else { return Vec::new() };
        let params = Params::ByPosition(Vec::new());
        let request = Request { method: "getpeerinfo".to_owned(), params };
        let answer = door.as_mut().and_then(|door| door.ask(request).ok());
        let peers = answer.as_ref().and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let address = |peer: &Value| Some(peer.get("addr")?.as_str()?.to_owned());
        peers.iter().filter_map(address).collect()
    }

    /// Block hashes lately seen, the latest first.
    pub fn block_hashes(&self) -> Vec<String> {
        self.seen.borrow().iter().cloned().collect()
    }

    /// Remembers the block hashes of an answer.
    fn note(&self, method: &str, answer: &Value) {
        let mut seen = self.seen.borrow_mut();
        for hash in hashes_in(method, answer) {
            seen.retain(|known| known != hash);
            seen.push_front(hash.to_owned());
        }
        seen.truncate(HASHES_SEEN);
    }
}

/// The host of the console's machine.
pub struct ConsoleHost {
    pub(super) config: Config,
    opener: Opener,
    pub(super) stdio: Stdio,
    files: Option<Files>,
    sandbox: bool,
    started: Instant,
    shared: Rc<Shared>,
    bench: Bench,
    pub(super) desk: Desk,
}

/// The block hashes that the first level of an answer names.
fn hashes_in<'a>(method: &str, answer: &'a Value) -> Vec<&'a str> {
    let of_block = method.starts_with("getblock") || method.starts_with("getchain");
    let named = method == "getbestblockhash" || method == "getblockhash";
    let made = method.starts_with("generate");
    let whole = |value: &'a Value| value.as_str().filter(|text| text.len() == 64);
    let in_object = |object: &'a Map<String, Value>| {
        let keys = ["previousblockhash", "nextblockhash", "blockhash", "bestblockhash", "hash"];
        let keys = keys.into_iter().filter(move |key| of_block || *key != "hash");
        keys.filter_map(|key| object.get(key).and_then(whole)).collect::<Vec<_>>()
    };
    match answer {
        Value::String(_) if named => whole(answer).into_iter().collect(),
        Value::Object(object) => in_object(object),
        Value::Array(items) if made => items.iter().filter_map(whole).collect(),
        Value::Array(items) if of_block => {
            items.iter().rev().filter_map(Value::as_object).flat_map(in_object).collect()
        }
        _ => Vec::new(),
    }
}

fn throw_of(error: CallError) -> Throw {
    Throw::new(error.kind.throw_code(), error.message)
}

pub(super) fn file_error(what: &str, path: &str, error: &std::io::Error) -> CallError {
    CallError::new(ErrorKind::File, format!("can't {what} {path:?}: {error}"))
}

impl ConsoleHost {
    pub fn new(config: Config, opener: Opener, sandbox: bool, shared: Rc<Shared>) -> ConsoleHost {
        ConsoleHost {
            desk: Desk::new(config.passphrase_file.clone()),
            config,
            opener,
            stdio: Stdio::new(),
            files: (!sandbox).then(Files::default),
            sandbox,
            started: Instant::now(),
            shared,
            bench: Bench::default(),
        }
    }

    /// Asks the node; the way to it opens on first use.
    pub(super) fn ask(&mut self, method: &str, params: Vec<Value>) -> Result<Value, CallError> {
        self.ask_with(method, Params::ByPosition(params))
    }

    fn ask_with(&mut self, method: &str, params: Params) -> Result<Value, CallError> {
        let mut door = self.shared.door.borrow_mut();
        let door = match &mut *door {
            Some(door) => door,
            closed => {
                if self.config.offline {
                    let why =
                        "--offline opens no chain and no socket: start without it for this word";
                    return Err(CallError::new(ErrorKind::Forbidden, why));
                }
                closed.insert((self.opener)()?)
            }
        };
        let answer = door.ask(Request { method: method.to_owned(), params })?;
        self.shared.note(method, &answer);
        Ok(answer)
    }

    /// Asks what `ask-node` was given.
    fn ask_any(&mut self, method: &[u8], params: &[u8]) -> Result<Value, CallError> {
        let params = match serde_json::from_slice(params) {
            Ok(Value::Array(values)) => Params::ByPosition(values),
            Ok(Value::Object(values)) => Params::ByName(values),
            _ => {
                let why = "parameters are a JSON list such as [0,2], or an object; [] for none";
                return Err(CallError::invalid_params(why));
            }
        };
        self.ask_with(&String::from_utf8_lossy(method), params)
    }

    /// The way to the node is open.
    pub(super) fn is_open(&self) -> bool {
        self.shared.door.borrow().is_some()
    }

    /// Shows whole lines; what stands before them on the line is ended first.
    pub(super) fn show(&mut self, text: &str, context: &mut HostContext<'_>) -> Result<(), Throw> {
        let pending = context.take_output();
        self.type_out(&pending)?;
        if !self.stdio.at_line_start {
            self.type_out(b"\n")?;
        }
        self.type_out(text.as_bytes())
    }

    /// Shows JSON from the stack by a picture of its own, or as it is under --json.
    fn show_by(
        &mut self,
        picture: fn(&Value) -> String,
        context: &mut HostContext<'_>,
    ) -> Result<(), Throw> {
        let text = context.pop_string()?;
        let shown = match serde_json::from_slice(&text) {
            Ok(value) if !self.config.json => picture(&value),
            _ => String::from_utf8_lossy(&text).into_owned() + "\n",
        };
        self.show(&shown, context)
    }

    fn call_entry(&mut self, entry: &Entry, context: &mut HostContext<'_>) -> Result<(), Throw> {
        let mut values = Vec::new();
        for param in entry.params().iter().rev() {
            values.push(if param.optional { Value::Null } else { pop_value(param, context)? });
        }
        values.reverse();
        let result = self.ask(entry.method, values).map_err(throw_of)?;
        push_value(entry.out(), &result, context)
    }

    fn own_word(&mut self, own: Own, context: &mut HostContext<'_>) -> Result<(), Throw> {
        match own {
            Own::InitStorage => self.ask("getblockcount", Vec::new()).map(drop).map_err(throw_of),
            Own::IsAddress => {
                let text = context.pop_string()?;
                let text = String::from_utf8_lossy(&text);
                let known = Address::from_text(&text, self.config.params).is_ok();
                context.push_flag(known)
            }
            Own::MineN => {
                let blocks = u64::try_from(context.pop()?).unwrap_or(0);
                let shown = self.stdio.output_is_terminal && !self.config.json;
                let mut ask = |method: &str, params| self.ask(method, params);
                let mined = Mine { blocks, shown }.run(&mut ask, &context.interrupt());
                context.push_string(mined.map_err(throw_of)?.to_string().as_bytes())
            }
            Own::NetworkName => context.push_string(self.config.params.name.as_bytes()),
            Own::DataFolder => {
                let folder = self.config.data_folder();
                context.push_string(folder.to_string_lossy().as_bytes())
            }
            Own::VersionText => context.push_string(VERSION.as_bytes()),
            Own::Argument => match context.parse_name() {
                Some(argument) => context.push_string(argument.as_bytes()),
                None => {
                    Err(Throw::new(THROW_NO_NAME, "this word wants an argument on the same line"))
                }
            },
            Own::ShowJson => {
                let text = context.pop_string()?;
                if self.config.json {
                    return self.show(&(String::from_utf8_lossy(&text) + "\n"), context);
                }
                let value = serde_json::from_slice(&text)
                    .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&text).into_owned()));
                self.show(&picture::picture(&value), context)
            }
            Own::ShowText => {
                let text = context.pop_string()?;
                let text = String::from_utf8_lossy(&text);
                let line = if self.config.json {
                    Value::String(text.into_owned()).to_string()
                } else {
                    text.into_owned()
                };
                self.show(&(line + "\n"), context)
            }
            Own::AskNode => {
                let method = context.pop_string()?;
                let params = context.pop_string()?;
                let result = self.ask_any(&method, &params).map_err(throw_of)?;
                context.push_string(result.to_string().as_bytes())
            }
            Own::ScriptParen => {
                let mut words: Vec<String> = Vec::new();
                loop {
                    match context.parse_name() {
                        Some(word) if word == ")" => break,
                        Some(word) => words.push(word),
                        None => {
                            let why = "script( wants its ) on the same line";
                            return Err(Throw::new(THROW_NO_NAME, why));
                        }
                    }
                }
                push_assembled(&words.join(" "), context)
            }
            Own::AssembleScript => {
                let text = context.pop_string()?;
                push_assembled(&String::from_utf8_lossy(&text), context)
            }
            Own::DisassembleScript => {
                let script = context.pop_string()?;
                let text = bench::disassembled(&String::from_utf8_lossy(&script));
                context.push_string(text.map_err(bench_throw)?.as_bytes())
            }
            Own::UseScriptFlags => {
                let flags = context.pop_string()?;
                self.bench.set_flags(&String::from_utf8_lossy(&flags)).map_err(bench_throw)
            }
            Own::OpenScript => {
                let script_pubkey = pop_hex(context)?;
                let script_sig = pop_hex(context)?;
                self.bench.open_pair(script_sig, script_pubkey);
                Ok(())
            }
            Own::OpenSpend => {
                let spend = context.pop_string()?;
                self.bench.open_json(&spend).map_err(bench_throw)
            }
            Own::ScriptGo => {
                let by = context.pop()?;
                self.bench.go(by).map_err(bench_throw)
            }
            Own::ScriptNow => {
                let state = self.bench.state().map_err(bench_throw)?;
                context.push_string(state.to_string().as_bytes())
            }
            Own::ScriptSteps => {
                let trace = self.bench.trace().map_err(bench_throw)?;
                context.push_string(trace.to_string().as_bytes())
            }
            Own::ShowScript => self.show_by(bench::picture, context),
            Own::ImportBlocksFrom => {
                let name = pop_path(context)?;
                self.import_blocks(&name, false, context).map_err(throw_of)
            }
            Own::ImportBlocksStrictlyFrom => {
                let name = pop_path(context)?;
                self.import_blocks(&name, true, context).map_err(throw_of)
            }
            Own::ExportBlocksTo => {
                let name = pop_path(context)?;
                self.export_blocks(&name, context).map_err(throw_of)
            }
            Own::ReindexWhat => {
                let what = context.pop_string()?;
                let what = String::from_utf8_lossy(&what).into_owned();
                self.reindex(&what, context).map_err(throw_of)
            }
            Own::BackUpTo => {
                let name = pop_path(context)?;
                self.back_up(&name, context).map_err(throw_of)
            }
            Own::VerifyBackupAt => {
                let name = pop_path(context)?;
                self.verify_backup(&name, context).map_err(throw_of)
            }
            Own::RestoreFrom => {
                let name = pop_path(context)?;
                self.restore(&name, context).map_err(throw_of)
            }
            Own::Migrate => self.migrate(context).map_err(throw_of),
            Own::Health => self.health(context).map_err(throw_of),
            Own::AuditTail => {
                let count = usize::try_from(context.pop()?).unwrap_or(0);
                self.audit_tail(count, context).map_err(throw_of)
            }
            Own::AuditVerify => self.audit_verify(context).map_err(throw_of),
            Own::AuditAnchor => self.audit_anchor(context).map_err(throw_of),
            Own::ShowPeers => self.show_by(net_picture::peers, context),
            Own::ShowSync => self.show_by(net_picture::sync, context),
            Own::SimulateWith => {
                let options = context.pop_string()?;
                let options = String::from_utf8_lossy(&options).into_owned();
                let progress = self.stdio.output_is_terminal && !self.config.json;
                let interrupt = context.interrupt();
                let text = simulate::simulate(&options, self.config.json, progress, &interrupt);
                self.show(&text.map_err(throw_of)?, context)
            }
            Own::ExportChainTo => {
                let name = pop_path(context)?;
                self.export_chain(&name, context).map_err(throw_of)
            }
            Own::ExportAddressesTo => {
                let name = pop_path(context)?;
                self.export_addresses(&name, context).map_err(throw_of)
            }
            Own::Compact => self.compact(context).map_err(throw_of),
            Own::Help => {
                let name = context.parse_name();
                let text = help::help(context.machine(), name.as_deref());
                self.show(&text, context)
            }
            Own::OnBlock => {
                self.shared.alerts.borrow_mut().on_block = alert(context.pop()?);
                Ok(())
            }
            Own::OnTx => {
                self.shared.alerts.borrow_mut().on_tx = alert(context.pop()?);
                Ok(())
            }
            Own::OnReorg => {
                self.shared.alerts.borrow_mut().on_reorg = alert(context.pop()?);
                Ok(())
            }
            Own::Every => {
                let (xt, seconds) = (context.pop()?, context.pop()?);
                self.shared.alerts.borrow_mut().every(xt, seconds).map_err(throw_of)
            }
            Own::WordsDoc => {
                let text = help::reference(context.machine());
                self.show(&text, context)
            }
        }
    }

    /// Sends the blocks of a file through the door in batches. Blocks that are known already are
    /// passed over, so that an import that was cut off can be run again.
    fn import_blocks(
        &mut self,
        name: &str,
        strict: bool,
        context: &mut HostContext<'_>,
    ) -> Result<(), CallError> {
        if Path::new(name).is_dir() {
            return self.import_folder(name, strict, context);
        }
        let file = fs::File::open(name).map_err(|e| file_error("open", name, &e))?;
        let size = file.metadata().map_err(|e| file_error("read", name, &e))?.len();
        let mut blocks = BlockFile::new(file, self.config.params);
        let interrupt = context.interrupt();
        let mut progress =
            Progress::new(self.stdio.output_is_terminal && !self.config.json, "blocks");
        let (mut accepted, mut known, mut height) = (0, 0, 0);
        let ended = loop {
            if interrupt.load(Ordering::Relaxed) {
                break Err((ErrorKind::Interrupted, "stopped, run it again to go on".to_owned()));
            }
            let (batch, end) = next_batch(&mut blocks);
            let (places, batch): (Vec<Place>, Vec<Vec<u8>>) = batch.into_iter().unzip();
            let hexes: Value = batch.iter().map(|block| hex::encode(block)).collect();
            let report = self.ask("importblocks", vec![hexes])?;
            let count = |name: &str| report.get(name).and_then(Value::as_u64).unwrap_or(0);
            accepted += count("accepted");
            known += count("known");
            height = count("height");
            if let Some(refused) = report.get("refused").filter(|refused| !refused.is_null()) {
                let index = refused.get("index").and_then(Value::as_u64).unwrap_or(0);
                let place = places.get(index as usize).copied().unwrap_or_default();
                let reason = refused.get("reason").and_then(Value::as_str).unwrap_or("no reason");
                break Err((
                    ErrorKind::Rejected,
                    format!("the block at {place} is refused: {reason}"),
                ));
            }
            progress.show(accepted + known, blocks.place().byte, size);
            match end {
                Some(Ok(())) if count("waiting") > 0 => {
                    let why = "blocks name parents that are neither known nor in the file";
                    break Err((ErrorKind::Rejected, format!("{} {why}", count("waiting"))));
                }
                Some(Ok(())) => break Ok(()),
                Some(Err(e)) => break Err((ErrorKind::Undecodable, e.to_string())),
                None => {}
            }
        };
        progress.done();
        self.ask("flush", Vec::new())?;
        ended.map_err(|(kind, why)| {
            let kept = "new blocks before it are kept";
            CallError::new(kind, format!("import of {name:?}: {why}; {accepted} {kept}"))
        })?;
        let line = if self.config.json {
            json!({ "accepted": accepted, "known": known, "height": height }).to_string()
        } else {
            format!("imported {accepted} blocks, {known} already known, height {height}")
        };
        let shown = self.show(&(line + "\n"), context);
        shown.map_err(|_| CallError::new(ErrorKind::Internal, "the output is closed"))
    }

    /// The same of a `blocks` folder of Bitcoin Core. Unless `strict`, what is no block or is
    /// refused is told and passed over.
    fn import_folder(
        &mut self,
        name: &str,
        strict: bool,
        context: &mut HostContext<'_>,
    ) -> Result<(), CallError> {
        let unreadable = |e: &dyn std::fmt::Display| CallError::new(ErrorKind::File, e.to_string());
        let mut folder = CoreFolder::open(Path::new(name), self.config.params)
            .map_err(|error| unreadable(&error))?;
        let interrupt = context.interrupt();
        let mut progress =
            Progress::new(self.stdio.output_is_terminal && !self.config.json, "blocks");
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

    /// Builds indexes or coins again, step by step, so that Ctrl-C can stop it; what is left then
    /// goes on with "continue" or at the node's next start.
    fn reindex(&mut self, what: &str, context: &mut HostContext<'_>) -> Result<(), CallError> {
        let interrupt = context.interrupt();
        let mut progress =
            Progress::new(self.stdio.output_is_terminal && !self.config.json, "blocks");
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

    /// Writes the best chain to a new file; one that is there is never written over.
    fn export_blocks(
        &mut self,
        name: &str,
        context: &mut HostContext<'_>,
    ) -> Result<(), CallError> {
        let free = || match fs::symlink_metadata(name) {
            Ok(_) => Err(CallError::new(
                ErrorKind::File,
                format!("{name:?} is there already: give another name, or delete it first"),
            )),
            Err(_) => Ok(()),
        };
        free()?;
        let last = self.ask("getblockcount", Vec::new())?.as_u64().unwrap_or(0);
        let unfinished = format!("{name}.part");
        let failed = |e: std::io::Error| file_error("write", name, &e);
        let mut out = BufWriter::new(fs::File::create(&unfinished).map_err(failed)?);
        let mut progress =
            Progress::new(self.stdio.output_is_terminal && !self.config.json, "blocks");
        let interrupt = context.interrupt();
        for height in 1..=last {
            if interrupt.load(Ordering::Relaxed) {
                // What is there of the file is of no use.
                let _ = fs::remove_file(&unfinished);
                return Err(CallError::new(
                    ErrorKind::Interrupted,
                    "export stopped; no file was written",
                ));
            }
            let block = self.ask("getblock", vec![json!(height), json!(0)])?;
            let text = block.as_str().unwrap_or_default();
            writeln!(out, "{text}").map_err(failed)?;
            progress.show(height, height, last);
        }
        let file = out.into_inner().map_err(|e| failed(e.into_error()))?;
        file.sync_all().map_err(failed)?;
        free()?;
        fs::rename(&unfinished, name).map_err(failed)?;
        progress.done();
        let line = if self.config.json {
            json!({ "exported": last }).to_string()
        } else {
            format!("exported {last} blocks to {name}")
        };
        let shown = self.show(&(line + "\n"), context);
        shown.map_err(|_| CallError::new(ErrorKind::Internal, "the output is closed"))
    }

    fn out_failed(&self, error: &std::io::Error) -> Throw {
        self.shared.closed.set(self.stdio.closed);
        Throw::new(THROW_FILE, format!("the output can't be written: {error}"))
    }
}

/// Name and version of the program.
pub const VERSION: &str = concat!("forthcoin ", env!("CARGO_PKG_VERSION"));

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

/// Blocks of a file with their places, and how the file ended if it did.
type Batch = (Vec<(Place, Vec<u8>)>, Option<Result<(), FileError>>);

fn next_batch(file: &mut BlockFile<fs::File>) -> Batch {
    let mut batch = Vec::new();
    let mut bytes = 0;
    while batch.len() < IMPORT_BLOCKS && bytes < IMPORT_BYTES {
        match file.next_block() {
            Ok(Some((place, block))) => {
                bytes += block.len();
                batch.push((place, block));
            }
            Ok(None) => return (batch, Some(Ok(()))),
            Err(e) => return (batch, Some(Err(e))),
        }
    }
    (batch, None)
}

fn bench_throw(error: BenchError) -> Throw {
    throw_of(CallError::invalid_params(error.to_string()))
}

fn push_assembled(text: &str, context: &mut HostContext<'_>) -> Result<(), Throw> {
    let script = assemble(text).map_err(|e| throw_of(CallError::invalid_params(e.to_string())))?;
    context.push_string(hex::encode(&script).as_bytes())
}

fn pop_hex(context: &mut HostContext<'_>) -> Result<Vec<u8>, Throw> {
    let text = context.pop_string()?;
    let bytes = hex::decode(String::from_utf8_lossy(&text).trim());
    bytes.map_err(|e| throw_of(CallError::invalid_params(e.to_string())))
}

/// An execution token to run; 0 is none.
fn alert(xt: i64) -> Option<i64> {
    (xt != 0).then_some(xt)
}

fn pop_path(context: &mut HostContext<'_>) -> Result<String, Throw> {
    let name = context.pop_string()?;
    String::from_utf8(name).map_err(|_| Throw::new(THROW_FILE, "the file name is not UTF-8"))
}

fn pop_value(param: &Param, context: &mut HostContext<'_>) -> Result<Value, Throw> {
    Ok(match param.shape {
        Shape::Nothing => Value::Null,
        Shape::Cell => json!(context.pop()?),
        Shape::Flag => Value::Bool(context.pop()? != 0),
        Shape::Text => Value::String(String::from_utf8_lossy(&context.pop_string()?).into_owned()),
        Shape::Json => serde_json::from_slice(&context.pop_string()?).map_err(|e| {
            throw_of(CallError::invalid_params(format!("{} is not JSON: {e}", param.name)))
        })?,
    })
}

fn push_value(shape: Shape, value: &Value, context: &mut HostContext<'_>) -> Result<(), Throw> {
    match shape {
        Shape::Nothing => Ok(()),
        Shape::Cell => context.push(value.as_i64().unwrap_or(0)),
        Shape::Flag => context.push_flag(value.as_bool().unwrap_or(false)),
        Shape::Text => match value.as_str() {
            Some(text) => context.push_string(text.as_bytes()),
            None => context.push_string(value.to_string().as_bytes()),
        },
        Shape::Json => context.push_string(value.to_string().as_bytes()),
    }
}

impl Around for ConsoleHost {
    fn ask(&mut self, method: &str, params: Vec<Value>) -> Result<Value, CallError> {
        ConsoleHost::ask(self, method, params)
    }

    fn config(&self) -> &Config {
        &self.config
    }

    fn is_terminal(&self) -> bool {
        self.stdio.input_is_terminal && self.stdio.output_is_terminal
    }

    fn confirm(&mut self, question: &str) -> bool {
        if !self.is_terminal() || self.stdio.flush().is_err() {
            return false;
        }
        eprint!("{question} [y/N] ");
        let answer = stdio::read_line().ok().flatten().unwrap_or_default();
        matches!(answer.trim_ascii(), b"y" | b"Y" | b"yes" | b"Yes")
    }

    fn show_secret(&mut self, text: &str) -> Result<(), CallError> {
        let failed = |e: std::io::Error| file_error("write", "the terminal", &e);
        self.stdio.flush().map_err(failed)?;
        // Past our own buffer, which nobody wipes.
        let mut terminal = fs::OpenOptions::new().write(true).open("/dev/tty").map_err(failed)?;
        terminal.write_all(text.as_bytes()).map_err(failed)
    }

    fn set_unsaved(&mut self, unsaved: bool) {
        self.shared.unsaved.set(unsaved);
    }
}

impl Host for ConsoleHost {
    fn type_out(&mut self, text: &[u8]) -> Result<(), Throw> {
        self.stdio.write(text).map_err(|e| self.out_failed(&e))
    }

    fn flush(&mut self) -> Result<(), Throw> {
        self.stdio.flush().map_err(|e| self.out_failed(&e))
    }

    fn key(&mut self) -> Result<Option<u8>, Throw> {
        self.flush()?;
        stdio::read_byte().map_err(|e| Throw::new(THROW_FILE, e.to_string()))
    }

    fn key_ready(&mut self) -> bool {
        !self.stdio.input_is_terminal
    }

    fn is_watched(&self) -> bool {
        self.stdio.input_is_terminal && self.stdio.output_is_terminal
    }

    fn accept(&mut self, max: usize) -> Result<Option<Vec<u8>>, Throw> {
        self.flush()?;
        let line = stdio::read_line().map_err(|e| Throw::new(THROW_FILE, e.to_string()))?;
        Ok(line.map(|mut line| {
            line.truncate(max);
            line
        }))
    }

    fn time_and_date(&mut self) -> [i64; 6] {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        civil_time(now.as_secs() as i64)
    }

    fn utime_us(&mut self) -> i64 {
        self.started.elapsed().as_micros() as i64
    }

    fn ms(&mut self, ms: u64, interrupt: &AtomicBool) {
        let end = Instant::now() + Duration::from_millis(ms.min(u64::from(u32::MAX)));
        // Short waits, so that Ctrl-C is heard.
        while !interrupt.load(Ordering::Relaxed) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(Duration::from_millis(50)));
        }
    }

    fn open_include(
        &mut self,
        name: &[u8],
        from: Option<&str>,
    ) -> Result<(String, Vec<u8>), Throw> {
        if self.sandbox {
            return Err(Throw::new(THROW_UNSUPPORTED, "--sandbox opens no files"));
        }
        let name = String::from_utf8_lossy(name).into_owned();
        let path = find_source(Path::new(&name), from, &self.config.data_root)
            .ok_or_else(|| Throw::new(THROW_NO_FILE, format!("there is no file {name:?}")))?;
        let text = read_source(&path)
            .map_err(|e| Throw::new(THROW_FILE, format!("can't read {}: {e}", path.display())))?;
        Ok((source_name(&path), text))
    }

    fn file(&mut self) -> Option<&mut dyn HostFiles> {
        self.files.as_mut().map(|files| files as &mut dyn HostFiles)
    }

    fn words(&self) -> &'static [HostWord] {
        words::host_words()
    }

    fn call(&mut self, index: usize, context: &mut HostContext<'_>) -> Result<(), Throw> {
        let meaning = words::meaning(index).ok_or_else(|| Throw::code(THROW_UNSUPPORTED))?;
        let harmless = matches!(&meaning, Meaning::Own(own) if own.is_harmless());
        if self.sandbox && !harmless {
            return Err(Throw::new(THROW_UNSUPPORTED, "--sandbox turns the node's words off"));
        }
        match meaning {
            Meaning::Own(own) => self.own_word(own, context),
            Meaning::Call(number) => self.call_entry(&CALLS[number], context),
            Meaning::Wallet(word) => {
                let mut desk = std::mem::take(&mut self.desk);
                let done = wallet::run(&mut desk, word, self, context);
                self.desk = desk;
                done
            }
        }
    }
}

/// What a source file is called: the same for every way to it, short below the current folder.
pub fn source_name(path: &Path) -> String {
    let Ok(whole) = fs::canonicalize(path) else { return path.to_string_lossy().into_owned() };
    let here = std::env::current_dir().ok();
    let short = here.and_then(|here| whole.strip_prefix(here).ok());
    short.unwrap_or(&whole).to_string_lossy().into_owned()
}

/// Where a source is: beside the including file, as named, or in the data folder.
fn find_source(name: &Path, from: Option<&str>, data_root: &Path) -> Option<PathBuf> {
    let beside = from.and_then(|from| Path::new(from).parent()).map(|folder| folder.join(name));
    let places = [beside, Some(name.to_owned()), Some(data_root.join(name))];
    places.into_iter().flatten().find(|path| path.is_file())
}

/// The text of a source file, bounded.
pub fn read_source(path: &Path) -> std::io::Result<Vec<u8>> {
    let size = fs::metadata(path)?.len();
    if size > LONGEST_SOURCE {
        let why = format!("its {size} bytes are over the limit of {LONGEST_SOURCE}");
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, why));
    }
    fs::read(path)
}

/// Seconds, minutes, hours, day, month and year (UTC) of seconds since 1970, by the civil calendar.
fn civil_time(seconds: i64) -> [i64; 6] {
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Days since 1 March of year 0, in eras of 400 years.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    [rest % 60, rest / 60 % 60, rest / 3600, day, month, year]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calendar() {
        assert_eq!(civil_time(0), [0, 0, 0, 1, 1, 1970]);
        assert_eq!(civil_time(951_782_399), [59, 59, 23, 28, 2, 2000]);
        assert_eq!(civil_time(951_782_400), [0, 0, 0, 29, 2, 2000]);
        assert_eq!(civil_time(1_795_467_600), [0, 0, 21, 23, 11, 2026]);
    }
}
