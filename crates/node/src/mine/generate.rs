//! Blocks that the node makes at once, on chains whose proof of work is easy.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::io::{MineDone, Wanted};
use super::standing::{MiningContext, payout_of};
use crate::io::NodeError;
use chain::error::BlockError;
use chain::event::ChainEvent;
use chain::state::Chain;
use consensus::connect::CoinView;
use crypto::lanes::Lanes;
use mempool::pool::Pool;
use mining::block_template::Template;
use mining::grind::{NONCES, grind};
use mining::select::{Chosen, Limits};
use primitives::amount::Amount;
use primitives::codec::Encode;
use primitives::id::BlockHash;
use primitives::tx::{OutPoint, Transaction, TxOut};

/// One more block on the tip, with what the pool holds, that pays `address`. At most `tries` hashes
/// are made of it, which are counted down; None when they do not do. What happened to the chain
/// is added to `events`.
pub(crate) fn generate(
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
    let payout = payout_of(address, params)?;
    let template = {
        let (_, branch) = chain.around_tip()?;
        Template::new(pool, &branch, params, now, b"", Limits::default())
            .map_err(|error| refused(error.to_string()))?
    };
    let coinbase = template.coinbase(&payout, extra_nonce);
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

/// Hashes that a block on request is given, as Core's `DEFAULT_MAX_TRIES`.
const TRIES: u64 = 1_000_000;

/// A block of just these transactions on the tip (Core's `generateblock`); what happened to the
/// chain is added to `events` if it is to be taken.
pub(crate) fn block_of(
    ctx: &mut MiningContext<'_>,
    address: &str,
    wanted: Vec<Wanted>,
    submit: bool,
    events: &mut Vec<ChainEvent>,
) -> Result<MineDone, NodeError> {
    let refused = |reason: String| NodeError::Refused { reason };
    let params = ctx.chain.params();
    let payout = payout_of(address, params)?;
    let chosen = choose(ctx, wanted)?;
    let template = {
        let (_, branch) = ctx.chain.around_tip()?;
        Template::with(&branch, params, ctx.now, b"", Limits::default(), |_| chosen)
            .map_err(|error| refused(error.to_string()))?
    };
    let coinbase = template.coinbase(&payout, 0);
    let mut header = template.header(&coinbase, template.time);
    let unworked = template.block(header, coinbase.clone());
    ctx.chain.test_block(&unworked, ctx.now).map_err(of_block)?;
    let ground = grind(Lanes::best(), &header, template.target, 0..TRIES);
    header.nonce = ground.nonce.ok_or_else(|| {
        refused(format!("{TRIES} hashes did not do; only regtest's blocks are made on request"))
    })?;
    let block = template.block(header, coinbase);
    if !submit {
        return Ok(MineDone::Made { hash: block.hash(), block: Some(block.to_bytes()) });
    }
    let accepted = ctx.chain.accept_own_block(&block, ctx.now).map_err(of_block)?;
    events.extend(accepted.events);
    Ok(MineDone::Made { hash: accepted.hash, block: None })
}

/// The transactions with what they pay, in the order given; each may spend from those before it.
fn choose(ctx: &mut MiningContext<'_>, wanted: Vec<Wanted>) -> Result<Vec<Chosen>, NodeError> {
    let mut txs: Vec<Arc<Transaction>> = Vec::with_capacity(wanted.len());
    {
        let pool = ctx.pool.read();
        for wanted in wanted {
            txs.push(match wanted {
                Wanted::Whole(tx) => tx,
                Wanted::Pooled(txid) => {
                    let missing = || NodeError::Missing {
                        reason: format!("the pool has no transaction {txid}"),
                    };
                    Arc::clone(&pool.get(&txid).ok_or_else(missing)?.tx)
                }
            });
        }
    }
    let (coins, _) = ctx.chain.around_tip()?;
    let mut made: HashMap<OutPoint, TxOut> = HashMap::new();
    let mut seen = HashSet::new();
    let mut chosen = Vec::with_capacity(txs.len());
    for tx in txs {
        let txid = tx.txid();
        if !seen.insert(txid) {
            return Err(NodeError::Refused { reason: format!("{txid} is given twice") });
        }
        let mut paid = Amount::ZERO;
        for input in &tx.inputs {
            // What is missing is for the block's own check to say.
            let output = match made.remove(&input.prevout) {
                Some(output) => Some(output),
                None => coins.coin(&input.prevout)?.map(|coin| coin.output),
            };
            paid.0 = paid.0.saturating_add(output.map_or(0, |output| output.value.0));
        }
        for (output, vout) in tx.outputs.iter().zip(0..) {
            paid.0 = paid.0.saturating_sub(output.value.0);
            made.insert(OutPoint { txid, vout }, output.clone());
        }
        chosen.push(Chosen {
            txid,
            wtxid: tx.wtxid(),
            fee: Amount(paid.0.max(0)),
            // The block's own check counts them.
            sigop_cost: 0,
            weight: tx.weight().0,
            depends: Vec::new(),
            tx,
        });
    }
    Ok(chosen)
}

fn of_block(error: BlockError) -> NodeError {
    match error {
        BlockError::Store(error) => NodeError::Store(error),
        error => NodeError::Refused { reason: error.to_string() },
    }
}
