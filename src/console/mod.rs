//! The Forth console: words over a door, evaluation of `-e` and files, and the REPL.

pub mod alerts;
pub mod args;
mod audit;
mod bench;
mod complete;
pub mod eval;
mod export;
mod files;
mod help;
pub mod host;
mod library;
mod mine;
mod net_picture;
mod picture;
mod progress;
mod render;
pub mod repl;
mod secrets;
mod simulate;
mod stdio;
mod typed;
mod upkeep;
pub mod wallet;
mod watch;
mod words;
