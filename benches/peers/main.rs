//! The script benches beside libsecp256k1.

#[path = "../script.rs"]
mod script;

use std::hint::black_box;
use std::time::Duration;

use crypto::hash::sha256;
use script::median;
use secp256k1::ecdsa::{self, RecoverableSignature};
use secp256k1::{Keypair, Message, PublicKey, XOnlyPublicKey, schnorr};

/// What libsecp256k1 takes, under the names of our rows.
fn peer_times() -> Vec<(&'static str, Duration)> {
    let pair = Keypair::from_secret_bytes(sha256(b"bench")).expect("a scalar");
    let secret = pair.secret_key();
    let digest = sha256(b"message");
    let message = Message::from_digest(digest);
    let der = ecdsa::sign(message, &secret).serialize_der();
    let public = pair.public_key().serialize();
    let recoverable = RecoverableSignature::sign_ecdsa_recoverable(message, &secret);
    let x_only = pair.x_only_public_key().0.to_byte_array();
    let schnorr = schnorr::sign_with_aux_rand(&digest, &pair, &[1; 32]).to_byte_array();
    vec![
        (
            "ECDSA sign",
            median(500, || {
                black_box(ecdsa::sign(black_box(message), &secret));
            }),
        ),
        (
            "ECDSA verify (key and DER read)",
            median(500, || {
                let key = PublicKey::from_slice(black_box(&public)).expect("a key");
                let signature = ecdsa::Signature::from_der_lax(black_box(&der)).expect("DER");
                assert!(ecdsa::verify(&signature, message, &key).is_ok());
            }),
        ),
        (
            "ECDSA recover",
            median(500, || {
                assert!(black_box(recoverable.recover_ecdsa(message)).is_ok());
            }),
        ),
        (
            "Schnorr verify",
            median(500, || {
                let key = XOnlyPublicKey::from_byte_array(black_box(x_only)).expect("a key");
                let signature = schnorr::Signature::from_byte_array(black_box(schnorr));
                assert!(schnorr::verify(&signature, &digest, &key).is_ok());
            }),
        ),
    ]
}

fn main() {
    let peers = peer_times();
    println!("{:<40} {:>12} {:>12} {:>12} {:>8}", "", "ours", "limit", "libsecp256k1", "ratio");
    for row in script::rows() {
        let limit = row.limit.map_or(String::new(), |limit| format!("{limit:?}"));
        let peer = peers.iter().find(|(name, _)| *name == row.name).map(|(_, time)| *time);
        let ratio = peer.map(|peer| row.time.as_secs_f64() / peer.as_secs_f64());
        println!(
            "{:<40} {:>12} {limit:>12} {:>12} {:>8}",
            row.name,
            format!("{:.2?}", row.time),
            peer.map_or(String::new(), |peer| format!("{peer:.2?}")),
            ratio.map_or(String::new(), |ratio| format!("{ratio:.2}")),
        );
    }
}
