//! The Forth machine (Forth-2012): knows no Bitcoin, no files, no terminal, only `trait Host`.
//!
//! ```text
//! machine   the state, and what its owner may do        outer     the text interpreter
//! host      what it asks of the world                   compiler  definitions, control flow, locals
//! context   what a host word may do                     run       the stepper and CATCH
//! memory    data space         dict    words            op        compiled tokens
//! source    texts, places      lex     numbers, names   report    errors as people read them
//! words     one module and one table a word set    fast      tail-threaded code made from tokens
//! ```

#![forbid(unsafe_code)]

mod compiler;
mod context;
mod definition;
pub mod dict;
#[cfg(test)]
mod differential;
pub mod error;
mod fast;
mod frame;
pub mod host;
#[cfg(test)]
mod hostile;
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
mod suites;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tutorial;
mod words;
