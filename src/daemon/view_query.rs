//! Answers of read calls without parameters, for what is measured and watched: `/metrics`, the
//! export to PostgreSQL, `/ready`, notifications.

use serde_json::Value;

use node::view::View;
use rpc::table;
use rpc::value::Reply;
use rpc::wire::Params;

/// The current answer of a read call; `None` if there is no such call or it fails.
pub fn read(view: &View, method: &str) -> Option<Value> {
    let entry = table::find(method).ok()?;
    entry.run_read(view, Params::ByPosition(Vec::new())).ok().map(Reply::into_value)
}

/// A number of a call's answer: the answer itself where `member` is empty, else that member.
pub fn number(answer: &Value, member: &str) -> Option<f64> {
    match member {
        "" => answer.as_f64(),
        name => answer.get(name)?.as_f64(),
    }
}
