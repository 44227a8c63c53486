//! Test: a miner written from the protocol's specification, against a session.

use std::sync::Arc;

use serde_json::{Value, json};

use super::stratum::{Effect, Session, most_exponent, share_target};
use super::work::{Found, Work};
use crate::block_template::Template;
use crate::select::Limits;
use crypto::hash::{sha256d, sha256d_pair};
use primitives::address::Address;
use primitives::hex;
use primitives::network::{MAIN, REGTEST};
use primitives::script::Script;
use primitives::target::{CompactTarget, U256, meets};
use testkit::blocks::Fresh;

const NOW_S: u32 = 2_000_000_000;
const NOW: u64 = NOW_S as u64 * 1000;

fn work_of(epoch: u64, prev: u8) -> Arc<Work> {
    let limits = Limits::default();
    let template = Template::with(&Fresh(&REGTEST), &REGTEST, NOW_S, b"/t/", limits, |_| vec![]);
    let mut template = template.expect("a template");
    template.prev.0[0] = prev;
    template.branch = vec![[7; 32], [9; 32]];
    let address = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
    let payout = Address::from_text(address, &REGTEST).expect("an address").to_script();
    let fresh_tip = true;
    Arc::new(Work { epoch, template: Arc::new(template), payout, threads: 0, fresh_tip })
}

/// What a miner knows.
struct Miner {
    session: Session,
    work: Option<Arc<Work>>,
    now: u64,
    extra_nonce: String,
    job: Vec<Value>,
    difficulty: f64,
    found: Vec<Found>,
    closed: Option<&'static str>,
}

impl Miner {
    fn new(work: Arc<Work>) -> Miner {
        Miner {
            session: Session::new(0xabcd_0001, NOW),
            work: Some(work),
            now: NOW,
            extra_nonce: String::new(),
            job: vec![],
            difficulty: 0.0,
            found: vec![],
            closed: None,
        }
    }

    fn ready(work: Arc<Work>) -> Miner {
        let mut miner = Miner::new(work);
        let subscribed = miner.ask("mining.subscribe", json!(["test/1"]));
        miner.extra_nonce = subscribed["result"][1].as_str().expect("hex").to_owned();
        assert_eq!(subscribed["result"][2], 4);
        assert_eq!(miner.ask("mining.authorize", json!(["rig", "x"]))["result"], true);
        miner
    }

    fn hear(&mut self, effects: Vec<Effect>) -> Value {
        let mut reply = Value::Null;
        for effect in effects {
            match effect {
                Effect::Send(line) => {
                    let line: Value = serde_json::from_str(&line).expect("JSON");
                    match line["method"].as_str() {
                        None => reply = line,
                        Some("mining.notify") => {
                            self.job = line["params"].as_array().expect("a list").clone();
                        }
                        Some("mining.set_difficulty") => {
                            self.difficulty = line["params"][0].as_f64().expect("a number");
                        }
                        other => panic!("{other:?}"),
                    }
                }
                Effect::Found(found) => self.found.push(found),
                Effect::Counted(_) => {}
                Effect::Close(why) => self.closed = Some(why),
            }
        }
        reply
    }

    fn send(&mut self, line: &[u8]) -> Value {
        let work = self.work.clone();
        let effects = self.session.line(line, self.now, work.as_ref());
        self.hear(effects)
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        let line = json!({ "id": 1, "method": method, "params": params }).to_string();
        self.send(line.as_bytes())
    }

    fn text(&self, index: usize) -> &str {
        self.job[index].as_str().expect("a text")
    }

    /// Eighty bytes of header as the protocol puts them together.
    fn header(&self, own_nonce: &str, time: &str, nonce: u32, version: u32) -> [u8; 80] {
        let coinbase = [self.text(2), self.extra_nonce.as_str(), own_nonce, self.text(3)].concat();
        let mut root = sha256d(&hex::decode(&coinbase).expect("hex"));
        for step in self.job[4].as_array().expect("a list") {
            let step = hex::decode_array::<32>(step.as_str().expect("hex")).expect("a hash");
            root = sha256d_pair(&root, &step);
        }
        let prev = hex::decode(self.text(1)).expect("hex");
        let prev: Vec<u8> = prev.chunks(4).flat_map(|w| w.iter().rev().copied()).collect();
        let turned =
            |text: &str| -> Vec<u8> { hex::decode(text).expect("hex").into_iter().rev().collect() };
        let mut bytes = version.to_le_bytes().to_vec();
        bytes.extend(prev);
        bytes.extend(root);
        bytes.extend(turned(time));
        bytes.extend(turned(self.text(6)));
        bytes.extend(nonce.to_le_bytes());
        bytes.try_into().expect("eighty bytes")
    }

    fn version(&self) -> u32 {
        u32::from_str_radix(self.text(5), 16).expect("hex")
    }

    /// A nonce whose hash meets the network's target, or one whose hash does not.
    fn nonce(&self, own_nonce: &str, good: bool) -> String {
        let target = self.work.as_ref().expect("work").template.target;
        let is_good = |nonce: &u32| {
            let header = self.header(own_nonce, self.text(7), *nonce, self.version());
            meets(&primitives::id::BlockHash(sha256d(&header)), target) == good
        };
        format!("{:08x}", (0..).find(is_good).expect("regtest is easy"))
    }

    fn submit(&mut self, own_nonce: &str, nonce: &str) -> Value {
        let (job, time) = (self.text(0).to_owned(), self.text(7).to_owned());
        self.ask("mining.submit", json!(["rig", job, own_nonce, time, nonce]))
    }
}

#[test]
fn a_share_put_together_by_the_protocol_is_our_block() {
    let work = work_of(5, 1);
    let mut miner = Miner::ready(Arc::clone(&work));
    assert_eq!(miner.difficulty, 2f64.powi(-32), "no share is harder than a block of regtest");
    let nonce = miner.nonce("0000002a", true);
    let reply = miner.submit("0000002a", &nonce);
    assert_eq!((&reply["result"], &reply["error"]), (&json!(true), &Value::Null));
    let found = miner.found[0];
    assert_eq!((found.epoch, found.extra_nonce), (5, 0xabcd_0001_0000_002a));
    let number = u32::from_str_radix(&nonce, 16).expect("hex");
    let header = miner.header("0000002a", miner.text(7), number, miner.version());
    assert_eq!(work.block(&found).header.to_array(), header);
    assert!(meets(&work.block(&found).hash(), work.template.target));
}

#[test]
fn stale_duplicate_low_and_malformed_shares_are_refused() {
    let mut miner = Miner::ready(work_of(1, 1));
    let code = |reply: &Value| reply["error"][0].as_i64();
    let nonce = miner.nonce("00000001", true);
    assert_eq!(miner.submit("00000001", &nonce)["result"], true);
    assert_eq!(code(&miner.submit("00000001", &nonce)), Some(22));
    let (job, time) = (miner.text(0).to_owned(), miner.text(7).to_owned());
    for (params, wanted) in [
        (json!([]), 21),
        (json!(["rig", "zz", "00000001", time, nonce]), 21),
        (json!(["rig", "99", "00000001", time, nonce]), 21),
        (json!(["rig", job, "1", time, nonce]), 20),
        (json!(["rig", job, "00000001", "soon", nonce]), 20),
        (json!(["rig", job, "00000001", time, 7]), 20),
        (json!(["rig", job, "00000001", "ffffffff", nonce]), 20),
        (json!(["rig", job, "00000001", "00000001", nonce]), 20),
        (json!(["rig", job, "00000001", time, nonce, "00002000"]), 20),
    ] {
        assert_eq!(code(&miner.ask("mining.submit", params.clone())), Some(wanted), "{params}");
    }
    // New work on the same tip leaves the old alive; another tip does not.
    let effects = miner.session.give(Some(&work_of(2, 1)));
    miner.hear(effects);
    assert_eq!(miner.job[8], false);
    let older = json!(["rig", job, "00000002", time, miner.nonce("00000002", true)]);
    assert_eq!(miner.ask("mining.submit", older)["result"], true);
    assert_eq!(miner.found.last().map(|found| found.epoch), Some(1));
    let effects = miner.session.give(Some(&work_of(3, 2)));
    miner.hear(effects);
    assert_eq!(miner.job[8], true);
    let stale = json!(["rig", job, "00000003", time, "00000000"]);
    assert_eq!(code(&miner.ask("mining.submit", stale)), Some(21));
    // Without work everything is stale.
    let nonce = miner.nonce("00000001", true);
    assert!(miner.session.give(None).is_empty());
    assert_eq!(code(&miner.submit("00000001", &nonce)), Some(21));
}

#[test]
fn a_share_below_its_difficulty_is_low() {
    let mut hard = (*work_of(1, 1)).clone();
    let mut template = (*hard.template).clone();
    template.target = MAIN.pow_limit;
    hard.template = Arc::new(template);
    let mut miner = Miner::ready(Arc::new(hard));
    // The limit of the work is a little easier than 2^-8.
    assert_eq!(miner.difficulty, 2f64.powi(-9), "never above the network's");
    let nonce = miner.nonce("00000001", false);
    assert_eq!(miner.submit("00000001", &nonce)["error"][0], 23);
    assert!(miner.found.is_empty());
}

#[test]
fn who_is_not_ready_gets_no_work() {
    let mut miner = Miner::new(work_of(1, 1));
    let share = json!(["rig", "1", "00000001", "77359400", "00000000"]);
    assert_eq!(miner.ask("mining.submit", share.clone())["error"][0], 25);
    miner.ask("mining.subscribe", json!([]));
    assert_eq!(miner.ask("mining.submit", share)["error"][0], 24);
    assert!(miner.job.is_empty());
    let wishes = json!([["version-rolling", "minimum-difficulty"], {}]);
    let configured = miner.ask("mining.configure", wishes);
    assert_eq!(configured["result"]["version-rolling.mask"], "1fffe000");
    assert_eq!(configured["result"]["minimum-difficulty"], false);
    miner.ask("mining.authorize", json!([]));
    assert!(!miner.job.is_empty());
    assert_eq!(miner.ask("mining.nonsense", json!([]))["error"][0], 20);
    // A rolled version makes another block.
    miner.extra_nonce = "abcd0001".to_owned();
    let version = miner.version() | 0x2000;
    let target = miner.work.as_ref().expect("work").template.target;
    let is_good = |nonce: &u32| {
        let header = miner.header("00000001", miner.text(7), *nonce, version);
        meets(&primitives::id::BlockHash(sha256d(&header)), target)
    };
    let nonce = format!("{:08x}", (0..).find(is_good).expect("easy"));
    let (job, time) = (miner.text(0).to_owned(), miner.text(7).to_owned());
    let share = json!(["rig", job, "00000001", time, nonce, "00002000"]);
    assert_eq!(miner.ask("mining.submit", share)["result"], true);
    assert_eq!(miner.found[0].version as u32, version);
}

#[test]
fn floods_garbage_and_silence_end_the_connection() {
    let mut flood = Miner::ready(work_of(1, 1));
    for _ in 0..1_100 {
        flood.ask("mining.extranonce.subscribe", json!([]));
    }
    assert_eq!(flood.closed, Some("it sends too much"));
    let mut steady = Miner::ready(work_of(1, 1));
    for _ in 0..1_100 {
        steady.now += 6;
        steady.ask("mining.extranonce.subscribe", json!([]));
    }
    assert_eq!(steady.closed, None);
    for garbage in [&b"{"[..], &[0xff; 10], &[b'['; 4097]] {
        let mut miner = Miner::ready(work_of(1, 1));
        miner.send(garbage);
        assert!(miner.closed.is_some(), "{garbage:?}");
    }
    let deep = [vec![b'['; 2000], vec![b']'; 2000]].concat();
    let mut miner = Miner::ready(work_of(1, 1));
    miner.send(&deep);
    assert!(miner.closed.is_some());
    let mut refused = Miner::ready(work_of(1, 1));
    for _ in 0..201 {
        refused.ask("mining.submit", json!(["rig", "77", "00000000", "00000000", "00000000"]));
    }
    assert_eq!(refused.closed, Some("its shares are all refused"));
    let mut idle = Miner::new(work_of(1, 1));
    let effects = idle.session.tick(NOW + 30_001, None);
    idle.hear(effects);
    assert_eq!(idle.closed, Some("it does not authorise"));
    let mut silent = Miner::ready(work_of(1, 1));
    let effects = silent.session.tick(NOW + 600_001, None);
    silent.hear(effects);
    assert_eq!(silent.closed, Some("it is silent"));
}

#[test]
fn difficulty_follows_the_miner() {
    let mut hard = (*work_of(1, 1)).clone();
    let mut template = (*hard.template).clone();
    template.target = CompactTarget(0x1900_ffff).to_target().expect("a target");
    hard.template = Arc::new(template);
    let work = Arc::new(hard);
    let mut miner = Miner::ready(Arc::clone(&work));
    assert_eq!(miner.difficulty, 2f64.powi(-7));
    miner.session.counted = 64;
    let effects = miner.session.tick(NOW + 4_000, Some(&work));
    miner.hear(effects);
    assert_eq!(miner.difficulty, 2f64.powi(-1), "64 shares where one was wanted");
    let effects = miner.session.tick(NOW + 40_000, Some(&work));
    miner.hear(effects);
    assert_eq!(miner.difficulty, 2f64.powi(-3), "none for long");
    miner.ask("mining.suggest_difficulty", json!([5.0]));
    let effects = miner.session.give(Some(&work));
    miner.hear(effects);
    assert_eq!(miner.difficulty, 4.0);
    for bad in [json!([]), json!(["x"]), json!([-1]), json!([0])] {
        assert_eq!(miner.ask("mining.suggest_difficulty", bad)["error"][0], 20);
    }
}

#[test]
fn targets_of_difficulties() {
    let one = CompactTarget(0x1d00_ffff).to_target().expect("a target");
    assert_eq!(share_target(0), one);
    assert_eq!(share_target(-8), CompactTarget(0x1e00_ffff).to_target().expect("a target"));
    assert_eq!(share_target(8), CompactTarget(0x1c00_ffff).to_target().expect("a target"));
    assert_eq!(most_exponent(REGTEST.pow_limit), -32);
    assert_eq!(most_exponent(one), 0);
    assert_eq!(most_exponent(U256::ZERO), 60);
    let payout = Script::new([0x51]);
    let work = work_of(1, 1);
    let (before, after) = work.template.coinbase_parts(&payout);
    let mut whole = Vec::new();
    work.template.coinbase(&payout, 0x0102_0304_0506_0708).encode_base(&mut whole);
    assert_eq!([before, vec![1, 2, 3, 4, 5, 6, 7, 8], after].concat(), whole);
}
