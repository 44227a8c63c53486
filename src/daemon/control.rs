//! The control socket: one JSON-RPC request a line over a Unix socket of mode 0600, both ends.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::net::sockopt::socket_peercred;
use serde_json::Value;

use super::dispatcher::Dispatcher;
use super::requester::Requester;
use rpc::door::Door;
use rpc::error::{CallError, ErrorKind};
use rpc::wire::{self, MAX_LINE, Request};

/// Consoles that one node serves at once.
const MAX_CONNECTIONS: usize = 64;

/// Threads that wait for consoles while few are served.
const SPARE_THREADS: usize = 2;

/// The pause after a connection could not be accepted: there are too many open files.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// How long a console retries a node that says it is starting, and how often.
const WARM_FOR: Duration = Duration::from_secs(5);
const WARM_EVERY: Duration = Duration::from_millis(50);

/// The serving end; its socket file is removed when it is dropped.
pub struct ControlServer {
    path: PathBuf,
}

impl ControlServer {
    /// Serves `dispatcher` at `path`. The caller holds the data folder, so a socket file that is
    /// already there is one that a dead process left.
    pub fn start(path: &Path, dispatcher: Arc<Dispatcher>) -> io::Result<ControlServer> {
        match fs::remove_file(path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        // Bound under another name and renamed once it is private, so that nobody can connect
        // between the two.
        let early = path.with_extension(format!("sock.{}", std::process::id()));
        let listener = UnixListener::bind(&early)?;
        fs::set_permissions(&early, fs::Permissions::from_mode(0o600))?;
        fs::rename(&early, path)?;
        let (waiting, open) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let pool = Arc::new(AcceptPool { listener, dispatcher, waiting, open });
        for _ in 0..SPARE_THREADS {
            pool.add_thread()?;
        }
        Ok(ControlServer { path: path.to_owned() })
    }
}

impl Drop for ControlServer {
    fn drop(&mut self) {
        // Nothing to do about a file that is already gone.
        let _ = fs::remove_file(&self.path);
    }
}

/// The threads that accept consoles, and their shared state.
struct AcceptPool {
    listener: UnixListener,
    dispatcher: Arc<Dispatcher>,
    /// Threads that wait for a connection.
    waiting: AtomicUsize,
    /// Consoles that are being served.
    open: AtomicUsize,
}

impl AcceptPool {
    /// Adds a waiting thread. They are started ahead of connections: starting one would be half of
    /// the time that a one-liner's answer takes.
    fn add_thread(self: &Arc<AcceptPool>) -> io::Result<()> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let pool = Arc::clone(self);
        let spawned = std::thread::Builder::new()
            .name("control".to_owned())
            .spawn(move || pool.serve_consoles());
        if spawned.is_err() {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        spawned.map(|_| ())
    }

    /// Serves one console after the other, as long as this thread is needed.
    fn serve_consoles(self: &Arc<AcceptPool>) {
        loop {
            let Ok((stream, _)) = self.listener.accept() else {
                std::thread::sleep(ACCEPT_AGAIN);
                continue;
            };
            if self.waiting.fetch_sub(1, Ordering::Relaxed) == 1 {
                // Without another thread the next console waits until this one is done.
                let _ = self.add_thread();
            }
            if self.open.fetch_add(1, Ordering::Relaxed) < MAX_CONNECTIONS {
                // A console that has hung up needs no reply.
                let _ = serve(&stream, &self.dispatcher);
            } else {
                let busy = CallError::new(ErrorKind::WarmingUp, "too many consoles hold this node");
                let _ = write_line(&stream, &wire::write_reply(&Value::Null, &Err(busy)));
            }
            self.open.fetch_sub(1, Ordering::Relaxed);
            if self.waiting.fetch_add(1, Ordering::Relaxed) >= SPARE_THREADS {
                self.waiting.fetch_sub(1, Ordering::Relaxed);
                return;
            }
        }
    }
}

fn serve(stream: &UnixStream, dispatcher: &Dispatcher) -> io::Result<()> {
    let user = socket_peercred(stream).map(|peer| format!("uid {}", peer.uid.as_raw())).ok();
    let requester = Requester { transport: "control", user, address: None };
    let mut reader = BufReader::new(stream);
    while let Some(line) = read_line(&mut reader)? {
        let (id, reply) = match wire::read_request(&line) {
            Ok(asked) => (asked.id, dispatcher.answer(&requester, asked.request)),
            Err((id, error)) => (Some(id), Err(error)),
        };
        if let Some(id) = id {
            write_line(stream, &wire::write_reply(&id, &reply))?;
        }
    }
    Ok(())
}

/// A line without its line feed, at most `MAX_LINE` long; `None` at the end of the stream.
fn read_line(reader: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    reader.by_ref().take(MAX_LINE as u64 + 1).read_until(b'\n', &mut line)?;
    match line.last() {
        None => Ok(None),
        Some(b'\n') => {
            line.pop();
            Ok(Some(line))
        }
        Some(_) if line.len() > MAX_LINE => {
            let why = format!("a line is over the limit of {MAX_LINE} bytes");
            Err(io::Error::new(io::ErrorKind::InvalidData, why))
        }
        Some(_) => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn write_line(mut stream: &UnixStream, text: &str) -> io::Result<()> {
    let mut line = String::with_capacity(text.len() + 1);
    line.push_str(text);
    line.push('\n');
    stream.write_all(line.as_bytes())
}

/// The asking end.
pub struct ControlClient {
    reader: BufReader<UnixStream>,
    path: PathBuf,
    next_id: u64,
}

impl ControlClient {
    /// Connects to the node that serves `path`; `None` when nobody does.
    pub fn connect(path: &Path) -> io::Result<Option<ControlClient>> {
        match UnixStream::connect(path) {
            Ok(stream) => Ok(Some(ControlClient {
                reader: BufReader::new(stream),
                path: path.to_owned(),
                next_id: 1,
            })),
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied => Err(e),
            // No file, no listener, no folder: opening the folder says what is wrong, if anything.
            Err(_) => Ok(None),
        }
    }

    fn ask_once(&mut self, text: &str) -> Result<Value, CallError> {
        // A node with too many consoles says so at once and hangs up: its reply comes first.
        let sent = write_line(self.reader.get_ref(), text);
        match read_line(&mut self.reader) {
            Ok(Some(line)) => wire::read_reply(&line),
            Ok(None) => Err(self.lost("it closed the connection")),
            Err(e) => Err(self.lost(&sent.err().unwrap_or(e).to_string())),
        }
    }

    fn lost(&self, why: &str) -> CallError {
        let path = self.path.display();
        CallError::new(
            ErrorKind::NoNode,
            format!(
                "the node behind {path} is gone ({why}): see its log, or run again to open the folder here"
            ),
        )
    }
}

impl Door for ControlClient {
    fn ask(&mut self, request: Request) -> Result<Value, CallError> {
        let id = self.next_id;
        self.next_id += 1;
        let text = request.to_text(id);
        let deadline = Instant::now() + WARM_FOR;
        loop {
            match self.ask_once(&text) {
                // The node has only said that it can't answer yet, so it is safe to ask again.
                Err(e) if e.kind == ErrorKind::WarmingUp && Instant::now() < deadline => {
                    std::thread::sleep(WARM_EVERY);
                    if let Ok(Some(client)) = ControlClient::connect(&self.path) {
                        self.reader = client.reader;
                    }
                }
                answer => return answer,
            }
        }
    }

    fn about(&self) -> String {
        format!("attached to {}", self.path.display())
    }

    fn close(&mut self) -> Result<(), CallError> {
        Ok(())
    }
}
