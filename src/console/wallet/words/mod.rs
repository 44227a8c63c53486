//! The wallet's plain stack words, one module a family; those that people type are defined on them in
//! `words/wallet.fs`.

mod coins;
mod messages;
mod payments;
mod psbt;
mod text;
mod token;
mod vaults;
mod wallet_file;

use crate::console::words::ConsoleWord;

/// The heading of these words in `help`.
const WALLET: &str = "wallet";

/// The families in the order of `help`.
pub const FAMILIES: &[&[ConsoleWord]] = &[
    wallet_file::WORDS,
    coins::WORDS,
    payments::WORDS,
    psbt::WORDS,
    text::WORDS,
    vaults::WORDS,
    messages::WORDS,
    token::WORDS,
];
