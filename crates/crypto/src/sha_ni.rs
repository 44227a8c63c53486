//! SHA-256 on the SHA instructions of x86-64, several messages side by side.
//!
//! A leaf that holds `unsafe`, for one reason: a function compiled for instructions that not every
//! processor has may only be called where they were found, which the compiler can't see. `ShaNi` is
//! the proof that they were found, so every public function here is safe. One message alone leaves
//! the unit idle for half of its time, since each pair of rounds waits for the one before; `LANES`
//! messages in turn fill it. `sha256` is the safe twin, and the tests compare them bit for bit.

#![allow(unsafe_code, reason = "a leaf, named in docs/ARCHITECTURE.md")]
#![allow(clippy::needless_range_loop, reason = "a lane is an index into several arrays at once")]

use std::arch::x86_64::*;

use super::sha256::{self, HeaderMidstate, INITIAL, ROUND};

/// Messages side by side.
const LANES: usize = 2;

/// The processor has the instructions.
#[derive(Debug, Clone, Copy)]
pub struct ShaNi(());

/// States in the order of registers that the instructions work on: `abef` and `cdgh`.
#[derive(Clone, Copy)]
struct States<const L: usize> {
    abef: [__m128i; L],
    cdgh: [__m128i; L],
}

/// Four words for each lane.
type Words<const L: usize> = [__m128i; L];

impl ShaNi {
    /// Checks whether the processor has the instructions.
    pub fn detect() -> Option<ShaNi> {
        let found = is_x86_feature_detected!("sha")
            && is_x86_feature_detected!("ssse3")
            && is_x86_feature_detected!("sse4.1");
        found.then_some(ShaNi(()))
    }

    /// As `sha256::scan`.
    pub fn scan(
        self,
        midstate: &HeaderMidstate,
        start: u32,
        count: u32,
        limit: u32,
    ) -> Option<u32> {
        // SAFETY: `ShaNi` is only made where the instructions were found.
        unsafe { scan::<LANES>(midstate, start, count, limit) }
    }

    /// As `sha256::double_64`.
    pub fn double_64(self, messages: &[[u8; 64]], out: &mut [[u8; 32]]) {
        // SAFETY: as above.
        unsafe { double_64_all(messages, out) }
    }

    /// Takes the first blocks of each message into its state, as many as all messages have.
    pub fn compress_many(self, states: &mut [[u32; 8]; LANES], blocks: [&[[u8; 64]]; LANES]) {
        // SAFETY: as above.
        unsafe { compress_many(states, blocks) }
    }

    /// Double SHA-256 of messages of any length, which should be about the same.
    pub fn double_many(self, messages: &[&[u8]; LANES]) -> [[u8; 32]; LANES] {
        let counts = messages.map(|message| sha256::padded_blocks(message.len()));
        let whole = messages.map(|message| message.as_chunks::<64>().0);
        let together = whole.map(<[_]>::len).into_iter().min().unwrap_or(0);
        let mut states = [INITIAL; LANES];
        self.compress_many(&mut states, whole.map(|blocks| &blocks[..together]));
        let padded = counts.into_iter().min().unwrap_or(0);
        for index in together..padded {
            let blocks = messages.map(|message| [sha256::padded_block(message, index)]);
            self.compress_many(&mut states, blocks.each_ref().map(|block| &block[..]));
        }
        for l in 0..LANES {
            for index in padded..counts[l] {
                sha256::compress(&mut states[l], &[sha256::padded_block(messages[l], index)]);
            }
        }
        let blocks = states.map(|state| [sha256::second_block(&sha256::to_bytes(&state))]);
        states = [INITIAL; LANES];
        self.compress_many(&mut states, blocks.each_ref().map(|block| &block[..]));
        states.map(|state| sha256::to_bytes(&state))
    }
}

/// Messages that `double_many` takes.
pub const MANY: usize = LANES;

#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn quad(words: [u32; 4]) -> __m128i {
    let [a, b, c, d] = words.map(u32::cast_signed);
    _mm_set_epi32(d, c, b, a)
}

#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn constants(round: usize) -> __m128i {
    quad([ROUND[round], ROUND[round + 1], ROUND[round + 2], ROUND[round + 3]])
}

#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn load<const L: usize>(states: &[[u32; 8]; L]) -> States<L> {
    let pack = |words: [usize; 4]| states.map(|s| words.map(|w| s[w]));
    States {
        abef: pack([5, 4, 1, 0]).map(|words| quad(words)),
        cdgh: pack([7, 6, 3, 2]).map(|words| quad(words)),
    }
}

/// Four rounds; `wk` holds words plus constants.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn rounds<const L: usize>(states: &mut States<L>, wk: Words<L>) {
    for l in 0..L {
        states.cdgh[l] = _mm_sha256rnds2_epu32(states.cdgh[l], states.abef[l], wk[l]);
    }
    for l in 0..L {
        let high = _mm_shuffle_epi32(wk[l], 0x0e);
        states.abef[l] = _mm_sha256rnds2_epu32(states.abef[l], states.cdgh[l], high);
    }
}

/// Four rounds on the words that stand at `round` of the schedule.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn rounds_at<const L: usize>(states: &mut States<L>, words: &Words<L>, round: usize) {
    let k = constants(round);
    let mut wk = *words;
    for wk in &mut wk {
        *wk = _mm_add_epi32(*wk, k);
    }
    rounds(states, wk);
}

/// The four words of the schedule that follow sixteen.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn next_words<const L: usize>(w: &[Words<L>; 4]) -> Words<L> {
    let mut next = w[0];
    for l in 0..L {
        let older = _mm_sha256msg1_epu32(w[0][l], w[1][l]);
        let middle = _mm_alignr_epi8(w[3][l], w[2][l], 4);
        next[l] = _mm_sha256msg2_epu32(_mm_add_epi32(older, middle), w[3][l]);
    }
    next
}

/// Rounds from `from` on; `w` holds the sixteen words before it.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn scheduled<const L: usize>(
    states: &mut States<L>,
    w: &mut [Words<L>; 4],
    from: usize,
    to: usize,
) {
    for round in (from..to).step_by(4) {
        let next = next_words(w);
        *w = [w[1], w[2], w[3], next];
        rounds_at(states, &next, round);
    }
}

#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn add<const L: usize>(states: &mut States<L>, before: &States<L>) {
    for l in 0..L {
        states.abef[l] = _mm_add_epi32(states.abef[l], before.abef[l]);
        states.cdgh[l] = _mm_add_epi32(states.cdgh[l], before.cdgh[l]);
    }
}

/// The state as words `a` to `d` and `e` to `h`.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn in_order<const L: usize>(states: &States<L>) -> (Words<L>, Words<L>) {
    let (mut low, mut high) = (states.abef, states.cdgh);
    for l in 0..L {
        let abef = _mm_shuffle_epi32(states.abef[l], 0x1b);
        let ghcd = _mm_shuffle_epi32(states.cdgh[l], 0xb1);
        low[l] = _mm_blend_epi16(abef, ghcd, 0xf0);
        high[l] = _mm_alignr_epi8(ghcd, abef, 8);
    }
    (low, high)
}

#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn compress<const L: usize>(states: &mut States<L>, mut w: [Words<L>; 4]) {
    let before = *states;
    for (at, words) in w.iter().enumerate() {
        rounds_at(states, words, 4 * at);
    }
    scheduled(states, &mut w, 16, 64);
    add(states, &before);
}

/// The words of hashes that are hashed again, with their padding.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn second_words<const L: usize>(states: &States<L>) -> [Words<L>; 4] {
    let (low, high) = in_order(states);
    [low, high, [quad([0x8000_0000, 0, 0, 0]); L], [quad([0, 0, 0, 256]); L]]
}

#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn big_endian(quad: __m128i) -> __m128i {
    _mm_shuffle_epi8(quad, _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203))
}

#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn block_words(block: &[u8; 64], at: usize) -> __m128i {
    let mut sixteen = [0u8; 16];
    sixteen.copy_from_slice(&block[16 * at..16 * at + 16]);
    let value = u128::from_le_bytes(sixteen);
    big_endian(_mm_set_epi64x((value >> 64) as i64, value as i64))
}

#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn store<const L: usize>(states: &States<L>) -> [[u8; 32]; L] {
    let (low, high) = in_order(states);
    let mut out = [[0u8; 32]; L];
    for l in 0..L {
        for (quad, sixteen) in [low[l], high[l]].into_iter().zip(out[l].chunks_exact_mut(16)) {
            let quad = big_endian(quad);
            let value = [_mm_cvtsi128_si64(quad), _mm_extract_epi64(quad, 1)];
            sixteen[..8].copy_from_slice(&value[0].to_le_bytes());
            sixteen[8..].copy_from_slice(&value[1].to_le_bytes());
        }
    }
    out
}

/// Words plus constants of the block that pads 64 bytes: the same for every message.
const PADDING_64: [[u32; 4]; 16] = {
    let mut w = [0u32; 64];
    w[0] = 0x8000_0000;
    w[15] = 512;
    let mut t = 16;
    while t < 64 {
        let (a, b) = (w[t - 15], w[t - 2]);
        let s0 = a.rotate_right(7) ^ a.rotate_right(18) ^ (a >> 3);
        let s1 = b.rotate_right(17) ^ b.rotate_right(19) ^ (b >> 10);
        w[t] = w[t - 16].wrapping_add(s0).wrapping_add(w[t - 7]).wrapping_add(s1);
        t += 1;
    }
    let mut out = [[0u32; 4]; 16];
    let mut t = 0;
    while t < 64 {
        out[t / 4][t % 4] = w[t].wrapping_add(ROUND[t]);
        t += 1;
    }
    out
};

#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn double_64<const L: usize>(messages: &[[u8; 64]; L]) -> [[u8; 32]; L] {
    let mut states = load(&[INITIAL; L]);
    let initial = states;
    let mut w = [states.abef; 4];
    for (at, words) in w.iter_mut().enumerate() {
        for (words, message) in words.iter_mut().zip(messages) {
            *words = block_words(message, at);
        }
    }
    compress(&mut states, w);
    let before = states;
    for wk in PADDING_64 {
        rounds(&mut states, [quad(wk); L]);
    }
    add(&mut states, &before);
    let words = second_words(&states);
    states = initial;
    compress(&mut states, words);
    store(&states)
}

#[target_feature(enable = "sha,ssse3,sse4.1")]
fn double_64_all(messages: &[[u8; 64]], out: &mut [[u8; 32]]) {
    let (sets, rest) = messages.as_chunks::<LANES>();
    let (out_sets, out_rest) = out.as_chunks_mut::<LANES>();
    for (set, out) in sets.iter().zip(out_sets) {
        *out = double_64(set);
    }
    for (message, out) in rest.iter().zip(out_rest) {
        [*out] = double_64(&[*message]);
    }
}

#[target_feature(enable = "sha,ssse3,sse4.1")]
fn compress_many(states: &mut [[u32; 8]; LANES], blocks: [&[[u8; 64]]; LANES]) {
    let count = blocks.map(<[_]>::len).into_iter().min().unwrap_or(0);
    let blocks = blocks.map(|blocks| &blocks[..count]);
    let mut now = load(states);
    for index in 0..count {
        let mut w = [now.abef; 4];
        for (at, words) in w.iter_mut().enumerate() {
            for (words, blocks) in words.iter_mut().zip(blocks) {
                *words = block_words(&blocks[index], at);
            }
        }
        compress(&mut now, w);
    }
    for (state, bytes) in states.iter_mut().zip(store(&now)) {
        *state = std::array::from_fn(|at| sha256::word(&bytes, 4 * at));
    }
}

/// What all nonces of a header share, beyond its midstate.
struct Prepared {
    before: [u32; 8],
    /// The state after four rounds with nonce zero; a nonce is added to `a` and `e`.
    after_4: [u32; 8],
    w16: u32,
    w17: u32,
    /// Without the nonce's part.
    w18: u32,
    w19: u32,
    /// What words 20 to 23 and 28 to 31 take from before word 18.
    part_20: [u32; 4],
    part_28: [u32; 4],
}

fn sigma_0(x: u32) -> u32 {
    x.rotate_right(7) ^ x.rotate_right(18) ^ (x >> 3)
}

fn sigma_1(x: u32) -> u32 {
    x.rotate_right(17) ^ x.rotate_right(19) ^ (x >> 10)
}

fn prepare(midstate: &HeaderMidstate) -> Prepared {
    const LENGTH: u32 = 640;
    const END: u32 = 0x8000_0000;
    let [w0, w1, w2] = midstate.tail;
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = midstate.state;
    for (w, k) in [w0, w1, w2, 0].into_iter().zip(ROUND) {
        let s1 = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
        let choice = (e & f) ^ (!e & g);
        let t1 = h.wrapping_add(s1).wrapping_add(choice).wrapping_add(k).wrapping_add(w);
        let s0 = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
        let majority = (a & b) ^ (a & c) ^ (b & c);
        let t2 = s0.wrapping_add(majority);
        (h, g, f, e, d, c, b, a) = (g, f, e, d.wrapping_add(t1), c, b, a, t1.wrapping_add(t2));
    }
    let w16 = w0.wrapping_add(sigma_0(w1));
    let w17 = w1.wrapping_add(sigma_0(w2)).wrapping_add(sigma_1(LENGTH));
    let w18 = w2.wrapping_add(sigma_1(w16));
    let w19 = sigma_0(END).wrapping_add(sigma_1(w17));
    Prepared {
        before: midstate.state,
        after_4: [a, b, c, d, e, f, g, h],
        w16,
        w17,
        w18,
        w19,
        part_20: [END, 0, LENGTH, w16],
        part_28: [0, 0, sigma_0(LENGTH), LENGTH.wrapping_add(sigma_0(w16))],
    }
}

/// The words of both hashes are followed as far as they are the same for every nonce: the first
/// four rounds, words 4 to 17, and what those add to later words. The second hash ends with the
/// round that fixes the highest word of the result.
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn scan<const L: usize>(
    midstate: &HeaderMidstate,
    start: u32,
    count: u32,
    limit: u32,
) -> Option<u32> {
    let prepared = prepare(midstate);
    let before = load(&[prepared.before; L]);
    let after_4 = load(&[prepared.after_4; L]);
    let initial = load(&[INITIAL; L]);
    let k_end = quad([ROUND[4].wrapping_add(0x8000_0000), ROUND[5], ROUND[6], ROUND[7]]);
    let k_length = quad([ROUND[12], ROUND[13], ROUND[14], ROUND[15].wrapping_add(640)]);
    let k2_end = quad([ROUND[8].wrapping_add(0x8000_0000), ROUND[9], ROUND[10], ROUND[11]]);
    let k2_length = quad([ROUND[12], ROUND[13], ROUND[14], ROUND[15].wrapping_add(256)]);
    let length_2 = quad([0, 0, 0, 256]);
    let (part_20, part_28) = (quad(prepared.part_20), quad(prepared.part_28));
    let part2_24 = quad([0x8000_0000, 0, 0, 0]);

    let mut done = 0u32;
    while done < count {
        let first = start.wrapping_add(done);
        let mut states = after_4;
        let mut w16 = after_4.abef;
        for l in 0..L {
            let nonce = first.wrapping_add(l as u32).swap_bytes();
            let n = nonce.cast_signed();
            states.abef[l] = _mm_add_epi32(states.abef[l], _mm_set_epi32(n, 0, n, 0));
            let w18 = prepared.w18.wrapping_add(sigma_0(nonce));
            let w19 = prepared.w19.wrapping_add(nonce);
            w16[l] = quad([prepared.w16, prepared.w17, w18, w19]);
        }
        // The first hash.
        rounds(&mut states, [k_end; L]);
        rounds(&mut states, [constants(8); L]);
        rounds(&mut states, [k_length; L]);
        rounds_at(&mut states, &w16, 16);
        let mut w20 = w16;
        for l in 0..L {
            w20[l] = _mm_sha256msg2_epu32(part_20, w16[l]);
        }
        rounds_at(&mut states, &w20, 20);
        let mut w24 = w16;
        for l in 0..L {
            w24[l] = _mm_sha256msg2_epu32(_mm_alignr_epi8(w20[l], w16[l], 4), w20[l]);
        }
        rounds_at(&mut states, &w24, 24);
        let mut w28 = w16;
        for l in 0..L {
            let sum = _mm_add_epi32(part_28, _mm_alignr_epi8(w24[l], w20[l], 4));
            w28[l] = _mm_sha256msg2_epu32(sum, w24[l]);
        }
        rounds_at(&mut states, &w28, 28);
        scheduled(&mut states, &mut [w16, w20, w24, w28], 32, 64);
        add(&mut states, &before);

        // The second.
        let (w0, w4) = in_order(&states);
        states = initial;
        rounds_at(&mut states, &w0, 0);
        rounds_at(&mut states, &w4, 4);
        rounds(&mut states, [k2_end; L]);
        rounds(&mut states, [k2_length; L]);
        for l in 0..L {
            w16[l] = _mm_sha256msg2_epu32(_mm_sha256msg1_epu32(w0[l], w4[l]), length_2);
        }
        rounds_at(&mut states, &w16, 16);
        for l in 0..L {
            let older = _mm_sha256msg1_epu32(w4[l], part2_24);
            let middle = _mm_alignr_epi8(w16[l], length_2, 4);
            w20[l] = _mm_sha256msg2_epu32(_mm_add_epi32(older, middle), w16[l]);
        }
        rounds_at(&mut states, &w20, 20);
        for l in 0..L {
            let middle = _mm_alignr_epi8(w20[l], w16[l], 4);
            w24[l] = _mm_sha256msg2_epu32(_mm_add_epi32(part2_24, middle), w20[l]);
        }
        rounds_at(&mut states, &w24, 24);
        for l in 0..L {
            let older = _mm_sha256msg1_epu32(quad([0, 0, 0, 256]), w16[l]);
            let sum = _mm_add_epi32(older, _mm_alignr_epi8(w24[l], w20[l], 4));
            w28[l] = _mm_sha256msg2_epu32(sum, w24[l]);
        }
        rounds_at(&mut states, &w28, 28);
        let mut w = [w16, w20, w24, w28];
        scheduled(&mut states, &mut w, 32, 60);
        // Round 60 alone; its `e` is the last word but for the initial state's.
        let w60 = next_words(&w);
        let mut hit = None;
        for l in (0..L).rev() {
            let wk = _mm_add_epi32(w60[l], constants(60));
            let end = _mm_sha256rnds2_epu32(states.cdgh[l], states.abef[l], wk);
            let last = _mm_cvtsi128_si32(end).cast_unsigned().wrapping_add(INITIAL[7]);
            if last.swap_bytes() <= limit {
                hit = Some(l as u32);
            }
        }
        if let Some(lane) = hit
            && done + lane < count
        {
            return Some(first.wrapping_add(lane));
        }
        done = done.saturating_add(L as u32);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::sha256d;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn scans_as_the_twin(
            header in any::<[u8; 80]>(), start in any::<u32>(), count in 0u32..40, shift in 0u32..6,
        ) {
            let Some(ni) = ShaNi::detect() else { return Ok(()) };
            let (midstate, limit) = (HeaderMidstate::new(&header), u32::MAX >> shift);
            prop_assert_eq!(
                ni.scan(&midstate, start, count, limit),
                sha256::scan(&midstate, start, count, limit)
            );
        }

        #[test]
        fn pairs_as_the_twin(half in any::<[u8; 32]>(), count in 0usize..9) {
            let Some(ni) = ShaNi::detect() else { return Ok(()) };
            let message = |n: usize| {
                let mut message = [n as u8; 64];
                message[7..39].copy_from_slice(&half);
                message
            };
            let messages: Vec<[u8; 64]> = (0..count).map(message).collect();
            let (mut ours, mut theirs) = (vec![[0; 32]; count], vec![[0; 32]; count]);
            ni.double_64(&messages, &mut ours);
            sha256::double_64(&messages, &mut theirs);
            prop_assert_eq!(ours, theirs);
        }

        #[test]
        fn any_length_as_the_twin(
            a in proptest::collection::vec(any::<u8>(), 0..400),
            b in proptest::collection::vec(any::<u8>(), 0..400),
        ) {
            let Some(ni) = ShaNi::detect() else { return Ok(()) };
            prop_assert_eq!(ni.double_many(&[&a, &b]), [sha256d(&a), sha256d(&b)]);
        }
    }

    /// The whole hash is checked through its highest word alone, for every limit.
    #[test]
    fn the_highest_word_is_exact() {
        let Some(ni) = ShaNi::detect() else { return };
        for n in 0..500u32 {
            let mut header = [0u8; 80];
            header[..4].copy_from_slice(&n.to_le_bytes());
            header[60..64].copy_from_slice(&n.wrapping_mul(0x9e37_79b9).to_le_bytes());
            let midstate = HeaderMidstate::new(&header);
            let [.., a, b, c, d] = sha256::header_hash(&midstate, n);
            let highest = u32::from_le_bytes([a, b, c, d]);
            assert_eq!(ni.scan(&midstate, n, 1, highest), Some(n));
            assert_eq!(highest.checked_sub(1).and_then(|l| ni.scan(&midstate, n, 1, l)), None);
        }
    }
}
