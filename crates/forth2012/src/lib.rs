//! A Forth-2012 machine to embed: it knows no files, no terminal and no clock, only [`host::Host`].
//!
//! All word sets of the standard with their extensions, 64-bit cells, 64-bit floats on a stack of
//! their own. No program can crash the host, reach its memory or outrun its [`limits`]: every fault
//! is a THROW, and an uncaught one is a [`error::Report`] with file, line and column.
//!
//! ```
//! use forth2012::{host::NoHost, limits::Limits, machine::Machine};
//!
//! let mut machine = Machine::new(Limits::default(), Box::new(NoHost));
//! machine.interpret(b": squared dup * ; 7 squared", "example").unwrap();
//! assert_eq!(machine.stack(), [49]);
//! ```
//!
//! # Modules
//!
//! ```text
//! error, limits, stack, memory, source, lex       what everything stands on
//! op, frame, definition                           compiled tokens, return addresses, CATCH frames
//! operation, primitive, dict                      what a word can be, and the dictionary
//! host, context                                   what the machine asks of the world, and offers it
//! machine, describe, report                       the state, and what its owner may do
//! compiler, outer, run                            definitions, the text interpreter, the stepper
//! words/*                                         one module and one table a word set
//! fast/*                                          tail-threaded code made from tokens
//! ```
//!
//! No file imports one that imports it, with one exception, the tables: a row of `words/*` holds a
//! function over the [`machine::Machine`], which holds the dictionary of these rows, and a word of
//! the host gets the machine that holds the host. So `machine`, `dict`, `primitive`, `host` and
//! `context` know each other.

#![forbid(unsafe_code)]

mod compiler;
mod context;
mod definition;
mod describe;
pub mod dict;
pub mod error;
mod fast;
mod frame;
pub mod host;
mod lex;
pub mod limits;
pub mod machine;
mod memory;
pub mod op;
pub mod operation;
mod outer;
pub mod primitive;
mod report;
mod run;
mod source;
mod stack;
#[cfg(test)]
mod tests;
mod words;

/// The examples of the README are tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
