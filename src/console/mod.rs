//! The Forth console: its words, evaluation of `-e` and files, and the REPL.

mod calendar;
mod complete;
pub mod eval;
pub mod event_handlers;
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
mod session_state;
mod sources;
mod stack_values;
mod stdio;
mod typed;
pub mod wallet;
mod watch;
mod words;
