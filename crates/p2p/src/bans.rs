//! Who is not talked to: addresses and networks, each until a time.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::limits::MAX_BANS;

/// An address with how many of its bits count: `1.2.3.0/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subnet {
    ip: IpAddr,
    bits: u8,
}

impl Subnet {
    /// The address alone.
    pub fn single(ip: IpAddr) -> Subnet {
        let ip = ip.to_canonical();
        Subnet { ip, bits: if ip.is_ipv4() { 32 } else { 128 } }
    }

    /// `None` when there are more bits than the address has.
    pub fn new(ip: IpAddr, bits: u8) -> Option<Subnet> {
        let most = Subnet::single(ip);
        (bits <= most.bits).then(|| Subnet { ip: masked(most.ip, bits), bits })
    }

    /// The address, if it is just one.
    pub fn single_ip(&self) -> Option<IpAddr> {
        (*self == Subnet::single(self.ip)).then_some(self.ip)
    }

    pub fn contains(&self, ip: &IpAddr) -> bool {
        let ip = ip.to_canonical();
        ip.is_ipv4() == self.ip.is_ipv4() && masked(ip, self.bits) == self.ip
    }
}

fn masked(ip: IpAddr, bits: u8) -> IpAddr {
    match ip {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask))
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask))
        }
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.ip, self.bits)
    }
}

impl FromStr for Subnet {
    type Err = ();

    fn from_str(text: &str) -> Result<Subnet, ()> {
        match text.split_once('/') {
            Some((ip, bits)) => {
                let (ip, bits) = (ip.parse().map_err(|_| ())?, bits.parse().map_err(|_| ())?);
                Subnet::new(ip, bits).ok_or(())
            }
            None => text.parse().map(Subnet::single).map_err(|_| ()),
        }
    }
}

/// One ban. Times are in seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ban {
    pub created: u64,
    pub until: u64,
    pub reason: String,
}

/// The bans.
#[derive(Debug, Clone, Default)]
pub struct Bans {
    list: BTreeMap<Subnet, Ban>,
}

impl Bans {
    /// The ban that covers an address.
    pub fn find(&self, ip: &IpAddr, now_s: u64) -> Option<&Ban> {
        // Most lists are short; a single address is looked up at once.
        let hit = |ban: &&Ban| ban.until > now_s;
        self.list.get(&Subnet::single(*ip)).filter(hit).or_else(|| {
            self.list
                .iter()
                .find(|(net, ban)| net.contains(ip) && ban.until > now_s)
                .map(|(_, b)| b)
        })
    }

    /// Adds or renews a ban; the one that ends first makes room.
    pub fn add(&mut self, net: Subnet, ban: Ban) {
        if self.list.len() >= MAX_BANS && !self.list.contains_key(&net) {
            let first = self.list.iter().min_by_key(|(_, ban)| ban.until).map(|(net, _)| *net);
            first.map(|net| self.list.remove(&net));
        }
        self.list.insert(net, ban);
    }

    pub fn remove(&mut self, net: &Subnet) -> bool {
        self.list.remove(net).is_some()
    }

    pub fn clear(&mut self) {
        self.list.clear();
    }

    /// Drops what has ended.
    pub fn expire(&mut self, now_s: u64) {
        self.list.retain(|_, ban| ban.until > now_s);
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Subnet, &Ban)> {
        self.list.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ban(until: u64) -> Ban {
        Ban { created: 0, until, reason: String::new() }
    }

    #[test]
    fn nets_cover_their_addresses() {
        let net: Subnet = "10.1.0.0/16".parse().expect("a net");
        assert!(net.contains(&"10.1.2.3".parse().expect("ip")));
        assert!(net.contains(&"::ffff:10.1.2.3".parse().expect("ip")));
        assert!(!net.contains(&"10.2.2.3".parse().expect("ip")));
        assert_eq!("1.2.3.4".parse::<Subnet>().expect("a net").to_string(), "1.2.3.4/32");
        assert_eq!("2a00::1/32".parse::<Subnet>().expect("a net").to_string(), "2a00::/32");
        let all: Subnet = "0.0.0.0/0".parse().expect("a net");
        assert!(all.contains(&"9.9.9.9".parse().expect("ip")));
        for bad in ["1.2.3.4/33", "x", "1.2.3.4/", ""] {
            assert!(bad.parse::<Subnet>().is_err(), "{bad}");
        }
    }

    #[test]
    fn bans_end_and_are_bounded() {
        let mut bans = Bans::default();
        let ip = |n: u32| IpAddr::V4(Ipv4Addr::from_bits(n));
        for n in 0..MAX_BANS as u32 + 5 {
            bans.add(Subnet::single(ip(n)), ban(100 + u64::from(n)));
        }
        assert_eq!(bans.iter().count(), MAX_BANS);
        assert!(bans.find(&ip(0), 0).is_none() && bans.find(&ip(50), 0).is_some());
        assert!(bans.find(&ip(50), 150).is_none());
        bans.expire(1_000_000);
        assert_eq!(bans.iter().count(), 0);
    }
}
