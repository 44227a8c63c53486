//! Sends notifications of the node's events to subscribers; each is serialised once for all of them.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::MissedTickBehavior;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::backend::Backend;
use super::notifications::{
    POLL_EVERY, POOL_BATCH, StateWatcher, Transfers, add_transfer, address_text, missed,
    pool_notifications,
};
use super::topic::{Notification, TOPICS, Topic};
use chain::event::ChainEvent;
use mempool::pool::PoolEvent;
use node::view::View;
use primitives::address::Address;
use primitives::block::{Block, Height};
use primitives::id::{BlockHash, Txid};
use rpc::error::CallError;

/// Notifications that a subscriber may be behind before it is dropped.
const QUEUE: usize = 256;

/// Addresses that one connection may watch.
pub const MAX_ADDRESSES: usize = 100;

/// The queue to all subscribers, and what addresses they watch.
pub struct Notifier {
    sender: broadcast::Sender<Arc<Notification>>,
    watched: Arc<Mutex<HashMap<String, usize>>>,
}

impl Default for Notifier {
    fn default() -> Notifier {
        Notifier { sender: broadcast::channel(QUEUE).0, watched: Arc::default() }
    }
}

fn locked(watched: &Mutex<HashMap<String, usize>>) -> MutexGuard<'_, HashMap<String, usize>> {
    watched.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Notifier {
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

    /// Sends notifications until the node ends; none while there is no subscriber.
    pub async fn run(
        &self,
        backend: Arc<dyn Backend>,
        mut events: broadcast::Receiver<Arc<ChainEvent>>,
        mut pool_events: broadcast::Receiver<PoolEvent>,
    ) {
        let mut watcher = StateWatcher::default();
        let mut poll = tokio::time::interval(POLL_EVERY);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let notifications = tokio::select! {
                // The chain's events of a step come before the pool's.
                biased;
                event = events.recv() => match event {
                    Ok(_) if self.subscribers() == 0 => continue,
                    Ok(event) => self.chain_notifications(&backend.view(), &event),
                    // More at once than we queue, as in an import: announce the tip alone.
                    Err(RecvError::Lagged(_)) => tip_notification(&backend.view()).into_iter().collect(),
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
                        pool_notifications(&backend.view(), &batch, &watched)
                    }
                    Err(RecvError::Lagged(count)) => vec![missed(count)],
                    Err(RecvError::Closed) => return,
                },
                // Also without subscribers, so that the first one is notified of the next change.
                _ = poll.tick() => {
                    let notifications = watcher.poll(&backend.view());
                    if self.subscribers() == 0 {
                        continue;
                    }
                    notifications
                }
            };
            for notification in notifications {
                // The last subscriber may have just left.
                let _ = self.sender.send(Arc::new(notification));
            }
        }
    }

    fn chain_notifications(&self, view: &View, event: &ChainEvent) -> Vec<Notification> {
        match event {
            ChainEvent::BlockConnected { hash, height, block, txids } => {
                let mut notifications = vec![
                    block_notification(*height, hash, block),
                    confirmed_notification(*height, hash, txids),
                    Notification::of(
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
                    notifications
                        .push(self.address_notification(view, *height, hash, block, txids));
                }
                notifications
            }
            ChainEvent::TipChanged { hash, height, disconnected, connected }
                if *disconnected > 0 =>
            {
                vec![Notification::of(
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
    fn address_notification(
        &self,
        view: &View,
        height: Height,
        hash: &BlockHash,
        block: &Block,
        txids: &[Txid],
    ) -> Notification {
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
            let mut transfers = Transfers::new();
            for output in &tx.outputs {
                add_transfer(
                    &mut transfers,
                    view,
                    &watched,
                    &output.script_pubkey,
                    output.value,
                    false,
                );
            }
            let inputs = if tx.is_coinbase() { 0 } else { tx.inputs.len() };
            for coin in coins.by_ref().take(inputs) {
                add_transfer(&mut transfers, view, &watched, &coin.script_pubkey, coin.value, true);
            }
            for (address, sums) in transfers {
                let text = address_text(&address, txid, sums, Some((height.0, &hash_text)));
                by_address.entry(address).or_default().push(text);
            }
        }
        Notification { topic: Topic::Address, texts: Vec::new(), by_address }
    }
}

fn block_notification(height: Height, hash: &BlockHash, block: &Block) -> Notification {
    Notification::of(
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
            "weight": block.weight().0,
        }),
    )
}

fn confirmed_notification(height: Height, hash: &BlockHash, txids: &[Txid]) -> Notification {
    let write = |txid: &Txid| {
        // Nothing but hex and a number: no text that would need escapes.
        let text = format!(
            "{{\"type\":\"transaction\",\"txid\":\"{txid}\",\"confirmed\":true,\"height\":{height},\
             \"blockhash\":\"{hash}\"}}"
        );
        text.into()
    };
    let texts = txids.iter().map(write).collect();
    Notification { topic: Topic::Transactions, texts, by_address: HashMap::new() }
}

/// The tip as a block notification, when events were lost.
fn tip_notification(view: &View) -> Option<Notification> {
    let snapshot = view.read().ok()?;
    let tip = snapshot.tip().ok()?;
    let id = snapshot.id_at(tip.height).ok().flatten()?;
    let block = snapshot.block(id).ok().flatten()?;
    Some(block_notification(tip.height, &tip.hash, &block))
}

/// What one connection has subscribed to.
pub struct Subscription {
    receiver: Option<broadcast::Receiver<Arc<Notification>>>,
    sender: broadcast::Sender<Arc<Notification>>,
    topics: u8,
    addresses: HashSet<String>,
    watched: Arc<Mutex<HashMap<String, usize>>>,
}

/// The subscriber is more notifications behind than are queued for it.
#[derive(Debug, PartialEq, Eq)]
pub struct TooSlow;

impl Subscription {
    /// Adds or removes the topics and addresses of the parameters; returns all that are then subscribed
    /// to.
    pub fn change(&mut self, view: &View, add: bool, params: &[Value]) -> Result<Value, CallError> {
        let (mut topics, addresses) = read_topics(view, params)?;
        if topics == 0 && addresses.is_empty() {
            // Without parameters: subscribe to every topic that needs no address, or unsubscribe from all.
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

    /// The texts of the next notification for this connection; waits for ever without a subscription.
    pub async fn next(&mut self) -> Result<Vec<Utf8Bytes>, TooSlow> {
        let Some(receiver) = &mut self.receiver else { return std::future::pending().await };
        loop {
            match receiver.recv().await {
                Ok(notification) if notification.topic == Topic::Address => {
                    let mine = |name: &String| notification.by_address.get(name);
                    let texts: Vec<Utf8Bytes> =
                        self.addresses.iter().filter_map(mine).flatten().cloned().collect();
                    if !texts.is_empty() {
                        return Ok(texts);
                    }
                }
                Ok(notification) if self.topics & notification.topic as u8 != 0 => {
                    return Ok(notification.texts.clone());
                }
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

    fn subscription(notifier: &Notifier, topics: u8) -> Subscription {
        let mut subscription = notifier.subscription();
        subscription.topics = topics;
        subscription.receiver = Some(notifier.sender.subscribe());
        subscription
    }

    fn next(subscription: &mut Subscription) -> Option<Result<Vec<Utf8Bytes>, TooSlow>> {
        futures_util::FutureExt::now_or_never(subscription.next())
    }

    #[test]
    fn a_slow_subscriber_is_dropped_and_delays_no_other() {
        let notifier = Notifier::default();
        let mut slow = subscription(&notifier, Topic::Blocks as u8);
        let mut quick = subscription(&notifier, Topic::Blocks as u8);
        let mut other = subscription(&notifier, Topic::Peers as u8);
        for n in 0..=QUEUE {
            let notification =
                Notification::of(Topic::Blocks, &json!({ "type": "block", "height": n }));
            assert!(notifier.sender.send(Arc::new(notification)).is_ok());
            assert!(matches!(next(&mut quick), Some(Ok(texts)) if texts.len() == 1));
            // Other topics are skipped.
            assert!(next(&mut other).is_none());
        }
        assert_eq!(next(&mut slow), Some(Err(TooSlow)));
        assert_eq!(notifier.subscribers(), 3);
        drop(slow);
        assert_eq!(notifier.subscribers(), 2);
    }
}
