//! What axum alone can do: the same bytes for every request, over WebSocket and HTTP. It is a
//! process of its own, as the node is, or it would share the clients' threads.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::ws::{Message, Utf8Bytes, WebSocketUpgrade};
use axum::routing::get;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;

/// The argument that makes this program the server.
pub const SERVE: &str = "--serve-echo";

/// A running server; it ends with this.
pub struct Echo {
    child: Child,
    pub address: String,
}

impl Drop for Echo {
    fn drop(&mut self) {
        // One that has ended already needs no end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a server that answers with `reply`.
pub fn start(reply: &str) -> Result<Echo, String> {
    let program = std::env::current_exe().map_err(|e| e.to_string())?;
    let mut command = Command::new(program);
    command.arg(SERVE).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|e| e.to_string())?;
    let (mut stdin, stdout) = child.stdin.take().zip(child.stdout.take()).ok_or("no pipes")?;
    let mut echo = Echo { child, address: String::new() };
    stdin.write_all(reply.as_bytes()).map_err(|e| e.to_string())?;
    drop(stdin);
    BufReader::new(stdout).read_line(&mut echo.address).map_err(|e| e.to_string())?;
    echo.address.truncate(echo.address.trim_end().len());
    Ok(echo)
}

/// Reads the reply from standard input, says the address, serves until it is killed.
pub async fn serve() -> Result<(), String> {
    let mut reply = String::new();
    std::io::stdin().read_to_string(&mut reply).map_err(|e| e.to_string())?;
    let text = Utf8Bytes::from(reply.clone());
    let body: Arc<Bytes> = Arc::new(Bytes::from(reply));
    let upgrade = move |upgrade: WebSocketUpgrade| {
        let text = text.clone();
        async move {
            upgrade.on_upgrade(move |mut socket| async move {
                while let Some(Ok(frame)) = socket.recv().await {
                    let is_request = matches!(frame, Message::Text(_));
                    if is_request && socket.send(Message::Text(text.clone())).await.is_err() {
                        return;
                    }
                }
            })
        }
    };
    let post = move |_: Bytes| {
        let body = Bytes::clone(&body);
        async move { body }
    };
    let router = Router::new().route("/", get(upgrade).post(post));
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|e| e.to_string())?;
    let address = listener.local_addr().map_err(|e| e.to_string())?.to_string();
    println!("{address}");
    let listener = listener.tap_io(|stream| {
        // A server that waits to fill segments would only look slow.
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, router).await.map_err(|e| e.to_string())
}
