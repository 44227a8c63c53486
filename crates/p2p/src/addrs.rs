//! The address book: addresses heard of (new) and talked to (tried), in buckets, after Core's
//! `AddrMan`.
//!
//! Where an address may stand depends on a secret key, its own group and, while it is new, the
//! group of who announced it. So whoever floods us with addresses from one place fills a few buckets,
//! whatever their number.

use core::net::SocketAddr;
use std::collections::{BTreeMap, HashMap};

use super::address::{PeerAddress, canonical, group};
use super::random::Random;
use crypto::hash::siphash24;

const NEW_BUCKETS: u64 = 1024;
const TRIED_BUCKETS: u64 = 256;
const BUCKET_SIZE: u64 = 64;
/// Buckets that the tellings of one group reach, and the tried of one group.
const NEW_PER_SOURCE: u64 = 64;
const TRIED_PER_GROUP: u64 = 8;
/// Seconds after which an address that was not seen is not worth keeping.
const HORIZON_S: u64 = 30 * 24 * 60 * 60;
/// Failed attempts after which one that never worked is not kept, and one that did after a week.
const MAX_RETRIES: u32 = 3;
const MAX_FAILURES: u32 = 10;
const MIN_FAIL_S: u64 = 7 * 24 * 60 * 60;
/// Share of the book, and number, that `getaddr` gives.
const GIVE_PERCENT: usize = 23;

/// A place in the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Slot {
    New(u64, u64),
    Tried(u64, u64),
}

/// What is known of an address. Times are in seconds since 1970.
#[derive(Debug, Clone)]
pub struct AddressInfo {
    pub entry: PeerAddress,
    source: [u8; 5],
    pub tried: bool,
    last_try: u64,
    pub last_success: u64,
    failures: u32,
    slot: Slot,
}

/// The book.
#[derive(Debug)]
pub struct AddressBook {
    key: (u64, u64),
    known: BTreeMap<SocketAddr, AddressInfo>,
    slots: HashMap<Slot, SocketAddr>,
}

impl AddressBook {
    /// An empty book; the key must be secret.
    pub fn new(key: (u64, u64)) -> AddressBook {
        AddressBook { key, known: BTreeMap::new(), slots: HashMap::new() }
    }

    pub fn len(&self) -> usize {
        self.known.len()
    }

    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    pub fn tried(&self) -> usize {
        self.known.values().filter(|known| known.tried).count()
    }

    pub fn get(&self, address: &SocketAddr) -> Option<&AddressInfo> {
        self.known.get(address)
    }

    fn hash(&self, parts: &[&[u8]]) -> u64 {
        siphash24(self.key.0, self.key.1, &parts.concat())
    }

    fn new_slot(&self, address: &SocketAddr, source: &[u8; 5]) -> Slot {
        let own = group(&address.ip());
        let which = self.hash(&[b"n", source, &own]) % NEW_PER_SOURCE;
        let bucket = self.hash(&[b"N", source, &which.to_le_bytes()]) % NEW_BUCKETS;
        Slot::New(bucket, self.place(b"p", bucket, address))
    }

    fn tried_slot(&self, address: &SocketAddr) -> Slot {
        let own = group(&address.ip());
        let text = address.to_string();
        let which = self.hash(&[b"t", text.as_bytes()]) % TRIED_PER_GROUP;
        let bucket = self.hash(&[b"T", &own, &which.to_le_bytes()]) % TRIED_BUCKETS;
        Slot::Tried(bucket, self.place(b"P", bucket, address))
    }

    fn place(&self, tag: &[u8], bucket: u64, address: &SocketAddr) -> u64 {
        let text = address.to_string();
        self.hash(&[tag, &bucket.to_le_bytes(), text.as_bytes()]) % BUCKET_SIZE
    }

    /// Not worth a place.
    fn is_terrible(known: &AddressInfo, now: u64) -> bool {
        if known.last_try + 60 >= now {
            return false;
        }
        let seen = u64::from(known.entry.time);
        let never = known.last_success == 0 && known.failures >= MAX_RETRIES;
        let no_more = known.last_success + MIN_FAIL_S < now && known.failures >= MAX_FAILURES;
        seen > now + 600 || seen + HORIZON_S < now || never || no_more
    }

    /// Takes an address that a peer announced; true if the book has grown or changed.
    pub fn add(&mut self, entry: PeerAddress, source: &SocketAddr, now: u64) -> bool {
        let mut entry = PeerAddress { address: canonical(entry.address), ..entry };
        if entry.address.port() == 0 || entry.address.ip().is_unspecified() {
            return false;
        }
        if let Some(known) = self.known.get_mut(&entry.address) {
            known.entry.services |= entry.services;
            let newer = entry.time > known.entry.time && u64::from(entry.time) <= now + 600;
            if newer && !known.tried {
                known.entry.time = entry.time;
            }
            return false;
        }
        // A time of the future, or none, is made one of five days ago.
        if entry.time <= 100_000_000 || u64::from(entry.time) > now + 600 {
            entry.time = u32::try_from(now.saturating_sub(5 * 24 * 60 * 60)).unwrap_or(0);
        }
        let source = group(&source.ip());
        let slot = self.new_slot(&entry.address, &source);
        if let Some(holder) = self.slots.get(&slot).copied() {
            let stays = self.known.get(&holder).is_some_and(|k| !AddressBook::is_terrible(k, now));
            if stays {
                return false;
            }
            self.remove(&holder);
        }
        self.insert(AddressInfo {
            entry,
            source,
            tried: false,
            last_try: 0,
            last_success: 0,
            failures: 0,
            slot,
        });
        true
    }

    fn insert(&mut self, known: AddressInfo) {
        self.slots.insert(known.slot, known.entry.address);
        self.known.insert(known.entry.address, known);
    }

    fn remove(&mut self, address: &SocketAddr) -> Option<AddressInfo> {
        let known = self.known.remove(address)?;
        self.slots.remove(&known.slot);
        Some(known)
    }

    /// A connection is being tried.
    pub fn attempted(&mut self, address: &SocketAddr, now: u64) {
        if let Some(known) = self.known.get_mut(address) {
            known.last_try = now;
            known.failures += 1;
        }
    }

    /// A handshake was done: the address moves to the tried. One that holds its place there moves
    /// back to the new.
    pub fn good(&mut self, address: &SocketAddr, services: u64, now: u64) {
        let address = canonical(*address);
        let source = group(&address.ip());
        let time = u32::try_from(now).unwrap_or(u32::MAX);
        let mut known = self.remove(&address).unwrap_or(AddressInfo {
            entry: PeerAddress { time, services, address },
            source,
            tried: false,
            last_try: now,
            last_success: 0,
            failures: 0,
            slot: Slot::New(0, 0),
        });
        known.entry.services = services;
        known.entry.time = time;
        (known.tried, known.last_success, known.failures) = (true, now, 0);
        known.slot = self.tried_slot(&address);
        if let Some(holder) = self.slots.get(&known.slot).copied()
            && let Some(mut back) = self.remove(&holder)
        {
            back.tried = false;
            back.slot = self.new_slot(&back.entry.address, &back.source);
            if !self.slots.contains_key(&back.slot) {
                self.insert(back);
            }
        }
        self.insert(known);
    }

    /// An address to connect to: as often from the tried as from the new, those that failed of
    /// late less often. `usable` says which may be.
    pub fn select(
        &self,
        random: &mut Random,
        now: u64,
        usable: impl Fn(&SocketAddr) -> bool,
    ) -> Option<SocketAddr> {
        let want_tried = random.chance(500);
        for tried in [want_tried, !want_tried] {
            // A random bucket first, then one of it: a full bucket weighs no more than an empty one.
            let mut buckets: BTreeMap<u64, Vec<&AddressInfo>> = BTreeMap::new();
            for known in self.known.values() {
                let waited = known.last_try + 60 * u64::from(known.failures.min(30)) <= now;
                if known.tried == tried && waited && usable(&known.entry.address) {
                    let bucket = match known.slot {
                        Slot::New(bucket, _) | Slot::Tried(bucket, _) => bucket,
                    };
                    buckets.entry(bucket).or_default().push(known);
                }
            }
            let chosen = random.below(buckets.len() as u64) as usize;
            let Some(bucket) = buckets.values().nth(chosen) else { continue };
            let at = random.below(bucket.len() as u64) as usize;
            return bucket.get(at).map(|known| known.entry.address);
        }
        None
    }

    /// A random part of the book, for a peer that asks.
    pub fn give(&self, random: &mut Random, most: usize, now: u64) -> Vec<PeerAddress> {
        let good = self.known.values().filter(|known| !AddressBook::is_terrible(known, now));
        let mut list: Vec<PeerAddress> = good.map(|known| known.entry).collect();
        let count = (list.len() * GIVE_PERCENT).div_ceil(100).min(most);
        random.shuffle(&mut list);
        list.truncate(count);
        list
    }

    /// One line an address: address, services, time, whether it is tried, last success, source
    /// group in hex.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for known in self.known.values() {
            let e = &known.entry;
            let source = primitives::hex::encode(&known.source);
            let tried = u8::from(known.tried);
            text.push_str(&format!(
                "{} {} {} {tried} {} {source}\n",
                e.address, e.services, e.time, known.last_success
            ));
        }
        text
    }

    /// Reads lines of `to_text`; what is not understood is passed over.
    pub fn read_line(&mut self, line: &str) -> Option<()> {
        let mut parts = line.split(' ');
        let address = canonical(parts.next()?.parse().ok()?);
        let services = parts.next()?.parse().ok()?;
        let time = parts.next()?.parse().ok()?;
        let tried = parts.next()? == "1";
        let last_success = parts.next()?.parse().ok()?;
        let source = primitives::hex::decode_array::<5>(parts.next()?).ok()?;
        let slot = match tried {
            true => self.tried_slot(&address),
            false => self.new_slot(&address, &source),
        };
        if !self.slots.contains_key(&slot) && !self.known.contains_key(&address) {
            let entry = PeerAddress { time, services, address };
            self.insert(AddressInfo {
                entry,
                source,
                tried,
                last_try: 0,
                last_success,
                failures: 0,
                slot,
            });
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::{IpAddr, Ipv4Addr};

    const NOW: u64 = 1_800_000_000;

    fn at(n: u32) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::from_bits(n)), 8333)
    }

    fn entry(n: u32) -> PeerAddress {
        PeerAddress { time: NOW as u32, services: 9, address: at(n) }
    }

    #[test]
    fn one_source_fills_a_few_buckets_only() {
        let mut book = AddressBook::new((1, 2));
        let honest = at(0x0801_0101);
        for n in 0..20 {
            book.add(entry(0x0901_0000 + n * 0x1_0000), &honest, NOW);
        }
        let before = book.len();
        // A thousand addresses of many groups, all told by one attacker.
        for n in 0..100_000u32 {
            book.add(
                entry(0x1400_0000u32.wrapping_add(n.wrapping_mul(0x1_0001))),
                &at(0x6601_0101),
                NOW,
            );
        }
        let buckets = NEW_PER_SOURCE * BUCKET_SIZE;
        assert!(book.len() - before <= buckets as usize, "{}", book.len());
        assert!(book.len() < 5000);
    }

    #[test]
    fn an_eclipse_by_a_thousand_addresses_leaves_honest_ones() {
        let mut book = AddressBook::new((3, 4));
        let mut random = Random::new(5);
        for n in 0..30u32 {
            book.good(&at(0x0801_0101 + n * 0x1_0000), 9, NOW);
        }
        // One /16, as who rents a thousand machines in one place has it.
        for n in 0..1000 {
            book.add(entry(0x1401_0000 + n), &at(0x1401_0001), NOW);
        }
        let honest = (0..1000)
            .filter_map(|_| book.select(&mut random, NOW + 1000, |_| true))
            .filter(|address| group(&address.ip()) != group(&at(0x1401_0000).ip()))
            .count();
        assert!(honest > 400, "{honest}");
    }

    #[test]
    fn tried_survives_and_failures_are_forgotten() {
        let mut book = AddressBook::new((1, 2));
        book.add(entry(0x0801_0101), &at(0x0901_0101), NOW);
        book.good(&at(0x0801_0101), 1033, NOW);
        assert_eq!((book.len(), book.tried()), (1, 1));
        book.add(entry(0x0802_0101), &at(0x0901_0101), NOW);
        for i in 0..5 {
            book.attempted(&at(0x0802_0101), NOW + i);
        }
        let known = book.get(&at(0x0802_0101)).expect("it is there");
        assert!(AddressBook::is_terrible(known, NOW + 1000));
        let mut random = Random::new(1);
        assert_eq!(book.give(&mut random, 1000, NOW + 1000).len(), 1);
        let mut again = AddressBook::new((1, 2));
        for line in book.to_text().lines() {
            again.read_line(line).expect("our own line");
        }
        assert_eq!(again.to_text(), book.to_text());
        assert!(again.read_line("nonsense").is_none());
    }
}
