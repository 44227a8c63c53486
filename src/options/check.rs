//! What the texts of some options must look like.

use std::net::IpAddr;

use mining::block_template::MAX_TAG;
use tracing_subscriber::filter::Targets;

use super::address::Address;
use super::suggest::nearest;

const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

/// Bytes of the hash of `rpcauth`, in hexadecimal digits.
const RPCAUTH_HASH_DIGITS: usize = 64;

pub fn not_empty(text: &str) -> Result<(), String> {
    match text.is_empty() {
        true => Err("a value is missing".to_owned()),
        false => Ok(()),
    }
}

pub fn mine_tag(text: &str) -> Result<(), String> {
    match text.len() > MAX_TAG {
        true => Err(format!("the text has {} bytes, {MAX_TAG} is the limit", text.len())),
        false => Ok(()),
    }
}

/// `HOST` or `HOST:PORT` of a peer.
pub fn peer(text: &str) -> Result<(), String> {
    match Address::read(text)?.port {
        Some(0) => Err(format!("{text:?} has port 0, at which nobody can be reached")),
        _ => Ok(()),
    }
}

/// `ws://HOST:PORT` or `HOST:PORT` of a node elsewhere.
pub fn attach(text: &str) -> Result<(), String> {
    let rest = match text.split_once("://") {
        Some(("ws", rest)) => rest,
        Some(("wss", _)) => {
            let why = "TLS ends at a proxy here: reach the node through an SSH tunnel or a VPN";
            return Err(format!("{text:?}: {why}; write ws://HOST:PORT"));
        }
        Some((scheme, _)) => return Err(format!("{scheme:?} is not spoken: write ws://HOST:PORT")),
        None => text,
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        // A password is not repeated.
        return Err("a user and password go into a file named by --token-file".to_owned());
    }
    peer(authority)
}

pub fn host_name(text: &str) -> Result<(), String> {
    let address = Address::read(text)?;
    match address.port {
        Some(_) => Err(format!("{text:?} has a port: write the name alone")),
        None => Ok(()),
    }
}

/// `SCHEME://HOST[:PORT]`, or `null`, as browsers send it.
pub fn origin(text: &str) -> Result<(), String> {
    if text == "null" {
        return Ok(());
    }
    let wrong = |why: &str| Err(format!("{text:?} {why}: write it as https://example.org"));
    match text.split_once("://") {
        None => wrong("is no origin"),
        Some(("" | "*", _) | (_, "")) => wrong("is no origin"),
        Some((_, rest)) if rest.contains(['/', '?', '#']) => wrong("has a path"),
        Some((_, rest)) => peer(rest),
    }
}

pub fn ip(text: &str) -> Result<(), String> {
    match text.parse::<IpAddr>() {
        Ok(_) => Ok(()),
        Err(_) if text.contains('/') => {
            Err(format!("{text:?} is a network: name each proxy by its address"))
        }
        Err(_) => Err(format!("{text:?} is no IP address")),
    }
}

/// `USER:SALT$HASH`. The text is not repeated: it may hold a password by mistake.
pub fn rpcauth(text: &str) -> Result<(), String> {
    let parts = text.split_once(':').and_then(|(user, rest)| {
        let (_, hash) = rest.split_once('$')?;
        let hex = hash.len() == RPCAUTH_HASH_DIGITS && hash.bytes().all(|b| b.is_ascii_hexdigit());
        (hex && !user.is_empty()).then_some(())
    });
    parts.ok_or_else(|| "it wants USER:SALT$HASH with 64 hex digits".to_owned())
}

/// A level, alone or for a target: `info`, `http=debug`.
pub fn log_level(text: &str) -> Result<(), String> {
    let (target, level) = text.rsplit_once('=').unwrap_or(("node", text));
    let number = level.parse::<u8>().is_ok_and(|number| number <= 5);
    let known = number || LEVELS.contains(&level.to_lowercase().as_str());
    if known && !target.is_empty() && text.parse::<Targets>().is_ok() {
        return Ok(());
    }
    let why = match nearest(level, LEVELS) {
        Some(near) if !known => format!(": did you mean {near}?"),
        _ => ": write error, warn, info, debug, trace or off, or TARGET=LEVEL".to_owned(),
    };
    Err(format!("{text:?} is no log level{why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_levels() {
        for text in ["info", "http=debug", "DEBUG", "off", "3", "a::b=warn"] {
            assert_eq!(log_level(text), Ok(()), "{text}");
        }
        for text in ["loud", "http", "http=loud", "=info", "", "6"] {
            assert!(log_level(text).is_err(), "{text}");
        }
    }

    #[test]
    fn nodes_elsewhere() {
        for text in ["ws://127.0.0.1:8765", "node1", "node1:8765", "ws://[::1]:9/", "ws://node1/"] {
            assert_eq!(attach(text), Ok(()), "{text}");
        }
        for text in ["wss://node1", "http://node1", "ws://", "8765", "ws://me:word@node1:8765"] {
            let why = attach(text).expect_err(text);
            assert!(!why.contains("word@"), "{why}");
        }
    }
}
