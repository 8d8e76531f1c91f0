//! Conversations: of people, and of executions.

use std::collections::BTreeSet;

use async_graphql::{Context, Enum, ID, Object};
use entity::conversation;
use uuid::Uuid;

use super::agent::Agent;
use super::data_set::DataSet;
use super::deps;
use super::errors::{self, Code, Result, bad_input, error, viewer};
use super::event::{self, ConversationEvent, ConversationEventConnection, ConversationEventPage};
use super::execution::Execution;
use super::failure::ExecutionFailure;
use super::filter;
use super::loaders::{self, AgentOf, ConversationOf, DataSetOf, ExecutionOf, UsageIn, UserOf};
use super::message::{self, Message, MessageConnection, MessageRole};
use super::page::{self, Args, Sort, Total, connection};
use super::scalar::{DateTime, StreamCursor};
use super::usage::UsageTotals;
use super::user::User;
use crate::base::cursor;
use crate::base::id::Kind;
use crate::base::message::Role;
use crate::base::page::{DEFAULT_PAGE, Page};
use crate::db;
use crate::domain::Fault;
use crate::domain::conversations::{self, ReadOnly};
use crate::domain::journal::{self, Event, MESSAGE};
use crate::domain::lifecycle::Failure;

/// Why a conversation takes no message from the viewer.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(remote = "ReadOnly")]
pub enum ReadOnlyReason {
    /// It is an execution's own.
    Execution,
    /// Its agent is retired, or its agent type is no longer registered.
    AgentRetired,
    /// Someone else holds it.
    NotParticipant,
}

/// Whether the agent owes an answer.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConversationActivity {
    /// It owes none.
    Idle,
    /// From sendMessage until the answer is stored, stopped or failed.
    Replying,
}

/// A conversation.
#[derive(Clone, Debug)]
pub struct Conversation(pub conversation::Model);

connection!(
    ConversationConnection,
    ConversationEdge,
    Conversation,
    "A page of people's conversations, last written to first.",
    "The conversation.",
    capped
);

/// Ordered messages: of a person with an agent, or of exactly one execution and then read-only.
#[Object]
impl Conversation {
    /// Opaque; refetch with node.
    pub async fn id(&self) -> ID {
        Kind::Conversation.format(self.0.id).into()
    }

    /// For people; null where nobody gave one.
    async fn title(&self) -> Option<&str> {
        self.0.title.as_deref()
    }

    /// Who answers.
    async fn agent(&self, ctx: &Context<'_>) -> Result<Agent> {
        Ok(Agent(loaders::get(ctx, AgentOf(self.0.agent_id)).await?))
    }

    /// Where it belongs.
    async fn data_set(&self, ctx: &Context<'_>) -> Result<DataSet> {
        Ok(DataSet(loaders::get(ctx, DataSetOf(self.0.data_set_id)).await?))
    }

    /// Who holds it; of an execution's, who launched that.
    async fn started_by(&self, ctx: &Context<'_>) -> Result<User> {
        Ok(User(loaders::get(ctx, UserOf(self.0.started_by)).await?))
    }

    /// Whether the agent owes an answer. Always IDLE in an execution's: see its status.
    async fn activity(&self) -> ConversationActivity {
        if self.0.reply_run_id.is_some() {
            ConversationActivity::Replying
        } else {
            ConversationActivity::Idle
        }
    }

    /// Why the last answer failed; null when it did not, and while the next is being written.
    async fn reply_failure(&self, ctx: &Context<'_>) -> Result<Option<ExecutionFailure>> {
        let Some(text) = &self.0.reply_failure else {
            return Ok(None);
        };
        let failure: Failure = serde_json::from_str(text).map_err(|_| {
            let fault = Fault::Corrupt {
                what: "conversation.reply_failure",
                id: self.0.id.to_string(),
            };
            errors::internal(ctx, &fault)
        })?;
        Ok(Some(failure.into()))
    }

    /// When true, every write to it by the viewer is refused with ConversationReadOnlyError.
    async fn read_only(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(self.why_read_only(ctx).await?.is_some())
    }

    /// Why it is read-only for the viewer; null when it is not.
    async fn read_only_reason(&self, ctx: &Context<'_>) -> Result<Option<ReadOnlyReason>> {
        Ok(self.why_read_only(ctx).await?.map(Into::into))
    }

    /// What its messages used of models; of an execution's, what the execution did.
    async fn usage(&self, ctx: &Context<'_>) -> Result<UsageTotals> {
        let rows = loaders::find(ctx, UsageIn(self.0.id)).await?;
        Ok(UsageTotals::of(&rows.unwrap_or_default()))
    }

    /// Set when the conversation is an execution's own.
    async fn execution(&self, ctx: &Context<'_>) -> Result<Option<Execution>> {
        match self.0.execution_id {
            Some(id) => Ok(loaders::find(ctx, ExecutionOf(id)).await?.map(Execution)),
            None => Ok(None),
        }
    }

    /// What was said, oldest first. A chat opens at its end: messages(last: 50), then before:
    /// pageInfo.startCursor.
    #[graphql(complexity = "page::cost(first, last, child_complexity)")]
    async fn messages(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "How many of the first rows, 0 to the server's maxPageSize. 25 when neither first nor last is given."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only rows after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many of the last rows instead; not together with first.")] last: Option<i32>,
        #[graphql(desc = "Only rows before this cursor.")] before: Option<String>,
        #[graphql(desc = "Only of these speakers. An empty list matches nothing; null is no condition.")]
        roles: Option<Vec<MessageRole>>,
    ) -> Result<MessageConnection> {
        let args = Args {
            first,
            after,
            last,
            before,
        };
        let filter = db::events::Filter {
            kind: Some(MESSAGE),
            roles: roles.map(|roles| {
                // Each once: a list may name them more often than a statement has room for.
                let roles: BTreeSet<&str> = roles.into_iter().map(|role| Role::from(role).as_str()).collect();
                roles.into_iter().map(str::to_owned).collect()
            }),
        };
        let sort = message::sort(self.0.id);
        let (page, total) = self.journal(ctx, filter, &sort, &args).await?;
        Ok(MessageConnection::of(page, total, |event| {
            (sort.cursor(event.sequence, event.id), Message { event })
        }))
    }

    /// The polling twin of conversationEvents, for clients behind proxies that break streams:
    /// stored events after a position, none left out.
    #[graphql(complexity = "page::cost(first, None, child_complexity)")]
    async fn events(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "This conversation's streamCursor, or one of its events'; from the first event when null. Another's is BAD_CURSOR."
        )]
        after: Option<StreamCursor>,
        #[graphql(desc = "At most so many, 1 to the server's maxPageSize; 25 when null.")] first: Option<i32>,
    ) -> Result<ConversationEventPage> {
        let after = match after {
            None => 0,
            Some(cursor) => self.position(&cursor)?,
        };
        let most = deps(ctx).limits.max_page;
        let limit = match first.map(u64::try_from) {
            None => DEFAULT_PAGE.min(most),
            Some(Ok(first)) if (1..=most).contains(&first) => first,
            Some(_) => return Err(bad_input(format!("first is a number from 1 to {most}"))),
        };
        let db = deps(ctx).store.db.read();
        let mut events = journal::after(db, self.0.id, after, limit + 1)
            .await
            .map_err(|fault| errors::internal(ctx, &fault))?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = events.len() > limit;
        events.truncate(limit);
        let last = events.last().map_or(after, |event| event.sequence);
        Ok(ConversationEventPage {
            events: events.into_iter().map(ConversationEvent::of).collect(),
            cursor: self.cursor_at(last),
            has_more,
        })
    }

    /// The stored events as pages, oldest first: the transcript with its attempts and refusals,
    /// opened at its end with last.
    #[graphql(complexity = "page::cost(first, last, child_complexity)")]
    async fn timeline(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "How many of the first rows, 0 to the server's maxPageSize. 25 when neither first nor last is given."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only rows after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many of the last rows instead; not together with first.")] last: Option<i32>,
        #[graphql(desc = "Only rows before this cursor.")] before: Option<String>,
    ) -> Result<ConversationEventConnection> {
        let args = Args {
            first,
            after,
            last,
            before,
        };
        let sort = event::sort(self.0.id);
        let (page, total) = self
            .journal(ctx, db::events::Filter::default(), &sort, &args)
            .await?;
        Ok(ConversationEventConnection::of(page, total, |event| {
            (
                sort.cursor(event.sequence, event.id),
                ConversationEvent::of(event),
            )
        }))
    }

    /// When it was started.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// When something was last said or happened in it.
    async fn updated_at(&self) -> DateTime {
        DateTime(self.0.updated_at)
    }

    /// Pass it as `after` to conversationEvents or events: what happened after this read.
    async fn stream_cursor(&self) -> StreamCursor {
        self.cursor_at(self.0.last_sequence)
    }
}

impl Conversation {
    fn cursor_at(&self, sequence: i64) -> StreamCursor {
        let cursor = cursor::StreamCursor::Conversation {
            id: self.0.id,
            sequence,
        };
        cursor.into()
    }

    fn position(&self, cursor: &StreamCursor) -> Result<i64> {
        match cursor.read()? {
            cursor::StreamCursor::Conversation { id, sequence } if id == self.0.id => Ok(sequence),
            _ => Err(error(Code::BadCursor, "the cursor is not of this conversation")),
        }
    }

    async fn why_read_only(&self, ctx: &Context<'_>) -> Result<Option<ReadOnly>> {
        let viewer = viewer(ctx)?;
        let agent = loaders::get(ctx, AgentOf(self.0.agent_id)).await?;
        let catalog = &deps(ctx).catalog;
        Ok(conversations::read_only(viewer, catalog, &self.0, &agent))
    }

    async fn journal(
        &self,
        ctx: &Context<'_>,
        filter: db::events::Filter,
        sort: &Sort,
        args: &Args,
    ) -> Result<(Page<Event>, Total)> {
        let window = args.window(ctx, sort)?;
        let (db, id) = (deps(ctx).store.db.clone(), self.0.id);
        let page = db::events::page(db.read(), id, &filter, &window)
            .await
            .map_err(|failed| errors::internal(ctx, &failed.into()))?;
        let rows = page
            .rows
            .into_iter()
            .map(Event::from_row)
            .collect::<std::result::Result<Vec<_>, _>>()
            .map_err(|fault| errors::internal(ctx, &fault))?;
        let page = Page {
            rows,
            has_next: page.has_next,
            has_previous: page.has_previous,
        };
        let total = Total::by(move || {
            let (db, filter) = (db.clone(), filter.clone());
            async move { Ok(db::events::count(db.read(), id, &filter).await?) }
        });
        Ok((page, total))
    }
}

/// A conversation that the viewer may see.
pub(super) async fn find(ctx: &Context<'_>, id: Uuid) -> Result<Option<Conversation>> {
    let viewer = viewer(ctx)?;
    let row = loaders::find(ctx, ConversationOf(id)).await?;
    Ok(row.filter(|row| viewer.sees_conversation(row)).map(Conversation))
}

/// A condition on an id: none where none is asked for, `Err` where it can match nothing.
fn wanted(kind: Kind, id: Option<&ID>) -> std::result::Result<Option<Uuid>, ()> {
    id.map(|id| kind.parse(id).map_err(|_| ())).transpose()
}

fn read_filter(
    data_set: Option<&ID>,
    agent: Option<&ID>,
    started_by: Option<&ID>,
    search: Option<String>,
) -> std::result::Result<db::conversations::Filter, ()> {
    Ok(db::conversations::Filter {
        data_set_id: wanted(Kind::DataSet, data_set)?,
        agent_id: wanted(Kind::Agent, agent)?,
        started_by: wanted(Kind::User, started_by)?,
        search,
    })
}

/// Root fields about conversations.
#[derive(Default)]
pub struct ConversationQuery;

#[Object]
impl ConversationQuery {
    /// A conversation, a person's or an execution's. Null when it does not exist or the viewer may
    /// not see it: the two look the same.
    async fn conversation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "A conversation's id.")] id: ID,
    ) -> Result<Option<Conversation>> {
        viewer(ctx)?;
        match Kind::Conversation.parse(&id) {
            Ok(id) => find(ctx, id).await,
            Err(_) => Ok(None),
        }
    }

    /// Conversations that people hold and that the viewer may see, last written to first. Those of
    /// executions are never listed here; reach them by Execution.conversation. Members of more than
    /// 64 data sets name one of them: more are refused with LIMIT_EXCEEDED.
    #[allow(clippy::too_many_arguments)] // they are the field's
    #[graphql(complexity = "page::cost(first, last, child_complexity)")]
    async fn conversations(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only in this data set.")] data_set_id: Option<ID>,
        #[graphql(desc = "Only with this agent.")] agent_id: Option<ID>,
        #[graphql(desc = "Only of this user.")] started_by_id: Option<ID>,
        #[graphql(desc = "Start of a title, letter case ignored.")] search: Option<String>,
        #[graphql(
            desc = "How many of the first rows, 0 to the server's maxPageSize. 25 when neither first nor last is given."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only rows after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many of the last rows instead; not together with first.")] last: Option<i32>,
        #[graphql(desc = "Only rows before this cursor.")] before: Option<String>,
    ) -> Result<ConversationConnection> {
        let args = Args {
            first,
            after,
            last,
            before,
        };
        let reach = viewer(ctx)?.reach();
        let sort = Sort::number(db::conversations::ORDER);
        let window = args.window(ctx, &sort)?;
        let search = filter::search(search)?;
        let read = read_filter(
            data_set_id.as_ref(),
            agent_id.as_ref(),
            started_by_id.as_ref(),
            search,
        );
        let db = deps(ctx).store.db.clone();
        let (page, total) = match read {
            // An id of no such kind names nothing.
            Err(()) => (Page::empty(), Total::by(|| async { Ok(page::exactly(0)) })),
            Ok(filter) => {
                let plan = db::conversations::Plan::new(&reach, &filter)
                    .map_err(|many| error(Code::LimitExceeded, many.to_string()))?;
                let page = plan
                    .page(db.read(), &window)
                    .await
                    .map_err(|failed| errors::internal(ctx, &failed.into()))?;
                let total = Total::by(move || {
                    let (db, plan) = (db.clone(), plan.clone());
                    async move { Ok(plan.count(db.read()).await?) }
                });
                (page, total)
            }
        };
        Ok(ConversationConnection::of(page, total, |row| {
            (sort.cursor(row.updated_at, row.id), Conversation(row))
        }))
    }
}
