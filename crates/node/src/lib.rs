//! The whole node as one sans-IO state machine, and the published view that reads run on.

mod chain_manager;
pub mod io;
pub mod mine;
pub mod net;
pub mod node;
pub mod pool;
pub mod view;

#[cfg(test)]
mod tests;
