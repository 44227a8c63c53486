//! Whom to drop when an inbound connection comes and all places are taken: as Core's
//! `SelectNodeToEvict`, so that who wants all our places must be better than honest peers in many
//! ways at once.

/// What is known of an inbound peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    pub id: u64,
    /// When it connected, in milliseconds.
    pub connected_ms: u64,
    pub least_ping_ms: u64,
    /// When it last gave us a block, or a transaction, that was new.
    pub last_block_ms: u64,
    pub last_tx_ms: u64,
    /// Group of its address, keyed so that nobody knows which groups are favoured.
    pub keyed_group: u64,
    pub relays: bool,
}

const BY_GROUP: usize = 4;
const BY_PING: usize = 8;
const BY_TX: usize = 4;
const BY_BLOCK: usize = 4;

/// The one to drop, if any may be.
pub fn select(mut list: Vec<Candidate>) -> Option<u64> {
    let mut protect = |count: usize, key: fn(&Candidate) -> (u64, u64)| {
        // The best come last and leave the list.
        list.sort_by_key(key);
        list.truncate(list.len().saturating_sub(count));
    };
    protect(BY_GROUP, |c| (c.keyed_group, c.id));
    protect(BY_PING, |c| (u64::MAX - c.least_ping_ms, c.id));
    protect(BY_TX, |c| (c.last_tx_ms, c.id));
    protect(BY_BLOCK, |c| (c.last_block_ms, c.id));
    // Half of the rest by how long they have been here.
    list.sort_by_key(|c| (u64::MAX - c.connected_ms, c.id));
    list.truncate(list.len() - list.len() / 2);
    // Of the group with the most left, the youngest; of equal groups, the one with the youngest.
    let size = |group: u64| list.iter().filter(|c| c.keyed_group == group).count();
    let worst = list.iter().max_by_key(|c| (size(c.keyed_group), c.connected_ms, c.id));
    worst.map(|c| c.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(id: u64) -> Candidate {
        Candidate {
            id,
            connected_ms: id,
            least_ping_ms: 50,
            last_block_ms: 0,
            last_tx_ms: 0,
            keyed_group: id,
            relays: true,
        }
    }

    #[test]
    fn few_are_all_protected() {
        assert_eq!(select((0..20).map(candidate).collect()), None);
    }

    #[test]
    fn an_attackers_group_pays_first() {
        let mut list: Vec<Candidate> = (0..40).map(candidate).collect();
        // Forty more of one group, younger than all others.
        list.extend((100..140).map(|id| Candidate { keyed_group: 7, ..candidate(id) }));
        let dropped = select(list.clone()).expect("somebody goes");
        assert!(dropped >= 100, "{dropped}");
    }

    #[test]
    fn who_gives_blocks_and_answers_fast_stays() {
        let mut list: Vec<Candidate> = (0..60).map(candidate).collect();
        for good in &mut list[50..54] {
            good.last_block_ms = 1000;
        }
        list[59].least_ping_ms = 1;
        for _ in 0..30 {
            let Some(dropped) = select(list.clone()) else { break };
            assert!(!(50..54).contains(&dropped) && dropped != 59);
            list.retain(|c| c.id != dropped);
        }
    }
}
