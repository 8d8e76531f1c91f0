//! Where what came of a case is not what ought to.

use std::fmt;

use serde_json::{Map, Value};

use crate::definitions::case::Expected;

use super::play::Played;

/// One place where they differ.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// RFC 6901, into what the case expects.
    pub pointer: String,
    /// None where nothing ought to be.
    pub expected: Option<Value>,
    /// None where nothing is.
    pub found: Option<Value>,
}

/// Every difference, in the order of the case's members. What the case leaves out may be anything.
pub fn differences(expected: &Expected, played: &Played) -> Vec<Difference> {
    let mut all = Vec::new();
    let found = played.to_json();
    let expected = serde_json::to_value(expected).expect("what is expected is plain data");
    let Some(members) = expected.as_object() else {
        return all;
    };
    for (name, expected) in members {
        let at = format!("/{name}");
        let found = found.get(name);
        match (name.as_str(), expected, found) {
            ("failure", Value::Object(expected), Some(Value::Object(found))) => {
                given(&at, expected, found, &mut all);
            }
            ("calls", Value::Array(expected), Some(Value::Array(found))) => {
                for place in 0..expected.len().max(found.len()) {
                    let at = format!("{at}/{place}");
                    match (expected.get(place), found.get(place)) {
                        (Some(Value::Object(expected)), Some(Value::Object(found))) => {
                            given(&at, expected, found, &mut all);
                        }
                        (expected, found) => note(&at, expected, found, &mut all),
                    }
                }
            }
            ("records", Value::Object(expected), Some(Value::Object(found))) => {
                given(&at, expected, found, &mut all);
            }
            _ => exact(&at, Some(expected), found, &mut all),
        }
    }
    // Why it failed is what one wants to know of a case that ought to have finished.
    if members.get("status") != found.get("status")
        && !members.contains_key("failure")
        && let Some(failure) = found.get("failure")
    {
        note("/failure", None, Some(failure), &mut all);
    }
    all
}

/// The members that are given, each exactly.
fn given(at: &str, expected: &Map<String, Value>, found: &Map<String, Value>, all: &mut Vec<Difference>) {
    for (name, value) in expected {
        exact(&below(at, name), Some(value), found.get(name), all);
    }
}

fn exact(at: &str, expected: Option<&Value>, found: Option<&Value>, all: &mut Vec<Difference>) {
    match (expected, found) {
        (Some(Value::Object(expected)), Some(Value::Object(found))) => {
            for (name, value) in expected {
                exact(&below(at, name), Some(value), found.get(name), all);
            }
            for (name, value) in found.iter().filter(|(name, _)| !expected.contains_key(*name)) {
                exact(&below(at, name), None, Some(value), all);
            }
        }
        (Some(Value::Array(expected)), Some(Value::Array(found))) => {
            for place in 0..expected.len().max(found.len()) {
                let at = format!("{at}/{place}");
                exact(&at, expected.get(place), found.get(place), all);
            }
        }
        (expected, found) if expected == found => {}
        (expected, found) => note(at, expected, found, all),
    }
}

fn note(at: &str, expected: Option<&Value>, found: Option<&Value>, all: &mut Vec<Difference>) {
    all.push(Difference {
        pointer: at.to_owned(),
        expected: expected.cloned(),
        found: found.cloned(),
    });
}

fn below(at: &str, name: &str) -> String {
    format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// Three lines: where, what ought to be, what is.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |value: &Option<Value>| value.as_ref().map(Value::to_string);
        let (expected, found) = (text(&self.expected), text(&self.found));
        let start = match (&expected, &found) {
            (Some(one), Some(other)) => one
                .chars()
                .zip(other.chars())
                .take_while(|(one, other)| one == other)
                .count(),
            _ => 0,
        };
        let shown = |text: &Option<String>| match text {
            Some(text) => around(text, start),
            None => "nothing".to_owned(),
        };
        writeln!(f, "{}", self.pointer)?;
        writeln!(f, "  - {}", shown(&expected))?;
        write!(f, "  + {}", shown(&found))
    }
}

/// At most so many characters of a value are shown, from a little before the first that differs.
const MOST: usize = 200;
const BEFORE: usize = 60;

fn around(text: &str, start: usize) -> String {
    let length = text.chars().count();
    if length <= MOST {
        return text.to_owned();
    }
    let from = start.saturating_sub(BEFORE).min(length - MOST);
    let part: String = text.chars().skip(from).take(MOST).collect();
    let before = if from > 0 { "…" } else { "" };
    let after = if from + MOST < length { "…" } else { "" };
    format!("{before}{part}{after}")
}
