//! Calls that make blocks, in Bitcoin Core's shapes.

use serde_json::{Value, json};

use crate::api::call::{ActCall, Call, Class};
use crate::api::error::{CallError, ErrorKind};
use crate::api::value::{Count, Json};
use crate::node::io::{Act, Done};

/// Hashes that are made when nobody says (Core's `DEFAULT_MAX_TRIES`), and at most: the node does
/// nothing else meanwhile.
const TRIES: u64 = 1_000_000;
const MOST_TRIES: u64 = 100_000_000;
/// Blocks of one call, at most.
const MOST_BLOCKS: u64 = 10_000;

pub struct GenerateToAddress;

impl Call for GenerateToAddress {
    const WORD: &'static str = "generate-to";
    const METHOD: &'static str = "generatetoaddress";
    const HELP: &'static str =
        "Make blocks at once that pay an address, with what the pool holds: for regtest.";
    const EXAMPLE: &'static str =
        "init-storage 1 s\" bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080\" generate-to .json";
    const CLASS: Class = Class::Operate;
    const PARAMS: &'static [&'static str] = &["nblocks", "address", "maxtries"];
    type In = (Count, String, Option<Count>);
    type Out = Json;
}

impl ActCall for GenerateToAddress {
    fn act((blocks, address, tries): Self::In) -> Result<Act, CallError> {
        if blocks.0 > MOST_BLOCKS {
            let why = format!("{MOST_BLOCKS} blocks are the most of one call");
            return Err(CallError::new(ErrorKind::OutOfRange, why));
        }
        let tries = tries.map_or(TRIES, |tries| tries.0.min(MOST_TRIES));
        Ok(Act::Generate { blocks: blocks.0 as u32, address, tries })
    }

    fn reply(done: Done) -> Result<Json, CallError> {
        match done {
            Done::Generated(hashes) => {
                let hashes: Vec<Value> = hashes.iter().map(|h| json!(h.to_string())).collect();
                Ok(Json(hashes.into()))
            }
            done => {
                let why = format!("the node answered something else: {done:?}");
                Err(CallError::new(ErrorKind::Internal, why))
            }
        }
    }
}
