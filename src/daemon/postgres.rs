//! Metrics as rows in PostgreSQL, for dashboards that ask in SQL: what `/metrics` tells of the chain,
//! the peers and mining, read from the published view now and then.
//!
//! One thread samples and writes. While the database is away samples wait, up to a limit past which
//! the oldest go; the node notices none of it. A row's key is its time and node, so a batch whose
//! answer was lost is written again without harm. No TLS: a local socket, a private network or a
//! tunnel.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::error::Error;
use std::fs;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use tokio_postgres::config::SslMode;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config as Database, NoTls};

use super::actor::Handle;
use super::http::back::{number, read};
use super::logs;
use super::upkeep::{RowCounts, Upkeep};
use crate::config::{Config, Postgres};
use node::view::View;
use rpc::error::{CallError, ErrorKind};

/// The tables, and `time_bucket` where TimescaleDB does not bring it.
const SCHEMA: &str = include_str!("postgres.sql");

/// Samples that wait while the database is away: a day of them at the usual interval.
const WAITING_SAMPLES: usize = 8_640;

/// Samples that go in one statement a table.
const BATCH_SAMPLES: usize = 500;

/// How long the database may take to let us in, and to take a batch.
const CONNECT_TIME: Duration = Duration::from_secs(10);
const WRITE_TIME: Duration = Duration::from_secs(30);

/// The pause before the next try, doubled from the first to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How long a node that stops waits for its last rows to be taken.
const LAST_TIME: Duration = Duration::from_secs(2);

/// Where a column's number comes from.
enum From {
    /// A read call without parameters, and a member of its answer.
    Call(&'static str, &'static str),
    /// The tip's time, taken from the sample's.
    TipAge,
}

struct Table {
    name: &'static str,
    columns: &'static [(&'static str, From)],
}

const TABLES: [Table; 3] = [
    Table {
        name: "blockchain_metrics",
        columns: &[
            ("height", From::Call("getblockchaininfo", "blocks")),
            ("headers", From::Call("getblockchaininfo", "headers")),
            ("difficulty", From::Call("getblockchaininfo", "difficulty")),
            ("transactions", From::Call("getblockchaininfo", "transactions")),
            ("size_bytes", From::Call("getblockchaininfo", "size_on_disk")),
            ("tip_age_seconds", From::TipAge),
            ("mempool_transactions", From::Call("getmempoolinfo", "size")),
            ("mempool_bytes", From::Call("getmempoolinfo", "bytes")),
        ],
    },
    Table {
        name: "peer_metrics",
        columns: &[
            ("peers", From::Call("getnetworkinfo", "connections")),
            ("inbound", From::Call("getnetworkinfo", "connections_in")),
            ("outbound", From::Call("getnetworkinfo", "connections_out")),
            ("bytes_received", From::Call("getnettotals", "totalbytesrecv")),
            ("bytes_sent", From::Call("getnettotals", "totalbytessent")),
        ],
    },
    Table {
        name: "mining_metrics",
        columns: &[
            ("hashrate", From::Call("getmininginfo", "hashrate")),
            ("network_hashrate", From::Call("getmininginfo", "networkhashps")),
            ("blocks_found", From::Call("getmininginfo", "blocks_found")),
        ],
    },
];

impl Table {
    /// Node, network, times, and an array for each column; a row that is there already stays.
    fn insert(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
        let arrays: Vec<String> =
            (0..names.len()).map(|column| format!("${}::float8[]", column + 4)).collect();
        format!(
            "INSERT INTO {} (node, network, time, {}) SELECT $1::text, $2::text, * \
             FROM unnest($3::timestamptz[], {}) ON CONFLICT DO NOTHING",
            self.name,
            names.join(", "),
            arrays.join(", ")
        )
    }
}

/// A row of each table.
#[derive(Debug, Clone, PartialEq)]
struct Sample {
    time: SystemTime,
    /// The columns of all tables, in their order.
    values: Vec<Option<f64>>,
}

impl Sample {
    fn take(view: &View, time: SystemTime) -> Sample {
        let mut asked: Vec<(&str, Option<Value>)> = Vec::new();
        let mut ask = |method: &'static str, member: &str| {
            let known = asked.iter().position(|(name, _)| *name == method);
            let at = known.unwrap_or_else(|| {
                asked.push((method, read(view, method)));
                asked.len() - 1
            });
            asked[at].1.as_ref().and_then(|answer| number(answer, member))
        };
        let now = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let columns = TABLES.iter().flat_map(|table| table.columns);
        let values = columns.map(|(_, from)| match from {
            From::Call(method, member) => ask(method, member),
            From::TipAge => ask("getblockchaininfo", "time").map(|tip| (now - tip).max(0.0)),
        });
        Sample { time, values: values.collect() }
    }
}

/// Samples that wait; the oldest go when there are too many.
struct Waiting<'a> {
    samples: VecDeque<Sample>,
    limit: usize,
    counts: &'a RowCounts,
    /// The operator knows that samples are lost.
    told: bool,
}

impl Waiting<'_> {
    fn push(&mut self, sample: Sample) {
        self.samples.push_back(sample);
        self.trim();
    }

    /// Takes the oldest, at most as many as go in one batch.
    fn batch(&mut self) -> Vec<Sample> {
        let count = self.samples.len().min(BATCH_SAMPLES);
        let batch = self.samples.drain(..count).collect();
        self.trim();
        batch
    }

    /// Puts a batch back that was not written.
    fn give_back(&mut self, batch: Vec<Sample>) {
        for sample in batch.into_iter().rev() {
            self.samples.push_front(sample);
        }
        self.trim();
    }

    fn trim(&mut self) {
        let over = self.samples.len().saturating_sub(self.limit);
        if over > 0 {
            self.samples.drain(..over);
            self.counts.dropped.fetch_add((over * TABLES.len()) as u64, Ordering::Relaxed);
            if !std::mem::replace(&mut self.told, true) {
                let limit = self.limit;
                let why = format!("{limit} samples wait for PostgreSQL: the oldest are lost now");
                logs::note("postgres", &why);
            }
        }
        let rows = self.samples.len() * TABLES.len();
        self.counts.waiting.store(rows as u64, Ordering::Relaxed);
    }
}

/// What was wrong, with its causes; never the URL.
fn said(error: &tokio_postgres::Error) -> String {
    if let Some(fault) = error.as_db_error() {
        return fault.message().to_owned();
    }
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// The way to the database, as far as it is there.
struct Writer<'a> {
    database: Database,
    node: String,
    network: &'static str,
    client: Option<Client>,
    counts: &'a RowCounts,
    /// Why the database is away, as the operator was told.
    away: Option<String>,
    pause: Duration,
    /// No try before then.
    not_before: Instant,
    /// The batch that is being written.
    under_way: Vec<Sample>,
}

impl Writer<'_> {
    /// The connection, made if there is none.
    async fn client(&mut self) -> Result<&Client, String> {
        if let Some(client) = self.client.take().filter(|client| !client.is_closed()) {
            return Ok(self.client.insert(client));
        }
        let late = |_| format!("no answer in {} s", CONNECT_TIME.as_secs());
        let connected = timeout(CONNECT_TIME, self.database.connect(NoTls)).await.map_err(late)?;
        let (client, connection) = connected.map_err(|e| said(&e))?;
        // Ends with the client; what it fails of, the next statement says.
        tokio::spawn(async move { drop(connection.await) });
        let made = timeout(WRITE_TIME, client.batch_execute(SCHEMA)).await.map_err(late)?;
        made.map_err(|e| format!("the tables can't be made: {}", said(&e)))?;
        Ok(self.client.insert(client))
    }

    async fn write(&mut self, batch: &[Sample]) -> Result<(), String> {
        let (node, network) = (self.node.clone(), self.network);
        let client = self.client().await?;
        let times: Vec<SystemTime> = batch.iter().map(|sample| sample.time).collect();
        let mut first = 0;
        for table in &TABLES {
            let last = first + table.columns.len();
            let columns: Vec<Vec<Option<f64>>> = (first..last)
                .map(|column| batch.iter().map(|sample| sample.values[column]).collect())
                .collect();
            let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&node, &network, &times];
            parameters.extend(columns.iter().map(|column| column as &(dyn ToSql + Sync)));
            let late = |_| format!("no answer in {} s", WRITE_TIME.as_secs());
            let insert = table.insert();
            let sent = timeout(WRITE_TIME, client.execute(&insert, &parameters)).await;
            sent.map_err(late)?.map_err(|e| format!("{}: {}", table.name, said(&e)))?;
            first = last;
        }
        Ok(())
    }

    /// Writes what waits, batch by batch, until nothing does or the database does not take it.
    async fn pass_on(&mut self, waiting: &RefCell<Waiting<'_>>) {
        loop {
            if self.under_way.is_empty() {
                self.under_way = waiting.borrow_mut().batch();
            }
            let batch = std::mem::take(&mut self.under_way);
            if batch.is_empty() {
                return;
            }
            // Kept where a stop in the middle finds it.
            self.under_way = batch.clone();
            let written = self.write(&batch).await;
            self.under_way.clear();
            match written {
                Ok(()) => {
                    let rows = (batch.len() * TABLES.len()) as u64;
                    self.counts.written.fetch_add(rows, Ordering::Relaxed);
                    self.pause = FIRST_PAUSE;
                    if self.away.take().is_some() {
                        waiting.borrow_mut().told = false;
                        logs::note("postgres", "PostgreSQL takes rows again");
                    }
                }
                Err(why) => {
                    waiting.borrow_mut().give_back(batch);
                    self.client = None;
                    self.not_before = Instant::now() + self.pause;
                    self.pause = (self.pause * 2).min(LONGEST_PAUSE);
                    if self.away.as_ref() != Some(&why) {
                        let told = format!("PostgreSQL takes no rows, they wait: {why}");
                        logs::note("postgres", &told);
                    }
                    self.away = Some(why);
                    return;
                }
            }
        }
    }
}

/// Samples and writes until it is told to stop.
async fn run(
    handle: &Handle,
    every: Duration,
    mut writer: Writer<'_>,
    mut stop: watch::Receiver<bool>,
) {
    let (samples, limit, counts) = (VecDeque::new(), WAITING_SAMPLES, writer.counts);
    let waiting = RefCell::new(Waiting { samples, limit, counts, told: false });
    let ready = Notify::new();
    let sampling = async {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            waiting.borrow_mut().push(Sample::take(&handle.view(), SystemTime::now()));
            ready.notify_one();
        }
    };
    let writing = async {
        loop {
            ready.notified().await;
            sleep_until(writer.not_before).await;
            writer.pass_on(&waiting).await;
            if !waiting.borrow().samples.is_empty() {
                ready.notify_one();
            }
        }
    };
    tokio::select! {
        () = sampling => {}
        () = writing => {}
        _ = stop.changed() => {}
    }
    if writer.away.is_none() {
        // Whether they arrive in time or not, the node stops.
        let _ = timeout(LAST_TIME, writer.pass_on(&waiting)).await;
    }
}

/// Where and as whom rows are written.
fn database(options: &Postgres) -> Result<Database, CallError> {
    let url = match (&options.url, &options.url_file) {
        (Some(url), _) => url.0.clone(),
        (None, Some(file)) => fs::read_to_string(file).map_err(|e| {
            let file = file.display();
            let why = format!("the URL of PostgreSQL can't be read from {file}: {e}");
            CallError::new(ErrorKind::File, why)
        })?,
        (None, None) => String::new(),
    };
    parse(url.trim())
}

fn parse(url: &str) -> Result<Database, CallError> {
    let refused = |why: &str| Err(CallError::new(ErrorKind::Rejected, why));
    // What the parser says is left out: it may hold a piece of a password.
    let Ok(database) = Database::from_str(url) else {
        if url.contains("sslmode=verify") {
            return refused(NO_TLS);
        }
        return refused(
            "--metrics-postgres wants postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with special \
             characters as %XX; what is given can't be read",
        );
    };
    if database.get_ssl_mode() == SslMode::Require {
        return refused(NO_TLS);
    }
    if database.get_hosts().is_empty() && database.get_hostaddrs().is_empty() {
        return refused(
            "--metrics-postgres names no host: postgresql://USER@HOST/DATABASE, or \
             postgresql:///DATABASE?host=/run/postgresql for a local socket",
        );
    }
    Ok(database)
}

const NO_TLS: &str = "--metrics-postgres asks for TLS, which rows are not written by: use a local \
                      socket, a private network or a tunnel, with sslmode=disable";

/// The machine's name, for rows whose URL names no `application_name`.
fn machine() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "node".to_owned(),
        name => name.to_owned(),
    }
}

/// The thread that writes rows; it ends when this is dropped.
pub struct Exporter {
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Exporter {
    /// Begins to write rows, if they are asked for. Whether the database is there does not matter.
    pub fn start(
        config: &Config,
        handle: Handle,
        upkeep: &Arc<Upkeep>,
    ) -> Result<Option<Exporter>, CallError> {
        let options = &config.service.postgres;
        if !options.is_on() {
            return Ok(None);
        }
        let database = database(options)?;
        if options.is_public && database.get_password().is_some() {
            let why = "every user of this machine sees the password of --metrics-postgres in the \
                       list of processes: use --metrics-postgres-file";
            logs::note("postgres", why);
        }
        let failed = |e: std::io::Error| {
            CallError::new(ErrorKind::Internal, format!("rows can't be written: {e}"))
        };
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let (stop, stopped) = watch::channel(false);
        let (upkeep, network) = (Arc::clone(upkeep), config.params.name);
        let every = Duration::from_secs(u64::from(options.interval_s));
        let work = move || {
            runtime.block_on(async {
                let node = database.get_application_name().map_or_else(machine, str::to_owned);
                let writer = Writer {
                    database,
                    node,
                    network,
                    client: None,
                    counts: &upkeep.rows,
                    away: None,
                    pause: FIRST_PAUSE,
                    not_before: Instant::now(),
                    under_way: Vec::new(),
                };
                run(&handle, every, writer, stopped).await;
            });
        };
        let thread = std::thread::Builder::new().name("postgres".to_owned()).spawn(work);
        Ok(Some(Exporter { stop, thread: Some(thread.map_err(failed)?) }))
    }

    /// Ends it when the last rows are written, or time is up.
    pub fn stop(self) {
        drop(self);
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

    fn sample(second: u64) -> Sample {
        Sample { time: UNIX_EPOCH + Duration::from_secs(second), values: Vec::new() }
    }

    #[test]
    fn the_schema_has_every_column() {
        for table in &TABLES {
            let begin = format!("CREATE TABLE {} (", table.name);
            let made = SCHEMA.split(&begin).nth(1).expect("it is made");
            let made = made.split("PRIMARY KEY").next().expect("it has a key");
            let names: Vec<&str> =
                made.lines().filter_map(|line| line.split_whitespace().next()).collect();
            let ours: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
            assert_eq!(names[..3], ["time", "node", "network"], "{}", table.name);
            assert_eq!(names[3..], ours, "{}", table.name);
        }
    }

    #[test]
    fn every_column_has_a_call() {
        for (name, from) in TABLES.iter().flat_map(|table| table.columns) {
            if let From::Call(method, _) = from {
                assert!(rpc::table::find(method).is_ok(), "{name}");
            }
        }
    }

    #[test]
    fn the_oldest_samples_go_first() {
        let counts = RowCounts::default();
        let samples = VecDeque::new();
        let mut waiting = Waiting { samples, limit: 3, counts: &counts, told: false };
        for second in 0..5 {
            waiting.push(sample(second));
        }
        assert_eq!(waiting.samples, [2, 3, 4].map(sample));
        assert_eq!(counts.dropped.load(Ordering::Relaxed), 6);
        let batch = waiting.batch();
        waiting.push(sample(5));
        // No room for one of those that were under way.
        waiting.give_back(batch);
        assert_eq!(waiting.samples, [3, 4, 5].map(sample));
        assert_eq!(counts.dropped.load(Ordering::Relaxed), 9);
        assert_eq!(counts.waiting.load(Ordering::Relaxed), 9);
    }

    #[test]
    fn urls() {
        let host = |url: &str| parse(url).map(|database| database.get_hosts().len());
        assert_eq!(host("postgresql://me:pass@db:5433/x?application_name=n"), Ok(1));
        assert_eq!(host("host=/run/postgresql user=me dbname=x"), Ok(1));
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
