//! Samples of real answers read as a client reads them. Tested alone (`-p rpc-types`), serde_json
//! is without `arbitrary_precision`; tested beside the node's crates it has it.

use rpc_types::block::{BlockResult, BlockTransaction, HeaderResult};
use rpc_types::tx::RawTransactionResult;
use rpc_types::{Amount, address, chain, coins, mining, net, node, pool, script, template, tx};
use rpc_types::{upkeep, wallet};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

fn samples() -> Value {
    serde_json::from_str(include_str!("../../rpc/src/samples.json")).expect("samples are JSON")
}

/// Reads a sample from its text and from a tree of values; both are the same.
fn read<T: DeserializeOwned + Serialize + PartialEq + std::fmt::Debug>(method: &str) -> T {
    let result = samples()[method]["result"].take();
    assert!(!result.is_null(), "{method}");
    let read: T = serde_json::from_str(&result.to_string())
        .unwrap_or_else(|error| panic!("{method}: {error} in {result}"));
    let again = T::deserialize(&result).unwrap_or_else(|error| panic!("{method}: {error}"));
    assert_eq!(read, again, "{method}");
    // What it is written as reads back as the same.
    let written = serde_json::to_string(&read).expect("it can be written");
    assert_eq!(serde_json::from_str::<T>(&written).expect("our own text"), read, "{method}");
    read
}

#[test]
fn every_type_reads_a_real_answer() {
    read::<address::AddressValidity>("validateaddress");
    read::<address::AddressHistory>("getaddresshistory");
    read::<Vec<address::AddressUtxo>>("getaddressutxos");
    read::<address::AddressBalance>("getaddressbalance");
    read::<address::AddressOverview>("getaddress");
    read::<address::BalancePage>("listaddressbalances");
    read::<HeaderResult>("getblockheader");
    read::<chain::ChainInfo>("getblockchaininfo");
    read::<Vec<chain::ChainTip>>("getchaintips");
    read::<chain::DeploymentInfo>("getdeploymentinfo");
    read::<chain::ChainCheck>("checkchain");
    read::<rpc_types::Difficulty>("getdifficulty");
    read::<coins::Utxo>("getutxo");
    read::<coins::TxOut>("gettxout");
    read::<coins::TxOutSetInfo>("gettxoutsetinfo");
    read::<mining::MiningStatus>("getminingstatus");
    read::<mining::MiningInfo>("getmininginfo");
    read::<mining::DifficultyInfo>("getdifficultyinfo");
    read::<Vec<mining::DifficultyInterval>>("getdifficultyhistory");
    read::<mining::GeneratedBlock>("generateblock");
    read::<mining::MiningStarted>("startmining");
    read::<Vec<net::PeerInfo>>("getpeerinfo");
    read::<net::NetworkInfo>("getnetworkinfo");
    read::<net::NetTotals>("getnettotals");
    read::<Vec<net::BannedNet>>("listbanned");
    read::<Vec<net::AddedNode>>("getaddednodeinfo");
    read::<net::SyncStatus>("getsyncstatus");
    read::<node::Status>("getstatus");
    read::<node::Stats>("getstats");
    read::<node::ImportReport>("importblocks");
    read::<node::ReindexProgress>("reindex");
    read::<Vec<pool::TestResult>>("testmempoolaccept");
    read::<pool::PoolList>("getrawmempool");
    read::<pool::PoolEntry>("getmempoolentry");
    read::<pool::PoolInfo>("getmempoolinfo");
    read::<pool::FeeEstimate>("estimatesmartfee");
    read::<pool::SavedPool>("savemempool");
    read::<script::DecodedScript>("decodescript");
    read::<script::Spend>("getspend");
    read::<template::TemplateResult>("getblocktemplate");
    read::<tx::ConfirmedTransaction>("gettransaction");
    read::<tx::DecodedTransaction>("decoderawtransaction");
    read::<upkeep::ServerInfo>("getserverinfo");
    read::<upkeep::Health>("gethealth");
    read::<upkeep::MemoryInfo>("getmemoryinfo");
    read::<upkeep::SchemaInfo>("getschema");
    read::<upkeep::BackupStatus>("getbackupinfo");
    read::<wallet::ScriptsScan>("scanscripts");
    read::<Vec<wallet::ScriptsTransaction>>("getscriptshistory");
}

#[test]
fn amounts_are_exact_inside_of_results() {
    let RawTransactionResult::Transaction(tx) = read("getrawtransaction") else {
        panic!("the sample is decoded");
    };
    assert_eq!(tx.vout[0].value, Amount::from_base_units(1_000_000_000));
    let spent = tx.vin[0].prevout.as_ref().expect("it is known").value.base_units();
    let paid: i64 = tx.vout.iter().map(|output| output.value.base_units()).sum();
    assert_eq!(tx.fee.expect("it is known").base_units(), spent - paid);
    let BlockResult::Block(block) = read("getblock") else { panic!("the sample is decoded") };
    assert!(block.tx.iter().all(|tx| matches!(tx, BlockTransaction::Id(_))));
}
