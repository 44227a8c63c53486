//! Samples that are not written yet, within a limit.

use std::collections::VecDeque;

use crate::host::Host;
use crate::tables::{Sample, TABLES};

/// Samples that wait while the database is unreachable: a day of them at the usual interval.
pub const WAITING_SAMPLES: usize = 8_640;

/// Samples that go in one statement a table.
const BATCH_SAMPLES: usize = 500;

/// Samples that are not written yet; the oldest are dropped when there are too many.
pub struct Queue<'a> {
    pub samples: VecDeque<Sample>,
    pub limit: usize,
    pub host: &'a dyn Host,
    /// The operator has been warned that samples are dropped.
    pub warned: bool,
}

impl Queue<'_> {
    pub fn push(&mut self, sample: Sample) {
        self.samples.push_back(sample);
        self.trim();
    }

    /// Takes the oldest, at most as many as go in one batch.
    pub fn batch(&mut self) -> Vec<Sample> {
        let count = self.samples.len().min(BATCH_SAMPLES);
        let batch = self.samples.drain(..count).collect();
        self.trim();
        batch
    }

    /// Puts a batch back that was not written.
    pub fn give_back(&mut self, batch: Vec<Sample>) {
        for sample in batch.into_iter().rev() {
            self.samples.push_front(sample);
        }
        self.trim();
    }

    fn trim(&mut self) {
        let over = self.samples.len().saturating_sub(self.limit);
        if over > 0 {
            self.samples.drain(..over);
            self.host.rows_dropped((over * TABLES.len()) as u64);
            if !std::mem::replace(&mut self.warned, true) {
                let limit = self.limit;
                let why = format!("{limit} samples wait for PostgreSQL: the oldest are lost now");
                self.host.warn(&why);
            }
        }
        self.host.rows_waiting((self.samples.len() * TABLES.len()) as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::tests::Counts;
    use std::sync::atomic::Ordering;
    use std::time::{Duration, UNIX_EPOCH};

    fn sample(second: u64) -> Sample {
        Sample { time: UNIX_EPOCH + Duration::from_secs(second), values: Vec::new() }
    }

    #[test]
    fn the_oldest_samples_go_first() {
        let counts = Counts::default();
        let samples = VecDeque::new();
        let mut queue = Queue { samples, limit: 3, host: &counts, warned: false };
        for second in 0..5 {
            queue.push(sample(second));
        }
        assert_eq!(queue.samples, [2, 3, 4].map(sample));
        assert_eq!(counts.dropped.load(Ordering::Relaxed), 6);
        let batch = queue.batch();
        queue.push(sample(5));
        // No room for one of those that were under way.
        queue.give_back(batch);
        assert_eq!(queue.samples, [3, 4, 5].map(sample));
        assert_eq!(counts.dropped.load(Ordering::Relaxed), 9);
        assert_eq!(counts.waiting.load(Ordering::Relaxed), 9);
    }
}
