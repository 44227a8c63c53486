//! The same spends to our engine and to Core's (`bitcoinconsensus`): the same verdict, each time.
//!
//! `FORTHCOIN_PAIRS` says how many (100,000), `FORTHCOIN_SEED` which.

use std::collections::BTreeMap;
use std::time::Instant;

use primitives::codec::Encode;
use primitives::hex;
use script::check::verify_input;
use script::checker::CheckNow;
use script::sighash::TxMidstate;
use forthcoin_differential::{Case, Generator};

fn from_env(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().map_or(otherwise, |text| text.parse().expect("a number"))
}

fn core_accepts(case: &Case, tx: &[u8]) -> bool {
    let utxos: Vec<_> = case
        .spent
        .iter()
        .map(|output| bitcoinconsensus::Utxo {
            script_pubkey: output.script_pubkey.as_bytes().as_ptr(),
            script_pubkey_len: output.script_pubkey.len() as u32,
            value: output.value.0,
        })
        .collect();
    let spent = &case.spent[case.input];
    bitcoinconsensus::verify_with_flags(
        spent.script_pubkey.as_bytes(),
        spent.value.0 as u64,
        tx,
        Some(&utxos),
        case.input,
        case.flags.0,
    )
    .is_ok()
}

#[test]
fn same_verdicts() {
    let pairs = from_env("FORTHCOIN_PAIRS", 100_000);
    let seed = from_env("FORTHCOIN_SEED", 1);
    let mut generator = Generator::new(seed);
    let mut accepted: BTreeMap<_, [u64; 2]> = BTreeMap::new();
    let mut errors: BTreeMap<&str, u64> = BTreeMap::new();
    let (start, mut ours, mut theirs) = (Instant::now(), 0, 0);
    for number in 0..pairs {
        let case = generator.case();
        let tx = case.tx.to_bytes();
        let before = Instant::now();
        let verdict = verify_input(
            &TxMidstate::new(&case.tx, &case.spent),
            case.input,
            case.flags,
            &CheckNow,
        );
        let between = Instant::now();
        let core = core_accepts(&case, &tx);
        ours += (between - before).as_micros();
        theirs += between.elapsed().as_micros();
        assert_eq!(
            verdict.is_ok(),
            core,
            "seed {seed}, pair {number}: we say {verdict:?}, Core accepts: {core}\nflags {}\ninput {} of {}\nspent {}",
            case.flags,
            case.input,
            hex::encode(&tx),
            hex::encode(&case.spent[case.input].to_bytes()),
        );
        accepted.entry(case.kind).or_default()[usize::from(verdict.is_ok())] += 1;
        *errors.entry(verdict.map_or_else(|e| e.name(), |()| "OK")).or_default() += 1;
    }
    println!("{pairs} pairs in {:?}: ours {ours} us, Core's {theirs} us", start.elapsed());
    for (kind, [refused, accepted]) in &accepted {
        println!("{kind:?}: {accepted} accepted, {refused} refused");
    }
    println!("{errors:?}");
    // Too few on either side would prove little.
    assert!(pairs < 10_000 || accepted.values().all(|[no, yes]| no.min(yes) * 20 > no + yes));
    assert!(pairs < 10_000 || errors.len() > 25);
}
