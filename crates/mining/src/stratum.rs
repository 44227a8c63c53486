//! A Stratum v1 session with one miner: the meaning of its lines and the replies to them, without a
//! socket (Braiins' description of the protocol, and BIP310 for version rolling).
//!
//! Shares are judged by the job and difficulty for which they were made. The difficulty is a power
//! of two, never above the network's, so that every block is also a share.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use serde_json::{Value, json};

use super::work::{Found, Work};
use primitives::block::Header;
use primitives::hex;
use primitives::target::{CompactTarget, U256, meets};

/// Bytes of a line from a miner.
pub const MAX_LINE: usize = 4_096;
/// Jobs of one tip that a miner may still bring shares for.
const MAX_JOBS: usize = 8;
/// Shares of one tip that are remembered, to refuse them a second time.
const MAX_SEEN: usize = 100_000;
/// Lines a second that are read in the long run, and at once.
const LINES_PER_S: f64 = 200.0;
const LINES_AT_ONCE: f64 = 1_000.0;
/// Refused shares in a row after which a miner is let go: it works on something else.
const MAX_REFUSED: u32 = 200;
/// How long a miner may take to authorise, and be silent, in milliseconds.
const AUTHORISE_MS: u64 = 30_000;
const SILENT_MS: u64 = 600_000;
/// A share is wanted each so many milliseconds; how often that is looked at.
const SHARE_EVERY_MS: u64 = 4_000;
const LOOK_SHARES: u64 = 16;
const LOOK_EVERY_MS: u64 = 30_000;
/// Difficulty of a new miner: about a share a second at 25 MH/s.
const FIRST_EXPONENT: i32 = -7;
const EXPONENTS: std::ops::RangeInclusive<i32> = -32..=60;
/// The bits of the version that miners may roll (BIP310, BIP320).
const ROLLED_BITS: u32 = 0x1fff_e000;
/// How far ahead of the clock a header may be, in seconds, less than the rules allow.
const MOST_AHEAD_S: u64 = 6_600;
/// Longest name of a miner that is kept.
const MAX_NAME: usize = 64;

/// What comes of a line, or of time.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// A line for the miner, without its end.
    Send(String),
    /// A block.
    Found(Found),
    /// What to count.
    Counted(Share),
    /// The connection ends, for a reason for the log.
    Close(&'static str),
}

/// How a share ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// It stands for so many hashes.
    Accepted(u64),
    Stale,
    Refused,
}

/// A refusal: code and text.
type Refusal = (i64, &'static str);

const UNKNOWN: i64 = 20;
const STALE: Refusal = (21, "Job not found: it is stale");
const DUPLICATE: Refusal = (22, "Duplicate share");
const LOW: Refusal = (23, "Low difficulty share");
const UNAUTHORISED: Refusal = (24, "Unauthorized worker");
const UNSUBSCRIBED: Refusal = (25, "Not subscribed");

struct Job {
    id: u64,
    work: Arc<Work>,
    exponent: i32,
}

/// One miner's connection.
pub struct Session {
    extra_nonce: u32,
    subscribed: bool,
    pub name: Option<String>,
    rolls_version: bool,
    exponent: i32,
    /// What was last sent to the miner.
    told_exponent: Option<i32>,
    jobs: VecDeque<Job>,
    next_job: u64,
    seen: HashSet<(u64, u32, u32, u32, i32)>,
    refused_in_a_row: u32,
    lines_left: f64,
    began_ms: u64,
    last_ms: u64,
    pub(super) counted: u64,
    counted_since_ms: u64,
}

/// The target of difficulty 2^exponent.
pub(super) fn share_target(exponent: i32) -> U256 {
    let one = CompactTarget(0x1d00_ffff).to_target().unwrap_or(U256::MAX);
    let mut bytes = one.to_be_bytes();
    // By whole bits, byte by byte: 256 bits are few.
    for _ in 0..exponent.unsigned_abs() {
        if exponent < 0 {
            let mut carry = 0;
            for byte in bytes.iter_mut().rev() {
                (*byte, carry) = ((*byte << 1) | carry, *byte >> 7);
            }
        } else {
            let mut carry = 0;
            for byte in &mut bytes {
                (*byte, carry) = ((*byte >> 1) | (carry << 7), *byte & 1);
            }
        }
    }
    U256::from_be_bytes(bytes)
}

/// The hardest difficulty that every block of `target` meets.
pub(super) fn most_exponent(target: U256) -> i32 {
    let easier = |exponent: &i32| share_target(*exponent) >= target;
    EXPONENTS.rev().find(easier).unwrap_or(*EXPONENTS.start())
}

/// Hex of the previous block's hash as Stratum writes it: each four bytes turned round.
fn swapped(hash: &[u8; 32]) -> String {
    let words: Vec<u8> = hash.chunks(4).flat_map(|word| word.iter().rev().copied()).collect();
    hex::encode(&words)
}

fn number(value: Option<&Value>) -> Option<u32> {
    let text = value?.as_str()?;
    (text.len() == 8).then(|| u32::from_str_radix(text, 16).ok())?
}

impl Session {
    /// A connection whose miner may use all extra nonces that begin with these four bytes, which
    /// must not be zero.
    pub fn new(extra_nonce: u32, now_ms: u64) -> Session {
        Session {
            extra_nonce,
            subscribed: false,
            name: None,
            rolls_version: false,
            exponent: FIRST_EXPONENT,
            told_exponent: None,
            jobs: VecDeque::new(),
            next_job: 1,
            seen: HashSet::new(),
            refused_in_a_row: 0,
            lines_left: LINES_AT_ONCE,
            began_ms: now_ms,
            last_ms: now_ms,
            counted: 0,
            counted_since_ms: now_ms,
        }
    }

    fn is_ready(&self) -> bool {
        self.subscribed && self.name.is_some()
    }

    /// Takes a line of the miner.
    pub fn line(&mut self, line: &[u8], now_ms: u64, work: Option<&Arc<Work>>) -> Vec<Effect> {
        let passed = now_ms.saturating_sub(self.last_ms) as f64 / 1000.0;
        self.last_ms = self.last_ms.max(now_ms);
        self.lines_left = (self.lines_left + passed * LINES_PER_S).min(LINES_AT_ONCE) - 1.0;
        if self.lines_left < 0.0 {
            return vec![Effect::Close("it sends too much")];
        }
        if line.len() > MAX_LINE {
            return vec![Effect::Close("a line is too long")];
        }
        if line.trim_ascii().is_empty() {
            return vec![];
        }
        let Ok(request) = serde_json::from_slice::<Value>(line) else {
            return vec![Effect::Close("a line is no JSON")];
        };
        let Some(method) = request.get("method").and_then(Value::as_str) else {
            // Answers to what we notify need no answer.
            return vec![];
        };
        let nothing = Vec::new();
        let params = request.get("params").and_then(Value::as_array).unwrap_or(&nothing);
        let id = request.get("id").cloned().unwrap_or(Value::Null);
        let mut effects = Vec::new();
        let was_ready = self.is_ready();
        let answer = self.answer(method, params, now_ms, &mut effects);
        let reply = match answer {
            Ok(result) => json!({ "id": id, "result": result, "error": null }),
            Err((code, text)) => json!({ "id": id, "result": null, "error": [code, text, null] }),
        };
        effects.insert(0, Effect::Send(reply.to_string()));
        if !was_ready && self.is_ready() {
            effects.extend(self.give(work));
        }
        if self.refused_in_a_row > MAX_REFUSED {
            effects.push(Effect::Close("its shares are all refused"));
        }
        effects
    }

    fn answer(
        &mut self,
        method: &str,
        params: &[Value],
        now_ms: u64,
        effects: &mut Vec<Effect>,
    ) -> Result<Value, Refusal> {
        match method {
            "mining.subscribe" => {
                self.subscribed = true;
                let id = format!("{:08x}", self.extra_nonce);
                let topics = json!([["mining.set_difficulty", id], ["mining.notify", id]]);
                Ok(json!([topics, id, 4]))
            }
            "mining.authorize" => {
                let name = params.first().and_then(Value::as_str).unwrap_or("");
                let printable = name.chars().filter(|c| !c.is_control());
                self.name = Some(printable.take(MAX_NAME).collect());
                Ok(json!(true))
            }
            "mining.configure" => Ok(self.configure(params)),
            "mining.suggest_difficulty" => {
                let wish = params.first().and_then(Value::as_f64).filter(|d| *d > 0.0);
                let wish = wish.ok_or((UNKNOWN, "A difficulty is a number above 0"))?;
                let exponent = wish.log2().floor().clamp(-1000.0, 1000.0) as i32;
                self.exponent = exponent.clamp(*EXPONENTS.start(), *EXPONENTS.end());
                Ok(json!(true))
            }
            "mining.extranonce.subscribe" => Ok(json!(true)),
            "mining.get_transactions" => Ok(json!([])),
            "mining.submit" => {
                let judged = self.submit(params, now_ms, effects);
                let counted = match judged {
                    Ok(hashes) => {
                        self.refused_in_a_row = 0;
                        self.counted += 1;
                        Share::Accepted(hashes)
                    }
                    Err(refusal) => {
                        self.refused_in_a_row += 1;
                        if refusal == STALE { Share::Stale } else { Share::Refused }
                    }
                };
                effects.push(Effect::Counted(counted));
                judged.map(|_| json!(true))
            }
            _ => Err((UNKNOWN, "There is no such method")),
        }
    }

    /// BIP310.
    fn configure(&mut self, params: &[Value]) -> Value {
        let mut answer = serde_json::Map::new();
        for wish in params.first().and_then(Value::as_array).into_iter().flatten().take(16) {
            match wish.as_str() {
                Some("version-rolling") => {
                    self.rolls_version = true;
                    answer.insert("version-rolling".to_owned(), json!(true));
                    let mask = json!(format!("{ROLLED_BITS:08x}"));
                    answer.insert("version-rolling.mask".to_owned(), mask);
                }
                Some(other) if other.len() <= MAX_NAME => {
                    answer.insert(other.to_owned(), json!(false));
                }
                _ => {}
            }
        }
        answer.into()
    }

    /// Judges a share; the hashes that it stands for.
    fn submit(
        &mut self,
        params: &[Value],
        now_ms: u64,
        effects: &mut Vec<Effect>,
    ) -> Result<u64, Refusal> {
        if !self.subscribed {
            return Err(UNSUBSCRIBED);
        }
        if self.name.is_none() {
            return Err(UNAUTHORISED);
        }
        let id = params.get(1).and_then(Value::as_str).filter(|id| id.len() <= 16);
        let id = id.and_then(|id| u64::from_str_radix(id, 16).ok()).ok_or(STALE)?;
        let wrong = |text| (UNKNOWN, text);
        let own_nonce = number(params.get(2)).ok_or(wrong("extranonce2 is 8 hex digits"))?;
        let time = number(params.get(3)).ok_or(wrong("ntime is 8 hex digits"))?;
        let nonce = number(params.get(4)).ok_or(wrong("nonce is 8 hex digits"))?;
        let job = self.jobs.iter().find(|job| job.id == id).ok_or(STALE)?;
        let template = &job.work.template;
        let version = match params.get(5) {
            None | Some(Value::Null) => template.version,
            rolled => {
                let rolled = number(rolled).ok_or(wrong("version_bits is 8 hex digits"))?;
                if !self.rolls_version || rolled & !ROLLED_BITS != 0 {
                    return Err(wrong("Version bits outside of the mask"));
                }
                ((template.version as u32 & !ROLLED_BITS) | rolled) as i32
            }
        };
        let latest = (now_ms / 1000 + MOST_AHEAD_S).min(u64::from(template.max_time));
        if time < template.min_time || u64::from(time) > latest {
            return Err(wrong("ntime is out of range"));
        }
        let epoch = job.work.epoch;
        if self.seen.contains(&(epoch, own_nonce, time, nonce, version)) {
            return Err(DUPLICATE);
        }
        let extra_nonce = (u64::from(self.extra_nonce) << 32) | u64::from(own_nonce);
        let header = Header { version, nonce, ..job.work.header(extra_nonce, time) };
        let hash = header.hash();
        if !meets(&hash, share_target(job.exponent)) {
            return Err(LOW);
        }
        if self.seen.len() >= MAX_SEEN {
            return Err(wrong("Too many shares for one block"));
        }
        self.seen.insert((epoch, own_nonce, time, nonce, version));
        if meets(&hash, template.target) {
            effects.push(Effect::Found(Found { epoch, extra_nonce, version, time, nonce }));
        }
        Ok(2f64.powi(job.exponent + 32) as u64)
    }

    /// Gives the miner other work; without any its shares are stale.
    pub fn give(&mut self, work: Option<&Arc<Work>>) -> Vec<Effect> {
        let Some(work) = work else {
            self.jobs.clear();
            return vec![];
        };
        let last = self.jobs.back();
        let fresh = last.is_none_or(|job| job.work.template.prev != work.template.prev);
        if fresh {
            self.jobs.clear();
            self.seen.clear();
        }
        if !self.is_ready() {
            return vec![];
        }
        let mut effects = Vec::new();
        let exponent = self.exponent.min(most_exponent(work.template.target));
        if self.told_exponent != Some(exponent) {
            self.told_exponent = Some(exponent);
            effects.push(notify("mining.set_difficulty", json!([2f64.powi(exponent)])));
        }
        if self.jobs.len() == MAX_JOBS {
            self.jobs.pop_front();
        }
        let id = self.next_job;
        self.next_job += 1;
        let template = &work.template;
        let (before, after) = template.coinbase_parts(&work.payout);
        let branch: Vec<String> = template.branch.iter().map(|hash| hex::encode(hash)).collect();
        effects.push(notify(
            "mining.notify",
            json!([
                format!("{id:x}"),
                swapped(&template.prev.0),
                hex::encode(&before),
                hex::encode(&after),
                branch,
                format!("{:08x}", template.version as u32),
                format!("{:08x}", template.bits.0),
                format!("{:08x}", template.time),
                fresh,
            ]),
        ));
        self.jobs.push_back(Job { id, work: Arc::clone(work), exponent });
        effects
    }

    /// Time has passed.
    pub fn tick(&mut self, now_ms: u64, work: Option<&Arc<Work>>) -> Vec<Effect> {
        if !self.is_ready() && now_ms.saturating_sub(self.began_ms) > AUTHORISE_MS {
            return vec![Effect::Close("it does not authorise")];
        }
        if now_ms.saturating_sub(self.last_ms) > SILENT_MS {
            return vec![Effect::Close("it is silent")];
        }
        let passed = now_ms.saturating_sub(self.counted_since_ms);
        let due = passed >= LOOK_EVERY_MS || (self.counted >= LOOK_SHARES && passed > 0);
        if !self.is_ready() || !due {
            return vec![];
        }
        let wanted = passed as f64 / SHARE_EVERY_MS as f64;
        // Without any share it gets easier step by step.
        let steps = (self.counted as f64 / wanted).max(0.25).log2().round() as i32;
        (self.counted, self.counted_since_ms) = (0, now_ms);
        let most = work.map_or(*EXPONENTS.end(), |work| most_exponent(work.template.target));
        let wish = (self.exponent.min(most) + steps).clamp(*EXPONENTS.start(), most);
        if wish == self.exponent {
            return vec![];
        }
        self.exponent = wish;
        self.give(work)
    }
}

fn notify(method: &str, params: Value) -> Effect {
    Effect::Send(json!({ "id": null, "method": method, "params": params }).to_string())
}
