//! Every call really asked of nodes on a small regtest chain: each answer holds to its schema and
//! comes back byte for byte from its type. The first answer of each call is its sample.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use jsonschema::{Draft, JSONSchema};
use serde_json::{Map, Value, json};

use super::call::{Entry, Runner};
use super::error::CallError;
use super::openrpc::example_params;
use super::sample;
use super::table::{self, CALLS};
use super::value::Reply;
use super::wire::Params;
use crypto::hash::sha256;
use mempool::policy::Policy;
use mempool::pool::Pool;
use node::io::{Done, Input, NodeError, Output};
use node::net::io::{NetAct, NetEvent, NetOutput};
use node::node::Node;
use node::view::View;
use primitives::address::Address;
use primitives::amount::Amount;
use primitives::block::{Block, Height};
use primitives::codec::Encode;
use primitives::hex;
use primitives::network::{BITCOIN, MAIN, NetworkParams, REGTEST, TESTNET};
use primitives::script::Script;
use primitives::tx::{OutPoint, Transaction, TxOut};
use script::check::ScriptCache;
use store::db::Store;
use testkit::blocks::{self as maker, Parent};

/// The time of the nodes at the start, after that of every block made here.
const START: u32 = 1_700_000_000;
/// Blocks of the chain before anything else happens; the first ones' coins are mature.
const BLOCKS: u32 = 110;
const SUBSIDY: i64 = 5_000_000_000;
const ADDRESS: &str = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";

/// Our node, one that it connects to, and the wire between them.
struct Lab {
    nodes: Vec<Node>,
    ms: u64,
    wire: VecDeque<(usize, NetEvent)>,
    answers: HashMap<u64, Result<Done, NodeError>>,
    asked: Vec<Asked>,
}

/// A call that was asked, and its answer's text.
struct Asked {
    method: &'static str,
    params: Vec<Value>,
    text: Vec<u8>,
}

fn node() -> Node {
    let store = Arc::new(Store::memory(&REGTEST).expect("a store"));
    let cache = Arc::new(ScriptCache::new([7; 32], 1000));
    // The chain's coins are ones that anyone can spend.
    let policy = Policy { require_standard: false, ..Policy::default() };
    Node::open(store, Arc::new(maker::engine()), Pool::new(policy, cache)).expect("a node")
}

impl Lab {
    fn new() -> Lab {
        let (nodes, ms) = (vec![node(), node()], u64::from(START) * 1000);
        let (wire, answers, asked) = (VecDeque::new(), HashMap::new(), Vec::new());
        Lab { nodes, ms, wire, answers, asked }
    }

    fn step(&mut self, at: usize, input: Input) {
        let outputs = self.nodes[at].step(input, (self.ms / 1000) as u32);
        for output in outputs {
            match output {
                // As whoever runs the node does: only that one knows where the file is.
                Output::Reply { ticket, answer: Ok(Done::PoolSaved { .. }) } => {
                    let file = Some("/var/lib/forthcoin/regtest/mempool.dat".to_owned());
                    self.answers.insert(ticket, Ok(Done::PoolSaved { file }));
                }
                Output::Reply { ticket, answer } if at == 0 => {
                    self.answers.insert(ticket, answer);
                }
                Output::Net(output) => self.net(at, output),
                Output::Fatal(error) => panic!("{error}"),
                _ => {}
            }
        }
    }

    fn net(&mut self, at: usize, output: NetOutput) {
        let other = 1 - at;
        // Each has one connection at a time; ours asks for it, so its number is known there alone.
        match output {
            NetOutput::Open => {
                let opened = NetEvent::Opened { seed: at as u64 + 1, saved: String::new() };
                self.wire.push_back((at, opened));
            }
            NetOutput::Listen { host, port } => {
                let address = format!("{host}:{port}").parse().expect("an address");
                self.wire.push_back((at, NetEvent::Listening(Ok(address))));
            }
            NetOutput::Connect { id, host, port } => {
                let address = format!("{host}:{port}").parse().expect("an address");
                self.wire.push_back((at, NetEvent::Connected { id, address, inbound: false }));
                let address = "192.0.2.1:50000".parse().expect("an address");
                self.wire.push_back((other, NetEvent::Connected { id, address, inbound: true }));
            }
            NetOutput::Send { id, bytes } => {
                let written = NetEvent::Written { id, bytes: bytes.len() as u64 };
                self.wire.push_back((at, written));
                self.wire.push_back((other, NetEvent::Bytes { id, bytes }));
            }
            NetOutput::Close { id } => {
                for side in [at, other] {
                    let reason = "closed".to_owned();
                    self.wire.push_back((side, NetEvent::Gone { id, reason }));
                }
            }
            NetOutput::StopListening | NetOutput::Save(_) => {}
        }
    }

    /// Delivers what is on the wire, and lets so many seconds pass.
    fn run(&mut self, seconds: u64) {
        for _ in 0..=seconds * 10 {
            while let Some((at, event)) = self.wire.pop_front() {
                self.step(at, Input::Net { ms: self.ms, event });
            }
            self.ms += 100;
            for at in [0, 1] {
                self.step(at, Input::Net { ms: self.ms, event: NetEvent::Tick });
            }
        }
    }

    fn try_ask(&mut self, entry: &Entry, params: &[Value]) -> Result<Vec<u8>, CallError> {
        let given = Params::ByPosition(params.to_vec());
        let reply = match entry.runner {
            Runner::Read(_) => entry.run_read(&self.nodes[0].view(), given)?,
            Runner::Act(prepare, reply) => {
                let act = prepare(&entry.arrange(given)?)?;
                let ticket = self.answers.len() as u64 + 1;
                self.step(0, Input::Act { ticket, act });
                for _ in 0..20 {
                    if self.answers.contains_key(&ticket) {
                        break;
                    }
                    self.run(1);
                }
                let answer = self.answers.get(&ticket).expect("every act is answered").clone();
                Reply::Value(reply(answer?)?)
            }
            Runner::Service(_) => panic!("{} is not asked of a node", entry.method),
        };
        Ok(match reply {
            Reply::Value(value) => value.to_string().into_bytes(),
            Reply::Text(text) => text,
        })
    }

    /// Asks a call that has an answer.
    fn ask<const N: usize>(&mut self, method: &str, params: [Value; N]) -> Value {
        let entry = table::find(method).expect("a call");
        let text = self.try_ask(entry, &params).unwrap_or_else(|error| panic!("{method}: {error}"));
        let value = serde_json::from_slice(&text).expect("JSON");
        self.asked.push(Asked { method: entry.method, params: params.into(), text });
        value
    }
}

fn hex_of(value: &impl Encode) -> Value {
    json!(hex::encode(&value.to_bytes()))
}

/// The output that the script OP_TRUE can spend as a witness.
fn witness_script() -> Script {
    Address::Witness { version: 0, program: sha256(&maker::ANYONE).to_vec() }.to_script()
}

fn pay(outpoint: OutPoint, outputs: Vec<(i64, Script)>) -> Transaction {
    let mut tx = maker::spend(&[outpoint], &[]);
    tx.outputs = outputs
        .into_iter()
        .map(|(value, script_pubkey)| TxOut { value: Amount(value), script_pubkey })
        .collect();
    tx
}

fn chain() -> Vec<Block> {
    let mut parent = Parent::genesis(&REGTEST);
    (1..=BLOCKS)
        .map(|height| {
            let block = maker::block(parent, 0, Vec::new());
            parent = Parent::of(&block, Height(height));
            block
        })
        .collect()
}

/// Asks every call that is asked of a node.
fn asked() -> Vec<Asked> {
    let mut lab = Lab::new();
    let blocks = chain();
    let ours = Address::from_text(ADDRESS, &REGTEST).expect("an address").to_script();
    let key = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";

    // A chain with spends.
    lab.ask("importblocks", [json!([hex_of(&blocks[0])])]);
    lab.ask("submitblock", [hex_of(&blocks[1])]);
    lab.ask("submitblock", [hex_of(&blocks[1])]);
    let rest: Vec<Value> = blocks[2..].iter().map(hex_of).collect();
    lab.ask("importblocks", [Value::Array(rest)]);
    let broken =
        maker::block(Parent::of(&blocks[109], Height(110)), 0, vec![maker::spend(&[], &[])]);
    lab.ask("importblocks", [json!([hex_of(&broken)])]);
    lab.ask("flush", []);
    let coin = |at: usize| OutPoint { txid: blocks[at].txs[0].txid(), vout: 0 };
    let multisig = Script(hex::decode(&format!("5121{key}51ae")).expect("hex"));
    let first = pay(
        coin(0),
        vec![
            (SUBSIDY - 3_000_000, witness_script()),
            (1_000_000, ours.clone()),
            (1_000_000, multisig.clone()),
            (0, Script(hex::decode("6a0568656c6c6f").expect("hex"))),
        ],
    );
    lab.ask("generateblock", [json!(ADDRESS), json!([hex_of(&first)])]);
    lab.ask("generateblock", [json!(ADDRESS), json!([]), json!(false)]);
    let mut second = pay(
        OutPoint { txid: first.txid(), vout: 0 },
        vec![(1_000_000_000, ours.clone()), (SUBSIDY - 1_003_100_000, Script::new(maker::ANYONE))],
    );
    second.inputs[0].witness = vec![maker::ANYONE.to_vec()];
    lab.ask("generateblock", [json!(ADDRESS), json!([hex_of(&second)])]);
    lab.ask("generatetoaddress", [json!(1), json!(ADDRESS)]);
    let (first_id, second_id) = (json!(first.txid().to_string()), json!(second.txid().to_string()));

    // The pool: a transaction, and one that builds on it.
    let third = pay(coin(1), vec![(SUBSIDY - 3000, witness_script()), (1000, ours.clone())]);
    let mut child = pay(
        OutPoint { txid: third.txid(), vout: 0 },
        vec![(SUBSIDY - 7000, Script::new(maker::ANYONE)), (1000, ours.clone())],
    );
    child.inputs[0].witness = vec![maker::ANYONE.to_vec()];
    child.inputs[0].sequence = 0;
    let (third_id, child_id) = (json!(third.txid().to_string()), json!(child.txid().to_string()));
    lab.ask("testmempoolaccept", [json!([hex_of(&third)])]);
    lab.ask("testmempoolaccept", [json!([hex_of(&third), hex_of(&second)])]);
    lab.ask("sendrawtransaction", [hex_of(&third)]);
    lab.ask("sendrawtransaction", [hex_of(&child)]);
    lab.ask("prioritisetransaction", [child_id.clone(), Value::Null, json!(1000)]);
    lab.ask("getrawmempool", []);
    lab.ask("getrawmempool", [json!(true)]);
    lab.ask("getmempoolentry", [child_id.clone()]);
    lab.ask("getmempoolinfo", []);
    lab.ask("estimatesmartfee", [json!(6)]);
    lab.ask("savemempool", []);

    // The chain.
    for method in [
        "getblockcount",
        "getbestblockhash",
        "getblockchaininfo",
        "getdifficulty",
        "getchaintips",
        "getdeploymentinfo",
        "checkchain",
        "verifychain",
        "gettxoutsetinfo",
        "getstatus",
        "getstats",
        "getschema",
        "getnetworkhashps",
        "gethashrate",
        "getdifficultyinfo",
        "getdifficultyhistory",
    ] {
        lab.ask(method, []);
    }
    lab.ask("getblockhash", [json!(111)]);
    for verbosity in [1, 0, 2, 3] {
        lab.ask("getblock", [json!(111), json!(verbosity)]);
        lab.ask("getblock", [json!(112), json!(verbosity)]);
        lab.ask("getblock", [json!(0), json!(verbosity)]);
    }
    lab.ask("getblockheader", [json!(111)]);
    lab.ask("getblockheader", [json!(0)]);
    lab.ask("getblockheader", [json!(113), json!(true)]);
    lab.ask("getblockheader", [json!(111), json!(false)]);
    lab.ask("gettransaction", [second_id.clone()]);
    lab.ask("gettransaction", [json!(REGTEST.genesis_block().txs[0].txid().to_string())]);
    let second_block = lab.ask("getblockhash", [json!(112)]);
    lab.ask("getrawtransaction", [second_id.clone(), json!(2)]);
    for verbosity in [0, 1, 2] {
        lab.ask("getrawtransaction", [child_id.clone(), json!(verbosity)]);
        lab.ask("getrawtransaction", [second_id.clone(), json!(verbosity), second_block.clone()]);
    }
    lab.ask("decoderawtransaction", [hex_of(&second)]);
    for script in [
        hex::encode(&multisig.0),
        String::new(),
        "51".to_owned(),
        format!("21{key}ac"),
        format!("0020{}", "11".repeat(32)),
        format!("5120{}", "11".repeat(32)),
        "6a".to_owned(),
    ] {
        lab.ask("decodescript", [json!(script)]);
    }
    lab.ask("getspend", [second_id.clone(), json!(0)]);
    lab.ask("getspend", [child_id.clone(), json!(0)]);
    lab.ask("getspend", [hex_of(&child), json!(0)]);
    lab.ask("getutxo", [json!(format!("{}:1", first.txid()))]);
    lab.ask("gettxout", [first_id.clone(), json!(1)]);
    lab.ask("gettxout", [first_id.clone(), json!(0)]);
    lab.ask("gettxout", [child_id.clone(), json!(0)]);
    lab.ask("gettxoutsetinfo", [json!("none")]);

    // Addresses.
    lab.ask("validateaddress", [json!(ADDRESS)]);
    lab.ask("validateaddress", [json!("mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn")]);
    lab.ask("validateaddress", [json!("bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt081")]);
    let page = lab.ask("getaddresshistory", [json!(ADDRESS), json!(2)]);
    lab.ask("getaddresshistory", [json!(ADDRESS), json!(2), page["next"].clone()]);
    lab.ask("getaddresshistory", [json!(ADDRESS)]);
    lab.ask("getaddressutxos", [json!(ADDRESS)]);
    lab.ask("getaddressbalance", [json!(ADDRESS)]);
    lab.ask("getaddress", [json!(ADDRESS)]);
    let page = lab.ask("listaddressbalances", [json!(2)]);
    lab.ask("listaddressbalances", [json!(2), page["next"].clone()]);
    lab.ask("listaddressbalances", []);
    let scripts = json!([hex::encode(&witness_script().0), hex::encode(&multisig.0), "00"]);
    lab.ask("scanscripts", [scripts.clone()]);
    lab.ask("getscriptshistory", [scripts]);

    // Peers.
    for method in ["getpeerinfo", "getnetworkinfo", "getsyncstatus", "getaddednodeinfo", "issynced"]
    {
        let entry = table::find(method).expect("a call");
        lab.try_ask(entry, &[]).expect("it is answered before the network is started, too");
    }
    lab.step(1, Input::Act { ticket: 1, act: node::io::Act::Net(NetAct::Start) });
    lab.ask("startnetwork", []);
    lab.run(1);
    lab.ask("startlistening", [json!("127.0.0.1:18444")]);
    lab.ask("connect", [json!("192.0.2.2"), json!(18444)]);
    lab.run(5);
    lab.ask("ping", []);
    lab.run(5);
    lab.ask("addnode", [json!("192.0.2.2:18444")]);
    lab.run(1);
    lab.ask("setban", [json!("198.51.100.0/24")]);
    lab.ask("setban", [json!("203.0.113.7")]);
    for method in [
        "getconnectioncount",
        "issynced",
        "getpeerinfo",
        "getnetworkinfo",
        "getnettotals",
        "listbanned",
        "getaddednodeinfo",
        "getsyncstatus",
        "servefilters",
    ] {
        lab.ask(method, []);
    }
    lab.ask("unban", [json!("203.0.113.7")]);
    lab.ask("clearbanned", []);
    lab.ask("stoplistening", []);

    // Mining.
    lab.ask("setminingaddress", [json!(ADDRESS)]);
    lab.ask("startmining", [json!(1)]);
    for method in ["getminingstatus", "getmininginfo", "stopmining", "getminingstatus"] {
        lab.ask(method, []);
    }
    lab.ask("getblocktemplate", [json!({ "rules": ["segwit"] })]);
    let proposal = lab.ask("generateblock", [json!(ADDRESS), json!([]), json!(false)]);
    let proposal = json!({ "mode": "proposal", "data": proposal["hex"] });
    lab.ask("getblocktemplate", [proposal]);
    lab.ask("getblocktemplate", [json!({ "mode": "proposal", "data": hex_of(&blocks[0]) })]);
    lab.ask("setmocktime", [json!(START + 1000)]);
    lab.ask("setmocktime", [json!(0)]);

    // What throws away, and what builds again.
    let tip = lab.ask("getbestblockhash", []);
    lab.ask("invalidateblock", [tip.clone()]);
    lab.ask("getchaintips", []);
    lab.ask("getblockheader", [tip.clone()]);
    lab.ask("getrawtransaction", [third_id, json!(2)]);
    lab.ask("reconsiderblock", [tip]);
    lab.ask("reindex", [json!("indexes")]);
    let mut steps = 0;
    while lab.ask("reindex", [json!("continue")])["finished"] == json!(false) {
        steps += 1;
        assert!(steps < 1000, "a reindex ends");
    }
    // The newest 288 blocks are kept.
    lab.ask("generatetoaddress", [json!(300), json!(ADDRESS)]);
    lab.ask("pruneblockchain", [json!(100)]);
    lab.ask("getblockchaininfo", []);
    lab.ask("disconnectnode", [json!("192.0.2.2:18444")]);
    lab.ask("setnetworkactive", [json!(false)]);
    lab.ask("setnetworkactive", [json!(true)]);
    lab.ask("connectreadonly", [json!("192.0.2.2"), json!(18444)]);
    lab.ask("getnetworkinfo", []);
    lab.asked
}

/// The schema with no room for members that it does not name.
fn closed(mut schema: Value) -> Value {
    fn close(part: &mut Value) {
        match part {
            Value::Array(items) => items.iter_mut().for_each(close),
            Value::Object(members) => {
                members.values_mut().for_each(close);
                if members.get("properties").is_some_and(Value::is_object)
                    && !members.contains_key("additionalProperties")
                {
                    members.insert("additionalProperties".to_owned(), json!(false));
                }
            }
            _ => {}
        }
    }
    close(&mut schema);
    schema
}

fn validator(entry: &Entry) -> JSONSchema {
    let schema = closed(entry.out_schema());
    JSONSchema::options().with_draft(Draft::Draft7).compile(&schema).expect("a schema")
}

fn check(validator: &JSONSchema, method: &str, answer: &Value) {
    let faults = validator.validate(answer).err().into_iter().flatten();
    let faults: Vec<String> = faults.map(|e| format!("{e} at {}", e.instance_path)).collect();
    assert!(faults.is_empty(), "{method}: {faults:#?} in {answer}");
}

/// What may differ between machines, with what the sample shows.
const VARIES: [(&str, &str, &str); 1] = [("getminingstatus", "lanes", "SHA-NI")];

/// The first answer of each call, and the kept one of those that no node answers.
pub fn samples() -> Map<String, Value> {
    let (asked, kept) = (asked(), sample::all());
    let mut samples = Map::new();
    for entry in CALLS {
        if let Runner::Service(_) = entry.runner {
            let kept = kept.get(entry.method).cloned();
            samples.insert(entry.method.to_owned(), kept.unwrap_or(Value::Null));
            continue;
        }
        let first = asked.iter().find(|asked| asked.method == entry.method);
        let first = first.unwrap_or_else(|| panic!("{} is never asked here", entry.method));
        let mut result: Value = serde_json::from_slice(&first.text).expect("JSON");
        for (_, member, shown) in VARIES.iter().filter(|(method, _, _)| *method == entry.method) {
            result[*member] = json!(shown);
        }
        let sample = json!({ "params": first.params, "result": result });
        samples.insert(entry.method.to_owned(), sample);
    }
    samples
}

#[test]
fn every_answer_holds_to_its_schema_and_its_type() {
    let asked = asked();
    let mut checked = 0;
    for entry in CALLS {
        let validator = validator(entry);
        for Asked { method, params, text } in asked.iter().filter(|a| a.method == entry.method) {
            check(&validator, method, &serde_json::from_slice(text).expect("JSON"));
            let again = table::read_again(method, text)
                .unwrap_or_else(|error| panic!("{method} {params:?}: {error}"));
            let (again, text) = (String::from_utf8_lossy(&again), String::from_utf8_lossy(text));
            assert_eq!(again, text, "{method} {params:?}");
            checked += 1;
        }
    }
    assert_eq!(checked, asked.len());
    println!("{checked} answers of {} calls", CALLS.len());
}

#[test]
fn fresh_chains_of_every_network_answer_by_the_schema() {
    fn view(params: &'static NetworkParams) -> View {
        let store = Arc::new(Store::memory(params).expect("a store"));
        let pool = Pool::new(Policy::default(), Arc::new(ScriptCache::new([7; 32], 10)));
        let engine = Arc::new(maker::engine());
        Node::open(store, engine, pool).expect("a node").view()
    }
    for params in [&MAIN, &TESTNET, &REGTEST, &BITCOIN] {
        let view = view(params);
        let mut answered = 0;
        for entry in CALLS.iter().filter(|entry| matches!(entry.runner, Runner::Read(_))) {
            let Some(given) = example_params(entry, params) else { continue };
            let given = given.into_iter().map(|(_, value)| value).collect();
            let Ok(reply) = entry.run_read(&view, Params::ByPosition(given)) else { continue };
            check(&validator(entry), entry.method, &reply.into_value());
            answered += 1;
        }
        assert!(answered >= 25, "{}: {answered}", params.name);
    }
}

#[test]
fn kept_samples_hold_to_their_schemas() {
    let kept = sample::all();
    for entry in CALLS {
        let sample = kept.get(entry.method).unwrap_or_else(|| panic!("{} has none", entry.method));
        check(&validator(entry), entry.method, &sample["result"]);
        let params = sample["params"].as_array().expect("a list").clone();
        entry.arrange(Params::ByPosition(params)).expect("as many as the call takes");
    }
    assert_eq!(kept.len(), CALLS.len());
}

#[test]
fn a_schema_is_strict() {
    let entry = table::find("getstatus").expect("a call");
    let validator = validator(entry);
    let status = sample::all()["getstatus"]["result"].clone();
    assert!(validator.is_valid(&status));
    for (member, wrong) in [("height", json!("1")), ("height", json!(-1)), ("best", json!("12"))] {
        let mut broken = status.clone();
        broken[member] = wrong;
        assert!(!validator.is_valid(&broken), "{broken}");
    }
    let mut more = status.clone();
    more["more"] = json!(1);
    assert!(!validator.is_valid(&more), "a member that the schema does not name");
    let mut less = status;
    less.as_object_mut().expect("an object").remove("peers");
    assert!(!validator.is_valid(&less), "a member that is missing");
}
