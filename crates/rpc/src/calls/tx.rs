//! Calls about transactions: on the chain, and as bytes.

use rpc_types::script::DecodedScript;
use rpc_types::tx::{
    ConfirmedTransaction, DecodedTransaction, Place, RawTransaction, RawTransactionResult,
};

use crate::call::{Call, Class, ReadCall};
use crate::error::{CallError, ErrorKind};
use crate::show::{self, Spends};
use crate::value::{BlockId, HexBytes, Json, Mixed, Verbosity};
use chain::query::{self, TxInfo};
use node::view::View;
use primitives::block::{Block, Height};
use primitives::codec::{Decode, Encode};
use primitives::coin::Coin;
use primitives::id::Txid;
use primitives::tx::{Transaction, TxOut};
use store::rows::HeaderRow;
use store::snapshot::Snapshot;

pub struct GetTx;

impl Call for GetTx {
    const WORD: &'static str = "get-tx";
    const METHOD: &'static str = "gettransaction";
    const HELP: &'static str =
        "A confirmed transaction by its id, with its position in the best chain.";
    const EXAMPLE: &'static str = "init-storage s\" 4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b\" get-tx .json";
    const CLASS: Class = Class::Read;
    const PARAMS: &'static [&'static str] = &["txid"];
    type In = (Txid,);
    type Out = Json<ConfirmedTransaction>;
}

impl ReadCall for GetTx {
    fn run(view: &View, (txid,): (Txid,)) -> Result<Self::Out, CallError> {
        let snapshot = view.read()?;
        let found = on_chain(&snapshot, &txid)?.or_else(|| genesis_tx(view, &txid));
        let found = found.ok_or_else(|| {
            CallError::not_found(if view.has_tx_index() {
                format!("no transaction {txid} is on the chain")
            } else {
                format!("transaction {txid} can't be looked up: this chain keeps no index of transactions")
            })
        })?;
        let tip = snapshot.tip()?;
        let place = Place {
            blockhash: show::block_hash(&found.block),
            height: found.height.0,
            position: found.position,
            confirmations: tip.height.0.saturating_sub(found.height.0) + 1,
            blocktime: found.header.time,
        };
        let shown = show::transaction(&found.tx, view.params, Spends::Unknown);
        Ok(Json(ConfirmedTransaction::from_transaction(shown, place)))
    }
}

/// A transaction of the best chain; an error if it is there and its block was pruned.
fn on_chain(snapshot: &Snapshot, txid: &Txid) -> Result<Option<TxInfo>, CallError> {
    let found = query::transaction(snapshot, txid)?;
    if found.is_none()
        && let Some(place) = snapshot.tx_place(txid)?
    {
        let (_, row) = super::chain::find_block(snapshot, BlockId::Height(place.height))?;
        return Err(super::chain::absent(snapshot, &row));
    }
    Ok(found)
}

/// The genesis coinbase, which no index holds because its coins can't be spent.
fn genesis_tx(view: &View, txid: &Txid) -> Option<TxInfo> {
    let mut block = view.params.genesis_block();
    let tx = block.txs.pop().filter(|tx| tx.txid() == *txid)?;
    let hash = view.params.genesis.hash;
    Some(TxInfo { tx, header: block.header, block: hash, height: Height::GENESIS, position: 0 })
}

/// A transaction with the block that has it.
pub(super) struct Found {
    pub tx: Transaction,
    /// The block's id and row; none for one of the pool.
    pub block: Option<(u32, HeaderRow)>,
}

/// Core answers so for the coinbase that no index holds.
const GENESIS_COINBASE: &str =
    "the genesis block's coinbase is not an ordinary transaction: getblock shows it";

/// A transaction of the pool or the best chain, or of the block named.
pub(super) fn find(
    view: &View,
    snapshot: &Snapshot,
    txid: &Txid,
    block: Option<BlockId>,
) -> Result<Found, CallError> {
    if txid.0 == view.params.genesis.merkle_root.0 {
        return Err(CallError::not_found(GENESIS_COINBASE));
    }
    if let Some(block) = block {
        let (id, row) = super::chain::find_block(snapshot, block)?;
        let stored = snapshot.block(id)?.ok_or_else(|| super::chain::absent(snapshot, &row))?;
        let tx = stored.txs.into_iter().find(|tx| tx.txid() == *txid);
        let tx = tx.ok_or_else(|| {
            let why = "No such transaction found in the provided block. Use gettransaction for wallet transactions.";
            CallError::not_found(why)
        })?;
        return Ok(Found { tx, block: Some((id, row)) });
    }
    if let Some(tx) = view.unconfirmed(txid) {
        return Ok(Found { tx, block: None });
    }
    match on_chain(snapshot, txid)? {
        Some(found) => {
            let place = super::chain::find_block(snapshot, BlockId::Hash(found.block))?;
            Ok(Found { tx: found.tx, block: Some(place) })
        }
        None => Err(CallError::not_found(if view.has_tx_index() {
            "No such mempool or blockchain transaction. Use gettransaction for wallet transactions."
        } else {
            "No such mempool transaction. This chain keeps no index of transactions: give the hash of the block."
        })),
    }
}

/// What a transaction of a block spends, out of the block's undo data.
pub(super) fn coins_of(
    snapshot: &Snapshot,
    id: u32,
    block: &Block,
    txid: &Txid,
) -> Result<Option<Vec<Coin>>, CallError> {
    let Some(spent) = snapshot.spent(id)? else { return Ok(None) };
    let mut before = 0;
    for tx in block.txs.iter().skip(1) {
        if tx.txid() == *txid {
            let coins = spent.into_coins().skip(before).take(tx.inputs.len()).collect();
            return Ok(Some(coins));
        }
        before += tx.inputs.len();
    }
    Ok(None)
}

/// What a transaction that is not in a block spends: outputs of the pool and coins.
pub(super) fn unconfirmed_spends(
    view: &View,
    snapshot: &Snapshot,
    tx: &Transaction,
) -> Result<Vec<TxOut>, CallError> {
    let mut outputs = Vec::with_capacity(tx.inputs.len());
    for input in &tx.inputs {
        let parent = view.unconfirmed(&input.prevout.txid);
        let made = parent.and_then(|tx| tx.outputs.into_iter().nth(input.prevout.vout as usize));
        if let Some(output) = made {
            outputs.push(output);
            continue;
        }
        let coin = snapshot.coin(&input.prevout)?.ok_or_else(|| {
            let prevout = input.prevout;
            CallError::not_found(format!("it spends {prevout}, which is spent or not known"))
        })?;
        outputs.push(coin.output);
    }
    Ok(outputs)
}

pub struct GetRawTx;

impl Call for GetRawTx {
    const WORD: &'static str = "get-raw-tx";
    const METHOD: &'static str = "getrawtransaction";
    const HELP: &'static str = "A transaction of the mempool, the chain or a given block. Verbosity 0: hex; 1: decoded; 2: with its fee and the outputs that it spends.";
    const EXAMPLE: &'static str = "init-storage : try s\" nonsense\" get-raw-tx ; ' try catch .";
    const CLASS: Class = Class::Read;
    const NEEDS_NODE: bool = true;
    const PARAMS: &'static [&'static str] = &["txid", "verbosity", "blockhash"];
    type In = (Txid, Option<Verbosity>, Option<BlockId>);
    type Out = Mixed<RawTransactionResult>;
}

impl ReadCall for GetRawTx {
    fn run(view: &View, (txid, verbosity, block): Self::In) -> Result<Self::Out, CallError> {
        let snapshot = view.read()?;
        let found = find(view, &snapshot, &txid, block)?;
        let verbosity = verbosity.map_or(0, |verbosity| verbosity.0);
        if verbosity == 0 {
            return Ok(Mixed(RawTransactionResult::Hex(show::bytes(&found.tx.to_bytes()))));
        }
        let mut coins = None;
        if let (2.., Some((id, _))) = (verbosity, &found.block)
            && let Some(stored) = snapshot.block(*id)?
        {
            coins = coins_of(&snapshot, *id, &stored, &txid)?;
        }
        let spends = coins.as_deref().map_or(Spends::Unknown, Spends::Coins);
        let shown = show::transaction(&found.tx, view.params, spends);
        let mut shown = RawTransaction::from_transaction(shown);
        let confirmations = match &found.block {
            Some((id, row)) => show::confirmations(&snapshot, *id, row)?,
            None => 0,
        };
        if block.is_some() {
            shown.in_active_chain = Some(confirmations > 0);
        }
        if let Some((_, row)) = &found.block {
            shown.blockhash = Some(show::block_hash(&row.hash));
            shown.confirmations = Some(u32::try_from(confirmations).unwrap_or(0));
            if confirmations > 0 {
                shown.time = Some(row.header.time);
                shown.blocktime = Some(row.header.time);
            }
        }
        Ok(Mixed(RawTransactionResult::Transaction(Box::new(shown))))
    }
}

/// Reads a transaction, or says as Core does that it can't be read.
pub(super) fn decode(bytes: &[u8]) -> Result<Transaction, CallError> {
    Transaction::from_bytes(bytes).map_err(|error| {
        let why = format!("TX decode failed. Make sure the tx has at least one input. ({error})");
        CallError::new(ErrorKind::Undecodable, why)
    })
}

pub struct DecodeTx;

impl Call for DecodeTx {
    const WORD: &'static str = "decode-tx";
    const METHOD: &'static str = "decoderawtransaction";
    const HELP: &'static str = "Decode a transaction given as hex.";
    const EXAMPLE: &'static str = "init-storage s\" 01000000000000000000\" decode-tx .json";
    const CLASS: Class = Class::Read;
    const PARAMS: &'static [&'static str] = &["hexstring", "iswitness"];
    type In = (HexBytes, Option<bool>);
    type Out = Json<DecodedTransaction>;
}

impl ReadCall for DecodeTx {
    fn run(view: &View, (bytes, _): Self::In) -> Result<Self::Out, CallError> {
        let tx = decode(&bytes.0)?;
        let shown = show::transaction(&tx, view.params, Spends::Unknown);
        Ok(Json(DecodedTransaction::from_transaction(shown)))
    }
}

pub struct DecodeScript;

impl Call for DecodeScript {
    const WORD: &'static str = "decode-script";
    const METHOD: &'static str = "decodescript";
    const HELP: &'static str = "Decode a script given as hex, with its P2SH and witness forms.";
    const EXAMPLE: &'static str = "init-storage s\" 51\" decode-script .json";
    const CLASS: Class = Class::Read;
    const PARAMS: &'static [&'static str] = &["hexstring"];
    type In = (HexBytes,);
    type Out = Json<DecodedScript>;
}

impl ReadCall for DecodeScript {
    fn run(view: &View, (bytes,): Self::In) -> Result<Self::Out, CallError> {
        Ok(Json(show::decoded_script(&bytes.0, view.params)))
    }
}
