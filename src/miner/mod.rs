//! Mining: what a block may be made of, and the search for its nonce.
//!
//! Pure: no thread, no clock. `grind` searches nonces, `template` makes a block of the tip and the
//! pool.

pub mod grind;
pub mod select;
pub mod template;

#[cfg(test)]
mod tests;
