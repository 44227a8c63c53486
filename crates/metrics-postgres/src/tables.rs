//! The tables, where each of their columns comes from, and a sample: a row of each.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::host::{Host, Source};

/// The tables, and `time_bucket` where TimescaleDB does not bring it.
pub const SCHEMA: &str = include_str!("schema.sql");

/// How a column's value is made of a source's number.
pub enum Value {
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

pub struct Table {
    pub name: &'static str,
    pub columns: &'static [(&'static str, Value)],
}

pub const TABLES: [Table; 3] = [
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
    pub fn insert(&self) -> String {
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
pub struct Sample {
    pub time: SystemTime,
    /// The columns of all tables, in their order.
    pub values: Vec<Option<f64>>,
}

impl Sample {
    pub fn take(host: &dyn Host, time: SystemTime) -> Sample {
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
    pub fn value(&self, column: usize) -> Option<f64> {
        self.values.get(column).copied().flatten()
    }
}

/// The sources of all columns, in their order.
pub fn sources() -> Vec<Source> {
    let columns = TABLES.iter().flat_map(|table| table.columns);
    columns.map(|(_, value)| value.source()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::tests::Counts;
    use std::time::Duration;

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
    fn an_age_is_the_samples_time_less_the_number() {
        let sample = Sample::take(&Counts::default(), UNIX_EPOCH + Duration::from_secs(100));
        let columns = TABLES.iter().flat_map(|table| table.columns);
        for ((name, _), value) in columns.zip(&sample.values) {
            assert_eq!(*value, (*name == "tip_age_seconds").then_some(10.0), "{name}");
        }
    }
}
