//! Calls for wallets, which are outside of the node: many scripts at once, since the node never
//! knows whose they are.

use std::collections::HashMap;

use rpc_types::AmountText;
use rpc_types::wallet::{ScannedCoin, ScriptsScan, ScriptsTransaction};

use super::address::ready;
use crate::call::{Call, Class, ReadCall};
use crate::error::{CallError, ErrorKind};
use crate::show;
use crate::value::{HexList, Json};
use node::view::View;
use primitives::amount::Amount;
use primitives::id::Txid;
use primitives::script::Script;
use primitives::tx::{OutPoint, TxOut};
use store::script_rows::ChainPlace;
use store::snapshot::Snapshot;

/// Scripts of one question, coins and transactions of one answer.
const MOST_SCRIPTS: usize = 100_000;
const MOST_COINS: usize = 1_000_000;
const MOST_TXS: usize = 100_000;

fn bounded(list: HexList) -> Result<Vec<Script>, CallError> {
    if list.0.len() > MOST_SCRIPTS {
        let why = format!("at most {MOST_SCRIPTS} scripts are asked for at once");
        return Err(CallError::new(ErrorKind::OutOfRange, why));
    }
    Ok(list.0.into_iter().map(Script).collect())
}

fn numbered(scripts: &[Script]) -> HashMap<&[u8], usize> {
    scripts.iter().enumerate().map(|(number, script)| (script.as_bytes(), number)).collect()
}

pub struct ScanScripts;

impl Call for ScanScripts {
    const WORD: &'static str = "scan-scripts";
    const METHOD: &'static str = "scanscripts";
    const HELP: &'static str = "Which output scripts of a list were ever used, and their unspent outputs, including the mempool's.";
    const EXAMPLE: &'static str = "init-storage s\\\" [\\\"51\\\"]\" scan-scripts .json";
    const CLASS: Class = Class::Read;
    const NEEDS_NODE: bool = true;
    const PARAMS: &'static [&'static str] = &["scripts"];
    type In = (HexList,);
    type Out = Json<ScriptsScan>;
}

fn coin(
    number: usize,
    outpoint: &OutPoint,
    output: &TxOut,
    height: Option<u32>,
    coinbase: bool,
) -> ScannedCoin {
    let txid = show::txid(&outpoint.txid);
    ScannedCoin(number as u64, txid, outpoint.vout, output.value.0, height, coinbase)
}

impl ReadCall for ScanScripts {
    fn run(view: &View, (list,): Self::In) -> Result<Self::Out, CallError> {
        let scripts = bounded(list)?;
        let snapshot = view.read()?;
        ready(&snapshot)?;
        let tip = snapshot.tip()?;
        let numbers = numbered(&scripts);
        let mut used = vec![false; scripts.len()];
        let mut coins = Vec::new();
        let pool = view.pool.read();
        for (number, script) in scripts.iter().enumerate() {
            let left = MOST_COINS.saturating_sub(coins.len());
            let found = snapshot.script_coins_after(script, None, left)?;
            used[number] = !found.is_empty()
                || !snapshot.script_history_back(script, ChainPlace::END, 1)?.is_empty();
            for (outpoint, found) in &found {
                if pool.spender(outpoint).is_none() {
                    let height = Some(found.height.0);
                    coins.push(coin(number, outpoint, &found.output, height, found.coinbase));
                }
            }
        }
        for entry in pool.iter() {
            for (vout, output) in entry.tx.outputs.iter().enumerate() {
                let Some(number) = numbers.get(output.script_pubkey.as_bytes()) else { continue };
                used[*number] = true;
                let outpoint = OutPoint { txid: entry.txid, vout: vout as u32 };
                // A block that came meanwhile may hold it already.
                if pool.spender(&outpoint).is_none() && snapshot.coin(&outpoint)?.is_none() {
                    coins.push(coin(*number, &outpoint, output, None, false));
                }
            }
        }
        let used = used.iter().zip(0u64..).filter(|(used, _)| **used).map(|(_, number)| number);
        Ok(Json(ScriptsScan { height: tip.height.0, used: used.collect(), coins }))
    }
}

pub struct ScriptsHistory;

impl Call for ScriptsHistory {
    const WORD: &'static str = "get-scripts-history";
    const METHOD: &'static str = "getscriptshistory";
    const HELP: &'static str = "The transactions of a list of output scripts, newest first, starting with those in the mempool.";
    const EXAMPLE: &'static str = "init-storage s\\\" [\\\"51\\\"]\" get-scripts-history .json";
    const CLASS: Class = Class::Read;
    const NEEDS_NODE: bool = true;
    const PARAMS: &'static [&'static str] = &["scripts"];
    const RESULT: &'static str = "The transactions, newest first, the pool's before all.";
    type In = (HexList,);
    type Out = Json<Vec<ScriptsTransaction>>;
}

/// What a transaction brought and took.
#[derive(Default)]
struct Moved {
    place: Option<(u32, u32)>,
    received: i64,
    spent: i64,
}

/// An output, of the chain or the pool, while it is unspent on the chain.
fn output_of(view: &View, snapshot: &Snapshot, outpoint: &OutPoint) -> Option<TxOut> {
    if let Ok(Some(coin)) = snapshot.coin(outpoint) {
        return Some(coin.output);
    }
    let tx = view.unconfirmed(&outpoint.txid)?;
    tx.outputs.get(outpoint.vout as usize).cloned()
}

impl ReadCall for ScriptsHistory {
    fn run(view: &View, (list,): Self::In) -> Result<Self::Out, CallError> {
        let scripts = bounded(list)?;
        let snapshot = view.read()?;
        ready(&snapshot)?;
        let tip = snapshot.tip()?;
        let numbers = numbered(&scripts);
        let mut moved: HashMap<Txid, Moved> = HashMap::new();
        for script in &scripts {
            for entry in snapshot.script_history_back(script, ChainPlace::END, MOST_TXS)? {
                let sums = moved.entry(entry.txid).or_default();
                sums.place = Some((entry.place.height.0, entry.place.position));
                sums.received += entry.received.0;
                sums.spent += entry.spent.0;
            }
        }
        let waiting: Vec<_> = view.pool.read().iter().map(|e| (e.txid, e.tx.clone())).collect();
        for (txid, tx) in waiting {
            if moved.contains_key(&txid) {
                continue;
            }
            let ours = |output: &TxOut| numbers.contains_key(output.script_pubkey.as_bytes());
            let received: i64 = tx.outputs.iter().filter(|o| ours(o)).map(|o| o.value.0).sum();
            let spends = tx.inputs.iter();
            let spent: i64 = spends
                .filter_map(|input| output_of(view, &snapshot, &input.prevout))
                .filter(|output| ours(output))
                .map(|output| output.value.0)
                .sum();
            if received != 0 || spent != 0 {
                moved.insert(txid, Moved { place: None, received, spent });
            }
        }
        let mut list: Vec<(Txid, Moved)> = moved.into_iter().collect();
        list.sort_by_key(|(txid, sums)| {
            (std::cmp::Reverse(sums.place.unwrap_or((u32::MAX, u32::MAX))), *txid)
        });
        list.truncate(MOST_TXS);
        let shown = list.iter().map(|(txid, sums)| {
            let height = sums.place.map(|(height, _)| height);
            let text = |units: i64| AmountText(show::amount(Amount(units)));
            ScriptsTransaction {
                txid: show::txid(txid),
                height,
                confirmations: height.map_or(0, |h| tip.height.0.saturating_sub(h) + 1),
                received: text(sums.received),
                spent: text(sums.spent),
            }
        });
        Ok(Json(shown.collect()))
    }
}
