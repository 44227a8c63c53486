//! How much the network side holds, and what must always hold of it: for tests and the simulator.

use super::peer::Peer;
use super::router::Net;
use p2p::limits::{MAX_INBOUND, MAX_WAITING_REQUESTS};

/// How much the network side holds; `most_` is the greatest of one peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measure {
    pub peers: usize,
    pub inbound: usize,
    pub connecting: usize,
    pub most_requests: usize,
    pub most_unread: usize,
    pub most_queued: u64,
    pub orphans: usize,
    pub addresses: usize,
    pub wanted: usize,
    pub arrived: usize,
}

impl Net {
    /// How much is held of what.
    pub fn measure(&self) -> Measure {
        let managers = &self.managers;
        let peers = &managers.peers;
        Measure {
            peers: peers.all().count(),
            inbound: self.inbound(),
            connecting: managers.connections.dialling(),
            most_requests: managers.server.most_waiting(),
            most_unread: peers.all().map(|peer| peer.decoder.pending()).max().unwrap_or(0),
            most_queued: peers.all().map(|peer| peer.queued).max().unwrap_or(0),
            orphans: managers.transactions.orphans(),
            addresses: managers.addresses.book().len(),
            wanted: managers.transactions.wanted(),
            arrived: managers.blocks.arrived(),
        }
    }

    fn inbound(&self) -> usize {
        let inbound = |peer: &&Peer| peer.inbound();
        self.managers.peers.open().filter(inbound).count()
    }

    /// Peers that give hints and have not misled us.
    pub fn hint_givers(&self) -> usize {
        self.managers.blocks.hint_givers()
    }

    /// Checks what must always hold.
    pub fn assert_sound(&self) {
        self.managers.blocks.assert_sound();
        self.managers.transactions.assert_sound();
        assert!(self.inbound() <= MAX_INBOUND);
        assert!(self.managers.server.most_waiting() <= MAX_WAITING_REQUESTS);
    }
}
