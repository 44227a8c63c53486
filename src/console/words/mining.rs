//! Mining while the operator waits: starts the node's miner, watches it, and stops it again.
//!
//! It uses calls alone, so that it works the same on a node that runs elsewhere.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rpc_types::mining::{MiningState, MiningStatus};
use serde_json::{Value, json};

use super::{CONSOLE, ConsoleWord};
use crate::console::host::{ConsoleHost, throw_of};
use crate::console::sandbox::Capability;
use crate::console::stack_values::push_json;
use forth2012::host::{HostContext, Throw};
use rpc::call::{Call, typed};
use rpc::error::{CallError, ErrorKind};
use rpc::table::calls;
use rpc::value::Json;

/// Entries of the words.
pub const WORDS: &[ConsoleWord] = &[ConsoleWord {
    name: "mine-n",
    effect: "( n -- json-addr u )",
    help: "Mine n blocks to the configured address and wait for them; Ctrl-C stops. On a terminal the hashrate is shown.",
    example: "init-storage s\" bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080\" set-mining-address-to 2 mine-n .json",
    group: CONSOLE,
    twin: None,
    capability: Capability::NodeChange,
    run: mine_n,
}];

fn mine_n(console: &mut ConsoleHost, context: &mut HostContext<'_>) -> Result<(), Throw> {
    let blocks = u64::try_from(context.pop()?).unwrap_or(0);
    let shown = console.shows_progress();
    let mut ask = |method: &str, params| console.ask(method, params);
    let mined = Mine { blocks, shown }.run(&mut ask, &context.interrupt());
    push_json(&mined.map_err(throw_of)?, context)
}

/// How long to wait before the first query of the miner, and at most before later ones.
const FIRST_QUERY: Duration = Duration::from_millis(1);
const QUERY_EVERY: Duration = Duration::from_millis(100);
/// How often progress is drawn on a terminal.
const SHOW_EVERY: Duration = Duration::from_millis(500);

/// How many blocks to mine; `shown`: with progress on the terminal.
pub struct Mine {
    pub blocks: u64,
    pub shown: bool,
}

type Ask<'a> = dyn FnMut(&str, Vec<Value>) -> Result<Value, CallError> + 'a;

fn status(ask: &mut Ask<'_>) -> Result<MiningStatus, CallError> {
    let Json(status) = typed::<calls::MiningStatus>(ask(calls::MiningStatus::METHOD, vec![])?)?;
    Ok(status)
}

fn start(blocks: u64, ask: &mut Ask<'_>) -> Result<u64, CallError> {
    let answer = ask(calls::StartMining::METHOD, vec![json!(0), json!(blocks)])?;
    let Json(started) = typed::<calls::StartMining>(answer)?;
    Ok(started.blocks_found)
}

impl Mine {
    /// Mines, and says what came of it. A miner that already runs without end is only watched.
    pub fn run(&self, ask: &mut Ask<'_>, interrupt: &AtomicBool) -> Result<Value, CallError> {
        let begun = Instant::now();
        let before = status(ask)?;
        let running = before.state != MiningState::Off && before.blocks_left.is_none();
        let running = running && before.threads > 0;
        let found = match running {
            true => before.blocks_found,
            false => start(self.blocks, ask)?,
        };
        let mut wait = FIRST_QUERY;
        let mut said = Instant::now();
        let ended = loop {
            let status = status(ask)?;
            let mined = status.blocks_found.saturating_sub(found);
            let failed = |kind, why: &str| {
                let why = format!("{why}; {mined} of {} blocks were mined", self.blocks);
                Err(CallError::new(kind, why))
            };
            if mined >= self.blocks {
                break Ok(status);
            }
            if interrupt.load(Ordering::Relaxed) {
                break failed(ErrorKind::Interrupted, "stopped");
            }
            if status.state == MiningState::Off {
                break failed(ErrorKind::Interrupted, "somebody else stopped the miner");
            }
            if status.refused > before.refused {
                let reason = status.reason.as_deref().unwrap_or("our own block was refused");
                break failed(ErrorKind::Rejected, reason);
            }
            if self.shown && said.elapsed() >= SHOW_EVERY {
                said = Instant::now();
                self.show(&status, mined);
            }
            std::thread::sleep(wait);
            wait = (wait * 2).min(QUERY_EVERY);
        };
        if self.shown {
            eprint!("\r\x1b[K");
        }
        match ended {
            Ok(status) => Ok(json!({
                "mined": self.blocks,
                "height": status.last_block.as_ref().map(|block| block.height),
                "hash": status.last_block.as_ref().map(|block| &block.hash),
                "hashes": status.hashes.saturating_sub(before.hashes),
                "seconds": (begun.elapsed().as_secs_f64() * 1000.0).round() / 1000.0,
                "stale": status.stale.saturating_sub(before.stale),
            })),
            Err(error) => {
                if !running {
                    ask("stopmining", vec![])?;
                }
                Err(error)
            }
        }
    }

    fn show(&self, status: &MiningStatus, mined: u64) {
        let rate = status.hashrate as f64;
        let left = status.seconds_expected.unwrap_or(0.0);
        let height = status.block.as_ref().map_or(0, |block| block.height);
        let about = match &status.reason {
            Some(reason) => reason.clone(),
            None => format!("block {height}, {:.2} MH/s, about {left:.0} s a block", rate / 1e6),
        };
        eprint!("\r\x1b[K{mined} of {} mined; {about} ", self.blocks);
    }
}
