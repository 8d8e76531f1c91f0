//! `docs/definitions.md` holds what the loader holds: every key with its limits, every name, and what the
//! functions give. `tests/it/reference.rs` loads and plays its example.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::base::message::{Message, Role};
use crate::definitions::format;
use crate::model::rehearsal::{Rehearsal, Script};
use crate::model::{Model, Request};

use super::KNOWN;
use super::stage::{Stage, catalog};

const PAGE: &str = include_str!("../../../docs/definitions.md");

/// What stands between backticks, in one row of a table or one line of text.
fn named(line: &str) -> BTreeSet<&str> {
    let quoted = line.split('`').skip(1).step_by(2);
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    quoted
        .flat_map(move |words| words.split(move |c| !is_part(c)))
        .collect()
}

/// As people write it: 1,000,000.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn missing(schema: &Value, from: &mut Vec<String>) {
    for (name, about) in schema["properties"].as_object().into_iter().flatten() {
        let lines: Vec<&str> = PAGE
            .lines()
            .filter(|line| named(line).contains(name.as_str()))
            .collect();
        if lines.is_empty() {
            from.push(format!("{name} is not named"));
        }
        for limit in ["maximum", "maxLength"] {
            // Of whole numbers: a fraction is written as its author likes.
            if let Some(number) = about[limit].as_u64()
                && !lines.iter().any(|line| line.contains(&grouped(number)))
            {
                from.push(format!(
                    "{name} has a {limit} of {}, which stands nowhere beside it",
                    grouped(number)
                ));
            }
        }
        for value in about["enum"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
        {
            if !lines.iter().any(|line| named(line).contains(value)) {
                from.push(format!("{name} may be {value}, which stands nowhere beside it"));
            }
        }
        missing(about, from);
    }
    match schema {
        Value::Object(members) => {
            let inside = members.iter().filter(|(name, _)| *name != "properties");
            inside.for_each(|(_, part)| missing(part, from));
        }
        Value::Array(items) => items.iter().for_each(|item| missing(item, from)),
        _ => {}
    }
}

#[test]
fn every_key_stands_in_it_with_its_limits() {
    let script = serde_json::from_str(include_str!("../../model/rehearsal/script.schema.json"));
    let script: Value = script.expect("is JSON");
    let mut found = Vec::new();
    for schema in [
        format::AGENT.document(),
        format::EXECUTION.document(),
        format::CASE.document(),
        &script,
    ] {
        missing(schema, &mut found);
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_tool_validator_and_function_stands_in_it() {
    let rows: BTreeSet<&str> = PAGE
        .lines()
        .filter(|line| line.starts_with("| `"))
        .flat_map(named)
        .collect();
    let validators = KNOWN.validators.iter().map(|(name, _)| *name);
    let functions = include_str!("../../model/rehearsal/filters.rs")
        .split("environment.add_")
        .skip(1);
    let functions = functions.filter_map(|text| text.split('"').nth(1));
    let names: Vec<&str> = KNOWN
        .tools
        .iter()
        .copied()
        .chain(validators)
        .chain(functions)
        .collect();
    assert!(names.len() > 20, "{names:?}");
    for name in names {
        assert!(rows.contains(name), "{name} is in no table");
    }
}

/// The value of an expression, as a script would have it.
async fn value_of(expression: &str) -> Value {
    let catalog = catalog();
    let execution_type = catalog.execution_type("order-intake").expect("shipped");
    let text = format!("[[turn]]\ntext = '''{{{{ ({expression})|tojson }}}}'''\n");
    let script = Script::parse("the page", &text).unwrap_or_else(|error| panic!("{expression}: {error:?}"));
    let mut request: Request = Stage::with_demo().request(execution_type, &json!({}));
    request.rehearsal.script = script.into();
    let reply = Rehearsal::brisk().complete(&request, &|_| {}).await;
    let reply = reply.unwrap_or_else(|error| panic!("{expression}: {error}"));
    let said = Message {
        role: Role::Assistant,
        parts: reply.parts,
    };
    serde_json::from_str(&said.plain_text()).expect("JSON")
}

#[tokio::test]
async fn the_functions_give_what_it_says() {
    let block = PAGE.split("```jinja-expressions\n").nth(1).expect("is there");
    let block = block.split("```").next().expect("ends");
    let examples: Vec<(&str, &str)> = block.lines().filter_map(|line| line.split_once('→')).collect();
    assert!(examples.len() >= 15, "{}", examples.len());
    for (expression, expected) in examples {
        let expected: Value = serde_json::from_str(expected.trim()).expect("JSON");
        assert_eq!(value_of(expression.trim()).await, expected, "{expression}");
    }
}
