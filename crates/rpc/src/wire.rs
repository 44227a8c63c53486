//! JSON-RPC 2.0 text to requests and back (jsonrpc.org specification), bounded in size and depth.

use serde_json::{Map, Value, json};

use super::error::{CallError, ErrorKind};
use super::value::Reply;

/// The longest request or reply line that is read, in bytes: a batch of blocks as hex.
pub const MAX_LINE: usize = 64 * 1024 * 1024;

/// Requests in one batch.
pub const MAX_BATCH: usize = 1000;

/// The parameters of a request as received.
#[derive(Debug, Clone, PartialEq)]
pub enum Params {
    ByPosition(Vec<Value>),
    ByName(Map<String, Value>),
}

/// One requested call.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    pub method: String,
    pub params: Params,
}

impl Request {
    pub fn new(method: &str, params: Vec<Value>) -> Request {
        Request { method: method.to_owned(), params: Params::ByPosition(params) }
    }

    /// The request's line, without the line feed.
    pub fn to_text(&self, id: u64) -> String {
        let params = match &self.params {
            Params::ByPosition(values) => Value::Array(values.clone()),
            Params::ByName(values) => Value::Object(values.clone()),
        };
        json!({ "jsonrpc": "2.0", "id": id, "method": self.method, "params": params }).to_string()
    }
}

/// The shape of a reply: Core's old one holds both `result` and `error`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// JSON-RPC 1.0 and 1.1, and a request that names no version.
    One,
    Two,
}

/// A request with its id; `None` is a notification, which gets no reply.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    pub id: Option<Value>,
    pub version: Version,
    pub request: Request,
}

/// What is not a request, and how to say so.
#[derive(Debug, Clone, PartialEq)]
pub struct Refused {
    /// The id to answer to, null where it can't be known.
    pub id: Value,
    pub version: Version,
    pub error: CallError,
}

/// A request, or why it is none.
pub type Item = Result<Asked, Refused>;

/// What one text holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    One(Item),
    /// At least one, at most `MAX_BATCH`.
    Batch(Vec<Item>),
}

/// Reads one request. The error carries the id to answer to, null where it can't be known.
pub fn read_request(text: &[u8]) -> Result<Asked, (Value, CallError)> {
    let refused = |refused: Refused| (refused.id, refused.error);
    parse(text).and_then(read_request_value).map_err(refused)
}

/// Reads one request or a batch of them (section 6 of the specification).
pub fn read_message(text: &[u8]) -> Message {
    let invalid = |why: String| {
        let error = CallError::new(ErrorKind::InvalidRequest, why);
        Message::One(Err(Refused { id: Value::Null, version: Version::Two, error }))
    };
    match parse(text) {
        Err(refused) => Message::One(Err(refused)),
        Ok(Value::Array(items)) if items.is_empty() => invalid("the batch is empty".to_owned()),
        Ok(Value::Array(items)) if items.len() > MAX_BATCH => invalid(format!(
            "a batch of {} is over the limit of {MAX_BATCH}: send several",
            items.len()
        )),
        Ok(Value::Array(items)) => {
            Message::Batch(items.into_iter().map(read_request_value).collect())
        }
        Ok(value) => Message::One(read_request_value(value)),
    }
}

fn parse(text: &[u8]) -> Result<Value, Refused> {
    serde_json::from_slice(text).map_err(|e| Refused {
        id: Value::Null,
        version: Version::Two,
        error: CallError::new(ErrorKind::Parse, format!("the request is not JSON: {e}")),
    })
}

fn read_request_value(value: Value) -> Item {
    let refuse = |id: &Option<Value>, version, why: &str| {
        let error = CallError::new(ErrorKind::InvalidRequest, why);
        Err(Refused { id: id.clone().unwrap_or(Value::Null), version, error })
    };
    let Value::Object(mut members) = value else {
        let why = "a request is an object with \"method\" and \"params\"";
        return refuse(&None, Version::Two, why);
    };
    let version = match members.get("jsonrpc") {
        Some(Value::String(version)) if version == "2.0" => Version::Two,
        None | Some(Value::Null) => Version::One,
        Some(Value::String(version)) if version == "1.0" || version == "1.1" => Version::One,
        Some(_) => return refuse(&None, Version::Two, "\"jsonrpc\" must be \"2.0\" or \"1.0\""),
    };
    let id = members.swap_remove("id");
    if matches!(id, Some(Value::Object(_) | Value::Array(_) | Value::Bool(_))) {
        return refuse(&None, version, "the id must be a text, a number or null");
    }
    let Some(Value::String(method)) = members.swap_remove("method") else {
        return refuse(&id, version, "\"method\" must be a text that names a call");
    };
    let params = match members.swap_remove("params") {
        None | Some(Value::Null) => Params::ByPosition(Vec::new()),
        Some(Value::Array(values)) => Params::ByPosition(values),
        Some(Value::Object(values)) => Params::ByName(values),
        Some(_) => return refuse(&id, version, "\"params\" must be a list or an object"),
    };
    Ok(Asked { id, version, request: Request { method, params } })
}

/// The reply's line, without the line feed.
pub fn write_reply(id: &Value, reply: &Result<Reply, CallError>) -> String {
    let mut text = Vec::new();
    append_reply(&mut text, Version::Two, id, reply);
    String::from_utf8(text).unwrap_or_default()
}

/// Appends a reply's text; a value is not copied on the way.
pub fn append_reply(
    text: &mut Vec<u8>,
    version: Version,
    id: &Value,
    reply: &Result<Reply, CallError>,
) {
    fn put(text: &mut Vec<u8>, value: &Value) {
        // Writing a value into memory does not fail.
        let _ = serde_json::to_writer(text, value);
    }
    fn put_reply(text: &mut Vec<u8>, reply: &Reply) {
        match reply {
            Reply::Value(value) => put(text, value),
            Reply::Text(written) => text.extend_from_slice(written),
        }
    }
    match version {
        Version::Two => text.extend_from_slice(b"{\"jsonrpc\":\"2.0\","),
        Version::One => text.push(b'{'),
    }
    match (version, reply) {
        (Version::Two, Ok(result)) => {
            text.extend_from_slice(b"\"result\":");
            put_reply(text, result);
        }
        (Version::Two, Err(error)) => {
            text.extend_from_slice(b"\"error\":");
            put(text, &error.to_json());
        }
        (Version::One, Ok(result)) => {
            text.extend_from_slice(b"\"result\":");
            put_reply(text, result);
            text.extend_from_slice(b",\"error\":null");
        }
        (Version::One, Err(error)) => {
            text.extend_from_slice(b"\"result\":null,\"error\":");
            put(text, &error.to_json());
        }
    }
    text.extend_from_slice(b",\"id\":");
    put(text, id);
    text.push(b'}');
}

/// Reads a reply.
pub fn read_reply(text: &[u8]) -> Result<Value, CallError> {
    let broken = |e: serde_json::Error| {
        CallError::new(ErrorKind::Internal, format!("the node's reply is not JSON: {e}"))
    };
    read_reply_value(serde_json::from_slice(text).map_err(broken)?)
}

/// The result or the error of a reply.
pub fn read_reply_value(mut value: Value) -> Result<Value, CallError> {
    if let Some(error) = value.get("error").filter(|error| !error.is_null()) {
        return Err(CallError::from_json(error));
    }
    match value.get_mut("result") {
        Some(result) => Ok(result.take()),
        None => {
            let why = "the node's reply has neither result nor error";
            Err(CallError::new(ErrorKind::Internal, why))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn requests_and_replies_there_and_back() {
        let request = Request::new("getblockhash", vec![json!(7)]);
        let asked = read_request(request.to_text(3).as_bytes()).expect("our own text");
        assert_eq!(asked, Asked { id: Some(json!(3)), version: Version::Two, request });
        for reply in [Ok(json!([1, "a"])), Err(CallError::not_found("no")), Ok(Value::Null)] {
            let written = write_reply(&json!(1), &reply.clone().map(Reply::Value));
            assert_eq!(read_reply(written.as_bytes()), reply);
        }
    }

    #[test]
    fn the_specifications_errors() {
        for (text, code) in [
            ("{\"jsonrpc\": \"2.0\", \"method\": \"foobar, \"params\": \"bar\", \"baz]", -32700),
            ("{\"jsonrpc\": \"2.0\", \"method\": 1, \"params\": \"bar\"}", -32600),
            ("{\"jsonrpc\": \"2.0\", \"method\": \"f\", \"params\": \"bar\"}", -32600),
            ("[]", -32600),
            ("1", -32600),
            ("{\"id\": {}, \"method\": \"f\"}", -32600),
        ] {
            let (_, error) = read_request(text.as_bytes()).expect_err(text);
            assert_eq!(error.kind.rpc_code(), code, "{text}");
        }
        let deep = "[".repeat(100_000);
        assert!(read_request(deep.as_bytes()).is_err());
    }

    #[test]
    fn batches_and_versions() {
        let Message::Batch(items) = read_message(b"[1, {\"method\": \"f\", \"id\": 2}]") else {
            panic!("a batch");
        };
        assert_eq!(items.len(), 2);
        assert_eq!(items[0].as_ref().expect_err("1 is none").error.kind, ErrorKind::InvalidRequest);
        assert_eq!(items[1].as_ref().expect("a request").version, Version::One);
        let many = format!("[{}0]", "0,".repeat(MAX_BATCH));
        for bad in ["[]", many.as_str(), "{\"jsonrpc\": \"3.0\", \"method\": \"f\", \"id\": 1}"] {
            let Message::One(Err(refused)) = read_message(bad.as_bytes()) else {
                panic!("refused as a whole");
            };
            assert_eq!(refused.error.kind, ErrorKind::InvalidRequest);
        }
        let mut old = Vec::new();
        append_reply(&mut old, Version::One, &json!("a"), &Err(CallError::not_found("no")));
        let old: Value = serde_json::from_slice(&old).expect("JSON");
        assert_eq!(old["result"], Value::Null);
        assert_eq!((&old["error"]["code"], &old["id"]), (&json!(-5), &json!("a")));
    }

    proptest! {
        #[test]
        fn noise_never_panics(noise in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_message(&noise);
            let _ = read_request(&noise);
            let _ = read_reply(&noise);
        }
    }
}
