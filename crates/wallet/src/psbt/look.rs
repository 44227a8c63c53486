//! What a PSBT does, for those who must decide whether to sign it.

use super::Psbt;
use super::fields::{input, output, tap_origin};
use crate::keys::KeyOrigin;

impl Psbt {
    /// Keys and their origins that an input tells.
    pub fn input_origins(&self, at: usize) -> Vec<(Vec<u8>, KeyOrigin)> {
        origins(&self.inputs[at], input::BIP32_DERIVATION, input::TAP_BIP32_DERIVATION)
    }

    /// The same of an output.
    pub fn output_origins(&self, at: usize) -> Vec<(Vec<u8>, KeyOrigin)> {
        origins(&self.outputs[at], output::BIP32_DERIVATION, output::TAP_BIP32_DERIVATION)
    }

    /// Public keys whose signatures an input has.
    pub fn signed_by(&self, at: usize) -> Vec<Vec<u8>> {
        let map = &self.inputs[at];
        let mut keys: Vec<Vec<u8>> =
            Psbt::entries(map, input::PARTIAL_SIG).map(|(key, _)| key.to_vec()).collect();
        if map.contains_key(&[input::TAP_KEY_SIG][..]) {
            keys.extend(map.get(&[input::TAP_INTERNAL_KEY][..]).cloned());
        }
        keys
    }
}

fn origins(map: &super::Map, kind: u8, taproot: u8) -> Vec<(Vec<u8>, KeyOrigin)> {
    let plain = Psbt::entries(map, kind)
        .filter_map(|(key, value)| Some((key.to_vec(), KeyOrigin::from_bytes(value)?)));
    let tapped = Psbt::entries(map, taproot).filter_map(|(key, value)| {
        Some((key.to_vec(), KeyOrigin::from_bytes(tap_origin(value)?)?))
    });
    plain.chain(tapped).collect()
}
