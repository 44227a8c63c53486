//! Calls about transactions and coins of the chain.

use serde_json::json;

use crate::api::call::{Call, Class, ReadCall};
use crate::api::error::CallError;
use crate::api::show;
use crate::api::value::Json;
use crate::chain::query::{self, TxInfo};
use crate::node::view::View;
use crate::primitives::block::Height;
use crate::primitives::id::Txid;
use crate::primitives::tx::OutPoint;

pub struct GetTx;

impl Call for GetTx {
    const WORD: &'static str = "get-tx";
    const METHOD: &'static str = "gettransaction";
    const HELP: &'static str = "A transaction of the best chain by its id, with its place.";
    const EXAMPLE: &'static str = "init-storage s\" 4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b\" get-tx .json";
    const CLASS: Class = Class::Read;
    const PARAMS: &'static [&'static str] = &["txid"];
    type In = (Txid,);
    type Out = Json;
}

impl ReadCall for GetTx {
    fn run(view: &View, (txid,): (Txid,)) -> Result<Json, CallError> {
        let snapshot = view.read()?;
        let found = query::transaction(&snapshot, &txid)?.or_else(|| genesis_tx(view, &txid));
        let found = found.ok_or_else(|| {
            CallError::not_found(if view.has_tx_index() {
                format!("no transaction {txid} is on the chain")
            } else {
                format!("transaction {txid} can't be looked up: this chain keeps no index of transactions")
            })
        })?;
        let tip = snapshot.tip()?;
        let mut shown = show::transaction(&found.tx, view.params);
        if let Some(members) = shown.as_object_mut() {
            members.insert("blockhash".to_owned(), json!(found.block.to_string()));
            members.insert("height".to_owned(), json!(found.height.0));
            members.insert("position".to_owned(), json!(found.position));
            members.insert("confirmations".to_owned(), json!(tip.height.0 - found.height.0 + 1));
            members.insert("blocktime".to_owned(), json!(found.header.time));
        }
        Ok(Json(shown))
    }
}

/// The genesis coinbase, which no index holds because its coins can't be spent.
fn genesis_tx(view: &View, txid: &Txid) -> Option<TxInfo> {
    let mut block = view.params.genesis_block();
    let tx = block.txs.pop().filter(|tx| tx.txid() == *txid)?;
    let hash = view.params.genesis.hash;
    Some(TxInfo { tx, header: block.header, block: hash, height: Height::GENESIS, position: 0 })
}

pub struct GetUtxo;

impl Call for GetUtxo {
    const WORD: &'static str = "get-utxo";
    const METHOD: &'static str = "getutxo";
    const HELP: &'static str = "An unspent output, named TXID:N.";
    const EXAMPLE: &'static str = "init-storage : try s\" nonsense\" get-utxo ; ' try catch .";
    const CLASS: Class = Class::Read;
    const PARAMS: &'static [&'static str] = &["outpoint"];
    type In = (OutPoint,);
    type Out = Json;
}

impl ReadCall for GetUtxo {
    fn run(view: &View, (outpoint,): (OutPoint,)) -> Result<Json, CallError> {
        let snapshot = view.read()?;
        let coin = snapshot.coin(&outpoint)?.ok_or_else(|| {
            CallError::not_found(format!("output {outpoint} is spent, or never was"))
        })?;
        let tip = snapshot.tip()?;
        Ok(Json(json!({
            "outpoint": outpoint.to_string(),
            "bestblock": tip.hash.to_string(),
            "confirmations": tip.height.0.saturating_sub(coin.height.0) + 1,
            "height": coin.height.0,
            "value": show::amount(coin.output.value),
            "scriptPubKey": show::script_pubkey(&coin.output.script_pubkey, view.params),
            "coinbase": coin.coinbase,
        })))
    }
}

pub struct UtxoSetInfo;

impl Call for UtxoSetInfo {
    const WORD: &'static str = "get-utxo-set-info";
    const METHOD: &'static str = "gettxoutsetinfo";
    const HELP: &'static str = "All unspent outputs: how many, their sum, and a hash over them.";
    const EXAMPLE: &'static str = "init-storage get-utxo-set-info .json";
    const CLASS: Class = Class::Read;
    type In = ();
    type Out = Json;
}

impl ReadCall for UtxoSetInfo {
    fn run(view: &View, (): ()) -> Result<Json, CallError> {
        let snapshot = view.read()?;
        let tip = snapshot.tip()?;
        let set = query::coin_totals(&snapshot)?;
        Ok(Json(json!({
            "height": tip.height.0,
            "bestblock": tip.hash.to_string(),
            "txouts": set.coins,
            "hash": crate::primitives::hex::encode(&set.digest),
            "total_amount": show::amount(set.amount),
        })))
    }
}
