//! Calls about the node itself, and blocks handed to it.

use serde_json::json;

use crate::api::call::{ActCall, Call, Class, ReadCall};
use crate::api::error::{CallError, ErrorKind};
use crate::api::value::{HexBytes, HexList, Json};
use crate::chain::query;
use crate::node::io::{Act, Done};
use crate::node::view::View;

fn unexpected(done: &Done) -> CallError {
    CallError::new(ErrorKind::Internal, format!("the node answered something else: {done:?}"))
}

pub struct GetStatus;

impl Call for GetStatus {
    const WORD: &'static str = "get-status";
    const METHOD: &'static str = "getstatus";
    const HELP: &'static str = "How the node is: network, tip, headers, median time.";
    const EXAMPLE: &'static str = "init-storage get-status .json";
    const CLASS: Class = Class::Read;
    type In = ();
    type Out = Json;
}

impl ReadCall for GetStatus {
    fn run(view: &View, (): ()) -> Result<Json, CallError> {
        let snapshot = view.read()?;
        let info = query::chain_info(&snapshot)?;
        let tip = info.tip;
        Ok(Json(json!({
            "network": view.params.name,
            "version": env!("CARGO_PKG_VERSION"),
            "height": tip.height.0,
            "best": tip.hash.to_string(),
            "tip_time": info.time,
            "transactions": tip.tx_total,
            "peers": view.net.peers.iter().filter(|peer| peer.ready).count(),
            "readonly": view.net.readonly,
        })))
    }
}

pub struct ImportBlocks;

impl Call for ImportBlocks {
    const WORD: &'static str = "import-block-list";
    const METHOD: &'static str = "importblocks";
    const HELP: &'static str =
        "Add blocks given as a list of hex; they reach the disk with flush-chain at the latest.";
    const EXAMPLE: &'static str = "init-storage s\" []\" import-block-list .json";
    const CLASS: Class = Class::Operate;
    const PARAMS: &'static [&'static str] = &["blocks"];
    type In = (HexList,);
    type Out = Json;
}

impl ActCall for ImportBlocks {
    fn act((blocks,): Self::In) -> Result<Act, CallError> {
        Ok(Act::ImportBlocks { blocks: blocks.0 })
    }

    fn reply(done: Done) -> Result<Json, CallError> {
        let Done::Imported(report) = done else { return Err(unexpected(&done)) };
        let refused =
            report.refused.map(|(index, reason)| json!({ "index": index, "reason": reason }));
        Ok(Json(json!({
            "accepted": report.accepted,
            "known": report.known,
            "waiting": report.waiting,
            "refused": refused,
            "height": report.height.0,
            "best": report.tip.to_string(),
        })))
    }
}

pub struct SubmitBlock;

impl Call for SubmitBlock {
    const WORD: &'static str = "submit-block";
    const METHOD: &'static str = "submitblock";
    const HELP: &'static str = "Add one block given as hex.";
    const EXAMPLE: &'static str = "init-storage : try s\" 00\" submit-block ; ' try catch .";
    const CLASS: Class = Class::Operate;
    const PARAMS: &'static [&'static str] = &["hexdata"];
    type In = (HexBytes,);
    type Out = ();
}

impl ActCall for SubmitBlock {
    fn act((block,): Self::In) -> Result<Act, CallError> {
        Ok(Act::SubmitBlock { block: block.0 })
    }

    fn reply(done: Done) -> Result<(), CallError> {
        match done {
            Done::Submitted => Ok(()),
            other => Err(unexpected(&other)),
        }
    }
}

pub struct Flush;

impl Call for Flush {
    const WORD: &'static str = "flush-chain";
    const METHOD: &'static str = "flush";
    const HELP: &'static str = "Put what the node has only cached on the disk.";
    const EXAMPLE: &'static str = "init-storage flush-chain";
    const CLASS: Class = Class::Operate;
    type In = ();
    type Out = ();
}

impl ActCall for Flush {
    fn act((): ()) -> Result<Act, CallError> {
        Ok(Act::Flush)
    }

    fn reply(done: Done) -> Result<(), CallError> {
        match done {
            Done::Flushed => Ok(()),
            other => Err(unexpected(&other)),
        }
    }
}
