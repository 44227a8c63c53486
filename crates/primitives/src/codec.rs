//! The byte codec of the Bitcoin wire format: little-endian integers and CompactSize lengths.
//!
//! Decoding is bounded: lengths above `MAX_SIZE` are rejected, and memory is reserved only for
//! bytes that are present.

/// The largest length that a CompactSize may announce (Core's `MAX_SIZE`), in bytes or items.
pub const MAX_SIZE: u64 = 0x0200_0000;

/// Why bytes cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("the data ends at byte {at}, {wanted} more were needed")]
    Truncated { at: usize, wanted: usize },
    #[error("length {length} at byte {at} is over the limit of {limit}")]
    Oversized { at: usize, length: u64, limit: u64 },
    #[error("the length at byte {at} is not in its shortest form")]
    NonCanonicalLength { at: usize },
    #[error("the transaction has a witness marker at byte {at} but no witness")]
    SuperfluousWitness { at: usize },
    #[error("unknown transaction flag {flag:#04x} at byte {at}")]
    UnknownFlag { at: usize, flag: u8 },
    #[error("{count} bytes are left over after byte {at}")]
    Trailing { at: usize, count: usize },
}

/// A cursor over bytes.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    data: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Reader { data, at: 0 }
    }

    /// Bytes read so far.
    pub fn position(&self) -> usize {
        self.at
    }

    pub fn remaining(&self) -> usize {
        self.data.len() - self.at
    }

    /// The bytes from `start` to the cursor.
    pub fn since(&self, start: usize) -> &'a [u8] {
        &self.data[start..self.at]
    }

    pub fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        if count > self.remaining() {
            let wanted = count - self.remaining();
            return Err(DecodeError::Truncated { at: self.data.len(), wanted });
        }
        let bytes = &self.data[self.at..self.at + count];
        self.at += count;
        Ok(bytes)
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let mut bytes = [0u8; N];
        bytes.copy_from_slice(self.take(N)?);
        Ok(bytes)
    }

    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        Ok(self.array::<1>()?[0])
    }

    pub fn u16(&mut self) -> Result<u16, DecodeError> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub fn u64(&mut self) -> Result<u64, DecodeError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    pub fn i32(&mut self) -> Result<i32, DecodeError> {
        Ok(i32::from_le_bytes(self.array()?))
    }

    pub fn i64(&mut self) -> Result<i64, DecodeError> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    /// A CompactSize in its shortest form, at most `limit`.
    pub fn compact_size(&mut self, limit: u64) -> Result<usize, DecodeError> {
        let at = self.at;
        let (length, least) = match self.u8()? {
            0xfd => (u64::from(self.u16()?), 0xfd),
            0xfe => (u64::from(self.u32()?), 0x1_0000),
            0xff => (self.u64()?, 0x1_0000_0000),
            small => (u64::from(small), 0),
        };
        if length < least {
            return Err(DecodeError::NonCanonicalLength { at });
        }
        if length > limit {
            return Err(DecodeError::Oversized { at, length, limit });
        }
        usize::try_from(length).map_err(|_| DecodeError::Oversized { at, length, limit })
    }

    /// A length-prefixed byte string.
    pub fn var_bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let count = self.compact_size(MAX_SIZE)?;
        self.take(count)
    }

    /// A length-prefixed list; `least_size` is the fewest bytes that an item can take, so that
    /// memory is never reserved for items that can't be there.
    pub fn list<T>(
        &mut self,
        least_size: usize,
        mut item: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let count = self.compact_size(MAX_SIZE)?;
        let mut items = Vec::with_capacity(count.min(self.remaining() / least_size.max(1)));
        for _ in 0..count {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// Fails unless every byte has been read.
    pub fn finish(&self) -> Result<(), DecodeError> {
        match self.remaining() {
            0 => Ok(()),
            count => Err(DecodeError::Trailing { at: self.at, count }),
        }
    }
}

/// Something with a wire form.
pub trait Encode {
    /// Appends the wire form to `out`.
    fn encode(&self, out: &mut Vec<u8>);

    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode(&mut out);
        out
    }
}

/// Something that can be read from its wire form.
pub trait Decode: Sized {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError>;

    /// Reads the whole of `bytes`; left-over bytes are an error.
    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let value = Self::decode(&mut reader)?;
        reader.finish()?;
        Ok(value)
    }
}

/// Appends a CompactSize.
pub fn put_compact_size(out: &mut Vec<u8>, length: usize) {
    let length = length as u64;
    match length {
        0..=0xfc => out.push(length as u8),
        0xfd..=0xffff => {
            out.push(0xfd);
            out.extend_from_slice(&(length as u16).to_le_bytes());
        }
        0x1_0000..=0xffff_ffff => {
            out.push(0xfe);
            out.extend_from_slice(&(length as u32).to_le_bytes());
        }
        _ => {
            out.push(0xff);
            out.extend_from_slice(&length.to_le_bytes());
        }
    }
}

/// Bytes that the CompactSize of `length` takes.
pub const fn compact_size_len(length: usize) -> usize {
    match length {
        0..=0xfc => 1,
        0xfd..=0xffff => 3,
        0x1_0000..=0xffff_ffff => 5,
        _ => 9,
    }
}

/// Appends a length-prefixed byte string.
pub fn put_var_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_compact_size(out, bytes.len());
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compact_size_there_and_back() {
        for length in [0usize, 1, 0xfc, 0xfd, 0xffff, 0x1_0000, 0x0200_0000] {
            let mut out = Vec::new();
            put_compact_size(&mut out, length);
            assert_eq!(out.len(), compact_size_len(length));
            assert_eq!(Reader::new(&out).compact_size(MAX_SIZE), Ok(length));
        }
    }

    #[test]
    fn long_forms_of_short_lengths_are_refused() {
        for bytes in
            [&[0xfd, 0xfc, 0][..], &[0xfe, 0xff, 0xff, 0, 0], &[0xff, 1, 0, 0, 0, 0, 0, 0, 0]]
        {
            assert_eq!(
                Reader::new(bytes).compact_size(MAX_SIZE),
                Err(DecodeError::NonCanonicalLength { at: 0 })
            );
        }
    }

    #[test]
    fn a_lying_length_reserves_nothing() {
        let mut bytes = Vec::new();
        put_compact_size(&mut bytes, 0x0200_0000);
        let list = Reader::new(&bytes).list(1, |r| r.u8());
        assert_eq!(list, Err(DecodeError::Truncated { at: 5, wanted: 1 }));
        assert!(matches!(
            Reader::new(&[0xfe, 1, 0, 0, 2]).var_bytes(),
            Err(DecodeError::Oversized { length: 0x0200_0001, .. })
        ));
    }
}
