//! Leaves secrets and long values out of what is logged.

use serde_json::{Map, Value, json};

/// What is kept of a call's parameters: names that sound secret and long values are not.
pub fn redacted(name: &str, value: &Value) -> Value {
    const SECRET: &[&str] =
        &["pass", "secret", "phrase", "seed", "mnemonic", "priv", "wif", "token", "preimage"];
    const LONGEST_TEXT: usize = 100;
    const MOST_ITEMS: usize = 8;
    let lower = name.to_lowercase();
    if SECRET.iter().any(|word| lower.contains(word)) {
        return json!("(not kept)");
    }
    match value {
        Value::String(text) if text.chars().count() > LONGEST_TEXT => {
            let start: String = text.chars().take(32).collect();
            json!(format!("{start}… ({} characters)", text.chars().count()))
        }
        Value::Array(items) if items.len() > MOST_ITEMS => json!({ "items": items.len() }),
        Value::Array(items) => items.iter().map(|item| redacted("", item)).collect(),
        Value::Object(members) if members.len() > MOST_ITEMS => json!({ "members": members.len() }),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.chars().take(40).collect(), redacted(name, value)))
            .collect::<Map<String, Value>>()
            .into(),
        other => other.clone(),
    }
}
