//! The consensus rules: what makes a transaction, a header, a block and a connection valid, with
//! Bitcoin Core's verdict and reason. Pure: no file, no clock, no thread.
//!
//! `tx`, `header` and `block` hold the checks that need no coins, `connect` the rest. Coins come
//! through `connect::CoinView`, ancestors through `header::Branch`, scripts through
//! `script::check`.

pub mod block;
pub mod connect;
pub mod header;
pub mod rule;
pub mod scripts;
pub mod tx;
