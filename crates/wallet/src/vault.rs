//! Vaults: coins behind a time lock (BIP65, BIP112) or a hash lock with a way back. Each is a fixed
//! Miniscript shape in P2WSH, so that other wallets can read the descriptor:
//!
//! - `and_v(v:pk(K),after(n))`, `and_v(v:pk(K),older(n))`: ours, but not before;
//! - `or_i(and_v(v:pk(C),sha256(H)),and_v(v:pk(R),after(n)))`: C with the secret of H at any time,
//!   R without it from n on.

use crypto::hash::sha256;
use primitives::script::Script;
use script::instruction::{instructions, push_data, push_number};
use script::num;
use script::opcode::{
    OP_CHECKLOCKTIMEVERIFY, OP_CHECKSEQUENCEVERIFY, OP_CHECKSIGVERIFY, OP_ELSE, OP_ENDIF, OP_EQUAL,
    OP_EQUALVERIFY, OP_IF, OP_SHA256, OP_SIZE,
};

/// Lock times below are heights, from here on seconds since 1970 (BIP65).
pub const TIME_THRESHOLD: u32 = 500_000_000;
/// Relative locks: units of 512 seconds instead of blocks (BIP68).
pub const SEQUENCE_SECONDS: u32 = 1 << 22;
/// The part of a sequence that counts.
const SEQUENCE_VALUE: u32 = 0xffff;

/// The most that a vault's witness weighs: secret, signature, selector and script.
pub const WITNESS_WEIGHT: usize = 1 + 33 + 73 + 2 + 1 + 140;

/// When a lock opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// From a height, or from a time in seconds since 1970.
    Until(u32),
    /// That long after the coin's block: blocks, or units of 512 seconds with bit 22.
    For(u32),
}

/// What opens a lock of a coin: nothing, or waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opens {
    Now,
    AtHeight(u32),
    /// When the median time past reaches this many seconds since 1970.
    AtTime(u32),
    /// When the coin is in a block.
    Unconfirmed,
}

impl Lock {
    /// Scripts can hold it and it means something.
    pub fn is_valid(self) -> bool {
        match self {
            Lock::Until(number) => (1..1 << 31).contains(&number),
            Lock::For(number) => {
                number & !(SEQUENCE_SECONDS | SEQUENCE_VALUE) == 0 && number & SEQUENCE_VALUE > 0
            }
        }
    }

    /// Blocks to wait.
    pub fn blocks(count: u32) -> Option<Lock> {
        Some(Lock::For(count)).filter(|lock| lock.is_valid() && count <= SEQUENCE_VALUE)
    }

    /// At least so many seconds to wait, in whole units of 512.
    pub fn seconds(seconds: u32) -> Option<Lock> {
        let units = seconds.div_ceil(512);
        Some(Lock::For(SEQUENCE_SECONDS | units))
            .filter(|lock| units <= SEQUENCE_VALUE && lock.is_valid())
    }

    /// When a coin of `coin_height` (mined at median time `coin_time`) can be spent in the block
    /// after `tip_height`, whose median time past is `tip_time`.
    pub fn opens(
        self,
        coin_height: Option<u32>,
        coin_time: u32,
        tip_height: u32,
        tip_time: u32,
    ) -> Opens {
        match self {
            Lock::Until(height) if height < TIME_THRESHOLD => {
                if height <= tip_height {
                    Opens::Now
                } else {
                    Opens::AtHeight(height)
                }
            }
            Lock::Until(time) => {
                if time <= tip_time {
                    Opens::Now
                } else {
                    Opens::AtTime(time)
                }
            }
            Lock::For(number) => {
                let Some(height) = coin_height else { return Opens::Unconfirmed };
                let value = number & SEQUENCE_VALUE;
                if number & SEQUENCE_SECONDS == 0 {
                    let at = height.saturating_add(value);
                    if at <= tip_height + 1 { Opens::Now } else { Opens::AtHeight(at - 1) }
                } else {
                    let at = coin_time.saturating_add(value * 512);
                    if at <= tip_time { Opens::Now } else { Opens::AtTime(at) }
                }
            }
        }
    }

    /// Lock time of a spending transaction.
    pub fn lock_time(self) -> u32 {
        if let Lock::Until(number) = self { number } else { 0 }
    }

    /// Sequence of a spending input.
    pub fn sequence(self) -> u32 {
        if let Lock::For(number) = self { number } else { 0xffff_fffd }
    }

    fn miniscript(self) -> String {
        match self {
            Lock::Until(number) => format!("after({number})"),
            Lock::For(number) => format!("older({number})"),
        }
    }

    fn put(self, script: &mut Vec<u8>) {
        let (number, opcode) = match self {
            Lock::Until(number) => (number, OP_CHECKLOCKTIMEVERIFY),
            Lock::For(number) => (number, OP_CHECKSEQUENCEVERIFY),
        };
        push_number(script, i64::from(number));
        script.push(opcode);
    }
}

/// A vault over keys of some kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VaultScript<K> {
    Timed { key: K, lock: Lock },
    Hashed { claim: K, hash: [u8; 32], refund: K, lock: Lock },
}

/// The way out of a vault that a spend takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// With the secret of the hash.
    Claim,
    /// By the clock.
    Wait,
}

impl<K> VaultScript<K> {
    pub fn keys(&self) -> Vec<&K> {
        match self {
            VaultScript::Timed { key, .. } => vec![key],
            VaultScript::Hashed { claim, refund, .. } => vec![claim, refund],
        }
    }

    /// The same vault over other keys, taken in order.
    pub fn map<T>(&self, mut key_of: impl FnMut(&K) -> T) -> VaultScript<T> {
        match self {
            VaultScript::Timed { key, lock } => {
                VaultScript::Timed { key: key_of(key), lock: *lock }
            }
            VaultScript::Hashed { claim, hash, refund, lock } => VaultScript::Hashed {
                claim: key_of(claim),
                hash: *hash,
                refund: key_of(refund),
                lock: *lock,
            },
        }
    }

    pub fn lock(&self) -> Lock {
        match self {
            VaultScript::Timed { lock, .. } | VaultScript::Hashed { lock, .. } => *lock,
        }
    }

    /// The hash whose secret opens it at any time.
    pub fn hash(&self) -> Option<&[u8; 32]> {
        if let VaultScript::Hashed { hash, .. } = self { Some(hash) } else { None }
    }

    /// The secret fits.
    pub fn is_opened_by(&self, secret: &[u8]) -> bool {
        self.hash().is_some_and(|hash| secret.len() == 32 && sha256(secret) == *hash)
    }

    /// What stands between the brackets of `wsh()`.
    pub fn miniscript(&self, mut show: impl FnMut(&K) -> String) -> String {
        match self {
            VaultScript::Timed { key, lock } => {
                format!("and_v(v:pk({}),{})", show(key), lock.miniscript())
            }
            VaultScript::Hashed { claim, hash, refund, lock } => {
                let hash = primitives::hex::encode(hash);
                let (claim, refund) = (show(claim), show(refund));
                let lock = lock.miniscript();
                format!("or_i(and_v(v:pk({claim}),sha256({hash})),and_v(v:pk({refund}),{lock}))")
            }
        }
    }
}

impl VaultScript<[u8; 33]> {
    pub fn to_script(&self) -> Script {
        let mut script = Vec::new();
        let key_verify = |script: &mut Vec<u8>, key: &[u8; 33]| {
            push_data(script, key);
            script.push(OP_CHECKSIGVERIFY);
        };
        match self {
            VaultScript::Timed { key, lock } => {
                key_verify(&mut script, key);
                lock.put(&mut script);
            }
            VaultScript::Hashed { claim, hash, refund, lock } => {
                script.push(OP_IF);
                key_verify(&mut script, claim);
                script.push(OP_SIZE);
                push_number(&mut script, 32);
                script.extend_from_slice(&[OP_EQUALVERIFY, OP_SHA256]);
                push_data(&mut script, hash);
                script.extend_from_slice(&[OP_EQUAL, OP_ELSE]);
                key_verify(&mut script, refund);
                lock.put(&mut script);
                script.push(OP_ENDIF);
            }
        }
        Script(script)
    }

    /// The vault that a witness script is, if it is one of ours.
    pub fn from_script(script: &[u8]) -> Option<VaultScript<[u8; 33]>> {
        let list: Vec<_> = instructions(script).collect::<Result<_, _>>().ok()?;
        let key = |at: usize| <[u8; 33]>::try_from(list.get(at)?.data).ok();
        let lock = |at: usize| {
            let push = list.get(at)?;
            let number = match script::opcode::small_value(push.opcode) {
                Some(value) => i64::from(value),
                None => num::decode(push.data, true, 5).ok()?,
            };
            let number = u32::try_from(number).ok()?;
            let lock = match list.get(at + 1)?.opcode {
                OP_CHECKLOCKTIMEVERIFY => Lock::Until(number),
                OP_CHECKSEQUENCEVERIFY => Lock::For(number),
                _ => return None,
            };
            lock.is_valid().then_some(lock)
        };
        let made = if list.len() == 4 {
            VaultScript::Timed { key: key(0)?, lock: lock(2)? }
        } else {
            VaultScript::Hashed {
                claim: key(1)?,
                hash: <[u8; 32]>::try_from(list.get(7)?.data).ok()?,
                refund: key(10)?,
                lock: lock(12)?,
            }
        };
        // Whatever was not looked at must be as we write it.
        (made.to_script().as_bytes() == script).then_some(made)
    }

    /// The witness of a spend by a way, the script last.
    pub fn witness(
        &self,
        way: Way,
        signature: &[u8],
        secret: Option<&[u8]>,
    ) -> Option<Vec<Vec<u8>>> {
        let script = self.to_script().0;
        Some(match (self, way) {
            (VaultScript::Timed { .. }, Way::Wait) => vec![signature.to_vec(), script],
            (VaultScript::Hashed { .. }, Way::Claim) => {
                vec![secret?.to_vec(), signature.to_vec(), vec![1], script]
            }
            (VaultScript::Hashed { .. }, Way::Wait) => vec![signature.to_vec(), Vec::new(), script],
            (VaultScript::Timed { .. }, Way::Claim) => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_there_and_back() {
        let (a, b) = ([2; 33], [3; 33]);
        for lock in [
            Lock::Until(7),
            Lock::Until(900_000),
            Lock::Until(1_800_000_000),
            Lock::For(16),
            Lock::For(144),
            Lock::For(SEQUENCE_SECONDS | 300),
        ] {
            for vault in [
                VaultScript::Timed { key: a, lock },
                VaultScript::Hashed { claim: a, hash: [9; 32], refund: b, lock },
            ] {
                let script = vault.to_script();
                assert_eq!(VaultScript::from_script(script.as_bytes()), Some(vault));
                assert!(script.len() <= 140);
                let mut other = script.0;
                other.push(OP_ENDIF);
                assert_eq!(VaultScript::from_script(&other), None);
            }
        }
    }

    #[test]
    fn locks_open_when_due() {
        assert_eq!(Lock::Until(100).opens(None, 0, 99, 0), Opens::AtHeight(100));
        assert_eq!(Lock::Until(100).opens(None, 0, 100, 0), Opens::Now);
        assert_eq!(
            Lock::Until(1_800_000_000).opens(None, 0, 1, 1_799_999_999),
            Opens::AtTime(1_800_000_000)
        );
        assert_eq!(Lock::For(10).opens(Some(100), 0, 108, 0), Opens::AtHeight(109));
        assert_eq!(Lock::For(10).opens(Some(100), 0, 109, 0), Opens::Now);
        assert_eq!(Lock::For(10).opens(None, 0, 109, 0), Opens::Unconfirmed);
        let hour = Lock::seconds(3600).expect("a lock");
        assert_eq!(hour.opens(Some(1), 1000, 9, 5095), Opens::AtTime(5096));
        assert_eq!(hour.opens(Some(1), 1000, 9, 5096), Opens::Now);
        assert!(Lock::blocks(0).is_none() && Lock::blocks(70_000).is_none());
        assert!(Lock::seconds(512 * 70_000).is_none() && !Lock::Until(0).is_valid());
    }
}
