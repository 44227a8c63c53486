//! The calls, a file a subject.

pub mod chain;
pub mod service;
pub mod system;
pub mod tx;
