//! The end of a run: all is put right, and the machines come to one chain and one pool.

use std::collections::BTreeSet;

use super::forge::Parent;
use super::machine::Machine;
use super::report::Failure;
use super::world::{Event, Phase, World};
use primitives::id::Txid;

/// How long after the last fault the machines may take to come to one chain.
const SETTLE_MS: u64 = 60 * 60 * 1000;
/// Milliseconds between two blocks while they settle.
const SETTLE_BLOCK_MS: u64 = 60_000;

/// Whether a machine is up and its pool has a transaction.
fn has(machine: &Machine, txid: &Txid) -> bool {
    let pool = machine.up.as_ref().map(|up| up.node.view().pool);
    pool.is_some_and(|pool| pool.read().get(txid).is_some())
}

impl World {
    /// Everything is put right, but for strangers, slow links and wrong clocks.
    pub(super) fn end_faults(&mut self) {
        self.phase = Phase::Settling;
        self.parts = None;
        self.settle_since_ms = self.now_ms;
        self.next_settle_block_ms = self.now_ms;
        for machine in 0..self.machines.len() {
            let here = &self.machines[machine];
            if here.up.is_none() {
                self.after(1_000, Event::Boot(machine));
            } else if !here.disk.is_cut() {
                // A cut that was to come at some write would take the last payment with it.
                here.disk.cut_at(u64::MAX);
            }
        }
    }

    pub(super) fn settle(&mut self) -> Result<(), Failure> {
        if self.phase == Phase::Active {
            return Ok(());
        }
        let tips: BTreeSet<_> =
            self.machines.iter_mut().map(|m| m.tip().map(|tip| tip.hash)).collect();
        let one = tips.len() == 1 && !tips.contains(&None);
        match self.phase {
            Phase::Settling if one => {
                self.report.settled_ms = self.now_ms - self.settle_since_ms;
                self.phase = Phase::LastPayment;
            }
            Phase::LastPayment => match self.last_payment {
                None if self.plan.pay_every_ms == 0 => self.phase = Phase::Done,
                None => {
                    if let Some(purse) = self.last_purse {
                        self.last_payment = self.pay_with(purse)?;
                    }
                }
                Some(txid) if one && self.machines.iter().all(|m| has(m, &txid)) => {
                    self.phase = Phase::Done;
                }
                Some(_) => {}
            },
            _ => {}
        }
        if self.phase == Phase::Settling && self.now_ms >= self.next_settle_block_ms {
            // Equal branches stay until one grows.
            self.next_settle_block_ms = self.now_ms + SETTLE_BLOCK_MS;
            self.work_at_some(1_000);
        }
        if self.now_ms > self.settle_since_ms + SETTLE_MS {
            let mut what = match self.phase {
                Phase::Settling => "the machines do not come to one chain".to_owned(),
                _ => "a payment does not reach all machines".to_owned(),
            };
            for machine in &mut self.machines {
                let tip = machine.tip();
                let synced = machine.up.as_ref().map(|up| up.node.view().net);
                let peers = synced.as_ref().map_or(0, |net| net.peers.len());
                let headers = synced.as_ref().map_or(0, |net| net.headers.0);
                let paid = self.last_payment.is_some_and(|txid| has(machine, &txid));
                let (index, lives) = (machine.index, machine.life + 1);
                what += &match tip {
                    Some(Parent { hash, height, .. }) => format!(
                        "\n  machine {index}: {} {hash}, headers {headers}, {peers} peers, \
                         payment there: {paid}, start {lives}",
                        height.0
                    ),
                    None => format!("\n  machine {index} is down"),
                };
            }
            return Err(self.failure(what));
        }
        Ok(())
    }
}
