//! Rules against published data, and every broken rule of those that need no chain.

use std::io::Read;

use consensus::block::{CheckedBlock, check_block_in_place, height_push, merkle_root};
use consensus::connect::{Context, connect, subsidy};
use consensus::header::{Branch, check_header_in_place, check_work, next_bits};
use consensus::scripts::block_flags;
use consensus::tx::{check_transaction, is_final};
use primitives::amount::Amount;
use primitives::block::{Block, Header, Height};
use primitives::codec::Decode;
use primitives::coin::Coin;
use primitives::id::{BlockHash, MerkleRoot, Txid};
use primitives::network::{BITCOIN, REGTEST};
use primitives::script::Script;
use primitives::target::CompactTarget;
use primitives::tx::{OutPoint, Transaction, TxOut};
use script::flags::ScriptFlags;
use testkit::blocks::{self as maker, Parent};
use testkit::rules::{Coins, Flat, coin, named, raised_without_a_chain};
use testkit::vectors;

/// A branch of headers in a list, from height 0.
pub struct Line(pub Vec<Header>);

impl Branch for Line {
    fn height(&self) -> Height {
        Height(self.0.len() as u32 - 1)
    }
    fn time_at(&self, height: Height) -> u32 {
        self.0[height.0 as usize].time
    }
    fn bits_at(&self, height: Height) -> CompactTarget {
        self.0[height.0 as usize].bits
    }
    fn hash_at(&self, height: Height) -> BlockHash {
        self.0[height.0 as usize].hash()
    }
    fn median_time_at(&self, height: Height) -> u32 {
        let end = height.0 as usize + 1;
        let mut times: Vec<u32> =
            self.0[end.saturating_sub(11)..end].iter().map(|h| h.time).collect();
        consensus::header::median(&mut times)
    }
    fn last_real_bits(&self) -> CompactTarget {
        self.bits_at(self.height())
    }
}

#[test]
fn published_retarget_period() {
    let Some(bytes) = vectors::read("core/mainnet_alt.json") else { return };
    let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    let list = |name: &str| -> Vec<u32> {
        json[name].as_array().unwrap().iter().map(|v| v.as_u64().unwrap() as u32).collect()
    };
    let genesis = BITCOIN.genesis_block().header;
    let mut line = Line(vec![genesis]);
    for (i, (time, nonce)) in list("timestamps").into_iter().zip(list("nonces")).enumerate() {
        let height = Height(i as u32 + 1);
        let coinbase = published_coinbase(height);
        let prev = line.0.last().unwrap().hash();
        let merkle_root = MerkleRoot(coinbase.txid().0);
        let bits = next_bits(&line, time, &BITCOIN);
        let header = Header { version: 0x2000_0000, prev, merkle_root, time, bits, nonce };
        check_header_in_place(&header, &line, time, &BITCOIN).unwrap();
        check_work(&header.hash(), bits, &BITCOIN).unwrap();
        line.0.push(header);
    }
    assert_eq!(line.0.len(), 2017);
    // One block more than a period: the first block of the second has a difficulty of its own.
    assert_eq!(line.0[2015].bits, CompactTarget(0x1d00_ffff));
    assert_eq!(line.0[2016].bits, CompactTarget(0x1c3f_ffc0));
}

/// The coinbase that the generator of that chain makes (Core's functional test framework).
fn published_coinbase(height: Height) -> Transaction {
    let script_pubkey = "76a914eadbac7f36c37e39361168b7aaee3cb24a25312d88ac";
    let mut coinbase = maker::coinbase(height, 0, subsidy(height, &BITCOIN));
    coinbase.version = 2;
    let mut script_sig = height_push(height);
    if height.0 <= 16 {
        script_sig.push(0);
    }
    coinbase.inputs[0].script_sig = Script(script_sig);
    let script_pubkey = primitives::hex::decode(script_pubkey).unwrap();
    coinbase.outputs[0].script_pubkey = Script(script_pubkey);
    coinbase
}

fn unpack(bytes: Vec<u8>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut decoder = ruzstd::decoding::StreamingDecoder::new(&bytes[..]).unwrap();
    decoder.read_to_end(&mut out).unwrap();
    out
}

/// One bit of the whole block, header included, a thousand times over; `script/tests/block` spoils
/// what the scripts see.
#[test]
fn each_of_a_thousand_flipped_bits_is_refused() {
    let Some(packed) = vectors::read("blocks/mainnet-367891.block.zst") else { return };
    let bytes = unpack(packed);
    let mut random = maker::Random(367_891);
    let mut refusals = std::collections::BTreeMap::new();
    for _ in 0..1000 {
        // Every tenth in the header, which is the smallest part.
        let within = if random.below(10) == 0 { 80 } else { bytes.len() };
        let (at, bit) = (random.below(within), random.below(8));
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << bit;
        let why = match CheckedBlock::new(flipped, &BITCOIN) {
            Err(_) => "not a block".to_owned(),
            Ok(checked) => {
                let time = checked.block.header.time.saturating_sub(1000);
                let branch = Flat { height: 367_890, time };
                let verdict = checked.verdict.clone();
                let verdict =
                    verdict.and_then(|()| check_block_in_place(&checked, &branch, &BITCOIN));
                verdict.expect_err("a changed block").reason()
            }
        };
        *refusals.entry(why).or_insert(0) += 1;
    }
    println!("flipped bits of block 367891: {refusals:?}");
    assert!(refusals.len() >= 3, "{refusals:?}");
}

#[test]
fn published_mainnet_block_connects() {
    let Some(packed) = vectors::read("blocks/mainnet-367891.block.zst") else { return };
    let Some(coins) = vectors::read("blocks/mainnet-367891.spent-utxos.zst") else { return };
    let checked = CheckedBlock::new(unpack(packed), &BITCOIN).unwrap();
    checked.verdict.clone().unwrap();
    let branch = Flat { height: 367_890, time: checked.block.header.time - 1000 };
    check_block_in_place(&checked, &branch, &BITCOIN).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&unpack(coins)).unwrap();
    let spent: Vec<Coin> = json.as_array().unwrap().iter().map(coin_of_json).collect();
    let mut made: std::collections::HashSet<Txid> = Default::default();
    let mut view = Coins::default();
    let inputs = checked.block.txs[1..].iter().flat_map(|tx| &tx.inputs);
    made.extend(&checked.txids);
    for (input, coin) in inputs.zip(&spent) {
        if !made.contains(&input.prevout.txid) {
            view.0.insert(input.prevout, coin.clone());
        }
    }
    let context = Context { branch: &branch, params: &BITCOIN, verifier: &maker::engine() };
    let connected = connect(&checked, &mut view, &context).unwrap();
    assert_eq!(connected.spent.outputs.len(), spent.len());
    assert_eq!(connected.spent.outputs, spent.into_iter().map(|c| c.output).collect::<Vec<_>>());
}

fn coin_of_json(v: &serde_json::Value) -> Coin {
    let output = &v["txout"];
    let script = output["script_pubkey"].as_str().unwrap();
    Coin {
        output: TxOut {
            value: Amount(output["value"].as_i64().unwrap()),
            script_pubkey: Script(primitives::hex::decode(script).unwrap()),
        },
        height: Height(v["creation_height"].as_u64().unwrap() as u32),
        coinbase: v["is_coinbase"].as_bool().unwrap(),
    }
}

#[test]
fn reasons_are_cores() {
    for (error, reason) in raised_without_a_chain() {
        assert_eq!(error.reason(), reason, "{error}");
    }
}

#[test]
fn bip30_is_lifted_for_two_blocks_and_where_bip34_implies_it() {
    // The same repeat is fine where every coinbase starts with its height.
    let parent = Parent { hash: BlockHash::ZERO, height: Height(500), time: 1 };
    let block = maker::block(parent, 0, vec![]);
    let checked = CheckedBlock::from_block(&block, &REGTEST).unwrap();
    let mut view = Coins::default();
    view.0.insert(OutPoint { txid: checked.txids[0], vout: 0 }, coin(1));
    let branch = Flat { height: 500, time: 1000 };
    let context = Context { branch: &branch, params: &REGTEST, verifier: &maker::engine() };
    assert!(connect(&checked, &mut view, &context).is_ok());
}

#[test]
fn pushes_of_heights() {
    for (height, push) in [
        (0u32, vec![0u8]),
        (1, vec![0x51]),
        (16, vec![0x60]),
        (17, vec![1, 17]),
        (127, vec![1, 127]),
        (128, vec![2, 128, 0]),
        (255, vec![2, 255, 0]),
        (256, vec![2, 0, 1]),
        (0x7fff, vec![2, 0xff, 0x7f]),
        (0x8000, vec![3, 0, 0x80, 0]),
        (367_891, vec![3, 0x13, 0x9d, 5]),
    ] {
        assert_eq!(height_push(Height(height)), push, "{height}");
    }
}

#[test]
fn merkle_trees_tell_repeats() {
    let leaf = |n: u8| [n; 32];
    let (three, clean) = merkle_root(vec![leaf(1), leaf(2), leaf(3)]);
    let (four, mutated) = merkle_root(vec![leaf(1), leaf(2), leaf(3), leaf(3)]);
    assert_eq!((three, clean, mutated), (four, false, true));
    assert_eq!(merkle_root(vec![]).0, MerkleRoot::ZERO);
    // A repeat deeper in the tree: six leaves against eight.
    let six: Vec<_> = (0..6).map(leaf).collect();
    let eight: Vec<_> = six.iter().chain(&six[4..]).copied().collect();
    assert_eq!(merkle_root(six).0, merkle_root(eight.clone()).0);
    assert!(merkle_root(eight).1);
}

#[test]
fn signature_operations_without_context() {
    let mut tx = maker::spend(&[named(1)], &[1]);
    // CHECKSIG, a push that hides one, CHECKMULTISIG, a push cut short before one more.
    tx.outputs[0].script_pubkey = Script(vec![0xac, 1, 0xac, 0xae, 0x4c, 1, 0xad, 0xaf, 5, 0xac]);
    assert_eq!(script::sigops::legacy(&tx), 1 + 20 + 20);
    tx.inputs[0].script_sig = Script(vec![0x4d, 0xff]);
    assert_eq!(script::sigops::legacy(&tx), 41);
}

#[test]
fn lock_times() {
    let mut tx = maker::spend(&[named(1)], &[1]);
    tx.inputs[0].sequence = 0;
    for (lock, height, cutoff, is) in [
        (0, 1, 1, true),
        (5, 5, 0, false),
        (5, 6, 0, true),
        (499_999_999, 500_000_000, 0, true),
        (500_000_000, 600_000_000, 500_000_000, false),
        (500_000_000, 0, 500_000_001, true),
    ] {
        tx.lock_time = lock;
        assert_eq!(is_final(&tx, Height(height), cutoff), is, "{lock}");
    }
    tx.inputs[0].sequence = u32::MAX;
    tx.lock_time = 499_999_999;
    assert!(is_final(&tx, Height(1), 0));
}

#[test]
fn subsidies_halve_to_nothing() {
    for (height, units) in [
        (0, 5_000_000_000),
        (209_999, 5_000_000_000),
        (210_000, 2_500_000_000),
        (33 * 210_000, 0),
        (64 * 210_000, 0),
        (u32::MAX, 0),
    ] {
        assert_eq!(subsidy(Height(height), &BITCOIN), Amount(units));
    }
}

#[test]
fn script_rules_by_height() {
    let flags = |height| block_flags(&BlockHash::ZERO, Height(height), &BITCOIN);
    let always = ScriptFlags::P2SH | ScriptFlags::WITNESS | ScriptFlags::TAPROOT;
    assert_eq!(flags(0), always);
    assert_eq!(flags(363_725), always | ScriptFlags::DERSIG);
    let all = always
        | ScriptFlags::DERSIG
        | ScriptFlags::CHECKLOCKTIMEVERIFY
        | ScriptFlags::CHECKSEQUENCEVERIFY
        | ScriptFlags::NULLDUMMY;
    assert_eq!(flags(481_824), all);
    let (excused, _) = BITCOIN.script_exceptions[0];
    assert_eq!(block_flags(&excused, Height(170_060), &BITCOIN), ScriptFlags::NONE);
}

#[test]
fn work_is_what_the_bits_say() {
    let genesis = BITCOIN.genesis_block();
    assert!(check_work(&genesis.hash(), genesis.header.bits, &BITCOIN).is_ok());
    for bits in [0, 0x1d80_ffff, 0x2100_ffff, 0x1e00_ffff, 0x1b00_ffff] {
        assert!(check_work(&genesis.hash(), CompactTarget(bits), &BITCOIN).is_err(), "{bits:#x}");
    }
}

#[test]
fn noise_is_no_block() {
    let mut random = maker::Random(7);
    for _ in 0..2000 {
        let noise: Vec<u8> = (0..random.below(300)).map(|_| random.word() as u8).collect();
        if let Ok(checked) = CheckedBlock::new(noise.clone(), &REGTEST) {
            assert_eq!(checked.bytes, noise);
        }
    }
    let genesis = REGTEST.genesis_block();
    let bytes = primitives::codec::Encode::to_bytes(&genesis);
    assert_eq!(Block::from_bytes(&bytes), Ok(genesis));
}

/// Core's invalid transactions by stage: BADTX breaks a rule that needs no context, every other
/// passes those rules (and is refused by its scripts, see there); so does every valid one.
#[test]
fn published_transactions_by_stage() {
    let (mut formed, mut malformed) = (0, 0);
    for name in ["core/tx_valid.json", "core/tx_invalid.json"] {
        let Some(bytes) = vectors::read(name) else { return };
        let cases: Vec<serde_json::Value> = serde_json::from_slice(&bytes).expect("JSON");
        for case in cases.iter().filter(|case| case.as_array().is_some_and(|c| c.len() == 3)) {
            let tx = primitives::hex::decode(case[1].as_str().expect("hex")).expect("hex");
            let tx = Transaction::from_bytes(&tx).expect("all of them can be read");
            let bad = case[2] == "BADTX";
            assert_eq!(check_transaction(&tx).is_err(), bad, "{case}");
            if bad { malformed += 1 } else { formed += 1 }
        }
    }
    println!("transactions by stage: {formed} well-formed, {malformed} not");
    assert!(formed >= 205 && malformed >= 9);
}
