//! What text may be, so that SQLite and PostgreSQL store and find the same.

use serde_json::Value;

/// How deep JSON from outside may nest. `serde_json` stops at 128 when it reads text; values that
/// come some other way are held to the same.
pub const MAX_JSON_DEPTH: usize = 128;

/// The same of what a part of a message holds: an entry of the journal wraps it, and must read back.
pub const MAX_PART_DEPTH: usize = MAX_JSON_DEPTH - 16;

/// True when the text, or any string or member name in the value, holds U+0000, which PostgreSQL
/// cannot store.
pub fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(members) => members
            .iter()
            .any(|(name, value)| name.contains('\0') || has_nul(value)),
        _ => false,
    }
}

/// Replaces U+0000 by U+FFFD, for what models and tools say: it is kept, and can be stored.
pub fn without_nul(value: Value) -> Value {
    match value {
        Value::String(text) if text.contains('\0') => Value::String(text.replace('\0', "\u{FFFD}")),
        Value::Array(items) => items.into_iter().map(without_nul).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (name.replace('\0', "\u{FFFD}"), without_nul(value)))
            .collect(),
        other => other,
    }
}

/// How deep the value nests: 0 for a scalar.
pub fn json_depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(json_depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(json_depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// The value with the members of every object sorted by name: equal payloads, whatever their
/// member order, print alike.
pub fn canonical(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(canonical).collect(),
        Value::Object(members) => {
            let mut names: Vec<&String> = members.keys().collect();
            names.sort();
            names
                .into_iter()
                .map(|name| (name.clone(), canonical(&members[name])))
                .collect()
        }
        other => other.clone(),
    }
}

/// Letter case folded away, as prefixes are searched.
pub fn fold(text: &str) -> String {
    text.to_lowercase()
}

/// The first string that does not start with `prefix` but sorts after all that do; none for the
/// empty prefix. Compare with `>= prefix AND < upper` so that an index serves it.
pub fn prefix_upper_bound(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        let mut next = u32::from(last) + 1;
        if next == 0xD800 {
            next = 0xE000; // surrogates are no characters
        }
        if let Some(next) = char::from_u32(next) {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn canonical_json_is_the_same_whatever_the_member_order() {
        let one: Value = serde_json::from_str(r#"{"b":[{"y":1,"x":2}],"a":null}"#).expect("json");
        let other: Value = serde_json::from_str(r#"{"a":null,"b":[{"x":2,"y":1}]}"#).expect("json");
        assert_ne!(one.to_string(), other.to_string());
        assert_eq!(canonical(&one).to_string(), canonical(&other).to_string());
    }

    #[test]
    fn nul_is_found_and_replaced_in_names_and_values() {
        let value = json!({"a\0": ["b\0"]});
        assert!(has_nul(&value));
        assert_eq!(without_nul(value), json!({"a\u{FFFD}": ["b\u{FFFD}"]}));
    }

    #[test]
    fn the_upper_bound_of_a_prefix_skips_what_is_no_character() {
        assert_eq!(prefix_upper_bound("ab").as_deref(), Some("ac"));
        assert_eq!(prefix_upper_bound("a\u{10FFFF}").as_deref(), Some("b"));
        assert_eq!(prefix_upper_bound("\u{D7FF}").as_deref(), Some("\u{E000}"));
        assert_eq!(prefix_upper_bound(""), None);
    }
}
