//! The WebSocket and HTTP port of a running node.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as WsError, Message, WebSocket, client};

use super::run::{NodeProcess, forthcoin, regtest, terminate, vector, wait_until};

/// A regtest node with its port open somewhere.
pub struct Service {
    pub node: NodeProcess,
    folder: PathBuf,
    pub address: String,
}

impl Service {
    pub fn start(folder: &Path, more: &[&str]) -> Service {
        let mut command = forthcoin();
        command.arg("regtest").arg("--datadir").arg(folder).arg("--websocket=127.0.0.1:0");
        command.args(more).stdout(Stdio::null()).stderr(Stdio::null());
        Service::run(folder, command)
    }

    pub fn run(folder: &Path, mut command: Command) -> Service {
        let node = NodeProcess { child: command.spawn().expect("the program starts") };
        let socket = folder.join("regtest/control.sock");
        wait_until("the control socket", || {
            std::os::unix::net::UnixStream::connect(&socket).is_ok()
        });
        let mut address = String::new();
        wait_until("the port", || {
            let ran = regtest(folder, &["-e", "init-storage get-ws-status type bye"]);
            let status: Value = serde_json::from_str(&ran.out).expect("JSON");
            address = status["address"].as_str().unwrap_or_default().to_owned();
            !address.is_empty()
        });
        Service { node, folder: folder.to_owned(), address }
    }

    fn cookie(&self) -> String {
        fs::read_to_string(self.folder.join("regtest/.cookie")).expect("the cookie is there")
    }

    pub fn basic(&self) -> String {
        format!("Basic {}", data_encoding::BASE64.encode(self.cookie().as_bytes()))
    }

    /// Sends one HTTP request and reads the whole answer: status and body.
    fn http(&self, head: &str, body: &[u8]) -> (u16, String, String) {
        let mut stream = TcpStream::connect(&self.address).expect("the port is open");
        stream.set_read_timeout(Some(Duration::from_secs(90))).expect("a socket");
        let length = body.len();
        let mut request =
            format!("{head}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n").into_bytes();
        request.extend_from_slice(body);
        // The server may answer and close before it has read all.
        let _ = stream.write_all(&request);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        (status, head.to_owned(), body.to_owned())
    }

    pub fn get(&self, path: &str) -> (u16, String, String) {
        self.http(&format!("GET {path} HTTP/1.1\r\nHost: localhost"), b"")
    }

    pub fn post(&self, headers: &str, body: &str) -> (u16, Value) {
        let head = format!("POST / HTTP/1.1\r\nHost: localhost{headers}");
        let (status, _, body) = self.http(&head, body.as_bytes());
        (status, serde_json::from_str(&body).unwrap_or(Value::Null))
    }

    pub fn websocket(&self, token: Option<&str>) -> WebSocket<TcpStream> {
        let mut request =
            format!("ws://{}/", self.address).into_client_request().expect("a request");
        if let Some(token) = token {
            request.headers_mut().insert("authorization", token.parse().expect("a value"));
        }
        let stream = TcpStream::connect(&self.address).expect("the port is open");
        stream.set_read_timeout(Some(Duration::from_secs(90))).expect("a socket");
        let config = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
        client::client_with_config(request, stream, Some(config)).expect("it is let in").0
    }
}

pub fn ask(socket: &mut WebSocket<TcpStream>, text: impl Into<String>) -> Value {
    socket.send(Message::text(text.into())).expect("sent");
    next_json(socket)
}

pub fn next_json(socket: &mut WebSocket<TcpStream>) -> Value {
    loop {
        if let Message::Text(text) = socket.read().expect("an answer") {
            return serde_json::from_str(&text).expect("JSON");
        }
    }
}

/// The close code that the other side gives.
fn close_code(socket: &mut WebSocket<TcpStream>) -> Option<u16> {
    loop {
        match socket.read() {
            Ok(Message::Close(frame)) => return frame.map(|frame| frame.code.into()),
            Ok(_) => {}
            Err(_) => return None,
        }
    }
}

pub fn blocks() -> Option<Vec<String>> {
    let path = vector("blocks/regtest-core-206.hex")?;
    Some(fs::read_to_string(path).expect("readable").lines().map(str::to_owned).collect())
}

#[test]
fn the_specifications_examples_over_websocket() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = Service::start(folder.path(), &[]);
    let mut socket = service.websocket(None);
    // Section 7 of the specification, with calls that there are.
    let reply =
        ask(&mut socket, r#"{"jsonrpc":"2.0","method":"getblockcount","params":[],"id":1}"#);
    assert_eq!(reply, json!({ "jsonrpc": "2.0", "result": 0, "id": 1 }));
    let named = r#"{"jsonrpc":"2.0","method":"getblockhash","params":{"height":0},"id":"3"}"#;
    let reply = ask(&mut socket, named);
    assert!(reply["result"].as_str().is_some_and(|hash| hash.len() == 64) && reply["id"] == "3");
    // A notification gets no reply: what comes next answers what was asked next.
    socket
        .send(Message::text(r#"{"jsonrpc":"2.0","method":"update","params":[1,2]}"#))
        .expect("sent");
    let absent = ask(&mut socket, r#"{"jsonrpc":"2.0","method":"foobar","id":"1"}"#);
    assert_eq!((&absent["error"]["code"], &absent["id"]), (&json!(-32601), &json!("1")));
    for (text, code) in [
        (r#"{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]"#, -32700),
        (r#"{"jsonrpc": "2.0", "method": 1, "params": "bar"}"#, -32600),
        (r#"[{"jsonrpc": "2.0", "method": "sum", "id": "1"}, {"method""#, -32700),
        ("[]", -32600),
    ] {
        let reply = ask(&mut socket, text);
        assert_eq!((&reply["error"]["code"], &reply["id"]), (&json!(code), &Value::Null), "{text}");
    }
    let invalid = ask(&mut socket, "[1,2,3]");
    let codes: Vec<&Value> =
        invalid.as_array().expect("a list").iter().map(|one| &one["error"]["code"]).collect();
    assert_eq!(codes, [&json!(-32600); 3]);
    let batch = r#"[
        {"jsonrpc": "2.0", "method": "getblockcount", "id": "1"},
        {"jsonrpc": "2.0", "method": "getblockcount"},
        {"foo": "boo"},
        {"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"}]"#;
    let replies = ask(&mut socket, batch);
    let ids: Vec<&Value> = replies.as_array().expect("a list").iter().map(|r| &r["id"]).collect();
    assert_eq!(ids, [&json!("1"), &Value::Null, &json!("5")]);
    // A batch of notifications alone gets nothing.
    socket
        .send(Message::text(r#"[{"jsonrpc":"2.0","method":"a"},{"jsonrpc":"2.0","method":"b"}]"#))
        .expect("sent");
    let reply = ask(&mut socket, r#"{"jsonrpc":"2.0","method":"getblockcount","id":9}"#);
    assert_eq!(reply["id"], 9);
    assert_eq!(service.node.stop(), Some(0));
}

#[test]
fn http_in_cores_manner() {
    let folder = tempfile::tempdir().expect("a folder");
    let user = "--rpcauth=rt:93648e835a54c573682c2eb19f882535$7681e9c5b74bdd85e78166031d2058e1069b3ed7ed967c93fc63abba06f31144";
    let service = Service::start(folder.path(), &[user]);
    let mode = fs::metadata(folder.path().join("regtest/.cookie")).expect("there").permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);

    let one = |method: &str| format!(r#"{{"id":7,"method":"{method}","params":[]}}"#);
    let two = |method: &str| format!(r#"{{"jsonrpc":"2.0","id":7,"method":"{method}"}}"#);
    let (status, reply) = service.post("", &one("getblockcount"));
    assert_eq!((status, reply), (200, json!({ "result": 0, "error": null, "id": 7 })));
    let (status, reply) = service.post("", &two("getblockcount"));
    assert_eq!((status, reply), (200, json!({ "jsonrpc": "2.0", "result": 0, "id": 7 })));
    assert_eq!(service.post("", &one("nonsense")).0, 404);
    assert_eq!(service.post("", &two("nonsense")).0, 200);
    assert_eq!(service.post("", r#"{"method":7}"#).0, 400);
    assert_eq!(service.post("", "{").0, 500);
    assert_eq!(service.post("", r#"{"id":1,"method":"getblockhash","params":[9]}"#).0, 500);
    assert_eq!(service.post("", r#"{"jsonrpc":"2.0","method":"getblockcount"}"#).0, 204);
    assert_eq!(service.post("", &format!("[{},{}]", one("nonsense"), two("nonsense"))).0, 200);
    assert_eq!(service.http("PUT / HTTP/1.1\r\nHost: localhost", b"").0, 405);

    // What changes something needs the token; wrong ones are refused for anything.
    assert_eq!(service.post("", &one("flush")).0, 401);
    let cookie = format!("\r\nAuthorization: {}", service.basic());
    assert_eq!(service.post(&cookie, &one("flush")).0, 200);
    let rt = data_encoding::BASE64.encode(b"rt:cA773lm788buwYe4g4WT+05pKyNruVKjQ25x3n0DQcM=");
    assert_eq!(service.post(&format!("\r\nAuthorization: Basic {rt}"), &one("flush")).0, 200);
    let wrong = data_encoding::BASE64.encode(b"rt:wrong");
    let wrong = format!("\r\nAuthorization: Basic {wrong}");
    assert_eq!(service.post(&wrong, &one("getblockcount")).0, 401);

    // Pages of other sites and names that are made to point here.
    let foreign = "POST / HTTP/1.1\r\nHost: evil.example";
    assert_eq!(service.http(foreign, one("getblockcount").as_bytes()).0, 403);
    assert_eq!(service.post("\r\nOrigin: http://evil.example", &one("getblockcount")).0, 403);
    assert_eq!(service.post("\r\nContent-Encoding: gzip", "x").0, 415);
    let large = vec![b' '; 2 << 20];
    assert_eq!(service.http("POST / HTTP/1.1\r\nHost: localhost", &large).0, 413);
    assert_eq!(service.node.stop(), Some(0));
    assert!(!folder.path().join("regtest/.cookie").exists());
}

#[test]
fn health_metrics_document_and_explorer() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = Service::start(folder.path(), &[]);
    assert_eq!(service.get("/health").0, 200);
    let (status, _, text) = service.get("/ready");
    assert_eq!((status, text.as_str()), (200, "ready at height 0\n"));
    let (status, _, metrics) = service.get("/metrics");
    assert_eq!(status, 200);
    for name in ["forthcoin_height 0", "forthcoin_tip_age_seconds ", "# EOF"] {
        assert!(metrics.contains(name), "{name} in {metrics}");
    }
    let (_, _, document) = service.get("/openrpc.json");
    let document: Value = serde_json::from_str(&document).expect("JSON");
    assert_eq!(document["openrpc"], "1.3.2");
    // Every example of the document runs.
    let mut ran = 0;
    for method in document["methods"].as_array().expect("a list") {
        for example in method["examples"].as_array().into_iter().flatten() {
            let params: Vec<&Value> =
                example["params"].as_array().expect("a list").iter().map(|p| &p["value"]).collect();
            let request =
                json!({ "jsonrpc": "2.0", "id": 1, "method": method["name"], "params": params });
            let (status, reply) = service.post("", &request.to_string());
            assert!(status == 200 && reply.get("result").is_some(), "{request}: {reply}");
            ran += 1;
        }
    }
    assert!(ran >= 10, "{ran} examples");
    let (status, head, page) = service.get("/explorer/");
    assert!(status == 200 && head.contains("default-src 'none'"), "{head}");
    assert!(page.contains("<main"));
    assert_eq!(service.get("/").0, 303);
    assert_eq!(service.get("/nothing").0, 404);
}

#[test]
fn bad_input_is_told_and_the_service_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = Service::start(folder.path(), &["--max-connections=40"]);
    let mut socket = service.websocket(None);
    assert_eq!(ask(&mut socket, "[".repeat(100_000))["error"]["code"], -32700);
    let many = format!("[{}0]", "0,".repeat(2000));
    assert_eq!(ask(&mut socket, many)["error"]["code"], -32600);
    for params in ["7", "[\"x\"]", "[1,2,3,4,5]", "{\"hight\":1}", "[-1]", "[1e300]", "[null]"] {
        let request = format!(r#"{{"id":1,"method":"getblockhash","params":{params}}}"#);
        assert!(ask(&mut socket, request)["error"]["code"].is_i64(), "{params}");
    }
    assert_eq!(ask(&mut socket, r#"{"id":1,"method":"flush"}"#)["error"]["code"], -32001);
    // Too long for whoever brings no token: 1009.
    let mut long = service.websocket(None);
    let _ = long.send(Message::text("x".repeat(3 << 20)));
    assert!(matches!(close_code(&mut long), Some(1009) | None));
    // Not UTF-8: 1007. Compressed although nothing was agreed on: 1002.
    for (first, payload, code) in
        [(0x81u8, vec![0xff, 0xfe], 1007), (0xc1, vec![1, 2, 3], 1002), (0x83, vec![0], 1002)]
    {
        let mut raw = service.websocket(None);
        let mut frame = vec![first, 0x80 | payload.len() as u8, 0, 0, 0, 0];
        frame.extend(payload);
        raw.get_mut().write_all(&frame).expect("sent");
        assert_eq!(close_code(&mut raw), Some(code));
    }
    // Half a frame and half a head hold no more than their connection.
    let mut half = service.websocket(None);
    half.get_mut().write_all(&[0x81, 0xfe, 0x10]).expect("sent");
    let mut head = TcpStream::connect(&service.address).expect("open");
    head.write_all(b"GET / HTTP/1.1\r\nHost: loc").expect("sent");
    // A foreign page's socket, and a WebSocket of another age.
    for header in ["Origin: http://evil.example", "Sec-WebSocket-Version: 8"] {
        let (status, ..) = service.http(
            &format!(
                "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\
                 Connection: upgrade\r\n{header}"
            ),
            b"",
        );
        assert!(status == 403 || status == 426, "{status}");
    }
    // More than the limit: the rest is turned away, and room comes back.
    let crowd: Vec<TcpStream> =
        (0..100).filter_map(|_| TcpStream::connect(&service.address).ok()).collect();
    drop(crowd);
    wait_until("room", || service.get("/health").0 == 200);
    let reply = ask(&mut socket, r#"{"id":1,"method":"getblockcount"}"#);
    assert_eq!(reply["result"], 0);
    assert_eq!(service.node.stop(), Some(0));
}

#[test]
fn a_console_holds_a_node_elsewhere() {
    let Some(blocks) = vector("blocks/regtest-core-206.hex") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let service = Service::start(folder.path(), &[]);
    let url = format!("ws://{}", service.address);
    let token = folder.path().join("regtest/.cookie").display().to_string();
    let elsewhere = tempfile::tempdir().expect("a folder");
    let import = format!("init-storage import-blocks {} get-height . bye", blocks.display());
    let attached = |more: &[&str]| regtest(elsewhere.path(), &[&["--attach", &url], more].concat());
    let without = attached(&["-e", &import]);
    assert_eq!(without.code, Some(5), "{}", without.err);
    assert!(without.err.contains("token"), "{}", without.err);
    let with = attached(&["--token-file", &token, "-e", &import]);
    assert!(with.code == Some(0) && with.out.ends_with("206 "), "{} {}", with.out, with.err);
    let look = "init-storage chain-info block 206 bye";
    assert_eq!(attached(&["-e", look]).out, regtest(folder.path(), &["-e", look]).out);
    let nobody = regtest(elsewhere.path(), &["--attach", "ws://127.0.0.1:1", "-e", look]);
    assert_eq!(nobody.code, Some(3), "{}", nobody.err);
    assert_eq!(fs::read_dir(elsewhere.path()).expect("listed").count(), 0, "nothing is kept here");
}

#[test]
fn the_port_opens_and_closes_from_the_console() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = Service::start(folder.path(), &[]);
    let again = regtest(folder.path(), &["-e", "init-storage start-ws-server bye"]);
    assert!(again.code == Some(5) && again.err.contains("open already"), "{}", again.err);
    assert_eq!(
        regtest(folder.path(), &["-e", "init-storage stop-ws-server ws-status bye"]).code,
        Some(0)
    );
    assert!(TcpStream::connect(&service.address).is_err());
    let opened = regtest(folder.path(), &["-e", "init-storage start-ws-server bye"]);
    assert_eq!(opened.code, Some(0), "{}", opened.err);
    // A second node on the same port, and on the same folder.
    let status = regtest(folder.path(), &["-e", "init-storage get-ws-status type bye"]);
    let status: Value = serde_json::from_str(&status.out).expect("JSON");
    let address = status["address"].as_str().expect("open").to_owned();
    let other = tempfile::tempdir().expect("a folder");
    let second = regtest(other.path(), &[&format!("--websocket={address}")]);
    assert!(second.code == Some(3) && second.err.contains("in use"), "{}", second.err);
    let same = regtest(folder.path(), &["--websocket=127.0.0.1:0"]);
    assert!(same.code == Some(3) && same.err.contains("holds the data folder"), "{}", same.err);
}

#[test]
fn readonly_refuses_changes_whatever_the_token() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = Service::start(folder.path(), &["--readonly"]);
    let mut operator = service.websocket(Some(&service.basic()));
    for method in ["flush", "stopserver", "loglevel"] {
        let reply = ask(&mut operator, format!(r#"{{"id":1,"method":"{method}","params":[]}}"#));
        assert_eq!(reply["error"]["code"], -32001, "{reply}");
    }
    assert_eq!(ask(&mut operator, r#"{"id":1,"method":"getblockcount"}"#)["result"], 0);
    let local = regtest(folder.path(), &["-e", "init-storage flush-chain bye"]);
    assert_eq!(local.code, Some(5), "{}", local.err);
}

#[test]
fn systemd_is_told() {
    use std::os::unix::net::UnixDatagram;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("notify");
    let systemd = UnixDatagram::bind(&path).expect("a socket");
    systemd.set_read_timeout(Some(Duration::from_secs(90))).expect("a socket");
    let mut command = forthcoin();
    command.arg("regtest").arg("--datadir").arg(folder.path()).arg("--websocket=127.0.0.1:0");
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "3000000");
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let service = Service::run(folder.path(), command);
    let mut seen = Vec::new();
    let mut wait_for = |wanted: &str| {
        let mut buffer = [0u8; 256];
        while !seen.iter().any(|text: &String| text.contains(wanted)) {
            let size = systemd.recv(&mut buffer).expect(wanted);
            seen.push(String::from_utf8_lossy(&buffer[..size]).into_owned());
        }
    };
    wait_for("READY=1");
    assert_eq!(service.get("/health").0, 200);
    wait_for("WATCHDOG=1");
    terminate(&service.node.child);
    wait_for("STOPPING=1");
    assert!(matches!(service.node.stop(), Some(0)));
}

#[test]
fn a_socket_that_stops_reading_is_dropped_and_others_are_served() {
    let Some(blocks) = blocks() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let service = Service::start(folder.path(), &[]);
    let mut operator = service.websocket(Some(&service.basic()));
    for block in &blocks[..3] {
        let submit = json!({ "id": 1, "method": "submitblock", "params": [block] });
        ask(&mut operator, submit.to_string());
    }
    // Asks for far more than the buffers of both ends hold, and reads nothing.
    let mut greedy = service.websocket(None);
    greedy.get_mut().set_write_timeout(Some(Duration::from_millis(500))).expect("a socket");
    let one = r#"{"id":1,"method":"getblock","params":["1",2]}"#;
    let batch = format!("[{}]", vec![one; 900].join(","));
    for _ in 0..200 {
        if !matches!(greedy.send(Message::text(batch.clone())), Ok(())) {
            break;
        }
    }
    assert_eq!(ask(&mut operator, r#"{"id":1,"method":"getblockcount"}"#)["result"], 3);
    drop(greedy);
    match operator.close(None) {
        Ok(()) | Err(WsError::ConnectionClosed) => {}
        Err(error) => panic!("{error}"),
    }
    assert_eq!(service.node.stop(), Some(0));
}
