//! One door, several ways behind it: an embedded node, the control socket of the node that runs
//! on the data folder, later a remote node. The same words print the same bytes through each.

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
