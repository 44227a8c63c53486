//! Queries about branches, answered from a snapshot: a block's work, the best header, the tips of
//! all branches. They need no header tree.

use std::collections::HashSet;

use primitives::block::Height;
use primitives::id::BlockHash;
use primitives::network::NetworkParams;
use primitives::target::U256;
use store::error::StoreError;
use store::rows::{BlockStatus, HeaderRow};
use store::snapshot::Snapshot;

/// How the end of a branch stands, under Core's names (`getchaintips`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TipStatus {
    Active,
    /// It or a block below it is invalid.
    Invalid,
    /// Some of its blocks have not been downloaded.
    HeadersOnly,
    /// Its blocks are available but were never connected.
    ValidHeaders,
    /// It was the tip once.
    ValidFork,
}

impl TipStatus {
    pub fn name(self) -> &'static str {
        match self {
            TipStatus::Active => "active",
            TipStatus::Invalid => "invalid",
            TipStatus::HeadersOnly => "headers-only",
            TipStatus::ValidHeaders => "valid-headers",
            TipStatus::ValidFork => "valid-fork",
        }
    }
}

/// The end of a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchTip {
    pub height: Height,
    pub hash: BlockHash,
    /// Blocks since it left the active chain; 0 for the active tip.
    pub branch_len: u32,
    pub status: TipStatus,
}

fn row_of(snapshot: &Snapshot, id: u32) -> Result<HeaderRow, StoreError> {
    snapshot.header(id)?.ok_or_else(|| snapshot.corrupt(format!("header {id} is not there")))
}

/// Work of a whole branch up to a block. On the active chain it is counted from the nearer end, and
/// of every interval between changes of difficulty one header is read; where difficulty may change
/// with every block, all of them are.
pub fn work_at(
    snapshot: &Snapshot,
    params: &NetworkParams,
    id: u32,
    row: &HeaderRow,
) -> Result<U256, StoreError> {
    let mut work = U256::ZERO;
    let (mut id, mut row) = (id, *row);
    while !snapshot.is_active(id, &row)? {
        work = work.saturating_add(row.header.bits.work());
        id = row.parent;
        row = row_of(snapshot, id)?;
    }
    let (tip, height) = (snapshot.tip()?, row.height.0);
    let upto = if tip.height.0.saturating_sub(height) < height {
        tip.work.saturating_sub(work_between(snapshot, params, height + 1, tip.height.0)?)
    } else {
        work_between(snapshot, params, 0, height)?
    };
    Ok(work.saturating_add(upto))
}

/// Work of the active chain's blocks from `first` to `end`, both counted.
fn work_between(
    snapshot: &Snapshot,
    params: &NetworkParams,
    first: u32,
    end: u32,
) -> Result<U256, StoreError> {
    let step = match (params.no_retarget, params.allow_min_difficulty) {
        (true, _) => u32::MAX,
        (false, false) => params.retarget_interval,
        (false, true) => 1,
    };
    let (mut work, mut start) = (U256::ZERO, first);
    while start <= end {
        let last = (start / step).saturating_mul(step).saturating_add(step - 1).min(end);
        let at = snapshot.id_at(Height(start))?;
        let at = at.ok_or_else(|| snapshot.corrupt(format!("no block at height {start}")))?;
        let each = row_of(snapshot, at)?.header.bits.work();
        work = work.saturating_add(each.wrapping_mul_u32(last - start + 1));
        start = last + 1;
    }
    Ok(work)
}

/// The highest header that the active tip leads to, or that came after it: Core's best header, up
/// to branches that are both longer and older than the tip and lack blocks.
pub fn best_header(snapshot: &Snapshot) -> Result<HeaderRow, StoreError> {
    let tip = snapshot.tip()?;
    let mut best = row_of(snapshot, tip.id)?;
    let mut failed = HashSet::new();
    for row in snapshot.headers_from(tip.id.saturating_add(1))? {
        let (id, row) = row?;
        if row.status.has(BlockStatus::FAILED) || failed.contains(&row.parent) {
            failed.insert(id);
        } else if row.height > best.height {
            best = row;
        }
    }
    Ok(best)
}

/// The ends of all branches, highest first; reads every header.
pub fn branch_tips(snapshot: &Snapshot) -> Result<Vec<BranchTip>, StoreError> {
    const PARENT: u8 = 1;
    const FAILED: u8 = 2;
    const INCOMPLETE: u8 = 4;
    let active = snapshot.tip()?;
    let mut known: Vec<u8> = Vec::new();
    for row in snapshot.headers()? {
        let (id, row) = row?;
        let below = match id {
            0 => 0,
            _ => known.get(row.parent as usize).copied().unwrap_or(INCOMPLETE),
        };
        let mut bits = below & (FAILED | INCOMPLETE);
        if row.status.has(BlockStatus::FAILED) {
            bits |= FAILED;
        }
        if row.tx_count == 0 {
            bits |= INCOMPLETE;
        }
        known.push(bits);
        if id != 0
            && let Some(parent) = known.get_mut(row.parent as usize)
        {
            *parent |= PARENT;
        }
    }
    let mut tips = Vec::new();
    for (id, bits) in (0u32..).zip(&known) {
        if bits & PARENT != 0 && id != active.id {
            continue;
        }
        let row = row_of(snapshot, id)?;
        let status = match *bits {
            _ if id == active.id => TipStatus::Active,
            bits if bits & FAILED != 0 => TipStatus::Invalid,
            bits if bits & INCOMPLETE != 0 => TipStatus::HeadersOnly,
            _ if row.status.has(BlockStatus::VALID) => TipStatus::ValidFork,
            _ => TipStatus::ValidHeaders,
        };
        let (mut at, mut at_row, mut branch_len) = (id, row, 0);
        while !snapshot.is_active(at, &at_row)? {
            (at, branch_len) = (at_row.parent, branch_len + 1);
            at_row = row_of(snapshot, at)?;
        }
        tips.push(BranchTip { height: row.height, hash: row.hash, branch_len, status });
    }
    tips.sort_by(|a, b| b.height.cmp(&a.height).then(a.branch_len.cmp(&b.branch_len)));
    Ok(tips)
}
