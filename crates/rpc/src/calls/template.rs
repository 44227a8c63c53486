//! `getblocktemplate` in Bitcoin Core's shape (BIP22, BIP23, BIP145): template, long poll, proposal.

use std::collections::BTreeMap;

use rpc_types::Target;
use rpc_types::template::{BlockTemplate as Shown, TemplateResult, TemplateTransaction};
use serde_json::Value;

use super::mine::unexpected;
use crate::call::{ActCall, Call, Class};
use crate::error::{CallError, ErrorKind};
use crate::show;
use crate::value::{AnyJson, Mixed};
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
    const HELP: &'static str = "A block template for an external miner, at once or when it changes (longpollid), or the verdict on a proposed block (BIP22, BIP23).";
    const EXAMPLE: &'static str =
        "init-storage s\\\" {\\qrules\\q:[\\qsegwit\\q]}\" get-block-template type";
    const CLASS: Class = Class::Operate;
    const PARAMS: &'static [&'static str] = &["template_request"];
    const RESULT: &'static str = "A template; for a proposal null if the block would be good, else why not in a word of BIP22.";
    type In = (AnyJson,);
    type Out = Mixed<Option<TemplateResult>>;
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

    fn reply(done: Done) -> Result<Self::Out, CallError> {
        match done {
            Done::Mine(MineDone::Proposed(verdict)) => {
                Ok(Mixed(verdict.map(TemplateResult::Refused)))
            }
            Done::Mine(MineDone::Template { template, long_poll, now }) => {
                let template = Box::new(shown(&template, long_poll, now));
                Ok(Mixed(Some(TemplateResult::Template(template))))
            }
            done => Err(unexpected(&done)),
        }
    }
}

fn shown(template: &Template, longpollid: String, now: u32) -> Shown {
    let witness = template.commitment.is_some();
    // Before segwit only what is not witness counts.
    let scale = if witness { 1 } else { WITNESS_SCALE };
    let transactions = template.txs.iter().map(|chosen| TemplateTransaction {
        data: show::bytes(&chosen.tx.to_bytes()),
        txid: show::txid(&chosen.txid),
        hash: show::wtxid(&chosen.wtxid),
        depends: chosen.depends.iter().map(|place| *place as u64 + 1).collect(),
        fee: chosen.fee.0,
        sigops: (chosen.sigop_cost / scale) as u64,
        weight: chosen.weight as u64,
    });
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    Shown {
        capabilities: texts(&["proposal"]),
        version: template.version,
        rules: texts(if witness { &["csv", "!segwit", "taproot"] } else { &[] }),
        vbavailable: BTreeMap::new(),
        vbrequired: 0,
        previousblockhash: show::block_hash(&template.prev),
        transactions: transactions.collect(),
        coinbaseaux: BTreeMap::new(),
        coinbasevalue: template.value.0,
        longpollid,
        target: Target(hex::encode(&template.target.to_be_bytes())),
        mintime: template.min_time,
        mutable: texts(&["time", "transactions", "prevblock"]),
        noncerange: "00000000ffffffff".to_owned(),
        sigoplimit: (template.limits.sigop_cost / scale) as u64,
        sizelimit: (MAX_BLOCK_WEIGHT / scale) as u64,
        weightlimit: template.limits.weight as u64,
        curtime: now.max(template.min_time).min(template.max_time),
        bits: show::bits(template.bits),
        height: template.height.0,
        maxtime: (template.max_time != u32::MAX).then_some(template.max_time),
        default_witness_commitment: template.commitment.as_ref().map(|s| show::bytes(&s.0)),
    }
}
