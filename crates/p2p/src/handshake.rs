//! The handshake: `version`, what each side can (BIP339 `wtxidrelay`, BIP155 `sendaddrv2`),
//! `verack`; after it `sendheaders` (BIP130) and `sendcmpct` (BIP152).
//!
//! The side that connected speaks first. Nothing else is heard before a handshake is done.

use core::net::SocketAddr;

use super::limits::{
    COMPACT_VERSION, LEAST_VERSION, PROTOCOL_VERSION, SENDHEADERS_VERSION, WTXID_RELAY_VERSION,
};
use super::message::{Message, Version};

/// Messages of no use before the handshake is done that are put up with.
const MAX_EARLY: u32 = 10;

/// What we say of ourselves.
#[derive(Debug, Clone)]
pub struct LocalNode {
    pub services: u64,
    pub user_agent: String,
    pub height: i32,
    /// We want transactions.
    pub relay: bool,
    /// In seconds since 1970.
    pub time: i64,
}

/// Why a handshake fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    #[error("it is this node itself")]
    Ourselves,
    #[error("its protocol version {0} is too old")]
    TooOld(u32),
    #[error("it lacks services that we need")]
    Services,
    #[error("it speaks before the handshake")]
    TooEarly,
}

/// What a message of the handshake leads to.
#[derive(Debug, PartialEq)]
pub enum Step {
    /// Messages to send; the handshake goes on.
    Send(Vec<Message>),
    /// Messages to send; the handshake is done.
    Done(Vec<Message>),
}

/// One connection's handshake.
#[derive(Debug)]
pub struct Handshake {
    pub inbound: bool,
    pub nonce: u64,
    /// Services that a peer that we chose must have.
    needed: u64,
    pub version: Option<Box<Version>>,
    pub wtxid_relay: bool,
    pub addr_v2: bool,
    pub done: bool,
    early: u32,
}

impl Handshake {
    pub fn new(inbound: bool, nonce: u64, needed: u64) -> Handshake {
        Handshake {
            inbound,
            nonce,
            needed,
            version: None,
            wtxid_relay: false,
            addr_v2: false,
            done: false,
            early: 0,
        }
    }

    /// Our `version`.
    pub fn version_message(&self, local: &LocalNode, receiver: SocketAddr) -> Message {
        Message::Version(Box::new(Version {
            version: PROTOCOL_VERSION,
            services: local.services,
            time: local.time,
            receiver,
            nonce: self.nonce,
            user_agent: local.user_agent.clone(),
            height: local.height,
            relay: local.relay,
        }))
    }

    /// The version that both speak.
    pub fn common_version(&self) -> u32 {
        self.version.as_ref().map_or(0, |v| v.version.min(PROTOCOL_VERSION))
    }

    /// Takes a message while the handshake is not done. `is_ours` knows the nonces of our own
    /// open connections.
    pub fn receive(
        &mut self,
        message: Message,
        local: &LocalNode,
        receiver: SocketAddr,
        is_ours: impl FnOnce(u64) -> bool,
    ) -> Result<Step, HandshakeError> {
        match (message, &self.version) {
            (Message::Version(version), None) => {
                if version.nonce != 0 && is_ours(version.nonce) {
                    return Err(HandshakeError::Ourselves);
                }
                if version.version < LEAST_VERSION {
                    return Err(HandshakeError::TooOld(version.version));
                }
                if version.services & self.needed != self.needed {
                    return Err(HandshakeError::Services);
                }
                let mut send = Vec::new();
                if self.inbound {
                    send.push(self.version_message(local, receiver));
                }
                if version.version >= WTXID_RELAY_VERSION {
                    send.push(Message::WtxidRelay);
                    send.push(Message::SendAddrV2);
                }
                send.push(Message::Verack);
                self.version = Some(version);
                Ok(Step::Send(send))
            }
            // A second version is ignored, as in Core.
            (Message::Version(_), Some(_)) => self.tolerate(),
            (_, None) => Err(HandshakeError::TooEarly),
            (Message::WtxidRelay, Some(version)) => {
                self.wtxid_relay = version.version >= WTXID_RELAY_VERSION;
                Ok(Step::Send(Vec::new()))
            }
            (Message::SendAddrV2, Some(_)) => {
                self.addr_v2 = true;
                Ok(Step::Send(Vec::new()))
            }
            (Message::Verack, Some(_)) => {
                self.done = true;
                let mut send = Vec::new();
                let common = self.common_version();
                if common >= SENDHEADERS_VERSION {
                    send.push(Message::SendHeaders);
                }
                if common >= COMPACT_VERSION {
                    send.push(Message::SendCompact { high_bandwidth: false, version: 2 });
                }
                Ok(Step::Done(send))
            }
            (_, Some(_)) => self.tolerate(),
        }
    }

    fn tolerate(&mut self) -> Result<Step, HandshakeError> {
        self.early += 1;
        match self.early > MAX_EARLY {
            true => Err(HandshakeError::TooEarly),
            false => Ok(Step::Send(Vec::new())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::address::UNSPECIFIED;
    use super::*;

    fn local() -> LocalNode {
        LocalNode { services: 9, user_agent: "/x/".into(), height: 0, relay: true, time: 0 }
    }

    fn run(a: &mut Handshake, b: &mut Handshake) -> Result<(), HandshakeError> {
        let mut to_b = vec![a.version_message(&local(), UNSPECIFIED)];
        let mut to_a = Vec::new();
        while !to_a.is_empty() || !to_b.is_empty() {
            for (side, inbox, outbox) in
                [(&mut *b, std::mem::take(&mut to_b), &mut to_a), (&mut *a, vec![], &mut to_b)]
            {
                for message in inbox {
                    if side.done {
                        continue;
                    }
                    match side.receive(message, &local(), UNSPECIFIED, |nonce| nonce == 77)? {
                        Step::Send(send) | Step::Done(send) => outbox.extend(send),
                    }
                }
            }
            std::mem::swap(&mut to_a, &mut to_b);
            let back = std::mem::take(&mut to_b);
            for message in back {
                if a.done {
                    continue;
                }
                match a.receive(message, &local(), UNSPECIFIED, |nonce| nonce == 77)? {
                    Step::Send(send) | Step::Done(send) => to_b.extend(send),
                }
            }
            to_a.clear();
        }
        Ok(())
    }

    #[test]
    fn two_of_us_agree_on_everything() {
        let (mut a, mut b) = (Handshake::new(false, 1, 9), Handshake::new(true, 2, 0));
        run(&mut a, &mut b).expect("they agree");
        for side in [&a, &b] {
            assert!(side.done && side.wtxid_relay && side.addr_v2, "{side:?}");
            assert_eq!(side.common_version(), PROTOCOL_VERSION);
        }
    }

    #[test]
    fn ourselves_too_old_and_useless_peers() {
        let version = |version, services, nonce| {
            let mut message =
                Handshake::new(false, nonce, 0).version_message(&local(), UNSPECIFIED);
            if let Message::Version(v) = &mut message {
                (v.version, v.services) = (version, services);
            }
            message
        };
        let receive = |message| {
            let mut side = Handshake::new(true, 5, 9);
            side.receive(message, &local(), UNSPECIFIED, |nonce| nonce == 77)
        };
        assert_eq!(receive(version(70016, 9, 77)), Err(HandshakeError::Ourselves));
        assert_eq!(receive(version(209, 9, 1)), Err(HandshakeError::TooOld(209)));
        assert_eq!(receive(version(70016, 1, 1)), Err(HandshakeError::Services));
        assert_eq!(receive(Message::Verack), Err(HandshakeError::TooEarly));
        assert_eq!(receive(Message::GetAddr), Err(HandshakeError::TooEarly));
        // An old peer is told nothing that it does not know.
        let Ok(Step::Send(send)) = receive(version(60002, 9, 1)) else { panic!("accepted") };
        assert_eq!(send.last(), Some(&Message::Verack));
        assert_eq!(send.len(), 2);
    }

    #[test]
    fn chatter_before_verack_is_bounded() {
        let mut side = Handshake::new(true, 5, 0);
        let version_message = Handshake::new(false, 6, 0).version_message(&local(), UNSPECIFIED);
        assert!(side.receive(version_message, &local(), UNSPECIFIED, |_| false).is_ok());
        let chatter: Vec<bool> = (0..=MAX_EARLY)
            .map(|_| side.receive(Message::GetAddr, &local(), UNSPECIFIED, |_| false).is_ok())
            .collect();
        assert!(chatter[..MAX_EARLY as usize].iter().all(|ok| *ok) && !chatter[MAX_EARLY as usize]);
    }
}
