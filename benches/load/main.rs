//! Many clients on a node's port: requests in a second and how long replies take, over WebSocket or
//! HTTP; with `--echo` beside a bare axum server that answers with the same bytes, in turns; with
//! `--idle` and `--slow` also subscribers that only listen, and readers that stop reading.
//!
//! One JSON object goes to standard output. Times are in microseconds.

mod clients;
mod crowd;
mod echo;

use std::time::Duration;

use serde_json::{Value, json};

use clients::{Load, Over};

const USAGE: &str = "usage: load --address=HOST:PORT [--over=ws|http] [--method=getblockcount] \
    [--params=JSON] [--clients=100] [--depth=1] [--duration=10] [--rounds=3] [--echo] \
    [--idle=0] [--slow=0] [--process=PID]";

/// What the command line says.
struct Options {
    address: String,
    over: Over,
    method: String,
    params: Value,
    clients: usize,
    depth: usize,
    duration: Duration,
    rounds: u32,
    echo: bool,
    idle: usize,
    slow: usize,
    /// The node's process, whose memory is looked at.
    process: Option<u32>,
}

fn read_options() -> Result<Options, String> {
    let mut options = Options {
        address: String::new(),
        over: Over::WebSocket,
        method: "getblockcount".to_owned(),
        params: json!([]),
        clients: 100,
        depth: 1,
        duration: Duration::from_secs(10),
        rounds: 3,
        echo: false,
        idle: 0,
        slow: 0,
        process: None,
    };
    for argument in std::env::args().skip(1) {
        let (name, value) = argument.split_once('=').unwrap_or((&argument, ""));
        let number = || value.parse::<u32>().map_err(|_| format!("{name} wants a whole number"));
        match name {
            "--address" => options.address = value.to_owned(),
            "--over" if value == "ws" => options.over = Over::WebSocket,
            "--over" if value == "http" => options.over = Over::Http,
            "--method" => options.method = value.to_owned(),
            "--params" => {
                options.params = serde_json::from_str(value).map_err(|e| format!("{name}: {e}"))?;
            }
            "--clients" => options.clients = number()?.max(1) as usize,
            "--depth" => options.depth = number()?.clamp(1, 1000) as usize,
            "--duration" => options.duration = Duration::from_secs(number()?.max(1).into()),
            "--rounds" => options.rounds = number()?.max(1),
            "--echo" => options.echo = true,
            "--idle" => options.idle = number()? as usize,
            "--slow" => options.slow = number()? as usize,
            "--process" => options.process = Some(number()?),
            _ => return Err(USAGE.to_owned()),
        }
    }
    if options.address.is_empty() { Err(USAGE.to_owned()) } else { Ok(options) }
}

#[tokio::main]
async fn main() -> std::process::ExitCode {
    if std::env::args().nth(1).is_some_and(|argument| argument == echo::SERVE) {
        return match echo::serve().await {
            Ok(()) => std::process::ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("load: {error}");
                std::process::ExitCode::from(2)
            }
        };
    }
    let done = match read_options() {
        Ok(options) => run(options).await,
        Err(error) => Err(error),
    };
    match done {
        Ok(report) => {
            println!("{report}");
            std::process::ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("load: {error}");
            std::process::ExitCode::from(2)
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

async fn run(options: Options) -> Result<Value, String> {
    let idle = crowd::Idle::gather(&options.address, options.idle, options.process).await?;
    let slow = crowd::Slow::start(&options.address, options.slow).await?;
    let request = json!({
        "jsonrpc": "2.0", "id": 1, "method": options.method, "params": options.params,
    })
    .to_string();
    let load = |address: &str, time| Load {
        address: address.to_owned(),
        over: options.over,
        request: request.clone(),
        clients: options.clients,
        depth: options.depth,
        time,
    };
    let echo = match options.echo {
        true => Some(echo::start(&clients::reply(&options.address, &request).await?)?),
        false => None,
    };
    let time = options.duration / options.rounds / if echo.is_some() { 2 } else { 1 };
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        ours.push(load(&options.address, time).run().await?);
        if let Some(echo) = &echo {
            bare.push(load(&echo.address, time).run().await?);
        }
    }
    let rate = |all: &[clients::Outcome]| median(all.iter().map(|o| o.per_second).collect());
    let at = |all: &[clients::Outcome], share: f64| {
        median(all.iter().map(|o| o.percentile(share)).collect())
    };
    let mut report = json!({
        "over": options.over.name(), "method": options.method, "clients": options.clients,
        "depth": options.depth,
        "requests": ours.iter().map(|o| o.micros.len()).sum::<usize>(),
        "errors": ours.iter().map(|o| o.errors).sum::<usize>(),
        "per_second": rate(&ours).round(), "p50_us": at(&ours, 0.5), "p99_us": at(&ours, 0.99),
    });
    if !bare.is_empty() {
        report["echo_per_second"] = json!(rate(&bare).round());
        report["echo_p99_us"] = json!(at(&bare, 0.99));
        report["echo_over_ours"] = json!((rate(&bare) / rate(&ours) * 100.0).round() / 100.0);
    }
    report["slow"] = json!(options.slow);
    report["slow_dropped"] = json!(slow.dropped().await);
    report["idle"] = json!(idle.count());
    report["idle_bytes_each"] = json!(idle.bytes_each);
    report["idle_still_open"] = json!(idle.open().await);
    Ok(report)
}
