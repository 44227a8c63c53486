//! The hash functions of a Bitcoin-format chain: SHA-256, double SHA-256, HASH160, tagged hashes
//! and SipHash-2-4.
//!
//! Every function is total: it accepts input of any length and cannot fail.

use bitcoin_hashes::siphash24;
use ripemd::Ripemd160;
use sha2::{Digest, Sha256};

/// SHA-256 of `data` (FIPS 180-4).
pub fn sha256(data: &[u8]) -> [u8; 32] {
    Sha256::digest(data).into()
}

/// SHA-256 applied twice, the hash of transactions, blocks and merkle nodes.
pub fn sha256d(data: &[u8]) -> [u8; 32] {
    sha256(&sha256(data))
}

/// Double SHA-256 of two 32-byte halves side by side: one merkle node.
pub fn sha256d_pair(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    let mut both = [0u8; 64];
    both[..32].copy_from_slice(left);
    both[32..].copy_from_slice(right);
    sha256d(&both)
}

/// RIPEMD-160 of `data`.
pub fn ripemd160(data: &[u8]) -> [u8; 20] {
    Ripemd160::digest(data).into()
}

/// SHA-1 of `data`; only the script opcode asks for it.
pub fn sha1(data: &[u8]) -> [u8; 20] {
    sha1::Sha1::digest(data).into()
}

/// RIPEMD-160 of SHA-256, the hash of public keys and redeem scripts.
pub fn hash160(data: &[u8]) -> [u8; 20] {
    ripemd160(&sha256(data))
}

/// A SHA-256 engine primed with a BIP340 tag: `SHA256(SHA256(tag) || SHA256(tag) || …)`.
pub fn tagged(tag: &str) -> Sha256 {
    let tag_hash = sha256(tag.as_bytes());
    let mut engine = Sha256::new();
    engine.update(tag_hash);
    engine.update(tag_hash);
    engine
}

/// The BIP340 tagged hash of `data`.
pub fn tagged_hash(tag: &str, data: &[u8]) -> [u8; 32] {
    let mut engine = tagged(tag);
    engine.update(data);
    engine.finalize().into()
}

/// SipHash-2-4 (Aumasson and Bernstein) of `data` under the key `k0`, `k1`: a short keyed hash, as
/// compact blocks (BIP152) and block filters (BIP158) use it.
pub fn siphash24(k0: u64, k1: u64, data: &[u8]) -> u64 {
    siphash24::Hash::hash_with_keys(k0, k1, data).to_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first, second, ninth and sixteenth of the vectors of the paper's reference code: key
    /// 00…0f, message 00, 01, …
    #[test]
    fn siphash_reference_vectors() {
        let (k0, k1) = (0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908);
        let message: Vec<u8> = (0..16).collect();
        for (length, wanted) in [
            (0, 0x726f_db47_dd0e_0e31),
            (1, 0x74f8_39c5_93dc_67fd),
            (8, 0x93f5_f579_9a93_2462),
            (15, 0xa129_ca61_49be_45e5),
        ] {
            assert_eq!(siphash24(k0, k1, &message[..length]), wanted, "{length}");
        }
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|b| format!("{b:02x}")).collect()
    }

    #[test]
    fn known_answers() {
        assert_eq!(
            hex(&sha256(b"abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(
            hex(&sha256d(b"hello")),
            "9595c9df90075148eb06860365df33584b75bff782a510c6cd4883a419833d50"
        );
        assert_eq!(hex(&ripemd160(b"")), "9c1185a5c5e9fc54612808977ee8f548b2258d31");
        assert_eq!(hex(&hash160(b"")), "b472a266d0bd89c13706a4132ccfb16f7c3b9fcb");
        assert_eq!(hex(&sha1(b"abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
    }

    #[test]
    fn tagged_hash_is_the_definition() {
        let tag = sha256(b"TapLeaf");
        let long = [&tag[..], &tag[..], b"x"].concat();
        assert_eq!(tagged_hash("TapLeaf", b"x"), sha256(&long));
    }

    #[test]
    fn pair_is_concatenation() {
        let (a, b) = ([1u8; 32], [2u8; 32]);
        assert_eq!(sha256d_pair(&a, &b), sha256d(&[&a[..], &b[..]].concat()));
    }
}
