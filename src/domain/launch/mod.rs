//! Launching: everything is checked, then execution, conversation, files, run and first journal
//! entry are stored in one transaction, and only then is it accepted. An idempotency key is
//! looked up before anything is checked, so that a repeated request gets its first answer also
//! when the world has changed since.

mod accept;
mod check;
mod retry;

use std::borrow::Cow;

use entity::{agent, execution};
use serde_json::{Value, json};
use uuid::Uuid;

use super::access::Viewer;
use super::files::{self, Rejected};
use super::idempotency::{self, Conflict, Key};
use super::{BadArgument, Fault, Store, faults};
use crate::base::json_schema::Issue;
use crate::definitions::Catalog;
use crate::storage::Storage;
use accept::{Guard, Job, check_and_create, find_launched};
use check::{check_version, find_target, input_issues};

pub(super) use check::issues;
pub use retry::{Retry, retry};

/// Labels of an execution.
pub const MAX_LABELS: usize = 20;

/// A label's greatest length in characters.
pub const MAX_LABEL: usize = 100;

/// Longest time to live: 30 days.
pub const MAX_TTL_SECONDS: i32 = 30 * 24 * 60 * 60;

/// Longest maximum duration, of a definition too (`agent.schema.json`): 24 days, for `durationMs` is
/// an Int, which holds 24.8 of them, and what runs out of time ends a moment later.
pub const MAX_DURATION_SECONDS: i32 = 24 * 24 * 60 * 60;

/// What someone wants done.
#[derive(Debug, Default)]
#[allow(missing_docs)] // the API's arguments
pub struct Request {
    /// As the client wrote it; a malformed one is an agent that is not there.
    pub agent_id: Option<Uuid>,
    pub execution_key: String,
    pub input: Value,
    pub uploads: Vec<files::Incoming>,
    pub file_ids: Vec<String>,
    pub labels: Vec<String>,
    pub idempotency: Option<Key>,
    pub expected_schema_version: Option<String>,
    pub ttl_seconds: Option<i32>,
    pub max_duration_seconds: Option<i32>,
}

/// An accepted launch.
#[derive(Debug, Clone)]
pub struct Launched {
    /// As it is now.
    pub execution: execution::Model,
    /// False when the idempotency key had made it before.
    pub created: bool,
}

/// Why nothing was launched, and nothing stored.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such agent, or not the viewer's to see.
    #[error("there is no such agent")]
    AgentNotFound,
    /// No such execution to retry, or not the viewer's to see.
    #[error("there is no such execution")]
    ExecutionNotFound,
    /// The execution to retry has not ended.
    #[error("the execution has not ended")]
    NotTerminal(Box<execution::Model>),
    /// It takes no new work.
    #[error("the agent is retired")]
    AgentRetired(Box<agent::Model>),
    /// The agent cannot do that.
    #[error("the agent has no such execution type")]
    TypeMismatch {
        /// What it can do.
        available: Vec<String>,
    },
    /// The type's schemas have changed.
    #[error("the schema version is another")]
    SchemaVersion {
        /// Now.
        current: String,
    },
    /// The input breaks its schema.
    #[error("the input breaks its schema")]
    Input(Vec<Issue>),
    /// An argument out of its limits.
    #[error(transparent)]
    Argument(#[from] BadArgument),
    /// A file was refused.
    #[error("a file was refused")]
    File(Box<Rejected>),
    /// The key was used before. The execution is none when the viewer may no longer see it.
    #[error("the idempotency key was used before")]
    Conflict(Option<Box<execution::Model>>, Conflict),
    /// A fault.
    #[error(transparent)]
    Fault(#[from] Fault),
}

faults!(Error);

impl From<files::TakeError> for Error {
    fn from(error: files::TakeError) -> Self {
        match error {
            files::TakeError::Rejected(rejected) => Self::File(rejected),
            files::TakeError::Fault(fault) => Self::Fault(fault),
        }
    }
}

/// What a launch needs besides the store.
#[derive(Debug, Clone, Copy)]
pub struct Tools<'a> {
    /// The definitions.
    pub catalog: &'a Catalog,
    /// Where files go.
    pub storage: &'a Storage,
}

/// Launches an execution.
///
/// # Errors
/// [`Error`]; nothing is stored then.
pub async fn launch(
    store: &Store,
    tools: Tools<'_>,
    viewer: &Viewer,
    mut request: Request,
) -> Result<Launched, Error> {
    let mut guard = None;
    if let Some(key) = request.idempotency.clone() {
        key.check()?;
        let hashes = files::hash_all(&mut request.uploads).await?;
        let fingerprint = idempotency::fingerprint(&json!({
            "agentId": request.agent_id, "executionKey": request.execution_key, "input": request.input,
            "files": hashes, "fileIds": request.file_ids, "labels": request.labels,
            "ttlSeconds": request.ttl_seconds, "maxDurationSeconds": request.max_duration_seconds,
            "expectedSchemaVersion": request.expected_schema_version,
        }));
        guard = Some(Guard {
            key,
            mutation: Cow::Borrowed("launchExecution"),
            fingerprint,
        });
    }
    if let Some(made) = find_launched(store, viewer, guard.as_ref()).await? {
        return made;
    }
    let agent_id = request.agent_id.ok_or(Error::AgentNotFound)?;
    let (agent, execution_type) =
        find_target(store, tools.catalog, viewer, agent_id, &request.execution_key).await?;
    let job = Job {
        agent,
        execution_type,
        retry_of: None,
    };
    check_and_create(store, tools, viewer, job, request, guard).await
}

/// Checks an input as a launch would, and writes nothing. No issues: it would be taken.
///
/// # Errors
/// `AgentNotFound`, `AgentRetired`, `TypeMismatch`, `SchemaVersion` or a fault.
pub async fn validate_input(
    store: &Store,
    catalog: &Catalog,
    viewer: &Viewer,
    agent_id: Option<Uuid>,
    execution_key: &str,
    input: &Value,
    expected_schema_version: Option<&str>,
) -> Result<Vec<Issue>, Error> {
    let agent_id = agent_id.ok_or(Error::AgentNotFound)?;
    let (_, execution_type) = find_target(store, catalog, viewer, agent_id, execution_key).await?;
    check_version(&execution_type, expected_schema_version)?;
    Ok(input_issues(&execution_type, input))
}

/// The model that an agent's configuration names; none: its agent type's.
pub fn chosen_model(configuration: &str) -> Option<String> {
    let configuration: Value = serde_json::from_str(configuration).ok()?;
    configuration["model"].as_str().map(str::to_owned)
}

/// What a worker must know to run an execution: `run.definition`.
pub fn definition_of(agent_type: &str, execution_type: &str) -> String {
    format!("{agent_type}/{execution_type}")
}
