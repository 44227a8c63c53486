//! The state of a console session that the Forth host, the loop around the machine and the line
//! editor share.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use serde_json::{Map, Value};

use super::event_handlers::EventHandlers;
use rpc::door::Door;
use rpc::error::CallError;
use rpc::wire::{Params, Request};

/// What the host, the loop around the machine and the line editor share.
#[derive(Default)]
pub struct SessionState {
    /// The connection to the node, once it is open.
    pub(super) client: RefCell<Option<Box<dyn Door>>>,
    /// The node's height when it was last asked.
    pub height: Cell<Option<u64>>,
    /// The reader of our output is gone.
    pub closed: Cell<bool>,
    /// A wallet is open that no file holds.
    pub unsaved: Cell<bool>,
    /// The program itself comes from standard input, line by line.
    pub source_is_stdin: Cell<bool>,
    /// The handlers of events: words of the operator.
    pub handlers: RefCell<EventHandlers>,
    /// Block hashes that answers named, the latest first.
    seen: RefCell<VecDeque<String>>,
}

/// Block hashes that completion remembers.
const HASHES_SEEN: usize = 50;

impl SessionState {
    /// Asks the node for its height, if there is a connection to it.
    pub fn update_height(&self) {
        let request =
            Request { method: "getblockcount".to_owned(), params: Params::ByPosition(Vec::new()) };
        if let Some(client) = self.client.borrow_mut().as_mut()
            && let Ok(height) = client.ask(request)
        {
            self.height.set(height.as_u64());
        }
    }

    /// Closes the connection in order; changes are on disk afterwards.
    pub fn close(&self) -> Result<(), CallError> {
        self.client.take().map_or(Ok(()), |mut client| client.close())
    }

    /// Addresses of the node's peers; none while no node was asked for anything.
    pub fn peers(&self) -> Vec<String> {
        let Ok(mut client) = self.client.try_borrow_mut() else { return Vec::new() };
        let params = Params::ByPosition(Vec::new());
        let request = Request { method: "getpeerinfo".to_owned(), params };
        let answer = client.as_mut().and_then(|client| client.ask(request).ok());
        let peers = answer.as_ref().and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let address = |peer: &Value| Some(peer.get("addr")?.as_str()?.to_owned());
        peers.iter().filter_map(address).collect()
    }

    /// Block hashes lately seen, the latest first.
    pub fn block_hashes(&self) -> Vec<String> {
        self.seen.borrow().iter().cloned().collect()
    }

    /// Remembers the block hashes of an answer.
    pub(super) fn note(&self, method: &str, answer: &Value) {
        let mut seen = self.seen.borrow_mut();
        for hash in hashes_in(method, answer) {
            seen.retain(|known| known != hash);
            seen.push_front(hash.to_owned());
        }
        seen.truncate(HASHES_SEEN);
    }
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
