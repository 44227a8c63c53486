//! What a PSBT does, proven, before anything signs it. Nothing is believed that the previous
//! transactions or the wallet's own policies do not show: amounts, whose each input and output is,
//! fee, and whose signatures are in it.
//!
//! Signing from outside of this crate goes through `Verdict::sign` alone: keys of the wallet, of a
//! token and of scripts are asked only for what was judged here and not refused.

mod inputs;
mod owner;
mod show;
#[cfg(test)]
mod tests;

pub use self::owner::{Owner, Place};

use self::owner::Policies;
use crate::book::Book;
use crate::keys::KeyOrigin;
use crate::psbt::fields::global;
use crate::psbt::sign::Signer;
use crate::psbt::{Psbt, PsbtError};
use crate::spend::MOST_FEE;
use primitives::amount::Amount;
use primitives::fee::{FeeRate, WITNESS_SCALE, Weight};
use primitives::script::Script;
use primitives::tx::{OutPoint, TxOut};

/// A fee above this share of what moves, in percent, is held for a slip.
const MOST_PERCENT: i64 = 10;
/// Sequences below signal that the transaction may be replaced (BIP125).
const LEAST_FINAL: u32 = 0xffff_fffe;

/// Why nothing is signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error(
        "the PSBT is foreign: none of its inputs is this wallet's, so there is nothing to sign"
    )]
    Foreign,
    #[error(
        "input {input} is of a policy that this wallet has not registered, so neither its members \
         nor its change can be verified: register it first (`multisig-treasury KEYS` or `watch \
         DESCRIPTOR`)"
    )]
    Unregistered { input: usize },
    #[error(
        "the amount of input {input} is not proven: the PSBT must carry the transaction that made \
         its coin (the field non_witness_utxo), else the fee could be a lie"
    )]
    Unproven { input: usize },
    #[error("the PSBT was altered: {0}")]
    Altered(String),
    #[error(
        "the PSBT was altered: output {output} says it is ours, but no policy of this wallet has \
         that script there"
    )]
    FalseChange { output: usize },
    #[error("input {input} has a signature of {key}, a key that its script does not ask for")]
    ExtraSignature { input: usize, key: String },
    #[error(
        "input {input} has a signature of type {kind}, which leaves parts of the transaction open \
         to others: only ALL is taken"
    )]
    Sighash { input: usize, kind: String },
    #[error("input {input} asks for a signature of type {kind}: only ALL is made")]
    SighashAsked { input: usize, kind: String },
    #[error("one key stands twice in the script of input {input}: one signer would fill two seats")]
    RepeatedKey { input: usize },
    #[error("{place} is of another network than this wallet")]
    OtherNetwork { place: String },
    #[error("input {input} is finished, but its script refuses the spend: {why}")]
    ScriptRefuses { input: usize, why: String },
}

/// What proves the amount of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// The transaction that made the coin, by its id.
    PreviousTransaction,
    /// A signature of a taproot input covers the amounts of all inputs (BIP341).
    Taproot,
}

/// One who can sign an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seat {
    pub key: Vec<u8>,
    /// By the policy where the input is of one, else as the PSBT has it.
    pub origin: Option<KeyOrigin>,
    /// Hash type of the signature, which was verified.
    pub signed: Option<u8>,
}

/// An input as it was found to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputView {
    pub outpoint: OutPoint,
    pub output: TxOut,
    pub proof: Option<Proof>,
    pub owner: Owner,
    pub seats: Vec<Seat>,
    /// Signatures that it needs.
    pub required: usize,
    pub is_final: bool,
    pub sequence: u32,
    /// Hash types of the signatures in it, of a finished input as well.
    pub sighashes: Vec<u8>,
}

impl InputView {
    /// Seats that have signed: distinct keys with verified signatures.
    pub fn signed(&self) -> usize {
        self.seats.iter().filter(|seat| seat.signed.is_some()).count()
    }

    pub fn is_complete(&self) -> bool {
        self.is_final || self.signed() >= self.required
    }
}

/// An output as it was found to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputView {
    pub output: TxOut,
    pub owner: Owner,
}

/// What is accepted on top of the usual, because somebody said so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Leave {
    /// Signatures that leave parts of the transaction open to others.
    pub any_sighash: bool,
}

/// What a PSBT does.
#[derive(Debug)]
pub struct Verdict {
    psbt: Psbt,
    pub inputs: Vec<InputView>,
    pub outputs: Vec<OutputView>,
    pub fee: Amount,
    /// Virtual bytes at most, once it is signed.
    pub vsize: usize,
    /// Why nothing will be signed; empty when all is well.
    pub refusals: Vec<Refusal>,
}

/// Looks a script up among those that were derived from the wallet's accounts before.
pub type FindPlace<'a> = &'a dyn Fn(&Script) -> Option<Place>;

/// Judges a PSBT. An error means that it can't be understood at all.
pub fn judge(
    book: &Book,
    psbt: Psbt,
    find: FindPlace<'_>,
    leave: Leave,
) -> Result<Verdict, PsbtError> {
    let utxos = psbt.utxos()?;
    let fee = psbt.fee_of(&utxos)?;
    let signatures = psbt.verified_signatures(&utxos)?;
    let mut policies = Policies::new(book, find)?;
    let mut refusals = Vec::new();
    check_network(&psbt, book, &mut refusals);
    let mut inputs = Vec::with_capacity(utxos.len());
    let mut weight = psbt.tx.base_size() * WITNESS_SCALE + 2;
    for (at, (utxo, signed)) in utxos.into_iter().zip(signatures).enumerate() {
        let (view, extra) =
            inputs::view(&psbt, at, utxo, signed, &mut policies, leave, &mut refusals)?;
        weight += extra;
        inputs.push(view);
    }
    inputs::check_final(&psbt, &inputs, &mut refusals);
    let mut outputs = Vec::with_capacity(psbt.tx.outputs.len());
    for (at, output) in psbt.tx.outputs.iter().enumerate() {
        let told = psbt.output_origins(at);
        let claim = policies.owner(&output.script_pubkey, &told)?;
        if claim.is_false() {
            refusals.push(Refusal::FalseChange { output: at });
        }
        if claim.other_network {
            refusals.push(Refusal::OtherNetwork { place: format!("a key of output {at}") });
        }
        outputs.push(OutputView { output: output.clone(), owner: claim.owner });
    }
    if inputs.iter().all(|input| input.owner == Owner::Foreign) && refusals.is_empty() {
        refusals.push(Refusal::Foreign);
    }
    let vsize = Weight(weight).vsize();
    Ok(Verdict { psbt, inputs, outputs, fee, vsize, refusals })
}

/// Extended keys of the PSBT are of the wallet's network.
fn check_network(psbt: &Psbt, book: &Book, refusals: &mut Vec<Refusal>) {
    let wanted = book.params.address.extended_public;
    let foreign = |key: &[u8]| key.first_chunk::<4>().is_some_and(|version| *version != wanted);
    if Psbt::entries(&psbt.global, global::XPUB).any(|(key, _)| foreign(key)) {
        refusals.push(Refusal::OtherNetwork { place: "an extended key of the PSBT".to_owned() });
    }
}

impl Verdict {
    pub fn psbt(&self) -> &Psbt {
        &self.psbt
    }

    /// Nothing speaks against signing; the operator still decides.
    pub fn is_approved(&self) -> bool {
        self.refusals.is_empty()
    }

    /// Every input has the signatures that it needs.
    pub fn is_complete(&self) -> bool {
        self.inputs.iter().all(InputView::is_complete)
    }

    pub fn fee_rate(&self) -> FeeRate {
        FeeRate::of(self.fee, self.vsize)
    }

    pub fn lock_time(&self) -> u32 {
        self.psbt.tx.lock_time
    }

    pub fn is_replaceable(&self) -> bool {
        self.inputs.iter().any(|input| input.sequence < LEAST_FINAL)
    }

    /// What leaves for others.
    pub fn paid(&self) -> Amount {
        let others = self.outputs.iter().filter(|output| output.owner == Owner::Foreign);
        others.map(|output| output.output.value).sum()
    }

    /// Why the fee looks like a slip.
    pub fn fee_slip(&self) -> Option<String> {
        if self.fee > MOST_FEE {
            return Some(format!("the fee of {} is over the cap of {MOST_FEE}", self.fee));
        }
        let moves: Amount = self.outputs.iter().map(|output| output.output.value).sum();
        let share = i128::from(moves.0) * i128::from(MOST_PERCENT) / 100;
        // Who pays nobody, as to put data on the chain, pays the fee alone.
        let over = moves > Amount::ZERO && i128::from(self.fee.0) > share;
        over.then(|| format!("the fee of {} is over {MOST_PERCENT} % of what moves", self.fee))
    }

    /// The PSBT with what `signer` has keys for, and how many signatures were added. Inputs of
    /// others are left to them; with any refusal, nothing is signed.
    pub fn sign(self, signer: &dyn Signer, aux: &[u8; 32]) -> Result<(Psbt, usize), PsbtError> {
        if let Some(refusal) = self.refusals.into_iter().next() {
            return Err(PsbtError::Refused(refusal));
        }
        let utxos: Vec<TxOut> = self.inputs.iter().map(|input| input.output.clone()).collect();
        let ours = |at: usize| self.inputs[at].owner != Owner::Foreign;
        let mut psbt = self.psbt;
        let count = psbt.sign_inputs(&utxos, ours, signer, aux)?;
        Ok((psbt, count))
    }
}
