//! The calls, a file a subject.

pub mod address;
pub mod chain;
pub mod coins;
pub mod mine;
pub mod net;
pub mod pool;
pub mod script;
pub mod service;
pub mod system;
pub mod tx;
pub mod wallet;
