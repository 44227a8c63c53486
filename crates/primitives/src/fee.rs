//! Weight, fee rates, and the default numbers of relay policy.
//!
//! A wallet must create what a mempool accepts, so both use these.

use std::fmt;

use super::amount::Amount;

/// Weight of a byte outside of witnesses (BIP141).
pub const WITNESS_SCALE: usize = 4;

/// Blocks that must pass before a coinbase can be spent: a rule of consensus.
pub const COINBASE_MATURITY: u32 = 100;

/// The heaviest transaction that nodes relay (Core's `MAX_STANDARD_TX_WEIGHT`).
pub const MAX_STANDARD_WEIGHT: Weight = Weight(400_000);

/// The rate at which an output must be worth spending (Core's `DUST_RELAY_TX_FEE`).
pub const DUST_RELAY_RATE: FeeRate = FeeRate { per_kvb: 3000 };

/// The least that a transaction pays to be relayed (Core's `DEFAULT_MIN_RELAY_TX_FEE`).
pub const MIN_RELAY_RATE: FeeRate = FeeRate { per_kvb: 100 };

/// What a replacement pays for its own bytes (Core's `DEFAULT_INCREMENTAL_RELAY_FEE`).
pub const INCREMENTAL_RELAY_RATE: FeeRate = FeeRate { per_kvb: 100 };

/// Virtual bytes that spending an output takes (Core's `GetDustThreshold`): with a witness, and
/// without.
pub const WITNESS_SPEND_VSIZE: usize = 67;
pub const LEGACY_SPEND_VSIZE: usize = 148;

/// Weight units (BIP141): four for a byte outside of witnesses, one for a byte of a witness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Weight(pub usize);

impl Weight {
    /// Virtual bytes: a quarter of the weight, rounded up.
    pub const fn vsize(self) -> usize {
        self.0.div_ceil(WITNESS_SCALE)
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A fee rate, in base units for 1,000 virtual bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct FeeRate {
    pub per_kvb: i64,
}

impl FeeRate {
    /// The fee for `vsize` virtual bytes, rounded up.
    pub fn fee(self, vsize: usize) -> Amount {
        let exact = i128::from(self.per_kvb) * vsize as i128;
        Amount(i64::try_from((exact + 999).div_euclid(1000)).unwrap_or(i64::MAX))
    }

    /// The rate that pays `fee` for `vsize` virtual bytes, rounded down.
    pub fn of(fee: Amount, vsize: usize) -> FeeRate {
        let exact = i128::from(fee.0) * 1000 / (vsize.max(1) as i128);
        FeeRate { per_kvb: i64::try_from(exact).unwrap_or(i64::MAX) }
    }

    /// The least value at which an output of `encoded_len` bytes is not dust at this rate (Core's
    /// `GetDustThreshold`); `is_witness` says whether its script is a witness program.
    pub fn dust_threshold(self, encoded_len: usize, is_witness: bool) -> Amount {
        let spend = if is_witness { WITNESS_SPEND_VSIZE } else { LEGACY_SPEND_VSIZE };
        self.fee(encoded_len + spend)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fees_round_up_and_rates_down() {
        let rate = FeeRate { per_kvb: 1001 };
        assert_eq!(rate.fee(141), Amount(142));
        assert_eq!(FeeRate::of(Amount(142), 141), FeeRate { per_kvb: 1007 });
        assert_eq!(FeeRate::of(Amount(5), 0), FeeRate { per_kvb: 5000 });
        assert_eq!(FeeRate { per_kvb: i64::MAX }.fee(usize::MAX >> 1), Amount(i64::MAX));
        assert_eq!(Weight(561).vsize(), 141);
    }

    #[test]
    fn dust_as_core_counts_it() {
        // P2PKH: 34 bytes and 148 to spend it; P2WPKH: 31 and 67.
        assert_eq!(DUST_RELAY_RATE.dust_threshold(34, false), Amount(546));
        assert_eq!(DUST_RELAY_RATE.dust_threshold(31, true), Amount(294));
    }
}
