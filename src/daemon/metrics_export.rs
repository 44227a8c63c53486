//! Starts the export of metrics to PostgreSQL where the options ask for it. The exporter is a crate
//! of its own, which the feature `postgres` brings; a program without it refuses the option.

use std::sync::Arc;

use super::actor::Handle;
use super::upkeep::Upkeep;
use crate::config::Config;
use rpc::error::CallError;

#[cfg(feature = "postgres")]
pub use metrics_postgres::Exporter;

/// None can run in a program that was built without PostgreSQL.
#[cfg(not(feature = "postgres"))]
pub enum Exporter {}

/// Starts to write rows of metrics, if the options ask for it.
pub fn start(
    config: &Config,
    handle: &Handle,
    upkeep: &Arc<Upkeep>,
) -> Result<Option<Exporter>, CallError> {
    match config.service.postgres.is_on() {
        true => start_exporter(config, handle, upkeep).map(Some),
        false => Ok(None),
    }
}

#[cfg(not(feature = "postgres"))]
fn start_exporter(_: &Config, _: &Handle, _: &Arc<Upkeep>) -> Result<Exporter, CallError> {
    let why = "this program was built without PostgreSQL, so --metrics-postgres writes nothing: \
               build it with scripts/build --features postgres, or leave the option out";
    Err(CallError::new(rpc::error::ErrorKind::Rejected, why))
}

#[cfg(feature = "postgres")]
fn start_exporter(
    config: &Config,
    handle: &Handle,
    upkeep: &Arc<Upkeep>,
) -> Result<Exporter, CallError> {
    with_postgres::start(config, handle, upkeep)
}

#[cfg(feature = "postgres")]
mod with_postgres {
    use std::collections::HashMap;
    use std::fs;
    use std::sync::Arc;
    use std::sync::atomic::Ordering;
    use std::time::Duration;

    use crate::config::{Config, Postgres};
    use crate::daemon::actor::Handle;
    use crate::daemon::logs;
    use crate::daemon::upkeep::Upkeep;
    use crate::daemon::view_query::{number, read};
    use metrics_postgres::{ExportError, Exporter, Host, Options, Source};
    use rpc::error::{CallError, ErrorKind};

    pub fn start(
        config: &Config,
        handle: &Handle,
        upkeep: &Arc<Upkeep>,
    ) -> Result<Exporter, CallError> {
        let options = &config.service.postgres;
        let options = Options {
            url: url(options)?,
            interval: Duration::from_secs(u64::from(options.interval_s)),
            network: config.params.name,
            url_is_public: options.is_public,
        };
        let process = Process { handle: handle.clone(), upkeep: Arc::clone(upkeep) };
        Exporter::start(options, process).map_err(|error| {
            let kind = match error {
                ExportError::Start(_) => ErrorKind::Internal,
                _ => ErrorKind::Rejected,
            };
            CallError::new(kind, error.to_string())
        })
    }

    fn url(options: &Postgres) -> Result<String, CallError> {
        match (&options.url, &options.url_file) {
            (Some(url), _) => Ok(url.0.clone()),
            (None, Some(file)) => fs::read_to_string(file).map_err(|e| {
                let file = file.display();
                let why = format!("the URL of PostgreSQL can't be read from {file}: {e}");
                CallError::new(ErrorKind::File, why)
            }),
            (None, None) => Ok(String::new()),
        }
    }

    /// This process, as the exporter sees it.
    struct Process {
        handle: Handle,
        upkeep: Arc<Upkeep>,
    }

    impl Host for Process {
        fn numbers(&self, sources: &[Source]) -> Vec<Option<f64>> {
            let view = self.handle.view();
            let mut answers = HashMap::new();
            let mut ask = |source: &Source| {
                let answer = answers.entry(source.call).or_insert_with(|| read(&view, source.call));
                number(answer.as_ref()?, source.member)
            };
            sources.iter().map(&mut ask).collect()
        }

        fn warn(&self, text: &str) {
            logs::note("postgres", text);
        }

        fn rows_written(&self, count: u64) {
            self.upkeep.rows.written.fetch_add(count, Ordering::Relaxed);
        }

        fn rows_waiting(&self, count: u64) {
            self.upkeep.rows.waiting.store(count, Ordering::Relaxed);
        }

        fn rows_dropped(&self, count: u64) {
            self.upkeep.rows.dropped.fetch_add(count, Ordering::Relaxed);
        }
    }

    #[cfg(test)]
    mod tests {
        use metrics_postgres::sources;

        #[test]
        fn every_column_has_a_call() {
            for source in sources() {
                assert!(rpc::table::find(source.call).is_ok(), "{source:?}");
            }
        }
    }
}
