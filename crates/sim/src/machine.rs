//! One machine: a disk that can fail, a clock that may be wrong, and the node on it while it is up.

use core::net::SocketAddr;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::forge::Parent;
use consensus::scripts::ScriptEngine;
use mempool::policy::Policy;
use mempool::pool::Pool;
use mining::work::{Found, Work as Given};
use node::node::Node;
use primitives::block::Block;
use primitives::id::BlockHash;
use primitives::network::REGTEST;
use script::check::ScriptCache;
use store::db::{Store, StoreOptions};
use store::error::StoreError;
use testkit::disk::FaultyDisk;

/// Pages that a machine's store keeps, in bytes: there are many machines in one process.
const CACHE_BYTES: usize = 4 << 20;
const SCRIPT_CACHE_ENTRIES: usize = 2_000;

/// A node that has just been opened, and its store.
pub struct Booted {
    pub node: Node,
    pub store: Arc<Store>,
}

/// Opens a disk as a process that starts does, indexes finished.
pub fn boot(disk: &FaultyDisk) -> Result<Booted, StoreError> {
    let options = StoreOptions { cache_bytes: CACHE_BYTES, ..StoreOptions::default() };
    let path = PathBuf::from("simulated");
    let store = Arc::new(Store::with_backend(Box::new(disk.clone()), path, &REGTEST, options)?);
    let cache = Arc::new(ScriptCache::new([7; 32], SCRIPT_CACHE_ENTRIES));
    let engine = Arc::new(ScriptEngine { cache: Some(Arc::clone(&cache)) });
    let pool = Pool::new(Policy::default(), cache);
    let mut node = Node::open(Arc::clone(&store), engine, pool)?;
    while node.warm_up()?.is_some() {}
    Ok(Booted { node, store })
}

/// What a miner works on.
#[derive(Debug, Clone)]
pub enum Work {
    /// A block that he made himself.
    Own(Box<Block>),
    /// What the node's standing miner gave out, and what he will find for it.
    Given(Arc<Given>, Found),
}

impl Work {
    /// The block that it builds on.
    pub fn parent(&self) -> BlockHash {
        match self {
            Work::Own(block) => block.header.prev,
            Work::Given(given, _) => given.template.prev,
        }
    }
}

/// A machine.
pub struct Machine {
    pub index: usize,
    pub address: SocketAddr,
    /// Its clock is off by that much.
    pub skew_ms: i64,
    pub disk: FaultyDisk,
    pub up: Option<Booted>,
    /// Counts starts: what was on its way to an earlier one is lost.
    pub life: u32,
    pub saved_peers: String,
    pub saved_pool: Option<Vec<u8>>,
    pub listening: bool,
    /// Machines that it is told to keep a connection to.
    pub friends: Vec<SocketAddr>,
    /// Connections by the number that the node knows them by.
    pub conns: BTreeMap<u64, usize>,
    pub next_inbound: u64,
    /// Blocks that the node said it has, with the tip at that time: they must survive anything.
    pub promised: Vec<BlockHash>,
    pub work: Option<Work>,
    /// The newest work of the node's standing miner.
    pub given: Option<Arc<Given>>,
    /// Blocks handed in by ticket.
    pub submitted: BTreeMap<u64, BlockHash>,
    pub reorganisations: u32,
    pub deepest: u32,
    pub bytes_in: u64,
    pub bytes_out: u64,
}

impl Machine {
    pub fn new(index: usize, address: SocketAddr, skew_ms: i64, disk: FaultyDisk) -> Machine {
        Machine {
            index,
            address,
            skew_ms,
            disk,
            up: None,
            life: 0,
            saved_peers: String::new(),
            saved_pool: None,
            listening: false,
            friends: Vec::new(),
            conns: BTreeMap::new(),
            next_inbound: 1,
            promised: Vec::new(),
            work: None,
            given: None,
            submitted: BTreeMap::new(),
            reorganisations: 0,
            deepest: 0,
            bytes_in: 0,
            bytes_out: 0,
        }
    }

    /// What its clock shows, in milliseconds since 1970.
    pub fn clock_ms(&self, true_ms: u64) -> u64 {
        true_ms.saturating_add_signed(self.skew_ms)
    }

    pub fn clock_s(&self, true_ms: u64) -> u32 {
        u32::try_from(self.clock_ms(true_ms) / 1000).unwrap_or(u32::MAX)
    }

    /// The tip, while it is up.
    pub fn tip(&mut self) -> Option<Parent> {
        let chain = self.up.as_mut()?.node.chain();
        let tip = chain.tip();
        let time = chain.tree().ok()?.entry(tip.id).row.header.time;
        Some(Parent { hash: tip.hash, height: tip.height, time })
    }

    /// The power goes; the disk comes back with what it kept, unsynced writes lost or torn as the
    /// seed decides.
    pub fn cut_power(&mut self, seed: u64) {
        self.disk.cut_at(0);
        self.up = None;
        self.disk = self.disk.after_cut(seed);
        self.ended();
    }

    /// The process is gone.
    pub fn ended(&mut self) {
        self.up = None;
        self.life += 1;
        self.listening = false;
        self.conns.clear();
        self.work = None;
        self.given = None;
        self.submitted.clear();
    }
}
