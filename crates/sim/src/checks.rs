//! What must hold of a run, judged from outside of the nodes. The checks read and change nothing.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::history::START_S;
use super::hostile::Stranger;
use super::machine::Machine;
use super::plan::Plan;
use super::report::{Failure, Report};
use chain::query::{CoinTotals, coin_totals};
use chain::verify;
use consensus::connect::subsidy;
use consensus::scripts::ScriptEngine;
use p2p::bans::{Ban, Subnet};
use p2p::limits::{
    BAN_SCORE, MAX_ANNOUNCED_BY_PEER, MAX_INBOUND, MAX_MESSAGE_BYTES, MAX_OUTBOUND,
    MAX_WAITING_REQUESTS, SEND_MOST_BYTES,
};
use primitives::block::Height;
use primitives::network::REGTEST;

/// Bytes above the limit that one answer may bring before the node looks again.
const ONE_ANSWER: u64 = 2 * MAX_MESSAGE_BYTES as u64;
/// Addresses in a book: all places of both tables (Core's numbers).
const MOST_ADDRESSES: usize = (1024 + 256) * 64;

/// What the checks are shown of a run.
#[derive(Clone, Copy)]
pub struct RunView<'a> {
    pub plan: &'a Plan,
    /// True time, in milliseconds since 1970.
    pub now_ms: u64,
    pub report: &'a Report,
    pub machines: &'a [Machine],
    pub strangers: &'a [Stranger],
}

impl RunView<'_> {
    fn failed(&self, machine: usize, why: impl std::fmt::Display) -> Failure {
        let after = self.now_ms - u64::from(START_S) * 1000;
        let notes = self.report.last_notes();
        Failure::new(self.plan, after, format!("machine {machine}: {why}\n  {notes}"))
    }
}

/// Bounds of memory and queues, and that only strangers are blamed.
pub fn always(run: RunView<'_>) -> Result<(), Failure> {
    for machine in run.machines {
        let Some(up) = machine.up.as_ref() else { continue };
        let index = machine.index;
        up.node.net().assert_sound();
        let size = up.node.net().measure();
        let view = up.node.view();
        view.pool.read().assert_sound();
        let chosen = machine.friends.len();
        let bounds = [
            ("connections", size.peers, MAX_INBOUND + MAX_OUTBOUND + chosen + 64),
            ("inbound connections", size.inbound, MAX_INBOUND),
            ("dials", size.connecting, MAX_OUTBOUND + chosen),
            ("waiting requests", size.most_requests, MAX_WAITING_REQUESTS),
            ("unread bytes of a peer", size.most_unread, MAX_MESSAGE_BYTES + (1 << 20)),
            ("orphans", size.orphans, 100),
            ("addresses", size.addresses, MOST_ADDRESSES),
            ("wanted transactions", size.wanted, size.peers * MAX_ANNOUNCED_BY_PEER),
            ("unread blocks", size.arrived, 0),
        ];
        for (what, is, most) in bounds {
            if is > most {
                return Err(run.failed(index, format!("{is} {what}, {most} is the bound")));
            }
        }
        if size.most_queued > SEND_MOST_BYTES + ONE_ANSWER {
            let is = size.most_queued;
            return Err(run.failed(index, format!("{is} bytes wait for one peer")));
        }
        for peer in &view.net.peers {
            let stranger = run.strangers.iter().any(|s| s.owns(&peer.address.ip()));
            if !stranger && peer.score > 0 {
                let text = format!("honest {} has a score of {}", peer.address, peer.score);
                return Err(run.failed(index, text));
            }
            if peer.score >= BAN_SCORE && !peer.manual {
                return Err(run.failed(index, format!("{} is still here", peer.address)));
            }
        }
        if view.mining.refused > 0 {
            return Err(run.failed(index, "it refuses a block of its own standing miner"));
        }
        if let Some(text) = undeserved(run, index, &view.net.bans) {
            return Err(run.failed(index, text));
        }
    }
    Ok(())
}

/// Every ban names one address, that of a stranger who harmed this machine in a way that proves ill
/// will.
fn undeserved(run: RunView<'_>, index: usize, bans: &[(Subnet, Ban)]) -> Option<String> {
    let owner = |net: &Subnet| {
        let ip = net.single_ip()?;
        run.strangers.iter().find(|stranger| stranger.owns(&ip))
    };
    bans.iter().find_map(|(net, ban)| {
        let who = match owner(net) {
            Some(owner) if owner.deserves_ban_by(index) => return None,
            Some(owner) => format!("{:?}", owner.kind),
            None => "no stranger".to_owned(),
        };
        Some(format!("{net} is banned ({}) and did not deserve it: {who}", ban.reason))
    })
}

/// After a start: every block that the node once said it has is there.
pub fn kept_its_promises(run: RunView<'_>, index: usize) -> Result<(), Failure> {
    let machine = &run.machines[index];
    let Some(up) = machine.up.as_ref() else { return Ok(()) };
    let lost = up.store.snapshot().and_then(|snapshot| {
        for hash in &machine.promised {
            let bytes = match snapshot.id_of(hash)? {
                Some(id) => snapshot.block_bytes(id)?,
                None => None,
            };
            if bytes.is_none() {
                return Ok(Some(*hash));
            }
        }
        Ok(None)
    });
    match lost {
        Err(error) => Err(run.failed(index, format!("its chain can't be read: {error}"))),
        Ok(Some(hash)) => Err(run.failed(index, format!("a crash lost block {hash}"))),
        Ok(None) => Ok(()),
    }
}

/// One tip, one set of coins, that of a replay from genesis; no coin lost or made. What the nodes
/// have cached must be flushed.
pub fn at_the_end(run: RunView<'_>) -> Result<(), Failure> {
    always(run)?;
    let mut first: Option<CoinTotals> = None;
    let mut tips = BTreeSet::new();
    for machine in run.machines {
        let index = machine.index;
        let Some(up) = machine.up.as_ref() else { return Err(run.failed(index, "it is down")) };
        let read = up.store.snapshot().and_then(|snapshot| {
            tips.insert(snapshot.tip()?.hash);
            coin_totals(&snapshot)
        });
        let totals = match read {
            Ok(totals) => totals,
            Err(error) => return Err(run.failed(index, error)),
        };
        match &first {
            None => first = Some(totals),
            Some(first) if *first == totals => {}
            Some(first) => {
                let text = format!("its coins are {totals:?}, others have {first:?}");
                return Err(run.failed(index, text));
            }
        }
    }
    let Some(totals) = first else { return Ok(()) };
    let paid: i64 = (1..=totals.height.0).map(|h| subsidy(Height(h), &REGTEST).0).sum();
    if totals.amount.0 != paid {
        let text = format!("{} base units exist, {paid} were paid out", totals.amount.0);
        return Err(run.failed(0, text));
    }
    let some = run.plan.seed as usize % run.machines.len();
    let Some(up) = &run.machines[some].up else { return Ok(()) };
    let now = (run.now_ms / 1000) as u32 + 7200;
    let engine = Arc::new(ScriptEngine::default());
    let replayed = verify::replay(&up.store, engine, now, &mut |_| ControlFlow::Continue(()));
    if let Err(error) = replayed {
        return Err(run.failed(some, format!("a replay from genesis fails: {error}")));
    }
    match tips.len() {
        1 => Ok(()),
        count => Err(run.failed(0, format!("there are {count} tips"))),
    }
}
