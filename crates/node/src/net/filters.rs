//! Serving block filters (BIP157): `getcfilters`, `getcfheaders` and `getcfcheckpt`.

use super::context::Context;
use p2p::download::PeerId;
use p2p::filters::{BASIC, basic_filter, filter_hash, filter_header};
use p2p::limits::{CFCHECKPT_INTERVAL, MAX_CFHEADERS, MAX_CFILTERS};
use p2p::message::Message;
use primitives::block::Height;
use primitives::id::BlockHash;
use primitives::script::Script;
use store::error::StoreError;

/// The filter of one block of the active chain.
#[derive(Debug)]
struct FilterRow {
    block: BlockHash,
    hash: [u8; 32],
    header: [u8; 32],
}

/// The chain of filter headers of the active chain, made as far as it is asked for and kept in
/// memory: 96 bytes a block.
#[derive(Debug, Default)]
pub struct FilterServer {
    enabled: bool,
    rows: Vec<FilterRow>,
}

impl FilterServer {
    /// Serve filters from now on.
    pub fn enable(&mut self) {
        self.enabled = true;
    }

    pub fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// The hash of the filter at a height that `extend` has reached.
    fn hash(&self, height: u32) -> [u8; 32] {
        self.rows.get(height as usize).map_or([0; 32], |row| row.hash)
    }

    fn header(&self, height: u32) -> [u8; 32] {
        self.rows.get(height as usize).map_or([0; 32], |row| row.header)
    }

    /// Follows the active chain up to a height.
    fn extend(&mut self, height: u32, ctx: &mut Context<'_>) -> Result<(), StoreError> {
        ctx.chain.flush()?;
        let tip = ctx.chain.tip();
        let tree = ctx.chain.tree()?;
        while let Some(last) = self.rows.last() {
            let at = Height(self.rows.len() as u32 - 1);
            if at <= tip.height && tree.entry(tree.ancestor(tip.id, at)).row.hash == last.block {
                break;
            }
            self.rows.pop();
        }
        while self.rows.len() <= height.min(tip.height.0) as usize {
            let Some((block, filter)) = filter_at(self.rows.len() as u32, ctx)? else { break };
            let hash = filter_hash(&filter);
            let previous = self.rows.last().map_or([0; 32], |row| row.header);
            self.rows.push(FilterRow { block, hash, header: filter_header(&hash, &previous) });
        }
        Ok(())
    }

    /// Answers about filters, as far as the index of filters has come.
    pub fn answer(
        &mut self,
        id: PeerId,
        message: &Message,
        ctx: &mut Context<'_>,
    ) -> Result<(), StoreError> {
        if !self.enabled {
            ctx.close(id, "it wants filters, which this node does not serve");
            return Ok(());
        }
        let (kind, start, stop, most) = match message {
            Message::GetCFilters(range) => (range.kind, range.start, range.stop, MAX_CFILTERS),
            Message::GetCFHeaders(range) => (range.kind, range.start, range.stop, MAX_CFHEADERS),
            Message::GetCFCheckpt { kind, stop } => (*kind, 0, *stop, u32::MAX),
            _ => return Ok(()),
        };
        let tip = ctx.chain.tip();
        let tree = ctx.chain.tree()?;
        let end =
            tree.id_of(&stop).filter(|&id| tree.ancestor(tip.id, tree.entry(id).height()) == id);
        let end = end.map(|id| tree.entry(id).height().0);
        let Some(end) = end.filter(|end| kind == BASIC && start <= *end && end - start < most)
        else {
            ctx.close(id, "a question for filters that can't be answered");
            return Ok(());
        };
        self.extend(end, ctx)?;
        match message {
            Message::GetCFilters(_) => {
                for height in start..=end {
                    let Some((block, filter)) = filter_at(height, ctx)? else { return Ok(()) };
                    ctx.send(id, Message::CFilter { kind, block, filter });
                }
            }
            Message::GetCFHeaders(_) => {
                let previous = match start {
                    0 => [0; 32],
                    _ => self.header(start - 1),
                };
                let hashes = (start..=end).map(|height| self.hash(height)).collect();
                ctx.send(id, Message::CFHeaders { kind, stop, previous, hashes });
            }
            _ => {
                let heights = (1..=end / CFCHECKPT_INTERVAL).map(|n| n * CFCHECKPT_INTERVAL);
                let headers = heights.map(|height| self.header(height)).collect();
                ctx.send(id, Message::CFCheckpt { kind, stop, headers });
            }
        }
        Ok(())
    }
}

/// The filter of the active chain's block at a height, and the block's hash.
fn filter_at(
    height: u32,
    ctx: &mut Context<'_>,
) -> Result<Option<(BlockHash, Vec<u8>)>, StoreError> {
    let tip = ctx.chain.tip();
    let tree = ctx.chain.tree()?;
    let id = tree.ancestor(tip.id, Height(height));
    let hash = tree.entry(id).row.hash;
    let snapshot = ctx.chain.store().snapshot()?;
    let Some(block) = snapshot.block(id)? else { return Ok(None) };
    let Some(spent) = snapshot.spent(id)? else { return Ok(None) };
    let scripts: Vec<Script> = spent.into_coins().map(|coin| coin.output.script_pubkey).collect();
    Ok(Some((hash, basic_filter(&block, &hash, scripts.iter()))))
}

#[cfg(test)]
mod tests {
    use super::super::context::Action;
    use super::super::fixture::Fixture;
    use super::*;
    use p2p::message::FilterRange;

    #[test]
    fn headers_chain_over_the_filters_that_are_served() {
        let mut fixture = Fixture::new();
        let blocks = fixture.blocks(3);
        fixture.accept(&blocks);
        let mut server = FilterServer::default();
        let range = FilterRange { kind: BASIC, start: 1, stop: blocks[2].hash() };
        let mut ctx = fixture.context(0);
        server.answer(1, &Message::GetCFHeaders(range), &mut ctx).expect("a store");
        assert!(matches!(ctx.actions[..], [Action::Close { id: 1, .. }]), "not served");
        ctx.actions.clear();
        server.enable();
        server.answer(1, &Message::GetCFilters(range), &mut ctx).expect("a store");
        let filters = ctx.actions.iter().map(|action| match action {
            Action::Send { message: Message::CFilter { filter, .. }, .. } => filter_hash(filter),
            other => panic!("{other:?}"),
        });
        let filters: Vec<[u8; 32]> = filters.collect();
        ctx.actions.clear();
        server.answer(1, &Message::GetCFHeaders(range), &mut ctx).expect("a store");
        let [Action::Send { message: Message::CFHeaders { hashes, previous, .. }, .. }] =
            &ctx.actions[..]
        else {
            panic!("{:?}", ctx.actions)
        };
        assert_eq!((hashes.len(), hashes), (3, &filters));
        let last = hashes.iter().fold(*previous, |header, hash| filter_header(hash, &header));
        assert_eq!(server.header(3), last);
        // Beyond the chain nothing can be answered.
        ctx.actions.clear();
        let range = FilterRange { kind: BASIC, start: 0, stop: BlockHash([1; 32]) };
        server.answer(1, &Message::GetCFilters(range), &mut ctx).expect("a store");
        assert!(matches!(ctx.actions[..], [Action::Close { id: 1, .. }]));
    }
}
