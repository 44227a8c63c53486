//! What happens on the node as texts for subscribers, written once for all of them.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::back::Back;
use crate::api::error::CallError;
use crate::api::show;
use crate::chain::event::ChainEvent;
use crate::node::view::View;
use crate::primitives::address::Address;
use crate::primitives::block::{Block, Height};
use crate::primitives::id::{BlockHash, Txid};
use crate::primitives::script::Script;

/// Events that a subscriber may be behind before it is dropped.
const QUEUE: usize = 256;

/// Addresses of one connection.
pub const MAX_ADDRESSES: usize = 100;

/// A kind of event that can be subscribed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Topic {
    Blocks = 1,
    Transactions = 2,
    Reorganisations = 4,
    Mining = 8,
    Peers = 16,
    Address = 32,
}

/// Names that a subscriber may use; the first of each topic is the one we answer with.
const TOPICS: &[(Topic, &[&str])] = &[
    (Topic::Blocks, &["blocks", "block", "newblock", "newblocks"]),
    (Topic::Transactions, &["transactions", "transaction", "tx", "txs", "mempool"]),
    (Topic::Reorganisations, &["reorganisations", "reorganisation", "reorgs", "reorg"]),
    (Topic::Mining, &["mining"]),
    (Topic::Peers, &["peers", "peer"]),
    (Topic::Address, &["address", "addresses"]),
];

impl Topic {
    fn by_name(name: &str) -> Option<Topic> {
        TOPICS.iter().find(|(_, names)| names.contains(&name)).map(|(topic, _)| *topic)
    }
}

/// One event, written.
#[derive(Debug)]
pub struct Push {
    pub topic: Topic,
    /// For everybody who has the topic.
    pub texts: Vec<Utf8Bytes>,
    /// For those who watch the address.
    pub by_address: HashMap<String, Vec<Utf8Bytes>>,
}

impl Push {
    fn of(topic: Topic, event: &Value) -> Push {
        Push { topic, texts: vec![event.to_string().into()], by_address: HashMap::new() }
    }
}

/// The queue to all subscribers, and what addresses they watch.
pub struct Pushes {
    sender: broadcast::Sender<Arc<Push>>,
    watched: Arc<Mutex<HashMap<String, usize>>>,
}

impl Default for Pushes {
    fn default() -> Pushes {
        Pushes { sender: broadcast::channel(QUEUE).0, watched: Arc::default() }
    }
}

fn locked(watched: &Mutex<HashMap<String, usize>>) -> MutexGuard<'_, HashMap<String, usize>> {
    watched.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pushes {
    pub fn subscribers(&self) -> usize {
        self.sender.receiver_count()
    }

    pub fn subscription(&self) -> Subscription {
        Subscription {
            receiver: None,
            sender: self.sender.clone(),
            topics: 0,
            addresses: HashSet::new(),
            watched: Arc::clone(&self.watched),
        }
    }

    /// Writes events for subscribers until the node ends. Nothing is written while nobody
    /// listens.
    pub async fn pump(
        &self,
        back: Arc<dyn Back>,
        mut events: broadcast::Receiver<Arc<ChainEvent>>,
    ) {
        loop {
            let event = match events.recv().await {
                Ok(event) => event,
                // More at once than we hold, as in an import: say where the chain is now.
                Err(RecvError::Lagged(_)) => match tip_event(&back.view()) {
                    Some(push) if self.subscribers() > 0 => {
                        let _ = self.sender.send(Arc::new(push));
                        continue;
                    }
                    _ => continue,
                },
                Err(RecvError::Closed) => return,
            };
            if self.subscribers() == 0 {
                continue;
            }
            for push in self.written(&back.view(), &event) {
                // The last subscriber may have just left.
                let _ = self.sender.send(Arc::new(push));
            }
        }
    }

    fn written(&self, view: &View, event: &ChainEvent) -> Vec<Push> {
        match event {
            ChainEvent::BlockConnected { hash, height, block, txids } => {
                let mut pushes =
                    vec![block_push(*height, hash, block), confirmed_push(*height, hash, txids)];
                if !locked(&self.watched).is_empty() {
                    pushes.push(self.address_push(view, *height, hash, block, txids));
                }
                pushes
            }
            ChainEvent::TipChanged { hash, height, disconnected, connected }
                if *disconnected > 0 =>
            {
                vec![Push::of(
                    Topic::Reorganisations,
                    &json!({
                        "type": "reorganisation",
                        "height": height.0,
                        "hash": hash.to_string(),
                        "disconnected": disconnected,
                        "connected": connected,
                    }),
                )]
            }
            _ => Vec::new(),
        }
    }

    /// What the block paid to watched addresses and spent from them.
    fn address_push(
        &self,
        view: &View,
        height: Height,
        hash: &BlockHash,
        block: &Block,
        txids: &[Txid],
    ) -> Push {
        let watched: HashSet<String> = locked(&self.watched).keys().cloned().collect();
        let snapshot = view.read().ok();
        let spent = snapshot.as_ref().and_then(|snapshot| {
            let id = snapshot.id_of(hash).ok().flatten()?;
            snapshot.spent(id).ok().flatten()
        });
        let mut by_address: HashMap<String, Vec<Utf8Bytes>> = HashMap::new();
        let mut coins = spent.iter().flat_map(|spent| &spent.outputs);
        for (tx, txid) in block.txs.iter().zip(txids) {
            // Received and sent by address, in base units.
            let mut moved: HashMap<String, (i64, i64)> = HashMap::new();
            for output in &tx.outputs {
                if let Some(address) = named(view, &output.script_pubkey, &watched) {
                    moved.entry(address).or_default().0 += output.value.0;
                }
            }
            let inputs = if tx.is_coinbase() { 0 } else { tx.inputs.len() };
            for coin in coins.by_ref().take(inputs) {
                if let Some(address) = named(view, &coin.script_pubkey, &watched) {
                    moved.entry(address).or_default().1 += coin.value.0;
                }
            }
            for (address, (received, sent)) in moved {
                let text = json!({
                    "type": "address",
                    "address": address,
                    "txid": txid.to_string(),
                    "received": show::amount(crate::primitives::amount::Amount(received)),
                    "sent": show::amount(crate::primitives::amount::Amount(sent)),
                    "confirmed": true,
                    "height": height.0,
                    "blockhash": hash.to_string(),
                });
                by_address.entry(address).or_default().push(text.to_string().into());
            }
        }
        Push { topic: Topic::Address, texts: Vec::new(), by_address }
    }
}

fn named(view: &View, script: &Script, watched: &HashSet<String>) -> Option<String> {
    let address = Address::from_script(script)?.to_text(view.params);
    watched.contains(&address).then_some(address)
}

fn block_push(height: Height, hash: &BlockHash, block: &Block) -> Push {
    Push::of(
        Topic::Blocks,
        &json!({
            "type": "block",
            "height": height.0,
            "hash": hash.to_string(),
            "previousblockhash": block.header.prev.to_string(),
            "time": block.header.time,
            "difficulty": block.header.bits.difficulty(),
            "transactions": block.txs.len(),
            "size": block.total_size(),
            "weight": block.weight(),
        }),
    )
}

fn confirmed_push(height: Height, hash: &BlockHash, txids: &[Txid]) -> Push {
    let write = |txid: &Txid| {
        // Nothing but hex and a number: no text that would need escapes.
        let text = format!(
            "{{\"type\":\"transaction\",\"txid\":\"{txid}\",\"confirmed\":true,\"height\":{height},\
             \"blockhash\":\"{hash}\"}}"
        );
        text.into()
    };
    let texts = txids.iter().map(write).collect();
    Push { topic: Topic::Transactions, texts, by_address: HashMap::new() }
}

/// The tip as a block event, when those between were too many.
fn tip_event(view: &View) -> Option<Push> {
    let snapshot = view.read().ok()?;
    let tip = snapshot.tip().ok()?;
    let id = snapshot.id_at(tip.height).ok().flatten()?;
    let block = snapshot.block(id).ok().flatten()?;
    Some(block_push(tip.height, &tip.hash, &block))
}

/// What one connection wants to hear.
pub struct Subscription {
    receiver: Option<broadcast::Receiver<Arc<Push>>>,
    sender: broadcast::Sender<Arc<Push>>,
    topics: u8,
    addresses: HashSet<String>,
    watched: Arc<Mutex<HashMap<String, usize>>>,
}

/// More was pushed than the subscriber took.
#[derive(Debug, PartialEq, Eq)]
pub struct TooSlow;

impl Subscription {
    /// Adds what a `subscribe` names, or takes it away; what is subscribed to afterwards.
    pub fn change(&mut self, view: &View, add: bool, params: &[Value]) -> Result<Value, CallError> {
        let (mut topics, addresses) = read_topics(view, params)?;
        if topics == 0 && addresses.is_empty() {
            // Nothing named: all that needs no name of its own, or an end to everything.
            topics = if add { !(Topic::Address as u8) } else { u8::MAX };
        }
        if add {
            let total = self.addresses.union(&addresses).count();
            if total > MAX_ADDRESSES {
                return Err(CallError::invalid_params(format!(
                    "one connection watches at most {MAX_ADDRESSES} addresses"
                )));
            }
            for address in addresses {
                if self.addresses.insert(address.clone()) {
                    *locked(&self.watched).entry(address).or_insert(0) += 1;
                }
            }
            self.topics |= topics & !(Topic::Address as u8);
        } else {
            let all = addresses.is_empty() && topics & Topic::Address as u8 != 0;
            let gone: Vec<String> = match all {
                true => self.addresses.drain().collect(),
                false => addresses.into_iter().filter(|name| self.addresses.remove(name)).collect(),
            };
            self.unwatch(&gone);
            self.topics &= !topics;
        }
        let wanted = self.topics != 0 || !self.addresses.is_empty();
        self.receiver = match self.receiver.take() {
            Some(receiver) if wanted => Some(receiver),
            None if wanted => Some(self.sender.subscribe()),
            _ => None,
        };
        Ok(self.shown())
    }

    fn shown(&self) -> Value {
        let on = TOPICS.iter().filter(|(topic, _)| self.topics & *topic as u8 != 0);
        let names: Vec<&str> = on.map(|(_, names)| names[0]).collect();
        let mut addresses: Vec<&String> = self.addresses.iter().collect();
        addresses.sort();
        json!({ "topics": names, "addresses": addresses })
    }

    fn unwatch(&self, addresses: &[String]) {
        let mut watched = locked(&self.watched);
        for address in addresses {
            if let Some(count) = watched.get_mut(address) {
                *count -= 1;
                if *count == 0 {
                    watched.remove(address);
                }
            }
        }
    }

    /// The texts of the next event that this connection wants; waits for ever when it wants none.
    pub async fn next(&mut self) -> Result<Vec<Utf8Bytes>, TooSlow> {
        let Some(receiver) = &mut self.receiver else { return std::future::pending().await };
        loop {
            match receiver.recv().await {
                Ok(push) if push.topic == Topic::Address => {
                    let mine = |name: &String| push.by_address.get(name);
                    let texts: Vec<Utf8Bytes> =
                        self.addresses.iter().filter_map(mine).flatten().cloned().collect();
                    if !texts.is_empty() {
                        return Ok(texts);
                    }
                }
                Ok(push) if self.topics & push.topic as u8 != 0 => return Ok(push.texts.clone()),
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => return Err(TooSlow),
                Err(RecvError::Closed) => return std::future::pending().await,
            }
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let addresses: Vec<String> = self.addresses.drain().collect();
        self.unwatch(&addresses);
    }
}

fn read_topics(view: &View, params: &[Value]) -> Result<(u8, HashSet<String>), CallError> {
    let mut names = Vec::new();
    match params.first() {
        None | Some(Value::Null) => {}
        Some(Value::String(name)) => names.push(name.as_str()),
        Some(Value::Array(list)) => {
            for name in list {
                let wrong = || CallError::invalid_params(format!("{name} is not a topic's name"));
                names.push(name.as_str().ok_or_else(wrong)?);
            }
        }
        Some(_) => return Err(CallError::invalid_params("topics are a text or a list of texts")),
    }
    let mut topics = 0;
    for name in names {
        let topic = Topic::by_name(name).ok_or_else(|| {
            let known: Vec<&str> = TOPICS.iter().map(|(_, names)| names[0]).collect();
            let name: String = name.chars().take(80).collect();
            CallError::invalid_params(format!("{name:?} is no topic: {}", known.join(", ")))
        })?;
        topics |= topic as u8;
    }
    let mut addresses = HashSet::new();
    match params.get(1) {
        None | Some(Value::Null) => {}
        Some(Value::String(text)) => {
            let address = Address::from_text(text.trim(), view.params).map_err(|e| {
                CallError::invalid_params(format!("the address can't be watched: {e}"))
            })?;
            addresses.insert(address.to_text(view.params));
            topics |= Topic::Address as u8;
        }
        Some(_) => return Err(CallError::invalid_params("the address is a text")),
    }
    Ok((topics, addresses))
}
