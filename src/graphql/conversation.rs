//! Conversation.

use async_graphql::{Enum, ID, Object};

use crate::base::id::Kind;
use crate::domain::conversations::ReadOnly;

/// Conversation.
#[derive(Clone, Debug)]
pub struct Conversation(pub entity::conversation::Model);

#[Object]
impl Conversation {
    /// Opaque and stable.
    async fn id(&self) -> ID {
        Kind::Conversation.format(self.0.id).into()
    }
}

/// Why a conversation takes no message from the viewer.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(remote = "ReadOnly")]
pub enum ReadOnlyReason {
    /// It is an execution's own.
    Execution,
    /// Its agent takes no new work.
    AgentRetired,
    /// Someone else holds it.
    NotParticipant,
}
