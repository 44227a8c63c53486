//! JSON-RPC requests: permission, rate limit, which thread runs a call; and `POST /` as in Bitcoin
//! Core.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Request as HttpRequest, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use serde_json::Value;
use tokio::sync::Semaphore;

use super::backend::Backend;
use super::guard::{Caller, Guard};
use super::meter::Meters;
use super::notifier::Notifier;
use crate::config::Config;
use crate::daemon::requester::Requester;
use rpc::call::{Class, Runner};
use rpc::error::{CallError, ErrorKind};
use rpc::openrpc;
use rpc::value::Reply;
use rpc::wire::{self, Item, MAX_LINE, Message, Request, Version};

/// The longest request of an unauthenticated caller, in bytes: a transaction of any size fits.
pub const MAX_OPEN_REQUEST: usize = 1 << 20;

/// Slow reads at once; more wait for one to end.
const SLOW_READS: usize = 8;

/// Calls that wait for the node thread at once.
const WAITING_ACTS: usize = 64;

/// How long a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(30);

/// The delay of a reply to wrong credentials, as in Core.
const WRONG_PASSWORD_WAIT: Duration = Duration::from_millis(250);

/// Everything that connections share.
pub struct App {
    pub backend: Arc<dyn Backend>,
    pub config: Config,
    pub guard: Guard,
    pub meters: Meters,
    pub notifier: Notifier,
    pub connections: AtomicUsize,
    pub sockets: AtomicUsize,
    pub refused: AtomicU64,
    pub dropped_slow: AtomicU64,
    pub max_connections: usize,
    /// Replies that a WebSocket may batch while more requests are waiting; 1 sends each alone.
    pub replies_held: usize,
    pub started: Instant,
    slow: Arc<Semaphore>,
    acts: Arc<Semaphore>,
}

impl App {
    pub fn new(
        backend: Arc<dyn Backend>,
        config: Config,
        guard: Guard,
        replies_held: usize,
    ) -> App {
        let max_connections = config.service.max_connections.max(1);
        App {
            backend,
            config,
            guard,
            meters: Meters::default(),
            notifier: Notifier::default(),
            connections: AtomicUsize::new(0),
            sockets: AtomicUsize::new(0),
            refused: AtomicU64::new(0),
            dropped_slow: AtomicU64::new(0),
            max_connections,
            replies_held: replies_held.max(1),
            started: Instant::now(),
            slow: Arc::new(Semaphore::new(SLOW_READS)),
            acts: Arc::new(Semaphore::new(WAITING_ACTS)),
        }
    }

    /// The longest request that the caller may send, in bytes.
    pub fn longest_request(&self, caller: &Caller) -> usize {
        if caller.user.is_some() { MAX_LINE } else { MAX_OPEN_REQUEST }
    }

    /// Answers one call.
    pub async fn answer(&self, caller: &Caller, request: Request) -> Result<Reply, CallError> {
        if request.method == "rpc.discover" {
            let url = self.config.service.websocket.clone().unwrap_or_default();
            let document = openrpc::document(self.config.params, &format!("http://{url}/"));
            return Ok(Reply::Value(document));
        }
        let Some((entry, meter)) = self.meters.find(&request.method) else {
            let shown: String = request.method.chars().take(80).collect();
            let why = format!("there is no method {shown:?}: /openrpc.json lists them");
            return Err(CallError::new(ErrorKind::NoSuchCall, why));
        };
        if entry.class != Class::Read {
            let allowed = self.permit(caller, entry.method);
            log_change(caller, entry.method, entry.class, allowed.as_ref().err());
            if let Err(error) = allowed {
                let requester = requester(caller);
                let (backend, error) = (Arc::clone(&self.backend), error);
                // The audit log is written to disk.
                return run_blocking(&self.acts, move || {
                    backend.refused(&requester, entry, &error);
                    Err(error)
                })
                .await;
            }
        }
        let started = Instant::now();
        let reply = match entry.runner {
            Runner::Read(_) if meter.is_cheap() => {
                entry.run_read(&self.backend.view(), request.params)
            }
            Runner::Read(_) => {
                let view = self.backend.view();
                run_blocking(&self.slow, move || entry.run_read(&view, request.params)).await
            }
            Runner::Act(..) | Runner::Service(_) => {
                let (backend, requester) = (Arc::clone(&self.backend), requester(caller));
                run_blocking(&self.acts, move || backend.answer(&requester, request)).await
            }
        };
        meter.count(started.elapsed(), reply.is_err());
        reply
    }

    fn permit(&self, caller: &Caller, method: &str) -> Result<(), CallError> {
        let refuse = |why: String| Err(CallError::new(ErrorKind::Forbidden, why));
        if self.config.readonly {
            return refuse(format!("this node is read-only: {method} is refused"));
        }
        match caller.user {
            Some(_) => Ok(()),
            None => refuse(format!(
                "{method} needs the token: send the text of the file .cookie in the data folder, \
                 or a user of --rpcauth, as HTTP basic authorisation"
            )),
        }
    }

    /// Refuses for a second when the address asks too often.
    pub fn rate(&self, caller: &Caller, count: usize) -> Result<(), CallError> {
        if self.guard.take_rate(caller.address, count) {
            return Ok(());
        }
        Err(CallError::new(
            ErrorKind::Busy,
            "too many requests from this address: wait a second, or ask the operator for --rate-limit",
        ))
    }
}

/// Runs what may block on a thread that serves no connection, within a limit.
async fn run_blocking<T: Send + 'static>(
    permits: &Arc<Semaphore>,
    work: impl FnOnce() -> Result<T, CallError> + Send + 'static,
) -> Result<T, CallError> {
    let broken = || CallError::new(ErrorKind::Internal, "the call broke down");
    let _permit = Arc::clone(permits).acquire_owned().await.map_err(|_| broken())?;
    tokio::task::spawn_blocking(work).await.map_err(|_| broken())?
}

fn requester(caller: &Caller) -> Requester {
    Requester { transport: "http", user: caller.user.clone(), address: Some(caller.address) }
}

/// Logs who asked for a change and whether it was allowed.
fn log_change(caller: &Caller, method: &str, class: Class, refused: Option<&CallError>) {
    let user = caller.user.as_deref().unwrap_or("-");
    let address = caller.address;
    match refused {
        None => tracing::info!(target: "audit", user, %address, method, ?class, "allowed"),
        Some(error) => {
            tracing::warn!(target: "audit", user, %address, method, ?class, %error, "refused");
        }
    }
}

/// Core's HTTP status for a JSON-RPC 1 reply; an error of JSON-RPC 2 is a reply like any other.
fn status_of(version: Version, error: Option<&CallError>) -> StatusCode {
    match (version, error.map(|error| error.kind)) {
        (_, None) => StatusCode::OK,
        (Version::Two, Some(_)) => StatusCode::OK,
        (Version::One, Some(ErrorKind::InvalidRequest)) => StatusCode::BAD_REQUEST,
        (Version::One, Some(ErrorKind::NoSuchCall)) => StatusCode::NOT_FOUND,
        (Version::One, Some(_)) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

pub fn plain(status: StatusCode, text: impl Into<String>) -> Response<Body> {
    let mut response = Response::new(Body::from(text.into() + "\n"));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}

fn json_reply(status: StatusCode, text: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The response to wrong credentials, or to none where they are needed.
pub async fn unauthorized(wrong: bool) -> Response<Body> {
    if wrong {
        tokio::time::sleep(WRONG_PASSWORD_WAIT).await;
    }
    let mut response = plain(StatusCode::UNAUTHORIZED, "the user or the password is wrong");
    let basic = HeaderValue::from_static("Basic realm=\"jsonrpc\"");
    response.headers_mut().insert(WWW_AUTHENTICATE, basic);
    response
}

/// `POST /`.
pub async fn post(app: &App, caller: Caller, request: HttpRequest<Body>) -> Response<Body> {
    let encoding = request.headers().get(CONTENT_ENCODING);
    if encoding.is_some_and(|encoding| encoding != "identity") {
        return plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, "send the body uncompressed");
    }
    let longest = app.longest_request(&caller);
    let body = Limited::new(request.into_body(), longest).collect();
    let body = match tokio::time::timeout(BODY_TIME, body).await {
        Err(_) => return plain(StatusCode::REQUEST_TIMEOUT, "the body did not come in time"),
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            let why = format!("a request is at most {longest} bytes");
            return plain(StatusCode::PAYLOAD_TOO_LARGE, why);
        }
        Ok(Err(_)) => return plain(StatusCode::BAD_REQUEST, "the body broke off"),
    };
    let message = wire::read_message(&body);
    drop(body);
    let count = if let Message::Batch(items) = &message { items.len() } else { 1 };
    if let Err(error) = app.rate(&caller, count) {
        let mut response = plain(StatusCode::TOO_MANY_REQUESTS, error.message);
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        return response;
    }
    match message {
        Message::One(item) => post_one(app, &caller, item).await,
        Message::Batch(items) => {
            let text = answer_batch(app, &caller, items).await;
            match text.is_empty() {
                true => json_reply(StatusCode::NO_CONTENT, text),
                false => json_reply(StatusCode::OK, text),
            }
        }
    }
}

async fn post_one(app: &App, caller: &Caller, item: Item) -> Response<Body> {
    let (id, version, reply) = match item {
        // Core takes what it can't parse for JSON-RPC 1.
        Err(refused) if refused.error.kind == ErrorKind::Parse => {
            (Some(refused.id), Version::One, Err(refused.error))
        }
        Err(refused) => (Some(refused.id), refused.version, Err(refused.error)),
        Ok(asked) => {
            let reply = app.answer(caller, asked.request).await;
            let nobody = caller.user.is_none();
            if nobody && reply.as_ref().is_err_and(|e| e.kind == ErrorKind::Forbidden) {
                return unauthorized(false).await;
            }
            // JSON-RPC 1 has no notifications.
            let id = asked.id.or((asked.version == Version::One).then_some(Value::Null));
            (id, asked.version, reply)
        }
    };
    let Some(id) = id else {
        return json_reply(StatusCode::NO_CONTENT, Vec::new());
    };
    let mut text = Vec::with_capacity(1024);
    wire::append_reply(&mut text, version, &id, &reply);
    text.push(b'\n');
    json_reply(status_of(version, reply.as_ref().err()), text)
}

/// The replies of a batch as one text; empty when it held notifications alone.
pub async fn answer_batch(app: &App, caller: &Caller, items: Vec<Item>) -> Vec<u8> {
    let mut text = Vec::new();
    for item in items {
        let (id, version, reply) = match item {
            Err(refused) => (Some(refused.id), refused.version, Err(refused.error)),
            Ok(asked) => {
                let reply = app.answer(caller, asked.request).await;
                let id = asked.id.or((asked.version == Version::One).then_some(Value::Null));
                (id, asked.version, reply)
            }
        };
        let Some(id) = id else { continue };
        if text.len() > MAX_LINE {
            let why = "the replies of this batch are over the limit: send smaller ones";
            let error = Err(CallError::new(ErrorKind::Busy, why));
            text.push(b',');
            wire::append_reply(&mut text, version, &id, &error);
            continue;
        }
        text.push(if text.is_empty() { b'[' } else { b',' });
        wire::append_reply(&mut text, version, &id, &reply);
    }
    if !text.is_empty() {
        text.push(b']');
    }
    text
}
