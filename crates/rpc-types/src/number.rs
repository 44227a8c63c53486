//! Numbers that a binary floating point number would not hold exactly, and their units.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Number;

/// Base units in a coin.
pub const COIN: i64 = 100_000_000;
/// Decimals of an amount in coins.
const DECIMALS: usize = 8;

/// An amount of money. In JSON a number of coins with exactly eight decimals, as Bitcoin Core
/// writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Amount(i64);

impl Amount {
    pub const fn from_base_units(units: i64) -> Amount {
        Amount(units)
    }

    /// The amount in base units: hundred-millionths of a coin.
    pub const fn base_units(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, units) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        let coin = COIN.unsigned_abs();
        write!(f, "{sign}{}.{:0DECIMALS$}", units / coin, units % coin)
    }
}

/// The text is no amount of coins, or has parts smaller than a base unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAnAmount;

impl fmt::Display for NotAnAmount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an amount of coins with at most eight decimals")
    }
}

impl std::error::Error for NotAnAmount {}

impl FromStr for Amount {
    type Err = NotAnAmount;

    /// Reads decimal digits exactly; a form with an exponent, which a JSON library without
    /// arbitrary precision makes of a small number, by rounding to the base unit.
    fn from_str(text: &str) -> Result<Amount, NotAnAmount> {
        if text.contains(['e', 'E']) {
            let units = text.parse::<f64>().map_err(|_| NotAnAmount)? * COIN as f64;
            // Every possible amount is below 2^53 base units, so a double tells them apart.
            return match units.abs() < (1u64 << 53) as f64 {
                true => Ok(Amount(units.round() as i64)),
                false => Err(NotAnAmount),
            };
        }
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
        let part = match part.len() > DECIMALS {
            true => part.get(..DECIMALS).filter(|_| part[DECIMALS..].bytes().all(|b| b == b'0')),
            false => Some(part),
        };
        let part = part.ok_or(NotAnAmount)?;
        let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !all_digits(whole) || !all_digits(part) {
            return Err(NotAnAmount);
        }
        let whole: i64 = whole.parse().map_err(|_| NotAnAmount)?;
        let part: i64 = format!("{part:0<DECIMALS$}").parse().map_err(|_| NotAnAmount)?;
        let units = whole.checked_mul(COIN).and_then(|units| units.checked_add(part));
        let units = units.ok_or(NotAnAmount)?;
        Ok(Amount(if negative { -units } else { units }))
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let number: Number = self.to_string().parse().map_err(serde::ser::Error::custom)?;
        number.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Amount, D::Error> {
        Number::deserialize(deserializer)?.to_string().parse().map_err(D::Error::custom)
    }
}

impl JsonSchema for Amount {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Amount".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "description": "Coins, with eight decimals." })
    }
}

/// An amount of coins that the JSON holds as text, with exactly eight decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct AmountText(pub Amount);

impl Serialize for AmountText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for AmountText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<AmountText, D::Error> {
        String::deserialize(deserializer)?.parse().map(AmountText).map_err(D::Error::custom)
    }
}

impl JsonSchema for AmountText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "AmountText".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^-?[0-9]+\\.[0-9]{8}$",
            "description": "Coins as text, with eight decimals.",
        })
    }
}

/// How hard a block is to find, relative to Bitcoin's minimum: a number with the 16 digits that
/// Bitcoin Core shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difficulty(Number);

impl Difficulty {
    pub fn from_number(number: Number) -> Difficulty {
        Difficulty(number)
    }

    /// The nearest double.
    pub fn to_f64(&self) -> f64 {
        self.0.as_f64().unwrap_or(f64::INFINITY)
    }
}

impl fmt::Display for Difficulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Difficulty {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Difficulty {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Difficulty, D::Error> {
        Number::deserialize(deserializer).map(Difficulty)
    }
}

impl JsonSchema for Difficulty {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Difficulty".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "number",
            "description": "Difficulty: how many times harder than Bitcoin's easiest block.",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Amounts at the edges of what there can be, and their text in JSON.
    const AMOUNTS: [(i64, &str); 6] = [
        (10_000_000, "0.10000000"),
        (2_099_999_997_690_000, "20999999.97690000"),
        (2_099_999_997_689_999, "20999999.97689999"),
        (1, "0.00000001"),
        (0, "0.00000000"),
        (-1, "-0.00000001"),
    ];

    /// serde_json has `arbitrary_precision` in this build.
    fn is_exact() -> bool {
        serde_json::from_str::<Number>("0.10000000").is_ok_and(|n| n.to_string().len() == 10)
    }

    #[test]
    fn amounts_are_exact_with_and_without_arbitrary_precision() {
        let exact = is_exact();
        println!("arbitrary_precision is {}", if exact { "on" } else { "off" });
        for (units, text) in AMOUNTS {
            let amount = Amount::from_base_units(units);
            assert_eq!(amount.to_string(), text);
            assert_eq!(serde_json::from_str::<Amount>(text).expect("an amount"), amount);
            let value: serde_json::Value = serde_json::from_str(text).expect("JSON");
            assert_eq!(Amount::deserialize(value).expect("an amount"), amount);
            let written = serde_json::to_string(&amount).expect("a number");
            assert_eq!(serde_json::from_str::<Amount>(&written).expect("an amount"), amount);
            if exact {
                assert_eq!(written, text);
            }
            let text = format!("\"{text}\"");
            let read: AmountText = serde_json::from_str(&text).expect("an amount as text");
            assert_eq!((read.0, serde_json::to_string(&read).expect("text")), (amount, text));
        }
    }

    #[test]
    fn what_is_no_amount() {
        for bad in
            ["", "-", ".", "1.", ".1", "0.000000001", "1e30", "x", "99999999999999999999", "--1"]
        {
            assert_eq!(bad.parse::<Amount>(), Err(NotAnAmount), "{bad:?}");
        }
        assert_eq!("1e-8".parse(), Ok(Amount(1)));
        assert_eq!("5".parse(), Ok(Amount(5 * COIN)));
        assert_eq!("0.100000000".parse(), Ok(Amount(10_000_000)));
    }

    #[test]
    fn difficulties_keep_their_digits() {
        for text in ["4.656542373906925e-10", "1", "101646843652785.2"] {
            let read: Difficulty = serde_json::from_str(text).expect("a number");
            let wanted: f64 = text.parse().expect("a number");
            // Without `float_roundtrip` serde_json's doubles may be off by their last bit.
            assert!((read.to_f64() / wanted - 1.0).abs() <= f64::EPSILON, "{read} for {text}");
            if is_exact() {
                assert_eq!(serde_json::to_string(&read).expect("a number"), text);
            }
        }
    }
}
