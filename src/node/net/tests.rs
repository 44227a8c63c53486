//! Whole nodes that talk to each other, in one thread.

use std::collections::VecDeque;
use std::sync::Arc;

use super::io::{NetAct, NetEvent, NetOutput};
use crate::consensus::maker::{self, Parent};
use crate::mempool::policy::Policy;
use crate::mempool::pool::Pool;
use crate::node::io::{Act, Input, Output};
use crate::node::state::Node;
use crate::primitives::block::Height;
use crate::primitives::codec::Encode;
use crate::primitives::network::REGTEST;
use crate::script::check::ScriptCache;
use crate::store::db::Store;

const START: u32 = 1_700_000_000;

/// Two nodes and the wire between them.
struct Pair {
    nodes: Vec<Node>,
    ms: u64,
    wire: VecDeque<(usize, NetEvent)>,
}

impl Pair {
    fn new() -> Pair {
        let node = |seed: u64| {
            let store = Arc::new(Store::memory(&REGTEST).expect("a store"));
            let cache = Arc::new(ScriptCache::new([0; 32], 1000));
            let pool = Pool::new(Policy::default(), cache);
            let mut node = Node::open(store, Arc::new(maker::engine()), pool).expect("a node");
            node.step(Input::Act { ticket: 1, act: Act::Net(NetAct::Start) }, START);
            let event = NetEvent::Opened { seed, saved: String::new() };
            node.step(Input::Net { ms: u64::from(START) * 1000, event }, START);
            node
        };
        Pair { nodes: vec![node(1), node(2)], ms: u64::from(START) * 1000, wire: VecDeque::new() }
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
                    let id = if at == 0 { 1 } else { 2 };
                    self.wire.push_back((other, NetEvent::Bytes { id, bytes }));
                }
                Output::Net(NetOutput::Close { id }) => panic!("node {at} closes {id}"),
                Output::Fatal(error) => panic!("{error}"),
                _ => {}
            }
        }
    }

    fn run(&mut self, seconds: u64) {
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

    fn tip(&mut self, at: usize) -> (Height, crate::primitives::id::BlockHash) {
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
    let connect = NetAct::Connect { host: "10.0.0.2".into(), port: Some(18444), readonly: false };
    pair.step(0, Input::Act { ticket: 9, act: Act::Net(connect) });
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
