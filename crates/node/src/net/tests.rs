//! Whole nodes that talk to each other, in one thread.

use std::collections::VecDeque;
use std::sync::Arc;

use super::io::{NetAct, NetEvent, NetOutput};
use crate::io::{Act, Input, Output};
use crate::node::Node;
use consensus::scripts::ScriptVerifier;
use mempool::policy::Policy;
use mempool::pool::Pool;
use p2p::frame;
use p2p::message::Message;
use primitives::block::Height;
use primitives::codec::Encode;
use primitives::network::REGTEST;
use script::check::ScriptCache;
use store::db::Store;
use testkit::blocks::{self as maker, Parent};

pub(super) const START: u32 = 1_700_000_000;

/// Two nodes and the wire between them.
pub(super) struct Pair {
    pub nodes: Vec<Node>,
    ms: u64,
    wire: VecDeque<(usize, NetEvent)>,
    /// What becomes of the bytes that the second node sends.
    pub tamper: fn(Vec<u8>) -> Vec<u8>,
}

impl Pair {
    fn new() -> Pair {
        Pair::with(Arc::new(maker::engine()))
    }

    pub fn with(engine: Arc<dyn ScriptVerifier>) -> Pair {
        let node = |seed: u64| {
            let store = Arc::new(Store::memory(&REGTEST).expect("a store"));
            let cache = Arc::new(ScriptCache::new([0; 32], 1000));
            let pool = Pool::new(Policy::default(), cache);
            let mut node = Node::open(store, Arc::clone(&engine), pool).expect("a node");
            node.step(Input::Act { ticket: 1, act: Act::Net(NetAct::Start) }, START);
            let event = NetEvent::Opened { seed, saved: String::new() };
            node.step(Input::Net { ms: u64::from(START) * 1000, event }, START);
            node
        };
        let (nodes, wire) = (vec![node(1), node(2)], VecDeque::new());
        Pair { nodes, ms: u64::from(START) * 1000, wire, tamper: |bytes| bytes }
    }

    /// Has the first node call the second.
    pub fn connect(&mut self) {
        let connect =
            NetAct::Connect { host: "10.0.0.2".into(), port: Some(18444), readonly: false };
        self.step(0, Input::Act { ticket: 9, act: Act::Net(connect) });
    }

    fn step(&mut self, at: usize, input: Input) {
        let now = (self.ms / 1000) as u32;
        for output in self.nodes[at].step(input, now) {
            let other = 1 - at;
            match output {
                Output::Net(NetOutput::Connect { id, .. }) => {
                    let address = "10.0.0.2:18444".parse().expect("an address");
                    self.wire.push_back((at, NetEvent::Connected { id, address, inbound: false }));
                    let address = "10.0.0.1:5".parse().expect("an address");
                    self.wire
                        .push_back((other, NetEvent::Connected { id: 1, address, inbound: true }));
                }
                Output::Net(NetOutput::Send { id, bytes }) => {
                    let written = NetEvent::Written { id, bytes: bytes.len() as u64 };
                    self.wire.push_back((at, written));
                    let bytes = if at == 1 { (self.tamper)(bytes) } else { bytes };
                    let id = if at == 0 { 1 } else { 2 };
                    self.wire.push_back((other, NetEvent::Bytes { id, bytes }));
                }
                Output::Net(NetOutput::Close { id }) => panic!("node {at} closes {id}"),
                Output::Fatal(error) => panic!("{error}"),
                _ => {}
            }
        }
    }

    pub fn run(&mut self, seconds: u64) {
        for _ in 0..seconds * 10 {
            self.ms += 100;
            for at in 0..2 {
                self.step(at, Input::Net { ms: self.ms, event: NetEvent::Tick });
            }
            while let Some((at, event)) = self.wire.pop_front() {
                self.step(at, Input::Net { ms: self.ms, event });
            }
        }
        self.nodes.iter_mut().for_each(|node| node.net().assert_sound());
    }

    pub fn tip(&mut self, at: usize) -> (Height, primitives::id::BlockHash) {
        let tip = self.nodes[at].chain().tip();
        (tip.height, tip.hash)
    }
}

#[test]
fn a_fresh_node_syncs_and_hears_of_new_blocks() {
    let mut pair = Pair::new();
    let mut parent = Parent::genesis(&REGTEST);
    for height in 1..=3000u32 {
        let block = maker::block(parent, 7, Vec::new());
        parent = Parent::of(&block, Height(height));
        pair.nodes[1].chain().accept_blocks(vec![block.to_bytes()], START, true);
    }
    pair.connect();
    pair.run(20);
    assert_eq!(pair.tip(0), pair.tip(1));
    assert_eq!(pair.tip(0).0, Height(3000));
    for at in [0, 1] {
        let (height, _) = pair.tip(at);
        let block = maker::block(parent, 8, Vec::new());
        parent = Parent::of(&block, height.next());
        let act = Act::SubmitBlock { block: block.to_bytes() };
        pair.step(at, Input::Act { ticket: 10, act });
        pair.run(3);
        assert_eq!(pair.tip(0), pair.tip(1));
        assert_eq!(pair.tip(0).0, height.next());
    }
}

#[test]
fn news_in_the_middle_of_a_long_branch_is_no_fault() {
    let mut pair = Pair::new();
    for (at, salt, blocks) in [(0, 7, 2400u32), (1, 8, 2500)] {
        let mut parent = Parent::genesis(&REGTEST);
        for height in 1..=blocks {
            let block = maker::block(parent, salt, Vec::new());
            parent = Parent::of(&block, Height(height));
            pair.nodes[at].chain().accept_blocks(vec![block.to_bytes()], START, true);
        }
    }
    // Before each list of headers one of a block that builds on what we don't know yet.
    pair.tamper = |bytes| match bytes[4..16].starts_with(b"headers\0") {
        true => {
            let mut stray = maker::block(Parent::genesis(&REGTEST), 9, Vec::new());
            stray.header.prev = stray.hash();
            maker::grind(&mut stray);
            let stray = Message::Headers(vec![stray.header]);
            [frame::encode(REGTEST.magic, &stray), bytes].concat()
        }
        false => bytes,
    };
    pair.connect();
    pair.run(20);
    assert_eq!(pair.tip(0), pair.tip(1));
    let view = pair.nodes[0].view();
    assert_eq!(view.net.peers.iter().map(|peer| peer.score).collect::<Vec<_>>(), [0]);
}
