//! For tests and the simulator: a builder of blocks, a faulty disk, published vectors.

pub mod blocks;
pub mod disk;
pub mod rules;
pub mod vectors;
