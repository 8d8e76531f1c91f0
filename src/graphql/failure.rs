//! Why an execution or a reply failed, as clients read it.

use async_graphql::{Context, Enum, Object};
use entity::execution;
use uuid::Uuid;

use super::errors::Result;
use super::loaders::{self, PayloadOf};
use crate::base::failure as base;
use crate::domain::lifecycle;

/// Why an execution failed: a closed set. What a definition adds goes into ExecutionFailure.code,
/// which is open.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(remote = "base::FailureCategory")]
pub enum FailureCategory {
    /// The server, the model or a tool broke down while it ran.
    RuntimeError,
    /// Validators refused the answer of every attempt.
    MaxRetriesExceeded,
    /// A validator refused the answer in a way that no further attempt could mend.
    ValidationFailed,
    /// The agent found that the job cannot be done, and said why.
    StoppedByAgent,
    /// A user canceled it.
    Canceled,
    /// It ran longer than its maximum duration.
    TimedOut,
    /// No worker took it within its time to live.
    Expired,
    /// The workers that ran it disappeared repeatedly, without progress between.
    WorkerLost,
    /// It used up its budget of model calls, tool calls or tokens.
    BudgetExceeded,
    /// None of the others.
    Unknown,
}

/// Who gave a failure's explanation.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(remote = "base::ExplanationSource")]
pub enum ExplanationSource {
    /// The model, asked after the last attempt.
    Model,
    /// The validator that refused the answer.
    Validator,
    /// The agent, when it stopped.
    Agent,
    /// The user who canceled.
    User,
    /// The server.
    System,
}

/// Why an execution or a reply failed.
#[derive(Clone, Debug)]
pub struct ExecutionFailure {
    category: FailureCategory,
    code: String,
    retryable: bool,
    explained: Explained,
}

#[derive(Clone, Debug)]
enum Explained {
    Here {
        text: String,
        source: ExplanationSource,
    },
    /// In the wide part of this execution, which is read only when it is asked for.
    ByExecution(Uuid),
}

impl ExecutionFailure {
    /// Of a row; none where it has not failed.
    pub fn of_execution(row: &execution::Model) -> Option<Self> {
        let category = row.failure_category.as_deref()?;
        Some(Self {
            category: category_of(category),
            code: row.failure_code.clone().unwrap_or_else(|| category.to_owned()),
            retryable: row.failure_retryable.unwrap_or(false),
            explained: Explained::ByExecution(row.id),
        })
    }
}

impl From<lifecycle::Failure> for ExecutionFailure {
    fn from(failure: lifecycle::Failure) -> Self {
        Self {
            category: category_of(&failure.category),
            code: failure.code,
            retryable: failure.retryable,
            explained: Explained::Here {
                text: failure.explanation,
                source: source_of(Some(&failure.source)),
            },
        }
    }
}

/// The category of its stored form.
pub fn category_of(stored: &str) -> FailureCategory {
    // A category of a newer version is none that this contract knows.
    base::FailureCategory::from_stored(stored).map_or(FailureCategory::Unknown, Into::into)
}

fn source_of(stored: Option<&str>) -> ExplanationSource {
    stored
        .and_then(base::ExplanationSource::from_stored)
        .map_or(ExplanationSource::System, Into::into)
}

/// Why an execution or a reply failed.
#[Object]
impl ExecutionFailure {
    /// The kind of failure, from a closed set.
    async fn category(&self) -> FailureCategory {
        self.category
    }

    /// snake_case, for example max_retries_exceeded; one of ExecutionType.failureCodes at the time
    /// of the failure. An open set: definitions add their own.
    async fn code(&self) -> &str {
        &self.code
    }

    /// For people: what went wrong, and what might mend it. Never empty.
    async fn explanation(&self, ctx: &Context<'_>) -> Result<String> {
        match &self.explained {
            Explained::Here { text, .. } => Ok(text.clone()),
            Explained::ByExecution(id) => {
                let payload = loaders::get(ctx, PayloadOf(*id)).await?;
                Ok(payload.explanation.unwrap_or_default())
            }
        }
    }

    /// Who gave the explanation.
    async fn explanation_source(&self, ctx: &Context<'_>) -> Result<ExplanationSource> {
        match &self.explained {
            Explained::Here { source, .. } => Ok(*source),
            Explained::ByExecution(id) => {
                let payload = loaders::get(ctx, PayloadOf(*id)).await?;
                Ok(source_of(payload.explanation_source.as_deref()))
            }
        }
    }

    /// Whether the same input may well succeed when it is launched again.
    async fn retryable(&self) -> bool {
        self.retryable
    }
}
