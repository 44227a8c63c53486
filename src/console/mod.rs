//! The Forth console: words over a door, evaluation of `-e` and files, and the REPL.

pub mod alerts;
pub mod args;
mod bench;
pub mod eval;
mod files;
mod help;
pub mod host;
mod library;
mod picture;
mod render;
pub mod repl;
mod secrets;
mod stdio;
pub mod wallet;
mod watch;
mod words;
