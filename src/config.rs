//! Network, data folder, ports.
