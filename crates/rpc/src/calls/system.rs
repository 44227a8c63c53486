//! Calls about the node itself, and blocks submitted to it.

use rpc_types::node::{ImportReport, RefusedBlock, Status};

use crate::call::{ActCall, Call, Class, ReadCall};
use crate::error::{CallError, ErrorKind};
use crate::show;
use crate::value::{AnyJson, HexBytes, HexList, Json, Mixed};
use chain::query;
use node::io::{Act, Done};
use node::view::View;
use primitives::id::BlockHash;

fn unexpected(done: &Done) -> CallError {
    CallError::new(ErrorKind::Internal, format!("the node answered something else: {done:?}"))
}

fn judged(done: Done) -> Result<(), CallError> {
    match done {
        Done::Judged(true) => Ok(()),
        Done::Judged(false) => Err(CallError::not_found("Block not found, or it is the first")),
        other => Err(unexpected(&other)),
    }
}

pub struct GetStatus;

impl Call for GetStatus {
    const WORD: &'static str = "get-status";
    const METHOD: &'static str = "getstatus";
    const HELP: &'static str = "The state of the node: network, tip, headers, median time.";
    const EXAMPLE: &'static str = "init-storage get-status .json";
    const CLASS: Class = Class::Read;
    type In = ();
    type Out = Json<Status>;
}

impl ReadCall for GetStatus {
    fn run(view: &View, (): ()) -> Result<Self::Out, CallError> {
        let snapshot = view.read()?;
        let info = query::chain_info(&snapshot)?;
        let tip = info.tip;
        Ok(Json(Status {
            network: view.params.name.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            height: tip.height.0,
            best: show::block_hash(&tip.hash),
            tip_time: info.time,
            transactions: tip.tx_total,
            peers: view.net.ready_peers().count() as u64,
            readonly: view.net.readonly,
        }))
    }
}

pub struct ImportBlocks;

impl Call for ImportBlocks {
    const WORD: &'static str = "import-block-list";
    const METHOD: &'static str = "importblocks";
    const HELP: &'static str =
        "Import blocks, given as a list of hex; they are on disk after flush-chain at the latest.";
    const EXAMPLE: &'static str = "init-storage s\" []\" import-block-list .json";
    const CLASS: Class = Class::Operate;
    const PARAMS: &'static [&'static str] = &["blocks"];
    type In = (HexList,);
    type Out = Json<ImportReport>;
}

impl ActCall for ImportBlocks {
    fn act((blocks,): Self::In) -> Result<Act, CallError> {
        Ok(Act::ImportBlocks { blocks: blocks.0 })
    }

    fn reply(done: Done) -> Result<Self::Out, CallError> {
        let Done::Imported(report) = done else { return Err(unexpected(&done)) };
        let refused = report.refused;
        Ok(Json(ImportReport {
            accepted: report.accepted,
            known: report.known,
            waiting: report.waiting as u64,
            refused: refused.map(|(index, reason)| RefusedBlock { index: index as u64, reason }),
            height: report.height.0,
            best: show::block_hash(&report.tip),
        }))
    }
}

pub struct SubmitBlock;

impl Call for SubmitBlock {
    const WORD: &'static str = "submit-block";
    const METHOD: &'static str = "submitblock";
    const HELP: &'static str = "Submit a block, given as hex; null if it is accepted, else the BIP22 reason for its rejection.";
    const EXAMPLE: &'static str = "init-storage : try s\" 00\" submit-block ; ' try catch .";
    const CLASS: Class = Class::Operate;
    const PARAMS: &'static [&'static str] = &["hexdata", "dummy"];
    const RESULT: &'static str = "Null if the block was taken, else why not in a word of BIP22.";
    type In = (HexBytes, Option<AnyJson>);
    type Out = Mixed<Option<String>>;
}

impl ActCall for SubmitBlock {
    fn act((block, _): Self::In) -> Result<Act, CallError> {
        Ok(Act::SubmitBlock { block: block.0 })
    }

    fn reply(done: Done) -> Result<Self::Out, CallError> {
        match done {
            Done::Submitted(verdict) => Ok(Mixed(verdict)),
            other => Err(unexpected(&other)),
        }
    }
}

pub struct Flush;

impl Call for Flush {
    const WORD: &'static str = "flush-chain";
    const METHOD: &'static str = "flush";
    const HELP: &'static str = "Flush cached state to disk.";
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

pub struct InvalidateBlock;

impl Call for InvalidateBlock {
    const WORD: &'static str = "invalidate-block";
    const METHOD: &'static str = "invalidateblock";
    const HELP: &'static str =
        "Permanently mark a block as invalid, and switch to the best chain without it.";
    const EXAMPLE: &'static str = "init-storage : try s\" 00\" invalidate-block ; ' try catch .";
    const CLASS: Class = Class::Admin;
    const PARAMS: &'static [&'static str] = &["blockhash"];
    type In = (BlockHash,);
    type Out = ();
}

impl ActCall for InvalidateBlock {
    fn act((hash,): Self::In) -> Result<Act, CallError> {
        Ok(Act::Invalidate { hash })
    }

    fn reply(done: Done) -> Result<(), CallError> {
        judged(done)
    }
}

pub struct ReconsiderBlock;

impl Call for ReconsiderBlock {
    const WORD: &'static str = "reconsider-block";
    const METHOD: &'static str = "reconsiderblock";
    const HELP: &'static str =
        "Remove the invalid mark from a block, its ancestors and its descendants.";
    const EXAMPLE: &'static str = "init-storage : try s\" 00\" reconsider-block ; ' try catch .";
    const CLASS: Class = Class::Admin;
    const PARAMS: &'static [&'static str] = &["blockhash"];
    type In = (BlockHash,);
    type Out = ();
}

impl ActCall for ReconsiderBlock {
    fn act((hash,): Self::In) -> Result<Act, CallError> {
        Ok(Act::Reconsider { hash })
    }

    fn reply(done: Done) -> Result<(), CallError> {
        judged(done)
    }
}
