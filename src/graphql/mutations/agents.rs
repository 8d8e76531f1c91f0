//! createAgent, updateAgent and retireAgent.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, SimpleObject, Union};

use super::launch_execution::document;
use super::refusals::{
    AgentRetiredError, EditConflictError, InputValidationError, InvalidArgumentError, NameTakenError,
    NotAllowedError, NotFoundError, Place, read_id,
};
use super::{AdminError, admin_refused};
use crate::base::id::Kind;
use crate::domain::administration::agents;
use crate::graphql::agent::Agent;
use crate::graphql::deps;
use crate::graphql::errors::{Result, internal, viewer};
use crate::graphql::scalar::{DateTime, Json};

/// An agent to make.
#[derive(InputObject)]
pub struct CreateAgentInput {
    /// The data set that it is to work on.
    data_set_id: ID,
    /// What it is made from: AgentType.key.
    agent_type_key: String,
    /// Unique in its data set; 1 to 100 characters.
    name: String,
    /// For people; 2000 characters at most.
    description: Option<String>,
    /// Checked against AgentType.configurationSchema; {} when left out.
    configuration: MaybeUndefined<Json>,
}

/// What became of it.
#[derive(SimpleObject)]
pub struct CreateAgentPayload {
    /// The agent; null exactly when errors is not empty.
    agent: Option<Agent>,
    /// Why none was made.
    errors: Vec<AgentError>,
}

/// An agent to change. Fields left out stay as they are; null clears description.
#[derive(InputObject)]
pub struct UpdateAgentInput {
    /// The agent.
    id: ID,
    /// Unique in its data set; 1 to 100 characters. It cannot be cleared.
    name: MaybeUndefined<String>,
    /// For people; 2000 characters at most. Null clears it.
    description: MaybeUndefined<String>,
    /// Replaces the configuration as a whole; checked against AgentType.configurationSchema.
    configuration: MaybeUndefined<Json>,
    /// Refuse if it was changed since: Agent.updatedAt as read.
    expected_updated_at: Option<DateTime>,
}

/// What became of it.
#[derive(SimpleObject)]
pub struct UpdateAgentPayload {
    /// As it is now; null exactly when errors is not empty.
    agent: Option<Agent>,
    /// Why it was not changed.
    errors: Vec<AgentError>,
}

/// An agent to retire.
#[derive(InputObject)]
pub struct RetireAgentInput {
    /// The agent.
    id: ID,
}

/// What became of it.
#[derive(SimpleObject)]
pub struct RetireAgentPayload {
    /// As it is now; null exactly when errors is not empty.
    agent: Option<Agent>,
    /// Why it was not retired.
    errors: Vec<AdminError>,
}

/// Why an agent was not made or changed. Members may be added: handle the ones you know, and fall
/// back on UserError.message.
#[derive(Union)]
#[allow(missing_docs)] // each is the type it holds
pub enum AgentError {
    NotFound(NotFoundError),
    NotAllowed(NotAllowedError),
    InvalidArgument(InvalidArgumentError),
    NameTaken(NameTakenError),
    InputValidation(InputValidationError),
    AgentRetired(AgentRetiredError),
    EditConflict(EditConflictError),
}

/// Resolves them.
#[derive(Default)]
pub struct Agents;

#[Object]
impl Agents {
    /// Makes an agent in a data set. For its admins.
    async fn create_agent(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The agent: where, of which type, and set up how.")] input: CreateAgentInput,
    ) -> Result<CreateAgentPayload> {
        let viewer = viewer(ctx)?;
        let deps = deps(ctx);
        let refuse = |error| CreateAgentPayload {
            agent: None,
            errors: vec![error],
        };
        let data_set_id = match read_id(Kind::DataSet, &input.data_set_id, Place::Input, "dataSetId") {
            Ok(id) => id,
            Err(error) => return Ok(refuse(error.into())),
        };
        let new = agents::New {
            data_set_id,
            agent_type_key: &input.agent_type_key,
            name: &input.name,
            description: input.description,
            configuration: document(input.configuration),
        };
        Ok(
            match agents::create(&deps.store, &deps.catalog, viewer, new).await {
                Ok(row) => CreateAgentPayload {
                    agent: Some(Agent(row)),
                    errors: Vec::new(),
                },
                Err(errors) => CreateAgentPayload {
                    agent: None,
                    errors: refused(ctx, errors, ("dataSetId", &input.data_set_id))?,
                },
            },
        )
    }

    /// Changes an agent. For admins of its data set. A retired agent stays as it is.
    async fn update_agent(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which agent, and what changes of it.")] input: UpdateAgentInput,
    ) -> Result<UpdateAgentPayload> {
        let viewer = viewer(ctx)?;
        let deps = deps(ctx);
        let refuse = |error| UpdateAgentPayload {
            agent: None,
            errors: vec![error],
        };
        let id = match read_id(Kind::Agent, &input.id, Place::Input, "id") {
            Ok(id) => id,
            Err(error) => return Ok(refuse(error.into())),
        };
        let edit = agents::Edit {
            name: cleared(input.name),
            description: cleared(input.description),
            configuration: document(input.configuration),
            expected_updated_at: input.expected_updated_at.map(|at| at.0),
        };
        Ok(
            match agents::update(&deps.store, &deps.catalog, viewer, id, edit).await {
                Ok(row) => UpdateAgentPayload {
                    agent: Some(Agent(row)),
                    errors: Vec::new(),
                },
                Err(errors) => UpdateAgentPayload {
                    agent: None,
                    errors: refused(ctx, errors, ("id", &input.id))?,
                },
            },
        )
    }

    /// Retires an agent: it takes no new work, what it has in hand is finished, and all that it
    /// did stays readable. Retiring again succeeds. For admins of its data set.
    async fn retire_agent(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which agent.")] input: RetireAgentInput,
    ) -> Result<RetireAgentPayload> {
        let viewer = viewer(ctx)?;
        let refuse = |error| RetireAgentPayload {
            agent: None,
            errors: vec![error],
        };
        let id = match read_id(Kind::Agent, &input.id, Place::Input, "id") {
            Ok(id) => id,
            Err(error) => return Ok(refuse(error.into())),
        };
        Ok(match agents::retire(&deps(ctx).store, viewer, id).await {
            Ok(row) => RetireAgentPayload {
                agent: Some(Agent(row)),
                errors: Vec::new(),
            },
            Err(error) => refuse(admin_refused(ctx, error, &[("id", &input.id)], Place::Input)?),
        })
    }
}

/// Some(None): it is to be cleared.
fn cleared<T>(given: MaybeUndefined<T>) -> Option<Option<T>> {
    match given {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(value) => Some(Some(value)),
    }
}

fn refused(ctx: &Context<'_>, errors: Vec<agents::Error>, id: (&str, &str)) -> Result<Vec<AgentError>> {
    let refused = errors.into_iter().map(|error| refusal(ctx, error, id));
    refused.collect()
}

fn refusal(ctx: &Context<'_>, error: agents::Error, id: (&str, &str)) -> Result<AgentError> {
    use agents::Error;
    Ok(match error {
        Error::Refused(refusal) => admin_refused(ctx, refusal, &[id], Place::Input)?,
        Error::Retired(agent) => {
            let mut refused = AgentRetiredError::of(*agent, Place::Input.path("id"));
            refused.message = "The agent is retired and cannot be changed.".to_owned();
            refused.into()
        }
        Error::Configuration(issues) => {
            let path = Place::Input.path("configuration");
            InputValidationError::of("configuration", issues, path).into()
        }
        Error::EditConflict(current) => EditConflictError {
            code: "EDIT_CONFLICT".to_owned(),
            message: "The agent was changed since it was read.".to_owned(),
            path: Place::Input.path("expectedUpdatedAt"),
            current: Agent(*current),
        }
        .into(),
        Error::Fault(fault) => return Err(internal(ctx, &fault)),
    })
}
