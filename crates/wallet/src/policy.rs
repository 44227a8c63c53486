//! What is asked of a shared descriptor before the wallet takes it (in the spirit of BIP388): every
//! seat is another key at every index, and a seat that is said to be ours is.
//!
//! Fingerprints, depths and child numbers of extended keys are authenticated by nothing: members are
//! compared by their keys, and our own by deriving it.

use super::book::{Book, BookError, Purpose, account_path};
use super::descriptor::{Descriptor, KeyExpr};
use super::keys::{KeyError, Master};
use primitives::hex;
use primitives::network::NetworkParams;

/// Indices of each branch that are looked at where some keys are derived and others are not: a fixed
/// key may be the child of a derived one at a single index.
const CHECKED_INDICES: u32 = 200;

/// Why a descriptor is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    #[error(
        "key {position} says it is this wallet's ({fingerprint}), but the wallet has another key at \
         that path: somebody put theirs in its place"
    )]
    BorrowedFingerprint { position: usize, fingerprint: String },
    #[error(
        "key {position} is this wallet's, but stands under the fingerprint {fingerprint}, which is \
         not: the wallet would not find it to sign"
    )]
    WrongFingerprint { position: usize, fingerprint: String },
    #[error(
        "none of the keys is this wallet's, so it could never sign: `watch DESCRIPTOR` takes it to \
         be watched alone"
    )]
    NoSeat,
    #[error("{seats} of the keys are this wallet's: one signer would fill {seats} seats")]
    SeveralSeats { seats: usize },
    #[error(
        "keys {first} and {second} are of one master key ({fingerprint}): one signer would fill two seats"
    )]
    OneMaster { first: usize, second: usize, fingerprint: String },
    #[error("at index {index} two of the keys are one: one signer would fill two seats")]
    RepeatedKey { index: u32 },
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// What the wallet is to the coins of a descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It has a seat: it holds one of the keys.
    Member,
    /// It looks on, as the operator said.
    WatchOnly,
}

/// Positions of the keys that are this wallet's, each proven by deriving it.
pub fn own_seats(
    descriptor: &Descriptor,
    master: &Master,
    params: &NetworkParams,
) -> Result<Vec<usize>, PolicyError> {
    let mut seats = Vec::new();
    for (at, key) in descriptor.key_exprs().into_iter().enumerate() {
        if is_own(at, key, master, params)? {
            seats.push(at);
        }
    }
    Ok(seats)
}

fn is_own(
    at: usize,
    key: &KeyExpr,
    master: &Master,
    params: &NetworkParams,
) -> Result<bool, PolicyError> {
    let fingerprint = |bytes: [u8; 4]| hex::encode(&bytes);
    let position = at + 1;
    let base = key.base();
    if key.origin().is_some() && base.fingerprint == master.fingerprint() {
        return match key.is_key_at(master, &base.path)? {
            true => Ok(true),
            false => {
                let fingerprint = fingerprint(base.fingerprint);
                Err(PolicyError::BorrowedFingerprint { position, fingerprint })
            }
        };
    }
    // The keys that we hand out, under another's name.
    for purpose in [Purpose::Multisig, Purpose::Segwit, Purpose::Taproot] {
        if key.is_key_at(master, &account_path(purpose, params))? {
            let fingerprint = fingerprint(base.fingerprint);
            return Err(PolicyError::WrongFingerprint { position, fingerprint });
        }
    }
    Ok(false)
}

/// Refuses a multisig in which one signer is known to fill several seats.
fn check_seats(descriptor: &Descriptor) -> Result<(), PolicyError> {
    let Descriptor::Multi { keys, .. } = descriptor else { return Ok(()) };
    for (at, key) in keys.iter().enumerate() {
        let Some(origin) = key.origin() else { continue };
        let same = |other: &KeyExpr| {
            other.origin().is_some_and(|other| other.fingerprint == origin.fingerprint)
        };
        if let Some(first) = keys[..at].iter().position(same) {
            return Err(PolicyError::OneMaster {
                first: first + 1,
                second: at + 1,
                fingerprint: hex::encode(&origin.fingerprint),
            });
        }
    }
    let mixed = descriptor.is_ranged() && !keys.iter().all(KeyExpr::is_ranged);
    let until = if mixed { CHECKED_INDICES } else { 1 };
    for branch in 0..descriptor.branches() {
        let prepared = descriptor.prepare(branch)?;
        for index in 0..until {
            if prepared.at(index)?.repeats_key() {
                return Err(PolicyError::RepeatedKey { index });
            }
        }
    }
    Ok(())
}

/// All that is asked of a descriptor, for a wallet with or without keys.
pub fn check(
    descriptor: &Descriptor,
    master: Option<&Master>,
    role: Role,
    params: &NetworkParams,
) -> Result<(), PolicyError> {
    check_seats(descriptor)?;
    let Some(master) = master else { return Ok(()) };
    let seats = own_seats(descriptor, master, params)?.len();
    match descriptor {
        Descriptor::Multi { .. } if seats > 1 => Err(PolicyError::SeveralSeats { seats }),
        Descriptor::Multi { .. } if seats == 0 && role == Role::Member => Err(PolicyError::NoSeat),
        _ => Ok(()),
    }
}

impl Book {
    /// Takes a descriptor as an account, once it is what it says it is.
    pub fn register(
        &mut self,
        name: &str,
        descriptor: Descriptor,
        role: Role,
    ) -> Result<usize, BookError> {
        let master = if self.is_watch_only() { None } else { Some(self.master()?) };
        check(&descriptor, master.as_ref(), role, self.params)?;
        self.add_account(name, descriptor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::descriptor::{DescriptorError, Wrap, multisig};
    use crate::keys::{KeyOrigin, show_xpub};
    use bip32::XPub;
    use crypto::entropy::SeededEntropy;
    use primitives::network::{BITCOIN, REGTEST};
    use proptest::prelude::*;

    fn book(n: u8) -> Book {
        Book::generate(&REGTEST, &mut SeededEntropy::new([n; 32])).expect("a wallet")
    }

    fn cosigner(n: u8) -> String {
        book(n).cosigner().expect("a key").show_cosigner(&REGTEST)
    }

    fn read(keys: &[String]) -> Result<Descriptor, DescriptorError> {
        let keys: Result<Vec<KeyExpr>, _> =
            keys.iter().map(|key| KeyExpr::parse_cosigner(key, &REGTEST)).collect();
        multisig(Wrap::Wsh, true, 2, keys?)
    }

    /// The same public key and chain code under other words around them, with a good checksum.
    fn disguised(text: &str, change: impl Fn(&mut [u8])) -> String {
        let (origin, key) = text.split_once(']').expect("an origin");
        let mut bytes = base58ck::decode_check(key).expect("a key");
        change(&mut bytes);
        let key = base58ck::Base58CkString::encode(&bytes).expect("short");
        format!("{origin}]{}", key.as_str())
    }

    /// Fault 1: one key counted as many, by each field that nothing authenticates.
    #[test]
    fn one_key_in_disguises_is_one_key() {
        let (a, b) = (cosigner(1), cosigner(2));
        for (field, at) in [("depth", 4), ("parent fingerprint", 5), ("number", 12)] {
            for bit in 0..8 {
                let twin = disguised(&a, |bytes| bytes[at] ^= 1 << bit);
                assert_ne!(twin, a);
                // Depth 0 is refused for itself.
                if let Ok(made) = read(&[a.clone(), b.clone(), twin.clone()]) {
                    panic!("{field}: {}", made.show(&REGTEST));
                }
                let text = format!("wsh(sortedmulti(2,{a}/<0;1>/*,{b}/<0;1>/*,{twin}/<0;1>/*))");
                assert!(Descriptor::parse(&text, &REGTEST).is_err(), "{field}");
            }
        }
        // Under other fingerprints and paths, and with other steps.
        let renamed = format!("[11223344/1h{}", &a[a.find(']').expect("an origin")..]);
        assert_eq!(read(&[a.clone(), b.clone(), renamed]), Err(DescriptorError::RepeatedKey));
        let text = format!("wsh(sortedmulti(2,{a}/0/*,{b}/0/*,{a}/1/*))");
        assert_eq!(Descriptor::parse(&text, &REGTEST), Err(DescriptorError::RepeatedKey));
        // Another chain code, or the negative of the key: the owner is the same.
        for at in [20, 45] {
            let twin = disguised(&a, |bytes| bytes[at] ^= 1);
            assert!(read(&[a.clone(), b.clone(), twin]).is_err(), "byte {at}");
        }
        // Another network's version does not get that far.
        let foreign = disguised(&a, |bytes| {
            bytes[..4].copy_from_slice(&BITCOIN.address.extended_public);
        });
        assert!(read(&[a.clone(), b.clone(), foreign]).is_err());
        assert!(read(&[a, b, cosigner(3)]).is_ok());
    }

    /// A key that is the child of another at one index, or at all of them.
    #[test]
    fn one_key_by_derivation_is_one_key() {
        let master = book(1).master().expect("keys");
        let path = account_path(Purpose::Multisig, &REGTEST);
        let account: XPub = master.xpub(&path).expect("a key");
        let child = |steps: &[u32]| crate::keys::derive_public(&account, steps).expect("a key");
        let (a, b) = (cosigner(1), cosigner(2));
        let other =
            |key: &XPub, steps: &str| format!("[01020304]{}{steps}", show_xpub(key, &REGTEST));
        let parse = |third: &str| {
            let text = format!("wsh(sortedmulti(2,{a}/<0;1>/*,{b}/<0;1>/*,{third}))");
            Descriptor::parse(&text, &REGTEST)
        };
        // `a/0` as a key of its own derives what `a` does on branch 0.
        let same = parse(&other(&child(&[0]), "/*"));
        assert_eq!(same, Err(DescriptorError::RepeatedKey));
        // The child at index 0 is seen when the text is read, a later one when it is registered, and
        // wherever else a script is derived.
        let at = |index: u32| parse(&hex::encode(&child(&[1, index]).to_bytes()));
        assert_eq!(at(0), Err(DescriptorError::RepeatedKey));
        let late = at(77).expect("not seen at index 0");
        let refused = check(&late, None, Role::WatchOnly, &REGTEST);
        assert_eq!(refused, Err(PolicyError::RepeatedKey { index: 77 }));
        assert!(late.derive(1, 77).expect("derived").repeats_key());
        assert!(!late.derive(1, 78).expect("derived").repeats_key());
    }

    /// Fault 2: our fingerprint on a stranger's key, our key under a stranger's, no key of ours.
    #[test]
    fn our_seat_is_derived_not_believed() {
        let (mut own, ours) = (book(1), cosigner(1));
        let strangers = [cosigner(2), cosigner(3), cosigner(4)];
        let name = |text: &str, by: &str| {
            let end = by.find(']').expect("an origin");
            format!("{}{}", &by[..end], &text[text.find(']').expect("an origin")..])
        };
        let made = |keys: &[String]| read(keys).expect("distinct keys");
        let borrowed = made(&[name(&strangers[0], &ours), strangers[1].clone()]);
        for role in [Role::Member, Role::WatchOnly] {
            let refused = own.register("t", borrowed.clone(), role).expect_err("a lie");
            let borrowed = PolicyError::BorrowedFingerprint {
                position: 1,
                fingerprint: hex::encode(&own.master().expect("keys").fingerprint()),
            };
            assert_eq!(refused, BookError::Policy(borrowed));
        }
        let renamed = made(&[strangers[0].clone(), name(&ours, &strangers[1])]);
        assert!(matches!(
            own.register("t", renamed, Role::Member),
            Err(BookError::Policy(PolicyError::WrongFingerprint { position: 2, .. }))
        ));
        let foreign = made(&strangers);
        assert_eq!(
            own.register("t", foreign.clone(), Role::Member),
            Err(BookError::Policy(PolicyError::NoSeat))
        );
        own.register("watched", foreign, Role::WatchOnly).expect("said to be watched");
        // Two seats of ours, honestly named.
        let master = own.master().expect("keys");
        let path = account_path(Purpose::Segwit, &REGTEST);
        let origin = KeyOrigin { fingerprint: master.fingerprint(), path: path.clone() };
        let second = KeyExpr::account(origin, master.xpub(&path).expect("a key"));
        let second = second.show_cosigner(&REGTEST);
        let two = made(&[ours.clone(), second, strangers[0].clone()]);
        assert!(matches!(
            own.register("t", two, Role::Member),
            Err(BookError::Policy(PolicyError::OneMaster { first: 1, second: 2, .. }))
        ));
        let fair = made(&[strangers[0].clone(), ours, strangers[1].clone()]);
        assert_eq!(own_seats(&fair, &master, &REGTEST), Ok(vec![1]));
        own.register("t", fair, Role::Member).expect("a member");
    }

    /// A file that an older version wrote, with a repeated key, still opens.
    #[test]
    fn an_old_file_with_a_repeated_key_opens() {
        let (a, b) = (cosigner(1), cosigner(2));
        let twin = disguised(&a, |bytes| bytes[5] ^= 1);
        let text = format!("wsh(sortedmulti(2,{a}/<0;1>/*,{b}/<0;1>/*,{twin}/<0;1>/*))");
        let kept = Descriptor::parse_kept(&text, &REGTEST).expect("kept");
        let mut own = book(1);
        own.add_account("treasury", kept).expect("added");
        let again = Book::from_body(&own.to_body(), &REGTEST).expect("opens");
        assert_eq!(again.accounts.len(), 3);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever is changed around a key, a set that holds it twice is refused.
        #[test]
        fn no_disguise_fills_a_second_seat(
            depth in any::<u8>(), parent in any::<[u8; 4]>(), number in any::<u32>(),
            fingerprint in any::<[u8; 4]>(), step in 0u32..1000,
        ) {
            let (a, b) = (cosigner(1), cosigner(2));
            let twin = disguised(&a, |bytes| {
                bytes[4] = depth;
                bytes[5..9].copy_from_slice(&parent);
                bytes[9..13].copy_from_slice(&number.to_be_bytes());
            });
            let key = &twin[twin.find(']').expect("an origin") + 1..];
            let twin = format!("[{}/48h]{key}/{step}/*", hex::encode(&fingerprint));
            prop_assert!(read(&[a, b, twin]).is_err());
        }
    }
}
