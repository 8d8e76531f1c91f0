//! One execution: the row, and what hangs off it.

use async_graphql::{Context, ID, Object, SimpleObject};
use entity::{event, execution};

use super::agent::Agent;
use super::conversation::Conversation;
use super::data_set::DataSet;
use super::definition::ExecutionType;
use super::deps;
use super::errors::{self, Result, viewer};
use super::executions::{self, ExecutionConnection, ExecutionStatus};
use super::failure::ExecutionFailure;
use super::file::FileAttachment;
use super::filter::{ExecutionFilter, ExecutionOrder};
use super::loaders::{
    self, AgentOf, ConversationOf, DataSetOf, ExecutionOf, FilesOf, LabelsOf, PayloadOf, RejectionsIn, UserOf,
};
use super::page::{self, Args};
use super::record::stored_json;
use super::scalar::{DateTime, Json, StreamCursor, int};
use super::user::User;
use crate::base::cursor;
use crate::base::id::Kind;
use crate::db::executions::filter::Filter;
use crate::db::executions::page::Order;
use crate::domain::agents;
use crate::domain::journal::{self, Entry};
use crate::domain::lifecycle::{self, Status};

/// An execution.
#[derive(Clone, Debug)]
pub struct Execution(pub execution::Model);

/// That someone asked for the end of an execution.
#[derive(Clone, Debug)]
pub struct ExecutionCancellation(execution::Model);

/// How far an execution is, as its agent last said.
#[derive(SimpleObject, Clone, Debug)]
pub struct ExecutionProgress {
    /// Units done.
    pub done: i32,
    /// Units in all; null where the agent cannot tell.
    pub total: Option<i32>,
    /// For people; null where the agent said nothing.
    pub note: Option<String>,
}

/// What an execution has used so far, over all attempts.
#[derive(SimpleObject, Clone, Copy, Debug)]
pub struct ExecutionUsage {
    /// Tokens that models read.
    pub input_tokens: i32,
    /// Those of them that providers had kept from earlier requests and charge less for.
    pub cached_input_tokens: i32,
    /// Tokens that models wrote.
    pub output_tokens: i32,
    /// Calls of models, those that failed included.
    pub model_calls: i32,
    /// Calls of tools.
    pub tool_calls: i32,
    /// What the models cost, in millionths of a US dollar; null where the price is not known.
    pub cost_micro_usd: Option<i32>,
}

/// What the viewer may do with an execution, as things stand now.
#[derive(SimpleObject, Clone, Copy, Debug)]
pub struct ExecutionPermissions {
    /// Cancel it: true until it has ended.
    pub cancel: bool,
    /// Launch it again: true once it has ended, while its agent takes work of its type.
    pub retry: bool,
}

/// One job: its input, its state, and its result or the reason why there is none.
#[Object]
impl Execution {
    /// Opaque; refetch with node or execution.
    pub async fn id(&self) -> ID {
        Kind::Execution.format(self.0.id).into()
    }

    /// Grows with every change of any field: of two copies the greater is the newer, so a client
    /// is not set back by a slow response.
    async fn revision(&self) -> i32 {
        int(self.0.revision)
    }

    /// Where it is in its life.
    async fn status(&self, ctx: &Context<'_>) -> Result<ExecutionStatus> {
        Ok(self.read_status(ctx)?.into())
    }

    /// Whether it has ended: FINISHED or FAILED. Nothing of it changes then.
    async fn is_terminal(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(self.read_status(ctx)?.is_terminal())
    }

    /// Where it belongs.
    async fn data_set(&self, ctx: &Context<'_>) -> Result<DataSet> {
        Ok(DataSet(loaders::get(ctx, DataSetOf(self.0.data_set_id)).await?))
    }

    /// The agent that does it.
    async fn agent(&self, ctx: &Context<'_>) -> Result<Agent> {
        Ok(Agent(loaders::get(ctx, AgentOf(self.0.agent_id)).await?))
    }

    /// The kind of job. Null when the type is no longer registered; executionKey stays readable.
    async fn execution_type(&self, ctx: &Context<'_>) -> Option<ExecutionType> {
        deps(ctx)
            .catalog
            .execution_type(&self.0.execution_key)
            .cloned()
            .map(ExecutionType)
    }

    /// The execution type's key.
    async fn execution_key(&self) -> &str {
        &self.0.execution_key
    }

    /// ExecutionType.schemaVersion at launch.
    async fn schema_version(&self) -> &str {
        &self.0.schema_version
    }

    /// As it was launched; satisfies the type's input schema of then.
    async fn input(&self, ctx: &Context<'_>) -> Result<Json> {
        let payload = loaders::get(ctx, PayloadOf(self.0.id)).await?;
        stored_json(ctx, "execution_payload.input", &self.0.id, &payload.input)
    }

    /// What came of it; null unless FINISHED.
    async fn result(&self, ctx: &Context<'_>) -> Result<Option<Json>> {
        if self.read_status(ctx)? != Status::Finished {
            return Ok(None);
        }
        let payload = loaders::get(ctx, PayloadOf(self.0.id)).await?;
        let result = payload.result.as_deref();
        result
            .map(|text| stored_json(ctx, "execution_payload.result", &self.0.id, text))
            .transpose()
    }

    /// Why there is no result; null unless FAILED.
    async fn failure(&self) -> Option<ExecutionFailure> {
        ExecutionFailure::of_execution(&self.0)
    }

    /// Set from the moment a cancel was accepted; null when nobody asked for one.
    async fn cancellation(&self) -> Option<ExecutionCancellation> {
        self.0
            .cancel_requested_at
            .map(|_| ExecutionCancellation(self.0.clone()))
    }

    /// How far it is; null where the agent has not said.
    async fn progress(&self) -> Option<ExecutionProgress> {
        self.0.progress_done.map(|done| ExecutionProgress {
            done,
            total: self.0.progress_total,
            note: self.0.progress_note.clone(),
        })
    }

    /// What it has used so far.
    async fn usage(&self) -> ExecutionUsage {
        ExecutionUsage {
            input_tokens: int(self.0.input_tokens),
            cached_input_tokens: int(self.0.cached_input_tokens),
            output_tokens: int(self.0.output_tokens),
            model_calls: self.0.model_calls,
            tool_calls: self.0.tool_calls,
            cost_micro_usd: self.0.cost_micro_usd.map(int),
        }
    }

    /// Correction cycle, from 1, also while PENDING.
    async fn attempt(&self) -> i32 {
        self.0.attempt
    }

    /// The last cycle allowed; attempt of maxAttempts.
    async fn max_attempts(&self) -> i32 {
        self.0.max_attempts
    }

    /// What validators refused, oldest first.
    async fn rejections(&self, ctx: &Context<'_>) -> Result<Vec<ValidatorRejection>> {
        let rows = loaders::find(ctx, RejectionsIn(self.0.conversation_id)).await?;
        let rows = rows.unwrap_or_default().into_iter();
        rows.map(ValidatorRejection::of)
            .collect::<std::result::Result<Vec<_>, _>>()
            .map(|rejections| rejections.into_iter().flatten().collect())
            .map_err(|fault| errors::internal(ctx, &fault))
    }

    /// As given at launch, in that order.
    async fn labels(&self, ctx: &Context<'_>) -> Result<Vec<String>> {
        Ok(loaders::find(ctx, LabelsOf(self.0.id)).await?.unwrap_or_default())
    }

    /// The files that it was launched with, in that order.
    async fn files(&self, ctx: &Context<'_>) -> Result<Vec<FileAttachment>> {
        let rows = loaders::find(ctx, FilesOf(self.0.id)).await?;
        Ok(rows.unwrap_or_default().into_iter().map(FileAttachment).collect())
    }

    /// Its own conversation: the message loop with its tool calls. Read-only.
    async fn conversation(&self, ctx: &Context<'_>) -> Result<Conversation> {
        Ok(Conversation(
            loaders::get(ctx, ConversationOf(self.0.conversation_id)).await?,
        ))
    }

    /// Who launched it.
    async fn launched_by(&self, ctx: &Context<'_>) -> Result<User> {
        Ok(User(loaders::get(ctx, UserOf(self.0.launched_by)).await?))
    }

    /// When the server accepted it.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// When a worker took it; null while PENDING, and for what never started.
    async fn started_at(&self) -> Option<DateTime> {
        self.0.started_at.map(DateTime)
    }

    /// When it ended; null until then.
    async fn finished_at(&self) -> Option<DateTime> {
        self.0.finished_at.map(DateTime)
    }

    /// When any field of it last changed.
    async fn updated_at(&self) -> DateTime {
        DateTime(self.0.updated_at)
    }

    /// finishedAt - startedAt in milliseconds; null until terminal, and for what never started.
    /// Time in the queue is startedAt - createdAt.
    async fn duration_ms(&self) -> Option<i32> {
        self.0.duration_ms.map(int)
    }

    /// When ttlSeconds ends it; null without one.
    async fn expires_at(&self) -> Option<DateTime> {
        self.0.expires_at.map(DateTime)
    }

    /// When maxDurationSeconds ends it; null until started.
    async fn deadline_at(&self) -> Option<DateTime> {
        self.0.deadline_at.map(DateTime)
    }

    /// The execution that this one repeats; null where it is no retry, or the viewer may not see
    /// the other.
    async fn retry_of(&self, ctx: &Context<'_>) -> Result<Option<Execution>> {
        match self.0.retry_of {
            Some(id) => find(ctx, id).await,
            None => Ok(None),
        }
    }

    /// Executions that repeat this one and that the viewer may see, newest first.
    #[graphql(complexity = "page::cost(first, last, child_complexity)")]
    async fn retries(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "How many of the first rows, 0 to the server's maxPageSize. 25 when neither first nor last is given."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only rows after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many of the last rows instead; not together with first.")] last: Option<i32>,
        #[graphql(desc = "Only rows before this cursor.")] before: Option<String>,
    ) -> Result<ExecutionConnection> {
        let args = Args {
            first,
            after,
            last,
            before,
        };
        let filter = Filter {
            data_set_ids: Some(vec![self.0.data_set_id]),
            retry_of_ids: Some(vec![self.0.id]),
            ..Filter::default()
        };
        executions::list(ctx, filter, Order::default(), &args).await
    }

    /// What the viewer may do with it.
    async fn viewer_can(&self, ctx: &Context<'_>) -> Result<ExecutionPermissions> {
        let is_terminal = self.read_status(ctx)?.is_terminal();
        let sees = viewer(ctx)?.sees_execution(&self.0);
        let retry = is_terminal && sees && {
            let agent = loaders::get(ctx, AgentOf(self.0.agent_id)).await?;
            agents::find_working(&deps(ctx).catalog, &agent).is_some_and(|known| {
                let mut types = known.execution_types.iter();
                types.any(|known| known.key == self.0.execution_key)
            })
        };
        Ok(ExecutionPermissions {
            cancel: sees && !is_terminal,
            retry,
        })
    }

    /// Pass it as `after` to executionStatus: nothing after this read is missed or repeated.
    async fn stream_cursor(&self) -> StreamCursor {
        let cursor = cursor::StreamCursor::Execution {
            id: self.0.id,
            revision: self.0.revision,
        };
        cursor.into()
    }
}

impl Execution {
    fn read_status(&self, ctx: &Context<'_>) -> Result<Status> {
        lifecycle::status(&self.0).map_err(|fault| errors::internal(ctx, &fault))
    }
}

/// That someone asked for the end of an execution. Once it is there, the execution ends CANCELED
/// and in no other way.
#[Object]
impl ExecutionCancellation {
    /// The user's words; null where they gave none.
    async fn reason(&self) -> Option<&str> {
        self.0.cancel_reason.as_deref()
    }

    /// Who asked first.
    async fn requested_by(&self, ctx: &Context<'_>) -> Result<User> {
        let user = self.0.cancel_requested_by.unwrap_or(self.0.launched_by);
        Ok(User(loaders::get(ctx, UserOf(user)).await?))
    }

    /// When it was asked for first.
    async fn requested_at(&self) -> DateTime {
        DateTime(self.0.cancel_requested_at.unwrap_or(self.0.updated_at))
    }

    /// When nothing of it ran any more; null until then.
    async fn confirmed_at(&self) -> Option<DateTime> {
        self.0.cancel_confirmed_at.map(DateTime)
    }
}

/// That a validator refused an answer of the agent.
#[derive(SimpleObject, Clone, Debug)]
pub struct ValidatorRejection {
    /// The correction cycle whose answer was refused.
    pub attempt: i32,
    /// The validator's name.
    pub validator: String,
    /// What was wrong, as the model reads it.
    pub feedback: String,
    /// Whether another attempt follows; false where this refusal ended the execution.
    pub will_retry: bool,
    /// When.
    pub occurred_at: DateTime,
}

impl ValidatorRejection {
    fn of(row: event::Model) -> std::result::Result<Option<Self>, crate::domain::Fault> {
        let event = journal::Event::from_row(row)?;
        Ok(match event.entry {
            Entry::ValidatorRejected {
                attempt,
                validator,
                feedback,
                will_retry,
            } => Some(Self {
                attempt,
                validator,
                feedback,
                will_retry,
                occurred_at: DateTime(event.occurred_at),
            }),
            _ => None,
        })
    }
}

/// An execution that the viewer may see.
pub(super) async fn find(ctx: &Context<'_>, id: uuid::Uuid) -> Result<Option<Execution>> {
    let viewer = viewer(ctx)?;
    let row = loaders::find(ctx, ExecutionOf(id)).await?;
    Ok(row.filter(|row| viewer.sees_execution(row)).map(Execution))
}

/// Root fields about executions.
#[derive(Default)]
pub struct ExecutionQuery;

#[Object]
impl ExecutionQuery {
    /// An execution. Null when it does not exist or the viewer may not see it: the two look the
    /// same.
    async fn execution(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "An execution's id.")] id: ID,
    ) -> Result<Option<Execution>> {
        viewer(ctx)?;
        match Kind::Execution.parse(&id) {
            Ok(id) => find(ctx, id).await,
            Err(_) => Ok(None),
        }
    }

    /// The executions that the viewer may see: their own, and all of data sets that they
    /// administer. Newest first unless ordered otherwise; 25 a page unless asked otherwise, 100 at
    /// most.
    #[allow(clippy::too_many_arguments)] // they are the field's
    #[graphql(complexity = "page::cost(first, last, child_complexity)")]
    async fn executions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which ones; all when null.")] filter: Option<ExecutionFilter>,
        #[graphql(desc = "In which order; newest first when null.")] order_by: Option<ExecutionOrder>,
        #[graphql(
            desc = "How many of the first rows, 0 to the server's maxPageSize. 25 when neither first nor last is given."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only rows after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many of the last rows instead; not together with first.")] last: Option<i32>,
        #[graphql(desc = "Only rows before this cursor.")] before: Option<String>,
    ) -> Result<ExecutionConnection> {
        viewer(ctx)?;
        let args = Args {
            first,
            after,
            last,
            before,
        };
        let filter = filter.unwrap_or_default().read()?;
        let order = order_by.map_or_else(Order::default, Order::from);
        executions::list(ctx, filter, order, &args).await
    }
}
