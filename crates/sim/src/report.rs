//! What came of a run, as numbers, a table and JSON; and how one that failed says so.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::machine::Machine;
use super::plan::Plan;
use primitives::block::Height;
use primitives::id::BlockHash;

/// Reasons that are told apart.
const MAX_REASONS: usize = 64;
/// Lines of the log that a failure shows.
const LAST_NOTES: usize = 30;

/// Why a run failed; the plan's seed repeats it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("seed {seed}, after {after_ms} ms: {why}")]
pub struct Failure {
    pub seed: u64,
    pub after_ms: u64,
    pub why: String,
}

impl Failure {
    pub fn new(plan: &Plan, after_ms: u64, why: impl std::fmt::Display) -> Failure {
        Failure { seed: plan.seed, after_ms, why: why.to_string() }
    }
}

/// One machine at the end.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub address: String,
    pub height: Height,
    pub tip: BlockHash,
    pub peers: usize,
    pub pool: usize,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub reorganisations: u32,
    pub deepest: u32,
    pub lives: u32,
    pub bans: usize,
    pub compact_blocks: u64,
    pub compact_hits: u64,
}

/// The numbers of a run. Times are simulated milliseconds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Report {
    pub seed: u64,
    pub nodes: usize,
    pub mined: u32,
    pub stale: u32,
    /// Work that was given up because the tip had moved.
    pub dropped_work: u32,
    /// What standing miners gave out.
    pub works: u64,
    pub paid: u32,
    pub steps: u64,
    pub pool_events: u64,
    pub partitions: u32,
    pub crashes: u32,
    /// Crashes in the middle of a write.
    pub torn: u32,
    pub restarts: u32,
    pub broken: u64,
    /// Messages of strangers.
    pub harm: u64,
    pub settled_ms: u64,
    pub took_ms: u64,
    pub rows: Vec<Row>,
    /// How often nodes noted what.
    pub notes: BTreeMap<String, u32>,
    /// A number that two runs of one plan must share.
    pub digest: u64,
    last_notes: Vec<String>,
}

impl Report {
    pub fn new(plan: &Plan) -> Report {
        Report { seed: plan.seed, nodes: plan.nodes, ..Report::default() }
    }

    /// Mixes something that happened into the digest (FNV-1a).
    pub fn trace(&mut self, a: u64, b: u64) {
        for word in [a, b] {
            self.digest = (self.digest ^ word).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    /// A node said something to its operator.
    pub fn note(&mut self, machine: usize, text: String) {
        // What differs from one to the next is left out: addresses, hashes, numbers.
        let plain = |word: &&str| !word.bytes().any(|b| b.is_ascii_digit());
        let kind: Vec<&str> = text.split(' ').filter(plain).collect();
        let kind = kind.join(" ");
        if self.notes.len() < MAX_REASONS || self.notes.contains_key(&kind) {
            *self.notes.entry(kind).or_default() += 1;
        }
        if self.last_notes.len() >= LAST_NOTES {
            self.last_notes.remove(0);
        }
        self.last_notes.push(format!("machine {machine}: {text}"));
    }

    /// What was noted last, for a failure.
    pub fn last_notes(&self) -> String {
        self.last_notes.join("\n  ")
    }

    /// Takes the rows of the table.
    pub fn finish(&mut self, machines: &mut [Machine], took_ms: u64) {
        self.took_ms = took_ms;
        for machine in machines {
            let Some(tip) = machine.tip() else { continue };
            let Some(up) = &machine.up else { continue };
            let view = up.node.view();
            let row = Row {
                address: machine.address.to_string(),
                height: tip.height,
                tip: tip.hash,
                peers: view.net.ready_peers().count(),
                pool: view.pool.read().len(),
                bytes_in: machine.bytes_in,
                bytes_out: machine.bytes_out,
                reorganisations: machine.reorganisations,
                deepest: machine.deepest,
                lives: machine.life + 1,
                bans: view.net.bans.len(),
                compact_blocks: view.net.compact_blocks,
                compact_hits: view.net.compact_hits,
            };
            self.rows.push(row);
        }
        for row in self.rows.clone() {
            self.trace(row.bytes_in, row.bytes_out);
            let part = row.tip.0.first_chunk::<8>().map_or(0, |b| u64::from_le_bytes(*b));
            self.trace(part, row.pool as u64);
        }
    }

    /// The table that people read.
    pub fn table(&self) -> String {
        let mut text = String::from(
            "machine          height  peers  pool  received      sent  reorgs  deepest  starts  bans  compact\n",
        );
        for row in &self.rows {
            text += &format!(
                "{:<16} {:>6} {:>6} {:>5} {:>9} {:>9} {:>7} {:>8} {:>7} {:>5}  {}/{}\n",
                row.address,
                row.height.0,
                row.peers,
                row.pool,
                row.bytes_in,
                row.bytes_out,
                row.reorganisations,
                row.deepest,
                row.lives,
                row.bans,
                row.compact_hits,
                row.compact_blocks,
            );
        }
        text += &format!(
            "seed {}: {} blocks, {} stale, {} given up, {} payments; {} partitions, {} crashes ({} \
             torn), {} restarts, {} broken connections, {} messages of strangers\n",
            self.seed,
            self.mined,
            self.stale,
            self.dropped_work,
            self.paid,
            self.partitions,
            self.crashes,
            self.torn,
            self.restarts,
            self.broken,
            self.harm,
        );
        text += &format!(
            "one tip {:.1} s after the mending; {:.0} s simulated in {} steps, digest {:016x}\n",
            self.settled_ms as f64 / 1000.0,
            self.took_ms as f64 / 1000.0,
            self.steps,
            self.digest,
        );
        text
    }

    pub fn json(&self) -> Value {
        let rows = self.rows.iter().map(|row| {
            json!({
                "machine": row.address,
                "height": row.height.0,
                "tip": row.tip.to_string(),
                "peers": row.peers,
                "pool": row.pool,
                "received": row.bytes_in,
                "sent": row.bytes_out,
                "reorganisations": row.reorganisations,
                "deepest": row.deepest,
                "starts": row.lives,
                "bans": row.bans,
                "compact_blocks": row.compact_blocks,
                "compact_hits": row.compact_hits,
            })
        });
        json!({
            "seed": self.seed,
            "nodes": self.nodes,
            "machines": rows.collect::<Vec<_>>(),
            "mined": self.mined,
            "stale": self.stale,
            "given_up": self.dropped_work,
            "works": self.works,
            "payments": self.paid,
            "partitions": self.partitions,
            "crashes": self.crashes,
            "torn": self.torn,
            "restarts": self.restarts,
            "broken_connections": self.broken,
            "messages_of_strangers": self.harm,
            "settled_ms": self.settled_ms,
            "simulated_ms": self.took_ms,
            "steps": self.steps,
            "digest": format!("{:016x}", self.digest),
            "notes": self.notes,
        })
    }
}
