//! The Stratum server: carries lines between miners and their sessions (`mining::stratum`), on a
//! runtime of its own that lives as long as the server.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;
use tokio::time::{interval, timeout};

use super::actor::Handle;
use super::clock::now_ms;
use super::grinder::Taken;
use super::logs;
use mining::stratum::{Effect, MAX_LINE, Session, Share};
use mining::work::Found;
use rpc::error::{CallError, ErrorKind};

/// Miners at once; a connection beyond is closed at once.
const MAX_MINERS: usize = 1_024;
/// How long a miner may leave sent data unread.
const WRITE_LIMIT: Duration = Duration::from_secs(20);
const TICK: Duration = Duration::from_secs(1);
/// How long a block that was found waits for room in the node's inbox before it is tried again.
const BUSY_WAIT: Duration = Duration::from_millis(2);
/// The default port of an address without one.
const PORT: u16 = 3333;

/// The running server; it stops when this is dropped.
pub struct StratumServer {
    pub address: SocketAddr,
    runtime: Option<Runtime>,
}

/// Extra nonces in use, so that no two miners look at the same blocks.
#[derive(Default)]
struct Nonces {
    next: u32,
    used: HashSet<u32>,
}

impl Nonces {
    /// One that is not in use; never 0, which is our own threads'.
    fn take(&mut self) -> u32 {
        loop {
            self.next = self.next.wrapping_add(1);
            if self.next != 0 && self.used.insert(self.next) {
                return self.next;
            }
        }
    }
}

struct Shared {
    handle: Handle,
    nonces: Mutex<Nonces>,
}

/// `HOST:PORT`, `HOST` or `:PORT`.
fn full_address(given: &str) -> String {
    match given.rsplit_once(':') {
        Some(("", port)) => format!("127.0.0.1:{port}"),
        Some((host, _)) if !host.contains(':') || host.ends_with(']') => given.to_owned(),
        _ => format!("{given}:{PORT}"),
    }
}

impl StratumServer {
    /// Starts the server; the node must have an address to mine to.
    pub fn start(address: &str, handle: Handle) -> Result<StratumServer, CallError> {
        let failed = |e: std::io::Error| {
            let why = format!("Stratum can't be served on {address}: {e}");
            CallError::new(ErrorKind::Network, why)
        };
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("stratum")
            .enable_io()
            .enable_time()
            .build()
            .map_err(failed)?;
        let listener =
            runtime.block_on(TcpListener::bind(full_address(address))).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let shared = Arc::new(Shared { handle, nonces: Mutex::default() });
        runtime.spawn(accept(listener, shared));
        logs::note("stratum", &format!("miners are served on {address}"));
        Ok(StratumServer { address, runtime: Some(runtime) })
    }
}

impl Drop for StratumServer {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_millis(200));
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let places = Arc::new(Semaphore::new(MAX_MINERS));
    loop {
        let Ok((stream, address)) = listener.accept().await else {
            // Most likely out of descriptors: other connections must end first.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let nonce = shared.nonces.lock().unwrap_or_else(PoisonError::into_inner).take();
            let meter = shared.handle.meter();
            meter.workers.fetch_add(1, Ordering::Relaxed);
            let mut session = Session::new(nonce, now_ms());
            let why = serve(&shared, stream, &mut session).await;
            meter.workers.fetch_sub(1, Ordering::Relaxed);
            shared.nonces.lock().unwrap_or_else(PoisonError::into_inner).used.remove(&nonce);
            let name = session.name.as_deref().unwrap_or("");
            tracing::debug!(target: "stratum", %address, name, why, "a miner has left");
            drop(place);
        });
    }
}

/// Serves one miner until it leaves or is disconnected; returns why.
async fn serve(shared: &Shared, stream: TcpStream, session: &mut Session) -> &'static str {
    // New work must not wait to be sent with more data (Nagle).
    let _ = stream.set_nodelay(true);
    let (mut reader, mut writer) = stream.into_split();
    let mut works = shared.handle.works();
    let mut ticks = interval(TICK);
    let mut buffer: Vec<u8> = Vec::new();
    let mut chunk = [0u8; 4096];
    loop {
        let effects = tokio::select! {
            read = reader.read(&mut chunk) => {
                match read {
                    Ok(0) | Err(_) => return "it has hung up",
                    Ok(count) => buffer.extend_from_slice(&chunk[..count]),
                }
                let work = works.borrow().clone();
                let mut effects = Vec::new();
                while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
                    let line: Vec<u8> = buffer.drain(..=end).collect();
                    effects.extend(session.line(&line[..end], now_ms(), work.as_ref()));
                    if matches!(effects.last(), Some(Effect::Close(_))) {
                        break;
                    }
                }
                if buffer.len() > MAX_LINE {
                    effects.push(Effect::Close("a line is too long"));
                }
                effects
            }
            changed = works.changed() => {
                if changed.is_err() {
                    return "the node has ended";
                }
                let work = works.borrow_and_update().clone();
                session.give(work.as_ref())
            }
            _ = ticks.tick() => {
                let work = works.borrow().clone();
                session.tick(now_ms(), work.as_ref())
            }
        };
        let mut lines = String::new();
        let mut ended = None;
        for effect in effects {
            match effect {
                Effect::Send(line) => {
                    lines.push_str(&line);
                    lines.push('\n');
                }
                Effect::Found(found) => hand_over(shared, found).await,
                Effect::Counted(share) => count(shared, share),
                Effect::Close(why) => ended = Some(why),
            }
        }
        if !lines.is_empty() {
            match timeout(WRITE_LIMIT, writer.write_all(lines.as_bytes())).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return "it has hung up",
                Err(_) => return "it does not read",
            }
        }
        if let Some(why) = ended {
            return why;
        }
    }
}

async fn hand_over(shared: &Shared, found: Found) {
    while shared.handle.mined(found) == Taken::Busy {
        tokio::time::sleep(BUSY_WAIT).await;
    }
}

fn count(shared: &Shared, share: Share) {
    let meter = shared.handle.meter();
    let counter = match share {
        Share::Accepted(hashes) => {
            meter.share_hashes.fetch_add(hashes, Ordering::Relaxed);
            &meter.shares
        }
        Share::Stale => &meter.stale_shares,
        Share::Refused => &meter.refused_shares,
    };
    counter.fetch_add(1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_may_be_short() {
        for (given, full) in [
            (":4000", "127.0.0.1:4000"),
            ("127.0.0.1", "127.0.0.1:3333"),
            ("127.0.0.1:1", "127.0.0.1:1"),
            ("[::1]:5", "[::1]:5"),
            ("[::1]", "[::1]:3333"),
        ] {
            assert_eq!(full_address(given), full);
        }
    }

    #[test]
    fn no_two_miners_have_the_same_nonces() {
        let mut nonces = Nonces { next: u32::MAX - 1, used: HashSet::from([1]) };
        assert_eq!([nonces.take(), nonces.take(), nonces.take()], [u32::MAX, 2, 3]);
    }
}
