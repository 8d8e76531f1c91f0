//! stopReply.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::AdminError;
use super::refusals::{NotAllowedError, NotFoundError, Place, read_id};
use crate::base::id::Kind;
use crate::domain::conversations::{self, StopError};
use crate::graphql::conversation::Conversation;
use crate::graphql::deps;
use crate::graphql::errors::{Result, internal, viewer};

/// An answer to stop.
#[derive(InputObject)]
pub struct StopReplyInput {
    /// The conversation in which it is being given: one that the viewer started.
    conversation_id: ID,
}

/// What became of it.
#[derive(SimpleObject)]
pub struct StopReplyPayload {
    /// As it is now; null exactly when errors is not empty.
    conversation: Option<Conversation>,
    /// Why nothing was stopped.
    errors: Vec<AdminError>,
}

/// Resolves it.
#[derive(Default)]
pub struct StopReply;

#[Object]
impl StopReply {
    /// Stops the answer that is being given. Its end comes as a ReplyEndedEvent with outcome
    /// STOPPED; one that was complete in the same moment stays. Success also when nothing is being
    /// answered.
    async fn stop_reply(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "In which conversation.")] input: StopReplyInput,
    ) -> Result<StopReplyPayload> {
        let viewer = viewer(ctx)?;
        let given = &input.conversation_id;
        let refuse = |error| StopReplyPayload {
            conversation: None,
            errors: vec![error],
        };
        let argument = "conversationId";
        let id = match read_id(Kind::Conversation, given, Place::Input, argument) {
            Ok(id) => id,
            Err(error) => return Ok(refuse(error.into())),
        };
        let path = Place::Input.path(argument);
        Ok(
            match conversations::stop_reply(&deps(ctx).store, viewer, id).await {
                Ok(row) => StopReplyPayload {
                    conversation: Some(Conversation(row)),
                    errors: Vec::new(),
                },
                Err(StopError::NotFound) => refuse(NotFoundError::of(Kind::Conversation, given, path).into()),
                Err(StopError::NotAllowed) => {
                    let message = "only whoever started a conversation stops its answers; \
                                   an execution is ended by cancelExecution";
                    refuse(NotAllowedError::new(message, path).into())
                }
                Err(StopError::Fault(fault)) => return Err(internal(ctx, &fault)),
            },
        )
    }
}
