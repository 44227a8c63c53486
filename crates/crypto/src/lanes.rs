//! Bulk hashing on the fastest path that the processor supports, chosen at run time: several
//! messages in parallel on its SHA instructions, otherwise `sha2` one after the other. All paths
//! give identical results.

use std::sync::OnceLock;

use super::hash::sha256d;
use super::midstate::Absorb;
#[cfg(target_arch = "x86_64")]
use super::sha_ni::{self, ShaNi};
use super::sha256::{self, HeaderMidstate};

/// A way to hash in bulk.
#[derive(Debug, Clone, Copy)]
pub enum Lanes {
    /// `sha2`'s block function.
    Portable,
    /// Interleaved lanes on the SHA instructions of x86-64.
    #[cfg(target_arch = "x86_64")]
    ShaNi(ShaNi),
}

impl Lanes {
    /// The fastest way of this processor.
    pub fn best() -> Lanes {
        static BEST: OnceLock<Lanes> = OnceLock::new();
        *BEST.get_or_init(|| {
            #[cfg(target_arch = "x86_64")]
            if let Some(found) = ShaNi::detect() {
                return Lanes::ShaNi(found);
            }
            Lanes::Portable
        })
    }

    pub fn name(self) -> &'static str {
        match self {
            Lanes::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Lanes::ShaNi(_) => "SHA-NI",
        }
    }

    /// The first nonce from `start` on, over `count` nonces, whose hash has at most `limit` in its
    /// highest 32 bits (its last four bytes, little-endian).
    pub fn scan(
        self,
        midstate: &HeaderMidstate,
        start: u32,
        count: u32,
        limit: u32,
    ) -> Option<u32> {
        match self {
            Lanes::Portable => sha256::scan(midstate, start, count, limit),
            #[cfg(target_arch = "x86_64")]
            Lanes::ShaNi(ni) => ni.scan(midstate, start, count, limit),
        }
    }

    /// Double SHA-256 of each 64-byte message.
    pub fn double_64(self, messages: &[[u8; 64]], out: &mut [[u8; 32]]) {
        match self {
            Lanes::Portable => sha256::double_64(messages, out),
            #[cfg(target_arch = "x86_64")]
            Lanes::ShaNi(ni) => ni.double_64(messages, out),
        }
    }

    /// Double SHA-256 of each message.
    pub fn double_many(self, messages: &[&[u8]]) -> Vec<[u8; 32]> {
        match self {
            Lanes::Portable => messages.iter().map(|message| sha256d(message)).collect(),
            #[cfg(target_arch = "x86_64")]
            Lanes::ShaNi(ni) => {
                let (sets, rest) = messages.as_chunks::<{ sha_ni::MANY }>();
                let mut out = Vec::with_capacity(messages.len());
                out.extend(sets.iter().flat_map(|set| ni.double_many(set)));
                out.extend(rest.iter().map(|message| sha256d(message)));
                out
            }
        }
    }

    /// Takes each message into its midstate, which is then the one after it.
    pub fn absorb_many(self, messages: &mut [Absorb<'_>]) {
        match self {
            Lanes::Portable => messages.iter_mut().for_each(Absorb::rest),
            #[cfg(target_arch = "x86_64")]
            Lanes::ShaNi(ni) => {
                let (sets, rest) = messages.as_chunks_mut::<{ sha_ni::MANY }>();
                for set in sets {
                    loop {
                        set.iter_mut().for_each(Absorb::align);
                        let count = set.iter().map(|one| one.blocks().len()).min().unwrap_or(0);
                        if count == 0 {
                            break;
                        }
                        let mut states = set.each_ref().map(Absorb::state);
                        let blocks = set.each_ref().map(|one| &one.blocks()[..count]);
                        ni.compress_many(&mut states, blocks);
                        for (one, state) in set.iter_mut().zip(states) {
                            one.advance(state, count);
                        }
                    }
                    set.iter_mut().for_each(Absorb::rest);
                }
                rest.iter_mut().for_each(Absorb::rest);
            }
        }
    }

    /// The next level of a merkle tree, in place; an odd node at the end pairs with itself.
    pub fn merkle_level(self, level: &mut Vec<[u8; 32]>) {
        const SET: usize = 32;
        if level.len() % 2 == 1
            && let Some(last) = level.last().copied()
        {
            level.push(last);
        }
        let parents = level.len() / 2;
        let mut pairs = [[0u8; 64]; SET];
        for from in (0..parents).step_by(SET) {
            let count = SET.min(parents - from);
            for (pair, nodes) in
                pairs.iter_mut().zip(level[2 * from..2 * (from + count)].chunks_exact(2))
            {
                pair[..32].copy_from_slice(&nodes[0]);
                pair[32..].copy_from_slice(&nodes[1]);
            }
            self.double_64(&pairs[..count], &mut level[from..from + count]);
        }
        level.truncate(parents);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::sha256d_pair;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn levels_are_pairs(leaves in proptest::collection::vec(any::<[u8; 32]>(), 1..150)) {
            let mut level = leaves.clone();
            Lanes::best().merkle_level(&mut level);
            let pair = |pair: &[[u8; 32]]| sha256d_pair(&pair[0], pair.last().unwrap_or(&pair[0]));
            let wanted: Vec<_> = leaves.chunks(2).map(pair).collect();
            prop_assert_eq!(&level, &wanted);
            let mut level = leaves;
            Lanes::Portable.merkle_level(&mut level);
            prop_assert_eq!(level, wanted);
        }

        #[test]
        fn many_are_each(
            messages in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 0..9),
        ) {
            let slices: Vec<&[u8]> = messages.iter().map(|m| &m[..]).collect();
            let wanted: Vec<_> = messages.iter().map(|m| sha256d(m)).collect();
            prop_assert_eq!(Lanes::best().double_many(&slices), wanted);
        }
    }
}
