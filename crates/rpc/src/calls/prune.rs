//! Pruning: deleting old blocks.

use crate::call::{ActCall, Call, Class};
use crate::error::{CallError, ErrorKind};
use node::io::{Act, Done};
use primitives::block::Height;

pub struct Prune;

impl Call for Prune {
    const WORD: &'static str = "prune-below";
    const METHOD: &'static str = "pruneblockchain";
    const HELP: &'static str = "Permanently delete blocks and undo data below a height; headers, coins and indexes are kept. Returns the height below which they are deleted.";
    const EXAMPLE: &'static str = "init-storage 0 prune-below .";
    const CLASS: Class = Class::Admin;
    const PARAMS: &'static [&'static str] = &["height"];
    type In = (Height,);
    type Out = Height;
}

impl ActCall for Prune {
    fn act((below,): Self::In) -> Result<Act, CallError> {
        Ok(Act::Prune { below })
    }

    fn reply(done: Done) -> Result<Height, CallError> {
        match done {
            Done::Pruned(below) => Ok(below),
            done => {
                let why = format!("the node answered something else: {done:?}");
                Err(CallError::new(ErrorKind::Internal, why))
            }
        }
    }
}
