//! Connects a block to the coins it spends (Core's `ConnectBlock`): the changes, their undo data,
//! and whether amounts, lock times and scripts are valid.

use super::block::{CheckedBlock, MAX_BLOCK_SIGOPS_COST};
use super::header::Branch;
use super::rule::RuleError;
use super::scripts::{ScriptVerifier, block_flags};
use super::tx::output_sum;
use primitives::amount::Amount;
use primitives::block::{Block, Height};
use primitives::coin::Coin;
use primitives::fee::COINBASE_MATURITY;
use primitives::id::BlockHash;
use primitives::map::OutPointMap;
use primitives::network::NetworkParams;
use primitives::tx::{OutPoint, Transaction, TxOut};
use script::check::TxScripts;
use script::flags::ScriptFlags;
use script::hints::Hints;
use script::sigops;
use script::template::is_unspendable;

/// Most signature operations that a transaction can run outside of witnesses (BIP54).
pub const MAX_TX_LEGACY_SIGOPS: usize = 2500;

/// Bits of a sequence number (BIP68).
const SEQUENCE_DISABLE: u32 = 1 << 31;
const SEQUENCE_IS_TIME: u32 = 1 << 22;
const SEQUENCE_MASK: u32 = 0xffff;
/// A relative time lock counts in 512 seconds.
const SEQUENCE_TIME_SHIFT: u32 = 9;

/// The coins as they are before a block.
pub trait CoinView {
    /// Why a coin could not be read; never the block's fault.
    type Error;

    fn coin(&mut self, outpoint: &OutPoint) -> Result<Option<Coin>, Self::Error>;
}

/// Why a block could not be connected: the block is invalid, or the coin view failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ConnectError<E: std::error::Error> {
    #[error(transparent)]
    Rule(#[from] RuleError),
    #[error(transparent)]
    Coins(E),
}

/// What a block spends, in the order of its inputs (the coinbase has none): the outputs side by
/// side, so that each transaction's are a slice, and where each came from.
#[derive(Debug, Default)]
pub struct SpentCoins {
    pub outputs: Vec<TxOut>,
    /// Height and coinbase flag of each, as in `Coin`.
    pub origins: Vec<(Height, bool)>,
}

impl SpentCoins {
    fn with_capacity(count: usize) -> SpentCoins {
        SpentCoins { outputs: Vec::with_capacity(count), origins: Vec::with_capacity(count) }
    }

    fn push(&mut self, coin: Coin) {
        self.origins.push((coin.height, coin.coinbase));
        self.outputs.push(coin.output);
    }
}

/// The net change of the coins by one block; what it makes and spends itself is in neither list.
#[derive(Debug, Default)]
pub struct CoinDelta {
    pub created: Vec<(OutPoint, Coin)>,
    pub spent: Vec<OutPoint>,
    /// Coins may already be there under the names of created ones (the two blocks of Bitcoin that
    /// are excused from BIP30).
    pub overwrites: bool,
}

/// What connecting found out.
#[derive(Debug)]
pub struct Connected {
    pub delta: CoinDelta,
    /// Everything spent, in the order of inputs.
    pub spent: SpentCoins,
    pub fees: Amount,
    pub sigop_cost: u64,
    /// What was learnt of the signatures of its inputs, the coinbase's left out.
    pub hints: Hints,
}

/// Where a coin of this block stands while the block is connected.
enum Slot {
    /// Made here: place in the list of the created.
    Made(usize),
    Spent,
}

/// Everything about a block's surroundings that connecting asks for.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The branch from the parent down.
    pub branch: &'a dyn Branch,
    pub params: &'static NetworkParams,
    pub verifier: &'a dyn ScriptVerifier,
}

/// The subsidy at a height.
pub fn subsidy(height: Height, params: &NetworkParams) -> Amount {
    let halvings = height.0 / params.halving_interval;
    Amount(if halvings >= 64 { 0 } else { params.initial_subsidy.0 >> halvings })
}

/// Whether the block must not repeat a transaction that has unspent outputs (BIP30).
///
/// Where every block since genesis starts its coinbase with its height (BIP34 from block 1) no two
/// coinbases are the same, so no two transactions are, and there is nothing to look up.
fn must_not_overwrite(hash: &BlockHash, height: Height, context: &Context<'_>) -> bool {
    let params = context.params;
    if params.forks.bip34 <= 1 || params.bip30_exceptions.contains(&(height.0, *hash)) {
        return false;
    }
    let bip34 = Height(params.forks.bip34);
    let implied = height > bip34
        && params.bip34_hash.is_some_and(|hash| context.branch.hash_at(bip34) == hash);
    !implied || height.0 >= params.bip30_again_height
}

/// Connects a block to the coins before it. The block must have passed `block`'s checks.
pub fn connect<E: std::error::Error>(
    checked: &CheckedBlock,
    coins: &mut dyn CoinView<Error = E>,
    context: &Context<'_>,
) -> Result<Connected, ConnectError<E>> {
    connect_with_hints(checked, coins, context, &Hints::new())
}

/// The same, with what somebody says of the signatures: it changes no verdict.
pub fn connect_with_hints<E: std::error::Error>(
    checked: &CheckedBlock,
    coins: &mut dyn CoinView<Error = E>,
    context: &Context<'_>,
    hints: &Hints,
) -> Result<Connected, ConnectError<E>> {
    let block = &checked.block;
    let height = context.branch.height().next();
    let flags = block_flags(&checked.hash, height, context.params);
    if must_not_overwrite(&checked.hash, height, context) {
        check_overwrites(checked, coins)?;
    }
    let inputs = block.txs.iter().map(|tx| tx.inputs.len()).sum();
    let outputs = block.txs.iter().map(|tx| tx.outputs.len()).sum();
    let mut work = Connecting {
        context,
        height,
        flags,
        coins,
        slots: OutPointMap::with_capacity_and_hasher(inputs + outputs, Default::default()),
        created: Vec::with_capacity(outputs),
        taken: Vec::with_capacity(inputs),
        spent: SpentCoins::with_capacity(inputs),
        fees: Amount::ZERO,
        sigop_cost: 0,
    };
    for (index, tx) in block.txs.iter().enumerate() {
        work.transaction(index, tx, checked)?;
    }
    let allowed = Amount(work.fees.0 + subsidy(height, context.params).0);
    let paid = output_sum(&block.txs[0]).unwrap_or(Amount(i64::MAX));
    if paid > allowed {
        return Err(RuleError::CoinbaseAmount { paid, allowed }.into());
    }
    let learnt = check_scripts(block, &work.spent, context.verifier, flags, hints)?;
    Ok(Connected {
        delta: CoinDelta {
            created: work.created.into_iter().flatten().collect(),
            spent: work.taken,
            overwrites: context.params.bip30_exceptions.contains(&(height.0, checked.hash)),
        },
        spent: work.spent,
        fees: work.fees,
        sigop_cost: work.sigop_cost,
        hints: learnt,
    })
}

fn check_overwrites<E: std::error::Error>(
    checked: &CheckedBlock,
    coins: &mut dyn CoinView<Error = E>,
) -> Result<(), ConnectError<E>> {
    for (index, (tx, txid)) in checked.block.txs.iter().zip(&checked.txids).enumerate() {
        for vout in 0..tx.outputs.len() as u32 {
            let outpoint = OutPoint { txid: *txid, vout };
            if coins.coin(&outpoint).map_err(ConnectError::Coins)?.is_some() {
                return Err(RuleError::OverwritesCoins { index, txid: *txid }.into());
            }
        }
    }
    Ok(())
}

/// Passes the block's inputs with the outputs they spend to the script engine, as one list.
fn check_scripts(
    block: &Block,
    spent: &SpentCoins,
    verifier: &dyn ScriptVerifier,
    flags: ScriptFlags,
    hints: &Hints,
) -> Result<Hints, RuleError> {
    let mut checks = Vec::with_capacity(block.txs.len() - 1);
    let mut rest = &spent.outputs[..];
    for tx in &block.txs[1..] {
        let (spent, after) = rest.split_at(tx.inputs.len());
        checks.push(TxScripts { tx, spent });
        rest = after;
    }
    verifier.verify_with_hints(&checks, flags, hints).map_err(|failure| RuleError::Script {
        tx_index: failure.tx_index + 1,
        input_index: failure.input_index,
        reason: failure.error.to_string(),
    })
}

/// A block half connected.
struct Connecting<'a, E> {
    context: &'a Context<'a>,
    height: Height,
    flags: ScriptFlags,
    coins: &'a mut dyn CoinView<Error = E>,
    slots: OutPointMap<Slot>,
    /// Made here; `None` once spent here.
    created: Vec<Option<(OutPoint, Coin)>>,
    /// Spent here and made before.
    taken: Vec<OutPoint>,
    spent: SpentCoins,
    fees: Amount,
    sigop_cost: u64,
}

impl<E: std::error::Error> Connecting<'_, E> {
    fn transaction(
        &mut self,
        index: usize,
        tx: &Transaction,
        checked: &CheckedBlock,
    ) -> Result<(), ConnectError<E>> {
        let first = self.spent.outputs.len();
        if index > 0 {
            for input in &tx.inputs {
                let outpoint = input.prevout;
                let coin = self.take(&outpoint).map_err(ConnectError::Coins)?;
                let coin = coin.ok_or(RuleError::MissingOrSpent { index, outpoint })?;
                self.spent.push(coin);
            }
            self.amounts(index, tx, first)?;
            if self.is_sequence_locked(tx, first) {
                return Err(RuleError::SequenceLocked { index }.into());
            }
            check_legacy_sigops(
                index,
                tx,
                &self.spent.outputs[first..],
                self.height,
                self.context.params,
            )?;
        }
        let verifier = self.context.verifier;
        self.sigop_cost += verifier.sigop_cost(tx, &self.spent.outputs[first..], self.flags);
        if self.sigop_cost > MAX_BLOCK_SIGOPS_COST {
            let cost = self.sigop_cost;
            return Err(RuleError::TooManySigops { cost, limit: MAX_BLOCK_SIGOPS_COST }.into());
        }
        let txid = checked.txids[index];
        for (output, vout) in tx.outputs.iter().zip(0..) {
            if is_unspendable(output.script_pubkey.as_bytes()) {
                continue;
            }
            let outpoint = OutPoint { txid, vout };
            let coin = Coin { output: output.clone(), height: self.height, coinbase: index == 0 };
            self.slots.insert(outpoint, Slot::Made(self.created.len()));
            self.created.push(Some((outpoint, coin)));
        }
        Ok(())
    }

    /// Takes a coin made in this block or before it.
    fn take(&mut self, outpoint: &OutPoint) -> Result<Option<Coin>, E> {
        let coin = match self.slots.get(outpoint) {
            Some(Slot::Spent) => return Ok(None),
            Some(Slot::Made(place)) => self.created[*place].take().map(|(_, coin)| coin),
            None => match self.coins.coin(outpoint)? {
                Some(coin) => {
                    self.taken.push(*outpoint);
                    Some(coin)
                }
                None => return Ok(None),
            },
        };
        self.slots.insert(*outpoint, Slot::Spent);
        Ok(coin)
    }

    fn amounts(&mut self, index: usize, tx: &Transaction, first: usize) -> Result<(), RuleError> {
        let coins = self.spent.outputs[first..].iter().zip(&self.spent.origins[first..]);
        let coins = coins.map(|(output, &(made, coinbase))| (output, made, coinbase));
        let fee = check_amounts(index, tx, coins, self.height)?;
        self.fees = self.fees.add_money(fee).ok_or(RuleError::FeeSumTooLarge { index })?;
        Ok(())
    }

    fn is_sequence_locked(&self, tx: &Transaction, first: usize) -> bool {
        let made = self.spent.origins[first..].iter().map(|(made, _)| *made);
        is_sequence_locked(tx, made, self.context.branch, self.context.params)
    }
}

/// The limit of signature operations outside of witnesses, where BIP54 holds.
pub fn check_legacy_sigops(
    index: usize,
    tx: &Transaction,
    spent: &[TxOut],
    height: Height,
    params: &NetworkParams,
) -> Result<(), RuleError> {
    if params.cleanup_at(height).is_none() {
        return Ok(());
    }
    let (count, limit) = (sigops::legacy_run(tx, spent), MAX_TX_LEGACY_SIGOPS);
    if count > limit {
        return Err(RuleError::TooManyLegacySigops { index, count, limit });
    }
    Ok(())
}

/// Maturity and amounts (Core's `CheckTxInputs`) of a transaction that stands at `index` of a block
/// of that height; `coins` are what it spends, with height and whether a coinbase made them. The
/// result is the fee.
pub fn check_amounts<'a>(
    index: usize,
    tx: &Transaction,
    coins: impl Iterator<Item = (&'a TxOut, Height, bool)>,
    height: Height,
) -> Result<Amount, RuleError> {
    let mut spent = Amount::ZERO;
    for (output, made, coinbase) in coins {
        if coinbase && height.0 - made.0 < COINBASE_MATURITY {
            return Err(RuleError::ImmatureCoinbase { index, made, height });
        }
        spent = Some(output.value)
            .filter(|value| value.is_money())
            .and_then(|value| spent.add_money(value))
            .ok_or(RuleError::InputSumTooLarge { index })?;
    }
    let paid = output_sum(tx).unwrap_or(Amount(i64::MAX));
    if paid > spent {
        return Err(RuleError::SpendsMoreThanItHas { index, spent, paid });
    }
    Ok(Amount(spent.0 - paid.0))
}

/// Whether the spent outputs are too young for the sequence numbers (BIP68) in a block on `branch`;
/// `made` are their heights.
pub fn is_sequence_locked(
    tx: &Transaction,
    made: impl Iterator<Item = Height>,
    branch: &dyn Branch,
    params: &NetworkParams,
) -> bool {
    let height = branch.height().next();
    if tx.version < 2 || height.0 < params.forks.csv {
        return false;
    }
    tx.inputs.iter().zip(made).any(|(input, made)| {
        let (sequence, amount) = (input.sequence, input.sequence & SEQUENCE_MASK);
        if sequence & SEQUENCE_DISABLE != 0 {
            false
        } else if sequence & SEQUENCE_IS_TIME == 0 {
            made.0 + amount > height.0
        } else {
            // From the median time before the block that made the coin.
            let before = made.0.saturating_sub(1).min(branch.height().0);
            let from = u64::from(branch.median_time_at(Height(before)));
            let until = from + (u64::from(amount) << SEQUENCE_TIME_SHIFT);
            until > u64::from(branch.median_time_at(branch.height()))
        }
    })
}
