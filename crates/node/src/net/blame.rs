//! By whose fault a header or block was refused, and what that costs.

use super::context::{Action, Context};
use super::peer::Origin;
use super::peers::PeerManager;
use chain::error::BlockError;
use consensus::rule::{Blame, RuleError};
use p2p::download::PeerId;
use p2p::limits::BAN_SCORE;
use store::error::StoreError;

/// Counts a broken rule against the peer by whose fault it is; a fault of our disk goes up.
pub fn blame(
    id: PeerId,
    error: BlockError,
    peers: &PeerManager,
    ctx: &mut Context<'_>,
) -> Result<(), StoreError> {
    let rule: RuleError = match error {
        BlockError::Store(fault) => return Err(fault),
        BlockError::Decode(error) => {
            ctx.misbehaved(id, BAN_SCORE, format!("a block that is none: {error}"));
            return Ok(());
        }
        BlockError::Rule(rule) => rule,
    };
    match rule.blame() {
        Blame::Consensus | Blame::Header | Blame::Mutated => {
            ctx.misbehaved(id, BAN_SCORE, rule.to_string());
        }
        // The operator may have called it so: no ban, but no use either.
        Blame::Cached | Blame::InvalidParent => {
            if peers.is_origin(id, Origin::Automatic) {
                ctx.close(id, rule.to_string());
            }
        }
        // Clocks differ.
        Blame::Future => {}
        Blame::MissingParent => ctx.push(Action::RequestHeaders { id, after: None }),
    }
    Ok(())
}
