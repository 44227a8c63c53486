//! The client interface: to an embedded node, to the node that runs on the data folder through its
//! control socket, or to a remote node. The same words print the same bytes through each.

use std::time::Duration;

use serde_json::Value;

use super::error::CallError;
use super::wire::Request;

/// A connection to a node.
pub trait Door {
    /// Makes one call and waits for its answer.
    fn ask(&mut self, request: Request) -> Result<Value, CallError>;

    /// What it is connected to, for `status`: `embedded`, or its socket.
    fn about(&self) -> String;

    /// Closes cleanly: all changes are on disk afterwards.
    fn close(&mut self) -> Result<(), CallError>;
}

/// Opens the client on first use, so that what needs no node touches no disk.
pub type Opener = Box<dyn FnMut() -> Result<Box<dyn Door>, CallError>>;

/// An event of the node, as passed to an operator's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// A block was connected; the ids, in order, are those of its transactions that were not
    /// reported before.
    Block { height: u32, txids: Vec<String> },
    /// A transaction entered the mempool.
    Transaction { txid: String },
    /// `depth` blocks were disconnected; the chain now ends at `height`.
    Reorganisation { height: u32, depth: u32 },
}

/// The source of events for a console that waits together with its node.
pub trait Watch {
    /// The next event; `None` if there is none for this long.
    fn next(&mut self, wait: Duration) -> Option<Happening>;

    /// Waits as long when no events are wanted.
    fn rest(&mut self, wait: Duration);

    /// An operator's word failed: logged, never fatal.
    fn failed(&mut self, word: &str, why: &str);
}
