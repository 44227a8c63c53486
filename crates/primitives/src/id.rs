//! Hashes used as identifiers: one newtype each, so that a txid is never mistaken for a block hash.
//!
//! Bytes are kept in wire order; text is the reversed hex that people read and RPC uses.

use std::fmt;
use std::str::FromStr;

use super::codec::{Decode, DecodeError, Encode, Reader};
use super::hex::{self, HexError};

macro_rules! hash_newtype {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
        pub struct $name(pub [u8; 32]);

        impl $name {
            pub const ZERO: $name = $name([0; 32]);

            /// From reversed hex known at compile time; panics (while compiling) if it is not hex.
            pub const fn from_reversed_hex(text: &str) -> $name {
                $name(reversed_hex(text))
            }

            pub fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut bytes = self.0;
                bytes.reverse();
                let mut text = [0; 64];
                f.write_str(hex::encode_to(&bytes, &mut text))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = HexError;

            fn from_str(text: &str) -> Result<Self, HexError> {
                let mut bytes = hex::decode_array::<32>(text)?;
                bytes.reverse();
                Ok($name(bytes))
            }
        }

        impl Encode for $name {
            fn encode(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.0);
            }
        }

        impl Decode for $name {
            fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                Ok($name(reader.array()?))
            }
        }
    };
}

hash_newtype!(
    /// Double SHA-256 of a transaction without its witness.
    Txid
);
hash_newtype!(
    /// Double SHA-256 of a transaction with its witness (BIP141).
    Wtxid
);
hash_newtype!(
    /// Double SHA-256 of a block header.
    BlockHash
);
hash_newtype!(
    /// Root of a block's merkle tree of txids.
    MerkleRoot
);

const fn reversed_hex(text: &str) -> [u8; 32] {
    let text = text.as_bytes();
    assert!(text.len() == 64, "a hash is 64 hex digits");
    let mut bytes = [0u8; 32];
    let mut index = 0;
    while index < 32 {
        bytes[31 - index] = const_digit(text[2 * index]) << 4 | const_digit(text[2 * index + 1]);
        index += 1;
    }
    bytes
}

const fn const_digit(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => byte - b'0',
        b'a'..=b'f' => byte - b'a' + 10,
        _ => panic!("not a lower-case hex digit"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_reversed() {
        let text = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f";
        let id = BlockHash::from_reversed_hex(text);
        assert_eq!(id.0[0], 0x6f);
        assert_eq!(id.to_string(), text);
        assert_eq!(text.parse::<BlockHash>(), Ok(id));
        assert!("12".parse::<Txid>().is_err());
    }
}
