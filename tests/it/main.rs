//! The one integration-test binary.

mod answers;
mod cli;
mod crash;
mod errors;
mod examples;
mod folders;
mod generated;
mod mining;
mod network;
mod options;
mod repl;
mod run;
mod sandbox;
mod service;
mod service_events;
mod sim;
mod transcripts;
mod tutorial;
mod upkeep;
mod wallet;
mod wallet_payments;
mod wallet_signer;
mod walls;
