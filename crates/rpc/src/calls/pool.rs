//! Calls about unconfirmed transactions, in Bitcoin Core's shapes.

use std::sync::Arc;

use rpc_types::pool as types;
use rpc_types::pool::{EntryFees, FeeEstimate, PoolList, SavedPool, TestResult, TestedFees};

use super::tx::decode;
use crate::call::{ActCall, Call, Class, ReadCall};
use crate::error::{CallError, ErrorKind};
use crate::show;
use crate::value::{Coins, Count, HexBytes, HexList, Json};
use mempool::estimate::MAX_TARGET;
use mempool::pool::{Entry, Pool};
use node::io::{Act, Done, NodeError, TestReport};
use node::view::View;
use primitives::amount::Amount;
use primitives::fee::FeeRate;
use primitives::id::Txid;

/// The rate over which a transaction is held for a slip, in base units for 1,000 virtual bytes.
const MOST_RATE: i64 = 10_000_000;
/// Transactions of one `testmempoolaccept`, at most.
const MOST_TESTED: usize = 25;

fn other(done: &Done) -> CallError {
    CallError::new(ErrorKind::Internal, format!("the node answered something else: {done:?}"))
}

/// The highest rate to take: what was said, Core's default otherwise; 0 is any.
fn most_rate(said: Option<Coins>) -> Option<FeeRate> {
    let per_kvb = said.map_or(MOST_RATE, |coins| coins.0.0);
    (per_kvb != 0).then_some(FeeRate { per_kvb })
}

pub(super) fn rate(rate: FeeRate) -> rpc_types::Amount {
    show::amount(Amount(rate.per_kvb))
}

pub struct SendRawTx;

impl Call for SendRawTx {
    const WORD: &'static str = "send-raw-tx";
    const METHOD: &'static str = "sendrawtransaction";
    const HELP: &'static str =
        "Submit a transaction, given as hex, to the mempool and announce it to peers.";
    const EXAMPLE: &'static str = "init-storage : try s\" 00\" send-raw-tx ; ' try catch .";
    const CLASS: Class = Class::Operate;
    const PARAMS: &'static [&'static str] = &["hexstring", "maxfeerate"];
    const RESULT: &'static str = "Id of the transaction.";
    type In = (HexBytes, Option<Coins>);
    type Out = Txid;
}

impl ActCall for SendRawTx {
    fn act((hex, most): Self::In) -> Result<Act, CallError> {
        let tx = Arc::new(decode(&hex.0)?);
        Ok(Act::SubmitTransaction { tx, most_rate: most_rate(most) })
    }

    fn reply(done: Done) -> Result<Txid, CallError> {
        match done {
            Done::Accepted { txid } => Ok(txid),
            done => Err(other(&done)),
        }
    }
}

pub struct TestTxs;

impl Call for TestTxs {
    const WORD: &'static str = "test-txs";
    const METHOD: &'static str = "testmempoolaccept";
    const HELP: &'static str = "Whether the mempool would accept transactions, given as a list of hex, without submitting them.";
    const EXAMPLE: &'static str = "init-storage : try s\" []\" test-txs ; ' try catch .";
    const CLASS: Class = Class::Operate;
    const PARAMS: &'static [&'static str] = &["rawtxs", "maxfeerate"];
    const RESULT: &'static str = "A verdict on each transaction, in order.";
    type In = (HexList, Option<Coins>);
    type Out = Json<Vec<TestResult>>;
}

impl ActCall for TestTxs {
    fn act((list, most): Self::In) -> Result<Act, CallError> {
        if list.0.is_empty() || list.0.len() > MOST_TESTED {
            let why = format!("Array must contain between 1 and {MOST_TESTED} transactions.");
            return Err(CallError::new(ErrorKind::OutOfRange, why));
        }
        let txs = list.0.iter().map(|bytes| decode(bytes).map(Arc::new));
        let txs = txs.collect::<Result<_, _>>()?;
        Ok(Act::TestTransactions { txs, most_rate: most_rate(most) })
    }

    fn reply(done: Done) -> Result<Self::Out, CallError> {
        match done {
            Done::Tested(reports) => Ok(Json(reports.iter().map(tested).collect())),
            done => Err(other(&done)),
        }
    }
}

fn tested(report: &TestReport) -> TestResult {
    let wtxid = show::wtxid(&report.tx.wtxid());
    let mut shown = TestResult {
        txid: show::txid(&report.tx.txid()),
        wtxid: wtxid.clone(),
        allowed: report.verdict.is_ok(),
        vsize: None,
        fees: None,
        reject_reason: None,
        reject_details: None,
    };
    match &report.verdict {
        Ok(good) => {
            shown.vsize = Some(good.vsize as u64);
            shown.fees = Some(TestedFees {
                base: show::amount(good.fee),
                effective_feerate: rate(FeeRate::of(good.fee, good.vsize)),
                effective_includes: vec![wtxid],
            });
        }
        Err(error) => {
            let reason = match error {
                NodeError::Rejected { reject } => match reject.reason().as_str() {
                    "bad-txns-inputs-missingorspent" => "missing-inputs".to_owned(),
                    reason => reason.to_owned(),
                },
                NodeError::FeeTooHigh { .. } => "max-fee-exceeded".to_owned(),
                error => error.to_string(),
            };
            shown.reject_reason = Some(reason);
            shown.reject_details = Some(error.to_string());
        }
    }
    shown
}

pub struct ListPool;

impl Call for ListPool {
    const WORD: &'static str = "get-pool";
    const METHOD: &'static str = "getrawmempool";
    const HELP: &'static str =
        "The ids of the transactions in the mempool; with verbose, an entry for each.";
    const EXAMPLE: &'static str = "init-storage get-pool .json";
    const CLASS: Class = Class::Read;
    const NEEDS_NODE: bool = true;
    const PARAMS: &'static [&'static str] = &["verbose"];
    type In = (Option<bool>,);
    type Out = Json<PoolList>;
}

impl ReadCall for ListPool {
    fn run(view: &View, (verbose,): Self::In) -> Result<Self::Out, CallError> {
        let pool = view.pool.read();
        let entries = pool.in_order();
        if verbose != Some(true) {
            let ids = entries.iter().map(|entry| show::txid(&entry.txid));
            return Ok(Json(PoolList::Ids(ids.collect())));
        }
        let shown = entries.iter().map(|e| (show::txid(&e.txid), entry(&pool, e)));
        Ok(Json(PoolList::Entries(shown.collect())))
    }
}

/// An entry as Core's `entryToJSON` shows it.
fn entry(pool: &Pool, entry: &Entry) -> types::PoolEntry {
    let fees = |txids: &std::collections::HashSet<Txid>| -> Amount {
        Amount(txids.iter().filter_map(|txid| pool.get(txid)).map(|e| e.modified_fee().0).sum())
    };
    let (ancestors, descendants) = (pool.ancestors(&entry.txid), pool.descendants(&entry.txid));
    let ids = |ids: &std::collections::BTreeSet<Txid>| ids.iter().map(show::txid).collect();
    // BIP125: it or something unconfirmed that it builds on says that it may be replaced.
    let replaceable = ancestors
        .iter()
        .filter_map(|txid| pool.get(txid))
        .any(|e| e.tx.inputs.iter().any(|input| input.sequence < u32::MAX - 1));
    types::PoolEntry {
        vsize: entry.vsize as u64,
        weight: entry.weight as u64,
        time: entry.time,
        height: entry.height.0,
        descendantcount: entry.descendants.count as u64,
        descendantsize: entry.descendants.vsize as u64,
        ancestorcount: entry.ancestors.count as u64,
        ancestorsize: entry.ancestors.vsize as u64,
        wtxid: show::wtxid(&entry.wtxid),
        fees: EntryFees {
            base: show::amount(entry.fee),
            modified: show::amount(entry.modified_fee()),
            ancestor: show::amount(fees(&ancestors)),
            descendant: show::amount(fees(&descendants)),
        },
        depends: ids(&entry.parents),
        spentby: ids(&entry.children),
        bip125_replaceable: replaceable,
        unbroadcast: pool.untold().contains(&entry.txid),
    }
}

pub struct PoolEntry;

impl Call for PoolEntry {
    const WORD: &'static str = "get-pool-entry";
    const METHOD: &'static str = "getmempoolentry";
    const HELP: &'static str =
        "The mempool entry of an unconfirmed transaction: size, fees, ancestors, descendants.";
    const EXAMPLE: &'static str = "init-storage : try s\" 00\" get-pool-entry ; ' try catch .";
    const CLASS: Class = Class::Read;
    const NEEDS_NODE: bool = true;
    const PARAMS: &'static [&'static str] = &["txid"];
    type In = (Txid,);
    type Out = Json<types::PoolEntry>;
}

impl ReadCall for PoolEntry {
    fn run(view: &View, (txid,): Self::In) -> Result<Self::Out, CallError> {
        let pool = view.pool.read();
        let found = pool.get(&txid);
        let found = found.ok_or_else(|| CallError::not_found("Transaction not in mempool"))?;
        Ok(Json(entry(&pool, found)))
    }
}

pub struct PoolInfo;

impl Call for PoolInfo {
    const WORD: &'static str = "get-pool-info";
    const METHOD: &'static str = "getmempoolinfo";
    const HELP: &'static str =
        "The state of the mempool: number of transactions, their size and fees, limits.";
    const EXAMPLE: &'static str = "init-storage get-pool-info .json";
    const CLASS: Class = Class::Read;
    const NEEDS_NODE: bool = true;
    type In = ();
    type Out = Json<types::PoolInfo>;
}

impl ReadCall for PoolInfo {
    fn run(view: &View, (): ()) -> Result<Self::Out, CallError> {
        let pool = view.pool.read();
        let policy = pool.policy();
        Ok(Json(types::PoolInfo {
            loaded: true,
            size: pool.len() as u64,
            bytes: pool.vsize() as u64,
            usage: pool.bytes() as u64,
            total_fee: show::amount(pool.fees()),
            maxmempool: policy.max_bytes as u64,
            mempoolminfee: rate(pool.floor()),
            minrelaytxfee: rate(policy.min_relay),
            incrementalrelayfee: rate(policy.incremental),
            unbroadcastcount: pool.untold().len() as u64,
            fullrbf: true,
            permitbaremultisig: policy.permit_bare_multisig,
            maxdatacarriersize: policy.max_data_bytes as u64,
        }))
    }
}

pub struct EstimateFee;

impl Call for EstimateFee {
    const WORD: &'static str = "estimate-fee";
    const METHOD: &'static str = "estimatesmartfee";
    const HELP: &'static str = "The estimated fee rate, in coins per 1,000 virtual bytes, for confirmation within a number of blocks.";
    const EXAMPLE: &'static str = "init-storage 6 estimate-fee .json";
    const CLASS: Class = Class::Read;
    const NEEDS_NODE: bool = true;
    const PARAMS: &'static [&'static str] = &["conf_target", "estimate_mode"];
    type In = (Count, Option<String>);
    type Out = Json<FeeEstimate>;
}

impl ReadCall for EstimateFee {
    fn run(view: &View, (target, mode): Self::In) -> Result<Self::Out, CallError> {
        let known = ["unset", "economical", "conservative"];
        if mode.is_some_and(|mode| !known.contains(&mode.to_lowercase().as_str())) {
            let why = "Invalid estimate_mode parameter, must be one of: \"unset\", \"economical\", \"conservative\"";
            return Err(CallError::invalid_params(why));
        }
        let most = MAX_TARGET as u64;
        if target.0 == 0 || target.0 > 1008 {
            let why = "Invalid conf_target, must be between 1 and 1008";
            return Err(CallError::new(ErrorKind::OutOfRange, why));
        }
        let blocks = target.0.min(most);
        let pool = view.pool.read();
        let Some(estimate) = pool.estimator().estimate(blocks as usize) else {
            let errors = Some(vec!["Insufficient data or no feerate found".to_owned()]);
            return Ok(Json(FeeEstimate { feerate: None, errors, blocks }));
        };
        let wanted = estimate.max(pool.floor()).max(pool.policy().min_relay);
        Ok(Json(FeeEstimate { feerate: Some(rate(wanted)), errors: None, blocks }))
    }
}

pub struct SavePool;

impl Call for SavePool {
    const WORD: &'static str = "save-pool";
    const METHOD: &'static str = "savemempool";
    const HELP: &'static str = "Save the mempool to disk now; returns the file's path.";
    const EXAMPLE: &'static str = "init-storage save-pool .json";
    const CLASS: Class = Class::Operate;
    type In = ();
    type Out = Json<SavedPool>;
}

impl ActCall for SavePool {
    fn act((): ()) -> Result<Act, CallError> {
        Ok(Act::SavePool)
    }

    fn reply(done: Done) -> Result<Self::Out, CallError> {
        match done {
            Done::PoolSaved { file } => Ok(Json(SavedPool { filename: file })),
            done => Err(other(&done)),
        }
    }
}
