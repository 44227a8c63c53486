//! THE table of messages: each command with the most bytes that its payload may have, and its
//! codec.
//!
//! A payload is believed only as far as it is there; what follows a known message is ignored, as
//! in Core, so that later versions may add to it.

use core::net::SocketAddr;

use super::address::{self, PeerAddress};
use super::compact::{BlockTxns, CompactBlock, TxnRequest};
use super::limits::{
    MAX_ADDR, MAX_HEADERS, MAX_HINTS_BYTES, MAX_INV, MAX_LOCATOR, MAX_MESSAGE_BYTES, MAX_USER_AGENT,
};
use primitives::block::{HEADER_SIZE, Header};
use primitives::codec::{Decode, DecodeError, Encode, Reader, put_compact_size, put_var_bytes};
use primitives::id::BlockHash;
use primitives::tx::Transaction;

/// First message of both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    pub version: u32,
    pub services: u64,
    /// The sender's clock, in seconds since 1970.
    pub time: i64,
    /// Where the sender sees us.
    pub receiver: SocketAddr,
    /// A random number by which a node knows its own messages.
    pub nonce: u64,
    pub user_agent: String,
    pub height: i32,
    /// The sender wants transactions (BIP37).
    pub relay: bool,
}

/// Kinds of things that have an id (Core's `GetDataMsg`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InvKind(pub u32);

impl InvKind {
    pub const TX: InvKind = InvKind(1);
    pub const BLOCK: InvKind = InvKind(2);
    pub const FILTERED_BLOCK: InvKind = InvKind(3);
    pub const COMPACT_BLOCK: InvKind = InvKind(4);
    /// A transaction by wtxid (BIP339).
    pub const WTX: InvKind = InvKind(5);
    /// What was learnt of a block's signatures: asked for only among ourselves, just before the
    /// block, so that it is there first.
    pub const HINTS: InvKind = InvKind(0x0046_4301);
    const WITNESS: u32 = 1 << 30;
    pub const WITNESS_TX: InvKind = InvKind(1 | InvKind::WITNESS);
    pub const WITNESS_BLOCK: InvKind = InvKind(2 | InvKind::WITNESS);

    pub fn is_block(self) -> bool {
        matches!(self.0 & !InvKind::WITNESS, 2..=4)
    }

    pub fn is_tx(self) -> bool {
        matches!(self.0 & !InvKind::WITNESS, 1 | 5)
    }
}

/// An id and what it is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Inv {
    pub kind: InvKind,
    pub hash: [u8; 32],
}

impl Inv {
    pub fn new(kind: InvKind, hash: [u8; 32]) -> Inv {
        Inv { kind, hash }
    }
}

/// Hashes from the tip down, thinning out, and where to stop (zero: nowhere).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locator {
    pub hashes: Vec<BlockHash>,
    pub stop: BlockHash,
}

/// A question for filters (BIP157): `start` is a height.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilterRange {
    pub kind: u8,
    pub start: u32,
    pub stop: BlockHash,
}

/// Everything that peers say.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    Version(Box<Version>),
    Verack,
    WtxidRelay,
    SendAddrV2,
    SendHeaders,
    /// Base units for 1,000 virtual bytes.
    FeeFilter(i64),
    SendCompact {
        high_bandwidth: bool,
        version: u64,
    },
    Ping(u64),
    Pong(u64),
    Addr(Vec<PeerAddress>),
    AddrV2(Vec<PeerAddress>),
    GetAddr,
    Inv(Vec<Inv>),
    GetData(Vec<Inv>),
    NotFound(Vec<Inv>),
    GetHeaders(Locator),
    GetBlocks(Locator),
    Headers(Vec<Header>),
    /// A block's wire form, unread.
    Block(Vec<u8>),
    Tx(Box<Transaction>),
    Mempool,
    CompactBlock(Box<CompactBlock>),
    GetBlockTxn(TxnRequest),
    BlockTxn(BlockTxns),
    GetCFilters(FilterRange),
    CFilter {
        kind: u8,
        block: BlockHash,
        filter: Vec<u8>,
    },
    GetCFHeaders(FilterRange),
    CFHeaders {
        kind: u8,
        stop: BlockHash,
        previous: [u8; 32],
        hashes: Vec<[u8; 32]>,
    },
    GetCFCheckpt {
        kind: u8,
        stop: BlockHash,
    },
    CFCheckpt {
        kind: u8,
        stop: BlockHash,
        headers: Vec<[u8; 32]>,
    },
    /// Ours alone: hints of this version are given and taken.
    SendHints(u32),
    /// Ours alone: what was learnt of a block's signatures, packed, and not to be believed.
    Hints {
        block: BlockHash,
        packed: Vec<u8>,
    },
    /// Bloom filters (BIP37), which we do not serve.
    Bloom,
    /// Something that we do not know, or no longer listen to.
    Unknown,
}

type Read = fn(&mut Reader<'_>) -> Result<Message, DecodeError>;

/// A command, its limit in bytes, and how it is read.
struct Row(&'static str, usize, Read);

/// Bytes that a CompactSize takes at most where it counts list items.
const COUNT: usize = 9;
/// Bytes of an address entry at most (BIP155).
const ENTRY: usize = 4 + 9 + 1 + 3 + 512 + 2;

const TABLE: &[Row] = &[
    Row("version", 110 + MAX_USER_AGENT + 512, read_version),
    Row("verack", 64, |_| Ok(Message::Verack)),
    Row("wtxidrelay", 64, |_| Ok(Message::WtxidRelay)),
    Row("sendaddrv2", 64, |_| Ok(Message::SendAddrV2)),
    Row("sendheaders", 64, |_| Ok(Message::SendHeaders)),
    Row("feefilter", 64, |r| Ok(Message::FeeFilter(r.i64()?))),
    Row("sendcmpct", 64, |r| {
        let high_bandwidth = r.u8()? != 0;
        Ok(Message::SendCompact { high_bandwidth, version: r.u64()? })
    }),
    // Before BIP31 a ping has no nonce.
    Row("ping", 64, |r| Ok(Message::Ping(if r.remaining() >= 8 { r.u64()? } else { 0 }))),
    Row("pong", 64, |r| Ok(Message::Pong(r.u64()?))),
    Row("addr", COUNT + MAX_ADDR * 30, |r| {
        Ok(Message::Addr(bounded(r, MAX_ADDR, 30, address::read_entry_v1)?))
    }),
    Row("addrv2", COUNT + MAX_ADDR * ENTRY, |r| {
        let entries = bounded(r, MAX_ADDR, 9, address::read_entry_v2)?;
        Ok(Message::AddrV2(entries.into_iter().flatten().collect()))
    }),
    Row("getaddr", 64, |_| Ok(Message::GetAddr)),
    Row("inv", COUNT + MAX_INV * 36, |r| Ok(Message::Inv(read_invs(r)?))),
    Row("getdata", COUNT + MAX_INV * 36, |r| Ok(Message::GetData(read_invs(r)?))),
    Row("notfound", COUNT + MAX_INV * 36, |r| Ok(Message::NotFound(read_invs(r)?))),
    Row("getheaders", 4 + COUNT + (MAX_LOCATOR + 1) * 32, |r| {
        Ok(Message::GetHeaders(read_locator(r)?))
    }),
    Row("getblocks", 4 + COUNT + (MAX_LOCATOR + 1) * 32, |r| {
        Ok(Message::GetBlocks(read_locator(r)?))
    }),
    Row("headers", COUNT + MAX_HEADERS * (HEADER_SIZE + COUNT), |r| {
        Ok(Message::Headers(bounded(r, MAX_HEADERS, HEADER_SIZE + 1, |r| {
            let header = Header::decode(r)?;
            r.compact_size(u64::MAX)?;
            Ok(header)
        })?))
    }),
    Row("block", MAX_MESSAGE_BYTES, |r| Ok(Message::Block(r.take(r.remaining())?.to_vec()))),
    Row("tx", MAX_MESSAGE_BYTES, |r| Ok(Message::Tx(Box::new(Transaction::decode(r)?)))),
    Row("mempool", 64, |_| Ok(Message::Mempool)),
    Row("cmpctblock", MAX_MESSAGE_BYTES, |r| {
        Ok(Message::CompactBlock(Box::new(CompactBlock::decode(r)?)))
    }),
    Row("getblocktxn", 32 + 3 + 3 * 65_536, |r| Ok(Message::GetBlockTxn(TxnRequest::decode(r)?))),
    Row("blocktxn", MAX_MESSAGE_BYTES, |r| Ok(Message::BlockTxn(BlockTxns::decode(r)?))),
    Row("getcfilters", 64, |r| Ok(Message::GetCFilters(read_range(r)?))),
    Row("cfilter", MAX_MESSAGE_BYTES, |r| {
        let (kind, block) = (r.u8()?, BlockHash::decode(r)?);
        Ok(Message::CFilter { kind, block, filter: r.var_bytes()?.to_vec() })
    }),
    Row("getcfheaders", 64, |r| Ok(Message::GetCFHeaders(read_range(r)?))),
    Row("cfheaders", 65 + COUNT + 2000 * 32, |r| {
        let (kind, stop) = (r.u8()?, BlockHash::decode(r)?);
        let previous = r.array()?;
        Ok(Message::CFHeaders { kind, stop, previous, hashes: r.list(32, |r| r.array())? })
    }),
    Row("getcfcheckpt", 64, |r| {
        Ok(Message::GetCFCheckpt { kind: r.u8()?, stop: BlockHash::decode(r)? })
    }),
    Row("cfcheckpt", MAX_MESSAGE_BYTES, |r| {
        let (kind, stop) = (r.u8()?, BlockHash::decode(r)?);
        Ok(Message::CFCheckpt { kind, stop, headers: r.list(32, |r| r.array())? })
    }),
    Row("sendhints", 64, |r| Ok(Message::SendHints(r.u32()?))),
    Row("hints", 32 + COUNT + MAX_HINTS_BYTES, |r| {
        Ok(Message::Hints { block: BlockHash::decode(r)?, packed: r.var_bytes()?.to_vec() })
    }),
    Row("filterload", 40_000, |_| Ok(Message::Bloom)),
    Row("filteradd", 600, |_| Ok(Message::Bloom)),
    Row("filterclear", 64, |_| Ok(Message::Bloom)),
    Row("merkleblock", MAX_MESSAGE_BYTES, |_| Ok(Message::Unknown)),
    Row("reject", 1000, |_| Ok(Message::Unknown)),
];

/// Bytes that the payload of a command may have; unknown commands get little.
pub fn payload_limit(command: &str) -> usize {
    const UNKNOWN: usize = 64 << 10;
    TABLE.iter().find(|row| row.0 == command).map_or(UNKNOWN, |row| row.1)
}

fn bounded<T>(
    reader: &mut Reader<'_>,
    most: usize,
    least_size: usize,
    mut item: impl FnMut(&mut Reader<'_>) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let count = reader.compact_size(most as u64)?;
    let mut items = Vec::with_capacity(count.min(reader.remaining() / least_size));
    for _ in 0..count {
        items.push(item(reader)?);
    }
    Ok(items)
}

fn read_invs(reader: &mut Reader<'_>) -> Result<Vec<Inv>, DecodeError> {
    bounded(reader, MAX_INV, 36, |r| Ok(Inv { kind: InvKind(r.u32()?), hash: r.array()? }))
}

fn read_locator(reader: &mut Reader<'_>) -> Result<Locator, DecodeError> {
    reader.u32()?;
    let hashes = bounded(reader, MAX_LOCATOR, 32, BlockHash::decode)?;
    Ok(Locator { hashes, stop: BlockHash::decode(reader)? })
}

fn read_range(reader: &mut Reader<'_>) -> Result<FilterRange, DecodeError> {
    Ok(FilterRange { kind: reader.u8()?, start: reader.u32()?, stop: BlockHash::decode(reader)? })
}

/// Old peers leave out what came later, from the sender's address on.
fn read_version(reader: &mut Reader<'_>) -> Result<Message, DecodeError> {
    let version = reader.u32()?;
    let services = reader.u64()?;
    let time = reader.i64()?;
    reader.u64()?;
    let receiver = address::read_v1(reader)?;
    let mut message = Version {
        version,
        services,
        time,
        receiver,
        nonce: 0,
        user_agent: String::new(),
        height: -1,
        relay: true,
    };
    if reader.remaining() > 0 {
        reader.take(26)?;
        message.nonce = reader.u64()?;
    }
    if reader.remaining() > 0 {
        let length = reader.compact_size(MAX_USER_AGENT as u64)?;
        message.user_agent = sanitised(reader.take(length)?);
    }
    if reader.remaining() > 0 {
        message.height = reader.i32()?;
    }
    if reader.remaining() > 0 {
        message.relay = reader.u8()? != 0;
    }
    Ok(Message::Version(Box::new(message)))
}

/// Text of a stranger as it may go to a terminal or a log: printable ASCII, the rest dropped.
fn sanitised(bytes: &[u8]) -> String {
    bytes.iter().filter(|b| (0x20..0x7f).contains(*b)).map(|&b| char::from(b)).collect()
}

impl Message {
    /// Reads a payload.
    pub fn read(command: &str, payload: &[u8]) -> Result<Message, DecodeError> {
        match TABLE.iter().find(|row| row.0 == command) {
            Some(row) => row.2(&mut Reader::new(payload)),
            None => Ok(Message::Unknown),
        }
    }

    /// The name in the frame; empty for what is never sent.
    pub fn command(&self) -> &'static str {
        match self {
            Message::Version(_) => "version",
            Message::Verack => "verack",
            Message::WtxidRelay => "wtxidrelay",
            Message::SendAddrV2 => "sendaddrv2",
            Message::SendHeaders => "sendheaders",
            Message::FeeFilter(_) => "feefilter",
            Message::SendCompact { .. } => "sendcmpct",
            Message::Ping(_) => "ping",
            Message::Pong(_) => "pong",
            Message::Addr(_) => "addr",
            Message::AddrV2(_) => "addrv2",
            Message::GetAddr => "getaddr",
            Message::Inv(_) => "inv",
            Message::GetData(_) => "getdata",
            Message::NotFound(_) => "notfound",
            Message::GetHeaders(_) => "getheaders",
            Message::GetBlocks(_) => "getblocks",
            Message::Headers(_) => "headers",
            Message::Block(_) => "block",
            Message::Tx(_) => "tx",
            Message::Mempool => "mempool",
            Message::CompactBlock(_) => "cmpctblock",
            Message::GetBlockTxn(_) => "getblocktxn",
            Message::BlockTxn(_) => "blocktxn",
            Message::GetCFilters(_) => "getcfilters",
            Message::CFilter { .. } => "cfilter",
            Message::GetCFHeaders(_) => "getcfheaders",
            Message::CFHeaders { .. } => "cfheaders",
            Message::GetCFCheckpt { .. } => "getcfcheckpt",
            Message::CFCheckpt { .. } => "cfcheckpt",
            Message::SendHints(_) => "sendhints",
            Message::Hints { .. } => "hints",
            Message::Bloom | Message::Unknown => "",
        }
    }

    /// Appends the payload.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Message::Version(version) => write_version(version, out),
            Message::Verack
            | Message::WtxidRelay
            | Message::SendAddrV2
            | Message::SendHeaders
            | Message::GetAddr
            | Message::Mempool
            | Message::Bloom
            | Message::Unknown => {}
            Message::FeeFilter(rate) => out.extend_from_slice(&rate.to_le_bytes()),
            Message::SendCompact { high_bandwidth, version } => {
                out.push(u8::from(*high_bandwidth));
                out.extend_from_slice(&version.to_le_bytes());
            }
            Message::Ping(nonce) | Message::Pong(nonce) => {
                out.extend_from_slice(&nonce.to_le_bytes());
            }
            Message::Addr(entries) => put_list(out, entries, address::put_entry_v1),
            Message::AddrV2(entries) => {
                put_list(out, entries, address::put_entry_v2);
            }
            Message::Inv(invs) | Message::GetData(invs) | Message::NotFound(invs) => {
                put_list(out, invs, |out, inv| {
                    out.extend_from_slice(&inv.kind.0.to_le_bytes());
                    out.extend_from_slice(&inv.hash);
                });
            }
            Message::GetHeaders(locator) | Message::GetBlocks(locator) => {
                out.extend_from_slice(&super::limits::PROTOCOL_VERSION.to_le_bytes());
                put_list(out, &locator.hashes, |out, hash| hash.encode(out));
                locator.stop.encode(out);
            }
            Message::Headers(headers) => put_list(out, headers, |out, header| {
                header.encode(out);
                out.push(0);
            }),
            Message::Block(bytes) => out.extend_from_slice(bytes),
            Message::Tx(tx) => tx.encode(out),
            Message::CompactBlock(block) => block.encode(out),
            Message::GetBlockTxn(request) => request.encode(out),
            Message::BlockTxn(txns) => txns.encode(out),
            Message::GetCFilters(range) | Message::GetCFHeaders(range) => {
                out.push(range.kind);
                out.extend_from_slice(&range.start.to_le_bytes());
                range.stop.encode(out);
            }
            Message::SendHints(version) => out.extend_from_slice(&version.to_le_bytes()),
            Message::Hints { block, packed } => {
                block.encode(out);
                put_var_bytes(out, packed);
            }
            Message::CFilter { kind, block, filter } => {
                out.push(*kind);
                block.encode(out);
                put_var_bytes(out, filter);
            }
            Message::CFHeaders { kind, stop, previous, hashes } => {
                out.push(*kind);
                stop.encode(out);
                out.extend_from_slice(previous);
                put_list(out, hashes, |out, hash| out.extend_from_slice(hash));
            }
            Message::GetCFCheckpt { kind, stop } => {
                out.push(*kind);
                stop.encode(out);
            }
            Message::CFCheckpt { kind, stop, headers } => {
                out.push(*kind);
                stop.encode(out);
                put_list(out, headers, |out, header| out.extend_from_slice(header));
            }
        }
    }
}

fn put_list<T>(out: &mut Vec<u8>, items: &[T], mut put: impl FnMut(&mut Vec<u8>, &T)) {
    put_compact_size(out, items.len());
    items.iter().for_each(|item| put(out, item));
}

fn write_version(version: &Version, out: &mut Vec<u8>) {
    out.extend_from_slice(&version.version.to_le_bytes());
    out.extend_from_slice(&version.services.to_le_bytes());
    out.extend_from_slice(&version.time.to_le_bytes());
    out.extend_from_slice(&[0; 8]);
    address::put_v1(out, &version.receiver);
    // Nobody believes what a node says of its own address.
    out.extend_from_slice(&version.services.to_le_bytes());
    out.extend_from_slice(&[0; 18]);
    out.extend_from_slice(&version.nonce.to_le_bytes());
    put_var_bytes(out, version.user_agent.as_bytes());
    out.extend_from_slice(&version.height.to_le_bytes());
    out.push(u8::from(version.relay));
}

#[cfg(test)]
mod tests {
    use super::*;
    use primitives::network::REGTEST;
    use proptest::prelude::*;

    fn samples() -> Vec<Message> {
        let address = |text: &str| PeerAddress {
            time: 5,
            services: 1033,
            address: text.parse().expect("an address"),
        };
        let genesis = REGTEST.genesis_block();
        let hash = genesis.hash();
        let locator = || Locator { hashes: vec![hash; 3], stop: BlockHash::ZERO };
        let range = FilterRange { kind: 0, start: 9, stop: hash };
        vec![
            Message::Version(Box::new(Version {
                version: 70016,
                services: 9,
                time: 1_700_000_000,
                receiver: "1.2.3.4:8333".parse().expect("an address"),
                nonce: 7,
                user_agent: "/ForthCoin:0.1.0/".into(),
                height: 12,
                relay: false,
            })),
            Message::Verack,
            Message::WtxidRelay,
            Message::SendAddrV2,
            Message::SendHeaders,
            Message::FeeFilter(1000),
            Message::SendCompact { high_bandwidth: true, version: 2 },
            Message::Ping(1),
            Message::Pong(2),
            Message::Addr(vec![address("1.2.3.4:5")]),
            Message::AddrV2(vec![address("[2a00::1]:5"), address("1.2.3.4:5")]),
            Message::GetAddr,
            Message::Inv(vec![Inv::new(InvKind::WTX, [1; 32]); 300]),
            Message::GetData(vec![Inv::new(InvKind::WITNESS_BLOCK, [2; 32])]),
            Message::NotFound(vec![]),
            Message::GetHeaders(locator()),
            Message::GetBlocks(locator()),
            Message::Headers(vec![genesis.header; 5]),
            Message::Block(genesis.to_bytes()),
            Message::Tx(Box::new(genesis.txs[0].clone())),
            Message::Mempool,
            Message::CompactBlock(Box::new(CompactBlock::of(&genesis, 3))),
            Message::GetBlockTxn(TxnRequest { block: hash, indexes: vec![0, 1, 7, 300] }),
            Message::BlockTxn(BlockTxns { block: hash, txs: genesis.txs.clone() }),
            Message::GetCFilters(range),
            Message::CFilter { kind: 0, block: hash, filter: vec![1, 2] },
            Message::GetCFHeaders(range),
            Message::CFHeaders { kind: 0, stop: hash, previous: [0; 32], hashes: vec![[4; 32]; 2] },
            Message::GetCFCheckpt { kind: 0, stop: hash },
            Message::CFCheckpt { kind: 0, stop: hash, headers: vec![[4; 32]; 2] },
            Message::SendHints(1),
            Message::Hints { block: hash, packed: vec![5; 40] },
        ]
    }

    #[test]
    fn all_there_and_back_and_within_their_limits() {
        for message in samples() {
            let mut out = Vec::new();
            message.write(&mut out);
            assert!(out.len() <= payload_limit(message.command()), "{}", message.command());
            assert_eq!(Message::read(message.command(), &out), Ok(message));
        }
    }

    #[test]
    fn every_cut_is_an_error_or_an_older_form() {
        for message in samples() {
            let mut out = Vec::new();
            message.write(&mut out);
            for cut in 0..out.len() {
                let read = Message::read(message.command(), &out[..cut]);
                assert!(read.as_ref() != Ok(&message), "{} cut at {cut}", message.command());
            }
        }
    }

    #[test]
    fn lists_over_their_limit_are_refused() {
        let mut out = Vec::new();
        put_compact_size(&mut out, MAX_INV + 1);
        assert!(matches!(Message::read("inv", &out), Err(DecodeError::Oversized { .. })));
        out.clear();
        put_compact_size(&mut out, MAX_HEADERS + 1);
        assert!(matches!(Message::read("headers", &out), Err(DecodeError::Oversized { .. })));
    }

    #[test]
    fn agents_are_made_printable() {
        assert_eq!(sanitised(b"/a\x1b[31m\n\xff/"), "/a[31m/");
    }

    proptest! {
        #[test]
        fn noise_never_panics(row in 0..TABLE.len(), noise in proptest::collection::vec(any::<u8>(), 0..600)) {
            if let Ok(message) = Message::read(TABLE[row].0, &noise) {
                let mut out = Vec::new();
                message.write(&mut out);
            }
        }
    }
}
