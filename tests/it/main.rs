//! The one integration-test binary.

mod cli;
mod crash;
mod examples;
mod licences;
mod repl;
mod run;
mod service;
mod tidy;
mod transcripts;
mod wallet;
