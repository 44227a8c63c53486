//! The standing miner: gives work to whoever mines, in this process or elsewhere, and takes what
//! they find.
//!
//! Invariant: all work that is out builds on the tip. In the step in which the tip moves, that work
//! dies and other work goes out.

use std::collections::VecDeque;
use std::sync::Arc;

use super::io::{Aim, MineDone, MiningState, MiningView};
use crate::io::{Done, NodeError, Output};
use crate::pool::SharedPool;
use chain::error::BlockError;
use chain::event::ChainEvent;
use chain::state::Chain;
use mining::block_template::{MAX_TAG, Template};
use mining::select::{Limits, RESERVED_WEIGHT};
use mining::work::{Found, MAX_THREADS, Meter, Work};
use primitives::address::{Address, AddressError};
use primitives::block::{Block, Height};
use primitives::id::BlockHash;
use primitives::network::NetworkParams;
use primitives::script::Script;
use store::error::StoreError;

/// Work that is out at once on one tip; the oldest dies when there is more.
pub const MAX_WORKS: usize = 8;
/// How old a template may be before a changed pool makes a new one: for miners that are at work,
/// and for whoever asks for one. In seconds.
const REFRESH_S: u32 = 15;
const CACHED_S: u32 = 5;
/// How long after something went wrong it is tried again.
const RETRY_S: u32 = 2;
/// Headers without their blocks that may be ahead of us while we mine: a peer that announces a
/// block and sends it does not stop us, one that keeps blocks back neither.
pub const MAX_BEHIND: u32 = 1;
/// Long polls that wait at once, how long for a changed pool, and how long at all. In seconds.
const MAX_POLLS: usize = 32;
const POLL_POOL_S: u32 = 60;
const POLL_MOST_S: u32 = 300;

/// Characters of the longest address (BIP173).
const LONGEST_ADDRESS: usize = 90;

/// Who waits for another template.
#[derive(Debug)]
struct Poll {
    ticket: u64,
    prev: BlockHash,
    updates: u64,
    since: u32,
}

#[derive(Debug)]
struct Cached {
    template: Arc<Template>,
    updates: u64,
    made: u32,
}

/// The standing miner's side of a node.
#[derive(Debug)]
pub struct Mining {
    params: &'static NetworkParams,
    payout: Option<(String, Script)>,
    tag: Vec<u8>,
    /// Threads when nobody says how many.
    cores: usize,
    threads: usize,
    served: bool,
    blocks_left: Option<u64>,
    epoch: u64,
    /// Work that is out, the newest last.
    works: VecDeque<Arc<Work>>,
    /// The newest work is not what is wanted now.
    due: bool,
    made: u32,
    updates: u64,
    paused: Option<String>,
    retry_at: u32,
    /// Where difficulty never changes, threads rest until then once they found a block.
    rest_until: u32,
    cached: Option<Cached>,
    polls: Vec<Poll>,
    mock_time: Option<u32>,
    found: u64,
    stale: u64,
    refused: u64,
    last: Option<(Height, BlockHash)>,
    meter: Arc<Meter>,
    view: Arc<MiningView>,
}

/// What one step works on. `now` is what blocks are dated with, `clock` how time passes; both in
/// seconds since 1970 and the same but for `setmocktime`.
pub struct MiningContext<'a> {
    pub chain: &'a mut Chain,
    pub pool: &'a SharedPool,
    pub now: u32,
    pub clock: u32,
}

pub(super) fn payout_of(
    address: &str,
    params: &'static NetworkParams,
) -> Result<Script, NodeError> {
    let known = match address.len() {
        // Reading base58 takes the square of its length.
        0..=LONGEST_ADDRESS => Address::from_text(address, params),
        length => Err(AddressError::Invalid {
            text: String::new(),
            reason: format!("{length} characters are too many"),
        }),
    };
    let reason = match known {
        Ok(address) => return Ok(address.to_script()),
        Err(AddressError::OtherNetwork { hrp, .. }) => format!("those start with {hrp}1"),
        Err(AddressError::Invalid { reason, .. }) => reason,
    };
    let address = address.chars().take(100).collect();
    Err(NodeError::NotAnAddress { address, network: params.name, reason })
}

/// Blocks by which the best known header is ahead of the tip.
fn behind(chain: &mut Chain) -> Result<u32, StoreError> {
    let tip = chain.tip().height.0;
    let (hash, _) = chain.best_header()?;
    let tree = chain.tree()?;
    let best = tree.id_of(&hash).map_or(0, |id| tree.entry(id).height().0);
    Ok(best.saturating_sub(tip))
}

fn long_poll_id(prev: BlockHash, updates: u64) -> String {
    format!("{prev}{updates}")
}

impl Mining {
    pub fn new(params: &'static NetworkParams) -> Mining {
        let meter = Arc::new(Meter::default());
        let view = MiningView { meter: Arc::clone(&meter), ..MiningView::default() };
        Mining {
            params,
            payout: None,
            tag: Vec::new(),
            cores: 1,
            threads: 0,
            served: false,
            blocks_left: None,
            epoch: 0,
            works: VecDeque::new(),
            due: false,
            made: 0,
            updates: 0,
            paused: None,
            retry_at: 0,
            rest_until: 0,
            cached: None,
            polls: Vec::new(),
            mock_time: None,
            found: 0,
            stale: 0,
            refused: 0,
            last: None,
            meter,
            view: Arc::new(view),
        }
    }

    /// How many threads mine when nobody says.
    pub fn set_cores(&mut self, cores: usize) {
        self.cores = cores.clamp(1, MAX_THREADS);
    }

    /// The counters that miners write.
    pub fn meter(&self) -> Arc<Meter> {
        Arc::clone(&self.meter)
    }

    pub fn view(&self) -> Arc<MiningView> {
        Arc::clone(&self.view)
    }

    /// The time that blocks are dated with.
    pub fn now(&self, clock: u32) -> u32 {
        self.mock_time.unwrap_or(clock)
    }

    pub fn set_mock_time(&mut self, time: u32) -> Result<(), NodeError> {
        if !self.params.mockable {
            let reason = format!("the time of {} can't be set, only regtest's", self.params.name);
            return Err(NodeError::NoMining { reason });
        }
        self.mock_time = (time != 0).then_some(time);
        self.due = true;
        self.cached = None;
        Ok(())
    }

    pub fn set_address(&mut self, address: Option<String>) -> Result<(), NodeError> {
        self.payout = match address {
            Some(address) => {
                let script = payout_of(&address, self.params)?;
                // What pays to another address is no longer wanted.
                self.works.clear();
                Some((address, script))
            }
            None => None,
        };
        self.due = true;
        Ok(())
    }

    pub fn set_tag(&mut self, tag: Vec<u8>) -> Result<(), NodeError> {
        if tag.len() > MAX_TAG {
            let reason = format!("the tag has {} bytes, {MAX_TAG} is the limit", tag.len());
            return Err(NodeError::NoMining { reason });
        }
        self.tag = tag;
        self.due = true;
        self.cached = None;
        Ok(())
    }

    pub fn start(
        &mut self,
        threads: Option<usize>,
        blocks: Option<u64>,
        patient: bool,
        chain: &mut Chain,
    ) -> Result<MineDone, NodeError> {
        let threads = threads.unwrap_or(self.cores);
        if threads > MAX_THREADS {
            let reason = format!("{threads} threads are over the limit of {MAX_THREADS}");
            return Err(NodeError::NoMining { reason });
        }
        if !patient {
            self.check_ready(chain)?;
        }
        self.need_address()?;
        self.threads = threads;
        self.blocks_left = blocks;
        (self.rest_until, self.retry_at, self.due) = (0, 0, true);
        if blocks == Some(0) {
            self.stop();
        }
        Ok(MineDone::Started { threads: self.threads, found: self.found })
    }

    pub fn stop(&mut self) {
        (self.threads, self.blocks_left, self.due) = (0, None, true);
    }

    /// A replica mines no more.
    pub fn give_up(&mut self) {
        if self.threads > 0 || self.served {
            self.served = false;
            self.stop();
        }
    }

    pub fn serve(&mut self, on: bool) -> Result<(), NodeError> {
        if on {
            self.need_address()?;
        }
        self.served = on;
        self.due = true;
        Ok(())
    }

    fn need_address(&self) -> Result<(), NodeError> {
        match self.payout {
            Some(_) => Ok(()),
            None => Err(NodeError::NoMining {
                reason: "there is no address to mine to: give one with set-mining-address ADDRESS \
                         or --mine=ADDRESS, or load-encrypted FILE and mine-to-wallet"
                    .to_owned(),
            }),
        }
    }

    /// Nobody mines on a tip that others have left behind.
    fn check_ready(&self, chain: &mut Chain) -> Result<(), NodeError> {
        match behind(chain)? {
            blocks if blocks > MAX_BEHIND => Err(NodeError::Behind { blocks }),
            _ => Ok(()),
        }
    }

    fn is_wanted(&self) -> bool {
        self.payout.is_some() && (self.threads > 0 || self.served)
    }

    /// A template on the tip, as new as `oldest_s` asks, checked as a block would be.
    fn template(
        &mut self,
        ctx: &mut MiningContext<'_>,
        oldest_s: u32,
    ) -> Result<Arc<Template>, NodeError> {
        let MiningContext { chain, pool, now, clock } = ctx;
        let updates = pool.read().updates();
        let tip = chain.tip().hash;
        if let Some(cached) = &self.cached
            && cached.template.prev == tip
            && *now <= cached.template.max_time
            && (cached.updates == updates || *clock < cached.made.saturating_add(oldest_s))
        {
            return Ok(Arc::clone(&cached.template));
        }
        let template = {
            let pool = pool.read();
            let (_, branch) = chain.around_tip()?;
            Template::new(&pool, &branch, self.params, *now, &self.tag, Limits::default())
                .map_err(|error| NodeError::NoMining { reason: error.to_string() })?
        };
        let coinbase = template.coinbase(&Script::default(), 0);
        let unworked = template.block(template.header(&coinbase, template.time), coinbase);
        chain.test_block(&unworked, *now).map_err(|error| match error {
            BlockError::Store(error) => NodeError::Store(error),
            error => NodeError::Refused { reason: error.to_string() },
        })?;
        let template = Arc::new(template);
        self.cached = Some(Cached { template: Arc::clone(&template), updates, made: *clock });
        Ok(template)
    }

    /// Answers `getblocktemplate`; `None` if the answer comes later, under the ticket.
    pub fn block_template(
        &mut self,
        ticket: u64,
        long_poll: Option<&str>,
        ctx: &mut MiningContext<'_>,
    ) -> Option<Result<Done, NodeError>> {
        if let Err(error) = self.check_ready(ctx.chain) {
            return Some(Err(error));
        }
        let parsed = long_poll.and_then(|id| {
            let (prev, updates) = (id.get(..64)?, id.get(64..)?);
            Some((prev.parse().ok()?, updates.parse().ok()?))
        });
        match (long_poll, parsed) {
            (Some(id), None) => {
                let shown: String = id.chars().take(100).collect();
                let reason = format!("{shown:?} is no longpollid of this node");
                Some(Err(NodeError::NoMining { reason }))
            }
            (_, Some((prev, updates))) if prev == ctx.chain.tip().hash => {
                if self.polls.len() >= MAX_POLLS {
                    let reason = format!("{MAX_POLLS} long polls are waiting: ask without one");
                    return Some(Err(NodeError::NoMining { reason }));
                }
                self.polls.push(Poll { ticket, prev, updates, since: ctx.clock });
                None
            }
            _ => Some(self.template_now(ctx)),
        }
    }

    fn template_now(&mut self, ctx: &mut MiningContext<'_>) -> Result<Done, NodeError> {
        let template = self.template(ctx, CACHED_S)?;
        let updates = self.cached.as_ref().map_or(0, |cached| cached.updates);
        let long_poll = long_poll_id(template.prev, updates);
        Ok(Done::Mine(MineDone::Template { template, long_poll, now: ctx.now }))
    }

    fn answer_polls(&mut self, ctx: &mut MiningContext<'_>, out: &mut Vec<Output>) {
        if self.polls.is_empty() {
            return;
        }
        let (tip, clock) = (ctx.chain.tip().hash, ctx.clock);
        let updates = ctx.pool.read().updates();
        let is_due = |poll: &Poll| {
            let waited = clock.saturating_sub(poll.since);
            poll.prev != tip
                || (waited >= POLL_POOL_S && poll.updates != updates)
                || waited >= POLL_MOST_S
        };
        let (due, waiting) = std::mem::take(&mut self.polls).into_iter().partition(is_due);
        self.polls = waiting;
        for Poll { ticket, .. } in due {
            let answer = self.template_now(ctx);
            out.push(Output::Reply { ticket, answer });
        }
    }

    /// Says whether a block would be good but for its proof of work (BIP23).
    pub fn propose(
        &self,
        bytes: &[u8],
        ctx: &mut MiningContext<'_>,
    ) -> Result<Option<String>, NodeError> {
        use primitives::codec::Decode;
        let block = Block::from_bytes(bytes)
            .map_err(|error| NodeError::Undecodable { reason: error.to_string() })?;
        let hash = block.hash();
        let tree = ctx.chain.tree()?;
        if let Some(id) = tree.id_of(&hash) {
            let entry = tree.entry(id);
            let said = match (entry.failed, entry.has_data()) {
                (true, _) => "duplicate-invalid",
                (false, true) => "duplicate",
                (false, false) => "duplicate-inconclusive",
            };
            return Ok(Some(said.to_owned()));
        }
        if block.header.prev != ctx.chain.tip().hash {
            return Ok(Some("inconclusive-not-best-prevblk".to_owned()));
        }
        match ctx.chain.test_block(&block, ctx.now) {
            Ok(()) => Ok(None),
            Err(BlockError::Rule(rule)) => Ok(Some(rule.reason())),
            Err(BlockError::Store(error)) => Err(NodeError::Store(error)),
            Err(BlockError::Decode(error)) => {
                Err(NodeError::Undecodable { reason: error.to_string() })
            }
        }
    }

    /// Takes what a miner found; what happened to the chain goes back.
    pub fn mined(
        &mut self,
        found: &Found,
        ctx: &mut MiningContext<'_>,
        out: &mut Vec<Output>,
    ) -> Result<Vec<ChainEvent>, StoreError> {
        let tip = ctx.chain.tip().hash;
        let work = self.works.iter().find(|work| work.epoch == found.epoch);
        let Some(work) = work.filter(|work| work.template.prev == tip) else {
            self.stale += 1;
            self.publish();
            return Ok(Vec::new());
        };
        let height = work.template.height;
        let block = work.block(found);
        match ctx.chain.accept_own_block(&block, ctx.now) {
            Ok(accepted) => {
                self.found += 1;
                self.last = Some((height, accepted.hash));
                // Who asked for so many blocks hears of them in the answer.
                if self.blocks_left.is_none() {
                    out.push(Output::Note(format!("mined block {height}: {}", accepted.hash)));
                }
                match &mut self.blocks_left {
                    Some(left) => {
                        *left = left.saturating_sub(1);
                        if *left == 0 {
                            self.stop();
                        }
                    }
                    None if self.params.no_retarget => {
                        self.rest_until = ctx.clock.saturating_add(1);
                    }
                    None => {}
                }
                self.due = true;
                Ok(accepted.events)
            }
            Err(BlockError::Store(error)) => Err(error),
            Err(error) => {
                // Not again the same: the next template comes after a while.
                self.refused += 1;
                out.push(Output::Note(format!("our own block {height} is refused: {error}")));
                self.cached = None;
                self.pause(error.to_string(), ctx.clock, out);
                Ok(Vec::new())
            }
        }
    }

    fn pause(&mut self, why: String, clock: u32, out: &mut Vec<Output>) {
        self.retry_at = clock.saturating_add(RETRY_S);
        self.due = false;
        if self.paused.as_ref() == Some(&why) {
            return;
        }
        out.push(Output::Note(format!("mining pauses: {why}")));
        self.paused = Some(why);
        if !self.works.is_empty() {
            self.works.clear();
            out.push(Output::Work(None));
        }
        self.publish();
    }

    /// Keeps step with chain, pool and time: work goes out, or dies.
    pub fn follow(
        &mut self,
        ctx: &mut MiningContext<'_>,
        out: &mut Vec<Output>,
    ) -> Result<(), StoreError> {
        self.answer_polls(ctx, out);
        if !self.is_wanted() {
            self.paused = None;
            if !self.works.is_empty() {
                self.works.clear();
                out.push(Output::Work(None));
            }
            if std::mem::take(&mut self.due) {
                self.publish();
            }
            return Ok(());
        }
        if behind(ctx.chain)? > MAX_BEHIND {
            self.pause("peers have blocks that are not here yet".to_owned(), ctx.clock, out);
            return Ok(());
        }
        let tip = ctx.chain.tip().hash;
        let clock = ctx.clock;
        let threads = if clock < self.rest_until { 0 } else { self.threads };
        let pool_moved = || ctx.pool.read().updates() != self.updates;
        let good = self.works.back().is_some_and(|work| {
            work.template.prev == tip
                && work.threads == threads
                && ctx.now <= work.template.max_time
                && (clock < self.made.saturating_add(REFRESH_S) || !pool_moved())
        });
        if good && !self.due {
            return Ok(());
        }
        if self.paused.is_some() && clock < self.retry_at && !self.due {
            return Ok(());
        }
        self.due = false;
        if self.works.back().is_some_and(|work| work.template.prev != tip) {
            self.works.clear();
        }
        match self.template(ctx, REFRESH_S) {
            Ok(template) => self.hand_out(template, threads, clock, out),
            Err(NodeError::Store(error)) => return Err(error),
            Err(error) => self.pause(error.to_string(), clock, out),
        }
        Ok(())
    }

    fn hand_out(
        &mut self,
        template: Arc<Template>,
        threads: usize,
        clock: u32,
        out: &mut Vec<Output>,
    ) {
        let Some((_, payout)) = &self.payout else { return };
        if self.paused.take().is_some() {
            out.push(Output::Note("mining goes on".to_owned()));
        }
        self.made = clock;
        self.updates = self.cached.as_ref().map_or(0, |cached| cached.updates);
        self.epoch += 1;
        let fresh_tip = self.works.is_empty();
        let (epoch, payout) = (self.epoch, payout.clone());
        let work = Arc::new(Work { epoch, template, payout, threads, fresh_tip });
        if self.works.len() == MAX_WORKS {
            self.works.pop_front();
        }
        self.works.push_back(Arc::clone(&work));
        out.push(Output::Work(Some(work)));
        self.publish();
    }

    fn publish(&mut self) {
        let aim = self.works.back().map(|work| {
            let template = &work.template;
            Aim {
                height: template.height,
                bits: template.bits,
                txs: template.txs.len(),
                weight: RESERVED_WEIGHT + template.txs.iter().map(|tx| tx.weight).sum::<usize>(),
                fees: template.fees,
                value: template.value,
            }
        });
        let state = match (&self.paused, self.is_wanted()) {
            (_, false) => MiningState::Off,
            (Some(why), true) => MiningState::Paused(why.clone()),
            (None, true) => MiningState::Mining,
        };
        self.view = Arc::new(MiningView {
            state,
            address: self.payout.as_ref().map(|(address, _)| address.clone()),
            threads: self.threads,
            served: self.served,
            blocks_left: self.blocks_left,
            aim,
            found: self.found,
            stale: self.stale,
            refused: self.refused,
            last: self.last,
            mock_time: self.mock_time,
            meter: Arc::clone(&self.meter),
        });
    }
}
