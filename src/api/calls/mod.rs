//! The calls, a file a subject.

pub mod address;
pub mod chain;
pub mod coins;
pub mod net;
pub mod script;
pub mod service;
pub mod system;
pub mod tx;
