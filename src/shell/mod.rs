//! The only room with sockets, threads and clocks.

pub mod actor;
pub mod clock;
pub mod control;
pub mod daemon;
pub mod embedded;
pub mod folder;
pub mod keep;
pub mod net;
pub mod open;
