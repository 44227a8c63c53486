//! The rules by name: one variant per rule, with the facts, Core's reject reason and who is to
//! blame.

use primitives::amount::Amount;
use primitives::block::Height;
use primitives::id::{BlockHash, MerkleRoot, Txid};
use primitives::target::CompactTarget;
use primitives::tx::OutPoint;

/// Who is to blame, as Core's `BlockValidationResult`; decides what is remembered and scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Blame {
    /// The block breaks a rule: it is remembered, its sender scored.
    Consensus,
    /// The header breaks a rule: it is not kept, its sender scored.
    Header,
    /// It was found invalid before, and the sender may not know.
    Cached,
    /// The block's contents do not belong to its header: the header may still be good.
    Mutated,
    /// The parent is not known: ask for headers.
    MissingParent,
    /// The parent is invalid.
    InvalidParent,
    /// Its time is too far ahead: it may become good.
    Future,
}

impl Blame {
    /// Whether the block itself can never become valid.
    pub fn is_permanent(self) -> bool {
        !matches!(self, Blame::Mutated | Blame::MissingParent | Blame::Future)
    }
}

/// A broken rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    // A transaction by itself.
    #[error("the transaction has no inputs")]
    NoInputs,
    #[error("the transaction has no outputs")]
    NoOutputs,
    #[error("the transaction has {size} bytes without witness, {limit} is the limit")]
    TxTooLarge { size: usize, limit: usize },
    #[error("output {index} pays a negative amount, {value}")]
    NegativeOutput { index: usize, value: Amount },
    #[error("output {index} pays {value}, over the money that can exist")]
    OutputTooLarge { index: usize, value: Amount },
    #[error("outputs up to {index} pay more than the money that can exist")]
    OutputSumTooLarge { index: usize },
    #[error("input {index} spends {outpoint} a second time")]
    DuplicateInput { index: usize, outpoint: OutPoint },
    #[error("the coinbase script has {size} bytes, 2 to 100 are allowed")]
    CoinbaseScriptSize { size: usize },
    #[error("input {index} spends nothing though this is no coinbase")]
    NullInput { index: usize },

    // A header.
    #[error("the hash {hash} is above the target of bits {bits:?}")]
    HighHash { hash: BlockHash, bits: CompactTarget },
    #[error("bits are {found:?} where {wanted:?} is due")]
    WrongBits { found: CompactTarget, wanted: CompactTarget },
    #[error("time {time} is not after the median {median} of the last 11 blocks (BIP113)")]
    TimeTooOld { time: u32, median: u32 },
    #[error("time {time} is more than two hours ahead of {now}")]
    TimeTooNew { time: u32, now: u32 },
    #[error(
        "version {version:#010x} is no longer allowed at height {height} (BIP34, BIP65, BIP66)"
    )]
    OldVersion { version: i32, height: Height },
    #[error(
        "time {time} begins a retarget interval before {least}, too far behind the block before (BIP54)"
    )]
    TimeWarp { time: u32, least: u32 },
    #[error("time {time} ends a retarget interval before its first block's {first} (BIP54)")]
    BackwardsInterval { time: u32, first: u32 },
    #[error("the parent {parent} is not known")]
    UnknownParent { parent: BlockHash },
    #[error("the parent {parent} is invalid")]
    InvalidParent { parent: BlockHash },
    #[error("block {hash} was found invalid before")]
    KnownInvalid { hash: BlockHash },
    #[error(
        "its branch leaves ours at height {fork}, but blocks below {pruned} were pruned here: reconsider-block after the chain was synced anew"
    )]
    BelowPruned { fork: Height, pruned: Height },

    // A block by itself.
    #[error("the merkle root is {wanted}, the header says {found}")]
    WrongMerkleRoot { found: MerkleRoot, wanted: MerkleRoot },
    #[error("the block repeats transactions without changing its merkle root (CVE-2012-2459)")]
    RepeatedTransactions,
    #[error("the block has {txs} transactions and {size} bytes without witness")]
    BlockSize { txs: usize, size: usize },
    #[error("the first transaction is no coinbase")]
    NoCoinbase,
    #[error("transaction {index} is a second coinbase")]
    SecondCoinbase { index: usize },
    #[error("the block's signature operations cost {cost} or more, {limit} is the limit (BIP141)")]
    TooManySigops { cost: u64, limit: u64 },

    // A block in its place.
    #[error("transaction {index} is not final at height {height} and time {time} (BIP113)")]
    NotFinal { index: usize, height: Height, time: u32 },
    #[error("the coinbase does not start with the height {height} (BIP34)")]
    CoinbaseHeight { height: Height },
    #[error("transaction {index} has 64 bytes without witness, as a merkle node has (BIP54)")]
    SizeOfMerkleNode { index: usize },
    #[error("the coinbase's lock time is {found}, {wanted} is due (BIP54)")]
    CoinbaseLockTime { found: u32, wanted: u32 },
    #[error("the coinbase's sequence switches its lock time off (BIP54)")]
    CoinbaseFinal,
    #[error("the coinbase witness is not one item of 32 bytes (BIP141)")]
    WitnessNonce,
    #[error("the witness commitment does not match (BIP141)")]
    WitnessCommitment,
    #[error("there is witness data without a commitment (BIP141)")]
    UnexpectedWitness,
    #[error("the block weighs {weight}, {limit} is the limit (BIP141)")]
    BlockWeight { weight: usize, limit: usize },

    // A block over its coins.
    #[error("transaction {index} makes {txid} again while it has unspent outputs (BIP30)")]
    OverwritesCoins { index: usize, txid: Txid },
    #[error("transaction {index} spends {outpoint}, which does not exist or is spent")]
    MissingOrSpent { index: usize, outpoint: OutPoint },
    #[error("transaction {index} spends the coinbase of height {made} at {height}, 100 must pass")]
    ImmatureCoinbase { index: usize, made: Height, height: Height },
    #[error("transaction {index} spends amounts over the money that can exist")]
    InputSumTooLarge { index: usize },
    #[error("transaction {index} spends {spent} and pays {paid}")]
    SpendsMoreThanItHas { index: usize, spent: Amount, paid: Amount },
    #[error("the fees up to transaction {index} are over the money that can exist")]
    FeeSumTooLarge { index: usize },
    #[error("transaction {index} is locked by the age of what it spends (BIP68)")]
    SequenceLocked { index: usize },
    #[error(
        "transaction {index} can run {count} signature operations outside of witnesses, {limit} is the limit (BIP54)"
    )]
    TooManyLegacySigops { index: usize, count: usize, limit: usize },
    #[error("the coinbase pays {paid}, {allowed} is allowed")]
    CoinbaseAmount { paid: Amount, allowed: Amount },
    #[error("input {input_index} of transaction {tx_index}: {reason}")]
    Script { tx_index: usize, input_index: usize, reason: String },
}

impl RuleError {
    /// Core's reject reason, byte for byte; ours for rules that Core has not got (BIP54).
    pub fn reason(&self) -> String {
        use RuleError::*;
        let fixed = match self {
            NoInputs => "bad-txns-vin-empty",
            NoOutputs => "bad-txns-vout-empty",
            TxTooLarge { .. } => "bad-txns-oversize",
            NegativeOutput { .. } => "bad-txns-vout-negative",
            OutputTooLarge { .. } => "bad-txns-vout-toolarge",
            OutputSumTooLarge { .. } => "bad-txns-txouttotal-toolarge",
            DuplicateInput { .. } => "bad-txns-inputs-duplicate",
            CoinbaseScriptSize { .. } => "bad-cb-length",
            NullInput { .. } => "bad-txns-prevout-null",
            HighHash { .. } => "high-hash",
            WrongBits { .. } => "bad-diffbits",
            TimeTooOld { .. } => "time-too-old",
            TimeTooNew { .. } => "time-too-new",
            OldVersion { version, .. } => return format!("bad-version(0x{version:08x})"),
            TimeWarp { .. } => "time-timewarp-attack",
            BackwardsInterval { .. } => "time-murch-zawy-attack",
            UnknownParent { .. } => "prev-blk-not-found",
            InvalidParent { .. } => "bad-prevblk",
            KnownInvalid { .. } => "duplicate-invalid",
            BelowPruned { .. } => "below-pruned",
            WrongMerkleRoot { .. } => "bad-txnmrklroot",
            RepeatedTransactions => "bad-txns-duplicate",
            BlockSize { .. } => "bad-blk-length",
            NoCoinbase => "bad-cb-missing",
            SecondCoinbase { .. } => "bad-cb-multiple",
            TooManySigops { .. } => "bad-blk-sigops",
            NotFinal { .. } | SequenceLocked { .. } => "bad-txns-nonfinal",
            CoinbaseHeight { .. } => "bad-cb-height",
            SizeOfMerkleNode { .. } => "bad-txns-64-bytes",
            CoinbaseLockTime { .. } => "bad-cb-locktime",
            CoinbaseFinal => "bad-cb-sequence",
            TooManyLegacySigops { .. } => "bad-txns-legacy-sigops",
            WitnessNonce => "bad-witness-nonce-size",
            WitnessCommitment => "bad-witness-merkle-match",
            UnexpectedWitness => "unexpected-witness",
            BlockWeight { .. } => "bad-blk-weight",
            OverwritesCoins { .. } => "bad-txns-BIP30",
            MissingOrSpent { .. } => "bad-txns-inputs-missingorspent",
            ImmatureCoinbase { .. } => "bad-txns-premature-spend-of-coinbase",
            InputSumTooLarge { .. } => "bad-txns-inputvalues-outofrange",
            SpendsMoreThanItHas { .. } => "bad-txns-in-belowout",
            FeeSumTooLarge { .. } => "bad-txns-accumulated-fee-outofrange",
            CoinbaseAmount { .. } => "bad-cb-amount",
            Script { reason, .. } => {
                return format!("block-script-verify-flag-failed ({reason})");
            }
        };
        fixed.to_owned()
    }

    pub fn blame(&self) -> Blame {
        use RuleError::*;
        match self {
            HighHash { .. }
            | WrongBits { .. }
            | TimeTooOld { .. }
            | OldVersion { .. }
            | TimeWarp { .. }
            | BackwardsInterval { .. } => Blame::Header,
            TimeTooNew { .. } => Blame::Future,
            UnknownParent { .. } => Blame::MissingParent,
            InvalidParent { .. } => Blame::InvalidParent,
            KnownInvalid { .. } | BelowPruned { .. } => Blame::Cached,
            WrongMerkleRoot { .. }
            | RepeatedTransactions
            | WitnessNonce
            | WitnessCommitment
            | UnexpectedWitness => Blame::Mutated,
            _ => Blame::Consensus,
        }
    }
}
