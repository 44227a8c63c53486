//! Batch verification of signatures over secp256k1, with the verdicts of one-by-one checks.
//!
//! `list` is the entry point: checks in, one verdict each out. Below it are `equation` (the
//! randomised batch equation over `multiscalar`), `lockstep` (independent verifications in
//! parallel), `point` (complete formulas) and the field: `field` for one element, `lanes` for
//! several at a time, whose fast implementations are the leaves of `simd`. Everything here checks
//! public data, so it runs in variable time.

pub mod equation;
pub mod field;
pub mod lanes;
pub mod list;
pub mod lockstep;
pub mod multiscalar;
pub mod point;
pub mod scalar;
pub mod simd;

#[cfg(test)]
mod tests;
