//! The Forth console: words over a door, evaluation of `-e` and files, and the REPL.

pub mod alerts;
pub mod args;
mod complete;
pub mod eval;
mod files;
mod history_filter;
pub mod host;
mod library;
mod progress;
mod render;
pub mod repl;
mod script_debugger;
mod stdio;
pub mod wallet;
mod watch;
mod words;
