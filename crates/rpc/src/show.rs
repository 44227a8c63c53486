//! Blocks, headers, transactions and scripts as JSON, in Bitcoin Core's shapes and order of members.

use std::fmt::Display;
use std::io::Write as _;

use rpc_types::block::BlockResult;
use rpc_types::script::{DecodedScript, ScriptPubKey, SegwitScript};
use rpc_types::tx::{Input, Output, Prevout, ScriptSig, Transaction};
use rpc_types::{Bits, BlockHash, Difficulty, Hex, Target, Txid, Wtxid};
use serde_json::Number;

use super::error::CallError;
use super::value::Written;
use chain::query::median_time;
use chain::tips::work_at;
use crypto::hash::{hash160, sha256};
use primitives::address::Address;
use primitives::amount::Amount;
use primitives::block::Block;
use primitives::codec::Encode;
use primitives::coin::Coin;
use primitives::hex;
use primitives::network::NetworkParams;
use primitives::script::Script;
use primitives::target::CompactTarget;
use primitives::tx::TxIn;
use script::asm::{disassemble, disassemble_with_hash_types};
use script::descriptor;
use script::instruction::instructions;
use script::opcode::{OP_CHECKSIGADD, TABLE};
use script::template::{Template, is_unspendable, solve};
use script::vm::MAX_ELEMENT_SIZE;
use store::rows::HeaderRow;
use store::snapshot::Snapshot;

/// Digits after the point of a difficulty's scientific form: Core shows 16 in all.
const DIFFICULTY_DECIMALS: usize = 15;

/// An amount as results hold it.
pub fn amount(amount: Amount) -> rpc_types::Amount {
    rpc_types::Amount::from_base_units(amount.0)
}

/// A difficulty with the 16 digits that Core shows.
pub fn difficulty(value: f64) -> Difficulty {
    let text = format!("{value:.DIFFICULTY_DECIMALS$e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trimmed = |text: &str| text.trim_end_matches('0').trim_end_matches('.').to_owned();
    let text = if (-5..=DIFFICULTY_DECIMALS as i32).contains(&exponent) {
        let decimals = (DIFFICULTY_DECIMALS as i32 - exponent).max(1) as usize;
        trimmed(&format!("{value:.decimals$}"))
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{}e{sign}{:02}", trimmed(digits), exponent.abs())
    };
    // A target is above 0 and has a difficulty, so there is a number.
    Difficulty::from_number(text.parse().unwrap_or_else(|_| Number::from(0)))
}

/// `bits` as eight hex digits.
pub fn bits(bits: CompactTarget) -> Bits {
    Bits(format!("{:08x}", bits.0))
}

/// The target that `bits` stand for, as 64 hex digits.
pub fn target(bits: CompactTarget) -> Target {
    Target(hex::encode(&bits.to_target().unwrap_or_default().to_be_bytes()))
}

pub fn block_hash(hash: &primitives::id::BlockHash) -> BlockHash {
    BlockHash(hash.to_string())
}

pub fn txid(txid: &primitives::id::Txid) -> Txid {
    Txid(txid.to_string())
}

pub fn wtxid(wtxid: &primitives::id::Wtxid) -> Wtxid {
    Wtxid(wtxid.to_string())
}

pub fn bytes(bytes: &[u8]) -> Hex {
    Hex(hex::encode(bytes))
}

fn address_of(script: &[u8], params: &NetworkParams) -> Option<String> {
    Address::from_script(&Script::new(script)).map(|address| address.to_text(params))
}

/// An output script (Core's `ScriptToUniv`).
pub fn script_pubkey(output: &Script, params: &NetworkParams) -> ScriptPubKey {
    let script = output.as_bytes();
    ScriptPubKey {
        asm: disassemble(script),
        desc: descriptor::infer(script, params),
        hex: bytes(script),
        address: address_of(script, params),
        kind: solve(script).name().to_owned(),
    }
}

/// What `decodescript` says: the script as an output, and as what P2SH and P2WSH would wrap.
pub fn decoded_script(bytes: &[u8], params: &NetworkParams) -> DecodedScript {
    let kind = solve(bytes);
    let mut shown = DecodedScript {
        asm: disassemble(bytes),
        desc: descriptor::infer(bytes, params),
        address: address_of(bytes, params),
        kind: kind.name().to_owned(),
        p2sh: None,
        segwit: None,
    };
    if !can_be_wrapped(bytes, &kind) {
        return shown;
    }
    let script_hash = |script: &[u8]| Address::ScriptHash(hash160(script)).to_text(params);
    shown.p2sh = Some(script_hash(bytes));
    let witness_v0 = |program: Vec<u8>| Address::Witness { version: 0, program }.to_script().0;
    let compressed = |key: &[u8]| key.len() == 33;
    let wrapped = match &kind {
        Template::PubKey { key } if compressed(key) => Some(witness_v0(hash160(key).to_vec())),
        Template::PubKeyHash { hash } => Some(witness_v0(hash.to_vec())),
        Template::Multisig { keys, .. } if keys.iter().all(|key| compressed(key)) => {
            Some(witness_v0(sha256(bytes).to_vec()))
        }
        Template::NonStandard => Some(witness_v0(sha256(bytes).to_vec())),
        _ => None,
    };
    shown.segwit = wrapped.map(|output| {
        let desc = match &kind {
            Template::PubKey { .. } | Template::PubKeyHash { .. } => {
                descriptor::infer(&output, params)
            }
            _ => descriptor::infer_witness_script(bytes, &output, params),
        };
        SegwitScript {
            asm: disassemble(&output),
            desc,
            hex: self::bytes(&output),
            address: address_of(&output, params),
            kind: solve(&output).name().to_owned(),
            p2sh_segwit: script_hash(&output),
        }
    });
    shown
}

/// A script hash may stand for it: it can run, and is no hash or program itself.
fn can_be_wrapped(script: &[u8], kind: &Template<'_>) -> bool {
    let fits = matches!(
        kind,
        Template::Multisig { .. }
            | Template::NonStandard
            | Template::PubKey { .. }
            | Template::PubKeyHash { .. }
            | Template::WitnessV0KeyHash { .. }
            | Template::WitnessV0ScriptHash { .. }
    );
    let runs = instructions(script).all(|item| {
        item.is_ok_and(|instruction| {
            let row = &TABLE[usize::from(instruction.opcode)];
            instruction.opcode != OP_CHECKSIGADD
                && !row.success
                && row.name != "OP_UNKNOWN"
                && instruction.data.len() <= MAX_ELEMENT_SIZE
        })
    });
    fits && runs && !is_unspendable(script)
}

/// How much is shown of what a transaction spends.
#[derive(Clone, Copy)]
pub enum Spends<'a> {
    Unknown,
    /// A coin for each input: the fee is shown.
    Fee(&'a [Coin]),
    /// A coin for each input: the fee and each coin are shown.
    Coins(&'a [Coin]),
}

impl<'a> Spends<'a> {
    fn coins(self) -> Option<&'a [Coin]> {
        match self {
            Spends::Unknown => None,
            Spends::Fee(coins) | Spends::Coins(coins) => Some(coins),
        }
    }
}

/// The fee of a transaction over what it spends.
pub fn fee(tx: &primitives::tx::Transaction, coins: &[Coin]) -> Amount {
    let spent = coins.iter().fold(0i64, |sum, coin| sum.saturating_add(coin.output.value.0));
    let paid = tx.outputs.iter().fold(0i64, |sum, output| sum.saturating_add(output.value.0));
    Amount(spent.saturating_sub(paid))
}

fn input(input: &TxIn, is_coinbase: bool, coin: Option<&Coin>, params: &NetworkParams) -> Input {
    let spends = !is_coinbase;
    let witness = !input.witness.is_empty();
    Input {
        coinbase: is_coinbase.then(|| bytes(input.script_sig.as_bytes())),
        txid: spends.then(|| txid(&input.prevout.txid)),
        vout: spends.then_some(input.prevout.vout),
        script_sig: spends.then(|| ScriptSig {
            asm: disassemble_with_hash_types(input.script_sig.as_bytes()),
            hex: bytes(input.script_sig.as_bytes()),
        }),
        txinwitness: witness.then(|| input.witness.iter().map(|item| bytes(item)).collect()),
        prevout: coin.map(|coin| Prevout {
            generated: coin.coinbase,
            height: coin.height.0,
            value: amount(coin.output.value),
            script_pubkey: script_pubkey(&coin.output.script_pubkey, params),
        }),
        sequence: input.sequence,
    }
}

/// A transaction (Core's `TxToUniv`).
pub fn transaction(
    tx: &primitives::tx::Transaction,
    params: &NetworkParams,
    spends: Spends<'_>,
) -> Transaction {
    let is_coinbase = tx.is_coinbase();
    let shown_coin = |index: usize| match spends {
        Spends::Coins(coins) if !is_coinbase => coins.get(index),
        _ => None,
    };
    let inputs = tx.inputs.iter().enumerate();
    let inputs = inputs.map(|(index, i)| input(i, is_coinbase, shown_coin(index), params));
    let outputs = tx.outputs.iter().zip(0u32..).map(|(output, n)| Output {
        value: amount(output.value),
        n,
        script_pubkey: script_pubkey(&output.script_pubkey, params),
    });
    Transaction {
        txid: txid(&tx.txid()),
        hash: wtxid(&tx.wtxid()),
        version: tx.version,
        size: tx.total_size() as u64,
        vsize: tx.vsize() as u64,
        weight: tx.weight().0 as u64,
        locktime: tx.lock_time,
        vin: inputs.collect(),
        vout: outputs.collect(),
        fee: spends.coins().filter(|_| !is_coinbase).map(|coins| amount(fee(tx, coins))),
        hex: bytes(&tx.to_bytes()),
    }
}

/// Blocks from a block to the tip, itself counted; -1 if it is not on the best chain.
pub fn confirmations(snapshot: &Snapshot, id: u32, row: &HeaderRow) -> Result<i64, CallError> {
    confirmed(snapshot, row, snapshot.is_active(id, row)?)
}

fn confirmed(snapshot: &Snapshot, row: &HeaderRow, active: bool) -> Result<i64, CallError> {
    let tip = snapshot.tip()?;
    Ok(if active { i64::from(tip.height.0) - i64::from(row.height.0) + 1 } else { -1 })
}

/// An object written member by member: blocks are asked for often, and a tree of values would cost
/// more than all the rest.
pub struct Members(Vec<u8>);

impl Members {
    fn new() -> Members {
        Members(Vec::with_capacity(1024))
    }

    fn name(&mut self, name: &str) {
        self.0.push(if self.0.is_empty() { b'{' } else { b',' });
        self.0.push(b'"');
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\":");
    }

    /// A number, or other JSON.
    fn put(&mut self, name: &str, value: impl Display) {
        self.name(name);
        // Writing into memory does not fail.
        let _ = write!(self.0, "{value}");
    }

    /// A text that needs no escapes.
    fn text(&mut self, name: &str, value: impl Display) {
        self.name(name);
        let _ = write!(self.0, "\"{value}\"");
    }

    pub fn end<T>(mut self) -> Written<T> {
        self.0.push(b'}');
        Written::new(self.0)
    }
}

/// A header with its place in the chain; -1 confirmations mean that it is not on the best one.
pub fn header(
    snapshot: &Snapshot,
    params: &NetworkParams,
    id: u32,
    row: &HeaderRow,
) -> Result<Members, CallError> {
    // The blocks of the best chain at its height and at the next.
    let mut best = snapshot.chain(row.height.0..=row.height.next().0)?;
    let active =
        best.next().transpose()?.is_some_and(|(height, at)| (height, at) == (row.height, id));
    let next = if active { best.next().transpose()? } else { None };
    let mut shown = Members::new();
    shown.text("hash", row.hash);
    shown.put("confirmations", confirmed(snapshot, row, active)?);
    shown.put("height", row.height.0);
    shown.put("version", row.header.version);
    shown.text("versionHex", format_args!("{:08x}", row.header.version));
    shown.text("merkleroot", row.header.merkle_root);
    shown.put("time", row.header.time);
    shown.put("mediantime", median_time(snapshot, id)?);
    shown.put("nonce", row.header.nonce);
    shown.text("bits", bits(row.header.bits));
    shown.text("target", target(row.header.bits));
    shown.put("difficulty", difficulty(row.header.bits.difficulty()));
    shown.text("chainwork", work_at(snapshot, params, id, row)?);
    shown.put("nTx", row.tx_count);
    if row.height.0 > 0 {
        shown.text("previousblockhash", row.header.prev);
    }
    if let Some(next) = next.map(|(_, next)| snapshot.header(next)).transpose()?.flatten() {
        shown.text("nextblockhash", next.hash);
    }
    Ok(shown)
}

/// How a block's transactions are shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    Ids,
    /// Whole, with their fees.
    Transactions,
    /// Whole, with fees and what each input spends.
    Prevouts,
}

/// A block with its transactions.
pub fn block(
    snapshot: &Snapshot,
    params: &NetworkParams,
    id: u32,
    row: &HeaderRow,
    block: &Block,
    detail: Detail,
) -> Result<Written<BlockResult>, CallError> {
    let mut shown = header(snapshot, params, id, row)?;
    shown.put("strippedsize", block.base_size());
    shown.put("size", block.total_size());
    shown.put("weight", block.weight().0);
    shown.name("tx");
    // A block that was never connected has no record of what it spends.
    let spent = if detail == Detail::Ids { None } else { snapshot.spent(id)? };
    let coins: Option<Vec<Coin>> = spent.map(|spent| spent.into_coins().collect());
    let mut rest = coins.as_deref();
    for (at, tx) in block.txs.iter().enumerate() {
        shown.0.push(if at == 0 { b'[' } else { b',' });
        if detail == Detail::Ids {
            let _ = write!(shown.0, "\"{}\"", tx.txid());
            continue;
        }
        let count = if tx.is_coinbase() { 0 } else { tx.inputs.len() };
        let (mine, others) = match rest.and_then(|coins| coins.split_at_checked(count)) {
            Some((mine, others)) => (Some(mine), Some(others)),
            None => (None, None),
        };
        rest = others;
        let spends = match (mine, detail) {
            (Some(coins), Detail::Prevouts) => Spends::Coins(coins),
            (Some(coins), _) => Spends::Fee(coins),
            (None, _) => Spends::Unknown,
        };
        let _ = serde_json::to_writer(&mut shown.0, &transaction(tx, params, spends));
    }
    shown.0.extend_from_slice(if block.txs.is_empty() { b"[]" } else { b"]" });
    Ok(shown.end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use primitives::network::{BITCOIN, REGTEST};
    use script::asm::assemble;
    use serde_json::Value;
    use testkit::vectors;

    fn json(shown: &impl serde::Serialize) -> Value {
        serde_json::to_value(shown).expect("JSON")
    }

    #[test]
    fn amounts_keep_every_digit() {
        for (units, text) in [
            (10_000_000, "0.10000000"),
            (2_099_999_997_690_000, "20999999.97690000"),
            (2_099_999_997_689_999, "20999999.97689999"),
            (1, "0.00000001"),
            (0, "0.00000000"),
            (-1, "-0.00000001"),
        ] {
            assert_eq!(serde_json::to_string(&amount(Amount(units))).expect("a number"), text);
            // It is still a number after a way through text.
            let read: Value = serde_json::from_str(text).expect("JSON");
            assert_eq!((read.to_string().as_str(), read.is_number()), (text, true));
        }
    }

    #[test]
    fn difficulties_as_core_shows_them() {
        for (bits, text) in [
            (0x207f_ffff, "4.656542373906925e-10"),
            (0x1d00_ffff, "1"),
            (0x1b04_04cb, "16307.42093852398"),
            (0x1702_c4e4, "101646843652785.2"),
            (0x1e00_ffff, "0.00390625"),
        ] {
            assert_eq!(difficulty(CompactTarget(bits).difficulty()).to_string(), text);
        }
    }

    #[test]
    fn published_scripts_decode_as_core_decodes_them() {
        let Some(bytes) = vectors::read("core/rpc_decodescript.json") else { return };
        let cases: Vec<(String, Value)> = serde_json::from_slice(&bytes).expect("pairs");
        for (script, wanted) in &cases {
            let shown = decoded_script(&hex::decode(script).expect("hex"), &REGTEST);
            assert_eq!(&json(&shown), wanted, "{script}");
        }
        println!("{} published scripts", cases.len());
    }

    #[test]
    fn known_outputs() {
        let key = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";
        let script = assemble(&format!("<{key}> CHECKSIG")).expect("a script");
        let shown = json(&script_pubkey(&Script(script), &BITCOIN));
        assert_eq!(shown["type"], "pubkey");
        assert!(shown["desc"].as_str().is_some_and(|d| d.starts_with(&format!("pk({key})#"))));
        assert!(shown.get("address").is_none(), "Core shows no address for a bare key");
        let multisig = assemble(&format!("1 <{key}> 1 CHECKMULTISIG")).expect("a script");
        let shown = json(&decoded_script(&multisig, &BITCOIN));
        let desc = |shown: &Value| shown["desc"].as_str().unwrap_or_default().to_owned();
        assert!(desc(&shown).starts_with(&format!("multi(1,{key})#")));
        assert!(desc(&shown["segwit"]).starts_with(&format!("wsh(multi(1,{key}))#")));
        assert_eq!(shown["segwit"]["type"], "witness_v0_scripthash");
    }
}
