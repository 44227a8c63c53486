//! Every bound of the protocol in one place, and the rate limiter.

/// Newest protocol version that we speak (BIP339).
pub const PROTOCOL_VERSION: u32 = 70016;
/// Oldest that we talk to: it knows `getheaders`.
pub const LEAST_VERSION: u32 = 31800;
/// From here on peers relay by wtxid (BIP339).
pub const WTXID_RELAY_VERSION: u32 = 70016;
/// From here on peers know `sendheaders` (BIP130).
pub const SENDHEADERS_VERSION: u32 = 70012;
/// From here on peers know `feefilter` (BIP133).
pub const FEEFILTER_VERSION: u32 = 70013;
/// From here on peers know compact blocks (BIP152).
pub const COMPACT_VERSION: u32 = 70014;

/// Connections that we open by ourselves.
pub const MAX_OUTBOUND: usize = 8;
/// Connections of others.
pub const MAX_INBOUND: usize = 117;
/// Connections of others from one address; the machine itself is excused.
pub const MAX_INBOUND_PER_IP: usize = 8;
/// Seconds a handshake may take.
pub const HANDSHAKE_S: u64 = 60;
/// Seconds between pings, and until a peer without an answer is given up (BIP31).
pub const PING_EVERY_S: u64 = 120;
pub const PING_TIMEOUT_S: u64 = 20 * 60;
/// Seconds in which a begun message must make progress by `SLOW_BYTES`.
pub const SLOW_S: u64 = 60;
pub const SLOW_BYTES: usize = 1024;

/// Messages to a peer are written together until they have so many bytes.
pub const WRITE_BYTES: usize = 64 << 10;

/// Headers in one `headers`.
pub const MAX_HEADERS: usize = 2000;
/// Hashes in a locator.
pub const MAX_LOCATOR: usize = 101;
/// Entries of `inv`, `getdata` and `notfound`.
pub const MAX_INV: usize = 50_000;
/// Addresses in one `addr` or `addrv2`.
pub const MAX_ADDR: usize = 1000;
/// Block hashes in an answer to `getblocks`.
pub const MAX_BLOCKS_INV: usize = 500;
/// Bytes of a user agent.
pub const MAX_USER_AGENT: usize = 256;
/// Bytes of any message: Core's `MAX_PROTOCOL_MESSAGE_LENGTH`.
pub const MAX_MESSAGE_BYTES: usize = 4_000_000;
/// The version of packed hints that we give and take, and the bytes that a block's may have.
pub const HINTS_VERSION: u32 = 1;
pub const MAX_HINTS_BYTES: usize = 1 << 16;
/// Filters, filter headers and check points in one answer (BIP157).
pub const MAX_CFILTERS: u32 = 1000;
pub const MAX_CFHEADERS: u32 = 2000;
pub const CFCHECKPT_INTERVAL: u32 = 1000;
/// Depth below the tip to which compact blocks and their transactions are served (BIP152).
pub const MAX_COMPACT_DEPTH: u32 = 5;
pub const MAX_BLOCKTXN_DEPTH: u32 = 10;

/// Bytes that may wait to be written to a peer before its requests wait too.
pub const SEND_PAUSE_BYTES: u64 = 1_000_000;
/// Bytes waiting for a peer at which it is dropped.
pub const SEND_MOST_BYTES: u64 = 16_000_000;
/// Requests of one peer that wait for their answers.
pub const MAX_WAITING_REQUESTS: usize = MAX_INV;

/// Misbehaviour at which a peer is dropped and banned.
pub const BAN_SCORE: u32 = 100;
/// Seconds that a ban for misbehaviour lasts.
pub const BAN_S: u64 = 24 * 60 * 60;
/// Bans that are kept.
pub const MAX_BANS: usize = 10_000;

/// Ids that each peer is remembered to know.
pub const MAX_KNOWN_PER_PEER: usize = 20_000;
/// Transactions waiting to be announced to one peer.
pub const MAX_ANNOUNCE_PER_PEER: usize = 20_000;
/// Transactions announced in one message.
pub const ANNOUNCE_BATCH: usize = 1000;
/// Transactions that one peer may have announced to us without our having them.
pub const MAX_ANNOUNCED_BY_PEER: usize = 5000;
/// Transactions asked of one peer at a time.
pub const MAX_TX_IN_FLIGHT: usize = 100;
/// Mean milliseconds until a transaction is announced, to peers that we chose and to others.
pub const TRICKLE_OUT_MS: u64 = 2000;
pub const TRICKLE_IN_MS: u64 = 5000;

/// Headers that may be known above the last block that is here; more wait.
pub const MAX_HEADERS_AHEAD: u32 = 500_000;
/// Blocks' worth of work by which a branch may stay behind the tip and still be kept.
pub const LOW_WORK_BLOCKS: u32 = 144;

/// Tokens that come with time and go with use.
#[derive(Debug, Clone, Copy)]
pub struct RateLimit {
    per_s: f64,
    most: f64,
    tokens: f64,
    at_ms: u64,
}

impl RateLimit {
    /// Starts full.
    pub fn new(per_s: f64, most: f64, now_ms: u64) -> RateLimit {
        RateLimit { per_s, most, tokens: most, at_ms: now_ms }
    }

    fn refill(&mut self, now_ms: u64) {
        let passed = now_ms.saturating_sub(self.at_ms) as f64 / 1000.0;
        self.tokens = (self.tokens + passed * self.per_s).min(self.most.max(self.tokens));
        self.at_ms = self.at_ms.max(now_ms);
    }

    /// Takes tokens if they are there.
    pub fn take(&mut self, count: f64, now_ms: u64) -> bool {
        self.refill(now_ms);
        let enough = self.tokens >= count;
        if enough {
            self.tokens -= count;
        }
        enough
    }

    /// Adds tokens beyond what time brings: we asked for what they pay.
    pub fn grant(&mut self, count: f64) {
        self.tokens += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_with_time() {
        let mut limit = RateLimit::new(2.0, 4.0, 0);
        assert!(limit.take(4.0, 0) && !limit.take(1.0, 0));
        assert!(limit.take(1.0, 500) && !limit.take(1.0, 500));
        assert!(limit.take(4.0, 1_000_000) && !limit.take(1.0, 1_000_000));
        limit.grant(1000.0);
        assert!(limit.take(1000.0, 1_000_000));
    }
}
