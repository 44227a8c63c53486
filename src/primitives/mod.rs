//! The nouns of a Bitcoin-format chain and their byte codecs; no rules.
