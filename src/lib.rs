//! ForthCoin: a full node of a Bitcoin-format proof-of-work chain, held from a Forth console.
//!
//! The house, top floor first. A file imports only from lower floors or from its own room.
//!
//! ```text
//! 11 main.rs      arguments -> one door -> exit code
//! 10 console      the Forth console: words over a door, -e and files, REPL
//!    shell        threads, sockets, clocks: the node thread and the control socket
//!  9 api          the call table, errors, wire format, the door
//!    sim          networks of whole nodes in one thread, with faults, from one seed
//!  8 node         the whole node as one state machine, and its published view
//!  7 miner        templates, nonces
//!  6 mempool      unconfirmed transactions
//!  5 chain        header tree, coins, best chain over the store
//!  4 consensus    the rules
//!    wallet       keys, descriptors, spending, PSBTs; sealed files
//!  3 script p2p store config
//!  2 primitives   transactions, blocks, hashes, amounts, networks
//!  1 forth crypto
//! ```

pub mod api;
pub mod chain;
pub mod config;
pub mod consensus;
pub mod console;
pub mod crypto;
pub mod mempool;
pub mod miner;
pub mod node;
pub mod p2p;
pub mod primitives;
pub mod script;
pub mod shell;
pub mod sim;
pub mod store;
pub mod wallet;
