//! Messages: the journal's entries of kind message, and their parts.

use async_graphql::{ComplexObject, Context, Enum, ID, Object, SimpleObject, Union};
use uuid::Uuid;

use super::errors::Result;
use super::file::FileAttachment;
use super::loaders::{self, FileOf};
use super::page::{Sort, connection};
use super::scalar::{DateTime, Json, int};
use super::usage::MessageUsage;
use crate::base::id::Kind;
use crate::base::message::{Part, Role};
use crate::domain::journal::{Entry, Event};

/// Who speaks.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(remote = "Role")]
pub enum MessageRole {
    /// The definition's prompt.
    System,
    /// A person, or the message rendered from an execution's input.
    User,
    /// The model.
    Assistant,
    /// Results of the tool calls of the message before.
    Tool,
    /// A validator's refusal, as the model reads it.
    Validator,
}

/// One turn of a conversation.
#[derive(Clone, Debug)]
pub struct Message {
    pub(super) event: Event,
}

connection!(
    MessageConnection,
    MessageEdge,
    Message,
    "A page of a conversation's messages, oldest first.",
    "The message.",
    capped
);

impl Message {
    /// The message of a journal entry; none where the entry is something else.
    pub fn of(event: Event) -> Option<Self> {
        matches!(event.entry, Entry::Message { .. }).then_some(Self { event })
    }

    fn formatted_id(&self) -> String {
        Kind::Message.format(self.event.id)
    }

    fn speaker(&self) -> Role {
        match &self.event.entry {
            Entry::Message { message, .. } => message.role,
            // `of` lets no other through; a prompt is what least can be mistaken for an answer.
            _ => Role::System,
        }
    }

    fn said(&self) -> &[Part] {
        match &self.event.entry {
            Entry::Message { message, .. } => &message.parts,
            _ => &[],
        }
    }

    /// Its edge in Conversation.messages.
    pub fn edge(self) -> MessageEdge {
        let sort = sort(self.event.conversation_id);
        MessageEdge {
            cursor: sort.cursor(self.event.sequence, self.event.id),
            node: self,
        }
    }
}

/// The order of a conversation's messages: its cursors fit no other conversation.
pub fn sort(conversation: Uuid) -> Sort {
    Sort::number(format!("messages.{}.asc", conversation.simple()))
}

/// One turn. A model's turn can hold text, reasoning and several tool calls: its parts, in order.
/// A message never changes.
#[Object]
impl Message {
    /// Opaque; refetch with node.
    pub async fn id(&self) -> ID {
        self.formatted_id().into()
    }

    /// Its place in the conversation's journal. Messages share the numbers with other events, so
    /// they rise and have gaps.
    async fn sequence(&self) -> i32 {
        int(self.event.sequence)
    }

    /// Who speaks.
    async fn role(&self) -> MessageRole {
        self.speaker().into()
    }

    /// What is said, in order.
    async fn parts(&self) -> Vec<MessagePart> {
        let id = self.formatted_id();
        let part = |(index, part)| MessagePart::of(&id, index, part);
        let shown = self.said().iter().filter(|part| part.is_shown());
        shown.enumerate().filter_map(part).collect()
    }

    /// Correction cycle of the execution, from 1; null outside executions.
    async fn attempt(&self) -> Option<i32> {
        self.event.attempt
    }

    /// What writing it used; null where no model wrote it.
    async fn usage(&self) -> Option<MessageUsage> {
        match &self.event.entry {
            Entry::Message { usage, .. } => usage.map(Into::into),
            _ => None,
        }
    }

    /// The model that wrote it, "rehearsal" where a script played it; null for all but ASSISTANT.
    async fn model(&self) -> Option<&str> {
        match &self.event.entry {
            Entry::Message { model, .. } => model.as_deref(),
            _ => None,
        }
    }

    /// When it was stored.
    async fn created_at(&self) -> DateTime {
        DateTime(self.event.occurred_at)
    }
}

/// One piece of a turn. Its id is unique and stable, for cache keys and links; node does not take
/// it.
#[derive(Union, Clone, Debug)]
#[allow(missing_docs)]
pub enum MessagePart {
    Text(TextPart),
    Reasoning(ReasoningPart),
    ToolCall(ToolCallPart),
    ToolResult(ToolResultPart),
    File(FilePart),
}

impl MessagePart {
    fn of(message: &str, index: usize, part: &Part) -> Option<Self> {
        let id = ID(format!("{message}.{index}"));
        Some(match part.clone() {
            Part::Text { text } => Self::Text(TextPart { id, text }),
            Part::Reasoning { text } => Self::Reasoning(ReasoningPart { id, text }),
            Part::ToolCall {
                call_id,
                tool,
                arguments,
            } => Self::ToolCall(ToolCallPart {
                id,
                call_id,
                tool,
                arguments: Json(arguments),
            }),
            Part::ToolResult {
                call_id,
                tool,
                is_error,
                output,
                duration_ms,
                files,
            } => Self::ToolResult(ToolResultPart {
                id,
                call_id,
                tool,
                is_error,
                duration_ms: duration_ms.map(int),
                output,
                file_ids: files,
            }),
            Part::File { file_id } => Self::File(FilePart { id, file_id }),
            Part::Opaque { .. } => return None,
        })
    }
}

/// Words for whoever reads.
#[derive(SimpleObject, Clone, Debug)]
pub struct TextPart {
    /// Unique and stable; not for node.
    pub id: ID,
    /// The words: plain text, or Markdown where the model writes it.
    pub text: String,
}

/// The model's thinking, where the provider shows it.
#[derive(SimpleObject, Clone, Debug)]
pub struct ReasoningPart {
    /// Unique and stable; not for node.
    pub id: ID,
    /// The words.
    pub text: String,
}

/// The model asks for a tool.
#[derive(SimpleObject, Clone, Debug)]
pub struct ToolCallPart {
    /// Unique and stable; not for node.
    pub id: ID,
    /// Unique in its conversation; the result carries the same.
    pub call_id: String,
    /// The tool's name.
    pub tool: String,
    /// As the model wrote them; they need not satisfy the tool's schema.
    pub arguments: Json,
}

/// What a tool said.
#[derive(SimpleObject, Clone, Debug)]
#[graphql(complex)]
pub struct ToolResultPart {
    /// Unique and stable; not for node.
    pub id: ID,
    /// Of the ToolCallPart that it answers.
    pub call_id: String,
    /// The tool's name.
    pub tool: String,
    /// True when output tells what went wrong.
    pub is_error: bool,
    /// How long it ran, in milliseconds; null where it never ran or was cut off.
    pub duration_ms: Option<i32>,
    #[graphql(skip)]
    output: serde_json::Value,
    #[graphql(skip)]
    file_ids: Vec<Uuid>,
}

#[ComplexObject]
impl ToolResultPart {
    /// As the model reads it. It may be JSON null.
    async fn output(&self) -> Option<Json> {
        Some(Json(self.output.clone()))
    }

    /// The length of output as JSON text in bytes: a transcript can leave large outputs until they
    /// are unfolded.
    async fn output_bytes(&self) -> i32 {
        int(i64::try_from(self.output.to_string().len()).unwrap_or(i64::MAX))
    }

    /// Files that belong to the output, such as an image that the agent looked at; mostly empty.
    async fn files(&self, ctx: &Context<'_>) -> Result<Vec<FileAttachment>> {
        let rows = self.file_ids.iter().map(|id| loaders::find(ctx, FileOf(*id)));
        let rows = futures::future::try_join_all(rows).await?;
        Ok(rows.into_iter().flatten().map(FileAttachment).collect())
    }
}

/// A file that came with the message.
#[derive(SimpleObject, Clone, Debug)]
#[graphql(complex)]
pub struct FilePart {
    /// Unique and stable; not for node.
    pub id: ID,
    #[graphql(skip)]
    file_id: Uuid,
}

#[ComplexObject]
impl FilePart {
    /// The file.
    async fn file(&self, ctx: &Context<'_>) -> Result<FileAttachment> {
        Ok(FileAttachment(loaders::get(ctx, FileOf(self.file_id)).await?))
    }
}
