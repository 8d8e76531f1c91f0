//! What is said in a conversation: the one shape that models answer with, the journal stores and
//! the API shows.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The definition's prompt.
    System,
    /// A person, or the message rendered from an execution's input.
    User,
    /// The model.
    Assistant,
    /// Results of tool calls.
    Tool,
    /// A validator's refusal, as the model reads it.
    Validator,
}

impl Role {
    /// The stored form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
            Self::Validator => "validator",
        }
    }

    /// Reads the stored form.
    pub fn from_stored(text: &str) -> Option<Self> {
        [
            Self::System,
            Self::User,
            Self::Assistant,
            Self::Tool,
            Self::Validator,
        ]
        .into_iter()
        .find(|role| role.as_str() == text)
    }
}

/// One piece of a turn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Part {
    /// Words for whoever reads.
    Text {
        /// The words.
        text: String,
    },
    /// The model's thinking, where the provider shows it.
    Reasoning {
        /// The words.
        text: String,
    },
    /// The model asks for a tool.
    ToolCall {
        /// Unique in its conversation; the result names it.
        call_id: String,
        /// The tool's name.
        tool: String,
        /// As the model wrote them, checked only when the tool runs.
        arguments: Value,
    },
    /// What the tool said.
    ToolResult {
        /// Of the call.
        call_id: String,
        /// The tool's name.
        tool: String,
        /// True when `output` tells what went wrong.
        is_error: bool,
        /// For the model.
        output: Value,
        /// How long it ran; none where it never ran or was cut off.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        duration_ms: Option<i64>,
        /// Rows of files that belong to the output, such as an image to look at.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        files: Vec<Uuid>,
    },
    /// A file that came with the message.
    File {
        /// Its row.
        file_id: Uuid,
    },
    /// What a provider wants handed back as it came, such as the signature of the part before.
    /// Nobody else is shown it, and parts are counted without it.
    Opaque {
        /// The provider's kind, for no other can read it.
        provider: String,
        /// Its own.
        data: Value,
    },
}

impl Part {
    /// A text part.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text { text: text.into() }
    }

    /// Whether readers are shown it.
    pub fn is_shown(&self) -> bool {
        !matches!(self, Self::Opaque { .. })
    }
}

/// One turn: who speaks, and what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// In the order said.
    pub parts: Vec<Part>,
}

impl Message {
    /// A turn of one text.
    pub fn text(role: Role, text: impl Into<String>) -> Self {
        Self {
            role,
            parts: vec![Part::text(text)],
        }
    }

    /// All text parts, joined by line breaks: the answer without reasoning and calls.
    pub fn plain_text(&self) -> String {
        let texts: Vec<&str> = self
            .parts
            .iter()
            .filter_map(|part| match part {
                Part::Text { text } => Some(text.as_str()),
                _ => None,
            })
            .collect();
        texts.join("\n")
    }

    /// The calls it asks for, in call order: id, tool, arguments.
    pub fn tool_calls(&self) -> impl Iterator<Item = (&str, &str, &Value)> {
        self.parts.iter().filter_map(|part| match part {
            Part::ToolCall {
                call_id,
                tool,
                arguments,
            } => Some((call_id.as_str(), tool.as_str(), arguments)),
            _ => None,
        })
    }
}
