//! Notes every change asked for, whichever door it came by: who, what, how it ended.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value, json};

use crate::daemon::clock::now_s;
use crate::daemon::requester::Who;
use audit_log::{AuditLog, redacted};
use rpc::call::{Class, Entry};
use rpc::error::CallError;
use rpc::wire::Params;

/// Refusals that are noted in one second; of more only the number is.
const REFUSALS_A_SECOND: u32 = 10;

/// Longest text of all parameters together, in bytes.
const LONGEST_PARAMS: usize = 4096;

/// Longest reason, in characters.
const LONGEST_REASON: usize = 300;

/// The log of the folder that this process holds, opened at the first line.
pub struct Audit {
    folder: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    log: Option<AuditLog>,
    /// Why the last line could not be written.
    fault: Option<String>,
    /// The second that refusals were last noted in, how many, and how many were not.
    refused: (u32, u32, u64),
}

/// The parameters as they are kept, by name where that is known.
fn kept(entry: &Entry, params: &Params) -> Value {
    let named: Map<String, Value> = match params {
        Params::ByName(values) => values
            .iter()
            .take(16)
            .map(|(name, value)| (name.chars().take(40).collect(), redacted(name, value)))
            .collect(),
        Params::ByPosition(values) => {
            let names = entry.params();
            let name = |at: usize| names.get(at).map_or("more", |param| param.name);
            let values = values.iter().enumerate().filter(|(_, value)| !value.is_null());
            values.map(|(at, value)| (name(at).to_owned(), redacted(name(at), value))).collect()
        }
    };
    let count = named.len();
    let named = Value::Object(named);
    match named.to_string().len() > LONGEST_PARAMS {
        true => json!({ "parameters": count }),
        false => named,
    }
}

impl Audit {
    pub fn new(folder: PathBuf) -> Audit {
        Audit { folder, state: Mutex::default() }
    }

    /// Why the last line could not be written; `None` when all is well.
    pub fn fault(&self) -> Option<String> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).fault.clone()
    }

    /// Runs what a request asks for and notes it if it changes something.
    pub fn around<T>(
        &self,
        who: &Who,
        entry: &Entry,
        params: Params,
        run: impl FnOnce(Params) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        if entry.class == Class::Read {
            return run(params);
        }
        let told = kept(entry, &params);
        let answer = run(params);
        self.note(who, entry, told, answer.as_ref().err());
        answer
    }

    /// Notes a request that was refused at the door.
    pub fn refused(&self, who: &Who, entry: &Entry, error: &CallError) {
        self.note(who, entry, Value::Null, Some(error));
    }

    fn note(&self, who: &Who, entry: &Entry, params: Value, error: Option<&CallError>) {
        let now = now_s();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut fields = Map::new();
        let mut add = |name: &str, value: Value| {
            if !value.is_null() {
                fields.insert(name.to_owned(), value);
            }
        };
        add("at", json!(now));
        add("door", json!(who.door));
        add("user", json!(who.user.as_deref().unwrap_or("nobody")));
        add("address", json!(who.address.map(|address| address.to_string())));
        add("method", json!(entry.method));
        add("params", params);
        match error {
            None => add("result", json!("done")),
            Some(error) => {
                let (second, count, left_out) = state.refused;
                if second == now && count >= REFUSALS_A_SECOND {
                    state.refused = (second, count, left_out + 1);
                    return;
                }
                let count = if second == now { count + 1 } else { 1 };
                state.refused = (now, count, 0);
                let why: String = error.message.chars().take(LONGEST_REASON).collect();
                add("result", json!(format!("{:?}: {why}", error.kind)));
                add("failures_left_out", json!((left_out > 0).then_some(left_out)));
            }
        }
        let sync = entry.class == Class::Admin;
        let write = || {
            let log = match &mut state.log {
                Some(log) => log,
                none => none.insert(AuditLog::open(&self.folder)?),
            };
            log.append(fields, sync)
        };
        let written = write();
        state.fault = written.err().map(|e| e.to_string());
        if let Some(why) = state.fault.clone() {
            // Opened again with the next line: what is in the file counts.
            state.log = None;
            tracing::error!(target: "audit", why, "the audit log can't be written");
        }
    }
}
