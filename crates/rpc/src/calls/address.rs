//! Calls about an address: validation, and through the script index its history, coins and balance.
//!
//! Bitcoin Core has no such index; names and shapes follow what explorers need.

use rpc_types::address::{
    AddressBalance, AddressHistory, AddressUtxo, AddressValidity, HistoryEntry, Place,
};
use rpc_types::node::{ReindexPhase, ReindexProgress};
use serde_json::Value;

use crate::call::{ActCall, Call, Class, ReadCall};
use crate::error::{CallError, ErrorKind};
use crate::show;
use crate::value::{AnyJson, Count, Json};
use chain::reindex::{Built, Phase, Reindex};
use node::io::{Act, Done};
use node::view::View;
use primitives::address::Address;
use primitives::amount::Amount;
use primitives::hex;
use primitives::script::Script;
use store::script_rows::{Build, ChainPlace, ScriptIndex};
use store::snapshot::Snapshot;

/// Entries of one answer when nobody says, and at most.
const PAGE: u64 = 100;
const MOST: u64 = 10_000;

/// Coins that one answer lists or sums.
const MOST_COINS: usize = 1_000_000;

/// The output script of an address, or the script given as hex.
pub(super) fn script_of(text: &str, view: &View) -> Result<Script, CallError> {
    let text = text.trim();
    match Address::from_text(text, view.params) {
        Ok(address) => Ok(address.to_script()),
        Err(error) => hex::decode(text).map(Script).map_err(|_| {
            CallError::invalid_params(format!("{error}; an output script as hex will do, too"))
        }),
    }
}

pub struct ValidateAddress;

impl Call for ValidateAddress {
    const WORD: &'static str = "validate-address";
    const METHOD: &'static str = "validateaddress";
    const HELP: &'static str =
        "Whether a text is a valid address of this network, and the script that it pays to.";
    const EXAMPLE: &'static str =
        "init-storage s\" bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080\" validate-address .json";
    const CLASS: Class = Class::Read;
    const PARAMS: &'static [&'static str] = &["address"];
    type In = (String,);
    type Out = Json<AddressValidity>;
}

impl ReadCall for ValidateAddress {
    fn run(view: &View, (text,): Self::In) -> Result<Self::Out, CallError> {
        let mut shown = AddressValidity::default();
        match Address::from_text(text.trim(), view.params) {
            Ok(address) => {
                shown.isvalid = true;
                shown.address = Some(address.to_text(view.params));
                shown.script_pubkey = Some(show::bytes(&address.to_script().0));
                shown.isscript = Some(address.is_script());
                shown.iswitness = Some(matches!(address, Address::Witness { .. }));
                if let Address::Witness { version, program } = &address {
                    shown.witness_version = Some(*version);
                    shown.witness_program = Some(show::bytes(program));
                }
            }
            Err(error) => {
                shown.error_locations = Some(Vec::new());
                shown.error = Some(error.to_string());
            }
        }
        Ok(Json(shown))
    }
}

/// Refuses to read an index that is not there or not finished.
pub fn ready(snapshot: &Snapshot) -> Result<(), CallError> {
    match snapshot.script_index()? {
        ScriptIndex::Ready => Ok(()),
        ScriptIndex::Building(build) => {
            let tip = snapshot.tip()?.height;
            let at = match build {
                Build::Blocks(next) => format!("block {next} of {tip}"),
                Build::Coins(_) => "its last part, the coins".to_owned(),
                Build::Replay => format!("block {tip} of the chain connected anew"),
            };
            let why = format!("the index of addresses is being built and is at {at}: ask again");
            Err(CallError::new(ErrorKind::WarmingUp, why))
        }
        ScriptIndex::Off => Err(CallError::not_found(
            "this chain keeps no index of addresses: start a node on the folder, or say `reindex`, \
             without --no-address-index",
        )),
    }
}

pub struct GetAddressHistory;

impl Call for GetAddressHistory {
    const WORD: &'static str = "get-address-history";
    const METHOD: &'static str = "getaddresshistory";
    const HELP: &'static str = "The confirmed transactions of an address, newest first, with the amounts received and spent.";
    const EXAMPLE: &'static str = "init-storage s\" 51\" get-address-history .json";
    const CLASS: Class = Class::Read;
    const PARAMS: &'static [&'static str] = &["address", "count", "before"];
    type In = (String, Option<Count>, Option<AnyJson>);
    type Out = Json<AddressHistory>;
}

/// A place as `{"height": H, "position": N}`, the form in which answers give it.
fn place_of(value: &Value) -> Result<ChainPlace, CallError> {
    let number = |name: &str| {
        let number = value.get(name).and_then(Value::as_u64);
        number.and_then(|number| u32::try_from(number).ok())
    };
    match (number("height"), number("position")) {
        (Some(height), Some(position)) => {
            Ok(ChainPlace { height: primitives::block::Height(height), position })
        }
        _ => Err(CallError::invalid_params(
            "before must be {\"height\": H, \"position\": N}, as \"next\" of an answer gives it",
        )),
    }
}

/// Entries of the history before a place, newest first, and the place from which to go on, if any.
pub(super) fn history_page(
    snapshot: &Snapshot,
    script: &Script,
    before: ChainPlace,
    count: usize,
) -> Result<(Vec<HistoryEntry>, Option<Place>), CallError> {
    let tip = snapshot.tip()?;
    let entries = snapshot.script_history_back(script, before, count)?;
    let shown = entries
        .iter()
        .map(|entry| HistoryEntry {
            txid: show::txid(&entry.txid),
            height: entry.place.height.0,
            position: entry.place.position,
            confirmations: tip.height.0.saturating_sub(entry.place.height.0) + 1,
            received: show::amount(entry.received),
            spent: show::amount(entry.spent),
        })
        .collect();
    let next = entries
        .last()
        .filter(|_| entries.len() == count)
        .map(|entry| Place { height: entry.place.height.0, position: entry.place.position });
    Ok((shown, next))
}

/// What a script holds on the chain, and in how many outputs.
pub(super) fn holdings(snapshot: &Snapshot, script: &Script) -> Result<(Amount, u64), CallError> {
    let coins = snapshot.script_coins_after(script, None, MOST_COINS)?;
    let sum = coins.iter().fold(0i64, |sum, (_, c)| sum.saturating_add(c.output.value.0));
    Ok((Amount(sum), coins.len() as u64))
}

impl ReadCall for GetAddressHistory {
    fn run(view: &View, (address, count, before): Self::In) -> Result<Self::Out, CallError> {
        let script = script_of(&address, view)?;
        let count = count.map_or(PAGE, |count| count.0.min(MOST)) as usize;
        let before = before.map_or(Ok(ChainPlace::END), |AnyJson(place)| place_of(&place))?;
        let snapshot = view.read()?;
        ready(&snapshot)?;
        let (shown, next) = history_page(&snapshot, &script, before, count)?;
        Ok(Json(AddressHistory { transactions: shown, next }))
    }
}

pub struct GetAddressUtxos;

impl Call for GetAddressUtxos {
    const WORD: &'static str = "get-address-utxos";
    const METHOD: &'static str = "getaddressutxos";
    const HELP: &'static str = "The confirmed unspent outputs of an address.";
    const EXAMPLE: &'static str = "init-storage s\" 51\" get-address-utxos .json";
    const CLASS: Class = Class::Read;
    const PARAMS: &'static [&'static str] = &["address"];
    const RESULT: &'static str = "The unspent outputs.";
    type In = (String,);
    type Out = Json<Vec<AddressUtxo>>;
}

impl ReadCall for GetAddressUtxos {
    fn run(view: &View, (address,): Self::In) -> Result<Self::Out, CallError> {
        let script = script_of(&address, view)?;
        let snapshot = view.read()?;
        ready(&snapshot)?;
        let tip = snapshot.tip()?;
        let coins = snapshot.script_coins_after(&script, None, MOST_COINS)?;
        let shown = coins.iter().map(|(outpoint, coin)| AddressUtxo {
            txid: show::txid(&outpoint.txid),
            vout: outpoint.vout,
            value: show::amount(coin.output.value),
            height: coin.height.0,
            confirmations: tip.height.0.saturating_sub(coin.height.0) + 1,
            coinbase: coin.coinbase,
        });
        Ok(Json(shown.collect()))
    }
}

pub struct GetAddressBalance;

impl Call for GetAddressBalance {
    const WORD: &'static str = "get-address-balance";
    const METHOD: &'static str = "getaddressbalance";
    const HELP: &'static str =
        "The confirmed balance of an address, and the number of its unspent outputs.";
    const EXAMPLE: &'static str = "init-storage s\" 51\" get-address-balance .json";
    const CLASS: Class = Class::Read;
    const PARAMS: &'static [&'static str] = &["address"];
    type In = (String,);
    type Out = Json<AddressBalance>;
}

impl ReadCall for GetAddressBalance {
    fn run(view: &View, (address,): Self::In) -> Result<Self::Out, CallError> {
        let script = script_of(&address, view)?;
        let snapshot = view.read()?;
        ready(&snapshot)?;
        let (balance, utxos) = holdings(&snapshot, &script)?;
        Ok(Json(AddressBalance { balance: show::amount(balance), utxos }))
    }
}

/// The call behind `reindex`: begins or goes on, a step at a time.
pub struct ReindexStep;

impl Call for ReindexStep {
    const WORD: &'static str = "reindex-step";
    const METHOD: &'static str = "reindex";
    const HELP: &'static str = "Start rebuilding \"indexes\" or \"coins\", then \"continue\" until the result says finished.";
    const EXAMPLE: &'static str = "init-storage s\" continue\" reindex-step .json";
    const CLASS: Class = Class::Admin;
    const PARAMS: &'static [&'static str] = &["what"];
    type In = (String,);
    type Out = Json<ReindexProgress>;
}

impl ActCall for ReindexStep {
    fn act((what,): Self::In) -> Result<Act, CallError> {
        let begin = match what.as_str() {
            "indexes" => Some(Reindex::Indexes),
            "coins" => Some(Reindex::Coins),
            "continue" => None,
            _ => {
                let why = format!("{what:?} can't be built again: say indexes, coins or continue");
                return Err(CallError::invalid_params(why));
            }
        };
        Ok(Act::Reindex { begin })
    }

    fn reply(done: Done) -> Result<Self::Out, CallError> {
        let Done::Built(built) = done else {
            let why = format!("the node answered something else: {done:?}");
            return Err(CallError::new(ErrorKind::Internal, why));
        };
        let phase = |built: Built| match built.phase {
            Phase::Blocks => ReindexPhase::Blocks,
            Phase::Coins => ReindexPhase::Coins,
            Phase::Replay => ReindexPhase::Replay,
        };
        Ok(Json(ReindexProgress {
            finished: built.is_none(),
            phase: built.map(phase),
            done: built.map(|built| built.done),
            of: built.map(|built| built.of),
        }))
    }
}
