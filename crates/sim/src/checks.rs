//! What must hold, judged from outside of the nodes.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::history::START_S;
use super::report::Failure;
use super::world::World;
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

fn failed(world: &World, machine: usize, why: impl std::fmt::Display) -> Failure {
    let after = world.now_ms - u64::from(START_S) * 1000;
    let notes = world.report.last_notes();
    Failure::new(&world.plan, after, format!("machine {machine}: {why}\n  {notes}"))
}

/// Bounds of memory and queues, and that only strangers are blamed.
pub fn always(world: &mut World) -> Result<(), Failure> {
    for index in 0..world.machines.len() {
        let Some(up) = world.machines[index].up.as_mut() else { continue };
        up.node.net().assert_sound();
        let size = up.node.net().measure();
        let view = up.node.view();
        view.pool.read().assert_sound();
        let chosen = world.machines[index].friends.len();
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
                return Err(failed(world, index, format!("{is} {what}, {most} is the bound")));
            }
        }
        if size.most_queued > SEND_MOST_BYTES + ONE_ANSWER {
            let is = size.most_queued;
            return Err(failed(world, index, format!("{is} bytes wait for one peer")));
        }
        for peer in &view.net.peers {
            let stranger = world.strangers.iter().any(|s| s.owns(&peer.address.ip()));
            if !stranger && peer.score > 0 {
                let text = format!("honest {} has a score of {}", peer.address, peer.score);
                return Err(failed(world, index, text));
            }
            if peer.score >= BAN_SCORE && !peer.manual {
                return Err(failed(world, index, format!("{} is still here", peer.address)));
            }
        }
        if view.mining.refused > 0 {
            return Err(failed(world, index, "it refuses a block of its own standing miner"));
        }
        if let Some(text) = undeserved(world, index, &view.net.bans) {
            return Err(failed(world, index, text));
        }
    }
    Ok(())
}

/// Every ban names one address, that of a stranger who harmed this machine in a way that proves ill
/// will.
fn undeserved(world: &World, index: usize, bans: &[(Subnet, Ban)]) -> Option<String> {
    let owner = |net: &Subnet| {
        let ip = net.single_ip()?;
        world.strangers.iter().find(|stranger| stranger.owns(&ip))
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
pub fn kept_its_promises(world: &mut World, index: usize) -> Result<(), Failure> {
    let machine = &mut world.machines[index];
    let Some(up) = machine.up.as_mut() else { return Ok(()) };
    let tree = up.node.chain().tree();
    let lost = match &tree {
        Ok(tree) => machine
            .promised
            .iter()
            .find(|hash| tree.id_of(hash).is_none_or(|id| !tree.entry(id).has_data())),
        Err(_) => None,
    };
    let lost = lost.copied();
    if let Err(error) = tree {
        let error = error.clone();
        return Err(failed(world, index, format!("its chain can't be read: {error}")));
    }
    match lost {
        Some(hash) => Err(failed(world, index, format!("a crash lost block {hash}"))),
        None => Ok(()),
    }
}

/// One tip, one set of coins, that of a replay from genesis; no coin lost or made.
pub fn at_the_end(world: &mut World) -> Result<(), Failure> {
    always(world)?;
    let mut first: Option<CoinTotals> = None;
    for index in 0..world.machines.len() {
        let Some(up) = world.machines[index].up.as_mut() else {
            return Err(failed(world, index, "it is down"));
        };
        let read = || {
            up.node.chain().flush()?;
            coin_totals(&up.store.snapshot()?)
        };
        let mut read = read;
        let totals = match read() {
            Ok(totals) => totals,
            Err(error) => return Err(failed(world, index, error)),
        };
        match &first {
            None => first = Some(totals),
            Some(first) if *first == totals => {}
            Some(first) => {
                let text = format!("its coins are {totals:?}, others have {first:?}");
                return Err(failed(world, index, text));
            }
        }
    }
    let Some(totals) = first else { return Ok(()) };
    let paid: i64 = (1..=totals.height.0).map(|h| subsidy(Height(h), &REGTEST).0).sum();
    if totals.amount.0 != paid {
        let text = format!("{} base units exist, {paid} were paid out", totals.amount.0);
        return Err(failed(world, 0, text));
    }
    let some = world.plan.seed as usize % world.machines.len();
    let Some(up) = &world.machines[some].up else { return Ok(()) };
    let now = (world.now_ms / 1000) as u32 + 7200;
    let engine = Arc::new(ScriptEngine::default());
    let replayed = verify::replay(&up.store, engine, now, &mut |_| ControlFlow::Continue(()));
    if let Err(error) = replayed {
        return Err(failed(world, some, format!("a replay from genesis fails: {error}")));
    }
    let tips: BTreeSet<_> =
        world.machines.iter_mut().filter_map(|m| m.tip()).map(|t| t.hash).collect();
    match tips.len() {
        1 => Ok(()),
        count => Err(failed(world, 0, format!("there are {count} tips"))),
    }
}
