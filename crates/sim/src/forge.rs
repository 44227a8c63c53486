//! Transactions and blocks by hand, good ones and bad ones.

use consensus::block::{COMMITMENT_START, height_push, merkle_root};
use crypto::hash::{sha256, sha256d};
use primitives::amount::Amount;
use primitives::block::{Block, Header, Height};
use primitives::id::{BlockHash, MerkleRoot};
use primitives::network::REGTEST;
use primitives::script::Script;
use primitives::target::meets;
use primitives::tx::{OutPoint, Transaction, TxIn, TxOut};

/// The script that an owner's coins are behind: a number, dropped, and TRUE. No key is needed.
pub fn witness_script(owner: u16) -> Vec<u8> {
    let [low, high] = owner.to_le_bytes();
    vec![2, low, high, 0x75, 0x51]
}

/// Where an owner is paid: the hash of that script (BIP141).
pub fn pay_script(owner: u16) -> Script {
    Script([&[0, 32][..], &sha256(&witness_script(owner))].concat())
}

/// A coin that somebody of the simulation can spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Purse {
    pub outpoint: OutPoint,
    pub value: Amount,
    pub owner: u16,
}

impl Purse {
    /// Pays `fee` and gives the rest to two owners.
    pub fn pay(&self, to: [u16; 2], fee: i64) -> (Transaction, [Purse; 2]) {
        let rest = self.value.0.saturating_sub(fee);
        let values = [rest / 3, rest - rest / 3];
        let output =
            |at: usize| TxOut { value: Amount(values[at]), script_pubkey: pay_script(to[at]) };
        let tx = Transaction {
            version: 2,
            inputs: vec![TxIn {
                prevout: self.outpoint,
                script_sig: Script::default(),
                sequence: 0xffff_fffd,
                witness: vec![witness_script(self.owner)],
            }],
            outputs: vec![output(0), output(1)],
            lock_time: 0,
        };
        let txid = tx.txid();
        let purse = |at: usize| Purse {
            outpoint: OutPoint { txid, vout: at as u32 },
            value: Amount(values[at]),
            owner: to[at],
        };
        let purses = [purse(0), purse(1)];
        (tx, purses)
    }
}

/// What a block is built on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parent {
    pub hash: BlockHash,
    pub height: Height,
    pub time: u32,
}

/// A coinbase; the salt makes it differ from others of its height.
pub fn coinbase(height: Height, salt: u64, value: Amount) -> Transaction {
    let mut script = height_push(height);
    script.push(8);
    script.extend_from_slice(&salt.to_le_bytes());
    let input = TxIn {
        prevout: OutPoint::NULL,
        script_sig: Script(script),
        sequence: u32::MAX,
        witness: Vec::new(),
    };
    let output = TxOut { value, script_pubkey: pay_script(u16::MAX) };
    Transaction { version: 1, inputs: vec![input], outputs: vec![output], lock_time: 0 }
}

/// A block of these transactions, commitment and work included.
pub fn block(parent: Parent, time: u32, txs: Vec<Transaction>) -> Block {
    let header = Header {
        version: 0x2000_0000,
        prev: parent.hash,
        merkle_root: MerkleRoot::ZERO,
        time: time.max(parent.time + 1),
        bits: REGTEST.genesis.bits,
        nonce: 0,
    };
    let mut block = Block { header, txs };
    commit(&mut block);
    seal(&mut block);
    block
}

/// Adds the witness commitment to the coinbase (BIP141).
fn commit(block: &mut Block) {
    let leaf = |(i, tx): (usize, &Transaction)| if i == 0 { [0; 32] } else { tx.wtxid().0 };
    let (root, _) = merkle_root(block.txs.iter().enumerate().map(leaf).collect());
    let commitment = sha256d(&[root.0, [0; 32]].concat());
    if let Some(first) = block.txs.first_mut() {
        first.inputs[0].witness = vec![vec![0; 32]];
        let script = [&COMMITMENT_START[..], &commitment].concat();
        first.outputs.push(TxOut { value: Amount(0), script_pubkey: Script(script) });
    }
}

/// Puts the merkle root into the header and finds a nonce.
pub fn seal(block: &mut Block) {
    block.header.merkle_root = merkle_root(block.txs.iter().map(|tx| tx.txid().0).collect()).0;
    grind(&mut block.header);
}

/// Finds a nonce. On regtest every second one will do.
pub fn grind(header: &mut Header) {
    let Some(target) = header.bits.to_target() else { return };
    while !meets(&header.hash(), target) {
        header.nonce = header.nonce.wrapping_add(1);
    }
}

/// A branch of headers without blocks.
pub fn headers(parent: Parent, count: usize, salt: u64) -> Vec<Header> {
    let mut prev = parent.hash;
    let mut list = Vec::with_capacity(count);
    for n in 0..count as u64 {
        let mut root = [0; 32];
        root[..8].copy_from_slice(&salt.to_le_bytes());
        root[8..16].copy_from_slice(&n.to_le_bytes());
        let mut header = Header {
            version: 0x2000_0000,
            prev,
            merkle_root: MerkleRoot(root),
            time: parent.time + 1 + n as u32,
            bits: REGTEST.genesis.bits,
            nonce: 0,
        };
        grind(&mut header);
        prev = header.hash();
        list.push(header);
    }
    list
}
