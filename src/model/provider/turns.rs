//! A conversation as providers take it: turns of the user and of the model that alternate, whatever
//! the journal holds. What every protocol says alike is decided here; how, in its own file.

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::base::message::{Part, Role};
use crate::model::{Attachment, Request};

pub(super) enum Turn<'a> {
    /// What is said to the model: results first, where it had called tools.
    User(Vec<Block<'a>>),
    /// What the model said.
    Model(&'a [Part]),
}

pub(super) enum Block<'a> {
    Text(String),
    Image(Image<'a>),
    Result {
        call_id: &'a str,
        tool: &'a str,
        is_error: bool,
        output: &'a Value,
        images: Vec<Image<'a>>,
    },
}

pub(super) struct Image<'a> {
    pub media_type: &'a str,
    bytes: &'a Bytes,
}

impl Image<'_> {
    pub fn base64(&self) -> String {
        STANDARD.encode(self.bytes)
    }

    pub fn data_url(&self) -> String {
        format!("data:{};base64,{}", self.media_type, self.base64())
    }
}

/// The turns of a request.
pub(super) fn of(request: &Request) -> Vec<Turn<'_>> {
    let mut turns: Vec<Turn<'_>> = Vec::new();
    let mut files = Files {
        request,
        shown: HashSet::new(),
    };
    for message in &request.messages {
        if message.role == Role::Assistant {
            // A turn that was stopped before it said anything is none.
            if message.parts.iter().any(is_said) {
                turns.push(Turn::Model(&message.parts));
            }
            continue;
        }
        let mut said = Vec::new();
        for part in &message.parts {
            files.say(part, &mut said);
        }
        match turns.last_mut() {
            Some(Turn::User(before)) => before.extend(said),
            _ => turns.push(Turn::User(said)),
        }
    }
    turns
}

/// Providers refuse text without words.
fn is_said(part: &Part) -> bool {
    match part {
        Part::Text { text } => !text.trim().is_empty(),
        Part::ToolCall { .. } => true,
        _ => false,
    }
}

/// The files of a request; a picture is sent once, wherever it is named.
struct Files<'a> {
    request: &'a Request,
    shown: HashSet<Uuid>,
}

impl<'a> Files<'a> {
    fn say(&mut self, part: &'a Part, said: &mut Vec<Block<'a>>) {
        match part {
            Part::Text { text } if text.trim().is_empty() => {}
            Part::Text { text } => said.push(Block::Text(text.clone())),
            // By its name, for tools to read it, and the picture itself where the model sees.
            Part::File { file_id } => {
                if let Some(known) = self.find(*file_id) {
                    said.push(Block::Text(format!("Attached file: {}", known.info.to_json())));
                    match self.picture(*file_id) {
                        Some(image) => said.push(Block::Image(image)),
                        None if known.image.is_none() && known.info.content_type.starts_with("image/") => {
                            said.push(Block::Text(BLIND.to_owned()));
                        }
                        None => {}
                    }
                }
            }
            Part::ToolResult {
                call_id,
                tool,
                is_error,
                output,
                files,
                ..
            } => said.push(Block::Result {
                call_id,
                tool,
                is_error: *is_error,
                output,
                images: files.iter().filter_map(|id| self.picture(*id)).collect(),
            }),
            Part::Reasoning { .. } | Part::ToolCall { .. } | Part::Opaque { .. } => {}
        }
    }

    fn find(&self, id: Uuid) -> Option<&'a Attachment> {
        self.request.files.iter().find(|file| file.id == id)
    }

    fn picture(&mut self, id: Uuid) -> Option<Image<'a>> {
        let known = self.find(id)?;
        let bytes = known.image.as_ref()?;
        self.shown.insert(id).then_some(Image {
            media_type: &known.info.content_type,
            bytes,
        })
    }
}

const BLIND: &str = "The image itself is not shown: this model does not see images, or it is too large or damaged. If the job depends on what it shows, say so.";

/// A result's output as text.
pub(super) fn output_text(output: &Value) -> String {
    match output {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Arguments for protocols that take an object and nothing else.
pub(super) fn object(arguments: &Value) -> Value {
    match arguments {
        Value::Object(_) => arguments.clone(),
        other => json!({"not_an_object": other}),
    }
}

/// Names and ids as every provider takes them back: a model may have made up others.
pub(super) fn token(text: &str) -> String {
    let kept: String = text
        .chars()
        .take(64)
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') {
                c
            } else {
                '_'
            }
        })
        .collect();
    if kept.is_empty() { "_".to_owned() } else { kept }
}

/// The schema without what only its author reads.
pub(super) fn bare(schema: &Value) -> Value {
    let mut bare = schema.clone();
    if let Some(members) = bare.as_object_mut() {
        members.shift_remove("$schema");
        members.shift_remove("$id");
        members.shift_remove("title");
    }
    bare
}

/// Whether a schema fits the subset that providers enforce word by word: every object closed, every
/// member required.
pub(super) fn is_strict(schema: &Value) -> bool {
    const KNOWN: [&str; 14] = [
        "$schema",
        "$id",
        "title",
        "description",
        "type",
        "properties",
        "required",
        "additionalProperties",
        "items",
        "enum",
        "const",
        "anyOf",
        "$defs",
        "$ref",
    ];
    let Some(members) = schema.as_object() else {
        return false;
    };
    if members.keys().any(|keyword| !KNOWN.contains(&keyword.as_str())) {
        return false;
    }
    let of_map = |value: &Value| value.as_object().is_some_and(|map| map.values().all(is_strict));
    if let Some(properties) = members.get("properties") {
        let required = members.get("required").and_then(Value::as_array);
        let names = properties.as_object().into_iter().flat_map(|map| map.keys());
        let is_required =
            |name: &String| required.is_some_and(|all| all.iter().any(|it| it == name.as_str()));
        if !of_map(properties) || !names.clone().all(is_required) {
            return false;
        }
    }
    let is_object = members.get("type").is_some_and(|of| {
        of == "object"
            || of
                .as_array()
                .is_some_and(|all| all.iter().any(|it| it == "object"))
    });
    let is_closed = members.get("additionalProperties") == Some(&Value::Bool(false));
    if (is_object || members.contains_key("properties")) && !is_closed {
        return false;
    }
    members.get("$defs").is_none_or(of_map)
        && members.get("items").is_none_or(is_strict)
        && members
            .get("anyOf")
            .is_none_or(|any| any.as_array().is_some_and(|all| all.iter().all(is_strict)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_closed_schemas_are_enforced_word_by_word() {
        let closed = json!({
            "type": "object",
            "properties": {"lines": {"type": "array", "items": {"type": "string"}}},
            "required": ["lines"],
            "additionalProperties": false,
        });
        assert!(is_strict(&closed));
        let map = json!({"type": "object", "additionalProperties": {"type": "string"}});
        assert!(
            !is_strict(&map),
            "a map of any names would become an empty object"
        );
        let mut optional = closed.clone();
        optional["required"] = json!([]);
        assert!(!is_strict(&optional));
        let mut nested = closed;
        nested["properties"]["lines"]["items"] = json!({"type": "object"});
        assert!(!is_strict(&nested));
    }

    #[test]
    fn made_up_names_come_back_in_a_form_that_providers_take() {
        assert_eq!(token("read file!"), "read_file_");
        assert_eq!(token(""), "_");
        assert_eq!(token(&"a".repeat(99)).len(), 64);
    }
}
