//! Text of others made harmless for a terminal: no control character reaches it.

/// Stands for what is not shown.
const HIDDEN: char = char::REPLACEMENT_CHARACTER;

/// Replaces control characters (C0, DEL and C1); tabs and line feeds stay.
pub fn printable(text: &str) -> String {
    let shown = |c: char| if c.is_control() && c != '\n' && c != '\t' { HIDDEN } else { c };
    text.chars().map(shown).collect()
}

/// The same for a stream of bytes, in which a character may come in parts. What is not UTF-8 is
/// replaced, too: a terminal could take it for a control character of one byte.
#[derive(Debug, Default)]
pub struct PrintableStream {
    /// The first bytes of a character that is not whole yet; at most three.
    partial: Vec<u8>,
}

impl PrintableStream {
    /// The harmless text of the bytes that came so far.
    pub fn text_of(&mut self, bytes: &[u8]) -> String {
        let mut bytes_left = std::mem::take(&mut self.partial);
        bytes_left.extend_from_slice(bytes);
        let mut rest = &bytes_left[..];
        let mut text = String::with_capacity(rest.len());
        loop {
            let error = match std::str::from_utf8(rest) {
                Ok(valid) => {
                    text.push_str(&printable(valid));
                    return text;
                }
                Err(error) => error,
            };
            let (valid, invalid) = rest.split_at(error.valid_up_to());
            text.push_str(&printable(&String::from_utf8_lossy(valid)));
            let Some(length) = error.error_len() else {
                self.partial = invalid.to_vec();
                return text;
            };
            text.push(HIDDEN);
            rest = &invalid[length..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_control_character_passes_however_it_is_cut() {
        let hostile = b"a\x1b[2J\x07\x7f\r\xc2\x9b31m\x9b\xc0\x9b\xe0\x80\x9b\tb\n\xe2\x94\x80";
        let whole = PrintableStream::default().text_of(hostile);
        assert!(whole.starts_with("a\u{fffd}[2J\u{fffd}\u{fffd}\u{fffd}\u{fffd}31m\u{fffd}"));
        assert!(whole.ends_with("\tb\n─"), "{whole:?}");
        for cut in 1..4 {
            let mut stream = PrintableStream::default();
            let parts: String = hostile.chunks(cut).map(|part| stream.text_of(part)).collect();
            assert_eq!(parts, whole);
        }
        assert!(whole.chars().all(|c| !c.is_control() || c == '\n' || c == '\t'));
    }

    #[test]
    fn text_stays_as_it_is() {
        assert_eq!(printable("1 2\tü\n"), "1 2\tü\n");
        let mut stream = PrintableStream::default();
        assert_eq!(stream.text_of("über\n".as_bytes()), "über\n");
    }
}
