//! cancelExecution, and cancelExecutions for several.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject, Union};
use uuid::Uuid;

use super::refusals::{
    ExecutionAlreadyTerminalError, InvalidArgumentError, NotAllowedError, NotFoundError, Place, read_id,
};
use super::{read_ids, too_many_ids};
use crate::base::id::Kind;
use crate::domain::access::Viewer;
use crate::domain::lifecycle::{self, CancelError};
use crate::graphql::errors::{Result, internal, viewer};
use crate::graphql::execution::Execution;
use crate::graphql::{deps, page};

/// An execution to cancel.
#[derive(InputObject)]
pub struct CancelExecutionInput {
    /// The execution.
    id: ID,
    /// For people: why. It becomes the failure's explanation; 2000 characters at most.
    reason: Option<String>,
}

/// What became of a cancel.
#[derive(SimpleObject)]
pub struct CancelExecutionPayload {
    /// As it is now: ended, or with its cancellation requested. Null exactly when errors is not
    /// empty.
    execution: Option<Execution>,
    /// Why it was not canceled.
    errors: Vec<CancelExecutionError>,
}

/// Why an execution was not canceled. Members may be added: handle the ones you know, and fall
/// back on UserError.message.
#[derive(Union)]
#[allow(missing_docs)] // each is the type it holds
pub enum CancelExecutionError {
    NotFound(NotFoundError),
    NotAllowed(NotAllowedError),
    ExecutionAlreadyTerminal(ExecutionAlreadyTerminalError),
    InvalidArgument(InvalidArgumentError),
}

/// Executions to cancel.
#[derive(InputObject)]
pub struct CancelExecutionsInput {
    /// ServerInfo.maxBulkIds at most. One given twice counts once.
    ids: Vec<ID>,
    /// For people: why, of all of them; 2000 characters at most.
    reason: Option<String>,
}

/// What became of several cancels.
#[derive(SimpleObject)]
pub struct CancelExecutionsPayload {
    /// Those that were canceled, in the order of the ids.
    executions: Vec<Execution>,
    /// Those that were not, each with its place in path: ["input", "ids", "3"].
    errors: Vec<CancelExecutionError>,
}

/// Resolves them.
#[derive(Default)]
pub struct CancelExecution;

#[Object]
impl CancelExecution {
    /// Cancels an execution. One that no worker has ends at once; a running one has its model
    /// request and its tools aborted and ends in a moment. Once this succeeds the end is always
    /// FAILED with category CANCELED. Cancelling again succeeds and keeps the first reason.
    async fn cancel_execution(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which execution, and why.")] input: CancelExecutionInput,
    ) -> Result<CancelExecutionPayload> {
        let viewer = viewer(ctx)?;
        let refuse = |error| CancelExecutionPayload {
            execution: None,
            errors: vec![error],
        };
        let id = match read_id(Kind::Execution, &input.id, Place::Input, "id") {
            Ok(id) => id,
            Err(error) => return Ok(refuse(error.into())),
        };
        let reason = input.reason.as_deref();
        Ok(
            match one(ctx, viewer, id, reason, (&input.id, Place::Input)).await? {
                Ok(execution) => CancelExecutionPayload {
                    execution: Some(execution),
                    errors: Vec::new(),
                },
                Err(error) => refuse(error),
            },
        )
    }

    /// Cancels several, each on its own: one that cannot be canceled keeps no other.
    #[graphql(complexity = "page::times(input.ids.len(), child_complexity)")]
    async fn cancel_executions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which executions, and why.")] input: CancelExecutionsInput,
    ) -> Result<CancelExecutionsPayload> {
        let viewer = viewer(ctx)?;
        let reason = input.reason.as_deref();
        let refused = too_many_ids(&input.ids).or_else(|| lifecycle::is_bad_reason(reason).then(bad_reason));
        if let Some(refused) = refused {
            return Ok(CancelExecutionsPayload {
                executions: Vec::new(),
                errors: vec![refused.into()],
            });
        }
        let mut payload = CancelExecutionsPayload {
            executions: Vec::with_capacity(input.ids.len()),
            errors: Vec::new(),
        };
        for (index, id) in read_ids(Kind::Execution, &input.ids) {
            let id = match id {
                Ok(id) => id,
                Err(error) => {
                    payload.errors.push(error.into());
                    continue;
                }
            };
            let place = Place::Entry("ids", index);
            match one(ctx, viewer, id, reason, (&input.ids[index], place)).await? {
                Ok(execution) => payload.executions.push(execution),
                Err(error) => payload.errors.push(error),
            }
        }
        Ok(payload)
    }
}

async fn one(
    ctx: &Context<'_>,
    viewer: &Viewer,
    id: Uuid,
    reason: Option<&str>,
    (given, place): (&str, Place),
) -> Result<std::result::Result<Execution, CancelExecutionError>> {
    let refused = match lifecycle::cancel(&deps(ctx).store, viewer, id, reason).await {
        Ok(row) => return Ok(Ok(Execution(row))),
        Err(refused) => refused,
    };
    Ok(Err(match refused {
        CancelError::NotFound => NotFoundError::of(Kind::Execution, given, place.path("id")).into(),
        CancelError::AlreadyTerminal(row) => ExecutionAlreadyTerminalError {
            code: "EXECUTION_ALREADY_TERMINAL".to_owned(),
            message: "The execution has ended already.".to_owned(),
            path: place.path("id"),
            execution: Execution(*row),
        }
        .into(),
        CancelError::BadReason => bad_reason().into(),
        CancelError::Fault(fault) => return Err(internal(ctx, &fault)),
    }))
}

fn bad_reason() -> InvalidArgumentError {
    let message = CancelError::BadReason.to_string();
    InvalidArgumentError::new(&message, Place::Input.path("reason"))
}
