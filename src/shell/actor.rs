//! The node thread: owns the node, feeds it inputs and carries out its outputs.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

use arc_swap::ArcSwap;
use serde_json::Value;

use super::clock::now_s;
use crate::api::call::Runner;
use crate::api::error::{CallError, ErrorKind};
use crate::api::table;
use crate::api::wire::Request;
use crate::node::io::{Act, Done, Input, NodeError, Output};
use crate::node::state::Node;
use crate::node::view::View;

/// Acts that may wait for the node; who comes later waits for a place.
const INBOX_LIMIT: usize = 64;

enum Message {
    Act(Act, Sender<Result<Done, NodeError>>),
    Stop,
}

/// A way to the node thread, for as many callers as like.
#[derive(Clone)]
pub struct Handle {
    inbox: SyncSender<Message>,
    view: Arc<ArcSwap<View>>,
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
        let published = Arc::clone(&view);
        let thread = std::thread::Builder::new()
            .name("node".to_owned())
            .spawn(move || run(node, &messages, &published, on_fatal))?;
        Ok(Actor { handle: Handle { inbox, view }, thread })
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

impl Handle {
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
        }
    }

    fn act(&self, act: Act) -> Result<Done, CallError> {
        let (answer, answers) = channel();
        let stopping = || CallError::from(NodeError::Stopping);
        self.inbox.send(Message::Act(act, answer)).map_err(|_| stopping())?;
        Ok(answers.recv().map_err(|_| stopping())??)
    }
}

fn run(
    mut node: Node,
    messages: &Receiver<Message>,
    published: &ArcSwap<View>,
    on_fatal: impl FnOnce(String),
) {
    let mut waiting: HashMap<u64, Sender<Result<Done, NodeError>>> = HashMap::new();
    let mut next_ticket = 0;
    // All handles gone is a stop, too.
    while let Ok(message) = messages.recv() {
        let input = match message {
            Message::Act(act, answer) => {
                next_ticket += 1;
                waiting.insert(next_ticket, answer);
                Input::Act { ticket: next_ticket, act }
            }
            Message::Stop => break,
        };
        let outputs = node.step(input, now_s());
        published.store(Arc::new(node.view()));
        for output in outputs {
            match output {
                Output::Reply { ticket, answer } => {
                    if let Some(asker) = waiting.remove(&ticket) {
                        // An asker that has left needs no answer.
                        let _ = asker.send(answer);
                    }
                }
                Output::Event(_) | Output::Stopped => {}
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
