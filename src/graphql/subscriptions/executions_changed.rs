//! executionsChanged.

use async_graphql::{Context, ID, SimpleObject, Subscription, Union};
use futures::{Stream, StreamExt};

use super::{ended, foreign_cursor};
use crate::base::cursor;
use crate::base::id::Kind;
use crate::db::executions::page::Order;
use crate::domain::watch::set::{self, Change, Frame, Request};
use crate::graphql::deps;
use crate::graphql::errors::{Result, viewer};
use crate::graphql::execution::Execution;
use crate::graphql::executions::{ExecutionEdge, ExecutionStatusCount, status_counts};
use crate::graphql::filter::{ExecutionFilter, ExecutionOrder};
use crate::graphql::page::count_int;
use crate::graphql::scalar::StreamCursor;

/// What happened to a set of executions since the frame before.
#[derive(SimpleObject)]
pub struct ExecutionsChange {
    /// Hand it back as `after` to go on from here.
    cursor: StreamCursor,
    /// True in the first frame without `after`, and when `after` can no longer be served: drop
    /// every page, query from the first, go on from this cursor.
    resync: bool,
    /// One for each execution that changed, in the order of their newest changes; empty when
    /// resync is true.
    changes: Vec<ExecutionChange>,
    /// As in ExecutionConnection, at this cursor. Kept only when selected; null when not newer than
    /// the last one sent.
    total_count: Option<i32>,
    /// As in ExecutionConnection, at this cursor. Kept only when selected; null when not newer than
    /// the last ones sent.
    status_counts: Option<Vec<ExecutionStatusCount>>,
}

/// What one execution did. Place an edge by the order's field, then id. Insert it where it falls
/// among the rows that you hold; if it falls after the last one while hasNextPage is true, leave it
/// to the next page. An updated row may have moved.
#[derive(Union)]
#[allow(missing_docs)] // each is the type it holds
pub enum ExecutionChange {
    Entered(ExecutionEntered),
    Updated(ExecutionUpdated),
    Left(ExecutionLeft),
}

/// It matches, and did not before.
#[derive(SimpleObject)]
pub struct ExecutionEntered {
    /// As executions would return it in the order asked for. One that you hold already is an
    /// update.
    edge: ExecutionEdge,
}

/// It matches, and has changed.
#[derive(SimpleObject)]
pub struct ExecutionUpdated {
    /// As executions would return it in the order asked for. One that you do not hold has entered.
    edge: ExecutionEdge,
}

/// It does not match. Sent whenever an execution no longer matches, whether or not the client ever
/// saw it; one that you do not hold is nothing.
#[derive(SimpleObject)]
pub struct ExecutionLeft {
    /// The execution.
    execution_id: ID,
    /// As it is now; null when it was deleted or is no longer the viewer's to see.
    execution: Option<Execution>,
}

fn change(change: Change, order: Order) -> ExecutionChange {
    match change {
        Change::Entered(now) => ExecutionChange::Entered(ExecutionEntered {
            edge: ExecutionEdge::of(now.execution.clone(), order),
        }),
        Change::Updated(now) => ExecutionChange::Updated(ExecutionUpdated {
            edge: ExecutionEdge::of(now.execution.clone(), order),
        }),
        Change::Left { id, now } => ExecutionChange::Left(ExecutionLeft {
            execution_id: Kind::Execution.format(id).into(),
            execution: now.map(|now| Execution(now.execution.clone())),
        }),
    }
}

fn frame(frame: Frame, order: Order) -> ExecutionsChange {
    ExecutionsChange {
        cursor: cursor::StreamCursor::Executions(frame.position).into(),
        resync: frame.resync,
        changes: frame.changes.into_iter().map(|one| change(one, order)).collect(),
        total_count: frame.counts.total.map(|total| count_int(total.count)),
        status_counts: frame.counts.by_status.map(status_counts),
    }
}

/// Resolves it.
#[derive(Default)]
pub struct Set;

#[Subscription]
impl Set {
    /// Changes to the set that executions(filter:, orderBy:) would return, in frames of at most
    /// ten a second; within a frame the changes of one execution are folded into one. Without
    /// `after` the first frame comes at once with resync: query then, and apply what follows; a
    /// client that reconnects without its cursor is told the same way. With `after`, what was
    /// missed comes first. Apply by id: an entry that you hold is an update, a departure that you
    /// do not hold is nothing; repeats are legal. It ends with FORBIDDEN when the viewer loses a
    /// data set that it is about.
    async fn executions_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which executions; all that the viewer may see when left out.")] filter: Option<
            ExecutionFilter,
        >,
        #[graphql(desc = "The order that the edges' cursors belong to; newest first when left out.")]
        order_by: Option<ExecutionOrder>,
        #[graphql(
            desc = "From ExecutionConnection.streamCursor or an earlier frame, under whatever filter and order."
        )]
        after: Option<StreamCursor>,
    ) -> Result<impl Stream<Item = Result<ExecutionsChange>>> {
        let viewer = viewer(ctx)?;
        let deps = deps(ctx);
        let after = match after.map(|after| after.read()).transpose()? {
            None => None,
            Some(cursor::StreamCursor::Executions(position)) => Some(position),
            Some(_) => return Err(foreign_cursor("executionsChanged")),
        };
        let selected = ctx.look_ahead();
        let request = Request {
            filter: filter.unwrap_or_default().read()?,
            after,
            wants_total: selected.field("totalCount").exists(),
            wants_by_status: selected.field("statusCounts").exists(),
        };
        let order = order_by.map_or_else(Order::default, Order::from);
        let frames = set::watch(deps.hub.clone(), deps.renewal.follow(viewer), request);
        Ok(frames.map(move |next| {
            next.map(|next| frame(next, order))
                .map_err(|cause| ended(ctx, &cause))
        }))
    }
}
