//! What happens on the node as texts for subscribers, written once for all of them.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::MissedTickBehavior;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::backend::Backend;
use super::notifications::{
    LOOK_EVERY, Moved, POOL_BATCH, Seen, add_moved, address_text, missed, pool_pushes,
};
use super::topic::{Push, TOPICS, Topic};
use chain::event::ChainEvent;
use mempool::pool::PoolEvent;
use node::view::View;
use primitives::address::Address;
use primitives::block::{Block, Height};
use primitives::id::{BlockHash, Txid};
use rpc::error::CallError;

/// Events that a subscriber may be behind before it is dropped.
const QUEUE: usize = 256;

/// Addresses of one connection.
pub const MAX_ADDRESSES: usize = 100;

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

    /// Writes events for subscribers until the node ends. Nothing is sent while nobody
    /// listens.
    pub async fn pump(
        &self,
        backend: Arc<dyn Backend>,
        mut events: broadcast::Receiver<Arc<ChainEvent>>,
        mut pool_events: broadcast::Receiver<PoolEvent>,
    ) {
        let mut seen = Seen::default();
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let pushes = tokio::select! {
                // The chain's events of a step come before the pool's.
                biased;
                event = events.recv() => match event {
                    Ok(_) if self.subscribers() == 0 => continue,
                    Ok(event) => self.written(&backend.view(), &event),
                    // More at once than we hold, as in an import: say where the chain is now.
                    Err(RecvError::Lagged(_)) => tip_event(&backend.view()).into_iter().collect(),
                    Err(RecvError::Closed) => return,
                },
                event = pool_events.recv() => match event {
                    Ok(_) if self.subscribers() == 0 => continue,
                    Ok(event) => {
                        let mut batch = vec![event];
                        while batch.len() < POOL_BATCH
                            && let Ok(event) = pool_events.try_recv()
                        {
                            batch.push(event);
                        }
                        let watched = locked(&self.watched).keys().cloned().collect();
                        pool_pushes(&backend.view(), &batch, &watched)
                    }
                    Err(RecvError::Lagged(count)) => vec![missed(count)],
                    Err(RecvError::Closed) => return,
                },
                // Also while nobody listens, so that the first to do so hears of the next change.
                _ = look.tick() => {
                    let pushes = seen.look(&backend.view());
                    if self.subscribers() == 0 {
                        continue;
                    }
                    pushes
                }
            };
            for push in pushes {
                // The last subscriber may have just left.
                let _ = self.sender.send(Arc::new(push));
            }
        }
    }

    fn written(&self, view: &View, event: &ChainEvent) -> Vec<Push> {
        match event {
            ChainEvent::BlockConnected { hash, height, block, txids } => {
                let mut pushes = vec![
                    block_push(*height, hash, block),
                    confirmed_push(*height, hash, txids),
                    Push::of(
                        Topic::Mining,
                        &json!({
                            "type": "mining",
                            "event": "tip",
                            "height": height.0.saturating_add(1),
                            "previousblockhash": hash.to_string(),
                        }),
                    ),
                ];
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
        let hash_text = hash.to_string();
        let snapshot = view.read().ok();
        let spent = snapshot.as_ref().and_then(|snapshot| {
            let id = snapshot.id_of(hash).ok().flatten()?;
            snapshot.spent(id).ok().flatten()
        });
        let mut by_address: HashMap<String, Vec<Utf8Bytes>> = HashMap::new();
        let mut coins = spent.iter().flat_map(|spent| &spent.outputs);
        for (tx, txid) in block.txs.iter().zip(txids) {
            // Received and sent by address, in base units.
            let mut moved = Moved::new();
            for output in &tx.outputs {
                add_moved(&mut moved, view, &watched, &output.script_pubkey, output.value, false);
            }
            let inputs = if tx.is_coinbase() { 0 } else { tx.inputs.len() };
            for coin in coins.by_ref().take(inputs) {
                add_moved(&mut moved, view, &watched, &coin.script_pubkey, coin.value, true);
            }
            for (address, sums) in moved {
                let text = address_text(&address, txid, sums, Some((height.0, &hash_text)));
                by_address.entry(address).or_default().push(text);
            }
        }
        Push { topic: Topic::Address, texts: Vec::new(), by_address }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn subscription(pushes: &Pushes, topics: u8) -> Subscription {
        let mut subscription = pushes.subscription();
        subscription.topics = topics;
        subscription.receiver = Some(pushes.sender.subscribe());
        subscription
    }

    fn next(subscription: &mut Subscription) -> Option<Result<Vec<Utf8Bytes>, TooSlow>> {
        futures_util::FutureExt::now_or_never(subscription.next())
    }

    #[test]
    fn who_is_too_slow_is_told_so_and_holds_up_nobody() {
        let pushes = Pushes::default();
        let mut slow = subscription(&pushes, Topic::Blocks as u8);
        let mut quick = subscription(&pushes, Topic::Blocks as u8);
        let mut other = subscription(&pushes, Topic::Peers as u8);
        for n in 0..=QUEUE {
            let push = Push::of(Topic::Blocks, &json!({ "type": "block", "height": n }));
            assert!(pushes.sender.send(Arc::new(push)).is_ok());
            assert!(matches!(next(&mut quick), Some(Ok(texts)) if texts.len() == 1));
            // What is not wanted is passed over.
            assert!(next(&mut other).is_none());
        }
        assert_eq!(next(&mut slow), Some(Err(TooSlow)));
        assert_eq!(pushes.subscribers(), 3);
        drop(slow);
        assert_eq!(pushes.subscribers(), 2);
    }
}
