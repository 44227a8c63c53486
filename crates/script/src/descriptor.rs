//! Output descriptors (BIP380 and later): the checksum, and the descriptor that Core infers for a
//! script of which only the script itself is known.

use super::template::{Template, solve};
use crypto::curve::PublicKey;
use primitives::address::Address;
use primitives::hex;
use primitives::network::NetworkParams;
use primitives::script::Script;

/// Characters of a descriptor, in three groups of 32 (BIP380).
const INPUT_CHARSET: &[u8; 95] = b"0123456789()[],'/*abcdefgh@:$%{}\
IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~\
ijklmnopqrstuvwxyzABCDEFGH`#\"\\ ";
/// Characters of a checksum: those of bech32.
const CHECKSUM_CHARSET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
/// BIP380's generator, times 1, 2, 4, 8 and 16.
const GENERATOR: [u64; 5] =
    [0xf5_dee5_1989, 0xa9_fdca_3312, 0x1b_ab10_e32d, 0x37_06b1_677a, 0x64_4d62_6ffd];
const CHECKSUM_LEN: usize = 8;

fn poly_mod(remainder: u64, symbol: u64) -> u64 {
    let top = remainder >> 35;
    let shifted = (remainder & 0x7_ffff_ffff) << 5 ^ symbol;
    let taps = GENERATOR.iter().enumerate().filter(|(bit, _)| top >> bit & 1 == 1);
    taps.fold(shifted, |sum, (_, term)| sum ^ term)
}

/// The eight characters behind `#`; `None` if `text` holds one that no descriptor does.
pub fn checksum(text: &str) -> Option<String> {
    let mut remainder = 1;
    let (mut groups, mut count) = (0, 0);
    for byte in text.bytes() {
        let place = INPUT_CHARSET.iter().position(|known| *known == byte)? as u64;
        remainder = poly_mod(remainder, place & 31);
        groups = groups * 3 + (place >> 5);
        count += 1;
        if count == 3 {
            remainder = poly_mod(remainder, groups);
            (groups, count) = (0, 0);
        }
    }
    if count > 0 {
        remainder = poly_mod(remainder, groups);
    }
    remainder = (0..CHECKSUM_LEN).fold(remainder, |sum, _| poly_mod(sum, 0)) ^ 1;
    let symbol = |i: usize| {
        let place = remainder >> (5 * (CHECKSUM_LEN - 1 - i)) & 31;
        char::from(CHECKSUM_CHARSET[place as usize])
    };
    Some((0..CHECKSUM_LEN).map(symbol).collect())
}

/// A descriptor with its checksum.
pub fn with_checksum(text: &str) -> String {
    checksum(text).map_or_else(|| text.to_owned(), |sum| format!("{text}#{sum}"))
}

/// What Core's `InferDescriptor` says of an output script whose keys and scripts nobody knows:
/// the keys themselves, else the address, else the bytes.
pub fn infer(script: &[u8], params: &NetworkParams) -> String {
    let text = from_keys(script).or_else(|| {
        let address = Address::from_script(&Script::new(script))?;
        Some(format!("addr({})", address.to_text(params)))
    });
    with_checksum(&text.unwrap_or_else(|| format!("raw({})", hex::encode(script))))
}

/// As `infer`, of the pay-to-witness-script-hash output of a witness script that is known.
pub fn infer_witness_script(
    witness_script: &[u8],
    output: &[u8],
    params: &NetworkParams,
) -> String {
    match solve(witness_script) {
        Template::Multisig { required, keys } if keys.iter().all(|key| key.len() == 33) => {
            with_checksum(&format!("wsh({})", multi(required, &keys)))
        }
        _ => infer(output, params),
    }
}

fn from_keys(script: &[u8]) -> Option<String> {
    match solve(script) {
        Template::PubKey { key } if is_plain_key(key) => Some(format!("pk({})", hex::encode(key))),
        Template::Multisig { required, keys } if keys.iter().all(|key| is_plain_key(key)) => {
            Some(multi(required, &keys))
        }
        Template::WitnessV1Taproot { key } => {
            let lifted = PublicKey::from_bytes(&[&[2][..], key].concat());
            lifted.map(|_| format!("rawtr({})", hex::encode(key)))
        }
        _ => None,
    }
}

fn multi(required: usize, keys: &[&[u8]]) -> String {
    let keys: Vec<String> = keys.iter().map(|key| hex::encode(key)).collect();
    format!("multi({required},{})", keys.join(","))
}

/// Compressed or full, not of the hybrid form that descriptors do not know.
fn is_plain_key(key: &[u8]) -> bool {
    matches!((key.first(), key.len()), (Some(2 | 3), 33) | (Some(4), 65))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asm::assemble;
    use primitives::network::REGTEST;

    #[test]
    fn bip380_checksums() {
        assert_eq!(checksum("raw(deadbeef)").as_deref(), Some("89f8spxm"));
        assert_eq!(checksum("raw(Ü)"), None);
        // A single wrong character never goes unseen.
        let sum = checksum("raw(deadbeef)");
        for wrong in ["raw(deedbeef)", "raw(DEADBEEF)", "rew(deadbeef)", "raw(deadbee)"] {
            assert_ne!(checksum(wrong), sum, "{wrong}");
        }
    }

    #[test]
    fn what_is_inferred() {
        let key = format!("02{}", "11".repeat(32));
        let infer = |text: &str| infer(&assemble(text).expect(text), &REGTEST);
        let told = |text: String| text.split_once('#').expect("a checksum").0.to_owned();
        assert_eq!(told(infer(&format!("<{key}> CHECKSIG"))), format!("pk({key})"));
        assert_eq!(
            told(infer(&format!("1 <{key}> <{key}> 2 CHECKMULTISIG"))),
            format!("multi(1,{key},{key})")
        );
        // x = 5 is on no point of the curve.
        let off = format!("{}05", "00".repeat(31));
        assert!(infer(&format!("1 <{off}>")).starts_with("addr(bcrt1p"));
        let hybrid = format!("06{}", "11".repeat(64));
        assert!(infer(&format!("<{hybrid}> CHECKSIG")).starts_with("raw("));
        assert_eq!(infer("0x6a00"), "raw(6a00)#ncfmkl43");
        assert_eq!(infer("1 <4e73>").split('#').next(), Some("addr(bcrt1pfeesnyr2tx)"));
    }
}
