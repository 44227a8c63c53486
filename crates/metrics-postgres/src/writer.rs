//! Samples on time and writes them when the database takes them, on one task.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::error::Error;
use std::time::{Duration, SystemTime};

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config as Database, NoTls};

use crate::host::Host;
use crate::queue::{Queue, WAITING_SAMPLES};
use crate::tables::{SCHEMA, Sample, TABLES};

/// How long the database may take to let us in, and to take a batch.
const CONNECT_TIME: Duration = Duration::from_secs(10);
const WRITE_TIME: Duration = Duration::from_secs(30);

/// The pause before the next attempt, doubled from the first to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How long a node that stops waits for its last rows to be taken.
const LAST_TIME: Duration = Duration::from_secs(2);

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
pub struct Writer<'a> {
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

impl<'a> Writer<'a> {
    pub fn new(
        database: Database,
        node: String,
        network: &'static str,
        host: &'a dyn Host,
    ) -> Writer<'a> {
        Writer {
            database,
            node,
            network,
            client: None,
            host,
            fault: None,
            pause: FIRST_PAUSE,
            not_before: Instant::now(),
            in_flight: Vec::new(),
        }
    }

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
pub async fn run(every: Duration, mut writer: Writer<'_>, mut stop: watch::Receiver<bool>) {
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
