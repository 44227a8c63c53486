//! Calls about blocks and the chain, in Bitcoin Core's shapes.

use std::ops::ControlFlow;

use rpc_types::Difficulty;
use rpc_types::block::{BlockResult, HeaderResult};
use rpc_types::chain::{
    ChainCheck, ChainInfo, ChainTip, Deployment, DeploymentInfo, Deployments, TipStatus,
};

use crate::call::{Call, Class, ReadCall};
use crate::error::{CallError, ErrorKind};
use crate::show::{self, Detail};
use crate::value::{BlockId, Count, Json, Verbosity, Written};
use chain::verify::{Verified, VerifyError, verify};
use chain::{query, tips};
use node::view::View;
use primitives::block::Height;
use primitives::codec::Encode;
use primitives::hex;
use primitives::id::BlockHash;
use store::rows::HeaderRow;
use store::snapshot::Snapshot;

/// Blocks that `check-chain` looks at when nobody says, and how hard, as Core's `verifychain`.
const CHECK_BLOCKS: u32 = 6;
const CHECK_LEVEL: u32 = 3;

/// The id and the row of a block, by height on the best chain or by hash anywhere.
pub(super) fn find_block(
    snapshot: &Snapshot,
    block: BlockId,
) -> Result<(u32, HeaderRow), CallError> {
    let id = match block {
        BlockId::Height(height) => snapshot.id_at(height)?.ok_or_else(|| {
            let tip = snapshot.tip().map(|tip| tip.height).unwrap_or_default();
            CallError::new(
                ErrorKind::OutOfRange,
                format!("there is no block at height {height}: the chain ends at {tip}"),
            )
        })?,
        BlockId::Hash(hash) => snapshot
            .id_of(&hash)?
            .ok_or_else(|| CallError::not_found(format!("no block {hash} is known")))?,
    };
    let row = snapshot
        .header(id)?
        .ok_or_else(|| snapshot.corrupt(format!("header {id} is not there")))?;
    Ok((id, row))
}

pub struct GetHeight;

impl Call for GetHeight {
    const WORD: &'static str = "get-height";
    const METHOD: &'static str = "getblockcount";
    const HELP: &'static str = "The height of the best chain.";
    const EXAMPLE: &'static str = "init-storage get-height .";
    const CLASS: Class = Class::Read;
    type In = ();
    type Out = Height;
}

impl ReadCall for GetHeight {
    fn run(view: &View, (): ()) -> Result<Height, CallError> {
        Ok(view.tip()?.height)
    }
}

pub struct GetBestHash;

impl Call for GetBestHash {
    const WORD: &'static str = "get-best-hash";
    const METHOD: &'static str = "getbestblockhash";
    const HELP: &'static str = "The hash of the tip of the best chain.";
    const EXAMPLE: &'static str = "init-storage get-best-hash type";
    const CLASS: Class = Class::Read;
    type In = ();
    type Out = BlockHash;
}

impl ReadCall for GetBestHash {
    fn run(view: &View, (): ()) -> Result<BlockHash, CallError> {
        Ok(view.tip()?.hash)
    }
}

pub struct GetBlockHash;

impl Call for GetBlockHash {
    const WORD: &'static str = "get-block-hash";
    const METHOD: &'static str = "getblockhash";
    const HELP: &'static str = "The hash of the block at a height of the best chain.";
    const EXAMPLE: &'static str = "init-storage 0 get-block-hash type";
    const CLASS: Class = Class::Read;
    const PARAMS: &'static [&'static str] = &["height"];
    type In = (Height,);
    type Out = BlockHash;
}

impl ReadCall for GetBlockHash {
    fn run(view: &View, (height,): (Height,)) -> Result<BlockHash, CallError> {
        let (_, row) = find_block(&*view.read()?, BlockId::Height(height))?;
        Ok(row.hash)
    }
}

pub struct GetBlock;

impl Call for GetBlock {
    const WORD: &'static str = "get-block";
    const METHOD: &'static str = "getblock";
    const HELP: &'static str = "A block by height or hash. Verbosity 0: hex; 1: with transaction ids; 2: with transactions and fees; 3: also with the output that each input spends.";
    const EXAMPLE: &'static str = "init-storage s\" 0\" get-block .json";
    const CLASS: Class = Class::Read;
    const PARAMS: &'static [&'static str] = &["blockhash", "verbosity"];
    type In = (BlockId, Option<Verbosity>);
    type Out = Written<BlockResult>;
}

impl ReadCall for GetBlock {
    fn run(view: &View, (block, verbosity): Self::In) -> Result<Self::Out, CallError> {
        let snapshot = view.read()?;
        let (id, row) = find_block(&snapshot, block)?;
        let missing = || absent(&snapshot, &row);
        let detail = match verbosity.unwrap_or(Verbosity(1)).0 {
            0 => {
                let bytes = snapshot.block_bytes(id)?.ok_or_else(missing)?;
                return Ok(Written::bare(&hex::encode(&bytes)));
            }
            1 => Detail::Ids,
            2 => Detail::Transactions,
            3 => Detail::Prevouts,
            other => {
                let why = format!("verbosity {other} is not 0, 1, 2 or 3");
                return Err(CallError::new(ErrorKind::OutOfRange, why));
            }
        };
        let block = snapshot.block(id)?.ok_or_else(missing)?;
        show::block(&snapshot, view.params, id, &row, &block, detail)
    }
}

pub struct GetHeader;

impl Call for GetHeader {
    const WORD: &'static str = "get-header";
    const METHOD: &'static str = "getblockheader";
    const HELP: &'static str = "A block header by height or hash; as hex if verbose is false.";
    const EXAMPLE: &'static str = "init-storage s\" 0\" get-header .json";
    const CLASS: Class = Class::Read;
    const PARAMS: &'static [&'static str] = &["blockhash", "verbose"];
    type In = (BlockId, Option<bool>);
    type Out = Written<HeaderResult>;
}

impl ReadCall for GetHeader {
    fn run(view: &View, (block, verbose): Self::In) -> Result<Self::Out, CallError> {
        let snapshot = view.read()?;
        let (id, row) = find_block(&snapshot, block)?;
        if verbose == Some(false) {
            return Ok(Written::bare(&hex::encode(&row.header.to_bytes())));
        }
        Ok(show::header(&snapshot, view.params, id, &row)?.end())
    }
}

pub struct GetChainInfo;

impl Call for GetChainInfo {
    const WORD: &'static str = "get-chain-info";
    const METHOD: &'static str = "getblockchaininfo";
    const HELP: &'static str =
        "The state of the chain: height, best block, difficulty, work, median time, sync progress.";
    const EXAMPLE: &'static str = "init-storage get-chain-info .json";
    const CLASS: Class = Class::Read;
    type In = ();
    type Out = Json<ChainInfo>;
}

impl ReadCall for GetChainInfo {
    fn run(view: &View, (): ()) -> Result<Self::Out, CallError> {
        let snapshot = view.read()?;
        let info = query::chain_info(&snapshot)?;
        let headers = tips::best_header(&snapshot)?.height;
        let tip = info.tip;
        let pruned = snapshot.pruned_below()?;
        Ok(Json(ChainInfo {
            chain: view.params.name.to_owned(),
            blocks: tip.height.0,
            headers: headers.0,
            bestblockhash: show::block_hash(&tip.hash),
            bits: show::bits(info.bits),
            target: show::target(info.bits),
            difficulty: show::difficulty(info.difficulty),
            time: info.time,
            mediantime: info.median_time,
            verificationprogress: progress(tip.height, headers),
            initialblockdownload: tip.height < headers,
            chainwork: rpc_types::Work(tip.work.to_string()),
            size_on_disk: view.store().size_on_disk(),
            pruned: pruned.0 > 0,
            warnings: Vec::new(),
            transactions: tip.tx_total,
            txindex: view.has_tx_index(),
            pruneheight: (pruned.0 > 0).then_some(pruned.0),
        }))
    }
}

/// Why a block whose header is known can't be shown; Core says the first part.
pub(super) fn absent(snapshot: &Snapshot, row: &HeaderRow) -> CallError {
    let HeaderRow { hash, height, .. } = row;
    CallError::not_found(match snapshot.pruned_below() {
        Err(error) => return error.into(),
        Ok(pruned) if *height < pruned => format!(
            "Block not available (pruned data): block {hash} at height {height} was thrown away \
             with all below {pruned}; ask a node that keeps them"
        ),
        Ok(_) => {
            format!("Block not available (not fully downloaded): block {hash} is not stored here")
        }
    })
}

/// The share of the known headers whose blocks have been connected, genesis counted.
fn progress(tip: Height, headers: Height) -> f64 {
    (f64::from(tip.0) + 1.0) / (f64::from(headers.0.max(tip.0)) + 1.0)
}

pub struct GetChainTips;

impl Call for GetChainTips {
    const WORD: &'static str = "get-chain-tips";
    const METHOD: &'static str = "getchaintips";
    const HELP: &'static str = "The tips of all known branches, with the status of each.";
    const EXAMPLE: &'static str = "init-storage get-chain-tips .json";
    const CLASS: Class = Class::Read;
    const RESULT: &'static str = "The ends of all known branches, that of the best chain first.";
    type In = ();
    type Out = Json<Vec<ChainTip>>;
}

impl ReadCall for GetChainTips {
    fn run(view: &View, (): ()) -> Result<Self::Out, CallError> {
        let tips = tips::branch_tips(&*view.read()?)?;
        let shown = tips.iter().map(|tip| ChainTip {
            height: tip.height.0,
            hash: show::block_hash(&tip.hash),
            branchlen: tip.branch_len,
            status: match tip.status {
                tips::TipStatus::Active => TipStatus::Active,
                tips::TipStatus::Invalid => TipStatus::Invalid,
                tips::TipStatus::HeadersOnly => TipStatus::HeadersOnly,
                tips::TipStatus::ValidHeaders => TipStatus::ValidHeaders,
                tips::TipStatus::ValidFork => TipStatus::ValidFork,
            },
        });
        Ok(Json(shown.collect()))
    }
}

pub struct GetDeployments;

impl Call for GetDeployments {
    const WORD: &'static str = "get-deployments";
    const METHOD: &'static str = "getdeploymentinfo";
    const HELP: &'static str =
        "The soft forks of this network, and which are active in the block after a given one.";
    const EXAMPLE: &'static str = "init-storage get-deployments .json";
    const CLASS: Class = Class::Read;
    const PARAMS: &'static [&'static str] = &["blockhash"];
    type In = (Option<BlockId>,);
    type Out = Json<DeploymentInfo>;
}

impl ReadCall for GetDeployments {
    fn run(view: &View, (block,): Self::In) -> Result<Self::Out, CallError> {
        let snapshot = view.read()?;
        let block = block.unwrap_or(BlockId::Hash(snapshot.tip()?.hash));
        let (_, row) = find_block(&snapshot, block)?;
        let forks = &view.params.forks;
        let buried = |height: u32| Deployment {
            kind: "buried".to_owned(),
            active: row.height.next().0 >= height,
            height,
        };
        Ok(Json(DeploymentInfo {
            hash: show::block_hash(&row.hash),
            height: row.height.0,
            deployments: Deployments {
                bip34: buried(forks.bip34),
                bip66: buried(forks.bip66),
                bip65: buried(forks.bip65),
                csv: buried(forks.csv),
                segwit: buried(forks.segwit),
                taproot: buried(forks.taproot),
            },
        }))
    }
}

pub struct GetDifficulty;

impl Call for GetDifficulty {
    const WORD: &'static str = "get-difficulty";
    const METHOD: &'static str = "getdifficulty";
    const HELP: &'static str =
        "The difficulty of the tip, as a multiple of Bitcoin's minimum difficulty.";
    const EXAMPLE: &'static str = "init-storage get-difficulty type";
    const CLASS: Class = Class::Read;
    type In = ();
    type Out = Difficulty;
}

impl ReadCall for GetDifficulty {
    fn run(view: &View, (): ()) -> Result<Difficulty, CallError> {
        Ok(show::difficulty(query::chain_info(&*view.read()?)?.difficulty))
    }
}

/// Level and depth as given, or Core's defaults.
fn how_hard(level: Option<Count>, blocks: Option<Count>) -> (u8, u32) {
    let small = |count: Option<Count>, default: u32| {
        count.map_or(default, |count| u32::try_from(count.0).unwrap_or(u32::MAX))
    };
    let level = u8::try_from(small(level, CHECK_LEVEL)).unwrap_or(u8::MAX).min(4);
    (level, small(blocks, CHECK_BLOCKS))
}

fn check(view: &View, level: u8, blocks: u32) -> Result<Verified, VerifyError> {
    verify(view.store(), view.verifier(), blocks, level, &mut |_| ControlFlow::Continue(()))
}

pub struct CheckChain;

impl Call for CheckChain {
    const WORD: &'static str = "check-chain";
    const METHOD: &'static str = "checkchain";
    const HELP: &'static str = "Verify the newest blocks (0: all) at a level from 0 to 4; fails with the reason if one is wrong.";
    const EXAMPLE: &'static str = "init-storage check-chain .json";
    const CLASS: Class = Class::Read;
    const PARAMS: &'static [&'static str] = &["checklevel", "nblocks"];
    type In = (Option<Count>, Option<Count>);
    type Out = Json<ChainCheck>;
}

impl ReadCall for CheckChain {
    fn run(view: &View, (level, blocks): Self::In) -> Result<Self::Out, CallError> {
        let (level, blocks) = how_hard(level, blocks);
        let checked = check(view, level, blocks)
            .map_err(|e| CallError::new(ErrorKind::Unhealthy, e.to_string()))?;
        Ok(Json(ChainCheck { sound: true, blocks: checked.blocks, level: checked.level }))
    }
}

pub struct ChainSound;

impl Call for ChainSound {
    const WORD: &'static str = "chain-sound?";
    const METHOD: &'static str = "verifychain";
    const HELP: &'static str = "Whether the newest blocks (0: all) pass verification at a level from 0 to 4; check-chain gives the reason if not.";
    const EXAMPLE: &'static str = "init-storage chain-sound? .";
    const CLASS: Class = Class::Read;
    const PARAMS: &'static [&'static str] = &["checklevel", "nblocks"];
    type In = (Option<Count>, Option<Count>);
    type Out = bool;
}

impl ReadCall for ChainSound {
    fn run(view: &View, (level, blocks): Self::In) -> Result<bool, CallError> {
        let (level, blocks) = how_hard(level, blocks);
        match check(view, level, blocks) {
            Ok(_) => Ok(true),
            Err(VerifyError::Store(fault)) => Err(fault.into()),
            Err(_) => Ok(false),
        }
    }
}
