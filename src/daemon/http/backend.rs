//! What the port needs of the process behind it.

use std::sync::Arc;

use tokio::sync::broadcast;

use crate::daemon::requester::Who;
use crate::daemon::row_counts::RowCounts;
use chain::event::ChainEvent;
use mempool::pool::PoolEvent;
use node::view::View;
use rpc::call::Entry;
use rpc::error::CallError;
use rpc::value::Reply;
use rpc::wire::Request;

/// The process behind the port.
pub trait Back: Send + Sync + 'static {
    /// Answers a call that changes something or belongs to the process; may wait for the node.
    fn answer(&self, who: &Who, request: Request) -> Result<Reply, CallError>;

    /// Notes that a change was asked for and refused at the door.
    fn refused(&self, who: &Who, entry: &Entry, error: &CallError);

    /// The newest published view, for reads.
    fn view(&self) -> Arc<View>;

    /// What happens from now on.
    fn events(&self) -> broadcast::Receiver<Arc<ChainEvent>>;

    /// What happens to the pool from now on.
    fn pool_events(&self) -> broadcast::Receiver<PoolEvent>;

    /// Rows of metrics for PostgreSQL; `None` where none are written.
    fn rows(&self) -> Option<&RowCounts>;
}
