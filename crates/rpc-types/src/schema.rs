//! The JSON schema of a result, made when it is asked for.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

/// Marks, in a type's attributes, a member that may be left out and may be null.
const NULLABLE: &str = "x-nullable";

/// The schema (draft 7, as OpenRPC wants it) of what a type is written as, whole in itself.
pub fn of<T: JsonSchema>() -> Value {
    let mut settings = SchemaSettings::draft07().for_serialize();
    settings.inline_subschemas = true;
    settings.meta_schema = None;
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    if let Some(members) = schema.as_object_mut() {
        members.remove("title");
    }
    tidy(&mut schema);
    schema
}

/// A member that may be left out is never null, and each format that says no more than the type
/// and its limits goes.
fn tidy(schema: &mut Value) {
    if let Some(items) = schema.as_array_mut() {
        return items.iter_mut().for_each(tidy);
    }
    let Some(members) = schema.as_object_mut() else { return };
    members.values_mut().for_each(tidy);
    if members.get("format").is_some_and(Value::is_string) {
        members.remove("format");
    }
    let required: Vec<Value> =
        members.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    let properties = members.get_mut("properties").and_then(Value::as_object_mut);
    for (name, property) in properties.into_iter().flatten() {
        let nullable = property.as_object_mut().and_then(|members| members.remove(NULLABLE));
        if nullable.is_none() && !required.iter().any(|required| required == name) {
            never_null(property);
        }
    }
}

fn never_null(property: &mut Value) {
    let Some(members) = property.as_object_mut() else { return };
    if let Some(types) = members.get_mut("type")
        && let Some(listed) = types.as_array_mut()
    {
        listed.retain(|name| name != "null");
        if let [only] = &listed[..] {
            *types = only.clone();
        }
    }
    let Some(Value::Array(mut choices)) = members.remove("anyOf") else { return };
    choices.retain(|choice| choice.get("type").is_none_or(|kind| kind != "null"));
    match (choices.pop(), choices.is_empty()) {
        (Some(Value::Object(only)), true) => {
            for (name, value) in only {
                // What is said of the member goes before what is said of its type.
                if !members.contains_key(&name) {
                    members.insert(name, value);
                }
            }
        }
        (last, _) => {
            choices.extend(last);
            members.insert("anyOf".to_owned(), Value::Array(choices));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mining::{DifficultyInfo, MiningStatus};
    use serde_json::json;

    #[test]
    fn what_may_be_missing_is_never_null_and_what_may_be_null_is_never_missing() {
        let status = of::<MiningStatus>();
        assert_eq!(status["properties"]["reason"]["type"], json!(["string", "null"]));
        let required = status["required"].as_array().expect("a list");
        assert!(required.contains(&json!("reason")));
        let info = of::<DifficultyInfo>();
        assert_eq!(info["properties"]["changes_at"]["type"], "integer");
        assert!(!info["required"].as_array().expect("a list").contains(&json!("changes_at")));
        // Here both can be.
        assert_eq!(
            info["properties"]["change_expected_percent"]["type"],
            json!(["number", "null"])
        );
        let text = info["properties"]["height"]["description"].as_str();
        assert_eq!(text, Some("Height of the next block."));
    }
}
