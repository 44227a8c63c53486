//! Subscribers that only listen, and readers that stop reading.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use crate::clients::{Socket, next_text, websocket};

const SUBSCRIBE: &str =
    r#"{"jsonrpc":"2.0","id":1,"method":"subscribe","params":[["blocks","reorganisations"]]}"#;
const PING: &str = r#"{"jsonrpc":"2.0","id":2,"method":"getblockcount","params":[]}"#;

/// A request with a large reply, and how many of them a reader that stops reading asks for: more
/// than the buffers of both ends hold.
const LARGE: &str = r#"{"jsonrpc":"2.0","id":3,"method":"rpc.discover","params":[]}"#;
const LARGE_COUNT: usize = 2000;

/// Sockets that have subscribed and say nothing of their own.
pub struct Idle {
    listeners: Vec<JoinHandle<bool>>,
    ask: watch::Sender<bool>,
    /// What the node's memory grew by for each; 0 when its process was not named.
    pub bytes_each: u64,
}

/// Resident memory of a process, in bytes.
fn memory(process: Option<u32>) -> Result<u64, String> {
    let Some(process) = process else { return Ok(0) };
    let text = std::fs::read_to_string(format!("/proc/{process}/status"))
        .map_err(|e| format!("process {process}: {e}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
    kilobytes.map(|kilobytes| kilobytes << 10).ok_or_else(|| "no VmRSS".to_owned())
}

impl Idle {
    pub async fn gather(address: &str, count: usize, process: Option<u32>) -> Result<Idle, String> {
        // The first ones make what all share.
        let mut listeners = Vec::with_capacity(count);
        let (ask, asked) = watch::channel(false);
        let mut before = memory(process)?;
        for at in 0..count {
            if at == 50 {
                before = memory(process)?;
            }
            let mut socket = websocket(address).await?;
            socket.send(Message::text(SUBSCRIBE)).await.map_err(|e| e.to_string())?;
            next_text(&mut socket).await.ok_or("a subscriber was turned away")?;
            listeners.push(tokio::spawn(listen(socket, asked.clone())));
        }
        let counted = count.saturating_sub(50).max(1) as u64;
        let bytes_each = memory(process)?.saturating_sub(before) / counted;
        Ok(Idle { listeners, ask, bytes_each })
    }

    pub fn count(&self) -> usize {
        self.listeners.len()
    }

    /// How many still answer.
    pub async fn open(self) -> usize {
        let _ = self.ask.send(true);
        let mut open = 0;
        for listener in self.listeners {
            open += usize::from(listener.await.unwrap_or(false));
        }
        open
    }
}

/// Reads what is pushed, and so answers the node's pings, until it is asked whether the socket is
/// still served.
async fn listen(mut socket: Socket, mut asked: watch::Receiver<bool>) -> bool {
    loop {
        tokio::select! {
            frame = socket.next() => if !matches!(frame, Some(Ok(_))) { return false },
            _ = asked.changed() => break,
        }
    }
    let answered = async {
        socket.send(Message::text(PING)).await.ok()?;
        loop {
            if next_text(&mut socket).await?.contains("\"id\":2") {
                return Some(());
            }
        }
    };
    matches!(timeout(Duration::from_secs(30), answered).await, Ok(Some(())))
}

/// Sockets that ask for much and read nothing.
pub struct Slow(Vec<Socket>);

impl Slow {
    pub async fn start(address: &str, count: usize) -> Result<Slow, String> {
        let mut sockets = Vec::new();
        for _ in 0..count {
            let mut socket = websocket(address).await?;
            for _ in 0..LARGE_COUNT {
                let sent = timeout(Duration::from_millis(500), socket.send(Message::text(LARGE)));
                // The node takes no more from it.
                if !matches!(sent.await, Ok(Ok(()))) {
                    break;
                }
            }
            sockets.push(socket);
        }
        Ok(Slow(sockets))
    }

    /// How many the node has dropped before they had all their replies.
    pub async fn dropped(self) -> usize {
        let mut dropped = 0;
        for mut socket in self.0 {
            let end = async {
                for _ in 0..LARGE_COUNT {
                    if next_text(&mut socket).await.is_none() {
                        return true;
                    }
                }
                false
            };
            dropped += usize::from(timeout(Duration::from_secs(20), end).await.unwrap_or(false));
        }
        dropped
    }
}
