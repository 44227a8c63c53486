//! One door, several ways behind it: an embedded node, the control socket of the node that runs
//! on the data folder, later a remote node. The same words print the same bytes through each.

use std::time::Duration;

use serde_json::Value;

use super::error::CallError;
use super::wire::Request;

/// A way to a node.
pub trait Door {
    /// Asks one call and waits for its answer.
    fn ask(&mut self, request: Request) -> Result<Value, CallError>;

    /// What is behind it, for `status`: `embedded`, or the socket it goes through.
    fn about(&self) -> String;

    /// Leaves in order: what was changed is on the disk afterwards.
    fn close(&mut self) -> Result<(), CallError>;
}

/// Opens the door on first use, so that what needs no node touches no disk.
pub type Opener = Box<dyn FnMut() -> Result<Box<dyn Door>, CallError>>;

/// Something that happened on the node, as an operator's words are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// A block was connected; the ids, in order, are of those of its transactions that nobody was
    /// told of before.
    Block { height: u32, txids: Vec<String> },
    /// A transaction came into the pool.
    Transaction { txid: String },
    /// `depth` blocks were taken back; the chain now ends at `height`.
    Reorganisation { height: u32, depth: u32 },
}

/// What a console that waits with its node listens to.
pub trait Watch {
    /// The next thing that happens; `None` when nothing does for so long.
    fn next(&mut self, wait: Duration) -> Option<Happening>;

    /// Waits as long while nobody cares what happens.
    fn rest(&mut self, wait: Duration);

    /// An operator's word failed: noted, never fatal.
    fn failed(&mut self, word: &str, why: &str);
}
