//! startConversation.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject, Union};

use super::idempotency::{self, IdempotencyInput};
use super::refusals::{
    AgentRetiredError, ConversationIdempotencyConflictError, InvalidArgumentError, NotAllowedError,
    NotFoundError, Place, read_id,
};
use crate::base::id::Kind;
use crate::domain::conversations::{self, StartError};
use crate::graphql::conversation::Conversation;
use crate::graphql::errors::{Result, internal, viewer};
use crate::graphql::{Deps, deps};

/// A conversation to begin.
#[derive(InputObject)]
pub struct StartConversationInput {
    /// The agent to talk to.
    agent_id: ID,
    /// For people, to find it again; 200 characters at most.
    title: Option<String>,
    /// Guards against starting twice.
    idempotency: Option<IdempotencyInput>,
}

/// What became of it.
#[derive(SimpleObject)]
pub struct StartConversationPayload {
    /// Empty and waiting for sendMessage; null exactly when errors is not empty.
    conversation: Option<Conversation>,
    /// False when an earlier request with this idempotency key started it, and when none was
    /// started.
    created: bool,
    /// Why none was started.
    errors: Vec<StartConversationError>,
}

/// Why no conversation was started. Members may be added: handle the ones you know, and fall back
/// on UserError.message.
#[derive(Union)]
#[allow(missing_docs)] // each is the type it holds
pub enum StartConversationError {
    NotFound(NotFoundError),
    NotAllowed(NotAllowedError),
    AgentRetired(AgentRetiredError),
    InvalidArgument(InvalidArgumentError),
    IdempotencyConflict(ConversationIdempotencyConflictError),
}

/// Resolves it.
#[derive(Default)]
pub struct StartConversation;

#[Object]
impl StartConversation {
    /// Starts a conversation between the viewer and an agent. Nothing is said yet.
    async fn start_conversation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "With whom, and what to call it.")] input: StartConversationInput,
    ) -> Result<StartConversationPayload> {
        let viewer = viewer(ctx)?;
        let given = &input.agent_id;
        let refuse = |error| StartConversationPayload {
            conversation: None,
            created: false,
            errors: vec![error],
        };
        let agent_id = match read_id(Kind::Agent, given, Place::Input, "agentId") {
            Ok(id) => id,
            Err(error) => return Ok(refuse(error.into())),
        };
        let key = input.idempotency.map(Into::into);
        let Deps { store, catalog, .. } = deps(ctx);
        let started = conversations::start(store, catalog, viewer, agent_id, input.title, key.as_ref()).await;
        let at_agent = Place::Input.path("agentId");
        Ok(match started {
            Ok((row, created)) => StartConversationPayload {
                conversation: Some(Conversation(row)),
                created,
                errors: Vec::new(),
            },
            Err(StartError::AgentNotFound) => refuse(NotFoundError::of(Kind::Agent, given, at_agent).into()),
            Err(StartError::AgentRetired(agent)) => refuse(AgentRetiredError::of(*agent, at_agent).into()),
            Err(StartError::Argument(bad)) => refuse(InvalidArgumentError::of(&bad, Place::Input).into()),
            Err(StartError::Conflict(row, conflict)) => refuse(already(*row, conflict).into()),
            Err(StartError::Fault(fault)) => return Err(internal(ctx, &fault)),
        })
    }
}

/// The key was used before.
pub(super) fn already(
    row: entity::conversation::Model,
    conflict: crate::domain::idempotency::Conflict,
) -> ConversationIdempotencyConflictError {
    let (code, message) = idempotency::conflict(conflict);
    ConversationIdempotencyConflictError {
        code,
        message,
        path: Place::Input.path_in(&["idempotency".to_owned(), "key".to_owned()]),
        conversation: Conversation(row),
    }
}
