//! Records every change asked for in the audit log, whichever transport it came by: requester, what, and
//! the result.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value, json};

use crate::daemon::clock::now_s;
use crate::daemon::requester::Requester;
use audit_log::{AuditLog, redacted};
use rpc::call::{Class, Entry};
use rpc::error::CallError;
use rpc::wire::Params;

/// Refusals that are recorded in one second; of more only the number is.
const REFUSALS_A_SECOND: u32 = 10;

/// Longest text of all parameters together, in bytes.
const LONGEST_PARAMS: usize = 4096;

/// Longest reason, in characters.
const LONGEST_REASON: usize = 300;

/// Writes the audit log of the data folder that this process holds; opened at the first line.
pub struct AuditRecorder {
    folder: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    log: Option<AuditLog>,
    /// Why the last line could not be written.
    fault: Option<String>,
    /// The second in which refusals were last recorded, how many were, and how many were not.
    refused: (u32, u32, u64),
}

/// The parameters as they are recorded, by name where that is known.
fn recorded(entry: &Entry, params: &Params) -> Value {
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

impl AuditRecorder {
    pub fn new(folder: PathBuf) -> AuditRecorder {
        AuditRecorder { folder, state: Mutex::default() }
    }

    /// Why the last line could not be written; `None` when all is well.
    pub fn fault(&self) -> Option<String> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).fault.clone()
    }

    /// Runs a request and records it if it asks for a change.
    pub fn run_recorded<T>(
        &self,
        requester: &Requester,
        entry: &Entry,
        params: Params,
        run: impl FnOnce(Params) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        if entry.class == Class::Read {
            return run(params);
        }
        let recorded = recorded(entry, &params);
        let answer = run(params);
        self.record(requester, entry, recorded, answer.as_ref().err());
        answer
    }

    /// Records a request that was refused before it reached the node.
    pub fn refused(&self, requester: &Requester, entry: &Entry, error: &CallError) {
        self.record(requester, entry, Value::Null, Some(error));
    }

    fn record(
        &self,
        requester: &Requester,
        entry: &Entry,
        params: Value,
        error: Option<&CallError>,
    ) {
        let now = now_s();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut fields = Map::new();
        let mut add = |name: &str, value: Value| {
            if !value.is_null() {
                fields.insert(name.to_owned(), value);
            }
        };
        add("at", json!(now));
        add("door", json!(requester.transport));
        add("user", json!(requester.user.as_deref().unwrap_or("nobody")));
        add("address", json!(requester.address.map(|address| address.to_string())));
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
            // Opened again with the next line: the file is the truth, not our memory of it.
            state.log = None;
            tracing::error!(target: "audit", why, "the audit log can't be written");
        }
    }
}
