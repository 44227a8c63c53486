//! The call table as an OpenRPC document (spec.open-rpc.org 1.3.2), examples included.

use serde_json::{Value, json};

use super::call::{Class, Entry, Runner};
use super::sample;
use super::table::CALLS;
use primitives::network::NetworkParams;

/// What every parameter of an example is, by its kind: things that each chain has from its start.
fn example_value(kind: &str, params: &NetworkParams) -> Option<Value> {
    let coinbase = || {
        let block = params.genesis_block();
        block.txs.first().map(|tx| json!(tx.txid().to_string()))
    };
    match kind {
        "height" | "height|hash" => Some(json!(0)),
        "hash" => Some(json!(params.genesis.hash.to_string())),
        "txid" => coinbase(),
        _ => None,
    }
}

/// Parameters under which a call can be tried on any chain; `None` when it needs something that
/// only its caller has, or changes something.
pub fn example_params(entry: &Entry, params: &NetworkParams) -> Option<Vec<(String, Value)>> {
    if entry.class != Class::Read {
        return None;
    }
    let needed = entry.params().into_iter().filter(|param| !param.optional);
    needed.map(|param| Some((param.name.to_owned(), example_value(param.kind, params)?))).collect()
}

pub(super) fn class_name(class: Class) -> &'static str {
    match class {
        Class::Read => "read",
        Class::Operate => "operate",
        Class::Admin => "admin",
    }
}

/// The result's schema with what it means and a sample.
fn result(entry: &Entry, sample: Option<&Value>) -> Value {
    let mut schema = entry.out_schema();
    let description = schema.get("description").cloned();
    if let (Some(members), Some(sample)) = (schema.as_object_mut(), sample) {
        members.insert("examples".to_owned(), json!([sample["result"]]));
    }
    let description = description.unwrap_or_else(|| entry.help.into());
    json!({ "name": "result", "description": description, "schema": schema })
}

fn method(entry: &Entry, params: &NetworkParams, sample: Option<&Value>) -> Value {
    let taken = entry.params();
    // By position, what stands before a required parameter has to be there: null leaves it out.
    let needed = taken.iter().rposition(|param| !param.optional).map_or(0, |last| last + 1);
    let described: Vec<Value> = taken
        .iter()
        .enumerate()
        .map(|(at, param)| {
            let schema = match param.optional && at < needed {
                true => json!({ "oneOf": [(param.schema)(), { "type": "null" }] }),
                false => (param.schema)(),
            };
            json!({ "name": param.name, "required": at < needed, "schema": schema })
        })
        .collect();
    let mut shown = json!({
        "name": entry.method,
        "summary": entry.help,
        "description": format!("Console word: `{} {}`", entry.word, entry.effect()),
        "paramStructure": "either",
        "params": described,
        "result": result(entry, sample),
        "tags": [{ "name": class_name(entry.class) }],
    });
    // Only reads, and of those the ones that a fresh chain can answer: the console example of the
    // others catches the error.
    let answered = matches!(entry.runner, Runner::Read(_)) && !entry.example.contains(" catch ");
    let tried = example_params(entry, params).filter(|_| answered);
    if let (Some(given), Some(members)) = (tried, shown.as_object_mut()) {
        let given: Vec<Value> = given
            .into_iter()
            .map(|(name, value)| json!({ "name": name, "value": value }))
            .collect();
        members.insert(
            "examples".to_owned(),
            json!([{ "name": format!("{} on any chain", entry.method), "params": given }]),
        );
    }
    shown
}

fn subscription(name: &str, summary: &str, result: &Value) -> Value {
    json!({
        "name": name,
        "summary": summary,
        "description": "Over WebSocket only.",
        "paramStructure": "either",
        "params": [
            {
                "name": "topics",
                "description": "A topic or a list of topics; by default all except addresses.",
                "required": false,
                "schema": { "oneOf": [
                    { "type": "string" },
                    { "type": "array", "items": { "type": "string" } },
                ] },
            },
            {
                "name": "address",
                "description": "The address, for the topic `address`.",
                "required": false,
                "schema": { "type": "string" },
            },
        ],
        "result": { "name": "topics", "schema": result },
        "tags": [{ "name": "read" }],
    })
}

/// The document for a chain; `url` is where the service is reached.
pub fn document(params: &NetworkParams, url: &str) -> Value {
    let samples = sample::all();
    let methods = CALLS.iter().map(|entry| method(entry, params, samples.get(entry.method)));
    let mut methods: Vec<Value> = methods.collect();
    let topics = json!({ "type": "object" });
    methods.push(subscription(
        "subscribe",
        "Subscribe to events: blocks, transactions, reorganisations, mining, peers, address.",
        &topics,
    ));
    methods.push(subscription("unsubscribe", "Unsubscribe from events.", &topics));
    methods.push(json!({
        "name": "rpc.discover",
        "summary": "This document.",
        "params": [],
        "result": { "name": "document", "schema": { "type": "object" } },
        "tags": [{ "name": "read" }],
    }));
    json!({
        "openrpc": "1.3.2",
        "info": {
            "title": "ForthCoin node",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "JSON-RPC 2.0 over WebSocket (GET /) and HTTP (POST /).",
            "license": { "name": "MIT OR Apache-2.0" },
        },
        "servers": [{ "name": params.name, "url": url }],
        "methods": methods,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use primitives::network::REGTEST;

    #[test]
    fn every_call_is_in_the_document_once() {
        let document = document(&REGTEST, "ws://127.0.0.1:8765/");
        let methods = document["methods"].as_array().expect("a list");
        for entry in CALLS {
            let same = methods.iter().filter(|method| method["name"] == entry.method);
            assert_eq!(same.count(), 1, "{}", entry.method);
        }
        let shown = methods.iter().find(|m| m["name"] == "getblockhash").expect("it is there");
        assert_eq!(shown["examples"][0]["params"], json!([{ "name": "height", "value": 0 }]));
        assert_eq!(shown["params"][0]["required"], json!(true));
        let shown = methods.iter().find(|m| m["name"] == "getmempoolinfo").expect("it is there");
        let result = &shown["result"];
        assert!(result["description"].as_str().is_some_and(|text| !text.is_empty()));
        let bytes = &result["schema"]["properties"]["bytes"];
        assert_eq!(bytes["type"], "integer");
        assert!(bytes["description"].as_str().is_some_and(|text| text.contains("virtual bytes")));
        assert_eq!(result["schema"]["examples"][0]["size"], 2);
    }
}
