//! Lists of executions: the connection that `Query.executions` and `Execution.retries` share.
//! Nothing is counted, and no stream position taken, that is not selected.

use async_graphql::{Context, Enum, Object, SimpleObject};
use entity::execution::Model;
use tokio::sync::OnceCell;

use super::errors::{self, Code, Result, error, viewer};
use super::execution::Execution;
use super::page::{Args, PageInfo, Total, count_int};
use super::scalar::StreamCursor;
use super::{deps, filter};
use crate::base::cursor;
use crate::base::page::Count;
use crate::db::executions::filter::{Filter, Reach};
use crate::db::executions::page::{Order, Plan};
use crate::db::{self, changes};
use crate::domain::lifecycle::Status;
use crate::domain::watch::set::{self};
use crate::domain::{Fault, watch};

/// Where an execution is in its life: PENDING, IN_PROGRESS, then FINISHED or FAILED. Nothing goes
/// back.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(remote = "Status")]
pub enum ExecutionStatus {
    /// Accepted and stored, waiting for a worker.
    Pending,
    /// A worker has taken it. It never goes back to PENDING, whatever happens to the worker.
    InProgress,
    /// Terminal: result is set.
    Finished,
    /// Terminal: failure is set.
    Failed,
}

/// How many executions are in a status.
#[derive(SimpleObject, Clone, Copy, Debug)]
pub struct ExecutionStatusCount {
    /// The status.
    pub status: ExecutionStatus,
    /// How many are in it, at least.
    pub count: i32,
    /// False where counting stopped at the server's limit: show "10 000+".
    pub is_exact: bool,
}

/// The four counts, in the enum's order.
pub fn status_counts(counts: [Count; 4]) -> Vec<ExecutionStatusCount> {
    let entry = |(status, count): (Status, Count)| ExecutionStatusCount {
        status: status.into(),
        count: count_int(count.count),
        is_exact: count.is_exact,
    };
    Status::ALL.into_iter().zip(counts).map(entry).collect()
}

/// An execution of a list and its place there.
#[derive(SimpleObject, Clone)]
pub struct ExecutionEdge {
    /// Opaque: the execution's place, for `after` and `before` in the same order.
    pub cursor: String,
    /// The execution.
    pub node: Execution,
}

impl ExecutionEdge {
    /// The edge of a row in an order.
    pub fn of(row: Model, order: Order) -> Self {
        Self {
            cursor: filter::sort(order).cursor_or_null(order.key(&row), row.id),
            node: Execution(row),
        }
    }
}

/// A page of executions.
pub struct ExecutionConnection {
    edges: Vec<ExecutionEdge>,
    has_next: bool,
    has_previous: bool,
    total: Total,
    filter: Filter,
    reach: Reach,
    /// Taken before the page was read; none where it is not selected.
    position: OnceCell<cursor::LogPosition>,
}

/// Lists executions that the viewer may see. Called by the resolver of a connection's field,
/// whose selection decides what is read.
///
/// # Errors
/// What [`Args::window`] refuses; LIMIT_EXCEEDED for a filter of too many branches; INTERNAL.
pub async fn list(
    ctx: &Context<'_>,
    filter: Filter,
    order: Order,
    args: &Args,
) -> Result<ExecutionConnection> {
    let reach = viewer(ctx)?.reach();
    let window = args.window(ctx, &filter::sort(order))?;
    let plan = Plan::new(&reach, &filter).map_err(|many| error(Code::LimitExceeded, many.to_string()))?;
    let db = &deps(ctx).store.db;
    let fault = |failed: db::Error| errors::internal(ctx, &failed.into());
    let position = OnceCell::new();
    if ctx.look_ahead().field("streamCursor").exists() {
        // First: what changes while the page is read is then repeated by the stream, not missed.
        let head = changes::head(db).await.map_err(fault)?;
        position.set(head).unwrap_or_default();
    }
    let page = plan.page(db.read(), order, &window).await.map_err(fault)?;
    let counted = db.clone();
    let total = Total::by(move || {
        let (db, plan) = (counted.clone(), plan.clone());
        async move { Ok(plan.count(db.read()).await?) }
    });
    Ok(ExecutionConnection {
        edges: page
            .rows
            .into_iter()
            .map(|row| ExecutionEdge::of(row, order))
            .collect(),
        has_next: page.has_next,
        has_previous: page.has_previous,
        total,
        filter,
        reach,
        position,
    })
}

/// A page of executions.
#[Object]
impl ExecutionConnection {
    /// The executions with their cursors, in order.
    async fn edges(&self) -> &[ExecutionEdge] {
        &self.edges
    }

    /// The executions without their cursors, in the same order.
    async fn nodes(&self) -> Vec<&Execution> {
        self.edges.iter().map(|edge| &edge.node).collect()
    }

    /// Where this page lies.
    async fn page_info(&self) -> PageInfo {
        PageInfo {
            has_next_page: self.has_next,
            has_previous_page: self.has_previous,
            start_cursor: self.edges.first().map(|edge| edge.cursor.clone()),
            end_cursor: self.edges.last().map(|edge| edge.cursor.clone()),
        }
    }

    /// How many executions there are on all pages together, at least: counting stops at the
    /// server's limit of 10,000. Counted only when selected.
    #[graphql(complexity = 25)]
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i32> {
        self.total.get_int(ctx).await
    }

    /// False where counting stopped at the server's limit: show "10 000+".
    #[graphql(complexity = 25)]
    async fn total_count_is_exact(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(self.total.get(ctx).await?.is_exact)
    }

    /// How many executions the filter, less its statuses, matches in each status: always four
    /// entries, in the enum's order. Counted only when selected.
    #[graphql(complexity = "100 + child_complexity")]
    async fn status_counts(&self, ctx: &Context<'_>) -> Result<Vec<ExecutionStatusCount>> {
        let counts = set::count_by_status(deps(ctx).store.db.read(), &self.reach, &self.filter).await;
        counts.map(status_counts).map_err(|failed| match failed {
            watch::Error::TooMany(many) => error(Code::LimitExceeded, many.to_string()),
            watch::Error::Fault(fault) => errors::internal(ctx, &fault),
            other => error(Code::NotFound, other.to_string()),
        })
    }

    /// Hand it to executionsChanged as `after`: nothing that changed since this page was read is
    /// missed, whatever the filter and order. Of this page's read, not of earlier pages'.
    async fn stream_cursor(&self, ctx: &Context<'_>) -> Result<StreamCursor> {
        let position = self
            .position
            .get_or_try_init(|| changes::head(&deps(ctx).store.db))
            .await
            .map_err(|failed| errors::internal(ctx, &Fault::from(failed)))?;
        Ok(cursor::StreamCursor::Executions(*position).into())
    }
}
