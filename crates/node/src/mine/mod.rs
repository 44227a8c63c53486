//! Mining in the node: what is asked and told (`io`), the standing miner (`standing`), and blocks
//! made at once (`generate`).

pub(super) mod generate;
pub mod io;
pub mod standing;

#[cfg(test)]
mod tests;
