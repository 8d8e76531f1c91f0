//! The scalars of the contract. `Upload` is the library's.
//!
//! They check what the transport cannot: an instant is an instant, JSON is what SQLite and
//! PostgreSQL can both store. To add one: a newtype, `#[Scalar]`, the URL of its specification.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};

use super::errors::{Code, Result, error};
use crate::base::clock::{self, UnixMs};
use crate::base::cursor;
use crate::base::text::{MAX_JSON_DEPTH, has_nul, json_depth};

/// An instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateTime(pub UnixMs);

/// RFC 3339 instant in UTC, always with three fractional digits and Z, for example
/// `2026-01-31T08:15:00.000Z`, so that strings sort as instants do. Nothing is stored or sorted
/// finer. Other offsets are understood in input; digits beyond the third are cut off. Years are 0000
/// to 9999 in UTC.
#[Scalar(
    name = "DateTime",
    specified_by_url = "https://scalars.graphql.org/andimarek/date-time.html"
)]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else {
            return Err(InputValueError::expected_type(value));
        };
        clock::from_rfc3339(text).map(Self).ok_or_else(|| {
            InputValueError::custom(
                "an instant reads like 2026-01-31T08:15:00.000Z, of a year from 0000 to 9999 in UTC",
            )
        })
    }

    fn to_value(&self) -> Value {
        Value::String(clock::to_rfc3339(self.0))
    }
}

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub struct Json(pub serde_json::Value);

/// Any JSON value, carried as JSON, never as an escaped string. Schemas, examples and inputs keep
/// the order of their members. Input nests at most 128 deep and holds no U+0000. Whole numbers beyond
/// 64 bits, and more digits than a double holds, are rounded: send such as strings.
#[Scalar(name = "JSON", specified_by_url = "https://www.rfc-editor.org/rfc/rfc8259")]
impl ScalarType for Json {
    fn parse(value: Value) -> InputValueResult<Self> {
        if holds_no_json(&value) {
            return Err(InputValueError::custom(
                "enum values are no JSON; put them in quotes",
            ));
        }
        let json = value
            .into_json()
            .map_err(|_| InputValueError::custom("this cannot be read as JSON"))?;
        if json_depth(&json) > MAX_JSON_DEPTH {
            return Err(InputValueError::custom(format!(
                "JSON nests at most {MAX_JSON_DEPTH} deep"
            )));
        }
        if has_nul(&json) {
            return Err(InputValueError::custom("JSON must not hold U+0000"));
        }
        Ok(Self(json))
    }

    fn to_value(&self) -> Value {
        Value::from_json(self.0.clone()).unwrap_or_default()
    }
}

fn holds_no_json(value: &Value) -> bool {
    match value {
        Value::Enum(_) | Value::Binary(_) => true,
        Value::List(items) => items.iter().any(holds_no_json),
        Value::Object(members) => members.values().any(holds_no_json),
        _ => false,
    }
}

/// A position in a stream, as clients hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamCursor(pub String);

/// Opaque position in a stream. Clients store it and hand it back; they never look inside. An
/// Execution's fits executionStatus of it; a connection's fits executionsChanged under any filter
/// and order; a Conversation's fits its events. Elsewhere it is refused with BAD_CURSOR. It
/// belongs to the response that carried it: keep it beside the subscription, never read it back
/// from a cache that merges responses.
#[Scalar(
    name = "StreamCursor",
    specified_by_url = "https://relay.dev/graphql/connections.htm#sec-Cursor"
)]
impl ScalarType for StreamCursor {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            Value::String(text) => Ok(Self(text)),
            other => Err(InputValueError::expected_type(other)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

impl From<cursor::StreamCursor> for StreamCursor {
    fn from(cursor: cursor::StreamCursor) -> Self {
        Self(cursor.encode())
    }
}

impl StreamCursor {
    /// Reads it; the caller checks that it is its own.
    ///
    /// # Errors
    /// BAD_CURSOR.
    pub fn read(&self) -> Result<cursor::StreamCursor> {
        cursor::StreamCursor::decode(&self.0).map_err(|broken| error(Code::BadCursor, broken.to_string()))
    }
}

/// A whole number as GraphQL's Int carries it: what is beyond 32 bits becomes the nearest that is
/// not.
pub fn int(number: i64) -> i32 {
    i32::try_from(number).unwrap_or(if number < 0 { i32::MIN } else { i32::MAX })
}
