//! The only room with sockets, threads and clocks.

pub mod actor;
pub mod attach;
pub mod chain_position;
pub mod clock;
pub mod control;
pub mod daemon;
pub mod damage;
pub mod desk;
pub mod embedded;
pub mod folder;
pub mod grinder;
pub mod http;
pub mod keep;
pub mod logs;
pub mod metrics_export;
pub mod net;
pub mod online;
pub mod open;
pub mod requester;
pub mod row_counts;
pub mod stratum;
pub mod upkeep;
pub mod view_query;
