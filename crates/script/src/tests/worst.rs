//! What lists cost at worst, counted in bytes hashed for signatures and in signature checks: never
//! more than one by one and a constant, whatever signatures and hints say (docs/BATCH.md).

use std::cell::Cell;

use super::SplitMix;
use super::collect::{Spend, list, public, pushes, sign, signing_key, tx};
use crate::asm::assemble;
use crate::check::{ScriptFailure, verify_input};
use crate::checker::{CheckNow, Covered, SignatureCheck};
use crate::collect::{LIMITS, Limits, verify_counted};
use crate::flags::ScriptFlags;
use crate::hints::{Hint, Hints};
use crate::sighash::{HASHED, TxMidstate};
use crypto::batch::list::Check;
use crypto::hash::sha256;
use primitives::amount::Amount;
use primitives::hex;
use primitives::script::Script;
use primitives::tx::TxOut;

/// What a list has cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cost {
    checks: usize,
    bytes: usize,
}

/// Checks when asked, and counts.
#[derive(Default)]
struct Counting(Cell<usize>);

impl SignatureCheck for Counting {
    fn ecdsa(&self, der: &[u8], key: &[u8], covered: &Covered<'_>) -> bool {
        self.0.set(self.0.get() + usize::from(Check::ecdsa(der, key, &[0; 32]).is_some()));
        CheckNow.ecdsa(der, key, covered)
    }

    fn schnorr(&self, signature: &[u8; 64], key: &[u8; 32], hash: &dyn Fn() -> [u8; 32]) -> bool {
        self.0.set(self.0.get() + 1);
        CheckNow.schnorr(signature, key, hash)
    }
}

/// Input by input in order, up to the first that fails.
fn one_by_one(spends: &[Spend], flags: ScriptFlags) -> (Result<(), ScriptFailure>, Cost) {
    HASHED.set(0);
    let counting = Counting::default();
    let run = || {
        for (tx_index, (tx, spent)) in spends.iter().enumerate() {
            let midstate = TxMidstate::new(tx, spent);
            for input_index in 0..tx.inputs.len() {
                verify_input(&midstate, input_index, flags, &counting)
                    .map_err(|error| ScriptFailure { tx_index, input_index, error })?;
            }
        }
        Ok(())
    };
    let result = run();
    (result, Cost { checks: counting.0.get(), bytes: HASHED.get() })
}

/// The same as lists, on one thread.
fn as_lists(
    spends: &[Spend],
    flags: ScriptFlags,
    hints: &Hints,
    limits: Limits,
) -> (Result<(), ScriptFailure>, Cost) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    pool.install(|| {
        HASHED.set(0);
        let (result, work) = verify_counted(&list(spends), flags, None, hints, limits);
        (result.map(drop), Cost { checks: work.checks(), bytes: HASHED.get() })
    })
}

/// Hints for each of so many inputs, all lies of one kind or of all kinds.
fn lies(inputs: usize, each: usize, rng: &mut SplitMix) -> Vec<Hints> {
    let kinds = [Hint::Unknown, Hint::Even, Hint::Odd, Hint::Fails];
    let mut lies: Vec<Hints> =
        kinds.iter().map(|kind| vec![vec![*kind; each].into(); inputs]).collect();
    let mixed = (0..inputs).map(|_| (0..each).map(|_| kinds[rng.below(4)]).collect()).collect();
    lies.extend([vec![], mixed]);
    lies
}

/// One transaction whose inputs all spend `code`, with `elements` pushed, and with as many bytes of
/// outputs.
fn heavy(code: &[u8], inputs: usize, elements: &[Vec<u8>], bytes: usize) -> Spend {
    let (mut tx, spent) = tx(1, &vec![code.to_vec(); inputs]);
    for input in &mut tx.inputs {
        input.script_sig = pushes(elements);
    }
    let output = TxOut { value: Amount(1), script_pubkey: Script::new(vec![0x51; 9000]) };
    tx.outputs = vec![output; bytes / 9000];
    (tx, spent)
}

/// The three rows of lists that cost more than one by one before they were bounded; transactions
/// are a twentieth as large.
#[test]
fn failing_signatures_cost_nothing_more() {
    let key = public(&signing_key(1));
    let failing = sign(&signing_key(2), &[1; 32]);
    let elements = [failing.clone(), key.clone()];
    let separated = assemble(&"2DUP CHECKSIG DROP CODESEPARATOR ".repeat(50)).expect("a script");
    let script = assemble(&format!("{} 2DROP 1", "2DUP CHECKSIG DROP ".repeat(66))).expect("one");
    let (mut witness, spent) = tx(2, &vec![[&[0, 32], &sha256(&script)[..]].concat(); 228]);
    for input in &mut witness.inputs {
        input.witness = vec![failing.clone(), key.clone(), script.clone()];
    }
    let rows = [
        ("40 inputs, 45 kB", 50, heavy(&separated, 40, &elements, 45_000)),
        ("60 inputs, 15 kB", 50, heavy(&separated, 60, &elements, 15_000)),
        ("P2WSH, 15,000 checks", 66, (witness, spent)),
    ];
    let flags = ScriptFlags::CONSENSUS;
    let mut rng = SplitMix(41);
    for (name, each, spend) in rows {
        let (spends, inputs) = ([spend.clone()], spend.0.inputs.len());
        let (wanted, alone) = one_by_one(&spends, flags);
        assert_eq!((wanted, alone.checks), (Ok(()), inputs * each), "{name}");
        println!("{name}: one by one {alone:?}");
        for (at, hints) in lies(inputs, each, &mut rng).iter().enumerate() {
            let (found, cost) = as_lists(&spends, flags, hints, LIMITS);
            println!("  hints {at}: {cost:?}");
            assert_eq!(found, wanted, "{name}");
            assert!(cost.checks <= alone.checks && cost.bytes <= alone.bytes, "{name}");
        }
    }
}

/// What a fragment does with a signature that is valid (over the number one) or not.
fn fragment(depth: usize, rng: &mut SplitMix) -> String {
    let one = {
        let mut one = [0; 32];
        one[0] = 1;
        one
    };
    let keys: Vec<_> = (0..3).map(signing_key).collect();
    let key = |at: usize| format!("<{}>", hex::encode(&public(&keys[at])));
    let signature = |rng: &mut SplitMix| {
        let mut signature = sign(&keys[rng.below(3)], &one);
        *signature.last_mut().expect("a hash type") = [3, 3, 3, 1, 0x81, 2][rng.below(6)];
        format!("<{}>", hex::encode(&signature))
    };
    let check = |rng: &mut SplitMix| format!("{} {} CHECKSIG", signature(rng), key(rng.below(3)));
    match rng.below(if depth > 0 { 7 } else { 5 }) {
        0 => format!("{} DROP", check(rng)),
        1 => format!("{} {} 2DUP CHECKSIG DROP CHECKSIG DROP", signature(rng), key(rng.below(3))),
        2 => "CODESEPARATOR".into(),
        3 => {
            let count = 1 + rng.below(3);
            let signatures: Vec<_> = (0..count).map(|_| signature(rng)).collect();
            let keys: Vec<_> = (0..3).map(key).collect();
            format!("0 {} {count} {} 3 CHECKMULTISIG DROP", signatures.join(" "), keys.join(" "))
        }
        4 if rng.below(6) == 0 => format!("{} VERIFY", check(rng)),
        4 => format!("{} NOT DROP", check(rng)),
        _ => format!(
            "{} IF {} ELSE {} ENDIF",
            check(rng),
            fragment(depth - 1, rng),
            fragment(depth - 1, rng)
        ),
    }
}

/// Random scripts, hints and limits: the verdict is that of one by one, and the cost at most its
/// cost, what may be spent in vain, and what was put off when the first failure was found.
#[test]
fn random_scripts_are_bounded() {
    let rounds = std::env::var("FORTHCOIN_WORST_CASES").map_or(120, |n| n.parse().expect("one"));
    let flags = ScriptFlags::P2SH;
    let mut rng = SplitMix(42);
    let (mut refused, mut in_vain) = (0, 0);
    for round in 0..rounds {
        let spends: Vec<Spend> = (0..1 + rng.below(4))
            .map(|seed| {
                let codes: Vec<Vec<u8>> = (0..2 + rng.below(5))
                    .map(|_| {
                        let parts: Vec<_> =
                            (0..1 + rng.below(8)).map(|_| fragment(2, &mut rng)).collect();
                        assemble(&format!("{} 1", parts.join(" "))).expect("a script")
                    })
                    .collect();
                let (mut tx, spent) = tx(seed, &codes);
                // One output: SIGHASH_SINGLE of all inputs but the first covers the number one.
                tx.outputs[0].script_pubkey = Script::new(vec![0x51; 1000]);
                (tx, spent)
            })
            .collect();
        let limits = match rng.below(4) {
            0 => LIMITS,
            _ => Limits {
                checks_at_once: 1 + rng.below(30),
                bytes_at_once: 1 + rng.below(30_000),
                spare_checks: rng.below(20),
                spare_bytes: rng.below(20_000),
                spare_runs: rng.below(20),
            },
        };
        let inputs = spends.iter().map(|(tx, _)| tx.inputs.len()).sum();
        let hints = lies(inputs, 12, &mut rng).swap_remove(rng.below(6));
        let (wanted, alone) = one_by_one(&spends, flags);
        let (found, cost) = as_lists(&spends, flags, &hints, limits);
        assert_eq!(found, wanted, "round {round}");
        let (mut checks, mut bytes) = (limits.spare_checks, limits.spare_bytes);
        if wanted.is_err() {
            // One input more than fills a window: no script here asks for more.
            checks += limits.checks_at_once + 200;
            bytes += limits.bytes_at_once + 200 * 2000;
        }
        assert!(cost.checks <= alone.checks + checks, "round {round}: {cost:?} {alone:?}");
        assert!(cost.bytes <= alone.bytes + bytes, "round {round}: {cost:?} {alone:?}");
        refused += usize::from(wanted.is_err());
        in_vain += usize::from(wanted.is_ok() && cost.checks > alone.checks);
    }
    println!("{rounds} lists, {refused} refused, {in_vain} with checks in vain");
    assert!(refused > rounds / 10 && refused < rounds && in_vain > 0);
}
