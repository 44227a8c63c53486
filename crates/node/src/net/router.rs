//! `Net`: gives events, messages and time to the managers, and carries out what they ask for.
//!
//! It holds the clock, the random numbers and a few switches that managers share, and nothing else.

use std::collections::VecDeque;
use std::sync::Arc;

use super::context::{Action, Context, StepContext};
use super::io::{NetEvent, NetOutput};
use super::managers::Managers;
use super::publish::Publisher;
use super::view::NetView;
use crate::io::Output;
use crate::pool::SharedPool;
use chain::event::ChainEvent;
use mempool::pool::PoolEvent;
use p2p::address::canonical;
use p2p::download::PeerId;
use p2p::random::Random;
use p2p::relay::TxAnnouncement;
use primitives::fee::FeeRate;
use primitives::id::Txid;
use primitives::network::NetworkParams;
use store::error::StoreError;

/// What all managers share.
#[derive(Debug)]
pub struct Shared {
    pub params: &'static NetworkParams,
    /// Milliseconds since 1970.
    pub now_ms: u64,
    pub random: Random,
    /// The network was asked for.
    pub started: bool,
    /// The shell is ready.
    pub opened: bool,
    pub readonly: bool,
}

/// The network side.
#[derive(Debug)]
pub struct Net {
    pub(super) shared: Shared,
    pub(super) managers: Managers,
    publisher: Publisher,
}

impl Net {
    /// A network side that does nothing yet.
    pub fn new(params: &'static NetworkParams) -> Net {
        let random = Random::new(0);
        let (started, opened, readonly) = (false, false, false);
        let shared = Shared { params, now_ms: 0, random, started, opened, readonly };
        Net { shared, managers: Managers::default(), publisher: Publisher::default() }
    }

    pub fn is_started(&self) -> bool {
        self.shared.started
    }

    pub fn is_readonly(&self) -> bool {
        self.shared.readonly
    }

    pub fn set_readonly(&mut self) {
        self.shared.readonly = true;
    }

    /// The copy that reads see.
    pub fn view(&self) -> Arc<NetView> {
        self.publisher.view()
    }

    /// Serve block filters (BIP157).
    pub fn serve_filters(&mut self) {
        self.managers.filters.enable();
    }

    /// Blocks were pruned: the services that we offer change for peers that connect from now on.
    pub fn set_pruned(&mut self, pruned: bool) {
        self.managers.server.set_pruned(pruned);
    }

    /// Makes a new view.
    pub fn publish(&mut self, step: &mut StepContext<'_>) -> Result<(), StoreError> {
        self.publisher.publish(&self.shared, &self.managers, step.chain)
    }

    /// Lets a manager do something; what it asks for goes to the front of the queue. After a fault
    /// of the disk only what was asked for until then is done.
    fn call(
        &mut self,
        step: &mut StepContext<'_>,
        queue: &mut VecDeque<Action>,
        call: impl FnOnce(&mut Managers, &mut Context<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut ctx = Context {
            params: self.shared.params,
            now_ms: self.shared.now_ms,
            chain_now: step.now,
            readonly: self.shared.readonly,
            services: self.managers.services(),
            random: &mut self.shared.random,
            chain: step.chain,
            pool: step.pool,
            pool_changed: step.pool_changed,
            actions: Vec::new(),
        };
        let result = call(&mut self.managers, &mut ctx);
        if result.is_err() {
            queue.clear();
        }
        for action in ctx.actions.into_iter().rev() {
            queue.push_front(action);
        }
        result
    }

    /// Lets a manager do something, and carries out all that comes of it.
    pub(super) fn run(
        &mut self,
        step: &mut StepContext<'_>,
        call: impl FnOnce(&mut Managers, &mut Context<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut queue = VecDeque::new();
        let mut result = self.call(step, &mut queue, call);
        while let Some(action) = queue.pop_front() {
            let done = match action {
                Action::Output(output) => {
                    step.out.push(output);
                    Ok(())
                }
                Action::PublishView => {
                    self.publisher.publish_soon();
                    Ok(())
                }
                action => {
                    self.call(step, &mut queue, |managers, ctx| managers.carry_out(action, ctx))
                }
            };
            result = result.and(done);
        }
        result
    }

    /// As `run`, for what can't fail by itself.
    pub(super) fn run_sure(
        &mut self,
        step: &mut StepContext<'_>,
        call: impl FnOnce(&mut Managers, &mut Context<'_>),
    ) -> Result<(), StoreError> {
        self.run(step, |managers, ctx| {
            call(managers, ctx);
            Ok(())
        })
    }

    /// Takes what happened at the sockets; `now_ms` is in milliseconds since 1970.
    pub fn event(
        &mut self,
        event: NetEvent,
        now_ms: u64,
        step: &mut StepContext<'_>,
    ) -> Result<(), StoreError> {
        self.shared.now_ms = self.shared.now_ms.max(now_ms);
        match event {
            NetEvent::Opened { seed, saved } => self.opened(seed, &saved),
            NetEvent::Connected { id, address, inbound } => {
                self.run_sure(step, |managers, ctx| {
                    let Managers { connections, peers, .. } = managers;
                    connections.connected(id, canonical(address), inbound, peers, ctx);
                })?
            }
            NetEvent::Failed { id, reason } => self.run_sure(step, |managers, ctx| {
                managers.connections.failed(id, &reason, ctx);
            })?,
            NetEvent::Bytes { id, bytes } => self.bytes(id, &bytes, step)?,
            NetEvent::Written { id, bytes } => self.run(step, |managers, ctx| {
                managers.peers.written(id, bytes);
                managers.server.serve(id, &managers.peers, ctx)
            })?,
            NetEvent::Gone { id, reason } => {
                self.run_sure(step, |managers, ctx| managers.removed(id, &reason, ctx))?;
            }
            NetEvent::Listening(result) => self.run_sure(step, |managers, ctx| {
                managers.connections.listening_result(result, ctx);
            })?,
            NetEvent::Tick => self.tick(step)?,
        }
        // Who waited for it looks at once.
        match self.publisher.is_due() {
            true => self.publish(step),
            false => Ok(()),
        }
    }

    fn opened(&mut self, seed: u64, saved: &str) {
        let Shared { random, opened, .. } = &mut self.shared;
        *random = Random::new(seed);
        self.managers.addresses.open((random.word(), random.word()));
        *opened = true;
        self.managers.restore(saved, self.shared.now_ms / 1000);
    }

    /// Bytes of a peer to messages, and each message to who answers it.
    fn bytes(
        &mut self,
        id: PeerId,
        bytes: &[u8],
        step: &mut StepContext<'_>,
    ) -> Result<(), StoreError> {
        self.managers.peers.received(id, bytes, self.shared.now_ms);
        loop {
            let mut next = None;
            self.run_sure(step, |managers, ctx| next = managers.peers.next_message(id, ctx))?;
            let Some(message) = next else { break };
            self.run(step, |managers, ctx| managers.message(id, message, ctx))?;
        }
        self.run(step, |managers, ctx| managers.blocks.take_arrived(&managers.peers, ctx))
    }

    /// Time has passed: everything that is due happens.
    pub fn tick(&mut self, step: &mut StepContext<'_>) -> Result<(), StoreError> {
        if !self.shared.started {
            return Ok(());
        }
        let opened = self.shared.opened;
        self.run_sure(step, |managers, ctx| managers.peers.tick(ctx))?;
        self.run_sure(step, |managers, ctx| managers.connections.expire_dials(ctx))?;
        if opened {
            self.run_sure(step, |m, ctx| m.connections.dial_due(&m.peers, ctx))?;
        }
        self.run(step, |managers, ctx| managers.headers.tick(&managers.peers, ctx))?;
        self.run(step, |managers, ctx| managers.blocks.tick(ctx))?;
        self.run_sure(step, |managers, ctx| managers.transactions.tick(&managers.peers, ctx))?;
        self.run_sure(step, |managers, ctx| managers.addresses.tick(&managers.peers, ctx))?;
        if opened {
            self.run_sure(step, |managers, ctx| managers.addresses.save_when_due(ctx))?;
        }
        match self.publisher.is_old(self.shared.now_ms) {
            true => self.publish(step),
            false => Ok(()),
        }
    }

    /// Follows what a step of the node did, whoever asked for it.
    pub fn follow(&mut self, step: &mut StepContext<'_>) -> Result<(), StoreError> {
        if !self.shared.started {
            return Ok(());
        }
        let (mut moved, mut added, mut removed) = (false, Vec::new(), Vec::new());
        for output in step.out.iter() {
            match output {
                Output::Event(event) => {
                    moved |= matches!(**event, ChainEvent::TipChanged { .. });
                }
                Output::Pool(PoolEvent::Added { txid, wtxid, fee, vsize }) => {
                    let rate = FeeRate::of(*fee, *vsize).per_kvb;
                    added.push(TxAnnouncement { txid: *txid, wtxid: *wtxid, rate });
                }
                Output::Pool(PoolEvent::Removed { txid, why }) => removed.push((*txid, *why)),
                _ => {}
            }
        }
        if self.shared.readonly {
            added.clear();
        }
        self.run_sure(step, |managers, ctx| {
            for tx in added {
                managers.transactions.pool_added(tx, &managers.peers);
            }
            for (txid, why) in removed {
                managers.transactions.pool_removed(txid, why, ctx);
            }
            if moved {
                ctx.push(Action::AnnounceTip);
            }
        })
    }

    /// A transaction of our own: announced until a peer asks for it or it is confirmed.
    pub fn own_transaction(&mut self, txid: Txid, pool: &SharedPool) {
        if !self.shared.readonly {
            self.managers.transactions.own_transaction(txid, pool, self.shared.now_ms);
        }
    }

    /// The node stops: what is to be kept goes out.
    pub fn stop(&mut self, step: &mut StepContext<'_>) -> Result<(), StoreError> {
        let opened = self.shared.opened;
        self.run_sure(step, |managers, ctx| {
            if opened {
                managers.save(ctx);
            }
            managers.connections.stop(ctx);
        })
    }

    /// Starts the network side, once.
    pub(super) fn start(&mut self, step: &mut StepContext<'_>) {
        if !self.shared.started {
            self.shared.started = true;
            self.shared.now_ms = self.shared.now_ms.max(u64::from(step.now) * 1000);
            self.managers.announcer.start(step.chain.tip().id);
            step.out.push(Output::Net(NetOutput::Open));
        }
    }
}
