//! Framing: magic, command, length, checksum, payload.
//!
//! A frame that can't be one is refused as early as its bytes show it: the magic after one byte
//! that differs, the length before any of the payload is kept.

use super::message::{Message, payload_limit};
use crypto::hash::sha256d;
use primitives::codec::DecodeError;

/// Bytes before the payload.
pub const HEADER_BYTES: usize = 24;

/// Why bytes are no frame. All but `Payload` end the connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    #[error("it speaks for another network, or no Bitcoin at all")]
    Magic,
    #[error("a command that is no text")]
    Command,
    #[error("{command:?} of {length} bytes, {limit} is the limit")]
    Length { command: String, length: usize, limit: usize },
    #[error("the checksum of {command:?} is wrong")]
    Checksum { command: String },
    #[error("{command:?}: {error}")]
    Payload { command: String, error: DecodeError },
}

/// Takes bytes as they come and gives messages.
#[derive(Debug)]
pub struct Decoder {
    magic: [u8; 4],
    buffer: Vec<u8>,
    /// Bytes of the buffer that have been taken.
    taken: usize,
    /// Length of the payload being awaited, once its header is there.
    wanted: Option<usize>,
    failed: bool,
}

impl Decoder {
    pub fn new(magic: [u8; 4]) -> Decoder {
        Decoder { magic, buffer: Vec::new(), taken: 0, wanted: None, failed: false }
    }

    /// Adds what came. Call `next` until it gives nothing before adding more, so that the buffer
    /// never holds more than one message and one read.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.failed {
            return;
        }
        if self.taken == self.buffer.len() {
            self.buffer.clear();
            self.taken = 0;
        } else if self.taken > 0 {
            self.buffer.drain(..self.taken);
            self.taken = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Bytes of a message that is not whole yet.
    pub fn pending(&self) -> usize {
        self.buffer.len() - self.taken
    }

    /// The next message; its whole size in bytes comes with it.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<(Message, usize)>, FrameError> {
        let result = self.read();
        match &result {
            Err(FrameError::Payload { .. }) | Ok(_) => {}
            Err(_) => {
                self.failed = true;
                self.buffer = Vec::new();
                self.taken = 0;
            }
        }
        if self.pending() == 0 && self.buffer.capacity() > 256 << 10 {
            self.buffer = Vec::new();
            self.taken = 0;
        }
        result
    }

    fn read(&mut self) -> Result<Option<(Message, usize)>, FrameError> {
        if self.failed {
            return Ok(None);
        }
        let bytes = &self.buffer[self.taken..];
        let seen = bytes.len().min(4);
        if bytes[..seen] != self.magic[..seen] {
            return Err(FrameError::Magic);
        }
        let Some((header, rest)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
            return Ok(None);
        };
        let command = command_text(&header[4..16]).ok_or(FrameError::Command)?;
        let length = u32::from_le_bytes([header[16], header[17], header[18], header[19]]) as usize;
        let limit = payload_limit(command);
        if length > limit {
            return Err(FrameError::Length { command: command.to_owned(), length, limit });
        }
        self.wanted = Some(length);
        let Some(payload) = rest.get(..length) else { return Ok(None) };
        if sha256d(payload)[..4] != header[20..24] {
            return Err(FrameError::Checksum { command: command.to_owned() });
        }
        let read = Message::read(command, payload)
            .map_err(|error| FrameError::Payload { command: command.to_owned(), error });
        self.wanted = None;
        self.taken += HEADER_BYTES + length;
        read.map(|message| Some((message, HEADER_BYTES + length)))
    }
}

/// Twelve bytes of printable text, zeros after it.
fn command_text(bytes: &[u8]) -> Option<&str> {
    let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
    let (text, zeros) = bytes.split_at(end);
    let plain = text.iter().all(|b| (0x20..0x7f).contains(b)) && zeros.iter().all(|&b| b == 0);
    std::str::from_utf8(text).ok().filter(|_| plain)
}

/// A message in its frame.
pub fn encode(magic: [u8; 4], message: &Message) -> Vec<u8> {
    let mut out = vec![0; HEADER_BYTES];
    message.write(&mut out);
    let checksum = sha256d(&out[HEADER_BYTES..]);
    let length = (out.len() - HEADER_BYTES) as u32;
    let command = message.command().as_bytes();
    out[..4].copy_from_slice(&magic);
    out[4..4 + command.len()].copy_from_slice(command);
    out[16..20].copy_from_slice(&length.to_le_bytes());
    out[20..24].copy_from_slice(&checksum[..4]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MAGIC: [u8; 4] = [0xfa, 0xbf, 0xb5, 0xda];

    fn decode(bytes: &[u8]) -> Result<Option<(Message, usize)>, FrameError> {
        let mut decoder = Decoder::new(MAGIC);
        decoder.feed(bytes);
        decoder.next()
    }

    #[test]
    fn known_bytes_of_a_verack() {
        let bytes = encode(MAGIC, &Message::Verack);
        let wanted = [
            0xfa, 0xbf, 0xb5, 0xda, b'v', b'e', b'r', b'a', b'c', b'k', 0, 0, 0, 0, 0, 0, 0, 0, 0,
            0, 0x5d, 0xf6, 0xe0, 0xe2,
        ];
        assert_eq!(bytes, wanted);
        assert_eq!(decode(&bytes), Ok(Some((Message::Verack, 24))));
    }

    #[test]
    fn foreign_magic_ends_at_its_first_byte() {
        assert_eq!(decode(&[0xf9]), Err(FrameError::Magic));
        assert_eq!(decode(b"GET / HTTP/1.1\r\n"), Err(FrameError::Magic));
        assert_eq!(decode(&MAGIC[..3]), Ok(None));
    }

    #[test]
    fn lying_lengths_and_checksums_and_commands() {
        let good = encode(MAGIC, &Message::Ping(7));
        let mut long = good.clone();
        long[16..20].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(matches!(decode(&long), Err(FrameError::Length { limit: 64, .. })));
        let mut sum = good.clone();
        sum[20] ^= 1;
        assert!(matches!(decode(&sum), Err(FrameError::Checksum { .. })));
        let mut command = good.clone();
        command[10] = b'x';
        assert_eq!(decode(&command), Err(FrameError::Command));
        // A payload that does not decode leaves the stream in step.
        let mut decoder = Decoder::new(MAGIC);
        let mut short = encode(MAGIC, &Message::Verack);
        short[4..10].copy_from_slice(b"pong\0\0");
        decoder.feed(&[&short[..], &good].concat());
        assert!(matches!(decoder.next(), Err(FrameError::Payload { .. })));
        assert_eq!(decoder.next(), Ok(Some((Message::Ping(7), 32))));
    }

    #[test]
    fn after_a_fault_nothing_is_kept() {
        let mut decoder = Decoder::new(MAGIC);
        decoder.feed(&[0; 100]);
        assert_eq!(decoder.next(), Err(FrameError::Magic));
        for _ in 0..100 {
            decoder.feed(&[0; 100_000]);
            assert_eq!(decoder.next(), Ok(None));
        }
        assert_eq!(decoder.buffer.capacity(), 0);
    }

    proptest! {
        #[test]
        fn cuts_of_the_stream_do_not_matter(cuts in proptest::collection::vec(1usize..40, 1..40)) {
            let messages: Vec<Message> = (0..20).map(Message::Ping).collect();
            let stream: Vec<u8> = messages.iter().flat_map(|m| encode(MAGIC, m)).collect();
            let mut decoder = Decoder::new(MAGIC);
            let (mut at, mut got) = (0, Vec::new());
            for cut in cuts.iter().cycle() {
                if at == stream.len() { break; }
                let end = (at + cut).min(stream.len());
                decoder.feed(&stream[at..end]);
                while let Ok(Some((message, _))) = decoder.next() { got.push(message); }
                at = end;
            }
            prop_assert_eq!(got, messages);
        }

        #[test]
        fn noise_is_bounded(noise in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let mut decoder = Decoder::new(MAGIC);
            decoder.feed(&[&MAGIC[..], &noise].concat());
            for _ in 0..100 { let _ = decoder.next(); }
            prop_assert!(decoder.pending() <= noise.len() + 4);
        }
    }
}
