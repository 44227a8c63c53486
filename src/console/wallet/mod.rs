//! Wallets at the console: keys, passphrases and phrases stay in this process.

mod approval;
mod coins;

#[cfg(feature = "hsm")]
mod hsm;
#[cfg(not(feature = "hsm"))]
#[path = "no_hsm.rs"]
mod hsm;
mod ledger;
pub mod pay;
mod psbt_files;
mod qr;
mod script_cache;
mod secret;
pub mod session;
mod vaults;
pub mod words;
