//! `simulate`: networks of whole nodes in this process, for operators and load tests. The options
//! say which, the answer is a table or JSON; a run that fails names the seed that repeats it.

use std::ops::ControlFlow;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rayon::prelude::*;
use serde_json::{Value, json};

use super::{CONSOLE, ConsoleWord};
use crate::console::host::{ConsoleHost, throw_of};
use crate::console::sandbox::Capability;
use crate::console::stack_values::pop_lossy;
use forth2012::host::{HostContext, Throw};
use rpc::error::{CallError, ErrorKind};
use sim::plan::Plan;
use sim::report::{Failure, Report};
use sim::world::World;

/// Entries of the words.
pub const WORDS: &[ConsoleWord] = &[ConsoleWord {
    name: "simulate-with",
    effect: "( c-addr u -- )",
    help: "Run simulated networks of complete nodes, with the options of simulate.",
    example: "s\" --nodes=2 --blocks=3\" simulate-with",
    group: CONSOLE,
    twin: None,
    capability: Capability::NodeChange,
    run: simulate_with,
}];

fn simulate_with(console: &mut ConsoleHost, context: &mut HostContext<'_>) -> Result<(), Throw> {
    let options = pop_lossy(context)?;
    let progress = console.shows_progress();
    let text = simulate(&options, console.config.json, progress, &context.interrupt());
    console.show(&text.map_err(throw_of)?, context)
}

/// Seeds of one call.
const MAX_SEEDS: u64 = 1_000_000;
const PROGRESS_EVERY: Duration = Duration::from_millis(200);
/// Failures that are reported in full.
const REPORTED_FAILURES: usize = 10;

/// What is to be run, and what counts as good.
#[derive(Debug, Clone, PartialEq)]
struct Options {
    nodes: usize,
    blocks: u32,
    seed: u64,
    seeds: u64,
    faults: bool,
    day: bool,
    json: bool,
    most_seconds: Option<f64>,
    least_rate: Option<f64>,
}

const USAGE: &str = "simulate takes --nodes=N --blocks=N --seed=N --seeds=N --faults --day --json \
                     --most-seconds=S --least-blocks-per-second=R";

impl Options {
    fn read(text: &str) -> Result<Options, CallError> {
        let mut options = Options {
            nodes: 10,
            blocks: 30,
            seed: 1,
            seeds: 1,
            faults: false,
            day: false,
            json: false,
            most_seconds: None,
            least_rate: None,
        };
        for word in text.split_whitespace() {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            let number = || {
                let bad = format!("{word:?} wants a number: {USAGE}");
                value.parse::<f64>().ok().filter(|n| *n >= 0.0).ok_or(bad)
            };
            let whole = |most: u64| {
                let bad = format!("{word:?} wants a number from 1 to {most}: {USAGE}");
                value.parse::<u64>().ok().filter(|n| (1..=most).contains(n)).ok_or(bad)
            };
            let taken = match name {
                "--nodes" => whole(sim::plan::MAX_NODES as u64).map(|n| options.nodes = n as usize),
                "--blocks" => {
                    whole(u64::from(sim::plan::MAX_BLOCKS)).map(|n| options.blocks = n as u32)
                }
                "--seed" => value
                    .parse()
                    .map(|n| options.seed = n)
                    .map_err(|_| format!("{word:?} wants a number: {USAGE}")),
                "--seeds" => whole(MAX_SEEDS).map(|n| options.seeds = n),
                "--most-seconds" => number().map(|n| options.most_seconds = Some(n)),
                "--least-blocks-per-second" => number().map(|n| options.least_rate = Some(n)),
                "--faults" if value.is_empty() => {
                    options.faults = true;
                    Ok(())
                }
                "--day" if value.is_empty() => {
                    options.day = true;
                    Ok(())
                }
                "--json" if value.is_empty() => {
                    options.json = true;
                    Ok(())
                }
                _ => Err(format!("{word:?} is no option: {USAGE}")),
            };
            taken.map_err(CallError::invalid_params)?;
        }
        Ok(options)
    }

    fn plan(&self, seed: u64) -> Plan {
        match (self.day, self.faults) {
            (true, _) => Plan::day(seed, self.nodes),
            (_, true) => Plan::rough(seed, self.nodes, self.blocks),
            _ => Plan::calm(seed, self.nodes, self.blocks),
        }
    }
}

/// Runs what the options say and gives the text to show.
pub fn simulate(
    options: &str,
    json: bool,
    progress: bool,
    interrupt: &AtomicBool,
) -> Result<String, CallError> {
    let mut options = Options::read(options)?;
    options.json |= json;
    let started = Instant::now();
    let (done, shown) = (AtomicU64::new(0), Mutex::new(Instant::now()));
    let seeds: Vec<u64> = (0..options.seeds).map(|n| options.seed.wrapping_add(n)).collect();
    let show = |world: &World| {
        let Ok(mut shown) = shown.try_lock() else { return };
        if progress && shown.elapsed() >= PROGRESS_EVERY {
            *shown = Instant::now();
            let (done, of) = (done.load(Ordering::Relaxed), options.seeds);
            let (mined, blocks) = (world.report.mined, world.plan.blocks);
            let phase = world.phase;
            eprint!(
                "\r\x1b[K{done}/{of} runs; seed {}: {mined}/{blocks} blocks, {phase:?} ",
                world.plan.seed
            );
        }
    };
    let run = |seed: &u64| {
        let result = World::new(options.plan(*seed)).and_then(|world| {
            world.run(&mut |world| {
                show(world);
                match interrupt.load(Ordering::Relaxed) {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                }
            })
        });
        done.fetch_add(1, Ordering::Relaxed);
        result
    };
    let _names = NamesSeeds::new(&seeds);
    let results: Vec<Result<Report, Failure>> = seeds.par_iter().map(run).collect();
    if progress {
        eprint!("\r\x1b[K");
    }
    if interrupt.load(Ordering::Relaxed) {
        return Err(CallError::new(ErrorKind::Interrupted, "the simulation was stopped"));
    }
    judge(&options, results, started.elapsed().as_secs_f64())
}

/// A run that breaks down inside of a node should name its seeds, too.
struct NamesSeeds;

impl NamesSeeds {
    fn new(seeds: &[u64]) -> NamesSeeds {
        let (first, last) = (seeds.first().copied(), seeds.last().copied());
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            before(info);
            if let (Some(first), Some(last)) = (first, last) {
                eprintln!("one of the seeds {first} to {last} repeats this: --seed=N --seeds=1");
            }
        }));
        NamesSeeds
    }
}

impl Drop for NamesSeeds {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = std::panic::take_hook();
        }
    }
}

fn judge(
    options: &Options,
    results: Vec<Result<Report, Failure>>,
    seconds: f64,
) -> Result<String, CallError> {
    let failures: Vec<&Failure> = results.iter().filter_map(|r| r.as_ref().err()).collect();
    if !failures.is_empty() {
        let told = failures.iter().take(REPORTED_FAILURES).map(|failure| failure.to_string());
        let text = told.collect::<Vec<_>>().join("\n");
        let seeds: Vec<String> = failures.iter().map(|f| f.seed.to_string()).collect();
        let why = format!(
            "{} of {} runs fail (seeds {}):\n{text}",
            failures.len(),
            results.len(),
            seeds.join(" ")
        );
        return Err(CallError::new(ErrorKind::Unhealthy, why));
    }
    let reports: Vec<Report> = results.into_iter().flatten().collect();
    let blocks: u64 =
        reports.iter().flat_map(|r| &r.rows).map(|row| u64::from(row.height.0)).sum::<u64>()
            - reports
                .iter()
                .map(|r| r.rows.len() as u64 * u64::from(options.plan(r.seed).history))
                .sum::<u64>();
    let rate = blocks as f64 / seconds.max(0.001);
    let late = options.most_seconds.is_some_and(|most| seconds > most);
    let slow = options.least_rate.is_some_and(|least| rate < least);
    if late || slow {
        let why = format!("{seconds:.1} s and {rate:.1} blocks/s miss what was asked for");
        return Err(CallError::new(ErrorKind::Unhealthy, why));
    }
    let sum = |of: fn(&Report) -> u64| reports.iter().map(of).sum::<u64>();
    if options.json {
        let value = json!({
            "runs": reports.iter().map(Report::json).collect::<Vec<Value>>(),
            "seconds": seconds,
            "blocks_per_second": rate,
        });
        return Ok(format!("{value}\n"));
    }
    let mut text = match &reports[..] {
        [one] => one.table(),
        all => format!(
            "{} runs of {} machines: {} blocks, {} stale, {} payments, {} partitions, {} crashes \
             ({} torn), {} restarts, {} messages of strangers; all came to one chain\n",
            all.len(),
            options.nodes,
            sum(|r| u64::from(r.mined)),
            sum(|r| u64::from(r.stale)),
            sum(|r| u64::from(r.paid)),
            sum(|r| u64::from(r.partitions)),
            sum(|r| u64::from(r.crashes)),
            sum(|r| u64::from(r.torn)),
            sum(|r| u64::from(r.restarts)),
            sum(|r| r.harm),
        ),
    };
    text +=
        &format!("{seconds:.1} s; {rate:.0} blocks connected a second, all machines together\n");
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_refused() {
        let options =
            Options::read("--nodes=3 --blocks=7 --faults --most-seconds=1.5").expect("good");
        assert_eq!((options.nodes, options.blocks, options.faults), (3, 7, true));
        assert_eq!(options.most_seconds, Some(1.5));
        for bad in ["--nodes=0", "--nodes=65", "--nodes", "--what", "--blocks=x", "--faults=1"] {
            assert!(Options::read(bad).is_err(), "{bad}");
        }
    }
}
