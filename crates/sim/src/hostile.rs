//! Strangers who mean harm, one kind of it each. They have all the speed they like and, as on
//! regtest, work costs them nothing.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::forge::{self, Parent, Purse};
use super::history::History;
use consensus::connect::subsidy;
use p2p::address::{PeerAddress, services};
use p2p::compact::{BlockTxns, CompactBlock};
use p2p::frame::{self, Decoder, HEADER_BYTES};
use p2p::message::{Inv, InvKind, Message, Version};
use p2p::random::Random;
use primitives::amount::Amount;
use primitives::block::Header;
use primitives::codec::Encode;
use primitives::id::{BlockHash, Txid};
use primitives::network::REGTEST;
use primitives::tx::{OutPoint, Transaction};

/// Addresses that an eclipse is tried with.
const ECLIPSE: u32 = 1000;
/// Connections that one stranger keeps to one machine.
const MOST_CONNS: usize = 160;

/// What a stranger does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Bytes that are no protocol, or nearly one.
    Garbage,
    /// Connects and says nothing.
    Silent,
    /// A message that never ends, byte by byte.
    SlowLoris,
    /// Frames with wrong sums and lengths, unknown commands, messages before the handshake.
    Malformed,
    /// A long branch of headers with little work, again and again.
    LowWork,
    /// Headers that connect to nothing.
    Unconnecting,
    /// Headers of a heavier branch whose blocks it never gives.
    Withholder,
    /// Blocks on the tip that break a rule.
    BadBlocks,
    /// Compact blocks that are none, and answers that don't fit.
    BadCompact,
    /// Transactions that no block may have, and orphans without end.
    BadTransactions,
    /// Ids of nothing, pings, questions, as fast as it can.
    Flood,
    /// A thousand addresses of its own and as many connections as it gets: an eclipse.
    Eclipse,
    /// What it hears, with bytes changed and the sum made right.
    Parrot,
}

impl Kind {
    pub const ALL: [Kind; 13] = [
        Kind::Garbage,
        Kind::Silent,
        Kind::SlowLoris,
        Kind::Malformed,
        Kind::LowWork,
        Kind::Unconnecting,
        Kind::Withholder,
        Kind::BadBlocks,
        Kind::BadCompact,
        Kind::BadTransactions,
        Kind::Flood,
        Kind::Eclipse,
        Kind::Parrot,
    ];

    /// Whether what it does proves ill will, so that a ban is right. The others may be dropped, and
    /// no more: bytes are garbled on the way, links are slow. Who tells of low work does so again and
    /// again unasked; a withholder answers every question with its own branch, whether it connects
    /// or not.
    pub fn may_be_banned(self) -> bool {
        match self {
            Kind::Unconnecting
            | Kind::BadBlocks
            | Kind::BadCompact
            | Kind::BadTransactions
            | Kind::Flood
            | Kind::LowWork
            | Kind::Withholder
            | Kind::Parrot => true,
            Kind::Garbage | Kind::Silent | Kind::SlowLoris | Kind::Malformed | Kind::Eclipse => {
                false
            }
        }
    }
}

/// What a stranger wants done.
#[derive(Debug)]
pub enum StrangerAction {
    Send(usize, Vec<u8>),
    Hang(usize),
    /// Connect to a machine, from one of its addresses.
    Dial(usize, SocketAddr),
}

/// What a stranger knows of the world.
pub struct StrangerContext<'a> {
    pub now_s: u32,
    pub random: &'a mut Random,
    /// The tip of some machine.
    pub tip: Parent,
    pub history: &'a History,
    /// A coin that can be spent.
    pub purse: Option<Purse>,
    pub machines: usize,
    pub actions: Vec<StrangerAction>,
}

/// One conversation.
#[derive(Debug)]
struct Conversation {
    machine: usize,
    decoder: Decoder,
    greeted: bool,
    ready: bool,
    /// Sends so far, so that nobody talks forever.
    said: u32,
}

/// A stranger.
#[derive(Debug)]
pub struct Stranger {
    pub kind: Kind,
    pub number: u32,
    conversations: BTreeMap<usize, Conversation>,
    dialling: BTreeMap<usize, usize>,
    next_address: u32,
    branch: Vec<Header>,
    flood: Option<Arc<Vec<Header>>>,
    /// Machines that it did harm to.
    harmed: BTreeSet<usize>,
}

impl Stranger {
    pub fn new(kind: Kind, number: u32) -> Stranger {
        Stranger {
            kind,
            number,
            conversations: BTreeMap::new(),
            dialling: BTreeMap::new(),
            next_address: 0,
            branch: Vec::new(),
            flood: None,
            harmed: BTreeSet::new(),
        }
    }

    /// Whether a machine may ban it.
    pub fn deserves_ban_by(&self, machine: usize) -> bool {
        self.kind.may_be_banned() && self.harmed.contains(&machine)
    }

    fn harms(&mut self, conn: usize) {
        self.harmed.extend(self.conversations.get(&conn).map(|conversation| conversation.machine));
    }

    /// Its addresses: one for most, a thousand in a few groups for who tries an eclipse.
    pub fn address(&self, n: u32) -> SocketAddr {
        let number = (self.number % 60) as u8;
        let ip = match self.kind {
            Kind::Eclipse => {
                let [.., high, low] = (n % ECLIPSE).to_be_bytes();
                Ipv4Addr::new(60 + number, 10 + (n % 10) as u8, high, low)
            }
            _ => Ipv4Addr::new(60 + number, 1, 1, 1),
        };
        SocketAddr::new(IpAddr::V4(ip), REGTEST.p2p_port)
    }

    /// Whether an address is one of its.
    pub fn owns(&self, ip: &IpAddr) -> bool {
        match ip.to_canonical() {
            IpAddr::V4(v4) => u32::from(v4.octets()[0]) == 60 + self.number % 60,
            IpAddr::V6(_) => false,
        }
    }

    /// Half of all harm comes in at a machine's own wish: it dialled the address.
    pub fn accepts(&self) -> bool {
        self.conversations.len() < MOST_CONNS * 2
    }

    pub fn connected(
        &mut self,
        conn: usize,
        machine: usize,
        dialled: bool,
        ctx: &mut StrangerContext,
    ) {
        if dialled && let Some(count) = self.dialling.get_mut(&machine) {
            *count = count.saturating_sub(1);
        }
        let decoder = Decoder::new(REGTEST.magic);
        let conversation = Conversation { machine, decoder, greeted: false, ready: false, said: 0 };
        self.conversations.insert(conn, conversation);
        match self.kind {
            Kind::Silent => {}
            Kind::Garbage => self.garbage(conn, ctx),
            Kind::SlowLoris => {
                let frame = frame::encode(REGTEST.magic, &Message::Ping(1));
                self.raw(conn, frame[..10].to_vec(), ctx);
            }
            Kind::Malformed if ctx.random.chance(300) => {
                self.say(conn, &Message::GetAddr, ctx);
            }
            _ if dialled => self.greet(conn, ctx),
            _ => {}
        }
    }

    pub fn failed(&mut self, machine: usize) {
        if let Some(count) = self.dialling.get_mut(&machine) {
            *count = count.saturating_sub(1);
        }
    }

    pub fn disconnected(&mut self, conn: usize) {
        self.conversations.remove(&conn);
    }

    fn greet(&mut self, conn: usize, ctx: &mut StrangerContext) {
        let Some(conversation) = self.conversations.get_mut(&conn) else { return };
        if std::mem::replace(&mut conversation.greeted, true) {
            return;
        }
        let version = Version {
            version: 70016,
            services: services::NETWORK | services::WITNESS,
            time: i64::from(ctx.now_s),
            receiver: self.address(0),
            nonce: ctx.random.word(),
            user_agent: "/stranger:1.0/".to_owned(),
            height: ctx.tip.height.0 as i32 + 100,
            relay: true,
        };
        self.say(conn, &Message::Version(Box::new(version)), ctx);
    }

    fn say(&mut self, conn: usize, message: &Message, ctx: &mut StrangerContext) {
        self.raw(conn, frame::encode(REGTEST.magic, message), ctx);
    }

    fn raw(&mut self, conn: usize, bytes: Vec<u8>, ctx: &mut StrangerContext) {
        if let Some(conversation) = self.conversations.get_mut(&conn) {
            conversation.said += 1;
            ctx.actions.push(StrangerAction::Send(conn, bytes));
        }
    }

    pub fn bytes(&mut self, conn: usize, bytes: &[u8], ctx: &mut StrangerContext) {
        if matches!(self.kind, Kind::Silent | Kind::Garbage | Kind::SlowLoris) {
            return;
        }
        let Some(conversation) = self.conversations.get_mut(&conn) else { return };
        conversation.decoder.feed(bytes);
        while let Some(conversation) = self.conversations.get_mut(&conn) {
            match conversation.decoder.next() {
                Ok(Some((message, _))) => self.hear(conn, message, ctx),
                Ok(None) | Err(_) => break,
            }
        }
    }

    fn hear(&mut self, conn: usize, message: Message, ctx: &mut StrangerContext) {
        if self.kind == Kind::Parrot && ctx.random.chance(200) {
            self.parrot(conn, &message, ctx);
        }
        match message {
            Message::Version(_) => {
                self.greet(conn, ctx);
                self.say(conn, &Message::WtxidRelay, ctx);
                self.say(conn, &Message::SendAddrV2, ctx);
                self.say(conn, &Message::Verack, ctx);
            }
            Message::Verack => {
                if let Some(conversation) = self.conversations.get_mut(&conn) {
                    conversation.ready = true;
                }
                let compact = Message::SendCompact { high_bandwidth: true, version: 2 };
                self.say(conn, &compact, ctx);
            }
            Message::Ping(nonce) => self.say(conn, &Message::Pong(nonce), ctx),
            Message::GetHeaders(locator) => self.give_headers(conn, &locator.hashes, ctx),
            Message::GetAddr if self.kind == Kind::Eclipse => self.tell_addresses(conn, ctx),
            Message::GetBlockTxn(request) if self.kind == Kind::BadCompact => {
                self.harms(conn);
                let txs = vec![forge::coinbase(ctx.tip.height, 1, Amount(1))];
                self.say(conn, &Message::BlockTxn(BlockTxns { block: request.block, txs }), ctx);
            }
            _ => {}
        }
    }

    fn give_headers(&mut self, conn: usize, locator: &[BlockHash], ctx: &mut StrangerContext) {
        match self.kind {
            Kind::LowWork => {
                let flood = self.flood(ctx);
                // The header after it names the one that was asked from.
                let at = flood.iter().position(|h| locator.first() == Some(&h.prev));
                let all = flood.last().filter(|h| locator.first() == Some(&h.hash()));
                let at = at.or(all.map(|_| flood.len()));
                let rest = flood.iter().skip(at.unwrap_or(0)).take(2000);
                let headers = rest.copied().collect();
                self.say(conn, &Message::Headers(headers), ctx);
            }
            Kind::Withholder => {
                self.harms(conn);
                let branch = self.branch.clone();
                self.say(conn, &Message::Headers(branch), ctx);
            }
            _ => self.say(conn, &Message::Headers(Vec::new()), ctx),
        }
    }

    /// A branch from genesis of less work than the margin below the tip.
    fn flood(&mut self, ctx: &mut StrangerContext) -> Arc<Vec<Header>> {
        let salt = u64::from(self.number);
        let parent = ctx.history.blocks[0];
        let count = ctx.history.tip.height.0.saturating_sub(200) as usize;
        let made = self.flood.get_or_insert_with(|| Arc::new(forge::headers(parent, count, salt)));
        Arc::clone(made)
    }

    /// Something every second or so.
    pub fn tick(&mut self, ctx: &mut StrangerContext) {
        self.dial(ctx);
        let ready: Vec<usize> = self
            .conversations
            .iter()
            .filter(|(_, conversation)| conversation.ready)
            .map(|(conn, _)| *conn)
            .collect();
        if self.kind == Kind::Withholder && ctx.random.chance(50) {
            let salt = ctx.random.word();
            let length = 1 + ctx.random.below(40) as usize;
            self.branch = forge::headers(ctx.tip, length, salt);
        }
        if self.kind == Kind::SlowLoris {
            let all: Vec<usize> = self.conversations.keys().copied().collect();
            for conn in all {
                if ctx.random.chance(100) {
                    self.raw(conn, vec![0], ctx);
                }
            }
        }
        for conn in ready {
            let often = match self.kind {
                Kind::Eclipse => 10,
                // Each time two thousand headers: the time of all who run the simulator.
                Kind::LowWork => 50,
                _ => 300,
            };
            if ctx.random.chance(often) {
                self.harm(conn, ctx);
            }
        }
    }

    fn dial(&mut self, ctx: &mut StrangerContext) {
        // An eclipse has one victim.
        let machine = match self.kind {
            Kind::Eclipse => self.number as usize % ctx.machines,
            _ => ctx.random.below(ctx.machines as u64) as usize,
        };
        let most = if self.kind == Kind::Eclipse { MOST_CONNS } else { 2 };
        let here = self
            .conversations
            .values()
            .filter(|conversation| conversation.machine == machine)
            .count();
        let dialling = self.dialling.entry(machine).or_default();
        let tries = if self.kind == Kind::Eclipse { 8 } else { 1 };
        for _ in 0..tries {
            if here + *dialling >= most {
                break;
            }
            *dialling += 1;
            self.next_address += 1;
            let from = self.next_address;
            let ip = match self.kind {
                Kind::Eclipse => from,
                _ => 0,
            };
            let address = Stranger::new(self.kind, self.number).address(ip);
            ctx.actions.push(StrangerAction::Dial(machine, address));
        }
    }

    fn harm(&mut self, conn: usize, ctx: &mut StrangerContext) {
        self.harms(conn);
        match self.kind {
            Kind::Garbage | Kind::Silent | Kind::SlowLoris | Kind::Parrot => {}
            Kind::Malformed => self.malformed(conn, ctx),
            Kind::LowWork => {
                let headers = self.flood(ctx).iter().take(2000).copied().collect();
                self.say(conn, &Message::Headers(headers), ctx);
            }
            Kind::Unconnecting => {
                let nowhere =
                    Parent { hash: BlockHash([ctx.random.below(256) as u8; 32]), ..ctx.tip };
                let count = 1 + ctx.random.below(20) as usize;
                let headers = forge::headers(nowhere, count, ctx.random.word());
                self.say(conn, &Message::Headers(headers), ctx);
            }
            Kind::Withholder => {
                if let Some(last) = self.branch.last() {
                    let inv = Inv::new(InvKind::BLOCK, last.hash().0);
                    self.say(conn, &Message::Inv(vec![inv]), ctx);
                    let branch = self.branch.clone();
                    self.say(conn, &Message::Headers(branch), ctx);
                }
            }
            Kind::BadBlocks => self.bad_block(conn, ctx),
            Kind::BadCompact => self.bad_compact(conn, ctx),
            Kind::BadTransactions => self.bad_transaction(conn, ctx),
            Kind::Flood => self.flood_with(conn, ctx),
            Kind::Eclipse => self.tell_addresses(conn, ctx),
        }
    }

    fn garbage(&mut self, conn: usize, ctx: &mut StrangerContext) {
        let mut bytes: Vec<u8> = match ctx.random.below(3) {
            0 => b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
            1 => REGTEST.magic.to_vec(),
            _ => Vec::new(),
        };
        let length = ctx.random.below(100_000);
        bytes.extend((0..length).map(|_| ctx.random.word() as u8));
        self.raw(conn, bytes, ctx);
    }

    fn malformed(&mut self, conn: usize, ctx: &mut StrangerContext) {
        let mut frame = frame::encode(REGTEST.magic, &Message::Ping(ctx.random.word()));
        match ctx.random.below(5) {
            0 => frame[20] ^= 1,
            1 => frame[16..20].copy_from_slice(&u32::MAX.to_le_bytes()),
            2 => frame[4..9].copy_from_slice(b"bogus"),
            3 => frame[0] ^= 0xff,
            _ => frame[5] = 0x07,
        }
        self.raw(conn, frame, ctx);
    }

    /// A block on the tip with something wrong.
    fn broken(&mut self, ctx: &mut StrangerContext) -> Vec<u8> {
        let height = ctx.tip.height.next();
        let worth = subsidy(height, &REGTEST);
        let salt = ctx.random.word();
        let fault = ctx.random.below(6);
        let mut txs = vec![forge::coinbase(height, salt, worth)];
        match fault {
            0 => txs[0].outputs[0].value.0 += 1,
            1 => {
                let missing = OutPoint { txid: Txid([salt as u8; 32]), vout: 0 };
                let purse = Purse { outpoint: missing, value: Amount(5000), owner: 1 };
                txs.push(purse.pay([1, 2], 10).0);
            }
            2 => txs[0] = forge::coinbase(height.next(), salt, worth),
            3 => txs.push(forge::coinbase(height, salt + 1, worth)),
            _ => {}
        }
        let mut block = forge::block(ctx.tip, ctx.now_s, txs);
        match fault {
            // Mutated: another witness than the block commits to.
            4 => block.txs[0].inputs[0].witness = vec![vec![1; 32]],
            5 => block.txs[0].outputs[0].value.0 -= 1,
            _ => {}
        }
        block.to_bytes()
    }

    fn bad_block(&mut self, conn: usize, ctx: &mut StrangerContext) {
        let bytes = self.broken(ctx);
        self.say(conn, &Message::Block(bytes), ctx);
    }

    fn bad_compact(&mut self, conn: usize, ctx: &mut StrangerContext) {
        let height = ctx.tip.height.next();
        let salt = ctx.random.word();
        let txs = vec![forge::coinbase(height, salt, subsidy(height, &REGTEST))];
        let block = forge::block(ctx.tip, ctx.now_s, txs);
        let mut compact = CompactBlock::of(&block, salt);
        match ctx.random.below(4) {
            0 => compact.prefilled.clear(),
            1 => compact.short_ids = (0..50).map(|n| n ^ (salt & 0xffff_ffff_ffff)).collect(),
            2 => compact.short_ids = vec![7; 5],
            _ => compact.prefilled[0].0 = 9,
        }
        self.say(conn, &Message::CompactBlock(Box::new(compact)), ctx);
    }

    fn bad_transaction(&mut self, conn: usize, ctx: &mut StrangerContext) {
        let tx: Transaction = match (ctx.random.chance(300), ctx.purse) {
            (true, Some(purse)) => {
                // More comes out than goes in.
                let mut tx = purse.pay([1, 2], 1000).0;
                tx.outputs[0].value.0 += 10_000_000_000;
                tx
            }
            _ => {
                let mut id = [0; 32];
                id[..8].copy_from_slice(&ctx.random.word().to_le_bytes());
                let outpoint = OutPoint { txid: Txid(id), vout: 0 };
                Purse { outpoint, value: Amount(100_000), owner: 3 }.pay([1, 2], 1000).0
            }
        };
        self.say(conn, &Message::Tx(Box::new(tx)), ctx);
    }

    fn flood_with(&mut self, conn: usize, ctx: &mut StrangerContext) {
        let mut id = [0; 32];
        let mut ids = |kind, count: u64, random: &mut Random| -> Vec<Inv> {
            let list = (0..count).map(|_| {
                id[..8].copy_from_slice(&random.word().to_le_bytes());
                Inv::new(kind, id)
            });
            list.collect()
        };
        let message = match ctx.random.below(5) {
            0 => Message::Inv(ids(InvKind::WTX, 2_000, ctx.random)),
            1 => Message::GetData(ids(InvKind::WITNESS_BLOCK, 1_000, ctx.random)),
            2 => {
                let random = &mut *ctx.random;
                let history = ctx.history;
                let mut some =
                    || history.blocks[random.below(history.blocks.len() as u64) as usize];
                let list = (0..60).map(|_| Inv::new(InvKind::WITNESS_BLOCK, some().hash.0));
                Message::GetData(list.collect())
            }
            3 => Message::Inv(ids(InvKind::BLOCK, 500, ctx.random)),
            _ => {
                let ping = frame::encode(REGTEST.magic, &Message::Ping(ctx.random.word()));
                return self.raw(conn, ping.repeat(600), ctx);
            }
        };
        self.say(conn, &message, ctx);
    }

    fn tell_addresses(&mut self, conn: usize, ctx: &mut StrangerContext) {
        let services = services::NETWORK | services::WITNESS;
        let list = (0..ECLIPSE).map(|n| PeerAddress {
            time: ctx.now_s,
            services,
            address: self.address(n),
        });
        let message = Message::AddrV2(list.collect());
        self.say(conn, &message, ctx);
    }

    /// Sends back what it heard with some bytes changed.
    fn parrot(&mut self, conn: usize, message: &Message, ctx: &mut StrangerContext) {
        let mut frame = frame::encode(REGTEST.magic, message);
        let length = frame.len() - HEADER_BYTES;
        if length == 0 {
            return;
        }
        self.harms(conn);
        for _ in 0..1 + ctx.random.below(4) {
            let at = HEADER_BYTES + ctx.random.below(length as u64) as usize;
            frame[at] = ctx.random.word() as u8;
        }
        let sum = crypto::hash::sha256d(&frame[HEADER_BYTES..]);
        frame[20..24].copy_from_slice(&sum[..4]);
        self.raw(conn, frame, ctx);
    }
}
