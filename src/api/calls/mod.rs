//! The calls, a file a subject.

pub mod chain;
pub mod net;
pub mod system;
pub mod tx;
