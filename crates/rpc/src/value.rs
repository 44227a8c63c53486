//! Kinds of parameters and results: each has one stack shape and one JSON schema.
//!
//! On the Forth stack there are two shapes: a cell and a string `( c-addr u )`.

use std::marker::PhantomData;

use rpc_types::Difficulty;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserializer, Serialize};
use serde_json::{Error, Value, json};

use super::error::{CallError, ErrorKind};
use primitives::amount::Amount;
use primitives::block::Height;
use primitives::hex;
use primitives::id::{BlockHash, Txid};
use primitives::tx::OutPoint;

/// What a value looks like on the Forth stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Nothing.
    Nothing,
    /// One cell: a number.
    Cell,
    /// One cell: true or false.
    Flag,
    /// `( c-addr u )`: text.
    Text,
    /// `( c-addr u )`: JSON of an object or a list.
    Json,
}

/// A kind of value.
pub trait Kind: Sized {
    const SHAPE: Shape;
    /// What the stack effect calls it.
    const NAME: &'static str;
    /// The parameter may be left out.
    const OPTIONAL: bool = false;

    fn schema() -> Value;
    fn from_json(value: &Value) -> Result<Self, CallError>;
    fn to_json(self) -> Value;

    /// Reads an answer that is not needed afterwards.
    fn from_answer(answer: Value) -> Result<Self, CallError> {
        Self::from_json(&answer)
    }

    /// The same for who sends it on.
    fn to_reply(self) -> Reply {
        Reply::Value(self.to_json())
    }

    /// Reads a text into this type and writes it again.
    #[cfg(test)]
    fn read_again(text: &[u8]) -> Result<Vec<u8>, CallError> {
        let value: Value = serde_json::from_slice(text).expect("an answer is JSON");
        Ok(Self::from_json(&value)?.to_json().to_string().into_bytes())
    }
}

/// A result on its way to who asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    Value(Value),
    /// JSON, written already.
    Text(Vec<u8>),
}

impl Reply {
    pub fn into_value(self) -> Value {
        match self {
            Reply::Value(value) => value,
            Reply::Text(text) => serde_json::from_slice(&text).unwrap_or(Value::Null),
        }
    }
}

fn wrong(value: &Value, wanted: &str) -> CallError {
    let mut shown = value.to_string();
    if shown.chars().count() > 80 {
        shown = shown.chars().take(80).chain(['…']).collect();
    }
    CallError::invalid_params(format!("{shown} is not {wanted}"))
}

impl Kind for () {
    const SHAPE: Shape = Shape::Nothing;
    const NAME: &'static str = "";

    fn schema() -> Value {
        json!({ "type": "null" })
    }

    fn from_json(_: &Value) -> Result<Self, CallError> {
        Ok(())
    }

    fn to_json(self) -> Value {
        Value::Null
    }
}

impl Kind for bool {
    const SHAPE: Shape = Shape::Flag;
    const NAME: &'static str = "flag";

    fn schema() -> Value {
        json!({ "type": "boolean" })
    }

    fn from_json(value: &Value) -> Result<Self, CallError> {
        match value {
            Value::Bool(flag) => Ok(*flag),
            // A Forth flag arrives as a number.
            Value::Number(number) if number.as_i64().is_some() => Ok(number.as_i64() != Some(0)),
            _ => Err(wrong(value, "true or false")),
        }
    }

    fn to_json(self) -> Value {
        Value::Bool(self)
    }
}

/// A count or a number of seconds, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count(pub u64);

impl Kind for Count {
    const SHAPE: Shape = Shape::Cell;
    const NAME: &'static str = "n";

    fn schema() -> Value {
        json!({ "type": "integer", "minimum": 0 })
    }

    fn from_json(value: &Value) -> Result<Self, CallError> {
        value.as_u64().map(Count).ok_or_else(|| wrong(value, "a whole number from 0"))
    }

    fn to_json(self) -> Value {
        json!(self.0)
    }
}

/// A whole number that may be below 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signed(pub i64);

impl Kind for Signed {
    const SHAPE: Shape = Shape::Cell;
    const NAME: &'static str = "n";

    fn schema() -> Value {
        json!({ "type": "integer" })
    }

    fn from_json(value: &Value) -> Result<Self, CallError> {
        value.as_i64().map(Signed).ok_or_else(|| wrong(value, "a whole number"))
    }

    fn to_json(self) -> Value {
        json!(self.0)
    }
}

impl Kind for Height {
    const SHAPE: Shape = Shape::Cell;
    const NAME: &'static str = "height";

    fn schema() -> Value {
        json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX })
    }

    fn from_json(value: &Value) -> Result<Self, CallError> {
        let height = value.as_u64().and_then(|height| u32::try_from(height).ok());
        height.map(Height).ok_or_else(|| wrong(value, "a block height"))
    }

    fn to_json(self) -> Value {
        json!(self.0)
    }
}

fn text_of(value: &Value) -> Option<&str> {
    value.as_str().map(str::trim)
}

macro_rules! text_kind {
    ($type:ty, $name:literal, $schema:expr, $wanted:literal) => {
        impl Kind for $type {
            const SHAPE: Shape = Shape::Text;
            const NAME: &'static str = $name;

            fn schema() -> Value {
                $schema
            }

            fn from_json(value: &Value) -> Result<Self, CallError> {
                let parsed = text_of(value).and_then(|text| text.parse().ok());
                parsed.ok_or_else(|| wrong(value, $wanted))
            }

            fn to_json(self) -> Value {
                Value::String(self.to_string())
            }
        }
    };
}

fn hash_schema() -> Value {
    json!({ "type": "string", "pattern": "^[0-9a-fA-F]{64}$" })
}

text_kind!(BlockHash, "hash", hash_schema(), "a block hash of 64 hex digits");
text_kind!(Txid, "txid", hash_schema(), "a transaction id of 64 hex digits");
text_kind!(
    OutPoint,
    "outpoint",
    json!({ "type": "string", "pattern": "^[0-9a-fA-F]{64}:[0-9]+$" }),
    "an outpoint: write TXID:N"
);
text_kind!(String, "text", json!({ "type": "string" }), "a text");

/// A block by its height or by its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockId {
    Height(Height),
    Hash(BlockHash),
}

impl Kind for BlockId {
    const SHAPE: Shape = Shape::Text;
    const NAME: &'static str = "height|hash";

    fn schema() -> Value {
        json!({ "oneOf": [Height::schema(), hash_schema()] })
    }

    fn from_json(value: &Value) -> Result<Self, CallError> {
        if value.is_number() {
            return Height::from_json(value).map(BlockId::Height);
        }
        let text = text_of(value).unwrap_or_default();
        let height = text.parse().ok().map(|height| BlockId::Height(Height(height)));
        let hash = || text.parse().ok().map(BlockId::Hash);
        height
            .or_else(hash)
            .ok_or_else(|| wrong(value, "a block: write its height or its hash of 64 hex digits"))
    }

    fn to_json(self) -> Value {
        match self {
            BlockId::Height(height) => height.to_json(),
            BlockId::Hash(hash) => hash.to_json(),
        }
    }
}

/// Bytes, as hex.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HexBytes(pub Vec<u8>);

impl Kind for HexBytes {
    const SHAPE: Shape = Shape::Text;
    const NAME: &'static str = "hex";

    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^([0-9a-fA-F]{2})*$" })
    }

    fn from_json(value: &Value) -> Result<Self, CallError> {
        let text = text_of(value).ok_or_else(|| wrong(value, "hex text"))?;
        hex::decode(text).map(HexBytes).map_err(|e| CallError::invalid_params(e.to_string()))
    }

    fn to_json(self) -> Value {
        Value::String(hex::encode(&self.0))
    }
}

/// A list of byte strings, each as hex.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HexList(pub Vec<Vec<u8>>);

impl Kind for HexList {
    const SHAPE: Shape = Shape::Json;
    const NAME: &'static str = "hex-list";

    fn schema() -> Value {
        json!({ "type": "array", "items": HexBytes::schema() })
    }

    fn from_json(value: &Value) -> Result<Self, CallError> {
        let list = value.as_array().ok_or_else(|| wrong(value, "a list of hex texts"))?;
        let bytes = |item| HexBytes::from_json(item).map(|hex| hex.0);
        list.iter().map(bytes).collect::<Result<_, _>>().map(HexList)
    }

    fn to_json(self) -> Value {
        self.0.into_iter().map(|bytes| HexBytes(bytes).to_json()).collect()
    }
}

/// Any object or list, as a parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct AnyJson(pub Value);

impl Kind for AnyJson {
    const SHAPE: Shape = Shape::Json;
    const NAME: &'static str = "json";

    fn schema() -> Value {
        json!({ "type": ["object", "array"] })
    }

    fn from_json(value: &Value) -> Result<Self, CallError> {
        Ok(AnyJson(value.clone()))
    }

    fn to_json(self) -> Value {
        self.0
    }
}

/// A type of `rpc_types`: its schema is made from its fields and their comments.
pub trait Typed: Serialize + DeserializeOwned + JsonSchema {}

impl<T: Serialize + DeserializeOwned + JsonSchema> Typed for T {}

fn read_typed<'a, T: Typed>(value: impl Deserializer<'a, Error = Error>) -> Result<T, CallError> {
    T::deserialize(value).map_err(|error| {
        CallError::new(
            ErrorKind::Internal,
            format!("the node's answer is not as expected: {error}"),
        )
    })
}

/// A result's value. Types of results hold no maps with keys that JSON lacks and no infinite
/// numbers, the two things that can't be written.
fn write_typed<T: Typed>(result: &T) -> Value {
    serde_json::to_value(result).unwrap_or(Value::Null)
}

/// As `Kind::read_again`, without a tree of values between.
#[cfg(test)]
fn text_again<T: Typed>(text: &[u8]) -> Result<Vec<u8>, CallError> {
    let read: T = serde_json::from_slice(text).map_err(|error| {
        let text = String::from_utf8_lossy(text);
        CallError::new(ErrorKind::Internal, format!("{error} in {text}"))
    })?;
    Ok(serde_json::to_vec(&read).expect("a result can be written"))
}

/// A result that is an object or a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Json<T>(pub T);

impl<T: Typed> Kind for Json<T> {
    const SHAPE: Shape = Shape::Json;
    const NAME: &'static str = "json";

    fn schema() -> Value {
        rpc_types::schema::of::<T>()
    }

    fn from_json(value: &Value) -> Result<Self, CallError> {
        read_typed(value).map(Json)
    }

    fn from_answer(answer: Value) -> Result<Self, CallError> {
        read_typed(answer).map(Json)
    }

    #[cfg(test)]
    fn read_again(text: &[u8]) -> Result<Vec<u8>, CallError> {
        text_again::<T>(text)
    }

    fn to_json(self) -> Value {
        write_typed(&self.0)
    }
}

/// A result that is a text, an object or null, by what was asked for; on the stack a text is bare.
#[derive(Debug, Clone, PartialEq)]
pub struct Mixed<T>(pub T);

impl<T: Typed> Kind for Mixed<T> {
    const SHAPE: Shape = Shape::Text;
    const NAME: &'static str = "result";

    fn schema() -> Value {
        rpc_types::schema::of::<T>()
    }

    fn from_json(value: &Value) -> Result<Self, CallError> {
        read_typed(value).map(Mixed)
    }

    fn from_answer(answer: Value) -> Result<Self, CallError> {
        read_typed(answer).map(Mixed)
    }

    #[cfg(test)]
    fn read_again(text: &[u8]) -> Result<Vec<u8>, CallError> {
        text_again::<T>(text)
    }

    fn to_json(self) -> Value {
        write_typed(&self.0)
    }
}

/// As `Mixed`, written by the call itself: for results that are asked for often and long. A test
/// holds the text to the type.
#[derive(Debug, Clone, PartialEq)]
pub struct Written<T> {
    text: Vec<u8>,
    is: PhantomData<T>,
}

impl<T> Written<T> {
    pub fn new(text: Vec<u8>) -> Written<T> {
        Written { text, is: PhantomData }
    }

    /// The result, read from its text.
    pub fn read(&self) -> Result<T, CallError>
    where
        T: Typed,
    {
        serde_json::from_slice(&self.text).map_err(|error| {
            CallError::new(ErrorKind::Internal, format!("the answer is not as expected: {error}"))
        })
    }

    /// A text that needs no escapes.
    pub fn bare(text: &str) -> Written<T> {
        Written::new([b"\"", text.as_bytes(), b"\""].concat())
    }
}

impl<T: Typed> Kind for Written<T> {
    const SHAPE: Shape = Shape::Text;
    const NAME: &'static str = "result";

    fn schema() -> Value {
        rpc_types::schema::of::<T>()
    }

    fn from_json(value: &Value) -> Result<Self, CallError> {
        Ok(Written::new(value.to_string().into_bytes()))
    }

    #[cfg(test)]
    fn read_again(text: &[u8]) -> Result<Vec<u8>, CallError> {
        text_again::<T>(text)
    }

    fn to_json(self) -> Value {
        Reply::Text(self.text).into_value()
    }

    fn to_reply(self) -> Reply {
        Reply::Text(self.text)
    }
}

/// A number that need not be whole; on the stack it is text.
impl Kind for Difficulty {
    const SHAPE: Shape = Shape::Text;
    const NAME: &'static str = "number";

    fn schema() -> Value {
        rpc_types::schema::of::<Difficulty>()
    }

    fn from_json(value: &Value) -> Result<Self, CallError> {
        match value {
            Value::Number(number) => Ok(Difficulty::from_number(number.clone())),
            _ => Err(CallError::invalid_params(format!("{value} is not a number"))),
        }
    }

    fn to_json(self) -> Value {
        write_typed(&self)
    }
}

/// Verbosity: a number, or, as in older versions of Core, true for 1 and false for 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verbosity(pub u64);

impl Kind for Verbosity {
    const SHAPE: Shape = Shape::Cell;
    const NAME: &'static str = "verbosity";

    fn schema() -> Value {
        json!({ "type": ["integer", "boolean"], "minimum": 0 })
    }

    fn from_json(value: &Value) -> Result<Self, CallError> {
        let number = value.as_bool().map(u64::from).or_else(|| value.as_u64());
        number.map(Verbosity).ok_or_else(|| wrong(value, "a verbosity: 0, 1, 2 or 3"))
    }

    fn to_json(self) -> Value {
        json!(self.0)
    }
}

/// An amount as Core takes it: coins, as a number or as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coins(pub Amount);

impl Kind for Coins {
    const SHAPE: Shape = Shape::Text;
    const NAME: &'static str = "amount";

    fn schema() -> Value {
        json!({ "type": ["number", "string"] })
    }

    fn from_json(value: &Value) -> Result<Self, CallError> {
        let text = match value {
            Value::Number(number) => number.to_string(),
            Value::String(text) => text.trim().to_owned(),
            _ => return Err(wrong(value, "an amount of coins")),
        };
        let text = match (text.contains(['e', 'E']), text.parse::<f64>()) {
            // Eight decimals say all of it, or it is no amount.
            (true, Ok(number)) => Some(format!("{number:.8}"))
                .filter(|exact| exact.parse() == Ok(number))
                .ok_or_else(|| wrong(value, "an amount of coins, such as 0.1"))?,
            _ if text.contains('.') => text,
            _ => format!("{text}.0"),
        };
        let amount = text.parse().map_err(|_| wrong(value, "an amount of coins, such as 0.1"))?;
        Ok(Coins(amount))
    }

    fn to_json(self) -> Value {
        self.0.to_string().parse().map_or(Value::Null, Value::Number)
    }
}

/// A parameter that may be left out; on the stack it always is.
impl<T: Kind> Kind for Option<T> {
    const SHAPE: Shape = T::SHAPE;
    const NAME: &'static str = T::NAME;
    const OPTIONAL: bool = true;

    fn schema() -> Value {
        T::schema()
    }

    fn from_json(value: &Value) -> Result<Self, CallError> {
        if value.is_null() { Ok(None) } else { T::from_json(value).map(Some) }
    }

    fn to_json(self) -> Value {
        self.map_or(Value::Null, T::to_json)
    }
}

/// What is known of one parameter.
#[derive(Debug, Clone, Copy)]
pub struct Param {
    pub name: &'static str,
    pub shape: Shape,
    pub kind: &'static str,
    pub optional: bool,
    pub schema: fn() -> Value,
}

const fn param<T: Kind>(name: &'static str) -> Param {
    Param { name, shape: T::SHAPE, kind: T::NAME, optional: T::OPTIONAL, schema: T::schema }
}

/// The parameters of a call, as a tuple of kinds.
pub trait Inputs: Sized {
    /// One entry a parameter, named by `names` in order.
    fn params(names: &[&'static str]) -> Vec<Param>;
    /// Reads as many values as there are parameters; a missing one arrives as null.
    fn from_values(values: &[Value]) -> Result<Self, CallError>;
}

fn nth<T: Kind>(values: &[Value], index: usize) -> Result<T, CallError> {
    match values.get(index).unwrap_or(&Value::Null) {
        Value::Null if !T::OPTIONAL => Err(CallError::invalid_params(format!(
            "parameter {} ({}) is missing",
            index + 1,
            T::NAME
        ))),
        value => T::from_json(value),
    }
}

impl Inputs for () {
    fn params(_: &[&'static str]) -> Vec<Param> {
        Vec::new()
    }

    fn from_values(_: &[Value]) -> Result<Self, CallError> {
        Ok(())
    }
}

macro_rules! tuple_inputs {
    ($($kind:ident $index:tt),+) => {
        impl<$($kind: Kind),+> Inputs for ($($kind,)+) {
            fn params(names: &[&'static str]) -> Vec<Param> {
                vec![$(param::<$kind>(names[$index])),+]
            }

            fn from_values(values: &[Value]) -> Result<Self, CallError> {
                Ok(($(nth::<$kind>(values, $index)?,)+))
            }
        }
    };
}

tuple_inputs!(A 0);
tuple_inputs!(A 0, B 1);
tuple_inputs!(A 0, B 1, C 2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_ids_come_in_three_forms() {
        let hash = "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206";
        assert_eq!(BlockId::from_json(&json!(7)), Ok(BlockId::Height(Height(7))));
        assert_eq!(BlockId::from_json(&json!("7")), Ok(BlockId::Height(Height(7))));
        let by_hash = BlockId::Hash(hash.parse().expect("hex"));
        assert_eq!(BlockId::from_json(&json!(hash)), Ok(by_hash));
        for bad in [json!(-1), json!("x"), json!(4294967296u64), json!({}), json!(1.5)] {
            assert!(BlockId::from_json(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn amounts_are_coins() {
        for (value, units) in
            [(json!(1), 100_000_000), (json!("0.1"), 10_000_000), (json!(0.00001), 1000)]
        {
            assert_eq!(Coins::from_json(&value), Ok(Coins(Amount(units))), "{value}");
        }
        for bad in [json!(-1), json!("x"), json!(0.000000001), json!(true), json!("21000001")] {
            assert!(Coins::from_json(&bad).is_err(), "{bad}");
        }
        assert_eq!(Coins(Amount(1)).to_json().to_string(), "0.00000001");
    }

    #[test]
    fn missing_and_optional_parameters() {
        let missing = <(Height,)>::from_values(&[]).expect_err("it is needed");
        assert!(missing.message.contains("parameter 1 (height) is missing"));
        assert_eq!(<(Option<Height>,)>::from_values(&[]), Ok((None,)));
        assert!(<(Height,)>::params(&["height"])[0].schema.to_owned()()["minimum"] == json!(0));
    }

    #[test]
    fn errors_show_what_was_given_but_not_all_of_it() {
        let long = Value::String("é".repeat(1000));
        let error = Count::from_json(&long).expect_err("not a number");
        assert!(error.message.chars().count() < 130, "{error}");
    }
}
