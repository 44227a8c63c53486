//! The simulator: whole nodes in one thread, from one seed, with faults on the wire, on the disk and
//! at the clock, and with hostile peers among the honest.
//!
//! `plan` says what is to happen, `world` makes it happen (`links` between machines, `miners` and
//! payers, `convergence` at the end), `checks` judges what came of it. Nothing here knows a real
//! clock or socket: the same plan gives the same run, wherever and whenever.

pub mod checks;
pub mod convergence;
pub mod forge;
pub mod history;
pub mod hostile;
pub mod links;
pub mod machine;
pub mod miners;
pub mod plan;
pub mod report;
pub mod wire;
pub mod world;
