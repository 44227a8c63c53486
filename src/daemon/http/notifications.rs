//! Events of the pool, the peers and mining as texts for subscribers. The pool tells its own; peers
//! and mining are seen by looking at what the node publishes, so a change that is taken back between
//! two looks is not told.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::topic::{Push, Topic};
use crate::daemon::view_query::read;
use mempool::pool::{PoolEvent, Removal};
use node::view::View;
use primitives::address::Address;
use primitives::amount::Amount;
use primitives::id::Txid;
use primitives::script::Script;
use primitives::tx::Transaction;
use rpc::show;

/// How often peers and mining are looked at.
pub const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What of mining changes all the time and is told with the rest only.
const UNSTEADY: [&str; 4] = ["hashrate", "pooledtx", "currentblockweight", "currentblocktx"];

/// Events of the pool that are told together.
pub const POOL_BATCH: usize = 256;

/// What a transaction moves: received and sent in base units, by address.
pub type Moved = HashMap<String, (i64, i64)>;

/// Adds what `script` gets (or gives, when `sent`) if its address is watched.
pub fn add_moved(
    moved: &mut Moved,
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
        let (received, spent) = moved.entry(address).or_default();
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

/// What the pool did, oldest first: one push for all, and one for watched addresses.
pub fn pool_pushes(view: &View, events: &[PoolEvent], watched: &HashSet<String>) -> Vec<Push> {
    let mut texts: Vec<Utf8Bytes> = Vec::new();
    let mut by_address: HashMap<String, Vec<Utf8Bytes>> = HashMap::new();
    for event in events {
        let text = match event {
            PoolEvent::Added { txid, wtxid, fee, vsize } => {
                if !watched.is_empty()
                    && let Some(tx) = view.unconfirmed(txid)
                {
                    for (address, sums) in unconfirmed_moves(view, &tx, watched) {
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
            // The block tells of it.
            PoolEvent::Removed { why: Removal::Confirmed, .. } => continue,
            PoolEvent::Removed { txid, why } => {
                json!({ "type": "removed", "txid": txid.to_string(), "reason": removal(*why) })
            }
        };
        texts.push(text.to_string().into());
    }
    let mut pushes = Vec::new();
    if !texts.is_empty() {
        pushes.push(Push { topic: Topic::Transactions, texts, by_address: HashMap::new() });
    }
    if !by_address.is_empty() {
        pushes.push(Push { topic: Topic::Address, texts: Vec::new(), by_address });
    }
    pushes
}

/// More happened to the pool at once than we hold.
pub fn missed(count: u64) -> Push {
    let event = json!({ "type": "missed", "topic": "transactions", "count": count });
    Push::of(Topic::Transactions, &event)
}

/// What an unconfirmed transaction moves at watched addresses; its coins are the chain's or the
/// pool's.
fn unconfirmed_moves(view: &View, tx: &Transaction, watched: &HashSet<String>) -> Moved {
    let mut moved = Moved::new();
    for output in &tx.outputs {
        add_moved(&mut moved, view, watched, &output.script_pubkey, output.value, false);
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
            add_moved(&mut moved, view, watched, &output.script_pubkey, output.value, true);
        }
    }
    moved
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

/// What was seen at the last look.
#[derive(Default)]
pub struct Seen {
    peers: Option<BTreeMap<u64, (String, bool)>>,
    mining: Option<Value>,
}

impl Seen {
    /// What has changed since the last look; nothing at the first.
    pub fn look(&mut self, view: &View) -> Vec<Push> {
        let ready = view.net.ready_peers();
        let peers = ready.map(|peer| (peer.id, (peer.address.to_string(), peer.inbound)));
        let agent = |id: u64| {
            let peer = view.net.peers.iter().find(|peer| peer.id == id);
            peer.map(|peer| peer.agent.clone())
        };
        let mut pushes = self.look_at_peers(peers.collect(), agent);
        let mining = read(view, "getmininginfo");
        pushes.extend(self.look_at_mining(mining));
        pushes
    }

    fn look_at_peers(
        &mut self,
        now: BTreeMap<u64, (String, bool)>,
        agent: impl Fn(u64) -> Option<String>,
    ) -> Vec<Push> {
        let Some(before) = self.peers.replace(now) else { return Vec::new() };
        let now = self.peers.as_ref().unwrap_or(&before);
        let tell = |what: &str, id: u64, (address, inbound): &(String, bool)| {
            let event = json!({
                "type": "peer",
                "event": what,
                "id": id,
                "addr": address,
                "inbound": inbound,
                "subver": agent(id),
                "peers": now.len(),
            });
            Push::of(Topic::Peers, &event)
        };
        let gone = before.iter().filter(|(id, _)| !now.contains_key(id));
        let new = now.iter().filter(|(id, _)| !before.contains_key(id));
        let gone = gone.map(|(id, peer)| tell("disconnected", *id, peer));
        gone.chain(new.map(|(id, peer)| tell("connected", *id, peer))).collect()
    }

    fn look_at_mining(&mut self, now: Option<Value>) -> Option<Push> {
        let now = now.filter(Value::is_object)?;
        let steady = |mut value: Value| {
            if let Some(members) = value.as_object_mut() {
                members.retain(|name, _| !UNSTEADY.contains(&name.as_str()));
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
        Some(Push::of(Topic::Mining, &event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(pushes: &[Push]) -> Vec<Value> {
        let texts = pushes.iter().flat_map(|push| &push.texts);
        texts.map(|text| serde_json::from_str(text).expect("JSON")).collect()
    }

    #[test]
    fn peers_that_come_and_go_are_told() {
        let mut seen = Seen::default();
        let peer = |id: u64| (id, (format!("192.0.2.{id}:8333"), id % 2 == 1));
        let agent = |id: u64| (id == 2).then(|| "/x/".to_owned());
        assert!(seen.look_at_peers(BTreeMap::from([peer(1)]), agent).is_empty());
        let told = events(&seen.look_at_peers(BTreeMap::from([peer(2)]), agent));
        let shown: Vec<_> =
            told.iter().map(|e| (e["event"].as_str(), e["id"].as_u64(), &e["subver"])).collect();
        let agent_text = json!("/x/");
        assert_eq!(
            shown,
            [
                (Some("disconnected"), Some(1), &Value::Null),
                (Some("connected"), Some(2), &agent_text)
            ]
        );
        assert_eq!(told[1]["peers"], 1);
        assert!(seen.look_at_peers(BTreeMap::from([peer(2)]), agent).is_empty());
    }

    #[test]
    fn mining_is_told_when_it_changes() {
        let mut seen = Seen::default();
        assert!(seen.look_at_mining(None).is_none());
        assert!(seen.look_at_mining(Some(json!({ "blocks": 1 }))).is_none());
        assert!(seen.look_at_mining(Some(json!({ "blocks": 1 }))).is_none());
        let told = seen.look_at_mining(Some(json!({ "blocks": 2 }))).expect("a change");
        assert_eq!(events(&[told]), [json!({ "type": "mining", "blocks": 2 })]);
        // Another hashrate alone is no news.
        let faster = json!({ "blocks": 2, "hashrate": 5 });
        assert!(seen.look_at_mining(Some(faster)).is_none());
        let told = seen.look_at_mining(Some(json!({ "blocks": 3, "hashrate": 6 })));
        let told = events(&[told.expect("a change")]);
        assert_eq!(told, [json!({ "type": "mining", "blocks": 3, "hashrate": 6 })]);
    }
}
