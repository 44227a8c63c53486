//! Keys in a token behind PKCS#11: made there, never taken out, asked for signatures.

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;

use crypto::sign::{PrivateKey, low_s_der};
use rpc::error::{CallError, ErrorKind};
use wallet::keys::KeyOrigin;
use wallet::psbt::sign::Signer;

/// The curve secp256k1 as a DER object identifier, 1.3.132.0.10.
const SECP256K1: [u8; 7] = [0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a];
/// Longest name of a key.
const MAX_LABEL: usize = 64;

/// An open token.
pub struct Hsm {
    session: Session,
}

fn refused(why: impl Into<String>) -> CallError {
    CallError::new(ErrorKind::Rejected, why)
}

fn failed(what: &str) -> impl FnOnce(cryptoki::error::Error) -> CallError {
    move |e| refused(format!("the token can't {what}: {e}"))
}

impl Hsm {
    /// Loads the module and enters the token in its slot.
    pub fn open(module: &str, slot: u64, pin: &str) -> Result<Hsm, CallError> {
        let token = Pkcs11::new(module).map_err(failed("be loaded"))?;
        let flags = CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK);
        token.initialize(flags).map_err(failed("be started"))?;
        let slots = token.get_slots_with_token().map_err(failed("be listed"))?;
        let numbers: Vec<String> = slots.iter().map(|slot| slot.id().to_string()).collect();
        let found = slots.into_iter().find(|found| found.id() == slot).ok_or_else(|| {
            refused(format!("slot {slot} holds no token; there are: {}", numbers.join(", ")))
        })?;
        let session = token.open_rw_session(found).map_err(failed("be opened"))?;
        let pin = AuthPin::new(pin.to_owned().into());
        session.login(UserType::User, Some(&pin)).map_err(failed("be entered with this PIN"))?;
        Ok(Hsm { session })
    }

    /// Makes a key that can't be taken out; its compressed public key.
    pub fn new_key(&self, label: &str) -> Result<[u8; 33], CallError> {
        if label.is_empty() || label.len() > MAX_LABEL {
            return Err(refused(format!("a key's name has 1 to {MAX_LABEL} bytes")));
        }
        let label = label.as_bytes().to_vec();
        let public = [
            Attribute::Token(true),
            Attribute::Private(false),
            Attribute::Verify(true),
            Attribute::EcParams(SECP256K1.to_vec()),
            Attribute::Label(label.clone()),
        ];
        let private = [
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Sign(true),
            Attribute::Label(label),
        ];
        let mechanism = Mechanism::EccKeyPairGen;
        let made = self.session.generate_key_pair(&mechanism, &public, &private);
        let (public, _) = made.map_err(failed("make a key on secp256k1"))?;
        let told = self.session.get_attributes(public, &[AttributeType::EcPoint]);
        let told = told.map_err(failed("tell the key"))?;
        told.iter().find_map(compressed).ok_or_else(|| refused("the token tells no public key"))
    }

    /// A signature by the key whose public part is `public`, if the token has it.
    fn sign(&self, public: &[u8], hash: &[u8; 32]) -> Option<Vec<u8>> {
        let template = [Attribute::Class(ObjectClass::PUBLIC_KEY), Attribute::KeyType(KeyType::EC)];
        for object in self.session.find_objects(&template).ok()? {
            let kinds = [AttributeType::EcPoint, AttributeType::Label];
            let told = self.session.get_attributes(object, &kinds).ok()?;
            if told.iter().find_map(compressed).is_none_or(|key| key[..] != *public) {
                continue;
            }
            let label = told.into_iter().find(|told| matches!(told, Attribute::Label(_)))?;
            let template = [Attribute::Class(ObjectClass::PRIVATE_KEY), label];
            // Several keys may have the same name: the caller's check of the signature decides.
            for private in self.session.find_objects(&template).ok()? {
                let signature = self.session.sign(&Mechanism::Ecdsa, private, hash).ok()?;
                let signature = <[u8; 64]>::try_from(signature).ok()?;
                if let Some(der) = low_s_der(&signature, public, hash) {
                    return Some(der);
                }
            }
        }
        None
    }
}

impl Signer for Hsm {
    fn key(&self, _: Option<&KeyOrigin>, _: &[u8]) -> Option<PrivateKey> {
        None
    }

    fn sign_elsewhere(&self, public: &[u8], hash: &[u8; 32]) -> Option<Vec<u8>> {
        self.sign(public, hash)
    }
}

/// The point of a public key, which PKCS#11 wraps in an octet string.
fn compressed(told: &Attribute) -> Option<[u8; 33]> {
    let Attribute::EcPoint(bytes) = told else { return None };
    let point = bytes.strip_prefix(&[0x04, 65]).unwrap_or(bytes);
    let [0x04, coordinates @ ..] = point else { return None };
    let (x, y) = coordinates.split_first_chunk::<32>().filter(|(_, y)| y.len() == 32)?;
    let mut key = [0u8; 33];
    key[0] = 2 | y[31] & 1;
    key[1..].copy_from_slice(x);
    Some(key)
}
