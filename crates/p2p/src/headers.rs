//! Headers of strangers: the locator, and a look at a long branch before any of it is kept.
//!
//! A header of little work costs its sender nothing and us memory. A branch whose work does not
//! come near our tip's is therefore read twice, as in Core's `HeadersSyncState`: the first time
//! only its sum of work is kept, and one secret bit for every few hundred headers; once the work
//! suffices it is asked for again, and what matches the bits is let in.

use crypto::hash::siphash24;
use primitives::block::Header;
use primitives::id::BlockHash;
use primitives::network::NetworkParams;
use primitives::target::{U256, meets};

/// Headers between two secret bits.
const PERIOD: u64 = 200;
/// Secret bits kept for one peer: twenty million headers.
const MAX_BITS: usize = 100_000;
/// Headers held back on the second reading, so that many bits vouch for what is let in.
const HELD_BACK: usize = 4000;

/// Heights whose hashes make a locator: the last ten, then ever wider apart, genesis last.
pub fn locator_heights(tip: u32) -> Vec<u32> {
    let mut heights = Vec::with_capacity(32);
    let (mut at, mut step) = (tip, 1);
    while at > 0 {
        heights.push(at);
        if heights.len() >= 10 {
            step *= 2;
        }
        at = at.saturating_sub(step);
    }
    heights.push(0);
    heights
}

/// What is wrong with a list of headers by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    #[error("headers that do not follow each other")]
    Broken,
    #[error("a header without its proof of work")]
    NoWork,
}

/// Checks that headers follow each other and that each did the work that it names; gives the sum
/// of work.
pub fn check_list(headers: &[Header], params: &NetworkParams) -> Result<U256, ListError> {
    let mut work = U256::ZERO;
    let mut last: Option<BlockHash> = None;
    for header in headers {
        if last.is_some_and(|last| last != header.prev) {
            return Err(ListError::Broken);
        }
        let hash = header.hash();
        let target = header.bits.to_target().filter(|target| *target <= params.pow_limit);
        if !target.is_some_and(|target| meets(&hash, target)) {
            return Err(ListError::NoWork);
        }
        work = work.saturating_add(header.bits.work());
        last = Some(hash);
    }
    Ok(work)
}

/// What a batch of a branch under a look leads to.
#[derive(Debug, PartialEq, Eq)]
pub enum PresyncStep {
    /// Ask for headers after this one.
    More(BlockHash),
    /// Let these in, then ask for headers after that one if there is one.
    Accept(Vec<Header>, Option<BlockHash>),
    /// The branch ends with too little work.
    LowWork,
    /// The second reading is not the first: the peer cheats.
    Inconsistent,
}

/// A branch of one peer under a look.
#[derive(Debug)]
pub struct Presync {
    /// The known header that it starts from, and the work up to it.
    start: (BlockHash, U256),
    wanted: U256,
    salt: (u64, u64),
    bits: Vec<bool>,
    second: bool,
    // Of the reading at hand.
    count: u64,
    last: BlockHash,
    work: U256,
    held: Vec<Header>,
    /// Headers of the first reading when it had enough.
    proven: u64,
}

impl Presync {
    /// A look at a branch from a known header on; `wanted` is the work that it must have in all.
    pub fn new(start: BlockHash, start_work: U256, wanted: U256, salt: (u64, u64)) -> Presync {
        Presync {
            start: (start, start_work),
            wanted,
            salt,
            bits: Vec::new(),
            second: false,
            count: 0,
            last: start,
            work: start_work,
            held: Vec::new(),
            proven: 0,
        }
    }

    /// The secret bit of a header; which ones count is secret, too.
    fn bit_of(&self, count: u64, hash: &BlockHash) -> Option<bool> {
        let counts = count % PERIOD == self.salt.0 % PERIOD;
        counts.then(|| siphash24(self.salt.0, self.salt.1, &hash.0) & 1 == 1)
    }

    /// The header after which more are wanted.
    pub fn next(&self) -> BlockHash {
        self.last
    }

    /// Takes a batch that `check_list` has passed; `full` if the peer has more.
    pub fn take(&mut self, headers: &[Header], full: bool) -> PresyncStep {
        if headers.first().is_none_or(|first| first.prev != self.last) {
            // An answer to another question, or the peer has changed its mind.
            return PresyncStep::LowWork;
        }
        for header in headers {
            let hash = header.hash();
            self.count += 1;
            self.work = self.work.saturating_add(header.bits.work());
            self.last = hash;
            if let Some(bit) = self.bit_of(self.count, &hash) {
                let index = (self.count / PERIOD) as usize;
                if !self.second {
                    if self.bits.len() >= MAX_BITS {
                        return PresyncStep::LowWork;
                    }
                    self.bits.push(bit);
                } else if self.count <= self.proven {
                    let first = self.salt.0 % PERIOD;
                    let index = if first == 0 { index - 1 } else { index };
                    if self.bits.get(index) != Some(&bit) {
                        return PresyncStep::Inconsistent;
                    }
                }
            }
        }
        match self.second {
            false if self.work >= self.wanted => {
                self.proven = self.count;
                self.second = true;
                (self.count, self.last, self.work) = (0, self.start.0, self.start.1);
                PresyncStep::More(self.start.0)
            }
            false if full => PresyncStep::More(self.last),
            false => PresyncStep::LowWork,
            true => {
                self.held.extend_from_slice(headers);
                if self.count >= self.proven {
                    // All that was seen is here again; what comes now has work below it.
                    return PresyncStep::Accept(
                        std::mem::take(&mut self.held),
                        full.then_some(self.last),
                    );
                }
                if !full {
                    return PresyncStep::Inconsistent;
                }
                let ready = self.held.len().saturating_sub(HELD_BACK);
                match ready {
                    0 => PresyncStep::More(self.last),
                    _ => PresyncStep::Accept(self.held.drain(..ready).collect(), Some(self.last)),
                }
            }
        }
    }

    /// All that was seen the first time has been let in.
    pub fn is_done(&self) -> bool {
        self.second && self.count >= self.proven
    }

    /// Bytes in memory, about.
    pub fn bytes(&self) -> usize {
        self.bits.len() + self.held.len() * 80
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use primitives::network::REGTEST;

    /// Headers on genesis that meet regtest's target.
    fn chain(length: usize, salt: u32) -> Vec<Header> {
        let mut headers: Vec<Header> = Vec::with_capacity(length);
        let genesis = REGTEST.genesis_block().header;
        for _ in 0..length {
            let last = headers.last().unwrap_or(&genesis);
            let mut header =
                Header { prev: last.hash(), time: last.time + 1, nonce: salt, ..genesis };
            while !meets(&header.hash(), REGTEST.pow_limit) {
                header.nonce += 1;
            }
            headers.push(header);
        }
        headers
    }

    fn times(work: U256, count: u32) -> U256 {
        work.wrapping_mul_u32(count)
    }

    fn presync(wanted: u32) -> Presync {
        let unit = REGTEST.genesis.bits.work();
        Presync::new(REGTEST.genesis.hash, unit, times(unit, wanted), (77, 88))
    }

    fn from<'a>(chain: &'a [Header], after: &BlockHash) -> &'a [Header] {
        let at = chain.iter().position(|h| h.prev == *after).unwrap_or(chain.len());
        &chain[at..(at + 2000).min(chain.len())]
    }

    #[test]
    fn locators_thin_out() {
        assert_eq!(locator_heights(0), [0]);
        assert_eq!(locator_heights(3), [3, 2, 1, 0]);
        let long = locator_heights(1_000_000);
        assert!(long.len() < 35 && long[9] == 999_991 && long.last() == Some(&0));
    }

    #[test]
    fn lists_must_hold_together() {
        let mut headers = chain(5, 0);
        assert_eq!(check_list(&headers, &REGTEST), Ok(times(REGTEST.genesis.bits.work(), 5)));
        headers.swap(1, 2);
        assert_eq!(check_list(&headers, &REGTEST), Err(ListError::Broken));
        let mut lazy = chain(1, 0);
        while meets(&lazy[0].hash(), REGTEST.pow_limit) {
            lazy[0].nonce += 1;
        }
        assert_eq!(check_list(&lazy, &REGTEST), Err(ListError::NoWork));
    }

    #[test]
    fn a_branch_with_enough_work_enters_on_the_second_reading() {
        let chain = chain(9000, 1);
        let mut presync = presync(9001);
        let (mut after, mut entered, mut most) = (REGTEST.genesis.hash, Vec::new(), 0);
        while !presync.is_done() {
            let batch = from(&chain, &after);
            let full = batch.len() == 2000;
            match presync.take(batch, full) {
                PresyncStep::More(next) => after = next,
                PresyncStep::Accept(headers, next) => {
                    entered.extend(headers);
                    after = next.unwrap_or(after);
                }
                other => panic!("{other:?}"),
            }
            most = most.max(presync.bytes());
        }
        assert_eq!(entered, chain);
        assert!(most < (HELD_BACK + 2000) * 80 + 100, "{most}");
    }

    #[test]
    fn a_flood_of_little_work_costs_nothing() {
        let chain = chain(6000, 1);
        let mut presync = presync(1_000_000);
        for batch in chain.chunks(2000) {
            assert!(matches!(presync.take(batch, true), PresyncStep::More(_)));
        }
        assert!(presync.bytes() < 100);
        assert_eq!(presync.take(&[], false), PresyncStep::LowWork);
    }

    #[test]
    fn another_branch_the_second_time_is_found_out() {
        let (first, second) = (chain(3000, 1), chain(3000, 9));
        let mut presync = presync(3001);
        assert!(matches!(presync.take(&first[..2000], true), PresyncStep::More(_)));
        assert_eq!(presync.take(&first[2000..], false), PresyncStep::More(REGTEST.genesis.hash));
        // Fifteen secret bits: the chance to pass is one in 32,768, and the seed is fixed.
        let mut looks = vec![presync.take(&second[..2000], true)];
        if looks[0] != PresyncStep::Inconsistent {
            looks.push(presync.take(&second[2000..], false));
        }
        assert_eq!(looks.last(), Some(&PresyncStep::Inconsistent));
    }
}
