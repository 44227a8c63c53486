//! Script verification flags: Bitcoin Core's `SCRIPT_VERIFY_*` set, with Core's bit values.
//!
//! Adding a flag can only turn a valid script invalid (every flag is a soft fork or a policy).

use std::fmt;
use std::ops::{BitOr, BitOrAssign};
use std::str::FromStr;

/// A set of script rules.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct ScriptFlags(pub u32);

/// Every flag with the name that Core's test vectors use, in bit order.
pub const NAMES: [(ScriptFlags, &str); 21] = [
    (ScriptFlags::P2SH, "P2SH"),
    (ScriptFlags::STRICTENC, "STRICTENC"),
    (ScriptFlags::DERSIG, "DERSIG"),
    (ScriptFlags::LOW_S, "LOW_S"),
    (ScriptFlags::NULLDUMMY, "NULLDUMMY"),
    (ScriptFlags::SIGPUSHONLY, "SIGPUSHONLY"),
    (ScriptFlags::MINIMALDATA, "MINIMALDATA"),
    (ScriptFlags::DISCOURAGE_UPGRADABLE_NOPS, "DISCOURAGE_UPGRADABLE_NOPS"),
    (ScriptFlags::CLEANSTACK, "CLEANSTACK"),
    (ScriptFlags::CHECKLOCKTIMEVERIFY, "CHECKLOCKTIMEVERIFY"),
    (ScriptFlags::CHECKSEQUENCEVERIFY, "CHECKSEQUENCEVERIFY"),
    (ScriptFlags::WITNESS, "WITNESS"),
    (ScriptFlags::DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM, "DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM"),
    (ScriptFlags::MINIMALIF, "MINIMALIF"),
    (ScriptFlags::NULLFAIL, "NULLFAIL"),
    (ScriptFlags::WITNESS_PUBKEYTYPE, "WITNESS_PUBKEYTYPE"),
    (ScriptFlags::CONST_SCRIPTCODE, "CONST_SCRIPTCODE"),
    (ScriptFlags::TAPROOT, "TAPROOT"),
    (ScriptFlags::DISCOURAGE_UPGRADABLE_TAPROOT_VERSION, "DISCOURAGE_UPGRADABLE_TAPROOT_VERSION"),
    (ScriptFlags::DISCOURAGE_OP_SUCCESS, "DISCOURAGE_OP_SUCCESS"),
    (ScriptFlags::DISCOURAGE_UPGRADABLE_PUBKEYTYPE, "DISCOURAGE_UPGRADABLE_PUBKEYTYPE"),
];

impl ScriptFlags {
    pub const NONE: ScriptFlags = ScriptFlags(0);
    /// Evaluate pay-to-script-hash redeem scripts (BIP16).
    pub const P2SH: ScriptFlags = ScriptFlags(1);
    /// Signatures and public keys of defined encodings only (policy; BIP62 rule 1).
    pub const STRICTENC: ScriptFlags = ScriptFlags(1 << 1);
    /// Strict DER signatures (BIP66).
    pub const DERSIG: ScriptFlags = ScriptFlags(1 << 2);
    /// S at most half the order (policy; BIP62 rule 5, BIP146).
    pub const LOW_S: ScriptFlags = ScriptFlags(1 << 3);
    /// CHECKMULTISIG's extra element must be empty (BIP147).
    pub const NULLDUMMY: ScriptFlags = ScriptFlags(1 << 4);
    /// scriptSig holds pushes only (policy; BIP62 rule 2).
    pub const SIGPUSHONLY: ScriptFlags = ScriptFlags(1 << 5);
    /// Shortest pushes and numbers (policy; BIP62 rules 3 and 4).
    pub const MINIMALDATA: ScriptFlags = ScriptFlags(1 << 6);
    /// NOPs kept for soft forks may not run (policy).
    pub const DISCOURAGE_UPGRADABLE_NOPS: ScriptFlags = ScriptFlags(1 << 7);
    /// One element is left at the end (policy; BIP62 rule 6). Only with P2SH and WITNESS.
    pub const CLEANSTACK: ScriptFlags = ScriptFlags(1 << 8);
    /// OP_CHECKLOCKTIMEVERIFY (BIP65).
    pub const CHECKLOCKTIMEVERIFY: ScriptFlags = ScriptFlags(1 << 9);
    /// OP_CHECKSEQUENCEVERIFY (BIP112).
    pub const CHECKSEQUENCEVERIFY: ScriptFlags = ScriptFlags(1 << 10);
    /// Witness programs (BIP141). Only with P2SH.
    pub const WITNESS: ScriptFlags = ScriptFlags(1 << 11);
    /// Witness versions kept for soft forks may not be spent (policy).
    pub const DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM: ScriptFlags = ScriptFlags(1 << 12);
    /// OP_IF in witness v0 takes empty or 01 (policy).
    pub const MINIMALIF: ScriptFlags = ScriptFlags(1 << 13);
    /// A signature that fails must be empty (policy; BIP146).
    pub const NULLFAIL: ScriptFlags = ScriptFlags(1 << 14);
    /// Witness v0 public keys are compressed (policy).
    pub const WITNESS_PUBKEYTYPE: ScriptFlags = ScriptFlags(1 << 15);
    /// No OP_CODESEPARATOR and no FindAndDelete match outside of witness (policy).
    pub const CONST_SCRIPTCODE: ScriptFlags = ScriptFlags(1 << 16);
    /// Taproot and tapscript (BIP341, BIP342).
    pub const TAPROOT: ScriptFlags = ScriptFlags(1 << 17);
    /// Leaf versions kept for soft forks may not be spent (policy).
    pub const DISCOURAGE_UPGRADABLE_TAPROOT_VERSION: ScriptFlags = ScriptFlags(1 << 18);
    /// OP_SUCCESSx may not appear (policy).
    pub const DISCOURAGE_OP_SUCCESS: ScriptFlags = ScriptFlags(1 << 19);
    /// Tapscript key types kept for soft forks may not be used (policy).
    pub const DISCOURAGE_UPGRADABLE_PUBKEYTYPE: ScriptFlags = ScriptFlags(1 << 20);

    /// What every block of today is checked with.
    pub const CONSENSUS: ScriptFlags = ScriptFlags(
        Self::P2SH.0
            | Self::DERSIG.0
            | Self::NULLDUMMY.0
            | Self::CHECKLOCKTIMEVERIFY.0
            | Self::CHECKSEQUENCEVERIFY.0
            | Self::WITNESS.0
            | Self::TAPROOT.0,
    );

    /// What a transaction is checked with before the node relays it.
    pub const STANDARD: ScriptFlags = ScriptFlags(
        Self::CONSENSUS.0
            | Self::STRICTENC.0
            | Self::MINIMALDATA.0
            | Self::DISCOURAGE_UPGRADABLE_NOPS.0
            | Self::CLEANSTACK.0
            | Self::MINIMALIF.0
            | Self::NULLFAIL.0
            | Self::LOW_S.0
            | Self::DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM.0
            | Self::WITNESS_PUBKEYTYPE.0
            | Self::CONST_SCRIPTCODE.0
            | Self::DISCOURAGE_UPGRADABLE_TAPROOT_VERSION.0
            | Self::DISCOURAGE_OP_SUCCESS.0
            | Self::DISCOURAGE_UPGRADABLE_PUBKEYTYPE.0,
    );

    /// Every flag.
    pub const ALL: ScriptFlags = ScriptFlags((1 << 21) - 1);

    /// Every flag of `other` is set.
    pub const fn has(self, other: ScriptFlags) -> bool {
        self.0 & other.0 == other.0
    }

    /// Some flag of `other` is set.
    pub const fn has_any(self, other: ScriptFlags) -> bool {
        self.0 & other.0 != 0
    }

    /// These flags and those of `other`.
    pub const fn with(self, other: ScriptFlags) -> ScriptFlags {
        ScriptFlags(self.0 | other.0)
    }

    /// These flags without those of `other`.
    pub const fn without(self, other: ScriptFlags) -> ScriptFlags {
        ScriptFlags(self.0 & !other.0)
    }

    /// CLEANSTACK comes with P2SH and WITNESS, WITNESS comes with P2SH: other sets are undefined.
    pub const fn is_coherent(self) -> bool {
        let clean_ok =
            !self.has(Self::CLEANSTACK) || self.has(ScriptFlags(Self::P2SH.0 | Self::WITNESS.0));
        clean_ok && (!self.has(Self::WITNESS) || self.has(Self::P2SH))
    }
}

impl BitOr for ScriptFlags {
    type Output = ScriptFlags;

    fn bitor(self, other: ScriptFlags) -> ScriptFlags {
        ScriptFlags(self.0 | other.0)
    }
}

impl BitOrAssign for ScriptFlags {
    fn bitor_assign(&mut self, other: ScriptFlags) {
        self.0 |= other.0;
    }
}

/// Names joined by commas, `NONE` for the empty set.
impl fmt::Display for ScriptFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = NAMES.iter().filter(|(b, _)| self.has(*b)).map(|(_, n)| *n).collect();
        f.write_str(if names.is_empty() { "NONE".into() } else { names.join(",") }.as_str())
    }
}

impl fmt::Debug for ScriptFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is not a set of flags.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no script flag is named {0:?}")]
pub struct UnknownFlag(pub String);

impl FromStr for ScriptFlags {
    type Err = UnknownFlag;

    fn from_str(text: &str) -> Result<Self, UnknownFlag> {
        let mut flags = ScriptFlags::NONE;
        for word in text.split(',').map(str::trim).filter(|w| !w.is_empty() && *w != "NONE") {
            let found = NAMES.iter().find(|(_, name)| *name == word);
            flags |= found.ok_or_else(|| UnknownFlag(word.to_owned()))?.0;
        }
        Ok(flags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_bit_order_and_read_back() {
        for (bit, (flag, name)) in NAMES.iter().enumerate() {
            assert_eq!(flag.0, 1 << bit);
            assert_eq!(name.parse(), Ok(*flag));
        }
        assert_eq!(ScriptFlags::ALL.to_string().parse(), Ok(ScriptFlags::ALL));
        assert_eq!("NONE".parse(), Ok(ScriptFlags::NONE));
        assert_eq!("P2SH,X".parse::<ScriptFlags>(), Err(UnknownFlag("X".into())));
        assert!(ScriptFlags::STANDARD.is_coherent() && ScriptFlags::CONSENSUS.is_coherent());
        assert!(!ScriptFlags::WITNESS.is_coherent());
    }
}
