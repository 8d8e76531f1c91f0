//! What happened in a conversation: the journal's entries as clients read them, one type for each
//! kind. To add a kind: a type here, a variant in [`ConversationEvent`] and in `node::Node`.

use async_graphql::{ComplexObject, Context, Enum, ID, Interface, SimpleObject};
use uuid::Uuid;

use super::conversation::Conversation;
use super::errors::{self, Result};
use super::execution::{Execution, ExecutionProgress};
use super::executions::ExecutionStatus;
use super::failure::ExecutionFailure;
use super::loaders::{self, ConversationOf, ExecutionOf};
use super::message::{Message, MessageEdge};
use super::page::{Sort, connection};
use super::scalar::{DateTime, StreamCursor, int};
use crate::base::cursor;
use crate::base::id::Kind;
use crate::domain::Fault;
use crate::domain::journal::{self, Entry};

/// Something that happened in a conversation. Events are never changed or taken back; entities in
/// them are as they are now, not as they were then. Types may be added.
#[derive(Interface, Clone, Debug)]
#[graphql(
    field(name = "id", ty = "ID", desc = "Opaque; refetch with node."),
    field(
        name = "cursor",
        ty = "StreamCursor",
        desc = "Hand it back as `after` to go on behind this event."
    ),
    field(
        name = "sequence",
        ty = "i32",
        desc = "Its place in the conversation's journal: from 1, without gaps."
    ),
    field(name = "occurred_at", ty = "DateTime", desc = "When it happened.")
)]
#[allow(missing_docs)]
pub enum ConversationEvent {
    MessageAdded(MessageAddedEvent),
    StatusChanged(StatusChangedEvent),
    AttemptStarted(AttemptStartedEvent),
    ValidatorRejected(ValidatorRejectedEvent),
    Progress(ProgressEvent),
    ReplyStarted(ReplyStartedEvent),
    ReplyEnded(ReplyEndedEvent),
}

connection!(
    ConversationEventConnection,
    ConversationEventEdge,
    ConversationEvent,
    "A page of a conversation's stored events, oldest first.",
    "The event.",
    capped
);

/// Events after a position, for clients that poll.
#[derive(SimpleObject, Clone, Debug)]
pub struct ConversationEventPage {
    /// In order, none left out.
    pub events: Vec<ConversationEvent>,
    /// Hand it back as `after` for what follows, here or to conversationEvents.
    pub cursor: StreamCursor,
    /// Whether more events are stored already.
    pub has_more: bool,
}

/// The order of a conversation's events: its cursors fit no other conversation.
pub fn sort(conversation: Uuid) -> Sort {
    Sort::number(format!("timeline.{}.asc", conversation.simple()))
}

/// Someone said something.
#[derive(SimpleObject, Clone, Debug)]
#[graphql(complex)]
pub struct MessageAddedEvent {
    /// Opaque; refetch with node.
    #[graphql(owned)]
    pub id: ID,
    /// Hand it back as `after` to go on behind this event.
    #[graphql(owned)]
    pub cursor: StreamCursor,
    /// Its place in the conversation's journal: from 1, without gaps.
    #[graphql(owned)]
    pub sequence: i32,
    /// When it happened.
    #[graphql(owned)]
    pub occurred_at: DateTime,
    #[graphql(skip)]
    message: Box<Message>,
}

#[ComplexObject]
impl MessageAddedEvent {
    /// What was said.
    async fn message(&self) -> &Message {
        &self.message
    }

    /// As in Conversation.messages, to be appended.
    async fn edge(&self) -> MessageEdge {
        Message::clone(&self.message).edge()
    }
}

/// The execution's status changed. Only in conversations of executions.
#[derive(SimpleObject, Clone, Debug)]
#[graphql(complex)]
pub struct StatusChangedEvent {
    /// Opaque; refetch with node.
    #[graphql(owned)]
    pub id: ID,
    /// Hand it back as `after` to go on behind this event.
    #[graphql(owned)]
    pub cursor: StreamCursor,
    /// Its place in the conversation's journal: from 1, without gaps.
    #[graphql(owned)]
    pub sequence: i32,
    /// When it happened.
    #[graphql(owned)]
    pub occurred_at: DateTime,
    /// The status before; null at launch.
    pub from: Option<ExecutionStatus>,
    /// The status after.
    pub to: ExecutionStatus,
    #[graphql(skip)]
    conversation_id: Uuid,
}

#[ComplexObject]
impl StatusChangedEvent {
    /// The execution as it is now, not as it was at the event.
    async fn execution(&self, ctx: &Context<'_>) -> Result<Execution> {
        let conversation = loaders::get(ctx, ConversationOf(self.conversation_id)).await?;
        let Some(id) = conversation.execution_id else {
            let fault = Fault::Corrupt {
                what: "conversation.execution_id",
                id: conversation.id.to_string(),
            };
            return Err(errors::internal(ctx, &fault));
        };
        Ok(Execution(loaders::get(ctx, ExecutionOf(id)).await?))
    }
}

/// A correction cycle began. Only in conversations of executions.
#[derive(SimpleObject, Clone, Debug)]
pub struct AttemptStartedEvent {
    /// Opaque; refetch with node.
    #[graphql(owned)]
    pub id: ID,
    /// Hand it back as `after` to go on behind this event.
    #[graphql(owned)]
    pub cursor: StreamCursor,
    /// Its place in the conversation's journal: from 1, without gaps.
    #[graphql(owned)]
    pub sequence: i32,
    /// When it happened.
    #[graphql(owned)]
    pub occurred_at: DateTime,
    /// Its number, from 1.
    pub attempt: i32,
}

/// A validator refused the agent's answer. Only in conversations of executions.
#[derive(SimpleObject, Clone, Debug)]
pub struct ValidatorRejectedEvent {
    /// Opaque; refetch with node.
    #[graphql(owned)]
    pub id: ID,
    /// Hand it back as `after` to go on behind this event.
    #[graphql(owned)]
    pub cursor: StreamCursor,
    /// Its place in the conversation's journal: from 1, without gaps.
    #[graphql(owned)]
    pub sequence: i32,
    /// When it happened.
    #[graphql(owned)]
    pub occurred_at: DateTime,
    /// The correction cycle whose answer was refused.
    pub attempt: i32,
    /// The validator's name.
    pub validator: String,
    /// What was wrong, as the model reads it.
    pub feedback: String,
    /// Whether another attempt follows; false where this refusal ended the execution.
    pub will_retry: bool,
}

/// The agent said how far it is. Only in conversations of executions.
#[derive(SimpleObject, Clone, Debug)]
pub struct ProgressEvent {
    /// Opaque; refetch with node.
    #[graphql(owned)]
    pub id: ID,
    /// Hand it back as `after` to go on behind this event.
    #[graphql(owned)]
    pub cursor: StreamCursor,
    /// Its place in the conversation's journal: from 1, without gaps.
    #[graphql(owned)]
    pub sequence: i32,
    /// When it happened.
    #[graphql(owned)]
    pub occurred_at: DateTime,
    /// How far it was.
    pub progress: ExecutionProgress,
}

/// The agent owes an answer. Only in people's conversations.
#[derive(SimpleObject, Clone, Debug)]
#[graphql(complex)]
pub struct ReplyStartedEvent {
    /// Opaque; refetch with node.
    #[graphql(owned)]
    pub id: ID,
    /// Hand it back as `after` to go on behind this event.
    #[graphql(owned)]
    pub cursor: StreamCursor,
    /// Its place in the conversation's journal: from 1, without gaps.
    #[graphql(owned)]
    pub sequence: i32,
    /// When it happened.
    #[graphql(owned)]
    pub occurred_at: DateTime,
    #[graphql(skip)]
    conversation_id: Uuid,
}

#[ComplexObject]
impl ReplyStartedEvent {
    /// The conversation as it is now, not as it was at the event.
    async fn conversation(&self, ctx: &Context<'_>) -> Result<Conversation> {
        Ok(Conversation(
            loaders::get(ctx, ConversationOf(self.conversation_id)).await?,
        ))
    }
}

/// The answer is there, or is not to be had. Only in people's conversations.
#[derive(SimpleObject, Clone, Debug)]
#[graphql(complex)]
pub struct ReplyEndedEvent {
    /// Opaque; refetch with node.
    #[graphql(owned)]
    pub id: ID,
    /// Hand it back as `after` to go on behind this event.
    #[graphql(owned)]
    pub cursor: StreamCursor,
    /// Its place in the conversation's journal: from 1, without gaps.
    #[graphql(owned)]
    pub sequence: i32,
    /// When it happened.
    #[graphql(owned)]
    pub occurred_at: DateTime,
    /// How it ended.
    pub outcome: ReplyOutcome,
    /// Why there is no answer; null unless outcome is FAILED.
    pub failure: Option<ExecutionFailure>,
    #[graphql(skip)]
    conversation_id: Uuid,
}

#[ComplexObject]
impl ReplyEndedEvent {
    /// The conversation as it is now, not as it was at the event.
    async fn conversation(&self, ctx: &Context<'_>) -> Result<Conversation> {
        Ok(Conversation(
            loaders::get(ctx, ConversationOf(self.conversation_id)).await?,
        ))
    }
}

/// How an answer ended.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(remote = "journal::ReplyOutcome")]
pub enum ReplyOutcome {
    /// It is the last message.
    Answered,
    /// The person stopped it.
    Stopped,
    /// It failed; failure says why.
    Failed,
}

impl ConversationEvent {
    /// The event of a journal entry.
    pub fn of(event: journal::Event) -> Self {
        let conversation_id = event.conversation_id;
        let id = ID(Kind::Event.format(event.id));
        let cursor = cursor::StreamCursor::Conversation {
            id: conversation_id,
            sequence: event.sequence,
        };
        let cursor = StreamCursor::from(cursor);
        let sequence = int(event.sequence);
        let occurred_at = DateTime(event.occurred_at);
        match event.entry {
            Entry::Message { .. } => Self::MessageAdded(MessageAddedEvent {
                id,
                cursor,
                sequence,
                occurred_at,
                message: Box::new(Message { event }),
            }),
            Entry::StatusChanged { from, to } => Self::StatusChanged(StatusChangedEvent {
                id,
                cursor,
                sequence,
                occurred_at,
                from: from.map(Into::into),
                to: to.into(),
                conversation_id,
            }),
            Entry::AttemptStarted { attempt } => Self::AttemptStarted(AttemptStartedEvent {
                id,
                cursor,
                sequence,
                occurred_at,
                attempt,
            }),
            Entry::ValidatorRejected {
                attempt,
                validator,
                feedback,
                will_retry,
            } => Self::ValidatorRejected(ValidatorRejectedEvent {
                id,
                cursor,
                sequence,
                occurred_at,
                attempt,
                validator,
                feedback,
                will_retry,
            }),
            Entry::Progress(progress) => Self::Progress(ProgressEvent {
                id,
                cursor,
                sequence,
                occurred_at,
                progress: ExecutionProgress {
                    done: progress.done,
                    total: progress.total,
                    note: progress.note,
                },
            }),
            Entry::ReplyStarted => Self::ReplyStarted(ReplyStartedEvent {
                id,
                cursor,
                sequence,
                occurred_at,
                conversation_id,
            }),
            Entry::ReplyEnded { outcome, failure } => Self::ReplyEnded(ReplyEndedEvent {
                id,
                cursor,
                sequence,
                occurred_at,
                outcome: outcome.into(),
                failure: failure.map(Into::into),
                conversation_id,
            }),
        }
    }
}
