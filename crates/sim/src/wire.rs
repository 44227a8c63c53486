//! Connections: bytes in order, late, now and then lost and sent again; links that are slow.

use std::collections::VecDeque;

use super::plan::Plan;
use p2p::random::Random;

/// Who is at an end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Party {
    Machine(usize),
    Stranger(usize),
}

/// What travels.
#[derive(Debug)]
pub enum Packet {
    Bytes(Vec<u8>),
    /// Nothing comes after it.
    End,
}

/// One direction of a connection.
#[derive(Debug, Default)]
pub struct Pipe {
    packets: VecDeque<(u64, Packet)>,
    last_ms: u64,
}

/// One end of a connection.
#[derive(Debug, Clone, Copy)]
pub struct End {
    pub party: Party,
    /// The number that a machine's node knows it by.
    pub id: u64,
    /// Which life of the machine.
    pub life: u32,
}

/// A connection.
#[derive(Debug)]
pub struct Conn {
    pub ends: [End; 2],
    /// Whether each end still listens.
    pub open: [bool; 2],
    pipes: [Pipe; 2],
    latency_ms: u64,
    bytes_per_ms: u64,
}

/// Bytes that one link carries in a millisecond, usual and slow.
const USUAL: u64 = 2_000;
const SLOW: u64 = 8;

impl Conn {
    pub fn new(ends: [End; 2], plan: &Plan, random: &mut Random) -> Conn {
        let (least, most) = plan.latency_ms;
        let latency_ms = least + random.below(most.saturating_sub(least).max(1));
        let bytes_per_ms = if random.chance(plan.slow) { SLOW } else { USUAL };
        Conn { ends, open: [true; 2], pipes: Default::default(), latency_ms, bytes_per_ms }
    }

    /// A way there and back.
    pub fn round_trip_ms(&self) -> u64 {
        2 * self.latency_ms
    }

    /// Puts something on its way from an end; gives when it arrives. What is lost comes later, and
    /// what is behind it, too.
    pub fn send(
        &mut self,
        from: usize,
        packet: Packet,
        now_ms: u64,
        lost: u64,
        random: &mut Random,
    ) -> u64 {
        let size = match &packet {
            Packet::Bytes(bytes) => bytes.len() as u64,
            Packet::End => 0,
        };
        let mut took = self.latency_ms + random.below(1 + self.latency_ms / 4);
        took += size / self.bytes_per_ms;
        if random.chance(lost) {
            took += 200 + random.below(3_000);
        }
        let pipe = &mut self.pipes[from];
        let at = (now_ms + took).max(pipe.last_ms);
        pipe.last_ms = at;
        pipe.packets.push_back((at, packet));
        at
    }

    /// What has arrived from an end by now.
    pub fn arrived(&mut self, from: usize, now_ms: u64) -> Option<Packet> {
        let pipe = &mut self.pipes[from];
        pipe.packets.pop_front_if(|(at, _)| *at <= now_ms).map(|(_, packet)| packet)
    }

    /// Nothing of it matters any more.
    pub fn clear(&mut self) {
        self.open = [false; 2];
        self.pipes = Default::default();
    }
}
