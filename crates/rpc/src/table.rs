//! Every call once, in the order of `help`.
//!
//! To add one: its type and `impl`s in a file of `calls/`, and its line here. The line is all that
//! uses the type, so a call that is left out is dead code, which this crate does not build with.

use super::call::{Entry, act, read, service};
use super::error::{CallError, ErrorKind};

/// Each line says how a call runs and where its type is.
macro_rules! table {
    ($($run:ident $file:ident::$call:ident,)+) => {
        /// All calls.
        pub static CALLS: &[Entry] = &[$($run::<crate::calls::$file::$call>()),+];

        /// The types of the calls, for who asks one and wants a typed answer.
        pub mod calls {
            $(pub use crate::calls::$file::$call;)+
        }

        /// Reads the text of a call's answer into its type and writes it again.
        #[cfg(test)]
        pub fn read_again(method: &str, text: &[u8]) -> Result<Vec<u8>, CallError> {
            use super::call::Call;
            use super::value::Kind;

            $(if method == crate::calls::$file::$call::METHOD {
                return <crate::calls::$file::$call as Call>::Out::read_again(text);
            })+
            Err(CallError::not_found(method))
        }
    };
}

table! {
    read chain::GetHeight,
    read chain::GetBestHash,
    read chain::GetBlockHash,
    read chain::GetBlock,
    read chain::GetHeader,
    read chain::GetChainInfo,
    read chain::GetDifficulty,
    read chain::GetChainTips,
    read chain::GetDeployments,
    read chain::CheckChain,
    read chain::ChainSound,
    read tx::GetTx,
    read tx::GetRawTx,
    read tx::DecodeTx,
    read tx::DecodeScript,
    read script::GetSpend,
    read coins::GetUtxo,
    read coins::GetTxOut,
    read coins::UtxoSetInfo,
    read system::GetStatus,
    act system::ImportBlocks,
    act system::SubmitBlock,
    act system::Flush,
    read address::ValidateAddress,
    read address::GetAddressHistory,
    read address::GetAddressUtxos,
    read address::GetAddressBalance,
    read seed::GetAddress,
    read seed::GetStats,
    read holders::ListHolders,
    act address::ReindexStep,
    act prune::Prune,
    act system::InvalidateBlock,
    act system::ReconsiderBlock,
    act pool::SendRawTx,
    act pool::TestTxs,
    read pool::ListPool,
    read pool::PoolEntry,
    read pool::PoolInfo,
    read pool::EstimateFee,
    act pool::SavePool,
    act mine::GenerateToAddress,
    act mine::GenerateBlock,
    act mine::SetMiningAddress,
    act mine::StartMining,
    act mine::StopMining,
    read mining::MiningStatus,
    read mining::Hashrate,
    read mining::NetworkHashrate,
    read mining::MiningInfo,
    read mining::DifficultyInfo,
    read mining::DifficultyHistory,
    act template::BlockTemplate,
    act mine::Prioritise,
    act mine::SetMockTime,
    act net::StartNetwork,
    act net::StartListening,
    act net::StopListening,
    act net::Connect,
    act net::ConnectReadonly,
    act net::Disconnect,
    act net::AddNode,
    act net::SetBan,
    act net::Unban,
    act net::ClearBans,
    act net::SetActive,
    act net::Ping,
    act net::ServeFilters,
    read net::PeerCount,
    read net::IsSynced,
    read net::PeerInfo,
    read net::NetworkInfo,
    read net::NetTotals,
    read net::ListBanned,
    read net::AddedNodes,
    read net::SyncStatus,
    service service::StartServer,
    service service::StopServer,
    service service::StopNode,
    service service::ServerStatus,
    service service::SetLogLevel,
    service upkeep::GetHealth,
    service upkeep::Uptime,
    service upkeep::GetMemory,
    read upkeep::GetSchema,
    service upkeep::StartBackup,
    service upkeep::BackupStatus,
    service upkeep::StopBackup,
    read wallet::ScanScripts,
    read wallet::ScriptsHistory,
}

/// The entry of a method.
pub fn find(method: &str) -> Result<&'static Entry, CallError> {
    CALLS.iter().find(|entry| entry.method == method).ok_or_else(|| {
        let shown: String = method.chars().take(80).collect();
        CallError::new(ErrorKind::NoSuchCall, format!("there is no method {shown:?}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn words_and_methods_are_unique_and_explained() {
        let words: BTreeSet<&str> = CALLS.iter().map(|entry| entry.word).collect();
        let methods: BTreeSet<&str> = CALLS.iter().map(|entry| entry.method).collect();
        assert_eq!((words.len(), methods.len()), (CALLS.len(), CALLS.len()));
        for entry in CALLS {
            assert!(entry.help.ends_with('.'), "{}", entry.word);
            assert!(entry.example.contains(entry.word), "{}: {}", entry.word, entry.example);
            assert!(entry.params().iter().all(|param| !param.name.is_empty()));
            assert!(entry.out_schema().is_object());
        }
    }

    #[test]
    fn effects_derive_from_kinds() {
        let effect = |method: &str| find(method).expect("it is there").effect();
        assert_eq!(effect("getblockcount"), "( -- height )");
        assert_eq!(effect("getblockhash"), "( height -- hash-addr u )");
        assert_eq!(effect("flush"), "( -- )");
        assert!(find("nonsense").is_err());
    }
}
