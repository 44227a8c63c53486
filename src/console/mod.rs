//! The Forth console: words over a door, evaluation of `-e` and files, and the REPL.

pub mod alerts;
mod calendar;
mod complete;
pub mod eval;
mod files;
mod history_filter;
mod host;
mod library;
mod progress;
mod render;
pub mod repl;
mod sandbox;
#[cfg(test)]
mod sandbox_tests;
mod script_debugger;
mod shared;
mod sources;
mod stack_values;
mod stdio;
pub mod wallet;
mod watch;
mod words;
