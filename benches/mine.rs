//! The miner's hashing beside what it is measured against, on one core:
//!
//!   cargo bench --bench mine
//!
//! The ways take turns and time is the thread's own on the processor (of the clock where Linux's
//! `schedstat` is not there), so that a busy machine slows all of them alike; medians are shown.

use std::hint::black_box;
use std::time::Instant;

use crypto::hash::{sha256d, sha256d_pair};
use crypto::lanes::Lanes;
use mining::grind::grind;
use primitives::network::BITCOIN;
use primitives::target::U256;
use sha2::{Digest, Sha256};

const ROUNDS: usize = 15;
/// Hashes of a round of grinding.
const HASHES: u64 = 1_000_000;
const TXIDS: usize = 4000;
const TX_BYTES: usize = 250;

/// A named way to do something.
type Way<'a> = (String, Box<dyn FnMut() + 'a>);

/// Seconds that this thread has had on a processor.
fn cpu_s() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(text.split(' ').next()?.parse::<f64>().ok()? / 1e9)
}

/// The middle time of each way, in seconds, and the middle of its ratios to the first of the round.
/// Each turn runs its way `repeat` times: `schedstat` is as coarse as the scheduler's ticks.
fn in_turns(ways: &mut [Way<'_>], repeat: u32) -> Vec<(f64, f64)> {
    let mut times = vec![Vec::new(); ways.len()];
    for round in 0..=ROUNDS {
        for (times, (_, run)) in times.iter_mut().zip(ways.iter_mut()) {
            let (start, clock) = (cpu_s(), Instant::now());
            (0..repeat).for_each(|_| run());
            let took = start.and_then(|start| Some(cpu_s()? - start));
            // The first round warms up.
            if round > 0 {
                let took = took.unwrap_or_else(|| clock.elapsed().as_secs_f64());
                times.push(took / f64::from(repeat));
            }
        }
    }
    let middle = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let first = times[0].clone();
    let ratio = |times: &[f64]| times.iter().zip(&first).map(|(t, f)| f / t).collect();
    times.iter().map(|times| (middle(times.clone()), middle(ratio(times)))).collect()
}

fn show(title: &str, ways: &mut [Way<'_>], repeat: u32, unit: &str, value: impl Fn(f64) -> f64) {
    println!("{title}");
    let results = in_turns(ways, repeat);
    for ((name, _), (time, ratio)) in ways.iter().zip(results) {
        println!("  {name:<34} {:>9.2} {unit} {ratio:>6.2}x", value(time));
    }
}

fn main() {
    let header = BITCOIN.genesis_block().header;
    let best = Lanes::best();
    let plain = || {
        let mut bytes = header.to_array();
        for nonce in 0..HASHES as u32 {
            bytes[76..].copy_from_slice(&nonce.to_le_bytes());
            let hash: [u8; 32] = Sha256::digest(Sha256::digest(bytes)).into();
            black_box(hash[31] == 0);
        }
    };
    let search = |lanes| {
        move || {
            black_box(grind(lanes, &header, U256::ONE, 0..HASHES));
        }
    };
    let mut ways: Vec<Way<'_>> = vec![
        ("sha2 of 80 bytes, twice".to_owned(), Box::new(plain)),
        ("portable with midstate".to_owned(), Box::new(search(Lanes::Portable))),
        (best.name().to_owned(), Box::new(search(best))),
    ];
    show("nonces of a header", &mut ways, 1, "MH/s", |time| HASHES as f64 / time / 1e6);

    let leaves: Vec<[u8; 32]> = (0..TXIDS as u32).map(|n| sha256d(&n.to_le_bytes())).collect();
    let one_by_one = || {
        let mut level = leaves.clone();
        while level.len() > 1 {
            for i in 0..level.len().div_ceil(2) {
                level[i] =
                    sha256d_pair(&level[2 * i], level.get(2 * i + 1).unwrap_or(&level[2 * i]));
            }
            level.truncate(level.len().div_ceil(2));
        }
        black_box(level);
    };
    let in_lanes = || {
        let mut level = leaves.clone();
        while level.len() > 1 {
            best.merkle_level(&mut level);
        }
        black_box(level);
    };
    let mut ways: Vec<Way<'_>> = vec![
        ("sha2, node by node".to_owned(), Box::new(one_by_one)),
        (best.name().to_owned(), Box::new(in_lanes)),
    ];
    show("merkle root of 4,000 txids", &mut ways, 100, "ms", |time| time * 1e3);

    let txs: Vec<Vec<u8>> = (0..TXIDS).map(|n| vec![n as u8; TX_BYTES - 30 + n % 60]).collect();
    let slices: Vec<&[u8]> = txs.iter().map(|tx| &tx[..]).collect();
    let each = || drop(black_box(slices.iter().map(|tx| sha256d(tx)).collect::<Vec<_>>()));
    let many = || drop(black_box(best.double_many(&slices)));
    let mut ways: Vec<Way<'_>> = vec![
        ("sha2, one by one".to_owned(), Box::new(each)),
        (best.name().to_owned(), Box::new(many)),
    ];
    show("4,000 txids of about 250 bytes", &mut ways, 100, "ms", |time| time * 1e3);
}
