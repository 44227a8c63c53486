//! What thieves and careless people hand to a signer.

use proptest::prelude::*;

use super::*;
use crate::book::{Purpose, account_path};
use crate::descriptor::{Descriptor, KeyExpr, Wrap, multisig};
use crate::psbt::fields::{input, output};
use crate::psbt::key;
use crate::spend::{Coin, MasterSigner, Order, Plan, plan, psbt_of};
use crypto::entropy::SeededEntropy;
use primitives::codec::Encode;
use primitives::id::Txid;
use primitives::network::REGTEST;
use primitives::tx::{Transaction, TxIn};
use script::sighash;

const COIN: i64 = 100_000_000;

fn wallet(n: u8) -> Book {
    Book::generate(&REGTEST, &mut SeededEntropy::new([n; 32])).expect("a wallet")
}

/// A 2-of-3 that each of its three members has registered.
fn treasury() -> Vec<Book> {
    let mut members: Vec<Book> = (1..=3).map(wallet).collect();
    let keys: Vec<KeyExpr> = members.iter().map(|m| m.cosigner().expect("a key")).collect();
    for member in &mut members {
        let policy = multisig(Wrap::Wsh, true, 2, keys.clone()).expect("a multisig");
        member.register("treasury", policy, crate::policy::Role::Member).expect("a member");
    }
    members
}

fn made(output: &TxOut, number: u32) -> Transaction {
    let prevout = OutPoint { txid: Txid([9; 32]), vout: number };
    let inputs =
        vec![TxIn { prevout, script_sig: Script::default(), sequence: 1, witness: Vec::new() }];
    Transaction { version: 2, inputs, outputs: vec![output.clone()], lock_time: 0 }
}

/// Coins of an account, and the transactions that made them.
fn coins(book: &Book, account: usize, values: &[i64]) -> (Vec<Coin>, Vec<Transaction>) {
    let coin = |(index, value): (usize, &i64)| {
        let index = index as u32;
        let derived = book.accounts[account].descriptor.derive(0, index).expect("derived");
        let output = TxOut { value: Amount(*value), script_pubkey: derived.script_pubkey };
        let tx = made(&output, index);
        let outpoint = OutPoint { txid: tx.txid(), vout: 0 };
        let (height, coinbase, branch) = (Some(1), false, 0);
        (Coin { outpoint, output, height, coinbase, account, branch, index }, tx)
    };
    values.iter().enumerate().map(coin).unzip()
}

fn stranger() -> Script {
    Script([&[0, 20][..], &[7; 20]].concat())
}

/// A payment to a stranger with change, as a PSBT.
fn payment(book: &Book, account: usize, values: &[i64], amount: i64) -> (Psbt, Plan) {
    let (coins, txs) = coins(book, account, values);
    let order = Order {
        recipients: vec![TxOut { value: Amount(amount), script_pubkey: stranger() }],
        rate: FeeRate { per_kvb: 2000 },
        must: coins.clone(),
        change_account: account,
        ..Order::default()
    };
    let plan = plan(book, &coins, &order, &mut SeededEntropy::new([4; 32])).expect("planned");
    let find = |txid: &Txid| txs.iter().find(|tx| tx.txid() == *txid).cloned();
    (psbt_of(book, &plan, find).expect("a PSBT"), plan)
}

fn judged(book: &Book, psbt: &Psbt) -> Result<Verdict, PsbtError> {
    judge(book, psbt.clone(), &|_| None, Leave::default())
}

/// The same by who has derived the first scripts before: a finished PSBT tells no keys.
fn judged_by_script(book: &Book, psbt: &Psbt) -> Result<Verdict, PsbtError> {
    let find = |script: &Script| {
        let all = (0..book.accounts.len()).flat_map(|a| (0..2).map(move |b| (a, b)));
        let mut places = all.flat_map(|(a, b)| (0..4).map(move |index| (a, b, index)));
        places.find(|(account, branch, index)| {
            let derived = book.accounts[*account].descriptor.derive(*branch, *index);
            derived.is_ok_and(|derived| derived.script_pubkey == *script)
        })
    };
    judge(book, psbt.clone(), &find, Leave::default())
}

fn signed(book: &Book, psbt: &Psbt) -> Result<Psbt, PsbtError> {
    let master = book.master().expect("keys");
    let (psbt, count) = judged(book, psbt)?.sign(&MasterSigner(&master), &[3; 32])?;
    assert!(count > 0);
    Ok(psbt)
}

fn refusal(book: &Book, psbt: &Psbt) -> Refusal {
    match signed(book, psbt) {
        Err(PsbtError::Refused(refusal)) => refusal,
        Err(PsbtError::Altered(why)) => Refusal::Altered(why),
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn a_fair_payment_is_told_and_signed() {
    let members = treasury();
    let (psbt, plan) = payment(&members[0], 2, &[3 * COIN, 2 * COIN], COIN);
    let verdict = judged(&members[1], &psbt).expect("understood");
    assert!(verdict.is_approved() && !verdict.is_complete());
    assert_eq!((verdict.fee, verdict.paid()), (plan.fee, Amount(COIN)));
    assert!(verdict.vsize.abs_diff(plan.vsize) <= 1, "{} {}", verdict.vsize, plan.vsize);
    let change = plan.change.expect("change");
    let owner = Owner::Account { account: 2, branch: 1, index: change.2 };
    assert_eq!(verdict.outputs[change.0 as usize].owner, owner);
    for input in &verdict.inputs {
        assert_eq!(input.proof, Some(Proof::PreviousTransaction));
        assert_eq!((input.signed(), input.required, input.seats.len()), (0, 2, 3));
        let origins: Vec<_> = input.seats.iter().flat_map(|seat| &seat.origin).collect();
        assert_eq!(origins.len(), 3, "every seat has its member's origin");
    }
    let screen = verdict.screen(&members[1]);
    for wanted in ["treasury: 2 of 3 sign", "pay     1.00000000", "change  3.99", "verified"] {
        assert!(screen.contains(wanted), "{wanted}: {screen}");
    }
    let one = signed(&members[1], &psbt).expect("signed");
    let verdict = judged(&members[2], &one).expect("understood");
    assert_eq!(verdict.inputs[0].sighashes, [sighash::ALL]);
    let fingerprint = members[1].master().expect("keys").fingerprint();
    let json = verdict.to_json(&members[2]);
    assert_eq!(json["inputs"][0]["signed_by"][0], primitives::hex::encode(&fingerprint));
    assert_eq!(json["inputs"][0]["signatures"], "1 of 2");
    let mut two = signed(&members[2], &one).expect("signed");
    assert!(judged(&members[0], &two).expect("understood").is_complete());
    two.finalize().expect("finished");
    let verdict = judged_by_script(&members[0], &two).expect("understood");
    assert!(verdict.is_approved() && verdict.is_complete());
    assert_eq!(verdict.inputs[0].sighashes, [sighash::ALL; 2]);
}

/// Fault 3: two ceremonies, each with a lie about the other's input, whose signatures together would
/// pay a fee of 50 coins.
#[test]
fn the_segwit_fee_lie_gets_no_signature() {
    let members = treasury();
    let (honest, _) = payment(&members[0], 2, &[51 * COIN, 50 * COIN], 50 * COIN);
    // Inputs of 101 coins, outputs of 51: a fee of 50 that no single ceremony shows.
    let mut psbt = honest.clone();
    let change = psbt.tx.outputs.iter().position(|o| o.script_pubkey != stranger());
    psbt.tx.outputs[change.expect("change")].value = Amount(COIN - 1000);
    let lie = |at: usize| {
        let mut told = psbt.clone();
        let mut utxo = told.utxo(at).expect("an output");
        utxo.value = Amount(utxo.value.0 - 50 * COIN);
        for map in &mut told.inputs {
            map.remove(&[input::NON_WITNESS_UTXO][..]);
        }
        told.put_witness_utxo(at, &utxo);
        told
    };
    let ceremonies = [lie(0), lie(1)];
    for told in &ceremonies {
        assert_eq!(told.fee(), Ok(Amount(1000)), "what a signer who believes would see");
        assert_eq!(refusal(&members[1], told), Refusal::Unproven { input: 0 });
    }
    // With one previous transaction left out, and with one that contradicts the lie.
    for at in [0, 1] {
        let mut told = honest.clone();
        told.inputs[at].remove(&[input::NON_WITNESS_UTXO][..]);
        assert_eq!(refusal(&members[1], &told), Refusal::Unproven { input: at });
        let mut told = honest.clone();
        let mut utxo = told.utxo(at).expect("an output");
        utxo.value = Amount(1);
        told.put_witness_utxo(at, &utxo);
        assert!(matches!(refusal(&members[1], &told), Refusal::Altered(_)));
        // Another transaction under its name.
        let mut told = honest.clone();
        told.put_input(at, input::NON_WITNESS_UTXO, made(&utxo, 77).to_bytes());
        told.put_witness_utxo(at, &utxo);
        assert!(matches!(refusal(&members[1], &told), Refusal::Altered(_)));
    }
    // The attack is real: signatures made without a verdict pay the 50 coins.
    let mut whole = psbt.clone();
    for (at, told) in ceremonies.iter().enumerate() {
        for member in &members[..2] {
            let mut copy = told.clone();
            let master = member.master().expect("keys");
            copy.sign(&MasterSigner(&master), &[3; 32]).expect("signed by who believes");
            // The input that was not lied about is signed as it is.
            let other = 1 - at;
            let kept: Vec<_> = copy.inputs[other]
                .iter()
                .filter(|(key, _)| key[0] == input::PARTIAL_SIG)
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            whole.inputs[other].extend(kept);
        }
    }
    whole.finalize().expect("the engine takes it");
    assert!(whole.fee().expect("a fee") > Amount(49 * COIN));
}

#[test]
fn change_that_is_not_ours_is_not_change() {
    let members = treasury();
    let (psbt, plan) = payment(&members[0], 2, &[3 * COIN], COIN);
    let at = plan.change.expect("change").0 as usize;
    // With the claim left in place: refused.
    let mut with_claim = psbt.clone();
    with_claim.tx.outputs[at].script_pubkey = stranger();
    assert_eq!(refusal(&members[1], &with_claim), Refusal::FalseChange { output: at });
    // Without: shown as a payment, and nothing of it as ours.
    let mut without = with_claim.clone();
    without.outputs[at].clear();
    let verdict = judged(&members[1], &without).expect("understood");
    assert!(verdict.outputs.iter().all(|output| output.owner == Owner::Foreign));
    assert!(!verdict.screen(&members[1]).contains("change"));
    // One member's key exchanged in a script that still names all three.
    let mut swapped = psbt.clone();
    let keys: Vec<KeyExpr> =
        [1, 2, 7].iter().map(|n| wallet(*n).cosigner().expect("a key")).collect();
    let other = multisig(Wrap::Wsh, true, 2, keys).expect("a multisig").derive(1, 0).expect("one");
    swapped.tx.outputs[at].script_pubkey = other.script_pubkey;
    assert_eq!(refusal(&members[1], &swapped), Refusal::FalseChange { output: at });
    // Fewer signers of the same keys.
    let keys: Vec<KeyExpr> = members.iter().map(|m| m.cosigner().expect("a key")).collect();
    let easier = multisig(Wrap::Wsh, true, 1, keys).expect("a multisig").derive(1, 0).expect("one");
    swapped.tx.outputs[at].script_pubkey = easier.script_pubkey;
    assert_eq!(refusal(&members[1], &swapped), Refusal::FalseChange { output: at });
    // The right script under another's path, and a claim on the stranger's output.
    let mut moved = psbt.clone();
    let claims: Vec<_> = moved.outputs[at].clone().into_iter().collect();
    moved.outputs[1 - at].extend(claims);
    assert_eq!(refusal(&members[1], &moved), Refusal::FalseChange { output: 1 - at });
    // Change far away is still ours: no index is too large to be derived.
    let far = members[0].accounts[2].descriptor.derive(1, 2_000_000).expect("derived");
    let mut remote = psbt.clone();
    remote.tx.outputs[at].script_pubkey = far.script_pubkey.clone();
    remote.outputs[at].clear();
    for told in &far.keys {
        let place = key(output::BIP32_DERIVATION, &told.key);
        remote.outputs[at].insert(place, told.origin.to_bytes());
    }
    let verdict = judged(&members[1], &remote).expect("understood");
    let owner = Owner::Account { account: 2, branch: 1, index: 2_000_000 };
    assert_eq!(verdict.outputs[at].owner, owner);
}

#[test]
fn what_changes_after_a_signature_is_refused() {
    let members = treasury();
    let (psbt, _) = payment(&members[0], 2, &[3 * COIN], COIN);
    let one = signed(&members[0], &psbt).expect("signed");
    type Change = (&'static str, fn(&mut Transaction));
    let changes: [Change; 5] = [
        ("amount", |tx| tx.outputs[0].value.0 += 1),
        ("payee", |tx| tx.outputs[0].script_pubkey.0[5] ^= 1),
        ("lock time", |tx| tx.lock_time += 1),
        ("sequence", |tx| tx.inputs[0].sequence -= 1),
        ("version", |tx| tx.version += 1),
    ];
    for (what, change) in changes {
        let mut altered = one.clone();
        change(&mut altered.tx);
        for map in &mut altered.outputs {
            map.clear();
        }
        assert!(matches!(refusal(&members[1], &altered), Refusal::Altered(_)), "{what}");
    }
}

/// A signature by another's key over the same input, with a hash type.
fn signature_by(psbt: &Psbt, book: &Book, kind: u8) -> Vec<u8> {
    let utxos = psbt.utxos().expect("outputs");
    let code = psbt.script_of(0, input::WITNESS_SCRIPT).expect("a script");
    let midstate = sighash::TxMidstate::new(&psbt.tx, &utxos);
    let hash = midstate.witness_v0(0, code.as_bytes(), utxos[0].value.0, u32::from(kind));
    let mut path = account_path(Purpose::Multisig, &REGTEST);
    path.extend([0, 0]);
    let private = book.master().expect("keys").private_key(&path).expect("a key");
    let mut signature = private.sign_ecdsa(&hash);
    signature.push(kind);
    [private.public_key().to_vec(), signature].concat()
}

#[test]
fn hash_types_and_extra_signatures_are_refused() {
    let members = treasury();
    let (psbt, _) = payment(&members[0], 2, &[3 * COIN], COIN);
    let put = |by: &Book, kind: u8| {
        let mut signed = psbt.clone();
        let bytes = signature_by(&psbt, by, kind);
        let place = key(input::PARTIAL_SIG, &bytes[..33]);
        signed.inputs[0].insert(place, bytes[33..].to_vec());
        signed
    };
    assert!(signed(&members[1], &put(&members[0], sighash::ALL)).is_ok());
    for kind in [2, 3, 0x81, 0x82, 0x83] {
        let open = put(&members[0], kind);
        assert!(matches!(refusal(&members[1], &open), Refusal::Sighash { input: 0, .. }), "{kind}");
        let leave = Leave { any_sighash: true };
        let verdict = judge(&members[1], open, &|_| None, leave).expect("understood");
        assert!(verdict.is_approved(), "said to be taken");
        // Asked for by the PSBT.
        let mut asked = psbt.clone();
        asked.put_input(0, input::SIGHASH_TYPE, u32::from(kind).to_le_bytes().to_vec());
        assert!(matches!(refusal(&members[1], &asked), Refusal::SighashAsked { input: 0, .. }));
    }
    // A stranger's valid signature is no seat's.
    let extra = put(&wallet(9), sighash::ALL);
    assert!(matches!(refusal(&members[1], &extra), Refusal::ExtraSignature { input: 0, .. }));
    let verdict = judged(&members[1], &extra).expect("understood");
    assert_eq!(verdict.inputs[0].signed(), 0);
    // One member's signature is one seat, wherever it is put.
    let mut twice = put(&members[0], sighash::ALL);
    let (_, first) = Psbt::entries(&twice.inputs[0], input::PARTIAL_SIG).next().expect("one");
    let first = first.to_vec();
    let other = signature_by(&psbt, &members[1], sighash::ALL);
    twice.inputs[0].insert(key(input::PARTIAL_SIG, &other[..33]), first);
    assert!(matches!(refusal(&members[2], &twice), Refusal::Altered(_)));
}

/// Fault 1 at the last moment: a treasury of an old file in which one key fills two of three seats.
#[test]
fn nothing_is_signed_for_a_policy_with_a_repeated_key() {
    let mut books: Vec<Book> = (1..=2).map(wallet).collect();
    let (a, b) = (books[0].cosigner().expect("a key"), books[1].cosigner().expect("a key"));
    let (a, b) = (a.show_cosigner(&REGTEST), b.show_cosigner(&REGTEST));
    let renamed = format!("[0a0b0c0d{}", &a[9..]);
    let text = format!("wsh(sortedmulti(2,{a}/<0;1>/*,{b}/<0;1>/*,{renamed}/<0;1>/*))");
    let kept = Descriptor::parse_kept(&text, &REGTEST).expect("as an old file has it");
    for book in &mut books {
        book.add_account("treasury", kept.clone()).expect("added");
    }
    // It gets no change any more, so all is swept.
    let (coins, txs) = coins(&books[0], 2, &[3 * COIN]);
    let recipients = vec![TxOut { value: Amount::ZERO, script_pubkey: stranger() }];
    let rate = FeeRate { per_kvb: 2000 };
    let order = Order { recipients, rate, sweep: true, ..Order::default() };
    let plan = plan(&books[0], &coins, &order, &mut SeededEntropy::new([4; 32]));
    let psbt = psbt_of(&books[0], &plan.expect("planned"), |_| Some(txs[0].clone()));
    let psbt = psbt.expect("a PSBT");
    assert_eq!(refusal(&books[1], &psbt), Refusal::RepeatedKey { input: 0 });
    assert_eq!(refusal(&books[0], &psbt), Refusal::RepeatedKey { input: 0 });
}

#[test]
fn strangers_unregistered_policies_and_other_networks() {
    let members = treasury();
    let (psbt, _) = payment(&members[0], 2, &[3 * COIN], COIN);
    assert_eq!(refusal(&wallet(8), &psbt), Refusal::Foreign);
    // A member that forgot the policy can verify nothing.
    assert_eq!(refusal(&wallet(2), &psbt), Refusal::Unregistered { input: 0 });
    // Inputs of an account of ours whose script was exchanged.
    let mut swapped = psbt.clone();
    let other = members[0].accounts[2].descriptor.derive(0, 5).expect("derived");
    let output = TxOut { value: Amount(3 * COIN), script_pubkey: other.script_pubkey };
    let tx = made(&output, 3);
    swapped.tx.inputs[0].prevout = OutPoint { txid: tx.txid(), vout: 0 };
    swapped.put_input(0, input::NON_WITNESS_UTXO, tx.to_bytes());
    swapped.put_witness_utxo(0, &output);
    assert!(matches!(refusal(&members[1], &swapped), Refusal::Altered(_)));
    // Mainnet's coin in the path of a key of ours.
    let single = wallet(1);
    let (mut psbt, _) = payment(&single, 0, &[3 * COIN], COIN);
    assert!(signed(&single, &psbt).is_ok());
    let told: Vec<_> =
        psbt.inputs[0].keys().filter(|k| k[0] == input::BIP32_DERIVATION).cloned().collect();
    let origin = psbt.inputs[0].get_mut(&told[0]).expect("an origin");
    origin[8] = 0;
    assert!(matches!(refusal(&single, &psbt), Refusal::OtherNetwork { .. }));
}

/// Both kinds of single keys: taproot may do without the previous transaction.
#[test]
fn single_keys_of_both_kinds() {
    let owner = wallet(1);
    for account in [0, 1] {
        let (mut psbt, _) = payment(&owner, account, &[3 * COIN, COIN], COIN);
        let verdict = judged(&owner, &psbt).expect("understood");
        let proof = if account == 0 { Proof::PreviousTransaction } else { Proof::Taproot };
        assert_eq!(verdict.inputs[0].proof, Some(proof));
        let mut whole = signed(&owner, &psbt).expect("signed");
        assert!(judged(&owner, &whole).expect("understood").is_complete());
        whole.finalize().expect("finished");
        assert!(judged_by_script(&owner, &whole).expect("understood").is_approved());
        // A lie about a taproot amount makes a signature that is worth nothing.
        if account == 1 {
            let mut utxo = psbt.utxo(0).expect("an output");
            utxo.value.0 += 5;
            psbt.put_witness_utxo(0, &utxo);
            let signed = signed(&owner, &psbt).expect("signed");
            let mut truth = signed.clone();
            utxo.value.0 -= 5;
            truth.put_witness_utxo(0, &utxo);
            assert!(truth.check_signatures().is_err());
        }
    }
}

/// One PSBT with a member's signature, as bytes, and the member who is next.
fn half_signed() -> (Vec<u8>, Psbt, Book) {
    let mut members = treasury();
    let (psbt, _) = payment(&members[0], 2, &[3 * COIN, 2 * COIN], COIN);
    let one = signed(&members[0], &psbt).expect("signed");
    (one.to_bytes(), one, members.remove(1))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// 4,000 PSBTs with a byte or two changed: a refusal with a reason, or what was changed moves
    /// nothing and the same transaction is signed.
    #[test]
    fn mutated_psbts_get_no_signature(seed in any::<[u8; 32]>()) {
        use crypto::entropy::random_below;
        let (bytes, honest, member) = half_signed();
        let master = member.master().expect("keys");
        let mut entropy = SeededEntropy::new(seed);
        let mut below = |bound: usize| {
            random_below(&mut entropy, bound as u64).expect("random") as usize
        };
        let (mut refused, mut harmless) = (0, 0);
        for _ in 0..250 {
            let mut changed = bytes.clone();
            for _ in 0..1 + below(2) {
                let at = 5 + below(changed.len() - 5);
                changed[at] ^= 1 << below(8);
            }
            let signed = Psbt::from_bytes(&changed)
                .and_then(|psbt| judged(&member, &psbt))
                .and_then(|verdict| verdict.sign(&MasterSigner(&master), &[3; 32]));
            match signed {
                Err(e) => {
                    prop_assert!(!e.to_string().is_empty());
                    refused += 1;
                }
                Ok((psbt, count)) => {
                    prop_assert_eq!(&psbt.tx, &honest.tx);
                    prop_assert_eq!(psbt.utxos(), honest.utxos());
                    prop_assert!(count <= 2);
                    harmless += 1;
                }
            }
        }
        prop_assert!(refused > harmless, "{} refused, {} harmless", refused, harmless);
    }
}
