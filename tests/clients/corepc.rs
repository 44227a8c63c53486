//! The port asked by rust-bitcoin's client of Bitcoin Core (`corepc-regtest-client`), whose types are
//! Core's answers: each must read, and say what the others say.
//!
//! The program is `$FORTHCOIN`, or the release build.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bitcoin::consensus::encode::{deserialize_hex, serialize_hex};
use bitcoin::hashes::Hash;
use bitcoin::{
    Address, Amount, KnownHrp, OutPoint, ScriptBuf, Sequence, SignedAmount, Transaction, TxIn,
    TxOut, Txid, Witness, absolute, transaction,
};
use corepc_regtest_client::Auth;
use corepc_regtest_client::v30::{
    AddNodeCommand, Client, SetBanCommand, TemplateRequest, TemplateRules,
};

const PATIENCE: Duration = Duration::from_secs(60);

/// A node on regtest in a folder of its own; it goes with this value.
struct Running {
    child: Child,
    folder: tempfile::TempDir,
    port: u16,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts one; with the port for its peers, where it has one.
fn node(listens: bool) -> (Running, u16) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let binary = std::env::var_os("FORTHCOIN")
        .map_or_else(|| root.join("target/release/forthcoin"), PathBuf::from);
    let folder = tempfile::tempdir().expect("a folder");
    let free = || TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port");
    let (websocket, peers) = (free(), free());
    let child = Command::new(&binary)
        .arg("regtest")
        .arg(if listens { format!("--listen={peers}") } else { "--listen=none".to_owned() })
        .arg("--datadir")
        .arg(folder.path())
        .arg(format!("--websocket={websocket}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap_or_else(|e| panic!("{} does not start: {e}", binary.display()));
    (Running { child, folder, port: websocket.port() }, peers.port())
}

fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < PATIENCE, "{what}: not yet after {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

impl Running {
    fn client(&self) -> Client {
        let cookie = self.folder.path().join("regtest/.cookie");
        let url = format!("http://127.0.0.1:{}", self.port);
        let mut found = None;
        wait("the node answers", || {
            found = Client::new_with_auth(&url, Auth::CookieFile(cookie.clone()))
                .ok()
                .filter(|client| client.get_block_count().is_ok());
            found.is_some()
        });
        found.expect("it answered")
    }
}

/// The script of `OP_TRUE`, whose coins anybody can spend through its hash.
fn anyone() -> ScriptBuf {
    ScriptBuf::from_bytes(vec![0x51])
}

fn spend(coin: OutPoint, value: Amount) -> Transaction {
    let mut witness = Witness::new();
    witness.push(anyone().as_bytes());
    let previous_output = coin;
    let input =
        TxIn { previous_output, script_sig: ScriptBuf::new(), sequence: Sequence::MAX, witness };
    let output = TxOut { value, script_pubkey: anyone().to_p2wsh() };
    Transaction {
        version: transaction::Version::TWO,
        lock_time: absolute::LockTime::ZERO,
        input: vec![input],
        output: vec![output],
    }
}

/// Core's model of an answer, or why ours has no such reading.
macro_rules! model {
    ($asked:expr) => {
        $asked
            .unwrap_or_else(|e| panic!("{}: {e}", stringify!($asked)))
            .into_model()
            .unwrap_or_else(|e| panic!("{}: {e:?}", stringify!($asked)))
    };
}

/// The answer of a call whose type is already the model.
macro_rules! plain {
    ($asked:expr) => {
        $asked.unwrap_or_else(|e| panic!("{}: {e}", stringify!($asked)))
    };
}

#[test]
fn cores_client_reads_every_answer() {
    let (node, _) = node(false);
    let client = node.client();
    let payee = Address::p2wsh(&anyone(), KnownHrp::Regtest);
    let mined = model!(client.generate_to_address(101, &payee));
    assert_eq!(mined.0.len(), 101);

    chain(&client);
    let coin = model!(client.get_block_verbose_one(mined.0[0])).tx[0];
    let txid = pool(&client, OutPoint { txid: coin, vout: 0 });
    mining(&client, &payee, txid);
    transactions(&client, txid);
    network(&client);
    let known = model!(client.validate_address(&payee));
    assert_eq!((known.script_pubkey, known.is_script), (payee.script_pubkey(), true));
    assert_eq!(known.witness_program, payee.witness_program());

    // What was undone is done again.
    let tip = model!(client.get_best_block_hash()).0;
    let height = plain!(client.get_block_count()).0;
    plain!(client.invalidate_block(tip));
    assert_eq!(plain!(client.get_block_count()).0, height - 1);
    plain!(client.reconsider_block(tip));
    assert_eq!(model!(client.get_best_block_hash()).0, tip);
    assert!(plain!(client.verify_chain()).0);

    // Its way out is a clean one.
    let mut node = node;
    client.stop().expect("it stops");
    let mut status = None;
    wait("the node ends", || {
        status = node.child.try_wait().expect("the node is ours");
        status.is_some()
    });
    assert!(status.is_some_and(|status| status.success()), "{status:?}");
}

fn chain(client: &Client) {
    let info = model!(client.get_blockchain_info());
    assert_eq!(info.chain, bitcoin::Network::Regtest);
    assert_eq!((info.blocks, info.headers), (101, 101));
    let best = model!(client.get_best_block_hash()).0;
    assert_eq!(info.best_block_hash, best);
    assert_eq!(model!(client.get_block_hash(101)).0, best);
    let block = plain!(client.get_block(best));
    assert_eq!(block.block_hash(), best);
    let one = model!(client.get_block_verbose_one(best));
    assert_eq!((one.hash, one.height, one.confirmations), (best, 101, 1));
    assert_eq!(one.tx, [block.txdata[0].compute_txid()]);
    let two = model!(client.get_block_verbose_two(best));
    assert_eq!(two.tx.len(), 1);
    model!(client.get_block_verbose_three(best));
    assert_eq!(model!(client.get_block_header(&best)).0, block.header);
    assert_eq!(model!(client.get_block_header_verbose(&best)).hash, best);
    assert_eq!(model!(client.get_chain_tips()).0.len(), 1);
    assert!(plain!(client.get_difficulty()).0 > 0.0);
    let coins = model!(client.get_tx_out_set_info());
    assert_eq!((coins.height, coins.tx_outs), (101, 101));
    plain!(client.get_deployment_info(&best));
}

/// Spends a coin; the pool says so in each of its ways.
fn pool(client: &Client, coin: OutPoint) -> Txid {
    let out = model!(client.get_tx_out(coin.txid, 0));
    let value = out.tx_out.value;
    assert_eq!(value, Amount::from_sat(50_0000_0000));
    let tx = spend(coin, value - Amount::from_sat(1000));
    let txid = tx.compute_txid();
    let test = model!(client.test_mempool_accept(std::slice::from_ref(&tx)));
    assert!(test.results[0].allowed);
    assert_eq!(model!(client.send_raw_transaction(&tx)).0, txid);
    let poorer = spend(coin, value - Amount::from_sat(900));
    let refused = client.send_raw_transaction(&poorer).expect_err("a poorer double");
    assert!(refused.to_string().contains("insufficient fee"), "{refused}");
    assert_eq!(model!(client.get_raw_mempool()).0, [txid]);
    let entry = plain!(client.get_mempool_entry(txid)).0;
    assert!(entry.unbroadcast, "nobody is there to ask for it");
    let entry = model!(client.get_mempool_entry(txid)).0;
    assert_eq!(entry.fees.base, Amount::from_sat(1000));
    assert_eq!(model!(client.get_raw_mempool_verbose()).0[&txid], entry);
    let info = model!(client.get_mempool_info());
    assert_eq!((info.size, info.unbroadcast_count), (1, Some(1)));
    let saved = plain!(client.save_mempool()).filename;
    assert!(Path::new(&saved).is_file(), "{saved}");
    let estimate = plain!(client.estimate_smart_fee(6));
    assert!(estimate.fee_rate.is_some() || estimate.errors.is_some());
    txid
}

/// A block by template and one by our own miner.
fn mining(client: &Client, payee: &Address, txid: Txid) {
    let request = TemplateRequest {
        rules: vec![TemplateRules::Segwit],
        mode: None,
        data: None,
        capabilities: vec![],
        longpollid: None,
    };
    let template = model!(client.get_block_template(&request));
    assert_eq!(template.height, 102);
    assert_eq!(template.transactions.len(), 1);
    assert_eq!(template.transactions[0].txid, txid);
    assert!(plain!(client.prioritise_transaction(&txid, SignedAmount::from_sat(500))));
    let info = model!(client.get_mining_info());
    assert_eq!((info.blocks, info.pooled_tx), (101, 1));
    assert!(plain!(client.get_network_hash_ps()) >= 0.0);
    let address = payee.to_string();
    let made = model!(client.generate_block(&address, &[txid.to_string()], true));
    assert_eq!(model!(client.get_best_block_hash()).0, made.hash);
    assert!(model!(client.get_raw_mempool()).0.is_empty());
    let again = plain!(client.get_block(made.hash));
    let known = client.submit_block(&again).expect_err("a block that is known");
    assert!(known.to_string().contains("duplicate"), "{known}");
}

fn transactions(client: &Client, txid: Txid) {
    let raw = plain!(client.get_raw_transaction(txid)).0;
    let tx: Transaction = deserialize_hex(&raw).expect("a transaction");
    assert_eq!(tx.compute_txid(), txid);
    let verbose = model!(client.get_raw_transaction_verbose(txid));
    assert_eq!(verbose.transaction, tx);
    assert_eq!(verbose.confirmations, Some(1));
    let decoded = model!(client.decode_raw_transaction(&tx));
    assert_eq!(serialize_hex(&decoded.0), raw);
    let script = anyone().to_p2wsh().to_hex_string();
    let decoded = plain!(client.decode_script(&script));
    assert_eq!(decoded.type_, "witness_v0_scripthash");
    let nobody = client.get_raw_transaction(Txid::all_zeros()).expect_err("no such transaction");
    assert!(nobody.to_string().contains("-5"), "{nobody}");
}

/// Nobody is there; then another node is.
fn network(client: &Client) {
    assert!(plain!(client.get_peer_info()).0.is_empty());
    assert_eq!(plain!(client.get_connection_count()).0, 0);
    plain!(client.set_ban("192.0.2.7", SetBanCommand::Add));
    let banned = plain!(client.list_banned()).0;
    assert_eq!(banned.len(), 1);
    assert_eq!(banned[0].address, "192.0.2.7/32");
    assert_eq!(banned[0].ban_duration, banned[0].banned_until - banned[0].ban_created);
    plain!(client.clear_banned());
    assert!(plain!(client.list_banned()).0.is_empty());
    plain!(client.add_node("192.0.2.8:18444", AddNodeCommand::Add));
    plain!(client.ping());

    let (other, port) = node(true);
    let theirs = other.client();
    plain!(client.add_node(&format!("127.0.0.1:{port}"), AddNodeCommand::OneTry));
    let tip = plain!(client.get_block_count());
    wait("the other node follows", || theirs.get_block_count().is_ok_and(|height| height == tip));
    let ours = || plain!(client.get_peer_info()).0.remove(0);
    wait("the view shows what was sent", || {
        ours().bytes_sent_per_message.get("block").is_some_and(|bytes| *bytes > 20_000)
    });
    let peer = ours();
    assert!(!peer.inbound);
    let sent: u64 = peer.bytes_sent_per_message.values().sum();
    assert!(sent == peer.bytes_sent && peer.bytes_sent_per_message["headers"] > 0);
    let info = model!(client.get_network_info());
    assert_eq!((info.connections, info.connections_out), (1, Some(1)));
    assert!(plain!(client.get_net_totals()).total_bytes_sent >= sent);
    assert_eq!(plain!(client.get_added_node_info()).0.len(), 1);
    assert!(plain!(client.uptime()) < 600);
}
