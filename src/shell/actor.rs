//! The node thread: owns the node, feeds it inputs and carries out its outputs.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwap;
use serde_json::Value;
use tokio::sync::broadcast;

use super::clock::now_s;
use crate::api::call::Runner;
use crate::api::error::{CallError, ErrorKind};
use crate::api::table;
use crate::api::wire::Request;
use crate::chain::event::ChainEvent;
use crate::node::io::{Act, Done, Input, NodeError, Output};
use crate::node::state::Node;
use crate::node::view::View;

/// Acts that may wait for the node; who comes later waits for a place.
const INBOX_LIMIT: usize = 64;

/// Events that wait for whoever listens; a listener that is slower misses the oldest. Each may
/// hold a block, so there are few.
const EVENT_LIMIT: usize = 64;

/// How often a node without work shows that it lives.
const BEAT_EVERY: Duration = Duration::from_secs(1);

enum Message {
    Act(Act, Sender<Result<Done, NodeError>>),
    Stop,
}

/// A way to the node thread, for as many callers as like.
#[derive(Clone)]
pub struct Handle {
    inbox: SyncSender<Message>,
    view: Arc<ArcSwap<View>>,
    events: broadcast::Sender<Arc<ChainEvent>>,
    beat: Arc<AtomicU32>,
}

/// The node thread itself; joined once.
pub struct Actor {
    pub handle: Handle,
    thread: JoinHandle<()>,
}

impl Actor {
    /// Puts `node` on a thread of its own. `on_fatal` is called when the disk fails.
    pub fn start(
        node: Node,
        on_fatal: impl FnOnce(String) + Send + 'static,
    ) -> std::io::Result<Actor> {
        let view = Arc::new(ArcSwap::from_pointee(node.view()));
        let (inbox, messages) = sync_channel(INBOX_LIMIT);
        let (events, _) = broadcast::channel(EVENT_LIMIT);
        let beat = Arc::new(AtomicU32::new(now_s()));
        let handle = Handle { inbox, view, events, beat };
        let out = handle.out();
        let thread = std::thread::Builder::new()
            .name("node".to_owned())
            .spawn(move || run(node, &messages, &out, on_fatal))?;
        Ok(Actor { handle, thread })
    }

    /// Stops in order: what was changed is on the disk when this returns.
    pub fn stop(self) -> Result<(), CallError> {
        // A node that has already stopped has closed its inbox.
        let _ = self.handle.inbox.send(Message::Stop);
        self.thread
            .join()
            .map_err(|_| CallError::new(ErrorKind::Internal, "the node thread broke down"))
    }
}

/// What the node thread tells everybody.
struct Out {
    view: Arc<ArcSwap<View>>,
    events: broadcast::Sender<Arc<ChainEvent>>,
    beat: Arc<AtomicU32>,
}

impl Handle {
    fn out(&self) -> Out {
        Out {
            view: Arc::clone(&self.view),
            events: self.events.clone(),
            beat: Arc::clone(&self.beat),
        }
    }

    /// What happens from now on, oldest first.
    pub fn events(&self) -> broadcast::Receiver<Arc<ChainEvent>> {
        self.events.subscribe()
    }

    /// When the node's loop last came round, in seconds since 1970.
    pub fn last_beat_s(&self) -> u32 {
        self.beat.load(Ordering::Relaxed)
    }

    /// The newest published view.
    pub fn view(&self) -> Arc<View> {
        self.view.load_full()
    }

    /// Answers a request: a read on this thread, an act on the node's.
    pub fn answer(&self, request: Request) -> Result<Value, CallError> {
        let entry = table::find(&request.method)?;
        match entry.runner {
            Runner::Read(_) => entry.run_read(&self.view(), request.params),
            Runner::Act(prepare, reply) => {
                let act = prepare(&entry.arrange(request.params)?)?;
                reply(self.act(act)?)
            }
            Runner::Service(_) => Err(CallError::new(
                ErrorKind::Internal,
                format!("{} is not the node's: ask the process", request.method),
            )),
        }
    }

    fn act(&self, act: Act) -> Result<Done, CallError> {
        let (answer, answers) = channel();
        let stopping = || CallError::from(NodeError::Stopping);
        self.inbox.send(Message::Act(act, answer)).map_err(|_| stopping())?;
        Ok(answers.recv().map_err(|_| stopping())??)
    }
}

fn run(mut node: Node, messages: &Receiver<Message>, out: &Out, on_fatal: impl FnOnce(String)) {
    let mut waiting: HashMap<u64, Sender<Result<Done, NodeError>>> = HashMap::new();
    let mut next_ticket = 0;
    // All handles gone is a stop, too.
    loop {
        out.beat.store(now_s(), Ordering::Relaxed);
        let message = match messages.recv_timeout(BEAT_EVERY) {
            Ok(message) => message,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => break,
        };
        let input = match message {
            Message::Act(act, answer) => {
                next_ticket += 1;
                waiting.insert(next_ticket, answer);
                Input::Act { ticket: next_ticket, act }
            }
            Message::Stop => break,
        };
        let outputs = node.step(input, now_s());
        out.view.store(Arc::new(node.view()));
        for output in outputs {
            match output {
                Output::Reply { ticket, answer } => {
                    if let Some(asker) = waiting.remove(&ticket) {
                        // An asker that has left needs no answer.
                        let _ = asker.send(answer);
                    }
                }
                Output::Event(event) => {
                    // Nobody may be listening.
                    let _ = out.events.send(event);
                }
                Output::Stopped => {}
                Output::Fatal(error) => {
                    on_fatal(error.to_string());
                    return;
                }
            }
        }
    }
    for output in node.step(Input::Stop, now_s()) {
        if let Output::Fatal(error) = output {
            return on_fatal(error.to_string());
        }
    }
}
