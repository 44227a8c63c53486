//! `getblocktemplate` in Bitcoin Core's shape (BIP22, BIP23, BIP145): template, long poll, proposal.

use serde_json::{Value, json};

use super::mine::unexpected;
use crate::call::{ActCall, Call, Class};
use crate::error::{CallError, ErrorKind};
use crate::value::{Json, Mixed};
use consensus::tx::MAX_BLOCK_WEIGHT;
use mining::block_template::Template;
use node::io::{Act, Done};
use node::mine::io::{MineAct, MineDone};
use primitives::codec::Encode;
use primitives::fee::WITNESS_SCALE;
use primitives::hex;

pub struct BlockTemplate;

impl Call for BlockTemplate {
    const WORD: &'static str = "get-block-template";
    const METHOD: &'static str = "getblocktemplate";
    const HELP: &'static str = "A block to mine elsewhere, at once or when it changes (longpollid), or what is wrong with a proposal (BIP22, BIP23).";
    const EXAMPLE: &'static str =
        "init-storage s\\\" {\\qrules\\q:[\\qsegwit\\q]}\" get-block-template type";
    const CLASS: Class = Class::Operate;
    const PARAMS: &'static [&'static str] = &["template_request"];
    type In = (Json,);
    type Out = Mixed;
}

fn out_of_range(why: impl Into<String>) -> CallError {
    CallError::new(ErrorKind::OutOfRange, why)
}

impl ActCall for BlockTemplate {
    fn act((request,): Self::In) -> Result<Act, CallError> {
        let request = request.0;
        if !request.is_object() {
            let why = "template_request is an object such as {\"rules\":[\"segwit\"]}";
            return Err(CallError::invalid_params(why));
        }
        match request.get("mode") {
            None | Some(Value::Null) => {}
            Some(mode) if mode == "template" => {}
            Some(mode) if mode == "proposal" => {
                let data = request.get("data").and_then(Value::as_str).ok_or_else(|| {
                    CallError::invalid_params("a proposal has the block as hex in data")
                })?;
                let block = hex::decode(data)
                    .map_err(|e| CallError::new(ErrorKind::Undecodable, format!("data: {e}")))?;
                return Ok(Act::Mine(MineAct::Propose { block }));
            }
            Some(_) => return Err(out_of_range("mode is template or proposal")),
        }
        let rules = request.get("rules").and_then(Value::as_array);
        if !rules.is_some_and(|rules| rules.iter().any(|rule| rule == "segwit")) {
            return Err(out_of_range(
                "getblocktemplate must be called with the segwit rule set (call with {\"rules\": \
                 [\"segwit\"]})",
            ));
        }
        let long_poll = match request.get("longpollid") {
            None | Some(Value::Null) => None,
            Some(Value::String(id)) => Some(id.clone()),
            Some(_) => return Err(CallError::invalid_params("longpollid is a text")),
        };
        Ok(Act::Mine(MineAct::Template { long_poll }))
    }

    fn reply(done: Done) -> Result<Mixed, CallError> {
        match done {
            Done::Mine(MineDone::Proposed(verdict)) => Ok(Mixed(json!(verdict))),
            Done::Mine(MineDone::Template { template, long_poll, now }) => {
                Ok(Mixed(shown(&template, &long_poll, now)))
            }
            done => Err(unexpected(&done)),
        }
    }
}

fn shown(template: &Template, long_poll: &str, now: u32) -> Value {
    let witness = template.commitment.is_some();
    // Before segwit only what is not witness counts.
    let scale = if witness { 1 } else { WITNESS_SCALE };
    let transactions: Vec<Value> = template
        .txs
        .iter()
        .map(|chosen| {
            json!({
                "data": hex::encode(&chosen.tx.to_bytes()),
                "txid": chosen.txid.to_string(),
                "hash": chosen.wtxid.to_string(),
                "depends": chosen.depends.iter().map(|place| place + 1).collect::<Vec<_>>(),
                "fee": chosen.fee.0,
                "sigops": chosen.sigop_cost / scale,
                "weight": chosen.weight,
            })
        })
        .collect();
    let rules = if witness { json!(["csv", "!segwit", "taproot"]) } else { json!([]) };
    let mut shown = json!({
        "capabilities": ["proposal"],
        "version": template.version,
        "rules": rules,
        "vbavailable": {},
        "vbrequired": 0,
        "previousblockhash": template.prev.to_string(),
        "transactions": transactions,
        "coinbaseaux": {},
        "coinbasevalue": template.value.0,
        "longpollid": long_poll,
        "target": hex::encode(&template.target.to_be_bytes()),
        "mintime": template.min_time,
        "mutable": ["time", "transactions", "prevblock"],
        "noncerange": "00000000ffffffff",
        "sigoplimit": template.limits.sigop_cost / scale,
        "sizelimit": MAX_BLOCK_WEIGHT / if witness { 1 } else { WITNESS_SCALE },
        "weightlimit": template.limits.weight,
        "curtime": now.max(template.min_time).min(template.max_time),
        "bits": format!("{:08x}", template.bits.0),
        "height": template.height.0,
    });
    let mut put = |name: &str, value: Value| {
        if let Some(members) = shown.as_object_mut() {
            members.insert(name.to_owned(), value);
        }
    };
    if template.max_time != u32::MAX {
        put("maxtime", json!(template.max_time));
    }
    if let Some(script) = &template.commitment {
        put("default_witness_commitment", json!(hex::encode(&script.0)));
    }
    shown
}
