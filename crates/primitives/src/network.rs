//! The networks: everything in which they differ, as data.
//!
//! A rule looks at a field here, never at the network's name.

use super::amount::{Amount, COIN};
use super::block::{Block, Header, Height};
use super::id::{BlockHash, MerkleRoot, Txid};
use super::script::Script;
use super::target::{CompactTarget, U256};
use super::tx::{OutPoint, Transaction, TxIn, TxOut};

/// Heights from which the soft forks hold; the block at the height is the first under the rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForkHeights {
    /// The coinbase starts with the height (BIP34).
    pub bip34: u32,
    /// OP_CHECKLOCKTIMEVERIFY (BIP65).
    pub bip65: u32,
    /// Strict DER signatures (BIP66).
    pub bip66: u32,
    /// Relative lock times and median time past (BIP68, BIP112, BIP113).
    pub csv: u32,
    /// Witness commitment and NULLDUMMY (BIP141, BIP147).
    pub segwit: u32,
    /// Taproot as deployed (BIP341, BIP342); checked from genesis on, as Core does.
    pub taproot: u32,
}

/// Rules that a young chain can have from the start (BIP54).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cleanup {
    /// The first block under them.
    pub from: u32,
    /// Seconds by which the first block of a retarget interval may be earlier than the block before
    /// it. Whoever has all the power can shorten an interval for good by as much, so that it has to
    /// be small beside one.
    pub grace_s: u32,
}

/// Script rules that one historical block is excused from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScriptException {
    /// Checked with no flags at all (the block that breaks BIP16).
    NoFlags,
    /// Checked with P2SH and witness but not taproot.
    NoTaproot,
}

/// What the genesis block is made of.
#[derive(Debug, Clone, Copy)]
pub struct Genesis {
    pub version: i32,
    pub time: u32,
    pub nonce: u32,
    pub bits: CompactTarget,
    /// The text in the coinbase, which dates the block.
    pub text: &'static str,
    /// The output's script; the coins can't be spent on any network.
    pub script_pubkey: &'static [u8],
    pub reward: Amount,
    pub hash: BlockHash,
    pub merkle_root: MerkleRoot,
}

/// How addresses and keys are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressParams {
    /// Human-readable part of bech32 and bech32m.
    pub hrp: &'static str,
    pub pubkey_hash_version: u8,
    pub script_hash_version: u8,
    pub private_key_version: u8,
    pub extended_public: [u8; 4],
    pub extended_private: [u8; 4],
    /// The coin type of BIP44 paths (SLIP44 where registered).
    pub coin_type: u32,
}

/// One network.
#[derive(Debug, Clone)]
pub struct NetworkParams {
    pub name: &'static str,
    pub about: &'static str,
    /// First four bytes of every P2P message and of every record of a block file.
    pub magic: [u8; 4],
    pub p2p_port: u16,
    /// Listen and connect by default.
    pub p2p_by_default: bool,
    pub genesis: Genesis,
    pub address: AddressParams,
    /// The easiest target.
    pub pow_limit: U256,
    /// Seconds between blocks aimed for.
    pub spacing_s: u32,
    /// Blocks between changes of difficulty.
    pub retarget_interval: u32,
    /// Difficulty never changes.
    pub no_retarget: bool,
    /// A block may be easiest when it comes late by two spacings.
    pub allow_min_difficulty: bool,
    /// Blocks between halvings of the subsidy.
    pub halving_interval: u32,
    pub initial_subsidy: Amount,
    pub forks: ForkHeights,
    pub cleanup: Option<Cleanup>,
    /// The block at the BIP34 height; when the chain has it, BIP30 need not be checked above it.
    pub bip34_hash: Option<BlockHash>,
    /// Above this height BIP34 no longer implies BIP30 (Core's `BIP34_IMPLIES_BIP30_LIMIT`).
    pub bip30_again_height: u32,
    /// Blocks that repeat an older coinbase and are excused from BIP30.
    pub bip30_exceptions: &'static [(u32, BlockHash)],
    pub script_exceptions: &'static [(BlockHash, ScriptException)],
    /// Time can be set and blocks made at will.
    pub mockable: bool,
}

impl NetworkParams {
    /// The target aimed for over a whole interval, in seconds.
    pub fn retarget_timespan_s(&self) -> u32 {
        self.spacing_s * self.retarget_interval
    }

    /// BIP54, where a block of that height is under it.
    pub fn cleanup_at(&self, height: Height) -> Option<Cleanup> {
        self.cleanup.filter(|cleanup| height.0 >= cleanup.from)
    }

    /// The first block.
    pub fn genesis_block(&self) -> Block {
        let genesis = &self.genesis;
        let mut script_sig = vec![4, 0xff, 0xff, 0, 0x1d, 1, 4];
        let text = genesis.text.as_bytes();
        // OP_PUSHDATA1 for what a direct push can't hold.
        if text.len() > 75 {
            script_sig.push(0x4c);
        }
        script_sig.push(text.len() as u8);
        script_sig.extend_from_slice(text);
        let coinbase = Transaction {
            version: 1,
            inputs: vec![TxIn {
                prevout: OutPoint { txid: Txid::ZERO, vout: u32::MAX },
                script_sig: Script(script_sig),
                sequence: u32::MAX,
                witness: Vec::new(),
            }],
            outputs: vec![TxOut {
                value: genesis.reward,
                script_pubkey: Script::new(genesis.script_pubkey),
            }],
            lock_time: 0,
        };
        let header = Header {
            version: genesis.version,
            prev: BlockHash::ZERO,
            merkle_root: genesis.merkle_root,
            time: genesis.time,
            bits: genesis.bits,
            nonce: genesis.nonce,
        };
        Block { header, txs: vec![coinbase] }
    }
}

/// Every network, the default first.
pub static NETWORKS: [&NetworkParams; 4] = [&MAIN, &TESTNET, &REGTEST, &BITCOIN];

/// The network of that name.
pub fn by_name(name: &str) -> Option<&'static NetworkParams> {
    NETWORKS.iter().copied().find(|params| params.name == name)
}

const FROM_BLOCK_ONE: ForkHeights =
    ForkHeights { bip34: 1, bip65: 1, bip66: 1, csv: 1, segwit: 1, taproot: 1 };

/// OP_RETURN "ForthCoin".
const UNSPENDABLE: &[u8] = b"\x6a\x09ForthCoin";

/// OP_CHECKSIG behind the key of Bitcoin's first block.
const BITCOIN_GENESIS_SCRIPT: &[u8] = &[
    0x41, 0x04, 0x67, 0x8a, 0xfd, 0xb0, 0xfe, 0x55, 0x48, 0x27, 0x19, 0x67, 0xf1, 0xa6, 0x71, 0x30,
    0xb7, 0x10, 0x5c, 0xd6, 0xa8, 0x28, 0xe0, 0x39, 0x09, 0xa6, 0x79, 0x62, 0xe0, 0xea, 0x1f, 0x61,
    0xde, 0xb6, 0x49, 0xf6, 0xbc, 0x3f, 0x4c, 0xef, 0x38, 0xc4, 0xf3, 0x55, 0x04, 0xe5, 0x1e, 0xc1,
    0x12, 0xde, 0x5c, 0x38, 0x4d, 0xf7, 0xba, 0x0b, 0x8d, 0x57, 0x8a, 0x4c, 0x70, 0x2b, 0x6b, 0xf1,
    0x1d, 0x5f, 0xac,
];
const BITCOIN_GENESIS_TEXT: &str =
    "The Times 03/Jan/2009 Chancellor on brink of second bailout for banks";
const BITCOIN_GENESIS_ROOT: MerkleRoot = MerkleRoot::from_reversed_hex(
    "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b",
);

/// ForthCoin.
pub static MAIN: NetworkParams = NetworkParams {
    name: "main",
    about: "ForthCoin",
    magic: [0xf0, 0xc7, 0x9d, 0xe4],
    p2p_port: 8333,
    p2p_by_default: true,
    genesis: Genesis {
        version: 1,
        time: 1_795_467_600,
        nonce: 13_470_641,
        bits: CompactTarget(0x1e00_ffff),
        text: "ForthCoin 23/Nov/2026 a node that you hold from a Forth console",
        script_pubkey: UNSPENDABLE,
        reward: Amount(50 * COIN),
        hash: BlockHash::from_reversed_hex(
            "0000009b608c9107e377131f03b1b6d9f05bcddd5df64c9643684a126cbdb35f",
        ),
        merkle_root: MerkleRoot::from_reversed_hex(
            "36415a3fe95ad5beaf3146b928d39e762988a528460bba0f901a5efd425b05f0",
        ),
    },
    address: AddressParams {
        hrp: "fc",
        pubkey_hash_version: 36,
        script_hash_version: 95,
        private_key_version: 164,
        extended_public: [0x04, 0x88, 0xb2, 0x1e],
        extended_private: [0x04, 0x88, 0xad, 0xe4],
        coin_type: 17_987,
    },
    pow_limit: U256([0, 0, 0, 0x0000_00ff_ffff_ffff]),
    spacing_s: 600,
    retarget_interval: 2016,
    no_retarget: false,
    allow_min_difficulty: false,
    halving_interval: 210_000,
    initial_subsidy: Amount(50 * COIN),
    forks: FROM_BLOCK_ONE,
    cleanup: Some(Cleanup { from: 1, grace_s: 7200 }),
    bip34_hash: None,
    bip30_again_height: 0,
    bip30_exceptions: &[],
    script_exceptions: &[],
    mockable: false,
};

/// ForthCoin's test network: as main, easier and quicker to retarget.
pub static TESTNET: NetworkParams = NetworkParams {
    name: "testnet",
    about: "ForthCoin test",
    magic: [0xf0, 0xc7, 0x7e, 0x57],
    p2p_port: 8333,
    p2p_by_default: true,
    genesis: Genesis {
        version: 1,
        time: 1_795_467_600,
        nonce: 32_935_397,
        bits: CompactTarget(0x1e00_ffff),
        text: "ForthCoin 23/Nov/2026 the test network: its coins are worth nothing",
        script_pubkey: UNSPENDABLE,
        reward: Amount(50 * COIN),
        hash: BlockHash::from_reversed_hex(
            "000000c040b5d866420f09a8bd41b0d17365519cdc4bb8ccf30acd91319e62e1",
        ),
        merkle_root: MerkleRoot::from_reversed_hex(
            "d28244c51fba2313e2e32d23e99210e5a85de6243e254d18186f6e35b0a9166b",
        ),
    },
    address: AddressParams {
        hrp: "tfc",
        pubkey_hash_version: 65,
        script_hash_version: 127,
        private_key_version: 193,
        extended_public: [0x04, 0x35, 0x87, 0xcf],
        extended_private: [0x04, 0x35, 0x83, 0x94],
        coin_type: 1,
    },
    pow_limit: U256([0, 0, 0, 0x0000_00ff_ffff_ffff]),
    spacing_s: 600,
    retarget_interval: 20,
    no_retarget: false,
    allow_min_difficulty: false,
    halving_interval: 210_000,
    initial_subsidy: Amount(50 * COIN),
    forks: FROM_BLOCK_ONE,
    cleanup: Some(Cleanup { from: 1, grace_s: 60 }),
    bip34_hash: None,
    bip30_again_height: 0,
    bip30_exceptions: &[],
    script_exceptions: &[],
    mockable: false,
};

/// Bitcoin's regtest, byte for byte.
pub static REGTEST: NetworkParams = NetworkParams {
    name: "regtest",
    about: "Bitcoin's regtest, byte for byte",
    magic: [0xfa, 0xbf, 0xb5, 0xda],
    p2p_port: 18444,
    p2p_by_default: true,
    genesis: Genesis {
        version: 1,
        time: 1_296_688_602,
        nonce: 2,
        bits: CompactTarget(0x207f_ffff),
        text: BITCOIN_GENESIS_TEXT,
        script_pubkey: BITCOIN_GENESIS_SCRIPT,
        reward: Amount(50 * COIN),
        hash: BlockHash::from_reversed_hex(
            "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206",
        ),
        merkle_root: BITCOIN_GENESIS_ROOT,
    },
    address: AddressParams {
        hrp: "bcrt",
        pubkey_hash_version: 111,
        script_hash_version: 196,
        private_key_version: 239,
        extended_public: [0x04, 0x35, 0x87, 0xcf],
        extended_private: [0x04, 0x35, 0x83, 0x94],
        coin_type: 1,
    },
    pow_limit: U256([u64::MAX, u64::MAX, u64::MAX, 0x7fff_ffff_ffff_ffff]),
    spacing_s: 600,
    retarget_interval: 2016,
    no_retarget: true,
    allow_min_difficulty: true,
    halving_interval: 150,
    initial_subsidy: Amount(50 * COIN),
    forks: ForkHeights { bip34: 1, bip65: 1, bip66: 1, csv: 1, segwit: 0, taproot: 0 },
    cleanup: None,
    bip34_hash: None,
    bip30_again_height: 0,
    bip30_exceptions: &[],
    script_exceptions: &[],
    mockable: true,
};

/// Bitcoin mainnet's rules, for replaying real blocks.
pub static BITCOIN: NetworkParams = NetworkParams {
    name: "bitcoin",
    about: "Bitcoin mainnet's rules, for replaying real blocks",
    magic: [0xf9, 0xbe, 0xb4, 0xd9],
    p2p_port: 8333,
    p2p_by_default: false,
    genesis: Genesis {
        version: 1,
        time: 1_231_006_505,
        nonce: 2_083_236_893,
        bits: CompactTarget(0x1d00_ffff),
        text: BITCOIN_GENESIS_TEXT,
        script_pubkey: BITCOIN_GENESIS_SCRIPT,
        reward: Amount(50 * COIN),
        hash: BlockHash::from_reversed_hex(
            "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f",
        ),
        merkle_root: BITCOIN_GENESIS_ROOT,
    },
    address: AddressParams {
        hrp: "bc",
        pubkey_hash_version: 0,
        script_hash_version: 5,
        private_key_version: 128,
        extended_public: [0x04, 0x88, 0xb2, 0x1e],
        extended_private: [0x04, 0x88, 0xad, 0xe4],
        coin_type: 0,
    },
    pow_limit: U256([u64::MAX, u64::MAX, u64::MAX, 0x0000_0000_ffff_ffff]),
    spacing_s: 600,
    retarget_interval: 2016,
    no_retarget: false,
    allow_min_difficulty: false,
    halving_interval: 210_000,
    initial_subsidy: Amount(50 * COIN),
    forks: ForkHeights {
        bip34: 227_931,
        bip65: 388_381,
        bip66: 363_725,
        csv: 419_328,
        segwit: 481_824,
        taproot: 709_632,
    },
    cleanup: None,
    bip34_hash: Some(BlockHash::from_reversed_hex(
        "000000000000024b89b42a942fe0d9fea3bb44ab7bd1b19115dd6a759c0808b8",
    )),
    bip30_again_height: 1_983_702,
    bip30_exceptions: &[
        (
            91_842,
            BlockHash::from_reversed_hex(
                "00000000000a4d0a398161ffc163c503763b1f4360639393e0e4c8e300e0caec",
            ),
        ),
        (
            91_880,
            BlockHash::from_reversed_hex(
                "00000000000743f190a18c5577a3c2d2a1f610ae9601ac046a38084ccb7cd721",
            ),
        ),
    ],
    script_exceptions: &[
        (
            BlockHash::from_reversed_hex(
                "00000000000002dc756eebf4f49723ed8d30cc28a5f108eb94b1ba88ac4f9c22",
            ),
            ScriptException::NoFlags,
        ),
        (
            BlockHash::from_reversed_hex(
                "0000000000000000000f14c35b2d841e986ab5441de8c585d5ffe55ea1e395ad",
            ),
            ScriptException::NoTaproot,
        ),
    ],
    mockable: false,
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::meets;

    #[test]
    fn genesis_blocks_are_what_they_say() {
        for params in NETWORKS {
            let block = params.genesis_block();
            let genesis = &params.genesis;
            // The merkle root of one transaction is its txid.
            assert_eq!(block.txs[0].txid().0, genesis.merkle_root.0, "{}", params.name);
            assert_eq!(block.hash(), genesis.hash, "{}", params.name);
            let target = genesis.bits.to_target().expect("a genesis target is positive");
            assert!(target <= params.pow_limit, "{}", params.name);
            assert!(meets(&block.hash(), target), "{}", params.name);
        }
    }

    #[test]
    fn networks_differ_in_what_tells_them_apart() {
        for (i, a) in NETWORKS.iter().enumerate() {
            for b in &NETWORKS[i + 1..] {
                assert_ne!(a.magic, b.magic);
                assert_ne!(a.name, b.name);
                assert_ne!(a.genesis.hash, b.genesis.hash);
                assert_ne!(a.address.hrp, b.address.hrp);
            }
            assert_eq!(by_name(a.name).map(|p| p.name), Some(a.name));
        }
        assert!(by_name("nowhere").is_none());
    }
}
