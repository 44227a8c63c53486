//! Keeping a connection alive and measuring it: `ping` and `pong` (BIP31).

use super::limits::{PING_EVERY_S, PING_TIMEOUT_S};

/// One peer's pings. Times are in milliseconds.
#[derive(Debug, Clone, Default)]
pub struct Ping {
    /// The nonce on its way and when it left.
    waiting: Option<(u64, u64)>,
    next_at: u64,
    pub last_ms: Option<u64>,
    pub least_ms: Option<u64>,
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    Nothing,
    /// Send a ping with this nonce.
    Send(u64),
    /// The peer has not answered.
    TimedOut,
}

impl Ping {
    /// Asks for a ping at the next look.
    pub fn soon(&mut self) {
        self.next_at = 0;
    }

    /// Milliseconds that the ping on its way has waited.
    pub fn waiting_ms(&self, now_ms: u64) -> Option<u64> {
        self.waiting.map(|(_, sent)| now_ms.saturating_sub(sent))
    }

    pub fn due(&mut self, now_ms: u64, nonce: u64) -> Due {
        match self.waiting {
            Some((_, sent)) if now_ms >= sent + PING_TIMEOUT_S * 1000 => Due::TimedOut,
            Some(_) => Due::Nothing,
            None if now_ms >= self.next_at => {
                // Zero is what a ping without a nonce reads as.
                let nonce = nonce.max(1);
                self.waiting = Some((nonce, now_ms));
                self.next_at = now_ms + PING_EVERY_S * 1000;
                Due::Send(nonce)
            }
            None => Due::Nothing,
        }
    }

    /// Takes a pong; one that answers nothing is ignored.
    pub fn pong(&mut self, nonce: u64, now_ms: u64) {
        let Some((wanted, sent)) = self.waiting else { return };
        if nonce == wanted {
            let took = now_ms.saturating_sub(sent);
            self.waiting = None;
            self.last_ms = Some(took);
            self.least_ms = Some(self.least_ms.map_or(took, |least| least.min(took)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measured_and_given_up() {
        let mut ping = Ping::default();
        assert_eq!(ping.due(1000, 5), Due::Send(5));
        assert_eq!(ping.due(2000, 6), Due::Nothing);
        ping.pong(9, 1500);
        assert_eq!(ping.last_ms, None);
        ping.pong(5, 1030);
        assert_eq!((ping.last_ms, ping.least_ms), (Some(30), Some(30)));
        assert_eq!(ping.due(2000, 6), Due::Nothing);
        let next = 1000 + PING_EVERY_S * 1000;
        assert_eq!(ping.due(next, 6), Due::Send(6));
        assert_eq!(ping.due(next + PING_TIMEOUT_S * 1000, 7), Due::TimedOut);
    }
}
