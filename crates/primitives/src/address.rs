//! Addresses: base58check (P2PKH, P2SH) and bech32/bech32m (BIP173, BIP350) of output scripts.

use super::network::NetworkParams;
use super::script::Script;

const OP_0: u8 = 0x00;
const OP_1: u8 = 0x51;
const OP_16: u8 = 0x60;
const OP_DUP: u8 = 0x76;
const OP_EQUAL: u8 = 0x87;
const OP_EQUALVERIFY: u8 = 0x88;
const OP_HASH160: u8 = 0xa9;
const OP_CHECKSIG: u8 = 0xac;

/// Lengths of a witness program, in bytes (BIP141).
const PROGRAM_SIZES: std::ops::RangeInclusive<usize> = 2..=40;

/// An output script that has a short text form.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address {
    PubkeyHash([u8; 20]),
    ScriptHash([u8; 20]),
    Witness { version: u8, program: Vec<u8> },
}

/// Why a text is not an address of the network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("{text:?} is an address of another network: {network} addresses start with {hrp}1")]
    OtherNetwork { text: String, network: &'static str, hrp: &'static str },
    #[error("{text:?} is not an address: {reason}")]
    Invalid { text: String, reason: String },
}

impl Address {
    /// The address that stands for `script`, if one does.
    pub fn from_script(script: &Script) -> Option<Address> {
        match script.as_bytes() {
            [OP_DUP, OP_HASH160, 20, hash @ .., OP_EQUALVERIFY, OP_CHECKSIG] => {
                hash.try_into().ok().map(Address::PubkeyHash)
            }
            [OP_HASH160, 20, hash @ .., OP_EQUAL] => hash.try_into().ok().map(Address::ScriptHash),
            [version, size, program @ ..]
                if usize::from(*size) == program.len()
                    && PROGRAM_SIZES.contains(&program.len()) =>
            {
                let version = match *version {
                    OP_0 => 0,
                    OP_1..=OP_16 => version - OP_1 + 1,
                    _ => return None,
                };
                Some(Address::Witness { version, program: program.to_vec() })
            }
            _ => None,
        }
    }

    /// The script that pays to this address.
    pub fn to_script(&self) -> Script {
        Script(match self {
            Address::PubkeyHash(hash) => {
                [&[OP_DUP, OP_HASH160, 20][..], hash, &[OP_EQUALVERIFY, OP_CHECKSIG]].concat()
            }
            Address::ScriptHash(hash) => [&[OP_HASH160, 20][..], hash, &[OP_EQUAL]].concat(),
            Address::Witness { version, program } => {
                let opcode = if *version == 0 { OP_0 } else { OP_1 - 1 + version };
                [&[opcode, program.len() as u8][..], program].concat()
            }
        })
    }

    /// It pays to the hash of a script, or to a taproot output, which may hold some.
    pub fn is_script(&self) -> bool {
        match self {
            Address::PubkeyHash(_) => false,
            Address::ScriptHash(_) => true,
            // Core says so of P2WSH and of taproot, and of no version that it does not know.
            Address::Witness { version, program } => {
                program.len() == 32 && matches!(version, 0 | 1)
            }
        }
    }

    /// The text form on a network.
    pub fn to_text(&self, params: &NetworkParams) -> String {
        let base58 = |version: u8, hash: &[u8; 20]| {
            let payload = [&[version][..], hash].concat();
            base58ck::Base58CkString::encode_unbounded(&payload).to_string()
        };
        match self {
            Address::PubkeyHash(hash) => base58(params.address.pubkey_hash_version, hash),
            Address::ScriptHash(hash) => base58(params.address.script_hash_version, hash),
            Address::Witness { version, program } => {
                let hrp = bech32::Hrp::parse_unchecked(params.address.hrp);
                let version = bech32::Fe32::try_from(*version).unwrap_or(bech32::Fe32::Q);
                bech32::segwit::encode(hrp, version, program).unwrap_or_default()
            }
        }
    }

    /// Reads the text form; one of another network is refused by name.
    pub fn from_text(text: &str, params: &'static NetworkParams) -> Result<Address, AddressError> {
        let invalid = |reason: String| AddressError::Invalid { text: text.to_owned(), reason };
        let other = || AddressError::OtherNetwork {
            text: text.to_owned(),
            network: params.name,
            hrp: params.address.hrp,
        };
        // What starts as a bech32 address is meant to be one, also where a `1` is the wrong character.
        if let Some(data_at) = bech32_data_at(text) {
            let (found, version, program) = bech32::segwit::decode(text).map_err(|e| {
                invalid(match wrong_characters(text, data_at) {
                    Some(places) => format!("{e}; {places}"),
                    None => e.to_string(),
                })
            })?;
            if found.to_lowercase() != params.address.hrp {
                return Err(other());
            }
            return Ok(Address::Witness { version: version.to_u8(), program });
        }
        let payload = base58ck::decode_check(text)
            .map_err(|e| invalid(format!("it is neither bech32 nor base58check ({e})")))?;
        let (&version, hash) =
            payload.split_first().ok_or_else(|| invalid("it is empty".to_owned()))?;
        let got = hash.len();
        let hash: [u8; 20] = hash
            .try_into()
            .map_err(|_| invalid(format!("it holds {got} bytes where 20 belong")))?;
        if version == params.address.pubkey_hash_version {
            Ok(Address::PubkeyHash(hash))
        } else if version == params.address.script_hash_version {
            Ok(Address::ScriptHash(hash))
        } else {
            Err(other())
        }
    }
}

/// Where the data of a text begins that starts with a prefix which bech32 addresses have somewhere.
fn bech32_data_at(text: &str) -> Option<usize> {
    const PREFIXES: [&str; 5] = ["bc1", "tb1", "bcrt1", "fc1", "tfc1"];
    let starts = |prefix: &&&str| {
        text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    PREFIXES.iter().find(starts).map(|prefix| prefix.len())
}

/// Where a bech32 text is wrong, if it is in one character: all places at which another one would
/// make the checksum fit (BIP173's code has one such place for a text of up to 90 characters).
fn wrong_characters(text: &str, data_at: usize) -> Option<String> {
    const ALPHABET: &[u8] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    if text.len() > 90 || !text.is_ascii() {
        return None;
    }
    let upper = text.bytes().any(|b| b.is_ascii_uppercase());
    let mut bytes = text.as_bytes().to_vec();
    for at in data_at..bytes.len() {
        let kept = bytes[at];
        for letter in ALPHABET {
            bytes[at] = if upper { letter.to_ascii_uppercase() } else { *letter };
            let fits = std::str::from_utf8(&bytes).is_ok_and(|t| bech32::segwit::decode(t).is_ok());
            if fits && bytes[at] != kept {
                let shown = char::from(kept);
                return Some(format!("character {}, {shown:?}, is likely the wrong one", at + 1));
            }
        }
        bytes[at] = kept;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{BITCOIN, MAIN, NETWORKS, REGTEST};

    #[test]
    fn there_and_back_on_every_network() {
        for params in NETWORKS {
            for address in [
                Address::PubkeyHash([7; 20]),
                Address::ScriptHash([9; 20]),
                Address::Witness { version: 0, program: vec![1; 20] },
                Address::Witness { version: 0, program: vec![2; 32] },
                Address::Witness { version: 1, program: vec![3; 32] },
            ] {
                let text = address.to_text(params);
                assert_eq!(Address::from_text(&text, params).as_ref(), Ok(&address), "{text}");
                assert_eq!(Address::from_script(&address.to_script()), Some(address));
            }
        }
    }

    #[test]
    fn bip173_example() {
        let address = Address::from_text("BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", &BITCOIN)
            .expect("valid");
        assert_eq!(address.to_script().to_string(), "0014751e76e8199196d454941c45d1b3a323f1433bd6");
    }

    #[test]
    fn refuses_with_a_reason() {
        let other = Address::Witness { version: 0, program: vec![1; 20] }.to_text(&BITCOIN);
        let error = Address::from_text(&other, &MAIN).expect_err("of another network").to_string();
        assert!(error.contains("another network"), "{error}");
        for text in ["", "bcrt1qqqqq", "1BoatSLRHtKNngkdXEeobR76b53LETtpyX", "é", "bcrt1"] {
            assert!(Address::from_text(text, &REGTEST).is_err(), "{text}");
        }
    }

    #[test]
    fn the_wrong_character_is_named() {
        let good = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
        for at in 5..good.len() {
            let mut bytes = good.as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'q' { b'p' } else { b'q' };
            let text = String::from_utf8(bytes).expect("ASCII");
            let error = Address::from_text(&text, &REGTEST).expect_err(&text).to_string();
            assert!(error.contains(&format!("character {},", at + 1)), "{error}");
            // A 1 is none of bech32's characters, and what ends its prefix.
            bytes = good.as_bytes().to_vec();
            bytes[at] = b'1';
            let text = String::from_utf8(bytes).expect("ASCII");
            let error = Address::from_text(&text, &REGTEST).expect_err(&text).to_string();
            assert!(error.contains(&format!("character {}, '1'", at + 1)), "{error}");
        }
    }

    /// Core's addresses of every network that is ours, good and bad.
    #[test]
    fn core_key_io_vectors() {
        let Some(valid) = testkit::vectors::read("core/key_io_valid.json") else {
            return;
        };
        let valid: serde_json::Value = serde_json::from_slice(&valid).expect("JSON");
        let mut seen = 0;
        for case in valid.as_array().expect("a list") {
            let params = match case[2]["chain"].as_str() {
                Some("main") => &BITCOIN,
                Some("regtest") => &REGTEST,
                _ => continue,
            };
            if case[2]["isPrivkey"] == true {
                continue;
            }
            let text = case[0].as_str().expect("text");
            let address = Address::from_text(text, params).expect(text);
            assert_eq!(address.to_script().to_string(), case[1].as_str().expect("hex"), "{text}");
            assert_eq!(address.to_text(params), text);
            seen += 1;
        }
        assert!(seen > 20, "{seen}");
        let Some(invalid) = testkit::vectors::read("core/key_io_invalid.json") else {
            return;
        };
        let invalid: serde_json::Value = serde_json::from_slice(&invalid).expect("JSON");
        for case in invalid.as_array().expect("a list") {
            let text = case[0].as_str().expect("text");
            for params in NETWORKS {
                assert!(Address::from_text(text, params).is_err(), "{text}");
            }
        }
    }
}
