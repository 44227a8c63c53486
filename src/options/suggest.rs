//! The known name that was probably meant.

/// The known name nearest to `text`, if one is near enough. Case and separators don't count.
pub fn nearest<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let text = plain(text);
    if text.len() < 2 || text.len() > 60 {
        return None;
    }
    let bound = 1 + text.len() / 4;
    known
        .into_iter()
        .filter_map(|name| {
            let known = plain(name);
            let begun = text.len() >= 3 && (known.starts_with(&text) || text.starts_with(&known));
            let distance = if begun { 1 } else { strsim::osa_distance(&text, &known) };
            (distance <= bound && distance < known.len()).then_some((distance, name))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// `: did you mean NAME?`, or nothing.
pub fn hint(name: Option<&str>) -> String {
    name.map_or_else(String::new, |name| format!(": did you mean {name}?"))
}

fn plain(text: &str) -> String {
    let letters = text.chars().filter(|c| !matches!(c, '-' | '_'));
    letters.flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names() {
        let known = ["main", "testnet", "regtest", "bitcoin", "readonly", "minrelaytxfee"];
        for (text, near) in [
            ("regtets", Some("regtest")),
            ("mainnet", Some("main")),
            ("read-only", Some("readonly")),
            ("min-relay-fee", Some("minrelaytxfee")),
            ("TESTNET", Some("testnet")),
            ("a", None),
            ("wholly-different", None),
        ] {
            assert_eq!(nearest(text, known), near, "{text}");
        }
    }
}
