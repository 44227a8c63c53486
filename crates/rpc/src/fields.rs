//! A JSON schema as rows of a table: each field with its place, its type and its meaning.

use serde_json::{Map, Value};

/// One field of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Where it is: `vin[].txid`; empty for the result itself. `[]` is each item of a list, `*`
    /// each member of an object whose names are not fixed.
    pub path: String,
    /// It may be missing.
    pub optional: bool,
    pub kind: String,
    /// What it means, with its unit.
    pub meaning: String,
}

/// Schemas within schemas that are looked at; types nest less deeply.
const MAX_DEPTH: usize = 16;

/// All fields, in the order in which they are written, the result itself first.
pub fn of(schema: &Value) -> Vec<Field> {
    let mut fields = Vec::new();
    describe(schema, String::new(), false, 0, &mut fields);
    fields
}

fn text<'a>(schema: &'a Value, name: &str) -> &'a str {
    schema.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(schema: &'a Value, name: &str) -> &'a [Value] {
    schema.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn object<'a>(schema: &'a Value, name: &str) -> Option<&'a Map<String, Value>> {
    schema.get(name).and_then(Value::as_object)
}

/// The alternatives of a schema, or itself alone.
fn alternatives(schema: &Value) -> Vec<&Value> {
    match list(schema, "anyOf") {
        [] => vec![schema],
        several => several.iter().collect(),
    }
}

/// The texts that a schema allows, each with what it means.
fn named(schema: &Value) -> Vec<(&str, &str)> {
    let one_of = list(schema, "oneOf").iter();
    let one_of = one_of.map(|choice| (text(choice, "const"), text(choice, "description")));
    one_of.filter(|(name, _)| !name.is_empty()).collect()
}

/// The type in a few words.
pub fn kind(schema: &Value) -> String {
    let mut kinds: Vec<String> = Vec::new();
    for alternative in alternatives(schema) {
        let several = list(alternative, "type").iter().filter_map(Value::as_str);
        let names: Vec<&str> = match text(alternative, "type") {
            "" => several.collect(),
            one => vec![one],
        };
        for name in names {
            let shown = match (name, alternative.get("items")) {
                ("array", Some(items)) if items.is_object() => format!("list of {}", kind(items)),
                ("array", _) => "list".to_owned(),
                (name, _) => name.to_owned(),
            };
            if !kinds.contains(&shown) {
                kinds.push(shown);
            }
        }
        if alternative.get("type").is_none() && !named(alternative).is_empty() {
            kinds.push("string".to_owned());
        }
    }
    kinds.join(" or ")
}

fn meaning(schema: &Value) -> String {
    let mut parts: Vec<String> = vec![text(schema, "description").replace('\n', " ")];
    let choices = alternatives(schema).into_iter().flat_map(named);
    parts.extend(choices.map(|(name, means)| format!("`{name}`: {means}")));
    if !list(schema, "anyOf").is_empty() {
        let alternatives = alternatives(schema).into_iter();
        let said = alternatives.map(|choice| (kind(choice), text(choice, "description")));
        let said = said.filter(|(kind, means)| !means.is_empty() && kind != "null");
        parts.extend(said.map(|(kind, means)| format!("As {kind}: {}", means.replace('\n', " "))));
    }
    parts.retain(|part| !part.is_empty());
    parts.dedup();
    parts.join(" ")
}

fn describe(schema: &Value, path: String, optional: bool, depth: usize, fields: &mut Vec<Field>) {
    let field = Field { path, optional, kind: kind(schema), meaning: meaning(schema) };
    let path = field.path.clone();
    fields.push(field);
    if depth < MAX_DEPTH {
        alternatives(schema).into_iter().for_each(|part| inside(part, &path, depth, fields));
    }
}

/// The fields of an object, or of the items of a list.
fn inside(schema: &Value, path: &str, depth: usize, fields: &mut Vec<Field>) {
    let member = |name: &str| match path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    };
    let required = list(schema, "required");
    for (name, property) in object(schema, "properties").into_iter().flatten() {
        let optional = !required.iter().any(|required| required == name);
        describe(property, member(name), optional, depth + 1, fields);
    }
    if let Some(any) = schema.get("additionalProperties").filter(|any| any.is_object()) {
        within(any, &member("*"), depth, fields);
    }
    match schema.get("items") {
        Some(Value::Array(places)) => {
            for (at, place) in places.iter().enumerate() {
                describe(place, format!("{path}[{at}]"), false, depth + 1, fields);
            }
        }
        Some(item) => within(item, &format!("{path}[]"), depth, fields),
        None => {}
    }
}

/// An item has a row of its own only where it says something that its list does not.
fn within(item: &Value, path: &str, depth: usize, fields: &mut Vec<Field>) {
    if depth >= MAX_DEPTH {
        return;
    }
    let parts = alternatives(item);
    let has_fields = parts.iter().any(|part| {
        part.get("properties").is_some() || part.get("items").is_some_and(Value::is_array)
    });
    match has_fields {
        true => parts.into_iter().for_each(|part| inside(part, path, depth + 1, fields)),
        false if meaning(item).is_empty() => {}
        false => describe(item, path.to_owned(), false, depth + 1, fields),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::CALLS;

    #[test]
    fn every_field_of_every_result_says_what_it_means() {
        let mut count = 0;
        for entry in CALLS {
            for field in of(&entry.out_schema()) {
                let Field { path, kind, meaning, .. } = &field;
                assert!(!kind.is_empty(), "{}: {path:?} has no type", entry.method);
                if !path.is_empty() {
                    assert!(!meaning.is_empty(), "{}: {path:?} says nothing", entry.method);
                    assert!(meaning.ends_with('.'), "{}: {path:?}: {meaning}", entry.method);
                    count += 1;
                }
            }
        }
        println!("{count} fields of {} calls", CALLS.len());
    }

    #[test]
    fn nested_fields_have_their_place() {
        let of = |method: &str| of(&crate::table::find(method).expect("a call").out_schema());
        let history = of("getaddresshistory");
        let paths: Vec<&str> = history.iter().map(|field| field.path.as_str()).collect();
        assert!(paths.starts_with(&["", "transactions", "transactions[].txid"]), "{paths:?}");
        let next = history.iter().find(|field| field.path == "next").expect("a field");
        assert_eq!((next.kind.as_str(), next.optional), ("object or null", false));
        let peers = of("getpeerinfo");
        let last = peers.iter().find(|field| field.path == "[].connection_type").expect("a field");
        assert!(last.meaning.contains("`inbound`: The peer connected to us."), "{last:?}");
        let coins = of("scanscripts");
        assert!(coins.iter().any(|field| field.path == "coins[][3]"), "{coins:?}");
    }
}
