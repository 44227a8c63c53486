//! Whether a node works: what a restart or an operator can change makes it unhealthy, what depends on
//! others is only a warning, so that a supervisor does not restart a node for a quiet network.

use rpc_types::upkeep::CheckState::{self, Fail, Ok as Fine, Warn};
use rpc_types::upkeep::{Check, Health};
use rustix::fs::statvfs;

use crate::config::Config;
use crate::daemon::actor::Handle;
use crate::daemon::chain_position::position;
use crate::daemon::clock::now_s;
use node::view::View;
use primitives::network::REGTEST;
use rpc::error::CallError;

/// Free bytes on the disk below which the chain soon can't be written, and below which to warn.
const LEAST_FREE: u64 = 64 << 20;
const LITTLE_FREE: u64 = 1 << 30;

/// How long the node's loop may take for one step, in seconds.
const MAX_STEP_S: u32 = 120;

/// How far ahead of our clock the tip may be, in seconds, before the clock is considered wrong: as far
/// as the consensus rules allow a header.
const CLOCK_LEEWAY_S: u32 = 2 * 60 * 60;

#[derive(Default)]
struct Checks(Vec<Check>);

impl Checks {
    fn add(&mut self, name: &str, state: CheckState, why: impl Into<String>) {
        self.0.push(Check { check: name.to_owned(), state, why: why.into() });
    }
}

pub fn report(
    config: &Config,
    view: &View,
    node: Option<&Handle>,
    unaudited: Option<String>,
) -> Health {
    let mut checks = Checks::default();
    match node {
        Some(node) => {
            let silent = now_s().saturating_sub(node.last_beat_s());
            let state = if silent > MAX_STEP_S { Fail } else { Fine };
            checks.add("node", state, format!("its loop came round {silent} s ago"));
        }
        None => checks.add("node", Fine, "no node runs here: the folder alone is looked at"),
    }
    if let Err(error) = chain(config, view, node.is_some(), &mut checks) {
        checks.add("store", Fail, error.message);
    }
    disk(config, &mut checks);
    match unaudited {
        Some(why) => checks.add("audit", Fail, format!("the log can't be written: {why}")),
        None => checks.add("audit", Fine, "every line asked for was written"),
    }
    if node.is_some() {
        let peers = view.net.ready_peers().count();
        let alone = peers == 0 && !config.peers.is_empty();
        checks.add("peers", if alone { Warn } else { Fine }, format!("{peers} connected"));
    }
    let checks = checks.0;
    Health { healthy: checks.iter().all(|check| check.state != Fail), checks }
}

/// The store, the clock against it, and where the chain is.
fn chain(
    config: &Config,
    view: &View,
    running: bool,
    checks: &mut Checks,
) -> Result<(), CallError> {
    let now = now_s();
    let at = position(view, now)?;
    let snapshot = view.read()?;
    let tip = snapshot.tip()?;
    checks.add("store", Fine, format!("readable, height {}", at.height));
    let id = snapshot.id_at(tip.height)?;
    let time = id.map(|id| snapshot.header(id)).transpose()?.flatten().map(|row| row.header.time);
    let ahead = time.unwrap_or(0).saturating_sub(now);
    match ahead > CLOCK_LEEWAY_S {
        true => checks.add("clock", Fail, format!("the tip is {ahead} s ahead of this clock")),
        false => checks.add("clock", Fine, "the tip is not ahead of it"),
    }
    match (view.store().build(), view.store().is_behind()) {
        (Some(_), _) => checks.add("indexes", Warn, "being built: migrate finishes them"),
        (None, true) => checks.add("indexes", Warn, "of an older schema: migrate brings them up"),
        (None, false) => checks.add("indexes", Fine, "finished"),
    }
    if running {
        let behind = at.headers - at.height;
        let late = behind > u64::from(config.service.ready_blocks);
        let state = if late { Warn } else { Fine };
        checks.add("sync", state, format!("{behind} blocks behind the best header"));
        if view.params.name != REGTEST.name {
            let age = at.tip_age_s;
            let state = if age > config.service.ready_age { Warn } else { Fine };
            checks.add("tip", state, format!("{age} s old"));
        }
    }
    Ok(())
}

fn disk(config: &Config, checks: &mut Checks) {
    match statvfs(config.data_folder()) {
        Ok(disk) => {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            let state = match free {
                free if free < LEAST_FREE => Fail,
                free if free < LITTLE_FREE => Warn,
                _ => Fine,
            };
            checks.add("disk", state, format!("{} MiB free", free >> 20));
        }
        Err(error) => checks.add("disk", Fail, format!("can't be asked: {error}")),
    }
}
