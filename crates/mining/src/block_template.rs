//! A block template: the tip and the mempool turned into a header, transactions and a coinbase that
//! only lacks its payout and an extra nonce (BIP22, BIP34, BIP141).
//!
//! Invariant: whatever payout, extra nonce, time in `min_time..` and nonce are chosen, the block
//! satisfies every rule but proof of work.

use super::select::{self, Chosen, Limits, Terms};
use consensus::block::{COMMITMENT_START, coinbase_lock, height_push, merkle_root};
use consensus::connect::subsidy;
use consensus::header::{Branch, MAX_FUTURE_S, least_time, next_bits};
use crypto::hash::{sha256d, sha256d_pair};
use mempool::pool::Pool;
use primitives::amount::Amount;
use primitives::block::{Block, Header, Height};
use primitives::id::{BlockHash, MerkleRoot};
use primitives::network::NetworkParams;
use primitives::script::Script;
use primitives::target::{CompactTarget, U256};
use primitives::tx::{OutPoint, Transaction, TxIn, TxOut};

/// Version of a block that signals nothing (BIP9).
pub const BLOCK_VERSION: i32 = 0x2000_0000;
/// Bytes of the extra nonce in the coinbase.
pub const EXTRA_NONCE_SIZE: usize = 8;
/// Bytes of the longest operator's tag: the coinbase script has 100 in all, 6 for the height and
/// 9 for the extra nonce.
pub const MAX_TAG: usize = 75;

/// Why there is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error(
        "the clock says {now}, but the chain is at {least}, over two hours ahead: set the clock"
    )]
    ClockBehind { now: u32, least: u32 },
    #[error("the tag has {bytes} bytes, {MAX_TAG} is the limit")]
    TagTooLong { bytes: usize },
}

/// A block but for payout, extra nonce, time and nonce.
#[derive(Debug, Clone)]
pub struct Template {
    pub height: Height,
    pub prev: BlockHash,
    pub version: i32,
    pub bits: CompactTarget,
    pub target: U256,
    /// The least time that the block may have, in seconds since 1970.
    pub min_time: u32,
    /// The time that it should have.
    pub time: u32,
    /// The latest time under `bits`: where a late block may be easy, a later time changes them.
    pub max_time: u32,
    pub txs: Vec<Chosen>,
    pub fees: Amount,
    /// What the coinbase pays: subsidy and fees.
    pub value: Amount,
    /// The output that commits to the witnesses.
    pub commitment: Option<Script>,
    /// Hashes that lead from the coinbase's txid to the merkle root.
    pub branch: Vec<[u8; 32]>,
    pub limits: Limits,
    tag: Vec<u8>,
    /// Lock time and sequence of the coinbase.
    lock: (u32, u32),
}

impl Template {
    /// A block on the end of `branch`. `now` is in seconds since 1970; `tag` is put into the
    /// coinbase.
    pub fn new(
        pool: &Pool,
        branch: &dyn Branch,
        params: &'static NetworkParams,
        now: u32,
        tag: &[u8],
        limits: Limits,
    ) -> Result<Template, TemplateError> {
        Template::with(branch, params, now, tag, limits, |terms| select::select(pool, terms))
    }

    /// As `new`, with the transactions that `choose` gives.
    pub fn with(
        branch: &dyn Branch,
        params: &'static NetworkParams,
        now: u32,
        tag: &[u8],
        limits: Limits,
        choose: impl FnOnce(&Terms) -> Vec<Chosen>,
    ) -> Result<Template, TemplateError> {
        if tag.len() > MAX_TAG {
            return Err(TemplateError::TagTooLong { bytes: tag.len() });
        }
        let tip = branch.height();
        let height = tip.next();
        let median = branch.median_time_at(tip);
        let min_time = least_time(branch, params);
        if u64::from(min_time) > u64::from(now) + u64::from(MAX_FUTURE_S) {
            return Err(TemplateError::ClockBehind { now, least: min_time });
        }
        let time = now.max(min_time);
        let bits = next_bits(branch, time, params);
        let late = branch.time_at(tip).saturating_add(2 * params.spacing_s);
        let may_ease = params.allow_min_difficulty
            && !params.no_retarget
            && !height.0.is_multiple_of(params.retarget_interval);
        let max_time = if may_ease && time <= late { late } else { u32::MAX };
        let witness = height.0 >= params.forks.segwit;
        let cutoff = if height.0 >= params.forks.csv { median } else { time };
        let txs = choose(&Terms { limits, height, cutoff, witness });
        let fees = Amount(txs.iter().map(|tx| tx.fee.0).sum());
        let leaves = std::iter::once([0; 32]).chain(txs.iter().map(|tx| tx.wtxid.0));
        let commitment = witness.then(|| commitment(merkle_root(leaves.collect()).0));
        let txids: Vec<[u8; 32]> = txs.iter().map(|tx| tx.txid.0).collect();
        Ok(Template {
            height,
            prev: branch.hash_at(tip),
            version: BLOCK_VERSION,
            bits,
            target: bits.to_target().unwrap_or(U256::ZERO),
            min_time,
            time,
            max_time,
            fees,
            value: Amount(fees.0 + subsidy(height, params).0),
            commitment,
            branch: coinbase_branch(&txids),
            limits,
            tag: tag.to_vec(),
            lock: coinbase_lock(height, params),
            txs,
        })
    }

    /// The coinbase that pays `payout`.
    pub fn coinbase(&self, payout: &Script, extra_nonce: u64) -> Transaction {
        let mut script = height_push(self.height);
        script.push(EXTRA_NONCE_SIZE as u8);
        script.extend_from_slice(&extra_nonce.to_be_bytes());
        if !self.tag.is_empty() {
            script.push(self.tag.len() as u8);
            script.extend_from_slice(&self.tag);
        }
        let mut outputs = vec![TxOut { value: self.value, script_pubkey: payout.clone() }];
        let mut witness = Vec::new();
        if let Some(commitment) = &self.commitment {
            outputs.push(TxOut { value: Amount::ZERO, script_pubkey: commitment.clone() });
            witness.push(vec![0; 32]);
        }
        let input = TxIn {
            prevout: OutPoint::NULL,
            script_sig: Script(script),
            sequence: self.lock.1,
            witness,
        };
        Transaction { version: 2, inputs: vec![input], outputs, lock_time: self.lock.0 }
    }

    /// What stands before and after the extra nonce in the coinbase without its witness.
    pub fn coinbase_parts(&self, payout: &Script) -> (Vec<u8>, Vec<u8>) {
        let mut before = Vec::new();
        self.coinbase(payout, 0).encode_base(&mut before);
        // Version, count of inputs, outpoint, length of the script, height, length of the nonce.
        let start = 4 + 1 + 36 + 1 + height_push(self.height).len() + 1;
        let after = before.split_off(start + EXTRA_NONCE_SIZE);
        before.truncate(start);
        (before, after)
    }

    /// The header over a coinbase, with nonce zero.
    pub fn header(&self, coinbase: &Transaction, time: u32) -> Header {
        let root =
            self.branch.iter().fold(coinbase.txid().0, |node, right| sha256d_pair(&node, right));
        Header {
            version: self.version,
            prev: self.prev,
            merkle_root: MerkleRoot(root),
            time,
            bits: self.bits,
            nonce: 0,
        }
    }

    /// The whole block.
    pub fn block(&self, header: Header, coinbase: Transaction) -> Block {
        let txs = self.txs.iter().map(|chosen| (*chosen.tx).clone());
        Block { header, txs: std::iter::once(coinbase).chain(txs).collect() }
    }
}

/// The output that commits to the root of the witness tree, with a nonce of zeros (BIP141).
fn commitment(root: MerkleRoot) -> Script {
    let digest = sha256d(&[root.0, [0; 32]].concat());
    Script([&COMMITMENT_START[..], &digest].concat())
}

/// The nodes beside the way from the first leaf, the coinbase's, to the root; `others` are the
/// leaves after it.
fn coinbase_branch(others: &[[u8; 32]]) -> Vec<[u8; 32]> {
    let mut branch = Vec::new();
    let mut level = others.to_vec();
    while let Some(beside) = level.first().copied() {
        branch.push(beside);
        // What follows pairs up by itself; an odd last one with itself.
        level.remove(0);
        crypto::lanes::Lanes::best().merkle_level(&mut level);
    }
    branch
}
