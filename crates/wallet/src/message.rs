//! Signed messages: BIP137, whose signature tells the key, and BIP322 (simple), whose proof is the
//! witness of a transaction that can never be.

use data_encoding::BASE64;

use super::psbt::bare_input;
use super::psbt::fields::read_witness;
use crypto::hash::{hash160, sha256d, tagged_hash};
use crypto::sign::{PrivateKey, recover, uncompressed};
use primitives::address::Address;
use primitives::amount::Amount;
use primitives::codec::{put_compact_size, put_var_bytes};
use primitives::script::Script;
use primitives::tx::{OutPoint, Transaction, TxOut};
use script::check::verify_input;
use script::checker::CheckNow;
use script::flags::ScriptFlags;
use script::sighash::TxMidstate;

/// What stands before every message of BIP137.
const PREFIX: &[u8] = b"Bitcoin Signed Message:\n";
const OP_RETURN: u8 = 0x6a;

/// Why a text is no signature of a message by an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    #[error("the signature is not base64")]
    NotBase64,
    #[error("the signature is neither 65 bytes (BIP137) nor a witness (BIP322)")]
    Malformed,
    #[error("the signature fits another message or another address")]
    Wrong,
}

/// The hash that BIP137 signs.
fn digest(message: &[u8]) -> [u8; 32] {
    let mut bytes = Vec::new();
    put_var_bytes(&mut bytes, PREFIX);
    put_var_bytes(&mut bytes, message);
    sha256d(&bytes)
}

/// BIP137 by a key whose address is P2PKH (compressed), P2SH-P2WPKH or P2WPKH; None for others.
pub fn sign_137(key: &PrivateKey, address: &Address, message: &[u8]) -> Option<String> {
    let first = match address {
        Address::PubkeyHash(_) => 31,
        Address::ScriptHash(_) => 35,
        Address::Witness { version: 0, program } if program.len() == 20 => 39,
        Address::Witness { .. } => return None,
    };
    let (id, signature) = key.sign_recoverable(&digest(message));
    Some(BASE64.encode(&[&[first + id][..], &signature].concat()))
}

/// The two transactions of BIP322: one that the message makes, one that spends it.
pub fn transactions(script: &Script, message: &[u8]) -> (Transaction, Transaction) {
    let mut to_spend = Transaction {
        version: 0,
        inputs: vec![bare_input(OutPoint::NULL, 0)],
        outputs: vec![TxOut { value: Amount::ZERO, script_pubkey: script.clone() }],
        lock_time: 0,
    };
    let hash = tagged_hash("BIP0322-signed-message", message);
    to_spend.inputs[0].script_sig = Script([&[0, 32][..], &hash].concat());
    let prevout = OutPoint { txid: to_spend.txid(), vout: 0 };
    let to_sign = Transaction {
        version: 0,
        inputs: vec![bare_input(prevout, 0)],
        outputs: vec![TxOut { value: Amount::ZERO, script_pubkey: Script(vec![OP_RETURN]) }],
        lock_time: 0,
    };
    (to_spend, to_sign)
}

/// The witness of the signed second transaction, as BIP322's simple form.
pub fn simple(signed: &Transaction) -> String {
    let mut bytes = Vec::new();
    let witness = signed.inputs.first().map(|input| &input.witness[..]).unwrap_or_default();
    put_compact_size(&mut bytes, witness.len());
    witness.iter().for_each(|element| put_var_bytes(&mut bytes, element));
    BASE64.encode(&bytes)
}

/// The signature is the address', in either form; BIP137's gives the public key.
pub fn verify(
    address: &Address,
    signature: &str,
    message: &[u8],
) -> Result<Option<[u8; 33]>, MessageError> {
    let bytes = BASE64.decode(signature.trim().as_bytes()).map_err(|_| MessageError::NotBase64)?;
    if let [first @ 27..=42, rest @ ..] = &bytes[..]
        && let Ok(signature) = <&[u8; 64]>::try_from(rest)
    {
        return verify_137(address, *first, signature, message).map(Some);
    }
    let witness = read_witness(&bytes).ok_or(MessageError::Malformed)?;
    let script = address.to_script();
    let (to_spend, mut to_sign) = transactions(&script, message);
    to_sign.inputs[0].witness = witness;
    let midstate = TxMidstate::new(&to_sign, &to_spend.outputs);
    let verified = verify_input(&midstate, 0, ScriptFlags::STANDARD, &CheckNow);
    verified.map(|()| None).map_err(|_| MessageError::Wrong)
}

fn verify_137(
    address: &Address,
    first: u8,
    signature: &[u8; 64],
    message: &[u8],
) -> Result<[u8; 33], MessageError> {
    let kind = (first - 27) / 4;
    let key = recover((first - 27) % 4, signature, &digest(message)).ok_or(MessageError::Wrong)?;
    let hash = hash160(&key);
    let witness = Address::Witness { version: 0, program: hash.to_vec() };
    // Some signers use the first byte of P2PKH for all addresses.
    let fits = match address {
        Address::PubkeyHash(wanted) if kind == 0 => {
            uncompressed(&key).is_some_and(|key| hash160(&key) == *wanted)
        }
        Address::PubkeyHash(wanted) => hash == *wanted,
        Address::ScriptHash(wanted) => hash160(witness.to_script().as_bytes()) == *wanted,
        other => *other == witness,
    };
    if fits { Ok(key) } else { Err(MessageError::Wrong) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use primitives::hex;
    use primitives::network::BITCOIN;

    /// BIP322's test vectors: message hashes, transaction ids and simple signatures.
    #[test]
    fn bip322_vectors() {
        assert_eq!(
            hex::encode(&tagged_hash("BIP0322-signed-message", b"")),
            "c90c269c4f8fcbe6880f72a721ddfbf1914268a794cbb21cfafee13770ae19f1"
        );
        assert_eq!(
            hex::encode(&tagged_hash("BIP0322-signed-message", b"Hello World")),
            "f0eb03b1a75ac6d9847f55c624a99169b5dccba2a31f5b23bea77ba270de0a7a"
        );
        let text = "bc1q9vza2e8x573nczrlzms0wvx3gsqjx7vavgkx0l";
        let address = Address::from_text(text, &BITCOIN).expect("an address");
        let (to_spend, to_sign) = transactions(&address.to_script(), b"");
        assert_eq!(
            to_spend.txid().to_string(),
            "c5680aa69bb8d860bf82d4e9cd3504b55dde018de765a91bb566283c545a99a7"
        );
        assert_eq!(
            to_sign.txid().to_string(),
            "1e9654e951a5ba44c8604c4de6c67fd78a27e81dcadcfe1edf638ba3aaebaed6"
        );
        for (message, signature) in [
            (
                "",
                "AkcwRAIgM2gBAQqvZX15ZiysmKmQpDrG83avLIT492QBzLnQIxYCIBaTpOaD20qRlEylyxFSeEA2ba9YOixpX8z46TSDtS40ASECx/EgAxlkQpQ9hYjgGu6EBCPMVPwVIVJqO4XCsMvViHI=",
            ),
            (
                "Hello World",
                "AkcwRAIgZRfIY3p7/DoVTty6YZbWS71bc5Vct9p9Fia83eRmw2QCICK/ENGfwLtptFluMGs2KsqoNSk89pO7F29zJLUx9a/sASECx/EgAxlkQpQ9hYjgGu6EBCPMVPwVIVJqO4XCsMvViHI=",
            ),
        ] {
            assert_eq!(verify(&address, signature, message.as_bytes()), Ok(None));
            assert_eq!(verify(&address, signature, b"other"), Err(MessageError::Wrong));
        }
    }

    #[test]
    fn bip137_tells_the_key() {
        let key = PrivateKey::from_bytes(&[9; 32]).expect("a key");
        let hash = hash160(&key.public_key());
        let witness = Address::Witness { version: 0, program: hash.to_vec() };
        let nested = Address::ScriptHash(hash160(witness.to_script().as_bytes()));
        for address in [Address::PubkeyHash(hash), nested, witness] {
            let signature = sign_137(&key, &address, b"pay me").expect("signed");
            assert_eq!(verify(&address, &signature, b"pay me"), Ok(Some(key.public_key())));
            assert_eq!(verify(&address, &signature, b"pay you"), Err(MessageError::Wrong));
        }
        assert_eq!(verify(&Address::PubkeyHash(hash), "%", b""), Err(MessageError::NotBase64));
        assert_eq!(verify(&Address::PubkeyHash(hash), "AQ==", b""), Err(MessageError::Malformed));
    }
}
