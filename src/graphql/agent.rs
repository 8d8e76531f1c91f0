//! Agent.

use async_graphql::{ID, Object};

use crate::base::id::Kind;

/// Agent.
#[derive(Clone, Debug)]
pub struct Agent(pub entity::agent::Model);

#[Object]
impl Agent {
    /// Opaque and stable.
    async fn id(&self) -> ID {
        Kind::Agent.format(self.0.id).into()
    }
}
