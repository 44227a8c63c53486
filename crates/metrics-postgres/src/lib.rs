//! Writes metrics of the chain, the peers and mining to PostgreSQL as rows, for dashboards that are
//! queried in SQL.
//!
//! One thread samples and writes. While the database is unreachable samples are queued, up to a
//! limit past which the oldest are dropped; the node is never held up. A row's key is its time, node
//! and network, so a batch whose acknowledgement was lost is safely written again. No TLS: use a
//! local socket, a private network or a tunnel.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::error::Error;
use std::fs;
use std::str::FromStr;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use tokio_postgres::config::SslMode;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config as Database, NoTls};

/// The tables, and `time_bucket` where TimescaleDB does not bring it.
const SCHEMA: &str = include_str!("schema.sql");

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

/// How a column's value is made of a source's number.
enum Value {
    /// The number itself.
    Number(Source),
    /// The sample's time less the number, which is a time.
    Age(Source),
}

impl Value {
    fn source(&self) -> Source {
        match self {
            Value::Number(source) | Value::Age(source) => *source,
        }
    }
}

const fn number(call: &'static str, member: &'static str) -> Value {
    Value::Number(Source { call, member })
}

struct Table {
    name: &'static str,
    columns: &'static [(&'static str, Value)],
}

const TABLES: [Table; 3] = [
    Table {
        name: "blockchain_metrics",
        columns: &[
            ("height", number("getblockchaininfo", "blocks")),
            ("headers", number("getblockchaininfo", "headers")),
            ("difficulty", number("getblockchaininfo", "difficulty")),
            ("transactions", number("getblockchaininfo", "transactions")),
            ("size_bytes", number("getblockchaininfo", "size_on_disk")),
            ("tip_age_seconds", Value::Age(Source { call: "getblockchaininfo", member: "time" })),
            ("mempool_transactions", number("getmempoolinfo", "size")),
            ("mempool_bytes", number("getmempoolinfo", "bytes")),
        ],
    },
    Table {
        name: "peer_metrics",
        columns: &[
            ("peers", number("getnetworkinfo", "connections")),
            ("inbound", number("getnetworkinfo", "connections_in")),
            ("outbound", number("getnetworkinfo", "connections_out")),
            ("bytes_received", number("getnettotals", "totalbytesrecv")),
            ("bytes_sent", number("getnettotals", "totalbytessent")),
        ],
    },
    Table {
        name: "mining_metrics",
        columns: &[
            ("hashrate", number("getmininginfo", "hashrate")),
            ("network_hashrate", number("getmininginfo", "networkhashps")),
            ("blocks_found", number("getmininginfo", "blocks_found")),
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
    fn take(host: &dyn Host, time: SystemTime) -> Sample {
        let numbers = host.numbers(&sources());
        let now = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let columns = TABLES.iter().flat_map(|table| table.columns);
        let values = columns.zip(numbers).map(|((_, value), number)| match value {
            Value::Number(_) => number,
            Value::Age(_) => number.map(|since| (now - since).max(0.0)),
        });
        Sample { time, values: values.collect() }
    }

    /// The value of a column, counted over all tables.
    fn value(&self, column: usize) -> Option<f64> {
        self.values.get(column).copied().flatten()
    }
}

/// The sources of all columns, in their order.
pub fn sources() -> Vec<Source> {
    let columns = TABLES.iter().flat_map(|table| table.columns);
    columns.map(|(_, value)| value.source()).collect()
}

/// Samples that are not written yet; the oldest are dropped when there are too many.
struct Queue<'a> {
    samples: VecDeque<Sample>,
    limit: usize,
    host: &'a dyn Host,
    /// The operator has been warned that samples are dropped.
    warned: bool,
}

impl Queue<'_> {
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

/// What was wrong, with its cause; never the URL.
fn reason(error: &tokio_postgres::Error) -> String {
    if let Some(fault) = error.as_db_error() {
        return fault.message().to_owned();
    }
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// The connection to the database, made and remade when there is something to write.
struct Writer<'a> {
    database: Database,
    node: String,
    network: &'static str,
    client: Option<Client>,
    host: &'a dyn Host,
    /// Why the last batch was not taken, as the operator was warned.
    fault: Option<String>,
    pause: Duration,
    /// No attempt before then.
    not_before: Instant,
    /// The batch that is being written.
    in_flight: Vec<Sample>,
}

impl Writer<'_> {
    /// The connection, made if there is none.
    async fn client(&mut self) -> Result<&Client, String> {
        if let Some(client) = self.client.take().filter(|client| !client.is_closed()) {
            return Ok(self.client.insert(client));
        }
        let late = |_| format!("no answer in {} s", CONNECT_TIME.as_secs());
        let connected = timeout(CONNECT_TIME, self.database.connect(NoTls)).await.map_err(late)?;
        let (client, connection) = connected.map_err(|e| reason(&e))?;
        // Ends with the client; what it fails of, the next statement says.
        tokio::spawn(async move { drop(connection.await) });
        let made = timeout(WRITE_TIME, client.batch_execute(SCHEMA)).await.map_err(late)?;
        made.map_err(|e| format!("the tables can't be made: {}", reason(&e)))?;
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
                .map(|column| batch.iter().map(|sample| sample.value(column)).collect())
                .collect();
            let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&node, &network, &times];
            parameters.extend(columns.iter().map(|column| column as &(dyn ToSql + Sync)));
            let late = |_| format!("no answer in {} s", WRITE_TIME.as_secs());
            let insert = table.insert();
            let sent = timeout(WRITE_TIME, client.execute(&insert, &parameters)).await;
            sent.map_err(late)?.map_err(|e| format!("{}: {}", table.name, reason(&e)))?;
            first = last;
        }
        Ok(())
    }

    /// Writes the queue, batch by batch, until it is empty or the database does not take one.
    async fn drain(&mut self, queue: &RefCell<Queue<'_>>) {
        loop {
            if self.in_flight.is_empty() {
                self.in_flight = queue.borrow_mut().batch();
            }
            let batch = std::mem::take(&mut self.in_flight);
            if batch.is_empty() {
                return;
            }
            // Kept where a stop in the middle finds it.
            self.in_flight = batch.clone();
            let written = self.write(&batch).await;
            self.in_flight.clear();
            match written {
                Ok(()) => {
                    let rows = (batch.len() * TABLES.len()) as u64;
                    self.host.rows_written(rows);
                    self.pause = FIRST_PAUSE;
                    if self.fault.take().is_some() {
                        queue.borrow_mut().warned = false;
                        self.host.warn("PostgreSQL takes rows again");
                    }
                }
                Err(why) => {
                    queue.borrow_mut().give_back(batch);
                    self.client = None;
                    self.not_before = Instant::now() + self.pause;
                    self.pause = (self.pause * 2).min(LONGEST_PAUSE);
                    if self.fault.as_ref() != Some(&why) {
                        self.host.warn(&format!("PostgreSQL takes no rows, they wait: {why}"));
                    }
                    self.fault = Some(why);
                    return;
                }
            }
        }
    }
}

/// Samples and writes until it is stopped.
async fn run(every: Duration, mut writer: Writer<'_>, mut stop: watch::Receiver<bool>) {
    let (samples, limit, host) = (VecDeque::new(), WAITING_SAMPLES, writer.host);
    let queue = RefCell::new(Queue { samples, limit, host, warned: false });
    let ready = Notify::new();
    let sampling = async {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            queue.borrow_mut().push(Sample::take(host, SystemTime::now()));
            ready.notify_one();
        }
    };
    let writing = async {
        loop {
            ready.notified().await;
            sleep_until(writer.not_before).await;
            writer.drain(&queue).await;
            if !queue.borrow().samples.is_empty() {
                ready.notify_one();
            }
        }
    };
    tokio::select! {
        () = sampling => {}
        () = writing => {}
        _ = stop.changed() => {}
    }
    if writer.fault.is_none() {
        // The node stops, whether they arrive in time or not.
        let _ = timeout(LAST_TIME, writer.drain(&queue)).await;
    }
}

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
                let writer = Writer {
                    database,
                    node,
                    network: options.network,
                    client: None,
                    host: &host,
                    fault: None,
                    pause: FIRST_PAUSE,
                    not_before: Instant::now(),
                    in_flight: Vec::new(),
                };
                run(options.interval, writer, stopped).await;
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
    use std::sync::atomic::{AtomicU64, Ordering};

    /// Counts as the process does.
    #[derive(Default)]
    struct Counts {
        waiting: AtomicU64,
        dropped: AtomicU64,
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

    #[test]
    fn an_age_is_the_samples_time_less_the_number() {
        let sample = Sample::take(&Counts::default(), UNIX_EPOCH + Duration::from_secs(100));
        let columns = TABLES.iter().flat_map(|table| table.columns);
        for ((name, _), value) in columns.zip(&sample.values) {
            assert_eq!(*value, (*name == "tip_age_seconds").then_some(10.0), "{name}");
        }
    }

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
