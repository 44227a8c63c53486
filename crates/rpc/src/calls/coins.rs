//! Calls about unspent outputs.

use rpc_types::coins::{TxOut, TxOutSetInfo, Utxo};

use crate::call::{Call, Class, ReadCall};
use crate::error::{CallError, ErrorKind};
use crate::show;
use crate::value::{AnyJson, Count, Json, Mixed};
use chain::query;
use node::view::View;
use primitives::id::{BlockHash, Txid};
use primitives::tx::OutPoint;

pub struct GetUtxo;

impl Call for GetUtxo {
    const WORD: &'static str = "get-utxo";
    const METHOD: &'static str = "getutxo";
    const HELP: &'static str = "An unspent output of the best chain, given as TXID:N.";
    const EXAMPLE: &'static str = "init-storage : try s\" nonsense\" get-utxo ; ' try catch .";
    const CLASS: Class = Class::Read;
    const PARAMS: &'static [&'static str] = &["outpoint"];
    type In = (OutPoint,);
    type Out = Json<Utxo>;
}

impl ReadCall for GetUtxo {
    fn run(view: &View, (outpoint,): (OutPoint,)) -> Result<Self::Out, CallError> {
        let snapshot = view.read()?;
        let coin = snapshot.coin(&outpoint)?.ok_or_else(|| {
            CallError::not_found(format!("output {outpoint} is spent, or never was"))
        })?;
        let tip = snapshot.tip()?;
        Ok(Json(Utxo {
            outpoint: outpoint.to_string(),
            bestblock: show::block_hash(&tip.hash),
            confirmations: tip.height.0.saturating_sub(coin.height.0) + 1,
            height: coin.height.0,
            value: show::amount(coin.output.value),
            script_pubkey: show::script_pubkey(&coin.output.script_pubkey, view.params),
            coinbase: coin.coinbase,
        }))
    }
}

pub struct GetTxOut;

impl Call for GetTxOut {
    const WORD: &'static str = "get-tx-out";
    const METHOD: &'static str = "gettxout";
    const HELP: &'static str =
        "An unspent output by transaction id and index, or null if it is spent or unknown.";
    const EXAMPLE: &'static str = "init-storage s\" 4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b\" 0 get-tx-out type";
    const CLASS: Class = Class::Read;
    const NEEDS_NODE: bool = true;
    const PARAMS: &'static [&'static str] = &["txid", "n", "include_mempool"];
    const RESULT: &'static str = "The output; null if it is spent or never was.";
    type In = (Txid, Count, Option<bool>);
    type Out = Mixed<Option<TxOut>>;
}

impl ReadCall for GetTxOut {
    fn run(view: &View, (txid, n, with_pool): Self::In) -> Result<Self::Out, CallError> {
        let snapshot = view.read()?;
        let Ok(vout) = u32::try_from(n.0) else { return Ok(Mixed(None)) };
        if with_pool != Some(false) {
            let pool = view.pool.read();
            if pool.spender(&OutPoint { txid, vout }).is_some() {
                return Ok(Mixed(None));
            }
            let made = pool.get(&txid).and_then(|entry| entry.tx.outputs.get(vout as usize));
            if let Some(output) = made {
                return Ok(Mixed(Some(TxOut {
                    bestblock: show::block_hash(&snapshot.tip()?.hash),
                    confirmations: 0,
                    value: show::amount(output.value),
                    script_pubkey: show::script_pubkey(&output.script_pubkey, view.params),
                    coinbase: false,
                })));
            }
        }
        let Some(coin) = snapshot.coin(&OutPoint { txid, vout })? else {
            return Ok(Mixed(None));
        };
        let tip = snapshot.tip()?;
        Ok(Mixed(Some(TxOut {
            bestblock: show::block_hash(&tip.hash),
            confirmations: tip.height.0.saturating_sub(coin.height.0) + 1,
            value: show::amount(coin.output.value),
            script_pubkey: show::script_pubkey(&coin.output.script_pubkey, view.params),
            coinbase: coin.coinbase,
        })))
    }
}

pub struct UtxoSetInfo;

impl Call for UtxoSetInfo {
    const WORD: &'static str = "get-utxo-set-info";
    const METHOD: &'static str = "gettxoutsetinfo";
    const HELP: &'static str = "Statistics of the UTXO set: number of outputs, total amount, and Core's hash (hash_serialized_3).";
    const EXAMPLE: &'static str = "init-storage get-utxo-set-info .json";
    const CLASS: Class = Class::Read;
    const PARAMS: &'static [&'static str] = &["hash_type", "hash_or_height", "use_index"];
    type In = (Option<String>, Option<AnyJson>, Option<bool>);
    type Out = Json<TxOutSetInfo>;
}

impl ReadCall for UtxoSetInfo {
    fn run(view: &View, (hash_type, at, _): Self::In) -> Result<Self::Out, CallError> {
        let out_of_range = |why: &str| Err(CallError::new(ErrorKind::OutOfRange, why));
        if at.is_some() {
            return out_of_range(
                "Querying specific block heights requires coinstatsindex, which this node does not keep",
            );
        }
        let with_hash = match hash_type.as_deref() {
            None | Some("hash_serialized_3") => true,
            Some("none") => false,
            Some(other) => {
                return out_of_range(&format!(
                    "'{other}' is not a valid hash_type: hash_serialized_3 and none are"
                ));
            }
        };
        let snapshot = view.read()?;
        let set = query::coin_totals(&snapshot)?;
        Ok(Json(TxOutSetInfo {
            height: set.height.0,
            bestblock: show::block_hash(&set.hash),
            txouts: set.coins,
            bogosize: set.bogo_size,
            hash_serialized_3: with_hash.then(|| show::block_hash(&BlockHash(set.digest))),
            total_amount: show::amount(set.amount),
            transactions: set.transactions,
            disk_size: view.store().size_on_disk(),
        }))
    }
}
