//! `GET /` with an upgrade: JSON-RPC 2.0 over WebSocket (RFC 6455), with notifications.
//!
//! Replies are queued and sent together once the socket has no more input waiting: a client that
//! sends many requests at once costs one write for all of them, and one that waits for each reply
//! gets it at once.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use axum::http::{HeaderMap, HeaderValue, Method, Request as HttpRequest, Response, StatusCode};
use futures_util::{FutureExt, SinkExt, StreamExt};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error as WsError, ProtocolError};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Message as Frame, Utf8Bytes};

use super::guard::Caller;
use super::notifier::Subscription;
use super::rpc::{App, plain};
use rpc::error::{CallError, ErrorKind};
use rpc::value::Reply;
use rpc::wire::{self, Item, MAX_LINE, Message, Params, Request, Version};

/// Idle time after which a socket is pinged, and after which it is closed.
const PING_EVERY: Duration = Duration::from_secs(30);
const QUIET_LIMIT: Duration = Duration::from_secs(75);

/// How long a client may leave sent data unread.
const SEND_LIMIT: Duration = Duration::from_secs(10);

/// Buffers of a socket; small, since most sockets are idle.
const READ_BUFFER: usize = 4 << 10;
const WRITE_BUFFER: usize = 32 << 10;

/// True when the request asks for a WebSocket.
pub fn is_upgrade(method: &Method, headers: &HeaderMap) -> bool {
    let has = |name, wanted: &str| {
        let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|v| v.trim().eq_ignore_ascii_case(wanted))
    };
    method == Method::GET && has(CONNECTION, "upgrade") && has(UPGRADE, "websocket")
}

/// Accepts the upgrade; the socket is served by a task of its own.
pub fn upgrade(
    app: Arc<App>,
    caller: Caller,
    mut request: HttpRequest<Body>,
    stop: watch::Receiver<bool>,
) -> Response<Body> {
    let headers = request.headers();
    if headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        let mut response = plain(StatusCode::UPGRADE_REQUIRED, "only WebSocket version 13");
        response.headers_mut().insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        return response;
    }
    let key = headers.get(SEC_WEBSOCKET_KEY).map(|key| derive_accept_key(key.as_bytes()));
    let Some(accept) = key.and_then(|key| HeaderValue::from_str(&key).ok()) else {
        return plain(StatusCode::BAD_REQUEST, "Sec-WebSocket-Key is missing");
    };
    let Some(upgrading) = request.extensions_mut().remove::<OnUpgrade>() else {
        return plain(StatusCode::BAD_REQUEST, "this connection can't be upgraded");
    };
    tokio::spawn(async move {
        // A client that left during the handshake needs nothing more.
        let Ok(upgraded) = upgrading.await else { return };
        let longest = app.longest_request(&caller);
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(WRITE_BUFFER)
            .max_message_size(Some(longest))
            .max_frame_size(Some(longest));
        let io = TokioIo::new(upgraded);
        let stream = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
        app.connections.fetch_add(1, Ordering::Relaxed);
        app.sockets.fetch_add(1, Ordering::Relaxed);
        let counted = Counted(Arc::clone(&app));
        let subscription = app.notifier.subscription();
        let socket = Socket { app, caller, stream, subscription };
        socket.serve(stop).await;
        drop(counted);
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let answered = response.headers_mut();
    answered.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    answered.insert(UPGRADE, HeaderValue::from_static("websocket"));
    answered.insert(SEC_WEBSOCKET_ACCEPT, accept);
    response
}

/// A socket that is counted for as long as it is open.
struct Counted(Arc<App>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.sockets.fetch_sub(1, Ordering::Relaxed);
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Why a socket ends.
enum End {
    /// The peer has disconnected, or the close frame has been sent already.
    Gone,
    Close(CloseCode, &'static str),
}

impl From<WsError> for End {
    fn from(error: WsError) -> End {
        match error {
            WsError::Capacity(CapacityError::MessageTooLong { .. }) => {
                End::Close(CloseCode::Size, "the message is too long")
            }
            WsError::Utf8(_) => End::Close(CloseCode::Invalid, "a text must be UTF-8"),
            WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => End::Gone,
            WsError::Protocol(_) => End::Close(CloseCode::Protocol, "this is not RFC 6455"),
            _ => End::Gone,
        }
    }
}

struct Socket {
    app: Arc<App>,
    caller: Caller,
    stream: WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>,
    subscription: Subscription,
}

impl Socket {
    async fn serve(mut self, mut stop: watch::Receiver<bool>) {
        let (mut heard, mut asked) = (Instant::now(), false);
        let end = loop {
            let wake = heard + if asked { QUIET_LIMIT } else { PING_EVERY };
            let ended = tokio::select! {
                frame = self.stream.next() => {
                    (heard, asked) = (Instant::now(), false);
                    match frame {
                        Some(Ok(frame)) => self.handle_ready(frame).await,
                        Some(Err(error)) => Err(error.into()),
                        None => Err(End::Gone),
                    }
                }
                texts = self.subscription.next() => match texts {
                    Ok(texts) => self.notify(texts).await,
                    Err(_) => {
                        self.app.dropped_slow.fetch_add(1, Ordering::Relaxed);
                        Err(End::Close(CloseCode::Again, "too slow for what was subscribed to"))
                    }
                },
                () = tokio::time::sleep_until(wake) => {
                    if std::mem::replace(&mut asked, true) {
                        Err(End::Close(CloseCode::Away, "no answer to a ping"))
                    } else {
                        in_time(self.stream.send(Frame::Ping(Vec::new().into()))).await
                    }
                }
                _ = stop.changed() => Err(End::Close(CloseCode::Away, "the server stops")),
            };
            if let Err(end) = ended {
                break end;
            }
        };
        if let End::Close(code, reason) = end {
            let frame = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
            // A client that broke the protocol may not read it.
            let _ = timeout(Duration::from_secs(1), self.stream.close(Some(frame))).await;
        }
    }

    /// Handles a frame and all that have already arrived behind it, then sends the replies.
    async fn handle_ready(&mut self, frame: Frame) -> Result<(), End> {
        let mut held = 0;
        let mut next = Some(frame);
        let mut ended = Ok(());
        while let Some(frame) = next.take() {
            ended = self.handle(frame).await;
            held += 1;
            if ended.is_err() || held >= self.app.replies_held {
                break;
            }
            match self.stream.next().now_or_never() {
                Some(Some(Ok(frame))) => next = Some(frame),
                Some(Some(Err(error))) => ended = Err(error.into()),
                Some(None) => ended = Err(End::Gone),
                None => {}
            }
        }
        self.flush().await?;
        ended
    }

    async fn handle(&mut self, frame: Frame) -> Result<(), End> {
        let text = match &frame {
            Frame::Text(text) => text.as_bytes(),
            Frame::Binary(bytes) => bytes,
            Frame::Close(_) => return Err(End::Gone),
            // Pings are answered by the stream itself.
            _ => return Ok(()),
        };
        let message = wire::read_message(text);
        let count = if let Message::Batch(items) = &message { items.len() } else { 1 };
        if let Err(error) = self.app.rate(&self.caller, count) {
            return self.reply(&Value::Null, &Err(error)).await;
        }
        match message {
            Message::One(item) => {
                if let Some((id, reply)) = self.answer(item).await {
                    self.reply(&id, &reply).await?;
                }
                Ok(())
            }
            Message::Batch(items) => self.batch(items).await,
        }
    }

    async fn batch(&mut self, items: Vec<Item>) -> Result<(), End> {
        let mut text = Vec::new();
        for item in items {
            let Some((id, mut reply)) = self.answer(item).await else { continue };
            if text.len() > MAX_LINE {
                let why = "the replies of this batch are over the limit: send smaller ones";
                reply = Err(CallError::new(ErrorKind::Busy, why));
            }
            text.push(if text.is_empty() { b'[' } else { b',' });
            wire::append_reply(&mut text, Version::Two, &id, &reply);
        }
        if text.is_empty() {
            return Ok(());
        }
        text.push(b']');
        self.feed(text).await
    }

    /// The reply to one request; `None` for a notification.
    async fn answer(&mut self, item: Item) -> Option<(Value, Result<Reply, CallError>)> {
        let asked = match item {
            Ok(asked) => asked,
            Err(refused) => return Some((refused.id, Err(refused.error))),
        };
        let reply = match asked.request.method.as_str() {
            "subscribe" => self.subscribe(true, &asked.request).map(Reply::Value),
            "unsubscribe" => self.subscribe(false, &asked.request).map(Reply::Value),
            _ => self.app.answer(&self.caller, asked.request).await,
        };
        asked.id.map(|id| (id, reply))
    }

    fn subscribe(&mut self, add: bool, request: &Request) -> Result<Value, CallError> {
        let view = self.app.backend.view();
        match &request.params {
            Params::ByPosition(values) => self.subscription.change(&view, add, values),
            Params::ByName(values) => {
                let value = |name: &str| values.get(name).cloned().unwrap_or(Value::Null);
                self.subscription.change(&view, add, &[value("topics"), value("address")])
            }
        }
    }

    async fn reply(&mut self, id: &Value, reply: &Result<Reply, CallError>) -> Result<(), End> {
        let mut text = Vec::with_capacity(1024);
        wire::append_reply(&mut text, Version::Two, id, reply);
        self.feed(text).await
    }

    async fn feed(&mut self, text: Vec<u8>) -> Result<(), End> {
        // JSON that we wrote is UTF-8; anything else would be a bug.
        let text = Utf8Bytes::try_from(text).map_err(|_| End::Gone)?;
        in_time(self.stream.feed(Frame::Text(text))).await
    }

    async fn notify(&mut self, texts: Vec<Utf8Bytes>) -> Result<(), End> {
        for text in texts {
            in_time(self.stream.feed(Frame::Text(text))).await?;
        }
        self.flush().await
    }

    async fn flush(&mut self) -> Result<(), End> {
        in_time(self.stream.flush()).await
    }
}

/// A send, with a limit on how long the other side may block it.
async fn in_time(sending: impl Future<Output = Result<(), WsError>>) -> Result<(), End> {
    match timeout(SEND_LIMIT, sending).await {
        Ok(sent) => sent.map_err(End::from),
        Err(_) => Err(End::Close(CloseCode::Again, "nobody reads")),
    }
}
