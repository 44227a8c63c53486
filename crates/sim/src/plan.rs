//! What a run is to be: drawn from a seed, or said by the operator.

use super::hostile::Kind;
use p2p::random::Random;

/// Most machines of one run, and blocks mined in it.
pub const MAX_NODES: usize = 64;
pub const MAX_BLOCKS: u32 = 100_000;

/// Everything that decides a run. Times are in milliseconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    pub seed: u64,
    pub nodes: usize,
    /// Blocks to be mined, and the mean time between two.
    pub blocks: u32,
    pub block_every_ms: u64,
    /// Mean time between two transactions; 0: none.
    pub pay_every_ms: u64,
    pub tick_ms: u64,
    /// Blocks that all machines have from the start.
    pub history: u32,
    /// The most that a clock is wrong.
    pub skew_ms: u64,
    /// One-way delays of links, least and most.
    pub latency_ms: (u64, u64),
    /// Sends in a thousand that are lost and sent again later, and that end their connection.
    pub lost: u64,
    pub broken: u64,
    /// Links in a thousand that are slow.
    pub slow: u64,
    pub partitions: u32,
    /// Cuts of power that tear writes, and orderly restarts.
    pub crashes: u32,
    pub restarts: u32,
    pub hostile: Vec<Kind>,
    /// Time between two acts of a stranger.
    pub harm_every_ms: u64,
}

impl Plan {
    /// A network in which nothing goes wrong.
    pub fn calm(seed: u64, nodes: usize, blocks: u32) -> Plan {
        Plan {
            seed,
            nodes: nodes.clamp(1, MAX_NODES),
            blocks: blocks.min(MAX_BLOCKS),
            block_every_ms: 10_000,
            pay_every_ms: 4_000,
            tick_ms: 250,
            history: 130,
            skew_ms: 0,
            latency_ms: (5, 80),
            lost: 0,
            broken: 0,
            slow: 0,
            partitions: 0,
            crashes: 0,
            restarts: 0,
            hostile: Vec::new(),
            harm_every_ms: 1_000,
        }
    }

    /// The same with faults of every kind, which of them and how many as the seed decides.
    pub fn rough(seed: u64, nodes: usize, blocks: u32) -> Plan {
        let mut random = Random::new(seed ^ 0x5eed_0f4a_17f1_a95e);
        let mut plan = Plan::calm(seed, nodes, blocks);
        let mut up_to = |per_mille: u64, most: u64| match random.chance(per_mille) {
            true => 1 + random.below(most),
            false => 0,
        };
        plan.skew_ms = up_to(700, 50 * 60 * 1000);
        plan.lost = up_to(700, 60);
        plan.broken = up_to(500, 4);
        plan.slow = up_to(500, 300);
        plan.partitions = up_to(600, 3) as u32;
        plan.crashes = up_to(600, 4) as u32;
        plan.restarts = up_to(400, 3) as u32;
        plan.latency_ms = (1 + up_to(1000, 20), 30 + up_to(1000, 600));
        let strangers = up_to(850, 5) as usize;
        plan.block_every_ms = 4_000 + up_to(1000, 16_000);
        plan.pay_every_ms = 1_000 + up_to(1000, 8_000);
        for _ in 0..strangers {
            let at = random.below(Kind::ALL.len() as u64) as usize;
            plan.hostile.push(Kind::ALL[at]);
        }
        // A long history, so that a branch of two thousand headers is one of little work.
        if plan.hostile.contains(&Kind::LowWork) {
            plan.history = 2500;
        }
        plan
    }

    /// A day in the life of a few machines, with faults now and then.
    pub fn day(seed: u64, nodes: usize) -> Plan {
        let mut plan = Plan::rough(seed, nodes, 144);
        plan.block_every_ms = 600_000;
        plan.pay_every_ms = 120_000;
        plan.tick_ms = 1_000;
        plan.harm_every_ms = 15_000;
        plan.partitions = 4;
        plan.crashes = 4;
        plan.restarts = 4;
        plan
    }

    /// How long blocks are mined, about.
    pub fn active_ms(&self) -> u64 {
        u64::from(self.blocks) * self.block_every_ms
    }
}
