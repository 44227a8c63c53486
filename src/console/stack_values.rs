//! Values between the Forth stack and Rust.

use serde_json::{Value, json};

use super::host::{THROW_FILE, throw_of};
use forth2012::host::{HostContext, Throw};
use primitives::hex;
use rpc::error::CallError;
use rpc::value::{Param, Shape};

/// Text that must be UTF-8.
pub fn pop_text(context: &mut HostContext<'_>) -> Result<String, Throw> {
    let text = context.pop_string()?;
    let why = "the text is not UTF-8";
    String::from_utf8(text).map_err(|_| throw_of(CallError::invalid_params(why)))
}

/// Text in which what is not UTF-8 is replaced.
pub fn pop_lossy(context: &mut HostContext<'_>) -> Result<String, Throw> {
    Ok(String::from_utf8_lossy(&context.pop_string()?).into_owned())
}

/// The name of a file.
pub fn pop_path(context: &mut HostContext<'_>) -> Result<String, Throw> {
    let name = context.pop_string()?;
    String::from_utf8(name).map_err(|_| Throw::new(THROW_FILE, "the file name is not UTF-8"))
}

/// Bytes written as hex.
pub fn pop_hex(context: &mut HostContext<'_>) -> Result<Vec<u8>, Throw> {
    let bytes = hex::decode(pop_lossy(context)?.trim());
    bytes.map_err(|e| throw_of(CallError::invalid_params(e.to_string())))
}

/// JSON as text.
pub fn push_json(value: &Value, context: &mut HostContext<'_>) -> Result<(), Throw> {
    context.push_string(value.to_string().as_bytes())
}

/// A parameter of a call.
pub fn pop_value(param: &Param, context: &mut HostContext<'_>) -> Result<Value, Throw> {
    Ok(match param.shape {
        Shape::Nothing => Value::Null,
        Shape::Cell => json!(context.pop()?),
        Shape::Flag => Value::Bool(context.pop()? != 0),
        Shape::Text => Value::String(pop_lossy(context)?),
        Shape::Json => serde_json::from_slice(&context.pop_string()?).map_err(|e| {
            throw_of(CallError::invalid_params(format!("{} is not JSON: {e}", param.name)))
        })?,
    })
}

/// The result of a call.
pub fn push_value(shape: Shape, value: &Value, context: &mut HostContext<'_>) -> Result<(), Throw> {
    match shape {
        Shape::Nothing => Ok(()),
        Shape::Cell => context.push(value.as_i64().unwrap_or(0)),
        Shape::Flag => context.push_flag(value.as_bool().unwrap_or(false)),
        Shape::Text => match value.as_str() {
            Some(text) => context.push_string(text.as_bytes()),
            None => context.push_string(value.to_string().as_bytes()),
        },
        Shape::Json => push_json(value, context),
    }
}
