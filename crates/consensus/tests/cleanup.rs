//! BIP54: its published vectors, and what time warps gain on our networks.

use std::collections::HashMap;

use consensus::block::{CheckedBlock, check_block_in_place, coinbase_lock};
use consensus::header::{Branch, check_header_in_place, least_time, median, next_bits};
use consensus::rule::RuleError;
use primitives::block::{Block, Header, Height};
use primitives::codec::{Decode, Encode};
use primitives::hex;
use primitives::id::{BlockHash, MerkleRoot};
use primitives::network::{BITCOIN, Cleanup, MAIN, NETWORKS, NetworkParams, REGTEST, TESTNET};
use primitives::target::CompactTarget;
use primitives::tx::Transaction;
use serde_json::Value;
use testkit::blocks::{self as maker, Parent};
use testkit::rules::raised_by_sigops;
use testkit::vectors;

/// A branch of headers from genesis.
#[derive(Clone)]
struct Line(Vec<Header>);

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
        median(&mut times)
    }
    fn last_real_bits(&self) -> CompactTarget {
        self.bits_at(self.height())
    }
}

/// Bitcoin under BIP54 from block 1.
fn clean_bitcoin() -> NetworkParams {
    NetworkParams { cleanup: Some(Cleanup { from: 1, grace_s: 7200 }), ..BITCOIN.clone() }
}

fn json(name: &str) -> Option<Value> {
    let bytes = vectors::read(&format!("bips/bip-0054/{name}.json"))?;
    Some(serde_json::from_slice(&bytes).expect("JSON"))
}

fn bytes(text: &Value) -> Vec<u8> {
    hex::decode(text.as_str().expect("a text")).expect("hex")
}

#[test]
fn published_coinbases() {
    let Some(cases) = json("coinbases") else { return };
    let params = clean_bitcoin();
    let cases = cases.as_array().expect("a list");
    for case in cases {
        let mut line = Line(vec![]);
        let mut verdict = Ok(());
        for block in case["block_chain"].as_array().expect("a list") {
            let checked = CheckedBlock::new(bytes(block), &params).expect("a block");
            checked.verdict.clone().expect("good by itself");
            if !line.0.is_empty() && verdict.is_ok() {
                let header = &checked.block.header;
                check_header_in_place(header, &line, header.time, &params).expect("good");
                verdict = check_block_in_place(&checked, &line, &params);
                let bitcoin = check_block_in_place(&checked, &line, &BITCOIN);
                if !matches!(bitcoin, Err(RuleError::NotFinal { .. })) {
                    bitcoin.expect("Bitcoin takes all that are final");
                }
            }
            line.0.push(checked.block.header.clone());
        }
        assert_eq!(verdict.is_ok(), case["valid"].as_bool().expect("a verdict"), "{case}");
    }
    assert_eq!(cases.len(), 7);
}

#[test]
fn published_sizes() {
    let Some(cases) = json("txsize") else { return };
    let cases = cases.as_array().expect("a list");
    let params = clean_bitcoin();
    let branch = Line(vec![BITCOIN.genesis_block().header]);
    let parent = Parent::genesis(&BITCOIN);
    for case in cases {
        let mut tx = Transaction::from_bytes(&bytes(&case["tx"])).expect("a transaction");
        // Their lock times are in the way of a block at height 1, their witnesses too.
        tx.lock_time = 0;
        tx.inputs[0].witness.clear();
        let mut block = maker::block(parent, 0, vec![tx]);
        maker::clean(&mut block, Height(1), &params);
        let checked = CheckedBlock::without_work(block.to_bytes()).expect("a block");
        checked.verdict.clone().expect("good by itself");
        let verdict = check_block_in_place(&checked, &branch, &params);
        assert_eq!(verdict.is_ok(), case["valid"].as_bool().expect("a verdict"), "{case}");
        if let Err(error) = verdict {
            assert_eq!(error, RuleError::SizeOfMerkleNode { index: 1 });
        }
        assert_eq!(check_block_in_place(&checked, &branch, &REGTEST), Ok(()));
    }
    assert_eq!(cases.len(), 13);
}

#[test]
fn published_timestamps() {
    let Some(tree) = json("timestamps") else { return };
    let params = clean_bitcoin();
    // Only BIP54 tells the good ones from the bad ones.
    let (mut good, mut bad) = (0, 0);
    let mut todo = vec![(Line(vec![]), &tree)];
    while let Some((mut line, node)) = todo.pop() {
        let mut verdict = Ok(());
        for header in node["block_headers"].as_array().expect("a list") {
            let header = Header::from_bytes(&bytes(header)).expect("a header");
            if line.0.is_empty() {
                assert_eq!(header.hash(), BITCOIN.genesis.hash);
            } else {
                let now = u32::MAX;
                check_header_in_place(&header, &line, now, &BITCOIN).expect("Bitcoin takes all");
                verdict = verdict.and(check_header_in_place(&header, &line, now, &params));
            }
            line.0.push(header);
        }
        if let Some(valid) = node["valid"].as_bool() {
            assert_eq!(verdict.is_ok(), valid, "{}", node["comment"]);
            if valid { good += 1 } else { bad += 1 }
        }
        let extensions = node["extensions"].as_array();
        todo.extend(extensions.into_iter().flatten().map(|node| (line.clone(), node)));
    }
    assert_eq!((good, bad), (7, 2));
}

#[test]
fn as_many_signature_operations_as_may_be() {
    assert_eq!(raised_by_sigops(2500), None);
    let error = raised_by_sigops(2501).expect("one too many");
    assert_eq!(
        error.to_string(),
        "transaction 1 can run 2501 signature operations outside of witnesses, 2500 is the limit (BIP54)"
    );
}

#[test]
fn who_has_it() {
    let has: HashMap<&str, bool> =
        NETWORKS.iter().map(|params| (params.name, params.cleanup.is_some())).collect();
    let wanted = [("main", true), ("testnet", true), ("regtest", false), ("bitcoin", false)];
    assert_eq!(has, HashMap::from(wanted));
    assert_eq!(coinbase_lock(Height(7), &MAIN), (6, u32::MAX - 1));
    assert_eq!(coinbase_lock(Height(7), &REGTEST), (0, u32::MAX));
    // Genesis blocks are under no rule.
    assert_eq!(coinbase_lock(Height(0), &MAIN), (0, u32::MAX));
    let _: Block = MAIN.genesis_block();
}

/// What whoever has all the power says the time is.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Claim {
    /// As early as the rules allow.
    Least,
    True,
    /// As late as others take it.
    Latest,
}

const CLAIMS: [Claim; 3] = [Claim::Least, Claim::True, Claim::Latest];

/// Claims of the first block of an interval, of the last, and of those between.
type Plan = [Claim; 3];

/// Blocks a second, over what is aimed for, that somebody makes with steady power over so many
/// intervals, the plans in turn.
fn speed(params: &NetworkParams, plans: [Plan; 2], intervals: u32) -> f64 {
    let genesis = params.genesis_block().header;
    // Where the power needs as long as is aimed for; difficulty can fall from here.
    let bits = CompactTarget(0x1b00_ffff);
    let start = Header { bits, ..genesis };
    let power = bits.work();
    let mut line = Line(vec![start.clone()]);
    let mut clock = f64::from(start.time);
    // A plan that makes it harder ends where times do.
    let end = f64::from(u32::MAX - 10 * 86_400);
    while line.height().0 < intervals * params.retarget_interval && clock < end {
        let height = line.height().next().0;
        let bits = next_bits(&line, 0, params);
        let difficulty = as_f64(bits.work()) / as_f64(power);
        clock = end.min(clock + difficulty * f64::from(params.spacing_s));
        let plan = plans[(height / params.retarget_interval % 2) as usize];
        let place = height % params.retarget_interval;
        let claim = match place {
            0 => plan[0],
            _ if place == params.retarget_interval - 1 => plan[1],
            _ => plan[2],
        };
        let least = least_time(&line, params);
        let time = match claim {
            Claim::Least => least,
            Claim::True => (clock as u32).max(least),
            Claim::Latest => (clock as u32 + 7200).max(least),
        };
        let header = Header {
            version: 0x2000_0000,
            prev: BlockHash::ZERO,
            merkle_root: MerkleRoot::ZERO,
            time,
            bits,
            nonce: 0,
        };
        // Others wait for their clocks if they must.
        clock = clock.max(f64::from(time) - 7200.0);
        check_header_in_place(&header, &line, clock as u32 + 1, params).expect("by the rules");
        line.0.push(header);
    }
    let took = clock - f64::from(start.time);
    f64::from(line.height().0) * f64::from(params.spacing_s) / took
}

fn as_f64(work: primitives::target::U256) -> f64 {
    let [low, second, third, high] = work.0.map(|word| word as f64);
    low + 2f64.powi(64) * (second + 2f64.powi(64) * (third + 2f64.powi(64) * high))
}

fn plans() -> Vec<Plan> {
    let each = CLAIMS.iter().flat_map(|first| CLAIMS.iter().map(move |last| (*first, *last)));
    each.flat_map(|(first, last)| CLAIMS.map(|between| [first, last, between])).collect()
}

/// All plans, and all pairs of them in turn: none makes blocks faster than honest times do, but for
/// the start and the grace. Without BIP54 some make them many times as fast.
#[test]
fn testnet_cannot_be_warped() {
    let without = NetworkParams { cleanup: None, ..TESTNET.clone() };
    let (mut best, mut unruled) = ((0.0, None), (0.0, None));
    for first in plans() {
        for second in plans() {
            let pair = [first, second];
            let fast = speed(&TESTNET, pair, 60);
            if fast > best.0 {
                best = (fast, Some(pair));
            }
            let fast = speed(&without, pair, 24);
            if fast > unruled.0 {
                unruled = (fast, Some(pair));
            }
        }
    }
    println!("fastest under BIP54 {best:?}, without {unruled:?}");
    // 60 seconds of grace in 12,000, two hours at the end of 60 intervals.
    assert!(best.0 < 1.03, "{best:?}");
    assert!(unruled.0 > 2.0, "{unruled:?}");
}
