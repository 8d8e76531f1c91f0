//! Retrying: what has ended is launched again as a new execution, and history never changes.

use std::borrow::Cow;

use serde_json::{Value, json};
use uuid::Uuid;

use super::accept::{Guard, Job, check_and_create, find_launched};
use super::check::find_target;
use super::{Error, Launched, Request, Tools};
use crate::base::id::Kind;
use crate::db;
use crate::domain::access::Viewer;
use crate::domain::idempotency::{self, Key};
use crate::domain::{Fault, Store, lifecycle};

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
            files.iter().map(|row| Kind::File.format(row.id)).collect()
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
