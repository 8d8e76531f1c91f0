//! TOML read as JSON, so that what people write as TOML is checked by JSON Schema like all else.

use serde_json::{Map, Value};

/// TOML that does not parse.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", line.map(|line| format!("line {line}: ")).unwrap_or_default())]
pub struct Error {
    /// From 1.
    pub line: Option<usize>,
    /// For the author.
    pub message: String,
}

/// Reads a TOML document. Dates become strings; infinities and NaN, which JSON lacks, null.
///
/// # Errors
/// It does not parse.
pub fn to_json(text: &str) -> Result<Value, Error> {
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| Error {
        line: error
            .span()
            .and_then(|span| text.get(..span.start))
            .map(|before| before.matches('\n').count() + 1),
        message: error.message().to_owned(),
    })?;
    Ok(Value::Object(members(table)))
}

fn members(table: toml::Table) -> Map<String, Value> {
    table
        .into_iter()
        .map(|(name, value)| (name, json(value)))
        .collect()
}

fn json(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => Value::from(number),
        toml::Value::Float(number) => Value::from(number),
        toml::Value::Boolean(fact) => Value::from(fact),
        toml::Value::Datetime(date) => Value::String(date.to_string()),
        toml::Value::Array(items) => items.into_iter().map(json).collect(),
        toml::Value::Table(table) => Value::Object(members(table)),
    }
}
