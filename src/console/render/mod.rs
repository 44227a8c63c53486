//! Values as people read them: JSON, the network, error reports.

pub mod json;
pub mod network;
pub mod printable;
pub mod report;
