//! Starts the API server, accepts connections within limits, and shuts down cleanly.

use std::net::{IpAddr, SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderValue, Method, Request, Response, StatusCode};
use axum::routing::any;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rpc_types::upkeep::ServerInfo;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tower_service::Service as _;

use super::backend::Backend;
use super::guard::{Caller, Guard};
use super::metrics;
use super::pages;
use super::readiness;
use super::rpc::{self, App, plain, unauthorized};
use super::socket;
use crate::config::{Config, SERVICE_ADDRESS};
use ::rpc::error::{CallError, ErrorKind};
use ::rpc::openrpc;

/// How long a request's head may take to arrive, and how long a connection may be idle.
const HEAD_TIME: Duration = Duration::from_secs(30);

/// The longest head of a request, in bytes, and the connection's buffer.
const HEAD_BYTES: usize = 16 << 10;

/// How long open requests have to end when the server stops.
const STOP_TIME: Duration = Duration::from_secs(3);

/// The pause after a connection could not be accepted.
const NO_SOCKETS_WAIT: Duration = Duration::from_millis(100);

/// Replies that a WebSocket batches while more requests are waiting.
const REPLIES_HELD: usize = 128;

/// The running API server; it stops when this is dropped.
pub struct Server {
    app: Arc<App>,
    pub address: SocketAddr,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

/// Reads `HOST:PORT`, `HOST` or `:PORT`; the defaults are loopback and 8765.
fn resolve(text: &str) -> Result<SocketAddr, CallError> {
    let (default_host, default_port) = SERVICE_ADDRESS.split_once(':').unwrap_or_default();
    let whole = match text.rsplit_once(':') {
        _ if text.is_empty() => SERVICE_ADDRESS.to_owned(),
        _ if text.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv6()) => {
            format!("[{text}]:{default_port}")
        }
        Some(("", port)) => format!("{default_host}:{port}"),
        Some(_) => text.to_owned(),
        None => format!("{text}:{default_port}"),
    };
    let found = whole.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
    found.ok_or_else(|| {
        let why = format!("--websocket={text} is no address: write HOST:PORT, as 127.0.0.1:8765");
        CallError::new(ErrorKind::InvalidParams, why)
    })
}

impl Server {
    /// Listens on the address of `config` and serves it from threads of its own.
    pub fn start(config: &Config, backend: Arc<dyn Backend>) -> Result<Server, CallError> {
        Server::start_with(config, backend, REPLIES_HELD)
    }

    /// As `start`, with the number of replies that a WebSocket may batch; 1 is for comparison.
    pub fn start_with(
        config: &Config,
        backend: Arc<dyn Backend>,
        replies_held: usize,
    ) -> Result<Server, CallError> {
        let wanted = resolve(config.service.websocket.as_deref().unwrap_or_default())?;
        let failed = |e: std::io::Error| {
            let why = match e.kind() {
                std::io::ErrorKind::AddrInUse => format!(
                    "{wanted} is in use by another program: stop it, or name another address with --websocket=ADDR"
                ),
                _ => format!("the API server can't listen on {wanted}: {e}"),
            };
            CallError::new(ErrorKind::NoNode, why)
        };
        let listener = TcpListener::bind(wanted).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let mut config = config.clone();
        config.service.websocket = Some(address.to_string());
        let guard = Guard::new(&config.service, &config.cookie_file())?;
        let app = Arc::new(App::new(backend, config, guard, replies_held));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .thread_name("http")
            .enable_all()
            .build()
            .map_err(failed)?;
        let (stop, stopped) = watch::channel(false);
        let served = Arc::clone(&app);
        let thread = std::thread::Builder::new()
            .name("http".to_owned())
            .spawn(move || {
                runtime.block_on(serve(served, listener, stopped));
                runtime.shutdown_timeout(Duration::from_secs(1));
            })
            .map_err(failed)?;
        tracing::info!(target: "http", %address, "the API server listens");
        Ok(Server { app, address, stop, thread: Some(thread) })
    }

    /// What `ws-status` shows.
    pub fn status(&self) -> ServerInfo {
        let app = &self.app;
        let calls = app.meters.iter().map(|(_, m)| m.calls.load(Ordering::Relaxed)).sum();
        ServerInfo {
            running: true,
            address: Some(self.address.to_string()),
            connections: Some(app.connections.load(Ordering::Relaxed) as u64),
            websockets: Some(app.sockets.load(Ordering::Relaxed) as u64),
            subscribers: Some(app.notifier.subscribers() as u64),
            calls: Some(calls),
            dropped_slow: Some(app.dropped_slow.load(Ordering::Relaxed)),
            refused: Some(app.refused.load(Ordering::Relaxed)),
            max_connections: Some(app.max_connections as u64),
            uptime_s: Some(app.started.elapsed().as_secs()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        // A stop that was requested over the API runs on one of the server's threads, which can't
        // wait for itself.
        let ours = std::thread::current().name() == Some("http");
        if let Some(thread) = self.thread.take().filter(|_| !ours) {
            let _ = thread.join();
        }
        tracing::info!(target: "http", address = %self.address, "the API server has stopped");
    }
}

async fn serve(app: Arc<App>, listener: TcpListener, mut stopped: watch::Receiver<bool>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(target: "http", %error, "the API server can't serve its listener");
            return;
        }
    };
    let notifier = {
        let app = Arc::clone(&app);
        let (events, pool) = (app.backend.events(), app.backend.pool_events());
        tokio::spawn(async move { app.notifier.run(Arc::clone(&app.backend), events, pool).await })
    };
    let router = router(Arc::clone(&app), stopped.clone());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.changed() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                if app.connections.fetch_add(1, Ordering::Relaxed) >= app.max_connections {
                    app.connections.fetch_sub(1, Ordering::Relaxed);
                    app.refused.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
                let (app, router, stopped) = (Arc::clone(&app), router.clone(), stopped.clone());
                tokio::spawn(async move {
                    connection(stream, peer.ip(), router, stopped).await;
                    app.connections.fetch_sub(1, Ordering::Relaxed);
                });
            }
            Err(error) => {
                // A connection that was reset is no error; a lack of descriptors passes.
                tracing::debug!(target: "http", %error, "a connection was not taken");
                tokio::time::sleep(NO_SOCKETS_WAIT).await;
            }
        }
    }
    drop(listener);
    notifier.abort();
    let deadline = tokio::time::Instant::now() + STOP_TIME;
    while app.connections.load(Ordering::Relaxed) > 0 && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn connection(
    stream: TcpStream,
    peer: IpAddr,
    router: Router,
    mut stopped: watch::Receiver<bool>,
) {
    // Replies are sent whole: waiting to fill a segment (Nagle) only delays them.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        let mut router = router.clone();
        async move { router.call(request.map(Body::new)).await }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_BYTES)
        .pipeline_flush(true)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        // An error of one connection concerns its client alone.
        _ = connection.as_mut() => return,
        _ = stopped.changed() => connection.as_mut().graceful_shutdown(),
    }
    let _ = tokio::time::timeout(STOP_TIME, connection).await;
}

/// The address of the connection's other end.
#[derive(Debug, Clone, Copy)]
struct Peer(IpAddr);

#[derive(Clone)]
struct Shared {
    app: Arc<App>,
    stopped: watch::Receiver<bool>,
}

fn router(app: Arc<App>, stopped: watch::Receiver<bool>) -> Router {
    Router::new()
        .route("/", any(root))
        .route("/health", any(|| async { plain(StatusCode::OK, "alive") }))
        .route("/ready", any(ready))
        .route("/metrics", any(metrics))
        .route("/openrpc.json", any(discover))
        .route("/explorer", any(explorer_folder))
        .route("/explorer/", any(explorer))
        .route("/explorer/{*path}", any(explorer))
        .fallback(|| async {
            plain(StatusCode::NOT_FOUND, "there is nothing here: see /explorer/")
        })
        .with_state(Shared { app, stopped })
}

/// Why a request is refused before it is read.
enum Refused {
    Foreign(&'static str),
    WrongPassword,
}

impl Refused {
    async fn response(self) -> Response<Body> {
        match self {
            Refused::Foreign(why) => plain(StatusCode::FORBIDDEN, why),
            Refused::WrongPassword => unauthorized(true).await,
        }
    }
}

/// The caller of a request, or why it is refused.
fn authorize(app: &App, request: &Request<Body>) -> Result<Caller, Refused> {
    let refuse = |refused| {
        app.refused.fetch_add(1, Ordering::Relaxed);
        Err(refused)
    };
    let headers = request.headers();
    if !app.guard.host_allowed(headers, request.uri()) {
        let why = "this name is not ours: ask by address, or start the node with --allow-host";
        return refuse(Refused::Foreign(why));
    }
    if !app.guard.origin_allowed(headers) {
        let why = "pages of other sites may not ask: start the node with --allow-origin";
        return refuse(Refused::Foreign(why));
    }
    let peer = request.extensions().get::<Peer>().map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.0);
    app.guard.caller(peer, headers).or_else(|_| {
        tracing::warn!(target: "audit", %peer, "wrong user or password");
        refuse(Refused::WrongPassword)
    })
}

async fn root(State(shared): State<Shared>, request: Request<Body>) -> Response<Body> {
    let app = shared.app;
    let caller = match authorize(&app, &request) {
        Ok(caller) => caller,
        Err(refused) => return refused.response().await,
    };
    if socket::is_upgrade(request.method(), request.headers()) {
        return socket::upgrade(app, caller, request, shared.stopped);
    }
    match *request.method() {
        Method::POST => rpc::post(&app, caller, request).await,
        Method::GET | Method::HEAD => moved("/explorer/"),
        _ => plain(StatusCode::METHOD_NOT_ALLOWED, "JSON-RPC is asked by POST, or by WebSocket"),
    }
}

fn moved(to: &'static str) -> Response<Body> {
    let mut response = plain(StatusCode::SEE_OTHER, to);
    response.headers_mut().insert(LOCATION, HeaderValue::from_static(to));
    response
}

async fn ready(State(shared): State<Shared>) -> Response<Body> {
    readiness::ready(&shared.app)
}

async fn metrics(State(shared): State<Shared>) -> Response<Body> {
    metrics::metrics(&shared.app)
}

async fn discover(State(shared): State<Shared>, request: Request<Body>) -> Response<Body> {
    if let Err(refused) = authorize(&shared.app, &request) {
        return refused.response().await;
    }
    let url = shared.app.config.service.websocket.as_deref().unwrap_or_default();
    let document = openrpc::document(shared.app.config.params, &format!("http://{url}/"));
    let mut response = Response::new(Body::from(document.to_string()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

async fn explorer_folder() -> Response<Body> {
    moved("/explorer/")
}

async fn explorer(State(shared): State<Shared>, request: Request<Body>) -> Response<Body> {
    if let Err(refused) = authorize(&shared.app, &request) {
        return refused.response().await;
    }
    let path = request.uri().path().strip_prefix("/explorer/").unwrap_or_default();
    pages::page(path, request.headers())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let read = |text: &str| resolve(text).map(|address| address.to_string());
        assert_eq!(read(""), Ok("127.0.0.1:8765".into()));
        assert_eq!(read(":9000"), Ok("127.0.0.1:9000".into()));
        assert_eq!(read("0.0.0.0"), Ok("0.0.0.0:8765".into()));
        assert_eq!(read("::1"), Ok("[::1]:8765".into()));
        assert_eq!(read("[::1]:80"), Ok("[::1]:80".into()));
        assert!(read("127.0.0.1:port").is_err_and(|e| e.message.contains("HOST:PORT")));
    }
}
