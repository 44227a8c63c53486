//! SHA-256 that can stop anywhere and be copied (FIPS 180-4), and many such messages taken in side
//! by side.
//!
//! A signature hash starts from the state after what many messages share; `Midstate` is that state
//! with the bytes that don't fill a block yet.

use super::sha256::{INITIAL, compress, to_bytes};

/// Bytes of a block.
const BLOCK: usize = 64;

/// The state after a message so far.
#[derive(Debug, Clone, Copy)]
pub struct Midstate {
    state: [u32; 8],
    /// Bytes taken in.
    length: u64,
    /// The last `length % 64` of them.
    partial: [u8; BLOCK],
}

impl Default for Midstate {
    fn default() -> Midstate {
        Midstate { state: INITIAL, length: 0, partial: [0; BLOCK] }
    }
}

impl Midstate {
    fn filled(&self) -> usize {
        (self.length % BLOCK as u64) as usize
    }

    /// Takes in more of the message.
    pub fn update(&mut self, mut bytes: &[u8]) {
        let filled = self.filled();
        self.length += bytes.len() as u64;
        if filled > 0 {
            let (now, rest) = bytes.split_at(bytes.len().min(BLOCK - filled));
            self.partial[filled..filled + now.len()].copy_from_slice(now);
            bytes = rest;
            if filled + now.len() < BLOCK {
                return;
            }
            compress(&mut self.state, &[self.partial]);
        }
        let (blocks, rest) = bytes.as_chunks::<BLOCK>();
        compress(&mut self.state, blocks);
        self.partial[..rest.len()].copy_from_slice(rest);
    }

    /// The hash of all that was taken in.
    pub fn finish(mut self) -> [u8; 32] {
        let bits = 8 * self.length;
        let filled = self.filled();
        let mut padding = [0u8; 2 * BLOCK];
        padding[0] = 0x80;
        let length_at = if filled < BLOCK - 8 { BLOCK - 8 } else { 2 * BLOCK - 8 } - filled;
        padding[length_at..length_at + 8].copy_from_slice(&bits.to_be_bytes());
        self.update(&padding[..length_at + 8]);
        to_bytes(&self.state)
    }
}

/// A message to be taken in: the state before it, and its bytes in two parts.
#[derive(Debug, Clone, Copy)]
pub struct Absorb<'a> {
    pub midstate: Midstate,
    pub parts: [&'a [u8]; 2],
}

impl<'a> Absorb<'a> {
    /// Takes in all that is left.
    pub fn rest(&mut self) {
        for part in std::mem::take(&mut self.parts) {
            self.midstate.update(part);
        }
    }

    /// Takes in what stands before the next whole block of one part.
    pub(super) fn align(&mut self) {
        while let Some(part) = self.parts.iter_mut().find(|part| !part.is_empty()) {
            let filled = self.midstate.filled();
            let short = match filled {
                0 if part.len() >= BLOCK => return,
                0 => part.len(),
                _ => part.len().min(BLOCK - filled),
            };
            let (now, later) = part.split_at(short);
            *part = later;
            self.midstate.update(now);
        }
    }

    /// The whole blocks ahead, after `align`.
    pub(super) fn blocks(&self) -> &'a [[u8; BLOCK]] {
        let part = self.parts.iter().copied().find(|part| !part.is_empty());
        part.unwrap_or_default().as_chunks().0
    }

    pub(super) fn state(&self) -> [u32; 8] {
        self.midstate.state
    }

    /// So many blocks ahead have been taken into `state`.
    pub(super) fn advance(&mut self, state: [u32; 8], blocks: usize) {
        self.midstate.state = state;
        self.midstate.length += (BLOCK * blocks) as u64;
        if let Some(part) = self.parts.iter_mut().find(|part| !part.is_empty()) {
            *part = &part[BLOCK * blocks..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::sha256;
    use crate::lanes::Lanes;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn parts_are_the_whole(
            parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 0..6),
        ) {
            let mut midstate = Midstate::default();
            parts.iter().for_each(|part| midstate.update(part));
            prop_assert_eq!(midstate.finish(), sha256(&parts.concat()));
        }

        #[test]
        fn many_are_each(
            messages in proptest::collection::vec(
                [0usize..130, 0usize..400, 0usize..400].prop_map(|sizes| sizes), 0..6),
            seed in any::<u8>(),
        ) {
            let bytes: Vec<[Vec<u8>; 3]> = messages
                .iter()
                .map(|sizes| sizes.map(|size| (0..size).map(|n| n as u8 ^ seed).collect()))
                .collect();
            let wanted: Vec<_> = bytes.iter().map(|parts| sha256(&parts.concat())).collect();
            for lanes in [Lanes::best(), Lanes::Portable] {
                let mut absorbs: Vec<Absorb<'_>> = bytes
                    .iter()
                    .map(|[before, head, tail]| {
                        let mut midstate = Midstate::default();
                        midstate.update(before);
                        Absorb { midstate, parts: [head, tail] }
                    })
                    .collect();
                lanes.absorb_many(&mut absorbs);
                let found: Vec<_> = absorbs.iter().map(|one| one.midstate.finish()).collect();
                prop_assert_eq!(&found, &wanted);
            }
        }
    }
}
