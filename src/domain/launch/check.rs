//! What is checked before anything is stored: that the agent is there and can do it, that the input
//! fits its schema, and that no argument is out of its limits.

use std::sync::Arc;

use entity::agent;
use serde_json::Value;
use uuid::Uuid;

use super::{Error, MAX_DURATION_SECONDS, MAX_LABEL, MAX_LABELS, MAX_TTL_SECONDS, Request};
use crate::base::json_schema::{Issue, Schema};
use crate::base::text::{MAX_JSON_DEPTH, has_nul, json_depth};
use crate::db;
use crate::definitions::{AgentType, Catalog, ExecutionType};
use crate::domain::access::Viewer;
use crate::domain::{BadArgument, Store};

pub(super) async fn find_target(
    store: &Store,
    catalog: &Catalog,
    viewer: &Viewer,
    agent_id: Uuid,
    execution_key: &str,
) -> Result<(agent::Model, Arc<ExecutionType>), Error> {
    let agent = db::agents::find(store.db.read(), agent_id).await?;
    let agent = agent
        .filter(|agent| viewer.sees_data_set(agent.data_set_id))
        .ok_or(Error::AgentNotFound)?;
    if agent.retired_at.is_some() {
        return Err(Error::AgentRetired(Box::new(agent)));
    }
    let types = catalog
        .agent_type(&agent.agent_type_key)
        .map(|agent_type: &Arc<AgentType>| &agent_type.execution_types);
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

pub(super) fn check_version(execution_type: &ExecutionType, expected: Option<&str>) -> Result<(), Error> {
    if expected.is_some_and(|expected| expected != execution_type.schema_version) {
        return Err(Error::SchemaVersion {
            current: execution_type.schema_version.clone(),
        });
    }
    Ok(())
}

pub(super) fn input_issues(execution_type: &ExecutionType, input: &Value) -> Vec<Issue> {
    issues(&execution_type.input_schema, input)
}

/// What is wrong with a document from a client: what cannot be stored, else what its schema says.
pub(in crate::domain) fn issues(schema: &Schema, input: &Value) -> Vec<Issue> {
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

pub(super) fn check_limits(request: &Request) -> Result<(), BadArgument> {
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
    let longest = request.max_duration_seconds;
    for (name, seconds, most) in [
        ("ttlSeconds", request.ttl_seconds, MAX_TTL_SECONDS),
        ("maxDurationSeconds", longest, MAX_DURATION_SECONDS),
    ] {
        if seconds.is_some_and(|seconds| !(1..=most).contains(&seconds)) {
            return Err(BadArgument::new(name, format!("{name} is 1 to {most}")));
        }
    }
    Ok(())
}
