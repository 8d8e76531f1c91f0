//! Accepting: files first, then the one transaction in which all of an execution becomes durable.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use entity::{agent, conversation, execution, execution_payload, file, run};
use uuid::Uuid;

use super::check::{check_limits, check_version, input_issues};
use super::{Error, Launched, Request, Tools, chosen_model, definition_of};
use crate::base::clock::ms;
use crate::bus::Signal;
use crate::db;
use crate::definitions::{Catalog, ExecutionType};
use crate::domain::Store;
use crate::domain::access::Viewer;
use crate::domain::files::{self, Taken};
use crate::domain::idempotency::{self, Conflict, Key, Made};
use crate::domain::journal::{self, Entry};
use crate::domain::lifecycle::{self, Status};
use crate::telemetry::traces;

/// What is to be done.
pub(super) struct Job {
    pub agent: agent::Model,
    pub execution_type: Arc<ExecutionType>,
    pub retry_of: Option<Uuid>,
}

/// What keeps it from being done twice.
pub(super) struct Guard {
    pub key: Key,
    pub mutation: Cow<'static, str>,
    pub fingerprint: String,
}

pub(super) async fn find_launched(
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

pub(super) async fn check_and_create(
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
    work.count(metrics::counter!("agentic_executions_launched_total"));
    work.commit().await?;
    Ok(Some(row))
}
