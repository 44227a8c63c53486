//! The client of a remote node: JSON-RPC over a WebSocket to its API server.

use std::fs;
use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::time::Duration;

use data_encoding::BASE64;
use serde_json::Value;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::Error as WsError;
use tokio_tungstenite::tungstenite::handshake::client::{ClientHandshake, Request as Handshake};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::AUTHORIZATION;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{HandshakeError, Message as Frame, WebSocket, client};

use crate::config::Config;
use rpc::door::Door;
use rpc::error::{CallError, ErrorKind};
use rpc::wire::{self, MAX_LINE, Request};

/// How long a node may take to accept us.
const CONNECT_TIME: Duration = Duration::from_secs(10);

const DEFAULT_PORT: u16 = 8765;

/// The connection to another node's API server.
pub struct RemoteClient {
    socket: WebSocket<TcpStream>,
    url: String,
    next_id: u64,
}

fn no_node(why: String) -> CallError {
    CallError::new(ErrorKind::NoNode, why)
}

impl RemoteClient {
    /// Connects to `url`, with the token of `--token-file`, or of our own data folder when the
    /// node is on this machine.
    pub fn connect(config: &Config, url: &str) -> Result<RemoteClient, CallError> {
        let wrong = |why: &str| {
            let why = format!("--attach {url}: {why}; write ws://HOST:PORT");
            CallError::new(ErrorKind::InvalidParams, why)
        };
        if url.starts_with("wss://") {
            return Err(wrong(
                "TLS ends at a proxy here: reach the node through an SSH tunnel or a VPN",
            ));
        }
        let whole = if url.contains("://") { url.to_owned() } else { format!("ws://{url}") };
        let mut request: Handshake =
            whole.as_str().into_client_request().map_err(|e| wrong(&e.to_string()))?;
        if request.uri().scheme_str() != Some("ws") {
            return Err(wrong("only ws:// is spoken"));
        }
        let host = request.uri().host().ok_or_else(|| wrong("there is no host"))?.to_owned();
        let port = request.uri().port_u16().unwrap_or(DEFAULT_PORT);
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let addresses = (bare, port)
            .to_socket_addrs()
            .map_err(|e| no_node(format!("{host} is not found: {e}")))?;
        let mut last = None;
        let stream = addresses
            .filter_map(|address| match TcpStream::connect_timeout(&address, CONNECT_TIME) {
                Ok(stream) => Some((stream, address.ip().is_loopback())),
                Err(error) => {
                    last = Some(error);
                    None
                }
            })
            .next();
        let Some((stream, here)) = stream else {
            let why = last.map_or_else(|| "it has no address".to_owned(), |e| e.to_string());
            return Err(no_node(format!("no node answers at {url}: {why}")));
        };
        if let Some(token) = token(config, here)? {
            let basic = format!("Basic {}", BASE64.encode(token.trim().as_bytes()));
            let mut value = HeaderValue::from_str(&basic)
                .map_err(|_| wrong("the token file holds no USER:PASSWORD"))?;
            value.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        let limits = WebSocketConfig::default()
            .max_message_size(Some(MAX_LINE))
            .max_frame_size(Some(MAX_LINE));
        let prepared =
            stream.set_nodelay(true).and_then(|()| stream.set_read_timeout(Some(CONNECT_TIME)));
        prepared.map_err(|e| no_node(format!("the connection to {url} failed: {e}")))?;
        let (socket, _) = client::client_with_config(request, stream, Some(limits))
            .map_err(|e| refused(url, e))?;
        // An import may keep the node busy for as long as it takes.
        let patient = socket.get_ref().set_read_timeout(None);
        patient.map_err(|e| no_node(format!("the connection to {url} failed: {e}")))?;
        Ok(RemoteClient { socket, url: url.to_owned(), next_id: 1 })
    }

    fn lost(&self, error: &WsError) -> CallError {
        no_node(format!("the node behind {} is gone: {error}", self.url))
    }

    fn exchange(&mut self, id: u64, text: String) -> Result<Value, CallError> {
        self.socket.send(Frame::text(text)).map_err(|e| self.lost(&e))?;
        loop {
            let frame = self.socket.read().map_err(|e| self.lost(&e))?;
            let Frame::Text(text) = frame else { continue };
            let reply: Value = serde_json::from_str(&text).map_err(|e| {
                CallError::new(ErrorKind::Internal, format!("the node's reply is not JSON: {e}"))
            })?;
            if reply.get("id").and_then(Value::as_u64) == Some(id) {
                return wire::read_reply_value(reply);
            }
        }
    }
}

fn refused(url: &str, error: HandshakeError<ClientHandshake<TcpStream>>) -> CallError {
    match error {
        HandshakeError::Failure(WsError::Http(response)) if response.status() == 401 => {
            let why = format!("{url} refuses the token: name the node's .cookie with --token-file");
            CallError::new(ErrorKind::Forbidden, why)
        }
        HandshakeError::Failure(WsError::Http(response)) => {
            let said = response.body().as_deref().unwrap_or_default();
            let said = String::from_utf8_lossy(said);
            let said: String = said.trim().chars().take(200).collect();
            no_node(format!("{url} answers {}: {said}", response.status()))
        }
        HandshakeError::Failure(error) => no_node(format!("{url} is no ForthCoin node: {error}")),
        HandshakeError::Interrupted(_) => no_node(format!("{url} did not answer in time")),
    }
}

/// `USER:PASSWORD`, when we have it for this node.
fn token(config: &Config, here: bool) -> Result<Option<String>, CallError> {
    let read = |path: &Path| fs::read_to_string(path);
    if let Some(path) = &config.service.token_file {
        return read(path).map(Some).map_err(|e| {
            let why = format!("the token file {} can't be read: {e}", path.display());
            CallError::new(ErrorKind::File, why)
        });
    }
    Ok(here.then(|| read(&config.cookie_file()).ok()).flatten())
}

impl Door for RemoteClient {
    fn ask(&mut self, request: Request) -> Result<Value, CallError> {
        let id = self.next_id;
        self.next_id += 1;
        self.exchange(id, request.to_text(id))
    }

    fn about(&self) -> String {
        format!("attached to {}", self.url)
    }

    fn close(&mut self) -> Result<(), CallError> {
        // The connection ends whether or not the other side sees the close frame.
        let _ = self.socket.close(None);
        let _ = self.socket.flush();
        Ok(())
    }
}
