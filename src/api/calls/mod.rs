//! The calls, a file a subject.

pub mod address;
pub mod chain;
pub mod system;
pub mod tx;
