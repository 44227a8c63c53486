//! Making the copy of the network that reads see.

use std::sync::Arc;

use super::connections::{AddedNode, is_target};
use super::context::best_header_height;
use super::managers::Managers;
use super::peer::{Origin, Peer};
use super::router::Shared;
use super::view::{AddedView, NetView, PeerView};
use chain::state::Chain;
use primitives::block::Height;
use store::error::StoreError;

/// Milliseconds between two views, and between two looks at the rate of blocks.
const VIEW_EVERY_MS: u64 = 250;
const RATE_EVERY_MS: u64 = 2_000;

/// The rate at which blocks come.
#[derive(Debug, Default)]
struct BlockRate {
    at_ms: u64,
    height: u32,
    per_ks: u64,
}

impl BlockRate {
    fn update(&mut self, now_ms: u64, height: u32) {
        if now_ms >= self.at_ms + RATE_EVERY_MS {
            let passed = now_ms - self.at_ms;
            let blocks = u64::from(height.saturating_sub(self.height));
            self.per_ks = if self.at_ms == 0 { 0 } else { blocks * 1_000_000 / passed };
            (self.at_ms, self.height) = (now_ms, height);
        }
    }
}

/// The view that was published last.
#[derive(Debug, Default)]
pub struct Publisher {
    view: Arc<NetView>,
    published_ms: u64,
    /// Something happened that somebody may be waiting to see.
    due: bool,
    rate: BlockRate,
}

impl Publisher {
    pub fn view(&self) -> Arc<NetView> {
        Arc::clone(&self.view)
    }

    pub fn publish_soon(&mut self) {
        self.due = true;
    }

    /// A view was asked for; asks once.
    pub fn is_due(&mut self) -> bool {
        std::mem::take(&mut self.due)
    }

    pub fn is_old(&self, now_ms: u64) -> bool {
        now_ms >= self.published_ms + VIEW_EVERY_MS
    }

    /// Makes a new view.
    pub fn publish(
        &mut self,
        shared: &Shared,
        managers: &Managers,
        chain: &mut Chain,
    ) -> Result<(), StoreError> {
        let Managers { peers, connections, addresses, headers, blocks, compact, .. } = managers;
        self.published_ms = shared.now_ms;
        let tip = chain.tip();
        let best = match shared.started {
            true => best_header_height(chain)?,
            false => tip.height.0,
        };
        self.rate.update(shared.now_ms, tip.height.0);
        let asked = peers.ready().any(|peer| headers.is_done(peer.id));
        let mut peer_views: Vec<PeerView> =
            peers.open().map(|peer| peer_view(peer, managers, chain)).collect();
        let tree = chain.tree()?;
        for (hash, id) in blocks.download().flights() {
            let at = peer_views.binary_search_by_key(&id, |peer| peer.id);
            if let (Some(block), Ok(at)) = (tree.id_of(hash), at) {
                peer_views[at].asked.push(tree.entry(block).height().0);
            }
        }
        peer_views.iter_mut().for_each(|peer| peer.asked.sort_unstable());
        let (bytes_sent, bytes_received) = peers.traffic();
        let (compact_blocks, compact_hits) = compact.counts();
        self.view = Arc::new(NetView {
            started: shared.started,
            active: connections.is_active(),
            readonly: shared.readonly,
            listening: connections.listening(),
            services: managers.services(),
            peers: peer_views,
            connecting: connections.dialling(),
            added: connections.added().iter().map(|added| added_view(added, managers)).collect(),
            bans: peers.bans().iter().map(|(net, ban)| (*net, ban.clone())).collect(),
            bytes_sent,
            bytes_received,
            addresses: addresses.book().len(),
            addresses_tried: addresses.book().tried(),
            height: tip.height,
            headers: Height(best.max(tip.height.0)),
            synced: asked && blocks.is_flushed() && best <= tip.height.0,
            blocks_per_ks: self.rate.per_ks,
            compact_blocks,
            compact_hits,
            orphans: managers.transactions.orphans(),
            now_ms: shared.now_ms,
        });
        Ok(())
    }
}

fn added_view(added: &AddedNode, managers: &Managers) -> AddedView {
    let target = format!("{}:{}", added.host, added.port);
    let mut ready = managers.peers.ready();
    let connected = ready.find(|peer| is_target(&peer.address, &added.host, added.port));
    AddedView { target, connected: connected.map(|peer| (peer.address, peer.inbound())) }
}

fn peer_view(peer: &Peer, managers: &Managers, chain: &mut Chain) -> PeerView {
    let version = peer.handshake.version.as_deref();
    let height = |id: u32, chain: &mut Chain| chain.tree().ok().map(|tree| tree.entry(id).height());
    let best = managers.availability.best_known(peer.id);
    let (addresses_taken, addresses_refused) = managers.addresses.counts(peer.id);
    let (compact_to, compact_from) = managers.compact.high_bandwidth(peer.id);
    PeerView {
        id: peer.id,
        address: peer.address,
        inbound: peer.inbound(),
        manual: peer.origin == Origin::Manual,
        ready: peer.ready(),
        services: peer.services(),
        version: version.map_or(0, |v| v.version),
        agent: version.map_or_else(String::new, |v| v.user_agent.clone()),
        relays: peer.relays,
        connected_ms: peer.connected_ms,
        last_send_ms: peer.last_send_ms,
        last_receive_ms: peer.last_receive_ms,
        last_block_ms: peer.last_block_ms,
        last_tx_ms: peer.last_tx_ms,
        bytes_sent: peer.bytes_sent,
        bytes_received: peer.bytes_received,
        sent: peer.sent.clone(),
        received: peer.received.clone(),
        time_offset_s: peer.time_offset_s,
        ping_ms: peer.ping.last_ms,
        least_ping_ms: peer.ping.least_ms,
        starting_height: version.map_or(-1, |v| v.height),
        synced_headers: best.and_then(|id| height(id, chain)),
        synced_blocks: best.and_then(|_| height(managers.blocks.common(peer.id), chain)),
        asked: Vec::new(),
        addresses_taken,
        addresses_refused,
        fee_filter: managers.transactions.fee_filter_of(peer.id),
        score: peer.score,
        compact_to,
        compact_from,
    }
}
