//! The dry run of a launch.

use async_graphql::{Context, ID, Object, SimpleObject, Union};

use super::deps;
use super::errors::{self, Result, viewer};
use super::input::InputIssue;
use super::mutations::refusals::{
    AgentRetiredError, ExecutionTypeMismatchError, NotFoundError, SchemaVersionConflictError,
};
use super::scalar::Json;
use crate::base::id::Kind;
use crate::domain::launch::{self, Error};

/// Whether an input would be taken.
#[derive(SimpleObject, Clone, Debug)]
pub struct InputValidation {
    /// True when issues and errors are both empty: launchExecution would take the input.
    pub valid: bool,
    /// What is wrong with the input, everything at once.
    pub issues: Vec<InputIssue>,
    /// What is wrong besides the input: agent or type not found, another schema version. The input
    /// is not looked at then.
    pub errors: Vec<ValidateExecutionInputError>,
}

/// What can be wrong besides the input. Members may be added: fall back on UserError.message.
#[derive(Union, Clone, Debug)]
#[allow(missing_docs)]
pub enum ValidateExecutionInputError {
    NotFound(NotFoundError),
    ExecutionTypeMismatch(ExecutionTypeMismatchError),
    SchemaVersionConflict(SchemaVersionConflictError),
    AgentRetired(AgentRetiredError),
}

fn path(argument: &str) -> Option<Vec<String>> {
    Some(vec![argument.to_owned()])
}

fn refusal(failed: Error, agent_id: &ID) -> std::result::Result<ValidateExecutionInputError, Error> {
    Ok(match failed {
        Error::AgentNotFound => NotFoundError::of(Kind::Agent, agent_id, path("agentId")).into(),
        Error::AgentRetired(agent) => AgentRetiredError::of(*agent, path("agentId")).into(),
        Error::TypeMismatch { available } => {
            ExecutionTypeMismatchError::of(available, path("executionKey")).into()
        }
        Error::SchemaVersion { current } => {
            SchemaVersionConflictError::of(current, path("expectedSchemaVersion")).into()
        }
        other => return Err(other),
    })
}

/// Root field of the dry run.
#[derive(Default)]
pub struct ValidationQuery;

#[Object]
impl ValidationQuery {
    /// Checks an input as launchExecution would, and writes nothing. Files are not looked at.
    async fn validate_execution_input(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The agent that would run it.")] agent_id: ID,
        #[graphql(desc = "The execution type's key.")] execution_key: String,
        #[graphql(desc = "The input to check.")] input: Json,
        #[graphql(desc = "ExecutionType.schemaVersion as the form was drawn from; any when null.")]
        expected_schema_version: Option<String>,
    ) -> Result<InputValidation> {
        let viewer = viewer(ctx)?;
        let deps = deps(ctx);
        let checked = launch::validate_input(
            &deps.store,
            &deps.catalog,
            viewer,
            Kind::Agent.parse(&agent_id).ok(),
            &execution_key,
            &input.0,
            expected_schema_version.as_deref(),
        )
        .await;
        let (issues, refusals) = match checked {
            Ok(issues) => (issues, Vec::new()),
            Err(Error::Fault(fault)) => return Err(errors::internal(ctx, &fault)),
            Err(failed) => {
                let refused = refusal(failed, &agent_id);
                let refused = refused.map_err(|other| errors::bad_input(other.to_string()))?;
                (Vec::new(), vec![refused])
            }
        };
        Ok(InputValidation {
            valid: issues.is_empty() && refusals.is_empty(),
            issues: issues.into_iter().map(InputIssue::from).collect(),
            errors: refusals,
        })
    }
}
