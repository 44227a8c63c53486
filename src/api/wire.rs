//! JSON-RPC 2.0 text to requests and back (jsonrpc.org specification), bounded in size and depth.

use serde_json::{Map, Value, json};

use super::error::{CallError, ErrorKind};

/// The longest request or reply line that a door reads, in bytes: a batch of blocks as hex.
pub const MAX_LINE: usize = 64 * 1024 * 1024;

/// The parameters of a request as they came.
#[derive(Debug, Clone, PartialEq)]
pub enum Params {
    ByPosition(Vec<Value>),
    ByName(Map<String, Value>),
}

/// One call asked for.
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

/// A request with its id; `None` is a notification, which gets no reply.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    pub id: Option<Value>,
    pub request: Request,
}

/// Reads one request. The error carries the id to answer to, null where it can't be known.
pub fn read_request(text: &[u8]) -> Result<Asked, (Value, CallError)> {
    let parse_error = |e: serde_json::Error| {
        (Value::Null, CallError::new(ErrorKind::Parse, format!("the request is not JSON: {e}")))
    };
    read_request_value(serde_json::from_slice(text).map_err(parse_error)?)
}

fn read_request_value(value: Value) -> Result<Asked, (Value, CallError)> {
    let Value::Object(mut members) = value else {
        let why = "a request is an object with \"method\" and \"params\"";
        return Err((Value::Null, CallError::new(ErrorKind::InvalidRequest, why)));
    };
    let id = members.remove("id");
    let invalid = |why: &str| {
        let id = id.clone().unwrap_or(Value::Null);
        (id, CallError::new(ErrorKind::InvalidRequest, why))
    };
    if matches!(id, Some(Value::Object(_) | Value::Array(_) | Value::Bool(_))) {
        let why = "the id must be a text, a number or null";
        return Err((Value::Null, CallError::new(ErrorKind::InvalidRequest, why)));
    }
    let Some(Value::String(method)) = members.remove("method") else {
        return Err(invalid("\"method\" must be a text that names a call"));
    };
    let params = match members.remove("params") {
        None | Some(Value::Null) => Params::ByPosition(Vec::new()),
        Some(Value::Array(values)) => Params::ByPosition(values),
        Some(Value::Object(values)) => Params::ByName(values),
        Some(_) => return Err(invalid("\"params\" must be a list or an object")),
    };
    Ok(Asked { id, request: Request { method, params } })
}

/// The reply's line, without the line feed.
pub fn write_reply(id: &Value, reply: &Result<Value, CallError>) -> String {
    match reply {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }).to_string(),
        Err(error) => json!({ "jsonrpc": "2.0", "id": id, "error": error.to_json() }).to_string(),
    }
}

/// Reads a reply.
pub fn read_reply(text: &[u8]) -> Result<Value, CallError> {
    let broken = |why: String| CallError::new(ErrorKind::Internal, why);
    let mut value: Value = serde_json::from_slice(text)
        .map_err(|e| broken(format!("the node's reply is not JSON: {e}")))?;
    if let Some(error) = value.get("error").filter(|error| !error.is_null()) {
        return Err(CallError::from_json(error));
    }
    match value.get_mut("result") {
        Some(result) => Ok(result.take()),
        None => Err(broken("the node's reply has neither result nor error".to_owned())),
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
        assert_eq!(asked, Asked { id: Some(json!(3)), request });
        for reply in [Ok(json!([1, "a"])), Err(CallError::not_found("no")), Ok(Value::Null)] {
            assert_eq!(read_reply(write_reply(&json!(1), &reply).as_bytes()), reply);
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

    proptest! {
        #[test]
        fn noise_never_panics(noise in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_request(&noise);
            let _ = read_reply(&noise);
        }
    }
}
