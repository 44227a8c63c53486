//! Topics that can be subscribed to, and a serialised notification.

use std::collections::HashMap;

use serde_json::Value;
use tokio_tungstenite::tungstenite::Utf8Bytes;

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
pub const TOPICS: &[(Topic, &[&str])] = &[
    (Topic::Blocks, &["blocks", "block", "newblock", "newblocks"]),
    (Topic::Transactions, &["transactions", "transaction", "tx", "txs", "mempool"]),
    (Topic::Reorganisations, &["reorganisations", "reorganisation", "reorgs", "reorg"]),
    (Topic::Mining, &["mining"]),
    (Topic::Peers, &["peers", "peer"]),
    (Topic::Address, &["address", "addresses"]),
];

impl Topic {
    /// The topic that a subscriber calls so.
    pub fn by_name(name: &str) -> Option<Topic> {
        TOPICS.iter().find(|(_, names)| names.contains(&name)).map(|(topic, _)| *topic)
    }
}

/// One event, serialised for subscribers.
#[derive(Debug)]
pub struct Notification {
    pub topic: Topic,
    /// For subscribers of the topic.
    pub texts: Vec<Utf8Bytes>,
    /// For subscribers of the address.
    pub by_address: HashMap<String, Vec<Utf8Bytes>>,
}

impl Notification {
    /// One event for all subscribers of the topic.
    pub fn of(topic: Topic, event: &Value) -> Notification {
        Notification { topic, texts: vec![event.to_string().into()], by_address: HashMap::new() }
    }
}
