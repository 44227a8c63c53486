//! Calls for debugging scripts: a transaction's input with everything that its scripts see.

use rpc_types::script::{Spend, SpentOutput};

use super::tx;
use crate::call::{Call, Class, ReadCall};
use crate::error::{CallError, ErrorKind};
use crate::show;
use crate::value::{Count, HexBytes, Json};
use consensus::scripts::block_flags;
use node::view::View;
use primitives::codec::Encode;
use primitives::id::{BlockHash, Txid};
use primitives::tx::TxOut;
use script::flags::ScriptFlags;

pub struct GetSpend;

impl Call for GetSpend {
    const WORD: &'static str = "get-spend";
    const METHOD: &'static str = "getspend";
    const HELP: &'static str = "An input with everything its scripts are verified against: the transaction (by id, or given as hex), the outputs it spends, the script flags.";
    const EXAMPLE: &'static str = "init-storage : try s\" 00\" 0 get-spend ; ' try catch .";
    const CLASS: Class = Class::Read;
    const PARAMS: &'static [&'static str] = &["transaction", "vin"];
    type In = (HexBytes, Count);
    type Out = Json<Spend>;
}

impl ReadCall for GetSpend {
    fn run(view: &View, (named, vin): Self::In) -> Result<Self::Out, CallError> {
        let snapshot = view.read()?;
        let id = <[u8; 32]>::try_from(&named.0[..]).map(|mut id| {
            id.reverse();
            Txid(id)
        });
        let tip = snapshot.tip()?;
        let policy = || {
            let next = tip.height.next();
            block_flags(&BlockHash::ZERO, next, view.params) | ScriptFlags::STANDARD
        };
        let (tx, spent, flags) = match id {
            Ok(txid) => {
                let found = tx::find(view, &snapshot, &txid, None)?;
                match found.block {
                    Some((id, row)) => {
                        let flags = block_flags(&row.hash, row.height, view.params);
                        let block = snapshot.block(id)?;
                        let coins = match &block {
                            Some(block) => tx::coins_of(&snapshot, id, block, &txid)?,
                            None => None,
                        };
                        let coins = coins.unwrap_or_default();
                        let outputs = coins.into_iter().map(|coin| coin.output).collect();
                        (found.tx, outputs, flags)
                    }
                    None => {
                        let spent = tx::unconfirmed_spends(view, &snapshot, &found.tx)?;
                        (found.tx, spent, policy())
                    }
                }
            }
            Err(_) => {
                let tx = tx::decode(&named.0)?;
                let spent = tx::unconfirmed_spends(view, &snapshot, &tx)?;
                (tx, spent, policy())
            }
        };
        if tx.is_coinbase() {
            return Err(CallError::not_found("a coinbase spends nothing: no script of it is run"));
        }
        if vin.0 >= tx.inputs.len() as u64 {
            let why =
                format!("there is no input {}: the transaction has {}", vin.0, tx.inputs.len());
            return Err(CallError::new(ErrorKind::OutOfRange, why));
        }
        let shown = |output: &TxOut| SpentOutput {
            value: show::amount(output.value),
            script_pubkey: show::bytes(output.script_pubkey.as_bytes()),
        };
        Ok(Json(Spend {
            txid: show::txid(&tx.txid()),
            vin: vin.0,
            tx: show::bytes(&tx.to_bytes()),
            spent: spent.iter().map(shown).collect(),
            flags: flags.to_string(),
        }))
    }
}
