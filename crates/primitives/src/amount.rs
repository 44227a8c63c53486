//! Amounts of money, in base units ("sat"); 100,000,000 to the coin.

use std::fmt;
use std::str::FromStr;

/// Base units in one coin.
pub const COIN: i64 = 100_000_000;

/// No valid amount or sum of amounts is larger (Core's `MAX_MONEY`).
pub const MAX_MONEY: Amount = Amount(21_000_000 * COIN);

/// A number of base units. A decoded output can hold any `i64`; rules look at `is_money`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Amount(pub i64);

impl Amount {
    pub const ZERO: Amount = Amount(0);

    /// Between zero and `MAX_MONEY`.
    pub fn is_money(self) -> bool {
        self >= Amount::ZERO && self <= MAX_MONEY
    }

    /// The sum, if it is still money.
    pub fn add_money(self, other: Amount) -> Option<Amount> {
        self.0.checked_add(other.0).map(Amount).filter(|sum| sum.is_money())
    }

    /// The sum, money or not; at the ends of `i64` it stays there.
    pub const fn saturating_add(self, other: Amount) -> Amount {
        Amount(self.0.saturating_add(other.0))
    }

    /// The difference, which may be below zero; at the ends of `i64` it stays there.
    pub const fn saturating_sub(self, other: Amount) -> Amount {
        Amount(self.0.saturating_sub(other.0))
    }
}

/// Sums of what may not be money; at the ends of `i64` they stay there.
impl std::iter::Sum for Amount {
    fn sum<I: Iterator<Item = Amount>>(amounts: I) -> Amount {
        amounts.fold(Amount::ZERO, Amount::saturating_add)
    }
}

/// Coins with eight decimals, as Core's JSON shows them.
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let units = self.0.unsigned_abs();
        let coin = COIN.unsigned_abs();
        write!(f, "{sign}{}.{:08}", units / coin, units % coin)
    }
}

/// Why a text is not an amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    #[error("amount {0:?} could be {0} coins or {0} base units: write {0}.0 or {0}sat")]
    Ambiguous(String),
    #[error("amount {0:?} is not a number: write coins as 1.5 or base units as 150000000sat")]
    NotANumber(String),
    #[error("amount {0:?} has more than eight decimals")]
    TooPrecise(String),
    #[error("amount {0:?} is over the 21,000,000 coins that can exist")]
    TooLarge(String),
}

/// Coins with a decimal point (`1.5`) or base units with a suffix (`150000sat`); a bare integer
/// is refused with both readings shown.
impl FromStr for Amount {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let too_large = || AmountError::TooLarge(text.to_owned());
        let amount = if let Some(units) = text.strip_suffix("sat") {
            if !digits(units) {
                return Err(AmountError::NotANumber(text.to_owned()));
            }
            units.parse().map_err(|_| too_large())?
        } else if let Some((whole, part)) = text.split_once('.') {
            if !digits(part) || !(whole.is_empty() || digits(whole)) {
                return Err(AmountError::NotANumber(text.to_owned()));
            }
            if part.len() > 8 {
                return Err(AmountError::TooPrecise(text.to_owned()));
            }
            let whole: i64 =
                if whole.is_empty() { 0 } else { whole.parse().map_err(|_| too_large())? };
            let part: i64 = format!("{part:0<8}").parse().map_err(|_| too_large())?;
            whole.checked_mul(COIN).and_then(|w| w.checked_add(part)).ok_or_else(too_large)?
        } else if digits(text) {
            return Err(AmountError::Ambiguous(text.to_owned()));
        } else {
            return Err(AmountError::NotANumber(text.to_owned()));
        };
        Some(Amount(amount)).filter(|a| a.is_money()).ok_or_else(too_large)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_shows() {
        assert_eq!("1.5".parse(), Ok(Amount(150_000_000)));
        assert_eq!(".00000001".parse(), Ok(Amount(1)));
        assert_eq!("150000sat".parse(), Ok(Amount(150_000)));
        assert_eq!(Amount(150_000_000).to_string(), "1.50000000");
        assert_eq!(Amount(-1).to_string(), "-0.00000001");
        assert_eq!(Amount(i64::MIN).to_string(), "-92233720368.54775808");
    }

    #[test]
    fn refuses_what_is_unclear() {
        for (text, wants) in [
            ("1", "write 1.0 or 1sat"),
            ("1.123456789", "eight decimals"),
            ("21000001.0", "21,000,000"),
            ("99999999999999999999sat", "21,000,000"),
            ("-1.0", "not a number"),
            ("1.", "not a number"),
            ("", "not a number"),
        ] {
            let error = text.parse::<Amount>().expect_err(text).to_string();
            assert!(error.contains(wants), "{text}: {error}");
        }
    }

    #[test]
    fn sums_stay_money() {
        assert_eq!(MAX_MONEY.add_money(Amount(1)), None);
        assert_eq!(Amount(1).add_money(Amount(2)), Some(Amount(3)));
        assert_eq!(Amount(i64::MAX).add_money(Amount(1)), None);
    }
}
