//! Blocks that the node makes at once, on chains whose proof of work is easy.

use super::io::NodeError;
use crate::chain::error::BlockError;
use crate::chain::event::ChainEvent;
use crate::chain::state::Chain;
use crate::crypto::lanes::Lanes;
use crate::mempool::pool::Pool;
use crate::miner::grind::{NONCES, grind};
use crate::miner::select::Limits;
use crate::miner::template::Template;
use crate::primitives::address::Address;
use crate::primitives::id::BlockHash;

/// One more block on the tip, with what the pool holds, that pays `address`. At most `tries` hashes
/// are made of it, which are counted down; None when they do not do. What happened to the chain
/// is added to `events`.
pub(super) fn generate(
    chain: &mut Chain,
    pool: &Pool,
    address: &str,
    extra_nonce: u64,
    tries: &mut u64,
    now: u32,
    events: &mut Vec<ChainEvent>,
) -> Result<Option<BlockHash>, NodeError> {
    let refused = |reason: String| NodeError::Refused { reason };
    let params = chain.params();
    let payout = Address::from_text(address, params).map_err(|error| NodeError::Undecodable {
        reason: format!("{address:?} is no address of {}: {error}", params.name),
    })?;
    let template = {
        let (_, branch) = chain.around_tip()?;
        Template::new(pool, &branch, params, now, b"", Limits::default())
            .map_err(|error| refused(error.to_string()))?
    };
    let coinbase = template.coinbase(&payout.to_script(), extra_nonce);
    let mut header = template.header(&coinbase, template.time);
    let unworked = template.block(header, coinbase.clone());
    chain.test_block(&unworked, now).map_err(of_block)?;
    let ground = grind(Lanes::best(), &header, template.target, 0..NONCES.min(*tries));
    *tries = tries.saturating_sub(ground.hashes);
    let Some(nonce) = ground.nonce else { return Ok(None) };
    header.nonce = nonce;
    let block = template.block(header, coinbase);
    let accepted = chain.accept_own_block(&block, now).map_err(of_block)?;
    events.extend(accepted.events);
    Ok(Some(accepted.hash))
}

fn of_block(error: BlockError) -> NodeError {
    match error {
        BlockError::Store(error) => NodeError::Store(error),
        error => NodeError::Refused { reason: error.to_string() },
    }
}
