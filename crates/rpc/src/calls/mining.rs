//! Calls that report on mining, difficulty and hash rates.

use std::sync::atomic::Ordering;

use rpc_types::mining as types;
use rpc_types::mining::{FoundBlock, NextBlock, SoughtBlock, StratumStatus};

use crate::call::{Call, Class, ReadCall};
use crate::error::{CallError, ErrorKind};
use crate::show;
use crate::value::{Count, Json, Signed};
use consensus::header::retarget;
use crypto::lanes::Lanes;
use mining::grind::expected_hashes;
use node::mine::io::MiningState;
use node::view::View;
use primitives::block::Height;
use primitives::network::NetworkParams;
use primitives::target::CompactTarget;
use store::rows::HeaderRow;
use store::snapshot::Snapshot;

/// Blocks that a network's hashrate is taken over when nobody says (Core's).
pub(super) const RATE_BLOCKS: i64 = 120;
/// Most blocks that it is taken over.
const MOST_RATE_BLOCKS: i64 = 100_000;
/// Intervals of a history when nobody says, and at most.
const INTERVALS: u64 = 20;
const MOST_INTERVALS: u64 = 1_000;

fn row_at(snapshot: &Snapshot, height: u32) -> Result<HeaderRow, CallError> {
    let id = snapshot.id_at(Height(height))?;
    let row = id.map(|id| snapshot.header(id)).transpose()?.flatten();
    row.ok_or_else(|| snapshot.corrupt(format!("no header at height {height}")).into())
}

/// The bits of the block after the tip, but for networks on which a late block may be easy.
fn next_bits(
    snapshot: &Snapshot,
    params: &NetworkParams,
    tip: &HeaderRow,
) -> Result<CompactTarget, CallError> {
    let bits = tip.header.bits;
    if params.no_retarget || !tip.height.next().0.is_multiple_of(params.retarget_interval) {
        return Ok(bits);
    }
    let first = row_at(snapshot, tip.height.0 + 1 - params.retarget_interval)?;
    Ok(retarget(bits, first.header.time, tip.header.time, params))
}

/// Hashes a second of the network over the blocks up to a height (Core's `GetNetworkHashPS`).
pub(super) fn network_hashrate(
    view: &View,
    snapshot: &Snapshot,
    blocks: i64,
    height: i64,
) -> Result<f64, CallError> {
    let tip = i64::from(snapshot.tip()?.height.0);
    let out_of_range = |why: String| Err(CallError::new(ErrorKind::OutOfRange, why));
    if height < -1 || height > tip {
        return out_of_range(format!("Block does not exist at specified height: {height}"));
    }
    if blocks < -1 || blocks == 0 {
        return out_of_range(format!("{blocks} is no number of blocks; -1: since the retarget"));
    }
    let last = if height == -1 { tip } else { height };
    let blocks = match blocks {
        -1 => last % i64::from(view.params.retarget_interval) + 1,
        blocks => blocks.min(MOST_RATE_BLOCKS),
    };
    let first = (last - blocks.min(last)) as u32;
    let begin = row_at(snapshot, first)?;
    let (mut least, mut most, mut work) = (begin.header.time, begin.header.time, 0.0);
    for entry in snapshot.chain(first + 1..=last as u32)? {
        let (_, id) = entry?;
        let missing = || snapshot.corrupt(format!("no header {id}"));
        let header = snapshot.header(id)?.ok_or_else(missing)?.header;
        (least, most) = (least.min(header.time), most.max(header.time));
        work += header.bits.work().to_f64();
    }
    Ok(if most > least { work / f64::from(most - least) } else { 0.0 })
}

pub struct NetworkHashrate;

impl Call for NetworkHashrate {
    const WORD: &'static str = "get-network-hashrate";
    const METHOD: &'static str = "getnetworkhashps";
    const HELP: &'static str = "The estimated hash rate of the whole network, in hashes per second, over a number of blocks (120; -1: since the last retarget) up to a height.";
    const EXAMPLE: &'static str = "init-storage get-network-hashrate .";
    const CLASS: Class = Class::Read;
    const PARAMS: &'static [&'static str] = &["nblocks", "height"];
    type In = (Option<Signed>, Option<Signed>);
    type Out = Count;
}

impl ReadCall for NetworkHashrate {
    fn run(view: &View, (blocks, height): Self::In) -> Result<Count, CallError> {
        let blocks = blocks.map_or(RATE_BLOCKS, |blocks| blocks.0);
        network_hashrate(view, &*view.read()?, blocks, height.map_or(-1, |height| height.0))
            .map(|rate| Count(rate as u64))
    }
}

pub struct Hashrate;

impl Call for Hashrate {
    const WORD: &'static str = "get-hashrate";
    const METHOD: &'static str = "gethashrate";
    const HELP: &'static str =
        "The current hash rate of this node's mining threads, in hashes per second.";
    const EXAMPLE: &'static str = "init-storage get-hashrate .";
    const CLASS: Class = Class::Read;
    const NEEDS_NODE: bool = true;
    type In = ();
    type Out = Count;
}

impl ReadCall for Hashrate {
    fn run(view: &View, (): ()) -> Result<Count, CallError> {
        Ok(Count(view.mining.meter.hashrate()))
    }
}

/// Hashes a second over all the time that threads have mined, all threads together.
fn average(view: &View) -> u64 {
    let meter = &view.mining.meter;
    let hashes = meter.hashes.load(Ordering::Relaxed) as f64;
    match meter.busy_us.load(Ordering::Relaxed) {
        0 => meter.hashrate(),
        busy_us => (hashes / busy_us as f64 * 1e6) as u64 * view.mining.threads.max(1) as u64,
    }
}

pub struct MiningStatus;

impl Call for MiningStatus {
    const WORD: &'static str = "get-mining-status";
    const METHOD: &'static str = "getminingstatus";
    const HELP: &'static str = "This node's mining: state, threads, hash rates, blocks found, current work, payout address, Stratum miners.";
    const EXAMPLE: &'static str = "init-storage get-mining-status .json";
    const CLASS: Class = Class::Read;
    const NEEDS_NODE: bool = true;
    type In = ();
    type Out = Json<types::MiningStatus>;
}

impl ReadCall for MiningStatus {
    fn run(view: &View, (): ()) -> Result<Self::Out, CallError> {
        let (mining, meter) = (&view.mining, &view.mining.meter);
        let snapshot = view.read()?;
        let tip = row_at(&snapshot, snapshot.tip()?.height.0)?;
        let bits = match &mining.aim {
            Some(aim) => aim.bits,
            None => next_bits(&snapshot, view.params, &tip)?,
        };
        let (state, reason) = match &mining.state {
            MiningState::Off => (types::MiningState::Off, None),
            MiningState::Mining => (types::MiningState::Mining, None),
            MiningState::Paused(why) => (types::MiningState::Paused, Some(why.clone())),
        };
        let hashrate = meter.hashrate();
        let hashes_needed = expected_hashes(bits.to_target().unwrap_or_default());
        let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let block = mining.aim.as_ref().map(|aim| SoughtBlock {
            height: aim.height.0,
            transactions: aim.txs as u64,
            weight: aim.weight as u64,
            fees: show::amount(aim.fees),
            value: show::amount(aim.value),
        });
        let last = mining.last.as_ref();
        let last_block = last
            .map(|(height, hash)| FoundBlock { height: height.0, hash: show::block_hash(hash) });
        Ok(Json(types::MiningStatus {
            state,
            reason,
            address: mining.address.clone(),
            threads: mining.threads as u64,
            lanes: Lanes::best().name().to_owned(),
            hashrate,
            hashrate_average: average(view),
            hashes: count(&meter.hashes),
            blocks_found: mining.found,
            blocks_left: mining.blocks_left,
            stale: mining.stale,
            refused: mining.refused,
            last_block,
            difficulty: show::difficulty(bits.difficulty()),
            target: show::target(bits),
            hashes_expected: hashes_needed.round() as u64,
            seconds_expected: (hashrate > 0).then(|| hashes_needed / hashrate as f64),
            block,
            stratum: StratumStatus {
                open: mining.served,
                miners: count(&meter.workers),
                shares: count(&meter.shares),
                stale: count(&meter.stale_shares),
                refused: count(&meter.refused_shares),
                share_hashes: count(&meter.share_hashes),
            },
        }))
    }
}

pub struct MiningInfo;

impl Call for MiningInfo {
    const WORD: &'static str = "get-mining-info";
    const METHOD: &'static str = "getmininginfo";
    const HELP: &'static str =
        "The chain from a miner's view: height, current and next difficulty, hash rates, mempool.";
    const EXAMPLE: &'static str = "init-storage get-mining-info .json";
    const CLASS: Class = Class::Read;
    const NEEDS_NODE: bool = true;
    type In = ();
    type Out = Json<types::MiningInfo>;
}

impl ReadCall for MiningInfo {
    fn run(view: &View, (): ()) -> Result<Self::Out, CallError> {
        let snapshot = view.read()?;
        let tip = row_at(&snapshot, snapshot.tip()?.height.0)?;
        let next = next_bits(&snapshot, view.params, &tip)?;
        let aim = view.mining.aim.as_ref();
        Ok(Json(types::MiningInfo {
            blocks: tip.height.0,
            currentblockweight: aim.map(|aim| aim.weight as u64),
            currentblocktx: aim.map(|aim| aim.txs as u64),
            bits: show::bits(tip.header.bits),
            difficulty: show::difficulty(tip.header.bits.difficulty()),
            target: show::target(tip.header.bits),
            networkhashps: network_hashrate(view, &snapshot, RATE_BLOCKS, -1)?,
            pooledtx: view.pool.read().len() as u64,
            blockmintxfee: show::amount(primitives::amount::Amount(1)),
            chain: view.params.name.to_owned(),
            next: NextBlock {
                height: tip.height.next().0,
                bits: show::bits(next),
                difficulty: show::difficulty(next.difficulty()),
                target: show::target(next),
            },
            mining: view.mining.state == MiningState::Mining,
            hashrate: view.mining.meter.hashrate(),
            blocks_found: view.mining.found,
            warnings: Vec::new(),
        }))
    }
}

pub struct DifficultyInfo;

impl Call for DifficultyInfo {
    const WORD: &'static str = "get-difficulty-info";
    const METHOD: &'static str = "getdifficultyinfo";
    const HELP: &'static str = "The difficulty of the next block, the expected number of hashes, and when the difficulty changes.";
    const EXAMPLE: &'static str = "init-storage get-difficulty-info .json";
    const CLASS: Class = Class::Read;
    type In = ();
    type Out = Json<types::DifficultyInfo>;
}

impl ReadCall for DifficultyInfo {
    fn run(view: &View, (): ()) -> Result<Self::Out, CallError> {
        let (snapshot, params) = (view.read()?, view.params);
        let tip = row_at(&snapshot, snapshot.tip()?.height.0)?;
        let bits = next_bits(&snapshot, params, &tip)?;
        let hashes = expected_hashes(bits.to_target().unwrap_or_default());
        let mut shown = types::DifficultyInfo {
            height: tip.height.next().0,
            difficulty: show::difficulty(bits.difficulty()),
            bits: show::bits(bits),
            target: show::target(bits),
            hashes_expected: hashes.round() as u64,
            changes_at: None,
            blocks_until: None,
            change_expected_percent: None,
        };
        if !params.no_retarget {
            let interval = params.retarget_interval;
            let next = (tip.height.next().0 / interval + 1).saturating_mul(interval);
            let first = row_at(&snapshot, tip.height.0 / interval * interval)?;
            let (blocks, took) =
                (tip.height.0 - first.height.0, tip.header.time.saturating_sub(first.header.time));
            let aimed = u64::from(blocks) * u64::from(params.spacing_s);
            // As the rules bound it.
            let change = (aimed > 0).then(|| {
                (aimed as f64 / f64::from(took).max(1.0)).clamp(0.25, 4.0) * 100.0 - 100.0
            });
            shown.changes_at = Some(next);
            shown.blocks_until = Some(next - tip.height.next().0);
            shown.change_expected_percent = Some(change);
        }
        Ok(Json(shown))
    }
}

pub struct DifficultyHistory;

impl Call for DifficultyHistory {
    const WORD: &'static str = "get-difficulty-history";
    const METHOD: &'static str = "getdifficultyhistory";
    const HELP: &'static str =
        "The difficulty of each retarget interval, newest first, and how long its blocks took.";
    const EXAMPLE: &'static str = "init-storage get-difficulty-history .json";
    const CLASS: Class = Class::Read;
    const PARAMS: &'static [&'static str] = &["intervals"];
    const RESULT: &'static str = "The intervals, newest first.";
    type In = (Option<Count>,);
    type Out = Json<Vec<types::DifficultyInterval>>;
}

impl ReadCall for DifficultyHistory {
    fn run(view: &View, (intervals,): Self::In) -> Result<Self::Out, CallError> {
        let intervals = intervals.map_or(INTERVALS, |intervals| intervals.0).min(MOST_INTERVALS);
        let (snapshot, interval) = (view.read()?, view.params.retarget_interval);
        let tip = snapshot.tip()?.height.0;
        let mut shown = Vec::new();
        let mut start = tip / interval * interval;
        for _ in 0..intervals {
            let first = row_at(&snapshot, start)?;
            let last = row_at(&snapshot, (start + interval - 1).min(tip))?;
            let before = start.checked_sub(interval).map(|at| row_at(&snapshot, at)).transpose()?;
            let difficulty = first.header.bits.difficulty();
            let change =
                before.map(|before| (difficulty / before.header.bits.difficulty() - 1.0) * 100.0);
            shown.push(types::DifficultyInterval {
                height: start,
                time: first.header.time,
                bits: show::bits(first.header.bits),
                difficulty: show::difficulty(difficulty),
                change_percent: change,
                blocks: last.height.0 - start + 1,
                seconds: last.header.time.saturating_sub(first.header.time),
            });
            match start.checked_sub(interval) {
                Some(earlier) => start = earlier,
                None => break,
            }
        }
        Ok(Json(shown))
    }
}
