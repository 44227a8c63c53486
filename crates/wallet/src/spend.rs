//! From coins and wishes to a transaction: selection, fee, change, replacement, and the PSBT that
//! carries it to its signers.

use super::book::{Book, BookError};
use super::descriptor::{Derived, Descriptor};
use super::keys::{KeyError, KeyOrigin, Master};
use super::psbt::fields::{input, output};
use super::psbt::sign::Signer;
use super::psbt::{Psbt, bare_input, key};
use super::select::{Target, fewest, select};
use crypto::entropy::{Entropy, EntropyError, random_below};
use crypto::sign::PrivateKey;
use primitives::amount::Amount;
use primitives::codec::{Encode, compact_size_len};
use primitives::fee::{
    COINBASE_MATURITY, DUST_RELAY_RATE, FeeRate, MAX_STANDARD_WEIGHT, WITNESS_SCALE, Weight,
};
use primitives::id::Txid;
use primitives::script::Script;
use primitives::tx::{OutPoint, Transaction, TxOut};
use script::instruction::witness_program;
use script::template::is_unspendable;

/// What a replacement pays on top for its own bytes; Core's default before 30, so that older peers
/// take it, too.
const REPLACEMENT_RATE: FeeRate = FeeRate { per_kvb: 1000 };
/// A fee above this share of the payment, in percent, is held for a slip.
const MOST_PERCENT: i64 = 10;
/// So is a fee above this.
pub const MOST_FEE: Amount = Amount(10_000_000);
/// Signals that the transaction may be replaced (BIP125).
pub const REPLACEABLE: u32 = 0xffff_fffd;
/// Most indices that are passed over in looking for a change output.
const MAX_PASSED_OVER: usize = 100;
/// Most outputs of one payment.
pub const MAX_RECIPIENTS: usize = 2500;

/// Why there is no transaction.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpendError {
    #[error("{amount} to output {index} is dust: the least that the network relays is {least}")]
    Dust { index: usize, amount: Amount, least: Amount },
    #[error("there is nobody to pay")]
    Nobody,
    #[error("over {MAX_RECIPIENTS} outputs are too many for one transaction")]
    TooMany,
    #[error(
        "{wanted} and a fee of {fee} are more than the {have} that can be spent now{}",
        hint(*.waiting)
    )]
    TooLittle { wanted: Amount, fee: Amount, have: Amount, waiting: Amount },
    #[error("the payment would weigh {0}, over the 400,000 that the network relays: send less")]
    TooHeavy(Weight),
    #[error("the amounts are more than can exist")]
    Amounts,
    #[error("the wallet has no account that can take change")]
    NoChange,
    #[error("the coin {outpoint} can't be proven: {why}")]
    Unproven { outpoint: OutPoint, why: &'static str },
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Book(#[from] BookError),
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

fn hint(waiting: Amount) -> String {
    match waiting {
        Amount::ZERO => String::new(),
        more => format!(" ({more} more is locked, immature or unconfirmed)"),
    }
}

/// An unspent output of the wallet, and where its keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coin {
    pub outpoint: OutPoint,
    pub output: TxOut,
    /// None while unconfirmed.
    pub height: Option<u32>,
    pub coinbase: bool,
    pub account: usize,
    pub branch: usize,
    pub index: u32,
}

impl Coin {
    /// The next block may spend it.
    pub fn is_mature(&self, tip: u32) -> bool {
        !self.coinbase || self.height.is_some_and(|h| tip + 1 >= h + COINBASE_MATURITY)
    }
}

/// What is wanted.
#[derive(Debug, Clone, Default)]
pub struct Order {
    pub recipients: Vec<TxOut>,
    pub rate: FeeRate,
    /// All coins go to the one recipient, whose amount is what is left after the fee.
    pub sweep: bool,
    /// Coins that must be spent, before any are chosen.
    pub must: Vec<Coin>,
    /// Fee on top of the rate: what parents lack (CPFP).
    pub extra_fee: Amount,
    /// Fee of what is replaced; the new one pays more by what its own relay costs (BIP125).
    pub replaced_fee: Option<Amount>,
    pub lock_time: u32,
    /// Sequence of inputs; `None` signals replacement.
    pub sequence: Option<u32>,
    /// Where change goes: an account.
    pub change_account: usize,
    /// Coins that are ours but can't be spent now, for the error alone.
    pub waiting: Amount,
}

/// A transaction to be, with what it spends.
#[derive(Debug, Clone)]
pub struct Plan {
    pub tx: Transaction,
    /// In the order of the inputs.
    pub coins: Vec<Coin>,
    pub fee: Amount,
    /// Which output is change, at which index of which account.
    pub change: Option<(u32, usize, u32)>,
    /// All goes to one payee, less the fee.
    pub sweep: bool,
    /// Virtual bytes at most.
    pub vsize: usize,
}

impl Plan {
    /// What is paid to others.
    pub fn paid(&self) -> Amount {
        let change = self.change.map(|(vout, ..)| vout as usize);
        let others = self.tx.outputs.iter().enumerate().filter(|(at, _)| Some(*at) != change);
        others.map(|(_, output)| output.value).sum()
    }

    /// Why the fee looks like a slip.
    pub fn fee_slip(&self) -> Option<String> {
        let paid = self.paid();
        if self.fee > MOST_FEE {
            return Some(format!("the fee of {} is over the cap of {MOST_FEE}", self.fee));
        }
        // Who pays nobody, as to put data on the chain, pays the fee alone.
        if paid == Amount::ZERO {
            return None;
        }
        let share = i128::from(paid.0) * i128::from(MOST_PERCENT) / 100;
        (i128::from(self.fee.0) > share)
            .then(|| format!("the fee of {} is over {MOST_PERCENT} % of the {paid} paid", self.fee))
    }
}

/// The least that an output may hold to be relayed (Core's `GetDustThreshold`).
pub fn dust_limit(script: &Script) -> Amount {
    if is_unspendable(script.as_bytes()) {
        return Amount::ZERO;
    }
    let is_witness = witness_program(script.as_bytes()).is_some();
    DUST_RELAY_RATE.dust_threshold(8 + script.encoded_len(), is_witness)
}

/// The fee at a rate for a weight, by whole virtual bytes.
fn fee_of(rate: FeeRate, weight: Weight) -> Amount {
    rate.fee(weight.vsize())
}

fn sum(coins: &[Coin]) -> Amount {
    coins.iter().map(|coin| coin.output.value).sum()
}

/// Plans a transaction over `coins`, those that may be spent.
pub fn plan(
    book: &Book,
    coins: &[Coin],
    order: &Order,
    entropy: &mut dyn Entropy,
) -> Result<Plan, SpendError> {
    if order.recipients.is_empty() {
        return Err(SpendError::Nobody);
    }
    if order.recipients.len() > MAX_RECIPIENTS {
        return Err(SpendError::TooMany);
    }
    let mut wanted = Amount::ZERO;
    for (index, output) in order.recipients.iter().enumerate() {
        let least = dust_limit(&output.script_pubkey);
        if !order.sweep && output.value < least {
            return Err(SpendError::Dust { index, amount: output.value, least });
        }
        wanted = wanted.add_money(output.value).ok_or(SpendError::Amounts)?;
    }
    // All that is swept goes to the recipient.
    let change = match order.sweep {
        true => (Script::default(), 0),
        false => change_output(book, order.change_account)?,
    };
    let weigh =
        |chosen: &[Coin], with_change: bool| weight(book, order, chosen, &change.0, with_change);
    let fee_for = |weight: Weight| {
        let own = fee_of(REPLACEMENT_RATE, weight);
        let least = order.replaced_fee.map_or(Amount::ZERO, |old| old.saturating_add(own));
        least.max(fee_of(order.rate, weight).saturating_add(order.extra_fee))
    };
    let left: Vec<&Coin> =
        coins.iter().filter(|c| !order.must.iter().any(|m| m.outpoint == c.outpoint)).collect();
    let have = sum(&order.must).saturating_add(left.iter().map(|coin| coin.output.value).sum());
    let too_little =
        |fee: Amount| SpendError::TooLittle { wanted, fee, have, waiting: order.waiting };
    let cost =
        |coin: &Coin| fee_of(order.rate, book.accounts[coin.account].descriptor.input_weight());
    let mut chosen = order.must.clone();
    if order.sweep {
        chosen.extend(left.iter().filter(|c| c.output.value > cost(c)).map(|c| (*c).clone()));
        let weight = weigh(&chosen, false);
        let fee = fee_for(weight);
        let rest = sum(&chosen).saturating_sub(fee);
        let mut recipients = order.recipients.clone();
        recipients[0].value = rest;
        if chosen.is_empty() || rest < dust_limit(&recipients[0].script_pubkey) {
            return Err(too_little(fee));
        }
        return finish(chosen, recipients, fee, None, weight, order, entropy);
    }
    let change_weight = Weight(weigh(&[], true).0 - weigh(&[], false).0);
    let change_cost = fee_of(order.rate, change_weight);
    let spend_later = cost_of_account(book, order);
    let least_change = dust_limit(&change.0).max(spend_later);
    let values: Vec<Amount> =
        left.iter().map(|coin| coin.output.value.saturating_sub(cost(coin))).collect();
    let mut short = Amount::ZERO;
    loop {
        let missing = wanted
            .saturating_add(fee_for(weigh(&order.must, false)))
            .saturating_sub(sum(&order.must))
            .saturating_add(short);
        let mut chosen = order.must.clone();
        if missing > Amount::ZERO {
            let target = Target {
                amount: missing,
                tolerance: change_cost.saturating_add(spend_later),
                change: change_cost.saturating_add(least_change),
            };
            let found = select(&values, target, entropy)?;
            let found = found.ok_or_else(|| too_little(fee_for(weigh(&chosen, false))))?;
            chosen.extend(found.iter().map(|at| left[*at].clone()));
            if weigh(&chosen, true) > MAX_STANDARD_WEIGHT {
                chosen = order.must.clone();
                chosen.extend(fewest(&values, target).iter().map(|at| left[*at].clone()));
            }
        }
        let weight = weigh(&chosen, false);
        let fee = fee_for(weight);
        let over = sum(&chosen).saturating_sub(wanted);
        let rest = over.saturating_sub(fee);
        if rest < Amount::ZERO {
            // Rounding, or a fee that grows with what was chosen.
            short = short.saturating_sub(rest);
            continue;
        }
        let with_change = weigh(&chosen, true);
        let value = over.saturating_sub(fee_for(with_change));
        let recipients = order.recipients.clone();
        if value >= least_change {
            let output = TxOut { value, script_pubkey: change.0.clone() };
            let (fee, change) = (fee_for(with_change), Some((output, order, change.1)));
            return finish(chosen, recipients, fee, change, with_change, order, entropy);
        }
        return finish(chosen, recipients, over, None, weight, order, entropy);
    }
}

/// What spending a change output of the account will cost, at no more than the rate of dust.
fn cost_of_account(book: &Book, order: &Order) -> Amount {
    let descriptor = &book.accounts[order.change_account].descriptor;
    fee_of(order.rate.min(DUST_RELAY_RATE), descriptor.input_weight())
}

/// Script and index of the next change output of an account.
fn change_output(book: &Book, account: usize) -> Result<(Script, u32), SpendError> {
    let account = book.accounts.get(account).ok_or(SpendError::NoChange)?;
    if !account.descriptor.has_change() || !account.descriptor.is_ranged() {
        return Err(SpendError::NoChange);
    }
    // An index at which one signer would fill two seats is passed over.
    let prepared = account.descriptor.prepare(1)?;
    for index in (account.next[1]..).take(MAX_PASSED_OVER) {
        let derived = prepared.at(index)?;
        if !derived.repeats_key() {
            return Ok((derived.script_pubkey, index));
        }
    }
    Err(SpendError::NoChange)
}

fn weight(
    book: &Book,
    order: &Order,
    chosen: &[Coin],
    change: &Script,
    with_change: bool,
) -> Weight {
    let outputs = order.recipients.len() + usize::from(with_change);
    let mut base = 8 + compact_size_len(chosen.len()) + compact_size_len(outputs);
    base += order.recipients.iter().map(|o| 8 + o.script_pubkey.encoded_len()).sum::<usize>();
    base += if with_change { 8 + change.encoded_len() } else { 0 };
    let inputs = chosen.iter().map(|c| book.accounts[c.account].descriptor.input_weight().0);
    Weight(base * WITNESS_SCALE + 2 + inputs.sum::<usize>())
}

fn finish(
    mut coins: Vec<Coin>,
    mut outputs: Vec<TxOut>,
    fee: Amount,
    change: Option<(TxOut, &Order, u32)>,
    weight: Weight,
    order: &Order,
    entropy: &mut dyn Entropy,
) -> Result<Plan, SpendError> {
    if weight > MAX_STANDARD_WEIGHT {
        return Err(SpendError::TooHeavy(weight));
    }
    // By outpoint, so that their order says nothing; change goes to any place.
    coins.sort_by_key(|coin| coin.outpoint);
    let mut place = None;
    if let Some((output, order, index)) = change {
        let vout = random_below(entropy, outputs.len() as u64 + 1)?;
        outputs.insert(vout as usize, output);
        place = Some((vout as u32, order.change_account, index));
    }
    let sequence = order.sequence.unwrap_or(REPLACEABLE);
    let inputs = coins.iter().map(|coin| bare_input(coin.outpoint, sequence)).collect();
    let tx = Transaction { version: 2, inputs, outputs, lock_time: order.lock_time };
    Ok(Plan { tx, coins, fee, change: place, sweep: order.sweep, vsize: weight.vsize() })
}

/// The transaction that made a coin is the one that the coin names, and says the same of it.
fn prove(coin: &Coin, previous: Option<&Transaction>) -> Result<(), SpendError> {
    let outpoint = coin.outpoint;
    let unproven = |why| Err(SpendError::Unproven { outpoint, why });
    let Some(tx) = previous else { return unproven("the transaction that made it is not known") };
    if tx.txid() != outpoint.txid {
        return unproven("another transaction was given for the one that made it");
    }
    match tx.outputs.get(outpoint.vout as usize) {
        None => unproven("the transaction that made it has no such output"),
        Some(output) if *output != coin.output => {
            unproven("the transaction that made it has another amount or script there")
        }
        Some(_) => Ok(()),
    }
}

/// The PSBT of a plan, with all that its signers need. `previous` finds transactions: each input
/// but taproot's carries the one that made its coin, as only that proves the amount to a signer
/// (a signature of a taproot input covers the amounts of all inputs).
pub fn psbt_of(
    book: &Book,
    plan: &Plan,
    mut previous: impl FnMut(&Txid) -> Option<Transaction>,
) -> Result<Psbt, SpendError> {
    let mut psbt = Psbt::new(plan.tx.clone());
    for (at, coin) in plan.coins.iter().enumerate() {
        let descriptor = &book.accounts[coin.account].descriptor;
        let derived = descriptor.derive(coin.branch, coin.index)?;
        if !matches!(descriptor, Descriptor::Tr(_)) {
            let tx = previous(&coin.outpoint.txid);
            prove(coin, tx.as_ref())?;
            tx.iter().for_each(|tx| psbt.put_input(at, input::NON_WITNESS_UTXO, tx.to_bytes()));
        }
        if !descriptor.is_legacy() {
            psbt.put_witness_utxo(at, &coin.output);
        }
        put_scripts(&mut psbt.inputs[at], &derived, INPUT_KINDS);
        if let Descriptor::Vault(vault) = descriptor
            && let Some(hash) = vault.hash()
            && let Some(secret) = book.secret_of(hash)
        {
            psbt.inputs[at].insert(key(input::SHA256, hash), secret.to_vec());
        }
    }
    if let Some((vout, account, index)) = plan.change {
        let derived = book.accounts[account].descriptor.derive(1, index)?;
        put_scripts(&mut psbt.outputs[vout as usize], &derived, OUTPUT_KINDS);
    }
    Ok(psbt)
}

/// Redeem script, witness script, derivation, internal key, derivation of taproot keys.
type Kinds = [u8; 5];
const INPUT_KINDS: Kinds = [
    input::REDEEM_SCRIPT,
    input::WITNESS_SCRIPT,
    input::BIP32_DERIVATION,
    input::TAP_INTERNAL_KEY,
    input::TAP_BIP32_DERIVATION,
];
const OUTPUT_KINDS: Kinds = [
    output::REDEEM_SCRIPT,
    output::WITNESS_SCRIPT,
    output::BIP32_DERIVATION,
    output::TAP_INTERNAL_KEY,
    output::TAP_BIP32_DERIVATION,
];

fn put_scripts(map: &mut super::psbt::Map, derived: &Derived, kinds: Kinds) {
    if let Some(script) = &derived.redeem {
        map.insert(vec![kinds[0]], script.0.clone());
    }
    if let Some(script) = &derived.witness_script {
        map.insert(vec![kinds[1]], script.0.clone());
    }
    match derived.internal_key {
        None => {
            for told in &derived.keys {
                map.insert(key(kinds[2], &told.key), told.origin.to_bytes());
            }
        }
        Some(internal) => {
            map.insert(vec![kinds[3]], internal.to_vec());
            for told in &derived.keys {
                // No leaves: the key signs on the key path.
                let value = [&[0][..], &told.origin.to_bytes()].concat();
                map.insert(key(kinds[4], &told.key[1..]), value);
            }
        }
    }
}

/// A wallet's keys as a PSBT's signer.
pub struct MasterSigner<'a>(pub &'a Master);

impl Signer for MasterSigner<'_> {
    fn key(&self, origin: Option<&KeyOrigin>, _public: &[u8]) -> Option<PrivateKey> {
        self.0.key_of(origin?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::descriptor::{KeyExpr, Wrap, multisig};
    use crate::vault::{Lock, VaultScript};
    use crypto::entropy::SeededEntropy;
    use primitives::network::REGTEST;

    fn book(n: u8) -> Book {
        Book::generate(&REGTEST, &mut SeededEntropy::new([n; 32])).expect("a wallet")
    }

    /// The transaction that made an output.
    fn made(output: &TxOut) -> Transaction {
        let inputs = vec![bare_input(OutPoint { txid: Txid([9; 32]), vout: 1 }, REPLACEABLE)];
        Transaction { version: 2, inputs, outputs: vec![output.clone()], lock_time: 0 }
    }

    fn psbt(book: &Book, plan: &Plan) -> Psbt {
        let all: Vec<Transaction> = plan.coins.iter().map(|coin| made(&coin.output)).collect();
        let find = |txid: &Txid| all.iter().find(|tx| tx.txid() == *txid).cloned();
        psbt_of(book, plan, find).expect("a PSBT")
    }

    fn coin(book: &Book, account: usize, index: u32, value: i64) -> Coin {
        let derived = book.accounts[account].descriptor.derive(0, index).expect("derived");
        let output = TxOut { value: Amount(value), script_pubkey: derived.script_pubkey };
        Coin {
            outpoint: OutPoint { txid: made(&output).txid(), vout: 0 },
            output,
            height: Some(1),
            coinbase: false,
            account,
            branch: 0,
            index,
        }
    }

    fn pay(value: i64) -> Order {
        let script_pubkey = Script([&[0, 20][..], &[7; 20]].concat());
        let recipients = vec![TxOut { value: Amount(value), script_pubkey }];
        Order { recipients, rate: FeeRate { per_kvb: 2000 }, ..Order::default() }
    }

    fn signed(book: &Book, plan: &Plan, signers: &[&Book]) -> Transaction {
        let mut psbt = psbt(book, plan);
        for signer in signers {
            psbt.sign(&MasterSigner(&signer.master().expect("keys")), &[3; 32]).expect("signed");
        }
        psbt.finalize().expect("finished");
        psbt.verified().expect("the engine accepts it")
    }

    #[test]
    fn payments_are_signed_and_cost_what_they_should() {
        let mut entropy = SeededEntropy::new([9; 32]);
        for account in [0, 1] {
            let book = book(1);
            let coins: Vec<Coin> =
                (0..6).map(|i| coin(&book, account, i, 50_000 + i64::from(i))).collect();
            let order = Order { change_account: account, ..pay(120_000) };
            let plan = plan(&book, &coins, &order, &mut entropy).expect("planned");
            let spent: i64 = plan.coins.iter().map(|c| c.output.value.0).sum();
            let paid: i64 = plan.tx.outputs.iter().map(|o| o.value.0).sum();
            assert_eq!(plan.fee.0, spent - paid);
            let tx = signed(&book, &plan, &[&book]);
            // The estimate is the truth, or a little over it.
            let over = plan.vsize - tx.vsize();
            assert!(over <= plan.coins.len(), "{over}");
            assert!(plan.fee >= fee_of(order.rate, tx.weight()));
            assert!(plan.change.is_some() && plan.fee_slip().is_none());
        }
    }

    #[test]
    fn a_large_coin_pays_where_many_small_ones_would_weigh_too_much() {
        let mut entropy = SeededEntropy::new([9; 32]);
        let book = book(1);
        let mut coins: Vec<Coin> = vec![coin(&book, 0, 0, 1_000_000)];
        for vout in 1..3000 {
            let mut small = coins[0].clone();
            small.outpoint.vout = vout;
            small.output.value = Amount(400);
            coins.push(small);
        }
        let order = Order { rate: FeeRate { per_kvb: 1000 }, ..pay(900_000) };
        let plan = plan(&book, &coins, &order, &mut entropy).expect("planned");
        assert!(plan.vsize < 100_000, "{}", plan.vsize);
    }

    #[test]
    fn slips_are_told() {
        let mut entropy = SeededEntropy::new([9; 32]);
        let book = book(1);
        let coins = [coin(&book, 0, 0, 100_000)];
        let mut try_order = |order: Order| plan(&book, &coins, &order, &mut entropy);
        assert!(matches!(try_order(pay(100)), Err(SpendError::Dust { least: Amount(294), .. })));
        assert!(matches!(try_order(pay(100_000)), Err(SpendError::TooLittle { .. })));
        assert_eq!(try_order(Order::default()).expect_err("nobody"), SpendError::Nobody);
        let dear = try_order(Order { rate: FeeRate { per_kvb: 100_000 }, ..pay(50_000) })
            .expect("planned");
        assert!(dear.fee_slip().expect("a slip").contains("10 %"));
        let swept = try_order(Order { sweep: true, ..pay(0) }).expect("planned");
        assert_eq!(swept.tx.outputs[0].value.0 + swept.fee.0, 100_000);
        let replaced =
            Order { replaced_fee: Some(Amount(5000)), must: coins.to_vec(), ..pay(50_000) };
        assert!(try_order(replaced).expect("planned").fee.0 > 5000);
    }

    #[test]
    fn multisigs_of_every_kind_and_vaults_pass_the_engine() {
        let mut entropy = SeededEntropy::new([9; 32]);
        let signers: Vec<Book> = (1..=5).map(book).collect();
        for (wrap, required) in [(Wrap::Wsh, 3), (Wrap::ShWsh, 2), (Wrap::Wsh, 1)] {
            let keys: Vec<KeyExpr> = signers.iter().map(|s| s.cosigner().expect("a key")).collect();
            let descriptor = multisig(wrap, true, required, keys).expect("a multisig");
            let mut watch = Book::watch_only(&REGTEST);
            let account = watch.add_account("treasury", descriptor).expect("added");
            let coins = [coin(&watch, account, 0, 100_000)];
            let order = Order { change_account: account, ..pay(40_000) };
            let plan = plan(&watch, &coins, &order, &mut entropy).expect("planned");
            let mixed: Vec<&Book> = [4, 0, 2][..required].iter().map(|at| &signers[*at]).collect();
            let tx = signed(&watch, &plan, &mixed);
            assert!(plan.vsize >= tx.vsize() && plan.vsize - tx.vsize() < 8);
        }
        let mut owner = book(1);
        let master = owner.master().expect("keys");
        let path = crate::keys::parse_path("84h/1h/0h/0/7").expect("a path");
        let public = master.private_key(&path).expect("a key").public_key();
        let origin = KeyOrigin { fingerprint: master.fingerprint(), path };
        let own = KeyExpr::single(origin, public);
        owner.add_secret([8; 32]);
        let hash = crypto::hash::sha256(&[8; 32]);
        for (vault, lock_time, sequence) in [
            (VaultScript::Timed { key: own.clone(), lock: Lock::Until(500) }, 500, 0xffff_fffd),
            (VaultScript::Timed { key: own.clone(), lock: Lock::For(10) }, 0, 10),
            (
                VaultScript::Hashed {
                    claim: own.clone(),
                    hash,
                    refund: own.clone(),
                    lock: Lock::Until(500),
                },
                0,
                0xffff_fffd,
            ),
        ] {
            let mut owner_now = book(1);
            owner_now.add_secret([8; 32]);
            let descriptor = Descriptor::Vault(Box::new(vault));
            let account = owner_now.add_account("vault", descriptor).expect("added");
            let coins = [coin(&owner_now, account, 0, 100_000)];
            let sequence = Some(sequence);
            let order = Order { sweep: true, lock_time, sequence, ..pay(0) };
            let plan = plan(&owner_now, &coins, &order, &mut entropy).expect("planned");
            signed(&owner_now, &plan, &[&owner_now]);
        }
    }

    /// Fault 3 at its root: no PSBT leaves here that leaves an amount to be believed.
    #[test]
    fn a_coin_is_proven_by_the_transaction_that_made_it() {
        let mut entropy = SeededEntropy::new([9; 32]);
        for account in [0, 1] {
            let book = book(1);
            let coins = [coin(&book, account, 0, 100_000)];
            let order = Order { change_account: account, ..pay(40_000) };
            let plan = plan(&book, &coins, &order, &mut entropy).expect("planned");
            let right = made(&coins[0].output);
            let mut less = coins[0].output.clone();
            less.value = Amount(50_000);
            let mut other_amount = plan.clone();
            other_amount.coins[0].output.value = Amount(50_000);
            let mut other_place = plan.clone();
            other_place.coins[0].outpoint.vout = 1;
            for (what, plan, previous) in [
                ("absent", &plan, None),
                ("another transaction", &plan, Some(made(&less))),
                ("another amount", &other_amount, Some(right.clone())),
                ("no such output", &other_place, Some(right.clone())),
            ] {
                let psbt = psbt_of(&book, plan, |_| previous.clone());
                // The signature of a taproot input covers the amounts.
                assert_eq!(psbt.is_err(), account == 0, "{what}");
            }
            let psbt = psbt_of(&book, &plan, |_| Some(right.clone())).expect("proven");
            let carried = psbt.inputs[0].contains_key(&[input::NON_WITNESS_UTXO][..]);
            assert_eq!(carried, account == 0);
            assert!(psbt.inputs[0].contains_key(&[input::WITNESS_UTXO][..]));
        }
    }

    #[test]
    fn two_of_five_and_altered_payments_are_refused() {
        let mut entropy = SeededEntropy::new([9; 32]);
        let signers: Vec<Book> = (1..=5).map(book).collect();
        let keys: Vec<KeyExpr> = signers.iter().map(|s| s.cosigner().expect("a key")).collect();
        let mut watch = Book::watch_only(&REGTEST);
        let descriptor = multisig(Wrap::Wsh, true, 3, keys).expect("a multisig");
        let account = watch.add_account("treasury", descriptor).expect("added");
        let coins = [coin(&watch, account, 0, 100_000)];
        let order = Order { change_account: account, ..pay(40_000) };
        let plan = plan(&watch, &coins, &order, &mut entropy).expect("planned");
        let mut psbt = psbt(&watch, &plan);
        for signer in &signers[..2] {
            let master = signer.master().expect("keys");
            assert_eq!(psbt.sign(&MasterSigner(&master), &[3; 32]), Ok(1));
        }
        let error = psbt.clone().finalize().expect_err("two of five");
        assert!(error.to_string().contains("2 of 3"), "{error}");
        // Somebody raises a payment after two have signed.
        psbt.tx.outputs[0].value.0 += 1;
        let third = signers[2].master().expect("keys");
        let error = psbt.sign(&MasterSigner(&third), &[3; 32]).expect_err("altered");
        assert!(error.to_string().contains("altered"), "{error}");
    }
}
