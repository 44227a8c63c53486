//! What reads run on: the store and what the node last published, on any thread.

use std::sync::Arc;

use super::mine::io::MiningView;
use super::net::view::NetView;
use super::pool::SharedPool;
use consensus::scripts::ScriptVerifier;
use primitives::id::Txid;
use primitives::network::NetworkParams;
use primitives::tx::Transaction;
use store::db::Store;
use store::error::StoreError;
use store::rows::Tip;
use store::snapshot::Snapshot;

/// A published moment of the node. Reads never wait for the node.
#[derive(Debug, Clone)]
pub struct View {
    store: Arc<Store>,
    verifier: Arc<dyn ScriptVerifier>,
    pub params: &'static NetworkParams,
    /// Unconfirmed transactions; empty until the node runs (see `Call::NEEDS_NODE`).
    pub pool: SharedPool,
    /// Peers and connections as of a moment.
    pub net: Arc<NetView>,
    /// Mining as of now.
    pub mining: Arc<MiningView>,
}

impl View {
    pub fn new(store: Arc<Store>, verifier: Arc<dyn ScriptVerifier>, pool: SharedPool) -> View {
        let params = store.params();
        View { store, verifier, params, pool, net: Arc::default(), mining: Arc::default() }
    }

    /// The store itself, for checks that read all of it.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Who runs scripts.
    pub fn verifier(&self) -> &dyn ScriptVerifier {
        &*self.verifier
    }

    /// The newest committed moment of the store.
    pub fn read(&self) -> Result<Arc<Snapshot>, StoreError> {
        self.store.shared()
    }

    /// The end of the best chain; cheaper than a whole snapshot.
    pub fn tip(&self) -> Result<Tip, StoreError> {
        self.store.tip()
    }

    /// Transactions can be looked up by their id.
    pub fn has_tx_index(&self) -> bool {
        self.store.has_tx_index()
    }

    /// The transaction of that id, if the pool has it.
    pub fn unconfirmed(&self, txid: &Txid) -> Option<Transaction> {
        self.pool.read().get(txid).map(|entry| (*entry.tx).clone())
    }
}
