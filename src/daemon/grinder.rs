//! Mining threads: search nonces for the newest work, at the lowest priority of the system, so that
//! the node itself never waits for them.
//!
//! A thread checks for new work after each `CHUNK` of nonces, that is after a few milliseconds.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::clock::now_s;
use super::logs;
use crypto::lanes::Lanes;
use mining::grind::{NONCES, grind};
use mining::work::{Found, MAX_THREADS, Meter, Work};

/// Nonces between two checks for new work.
const CHUNK: u64 = 1 << 17;
/// How far the header's time may lag behind the clock, in seconds.
const ROLL_S: u32 = 10;
/// The lowest priority of POSIX' nice values.
#[cfg(target_os = "linux")]
const LOWEST_PRIORITY: i32 = 19;
/// How long a thread waits for the node to answer what it found.
const ANSWER_LIMIT: Duration = Duration::from_secs(1);
/// How long a find waits for room in the node's inbox before it is tried again.
const BUSY_WAIT: Duration = Duration::from_millis(2);
/// How much the newest chunk counts in a thread's rate.
const NEWEST: f64 = 0.1;

/// Whether the node has taken a find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    Yes,
    /// The node has no room now.
    Busy,
    /// The node has ended.
    Gone,
}

/// Hands a find to the node, without waiting.
pub type Sink = Arc<dyn Fn(Found) -> Taken + Send + Sync>;

#[derive(Default)]
struct Slot {
    work: Option<Arc<Work>>,
    ended: bool,
}

struct Shared {
    slot: Mutex<Slot>,
    changed: Condvar,
    /// Counts the changes of the slot.
    version: AtomicU64,
    sink: Sink,
    meter: Arc<Meter>,
}

/// The threads; they end when this is dropped.
pub struct Grinder {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Grinder {
    pub fn new(sink: Sink, meter: Arc<Meter>) -> Grinder {
        let shared = Shared {
            slot: Mutex::default(),
            changed: Condvar::new(),
            version: AtomicU64::new(0),
            sink,
            meter,
        };
        Grinder { shared: Arc::new(shared), threads: Vec::new() }
    }

    /// Gives the threads other work, or none. As many threads search as the work asks for.
    pub fn set(&mut self, work: Option<Arc<Work>>) {
        let wanted = work.as_ref().map_or(0, |work| work.threads.min(MAX_THREADS));
        while self.threads.len() < wanted {
            let (index, shared) = (self.threads.len(), Arc::clone(&self.shared));
            let name = format!("miner-{index}");
            match std::thread::Builder::new().name(name).spawn(move || run(index, &shared)) {
                Ok(thread) => self.threads.push(thread),
                Err(e) => {
                    logs::note("miner", &format!("thread {index} can't start: {e}"));
                    break;
                }
            }
        }
        self.change(|slot| slot.work = work);
    }

    fn change(&self, change: impl FnOnce(&mut Slot)) {
        let mut slot = self.shared.slot.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut slot);
        self.shared.version.fetch_add(1, Ordering::Release);
        self.shared.changed.notify_all();
    }
}

impl Drop for Grinder {
    fn drop(&mut self) {
        self.change(|slot| *slot = Slot { work: None, ended: true });
        for thread in self.threads.drain(..) {
            // A thread that panicked has ended already.
            let _ = thread.join();
        }
    }
}

/// The work for a thread and its version; waits until there is some. `None` when mining ends.
fn next_work(index: usize, shared: &Shared) -> Option<(Arc<Work>, u64)> {
    let mut slot = shared.slot.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        if slot.ended {
            shared.meter.set_rate(index, 0);
            return None;
        }
        if let Some(work) = slot.work.as_ref().filter(|work| index < work.threads) {
            return Some((Arc::clone(work), shared.version.load(Ordering::Acquire)));
        }
        shared.meter.set_rate(index, 0);
        slot = shared.changed.wait(slot).unwrap_or_else(PoisonError::into_inner);
    }
}

/// Submits a solution and waits for the node's answer; false if the node has stopped.
fn hand_over(shared: &Shared, found: Found, version: u64) -> bool {
    loop {
        match (shared.sink)(found) {
            Taken::Yes => {
                wait_for_other(shared, version);
                return true;
            }
            Taken::Gone => return false,
            // New work makes this find stale.
            Taken::Busy if shared.version.load(Ordering::Acquire) != version => return true,
            Taken::Busy => std::thread::sleep(BUSY_WAIT),
        }
    }
}

/// Waits for the node's answer to a find, which is other work or none; with a limit, should the find
/// have been lost.
fn wait_for_other(shared: &Shared, version: u64) {
    let slot = shared.slot.lock().unwrap_or_else(PoisonError::into_inner);
    let is_same = |_: &mut Slot| shared.version.load(Ordering::Acquire) == version;
    let waited = shared.changed.wait_timeout_while(slot, ANSWER_LIMIT, is_same);
    drop(waited.unwrap_or_else(PoisonError::into_inner));
}

fn run(index: usize, shared: &Shared) {
    yield_to_others();
    let lanes = Lanes::best();
    let mut pace = Pace::new(index, Arc::clone(&shared.meter));
    let mut gone = false;
    while let Some((work, current)) = next_work(index, shared) {
        let is_current = || shared.version.load(Ordering::Acquire) == current;
        pace.begin();
        // Threads take turns with extra nonces; those from 2^32 on are for miners elsewhere.
        let mut extra_nonce = index as u64;
        while is_current() && !gone {
            let time = work.template.time.max(now_s()).min(work.template.max_time);
            let mut header = work.header(extra_nonce, time);
            let mut nonce = 0;
            while nonce < NONCES && is_current() {
                let ground = grind(lanes, &header, work.template.target, nonce..nonce + CHUNK);
                pace.add(ground.hashes);
                if let Some(nonce) = ground.nonce {
                    let (epoch, version, time) = (work.epoch, header.version, header.time);
                    let found = Found { epoch, extra_nonce, version, time, nonce };
                    gone = !hand_over(shared, found, current);
                    break;
                }
                nonce += CHUNK;
                let now = now_s().min(work.template.max_time);
                if now > header.time.saturating_add(ROLL_S) {
                    (header.time, nonce) = (now, 0);
                }
            }
            extra_nonce = (extra_nonce + MAX_THREADS as u64) & u64::from(u32::MAX);
        }
        pace.rest();
        if gone {
            shared.meter.set_rate(index, 0);
            return;
        }
    }
}

/// Counts a thread's hashes and how fast they are.
struct Pace {
    index: usize,
    meter: Arc<Meter>,
    since: Instant,
    hashes: u64,
    rate: f64,
    busy: Instant,
}

impl Pace {
    fn new(index: usize, meter: Arc<Meter>) -> Pace {
        let now = Instant::now();
        Pace { index, meter, since: now, hashes: 0, rate: 0.0, busy: now }
    }

    fn begin(&mut self) {
        (self.since, self.busy, self.hashes) = (Instant::now(), Instant::now(), 0);
    }

    fn add(&mut self, hashes: u64) {
        self.meter.hashes.fetch_add(hashes, Ordering::Relaxed);
        self.hashes += hashes;
        if self.hashes < CHUNK {
            return;
        }
        let newest = self.hashes as f64 / self.since.elapsed().as_secs_f64().max(1e-9);
        self.rate = match self.rate {
            0.0 => newest,
            rate => rate + NEWEST * (newest - rate),
        };
        self.meter.set_rate(self.index, self.rate as u64);
        (self.since, self.hashes) = (Instant::now(), 0);
    }

    fn rest(&mut self) {
        let busy = u64::try_from(self.busy.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.meter.busy_us.fetch_add(busy, Ordering::Relaxed);
    }
}

/// Gives this thread the lowest priority where priorities belong to threads; elsewhere it would be the
/// whole node's.
fn yield_to_others() {
    #[cfg(target_os = "linux")]
    if let Err(e) = rustix::process::setpriority_process(None, LOWEST_PRIORITY) {
        tracing::debug!(target: "miner", "a mining thread keeps its priority: {e}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mining::block_template::Template;
    use mining::select::Limits;
    use primitives::network::REGTEST;
    use primitives::script::Script;
    use primitives::target::{U256, meets};
    use std::sync::mpsc::{Receiver, channel};
    use testkit::blocks::Fresh;

    const LIMIT: Duration = Duration::from_secs(60);

    fn work(epoch: u64, target: U256, threads: usize) -> Arc<Work> {
        let branch = Fresh(&REGTEST);
        let limits = Limits::default();
        let template = Template::with(&branch, &REGTEST, now_s(), b"", limits, |_| vec![]);
        let mut template = template.expect("a template");
        template.target = target;
        let payout = Script::default();
        Arc::new(Work { epoch, template: Arc::new(template), payout, threads, fresh_tip: true })
    }

    fn grinder() -> (Grinder, Receiver<Found>, Arc<Meter>) {
        let (sender, found) = channel();
        let meter = Arc::new(Meter::default());
        let sink = move |found| match sender.send(found) {
            Ok(()) => Taken::Yes,
            Err(_) => Taken::Gone,
        };
        (Grinder::new(Arc::new(sink), Arc::clone(&meter)), found, meter)
    }

    #[test]
    fn threads_find_what_they_were_given_last() {
        let (mut grinder, found, meter) = grinder();
        let target = U256([u64::MAX, u64::MAX, u64::MAX, u64::MAX >> 16]);
        // Nobody finds the first; the second takes about 2^16 hashes.
        let (hopeless, easy) = (work(1, U256::ZERO, 2), work(2, target, 2));
        grinder.set(Some(hopeless));
        grinder.set(Some(Arc::clone(&easy)));
        let first = found.recv_timeout(LIMIT).expect("found");
        assert_eq!(first.epoch, 2);
        assert!(meets(&easy.block(&first).hash(), target));
        assert!(
            easy.block(&first).hash() == {
                let mut header = easy.header(first.extra_nonce, first.time);
                header.nonce = first.nonce;
                header.hash()
            }
        );
        grinder.set(None);
        drop(grinder);
        assert!(meter.hashes.load(Ordering::Relaxed) > 0);
        assert_eq!(meter.hashrate(), 0, "who rests has no rate");
    }

    #[test]
    fn threads_beyond_what_is_wanted_rest() {
        let (mut grinder, found, meter) = grinder();
        grinder.set(Some(work(1, U256::MAX, 1)));
        let first = found.recv_timeout(LIMIT).expect("found");
        assert_eq!(first.extra_nonce % MAX_THREADS as u64, 0, "the first thread's");
        grinder.set(Some(work(2, U256::MAX, 0)));
        // What was on its way may still come; after it nothing does.
        while found.recv_timeout(Duration::from_millis(200)).is_ok() {}
        assert_eq!(meter.hashrate(), 0);
        assert!(found.try_recv().is_err());
    }
}
