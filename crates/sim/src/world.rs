//! The world: what happens when, and the machines, links and strangers that it happens to.
//!
//! Events lie in order of time and of when they were made; each is handled whole before the next.
//! A run has three parts: blocks are mined while things go wrong; all is mended; the honest machines
//! must come to one chain.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use super::checks::{self, RunView};
use super::forge::{self, Purse};
use super::history::{History, START_S};
use super::hostile::Stranger;
use super::machine::{self, Machine};
use super::plan::Plan;
use super::report::{Failure, Report};
use super::wire::{Conn, End, Packet, Party};
use chain::event::ChainEvent;
use node::io::{Act, Done, Input, NodeError, Output};
use node::mine::io::MineAct;
use node::net::io::{NetAct, NetEvent, NetOutput};
use p2p::limits::WRITE_BYTES;
use p2p::random::Random;
use primitives::address::Address;
use primitives::id::Txid;
use primitives::network::REGTEST;
use testkit::disk::FaultyDisk;

/// The process starts within this, so that machines are not in step.
const BOOT_MS: u64 = 8_000;
/// One in so many machines has the node's own standing miner.
const STANDING: usize = 3;
/// Milliseconds between two looks at what must always hold.
const LOOK_MS: u64 = 20_000;
/// Milliseconds after which a machine that was to lose power at a write loses it anyway.
const CUT_ANYWAY_MS: u64 = 30_000;

/// What happens.
#[derive(Debug)]
pub(super) enum Event {
    Boot(usize),
    Tick {
        machine: usize,
        life: u32,
    },
    /// For a node, from its own shell.
    Net {
        machine: usize,
        life: u32,
        event: NetEvent,
    },
    /// Something may have arrived from an end of a connection.
    Pipe {
        conn: usize,
        from: usize,
    },
    /// A dial is answered.
    Dialled {
        from: End,
        source: SocketAddr,
        target: SocketAddr,
    },
    StrangerTick(usize),
    StartWork,
    FoundWork {
        machine: usize,
        life: u32,
    },
    Pay,
    Look,
    Partition {
        until_ms: u64,
    },
    HealPartition,
    Crash {
        down_ms: u64,
    },
    CutAnyway {
        machine: usize,
        life: u32,
        down_ms: u64,
    },
    Restart {
        down_ms: u64,
    },
}

/// Where a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Active,
    Settling,
    /// One tip: a last transaction goes round.
    LastPayment,
    Done,
}

/// All of it.
pub struct World {
    pub plan: Plan,
    pub now_ms: u64,
    pub phase: Phase,
    pub machines: Vec<Machine>,
    pub strangers: Vec<Stranger>,
    pub history: Arc<History>,
    pub report: Report,
    events: BTreeMap<(u64, u64), Event>,
    next_event: u64,
    pub(super) conns: Vec<Conn>,
    pub(super) random: Random,
    /// Which part of a divided network each machine is in.
    pub(super) parts: Option<Vec<u8>>,
    pub(super) purses: Vec<Purse>,
    /// Kept back for the payment at the end, so that nothing contests it.
    pub(super) last_purse: Option<Purse>,
    pub(super) next_ticket: u64,
    pub(super) settle_since_ms: u64,
    pub(super) next_settle_block_ms: u64,
    pub(super) last_payment: Option<Txid>,
}

/// Which machine has an address.
pub(super) fn is_honest(ip: &IpAddr) -> Option<usize> {
    match ip.to_canonical() {
        IpAddr::V4(v4) if v4.octets()[0] == 20 => Some(usize::from(v4.octets()[1])),
        _ => None,
    }
}

/// Messages to one peer in a row leave together, as in the shell.
fn joined(outputs: Vec<Output>) -> Vec<Output> {
    let mut list: Vec<Output> = Vec::with_capacity(outputs.len());
    for output in outputs {
        if let Output::Net(NetOutput::Send { id, bytes }) = &output
            && let Some(Output::Net(NetOutput::Send { id: last, bytes: batch })) = list.last_mut()
            && id == last
            && batch.len() < WRITE_BYTES
        {
            batch.extend_from_slice(bytes);
            continue;
        }
        list.push(output);
    }
    list
}

impl World {
    pub fn new(plan: Plan) -> Result<World, Failure> {
        let history = History::of(plan.history).map_err(|e| Failure::new(&plan, 0, e))?;
        let mut random = Random::new(plan.seed);
        let machines = (0..plan.nodes).map(|index| {
            let ip = Ipv4Addr::new(20, index as u8, 0, 1);
            let address = SocketAddr::new(IpAddr::V4(ip), REGTEST.p2p_port);
            let skew = random.below(2 * plan.skew_ms + 1) as i64 - plan.skew_ms as i64;
            Machine::new(index, address, skew, FaultyDisk::with_image(history.image.clone()))
        });
        let mut machines: Vec<Machine> = machines.collect();
        for index in 1..machines.len() {
            let mut friends = BTreeSet::from([0, random.below(index as u64) as usize]);
            friends.insert(random.below(index as u64) as usize);
            machines[index].friends =
                friends.into_iter().map(|friend| machines[friend].address).collect();
        }
        let strangers = plan.hostile.iter().zip(0..).map(|(&kind, n)| Stranger::new(kind, n));
        let mut world = World {
            now_ms: u64::from(START_S) * 1000,
            phase: Phase::Active,
            strangers: strangers.collect(),
            purses: history.purses.iter().skip(1).copied().collect(),
            last_purse: history.purses.first().copied(),
            report: Report::new(&plan),
            machines,
            history,
            events: BTreeMap::new(),
            next_event: 0,
            conns: Vec::new(),
            random,
            parts: None,
            next_ticket: 1,
            settle_since_ms: 0,
            next_settle_block_ms: 0,
            last_payment: None,
            plan,
        };
        world.arrange();
        Ok(world)
    }

    /// Puts down what will happen by itself.
    fn arrange(&mut self) {
        for machine in 0..self.machines.len() {
            let at = self.random.below(BOOT_MS);
            self.after(at, Event::Boot(machine));
        }
        for stranger in 0..self.strangers.len() {
            let at = BOOT_MS + self.random.below(60_000);
            self.after(at, Event::StrangerTick(stranger));
        }
        let active = self.plan.active_ms();
        for _ in 0..self.plan.partitions {
            let (at, lasts) = (self.random.below(active), self.random.below(active / 2 + 1));
            let until_ms = self.now_ms + BOOT_MS + at + lasts;
            self.after(BOOT_MS + at, Event::Partition { until_ms });
        }
        for _ in 0..self.plan.crashes {
            let at = self.random.below(active);
            let down_ms = self.random.below(active / 4 + 1);
            self.after(BOOT_MS + at, Event::Crash { down_ms });
        }
        for _ in 0..self.plan.restarts {
            let at = self.random.below(active);
            let down_ms = self.random.below(active / 4 + 1);
            self.after(BOOT_MS + at, Event::Restart { down_ms });
        }
        self.after(BOOT_MS, Event::StartWork);
        if self.plan.pay_every_ms > 0 {
            self.after(BOOT_MS, Event::Pay);
        }
        self.after(LOOK_MS, Event::Look);
    }

    pub(super) fn after(&mut self, ms: u64, event: Event) {
        self.at(self.now_ms + ms, event);
    }

    pub(super) fn at(&mut self, ms: u64, event: Event) {
        self.events.insert((ms.max(self.now_ms), self.next_event), event);
        self.next_event += 1;
    }

    pub(super) fn failure(&self, why: impl std::fmt::Display) -> Failure {
        Failure::new(&self.plan, self.now_ms - u64::from(START_S) * 1000, why)
    }

    /// Runs to the end; `watch` is told now and then and can end it.
    pub fn run(
        mut self,
        watch: &mut dyn FnMut(&World) -> ControlFlow<()>,
    ) -> Result<Report, Failure> {
        let mut steps = 0u64;
        while self.phase != Phase::Done {
            let Some(((at, _), event)) = self.events.pop_first() else {
                return Err(self.failure("nothing happens any more"));
            };
            self.now_ms = at;
            self.handle(event)?;
            steps += 1;
            if steps.is_multiple_of(4096) && watch(&self).is_break() {
                return Err(self.failure("it was stopped"));
            }
        }
        self.flush_all()?;
        checks::at_the_end(self.view())?;
        self.report.finish(&mut self.machines, self.now_ms - u64::from(START_S) * 1000);
        Ok(self.report)
    }

    /// What the checks are shown.
    fn view(&self) -> RunView<'_> {
        RunView {
            plan: &self.plan,
            now_ms: self.now_ms,
            report: &self.report,
            machines: &self.machines,
            strangers: &self.strangers,
        }
    }

    /// Has every node write what it has cached.
    fn flush_all(&mut self) -> Result<(), Failure> {
        for index in 0..self.machines.len() {
            let Some(up) = self.machines[index].up.as_mut() else { continue };
            if let Err(error) = up.node.chain().flush() {
                return Err(self.failure(format!("machine {index} can't flush: {error}")));
            }
        }
        Ok(())
    }

    fn handle(&mut self, event: Event) -> Result<(), Failure> {
        match event {
            Event::Boot(machine) => self.boot(machine),
            Event::Tick { machine, life } => {
                if self.machines[machine].life == life && self.machines[machine].up.is_some() {
                    self.after(self.plan.tick_ms, Event::Tick { machine, life });
                    self.net(machine, NetEvent::Tick)?;
                }
                Ok(())
            }
            Event::Net { machine, life, event } => {
                if self.machines[machine].life == life {
                    self.net(machine, event)?;
                }
                Ok(())
            }
            Event::Pipe { conn, from } => self.pipe(conn, from),
            Event::Dialled { from, source, target } => self.dialled(from, source, target),
            Event::StrangerTick(stranger) => {
                self.after(self.plan.harm_every_ms, Event::StrangerTick(stranger));
                self.with_stranger(stranger, |stranger, ctx| stranger.tick(ctx))
            }
            Event::StartWork => {
                self.start_work();
                Ok(())
            }
            Event::FoundWork { machine, life } => self.found_work(machine, life),
            Event::Pay => self.pay(),
            Event::Look => {
                self.after(LOOK_MS, Event::Look);
                checks::always(self.view())?;
                self.settle()
            }
            Event::Partition { until_ms } => {
                if self.phase == Phase::Active {
                    let random = &mut self.random;
                    let parts = (0..self.machines.len()).map(|_| random.below(2) as u8);
                    self.parts = Some(parts.collect());
                    self.report.partitions += 1;
                    self.at(until_ms, Event::HealPartition);
                }
                Ok(())
            }
            Event::HealPartition => {
                self.parts = None;
                Ok(())
            }
            Event::Crash { down_ms } => {
                if let Some(machine) = self.some_machine().filter(|_| self.phase == Phase::Active) {
                    let disk = &self.machines[machine].disk;
                    disk.cut_at(disk.steps() + 1 + self.random.below(40));
                    let life = self.machines[machine].life;
                    self.after(CUT_ANYWAY_MS, Event::CutAnyway { machine, life, down_ms });
                }
                Ok(())
            }
            Event::CutAnyway { machine, life, down_ms } => {
                let (here, active) = (&self.machines[machine], self.phase == Phase::Active);
                if here.life == life && here.up.is_some() && active {
                    self.cut_power(machine, down_ms);
                }
                Ok(())
            }
            Event::Restart { down_ms } => {
                match self.some_machine().filter(|_| self.phase == Phase::Active) {
                    Some(machine) => self.restart(machine, down_ms),
                    None => Ok(()),
                }
            }
        }
    }

    pub(super) fn some_machine(&mut self) -> Option<usize> {
        let up: Vec<usize> =
            self.machines.iter().filter(|m| m.up.is_some()).map(|m| m.index).collect();
        let at = self.random.below(up.len() as u64) as usize;
        up.get(at).copied()
    }

    // ---- machines

    fn boot(&mut self, index: usize) -> Result<(), Failure> {
        let machine = &mut self.machines[index];
        if machine.up.is_some() {
            return Ok(());
        }
        let booted = machine::boot(&machine.disk);
        let booted = booted.map_err(|e| {
            self.failure(format!("machine {index} can't open its disk after a crash: {e}"))
        })?;
        let machine = &mut self.machines[index];
        machine.up = Some(booted);
        let life = machine.life;
        checks::kept_its_promises(self.view(), index)?;
        let first = match self.machines[index].saved_pool.clone() {
            Some(bytes) => Input::LoadPool(bytes),
            None => Input::Tick,
        };
        self.step(index, first)?;
        self.act(index, Act::Net(NetAct::Listen { address: None }))?;
        for friend in self.machines[index].friends.clone() {
            self.act(index, Act::Net(NetAct::AddNode { target: friend.to_string() }))?;
        }
        if index % STANDING == 1 {
            let payout = Address::from_script(&forge::pay_script((index % 16) as u16));
            let address = payout.map(|payout| payout.to_text(&REGTEST));
            self.act(index, Act::Mine(MineAct::SetAddress { address }))?;
            let start = MineAct::Start { threads: Some(1), blocks: None, patient: true };
            self.act(index, Act::Mine(start))?;
        }
        let first = self.random.below(self.plan.tick_ms.max(1));
        self.after(first, Event::Tick { machine: index, life });
        Ok(())
    }

    /// Does something at a machine and gives the ticket under which the answer comes.
    pub(super) fn act(&mut self, machine: usize, act: Act) -> Result<u64, Failure> {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.step(machine, Input::Act { ticket, act })?;
        Ok(ticket)
    }

    pub(super) fn net(&mut self, machine: usize, event: NetEvent) -> Result<(), Failure> {
        let ms = self.machines[machine].clock_ms(self.now_ms);
        self.step(machine, Input::Net { ms, event })
    }

    pub(super) fn step(&mut self, index: usize, input: Input) -> Result<(), Failure> {
        let machine = &mut self.machines[index];
        let now = machine.clock_s(self.now_ms);
        let Some(up) = machine.up.as_mut() else { return Ok(()) };
        let outputs = up.node.step(input, now);
        self.report.steps += 1;
        for output in joined(outputs) {
            if self.machines[index].up.is_none() {
                break;
            }
            self.carry_out(index, output)?;
        }
        self.check_work(index)
    }

    fn carry_out(&mut self, index: usize, output: Output) -> Result<(), Failure> {
        match output {
            Output::Net(output) => self.shell(index, output)?,
            Output::Reply { ticket, answer } => self.answered(index, ticket, answer)?,
            Output::Event(event) => {
                if let ChainEvent::TipChanged { disconnected, height, .. } = *event {
                    let machine = &mut self.machines[index];
                    machine.reorganisations += u32::from(disconnected > 0);
                    machine.deepest = machine.deepest.max(disconnected);
                    self.report.trace((index as u64) << 32 | u64::from(height.0), self.now_ms);
                }
            }
            Output::SavePool(bytes) => self.machines[index].saved_pool = Some(bytes),
            Output::Pool(_) => self.report.pool_events += 1,
            Output::Note(text) => self.report.note(index, text),
            Output::Fatal(error) => {
                let machine = &self.machines[index];
                if machine.disk.is_cut() {
                    self.report.torn += 1;
                    let down_ms = self.random.below(self.plan.active_ms() / 4 + 1);
                    self.cut_power(index, down_ms);
                } else {
                    return Err(self.failure(format!("machine {index} stops by itself: {error}")));
                }
            }
            Output::Work(work) => {
                self.report.works += u64::from(work.is_some());
                self.machines[index].given = work;
            }
            Output::Stopped => {}
        }
        Ok(())
    }

    /// What the shell does for a node.
    fn shell(&mut self, index: usize, output: NetOutput) -> Result<(), Failure> {
        let life = self.machines[index].life;
        let now = self.now_ms;
        match output {
            NetOutput::Open => {
                let seed = self.random.word();
                let saved = self.machines[index].saved_peers.clone();
                let event = NetEvent::Opened { seed, saved };
                self.at(now, Event::Net { machine: index, life, event });
            }
            NetOutput::Listen { .. } => {
                self.machines[index].listening = true;
                let address = self.machines[index].address;
                let event = NetEvent::Listening(Ok(address));
                self.at(now, Event::Net { machine: index, life, event });
            }
            NetOutput::StopListening => self.machines[index].listening = false,
            NetOutput::Save(text) => self.machines[index].saved_peers = text,
            NetOutput::Connect { id, host, port } => {
                let Ok(ip) = host.parse() else { return Ok(()) };
                let target = SocketAddr::new(ip, port);
                let source = self.machines[index].address;
                self.dial(End { party: Party::Machine(index), id, life }, source, target);
            }
            NetOutput::Send { id, bytes } => {
                self.machines[index].bytes_out += bytes.len() as u64;
                if let Some(&conn) = self.machines[index].conns.get(&id) {
                    let side = self.side_of(conn, Party::Machine(index), id);
                    self.report.trace(id, bytes.len() as u64);
                    self.send(conn, side, Packet::Bytes(bytes));
                }
            }
            NetOutput::Close { id } => {
                if let Some(conn) = self.machines[index].conns.remove(&id) {
                    let side = self.side_of(conn, Party::Machine(index), id);
                    self.conns[conn].open[side] = false;
                    self.send(conn, side, Packet::End);
                    let event = NetEvent::Gone { id, reason: "closed".to_owned() };
                    self.at(now, Event::Net { machine: index, life, event });
                }
            }
        }
        Ok(())
    }

    fn answered(
        &mut self,
        index: usize,
        ticket: u64,
        answer: Result<Done, NodeError>,
    ) -> Result<(), Failure> {
        let Some(hash) = self.machines[index].submitted.remove(&ticket) else {
            if let Ok(Done::Accepted { .. }) = answer {
                self.report.paid += 1;
            }
            return Ok(());
        };
        match answer {
            Ok(Done::Submitted(None)) => {
                self.report.mined += 1;
                self.machines[index].promised.push(hash);
            }
            // Work on a tip that is no longer one: kept beside the chain, never the tip.
            Ok(Done::Submitted(Some(reason))) if reason == "inconclusive" => {
                self.report.stale += 1;
                self.machines[index].promised.push(hash);
                if self.machines[index].tip().is_some_and(|tip| tip.hash == hash) {
                    return Err(self.failure(format!("machine {index} took stale work as its tip")));
                }
            }
            Ok(Done::Submitted(Some(reason))) if reason == "duplicate" => {}
            Ok(Done::Submitted(Some(reason))) => {
                return Err(
                    self.failure(format!("machine {index} refuses its own block: {reason}"))
                );
            }
            Err(NodeError::Store(_)) => {}
            other => return Err(self.failure(format!("a block is answered with {other:?}"))),
        }
        Ok(())
    }

    fn cut_power(&mut self, index: usize, down_ms: u64) {
        self.report.crashes += 1;
        let seed = self.random.word();
        self.leave(index, true);
        self.machines[index].cut_power(seed);
        self.after(down_ms, Event::Boot(index));
    }

    fn restart(&mut self, index: usize, down_ms: u64) -> Result<(), Failure> {
        self.report.restarts += 1;
        self.step(index, Input::Stop)?;
        if self.machines[index].up.is_some() {
            self.leave(index, false);
            self.machines[index].ended();
            self.after(down_ms, Event::Boot(index));
        }
        Ok(())
    }

    /// A machine's connections end: the others hear of it at once, or when they wonder.
    fn leave(&mut self, index: usize, silently: bool) {
        for conn in std::mem::take(&mut self.machines[index].conns).into_values() {
            for side in 0..2 {
                let End { party, id, life } = self.conns[conn].ends[side];
                if party == Party::Machine(index) || !self.conns[conn].open[side] {
                    continue;
                }
                let wait = if silently { self.random.below(5 * 60 * 1000) } else { 50 };
                self.disconnect_later(party, id, life, conn, wait);
            }
            self.conns[conn].clear();
        }
    }

    pub(super) fn disconnect_later(
        &mut self,
        party: Party,
        id: u64,
        life: u32,
        conn: usize,
        wait: u64,
    ) {
        match party {
            Party::Machine(machine) => {
                if self.machines[machine].life == life {
                    self.machines[machine].conns.remove(&id);
                }
                let event = NetEvent::Gone { id, reason: "reset".to_owned() };
                self.after(wait, Event::Net { machine, life, event });
            }
            Party::Stranger(stranger) => self.strangers[stranger].disconnected(conn),
        }
    }
}
