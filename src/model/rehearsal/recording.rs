//! A recording: the turns that a model really took in an execution, played again word for word.
//!
//! Recorded text comes from a model that read strangers' documents, so it is never a template:
//! nothing in it is evaluated. One thing is replaced, for without it no recording could be played:
//! ids of files. A recording calls the execution's files [`file_id`] 1, 2, 3 …; when it is played,
//! these become the ids of the files that came with the execution that plays it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::base::id::Kind;
use crate::base::message::Part;
use crate::model::{FileInfo, Usage};

/// What a model said in one execution.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    /// In the order taken.
    pub turns: Vec<Turn>,
    /// What it said when it was asked why the execution failed.
    pub explanation: Option<Said>,
}

/// One turn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    /// Correction cycle, from 1.
    pub attempt: u32,
    /// The turn.
    #[serde(flatten)]
    pub said: Said,
}

/// What was said, and what it cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Said {
    /// In the order said.
    pub parts: Vec<Piece>,
    /// As the provider counted; when left out it is simulated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Tokens>,
}

/// One piece of a turn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Piece {
    Text(String),
    Reasoning(String),
    Call {
        id: String,
        tool: String,
        arguments: Value,
    },
    /// What a provider wanted handed back, such as the signature of the part before. It says nothing
    /// to anyone else, and is played so that what is journaled is what was journaled.
    Opaque {
        provider: String,
        data: Value,
    },
}

/// Tokens of one turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Tokens {
    pub input: u64,
    /// Of the input, those that the provider had kept.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cached_input: u64,
    pub output: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // as serde calls it
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl From<Tokens> for Usage {
    fn from(tokens: Tokens) -> Self {
        Self {
            input_tokens: tokens.input,
            cached_input_tokens: tokens.cached_input,
            output_tokens: tokens.output,
        }
    }
}

impl Recording {
    /// The turn of this attempt and step (from 0).
    pub(super) fn turn(&self, attempt: u32, step: usize) -> Option<&Said> {
        let of_attempt = self.turns.iter().filter(|turn| turn.attempt == attempt);
        of_attempt.map(|turn| &turn.said).nth(step)
    }
}

impl Said {
    /// Its parts, about these files.
    pub(super) fn about(&self, files: &[FileInfo]) -> Vec<Part> {
        let names = Names::playing(files.iter().map(|file| file.file_id.clone()));
        let part = |piece: &Piece| match piece {
            Piece::Text(text) => Part::Text {
                text: names.in_text(text).into_owned(),
            },
            Piece::Reasoning(text) => Part::Reasoning {
                text: names.in_text(text).into_owned(),
            },
            Piece::Call { id, tool, arguments } => Part::ToolCall {
                call_id: id.clone(),
                tool: tool.clone(),
                arguments: names.in_json(arguments),
            },
            Piece::Opaque { provider, data } => Part::Opaque {
                provider: provider.clone(),
                data: data.clone(),
            },
        };
        self.parts.iter().map(part).collect()
    }
}

/// How a recording calls the file at this position, from 1.
pub fn file_id(position: usize) -> String {
    Kind::File.format(Uuid::from_u128(position as u128))
}

/// Ids of files, each with the one that stands for it on the other side.
#[derive(Clone, Debug)]
pub struct Names(Vec<(String, String)>);

impl Names {
    /// From an execution's files to those of a recording.
    pub fn recording(file_ids: impl IntoIterator<Item = String>) -> Self {
        Self(
            file_ids
                .into_iter()
                .zip(1..)
                .map(|(id, place)| (id, file_id(place)))
                .collect(),
        )
    }

    /// From a recording's files to those of the execution that plays it.
    pub fn playing(file_ids: impl IntoIterator<Item = String>) -> Self {
        let names = Self::recording(file_ids).0.into_iter();
        Self(names.map(|(id, recorded)| (recorded, id)).collect())
    }

    /// The text with every id replaced. Ids have one length, so none is part of another.
    pub fn in_text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut text = Cow::Borrowed(text);
        for (from, to) in &self.0 {
            if text.contains(from) {
                text = Cow::Owned(text.replace(from, to));
            }
        }
        text
    }

    /// The value with every id in its strings and names replaced.
    pub fn in_json(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.in_text(text).into_owned()),
            Value::Array(items) => items.iter().map(|item| self.in_json(item)).collect(),
            Value::Object(members) => members
                .iter()
                .map(|(name, value)| (self.in_text(name).into_owned(), self.in_json(value)))
                .collect(),
            other => other.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ids_of_files_change_in_text_and_json_and_nothing_else_does() {
        let real = vec![
            Kind::File.format(Uuid::from_u128(7)),
            Kind::File.format(Uuid::from_u128(9)),
        ];
        let said = json!({"a": [format!("see {}", real[1])], real[0].as_str(): "{{ 1 + 1 }}", "n": 1});
        let recorded = Names::recording(real.clone()).in_json(&said);
        let expected = json!({"a": [format!("see {}", file_id(2))], file_id(1): "{{ 1 + 1 }}", "n": 1});
        assert_eq!(recorded, expected);
        assert_eq!(Names::playing(real).in_json(&recorded), said);
    }
}
