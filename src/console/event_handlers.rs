//! Handlers of events: words of the operator that run in a node without a terminal.

use std::time::{Duration, Instant};

use rpc::error::{CallError, ErrorKind};

/// Words that `every` runs.
const TIMERS: usize = 64;

/// The longest that `every` waits, in seconds: a year.
const LONGEST_S: i64 = 366 * 86_400;

/// A wait without timers.
const IDLE: Duration = Duration::from_secs(3600);

struct Timer {
    xt: i64,
    every: Duration,
    due: Instant,
}

/// The handlers; execution tokens are those of the session's machine.
#[derive(Default)]
pub struct EventHandlers {
    pub on_block: Option<i64>,
    pub on_tx: Option<i64>,
    pub on_reorg: Option<i64>,
    timers: Vec<Timer>,
}

impl EventHandlers {
    /// Runs a word at an interval in seconds; 0 stops it.
    pub fn every(&mut self, xt: i64, seconds: i64) -> Result<(), CallError> {
        self.timers.retain(|timer| timer.xt != xt);
        if seconds == 0 {
            return Ok(());
        }
        if !(1..=LONGEST_S).contains(&seconds) {
            let why = format!("{seconds} is not a number of seconds from 1 to {LONGEST_S}");
            return Err(CallError::new(ErrorKind::OutOfRange, why));
        }
        if self.timers.len() >= TIMERS {
            let why = format!("`every` runs at most {TIMERS} words");
            return Err(CallError::new(ErrorKind::OutOfRange, why));
        }
        let every = Duration::from_secs(seconds.unsigned_abs());
        self.timers.push(Timer { xt, every, due: Instant::now() + every });
        Ok(())
    }

    /// There is a handler of an event of the node.
    pub fn listens(&self) -> bool {
        self.on_block.is_some() || self.on_tx.is_some() || self.on_reorg.is_some()
    }

    /// How long until the next word is due.
    pub fn wait(&self, now: Instant) -> Duration {
        let next = self.timers.iter().map(|timer| timer.due.saturating_duration_since(now)).min();
        next.unwrap_or(IDLE)
    }

    /// The tokens whose time has come; each is due again later, missed turns are not made up for.
    pub fn due(&mut self, now: Instant) -> Vec<i64> {
        let mut due = Vec::new();
        for timer in self.timers.iter_mut().filter(|timer| timer.due <= now) {
            timer.due = now + timer.every;
            due.push(timer.xt);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers() {
        let mut handlers = EventHandlers::default();
        let start = Instant::now();
        handlers.every(7, 10).expect("fine");
        handlers.every(8, 20).expect("fine");
        assert!(handlers.wait(start) <= Duration::from_secs(11));
        assert!(handlers.due(start).is_empty());
        let later = start + Duration::from_secs(15);
        assert_eq!(handlers.due(later), [7]);
        assert!(handlers.due(later).is_empty());
        assert_eq!(handlers.due(later + Duration::from_secs(10)), [7, 8]);
        handlers.every(7, 0).expect("ends it");
        assert_eq!(handlers.due(later + Duration::from_secs(90)), [8]);
        assert!(handlers.every(9, -1).is_err() && handlers.every(9, i64::MAX).is_err());
    }
}
