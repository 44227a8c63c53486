//! Calls that make blocks, in Bitcoin Core's shapes.

use std::sync::Arc;

use rpc_types::BlockHash;
use rpc_types::mining::{GeneratedBlock, MiningStarted};

use crate::call::{ActCall, Call, Class};
use crate::error::{CallError, ErrorKind};
use crate::show;
use crate::value::{AnyJson, Count, Json, Signed};
use mining::work::MAX_THREADS;
use node::io::{Act, Done};
use node::mine::io::{MineAct, MineDone, Wanted};
use primitives::amount::{Amount, MAX_MONEY};
use primitives::codec::Decode;
use primitives::hex;
use primitives::id::Txid;
use primitives::tx::Transaction;

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
        "Mine blocks immediately from the mempool, paying an address: for regtest.";
    const EXAMPLE: &'static str =
        "init-storage 1 s\" bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080\" generate-to .json";
    const CLASS: Class = Class::Operate;
    const PARAMS: &'static [&'static str] = &["nblocks", "address", "maxtries"];
    const RESULT: &'static str = "Hashes of the blocks, in order.";
    type In = (Count, String, Option<Count>);
    type Out = Json<Vec<BlockHash>>;
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

    fn reply(done: Done) -> Result<Self::Out, CallError> {
        match done {
            Done::Generated(hashes) => Ok(Json(hashes.iter().map(show::block_hash).collect())),
            done => Err(unexpected(&done)),
        }
    }
}

pub(super) fn unexpected(done: &Done) -> CallError {
    CallError::new(ErrorKind::Internal, format!("the node answered something else: {done:?}"))
}

fn nothing(done: Done) -> Result<(), CallError> {
    match done {
        Done::Mine(MineDone::Done) => Ok(()),
        done => Err(unexpected(&done)),
    }
}

pub struct GenerateBlock;

impl Call for GenerateBlock {
    const WORD: &'static str = "generate-block-to";
    const METHOD: &'static str = "generateblock";
    const HELP: &'static str = "Mine a block of exactly these transactions (mempool ids or hex), paying an address: for regtest.";
    const EXAMPLE: &'static str = "init-storage s\" bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080\" s\" []\" generate-block-to .json";
    const CLASS: Class = Class::Operate;
    const PARAMS: &'static [&'static str] = &["output", "transactions", "submit"];
    type In = (String, AnyJson, Option<bool>);
    type Out = Json<GeneratedBlock>;
}

impl ActCall for GenerateBlock {
    fn act((address, txs, submit): Self::In) -> Result<Act, CallError> {
        let wrong = || CallError::invalid_params("transactions are a list of ids and hex");
        let txs = txs.0.as_array().ok_or_else(wrong)?.iter().map(|tx| {
            let text = tx.as_str().ok_or_else(wrong)?.trim();
            if let Ok(txid) = text.parse::<Txid>() {
                return Ok(Wanted::Pooled(txid));
            }
            let shown: String = text.chars().take(80).collect();
            let undecodable = |why: String| {
                let why = format!("{shown:?} is neither an id nor a transaction: {why}");
                CallError::new(ErrorKind::Undecodable, why)
            };
            let bytes = hex::decode(text).map_err(|e| undecodable(e.to_string()))?;
            let tx = Transaction::from_bytes(&bytes).map_err(|e| undecodable(e.to_string()))?;
            Ok(Wanted::Whole(Arc::new(tx)))
        });
        let txs = txs.collect::<Result<_, CallError>>()?;
        Ok(Act::Mine(MineAct::GenerateBlock { address, txs, submit: submit.unwrap_or(true) }))
    }

    fn reply(done: Done) -> Result<Self::Out, CallError> {
        match done {
            Done::Mine(MineDone::Made { hash, block }) => Ok(Json(GeneratedBlock {
                hash: show::block_hash(&hash),
                hex: block.map(|bytes| show::bytes(&bytes)),
            })),
            done => Err(unexpected(&done)),
        }
    }
}

pub struct Prioritise;

impl Call for Prioritise {
    const WORD: &'static str = "prioritise-tx";
    const METHOD: &'static str = "prioritisetransaction";
    const HELP: &'static str = "Change the fee, in base units, at which a transaction is selected for blocks and evicted from the mempool.";
    const EXAMPLE: &'static str = "init-storage s\" 4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b\" 1000 prioritise-tx .";
    const CLASS: Class = Class::Operate;
    const PARAMS: &'static [&'static str] = &["txid", "dummy", "fee_delta"];
    const RESULT: &'static str = "Always true.";
    type In = (Txid, Option<AnyJson>, Signed);
    type Out = bool;
}

impl ActCall for Prioritise {
    fn act((txid, dummy, more): Self::In) -> Result<Act, CallError> {
        if dummy.is_some_and(|dummy| dummy.0.as_f64() != Some(0.0)) {
            let why = "priority is no longer supported: dummy must be 0 or left out";
            return Err(CallError::new(ErrorKind::OutOfRange, why));
        }
        if more.0.unsigned_abs() > MAX_MONEY.0.unsigned_abs() {
            let why = format!("{} base units are more than there can be", more.0);
            return Err(CallError::new(ErrorKind::OutOfRange, why));
        }
        Ok(Act::Mine(MineAct::Prioritise { txid, more: Amount(more.0) }))
    }

    fn reply(done: Done) -> Result<bool, CallError> {
        nothing(done).map(|()| true)
    }
}

pub struct SetMockTime;

impl Call for SetMockTime {
    const WORD: &'static str = "set-mock-time";
    const METHOD: &'static str = "setmocktime";
    const HELP: &'static str = "Set the node's clock for blocks to a fixed time, in seconds since 1970; 0 resumes the real time: regtest only.";
    const EXAMPLE: &'static str = "init-storage 2000000000 set-mock-time 0 set-mock-time";
    const CLASS: Class = Class::Admin;
    const PARAMS: &'static [&'static str] = &["timestamp"];
    type In = (Count,);
    type Out = ();
}

impl ActCall for SetMockTime {
    fn act((time,): Self::In) -> Result<Act, CallError> {
        let time = u32::try_from(time.0).map_err(|_| {
            let why = format!("{} is past what a block can say: at most {}", time.0, u32::MAX);
            CallError::new(ErrorKind::OutOfRange, why)
        })?;
        Ok(Act::Mine(MineAct::SetMockTime { time }))
    }

    fn reply(done: Done) -> Result<(), CallError> {
        nothing(done)
    }
}

pub struct SetMiningAddress;

impl Call for SetMiningAddress {
    const WORD: &'static str = "set-mining-address-to";
    const METHOD: &'static str = "setminingaddress";
    const HELP: &'static str = "Set the payout address of mining.";
    const EXAMPLE: &'static str =
        "init-storage s\" bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080\" set-mining-address-to";
    const CLASS: Class = Class::Operate;
    const PARAMS: &'static [&'static str] = &["address"];
    type In = (String,);
    type Out = ();
}

impl ActCall for SetMiningAddress {
    fn act((address,): Self::In) -> Result<Act, CallError> {
        Ok(Act::Mine(MineAct::SetAddress { address: Some(address) }))
    }

    fn reply(done: Done) -> Result<(), CallError> {
        nothing(done)
    }
}

pub struct StartMining;

impl Call for StartMining {
    const WORD: &'static str = "start-mining-on";
    const METHOD: &'static str = "startmining";
    const HELP: &'static str = "Start mining to the payout address on a number of threads, 0 for one per core; the RPC can also limit the number of blocks.";
    const EXAMPLE: &'static str = "init-storage s\" bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080\" set-mining-address-to 1 start-mining-on .json";
    const CLASS: Class = Class::Operate;
    const PARAMS: &'static [&'static str] = &["threads", "blocks"];
    type In = (Count, Option<Count>);
    type Out = Json<MiningStarted>;
}

impl ActCall for StartMining {
    fn act((threads, blocks): Self::In) -> Result<Act, CallError> {
        let threads = match usize::try_from(threads.0) {
            Ok(threads) if threads <= MAX_THREADS => (threads > 0).then_some(threads),
            _ => {
                let why = format!("{} threads are over the limit of {MAX_THREADS}", threads.0);
                return Err(CallError::new(ErrorKind::OutOfRange, why));
            }
        };
        let blocks = blocks.map(|blocks| blocks.0);
        Ok(Act::Mine(MineAct::Start { threads, blocks, patient: false }))
    }

    fn reply(done: Done) -> Result<Self::Out, CallError> {
        match done {
            Done::Mine(MineDone::Started { threads, found }) => {
                Ok(Json(MiningStarted { threads: threads as u64, blocks_found: found }))
            }
            done => Err(unexpected(&done)),
        }
    }
}

pub struct StopMining;

impl Call for StopMining {
    const WORD: &'static str = "stop-mining";
    const METHOD: &'static str = "stopmining";
    const HELP: &'static str = "Stop the mining threads; Stratum miners continue.";
    const EXAMPLE: &'static str = "init-storage stop-mining";
    const CLASS: Class = Class::Operate;
    type In = ();
    type Out = ();
}

impl ActCall for StopMining {
    fn act((): ()) -> Result<Act, CallError> {
        Ok(Act::Mine(MineAct::Stop))
    }

    fn reply(done: Done) -> Result<(), CallError> {
        nothing(done)
    }
}
