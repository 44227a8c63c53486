//! The calls that the project's first version named itself, for its clients: an address and the
//! node at one glance. What Core names differently is in the other files.

use rpc_types::address::AddressOverview;
use rpc_types::node::Stats;

use crate::call::{Call, Class, ReadCall};
use crate::calls::address::{history_page, holdings, ready, script_of};
use crate::calls::mining::{RATE_BLOCKS, network_hashrate};
use crate::error::CallError;
use crate::show;
use crate::value::Json;
use chain::query;
use node::view::View;
use store::script_rows::ChainPlace;

/// Transactions that are shown of an address; `getaddresshistory` goes on from there.
const NEWEST: usize = 25;

pub struct GetAddress;

impl Call for GetAddress {
    const WORD: &'static str = "get-address";
    const METHOD: &'static str = "getaddress";
    const HELP: &'static str =
        "An overview of an address: its script, confirmed balance and newest transactions.";
    const EXAMPLE: &'static str = "init-storage s\" 51\" get-address .json";
    const CLASS: Class = Class::Read;
    const PARAMS: &'static [&'static str] = &["address"];
    type In = (String,);
    type Out = Json<AddressOverview>;
}

impl ReadCall for GetAddress {
    fn run(view: &View, (address,): Self::In) -> Result<Self::Out, CallError> {
        let script = script_of(&address, view)?;
        let snapshot = view.read()?;
        ready(&snapshot)?;
        let (balance, utxos) = holdings(&snapshot, &script)?;
        let (transactions, next) = history_page(&snapshot, &script, ChainPlace::END, NEWEST)?;
        Ok(Json(AddressOverview {
            address: address.trim().to_owned(),
            script_pubkey: show::bytes(&script.0),
            balance: show::amount(balance),
            utxos,
            transactions,
            next,
        }))
    }
}

pub struct GetStats;

impl Call for GetStats {
    const WORD: &'static str = "get-stats";
    const METHOD: &'static str = "getstats";
    const HELP: &'static str =
        "Key figures of the node: chain, difficulty, hash rate, mempool, peers.";
    const EXAMPLE: &'static str = "init-storage get-stats .json";
    const CLASS: Class = Class::Read;
    type In = ();
    type Out = Json<Stats>;
}

impl ReadCall for GetStats {
    fn run(view: &View, (): ()) -> Result<Self::Out, CallError> {
        let snapshot = view.read()?;
        let info = query::chain_info(&snapshot)?;
        let hashrate = network_hashrate(view, &snapshot, RATE_BLOCKS, -1)?;
        let pool = view.pool.read();
        Ok(Json(Stats {
            network: view.params.name.to_owned(),
            height: info.tip.height.0,
            best: show::block_hash(&info.tip.hash),
            tip_time: info.time,
            transactions: info.tip.tx_total,
            difficulty: show::difficulty(info.difficulty),
            network_hashrate: hashrate as u64,
            mempool_transactions: pool.len() as u64,
            mempool_bytes: pool.vsize() as u64,
            peers: view.net.ready_peers().count() as u64,
        }))
    }
}
