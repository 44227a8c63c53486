//! Signatures over secp256k1 as consensus reads them: ECDSA with lax DER, Schnorr (BIP340) and
//! x-only tweaks (BIP341).
//!
//! Everything here checks public data, so it runs in variable time. A malformed key or signature
//! is simply not valid; nothing can fail otherwise.

use k256::elliptic_curve::PrimeField;
use k256::elliptic_curve::group::Group;
use k256::elliptic_curve::ops::{MulByGeneratorVartime, Reduce};
use k256::elliptic_curve::point::{AffineCoordinates, DecompactPoint, DecompressPoint};
use k256::elliptic_curve::scalar::IsHigh;
use k256::{AffinePoint, FieldBytes, ProjectivePoint, Scalar};
use sha2::{Digest, Sha256};

use super::hash::tagged;

/// Length of a compressed public key.
pub const COMPRESSED_KEY_SIZE: usize = 33;
/// Length of an uncompressed or hybrid public key.
pub const FULL_KEY_SIZE: usize = 65;

/// The scalars R and S of an ECDSA signature; both are zero when either was out of range, as
/// Core's reader leaves them, and such a signature is never valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EcdsaSignature {
    r: Scalar,
    s: Scalar,
}

impl EcdsaSignature {
    /// Reads a signature (without hash type) in the BER subset that Core's `lax_der` accepts:
    /// lengths of any form, negative and padded integers, bytes left over at the end.
    pub fn from_lax_der(bytes: &[u8]) -> Option<EcdsaSignature> {
        let mut cursor = LaxCursor { bytes };
        if cursor.byte()? != 0x30 {
            return None;
        }
        cursor.skip_sequence_length()?;
        let r = cursor.integer()?;
        let s = cursor.integer()?;
        let zero = EcdsaSignature { r: Scalar::ZERO, s: Scalar::ZERO };
        let scalars = scalar_of_integer(r).zip(scalar_of_integer(s));
        Some(scalars.map_or(zero, |(r, s)| EcdsaSignature { r, s }))
    }

    /// R; not zero unless `is_zero`.
    pub fn r(&self) -> Scalar {
        self.r
    }

    /// S as it was given, high or low.
    pub fn s(&self) -> Scalar {
        self.s
    }

    /// R or S is zero, so that it is never valid.
    pub fn is_zero(&self) -> bool {
        self.r == Scalar::ZERO || self.s == Scalar::ZERO
    }

    /// S is at most half the group's order.
    pub fn is_low_s(&self) -> bool {
        !bool::from(self.s.is_high())
    }

    /// The signature is `key`'s over the 32-byte `digest`; S may be high.
    pub fn verify(&self, key: &PublicKey, digest: &[u8; 32]) -> bool {
        self.verified_parity(key, digest).is_some()
    }

    /// The same; if it is, whether y of the nonce point is odd, with S as it was given.
    pub fn verified_parity(&self, key: &PublicKey, digest: &[u8; 32]) -> Option<bool> {
        if self.is_zero() {
            return None;
        }
        let s_inverse = self.s.invert_vartime().into_option()?;
        let z = <Scalar as Reduce<FieldBytes>>::reduce(&FieldBytes::from(*digest));
        let point = ProjectivePoint::mul_by_generator_and_mul_add_vartime(
            &(z * s_inverse),
            &(self.r * s_inverse),
            &key.0,
        );
        // The identity's x is zero here, which a non-zero R never equals.
        let point = point.to_affine();
        let valid = <Scalar as Reduce<FieldBytes>>::reduce(&point.x()) == self.r;
        valid.then(|| point.y_is_odd().into())
    }
}

/// An ECDSA key's bytes taken apart, before anybody looks whether they name a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyForm {
    pub x: [u8; 32],
    /// y is odd.
    pub odd: bool,
    /// y, unless the key is compressed.
    pub y: Option<[u8; 32]>,
}

impl KeyForm {
    /// Reads a compressed (02, 03), uncompressed (04) or hybrid (06, 07) key.
    pub fn from_bytes(bytes: &[u8]) -> Option<KeyForm> {
        match bytes {
            [tag @ (2 | 3), x @ ..] => {
                let x = <[u8; 32]>::try_from(x).ok()?;
                Some(KeyForm { x, odd: tag & 1 == 1, y: None })
            }
            [tag @ (4 | 6 | 7), rest @ ..] if rest.len() == 64 => {
                let x = <[u8; 32]>::try_from(&rest[..32]).ok()?;
                let y = <[u8; 32]>::try_from(&rest[32..]).ok()?;
                let odd = y[31] & 1 == 1;
                let agrees = *tag == 4 || odd == (tag & 1 == 1);
                agrees.then_some(KeyForm { x, odd, y: Some(y) })
            }
            _ => None,
        }
    }
}

/// A point that an ECDSA key names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(ProjectivePoint);

impl PublicKey {
    /// Reads a key of any form.
    pub fn from_bytes(bytes: &[u8]) -> Option<PublicKey> {
        let form = KeyForm::from_bytes(bytes)?;
        let x = FieldBytes::from(form.x);
        let point = match form.y {
            Some(y) => AffinePoint::from_coordinates(&x, &FieldBytes::from(y)),
            None => AffinePoint::decompress(&x, u8::from(form.odd).into()),
        };
        Some(PublicKey(point.into_option()?.into()))
    }
}

/// A BIP340 signature check: 64 bytes of `signature` by the x-only `key` over `message`.
pub fn verify_schnorr(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    let Some(point) = lift_x(key) else { return false };
    let (mut r, mut s) = ([0u8; 32], [0u8; 32]);
    r.copy_from_slice(&signature[..32]);
    s.copy_from_slice(&signature[32..]);
    let Some(s) = scalar(&s) else { return false };
    let mut engine = tagged("BIP0340/challenge");
    engine.update(r);
    engine.update(key);
    engine.update(message);
    let challenge = reduced(engine);
    let nonce = ProjectivePoint::mul_by_generator_and_mul_add_vartime(&s, &-challenge, &point);
    if bool::from(nonce.is_identity()) {
        return false;
    }
    let nonce = nonce.to_affine();
    !bool::from(nonce.y_is_odd()) && nonce.x() == FieldBytes::from(r)
}

/// The x-only `key` plus `tweak` times the generator: x coordinate, and whether y is odd (BIP341).
/// None when the key is no point, the tweak no scalar, or the sum the identity.
pub fn tweak_x_only(key: &[u8; 32], tweak: &[u8; 32]) -> Option<([u8; 32], bool)> {
    let sum = lift_x(key)? + ProjectivePoint::mul_by_generator_vartime(&scalar(tweak)?);
    if bool::from(sum.is_identity()) {
        return None;
    }
    let affine = sum.to_affine();
    Some((affine.x().into(), affine.y_is_odd().into()))
}

/// The point with even y whose x coordinate is `x` (BIP340).
fn lift_x(x: &[u8; 32]) -> Option<ProjectivePoint> {
    let point = AffinePoint::decompact(&FieldBytes::from(*x)).into_option()?;
    Some(point.into())
}

/// The scalar of 32 big-endian bytes, when below the group's order.
fn scalar(bytes: &[u8; 32]) -> Option<Scalar> {
    Scalar::from_repr(FieldBytes::from(*bytes)).into_option()
}

fn reduced(engine: Sha256) -> Scalar {
    let digest: [u8; 32] = engine.finalize().into();
    <Scalar as Reduce<FieldBytes>>::reduce(&FieldBytes::from(digest))
}

/// The scalar of a DER integer's contents, read as unsigned whatever its sign bit says.
fn scalar_of_integer(contents: &[u8]) -> Option<Scalar> {
    let zeros = contents.iter().take_while(|b| **b == 0).count();
    let digits = &contents[zeros..];
    let mut bytes = [0u8; 32];
    bytes.get_mut(32usize.checked_sub(digits.len())?..)?.copy_from_slice(digits);
    scalar(&bytes)
}

/// Reads BER as permissively as Core.
struct LaxCursor<'a> {
    bytes: &'a [u8],
}

impl<'a> LaxCursor<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(*first)
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(count)?;
        self.bytes = rest;
        Some(taken)
    }

    /// The sequence's length is skipped, not believed.
    fn skip_sequence_length(&mut self) -> Option<()> {
        let first = self.byte()?;
        if first & 0x80 != 0 {
            self.take(usize::from(first & 0x7f))?;
        }
        Some(())
    }

    fn integer(&mut self) -> Option<&'a [u8]> {
        if self.byte()? != 0x02 {
            return None;
        }
        let first = self.byte()?;
        let mut length = usize::from(first);
        if first & 0x80 != 0 {
            let digits = self.take(usize::from(first & 0x7f))?;
            let zeros = digits.iter().take_while(|b| **b == 0).count();
            let digits = &digits[zeros..];
            if digits.len() >= 4 {
                return None;
            }
            length = digits.iter().fold(0, |length, b| length << 8 | usize::from(*b));
        }
        self.take(length)
    }
}
