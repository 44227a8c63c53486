//! The only room with sockets, threads and clocks.

pub mod actor;
pub mod attach;
pub mod clock;
pub mod control;
pub mod daemon;
pub mod desk;
pub mod embedded;
pub mod folder;
pub mod http;
pub mod keep;
pub mod logs;
pub mod net;
pub mod open;
