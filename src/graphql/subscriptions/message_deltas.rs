//! messageDeltas.

use async_graphql::{Context, Enum, ID, SimpleObject, Subscription};
use futures::{Stream, StreamExt};

use super::{ended, subject};
use crate::base::id::Kind;
use crate::bus::answers::{self as written, Addition};
use crate::domain::watch::answers;
use crate::graphql::deps;
use crate::graphql::errors::{Result, viewer};
use crate::graphql::scalar::int;

/// Resolves it.
#[derive(Default)]
pub struct Deltas;

/// What is being written.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(remote = "written::Kind")]
pub enum MessageDeltaKind {
    /// Of a TextPart.
    Text,
    /// Of a ReasoningPart.
    Reasoning,
    /// The arguments of a ToolCallPart as JSON text: no JSON before the last of it.
    ToolArguments,
}

/// More of a message that is being written.
#[derive(SimpleObject, Clone, Debug)]
pub struct MessageDelta {
    /// Of the message to come. A new one means that what was written before is given up, unless
    /// that message has come.
    pub message_id: ID,
    /// Index into Message.parts.
    pub part: i32,
    /// What that part is.
    pub kind: MessageDeltaKind,
    /// The words.
    pub text: String,
    /// True: text stands in place of all that was sent for this part. False: append it.
    pub replace: bool,
}

impl MessageDelta {
    fn of(addition: Addition) -> Self {
        Self {
            message_id: Kind::Message.format(addition.message).into(),
            part: int(i64::try_from(addition.part).unwrap_or(i64::MAX)),
            kind: addition.kind.into(),
            text: addition.text,
            replace: addition.is_all,
        }
    }
}

#[Subscription]
impl Deltas {
    /// The answer while it is being written. Nothing of it is stored or can be resumed: what is
    /// written so far comes first, then what is added; the finished message comes through
    /// conversationEvents under the same id. For an execution's conversation it completes with the
    /// execution. An id that is not there, or not the viewer's, ends it with NOT_FOUND.
    async fn message_deltas(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The conversation.")] conversation_id: ID,
    ) -> Result<impl Stream<Item = Result<MessageDelta>>> {
        let viewer = viewer(ctx)?;
        let deps = deps(ctx);
        let id = subject(Kind::Conversation, &conversation_id)?;
        let additions = answers::watch(deps.hub.clone(), deps.renewal.follow(viewer), id);
        Ok(additions.map(move |addition| addition.map(MessageDelta::of).map_err(|cause| ended(ctx, &cause))))
    }
}
