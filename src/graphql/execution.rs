//! Execution.

use async_graphql::{ID, Object};

use crate::base::id::Kind;

/// Execution.
#[derive(Clone, Debug)]
pub struct Execution(pub entity::execution::Model);

#[Object]
impl Execution {
    /// Opaque and stable.
    async fn id(&self) -> ID {
        Kind::Execution.format(self.0.id).into()
    }
}

/// How far an execution is.
#[derive(async_graphql::SimpleObject, Clone, Debug)]
pub struct ExecutionProgress {
    /// Units done.
    pub done: i32,
    /// Units in all; null where the agent cannot tell.
    pub total: Option<i32>,
    /// For people; null where the agent said nothing.
    pub note: Option<String>,
}
