//! An input: what proves its amount, whose it is, who can sign it and who has.

use std::collections::BTreeSet;

use super::owner::{Owner, Policies};
use super::{InputView, Leave, Proof, Refusal, Seat};
use crate::descriptor::Descriptor;
use crate::keys::KeyOrigin;
use crate::psbt::fields::{input, read_witness};
use crate::psbt::sign::{Signed, Spend, keys_asked, spend_of};
use crate::psbt::{Psbt, PsbtError};
use primitives::fee::WITNESS_SCALE;
use primitives::hex;
use primitives::script::Script;
use primitives::tx::{TxOut, Witness};
use script::check::verify_input;
use script::checker::CheckNow;
use script::encoding::{hash_type_name, is_strict_der};
use script::flags::ScriptFlags;
use script::instruction::{instructions, witness_program};
use script::sighash::{self, TxMidstate};
use script::template::{Template, solve};

/// What every input weighs before it is signed.
const BARE_WEIGHT: usize = 41 * WITNESS_SCALE;
/// The witness of P2WPKH and of a taproot key, and the script of P2PKH.
const KEY_WITNESS: usize = 108;
const TAPROOT_WITNESS: usize = 66;
const KEY_SCRIPT: usize = 107 * WITNESS_SCALE;

/// The name of a hash type, by its number where it has none.
pub fn sighash_name(kind: u8) -> String {
    match kind {
        sighash::DEFAULT => "DEFAULT".to_owned(),
        kind => hash_type_name(kind).map_or_else(|| format!("{kind:#04x}"), str::to_owned),
    }
}

fn covers_all(kind: u8) -> bool {
    matches!(kind, sighash::DEFAULT | sighash::ALL)
}

/// Looks at an input; with what its signatures will weigh.
pub fn view(
    psbt: &Psbt,
    at: usize,
    utxo: TxOut,
    signed: Signed,
    policies: &mut Policies<'_>,
    leave: Leave,
    refusals: &mut Vec<Refusal>,
) -> Result<(InputView, usize), PsbtError> {
    let map = &psbt.inputs[at];
    let tx_input = &psbt.tx.inputs[at];
    let taproot =
        matches!(witness_program(utxo.script_pubkey.as_bytes()), Some((1, key)) if key.len() == 32);
    let proof = match map.contains_key(&[input::NON_WITNESS_UTXO][..]) {
        // That it is the transaction named, and says the same, is checked wherever it is read.
        true => Some(Proof::PreviousTransaction),
        false => taproot.then_some(Proof::Taproot),
    };
    if proof.is_none() {
        refusals.push(Refusal::Unproven { input: at });
    }
    let told = psbt.input_origins(at);
    let claim = policies.owner(&utxo.script_pubkey, &told)?;
    if claim.other_network {
        refusals.push(Refusal::OtherNetwork { place: format!("a key of input {at}") });
    }
    if claim.is_false() {
        refusals.push(false_claim(at, &told, policies));
    }
    let is_final = psbt.is_final(at);
    // Scripts of others may be missing; ours must be there and be the output's.
    let spend = match spend_of(psbt, at, &utxo) {
        Ok(spend) => Some(spend),
        Err(e @ PsbtError::Altered(_)) => return Err(e),
        Err(_) => None,
    };
    let (required, mut seats) = seats(psbt, at, spend.as_ref(), &told);
    if let Owner::Account { account, branch, index } = claim.owner
        && matches!(policies.book.accounts[account].descriptor, Descriptor::Multi { .. })
    {
        let derived = policies.derive((account, branch, index))?;
        for key in derived.iter().flat_map(|derived| &derived.keys) {
            for seat in seats.iter_mut().filter(|seat| seat.key == key.key) {
                seat.origin = Some(key.origin.clone());
            }
        }
        if derived.is_some_and(|derived| derived.repeats_key()) {
            refusals.push(Refusal::RepeatedKey { input: at });
        }
    } else if repeats(spend.as_ref(), &seats) {
        refusals.push(Refusal::RepeatedKey { input: at });
    }
    let mut sighashes: Vec<u8> = Vec::new();
    for (key, kind) in signed {
        sighashes.push(kind);
        match seats.iter_mut().find(|seat| seat.key == key) {
            Some(seat) => seat.signed = Some(kind),
            None if taproot => {
                seats.push(Seat { key, origin: None, signed: Some(kind) });
            }
            None => {
                let key = hex::encode(&key);
                refusals.push(Refusal::ExtraSignature { input: at, key });
            }
        }
    }
    for (_, signature) in Psbt::entries(map, input::TAP_SCRIPT_SIG) {
        sighashes.push(signature.get(64).copied().unwrap_or(sighash::DEFAULT));
    }
    if is_final {
        sighashes.extend(final_sighashes(psbt, at, taproot));
    }
    if !leave.any_sighash {
        let bad = sighashes.iter().filter(|kind| !covers_all(**kind));
        let refused = |kind: &u8| Refusal::Sighash { input: at, kind: sighash_name(*kind) };
        refusals.extend(bad.map(refused));
    }
    let asked = map.get(&[input::SIGHASH_TYPE][..]).and_then(|bytes| bytes.first_chunk::<4>());
    if let Some(kind) = asked.map(|bytes| u32::from_le_bytes(*bytes))
        && !matches!(kind, 0 | 1)
    {
        let name = u8::try_from(kind).map_or_else(|_| format!("{kind:#x}"), sighash_name);
        refusals.push(Refusal::SighashAsked { input: at, kind: name });
    }
    let extra = match &claim.owner {
        Owner::Account { account, .. } if !is_final => {
            let weight = policies.book.accounts[*account].descriptor.input_weight();
            weight.0.saturating_sub(BARE_WEIGHT)
        }
        _ => signature_weight(psbt, at, spend.as_ref()),
    };
    let view = InputView {
        outpoint: tx_input.prevout,
        output: utxo,
        proof,
        owner: claim.owner,
        seats,
        required,
        is_final,
        sequence: tx_input.sequence,
        sighashes,
    };
    Ok((view, extra))
}

/// An input says it is ours and is not: of an account of ours, changed; or of a policy that shares
/// our keys and was never registered.
fn false_claim(at: usize, told: &[(Vec<u8>, KeyOrigin)], policies: &Policies<'_>) -> Refusal {
    let same_members = policies.book.accounts.iter().any(|account| {
        let keys = account.descriptor.key_exprs();
        let is = |key: &crate::descriptor::KeyExpr, origin: &KeyOrigin| {
            let base = key.base();
            base.fingerprint == origin.fingerprint && origin.path.starts_with(&base.path)
        };
        keys.len() == told.len()
            && told.iter().all(|(_, origin)| keys.iter().any(|key| is(key, origin)))
    });
    if !same_members {
        return Refusal::Unregistered { input: at };
    }
    Refusal::Altered(format!(
        "input {at} says it is of an account of ours, but its script is not the one that the \
         account has there"
    ))
}

/// How many must sign, and who can.
fn seats(
    psbt: &Psbt,
    at: usize,
    spend: Option<&Spend>,
    told: &[(Vec<u8>, KeyOrigin)],
) -> (usize, Vec<Seat>) {
    let seat = |key: Vec<u8>| {
        let origin = told.iter().find(|(told, _)| *told == key).map(|(_, origin)| origin.clone());
        Seat { key, origin, signed: None }
    };
    match spend {
        None => (1, Vec::new()),
        Some(Spend::Taproot { internal }) => {
            (1, internal.iter().map(|key| seat(key.to_vec())).collect())
        }
        Some(spend @ (Spend::Legacy { code } | Spend::WitnessV0 { code })) => {
            let required = match solve(code.as_bytes()) {
                Template::Multisig { required, .. } => required,
                _ => 1,
            };
            (required, keys_asked(spend, psbt, at).into_iter().map(seat).collect())
        }
    }
}

/// Two seats of a multisig have one key: counted by the x-coordinate, as a key and its negative have
/// one owner.
fn repeats(spend: Option<&Spend>, seats: &[Seat]) -> bool {
    let Some(Spend::Legacy { code } | Spend::WitnessV0 { code }) = spend else { return false };
    let Template::Multisig { keys, .. } = solve(code.as_bytes()) else { return false };
    let x = |key: &[u8]| key.get(1..33).map(<[u8]>::to_vec);
    let distinct: BTreeSet<_> = seats.iter().map(|seat| x(&seat.key)).collect();
    distinct.len() != keys.len()
}

/// What signatures will add to an input's weight, from its script alone.
fn signature_weight(psbt: &Psbt, at: usize, spend: Option<&Spend>) -> usize {
    if psbt.is_final(at) {
        let script = psbt.script_of(at, input::FINAL_SCRIPT_SIG).map_or(0, |script| script.len());
        let witness = psbt.inputs[at].get(&[input::FINAL_WITNESS][..]).map_or(0, Vec::len);
        return script * WITNESS_SCALE + witness;
    }
    let nested = psbt.script_of(at, input::REDEEM_SCRIPT).map_or(0, |script| script.len() + 1);
    let multisig = |code: &Script| match solve(code.as_bytes()) {
        Template::Multisig { required, .. } => Some(2 + required * 73 + 3 + code.len()),
        _ => None,
    };
    match spend {
        None => KEY_WITNESS,
        Some(Spend::Taproot { .. }) => TAPROOT_WITNESS,
        Some(Spend::WitnessV0 { code }) => {
            nested * WITNESS_SCALE + multisig(code).unwrap_or(KEY_WITNESS.max(code.len() + 110))
        }
        Some(Spend::Legacy { code }) => {
            multisig(code).map_or(KEY_SCRIPT, |weight| weight * WITNESS_SCALE)
        }
    }
}

/// Hash types of the signatures of a finished input.
fn final_sighashes(psbt: &Psbt, at: usize, taproot: bool) -> Vec<u8> {
    let map = &psbt.inputs[at];
    let witness = map.get(&[input::FINAL_WITNESS][..]);
    let witness: Witness = witness.and_then(|bytes| read_witness(bytes)).unwrap_or_default();
    if taproot {
        let signature = |element: &Vec<u8>| match element.len() {
            64 => Some(sighash::DEFAULT),
            65 => element.last().copied(),
            _ => None,
        };
        return witness.iter().filter_map(signature).collect();
    }
    let script = psbt.script_of(at, input::FINAL_SCRIPT_SIG).unwrap_or_default();
    let pushed = instructions(script.as_bytes()).flatten().map(|push| push.data.to_vec());
    let signature = |element: Vec<u8>| {
        let (kind, der) = element.split_last()?;
        is_strict_der(der).then_some(*kind)
    };
    pushed.chain(witness).filter_map(signature).collect()
}

/// Finished inputs pass the script engine.
pub fn check_final(psbt: &Psbt, inputs: &[InputView], refusals: &mut Vec<Refusal>) {
    if !inputs.iter().any(|input| input.is_final) {
        return;
    }
    let mut tx = psbt.tx.clone();
    for (at, tx_input) in tx.inputs.iter_mut().enumerate() {
        tx_input.script_sig = psbt.script_of(at, input::FINAL_SCRIPT_SIG).unwrap_or_default();
        let witness = psbt.inputs[at].get(&[input::FINAL_WITNESS][..]);
        tx_input.witness = witness.and_then(|bytes| read_witness(bytes)).unwrap_or_default();
    }
    let utxos: Vec<TxOut> = inputs.iter().map(|input| input.output.clone()).collect();
    let midstate = TxMidstate::new(&tx, &utxos);
    for (at, _) in inputs.iter().enumerate().filter(|(_, input)| input.is_final) {
        if let Err(e) = verify_input(&midstate, at, ScriptFlags::STANDARD, &CheckNow) {
            refusals.push(Refusal::ScriptRefuses { input: at, why: e.to_string() });
        }
    }
}
