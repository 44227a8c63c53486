//! The calls, one file per subject.

pub mod address;
pub mod chain;
pub mod coins;
pub mod holders;
pub mod mine;
pub mod mining;
pub mod net;
pub mod pool;
pub mod prune;
pub mod script;
pub mod seed;
pub mod service;
pub mod system;
pub mod template;
pub mod tx;
pub mod upkeep;
pub mod wallet;
