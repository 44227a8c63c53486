//! Writes metrics of the chain, the peers and mining to PostgreSQL as rows, for dashboards that are
//! queried in SQL.
//!
//! One thread samples and writes. While the database is unreachable samples are queued, up to a
//! limit past which the oldest are dropped; the node is never held up. A row's key is its time, node
//! and network, so a batch whose acknowledgement was lost is safely written again. No TLS: use a
//! local socket, a private network or a tunnel.

mod host;
mod queue;
mod tables;
mod writer;

use std::fs;
use std::str::FromStr;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;
use tokio_postgres::Config as Database;
use tokio_postgres::config::SslMode;

pub use host::{Host, Source};
pub use tables::sources;
use writer::Writer;

/// Why no exporter runs.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(
        "--metrics-postgres wants postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with special \
         characters as %XX; what is given can't be read"
    )]
    BadUrl,
    #[error(
        "--metrics-postgres names no host: postgresql://USER@HOST/DATABASE, or \
         postgresql:///DATABASE?host=/run/postgresql for a local socket"
    )]
    NoHost,
    #[error(
        "--metrics-postgres asks for TLS, which rows are not written by: use a local socket, a \
         private network or a tunnel, with sslmode=disable"
    )]
    Tls,
    #[error("rows can't be written: {0}")]
    Start(#[from] std::io::Error),
}

fn parse(url: &str) -> Result<Database, ExportError> {
    // What the parser says is left out: it may hold a piece of a password.
    let Ok(database) = Database::from_str(url) else {
        let is_tls = url.contains("sslmode=verify");
        return Err(if is_tls { ExportError::Tls } else { ExportError::BadUrl });
    };
    if database.get_ssl_mode() == SslMode::Require {
        return Err(ExportError::Tls);
    }
    if database.get_hosts().is_empty() && database.get_hostaddrs().is_empty() {
        return Err(ExportError::NoHost);
    }
    Ok(database)
}

/// The machine's name, for rows whose URL names no `application_name`.
fn machine() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "node".to_owned(),
        name => name.to_owned(),
    }
}

/// Where rows are written to, how often, and what they say of this node.
pub struct Options {
    /// `postgresql://USER:PASSWORD@HOST:PORT/DATABASE`; its `application_name` names the node.
    pub url: String,
    pub interval: Duration,
    pub network: &'static str,
    /// Other users of the machine can read the URL, as on a command line.
    pub url_is_public: bool,
}

/// The thread that writes rows; it ends when this is dropped, once the last rows are written or
/// time is up.
pub struct Exporter {
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Exporter {
    /// Begins to write rows, whether the database can be reached yet or not.
    pub fn start(options: Options, host: impl Host) -> Result<Exporter, ExportError> {
        let database = parse(options.url.trim())?;
        if options.url_is_public && database.get_password().is_some() {
            host.warn(
                "every user of this machine sees the password of --metrics-postgres in the list of \
                 processes: use --metrics-postgres-file",
            );
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = watch::channel(false);
        let work = move || {
            runtime.block_on(async {
                let node = database.get_application_name().map_or_else(machine, str::to_owned);
                let writer = Writer::new(database, node, options.network, &host);
                writer::run(options.interval, writer, stopped).await;
            });
        };
        let thread = std::thread::Builder::new().name("postgres".to_owned()).spawn(work)?;
        Ok(Exporter { stop, thread: Some(thread) })
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        if let Some(thread) = self.thread.take() {
            // A thread that broke down has said so.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let host = |url: &str| parse(url).map(|database| database.get_hosts().len());
        let one = |url: &str| host(url).is_ok_and(|hosts| hosts == 1);
        assert!(one("postgresql://me:pass@db:5433/x?application_name=n"));
        assert!(one("host=/run/postgresql user=me dbname=x"));
        for url in [
            "postgresql://me:secret@db/x?sslmode=require",
            "host=db sslmode=verify-full password=secret",
        ] {
            let error = parse(url).expect_err("no TLS").to_string();
            assert!(error.contains("TLS") && !error.contains("secret"), "{error}");
        }
        for url in ["", "secret", "postgresql://me:secret@db:port/x", "postgresql:///x"] {
            let error = parse(url).expect_err("no URL").to_string();
            assert!(error.contains("postgresql://") && !error.contains("sec"), "{error}");
        }
    }
}
