//! What the port needs of the process behind it.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::broadcast;

use crate::api::error::CallError;
use crate::api::wire::Request;
use crate::chain::event::ChainEvent;
use crate::node::view::View;

/// The process behind the port.
pub trait Back: Send + Sync + 'static {
    /// Answers a call that changes something or belongs to the process; may wait for the node.
    fn answer(&self, request: Request) -> Result<Value, CallError>;

    /// The newest published view, for reads.
    fn view(&self) -> Arc<View>;

    /// What happens from now on.
    fn events(&self) -> broadcast::Receiver<Arc<ChainEvent>>;
}
