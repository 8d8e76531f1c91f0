//! Launching: everything is checked, then execution, conversation, files, run and first journal
//! entry are stored in one transaction, and only then is it accepted. An idempotency key is
//! looked up before anything is checked, so that a repeated request gets its first answer also
//! when the world has changed since.

use std::borrow::Cow;
use std::time::Duration;

use entity::{agent, conversation, execution, execution_payload, file, run};
use serde_json::{Value, json};
use uuid::Uuid;

use super::access::Viewer;
use super::files::{self, Rejected, Taken};
use super::idempotency::{self, Conflict, Key, Made};
use super::journal::{self, Entry};
use super::lifecycle::{self, Status};
use super::{BadArgument, Fault, Store, faults};
use crate::base::clock::ms;
use crate::base::json_schema::{Issue, Schema};
use crate::base::text::{MAX_JSON_DEPTH, has_nul, json_depth};
use crate::bus::Signal;
use crate::db;
use crate::definitions::{AgentType, Catalog, ExecutionType};
use crate::storage::Storage;
use crate::telemetry::traces;

/// Labels of an execution.
pub const MAX_LABELS: usize = 20;

/// A label's greatest length in characters.
pub const MAX_LABEL: usize = 100;

/// Executions that one request cancels or retries, and records that it deletes: each costs a
/// transaction of its own, and a request must end in the time that it has.
pub const MAX_BULK: usize = 100;

/// Longest time to live and longest maximum duration: 30 days.
pub const MAX_SECONDS: i32 = 30 * 24 * 60 * 60;

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
    request.idempotency.as_ref().map_or(Ok(()), Key::check)?;
    let hashes = files::hash_all(&mut request.uploads).await?;
    let fingerprint = idempotency::fingerprint(&json!({
        "agentId": request.agent_id, "executionKey": request.execution_key, "input": request.input,
        "files": hashes, "fileIds": request.file_ids, "labels": request.labels,
        "ttlSeconds": request.ttl_seconds, "maxDurationSeconds": request.max_duration_seconds,
        "expectedSchemaVersion": request.expected_schema_version,
    }));
    let key = request.idempotency.clone().map(|key| Guard {
        key,
        mutation: Cow::Borrowed("launchExecution"),
        fingerprint,
    });
    if let Some(made) = find_launched(store, viewer, key.as_ref()).await? {
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
    check_and_create(store, tools, viewer, job, request, key).await
}

/// What a retry replaces; the rest stays as it was.
#[derive(Debug, Default)]
#[allow(missing_docs)] // the API's arguments
pub struct Retry {
    pub id: Option<Uuid>,
    pub input: Option<Value>,
    pub file_ids: Option<Vec<String>>,
    pub labels: Option<Vec<String>>,
    pub ttl_seconds: Option<i32>,
    pub max_duration_seconds: Option<i32>,
    pub expected_schema_version: Option<String>,
    pub idempotency: Option<Key>,
    /// One of several in one request.
    pub in_bulk: bool,
}

/// Launches again what has ended, as a new execution: history never changes.
///
/// # Errors
/// [`Error`]; nothing is stored then.
pub async fn retry(
    store: &Store,
    tools: Tools<'_>,
    viewer: &Viewer,
    retry: Retry,
) -> Result<Launched, Error> {
    retry.idempotency.as_ref().map_or(Ok(()), Key::check)?;
    let fingerprint = idempotency::fingerprint(&json!({
        "id": retry.id, "input": retry.input, "fileIds": retry.file_ids, "labels": retry.labels,
        "ttlSeconds": retry.ttl_seconds, "maxDurationSeconds": retry.max_duration_seconds,
        "expectedSchemaVersion": retry.expected_schema_version,
    }));
    let key = retry.idempotency.clone().map(|key| Guard {
        key,
        // In bulk one key stands for each execution by itself: a repeated request, cut off halfway
        // the first time, retries only what it has not retried yet.
        mutation: match (retry.in_bulk, retry.id) {
            (true, Some(id)) => Cow::Owned(format!("retryExecutions/{}", id.simple())),
            _ => Cow::Borrowed("retryExecution"),
        },
        fingerprint,
    });
    if let Some(made) = find_launched(store, viewer, key.as_ref()).await? {
        return made;
    }
    let db = store.db.read();
    let id = retry.id.ok_or(Error::ExecutionNotFound)?;
    let first = db::executions::find(db, id)
        .await?
        .filter(|row| viewer.sees_execution(row));
    let first = first.ok_or(Error::ExecutionNotFound)?;
    if !lifecycle::status(&first)?.is_terminal() {
        return Err(Error::NotTerminal(Box::new(first)));
    }
    let (agent, execution_type) =
        find_target(store, tools.catalog, viewer, first.agent_id, &first.execution_key).await?;
    let input = match retry.input {
        Some(input) => input,
        None => input_of(store, id).await?,
    };
    let labels = match retry.labels {
        Some(labels) => labels,
        None => db::executions::labels(db, &[id])
            .await?
            .into_iter()
            .map(|row| row.label)
            .collect(),
    };
    let file_ids = match retry.file_ids {
        Some(ids) => ids,
        None => {
            let files = db::files::of_executions(db, &[id]).await?;
            files
                .iter()
                .map(|row| crate::base::id::Kind::File.format(row.id))
                .collect()
        }
    };
    let request = Request {
        agent_id: Some(agent.id),
        execution_key: first.execution_key.clone(),
        input,
        uploads: Vec::new(),
        file_ids,
        labels,
        idempotency: None,
        expected_schema_version: retry.expected_schema_version,
        ttl_seconds: retry.ttl_seconds,
        max_duration_seconds: retry.max_duration_seconds,
    };
    let job = Job {
        agent,
        execution_type,
        retry_of: Some(first.id),
    };
    check_and_create(store, tools, viewer, job, request, key).await
}

async fn input_of(store: &Store, id: Uuid) -> Result<Value, Fault> {
    let payload = db::executions::payloads(store.db.read(), &[id]).await?.pop();
    payload
        .and_then(|row| serde_json::from_str(&row.input).ok())
        .ok_or_else(|| Fault::Corrupt {
            what: "execution_payload",
            id: id.to_string(),
        })
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

async fn find_target(
    store: &Store,
    catalog: &Catalog,
    viewer: &Viewer,
    agent_id: Uuid,
    execution_key: &str,
) -> Result<(agent::Model, std::sync::Arc<ExecutionType>), Error> {
    let agent = db::agents::find(store.db.read(), agent_id).await?;
    let agent = agent
        .filter(|agent| viewer.role(agent.data_set_id).is_some())
        .ok_or(Error::AgentNotFound)?;
    if agent.retired_at.is_some() {
        return Err(Error::AgentRetired(Box::new(agent)));
    }
    let types = catalog
        .agent_type(&agent.agent_type_key)
        .map(|agent_type: &std::sync::Arc<AgentType>| &agent_type.execution_types);
    let wanted = types
        .into_iter()
        .flatten()
        .find(|known| known.key == execution_key);
    match wanted {
        Some(execution_type) => Ok((agent, execution_type.clone())),
        None => Err(Error::TypeMismatch {
            available: types
                .into_iter()
                .flatten()
                .map(|known| known.key.clone())
                .collect(),
        }),
    }
}

fn check_version(execution_type: &ExecutionType, expected: Option<&str>) -> Result<(), Error> {
    if expected.is_some_and(|expected| expected != execution_type.schema_version) {
        return Err(Error::SchemaVersion {
            current: execution_type.schema_version.clone(),
        });
    }
    Ok(())
}

fn input_issues(execution_type: &ExecutionType, input: &Value) -> Vec<Issue> {
    issues(&execution_type.input_schema, input)
}

/// What is wrong with a document from a client: what cannot be stored, else what its schema says.
pub(super) fn issues(schema: &Schema, input: &Value) -> Vec<Issue> {
    let whole = |keyword: &str, message: String| {
        vec![Issue {
            pointer: String::new(),
            property: None,
            keyword: keyword.to_owned(),
            expected: None,
            message,
        }]
    };
    if json_depth(input) > MAX_JSON_DEPTH {
        return whole(
            "maxDepth",
            format!("the value nests deeper than {MAX_JSON_DEPTH}"),
        );
    }
    if has_nul(input) {
        return whole(
            "pattern",
            "the value holds U+0000, which cannot be stored".to_owned(),
        );
    }
    schema.check(input)
}

fn check_limits(request: &Request) -> Result<(), BadArgument> {
    if request.labels.len() > MAX_LABELS {
        let message = format!(
            "{} labels were given; {MAX_LABELS} are taken at most",
            request.labels.len()
        );
        return Err(BadArgument::new("labels", message));
    }
    for (index, label) in request.labels.iter().enumerate() {
        let length = label.chars().count();
        let is_repeated = request.labels[..index].contains(label);
        if label.trim().is_empty() || length > MAX_LABEL || label.chars().any(char::is_control) || is_repeated
        {
            return Err(BadArgument {
                path: vec!["labels".to_owned(), index.to_string()],
                message: format!(
                    "a label has 1 to {MAX_LABEL} characters, not only blanks, no control characters, and is given once"
                ),
            });
        }
    }
    for (name, seconds) in [
        ("ttlSeconds", request.ttl_seconds),
        ("maxDurationSeconds", request.max_duration_seconds),
    ] {
        if seconds.is_some_and(|seconds| !(1..=MAX_SECONDS).contains(&seconds)) {
            return Err(BadArgument::new(name, format!("{name} is 1 to {MAX_SECONDS}")));
        }
    }
    Ok(())
}

struct Job {
    agent: agent::Model,
    execution_type: std::sync::Arc<ExecutionType>,
    retry_of: Option<Uuid>,
}

struct Guard {
    key: Key,
    mutation: Cow<'static, str>,
    fingerprint: String,
}

async fn find_launched(
    store: &Store,
    viewer: &Viewer,
    key: Option<&Guard>,
) -> Result<Option<Result<Launched, Error>>, Error> {
    let Some(key) = key else { return Ok(None) };
    match idempotency::find_made(store, viewer, &key.mutation, &key.key, &key.fingerprint).await? {
        Some(made) => Ok(Some(launched_before(store, viewer, made).await)),
        None => Ok(None),
    }
}

async fn launched_before(store: &Store, viewer: &Viewer, made: Made) -> Result<Launched, Error> {
    let row = db::executions::find(store.db.read(), made.subject_id).await?;
    let row = row.filter(|row| viewer.sees_execution(row));
    match (made.conflict, row) {
        (None, Some(execution)) => Ok(Launched {
            execution,
            created: false,
        }),
        // What it made was deleted, or is no longer theirs to see: a conflict without it.
        (conflict, row) => Err(Error::Conflict(
            row.map(Box::new),
            conflict.unwrap_or(Conflict::Duplicate),
        )),
    }
}

async fn check_and_create(
    store: &Store,
    tools: Tools<'_>,
    viewer: &Viewer,
    job: Job,
    mut request: Request,
    key: Option<Guard>,
) -> Result<Launched, Error> {
    check_version(&job.execution_type, request.expected_schema_version.as_deref())?;
    check_limits(&request)?;
    let issues = input_issues(&job.execution_type, &request.input);
    if !issues.is_empty() {
        return Err(Error::Input(issues));
    }
    let uploads = std::mem::take(&mut request.uploads);
    let rules = job.execution_type.file_rules.as_ref();
    let taken = files::take(
        store,
        tools.storage,
        viewer,
        rules,
        job.agent.data_set_id,
        uploads,
        &request.file_ids,
    )
    .await?;
    let created = create(
        store,
        tools.catalog,
        viewer,
        &job,
        request,
        taken.clone(),
        key.as_ref(),
    )
    .await;
    if !matches!(created, Ok(Some(_))) {
        files::discard(store, tools.storage, &taken).await;
    }
    match (created?, key) {
        (Some(execution), _) => Ok(Launched {
            execution,
            created: true,
        }),
        (None, Some(key)) => {
            let made =
                idempotency::get_made(store, viewer, &key.mutation, &key.key, &key.fingerprint).await?;
            launched_before(store, viewer, made).await
        }
        (None, None) => unreachable!("only a key can be taken already"),
    }
}

/// The one transaction. None when the key was taken meanwhile.
async fn create(
    store: &Store,
    catalog: &Catalog,
    viewer: &Viewer,
    job: &Job,
    request: Request,
    taken: Vec<Taken>,
    key: Option<&Guard>,
) -> Result<Option<execution::Model>, Error> {
    let Job {
        agent,
        execution_type,
        retry_of,
    } = job;
    let mut work = store.begin().await?;
    let id = work.id();
    if let Some(key) = key
        && !idempotency::try_take(&work, viewer, &key.mutation, &key.key, &key.fingerprint, id).await?
    {
        return Ok(None);
    }
    let conversation = conversation::Model {
        id: work.id(),
        data_set_id: agent.data_set_id,
        agent_id: agent.id,
        started_by: viewer.user_id,
        is_chat: false,
        execution_id: Some(id),
        title: None,
        title_folded: None,
        last_sequence: 0,
        reply_run_id: None,
        reply_failure: None,
        created_at: work.now,
        updated_at: work.now,
    };
    let seconds = |seconds: u64| ms(Duration::from_secs(seconds));
    let longest = match request.max_duration_seconds {
        Some(given) => u64::from(given.unsigned_abs()),
        None => catalog
            .agent_type(&agent.agent_type_key)
            .map_or(0, |known| u64::from(known.limits.max_duration_seconds)),
    };
    let expires_at = request
        .ttl_seconds
        .map(|ttl| work.now.saturating_add(seconds(u64::from(ttl.unsigned_abs()))));
    let row = execution::Model {
        id,
        revision: 1,
        status: Status::Pending.as_str().to_owned(),
        data_set_id: agent.data_set_id,
        agent_id: agent.id,
        execution_key: execution_type.key.clone(),
        schema_version: execution_type.schema_version.clone(),
        conversation_id: conversation.id,
        launched_by: viewer.user_id,
        attempt: 1,
        max_attempts: i32::try_from(execution_type.max_retries)
            .unwrap_or(i32::MAX)
            .saturating_add(1),
        failure_category: None,
        failure_code: None,
        failure_retryable: None,
        cancel_requested_at: None,
        cancel_requested_by: None,
        cancel_reason: None,
        cancel_confirmed_at: None,
        progress_done: None,
        progress_total: None,
        progress_note: None,
        input_tokens: 0,
        output_tokens: 0,
        model_calls: 0,
        tool_calls: 0,
        cost_micro_usd: None,
        cached_input_tokens: 0,
        retry_of: *retry_of,
        max_duration_ms: (longest > 0).then(|| seconds(longest)),
        created_at: work.now,
        started_at: None,
        finished_at: None,
        duration_ms: None,
        expires_at,
        deadline_at: None,
        updated_at: work.now,
    };
    let payload = execution_payload::Model {
        execution_id: id,
        input: request.input.to_string(),
        result: None,
        explanation: None,
        explanation_source: None,
    };
    db::conversations::insert(&work.tx, conversation.clone()).await?;
    db::executions::insert(&work.tx, row.clone(), payload, &request.labels).await?;
    let attach =
        |(taken, position): (Taken, i32)| taken.attach(&work, viewer.user_id, &conversation, position);
    let files: Vec<file::Model> = taken.into_iter().zip(0..).map(attach).collect();
    db::files::insert(&work.tx, files).await?;
    let first = Entry::StatusChanged {
        from: None,
        to: Status::Pending,
    };
    journal::append(&mut work, conversation.id, Some(1), vec![first]).await?;
    lifecycle::log_change(&mut work, &row, None, false).await?;
    let run = run::Model {
        id: work.id(),
        kind: "execution".to_owned(),
        execution_id: Some(id),
        conversation_id: conversation.id,
        definition: definition_of(&agent.agent_type_key, &execution_type.key),
        queued_at: work.now,
        expires_at,
        deadline_at: None,
        worker: None,
        fence: 0,
        lease_expires_at: 0,
        stop_requested_at: None,
        stall_sequence: 0,
        stalls: 0,
        model: chosen_model(&agent.configuration),
        trace_parent: traces::current(),
        reservation: None,
    };
    db::runs::insert(&work.tx, run).await?;
    work.signal(Signal::Queued);
    work.commit().await?;
    metrics::counter!("agentic_executions_launched_total").increment(1);
    Ok(Some(row))
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
