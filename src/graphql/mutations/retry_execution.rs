//! retryExecution, and retryExecutions for several.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, SimpleObject, Union};

use super::idempotency::IdempotencyInput;
use super::launch_execution::{Asked, document, launch_refused};
use super::refusals::{
    AgentRetiredError, ExecutionNotTerminalError, ExecutionTypeMismatchError, FileRejectedError,
    IdempotencyConflictError, InputValidationError, InvalidArgumentError, NotAllowedError, NotFoundError,
    Place, SchemaVersionConflictError,
};
use super::{read_ids, too_many_ids};
use crate::base::id::Kind;
use crate::domain::access::Viewer;
use crate::domain::launch;
use crate::graphql::errors::{Result, viewer};
use crate::graphql::execution::Execution;
use crate::graphql::scalar::Json;
use crate::graphql::{deps, page};

/// An execution to launch again, and what is to be different.
#[derive(InputObject)]
pub struct RetryExecutionInput {
    /// The execution that has ended.
    id: ID,
    /// Replaces the input; the same input when left out.
    input: MaybeUndefined<Json>,
    /// Replaces the files; the same files when left out.
    file_ids: Option<Vec<ID>>,
    /// Replaces the labels; the same labels when left out.
    labels: Option<Vec<String>>,
    /// Give up with EXPIRED if no worker took it within this many seconds: 1 to 2592000. It is not
    /// taken over from the first.
    ttl_seconds: Option<i32>,
    /// Give up with TIMED_OUT after running for this many seconds: 1 to 2073600. It is not taken
    /// over from the first.
    max_duration_seconds: Option<i32>,
    /// Refuse if ExecutionType.schemaVersion has changed since the form was drawn.
    expected_schema_version: Option<String>,
    /// Guards against retrying twice.
    idempotency: Option<IdempotencyInput>,
}

/// What became of a retry.
#[derive(SimpleObject)]
pub struct RetryExecutionPayload {
    /// The new execution; its retryOf is the one that was given. Null exactly when errors is not
    /// empty.
    execution: Option<Execution>,
    /// False when an earlier request with this idempotency key made it, and when nothing was
    /// launched.
    created: bool,
    /// Why nothing was launched, and nothing stored.
    errors: Vec<RetryExecutionError>,
}

/// Why nothing was launched again. Members may be added: handle the ones you know, and fall back
/// on UserError.message.
#[derive(Union)]
#[allow(missing_docs)] // each is the type it holds
pub enum RetryExecutionError {
    NotFound(NotFoundError),
    NotAllowed(NotAllowedError),
    ExecutionNotTerminal(ExecutionNotTerminalError),
    ExecutionTypeMismatch(ExecutionTypeMismatchError),
    AgentRetired(AgentRetiredError),
    InputValidation(InputValidationError),
    InvalidArgument(InvalidArgumentError),
    FileRejected(FileRejectedError),
    IdempotencyConflict(IdempotencyConflictError),
    SchemaVersionConflict(SchemaVersionConflictError),
}

/// Executions to launch again as they were.
#[derive(InputObject)]
pub struct RetryExecutionsInput {
    /// Executions that have ended: ServerInfo.maxBulkIds at most. One given twice counts once.
    ids: Vec<ID>,
    /// Guards against retrying twice, for each of the executions by itself: a repeated request
    /// retries only what the first could not.
    idempotency: Option<IdempotencyInput>,
}

/// What became of several retries.
#[derive(SimpleObject)]
pub struct RetryExecutionsPayload {
    /// The new executions, in the order of the ids.
    executions: Vec<Execution>,
    /// Those that were not retried, each with its place in path: ["input", "ids", "3"].
    errors: Vec<RetryExecutionError>,
}

/// Resolves them.
#[derive(Default)]
pub struct RetryExecution;

#[Object]
impl RetryExecution {
    /// Launches again what has ended, as a new execution of the same agent and type, with the same
    /// input, files and labels where they are not replaced. History never changes.
    async fn retry_execution(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which execution.")] input: RetryExecutionInput,
    ) -> Result<RetryExecutionPayload> {
        let viewer = viewer(ctx)?;
        let file_ids = input.file_ids.clone();
        let retry = launch::Retry {
            id: Kind::Execution.parse(&input.id).ok(),
            input: document(input.input),
            file_ids: input
                .file_ids
                .map(|ids| ids.iter().map(|id| id.0.clone()).collect()),
            labels: input.labels,
            ttl_seconds: input.ttl_seconds,
            max_duration_seconds: input.max_duration_seconds,
            expected_schema_version: input.expected_schema_version,
            idempotency: input.idempotency.map(Into::into),
            in_bulk: false,
        };
        let asked = Asked {
            kind: Kind::Execution,
            id: &input.id,
            uploads: 0,
            file_ids: file_ids.as_deref().unwrap_or_default(),
            place: Place::Input,
        };
        Ok(match one(ctx, viewer, retry, &asked).await? {
            Ok(launched) => RetryExecutionPayload {
                execution: Some(Execution(launched.execution)),
                created: launched.created,
                errors: Vec::new(),
            },
            Err(refused) => RetryExecutionPayload {
                execution: None,
                created: false,
                errors: vec![refused],
            },
        })
    }

    /// Launches several again, each on its own: one that cannot be retried keeps no other.
    #[graphql(complexity = "page::times(input.ids.len(), child_complexity)")]
    async fn retry_executions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which executions.")] input: RetryExecutionsInput,
    ) -> Result<RetryExecutionsPayload> {
        let viewer = viewer(ctx)?;
        let idempotency: Option<crate::domain::idempotency::Key> = input.idempotency.map(Into::into);
        let bad_key = idempotency.as_ref().and_then(|key| key.check().err());
        let refused = too_many_ids(&input.ids)
            .or_else(|| bad_key.map(|bad| InvalidArgumentError::of(&bad, Place::Input)));
        if let Some(refused) = refused {
            return Ok(RetryExecutionsPayload {
                executions: Vec::new(),
                errors: vec![refused.into()],
            });
        }
        let mut payload = RetryExecutionsPayload {
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
            let retry = launch::Retry {
                id: Some(id),
                idempotency: idempotency.clone(),
                in_bulk: true,
                ..launch::Retry::default()
            };
            let asked = Asked {
                kind: Kind::Execution,
                id: &input.ids[index],
                uploads: 0,
                file_ids: &[],
                place: Place::Entry("ids", index),
            };
            match one(ctx, viewer, retry, &asked).await? {
                Ok(launched) => payload.executions.push(Execution(launched.execution)),
                Err(refused) => payload.errors.push(refused),
            }
        }
        Ok(payload)
    }
}

async fn one(
    ctx: &Context<'_>,
    viewer: &Viewer,
    retry: launch::Retry,
    asked: &Asked<'_>,
) -> Result<std::result::Result<launch::Launched, RetryExecutionError>> {
    let deps = deps(ctx);
    let tools = launch::Tools {
        catalog: &deps.catalog,
        storage: &deps.storage,
    };
    match launch::retry(&deps.store, tools, viewer, retry).await {
        Ok(launched) => Ok(Ok(launched)),
        Err(launch::Error::NotTerminal(row)) => Ok(Err(ExecutionNotTerminalError {
            code: "EXECUTION_NOT_TERMINAL".to_owned(),
            message: "The execution has not ended.".to_owned(),
            path: asked.place.path("id"),
            execution: Execution(*row),
        }
        .into())),
        Err(refused) => Ok(Err(launch_refused(ctx, refused, asked)?)),
    }
}
