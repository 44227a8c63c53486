//! The daemon: the node thread, its sockets and clocks, and every server of a process.

pub mod actor;
pub mod atomic_file;
pub mod chain_position;
pub mod client;
pub mod clock;
pub mod control;
pub mod damage;
pub mod data_folder;
pub mod dispatcher;
pub mod embedded_client;
pub mod grinder;
pub mod http;
pub mod logs;
pub mod metrics_export;
pub mod net;
pub mod network_setup;
pub mod remote_client;
pub mod requester;
pub mod row_counts;
pub mod running_node;
pub mod stratum;
pub mod supervisor;
pub mod upkeep;
pub mod view_query;
