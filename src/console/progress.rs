//! A progress line on a terminal.

use std::time::{Duration, Instant};

/// How often it is drawn.
const PROGRESS_EVERY: Duration = Duration::from_millis(200);

/// A progress line on a terminal.
pub struct Progress {
    on: bool,
    unit: &'static str,
    started: Instant,
    shown: Option<Instant>,
}

impl Progress {
    /// `unit` is what is counted.
    pub fn new(on: bool, unit: &'static str) -> Progress {
        Progress { on, unit, started: Instant::now(), shown: None }
    }

    /// `count` things are done, which are `part` of `whole`.
    pub fn show(&mut self, count: u64, part: u64, whole: u64) {
        const WIDTH: u64 = 30;
        if !self.on || self.shown.is_some_and(|at| at.elapsed() < PROGRESS_EVERY) {
            return;
        }
        self.shown = Some(Instant::now());
        let done = (part * WIDTH / whole.max(1)).min(WIDTH) as usize;
        let rate = count as f64 / self.started.elapsed().as_secs_f64().max(0.001);
        let bar = "#".repeat(done) + &"-".repeat(WIDTH as usize - done);
        let percent = (part * 100 / whole.max(1)).min(100);
        let unit = self.unit;
        eprint!("\r[{bar}] {percent:3} %  {count} {unit}, {rate:.0}/s ");
    }

    pub fn done(&mut self) {
        if self.shown.take().is_some() {
            eprint!("\r\x1b[K");
        }
    }
}
