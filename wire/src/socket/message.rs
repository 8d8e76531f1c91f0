//! Messages of graphql-transport-ws, version 1: what clients may send, and how ours are written.

use serde_json::{Map, Value as Json};

use crate::{
    params::Params,
    run::{Event, Written},
};

/// A message of the client.
pub(super) enum Message {
    Init(Json),
    Ping(Option<Json>),
    Pong,
    Subscribe { id: String, params: Box<Params> },
    Complete { id: String },
}

impl Message {
    /// Reads a message; the error is the reason of a 4400.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let Ok(Json::Object(mut message)) = serde_json::from_str(text) else {
            return Err("Invalid message: not a JSON object".into());
        };
        let Some(Json::String(kind)) = message.remove("type") else {
            return Err("Invalid message: `type` is missing".into());
        };
        match kind.as_str() {
            "connection_init" => Ok(Self::Init(payload(&mut message)?.unwrap_or(Json::Null))),
            "ping" => Ok(Self::Ping(payload(&mut message)?)),
            "pong" => payload(&mut message).map(|_| Self::Pong),
            "complete" => Ok(Self::Complete {
                id: id(&mut message)?,
            }),
            "subscribe" => {
                let id = id(&mut message)?;
                let payload = payload(&mut message)?.ok_or("Invalid message: `payload` is missing")?;
                let params: Params = serde_json::from_value(payload)
                    .map_err(|error| format!("Invalid message: `payload`: {error}"))?;
                if params.query.is_none() {
                    return Err("Invalid message: `payload.query` is missing".into());
                }
                Ok(Self::Subscribe {
                    id,
                    params: Box::new(params),
                })
            }
            other => Err(format!("Invalid message: no client sends {other:?}")),
        }
    }
}

fn id(message: &mut Map<String, Json>) -> Result<String, String> {
    match message.remove("id") {
        Some(Json::String(id)) if !id.is_empty() => Ok(id),
        _ => Err("Invalid message: `id` is not a non-empty string".into()),
    }
}

fn payload(message: &mut Map<String, Json>) -> Result<Option<Json>, String> {
    match message.remove("payload") {
        None | Some(Json::Null) => Ok(None),
        Some(payload @ Json::Object(_)) => Ok(Some(payload)),
        Some(_) => Err("Invalid message: `payload` is not an object".into()),
    }
}

/// A message without an id.
pub(super) fn plain(kind: &str, payload: Option<Json>) -> String {
    match payload {
        Some(payload) => serde_json::json!({ "type": kind, "payload": payload }).to_string(),
        None => format!(r#"{{"type":"{kind}"}}"#),
    }
}

/// What an event of an operation is to the client; `None` is its end.
pub(super) fn of_operation(id: &str, event: Option<&Event>) -> String {
    let id = Json::from(id);
    match event {
        None => format!(r#"{{"id":{id},"type":"complete"}}"#),
        Some(event @ Event::Next(_)) => {
            format!(r#"{{"id":{id},"type":"next","payload":{}}}"#, event.to_json())
        }
        Some(event @ Event::Refused(_)) => {
            let errors = serde_json::to_string(Written::from(event).errors()).unwrap_or_else(|_| "[]".into());
            format!(r#"{{"id":{id},"type":"error","payload":{errors}}}"#)
        }
    }
}

/// At most 123 bytes fit into a close frame (RFC 6455, section 5.5).
pub(super) fn reason(text: &str) -> &str {
    let mut end = text.len().min(123);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_cut_between_characters() {
        let long = "é".repeat(100);
        assert_eq!(reason(&long).len(), 122);
        assert_eq!(reason("short"), "short");
    }

    #[test]
    fn ids_are_written_as_json() {
        assert_eq!(of_operation("a\"b", None), r#"{"id":"a\"b","type":"complete"}"#);
    }

    #[test]
    fn payloads_of_the_wrong_shape_are_invalid() {
        for bad in [
            r#"{"type":"connection_init","payload":"x"}"#,
            r#"{"type":"ping","payload":1}"#,
            r#"{"type":"subscribe","id":"1","payload":{"query":"{a}","variables":[1]}}"#,
            r#"{"type":"subscribe","id":"","payload":{"query":"{a}"}}"#,
            r#"{"type":"complete"}"#,
            r#"{"type":"next","id":"1","payload":{}}"#,
            "[]",
        ] {
            assert!(Message::parse(bad).is_err(), "{bad}");
        }
        assert!(matches!(
            Message::parse(r#"{"type":"connection_init","payload":null}"#),
            Ok(Message::Init(Json::Null))
        ));
    }
}
