//! Texts of a form of their own: hashes, ids and bytes in hex.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! text {
    ($(#[doc = $doc:literal])+ $name:ident $pattern:literal) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        #[schemars(inline)]
        pub struct $name(#[schemars(regex(pattern = $pattern))] pub String);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

text! {
    /// Hash of a block, as 64 hex digits.
    BlockHash r"^[0-9a-f]{64}$"
}
text! {
    /// Id of a transaction, as 64 hex digits.
    Txid r"^[0-9a-f]{64}$"
}
text! {
    /// Hash of a transaction including its witness (wtxid), as 64 hex digits.
    Wtxid r"^[0-9a-f]{64}$"
}
text! {
    /// Bytes in hex.
    Hex r"^([0-9a-f]{2})*$"
}
text! {
    /// The target in compact form (bits), as 8 hex digits.
    Bits r"^[0-9a-f]{8}$"
}
text! {
    /// The target, which a block's hash must not exceed, as 64 hex digits.
    Target r"^[0-9a-f]{64}$"
}
text! {
    /// Expected number of hashes of a chain (chain work), as 64 hex digits.
    Work r"^[0-9a-f]{64}$"
}
