//! JSON as people read it: aligned names and values, nested parts indented, lists as lines.

use std::fmt::Write;

use serde_json::Value;

/// Lists longer than this are cut, with a line that says so.
const MOST_ITEMS: usize = 200;

/// Nesting past which a value is shown as JSON in one line.
const DEEPEST: usize = 12;

/// A value formatted for people, lines ended by line feeds.
pub fn picture(value: &Value) -> String {
    let mut text = String::new();
    draw(&mut text, value, 0);
    text
}

/// A value without names: text bare, everything else as JSON.
pub fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => printable(text),
        Value::Null => "-".to_owned(),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        _ => value.to_string(),
    }
}

/// Control characters made harmless: what came from the chain must not steer a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn is_flat(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => true,
    }
}

fn draw(text: &mut String, value: &Value, depth: usize) {
    let indent = "  ".repeat(depth);
    match value {
        _ if is_flat(value) || depth >= DEEPEST => {
            let _ = writeln!(text, "{indent}{}", plain(value));
        }
        Value::Object(members) => {
            let widest = members.keys().map(|name| name.chars().count()).max().unwrap_or(0);
            for (name, member) in members {
                let name = printable(name);
                if is_flat(member) {
                    let _ = writeln!(text, "{indent}{name:<widest$}  {}", plain(member));
                } else {
                    let _ = writeln!(text, "{indent}{name}");
                    draw(text, member, depth + 1);
                }
            }
        }
        Value::Array(items) => {
            for (number, item) in items.iter().take(MOST_ITEMS).enumerate() {
                if is_flat(item) {
                    let _ = writeln!(text, "{indent}{}", plain(item));
                } else {
                    let _ = writeln!(text, "{indent}[{number}]");
                    draw(text, item, depth + 1);
                }
            }
            if items.len() > MOST_ITEMS {
                let more = items.len() - MOST_ITEMS;
                let _ = writeln!(text, "{indent}… and {more} more (--json shows all)");
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_line_up_and_nested_parts_are_indented() {
        let value = json!({ "height": 7, "hash": "ab", "tx": ["x", {"n": 1}], "none": [] });
        assert_eq!(
            picture(&value),
            "height  7\nhash    ab\ntx\n  x\n  [1]\n    n  1\nnone    none\n"
        );
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(picture(&json!("a\u{1b}[2J")), "a\u{fffd}[2J\n");
    }

    #[test]
    fn long_lists_are_cut_aloud() {
        let many: Value = (0..300).collect();
        assert!(picture(&many).ends_with("… and 100 more (--json shows all)\n"));
    }
}
