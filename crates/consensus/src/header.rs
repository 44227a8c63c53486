//! The checks of a header: proof of work, required difficulty, time and version.

use super::rule::RuleError;
use primitives::block::{Header, Height};
use primitives::id::BlockHash;
use primitives::network::NetworkParams;
use primitives::target::{CompactTarget, U256, meets};

/// How far a block's time may be ahead of ours, in seconds.
pub const MAX_FUTURE_S: u32 = 2 * 60 * 60;

/// The branch that a block extends, from its parent down to genesis. Heights asked for are never
/// above the parent's.
pub trait Branch {
    /// The parent's height.
    fn height(&self) -> Height;
    fn time_at(&self, height: Height) -> u32;
    fn bits_at(&self, height: Height) -> CompactTarget;
    fn hash_at(&self, height: Height) -> BlockHash;
    /// The median time of the block and the ten before it (Core's `GetMedianTimePast`).
    fn median_time_at(&self, height: Height) -> u32;
    /// The bits of the last block that begins an interval or was not as easy as can be.
    fn last_real_bits(&self) -> CompactTarget;
}

/// The middle of up to eleven times, the upper one of an even number.
pub fn median(times: &mut [u32]) -> u32 {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or(0)
}

/// Proof of work: the hash meets the target that the header itself names (Core's
/// `CheckProofOfWork`).
pub fn check_work(
    hash: &BlockHash,
    bits: CompactTarget,
    params: &NetworkParams,
) -> Result<(), RuleError> {
    let target = bits.to_target().filter(|target| *target <= params.pow_limit);
    match target {
        Some(target) if meets(hash, target) => Ok(()),
        _ => Err(RuleError::HighHash { hash: *hash, bits }),
    }
}

/// The bits due for a child of the branch whose header says `time` (Core's
/// `GetNextWorkRequired`).
pub fn next_bits(branch: &dyn Branch, time: u32, params: &NetworkParams) -> CompactTarget {
    let last = branch.height();
    let last_bits = branch.bits_at(last);
    if !last.next().0.is_multiple_of(params.retarget_interval) {
        if !params.allow_min_difficulty {
            return last_bits;
        }
        let late = i64::from(branch.time_at(last)) + 2 * i64::from(params.spacing_s);
        if i64::from(time) > late {
            return CompactTarget::from_target(params.pow_limit);
        }
        return branch.last_real_bits();
    }
    if params.no_retarget {
        return last_bits;
    }
    let first = Height(last.0 - (params.retarget_interval - 1));
    retarget(last_bits, branch.time_at(first), branch.time_at(last), params)
}

/// The difficulty after an interval that ran from `first` to `last`, in seconds.
pub fn retarget(
    bits: CompactTarget,
    first: u32,
    last: u32,
    params: &NetworkParams,
) -> CompactTarget {
    let aimed = params.retarget_timespan_s();
    let took = i64::from(last) - i64::from(first);
    let took = took.clamp(i64::from(aimed / 4), i64::from(aimed) * 4) as u32;
    let target = bits.to_target().unwrap_or(U256::ZERO).wrapping_mul_u32(took);
    let target = target.checked_div(U256::from_u64(u64::from(aimed))).unwrap_or(U256::ZERO);
    CompactTarget::from_target(target.min(params.pow_limit))
}

/// The least time that a child of the branch may have: after the median of eleven blocks (BIP113);
/// under BIP54 a retarget interval may not begin before the end of the one before it, but for a
/// grace, nor end before its beginning.
pub fn least_time(branch: &dyn Branch, params: &NetworkParams) -> u32 {
    let after_median = branch.median_time_at(branch.height()).saturating_add(1);
    [after_interval(branch, params), first_of_interval(branch, params)]
        .into_iter()
        .flatten()
        .fold(after_median, u32::max)
}

/// For the first block of a retarget interval: the least time against time warps.
fn after_interval(branch: &dyn Branch, params: &NetworkParams) -> Option<u32> {
    let height = branch.height().next();
    let cleanup = params.cleanup_at(height)?;
    let is_first = height.0.is_multiple_of(params.retarget_interval);
    is_first.then(|| branch.time_at(branch.height()).saturating_sub(cleanup.grace_s))
}

/// For the last block of a retarget interval: the time of its first (the attack of Murch and Zawy).
fn first_of_interval(branch: &dyn Branch, params: &NetworkParams) -> Option<u32> {
    let height = branch.height().next();
    params.cleanup_at(height)?;
    let after_first = params.retarget_interval - 1;
    let is_last = height.0 % params.retarget_interval == after_first;
    (is_last && after_first > 0).then(|| branch.time_at(Height(height.0 - after_first)))
}

/// The rules that need the branch and the clock, in Core's order (`ContextualCheckBlockHeader`).
/// `now` is in seconds since 1970.
pub fn check_header_in_place(
    header: &Header,
    branch: &dyn Branch,
    now: u32,
    params: &NetworkParams,
) -> Result<(), RuleError> {
    let height = branch.height().next();
    let wanted = next_bits(branch, header.time, params);
    if header.bits != wanted {
        return Err(RuleError::WrongBits { found: header.bits, wanted });
    }
    let median = branch.median_time_at(branch.height());
    if header.time <= median {
        return Err(RuleError::TimeTooOld { time: header.time, median });
    }
    let time = header.time;
    if let Some(least) = after_interval(branch, params).filter(|least| time < *least) {
        return Err(RuleError::TimeWarp { time, least });
    }
    if let Some(first) = first_of_interval(branch, params).filter(|first| time < *first) {
        return Err(RuleError::BackwardsInterval { time, first });
    }
    if u64::from(header.time) > u64::from(now) + u64::from(MAX_FUTURE_S) {
        return Err(RuleError::TimeTooNew { time: header.time, now });
    }
    let forks = &params.forks;
    let least = [(2, forks.bip34), (3, forks.bip66), (4, forks.bip65)];
    if least.iter().any(|&(version, from)| header.version < version && height.0 >= from) {
        return Err(RuleError::OldVersion { version: header.version, height });
    }
    Ok(())
}
