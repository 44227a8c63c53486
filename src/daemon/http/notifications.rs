//! Notifications of the mempool, the peers and mining. The mempool has events; peers and mining are
//! polled from the published view, so a change that is undone between two polls is not reported.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::topic::{Notification, Topic};
use crate::daemon::view_query::read;
use mempool::pool::{PoolEvent, Removal};
use node::view::View;
use primitives::address::Address;
use primitives::amount::Amount;
use primitives::id::Txid;
use primitives::script::Script;
use primitives::tx::Transaction;
use rpc::show;

/// How often peers and mining are polled.
pub const POLL_EVERY: Duration = Duration::from_millis(500);

/// Members of `getmininginfo` that change all the time: reported with others, never alone.
const VOLATILE: [&str; 4] = ["hashrate", "pooledtx", "currentblockweight", "currentblocktx"];

/// Events of the mempool in one notification.
pub const POOL_BATCH: usize = 256;

/// What a transaction transfers: received and sent in base units, by address.
pub type Transfers = HashMap<String, (i64, i64)>;

/// Adds what `script` receives (or sends, when `sent`) if its address is watched.
pub fn add_transfer(
    transfers: &mut Transfers,
    view: &View,
    watched: &HashSet<String>,
    script: &Script,
    value: Amount,
    sent: bool,
) {
    let Some(address) = Address::from_script(script).map(|address| address.to_text(view.params))
    else {
        return;
    };
    if watched.contains(&address) {
        let (received, spent) = transfers.entry(address).or_default();
        let side = if sent { spent } else { received };
        *side = side.saturating_add(value.0);
    }
}

fn removal(why: Removal) -> &'static str {
    match why {
        Removal::Confirmed => "confirmed",
        Removal::Conflict => "conflict",
        Removal::Replaced => "replaced",
        Removal::Expired => "expired",
        Removal::Evicted => "evicted",
        Removal::Reorganised => "reorganised",
    }
}

/// Events of the mempool, oldest first: one notification for all, and one for watched addresses.
pub fn pool_notifications(
    view: &View,
    events: &[PoolEvent],
    watched: &HashSet<String>,
) -> Vec<Notification> {
    let mut texts: Vec<Utf8Bytes> = Vec::new();
    let mut by_address: HashMap<String, Vec<Utf8Bytes>> = HashMap::new();
    for event in events {
        let text = match event {
            PoolEvent::Added { txid, wtxid, fee, vsize } => {
                if !watched.is_empty()
                    && let Some(tx) = view.unconfirmed(txid)
                {
                    for (address, sums) in unconfirmed_transfers(view, &tx, watched) {
                        let text = address_text(&address, txid, sums, None);
                        by_address.entry(address).or_default().push(text);
                    }
                }
                json!({
                    "type": "transaction",
                    "txid": txid.to_string(),
                    "wtxid": wtxid.to_string(),
                    "confirmed": false,
                    "fee": show::amount(*fee),
                    "vsize": vsize,
                })
            }
            // Reported by the notification of its block.
            PoolEvent::Removed { why: Removal::Confirmed, .. } => continue,
            PoolEvent::Removed { txid, why } => {
                json!({ "type": "removed", "txid": txid.to_string(), "reason": removal(*why) })
            }
        };
        texts.push(text.to_string().into());
    }
    let mut notifications = Vec::new();
    if !texts.is_empty() {
        notifications.push(Notification {
            topic: Topic::Transactions,
            texts,
            by_address: HashMap::new(),
        });
    }
    if !by_address.is_empty() {
        notifications.push(Notification { topic: Topic::Address, texts: Vec::new(), by_address });
    }
    notifications
}

/// More mempool events came at once than we queue.
pub fn missed(count: u64) -> Notification {
    let event = json!({ "type": "missed", "topic": "transactions", "count": count });
    Notification::of(Topic::Transactions, &event)
}

/// What an unconfirmed transaction transfers at watched addresses; it may spend outputs of the chain
/// or of the mempool.
fn unconfirmed_transfers(view: &View, tx: &Transaction, watched: &HashSet<String>) -> Transfers {
    let mut transfers = Transfers::new();
    for output in &tx.outputs {
        add_transfer(&mut transfers, view, watched, &output.script_pubkey, output.value, false);
    }
    let snapshot = view.read().ok();
    for input in &tx.inputs {
        let parent = view.unconfirmed(&input.prevout.txid);
        let spent = match parent {
            Some(parent) => parent.outputs.get(input.prevout.vout as usize).cloned(),
            None => snapshot
                .as_ref()
                .and_then(|snapshot| snapshot.coin(&input.prevout).ok().flatten())
                .map(|coin| coin.output),
        };
        if let Some(output) = spent {
            add_transfer(&mut transfers, view, watched, &output.script_pubkey, output.value, true);
        }
    }
    transfers
}

/// What a transaction did to an address; `block` is its height and hash once it is in one.
pub fn address_text(
    address: &str,
    txid: &Txid,
    (received, sent): (i64, i64),
    block: Option<(u32, &str)>,
) -> Utf8Bytes {
    let mut event = json!({
        "type": "address",
        "address": address,
        "txid": txid.to_string(),
        "received": show::amount(Amount(received)),
        "sent": show::amount(Amount(sent)),
        "confirmed": block.is_some(),
    });
    if let Some((height, hash)) = block {
        event["height"] = json!(height);
        event["blockhash"] = json!(hash);
    }
    event.to_string().into()
}

/// Peers and mining as they were at the last poll.
#[derive(Default)]
pub struct StateWatcher {
    peers: Option<BTreeMap<u64, (String, bool)>>,
    mining: Option<Value>,
}

impl StateWatcher {
    /// What has changed since the last poll; nothing at the first.
    pub fn poll(&mut self, view: &View) -> Vec<Notification> {
        let ready = view.net.ready_peers();
        let peers = ready.map(|peer| (peer.id, (peer.address.to_string(), peer.inbound)));
        let agent = |id: u64| {
            let peer = view.net.peers.iter().find(|peer| peer.id == id);
            peer.map(|peer| peer.agent.clone())
        };
        let mut notifications = self.poll_peers(peers.collect(), agent);
        let mining = read(view, "getmininginfo");
        notifications.extend(self.poll_mining(mining));
        notifications
    }

    fn poll_peers(
        &mut self,
        now: BTreeMap<u64, (String, bool)>,
        agent: impl Fn(u64) -> Option<String>,
    ) -> Vec<Notification> {
        let Some(before) = self.peers.replace(now) else { return Vec::new() };
        let now = self.peers.as_ref().unwrap_or(&before);
        let notification = |what: &str, id: u64, (address, inbound): &(String, bool)| {
            let event = json!({
                "type": "peer",
                "event": what,
                "id": id,
                "addr": address,
                "inbound": inbound,
                "subver": agent(id),
                "peers": now.len(),
            });
            Notification::of(Topic::Peers, &event)
        };
        let gone = before.iter().filter(|(id, _)| !now.contains_key(id));
        let new = now.iter().filter(|(id, _)| !before.contains_key(id));
        let gone = gone.map(|(id, peer)| notification("disconnected", *id, peer));
        gone.chain(new.map(|(id, peer)| notification("connected", *id, peer))).collect()
    }

    fn poll_mining(&mut self, now: Option<Value>) -> Option<Notification> {
        let now = now.filter(Value::is_object)?;
        let steady = |mut value: Value| {
            if let Some(members) = value.as_object_mut() {
                members.retain(|name, _| !VOLATILE.contains(&name.as_str()));
            }
            value
        };
        let before = self.mining.replace(steady(now.clone()))?;
        if before == steady(now.clone()) {
            return None;
        }
        let mut event = json!({ "type": "mining" });
        if let (Some(event), Value::Object(members)) = (event.as_object_mut(), now) {
            event.extend(members.into_iter().filter(|(name, _)| name != "type"));
        }
        Some(Notification::of(Topic::Mining, &event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(notifications: &[Notification]) -> Vec<Value> {
        let texts = notifications.iter().flat_map(|notification| &notification.texts);
        texts.map(|text| serde_json::from_str(text).expect("JSON")).collect()
    }

    #[test]
    fn peers_that_connect_and_disconnect_are_reported() {
        let mut watcher = StateWatcher::default();
        let peer = |id: u64| (id, (format!("192.0.2.{id}:8333"), id % 2 == 1));
        let agent = |id: u64| (id == 2).then(|| "/x/".to_owned());
        assert!(watcher.poll_peers(BTreeMap::from([peer(1)]), agent).is_empty());
        let reported = events(&watcher.poll_peers(BTreeMap::from([peer(2)]), agent));
        let shown: Vec<_> = reported
            .iter()
            .map(|e| (e["event"].as_str(), e["id"].as_u64(), &e["subver"]))
            .collect();
        let agent_text = json!("/x/");
        assert_eq!(
            shown,
            [
                (Some("disconnected"), Some(1), &Value::Null),
                (Some("connected"), Some(2), &agent_text)
            ]
        );
        assert_eq!(reported[1]["peers"], 1);
        assert!(watcher.poll_peers(BTreeMap::from([peer(2)]), agent).is_empty());
    }

    #[test]
    fn mining_is_reported_when_it_changes() {
        let mut watcher = StateWatcher::default();
        assert!(watcher.poll_mining(None).is_none());
        assert!(watcher.poll_mining(Some(json!({ "blocks": 1 }))).is_none());
        assert!(watcher.poll_mining(Some(json!({ "blocks": 1 }))).is_none());
        let reported = watcher.poll_mining(Some(json!({ "blocks": 2 }))).expect("a change");
        assert_eq!(events(&[reported]), [json!({ "type": "mining", "blocks": 2 })]);
        // Another hashrate alone is not reported.
        let faster = json!({ "blocks": 2, "hashrate": 5 });
        assert!(watcher.poll_mining(Some(faster)).is_none());
        let reported = watcher.poll_mining(Some(json!({ "blocks": 3, "hashrate": 6 })));
        let reported = events(&[reported.expect("a change")]);
        assert_eq!(reported, [json!({ "type": "mining", "blocks": 3, "hashrate": 6 })]);
    }
}
