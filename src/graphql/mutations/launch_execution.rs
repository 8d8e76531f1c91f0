//! launchExecution.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, SimpleObject, Union};
use serde_json::{Map, Value};

use super::idempotency::{self, IdempotencyInput};
use super::refusals::{
    AgentRetiredError, ExecutionTypeMismatchError, FileRejectedError, IdempotencyConflictError,
    InputValidationError, InvalidArgumentError, NotAllowedError, NotFoundError, Place,
    SchemaVersionConflictError, file_refused,
};
use super::upload::Upload;
use crate::base::id::Kind;
use crate::domain::{Fault, launch};
use crate::graphql::deps;
use crate::graphql::errors::{Result, internal, viewer};
use crate::graphql::execution::Execution;
use crate::graphql::scalar::Json;

/// A job for an agent.
#[derive(InputObject)]
pub struct LaunchExecutionInput {
    /// The agent that is to do it.
    agent_id: ID,
    /// What kind of job: one of Agent.executionTypes, by its key.
    execution_key: String,
    /// Checked against ExecutionType.inputSchema; {} when left out. An explicit null is checked
    /// as null.
    input: MaybeUndefined<Json>,
    /// Files that come with this request, in order. Only where ExecutionType.fileRules is set.
    files: Option<Vec<Upload>>,
    /// Files stored before: by uploadFile, or of an execution that the viewer may see, in the
    /// same data set. They follow those in files.
    file_ids: Option<Vec<ID>>,
    /// To find it again: at most 20, each of 1 to 100 characters and given once.
    labels: Option<Vec<String>>,
    /// Guards against launching twice.
    idempotency: Option<IdempotencyInput>,
    /// Refuse if ExecutionType.schemaVersion has changed since the form was drawn.
    expected_schema_version: Option<String>,
    /// Give up with EXPIRED if no worker took it within this many seconds: 1 to 2592000.
    ttl_seconds: Option<i32>,
    /// Give up with TIMED_OUT after running for this many seconds: 1 to 2073600. The agent type's
    /// own limit when left out.
    max_duration_seconds: Option<i32>,
}

/// What became of a launch.
#[derive(SimpleObject)]
pub struct LaunchExecutionPayload {
    /// Stored and waiting for a worker; null exactly when errors is not empty.
    execution: Option<Execution>,
    /// False when an earlier request with this idempotency key made it, and when nothing was
    /// launched.
    created: bool,
    /// Why nothing was launched, and nothing stored.
    errors: Vec<LaunchExecutionError>,
}

/// Why nothing was launched. Members may be added: handle the ones you know, and fall back on
/// UserError.message.
#[derive(Union)]
#[allow(missing_docs)] // each is the type it holds
pub enum LaunchExecutionError {
    InputValidation(InputValidationError),
    InvalidArgument(InvalidArgumentError),
    NotFound(NotFoundError),
    NotAllowed(NotAllowedError),
    AgentRetired(AgentRetiredError),
    ExecutionTypeMismatch(ExecutionTypeMismatchError),
    FileRejected(FileRejectedError),
    IdempotencyConflict(IdempotencyConflictError),
    SchemaVersionConflict(SchemaVersionConflictError),
}

/// Resolves it.
#[derive(Default)]
pub struct LaunchExecution;

#[Object]
impl LaunchExecution {
    /// Launches an execution. What is answered with an execution is stored for good, with its
    /// files, and will end in a result or an explained failure, whatever happens to the server.
    async fn launch_execution(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The job, and who is to do it.")] input: LaunchExecutionInput,
    ) -> Result<LaunchExecutionPayload> {
        let viewer = viewer(ctx)?;
        let deps = deps(ctx);
        let file_ids = input.file_ids.unwrap_or_default();
        let uploads = Upload::open_all(input.files, ctx)?;
        let asked = Asked {
            kind: Kind::Agent,
            id: &input.agent_id,
            uploads: uploads.len(),
            file_ids: &file_ids,
            place: Place::Input,
        };
        let request = launch::Request {
            agent_id: Kind::Agent.parse(&input.agent_id).ok(),
            execution_key: input.execution_key,
            input: document(input.input).unwrap_or_else(|| Value::Object(Map::new())),
            uploads,
            file_ids: file_ids.iter().map(|id| id.0.clone()).collect(),
            labels: input.labels.unwrap_or_default(),
            idempotency: input.idempotency.map(Into::into),
            expected_schema_version: input.expected_schema_version,
            ttl_seconds: input.ttl_seconds,
            max_duration_seconds: input.max_duration_seconds,
        };
        let tools = launch::Tools {
            catalog: &deps.catalog,
            storage: &deps.storage,
        };
        Ok(match launch::launch(&deps.store, tools, viewer, request).await {
            Ok(launched) => LaunchExecutionPayload {
                execution: Some(Execution(launched.execution)),
                created: launched.created,
                errors: Vec::new(),
            },
            Err(refused) => LaunchExecutionPayload {
                execution: None,
                created: false,
                errors: vec![launch_refused(ctx, refused, &asked)?],
            },
        })
    }
}

/// A JSON argument: none when left out, null when given as null.
pub(super) fn document(given: MaybeUndefined<Json>) -> Option<Value> {
    match given {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(Value::Null),
        MaybeUndefined::Value(Json(value)) => Some(value),
    }
}

/// What was asked for, as refusals name it.
pub(super) struct Asked<'a> {
    /// What `id` is to name: the agent of a launch, the execution of a retry.
    pub kind: Kind,
    pub id: &'a str,
    pub uploads: usize,
    pub file_ids: &'a [ID],
    pub place: Place,
}

/// What launches and retries refuse alike; a fault is none.
pub(super) fn launch_refused<E>(ctx: &Context<'_>, refused: launch::Error, asked: &Asked<'_>) -> Result<E>
where
    E: From<InputValidationError>
        + From<InvalidArgumentError>
        + From<NotFoundError>
        + From<AgentRetiredError>
        + From<ExecutionTypeMismatchError>
        + From<FileRejectedError>
        + From<IdempotencyConflictError>
        + From<SchemaVersionConflictError>,
{
    use launch::Error;
    let place = asked.place;
    let is_launch = asked.kind == Kind::Agent;
    let (id, key) = if is_launch {
        ("agentId", "executionKey")
    } else {
        ("id", "id")
    };
    Ok(match refused {
        Error::AgentNotFound | Error::ExecutionNotFound => {
            NotFoundError::of(asked.kind, asked.id, place.path(id)).into()
        }
        Error::AgentRetired(agent) => AgentRetiredError::of(*agent, place.path(id)).into(),
        Error::TypeMismatch { available } => {
            ExecutionTypeMismatchError::of(available, place.path(key)).into()
        }
        Error::SchemaVersion { current } => {
            SchemaVersionConflictError::of(current, place.path("expectedSchemaVersion")).into()
        }
        Error::Input(issues) => InputValidationError::of("input", issues, place.path("input")).into(),
        Error::Argument(bad) => InvalidArgumentError::of(&bad, place).into(),
        Error::File(rejected) => file_refused(*rejected, asked.uploads, asked.file_ids, place),
        Error::Conflict(existing, conflict) => {
            let (code, message) = idempotency::conflict(conflict);
            IdempotencyConflictError {
                code,
                message,
                path: place.path_in(&["idempotency".to_owned(), "key".to_owned()]),
                existing: existing.map(|row| Execution(*row)),
            }
            .into()
        }
        Error::Fault(fault) => return Err(internal(ctx, &fault)),
        // Retries turn it into their own refusal before they come here, and launches have none.
        Error::NotTerminal(row) => {
            let fault = Fault::Corrupt {
                what: "status",
                id: row.id.to_string(),
            };
            return Err(internal(ctx, &fault));
        }
    })
}
