//! A coin: an unspent output with what its spender must know about its origin.

use super::block::Height;
use super::codec::{Decode, DecodeError, Encode, Reader};
use super::tx::TxOut;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coin {
    pub output: TxOut,
    /// The block that made it.
    pub height: Height,
    /// Made by a coinbase, so that it must mature first.
    pub coinbase: bool,
}

/// Stored as height and coinbase flag in one little-endian `u32` (height × 2 + flag), then the
/// output's wire form.
impl Encode for Coin {
    fn encode(&self, out: &mut Vec<u8>) {
        let code = self.height.0 << 1 | u32::from(self.coinbase);
        out.extend_from_slice(&code.to_le_bytes());
        self.output.encode(out);
    }
}

impl Decode for Coin {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let code = reader.u32()?;
        let output = TxOut::decode(reader)?;
        Ok(Coin { output, height: Height(code >> 1), coinbase: code & 1 == 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::amount::Amount;
    use crate::script::Script;

    #[test]
    fn there_and_back() {
        let output = TxOut { value: Amount(5), script_pubkey: Script::new([1, 2]) };
        let coin = Coin { output, height: Height(7), coinbase: true };
        assert_eq!(Coin::from_bytes(&coin.to_bytes()), Ok(coin));
    }
}
