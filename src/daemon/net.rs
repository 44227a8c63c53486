//! Sockets: carries bytes between peers and the node, on a runtime of its own that starts with the
//! first use of the network.
//!
//! Bytes from peers wait for a permit before they are handed to the node, so that a slow node slows
//! its peers; bytes to peers are counted by the node, which drops who does not read.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;
use tokio::time::timeout;

use node::net::io::{NetEvent, NetOutput};
use p2p::limits::WRITE_BYTES;

/// Events that may wait for the node.
const PERMITS: usize = 32;
/// Bytes read at once.
const READ_BYTES: usize = 64 << 10;
/// Sockets open at once; more are closed as they come.
const MAX_SOCKETS: usize = 256;
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// How long one write may take.
const WRITE_LIMIT: Duration = Duration::from_secs(120);
const STOP_LIMIT: Duration = Duration::from_millis(500);

/// Passes an event to the node; false if the node has stopped.
pub type Sink = Arc<dyn Fn(NetEvent, OwnedSemaphorePermit) -> bool + Send + Sync>;

enum Command {
    Do(NetOutput),
    Adopt { id: u64, stream: TcpStream, address: SocketAddr, inbound: bool },
    Ended { id: u64 },
}

/// The running sockets.
pub struct Reactor {
    runtime: Option<Runtime>,
    commands: UnboundedSender<Command>,
}

impl Reactor {
    pub fn start(sink: Sink) -> std::io::Result<Reactor> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("net")
            .enable_io()
            .enable_time()
            .build()?;
        let (commands, inbox) = unbounded_channel();
        let hub = Hub {
            sink,
            permits: Arc::new(Semaphore::new(PERMITS)),
            commands: commands.clone(),
            open: HashMap::new(),
            dialling: HashMap::new(),
            listener: None,
            sockets: Arc::new(Semaphore::new(MAX_SOCKETS)),
        };
        runtime.spawn(hub.run(inbox));
        Ok(Reactor { runtime: Some(runtime), commands })
    }

    pub fn carry_out(&self, output: NetOutput) {
        // A hub that has stopped has nothing left to do.
        let _ = self.commands.send(Command::Do(output));
    }
}

impl Drop for Reactor {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(STOP_LIMIT);
        }
    }
}

struct Hub {
    sink: Sink,
    permits: Arc<Semaphore>,
    commands: UnboundedSender<Command>,
    /// Where bytes for a connection go; dropping it closes the connection when they have left.
    open: HashMap<u64, UnboundedSender<Vec<u8>>>,
    dialling: HashMap<u64, AbortHandle>,
    listener: Option<AbortHandle>,
    sockets: Arc<Semaphore>,
}

/// Hands an event over once there is room for it.
async fn send_event(sink: &Sink, permits: &Arc<Semaphore>, event: NetEvent) -> bool {
    match Arc::clone(permits).acquire_owned().await {
        Ok(permit) => sink(event, permit),
        Err(_) => false,
    }
}

impl Hub {
    async fn run(mut self, mut inbox: UnboundedReceiver<Command>) {
        while let Some(command) = inbox.recv().await {
            match command {
                Command::Do(NetOutput::Send { id, bytes }) => {
                    if let Some(to) = self.open.get(&id) {
                        let _ = to.send(bytes);
                    }
                }
                Command::Do(NetOutput::Close { id }) => {
                    self.open.remove(&id);
                    if let Some(dialling) = self.dialling.remove(&id) {
                        dialling.abort();
                    }
                }
                Command::Do(NetOutput::Connect { id, host, port }) => self.dial(id, host, port),
                Command::Do(NetOutput::Listen { host, port }) => self.listen(host, port).await,
                Command::Do(NetOutput::StopListening) => {
                    if let Some(listener) = self.listener.take() {
                        listener.abort();
                    }
                }
                Command::Do(NetOutput::Open | NetOutput::Save(_)) => {}
                Command::Adopt { id, stream, address, inbound } => {
                    self.dialling.remove(&id);
                    self.adopt(id, stream, address, inbound).await;
                }
                Command::Ended { id } => {
                    self.open.remove(&id);
                    self.dialling.remove(&id);
                }
            }
        }
    }

    fn dial(&mut self, id: u64, host: String, port: u16) {
        let (sink, permits) = (Arc::clone(&self.sink), Arc::clone(&self.permits));
        let commands = self.commands.clone();
        let task = tokio::spawn(async move {
            let connected = timeout(CONNECT_LIMIT, TcpStream::connect((host.as_str(), port))).await;
            let failed = match connected {
                Ok(Ok(stream)) => match stream.peer_addr() {
                    Ok(address) => {
                        let _ =
                            commands.send(Command::Adopt { id, stream, address, inbound: false });
                        return;
                    }
                    Err(e) => e.to_string(),
                },
                Ok(Err(e)) => e.to_string(),
                Err(_) => "it does not answer".to_owned(),
            };
            let reason = format!("{host}:{port} can't be reached: {failed}");
            send_event(&sink, &permits, NetEvent::Failed { id, reason }).await;
            let _ = commands.send(Command::Ended { id });
        });
        self.dialling.insert(id, task.abort_handle());
    }

    async fn listen(&mut self, host: String, port: u16) {
        let mut bound = TcpListener::bind((host.as_str(), port)).await;
        if bound.is_err() && host == "::" {
            bound = TcpListener::bind(("0.0.0.0", port)).await;
        }
        let result = bound.and_then(|listener| {
            let address = listener.local_addr()?;
            let (commands, sockets) = (self.commands.clone(), Arc::clone(&self.sockets));
            let task = tokio::spawn(accept(listener, commands, sockets));
            self.listener = Some(task.abort_handle());
            Ok(address)
        });
        let result = result.map_err(|e| format!("{host}:{port} can't be listened on: {e}"));
        send_event(&self.sink, &self.permits, NetEvent::Listening(result)).await;
    }

    async fn adopt(&mut self, id: u64, stream: TcpStream, address: SocketAddr, inbound: bool) {
        let Ok(place) = Arc::clone(&self.sockets).try_acquire_owned() else {
            if !inbound {
                let reason = format!("{MAX_SOCKETS} connections are open: {address} has to wait");
                send_event(&self.sink, &self.permits, NetEvent::Failed { id, reason }).await;
            }
            return;
        };
        let _ = stream.set_nodelay(true);
        let (to, bytes) = unbounded_channel();
        self.open.insert(id, to);
        let (sink, permits) = (Arc::clone(&self.sink), Arc::clone(&self.permits));
        if !send_event(&sink, &permits, NetEvent::Connected { id, address, inbound }).await {
            return;
        }
        let commands = self.commands.clone();
        tokio::spawn(async move {
            let reason = carry(id, stream, bytes, &sink, &permits).await;
            let _ = commands.send(Command::Ended { id });
            send_event(&sink, &permits, NetEvent::Gone { id, reason }).await;
            drop(place);
        });
    }
}

async fn accept(
    listener: TcpListener,
    commands: UnboundedSender<Command>,
    sockets: Arc<Semaphore>,
) {
    let mut id = 1;
    loop {
        match listener.accept().await {
            Ok((stream, address)) if sockets.available_permits() > 0 => {
                let adopt = Command::Adopt { id, stream, address, inbound: true };
                if commands.send(adopt).is_err() {
                    return;
                }
                id += 2;
            }
            Ok(_) => {}
            // Out of file descriptors, most likely: some will be free soon.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Reads and writes until one of them ends; gives the reason.
async fn carry(
    id: u64,
    stream: TcpStream,
    mut bytes: UnboundedReceiver<Vec<u8>>,
    sink: &Sink,
    permits: &Arc<Semaphore>,
) -> String {
    let (mut reader, mut writer) = stream.into_split();
    let read = async {
        let mut buffer = vec![0; READ_BYTES];
        loop {
            match reader.read(&mut buffer).await {
                Ok(0) => return "it has closed the connection".to_owned(),
                Ok(count) => {
                    let bytes = buffer[..count].to_vec();
                    if !send_event(sink, permits, NetEvent::Bytes { id, bytes }).await {
                        return "the node stops".to_owned();
                    }
                }
                Err(e) => return e.to_string(),
            }
        }
    };
    let write = async {
        while let Some(mut batch) = bytes.recv().await {
            // Small messages that wait leave together: one write, one event.
            while batch.len() < WRITE_BYTES
                && let Ok(more) = bytes.try_recv()
            {
                batch.extend_from_slice(&more);
            }
            match timeout(WRITE_LIMIT, writer.write_all(&batch)).await {
                Ok(Ok(())) => {
                    let bytes = batch.len() as u64;
                    send_event(sink, permits, NetEvent::Written { id, bytes }).await;
                }
                Ok(Err(e)) => return e.to_string(),
                Err(_) => return "it does not read".to_owned(),
            }
        }
        let _ = writer.shutdown().await;
        "closed".to_owned()
    };
    tokio::select! {
        reason = read => reason,
        reason = write => reason,
    }
}
