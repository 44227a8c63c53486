//! The process that the exporter runs in, as the exporter sees it.

/// A number that a read call without parameters answers: the answer itself where `member` is
/// empty, else that member of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    pub call: &'static str,
    pub member: &'static str,
}

/// What the exporter needs of the process that it runs in.
pub trait Host: Send + 'static {
    /// The numbers of these sources, in their order and all of one moment; `None` for each that has
    /// none now.
    fn numbers(&self, sources: &[Source]) -> Vec<Option<f64>>;

    /// Logs something that the operator should know.
    fn warn(&self, text: &str);

    /// The database has taken `count` more rows.
    fn rows_written(&self, count: u64);

    /// `count` rows are queued now.
    fn rows_waiting(&self, count: u64);

    /// `count` more rows were dropped because the queue was full.
    fn rows_dropped(&self, count: u64);
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// Counts as the process does.
    #[derive(Default)]
    pub struct Counts {
        pub waiting: AtomicU64,
        pub dropped: AtomicU64,
    }

    impl Host for Counts {
        fn numbers(&self, sources: &[Source]) -> Vec<Option<f64>> {
            sources.iter().map(|source| (source.member == "time").then_some(90.0)).collect()
        }

        fn warn(&self, _: &str) {}

        fn rows_written(&self, _: u64) {}

        fn rows_waiting(&self, count: u64) {
            self.waiting.store(count, Ordering::Relaxed);
        }

        fn rows_dropped(&self, count: u64) {
            self.dropped.fetch_add(count, Ordering::Relaxed);
        }
    }
}
