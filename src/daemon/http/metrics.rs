//! `/metrics` in the format of OpenMetrics, for Prometheus; read at each scrape.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Response, StatusCode};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};
use serde_json::Value;

use super::readiness;
use super::rpc::{App, plain};
use crate::daemon::chain_position::position;
use crate::daemon::clock::now_s;
use crate::daemon::upkeep::memory::resident_bytes;
use crate::daemon::view_query::{number, read};

struct Node(Arc<App>);

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Node")
    }
}

/// Metrics that are a member of a read call's answer: call, member, metric, help.
const FROM_CALLS: &[(&str, &str, &str, &str)] = &[
    ("getblockchaininfo", "difficulty", "difficulty", "Difficulty of the tip"),
    ("getblockchaininfo", "transactions", "chain_transactions", "Transactions on the best chain"),
    ("getblockchaininfo", "size_on_disk", "chain_size_bytes", "Size of the chain's file"),
    ("getmempoolinfo", "size", "mempool_transactions", "Transactions in the pool"),
    ("getmempoolinfo", "bytes", "mempool_size_bytes", "Virtual size of the pool's transactions"),
    ("getmempoolinfo", "usage", "mempool_memory_bytes", "Memory of the pool"),
    ("getmempoolinfo", "total_fee", "mempool_fees_coins", "Fees of the pool's transactions"),
    ("getmempoolinfo", "mempoolminfee", "mempool_min_fee_coins", "Least fee taken per 1000 vbytes"),
    ("getconnectioncount", "", "peers", "Connected peers"),
    ("getnetworkinfo", "connections_in", "peers_inbound", "Connections that others made"),
    ("getnetworkinfo", "connections_out", "peers_outbound", "Connections that we made"),
    (
        "getsyncstatus",
        "blocks_per_second",
        "sync_blocks_per_second",
        "Blocks taken a second of late",
    ),
    ("getmininginfo", "hashrate", "hashrate", "Hashes a second of this node's own mining"),
    ("getmininginfo", "networkhashps", "network_hashrate", "Hashes a second of the network"),
];

fn flag(on: bool) -> f64 {
    if on { 1.0 } else { 0.0 }
}

impl Collector for Node {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let app = &self.0;
        let view = app.backend.view();
        let mut gauge = |name: &str, help: &str, unit: Option<&Unit>, value: f64| {
            let gauge = ConstGauge::new(value);
            let encoder = encoder.encode_descriptor(
                name,
                help,
                unit,
                prometheus_client::metrics::MetricType::Gauge,
            )?;
            gauge.encode(encoder)
        };
        if let Ok(at) = position(&view, now_s()) {
            gauge("height", "Height of the best chain", None, at.height as f64)?;
            gauge("headers", "Height of the best header", None, at.headers as f64)?;
            gauge("tip_age", "Age of the tip", Some(&Unit::Seconds), f64::from(at.tip_age_s))?;
        }
        gauge("synced", "1 when no known header lacks its block", None, flag(view.net.synced))?;
        let bans = view.net.bans.len();
        gauge("bans", "Addresses and networks that are banned", None, bans as f64)?;
        gauge(
            "orphans",
            "Transactions that wait for their parents",
            None,
            view.net.orphans as f64,
        )?;
        let ready = readiness::unreadiness(app, &view).is_none();
        gauge("ready", "1 when /ready says 200", None, flag(ready))?;
        let mut asked: Option<(&str, Option<Value>)> = None;
        for (method, member, name, help) in FROM_CALLS {
            if asked.as_ref().is_none_or(|(last, _)| last != method) {
                asked = Some((method, read(&view, method)));
            }
            let answer = asked.as_ref().and_then(|(_, answer)| answer.as_ref());
            if let Some(value) = answer.and_then(|answer| number(answer, member)) {
                gauge(name, help, None, value)?;
            }
        }
        let count = |n: usize| n as f64;
        let open = app.connections.load(Ordering::Relaxed);
        gauge("http_connections", "Open connections of the API server", None, count(open))?;
        let sockets = app.sockets.load(Ordering::Relaxed);
        gauge("websocket_connections", "Open WebSockets", None, count(sockets))?;
        let subscribers = app.notifier.subscribers();
        gauge(
            "websocket_subscribers",
            "WebSockets that listen to events",
            None,
            count(subscribers),
        )?;
        let uptime = app.started.elapsed().as_secs_f64();
        gauge("uptime", "Time since the API server started", Some(&Unit::Seconds), uptime)?;
        if let Some(bytes) = resident_bytes() {
            gauge("resident_memory", "Memory of the process", Some(&Unit::Bytes), bytes as f64)?;
        }
        let rows = app.backend.rows();
        if let Some(rows) = rows {
            let waiting = rows.waiting.load(Ordering::Relaxed);
            gauge("postgres_rows_waiting", "Rows that wait for PostgreSQL", None, waiting as f64)?;
        }

        let mut counter = |name: &str, help: &str, value: u64| {
            let counter = ConstCounter::new(value);
            let encoder = encoder.encode_descriptor(
                name,
                help,
                None,
                prometheus_client::metrics::MetricType::Counter,
            )?;
            counter.encode(encoder)
        };
        counter("net_received_bytes", "Bytes from peers", view.net.bytes_received)?;
        counter("net_sent_bytes", "Bytes to peers", view.net.bytes_sent)?;
        let dropped = app.dropped_slow.load(Ordering::Relaxed);
        counter("websocket_dropped_slow", "Subscribers dropped for being too slow", dropped)?;
        let refused = app.refused.load(Ordering::Relaxed);
        counter("http_refused", "Connections and requests that were refused", refused)?;

        if let Some(rows) = rows {
            let written = rows.written.load(Ordering::Relaxed);
            counter("postgres_rows_written", "Rows that PostgreSQL has taken", written)?;
            let dropped = rows.dropped.load(Ordering::Relaxed);
            counter("postgres_rows_dropped", "Rows given up while PostgreSQL was away", dropped)?;
        }

        for (name, help, seconds) in [
            ("rpc_calls", "Calls answered", None),
            ("rpc_errors", "Calls answered with an error", None),
            ("rpc", "Time spent in calls", Some(&Unit::Seconds)),
        ] {
            let kind = prometheus_client::metrics::MetricType::Counter;
            let mut encoder = encoder.encode_descriptor(name, help, seconds, kind)?;
            for (entry, meter) in app.meters.iter() {
                let calls = meter.calls.load(Ordering::Relaxed);
                if calls == 0 {
                    continue;
                }
                let labels = [("method", entry.method)];
                let labelled = encoder.encode_family(&labels)?;
                match name {
                    "rpc_calls" => ConstCounter::new(calls).encode(labelled)?,
                    "rpc_errors" => {
                        ConstCounter::new(meter.errors.load(Ordering::Relaxed)).encode(labelled)?;
                    }
                    _ => {
                        let nanos = meter.nanos.load(Ordering::Relaxed) as f64;
                        ConstCounter::new(nanos / 1e9).encode(labelled)?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// `/metrics`.
pub fn metrics(app: &Arc<App>) -> Response<Body> {
    let mut registry = Registry::with_prefix("forthcoin");
    registry.register_collector(Box::new(Node(Arc::clone(app))));
    let mut text = String::new();
    if encode(&mut text, &registry).is_err() {
        return plain(StatusCode::INTERNAL_SERVER_ERROR, "the metrics can't be written");
    }
    let mut response = Response::new(Body::from(text));
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
