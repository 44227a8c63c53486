//! Addresses as operators write them. A wildcard address is never assumed: it must be written.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Longest name of a host (RFC 1035), in bytes.
const MAX_HOST: usize = 253;

const EVERYWHERE: &str =
    "write 0.0.0.0:PORT for every IPv4 address of this machine, [::]:PORT for every address";

/// A host, and a port if one is given. An IPv6 address has no brackets here.
#[derive(Debug, PartialEq, Eq)]
pub struct Address {
    pub host: String,
    pub port: Option<u16>,
}

impl Address {
    /// `HOST`, `HOST:PORT`, `[V6]`, `[V6]:PORT` or `V6`.
    pub fn read(text: &str) -> Result<Address, String> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(Address { host: host_of(address), port: Some(address.port()) });
        }
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(Address { host: ip.to_string(), port: None });
        }
        if let Some(rest) = text.strip_prefix('[') {
            return bracketed(text, rest);
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, _)) if host.contains(':') => {
                let why = "is no IPv6 address: write [ADDRESS]:PORT, as [::1]:8333";
                return Err(format!("{text:?} {why}"));
            }
            Some((host, port)) => (host, Some(read_port(port, text)?)),
            None => (text, None),
        };
        check_host(host, text)?;
        Ok(Address { host: host.to_owned(), port })
    }

    /// As it is written with a port.
    pub fn with_port(&self, port: u16) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{port}", self.host),
            false => format!("{}:{port}", self.host),
        }
    }
}

fn host_of(address: SocketAddr) -> String {
    match address {
        SocketAddr::V6(v6) if v6.scope_id() != 0 => format!("{}%{}", v6.ip(), v6.scope_id()),
        _ => address.ip().to_string(),
    }
}

/// What begins with a bracket and is not whole.
fn bracketed(text: &str, rest: &str) -> Result<Address, String> {
    let Some((inside, behind)) = rest.split_once(']') else {
        return Err(format!("{text:?} lacks the closing bracket: write [ADDRESS]:PORT"));
    };
    let IpAddr::V6(ip) = inside.parse().map_err(|_| format!("{inside:?} is no IPv6 address"))?
    else {
        return Err(format!("{inside:?} is no IPv6 address: write it without brackets"));
    };
    let port = match behind.strip_prefix(':') {
        Some(port) => Some(read_port(port, text)?),
        None if behind.is_empty() => None,
        None => return Err(format!("{text:?} has {behind:?} after the bracket, not :PORT")),
    };
    Ok(Address { host: ip.to_string(), port })
}

pub fn read_port(port: &str, text: &str) -> Result<u16, String> {
    let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    let read = port.parse().ok().filter(|_| digits);
    read.ok_or_else(|| match port.is_empty() {
        true => format!("{text:?} ends without a port"),
        false => format!("{port:?} is no port: a port is a number up to 65535"),
    })
}

fn check_host(host: &str, text: &str) -> Result<(), String> {
    if host.is_empty() {
        return Err(format!("{text:?} names no host: write HOST:PORT"));
    }
    if host == "*" {
        return Err(format!("{text:?} is no address: {EVERYWHERE}"));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if host.len() > MAX_HOST || !host.chars().all(plain) {
        return Err(format!("{text:?} is no address: write HOST:PORT"));
    }
    // Resolvers read such names as numbers: "0" would be every address, "8765" 0.0.34.61.
    let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    let number = last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x");
    if number && host.parse::<Ipv4Addr>().is_err() {
        return Err(match host.bytes().all(|b| b.is_ascii_digit()) {
            true if host == "0" => format!("{host:?} is a number and no host: {EVERYWHERE}"),
            true => format!("{host:?} is a number and no host: write HOST:PORT"),
            false => format!("{host:?} is no IPv4 address: it has four numbers, as 127.0.0.1"),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (text, host, port) in [
            ("node1", "node1", None),
            ("node1.example.org:8333", "node1.example.org", Some(8333)),
            ("127.0.0.1:0", "127.0.0.1", Some(0)),
            ("0.0.0.0", "0.0.0.0", None),
            ("::1", "::1", None),
            ("[::1]", "::1", None),
            ("[2a01::5]:18444", "2a01::5", Some(18444)),
            ("[fe80::1%2]:80", "fe80::1%2", Some(80)),
        ] {
            let wanted = Address { host: host.to_owned(), port };
            assert_eq!(Address::read(text), Ok(wanted), "{text}");
        }
        assert_eq!(Address::read("::1").map(|a| a.with_port(8765)), Ok("[::1]:8765".to_owned()));
    }

    #[test]
    fn what_is_no_address() {
        for (text, wants) in [
            ("[::1", "closing bracket"),
            ("[::1]8333", "after the bracket"),
            ("[1.2.3.4]:80", "without brackets"),
            ("[nonsense]:80", "no IPv6 address"),
            ("8765", "a number and no host"),
            ("0:8765", "no host: write 0.0.0.0:PORT"),
            ("127.1:80", "no IPv4 address"),
            ("1.2.3.256", "no IPv4 address"),
            ("host.0x7f", "no IPv4 address"),
            ("*:80", "0.0.0.0:PORT"),
            (":8333", "names no host"),
            ("", "names no host"),
            ("node1:", "without a port"),
            ("node1:+80", "no port"),
            ("node1:65536", "no port"),
            ("node1:http", "no port"),
            ("1:2:3", "no IPv6 address"),
            ("no de", "no address"),
            ("näme:80", "no address"),
        ] {
            let why = Address::read(text).expect_err(text);
            assert!(why.contains(wants), "{text}: {why}");
        }
    }
}
