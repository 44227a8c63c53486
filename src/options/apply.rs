//! Reads the texts of an option as its kind wants them, and puts the value where it goes.

use std::ffi::OsStr;

use primitives::amount::Amount;
use primitives::fee::FeeRate;
use primitives::network;

use super::address::{Address, read_port};
use super::arguments::Arguments;
use super::entry::{Check, Entry, Kind, Listen, Origin, Usual};
use super::suggest::{hint, nearest};
use crate::config::Hidden;

/// Most values of one list.
const MAX_LIST: usize = 1000;

/// Where a bare port listens.
const LOOPBACK: &str = "127.0.0.1";

/// The texts given for an option in one place; `None` is the option without a value.
pub type Texts<'a> = &'a [Option<&'a OsStr>];

/// Puts the value where it goes. The error says why it can't be read.
pub fn apply(
    entry: &Entry,
    origin: Origin,
    texts: Texts<'_>,
    to: &mut Arguments,
) -> Result<(), String> {
    let one = || match texts {
        [text] => Ok(*text),
        _ => Err("it is given more than once".to_owned()),
    };
    match entry.kind {
        Kind::Switch(set) => set(to, one()?.map_or(Ok(true), switch)?),
        Kind::Number { least, most, set } => set(to, number(utf8(one()?)?, least, most)?),
        Kind::FeeRate(set) => set(to, fee_rate(utf8(one()?)?)?),
        Kind::Text { check, set } => {
            let text = utf8(one()?)?;
            check(text)?;
            set(to, text.to_owned());
        }
        Kind::Choice { of, set } => set(to, choice(utf8(one()?)?, of)?),
        Kind::Path(set) => match one()? {
            Some(path) if !path.is_empty() => set(to, path.into()),
            _ => return Err("a path is missing".to_owned()),
        },
        Kind::Secret(set) => set(to, Hidden(utf8(one()?)?.to_owned()), origin),
        Kind::Listen { usual, set } => {
            set(to, one()?.map_or(Ok(Listen::Usual), |text| listen(utf8(Some(text))?, usual))?);
        }
        Kind::Network(set) => set(to, by_name(utf8(one()?)?)?),
        Kind::List { check, set } => set(to, list(texts, check)?),
        // It has its place among the sources already.
        Kind::Code => {}
    }
    Ok(())
}

fn utf8(text: Option<&OsStr>) -> Result<&str, String> {
    // The text is not repeated: it may be a secret.
    text.unwrap_or_default().to_str().ok_or_else(|| "the value is not UTF-8".to_owned())
}

/// What a switch says, if the text is one of its words.
fn switch_word(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

fn switch(text: &OsStr) -> Result<bool, String> {
    let text = utf8(Some(text))?;
    switch_word(text).ok_or_else(|| {
        format!("{text:?} is neither on nor off: write true or false, 1 or 0, yes or no, on or off")
    })
}

fn number(text: &str, least: u64, most: u64) -> Result<u64, String> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let read = text.parse().ok().filter(|number| digits && (least..=most).contains(number));
    read.ok_or_else(|| format!("{text:?} is no whole number from {least} to {most}"))
}

fn fee_rate(text: &str) -> Result<FeeRate, String> {
    let amount: Amount = text.parse().map_err(|e| format!("{e}"))?;
    Ok(FeeRate { per_kvb: amount.0 })
}

fn choice(text: &str, of: &'static [&'static str]) -> Result<&'static str, String> {
    let found = of.iter().find(|known| **known == text);
    found.copied().ok_or_else(|| format!("{text:?} is not {}", of.join(" or ")))
}

fn list(texts: Texts<'_>, check: Check) -> Result<Vec<String>, String> {
    let mut all = Vec::new();
    for text in texts {
        let text = utf8(*text)?;
        let parts = text.split(|c: char| c == ',' || c.is_whitespace());
        let before = all.len();
        for part in parts.filter(|part| !part.is_empty()) {
            check(part)?;
            all.push(part.to_owned());
        }
        if all.len() == before {
            return Err("a value is missing".to_owned());
        }
        if all.len() > MAX_LIST {
            return Err(format!("{MAX_LIST} values are the most"));
        }
    }
    Ok(all)
}

fn listen(text: &str, usual: Usual) -> Result<Listen, String> {
    match switch_word(text) {
        Some(true) => return Ok(Listen::Usual),
        Some(false) => return Ok(Listen::Off),
        None if text == "none" => return Ok(Listen::Off),
        None if text.is_empty() && usual != Usual::OfNetwork => return Ok(Listen::Usual),
        None => {}
    }
    // A port alone is one on loopback.
    let bare = text.strip_prefix(':').unwrap_or(text);
    if bare.bytes().all(|b| b.is_ascii_digit()) {
        let port = read_port(bare, text)?;
        return Ok(Listen::At(format!("{LOOPBACK}:{port}")));
    }
    let address = Address::read(text)?;
    let usual_port = match usual {
        Usual::Address(usual) => Address::read(usual)?.port,
        Usual::OfNetwork => None,
    };
    Ok(Listen::At(match address.port.or(usual_port) {
        Some(port) => address.with_port(port),
        None => address.host,
    }))
}

/// The network of that name, or what was probably meant.
pub fn by_name(name: &str) -> Result<&'static network::NetworkParams, String> {
    network::by_name(name).ok_or_else(|| {
        let names = network::NETWORKS.map(|params| params.name);
        match nearest(name, names) {
            Some(near) => format!("there is no network {name:?}{}", hint(Some(near))),
            None => format!("there is no network {name:?}, only {}", names.join(", ")),
        }
    })
}

/// A word behind an option that stands alone was probably meant as its value.
pub fn is_value_of(entry: &Entry, word: &OsStr) -> bool {
    let Some(word) = word.to_str() else { return false };
    let listens = matches!(entry.kind, Kind::Listen { usual: Usual::Address(_), .. });
    switch_word(word).is_some()
        || (listens && (word.contains(':') || word.bytes().all(|b| b.is_ascii_digit())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: Usual = Usual::Address("127.0.0.1:8765");

    #[test]
    fn switches() {
        for (text, on) in [
            ("true", true),
            ("1", true),
            ("YES", true),
            ("on", true),
            ("False", false),
            ("0", false),
            ("no", false),
            ("off", false),
        ] {
            assert_eq!(switch(OsStr::new(text)), Ok(on), "{text}");
        }
        for text in ["2", "", "y", "enabled", "tru"] {
            assert!(switch(OsStr::new(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn where_to_listen() {
        let at = |text: &str| Ok(Listen::At(text.to_owned()));
        for (text, wanted) in [
            ("", Ok(Listen::Usual)),
            ("1", Ok(Listen::Usual)),
            ("true", Ok(Listen::Usual)),
            ("0", Ok(Listen::Off)),
            ("no", Ok(Listen::Off)),
            ("none", Ok(Listen::Off)),
            ("9000", at("127.0.0.1:9000")),
            (":9000", at("127.0.0.1:9000")),
            ("localhost", at("localhost:8765")),
            ("0.0.0.0", at("0.0.0.0:8765")),
            ("0.0.0.0:9000", at("0.0.0.0:9000")),
            ("::", at("[::]:8765")),
            ("[::1]:0", at("[::1]:0")),
        ] {
            assert_eq!(listen(text, USUAL), wanted, "{text}");
        }
        assert_eq!(listen("10.0.0.1", Usual::OfNetwork), at("10.0.0.1"));
        assert_eq!(listen("::1", Usual::OfNetwork), at("::1"));
        for text in ["[::1", "0:8765", "8765:8765", "*", "*:8765", "70000", ":", "a:b"] {
            assert!(listen(text, USUAL).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_and_fee_rates() {
        assert_eq!(number("300", 5, 300), Ok(300));
        for text in ["4", "301", "-5", "+5", "5.0", "", " 5", "99999999999999999999"] {
            assert!(number(text, 5, 300).is_err(), "{text}");
        }
        assert_eq!(fee_rate("0.00001"), Ok(FeeRate { per_kvb: 1000 }));
        assert_eq!(fee_rate("100sat"), Ok(FeeRate { per_kvb: 100 }));
        assert!(fee_rate("1").is_err_and(|why| why.contains("1.0 or 1sat")));
    }

    #[test]
    fn lists_split_at_commas_and_blanks() {
        let words = |texts: &[&str]| {
            let texts: Vec<_> = texts.iter().map(|text| Some(OsStr::new(*text))).collect();
            list(&texts, |_| Ok(()))
        };
        for texts in [&["a,b c"][..], &["a", "b", "c"], &["a, b", " c,"], &["a b", "c"]] {
            assert_eq!(words(texts), Ok(vec!["a".into(), "b".into(), "c".into()]), "{texts:?}");
        }
        assert!(words(&["a", ","]).is_err() && words(&[""]).is_err());
    }
}
