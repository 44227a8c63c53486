//! Addresses of peers: their wire forms (version 1 and BIP155), their groups, their text.
//!
//! Only IPv4 and IPv6 can be connected to; addresses of other networks are read over.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use primitives::codec::{DecodeError, Reader, put_compact_size, put_var_bytes};

/// Longest address of any network (BIP155), in bytes.
const MAX_ADDRESS_BYTES: u64 = 512;

/// What a peer offers (Core's `ServiceFlags`).
pub mod services {
    pub const NETWORK: u64 = 1;
    pub const WITNESS: u64 = 1 << 3;
    pub const COMPACT_FILTERS: u64 = 1 << 6;
    pub const NETWORK_LIMITED: u64 = 1 << 10;

    /// The names that `getnetworkinfo` gives.
    pub fn names(bits: u64) -> Vec<&'static str> {
        [
            (NETWORK, "NETWORK"),
            (WITNESS, "WITNESS"),
            (COMPACT_FILTERS, "COMPACT_FILTERS"),
            (NETWORK_LIMITED, "NETWORK_LIMITED"),
        ]
        .into_iter()
        .filter(|(bit, _)| bits & bit != 0)
        .map(|(_, name)| name)
        .collect()
    }
}

/// A peer's address as gossip carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerAddress {
    /// When it was last seen, in seconds since 1970.
    pub time: u32,
    pub services: u64,
    pub address: SocketAddr,
}

/// An address without the detour over IPv6 that IPv4 may take.
pub fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Nobody.
pub const UNSPECIFIED: SocketAddr = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 0);

/// The machine itself.
pub fn is_local(ip: &IpAddr) -> bool {
    let ip = ip.to_canonical();
    ip.is_loopback() || ip.is_unspecified()
}

/// Reachable over the Internet, so worth telling others.
pub fn is_routable(ip: &IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            let shared = a == 100 && (64..128).contains(&b);
            let benchmark = a == 198 && (b & 0xfe) == 18;
            !(v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_broadcast()
                || v4.is_documentation()
                || v4.is_multicast()
                || a == 0
                || a >= 240
                || shared
                || benchmark)
        }
        IpAddr::V6(v6) => {
            let first = v6.segments()[0];
            let unique_local = first & 0xfe00 == 0xfc00;
            let link_local = first & 0xffc0 == 0xfe80;
            let documentation = first == 0x2001 && v6.segments()[1] == 0xdb8;
            !(v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_multicast()
                || unique_local
                || link_local
                || documentation)
        }
    }
}

/// Addresses of one group are likely in one hand: /16 of IPv4, /32 of IPv6 (Core's
/// `GetGroup` without a map of networks).
pub fn group(ip: &IpAddr) -> [u8; 5] {
    match ip.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            [4, a, b, 0, 0]
        }
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.octets();
            [6, a, b, c, d]
        }
    }
}

/// The 18 bytes of address and port that version 1 messages carry.
pub fn put_v1(out: &mut Vec<u8>, address: &SocketAddr) {
    let v6 = match address.ip() {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    };
    out.extend_from_slice(&v6.octets());
    out.extend_from_slice(&address.port().to_be_bytes());
}

/// Reads what `put_v1` writes.
pub fn read_v1(reader: &mut Reader<'_>) -> Result<SocketAddr, DecodeError> {
    let ip = Ipv6Addr::from(reader.array::<16>()?);
    let port = u16::from_be_bytes(reader.array()?);
    Ok(canonical(SocketAddr::new(IpAddr::V6(ip), port)))
}

/// An entry of `addr`: time, services, address.
pub fn put_entry_v1(out: &mut Vec<u8>, entry: &PeerAddress) {
    out.extend_from_slice(&entry.time.to_le_bytes());
    out.extend_from_slice(&entry.services.to_le_bytes());
    put_v1(out, &entry.address);
}

pub fn read_entry_v1(reader: &mut Reader<'_>) -> Result<PeerAddress, DecodeError> {
    Ok(PeerAddress { time: reader.u32()?, services: reader.u64()?, address: read_v1(reader)? })
}

/// An entry of `addrv2` (BIP155): time, services as CompactSize, network, address, port.
pub fn put_entry_v2(out: &mut Vec<u8>, entry: &PeerAddress) {
    out.extend_from_slice(&entry.time.to_le_bytes());
    put_compact_size(out, usize::try_from(entry.services).unwrap_or(usize::MAX));
    match entry.address.ip().to_canonical() {
        IpAddr::V4(v4) => {
            out.push(1);
            put_var_bytes(out, &v4.octets());
        }
        IpAddr::V6(v6) => {
            out.push(2);
            put_var_bytes(out, &v6.octets());
        }
    }
    out.extend_from_slice(&entry.address.port().to_be_bytes());
}

/// `None` for a network that we do not speak.
pub fn read_entry_v2(reader: &mut Reader<'_>) -> Result<Option<PeerAddress>, DecodeError> {
    let time = reader.u32()?;
    let services = reader.compact_size(u64::MAX)? as u64;
    let network = reader.u8()?;
    let length = reader.compact_size(MAX_ADDRESS_BYTES)?;
    let bytes = reader.take(length)?;
    let port = u16::from_be_bytes(reader.array()?);
    let ip = match (network, bytes.len()) {
        (1, 4) => <[u8; 4]>::try_from(bytes).ok().map(|b| IpAddr::V4(Ipv4Addr::from(b))),
        (2, 16) => <[u8; 16]>::try_from(bytes).ok().map(|b| IpAddr::V6(Ipv6Addr::from(b))),
        _ => None,
    };
    // IPv4 in IPv6 clothes is against BIP155.
    let ip = ip.filter(|ip| !matches!(ip, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some()));
    Ok(ip.map(|ip| PeerAddress { time, services, address: SocketAddr::new(ip, port) }))
}

/// Splits `HOST:PORT`, `[V6]:PORT`, `V6` or `HOST`; without a port, the given one.
pub fn split_host_port(text: &str, default_port: u16) -> Option<(String, u16)> {
    let text = text.trim();
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some((address.ip().to_string(), address.port()));
    }
    if let Ok(ip) = text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        return Some((ip.to_string(), default_port));
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok()?),
        None => (text, default_port),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let named = !host.is_empty() && host.len() <= 253 && host.chars().all(plain);
    named.then(|| (host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(text: &str) -> PeerAddress {
        PeerAddress { time: 7, services: 9, address: text.parse().expect("an address") }
    }

    #[test]
    fn both_wire_forms_there_and_back() {
        for text in ["1.2.3.4:8333", "[2a01::5]:18444"] {
            let mut out = Vec::new();
            put_entry_v1(&mut out, &entry(text));
            assert_eq!(out.len(), 30);
            assert_eq!(read_entry_v1(&mut Reader::new(&out)), Ok(entry(text)));
            out.clear();
            put_entry_v2(&mut out, &entry(text));
            assert_eq!(read_entry_v2(&mut Reader::new(&out)), Ok(Some(entry(text))));
        }
    }

    #[test]
    fn unknown_networks_are_read_over() {
        let onion = [&[1, 0, 0, 0, 9, 4, 32][..], &[7; 32], &[0x20, 0x8d]].concat();
        let mut reader = Reader::new(&onion);
        assert_eq!(read_entry_v2(&mut reader), Ok(None));
        assert_eq!(reader.remaining(), 0);
        let long = [1, 0, 0, 0, 9, 4, 0xfd, 1, 2];
        assert!(matches!(
            read_entry_v2(&mut Reader::new(&long)),
            Err(DecodeError::Oversized { .. })
        ));
    }

    #[test]
    fn groups_and_reach() {
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        assert_eq!(group(&ip("1.2.3.4")), group(&ip("1.2.9.9")));
        assert_eq!(group(&ip("::ffff:1.2.3.4")), group(&ip("1.2.9.9")));
        assert_ne!(group(&ip("1.2.3.4")), group(&ip("1.3.3.4")));
        assert!(is_routable(&ip("8.8.8.8")) && is_routable(&ip("2a01::1")));
        for text in ["10.0.0.1", "127.0.0.1", "192.168.1.1", "0.0.0.0", "::1", "fe80::1", "fd00::1"]
        {
            assert!(!is_routable(&ip(text)), "{text}");
        }
    }

    #[test]
    fn hosts_and_ports() {
        let split = |text| split_host_port(text, 8333);
        assert_eq!(split("node1:18444"), Some(("node1".into(), 18444)));
        assert_eq!(split("node1"), Some(("node1".into(), 8333)));
        assert_eq!(split("[::1]:5"), Some(("::1".into(), 5)));
        assert_eq!(split("::1"), Some(("::1".into(), 8333)));
        assert_eq!(split("a b:5"), None);
        assert_eq!(split("x:99999"), None);
        assert_eq!(split(""), None);
    }
}
