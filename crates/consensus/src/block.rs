//! The checks of a block by itself (Core's `CheckBlock`) and in its context
//! (`ContextualCheckBlock`): merkle root, sizes, coinbase, finality, height in the coinbase,
//! witness commitment.

use std::sync::Arc;

use super::header::{Branch, check_work};
use super::rule::RuleError;
use super::tx::{MAX_BLOCK_WEIGHT, SEQUENCE_FINAL, check_transaction, is_final};
use crypto::hash::sha256d;
use crypto::lanes::Lanes;
use primitives::block::{Block, Header, Height};
use primitives::codec::{Decode, DecodeError, Encode, MAX_SIZE, Reader, compact_size_len};
use primitives::fee::WITNESS_SCALE;
use primitives::id::{BlockHash, MerkleRoot, Txid};
use primitives::network::NetworkParams;
use primitives::tx::Transaction;
use script::sigops;

/// Most signature operations of a block, in cost units (BIP141).
pub const MAX_BLOCK_SIGOPS_COST: u64 = 80_000;

/// Bytes of two merkle nodes side by side; a transaction may not have as many (BIP54).
const MERKLE_PAIR_SIZE: usize = 64;

/// What a witness commitment output starts with: OP_RETURN, a push of 36 bytes, the marker.
pub const COMMITMENT_START: [u8; 6] = [0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed];
const COMMITMENT_SIZE: usize = 38;

/// A decoded block with what is worth computing once, away from the thread that owns the chain:
/// its hashes and the verdict of every rule that needs no context.
#[derive(Debug, Clone)]
pub struct CheckedBlock {
    pub block: Arc<Block>,
    pub hash: BlockHash,
    pub txids: Vec<Txid>,
    /// The wire form, and where in it each transaction starts; one more entry for the end.
    pub bytes: Vec<u8>,
    pub offsets: Vec<u32>,
    /// The first broken rule of those that need no context.
    pub verdict: Result<(), RuleError>,
}

impl CheckedBlock {
    /// Decodes and checks a block's wire form.
    pub fn new(bytes: Vec<u8>, params: &NetworkParams) -> Result<CheckedBlock, DecodeError> {
        let mut checked = CheckedBlock::decode(bytes)?;
        checked.verdict = check_work(&checked.hash, checked.block.header.bits, params)
            .and_then(|()| check_block(&checked));
        Ok(checked)
    }

    /// Decodes and checks a block whose proof of work has not been looked for yet.
    pub fn without_work(bytes: Vec<u8>) -> Result<CheckedBlock, DecodeError> {
        let mut checked = CheckedBlock::decode(bytes)?;
        checked.verdict = check_block(&checked);
        Ok(checked)
    }

    /// Encodes and checks a block.
    pub fn from_block(block: &Block, params: &NetworkParams) -> Result<CheckedBlock, DecodeError> {
        CheckedBlock::new(block.to_bytes(), params)
    }

    /// Decodes a block that needs no check, such as one out of our own store.
    pub fn decode(bytes: Vec<u8>) -> Result<CheckedBlock, DecodeError> {
        let mut reader = Reader::new(&bytes);
        let header = Header::decode(&mut reader)?;
        let count = reader.compact_size(MAX_SIZE)?;
        let most = count.min(reader.remaining() / 10);
        let mut txs = Vec::with_capacity(most);
        let mut offsets = Vec::with_capacity(most + 1);
        for _ in 0..count {
            offsets.push(reader.position() as u32);
            txs.push(Transaction::decode(&mut reader)?);
        }
        offsets.push(reader.position() as u32);
        reader.finish()?;
        let txids = txids(&txs, &bytes, &offsets);
        let block = Arc::new(Block { header, txs });
        Ok(CheckedBlock { block, hash: header.hash(), txids, bytes, offsets, verdict: Ok(()) })
    }

    /// Bytes without witness.
    fn base_size(&self) -> usize {
        let txs = self.block.txs.iter().enumerate();
        let sizes = txs.map(|(i, tx)| match tx.has_witness() {
            true => tx.base_size(),
            false => (self.offsets[i + 1] - self.offsets[i]) as usize,
        });
        80 + compact_size_len(self.block.txs.len()) + sizes.sum::<usize>()
    }

    /// The leaves of the witness tree (BIP141): wtxids, zeros for the coinbase.
    fn witness_leaves(&self) -> Vec<[u8; 32]> {
        let mut leaves: Vec<[u8; 32]> = self.txids.iter().map(|txid| txid.0).collect();
        let txs = self.block.txs.iter().enumerate();
        let others: Vec<usize> = txs.filter(|(_, tx)| tx.has_witness()).map(|(i, _)| i).collect();
        let messages: Vec<&[u8]> =
            others.iter().map(|&i| wire_form(&self.bytes, &self.offsets, i)).collect();
        for (index, wtxid) in others.into_iter().zip(Lanes::best().double_many(&messages)) {
            leaves[index] = wtxid;
        }
        if let Some(coinbase) = leaves.first_mut() {
            *coinbase = [0; 32];
        }
        leaves
    }
}

fn wire_form<'a>(bytes: &'a [u8], offsets: &[u32], index: usize) -> &'a [u8] {
    &bytes[offsets[index] as usize..offsets[index + 1] as usize]
}

/// All txids of a block at once.
fn txids(txs: &[Transaction], bytes: &[u8], offsets: &[u32]) -> Vec<Txid> {
    let base = |tx: &Transaction| {
        let mut base = Vec::with_capacity(tx.base_size());
        tx.encode_base(&mut base);
        base
    };
    let bases: Vec<Vec<u8>> =
        txs.iter().map(|tx| if tx.has_witness() { base(tx) } else { Vec::new() }).collect();
    let mut messages = Vec::with_capacity(bases.len());
    for (index, base) in bases.iter().enumerate() {
        messages.push(match base.is_empty() {
            true => wire_form(bytes, offsets, index),
            false => base.as_slice(),
        });
    }
    Lanes::best().double_many(&messages).into_iter().map(Txid).collect()
}

/// The root over leaves, and whether two neighbours were the same at any level, which lets
/// different lists of transactions have one root (CVE-2012-2459).
pub fn merkle_root(mut level: Vec<[u8; 32]>) -> (MerkleRoot, bool) {
    let mut mutated = false;
    while level.len() > 1 {
        mutated |= level.chunks_exact(2).any(|pair| pair[0] == pair[1]);
        Lanes::best().merkle_level(&mut level);
    }
    (MerkleRoot(level.first().copied().unwrap_or_default()), mutated)
}

/// The rules that need no context, in Core's order, after proof of work.
fn check_block(checked: &CheckedBlock) -> Result<(), RuleError> {
    let block = &checked.block;
    let (wanted, mutated) = merkle_root(checked.txids.iter().map(|txid| txid.0).collect());
    if wanted != block.header.merkle_root {
        return Err(RuleError::WrongMerkleRoot { found: block.header.merkle_root, wanted });
    }
    if mutated {
        return Err(RuleError::RepeatedTransactions);
    }
    let (txs, size) = (block.txs.len(), checked.base_size());
    if txs == 0 || txs.max(size) * WITNESS_SCALE > MAX_BLOCK_WEIGHT {
        return Err(RuleError::BlockSize { txs, size });
    }
    if !block.txs[0].is_coinbase() {
        return Err(RuleError::NoCoinbase);
    }
    if let Some(index) = block.txs[1..].iter().position(Transaction::is_coinbase) {
        return Err(RuleError::SecondCoinbase { index: index + 1 });
    }
    block.txs.iter().try_for_each(check_transaction)?;
    let cost = block.txs.iter().map(sigops::legacy).sum::<usize>() as u64 * WITNESS_SCALE as u64;
    if cost > MAX_BLOCK_SIGOPS_COST {
        return Err(RuleError::TooManySigops { cost, limit: MAX_BLOCK_SIGOPS_COST });
    }
    Ok(())
}

/// The rules that need the branch, in Core's order. Its header must have passed.
pub fn check_block_in_place(
    checked: &CheckedBlock,
    branch: &dyn Branch,
    params: &NetworkParams,
) -> Result<(), RuleError> {
    let block = &checked.block;
    let height = branch.height().next();
    let time = match height.0 >= params.forks.csv {
        true => branch.median_time_at(branch.height()),
        false => block.header.time,
    };
    if let Some(index) = block.txs.iter().position(|tx| !is_final(tx, height, time)) {
        return Err(RuleError::NotFinal { index, height, time });
    }
    if height.0 >= params.forks.bip34 {
        let script = block.txs[0].inputs[0].script_sig.as_bytes();
        if !script.starts_with(&height_push(height)) {
            return Err(RuleError::CoinbaseHeight { height });
        }
    }
    if params.cleanup_at(height).is_some() {
        check_cleanup(checked, height, params)?;
    }
    check_witness(checked, height.0 >= params.forks.segwit)?;
    let weight = checked.base_size() * (WITNESS_SCALE - 1) + checked.bytes.len();
    if weight > MAX_BLOCK_WEIGHT {
        return Err(RuleError::BlockWeight { weight, limit: MAX_BLOCK_WEIGHT });
    }
    Ok(())
}

/// Lock time and sequence that a coinbase is made with: those that BIP54 asks for where it holds.
pub fn coinbase_lock(height: Height, params: &NetworkParams) -> (u32, u32) {
    match params.cleanup_at(height) {
        Some(_) => (height.0.saturating_sub(1), SEQUENCE_FINAL - 1),
        None => (0, SEQUENCE_FINAL),
    }
}

/// What BIP54 asks of a block beyond its header and the coins that it spends.
fn check_cleanup(
    checked: &CheckedBlock,
    height: Height,
    params: &NetworkParams,
) -> Result<(), RuleError> {
    let txs = &checked.block.txs;
    let (wanted, _) = coinbase_lock(height, params);
    if txs[0].lock_time != wanted {
        return Err(RuleError::CoinbaseLockTime { found: txs[0].lock_time, wanted });
    }
    if txs[0].inputs[0].sequence == SEQUENCE_FINAL {
        return Err(RuleError::CoinbaseFinal);
    }
    match txs.iter().position(|tx| tx.base_size() == MERKLE_PAIR_SIZE) {
        Some(index) => Err(RuleError::SizeOfMerkleNode { index }),
        None => Ok(()),
    }
}

/// The push of a height that a coinbase starts with (BIP34), as Core's `CScript() << height`.
pub fn height_push(height: Height) -> Vec<u8> {
    match height.0 {
        0 => vec![0],
        small @ 1..=16 => vec![0x50 + small as u8],
        large => {
            let mut bytes = large.to_le_bytes().to_vec();
            while bytes.last() == Some(&0) {
                bytes.pop();
            }
            // The highest bit is the sign.
            if bytes.last().is_some_and(|last| last & 0x80 != 0) {
                bytes.push(0);
            }
            bytes.insert(0, bytes.len() as u8);
            bytes
        }
    }
}

/// The commitment in the coinbase's last output that has one, if witness is active; otherwise no
/// witness may be there (BIP141).
fn check_witness(checked: &CheckedBlock, active: bool) -> Result<(), RuleError> {
    let block = &checked.block;
    let coinbase = &block.txs[0];
    if let Some(commitment) = witness_commitment(coinbase).filter(|_| active) {
        let nonce = match &coinbase.inputs[0].witness[..] {
            [item] if item.len() == 32 => item,
            _ => return Err(RuleError::WitnessNonce),
        };
        let (root, _) = merkle_root(checked.witness_leaves());
        if sha256d(&[&root.0[..], nonce].concat()) != commitment {
            return Err(RuleError::WitnessCommitment);
        }
        return Ok(());
    }
    match block.txs.iter().any(Transaction::has_witness) {
        true => Err(RuleError::UnexpectedWitness),
        false => Ok(()),
    }
}

/// The witness commitment of a coinbase: in the last output that looks like one.
pub fn witness_commitment(coinbase: &Transaction) -> Option<[u8; 32]> {
    let scripts = coinbase.outputs.iter().rev().map(|output| output.script_pubkey.as_bytes());
    let script = scripts
        .filter(|s| s.len() >= COMMITMENT_SIZE)
        .find(|script| script.starts_with(&COMMITMENT_START))?;
    script[COMMITMENT_START.len()..COMMITMENT_SIZE].try_into().ok()
}
