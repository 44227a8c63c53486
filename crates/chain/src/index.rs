//! The header tree: every known header, its work, its branch and its status.
//!
//! An entry is identified by its id, its position in the order in which headers arrived; a parent's
//! id is always smaller. Ancestors are found in O(log height) over skip pointers. An entry takes
//! about 250 bytes; their number is bounded only by the work that each header costs, so a caller
//! that accepts headers from peers must require enough of it first.

use consensus::header::{Branch, median};
use primitives::block::{Header, Height};
use primitives::id::BlockHash;
use primitives::map::BlockMap;
use primitives::network::NetworkParams;
use primitives::target::{CompactTarget, U256};
use store::error::StoreError;
use store::rows::{BlockStatus, HeaderRow};
use store::snapshot::Snapshot;

/// Blocks that the median time is taken over (BIP113).
const MEDIAN_SPAN: usize = 11;

/// Bytes of memory that a header takes, about.
pub const HEADER_MEMORY: u64 = 250;

/// A header in its place.
#[derive(Debug, Clone)]
pub struct Entry {
    pub row: HeaderRow,
    /// Work of the whole branch up to here.
    pub work: U256,
    /// An ancestor far below, so that any ancestor is few steps away.
    skip: u32,
    /// Median time of this block and the ten before it.
    pub median_time: u32,
    /// The bits of the last block on the branch that begins an interval or is not as easy as can
    /// be.
    real_bits: CompactTarget,
    /// Transactions of the branch up to here; 0 while a block of it is missing.
    pub tx_total: u64,
    /// This block or one below it is invalid.
    pub failed: bool,
}

impl Entry {
    pub fn height(&self) -> Height {
        self.row.height
    }

    pub fn has_data(&self) -> bool {
        self.row.status.has(BlockStatus::HAVE_DATA)
    }
}

/// The tree. Ids index it.
#[derive(Debug)]
pub struct HeaderTree {
    entries: Vec<Entry>,
    ids: BlockMap<u32>,
    children: BlockChildren,
    last_sequence: u32,
    params: &'static NetworkParams,
}

/// First child and next sibling of each entry, by id; 0 (genesis, nobody's child) ends a list.
#[derive(Debug, Default)]
struct BlockChildren {
    first: Vec<u32>,
    next: Vec<u32>,
}

impl HeaderTree {
    /// Reads the tree out of the store.
    pub fn load(
        snapshot: &Snapshot,
        params: &'static NetworkParams,
    ) -> Result<HeaderTree, StoreError> {
        let mut tree = HeaderTree {
            entries: Vec::new(),
            ids: BlockMap::default(),
            children: BlockChildren::default(),
            last_sequence: 0,
            params,
        };
        for row in snapshot.headers()? {
            let (id, row) = row?;
            let orphan = id != 0 && row.parent >= id;
            if id as usize != tree.entries.len() || orphan {
                return Err(snapshot.corrupt(format!("header {id} is out of order")));
            }
            tree.push(row);
        }
        match tree.entries.first() {
            Some(genesis) if genesis.row.hash == params.genesis.hash => Ok(tree),
            _ => Err(snapshot.corrupt("it has no genesis header")),
        }
    }

    fn push(&mut self, row: HeaderRow) -> u32 {
        let id = self.entries.len() as u32;
        let parent = (id != 0).then(|| &self.entries[row.parent as usize]);
        let own_work = row.header.bits.work();
        let easiest = CompactTarget::from_target(self.params.pow_limit);
        let begins = row.height.0.is_multiple_of(self.params.retarget_interval);
        let entry = Entry {
            work: parent.map_or(own_work, |p| p.work.saturating_add(own_work)),
            skip: parent.map_or(0, |_| self.skip_of(row.parent, row.height)),
            median_time: self.median_from(row.header.time, parent.map(|_| row.parent)),
            real_bits: match parent {
                Some(parent) if !begins && row.header.bits == easiest => parent.real_bits,
                _ => row.header.bits,
            },
            tx_total: match parent {
                _ if row.tx_count == 0 => 0,
                Some(parent) if parent.tx_total == 0 => 0,
                _ => parent.map_or(0, |p| p.tx_total) + u64::from(row.tx_count),
            },
            failed: row.status.has(BlockStatus::FAILED) || parent.is_some_and(|p| p.failed),
            row,
        };
        self.last_sequence = self.last_sequence.max(row.sequence);
        self.ids.insert(row.hash, id);
        self.entries.push(entry);
        self.children.first.push(0);
        let sibling = match id {
            0 => 0,
            _ => std::mem::replace(&mut self.children.first[row.parent as usize], id),
        };
        self.children.next.push(sibling);
        id
    }

    /// Adds a checked header below a known parent.
    pub fn add(&mut self, header: Header, hash: BlockHash, parent: u32) -> u32 {
        let height = self.entry(parent).height().next();
        let status = BlockStatus::HEADER;
        self.push(HeaderRow { header, hash, height, parent, sequence: 0, tx_count: 0, status })
    }

    /// The entry of an id that this tree gave out.
    pub fn entry(&self, id: u32) -> &Entry {
        &self.entries[id as usize]
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Never: there is always genesis.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn id_of(&self, hash: &BlockHash) -> Option<u32> {
        self.ids.get(hash).copied()
    }

    /// The branch that ends at `id`.
    pub fn branch(&self, id: u32) -> TreeBranch<'_> {
        TreeBranch { tree: self, id }
    }

    /// The ids of an entry's children, newest first.
    pub fn children(&self, id: u32) -> impl Iterator<Item = u32> + '_ {
        let step = |id: u32| Some(id).filter(|&id| id != 0);
        std::iter::successors(step(self.children.first[id as usize]), move |&id| {
            step(self.children.next[id as usize])
        })
    }

    /// Records that a block's bytes are available.
    pub fn set_data(&mut self, id: u32, tx_count: u32) {
        self.last_sequence += 1;
        let row = &mut self.entries[id as usize].row;
        row.sequence = self.last_sequence;
        row.tx_count = tx_count;
        row.status = row.status.with(BlockStatus::HAVE_DATA);
        self.count_txs(id);
    }

    /// Counts transactions from a block upwards, as far as blocks are available without a gap.
    fn count_txs(&mut self, id: u32) {
        let mut todo = vec![id];
        while let Some(id) = todo.pop() {
            let entry = self.entry(id);
            let below = self.entry(entry.row.parent).tx_total;
            if below == 0 || entry.row.tx_count == 0 {
                continue;
            }
            let total = below + u64::from(entry.row.tx_count);
            self.entries[id as usize].tx_total = total;
            todo.extend(self.children(id));
        }
    }

    pub fn set_status(&mut self, id: u32, status: BlockStatus) {
        self.entries[id as usize].row.status = status;
    }

    /// Marks a block as failed, and with it all that build on it. Returns how many it is in all.
    pub fn fail(&mut self, id: u32) -> usize {
        let status = self.entry(id).row.status.with(BlockStatus::FAILED);
        self.set_status(id, status);
        self.spread(id, true)
    }

    /// Sets `failed` on a block and its descendants; clearing stops where one failed by itself.
    fn spread(&mut self, id: u32, failed: bool) -> usize {
        let mut todo = vec![id];
        let mut count = 0;
        while let Some(id) = todo.pop() {
            let entry = &mut self.entries[id as usize];
            if !failed && entry.row.status.has(BlockStatus::FAILED) {
                continue;
            }
            entry.failed = failed;
            count += 1;
            todo.extend(self.children(id));
        }
        count
    }

    /// Takes back every failure on the way to `id` and above it, as the operator wishes. Returns
    /// the ids whose rows changed.
    pub fn unfail(&mut self, id: u32) -> Vec<u32> {
        let mut changed = Vec::new();
        let mut at = id;
        loop {
            if self.entry(at).row.status.has(BlockStatus::FAILED) {
                changed.push(at);
            }
            if at == 0 {
                break;
            }
            at = self.entry(at).row.parent;
        }
        let mut todo = vec![id];
        while let Some(id) = todo.pop() {
            if self.entry(id).row.status.has(BlockStatus::FAILED) && !changed.contains(&id) {
                changed.push(id);
            }
            todo.extend(self.children(id));
        }
        for &id in &changed {
            let status = self.entry(id).row.status.without(BlockStatus::FAILED);
            self.set_status(id, status);
        }
        if let Some(&lowest) = changed.iter().min_by_key(|&&id| self.entry(id).height()) {
            self.spread(lowest, false);
        }
        changed
    }

    /// Whether `a` is the better tip: more work, then the earlier to arrive (Core's
    /// `CBlockIndexWorkComparator`).
    pub fn is_better(&self, a: u32, b: u32) -> bool {
        let (a, b) = (self.entry(a), self.entry(b));
        a.work > b.work || (a.work == b.work && a.row.sequence < b.row.sequence)
    }

    /// Whether a block can be the tip: it and its ancestors are available and none has failed.
    pub fn is_candidate(&self, id: u32) -> bool {
        let entry = self.entry(id);
        entry.tx_total != 0 && !entry.failed
    }

    /// The best block that can be the tip.
    pub fn best_candidate(&self) -> u32 {
        let ids = (0..self.entries.len() as u32).filter(|&id| self.is_candidate(id));
        ids.fold(0, |best, id| if self.is_better(id, best) { id } else { best })
    }

    /// The header with the most work whose branch has not failed.
    pub fn best_header(&self) -> u32 {
        let ids = 0..self.entries.len() as u32;
        ids.filter(|&id| !self.entry(id).failed)
            .fold(0, |best, id| if self.entry(id).work > self.entry(best).work { id } else { best })
    }

    /// The ancestor of `id` at a height, itself included; heights above it give itself.
    pub fn ancestor(&self, id: u32, height: Height) -> u32 {
        let mut at = id;
        loop {
            let entry = self.entry(at);
            let here = entry.height();
            if here <= height {
                return at;
            }
            // Jump unless that goes too low.
            let skip = self.entry(entry.skip);
            at = if skip.height() >= height && entry.skip < at {
                entry.skip
            } else {
                entry.row.parent
            };
        }
    }

    /// The last block that two branches share.
    pub fn fork(&self, a: u32, b: u32) -> u32 {
        let height = self.entry(a).height().min(self.entry(b).height());
        let (mut a, mut b) = (self.ancestor(a, height), self.ancestor(b, height));
        while a != b {
            let (x, y) = (self.entry(a), self.entry(b));
            // Equal heights have skips of equal heights.
            (a, b) = if x.skip != y.skip { (x.skip, y.skip) } else { (x.row.parent, y.row.parent) };
        }
        a
    }

    /// Where the skip pointer of a block of that height goes: the height with its lowest set bits
    /// cleared, so that steps of every size occur.
    fn skip_of(&self, parent: u32, height: Height) -> u32 {
        let clear_lowest = |n: u32| n & n.wrapping_sub(1);
        let target = match height.0 {
            0 | 1 => 0,
            odd if odd & 1 == 1 => clear_lowest(clear_lowest(odd - 1)) + 1,
            even => clear_lowest(even),
        };
        self.ancestor(parent, Height(target))
    }

    fn median_from(&self, time: u32, parent: Option<u32>) -> u32 {
        let mut times = [time; MEDIAN_SPAN];
        let mut count = 1;
        let mut at = parent;
        while let Some(id) = at.filter(|_| count < MEDIAN_SPAN) {
            let entry = self.entry(id);
            times[count] = entry.row.header.time;
            count += 1;
            at = (id != 0).then_some(entry.row.parent);
        }
        median(&mut times[..count])
    }
}

/// A branch of the tree, as the rules see it.
#[derive(Debug, Clone, Copy)]
pub struct TreeBranch<'a> {
    tree: &'a HeaderTree,
    id: u32,
}

impl TreeBranch<'_> {
    fn at(&self, height: Height) -> &Entry {
        self.tree.entry(self.tree.ancestor(self.id, height))
    }
}

impl Branch for TreeBranch<'_> {
    fn height(&self) -> Height {
        self.tree.entry(self.id).height()
    }

    fn time_at(&self, height: Height) -> u32 {
        self.at(height).row.header.time
    }

    fn bits_at(&self, height: Height) -> CompactTarget {
        self.at(height).row.header.bits
    }

    fn hash_at(&self, height: Height) -> BlockHash {
        self.at(height).row.hash
    }

    fn median_time_at(&self, height: Height) -> u32 {
        self.at(height).median_time
    }

    fn last_real_bits(&self) -> CompactTarget {
        self.tree.entry(self.id).real_bits
    }
}
