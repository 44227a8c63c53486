//! Keys from a phrase: BIP39 words to a seed, BIP32 derivation along paths, key origins (BIP380)
//! and WIF. The tree itself is the crate `bip32` on k256; what it leaves unchecked is checked here.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;

use bip32::{ChildNumber, ExtendedKey, Prefix, XPrv, XPub};
use bip39::{Language, Mnemonic};
use zeroize::{Zeroize, Zeroizing};

use crypto::entropy::{Entropy, EntropyError, random_bytes};
use crypto::sign::PrivateKey;
use primitives::hex;
use primitives::network::NetworkParams;

/// Set in a path's number for a hardened step.
pub const HARDENED: u32 = 1 << 31;

/// Most steps of a path that is read.
const MAX_STEPS: usize = 32;

/// Bytes of entropy behind 24 words.
const ENTROPY_SIZE: usize = 32;

/// Why a text is no key, path or phrase. Never holds the secret itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("word {position} of the phrase is not in the BIP39 list")]
    UnknownWord { position: usize },
    #[error("the phrase has {count} words: it must have 12, 15, 18, 21 or 24")]
    WordCount { count: usize },
    #[error("the phrase's checksum does not fit: a word is wrong or out of order")]
    PhraseChecksum,
    #[error("{text:?} is not a derivation path: write steps as 84h/0h/0h")]
    Path { text: String },
    #[error(
        "{text:?} is not a key origin: write [fingerprint/path], the fingerprint in 8 hex digits"
    )]
    Origin { text: String },
    #[error("the extended key is not valid: {reason}")]
    Extended { reason: String },
    #[error("the extended key is of another network: {network} keys start with {prefix}")]
    OtherNetwork { network: &'static str, prefix: &'static str },
    #[error("this is a private key: a descriptor holds public keys alone, use restore-phrase")]
    Private,
    #[error("the private key is not valid: {reason}")]
    Wif { reason: String },
    #[error("no key can be derived at this path")]
    Derivation,
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

/// Where a key stands: the master's fingerprint and the path from it (BIP174, BIP380).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyOrigin {
    pub fingerprint: [u8; 4],
    pub path: Vec<u32>,
}

impl KeyOrigin {
    /// Fingerprint, then each step as a little-endian number, as PSBTs hold it.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.fingerprint.to_vec();
        self.path.iter().for_each(|step| bytes.extend_from_slice(&step.to_le_bytes()));
        bytes
    }

    pub fn from_bytes(bytes: &[u8]) -> Option<KeyOrigin> {
        let (fingerprint, path) = bytes.split_first_chunk::<4>()?;
        let (steps, rest) = path.as_chunks::<4>();
        if !rest.is_empty() {
            return None;
        }
        let path = steps.iter().map(|step| u32::from_le_bytes(*step)).collect();
        Some(KeyOrigin { fingerprint: *fingerprint, path })
    }

    /// Reads `fingerprint/path` (without the brackets).
    pub fn parse(text: &str) -> Result<KeyOrigin, KeyError> {
        let wrong = || KeyError::Origin { text: text.to_owned() };
        let (fingerprint, path) = text.split_once('/').unwrap_or((text, ""));
        let fingerprint = hex::decode_array::<4>(fingerprint).map_err(|_| wrong())?;
        Ok(KeyOrigin { fingerprint, path: parse_path(path)? })
    }
}

impl fmt::Display for KeyOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.fingerprint))?;
        match self.path.is_empty() {
            true => Ok(()),
            false => write!(f, "/{}", show_path(&self.path)),
        }
    }
}

/// Steps of `m/84h/0'/3`; the `m` may be left out.
pub fn parse_path(text: &str) -> Result<Vec<u32>, KeyError> {
    let wrong = || KeyError::Path { text: text.to_owned() };
    let steps = text.strip_prefix("m/").unwrap_or(if text == "m" { "" } else { text });
    if steps.is_empty() {
        return Ok(Vec::new());
    }
    let path: Option<Vec<u32>> = steps.split('/').take(MAX_STEPS + 1).map(parse_step).collect();
    path.filter(|path| path.len() <= MAX_STEPS).ok_or_else(wrong)
}

/// One step, hardened by `h`, `H` or `'`.
pub fn parse_step(text: &str) -> Option<u32> {
    let digits = text.strip_suffix(['h', 'H', '\'']);
    let number: u32 = digits
        .unwrap_or(text)
        .bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| digits.unwrap_or(text).parse().ok())??;
    (number < HARDENED).then_some(if digits.is_some() { number | HARDENED } else { number })
}

/// Steps with `h` for hardened ones.
pub fn show_path(path: &[u32]) -> String {
    let step = |step: &u32| match step & HARDENED {
        0 => step.to_string(),
        _ => format!("{}h", step & !HARDENED),
    };
    path.iter().map(step).collect::<Vec<_>>().join("/")
}

fn child(step: u32) -> ChildNumber {
    ChildNumber::from(step)
}

/// The public key at the end of normal steps.
pub fn derive_public(key: &XPub, path: &[u32]) -> Result<XPub, KeyError> {
    path.iter().try_fold(key.clone(), |key, step| {
        key.derive_child(child(*step)).map_err(|_| KeyError::Derivation)
    })
}

/// Reads an extended public key of the network. Versions, depth and parent must agree (BIP32).
pub fn parse_xpub(text: &str, params: &NetworkParams) -> Result<XPub, KeyError> {
    let version = bip32_version(text)?;
    if version == params.address.extended_private || text.get(1..4) == Some("prv") {
        return Err(KeyError::Private);
    }
    if version != params.address.extended_public {
        let prefix = prefix_name(params.address.extended_public);
        return Err(KeyError::OtherNetwork { network: params.name, prefix });
    }
    let invalid = |e: bip32::Error| KeyError::Extended { reason: e.to_string() };
    let key: ExtendedKey = text.parse().map_err(invalid)?;
    check_root(&key)?;
    XPub::try_from(key).map_err(invalid)
}

/// Reads an extended private key of the network.
pub fn parse_xprv(text: &str, params: &NetworkParams) -> Result<XPrv, KeyError> {
    if bip32_version(text)? != params.address.extended_private {
        let prefix = prefix_name(params.address.extended_private);
        return Err(KeyError::OtherNetwork { network: params.name, prefix });
    }
    let invalid = |_: bip32::Error| KeyError::Extended { reason: "not a private key".to_owned() };
    let key: ExtendedKey = text.parse().map_err(invalid)?;
    check_root(&key)?;
    XPrv::try_from(key).map_err(invalid)
}

/// A key at depth 0 has no parent and no number.
fn check_root(key: &ExtendedKey) -> Result<(), KeyError> {
    let attrs = &key.attrs;
    let has_parent = attrs.parent_fingerprint != [0; 4] || u32::from(attrs.child_number) != 0;
    if attrs.depth == 0 && has_parent {
        return Err(KeyError::Extended { reason: "depth 0 with a parent".to_owned() });
    }
    Ok(())
}

fn bip32_version(text: &str) -> Result<[u8; 4], KeyError> {
    let invalid = |reason: &str| KeyError::Extended { reason: reason.to_owned() };
    if text.len() > 120 {
        return Err(invalid("it is too long"));
    }
    let mut bytes = base58ck::decode_check(text).map_err(|e| invalid(&e.to_string()))?;
    let version = bytes.first_chunk::<4>().copied();
    bytes.zeroize();
    version.ok_or_else(|| invalid("it is too short"))
}

fn prefix_name(version: [u8; 4]) -> &'static str {
    match version {
        [0x04, 0x88, 0xb2, 0x1e] => "xpub",
        [0x04, 0x88, 0xad, 0xe4] => "xprv",
        [0x04, 0x35, 0x87, 0xcf] => "tpub",
        _ => "tprv",
    }
}

/// The text of an extended public key on a network.
pub fn show_xpub(key: &XPub, params: &NetworkParams) -> String {
    let version = params.address.extended_public;
    let prefix = Prefix::from_parts_unchecked(prefix_name(version), u32::from_be_bytes(version));
    key.to_string(prefix)
}

/// The secret behind a phrase.
#[derive(Clone)]
pub struct Seed {
    entropy: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(hidden)")
    }
}

impl Seed {
    /// A new secret of 24 words.
    pub fn generate(entropy: &mut dyn Entropy) -> Result<Seed, KeyError> {
        let bytes: Zeroizing<[u8; ENTROPY_SIZE]> = Zeroizing::new(random_bytes(entropy)?);
        Ok(Seed { entropy: Zeroizing::new(bytes.to_vec()) })
    }

    /// Reads BIP39 words in English; case and blanks don't matter.
    pub fn from_phrase(text: &str) -> Result<Seed, KeyError> {
        let mut normal = Zeroizing::new(String::with_capacity(text.len()));
        for word in text.split_whitespace() {
            if !normal.is_empty() {
                normal.push(' ');
            }
            word.chars().for_each(|c| normal.push(c.to_ascii_lowercase()));
        }
        let mnemonic = Mnemonic::parse_in_normalized(Language::English, &normal);
        let mnemonic = mnemonic.map_err(|e| match e {
            bip39::Error::UnknownWord(index) => KeyError::UnknownWord { position: index + 1 },
            bip39::Error::BadWordCount(count) => KeyError::WordCount { count },
            _ => KeyError::PhraseChecksum,
        })?;
        Ok(Seed { entropy: Zeroizing::new(mnemonic.to_entropy()) })
    }

    /// From the bytes that a wallet file keeps.
    pub fn from_entropy(bytes: &[u8]) -> Result<Seed, KeyError> {
        let words = bytes.len() * 3 / 4;
        Mnemonic::from_entropy(bytes).map_err(|_| KeyError::WordCount { count: words })?;
        Ok(Seed { entropy: Zeroizing::new(bytes.to_vec()) })
    }

    pub fn entropy(&self) -> &[u8] {
        &self.entropy
    }

    fn mnemonic(&self) -> Result<Mnemonic, KeyError> {
        Mnemonic::from_entropy(&self.entropy)
            .map_err(|_| KeyError::WordCount { count: self.entropy.len() * 3 / 4 })
    }

    /// The words.
    pub fn phrase(&self) -> Result<Zeroizing<String>, KeyError> {
        Ok(Zeroizing::new(self.mnemonic()?.to_string()))
    }

    /// The root of the key tree; `passphrase` is BIP39's, empty by default.
    pub fn master(&self, passphrase: &str) -> Result<Master, KeyError> {
        let seed = Zeroizing::new(self.mnemonic()?.to_seed(passphrase));
        Master::from_seed(&seed[..])
    }
}

/// The root of a tree of keys.
pub struct Master {
    root: XPrv,
    fingerprint: [u8; 4],
    /// Keys at the end of hardened steps, so that many signatures cost few derivations.
    parents: RefCell<HashMap<Vec<u32>, XPrv>>,
}

impl fmt::Debug for Master {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Master({})", hex::encode(&self.fingerprint()))
    }
}

impl Master {
    /// From a BIP32 seed of 16, 32 or 64 bytes.
    pub fn from_seed(seed: &[u8]) -> Result<Master, KeyError> {
        let root = XPrv::new(seed).map_err(|_| KeyError::Derivation)?;
        let fingerprint = root.public_key().fingerprint();
        Ok(Master { root, fingerprint, parents: RefCell::default() })
    }

    pub fn fingerprint(&self) -> [u8; 4] {
        self.fingerprint
    }

    fn derive(&self, path: &[u32]) -> Result<XPrv, KeyError> {
        let derive = |key: XPrv, steps: &[u32]| {
            steps.iter().try_fold(key, |key, step| {
                key.derive_child(child(*step)).map_err(|_| KeyError::Derivation)
            })
        };
        // All but the last step is remembered.
        let Some((last, parent)) = path.split_last() else { return Ok(self.root.clone()) };
        if let Some(key) = self.parents.borrow().get(parent) {
            return derive(key.clone(), &[*last]);
        }
        let key = derive(self.root.clone(), parent)?;
        self.parents.borrow_mut().insert(parent.to_vec(), key.clone());
        derive(key, &[*last])
    }

    /// The extended public key at a path.
    pub fn xpub(&self, path: &[u32]) -> Result<XPub, KeyError> {
        Ok(self.derive(path)?.public_key())
    }

    /// The private key at a path.
    pub fn private_key(&self, path: &[u32]) -> Result<PrivateKey, KeyError> {
        Ok(PrivateKey::from(self.derive(path)?.private_key()))
    }

    /// The private key of an origin, if it is of this tree.
    pub fn key_of(&self, origin: &KeyOrigin) -> Option<PrivateKey> {
        (origin.fingerprint == self.fingerprint()).then(|| self.private_key(&origin.path).ok())?
    }
}

/// Reads a private key in the wallet import format; true when its public key is compressed.
pub fn parse_wif(text: &str, params: &NetworkParams) -> Result<(PrivateKey, bool), KeyError> {
    let wrong = |reason: &str| KeyError::Wif { reason: reason.to_owned() };
    if text.len() > 60 {
        return Err(wrong("it is too long"));
    }
    let bytes = base58ck::decode_check(text).map_err(|_| wrong("its checksum does not fit"))?;
    let bytes = Zeroizing::new(bytes);
    let (version, rest) = bytes.split_first().ok_or_else(|| wrong("it is empty"))?;
    if *version != params.address.private_key_version {
        return Err(wrong("it is of another network"));
    }
    let (secret, compressed) = match rest {
        [secret @ .., 1] if secret.len() == 32 => (secret, true),
        secret if secret.len() == 32 => (secret, false),
        _ => return Err(wrong("it has the wrong length")),
    };
    let mut array = Zeroizing::new([0u8; 32]);
    array.copy_from_slice(secret);
    let key = PrivateKey::from_bytes(&array).ok_or_else(|| wrong("it is out of range"))?;
    Ok((key, compressed))
}

/// The coin type of BIP44 paths (SLIP44): 1 where keys are worth nothing.
pub fn coin_type(params: &NetworkParams) -> u32 {
    params.address.coin_type
}

#[cfg(test)]
mod tests {
    use super::*;
    use primitives::network::{BITCOIN, REGTEST};
    use testkit::vectors;

    /// Core's private keys of every network that is ours.
    #[test]
    fn core_key_io_vectors() {
        let Some(valid) = vectors::read("core/key_io_valid.json") else { return };
        let valid: serde_json::Value = serde_json::from_slice(&valid).expect("JSON");
        let mut seen = 0;
        for case in valid.as_array().expect("a list") {
            let params = match case[2]["chain"].as_str() {
                Some("main") => &BITCOIN,
                Some("regtest") => &REGTEST,
                _ => continue,
            };
            if case[2]["isPrivkey"] != true {
                continue;
            }
            let (key, compressed) =
                parse_wif(case[0].as_str().expect("text"), params).expect("a key");
            let secret = hex::decode_array(case[1].as_str().expect("hex")).expect("32 bytes");
            let wanted = PrivateKey::from_bytes(&secret).expect("a key");
            assert_eq!(key.public_key(), wanted.public_key());
            assert_eq!(compressed, case[2]["isCompressed"] == true);
            seen += 1;
        }
        assert!(seen > 5, "{seen}");
    }

    /// BIP32's first test vector, and BIP39's by way of its published seed's master key.
    #[test]
    fn bip32_and_bip39_vectors() {
        let seed = hex::decode("000102030405060708090a0b0c0d0e0f").expect("hex");
        let master = Master::from_seed(&seed).expect("a master");
        for (path, wanted) in [
            (
                "m",
                "xpub661MyMwAqRbcFtXgS5sYJABqqG9YLmC4Q1Rdap9gSE8NqtwybGhePY2gZ29ESFjqJoCu1Rupje8YtGqsefD265TMg7usUDFdp6W1EGMcet8",
            ),
            (
                "m/0h",
                "xpub68Gmy5EdvgibQVfPdqkBBCHxA5htiqg55crXYuXoQRKfDBFA1WEjWgP6LHhwBZeNK1VTsfTFUHCdrfp1bgwQ9xv5ski8PX9rL2dZXvgGDnw",
            ),
            (
                "m/0h/1",
                "xpub6ASuArnXKPbfEwhqN6e3mwBcDTgzisQN1wXN9BJcM47sSikHjJf3UFHKkNAWbWMiGj7Wf5uMash7SyYq527Hqck2AxYysAA7xmALppuCkwQ",
            ),
            (
                "m/0h/1/2h",
                "xpub6D4BDPcP2GT577Vvch3R8wDkScZWzQzMMUm3PWbmWvVJrZwQY4VUNgqFJPMM3No2dFDFGTsxxpG5uJh7n7epu4trkrX7x7DogT5Uv6fcLW5",
            ),
            (
                "m/0h/1/2h/2",
                "xpub6FHa3pjLCk84BayeJxFW2SP4XRrFd1JYnxeLeU8EqN3vDfZmbqBqaGJAyiLjTAwm6ZLRQUMv1ZACTj37sR62cfN7fe5JnJ7dh8zL4fiyLHV",
            ),
        ] {
            let path = parse_path(path).expect("a path");
            assert_eq!(show_xpub(&master.xpub(&path).expect("a key"), &BITCOIN), wanted);
        }
        // The second: a longer seed, and the highest numbers.
        let seed = "fffcf9f6f3f0edeae7e4e1dedbd8d5d2cfccc9c6c3c0bdbab7b4b1aeaba8a5a2\
                    9f9c999693908d8a8784817e7b7875726f6c696663605d5a5754514e4b484542";
        let master = Master::from_seed(&hex::decode(seed).expect("hex")).expect("a master");
        let path = parse_path("m/0/2147483647h/1/2147483646h/2").expect("a path");
        assert_eq!(
            show_xpub(&master.xpub(&path).expect("a key"), &BITCOIN),
            "xpub6FnCn6nSzZAw5Tw7cgR9bi15UV96gLZhjDstkXXxvCLsUXBGXPdSnLFbdpq8p9HmGsApME5hQTZ3emM2rnY5agb9rXpVGyy3bdW6EEgAtqt"
        );
        {
            let (entropy, phrase, seed) = (
                [0u8; 32],
                "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon art",
                "bda85446c68413707090a52022edd26a1c9462295029f2e60cd7c4f2bbd3097170af7a4d73245cafa9c3cca8d561a7c3de6f5d4a10be8ed2a5e608d68f92fcc8",
            );
            let made = Seed::from_phrase(phrase).expect("a phrase");
            assert_eq!(made.entropy(), entropy);
            let ours = made.master("TREZOR").expect("a master");
            let theirs = Master::from_seed(&hex::decode(seed).expect("hex")).expect("a master");
            assert_eq!(ours.fingerprint(), theirs.fingerprint());
        }
    }
}
