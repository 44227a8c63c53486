//! Lists of transactions whose signatures are verified together: the same verdict, the same input
//! and the same error as one by one, whatever faults are planted and whatever the hints say.
//!
//! `FORTHCOIN_BATCH_PLANTED` sets how many lists with a bad input are tried (60).

#![expect(clippy::disallowed_types, reason = "a test prints how long it took")]

use std::sync::LazyLock;
use std::time::Instant;

use k256::ecdsa::signature::hazmat::PrehashSigner;
use k256::ecdsa::{Signature, SigningKey};

use super::{SplitMix, spend};
use crate::asm::assemble;
use crate::check::{self, ScriptCache, ScriptFailure, TxScripts};
use crate::collect;
use crate::flags::ScriptFlags;
use crate::hints::{Hint, Hints};
use crate::instruction::push_data;
use crate::sighash::{TaprootContext, TxMidstate};
use crate::verify::{TAPSCRIPT_LEAF, tap_leaf_hash};
use crypto::hash::{hash160, sha256};
use crypto::sign::PrivateKey;
use primitives::amount::Amount;
use primitives::id::Txid;
use primitives::script::Script;
use primitives::tx::{OutPoint, Transaction, TxOut};

pub type Spend = (Transaction, Vec<TxOut>);

pub fn signing_key(n: usize) -> SigningKey {
    SigningKey::from_slice(&sha256(&(n as u64).to_le_bytes())).expect("a scalar")
}

pub fn public(key: &SigningKey) -> Vec<u8> {
    key.verifying_key().to_sec1_point(true).as_bytes().to_vec()
}

pub fn sign(key: &SigningKey, hash: &[u8; 32]) -> Vec<u8> {
    let signature: Signature = key.sign_prehash(hash).expect("a signature");
    [signature.to_der().as_bytes(), &[1]].concat()
}

pub fn pushes(elements: &[Vec<u8>]) -> Script {
    let mut script = vec![];
    elements.iter().for_each(|element| push_data(&mut script, element));
    Script(script)
}

pub fn tx(seed: usize, outputs: &[Vec<u8>]) -> Spend {
    let spent: Vec<TxOut> = outputs
        .iter()
        .map(|script| TxOut {
            value: Amount(1000 + seed as i64),
            script_pubkey: Script::new(&script[..]),
        })
        .collect();
    let txid = Txid(sha256(&(seed as u64).to_be_bytes()));
    let inputs = (0..outputs.len()).map(|vout| spend(OutPoint { txid, vout: vout as u32 }));
    let inputs = inputs.collect();
    let outputs = vec![TxOut { value: Amount(900), script_pubkey: Script::new([0x51]) }];
    (Transaction { version: 2, inputs, outputs, lock_time: 0 }, spent)
}

/// Kinds of spends: what a block is made of.
const KINDS: usize = 8;

/// A transaction of one or two inputs of that kind, signed.
fn signed(kind: usize, seed: usize) -> Spend {
    let (first, second, third) = (signing_key(seed), signing_key(seed + 1), signing_key(seed + 2));
    let keys: Vec<String> = [&first, &second, &third]
        .map(|key| format!("<{}>", primitives::hex::encode(&public(key))))
        .to_vec();
    let pay = |code: &str| assemble(code).expect("a script");
    let of_hash = format!("<{}>", primitives::hex::encode(&hash160(&public(&first))));
    let to_hash = pay(&format!("DUP HASH160 {of_hash} EQUALVERIFY CHECKSIG"));
    let multisig = pay(&format!("2 {} 3 CHECKMULTISIG", keys.join(" ")));
    let witness_program = |hash: &[u8]| [&[0, hash.len() as u8], hash].concat();
    match kind {
        // Pay to key hash, two inputs.
        0 => {
            let (mut tx, spent) = tx(seed, &[to_hash.clone(), to_hash.clone()]);
            for at in 0..2 {
                let hash = TxMidstate::new(&tx, &spent).legacy(at, &to_hash, 1);
                tx.inputs[at].script_sig = pushes(&[sign(&first, &hash), public(&first)]);
            }
            (tx, spent)
        }
        // Pay to witness key hash.
        1 => {
            let (mut tx, spent) = tx(seed, &[witness_program(&hash160(&public(&first)))]);
            let hash = TxMidstate::new(&tx, &spent).witness_v0(0, &to_hash, spent[0].value.0, 1);
            tx.inputs[0].witness = vec![sign(&first, &hash), public(&first)];
            (tx, spent)
        }
        // Two of three, by any two: a key that does not fit is tried as often as not.
        2 | 3 => {
            let pair = match seed % 3 {
                0 => [&first, &second],
                1 => [&first, &third],
                _ => [&second, &third],
            };
            let bare = kind == 2;
            let output = if bare { multisig.clone() } else { witness_program(&sha256(&multisig)) };
            let (mut tx, spent) = tx(seed, &[output]);
            let midstate = TxMidstate::new(&tx, &spent);
            let hash = match bare {
                true => midstate.legacy(0, &multisig, 1),
                false => midstate.witness_v0(0, &multisig, spent[0].value.0, 1),
            };
            let mut elements = vec![vec![], sign(pair[0], &hash), sign(pair[1], &hash)];
            if bare {
                tx.inputs[0].script_sig = pushes(&elements);
            } else {
                elements.push(multisig);
                tx.inputs[0].witness = elements;
            }
            (tx, spent)
        }
        // Taproot by its key.
        4 | 5 => {
            let key = PrivateKey::from(&first);
            let output = [&[0x51, 32], &key.x_only()[..]].concat();
            let (mut tx, spent) = tx(seed, &[output]);
            let context = TaprootContext { annex_hash: None, leaf: None };
            let hash = TxMidstate::new(&tx, &spent).taproot(0, 0, &context).expect("a hash");
            let signature = key.sign_schnorr(&hash, &[3; 32]).expect("a signature");
            tx.inputs[0].witness = vec![signature.to_vec()];
            (tx, spent)
        }
        // A tapscript that counts signatures: two of three, the second missing.
        6 => {
            let parts = [&first, &second, &third].map(PrivateKey::from);
            let x = |at: usize| primitives::hex::encode(&parts[at].x_only());
            let code = pay(&format!(
                "<{}> CHECKSIG <{}> CHECKSIGADD <{}> CHECKSIGADD 2 NUMEQUAL",
                x(0),
                x(1),
                x(2)
            ));
            let (output, mut witness) = super::hostile::tapscript(code.clone(), vec![vec![]; 3]);
            let (mut tx, spent) = tx(seed, &[output]);
            let leaf = tap_leaf_hash(TAPSCRIPT_LEAF, &code);
            let context = TaprootContext { annex_hash: None, leaf: Some((leaf, u32::MAX)) };
            let hash = TxMidstate::new(&tx, &spent).taproot(0, 0, &context).expect("a hash");
            for (place, part) in [(2, 0), (0, 2)] {
                let signature = parts[part].sign_schnorr(&hash, &[9; 32]).expect("a signature");
                witness[place] = signature.to_vec();
            }
            tx.inputs[0].witness = witness;
            (tx, spent)
        }
        // A script that goes on if a signature is another's, and asks again.
        _ => {
            let code =
                pay(&format!("2DUP CHECKSIG NOTIF DROP {} CHECKSIG ELSE 2DROP 0 ENDIF", keys[1]));
            let (mut tx, spent) = tx(seed, std::slice::from_ref(&code));
            let hash = TxMidstate::new(&tx, &spent).legacy(0, &code, 1);
            tx.inputs[0].script_sig = pushes(&[sign(&second, &hash), public(&first)]);
            (tx, spent)
        }
    }
}

/// Signed once, used by all tests.
static SIGNED: LazyLock<Vec<Spend>> =
    LazyLock::new(|| (0..20 * KINDS).map(|n| signed(n % KINDS, 7 * n)).collect());

/// One of the ways in which an input goes bad, at some place of the transaction.
fn spoil(spend: &mut Spend, rng: &mut SplitMix) {
    let (tx, spent) = spend;
    let input = rng.below(tx.inputs.len());
    let flip = |bytes: &mut Vec<u8>, rng: &mut SplitMix| {
        if !bytes.is_empty() {
            let at = rng.below(bytes.len());
            bytes[at] ^= 1 << rng.below(8);
        }
    };
    match rng.below(5) {
        0 => tx.outputs[0].value.0 ^= 1 << rng.below(20),
        1 => tx.inputs[input].sequence ^= 1 << rng.below(32),
        2 => flip(&mut spent[input].script_pubkey.0, rng),
        _ if tx.inputs[input].witness.is_empty() => flip(&mut tx.inputs[input].script_sig.0, rng),
        _ => {
            let element = rng.below(tx.inputs[input].witness.len());
            flip(&mut tx.inputs[input].witness[element], rng);
        }
    }
}

pub fn list(spends: &[Spend]) -> Vec<TxScripts<'_>> {
    spends.iter().map(|(tx, spent)| TxScripts { tx, spent }).collect()
}

fn collected(spends: &[Spend], flags: ScriptFlags, hints: &Hints) -> Result<Hints, ScriptFailure> {
    collect::verify_all(&list(spends), flags, None, hints)
}

/// Hints that somebody made up, some of them true.
fn lies(truth: &Hints, rng: &mut SplitMix) -> Hints {
    let kinds = [Hint::Unknown, Hint::Even, Hint::Odd, Hint::Fails];
    let mut lies = truth.clone();
    for hints in &mut lies {
        if rng.below(3) == 0 {
            *hints = (0..rng.below(5)).map(|_| kinds[rng.below(4)]).collect();
        }
    }
    lies.truncate(rng.below(lies.len() + 1));
    lies
}

#[test]
fn good_lists_pass_and_teach() {
    let flags = ScriptFlags::CONSENSUS;
    let spends = &SIGNED[..];
    assert_eq!(check::verify_all(&list(spends), flags, None), Ok(()));
    assert_eq!(collected(&[], flags, &vec![]), Ok(vec![]));
    let learnt = collected(spends, flags, &vec![]).expect("valid");
    assert_eq!(learnt.len(), spends.iter().map(|(tx, _)| tx.inputs.len()).sum::<usize>());
    // What CHECKMULTISIG tries in vain is learnt too, in its place.
    let multisig: Vec<usize> = (0..3).map(|n| learnt[n * (KINDS + 1) + 3].len()).collect();
    assert_eq!(multisig.iter().filter(|count| **count == 3).count(), 2, "{multisig:?}");
    assert_eq!(collected(spends, flags, &learnt), Ok(learnt.clone()));
    let mut rng = SplitMix(5);
    for threads in [1, 2, 5] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        let lies = lies(&learnt, &mut rng);
        assert_eq!(pool.install(|| collected(spends, flags, &lies)), Ok(learnt.clone()));
    }
}

/// What the pool learns one by one is what lists teach, and blocks get it back from the cache.
#[test]
fn hints_are_learnt_one_by_one_too() {
    let flags = ScriptFlags::CONSENSUS;
    let learnt = collected(&SIGNED, flags, &vec![]).expect("valid");
    let (cache, mut first) = (ScriptCache::new([5; 32], 1000), 0);
    for checks in list(&SIGNED) {
        let place = first..first + checks.tx.inputs.len();
        let hints = check::verify_learning(checks, flags, None).expect("valid");
        assert_eq!(hints, learnt[place.clone()]);
        cache.insert_with_hints(&checks.tx.wtxid(), flags, &hints);
        first = place.end;
    }
    let known = collect::verify_all(&list(&SIGNED), flags, Some(&cache), &vec![]);
    assert_eq!(known, Ok(learnt));
    let packed = crate::hints::pack(&known.expect("valid")).expect("packed");
    assert!(crate::hints::unpack(&packed).is_some());
}

#[test]
fn a_planted_bad_input_is_named() {
    let rounds =
        std::env::var("FORTHCOIN_BATCH_PLANTED").map_or(60, |text| text.parse().expect("a number"));
    let flags = ScriptFlags::CONSENSUS;
    let mut rng = SplitMix(6);
    let (mut refused, start) = (0, Instant::now());
    while refused < rounds {
        let count = 1 + rng.below(if refused % 64 == 0 { 120 } else { 12 });
        let places: Vec<usize> = (0..count).map(|_| rng.below(SIGNED.len())).collect();
        let mut spends: Vec<Spend> = places.iter().map(|at| SIGNED[*at].clone()).collect();
        let learnt = match refused % 4 {
            0 => collected(&spends, flags, &vec![]).expect("valid"),
            _ => vec![],
        };
        let bad = rng.below(count);
        spoil(&mut spends[bad], &mut rng);
        if refused % 8 == 0 {
            spoil(&mut spends[rng.below(count)], &mut rng);
        }
        // Fewer rules now and then: lax DER, no witness.
        let flags = match rng.below(8) {
            0 => ScriptFlags::P2SH,
            1 => flags.with(ScriptFlags::NULLFAIL).with(ScriptFlags::LOW_S),
            _ => flags,
        };
        let wanted = check::verify_all(&list(&spends), flags, None);
        let hints = if refused % 3 == 0 { lies(&learnt, &mut rng) } else { learnt };
        let found = collected(&spends, flags, &hints).map(drop);
        assert_eq!(found, wanted, "{spends:?} under {flags}, hints {hints:?}");
        refused += usize::from(wanted.is_err());
    }
    println!("{refused} lists with a bad input in {:?}", start.elapsed());
}

/// An input that asks for more signatures than are put off, each of them another's.
#[test]
fn scripts_that_make_every_assumption_fail() {
    let key = public(&signing_key(1));
    let keys = vec![key; 20];
    let (mut code, mut script_sig) = (vec![], vec![vec![]]);
    let (mut spending, spent) = {
        code.push(0x51);
        keys.iter().for_each(|key| push_data(&mut code, key));
        // 1 of 20, which none matches, is what is wanted.
        code.extend_from_slice(&[0x01, 20, 0xae, 0x91]);
        tx(1, &vec![code.clone(); 40])
    };
    script_sig.push(sign(&signing_key(2), &[1; 32]));
    for input in &mut spending.inputs {
        input.script_sig = pushes(&script_sig);
    }
    let spends = [(spending, spent)];
    let flags = ScriptFlags::P2SH;
    let start = Instant::now();
    assert_eq!(check::verify_all(&list(&spends), flags, None), Ok(()));
    let alone = start.elapsed();
    let learnt = collected(&spends, flags, &vec![]).expect("valid");
    println!("800 failing checks: {alone:?} alone, {:?} collected", start.elapsed() - alone);
    for lie in [Hint::Even, Hint::Odd, Hint::Fails] {
        let lies: Hints = vec![vec![lie; 40].into(); 40];
        assert_eq!(collected(&spends, flags, &lies).map(drop), Ok(()));
    }
    assert_eq!(learnt.len(), 40);
}
