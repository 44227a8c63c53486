//! How often each call was made and how long it took, which also decides which thread runs it next.

use std::collections::HashMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rpc::call::Entry;
use rpc::table::CALLS;

/// A read that has lately taken longer than this is not run on the connection's thread.
const CHEAP: Duration = Duration::from_micros(500);

/// What is counted of one call.
#[derive(Default)]
pub struct Meter {
    pub calls: AtomicU64,
    pub errors: AtomicU64,
    /// Nanoseconds in sum.
    pub nanos: AtomicU64,
    /// Moving average of nanoseconds, each new call with a weight of 1/8. 0 before the first.
    recent: AtomicU64,
}

impl Meter {
    /// A call ended.
    pub fn count(&self, took: Duration, failed: bool) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX).max(1);
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.errors.fetch_add(u64::from(failed), Ordering::Relaxed);
        self.nanos.fetch_add(nanos, Ordering::Relaxed);
        let recent = match self.recent.load(Ordering::Relaxed) {
            0 => nanos,
            recent => recent - recent / 8 + nanos / 8,
        };
        // A lost update of another thread does no harm to an estimate.
        self.recent.store(recent.max(1), Ordering::Relaxed);
    }

    /// Known to be quick, by the moving average.
    pub fn is_cheap(&self) -> bool {
        let recent = self.recent.load(Ordering::Relaxed);
        recent != 0 && u128::from(recent) < CHEAP.as_nanos()
    }
}

/// A meter for each call of the table.
pub struct Meters(Vec<Meter>);

impl Default for Meters {
    fn default() -> Meters {
        Meters(CALLS.iter().map(|_| Meter::default()).collect())
    }
}

impl Meters {
    /// The entry of a method and its meter.
    pub fn find(&self, method: &str) -> Option<(&'static Entry, &Meter)> {
        static PLACES: OnceLock<HashMap<&str, usize>> = OnceLock::new();
        let places = PLACES.get_or_init(|| {
            CALLS.iter().enumerate().map(|(at, entry)| (entry.method, at)).collect()
        });
        let place = *places.get(method)?;
        Some((&CALLS[place], &self.0[place]))
    }

    /// All, in the order of the table.
    pub fn iter(&self) -> impl Iterator<Item = (&'static Entry, &Meter)> {
        CALLS.iter().zip(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_cheap_once_they_have_shown_it() {
        let meters = Meters::default();
        let (_, meter) = meters.find("getblockcount").expect("a call");
        assert!(!meter.is_cheap());
        meter.count(Duration::from_micros(5), false);
        assert!(meter.is_cheap());
        for _ in 0..3 {
            meter.count(Duration::from_millis(50), true);
        }
        assert!(!meter.is_cheap());
        assert_eq!(meter.errors.load(Ordering::Relaxed), 3);
        assert!(meters.find("nonsense").is_none());
    }
}
