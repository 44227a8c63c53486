//! SHA-256 below its padding (FIPS 180-4): constants, states and message blocks, and bulk double
//! hashes over `sha2`'s block function.
//!
//! The portable twin of `sha_ni`: every function here has a counterpart there with identical
//! results.

use sha2::block_api::compress256;

/// The state that hashing starts from.
pub const INITIAL: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// The constants of the rounds.
pub const ROUND: [u32; 64] = [
    0x428a_2f98,
    0x7137_4491,
    0xb5c0_fbcf,
    0xe9b5_dba5,
    0x3956_c25b,
    0x59f1_11f1,
    0x923f_82a4,
    0xab1c_5ed5,
    0xd807_aa98,
    0x1283_5b01,
    0x2431_85be,
    0x550c_7dc3,
    0x72be_5d74,
    0x80de_b1fe,
    0x9bdc_06a7,
    0xc19b_f174,
    0xe49b_69c1,
    0xefbe_4786,
    0x0fc1_9dc6,
    0x240c_a1cc,
    0x2de9_2c6f,
    0x4a74_84aa,
    0x5cb0_a9dc,
    0x76f9_88da,
    0x983e_5152,
    0xa831_c66d,
    0xb003_27c8,
    0xbf59_7fc7,
    0xc6e0_0bf3,
    0xd5a7_9147,
    0x06ca_6351,
    0x1429_2967,
    0x27b7_0a85,
    0x2e1b_2138,
    0x4d2c_6dfc,
    0x5338_0d13,
    0x650a_7354,
    0x766a_0abb,
    0x81c2_c92e,
    0x9272_2c85,
    0xa2bf_e8a1,
    0xa81a_664b,
    0xc24b_8b70,
    0xc76c_51a3,
    0xd192_e819,
    0xd699_0624,
    0xf40e_3585,
    0x106a_a070,
    0x19a4_c116,
    0x1e37_6c08,
    0x2748_774c,
    0x34b0_bcb5,
    0x391c_0cb3,
    0x4ed8_aa4a,
    0x5b9c_ca4f,
    0x682e_6ff3,
    0x748f_82ee,
    0x78a5_636f,
    0x84c8_7814,
    0x8cc7_0208,
    0x90be_fffa,
    0xa450_6ceb,
    0xbef9_a3f7,
    0xc671_78f2,
];

/// A header without its nonce, as far as it can be hashed: everything that a nonce does not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeaderMidstate {
    /// The state after the first 64 bytes.
    pub state: [u32; 8],
    /// Words 0 to 2 of the second block: end of the merkle root, time, bits.
    pub tail: [u32; 3],
}

impl HeaderMidstate {
    /// Of a header's 80 bytes; the nonce in them does not matter.
    pub fn new(header: &[u8; 80]) -> HeaderMidstate {
        let mut first = [0u8; 64];
        first.copy_from_slice(&header[..64]);
        let mut state = INITIAL;
        compress(&mut state, &[first]);
        HeaderMidstate { state, tail: [word(header, 64), word(header, 68), word(header, 72)] }
    }
}

/// The big-endian word at a byte offset.
pub fn word(bytes: &[u8], at: usize) -> u32 {
    let mut four = [0u8; 4];
    four.copy_from_slice(&bytes[at..at + 4]);
    u32::from_be_bytes(four)
}

/// Takes blocks into a state.
pub fn compress(state: &mut [u32; 8], blocks: &[[u8; 64]]) {
    compress256(state, blocks);
}

/// A state as the 32 bytes of a hash.
pub fn to_bytes(state: &[u32; 8]) -> [u8; 32] {
    let mut bytes = [0u8; 32];
    for (four, word) in bytes.chunks_exact_mut(4).zip(state) {
        four.copy_from_slice(&word.to_be_bytes());
    }
    bytes
}

/// The block that hashes a 32-byte hash again.
pub fn second_block(hash: &[u8; 32]) -> [u8; 64] {
    let mut block = [0u8; 64];
    block[..32].copy_from_slice(hash);
    block[32] = 0x80;
    block[62..].copy_from_slice(&256u16.to_be_bytes());
    block
}

/// SHA-256 of a state that is a finished hash.
pub fn again(state: &[u32; 8]) -> [u8; 32] {
    let mut second = INITIAL;
    compress(&mut second, &[second_block(&to_bytes(state))]);
    to_bytes(&second)
}

/// The hash of a header with that nonce.
pub fn header_hash(midstate: &HeaderMidstate, nonce: u32) -> [u8; 32] {
    let mut block = [0u8; 64];
    for (four, word) in block.chunks_exact_mut(4).zip(&midstate.tail) {
        four.copy_from_slice(&word.to_be_bytes());
    }
    block[12..16].copy_from_slice(&nonce.to_le_bytes());
    block[16] = 0x80;
    block[62..].copy_from_slice(&640u16.to_be_bytes());
    let mut state = midstate.state;
    compress(&mut state, &[block]);
    again(&state)
}

/// The first nonce from `start` on, over `count` nonces, whose hash has at most `limit` in its
/// highest 32 bits (its last four bytes, little-endian).
pub fn scan(midstate: &HeaderMidstate, start: u32, count: u32, limit: u32) -> Option<u32> {
    (0..count).map(|step| start.wrapping_add(step)).find(|nonce| {
        let [.., a, b, c, d] = header_hash(midstate, *nonce);
        u32::from_le_bytes([a, b, c, d]) <= limit
    })
}

/// Double SHA-256 of each 64-byte message.
pub fn double_64(messages: &[[u8; 64]], out: &mut [[u8; 32]]) {
    let mut padding = [0u8; 64];
    padding[0] = 0x80;
    padding[62..].copy_from_slice(&512u16.to_be_bytes());
    for (message, out) in messages.iter().zip(out) {
        let mut state = INITIAL;
        compress(&mut state, &[*message, padding]);
        *out = again(&state);
    }
}

/// Blocks that a message of so many bytes takes with its padding.
pub fn padded_blocks(bytes: usize) -> usize {
    (bytes + 9).div_ceil(64)
}

/// Block `index` of a message with its padding.
pub fn padded_block(message: &[u8], index: usize) -> [u8; 64] {
    let mut block = [0u8; 64];
    let (from, end) = (64 * index, message.len());
    if from < end {
        let rest = &message[from..end.min(from + 64)];
        block[..rest.len()].copy_from_slice(rest);
    }
    if (from..from + 64).contains(&end) {
        block[end - from] = 0x80;
    }
    if index + 1 == padded_blocks(end) {
        block[56..].copy_from_slice(&(8 * end as u64).to_be_bytes());
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::sha256d;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn headers_hash_as_80_bytes(header in any::<[u8; 80]>(), nonce in any::<u32>()) {
            let mut whole = header;
            whole[76..].copy_from_slice(&nonce.to_le_bytes());
            prop_assert_eq!(header_hash(&HeaderMidstate::new(&header), nonce), sha256d(&whole));
        }

        #[test]
        fn pairs_hash_as_64_bytes(message in any::<[u8; 64]>()) {
            let mut out = [[0; 32]];
            double_64(&[message], &mut out);
            prop_assert_eq!(out[0], sha256d(&message));
        }

        #[test]
        fn padding_is_the_standards(message in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut state = INITIAL;
            for index in 0..padded_blocks(message.len()) {
                compress(&mut state, &[padded_block(&message, index)]);
            }
            prop_assert_eq!(again(&state), sha256d(&message));
        }
    }
}
