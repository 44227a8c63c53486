//! Detects lines that may contain a secret, which must not get into the history.

/// A line with one of these is never kept.
const SECRET_WORDS: &[&str] =
    &["passphrase", "phrase", "mnemonic", "seed", "secret", "privkey", "wif", "token"];

/// As many lower-case words in a row look like a seed phrase (BIP39 has 12 to 24).
const PHRASE_WORDS: usize = 12;

/// True for a line that may hold a secret, or that starts with a blank, as shells keep it.
pub fn looks_secret(line: &str) -> bool {
    if line.starts_with([' ', '\t']) {
        return true;
    }
    let lower = line.to_lowercase();
    if SECRET_WORDS.iter().any(|word| lower.contains(word)) {
        return true;
    }
    line.split_whitespace().any(is_private_key) || has_phrase(line)
}

/// A private key in base58 (WIF, BIP32 extended) or 64 bare hex digits after a key-like prefix.
fn is_private_key(token: &str) -> bool {
    let token = token.trim_matches(|c: char| !c.is_alphanumeric());
    let extended = token.len() > 100 && token.get(1..4) == Some("prv");
    let base58 = |c: char| c.is_ascii_alphanumeric() && !"0OIl".contains(c);
    let wif = (51..=52).contains(&token.len()) && token.chars().all(base58);
    extended || wif
}

fn has_phrase(line: &str) -> bool {
    let mut run = 0;
    for word in line.split_whitespace() {
        let like_bip39 =
            (3..=8).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_lowercase());
        run = if like_bip39 { run + 1 } else { 0 };
        if run >= PHRASE_WORDS {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_told_from_work() {
        let phrase = "abandon ".repeat(11) + "about";
        for secret in [
            "change-passphrase",
            " get-height .",
            &phrase,
            "s\" KwDiBf89QgGbjEhKnhXJuH7LrciVrZi3qYjgd9M7rFU73sVHnoWn\" x",
        ] {
            assert!(looks_secret(secret), "{secret}");
        }
        for work in ["get-height .", ": sq dup * ;", "block 0", "1 2 + ."] {
            assert!(!looks_secret(work), "{work}");
        }
    }
}
