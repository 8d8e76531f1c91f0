//! Agents: configured, changed and retired by the admins of their data set. A retired agent takes
//! no new work and no change; all that it did stays readable.

use entity::agent;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{Error as Refusal, require_admin};
use crate::base::clock::UnixMs;
use crate::base::id::Kind;
use crate::base::json_schema::Issue;
use crate::db;
use crate::definitions::{AgentType, Catalog};
use crate::domain::access::Viewer;
use crate::domain::people;
use crate::domain::{BadArgument, launch};
use crate::domain::{Fault, Store, Work, faults};

/// A description's greatest length in characters.
pub const MAX_DESCRIPTION: usize = 2000;

const MANAGERS: &str = "only admins of a data set manage its agents";

/// Why an agent was not made or changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What administration refuses everywhere.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It is retired.
    #[error("the agent is retired")]
    Retired(Box<agent::Model>),
    /// The configuration breaks its agent type's schema.
    #[error("the configuration breaks its schema")]
    Configuration(Vec<Issue>),
    /// Someone else changed it since the caller read it.
    #[error("the agent has changed since it was read")]
    EditConflict(Box<agent::Model>),
    /// A fault.
    #[error(transparent)]
    Fault(#[from] Fault),
}

faults!(Error);

impl From<BadArgument> for Error {
    fn from(error: BadArgument) -> Self {
        Self::Refused(error.into())
    }
}

impl From<people::Error> for Error {
    fn from(error: people::Error) -> Self {
        Self::Refused(error.into())
    }
}

/// A new agent.
#[derive(Debug)]
#[allow(missing_docs)] // the API's arguments
pub struct New<'a> {
    pub data_set_id: Uuid,
    pub agent_type_key: &'a str,
    pub name: &'a str,
    pub description: Option<String>,
    /// None: `{}`.
    pub configuration: Option<Value>,
}

/// Makes an agent.
///
/// # Errors
/// Everything that is wrong with it at once, never an empty list.
pub async fn create(
    store: &Store,
    catalog: &Catalog,
    viewer: &Viewer,
    new: New<'_>,
) -> Result<agent::Model, Vec<Error>> {
    require_admin(viewer, new.data_set_id, "dataSetId", Kind::DataSet, MANAGERS)
        .map_err(|refusal| vec![refusal.into()])?;
    let mut wrong: Vec<Error> = Vec::new();
    wrong.extend(people::check_name(new.name).err().map(Into::into));
    wrong.extend(
        check_description(new.description.as_deref())
            .err()
            .map(Into::into),
    );
    let configuration = (new.configuration.as_ref()).map_or_else(|| Value::Object(Map::new()), Value::clone);
    match catalog.agent_type(new.agent_type_key) {
        Some(known) => wrong.extend(check_configuration(known, &configuration).err()),
        None => {
            let (argument, kind) = ("agentTypeKey", Kind::AgentType);
            wrong.push(Refusal::NotFound { argument, kind }.into());
        }
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    insert(store, new, &configuration)
        .await
        .map_err(|error| vec![error])
}

async fn insert(store: &Store, new: New<'_>, configuration: &Value) -> Result<agent::Model, Error> {
    let (argument, kind) = ("dataSetId", Kind::DataSet);
    let work = store.begin().await?;
    // A server admin's role says nothing about whether the data set is there.
    let found = db::people::find_data_sets(&work.tx, &[new.data_set_id]).await?;
    if found.is_empty() {
        return Err(Refusal::NotFound { argument, kind }.into());
    }
    let row = people::create_agent(
        &work,
        new.data_set_id,
        new.agent_type_key,
        new.name,
        new.description,
        configuration,
    )
    .await?;
    work.commit().await?;
    Ok(row)
}

/// What is to change; none stays as it is.
#[derive(Debug, Default)]
#[allow(missing_docs)] // the API's arguments
pub struct Edit {
    /// Some(None) would clear it, which is refused.
    pub name: Option<Option<String>>,
    /// Some(None) clears it.
    pub description: Option<Option<String>>,
    pub configuration: Option<Value>,
    /// Only if it was not changed since then.
    pub expected_updated_at: Option<UnixMs>,
}

/// Changes an agent.
///
/// # Errors
/// Everything that is wrong with the change at once, never an empty list.
pub async fn update(
    store: &Store,
    catalog: &Catalog,
    viewer: &Viewer,
    id: Uuid,
    edit: Edit,
) -> Result<agent::Model, Vec<Error>> {
    let one = |error: Error| vec![error];
    let work = store.begin().await.map_err(|failed| one(failed.into()))?;
    let before = find_managed(&work, viewer, id).await;
    let before = before.map_err(|refusal| one(refusal.into()))?;
    if before.retired_at.is_some() {
        return Err(one(Error::Retired(Box::new(before))));
    }
    if edit
        .expected_updated_at
        .is_some_and(|read| read != before.updated_at)
    {
        return Err(one(Error::EditConflict(Box::new(before))));
    }
    let after = edited(catalog, &before, edit)?;
    if after == before {
        return Ok(before);
    }
    save(work, &before, after).await.map_err(one)
}

fn edited(catalog: &Catalog, before: &agent::Model, edit: Edit) -> Result<agent::Model, Vec<Error>> {
    let mut wrong: Vec<Error> = Vec::new();
    let mut after = before.clone();
    match edit.name {
        Some(Some(name)) => {
            wrong.extend(people::check_name(&name).err().map(Into::into));
            after.name = name;
        }
        Some(None) => wrong.push(BadArgument::new("name", "an agent's name cannot be cleared").into()),
        None => {}
    }
    if let Some(description) = edit.description {
        wrong.extend(check_description(description.as_deref()).err().map(Into::into));
        after.description = description;
    }
    if let Some(configuration) = edit.configuration {
        match catalog.agent_type(&before.agent_type_key) {
            Some(known) => wrong.extend(check_configuration(known, &configuration).err()),
            None => {
                let message = "the agent's type is no longer registered, so nothing says what it takes";
                wrong.push(BadArgument::new("configuration", message).into());
            }
        }
        after.configuration = configuration.to_string();
    }
    if wrong.is_empty() { Ok(after) } else { Err(wrong) }
}

/// Retires an agent; one that is retired already stays as it is.
///
/// # Errors
/// [`Error`], of which only what administration refuses everywhere.
pub async fn retire(store: &Store, viewer: &Viewer, id: Uuid) -> Result<agent::Model, Refusal> {
    let work = store.begin().await?;
    let before = find_managed(&work, viewer, id).await?;
    if before.retired_at.is_some() {
        return Ok(before);
    }
    let mut after = before.clone();
    after.retired_at = Some(work.now);
    match save(work, &before, after).await {
        Ok(row) => Ok(row),
        Err(Error::Refused(refusal)) => Err(refusal),
        Err(Error::Fault(fault)) => Err(fault.into()),
        Err(_) => unreachable!("saving refuses nothing but a name"),
    }
}

async fn find_managed(work: &Work, viewer: &Viewer, id: Uuid) -> Result<agent::Model, Refusal> {
    let (argument, kind) = ("id", Kind::Agent);
    let row = db::agents::find_locked(&work.tx, id)
        .await?
        .ok_or(Refusal::NotFound { argument, kind })?;
    require_admin(viewer, row.data_set_id, argument, kind, MANAGERS)?;
    Ok(row)
}

async fn save(work: Work, before: &agent::Model, mut after: agent::Model) -> Result<agent::Model, Error> {
    // Always another, also within one millisecond: it tells versions apart.
    after.updated_at = work.now.max(before.updated_at + 1);
    let replaced = db::agents::replace(&work.tx, before, after.clone())
        .await
        .map_err(|error| people::named(error, &after.name))?;
    if !replaced {
        return Err(Error::Fault(Fault::Corrupt {
            what: "agent.updated_at",
            id: before.id.to_string(),
        }));
    }
    work.commit().await?;
    Ok(after)
}

fn check_configuration(known: &AgentType, configuration: &Value) -> Result<(), Error> {
    let issues = launch::issues(&known.configuration_schema, configuration);
    if issues.is_empty() {
        Ok(())
    } else {
        Err(Error::Configuration(issues))
    }
}

fn check_description(description: Option<&str>) -> Result<(), BadArgument> {
    let is_bad = |text: &str| text.chars().count() > MAX_DESCRIPTION || text.contains('\0');
    if description.is_some_and(is_bad) {
        let message = format!("a description has {MAX_DESCRIPTION} characters at most and no U+0000");
        return Err(BadArgument::new("description", message));
    }
    Ok(())
}
