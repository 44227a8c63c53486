//! What the API server needs of the process behind it.

use std::sync::Arc;

use tokio::sync::broadcast;

use crate::daemon::requester::Requester;
use crate::daemon::row_counts::RowCounts;
use chain::event::ChainEvent;
use mempool::pool::PoolEvent;
use node::view::View;
use rpc::call::Entry;
use rpc::error::CallError;
use rpc::value::Reply;
use rpc::wire::Request;

/// The process behind the API server.
pub trait Backend: Send + Sync + 'static {
    /// Answers a call that changes something or belongs to the process; may wait for the node thread.
    fn answer(&self, requester: &Requester, request: Request) -> Result<Reply, CallError>;

    /// Records that a change was asked for and refused before it reached the node.
    fn refused(&self, requester: &Requester, entry: &Entry, error: &CallError);

    /// The newest published view, for reads.
    fn view(&self) -> Arc<View>;

    /// Events of the chain from now on.
    fn events(&self) -> broadcast::Receiver<Arc<ChainEvent>>;

    /// Events of the mempool from now on.
    fn pool_events(&self) -> broadcast::Receiver<PoolEvent>;

    /// Rows of metrics for PostgreSQL; `None` where they are not exported.
    fn rows(&self) -> Option<&RowCounts>;
}
