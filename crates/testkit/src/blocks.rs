//! Makes blocks for tests: valid ones of regtest rules unless told otherwise.

use consensus::block::{coinbase_lock, height_push, merkle_root};
use consensus::connect::subsidy;
use consensus::header::Branch;
use consensus::scripts::ScriptEngine;
use crypto::hash::sha256d;
use primitives::amount::Amount;
use primitives::block::{Block, Header, Height};
use primitives::id::{BlockHash, MerkleRoot, Txid};
use primitives::network::{NetworkParams, REGTEST};
use primitives::script::Script;
use primitives::target::{CompactTarget, meets};
use primitives::tx::{OutPoint, Transaction, TxIn, TxOut};

/// The script engine without a cache.
pub fn engine() -> ScriptEngine {
    ScriptEngine::default()
}

/// OP_TRUE: anybody can spend it.
pub const ANYONE: [u8; 1] = [0x51];

/// What a block is built on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parent {
    pub hash: BlockHash,
    pub height: Height,
    pub time: u32,
}

impl Parent {
    pub fn genesis(params: &NetworkParams) -> Parent {
        let genesis = &params.genesis;
        Parent { hash: genesis.hash, height: Height::GENESIS, time: genesis.time }
    }

    pub fn of(block: &Block, height: Height) -> Parent {
        Parent { hash: block.hash(), height, time: block.header.time }
    }
}

/// The branch of a chain that has nothing but its genesis.
#[derive(Debug, Clone, Copy)]
pub struct Fresh(pub &'static NetworkParams);

impl Branch for Fresh {
    fn height(&self) -> Height {
        Height::GENESIS
    }

    fn time_at(&self, _: Height) -> u32 {
        self.0.genesis.time
    }

    fn bits_at(&self, _: Height) -> CompactTarget {
        self.0.genesis.bits
    }

    fn hash_at(&self, _: Height) -> BlockHash {
        self.0.genesis.hash
    }

    fn median_time_at(&self, _: Height) -> u32 {
        self.0.genesis.time
    }

    fn last_real_bits(&self) -> CompactTarget {
        self.0.genesis.bits
    }
}

pub fn output(value: i64) -> TxOut {
    TxOut { value: Amount(value), script_pubkey: Script::new(ANYONE) }
}

pub fn input(outpoint: OutPoint) -> TxIn {
    TxIn { prevout: outpoint, script_sig: Script::default(), sequence: u32::MAX, witness: vec![] }
}

pub fn spend(outpoints: &[OutPoint], values: &[i64]) -> Transaction {
    Transaction {
        version: 2,
        inputs: outpoints.iter().copied().map(input).collect(),
        outputs: values.iter().copied().map(output).collect(),
        lock_time: 0,
    }
}

/// A coinbase; the salt makes it differ from others of its height.
pub fn coinbase(height: Height, salt: u32, value: Amount) -> Transaction {
    let mut script = height_push(height);
    script.push(4);
    script.extend_from_slice(&salt.to_le_bytes());
    let mut input = input(OutPoint::NULL);
    input.script_sig = Script(script);
    let output = TxOut { value, script_pubkey: Script::new(ANYONE) };
    Transaction { version: 1, inputs: vec![input], outputs: vec![output], lock_time: 0 }
}

/// Makes a block what BIP54 asks for on networks that have it, and seals it: lock time and sequence
/// of the coinbase.
pub fn clean(block: &mut Block, height: Height, params: &NetworkParams) {
    let coinbase = &mut block.txs[0];
    (coinbase.lock_time, coinbase.inputs[0].sequence) = coinbase_lock(height, params);
    seal(block);
}

/// A regtest block with those transactions behind its coinbase, which takes no fees.
pub fn block(parent: Parent, salt: u32, txs: Vec<Transaction>) -> Block {
    let height = parent.height.next();
    let mut all = vec![coinbase(height, salt, subsidy(height, &REGTEST))];
    all.extend(txs);
    finish(parent, all)
}

/// A block of exactly these transactions.
pub fn finish(parent: Parent, txs: Vec<Transaction>) -> Block {
    let header = Header {
        version: 4,
        prev: parent.hash,
        merkle_root: MerkleRoot::ZERO,
        time: parent.time + 600,
        bits: REGTEST.genesis.bits,
        nonce: 0,
    };
    let mut block = Block { header, txs };
    seal(&mut block);
    block
}

/// Puts the merkle root into the header and finds a nonce.
pub fn seal(block: &mut Block) {
    block.header.merkle_root = merkle_root(block.txs.iter().map(|tx| tx.txid().0).collect()).0;
    grind(block);
}

/// Finds a nonce; with bits that name no target there is none to find.
pub fn grind(block: &mut Block) {
    let Some(target) = block.header.bits.to_target() else { return };
    while !meets(&block.hash(), target) {
        block.header.nonce += 1;
    }
}

/// Adds the witness commitment to the coinbase, with a nonce of zeros, and seals.
pub fn commit(block: &mut Block) {
    block.txs[0].inputs[0].witness = vec![vec![0; 32]];
    let leaf = |(i, tx): (usize, &Transaction)| if i == 0 { [0; 32] } else { tx.wtxid().0 };
    let (root, _) = merkle_root(block.txs.iter().enumerate().map(leaf).collect());
    let commitment = sha256d(&[root.0, [0; 32]].concat());
    let mut script = vec![0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed];
    script.extend_from_slice(&commitment);
    block.txs[0].outputs.push(TxOut { value: Amount(0), script_pubkey: Script(script) });
    seal(block);
}

/// An outpoint of a made block.
pub fn outpoint(txid: Txid, vout: u32) -> OutPoint {
    OutPoint { txid, vout }
}

/// A small generator of random numbers (SplitMix64), so that a seed repeats a test.
#[derive(Debug, Clone)]
pub struct Random(pub u64);

impl Random {
    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.word() % bound.max(1) as u64) as usize
    }
}
