//! The node thread: owns the node, feeds it inputs and carries out its outputs.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{
    Receiver, RecvTimeoutError, Sender, SyncSender, TrySendError, channel, sync_channel,
};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::sync::{broadcast, watch};

use super::atomic_file;
use super::clock::{now_ms, now_s};
use super::grinder::{Grinder, Taken};
use super::logs;
use super::net::Reactor;
use chain::event::ChainEvent;
use mempool::pool::PoolEvent;
use mining::work::{Found, Meter, Work};
use node::io::{Act, Done, Input, NodeError, Output};
use node::net::io::{NetEvent, NetOutput};
use node::node::Node;
use node::view::View;
use rpc::call::Runner;
use rpc::error::{CallError, ErrorKind};
use rpc::table;
use rpc::value::Reply;
use rpc::wire::Request;
use store::error::StoreError;

/// Messages that wait for the node thread; a sender blocks while there are as many.
const INBOX_LIMIT: usize = 128;

/// How often the node gets a tick.
const TICK: Duration = Duration::from_secs(1);

/// How often, once there is a network.
const NET_TICK: Duration = Duration::from_millis(100);

/// Unconfirmed transactions, kept over a restart in the data folder.
pub const POOL_FILE: &str = "mempool.dat";

/// Peers' addresses and bans, kept over a restart in the data folder.
const PEERS_FILE: &str = "peers.txt";

/// Chain events that are queued for listeners; a slower one misses the oldest. Each may hold a block,
/// so there are few.
pub const EVENT_LIMIT: usize = 64;

/// The same for events of the mempool, which are small.
pub const POOL_EVENT_LIMIT: usize = 4096;

enum Message {
    /// Something from the network, and the permit that it holds until it is done.
    Net(NetEvent, tokio::sync::OwnedSemaphorePermit),
    Act(Act, Sender<Result<Done, NodeError>>),
    Mined(Found),
    Stop,
}

/// A handle to the node thread, cheap to clone.
#[derive(Clone)]
pub struct Handle {
    inbox: SyncSender<Message>,
    view: Arc<ArcSwap<View>>,
    events: broadcast::Sender<Arc<ChainEvent>>,
    pool_events: broadcast::Sender<PoolEvent>,
    beat: Arc<AtomicU32>,
    works: watch::Sender<Option<Arc<Work>>>,
}

/// The node thread itself; joined once.
pub struct Actor {
    pub handle: Handle,
    thread: JoinHandle<()>,
}

impl Actor {
    /// Puts `node` on a thread of its own. `on_fatal` is called when the disk fails.
    /// Unconfirmed transactions are kept in `pool_file` between runs.
    pub fn start(
        node: Node,
        pool_file: PathBuf,
        on_fatal: impl FnOnce(String) + Send + 'static,
    ) -> std::io::Result<Actor> {
        let view = Arc::new(ArcSwap::from_pointee(node.view()));
        let (inbox, messages) = sync_channel(INBOX_LIMIT);
        let (events, _) = broadcast::channel(EVENT_LIMIT);
        let (pool_events, _) = broadcast::channel(POOL_EVENT_LIMIT);
        let beat = Arc::new(AtomicU32::new(now_s()));
        let (works, _) = watch::channel(None);
        let handle = Handle { inbox, view, events, pool_events, beat, works };
        let out = handle.out();
        let thread = std::thread::Builder::new().name("node".to_owned()).spawn({
            let inbox = handle.inbox.clone();
            move || run(node, &messages, inbox, &out, &pool_file, on_fatal)
        })?;
        Ok(Actor { handle, thread })
    }

    /// Shuts down cleanly: every change is on disk when this returns.
    pub fn stop(self) -> Result<(), CallError> {
        // A node that has already stopped has closed its inbox.
        let _ = self.handle.inbox.send(Message::Stop);
        self.thread
            .join()
            .map_err(|_| CallError::new(ErrorKind::Internal, "the node thread broke down"))
    }
}

/// What the node thread publishes.
struct Out {
    view: Arc<ArcSwap<View>>,
    events: broadcast::Sender<Arc<ChainEvent>>,
    pool_events: broadcast::Sender<PoolEvent>,
    /// When the node's loop last made progress.
    beat: Arc<AtomicU32>,
    works: watch::Sender<Option<Arc<Work>>>,
}

impl Handle {
    fn out(&self) -> Out {
        Out {
            view: Arc::clone(&self.view),
            events: self.events.clone(),
            pool_events: self.pool_events.clone(),
            beat: Arc::clone(&self.beat),
            works: self.works.clone(),
        }
    }

    /// Events of the chain from now on, oldest first.
    pub fn events(&self) -> broadcast::Receiver<Arc<ChainEvent>> {
        self.events.subscribe()
    }

    /// Events of the mempool from now on. Those of a step come after the chain's.
    pub fn pool_events(&self) -> broadcast::Receiver<PoolEvent> {
        self.pool_events.subscribe()
    }

    /// The current mining work, and each that replaces it.
    pub fn works(&self) -> watch::Receiver<Option<Arc<Work>>> {
        self.works.subscribe()
    }

    /// The counters of mining.
    pub fn meter(&self) -> Arc<Meter> {
        Arc::clone(&self.view.load().mining.meter)
    }

    /// Hands over what a miner found, without waiting.
    pub fn mined(&self, found: Found) -> Taken {
        taken(self.inbox.try_send(Message::Mined(found)))
    }

    /// When the node's loop last made progress, in seconds since 1970.
    pub fn last_beat_s(&self) -> u32 {
        self.beat.load(Ordering::Relaxed)
    }

    /// The newest published view.
    pub fn view(&self) -> Arc<View> {
        self.view.load_full()
    }

    /// Answers a request: a read on this thread, an act on the node's.
    pub fn answer(&self, request: Request) -> Result<Reply, CallError> {
        let entry = table::find(&request.method)?;
        match entry.runner {
            Runner::Read(_) => entry.run_read(&self.view(), request.params),
            Runner::Act(prepare, reply) => {
                let act = prepare(&entry.arrange(request.params)?)?;
                reply(self.act(act)?).map(Reply::Value)
            }
            Runner::Service(_) => Err(CallError::new(
                ErrorKind::Internal,
                format!("{} is not the node's: ask the process", request.method),
            )),
        }
    }

    /// Asks the node to do something and waits for it.
    pub fn act(&self, act: Act) -> Result<Done, CallError> {
        let (answer, answers) = channel();
        let stopping = || CallError::from(NodeError::Stopping);
        self.inbox.send(Message::Act(act, answer)).map_err(|_| stopping())?;
        Ok(answers.recv().map_err(|_| stopping())??)
    }
}

fn taken(sent: Result<(), TrySendError<Message>>) -> Taken {
    match sent {
        Ok(()) => Taken::Yes,
        Err(TrySendError::Full(_)) => Taken::Busy,
        Err(TrySendError::Disconnected(_)) => Taken::Gone,
    }
}

/// Who waits for the answer to which act, by ticket.
type Waiting = HashMap<u64, Sender<Result<Done, NodeError>>>;

fn run(
    mut node: Node,
    messages: &Receiver<Message>,
    inbox: SyncSender<Message>,
    out: &Out,
    pool_file: &Path,
    on_fatal: impl FnOnce(String),
) {
    let mut waiting = Waiting::new();
    let mut grinder = {
        let inbox = inbox.clone();
        let sink = move |found| taken(inbox.try_send(Message::Mined(found)));
        Grinder::new(Arc::new(sink), node.mining().meter())
    };
    let mut sockets = Sockets { inbox, reactor: None, opened: false };
    let mut last_tick = Instant::now();
    let peers_file = pool_file.with_file_name(PEERS_FILE);
    let mut next_ticket = 0;
    let mut input = match atomic_file::read(pool_file) {
        Ok(saved) => saved.map_or(Input::Tick, Input::LoadPool),
        Err(e) => {
            let path = pool_file.display();
            logs::note("pool", &format!("{path} can't be read: {e}; the pool starts empty"));
            Input::Tick
        }
    };
    let mut held = None;
    loop {
        let stopping = matches!(input, Input::Stop);
        let outputs = sockets.carry_out(node.step(input, now_s()), &peers_file);
        drop(held.take());
        out.view.store(Arc::new(node.view()));
        out.beat.store(now_s(), Ordering::Relaxed);
        if let Err(error) = carry_out(outputs, &mut waiting, &mut grinder, out, pool_file) {
            return on_fatal(error.to_string());
        }
        if stopping {
            return;
        }
        if std::mem::take(&mut sockets.opened) {
            let saved = atomic_file::read(&peers_file).ok().flatten().unwrap_or_default();
            let saved = String::from_utf8_lossy(&saved).into_owned();
            let mut seed = [0; 8];
            // Without entropy peers could predict our connections, which is no reason to stop.
            let _ = getrandom::fill(&mut seed);
            let event = NetEvent::Opened { seed: u64::from_le_bytes(seed), saved };
            input = Input::Net { ms: now_ms(), event };
            continue;
        }
        let tick = if sockets.reactor.is_some() { NET_TICK } else { TICK };
        if sockets.reactor.is_some() && last_tick.elapsed() >= NET_TICK {
            last_tick = Instant::now();
            input = Input::Net { ms: now_ms(), event: NetEvent::Tick };
            continue;
        }
        input = match messages.recv_timeout(tick) {
            Ok(Message::Net(event, permit)) => {
                held = Some(permit);
                Input::Net { ms: now_ms(), event }
            }
            Ok(Message::Act(act, answer)) => {
                next_ticket += 1;
                waiting.insert(next_ticket, answer);
                Input::Act { ticket: next_ticket, act }
            }
            Ok(Message::Mined(found)) => Input::Mined(found),
            Err(RecvTimeoutError::Timeout) => Input::Tick,
            // When all handles have been dropped, the node stops, too.
            Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => Input::Stop,
        };
    }
}

/// The network's sockets, from its first use on.
struct Sockets {
    inbox: SyncSender<Message>,
    reactor: Option<Reactor>,
    /// The node waits for `NetEvent::Opened`.
    opened: bool,
}

impl Sockets {
    /// Carries out what concerns the network; returns the rest.
    fn carry_out(&mut self, outputs: Vec<Output>, peers_file: &Path) -> Vec<Output> {
        let mut rest = Vec::new();
        for output in outputs {
            match output {
                Output::Net(NetOutput::Open) => {
                    let inbox = self.inbox.clone();
                    let sink = move |event, permit| inbox.send(Message::Net(event, permit)).is_ok();
                    match Reactor::start(Arc::new(sink)) {
                        Ok(reactor) => (self.reactor, self.opened) = (Some(reactor), true),
                        Err(e) => logs::note("net", &format!("the network can't start: {e}")),
                    }
                }
                Output::Net(NetOutput::Save(text)) => {
                    if let Err(e) = atomic_file::replace(peers_file, text.as_bytes()) {
                        let path = peers_file.display();
                        logs::note("net", &format!("{path} can't be saved: {e}"));
                    }
                }
                Output::Net(output) => {
                    if let Some(reactor) = &self.reactor {
                        reactor.carry_out(output);
                    }
                }
                other => rest.push(other),
            }
        }
        rest
    }
}

/// Carries out the outputs of a step; an error stops the node.
fn carry_out(
    outputs: Vec<Output>,
    waiting: &mut Waiting,
    grinder: &mut Grinder,
    out: &Out,
    pool_file: &Path,
) -> Result<(), StoreError> {
    let mut unsaved = None;
    for output in outputs {
        match output {
            Output::Reply { ticket, answer } => {
                let answer = match (answer, unsaved.take()) {
                    (Ok(Done::PoolSaved { .. }), Some(reason)) => {
                        Err(NodeError::Unsaved { reason })
                    }
                    (Ok(Done::PoolSaved { .. }), None) => {
                        Ok(Done::PoolSaved { file: Some(pool_file.display().to_string()) })
                    }
                    (answer, _) => answer,
                };
                if let Some(asker) = waiting.remove(&ticket) {
                    // An asker that has left needs no answer.
                    let _ = asker.send(answer);
                }
            }
            Output::Event(event) => {
                // Nobody may be listening.
                let _ = out.events.send(event);
            }
            Output::Pool(event) => {
                let _ = out.pool_events.send(event);
            }
            Output::Work(work) => {
                grinder.set(work.clone());
                out.works.send_replace(work);
            }
            Output::Net(_) | Output::Stopped => {}
            Output::SavePool(bytes) => {
                if let Err(e) = atomic_file::replace(pool_file, &bytes) {
                    let reason = format!("{}: {e}", pool_file.display());
                    logs::note("pool", &format!("the pool can't be saved: {reason}"));
                    unsaved = Some(reason);
                }
            }
            Output::Note(text) => logs::note("node", &text),
            Output::Fatal(error) => return Err(error),
        }
    }
    Ok(())
}
