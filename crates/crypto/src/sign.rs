//! Signing over secp256k1: ECDSA by RFC 6979 with low S and low R, as Bitcoin Core grinds it, the
//! nonce point's y even as well, and Schnorr (BIP340) with taproot's tweak (BIP341). Keys are wiped
//! when dropped and never shown.

use ecdsa::hazmat::sign_prehashed_rfc6979;
use k256::ecdsa::{RecoveryId, Signature, SigningKey, VerifyingKey};
use k256::elliptic_curve::PrimeField;
use k256::{FieldBytes, NonZeroScalar, Scalar, Secp256k1, schnorr};
use sha2::Sha256;

/// A secret scalar.
#[derive(Clone)]
pub struct PrivateKey(SigningKey);

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PrivateKey(hidden)")
    }
}

impl From<&SigningKey> for PrivateKey {
    fn from(key: &SigningKey) -> PrivateKey {
        PrivateKey(key.clone())
    }
}

impl PrivateKey {
    /// None for zero and for what is not below the group's order.
    pub fn from_bytes(bytes: &[u8; 32]) -> Option<PrivateKey> {
        SigningKey::from_slice(bytes).ok().map(PrivateKey)
    }

    /// The compressed public key.
    pub fn public_key(&self) -> [u8; 33] {
        compressed(self.0.verifying_key())
    }

    /// The x coordinate of the public key (BIP340).
    pub fn x_only(&self) -> [u8; 32] {
        let mut x = [0u8; 32];
        x.copy_from_slice(&self.public_key()[1..]);
        x
    }

    /// DER of an ECDSA signature over a 32-byte hash; at most 70 bytes, its nonce point with even y:
    /// so who verifies many of ours at once need not be told the parity (`crypto/batch`).
    pub fn sign_ecdsa(&self, hash: &[u8; 32]) -> Vec<u8> {
        self.low_even_r(hash).to_der().as_bytes().to_vec()
    }

    /// Recovery id (0 to 3), R and S.
    pub fn sign_recoverable(&self, hash: &[u8; 32]) -> (u8, [u8; 64]) {
        let (signature, id) = self.0.sign_prehash_recoverable(hash);
        (id.to_byte(), signature.to_bytes().into())
    }

    /// The nonce's first try has no extra data; the next ones a counter, until R is below 2^255 and
    /// its point, as it is once S is low, has even y: four tries on average.
    fn low_even_r(&self, hash: &[u8; 32]) -> Signature {
        let secret = self.0.as_nonzero_scalar();
        let mut extra = [0u8; 32];
        let mut counter = 0u32;
        loop {
            let data: &[u8] = if counter == 0 { &[] } else { &extra };
            let (signature, id) = sign_prehashed_rfc6979::<Secp256k1, Sha256>(secret, hash, data);
            if signature.split_bytes().0[0] < 0x80 && !id.is_y_odd() {
                return signature;
            }
            counter += 1;
            extra[..4].copy_from_slice(&counter.to_le_bytes());
        }
    }

    /// A BIP340 signature over `message`, by this key as it is.
    pub fn sign_schnorr(&self, message: &[u8], aux: &[u8; 32]) -> Option<[u8; 64]> {
        let key = schnorr::SigningKey::from(*self.0.as_nonzero_scalar());
        Some(key.sign_raw(message, aux).ok()?.to_bytes())
    }

    /// The key of the taproot output whose internal key is ours, tweaked by `tweak` (BIP341).
    pub fn taproot_tweaked(&self, tweak: &[u8; 32]) -> Option<PrivateKey> {
        // The Schnorr key is the one of the pair with even y.
        let even = schnorr::SigningKey::from(*self.0.as_nonzero_scalar());
        let sum = **even.as_nonzero_scalar() + scalar(tweak)?;
        let secret = NonZeroScalar::new(sum).into_option()?;
        Some(PrivateKey(SigningKey::from(secret)))
    }
}

fn compressed(key: &VerifyingKey) -> [u8; 33] {
    let mut bytes = [0u8; 33];
    bytes.copy_from_slice(key.to_sec1_point(true).as_bytes());
    bytes
}

fn scalar(bytes: &[u8; 32]) -> Option<Scalar> {
    Scalar::from_repr(FieldBytes::from(*bytes)).into_option()
}

/// The key that made a recoverable signature, compressed; None when there is none.
pub fn recover(id: u8, signature: &[u8; 64], hash: &[u8; 32]) -> Option<[u8; 33]> {
    let signature = Signature::from_slice(signature).ok()?;
    let id = RecoveryId::from_byte(id)?;
    VerifyingKey::recover_from_prehash(hash, &signature, id).ok().map(|key| compressed(&key))
}

/// DER with low S of R and S that were made elsewhere, if they are `public`'s over the hash.
pub fn low_s_der(signature: &[u8; 64], public: &[u8], hash: &[u8; 32]) -> Option<Vec<u8>> {
    let signature = Signature::from_slice(signature).ok()?.normalize_s();
    let der = signature.to_der().as_bytes().to_vec();
    let checked = super::curve::EcdsaSignature::from_lax_der(&der)?;
    let public = super::curve::PublicKey::from_bytes(public)?;
    checked.verify(&public, hash).then_some(der)
}

/// The 65 bytes of a compressed public key, uncompressed.
pub fn uncompressed(key: &[u8; 33]) -> Option<[u8; 65]> {
    let key = VerifyingKey::from_sec1_bytes(key).ok()?;
    let mut bytes = [0u8; 65];
    bytes.copy_from_slice(key.to_sec1_point(false).as_bytes());
    Some(bytes)
}

/// R and S of a DER signature from outside, with S made low, as DER again.
pub fn normalized_der(r: &[u8; 32], s: &[u8; 32]) -> Option<Vec<u8>> {
    let signature = Signature::from_scalars(FieldBytes::from(*r), FieldBytes::from(*s)).ok()?;
    Some(signature.normalize_s().to_der().as_bytes().to_vec())
}

/// The bytes name a point of the curve, compressed.
pub fn is_compressed_key(bytes: &[u8]) -> bool {
    bytes.len() == 33 && VerifyingKey::from_sec1_bytes(bytes).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::list::{self, Check};
    use crate::batch::lockstep::Found;
    use crate::curve::{EcdsaSignature, PublicKey, tweak_x_only, verify_schnorr};
    use crate::hash::sha256;

    fn key(n: u32) -> PrivateKey {
        PrivateKey::from_bytes(&sha256(&n.to_le_bytes())).expect("a scalar")
    }

    #[test]
    fn ecdsa_is_low_short_even_and_valid() {
        for n in 0..50 {
            let (key, hash) = (key(n), sha256(&[n as u8, 9]));
            let der = key.sign_ecdsa(&hash);
            assert!(der.len() <= 70);
            let signature = EcdsaSignature::from_lax_der(&der).expect("DER");
            let public = PublicKey::from_bytes(&key.public_key()).expect("a key");
            assert!(signature.is_low_s() && signature.verify(&public, &hash));
            let check = Check::ecdsa(&der, &key.public_key(), &hash).expect("well formed");
            assert_eq!(list::verify(&[check], &[None]), [Found { valid: true, odd: false }]);
            let (id, compact) = key.sign_recoverable(&hash);
            assert_eq!(recover(id, &compact, &hash), Some(key.public_key()));
        }
    }

    #[test]
    fn schnorr_and_tweaks_agree_with_the_verifier() {
        for n in 0..20 {
            let key = key(n);
            let tweak = sha256(&[n as u8]);
            let tweaked = key.taproot_tweaked(&tweak).expect("tweaked");
            let (output, _) = tweak_x_only(&key.x_only(), &tweak).expect("a point");
            assert_eq!(tweaked.x_only(), output);
            let message = sha256(b"m");
            let signature = tweaked.sign_schnorr(&message, &[7; 32]).expect("signed");
            assert!(verify_schnorr(&output, &message, &signature));
        }
    }

    #[test]
    fn nothing_is_shown() {
        assert_eq!(format!("{:?}", key(1)), "PrivateKey(hidden)");
        assert!(PrivateKey::from_bytes(&[0; 32]).is_none());
        assert!(PrivateKey::from_bytes(&[0xff; 32]).is_none());
    }
}
