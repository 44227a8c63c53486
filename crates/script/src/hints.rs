//! What is known about signatures before they are verified: for ECDSA the parity of the nonce
//! point's y, which the signature does not contain and the batch equation needs (`crypto/batch`).
//!
//! A hint is never trusted: a wrong one only costs time. `pack` stores about one bit per signature,
//! for the store and for peers.

use std::cell::RefCell;

use super::checker::{Covered, SignatureCheck};
use crypto::batch::list::Check;
use crypto::curve::{EcdsaSignature, PublicKey, verify_schnorr};
use primitives::codec::{Reader, put_compact_size};

/// First byte of the packed form.
const VERSION: u8 = 1;
/// Inputs that hints are packed for: more than a block can have.
const MOST_INPUTS: usize = 1 << 16;
/// Bytes of the packed form. What a block holds beyond that goes without hints.
pub const MOST_BYTES: usize = 1 << 16;

/// What somebody says about a signature check. It may be wrong: that costs time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Hint {
    #[default]
    Unknown,
    /// Valid, with a nonce point of even y.
    Even,
    /// Valid, with a nonce point of odd y.
    Odd,
    /// Not valid, as where CHECKMULTISIG tries a key that is another's.
    Fails,
}

/// Hints for the inputs of a list of transactions: for each input, in list order, those of its
/// ECDSA checks in the order in which a script asks for them, malformed ones left out. Too few, too
/// many or wrong ones change no verdict.
pub type Hints = Vec<Box<[Hint]>>;

/// The packed form: a version; the number of runs, each of them as inputs that follow each other
/// and the checks that each of them makes; one bit a check, set for odd; then, if some check fails,
/// one more bit a check, set where it does. Bits fill bytes from the lowest up. None when there is
/// nothing to say, or too much.
pub fn pack(hints: &Hints) -> Option<Vec<u8>> {
    let all: Vec<Hint> = hints.iter().flatten().copied().collect();
    if all.is_empty() || hints.len() > MOST_INPUTS {
        return None;
    }
    let runs: Vec<(usize, usize)> =
        hints.chunk_by(|a, b| a.len() == b.len()).map(|run| (run.len(), run[0].len())).collect();
    let mut out = vec![VERSION];
    put_compact_size(&mut out, runs.len());
    for (inputs, checks) in runs {
        put_compact_size(&mut out, inputs);
        put_compact_size(&mut out, checks);
    }
    put_bits(&mut out, &all, Hint::Odd);
    if all.contains(&Hint::Fails) {
        put_bits(&mut out, &all, Hint::Fails);
    }
    (out.len() <= MOST_BYTES).then_some(out)
}

fn put_bits(out: &mut Vec<u8>, hints: &[Hint], set: Hint) {
    out.extend(hints.chunks(8).map(|eight| {
        eight.iter().enumerate().fold(0, |byte, (bit, hint)| byte | u8::from(*hint == set) << bit)
    }));
}

/// The hints that `pack` packed; None if any byte does not have that form.
pub fn unpack(bytes: &[u8]) -> Option<Hints> {
    let mut reader = Reader::new(bytes);
    if bytes.len() > MOST_BYTES || reader.u8().ok()? != VERSION {
        return None;
    }
    let runs = reader.compact_size(MOST_INPUTS as u64).ok()?;
    let mut lengths = Vec::new();
    let mut checks = 0;
    for _ in 0..runs {
        let inputs = reader.compact_size((MOST_INPUTS - lengths.len()) as u64).ok()?;
        let each = reader.compact_size(8 * MOST_BYTES as u64).ok()?;
        checks += inputs * each;
        // Each check has its bit still to come, so that little is believed before it is there.
        if checks.div_ceil(8) > reader.remaining() {
            return None;
        }
        lengths.resize(lengths.len() + inputs, each);
    }
    let odd = reader.take(checks.div_ceil(8)).ok()?;
    let fails = match reader.remaining() {
        0 => None,
        _ => Some(reader.take(checks.div_ceil(8)).ok()?),
    };
    reader.finish().ok()?;
    let bit = |bits: &[u8], at: usize| bits[at / 8] >> (at % 8) & 1 == 1;
    let hint = |at: usize| match (fails.is_some_and(|fails| bit(fails, at)), bit(odd, at)) {
        (true, _) => Hint::Fails,
        (false, false) => Hint::Even,
        (false, true) => Hint::Odd,
    };
    let mut next = 0;
    let take = |length: usize| {
        next += length;
        (next - length..next).map(hint).collect()
    };
    Some(lengths.into_iter().map(take).collect())
}

/// Some hint said what was then found otherwise; `learnt` has nothing for inputs that were not
/// looked at.
pub fn misled(hints: &Hints, learnt: &Hints) -> bool {
    let looked_at = learnt.iter().enumerate().filter(|(_, learnt)| !learnt.is_empty());
    looked_at.into_iter().any(|(at, learnt)| hints.get(at) != Some(learnt))
}

/// Checks the signatures of one input when asked, and learns their hints on the way.
#[derive(Debug, Default)]
pub struct Learning(RefCell<Vec<Hint>>);

impl Learning {
    /// What was learnt.
    pub fn hints(self) -> Box<[Hint]> {
        self.0.into_inner().into()
    }
}

impl SignatureCheck for Learning {
    fn ecdsa(&self, der: &[u8], key: &[u8], covered: &Covered<'_>) -> bool {
        if Check::ecdsa(der, key, &[0; 32]).is_none() {
            return false;
        }
        let parity = PublicKey::from_bytes(key)
            .zip(EcdsaSignature::from_lax_der(der))
            .and_then(|(key, signature)| signature.verified_parity(&key, &covered.hash()));
        self.0.borrow_mut().push(match parity {
            None => Hint::Fails,
            Some(false) => Hint::Even,
            Some(true) => Hint::Odd,
        });
        parity.is_some()
    }

    fn schnorr(&self, signature: &[u8; 64], key: &[u8; 32], hash: &dyn Fn() -> [u8; 32]) -> bool {
        verify_schnorr(key, &hash(), signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Hint::{Even, Fails, Odd};

    #[test]
    fn packed_there_and_back() {
        let one = |hint: Hint| Box::from([hint]);
        let plain: Hints = (0..2000).map(|n| one(if n % 3 == 0 { Odd } else { Even })).collect();
        let packed = pack(&plain).expect("something to say");
        assert_eq!((packed.len(), unpack(&packed)), (1 + 1 + 4 + 250, Some(plain)));
        let mixed: Hints = vec![
            Box::default(),
            one(Odd),
            Box::from([Fails, Even, Odd]),
            Box::default(),
            Box::from([Fails]),
        ];
        let packed = pack(&mixed).expect("something to say");
        assert_eq!(unpack(&packed), Some(mixed));
        // Every cut and every longer one is refused, each flipped bit read or refused.
        for length in 0..packed.len() {
            let cut = unpack(&packed[..length]);
            assert!(cut.is_none() || length == packed.len() - 1, "{length}: {cut:?}");
        }
        assert_eq!(unpack(&[&packed[..], &[0]].concat()), None);
        for bit in 0..8 * packed.len() {
            let mut other = packed.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            if let Some(read) = unpack(&other) {
                assert!(read.len() <= MOST_INPUTS);
            }
        }
    }

    #[test]
    fn nothing_and_too_much_is_not_packed() {
        assert_eq!(pack(&vec![]), None);
        assert_eq!(pack(&vec![Box::default(); 10]), None);
        assert_eq!(pack(&vec![vec![Even; 8 * MOST_BYTES].into()]), None);
        assert_eq!(pack(&vec![Box::from([Even]); MOST_INPUTS + 1]), None);
        assert!(pack(&vec![vec![Even; 4 * MOST_BYTES].into()]).is_some());
        // Claims without the bits for them: no memory is taken.
        let mut claims = vec![VERSION];
        put_compact_size(&mut claims, 1000);
        for _ in 0..1000 {
            put_compact_size(&mut claims, MOST_INPUTS);
            put_compact_size(&mut claims, 8 * MOST_BYTES);
        }
        assert_eq!(unpack(&claims), None);
    }

    #[test]
    fn who_misleads_is_found() {
        let truth: Hints = vec![Box::from([Even]), Box::default(), Box::from([Odd, Fails])];
        assert!(!misled(&truth, &truth));
        assert!(!misled(&truth, &vec![Box::default(); 3]));
        assert!(misled(&truth[..2].to_vec(), &truth));
        let lie: Hints = vec![Box::from([Odd]), Box::default(), Box::from([Odd, Fails])];
        assert!(misled(&lie, &truth));
    }
}
