//! The JSON schema of a result, made when it is asked for.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

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
        if !required.iter().any(|required| required == name) {
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
