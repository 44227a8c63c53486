//! Clients that ask again as soon as they are answered.

use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async};

/// The longest reply that is read over HTTP, in bytes.
const LONGEST: usize = 64 << 20;

#[derive(Clone, Copy)]
pub enum Over {
    WebSocket,
    Http,
}

impl Over {
    pub fn name(self) -> &'static str {
        match self {
            Over::WebSocket => "ws",
            Over::Http => "http",
        }
    }
}

pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A WebSocket to an address.
pub async fn websocket(address: &str) -> Result<Socket, String> {
    let stream = TcpStream::connect(address).await.map_err(|e| format!("{address}: {e}"))?;
    stream.set_nodelay(true).map_err(|e| e.to_string())?;
    let stream = MaybeTlsStream::Plain(stream);
    let made = client_async(format!("ws://{address}/"), stream).await;
    made.map(|(socket, _)| socket).map_err(|e| format!("{address}: {e}"))
}

/// The next text; `None` when the other side has closed.
pub async fn next_text(socket: &mut Socket) -> Option<String> {
    loop {
        match socket.next().await? {
            Ok(Message::Text(text)) => return Some(text.as_str().to_owned()),
            Ok(Message::Close(_)) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}

/// What the node answers, which must not be an error.
pub async fn reply(address: &str, request: &str) -> Result<String, String> {
    let mut socket = websocket(address).await?;
    socket.send(Message::text(request.to_owned())).await.map_err(|e| e.to_string())?;
    let text = next_text(&mut socket).await.ok_or("the node closed the socket")?;
    match is_error(text.as_bytes()) {
        true => Err(format!("the node refuses: {text}")),
        false => Ok(text),
    }
}

/// Replies begin with their version and then say "result" or "error".
fn is_error(reply: &[u8]) -> bool {
    reply.get(..24).is_none_or(|head| head.windows(7).any(|part| part == b"\"error\""))
}

/// Some clients for some time.
pub struct Load {
    pub address: String,
    pub over: Over,
    pub request: String,
    pub clients: usize,
    /// Requests that a client sends before it waits for their replies.
    pub depth: usize,
    pub time: Duration,
}

#[derive(Default)]
pub struct Outcome {
    /// From sending to the reply, of every request, in order.
    pub micros: Vec<u32>,
    pub errors: usize,
    pub per_second: f64,
}

impl Outcome {
    pub fn percentile(&self, share: f64) -> f64 {
        let at = (self.micros.len() as f64 * share) as usize;
        self.micros.get(at.min(self.micros.len().saturating_sub(1))).copied().map_or(0.0, f64::from)
    }
}

impl Load {
    pub async fn run(&self) -> Result<Outcome, String> {
        let began = Instant::now();
        let end = began + self.time;
        let clients: Vec<_> = (0..self.clients)
            .map(|_| {
                let (address, request, depth) =
                    (self.address.clone(), self.request.clone(), self.depth);
                match self.over {
                    Over::WebSocket => tokio::spawn(over_websocket(address, request, depth, end)),
                    Over::Http => tokio::spawn(over_http(address, request, depth, end)),
                }
            })
            .collect();
        let mut all = Outcome::default();
        for client in clients {
            let one = client.await.map_err(|e| e.to_string())??;
            all.micros.extend(one.micros);
            all.errors += one.errors;
        }
        all.per_second = all.micros.len() as f64 / began.elapsed().as_secs_f64();
        all.micros.sort_unstable();
        Ok(all)
    }
}

impl Outcome {
    fn count(&mut self, sent: Instant, reply: &[u8]) {
        self.micros.push(u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX));
        self.errors += usize::from(is_error(reply));
    }
}

async fn over_websocket(
    address: String,
    request: String,
    depth: usize,
    end: Instant,
) -> Result<Outcome, String> {
    let mut socket = websocket(&address).await?;
    let mut outcome = Outcome::default();
    let request = Message::text(request);
    while Instant::now() < end {
        let sent = Instant::now();
        for _ in 0..depth {
            socket.feed(request.clone()).await.map_err(|e| e.to_string())?;
        }
        socket.flush().await.map_err(|e| e.to_string())?;
        for _ in 0..depth {
            match socket.next().await {
                Some(Ok(Message::Text(text))) => outcome.count(sent, text.as_bytes()),
                Some(Ok(Message::Close(frame))) => return Err(format!("closed: {frame:?}")),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.to_string()),
                None => return Err("the socket was closed".to_owned()),
            }
        }
    }
    let _ = socket.close(None).await;
    Ok(outcome)
}

async fn over_http(
    address: String,
    request: String,
    depth: usize,
    end: Instant,
) -> Result<Outcome, String> {
    let mut stream = TcpStream::connect(&address).await.map_err(|e| e.to_string())?;
    stream.set_nodelay(true).map_err(|e| e.to_string())?;
    let length = request.len();
    let request = format!(
        "POST / HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{request}"
    );
    let many = request.repeat(depth);
    let mut outcome = Outcome::default();
    let mut held = Vec::new();
    while Instant::now() < end {
        let sent = Instant::now();
        stream.write_all(many.as_bytes()).await.map_err(|e| e.to_string())?;
        for _ in 0..depth {
            let (head, whole) = loop {
                if let Some(sizes) = sizes(&held)?
                    && held.len() >= sizes.1
                {
                    break sizes;
                }
                if stream.read_buf(&mut held).await.map_err(|e| e.to_string())? == 0 {
                    return Err("the connection was closed".to_owned());
                }
            };
            let ok = held.starts_with(b"HTTP/1.1 200");
            outcome.count(sent, if ok { &held[head..whole] } else { b"" });
            held.drain(..whole);
        }
    }
    Ok(outcome)
}

/// Where the head of an answer ends, and the whole of it; `None` while the head is not there.
fn sizes(held: &[u8]) -> Result<Option<(usize, usize)>, String> {
    let Some(head) = held.windows(4).position(|part| part == b"\r\n\r\n").map(|at| at + 4) else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&held[..head]).map_err(|e| e.to_string())?.to_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: Option<usize> = length.and_then(|length| length.trim().parse().ok());
    let length =
        length.filter(|length| *length <= LONGEST).ok_or("an answer without its length")?;
    Ok(Some((head, head + length)))
}
