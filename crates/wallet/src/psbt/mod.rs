//! Partially signed transactions (BIP174, BIP370, BIP371): a transaction under way between those
//! who must sign it. What is not understood is kept as it came.

pub mod codec;
pub mod fields;
pub mod finish;
pub mod look;
pub mod sign;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use self::fields::{global, input};
use crate::verdict::Refusal;
use primitives::amount::Amount;
use primitives::codec::{Decode, Encode};
use primitives::id::Txid;
use primitives::script::Script;
use primitives::tx::{Transaction, TxIn, TxOut};

/// Keys (type and data together) and values of one map.
pub type Map = BTreeMap<Vec<u8>, Vec<u8>>;

/// Why bytes are no PSBT, or why it is not signed, combined or finished.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PsbtError {
    #[error("this is no PSBT: {0}")]
    NoPsbt(&'static str),
    #[error("the PSBT is cut short or has a length that can't be")]
    CutShort,
    #[error("the PSBT has bytes after its end")]
    Trailing,
    #[error("the PSBT's {place} is not valid: {why}")]
    Field { place: String, why: &'static str },
    #[error("the PSBTs are of different transactions")]
    DifferentTransactions,
    #[error(
        "the PSBT is foreign: none of its inputs is this wallet's, so there is nothing to sign"
    )]
    Foreign,
    #[error("the PSBT was altered: {0}")]
    Altered(String),
    #[error("input {input} is not complete: {have} of {required} signatures")]
    Incomplete { input: usize, have: usize, required: usize },
    #[error("input {input} can't be finished: {why}")]
    Unfinished { input: usize, why: String },
    #[error("input {input} has no output that it spends in the PSBT: its creator must add it")]
    NoUtxo { input: usize },
    #[error("input {input} is finished, but its script refuses the spend: {why}")]
    ScriptRefuses { input: usize, why: String },
    #[error("the PSBT's outputs exceed its inputs by {0}")]
    Overspent(Amount),
    #[error(transparent)]
    Refused(#[from] Refusal),
}

pub(super) fn field(place: impl Into<String>, why: &'static str) -> PsbtError {
    PsbtError::Field { place: place.into(), why }
}

/// A PSBT, of version 0 (BIP174) or 2 (BIP370).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Psbt {
    pub version: u32,
    /// What belongs to the whole; neither the transaction nor its counts.
    pub global: Map,
    pub inputs: Vec<Map>,
    pub outputs: Vec<Map>,
    /// Inputs without scripts and witnesses.
    pub tx: Transaction,
}

impl Psbt {
    /// Around a transaction; scripts and witnesses are left out.
    pub fn new(mut tx: Transaction) -> Psbt {
        for input in &mut tx.inputs {
            input.script_sig = Script::default();
            input.witness.clear();
        }
        let (inputs, outputs) = (tx.inputs.len(), tx.outputs.len());
        Psbt {
            version: 0,
            global: Map::new(),
            inputs: vec![Map::new(); inputs],
            outputs: vec![Map::new(); outputs],
            tx,
        }
    }

    /// The output that an input spends. Both forms, where both are there, must agree, and the
    /// transaction must be the one that the input names.
    pub fn utxo(&self, at: usize) -> Result<TxOut, PsbtError> {
        self.utxo_after(at, &mut BTreeMap::new())
    }

    /// The same, with the transactions that inputs before brought: many inputs may spend one.
    fn utxo_after<'a>(
        &'a self,
        at: usize,
        before: &mut BTreeMap<Txid, (&'a [u8], Transaction)>,
    ) -> Result<TxOut, PsbtError> {
        let map = &self.inputs[at];
        let prevout = self.tx.inputs[at].prevout;
        let place = || format!("input {at}");
        let witness = match map.get(&[input::WITNESS_UTXO][..]) {
            Some(bytes) => Some(
                TxOut::from_bytes(bytes).map_err(|_| field(place(), "its output is malformed"))?,
            ),
            None => None,
        };
        let Some(bytes) = map.get(&[input::NON_WITNESS_UTXO][..]) else {
            return witness.ok_or(PsbtError::NoUtxo { input: at });
        };
        if before.get(&prevout.txid).is_none_or(|(same, _)| *same != &bytes[..]) {
            let tx = Transaction::from_bytes(bytes)
                .map_err(|_| field(place(), "the transaction it spends is malformed"))?;
            if tx.txid() != prevout.txid {
                let why = format!("input {at} brings another transaction than the one it spends");
                return Err(PsbtError::Altered(why));
            }
            before.insert(prevout.txid, (bytes, tx));
        }
        let tx = before.get(&prevout.txid).map(|(_, tx)| tx);
        let Some(output) = tx.and_then(|tx| tx.outputs.get(prevout.vout as usize)) else {
            let why = format!("input {at} spends an output that its transaction does not have");
            return Err(PsbtError::Altered(why));
        };
        if witness.is_some_and(|witness| witness != *output) {
            let why = format!("input {at} names another amount or script than the one it spends");
            return Err(PsbtError::Altered(why));
        }
        Ok(output.clone())
    }

    /// What all inputs spend, in order.
    pub fn utxos(&self) -> Result<Vec<TxOut>, PsbtError> {
        let mut before = BTreeMap::new();
        (0..self.inputs.len()).map(|at| self.utxo_after(at, &mut before)).collect()
    }

    /// What the inputs spend agrees with itself, where it is told.
    pub(super) fn check_utxos(&self) -> Result<(), PsbtError> {
        let mut before = BTreeMap::new();
        for at in 0..self.inputs.len() {
            match self.utxo_after(at, &mut before) {
                Ok(_) | Err(PsbtError::NoUtxo { .. }) => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// What inputs hold over outputs.
    pub fn fee(&self) -> Result<Amount, PsbtError> {
        self.fee_of(&self.utxos()?)
    }

    /// The same, where what the inputs spend is known.
    pub(crate) fn fee_of(&self, utxos: &[TxOut]) -> Result<Amount, PsbtError> {
        let sum = |outputs: &[TxOut]| {
            outputs.iter().try_fold(Amount::ZERO, |sum, o| {
                Some(o.value).filter(|v| v.is_money()).and_then(|value| sum.add_money(value))
            })
        };
        let amounts = || field("amounts", "they are more than can exist");
        let inputs = sum(utxos).ok_or_else(amounts)?;
        let outputs = sum(&self.tx.outputs).ok_or_else(amounts)?;
        if outputs > inputs {
            return Err(PsbtError::Overspent(Amount(outputs.0 - inputs.0)));
        }
        Ok(Amount(inputs.0 - outputs.0))
    }

    pub fn script_of(&self, at: usize, kind: u8) -> Option<Script> {
        self.inputs[at].get(&[kind][..]).map(|bytes| Script(bytes.clone()))
    }

    /// The input has its scripts and witness.
    pub fn is_final(&self, at: usize) -> bool {
        let map = &self.inputs[at];
        map.contains_key(&[input::FINAL_SCRIPT_SIG][..])
            || map.contains_key(&[input::FINAL_WITNESS][..])
    }

    /// Entries of a kind: the key's data, and the value.
    pub fn entries(map: &Map, kind: u8) -> impl Iterator<Item = (&[u8], &[u8])> {
        let of_kind = map.iter().filter(move |(key, _)| key.first() == Some(&kind));
        of_kind.map(|(key, value)| (&key[1..], &value[..]))
    }

    /// Everything that others have added to the same transaction.
    pub fn combine(&mut self, other: &Psbt) -> Result<(), PsbtError> {
        if self.tx != other.tx {
            return Err(PsbtError::DifferentTransactions);
        }
        let merge = |into: &mut Map, from: &Map| {
            for (key, value) in from {
                into.entry(key.clone()).or_insert_with(|| value.clone());
            }
        };
        merge(&mut self.global, &other.global);
        for (into, from) in self.inputs.iter_mut().zip(&other.inputs) {
            merge(into, from);
        }
        for (into, from) in self.outputs.iter_mut().zip(&other.outputs) {
            merge(into, from);
        }
        for (at, map) in self.inputs.iter_mut().enumerate() {
            let done = map.contains_key(&[input::FINAL_SCRIPT_SIG][..])
                || map.contains_key(&[input::FINAL_WITNESS][..]);
            if done {
                fields::keep_final(map);
            }
            debug_assert!(at < self.tx.inputs.len());
        }
        Ok(())
    }

    /// The same in the other version.
    pub fn to_version(mut self, version: u32) -> Psbt {
        self.version = version;
        if version == 0 {
            for kind in [global::FALLBACK_LOCK_TIME, global::MODIFIABLE] {
                self.global.remove(&[kind][..]);
            }
            for map in &mut self.inputs {
                map.remove(&[input::TIME_LOCK][..]);
                map.remove(&[input::HEIGHT_LOCK][..]);
            }
        } else if self.tx.lock_time != 0 {
            let bytes = self.tx.lock_time.to_le_bytes().to_vec();
            self.global.insert(vec![global::FALLBACK_LOCK_TIME], bytes);
        }
        self
    }

    pub fn put_input(&mut self, at: usize, kind: u8, value: Vec<u8>) {
        self.inputs[at].insert(vec![kind], value);
    }

    pub fn put_output(&mut self, at: usize, kind: u8, value: Vec<u8>) {
        self.outputs[at].insert(vec![kind], value);
    }

    pub fn put_witness_utxo(&mut self, at: usize, utxo: &TxOut) {
        self.put_input(at, input::WITNESS_UTXO, utxo.to_bytes());
    }
}

/// An input that names an output, with nothing else.
pub(super) fn bare_input(prevout: primitives::tx::OutPoint, sequence: u32) -> TxIn {
    TxIn { prevout, script_sig: Script::default(), sequence, witness: Vec::new() }
}

/// A key of a map: kind, then data.
pub(super) fn key(kind: u8, data: &[u8]) -> Vec<u8> {
    let mut key = vec![kind];
    key.extend_from_slice(data);
    key
}
