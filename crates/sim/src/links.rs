//! Connections between machines and strangers: dials, bytes on their way, and what strangers do.

use core::net::SocketAddr;
use std::sync::Arc;

use super::hostile::{Stranger, StrangerAction, StrangerContext};
use super::report::Failure;
use super::wire::{Conn, End, Packet, Party};
use super::world::{Event, Phase, World, is_honest};
use node::net::io::NetEvent;

/// A dial to nobody fails after this, as in the shell.
const CONNECT_LIMIT_MS: u64 = 10_000;

impl World {
    pub(super) fn side_of(&self, conn: usize, party: Party, id: u64) -> usize {
        let end = &self.conns[conn].ends[0];
        usize::from(end.party != party || end.id != id)
    }

    /// Whether bytes pass between two at this time.
    fn divided(&self, a: Party, b: Party) -> bool {
        let (Some(parts), Party::Machine(a), Party::Machine(b)) = (&self.parts, a, b) else {
            return false;
        };
        parts[a] != parts[b]
    }

    pub(super) fn dial(&mut self, from: End, source: SocketAddr, target: SocketAddr) {
        let wait = self.plan.latency_ms.0 + self.random.below(self.plan.latency_ms.1);
        self.after(wait, Event::Dialled { from, source, target });
    }

    fn party_at(&self, target: &SocketAddr) -> Option<Party> {
        if let Some(index) = is_honest(&target.ip()) {
            return (index < self.machines.len()).then_some(Party::Machine(index));
        }
        self.strangers.iter().position(|s| s.owns(&target.ip())).map(Party::Stranger)
    }

    pub(super) fn dialled(
        &mut self,
        from: End,
        source: SocketAddr,
        target: SocketAddr,
    ) -> Result<(), Failure> {
        if let Party::Machine(machine) = from.party
            && (self.machines[machine].life != from.life || self.machines[machine].up.is_none())
        {
            return Ok(());
        }
        let to = self.party_at(&target);
        let open = match to {
            Some(Party::Machine(machine)) => {
                let here = &self.machines[machine];
                here.up.is_some()
                    && here.listening
                    && !self.divided(from.party, Party::Machine(machine))
            }
            Some(Party::Stranger(stranger)) => self.strangers[stranger].accepts(),
            None => false,
        };
        let Some(to) = to.filter(|_| open) else {
            match from.party {
                Party::Machine(machine) => {
                    let event = NetEvent::Failed { id: from.id, reason: "no answer".to_owned() };
                    let life = from.life;
                    self.after(CONNECT_LIMIT_MS, Event::Net { machine, life, event });
                }
                Party::Stranger(stranger) => {
                    if let Some(machine) = is_honest(&target.ip()) {
                        self.strangers[stranger].failed(machine);
                    }
                }
            }
            return Ok(());
        };
        let port = 1024 + self.random.below(60_000) as u16;
        let conn = self.conns.len();
        let mut ends = [from, End { party: to, id: 0, life: 0 }];
        if let Party::Machine(machine) = to {
            let here = &mut self.machines[machine];
            ends[1] = End { party: to, id: here.next_inbound, life: here.life };
            here.next_inbound += 2;
        }
        self.conns.push(Conn::new(ends, &self.plan, &mut self.random));
        for (side, end) in ends.into_iter().enumerate() {
            if let Party::Machine(machine) = end.party {
                self.machines[machine].conns.insert(end.id, conn);
                let address = match side {
                    0 => target,
                    _ => SocketAddr::new(source.ip(), port),
                };
                let inbound = side == 1;
                let event = NetEvent::Connected { id: end.id, address, inbound };
                self.net(machine, event)?;
            }
        }
        let other = |party| match party {
            Party::Machine(machine) => machine,
            Party::Stranger(_) => 0,
        };
        match (from.party, to) {
            (Party::Stranger(stranger), other_end) => {
                let machine = other(other_end);
                self.with_stranger(stranger, |s, ctx| s.connected(conn, machine, true, ctx))
            }
            (other_end, Party::Stranger(stranger)) => {
                let machine = other(other_end);
                self.with_stranger(stranger, |s, ctx| s.connected(conn, machine, false, ctx))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn send(&mut self, conn: usize, side: usize, packet: Packet) {
        let to = 1 - side;
        if !self.conns[conn].open[to] {
            return;
        }
        if self.random.chance(self.plan.broken) && self.phase == Phase::Active {
            self.report.broken += 1;
            for end in self.conns[conn].ends {
                self.disconnect_later(end.party, end.id, end.life, conn, 100);
            }
            self.conns[conn].clear();
            return;
        }
        // Bytes may come in pieces.
        let packets = match packet {
            Packet::Bytes(mut bytes) if bytes.len() > 1 && self.random.chance(100) => {
                let rest = bytes.split_off(1 + self.random.below(bytes.len() as u64 - 1) as usize);
                vec![Packet::Bytes(bytes), Packet::Bytes(rest)]
            }
            whole => vec![whole],
        };
        for packet in packets {
            let (lost, random) = (self.plan.lost, &mut self.random);
            let at = self.conns[conn].send(side, packet, self.now_ms, lost, random);
            self.at(at, Event::Pipe { conn, from: side });
        }
    }

    pub(super) fn pipe(&mut self, conn: usize, from: usize) -> Result<(), Failure> {
        let [a, b] = self.conns[conn].ends.map(|end| end.party);
        if self.divided(a, b) {
            // Sent again until it comes through.
            self.after(1_000, Event::Pipe { conn, from });
            return Ok(());
        }
        let Some(packet) = self.conns[conn].arrived(from, self.now_ms) else { return Ok(()) };
        let (sender, receiver) = (self.conns[conn].ends[from], self.conns[conn].ends[1 - from]);
        match packet {
            Packet::Bytes(bytes) => {
                let size = bytes.len() as u64;
                match receiver.party {
                    Party::Machine(machine) if self.machines[machine].life == receiver.life => {
                        self.machines[machine].bytes_in += size;
                        if self.conns[conn].open[1 - from] {
                            self.net(machine, NetEvent::Bytes { id: receiver.id, bytes })?;
                        }
                    }
                    Party::Machine(_) => {}
                    Party::Stranger(stranger) => {
                        self.with_stranger(stranger, |s, ctx| s.bytes(conn, &bytes, ctx))?;
                    }
                }
                if let Party::Machine(machine) = sender.party
                    && self.machines[machine].life == sender.life
                    && self.conns[conn].open[from]
                {
                    self.net(machine, NetEvent::Written { id: sender.id, bytes: size })?;
                }
            }
            Packet::End => {
                if std::mem::replace(&mut self.conns[conn].open[1 - from], false) {
                    let End { party, id, life } = receiver;
                    self.disconnect_later(party, id, life, conn, 0);
                }
                self.conns[conn].clear();
            }
        }
        Ok(())
    }

    pub(super) fn with_stranger(
        &mut self,
        index: usize,
        act: impl FnOnce(&mut Stranger, &mut StrangerContext),
    ) -> Result<(), Failure> {
        let shown = self.some_machine();
        let tip = shown.and_then(|machine| self.machines[machine].tip());
        let purse = self.random.below(self.purses.len().max(1) as u64) as usize;
        let history = Arc::clone(&self.history);
        let mut ctx = StrangerContext {
            now_s: u32::try_from(self.now_ms / 1000).unwrap_or(u32::MAX),
            random: &mut self.random,
            tip: tip.unwrap_or(history.tip),
            history: &history,
            purse: self.purses.get(purse).copied(),
            machines: self.machines.len(),
            actions: Vec::new(),
        };
        act(&mut self.strangers[index], &mut ctx);
        let actions = ctx.actions;
        for action in actions {
            match action {
                StrangerAction::Send(conn, bytes) => {
                    self.report.harm += 1;
                    let side = self.side_of(conn, Party::Stranger(index), 0);
                    self.send(conn, side, Packet::Bytes(bytes));
                }
                StrangerAction::Hang(conn) => {
                    let side = self.side_of(conn, Party::Stranger(index), 0);
                    self.send(conn, side, Packet::End);
                }
                StrangerAction::Dial(machine, source) => {
                    let target = self.machines[machine].address;
                    let from = End { party: Party::Stranger(index), id: 0, life: 0 };
                    self.dial(from, source, target);
                }
            }
        }
        Ok(())
    }
}
