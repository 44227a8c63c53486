//! The reasons for which the mempool rejects a transaction, in Core's words.

use consensus::rule::RuleError;
use primitives::amount::Amount;
use primitives::tx::OutPoint;
use script::check::ScriptFailure;
use store::error::StoreError;

/// A transaction that the pool does not take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reject {
    /// Invalid in any block.
    #[error("{0}")]
    Rule(RuleError),
    #[error("a coinbase stands in blocks only")]
    Coinbase,
    /// Not what this node relays; the name is Core's.
    #[error("the transaction is not standard: {reason}")]
    NonStandard { reason: &'static str },
    #[error("the transaction has {size} bytes without witness, 65 are the least")]
    TooSmall { size: usize },
    #[error("the lock time has not come")]
    NotFinal,
    #[error("what it spends is too young for its sequence numbers (BIP68)")]
    SequenceLocked,
    #[error("the pool has it")]
    AlreadyHere,
    #[error("the pool has it with another witness")]
    OtherWitness,
    #[error("it is confirmed")]
    Confirmed,
    /// An orphan: some of the outputs it spends are unknown (or spent).
    #[error("{} of the outputs it spends are not known, {first} among them", .missing.len(),
        first = .missing[0])]
    MissingInputs { missing: Vec<OutPoint> },
    #[error("its signature operations cost {cost}, {limit} is the limit")]
    TooManySigops { cost: usize, limit: usize },
    #[error("it pays {fee}, the pool asks for {wanted}")]
    BelowPoolFee { fee: Amount, wanted: Amount },
    #[error("it pays {fee}, relaying costs {wanted}")]
    BelowRelayFee { fee: Amount, wanted: Amount },
    #[error("it would stand in too long a chain of unconfirmed transactions: {limit}")]
    TooLongChain { limit: &'static str },
    #[error("version 3 rule (BIP431): {rule}")]
    Truc { rule: &'static str },
    #[error("it spends an output of a transaction that it conflicts with")]
    SpendsConflicting,
    #[error("it would replace {count} transactions, {limit} is the limit")]
    TooManyReplaced { count: usize, limit: usize },
    #[error("as a replacement it may not spend other unconfirmed outputs")]
    AddsUnconfirmed,
    #[error("it pays {fee}, to replace what it conflicts with takes {wanted}")]
    ReplacementFee { fee: Amount, wanted: Amount },
    #[error("{0}")]
    Script(ScriptFailure),
    #[error("the pool is full of transactions that pay more")]
    PoolFull,
}

impl Reject {
    /// Core's reject reason.
    pub fn reason(&self) -> String {
        let fixed = match self {
            Reject::Rule(rule) => return rule.reason(),
            Reject::Script(failure) => return failure.pool_reason(),
            Reject::NonStandard { reason } => reason,
            Reject::Coinbase => "coinbase",
            Reject::TooSmall { .. } => "tx-size-small",
            Reject::NotFinal => "non-final",
            Reject::SequenceLocked => "non-BIP68-final",
            Reject::AlreadyHere => "txn-already-in-mempool",
            Reject::OtherWitness => "txn-same-nonwitness-data-in-mempool",
            Reject::Confirmed => "txn-already-known",
            Reject::MissingInputs { .. } => "bad-txns-inputs-missingorspent",
            Reject::TooManySigops { .. } => "bad-txns-too-many-sigops",
            Reject::BelowPoolFee { .. } => "mempool min fee not met",
            Reject::BelowRelayFee { .. } => "min relay fee not met",
            Reject::TooLongChain { .. } => "too-long-mempool-chain",
            Reject::Truc { .. } => "TRUC-violation",
            Reject::SpendsConflicting => "bad-txns-spends-conflicting-tx",
            Reject::TooManyReplaced { .. } => "too many potential replacements",
            Reject::AddsUnconfirmed => "replacement-adds-unconfirmed",
            Reject::ReplacementFee { .. } => "insufficient fee",
            Reject::PoolFull => "mempool full",
        };
        fixed.to_owned()
    }
}

/// Why the pool did not take a transaction: its fault, or our disk's.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PoolError {
    #[error(transparent)]
    Reject(#[from] Reject),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<RuleError> for PoolError {
    fn from(rule: RuleError) -> PoolError {
        PoolError::Reject(Reject::Rule(rule))
    }
}
