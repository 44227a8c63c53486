//! Numbers of the fields, and what each must look like (BIP174, BIP370, BIP371, BIP373).

use super::{Map, PsbtError, field};
use crypto::curve::PublicKey;
use crypto::hash::{hash160, ripemd160, sha256, sha256d};
use primitives::codec::{Decode, Reader};
use primitives::tx::{Transaction, TxOut};
use script::encoding::check_signature;
use script::flags::ScriptFlags;

pub mod global {
    pub const UNSIGNED_TX: u8 = 0x00;
    pub const XPUB: u8 = 0x01;
    pub const TX_VERSION: u8 = 0x02;
    pub const FALLBACK_LOCK_TIME: u8 = 0x03;
    pub const INPUT_COUNT: u8 = 0x04;
    pub const OUTPUT_COUNT: u8 = 0x05;
    pub const MODIFIABLE: u8 = 0x06;
    pub const VERSION: u8 = 0xfb;
}

pub mod input {
    pub const NON_WITNESS_UTXO: u8 = 0x00;
    pub const WITNESS_UTXO: u8 = 0x01;
    pub const PARTIAL_SIG: u8 = 0x02;
    pub const SIGHASH_TYPE: u8 = 0x03;
    pub const REDEEM_SCRIPT: u8 = 0x04;
    pub const WITNESS_SCRIPT: u8 = 0x05;
    pub const BIP32_DERIVATION: u8 = 0x06;
    pub const FINAL_SCRIPT_SIG: u8 = 0x07;
    pub const FINAL_WITNESS: u8 = 0x08;
    pub const RIPEMD160: u8 = 0x0a;
    pub const SHA256: u8 = 0x0b;
    pub const HASH160: u8 = 0x0c;
    pub const HASH256: u8 = 0x0d;
    pub const PREVIOUS_TXID: u8 = 0x0e;
    pub const OUTPUT_INDEX: u8 = 0x0f;
    pub const SEQUENCE: u8 = 0x10;
    pub const TIME_LOCK: u8 = 0x11;
    pub const HEIGHT_LOCK: u8 = 0x12;
    pub const TAP_KEY_SIG: u8 = 0x13;
    pub const TAP_SCRIPT_SIG: u8 = 0x14;
    pub const TAP_LEAF_SCRIPT: u8 = 0x15;
    pub const TAP_BIP32_DERIVATION: u8 = 0x16;
    pub const TAP_INTERNAL_KEY: u8 = 0x17;
    pub const TAP_MERKLE_ROOT: u8 = 0x18;
    pub const MUSIG_PARTICIPANTS: u8 = 0x1a;
    pub const MUSIG_NONCE: u8 = 0x1b;
    pub const MUSIG_SIG: u8 = 0x1c;
}

pub mod output {
    pub const REDEEM_SCRIPT: u8 = 0x00;
    pub const WITNESS_SCRIPT: u8 = 0x01;
    pub const BIP32_DERIVATION: u8 = 0x02;
    pub const AMOUNT: u8 = 0x03;
    pub const SCRIPT: u8 = 0x04;
    pub const TAP_INTERNAL_KEY: u8 = 0x05;
    pub const TAP_TREE: u8 = 0x06;
    pub const TAP_BIP32_DERIVATION: u8 = 0x07;
    pub const MUSIG_PARTICIPANTS: u8 = 0x08;
}

/// Lock times from here on are seconds (BIP65).
const TIME_THRESHOLD: u32 = 500_000_000;
/// Most nodes of a taproot path.
const MAX_TAP_DEPTH: u8 = 128;

/// Fields of the global map that say how it is written, not what it holds.
pub const STRUCTURAL_GLOBALS: &[u8] = &[
    global::UNSIGNED_TX,
    global::TX_VERSION,
    global::INPUT_COUNT,
    global::OUTPUT_COUNT,
    global::VERSION,
];

/// The same of inputs and of outputs.
pub const STRUCTURAL_INPUTS: &[u8] = &[input::PREVIOUS_TXID, input::OUTPUT_INDEX, input::SEQUENCE];
pub const STRUCTURAL_OUTPUTS: &[u8] = &[output::AMOUNT, output::SCRIPT];

/// Fields that a finished input keeps.
pub fn keep_final(map: &mut Map) {
    const KEPT: &[u8] = &[
        input::NON_WITNESS_UTXO,
        input::WITNESS_UTXO,
        input::FINAL_SCRIPT_SIG,
        input::FINAL_WITNESS,
        input::TIME_LOCK,
        input::HEIGHT_LOCK,
    ];
    let known = |kind: u8| kind <= input::MUSIG_SIG && kind != 0x09;
    map.retain(|key, _| !known(key[0]) || KEPT.contains(&key[0]));
}

pub fn check_global(key: &[u8], value: &[u8]) -> Result<(), PsbtError> {
    let wrong = |why| Err(field(format!("global field {:#04x}", key[0]), why));
    let alone = key.len() == 1;
    match key[0] {
        global::UNSIGNED_TX | global::INPUT_COUNT | global::OUTPUT_COUNT if !alone => {
            wrong("its key has data")
        }
        global::XPUB if key.len() != 79 => wrong("its key is no extended key"),
        global::XPUB if value.is_empty() || !value.len().is_multiple_of(4) => {
            wrong("its path is malformed")
        }
        global::XPUB if usize::from(key[5]) != value.len() / 4 - 1 => {
            wrong("its path does not fit the key's depth")
        }
        global::TX_VERSION | global::FALLBACK_LOCK_TIME | global::VERSION
            if !alone || value.len() != 4 =>
        {
            wrong("it must be four bytes")
        }
        global::MODIFIABLE if !alone || value.len() != 1 => wrong("it must be one byte"),
        _ => Ok(()),
    }
}

pub fn check_input(at: usize, key: &[u8], value: &[u8]) -> Result<(), PsbtError> {
    let wrong = |why| Err(field(format!("input {at}, field {:#04x}", key[0]), why));
    let (kind, data) = (key[0], &key[1..]);
    let lone = matches!(kind, 0x00 | 0x01 | 0x03..=0x05 | 0x07 | 0x08 | 0x0e..=0x13 | 0x17 | 0x18);
    if lone && !data.is_empty() {
        return wrong("its key has data");
    }
    let number = || value.first_chunk::<4>().map(|bytes| u32::from_le_bytes(*bytes));
    match kind {
        input::NON_WITNESS_UTXO if Transaction::from_bytes(value).is_err() => {
            wrong("it is no transaction")
        }
        input::WITNESS_UTXO if TxOut::from_bytes(value).is_err() => wrong("it is no output"),
        input::PARTIAL_SIG | input::BIP32_DERIVATION if !is_public_key(data) => {
            wrong("its key is no public key")
        }
        input::PARTIAL_SIG
            if value.is_empty()
                || check_signature(value, ScriptFlags::DERSIG | ScriptFlags::STRICTENC)
                    .is_err() =>
        {
            wrong("it is no signature")
        }
        input::SIGHASH_TYPE | input::OUTPUT_INDEX | input::SEQUENCE if value.len() != 4 => {
            wrong("it must be four bytes")
        }
        input::BIP32_DERIVATION if !is_origin(value) => wrong("its path is malformed"),
        input::FINAL_WITNESS if read_witness(value).is_none() => wrong("it is no witness"),
        input::RIPEMD160 if ripemd160(value) != data => wrong("the secret does not fit its hash"),
        input::SHA256 if sha256(value) != data => wrong("the secret does not fit its hash"),
        input::HASH160 if hash160(value) != data => wrong("the secret does not fit its hash"),
        input::HASH256 if sha256d(value) != data => wrong("the secret does not fit its hash"),
        input::PREVIOUS_TXID | input::TAP_INTERNAL_KEY | input::TAP_MERKLE_ROOT
            if value.len() != 32 =>
        {
            wrong("it must be 32 bytes")
        }
        input::TIME_LOCK
            if value.len() != 4 || number().is_none_or(|time| time < TIME_THRESHOLD) =>
        {
            wrong("it is no time")
        }
        input::HEIGHT_LOCK
            if value.len() != 4
                || number().is_none_or(|height| height == 0 || height >= TIME_THRESHOLD) =>
        {
            wrong("it is no height")
        }
        input::TAP_KEY_SIG if !matches!(value.len(), 64 | 65) => wrong("it is no signature"),
        input::TAP_SCRIPT_SIG if data.len() != 64 => wrong("its key is malformed"),
        input::TAP_SCRIPT_SIG if !matches!(value.len(), 64 | 65) => wrong("it is no signature"),
        input::TAP_LEAF_SCRIPT
            if data.len() < 33 || !(data.len() - 33).is_multiple_of(32) || value.is_empty() =>
        {
            wrong("its control block or script is malformed")
        }
        input::TAP_BIP32_DERIVATION if data.len() != 32 || tap_origin(value).is_none() => {
            wrong("it is malformed")
        }
        input::MUSIG_PARTICIPANTS
            if !is_public_key(data) || data.len() != 33 || !are_public_keys(value) =>
        {
            wrong("it holds no public keys")
        }
        input::MUSIG_NONCE | input::MUSIG_SIG if !is_musig_key(data) => {
            wrong("its key is malformed")
        }
        input::MUSIG_NONCE if value.len() != 66 => wrong("it must be 66 bytes"),
        input::MUSIG_SIG if value.len() != 32 => wrong("it must be 32 bytes"),
        _ => Ok(()),
    }
}

pub fn check_output(at: usize, key: &[u8], value: &[u8]) -> Result<(), PsbtError> {
    let wrong = |why| Err(field(format!("output {at}, field {:#04x}", key[0]), why));
    let (kind, data) = (key[0], &key[1..]);
    if matches!(kind, 0x00 | 0x01 | 0x03..=0x06) && !data.is_empty() {
        return wrong("its key has data");
    }
    match kind {
        output::BIP32_DERIVATION if !is_public_key(data) => wrong("its key is no public key"),
        output::BIP32_DERIVATION if !is_origin(value) => wrong("its path is malformed"),
        output::AMOUNT if value.len() != 8 => wrong("it must be eight bytes"),
        output::TAP_INTERNAL_KEY if value.len() != 32 => wrong("it must be 32 bytes"),
        output::TAP_TREE if !is_tap_tree(value) => wrong("it is no tree of scripts"),
        output::TAP_BIP32_DERIVATION if data.len() != 32 || tap_origin(value).is_none() => {
            wrong("it is malformed")
        }
        output::MUSIG_PARTICIPANTS
            if !is_public_key(data) || data.len() != 33 || !are_public_keys(value) =>
        {
            wrong("it holds no public keys")
        }
        _ => Ok(()),
    }
}

fn is_public_key(bytes: &[u8]) -> bool {
    matches!(bytes, [2 | 3, ..] if bytes.len() == 33 && PublicKey::from_bytes(bytes).is_some())
        || matches!(bytes, [4, ..] if bytes.len() == 65 && PublicKey::from_bytes(bytes).is_some())
}

fn are_public_keys(bytes: &[u8]) -> bool {
    bytes.len().is_multiple_of(33) && bytes.chunks(33).all(is_public_key)
}

/// Participant, aggregate key, and a leaf hash or none (BIP373).
fn is_musig_key(data: &[u8]) -> bool {
    matches!(data.len(), 66 | 98) && are_public_keys(&data[..66])
}

/// A fingerprint and steps.
fn is_origin(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.len().is_multiple_of(4)
}

/// The origin behind the list of leaf hashes (BIP371).
pub fn tap_origin(bytes: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader::new(bytes);
    let count = reader.compact_size(1000).ok()?;
    reader.take(count.checked_mul(32)?).ok()?;
    let origin = reader.take(reader.remaining()).ok()?;
    is_origin(origin).then_some(origin)
}

/// A stack of witness elements that fills the bytes.
pub fn read_witness(bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut reader = Reader::new(bytes);
    let count = reader.compact_size(10_000).ok()?;
    let witness: Vec<Vec<u8>> =
        (0..count).map(|_| reader.var_bytes().map(<[u8]>::to_vec).ok()).collect::<Option<_>>()?;
    reader.finish().ok().map(|()| witness)
}

/// Leaves with depth and version, in depth-first order, that make one whole tree (BIP371).
fn is_tap_tree(bytes: &[u8]) -> bool {
    let mut reader = Reader::new(bytes);
    // Depths at which a left branch waits for its right one.
    let mut open: Vec<u8> = Vec::new();
    let mut leaves = 0;
    while reader.remaining() > 0 {
        let (Ok(mut depth), Ok(version)) = (reader.u8(), reader.u8()) else { return false };
        if depth > MAX_TAP_DEPTH || version & 1 != 0 || reader.var_bytes().is_err() {
            return false;
        }
        if leaves > 0 && open.is_empty() || open.last().is_some_and(|waiting| *waiting > depth) {
            return false;
        }
        leaves += 1;
        while open.last() == Some(&depth) && depth > 0 {
            open.pop();
            depth -= 1;
        }
        if depth > 0 {
            open.push(depth);
        }
    }
    leaves > 0 && open.is_empty()
}
