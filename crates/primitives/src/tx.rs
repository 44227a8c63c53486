//! Transactions with witness (BIP141, BIP144), decoded exactly as Core's deserialiser does.

use std::fmt;
use std::str::FromStr;

use super::amount::Amount;
use super::codec::{
    Decode, DecodeError, Encode, Reader, compact_size_len, put_compact_size, put_var_bytes,
};
use super::fee::{WITNESS_SCALE, Weight};
use super::id::{Txid, Wtxid};
use super::script::Script;
use crypto::hash::sha256d;

/// Fewest bytes of an input, of an output and of a transaction: bounds what a length can claim.
const LEAST_INPUT: usize = 41;
const LEAST_OUTPUT: usize = 9;

/// Names one output of one transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OutPoint {
    pub txid: Txid,
    pub vout: u32,
}

impl OutPoint {
    /// What a coinbase input names.
    pub const NULL: OutPoint = OutPoint { txid: Txid::ZERO, vout: u32::MAX };

    pub fn is_null(&self) -> bool {
        *self == OutPoint::NULL
    }
}

impl fmt::Display for OutPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.txid, self.vout)
    }
}

/// Why a text is not `TXID:N`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an outpoint: write TXID:N, 64 hex digits, a colon and the output's number")]
pub struct OutPointError(pub String);

impl FromStr for OutPoint {
    type Err = OutPointError;

    fn from_str(text: &str) -> Result<Self, OutPointError> {
        let wrong = || OutPointError(text.to_owned());
        let (txid, vout) = text.split_once(':').ok_or_else(wrong)?;
        Ok(OutPoint {
            txid: txid.parse().map_err(|_| wrong())?,
            vout: vout.parse().map_err(|_| wrong())?,
        })
    }
}

impl Encode for OutPoint {
    fn encode(&self, out: &mut Vec<u8>) {
        self.txid.encode(out);
        out.extend_from_slice(&self.vout.to_le_bytes());
    }
}

impl Decode for OutPoint {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(OutPoint { txid: Txid::decode(reader)?, vout: reader.u32()? })
    }
}

/// The stack that a witness offers.
pub type Witness = Vec<Vec<u8>>;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TxIn {
    pub prevout: OutPoint,
    pub script_sig: Script,
    pub sequence: u32,
    pub witness: Witness,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TxOut {
    pub value: Amount,
    pub script_pubkey: Script,
}

impl Encode for TxOut {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.value.0.to_le_bytes());
        self.script_pubkey.encode(out);
    }
}

impl Decode for TxOut {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(TxOut { value: Amount(reader.i64()?), script_pubkey: Script::decode(reader)? })
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Transaction {
    pub version: u32,
    pub inputs: Vec<TxIn>,
    pub outputs: Vec<TxOut>,
    pub lock_time: u32,
}

impl Transaction {
    pub fn has_witness(&self) -> bool {
        self.inputs.iter().any(|input| !input.witness.is_empty())
    }

    /// One input, which names nothing.
    pub fn is_coinbase(&self) -> bool {
        matches!(&self.inputs[..], [only] if only.prevout.is_null())
    }

    /// Double SHA-256 of the form without witness.
    pub fn txid(&self) -> Txid {
        let mut bytes = Vec::with_capacity(self.base_size());
        self.encode_base(&mut bytes);
        Txid(sha256d(&bytes))
    }

    /// Double SHA-256 of the whole form.
    pub fn wtxid(&self) -> Wtxid {
        Wtxid(sha256d(&self.to_bytes()))
    }

    /// The form without witness.
    pub fn encode_base(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.version.to_le_bytes());
        self.encode_inputs_and_outputs(out);
        out.extend_from_slice(&self.lock_time.to_le_bytes());
    }

    /// Bytes of the form without witness.
    pub fn base_size(&self) -> usize {
        let inputs: usize = self.inputs.iter().map(|i| 40 + i.script_sig.encoded_len()).sum();
        let outputs: usize = self.outputs.iter().map(|o| 8 + o.script_pubkey.encoded_len()).sum();
        let counts = compact_size_len(self.inputs.len()) + compact_size_len(self.outputs.len());
        8 + counts + inputs + outputs
    }

    /// Bytes of the whole form.
    pub fn total_size(&self) -> usize {
        let base = self.base_size();
        if !self.has_witness() {
            return base;
        }
        let item = |bytes: &Vec<u8>| compact_size_len(bytes.len()) + bytes.len();
        let witness: usize = self
            .inputs
            .iter()
            .map(|i| compact_size_len(i.witness.len()) + i.witness.iter().map(item).sum::<usize>())
            .sum();
        base + 2 + witness
    }

    /// Weight units (BIP141): base size times three plus total size.
    pub fn weight(&self) -> Weight {
        Weight(self.base_size() * (WITNESS_SCALE - 1) + self.total_size())
    }

    /// Virtual bytes: weight over four, rounded up.
    pub fn vsize(&self) -> usize {
        self.weight().vsize()
    }

    fn encode_inputs_and_outputs(&self, out: &mut Vec<u8>) {
        put_compact_size(out, self.inputs.len());
        for input in &self.inputs {
            input.prevout.encode(out);
            input.script_sig.encode(out);
            out.extend_from_slice(&input.sequence.to_le_bytes());
        }
        put_compact_size(out, self.outputs.len());
        for output in &self.outputs {
            output.encode(out);
        }
    }
}

impl Encode for Transaction {
    fn encode(&self, out: &mut Vec<u8>) {
        if !self.has_witness() {
            return self.encode_base(out);
        }
        out.extend_from_slice(&self.version.to_le_bytes());
        out.extend_from_slice(&[0, 1]);
        self.encode_inputs_and_outputs(out);
        for input in &self.inputs {
            put_compact_size(out, input.witness.len());
            for item in &input.witness {
                put_var_bytes(out, item);
            }
        }
        out.extend_from_slice(&self.lock_time.to_le_bytes());
    }
}

fn decode_input(reader: &mut Reader<'_>) -> Result<TxIn, DecodeError> {
    Ok(TxIn {
        prevout: OutPoint::decode(reader)?,
        script_sig: Script::decode(reader)?,
        sequence: reader.u32()?,
        witness: Witness::new(),
    })
}

impl Decode for Transaction {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let version = reader.u32()?;
        let mut inputs = reader.list(LEAST_INPUT, decode_input)?;
        let mut outputs = Vec::new();
        let mut flag = 0;
        // No inputs: either the witness marker, or a transaction that has none.
        if inputs.is_empty() {
            let at = reader.position();
            flag = reader.u8()?;
            if flag != 0 {
                inputs = reader.list(LEAST_INPUT, decode_input)?;
                outputs = reader.list(LEAST_OUTPUT, TxOut::decode)?;
            }
            if flag & 1 != 0 {
                for input in &mut inputs {
                    input.witness = reader.list(1, |r| Ok(r.var_bytes()?.to_vec()))?;
                }
                if inputs.iter().all(|input| input.witness.is_empty()) {
                    return Err(DecodeError::SuperfluousWitness { at });
                }
            }
            if flag & !1 != 0 {
                return Err(DecodeError::UnknownFlag { at, flag });
            }
        }
        if flag == 0 && !inputs.is_empty() {
            outputs = reader.list(LEAST_OUTPUT, TxOut::decode)?;
        }
        Ok(Transaction { version, inputs, outputs, lock_time: reader.u32()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(any::<u8>(), 0..80)
    }

    prop_compose! {
        fn input()(
            txid in any::<[u8; 32]>(), vout in any::<u32>(), sig in bytes(),
            sequence in any::<u32>(), witness in proptest::collection::vec(bytes(), 0..3),
        ) -> TxIn {
            TxIn {
                prevout: OutPoint { txid: Txid(txid), vout },
                script_sig: Script(sig), sequence, witness,
            }
        }
    }

    prop_compose! {
        fn transaction()(
            version in any::<u32>(), lock_time in any::<u32>(),
            inputs in proptest::collection::vec(input(), 1..4),
            outputs in proptest::collection::vec((any::<i64>(), bytes()), 0..4),
        ) -> Transaction {
            let output = |(v, s)| TxOut { value: Amount(v), script_pubkey: Script(s) };
            let outputs = outputs.into_iter().map(output).collect();
            Transaction { version, inputs, outputs, lock_time }
        }
    }

    proptest! {
        #[test]
        fn there_and_back(tx in transaction()) {
            let bytes = tx.to_bytes();
            prop_assert_eq!(bytes.len(), tx.total_size());
            prop_assert_eq!(Transaction::from_bytes(&bytes), Ok(tx.clone()));
            let mut base = Vec::new();
            tx.encode_base(&mut base);
            prop_assert_eq!(base.len(), tx.base_size());
            prop_assert_eq!(tx.txid(), Txid(sha256d(&base)));
        }

        #[test]
        fn every_cut_is_an_error(tx in transaction(), cut in any::<proptest::sample::Index>()) {
            let bytes = tx.to_bytes();
            prop_assert!(Transaction::from_bytes(&bytes[..cut.index(bytes.len())]).is_err());
        }

        #[test]
        fn noise_never_panics(noise in proptest::collection::vec(any::<u8>(), 0..400)) {
            if let Ok(tx) = Transaction::from_bytes(&noise) {
                prop_assert_eq!(tx.to_bytes(), noise);
            }
        }
    }

    #[test]
    fn marker_without_witness_is_refused() {
        let mut bytes = vec![1, 0, 0, 0, 0, 1, 1];
        bytes.extend_from_slice(&[0; 36]);
        bytes.push(0);
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&[0, 0]);
        bytes.extend_from_slice(&[0; 4]);
        assert_eq!(Transaction::from_bytes(&bytes), Err(DecodeError::SuperfluousWitness { at: 5 }));
        bytes[5] = 2;
        assert!(matches!(
            Transaction::from_bytes(&bytes),
            Err(DecodeError::UnknownFlag { at: 5, flag: 2 })
        ));
    }

    #[test]
    fn no_inputs_and_no_outputs_decode() {
        let bytes = [1, 0, 0, 0, 0, 0, 9, 0, 0, 0];
        let tx = Transaction::from_bytes(&bytes).expect("Core reads it too");
        assert!(tx.inputs.is_empty() && tx.outputs.is_empty() && tx.lock_time == 9);
    }

    #[test]
    fn outpoints_in_text() {
        let text = format!("{}:7", "ab".repeat(32));
        let outpoint: OutPoint = text.parse().expect("well formed");
        assert_eq!(outpoint.to_string(), text);
        assert!("ab:7".parse::<OutPoint>().is_err());
        assert!("abc".parse::<OutPoint>().is_err());
    }
}
