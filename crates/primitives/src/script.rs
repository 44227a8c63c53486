//! A script as bytes: the conditions of outputs and the data of inputs. The crate `script`
//! interprets it.

use std::fmt;

use super::codec::{Decode, DecodeError, Encode, Reader, compact_size_len, put_var_bytes};
use super::hex;

/// Script bytes of any content.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Script(pub Vec<u8>);

impl Script {
    pub fn new(bytes: impl Into<Vec<u8>>) -> Script {
        Script(bytes.into())
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes of the wire form, length prefix included.
    pub fn encoded_len(&self) -> usize {
        compact_size_len(self.0.len()) + self.0.len()
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Encode for Script {
    fn encode(&self, out: &mut Vec<u8>) {
        put_var_bytes(out, &self.0);
    }
}

impl Decode for Script {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Script(reader.var_bytes()?.to_vec()))
    }
}
