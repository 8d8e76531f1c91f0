//! executionStatus.

use async_graphql::{Context, ID, SimpleObject, Subscription};
use futures::{Stream, StreamExt};

use super::{ended, foreign_cursor, subject};
use crate::base::cursor;
use crate::base::id::Kind;
use crate::domain::watch::status::{self, Update};
use crate::graphql::deps;
use crate::graphql::errors::{Result, viewer};
use crate::graphql::execution::Execution;
use crate::graphql::executions::ExecutionStatus;
use crate::graphql::scalar::{DateTime, StreamCursor, int};

/// A change of an execution.
#[derive(SimpleObject)]
pub struct ExecutionStatusUpdate {
    /// Hand it back as `after` to go on from here.
    cursor: StreamCursor,
    /// As it is now, which may be newer than this change.
    execution: Execution,
    /// After this change.
    status: ExecutionStatus,
    /// Before this change; null when it did not change the status.
    previous_status: Option<ExecutionStatus>,
    /// When this change happened.
    occurred_at: DateTime,
    /// True in the last update: the stream completes after it.
    is_terminal: bool,
    /// How many changes were folded into this one because the client or the server was behind.
    skipped: i32,
}

impl From<Update> for ExecutionStatusUpdate {
    fn from(update: Update) -> Self {
        Self {
            cursor: update.cursor.into(),
            execution: Execution(update.execution),
            status: update.status.into(),
            previous_status: update.previous_status.map(Into::into),
            occurred_at: DateTime(update.occurred_at),
            is_terminal: update.status.is_terminal(),
            skipped: int(update.skipped),
        }
    }
}

/// Resolves it.
#[derive(Default)]
pub struct Status;

#[Subscription]
impl Status {
    /// The state of one execution: any change of it, progress, attempt and usage included. Without
    /// `after`: its state now, then each change. With `after`: each change since then, then each
    /// new one. Completes after the terminal state, also when it was terminal already. A slow
    /// client gets the newest state; it never stalls the server, and `skipped` says how many
    /// changes were folded into one. An id that is not there, or not the viewer's, ends it with
    /// NOT_FOUND.
    async fn execution_status(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The execution.")] id: ID,
        #[graphql(desc = "From Execution.streamCursor or an earlier update of the same execution.")]
        after: Option<StreamCursor>,
    ) -> Result<impl Stream<Item = Result<ExecutionStatusUpdate>>> {
        let viewer = viewer(ctx)?;
        let deps = deps(ctx);
        let id = subject(Kind::Execution, &id)?;
        let after = match after.map(|after| after.read()).transpose()? {
            None => None,
            Some(cursor::StreamCursor::Execution { id: of, revision }) if of == id => Some(revision),
            Some(_) => return Err(foreign_cursor("executionStatus")),
        };
        let updates = status::watch(deps.hub.clone(), deps.renewal.follow(viewer), id, after);
        Ok(updates.map(move |update| {
            update
                .map(ExecutionStatusUpdate::from)
                .map_err(|cause| ended(ctx, &cause))
        }))
    }
}
