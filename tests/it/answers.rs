//! Answers of a running node, those of the process around it too, against the schemas in the
//! document that it gives out.

use jsonschema::{Draft, JSONSchema};
use serde_json::{Value, json};

use super::run::wait_until;
use super::service::Service;

/// Asks a call with the operator's rights.
fn ask(service: &Service, method: &str, params: &Value) -> Value {
    let headers = format!("\r\nAuthorization: {}", service.basic());
    let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let (status, mut reply) = service.post(&headers, &request.to_string());
    assert_eq!(status, 200, "{method}: {reply}");
    assert!(reply.get("result").is_some(), "{method}: {reply}");
    reply["result"].take()
}

fn names(value: &Value) -> Vec<&String> {
    value.as_object().map(|members| members.keys().collect()).unwrap_or_default()
}

#[test]
fn answers_of_a_running_node_hold_to_its_document() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = Service::start(folder.path(), &[]);
    let (status, _, body) = service.get("/openrpc.json");
    assert_eq!(status, 200);
    let document: Value = serde_json::from_str(&body).expect("JSON");
    let methods = document["methods"].as_array().expect("a list");
    let schema = |name: &str| {
        let method = methods.iter().find(|method| method["name"] == name).expect("a method");
        &method["result"]["schema"]
    };
    let check = |name: &str, answer: &Value| {
        let draft = JSONSchema::options().with_draft(Draft::Draft7).compile(schema(name));
        let validator = draft.expect("a schema");
        let faults = validator.validate(answer).err().into_iter().flatten();
        let faults: Vec<String> = faults.map(|e| e.to_string()).collect();
        assert!(faults.is_empty(), "{name}: {faults:?} in {answer}");
    };

    // Calls on the process: their samples are kept by hand, so the members are compared, too.
    let file = json!([folder.path().join("chain.backup")]);
    for (name, params) in [
        ("gethealth", json!([])),
        ("uptime", json!([])),
        ("getmemoryinfo", json!([])),
        ("getserverinfo", json!([])),
        ("loglevel", json!(["info"])),
        ("backup", file),
    ] {
        let answer = ask(&service, name, &params);
        check(name, &answer);
        assert_eq!(names(&answer), names(&schema(name)["examples"][0]), "{name}");
    }
    wait_until("the backup", || {
        let answer = ask(&service, "getbackupinfo", &json!([]));
        check("getbackupinfo", &answer);
        answer["state"] == "done"
    });
    let answer = ask(&service, "getbackupinfo", &json!([]));
    assert_eq!(names(&answer), names(&schema("getbackupinfo")["examples"][0]));
    check("stopbackup", &ask(&service, "stopbackup", &json!([])));

    // Reads that any chain answers, as the document's examples ask them.
    let mut answered = 0;
    for method in methods {
        let name = method["name"].as_str().expect("a text");
        for example in method["examples"].as_array().into_iter().flatten() {
            let params = example["params"].as_array().expect("a list").iter();
            let params: Value = params.map(|param| param["value"].clone()).collect();
            check(name, &ask(&service, name, &params));
            answered += 1;
        }
    }
    assert!(answered >= 30, "{answered}");
    assert_eq!(ask(&service, "stop", &json!([])), "ForthCoin stopping");
}
