//! The program's options. `table` has one entry an option; the command line, the environment,
//! `--help`, the man page, the completions and docs/OPTIONS.md are made from it.
//!
//! Reading is strict: what is not understood is an error with exit code 2, and nothing is dropped.
//! The command line comes before the environment, an empty variable counts as absent, lists split
//! at commas and blanks everywhere, and paths are bytes.

pub mod arguments;
pub mod entry;
pub mod environment;
pub mod help;
pub mod reader;
pub mod table;

mod address;
mod apply;
mod check;
mod suggest;
