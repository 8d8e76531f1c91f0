//! Runs: the queue, leases and fences. A row lives only while there is work.

use entity::run::{ActiveModel, Column, Entity, Model};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Condition, Expr, ExprTrait, LockBehavior, LockType};
use sea_orm::{
    ColumnTrait, EntityTrait, FromQueryResult, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait,
};
use uuid::Uuid;

use super::{Conn, Result};

/// Queues a run.
///
/// # Errors
/// When the statement fails.
pub async fn insert(db: &impl Conn, row: Model) -> Result<()> {
    Entity::insert(row.into_active_model())
        .exec_without_returning(db)
        .await?;
    Ok(())
}

/// One run, locked until the transaction ends.
///
/// # Errors
/// When the statement fails.
pub async fn find_locked(db: &impl Conn, id: Uuid) -> Result<Option<Model>> {
    Ok(Entity::find_by_id(id).lock_exclusive().one(db).await?)
}

/// The run of an execution, locked until the transaction ends; none once it has ended.
///
/// # Errors
/// When the statement fails.
pub async fn find_of_execution_locked(db: &impl Conn, execution: Uuid) -> Result<Option<Model>> {
    let of = Column::ExecutionId.eq(execution);
    Ok(Entity::find().filter(of).lock_exclusive().one(db).await?)
}

/// What a worker takes.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// What it can do.
    pub definitions: &'a [String],
    /// Models that it leaves alone.
    pub without_models: &'a [String],
    /// Those of the definitions whose own model is among these.
    pub without_definitions: &'a [String],
}

/// Up to `limit` runs that nobody holds and this worker takes, oldest first, locked. Runs that
/// another worker is just taking are passed over.
///
/// # Errors
/// When the statement fails.
pub async fn claimable(db: &impl Conn, wanted: Wanted<'_>, now: i64, limit: u64) -> Result<Vec<Model>> {
    let mut query = Entity::find()
        .filter(Column::LeaseExpiresAt.lte(now))
        .filter(Column::Definition.is_in(wanted.definitions))
        // What ought to end is the sweeper's.
        .filter(Column::StopRequestedAt.is_null())
        .filter(
            Condition::any()
                .add(Column::DeadlineAt.is_null())
                .add(Column::DeadlineAt.gt(now)),
        )
        .filter(
            // The time in the queue no longer counts once a worker has had it.
            Condition::any()
                .add(Column::ExpiresAt.is_null())
                .add(Column::ExpiresAt.gt(now))
                .add(Column::Fence.gt(0)),
        )
        .order_by_asc(Column::QueuedAt)
        .order_by_asc(Column::Id)
        .limit(limit);
    if !wanted.without_models.is_empty() {
        let chosen = Condition::all()
            .add(Column::Model.is_not_null())
            .add(Column::Model.is_not_in(wanted.without_models));
        let own = Condition::all()
            .add(Column::Model.is_null())
            .add(Column::Definition.is_not_in(wanted.without_definitions));
        query = query.filter(Condition::any().add(chosen).add(own));
    }
    QueryTrait::query(&mut query).lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    Ok(query.all(db).await?)
}

/// Gives a run to a worker.
///
/// # Errors
/// When the statement fails.
pub async fn lease(db: &impl Conn, id: Uuid, change: Lease<'_>) -> Result<()> {
    let row = ActiveModel {
        worker: Set(Some(change.worker.to_owned())),
        fence: Set(change.fence),
        lease_expires_at: Set(change.lease_expires_at),
        deadline_at: Set(change.deadline_at),
        stall_sequence: Set(change.stall_sequence),
        stalls: Set(change.stalls),
        ..Default::default()
    };
    set(db, id, row).await
}

/// What a claim writes.
#[derive(Debug)]
#[allow(missing_docs)] // the columns of the same name
pub struct Lease<'a> {
    pub worker: &'a str,
    pub fence: i64,
    pub lease_expires_at: i64,
    pub deadline_at: Option<i64>,
    pub stall_sequence: i64,
    pub stalls: i32,
}

/// A run that a heartbeat kept.
#[derive(Debug, Clone, PartialEq, Eq, FromQueryResult)]
#[allow(missing_docs)]
pub struct Renewed {
    pub id: Uuid,
    pub fence: i64,
    pub stop_requested_at: Option<i64>,
}

/// One statement that keeps every lease a worker still holds, and says which these are.
///
/// # Errors
/// When the statement fails.
pub async fn renew(db: &impl Conn, worker: &str, now: i64, lease_expires_at: i64) -> Result<Vec<Renewed>> {
    let rows = Entity::update_many()
        .col_expr(Column::LeaseExpiresAt, Expr::val(lease_expires_at))
        .filter(Column::Worker.eq(worker))
        // A lease that ran out is gone, even when nobody has taken the run yet.
        .filter(Column::LeaseExpiresAt.gt(now))
        .exec_with_returning(db)
        .await?;
    let kept = rows.into_iter().map(|row| Renewed {
        id: row.id,
        fence: row.fence,
        stop_requested_at: row.stop_requested_at,
    });
    Ok(kept.collect())
}

/// True when the worker still holds the run at this fence and its lease has not run out; the row
/// is then locked, so that nobody takes the run before the transaction ends.
///
/// # Errors
/// When the statement fails.
pub async fn hold(db: &impl Conn, id: Uuid, worker: &str, fence: i64, now: i64) -> Result<Option<Model>> {
    Ok(Entity::find_by_id(id)
        .filter(Column::Worker.eq(worker))
        .filter(Column::Fence.eq(fence))
        .filter(Column::LeaseExpiresAt.gt(now))
        .lock_exclusive()
        .one(db)
        .await?)
}

/// Lets nobody claim a run before an instant, as if someone held it.
///
/// # Errors
/// When the statement fails.
pub async fn put_off(db: &impl Conn, id: Uuid, until: i64) -> Result<()> {
    let row = ActiveModel {
        worker: Set(None),
        lease_expires_at: Set(until),
        ..Default::default()
    };
    set(db, id, row).await
}

/// Hands a run back to the queue: no takeover, nothing stalled.
///
/// # Errors
/// When the statement fails.
pub async fn release(db: &impl Conn, id: Uuid, worker: &str, fence: i64) -> Result<bool> {
    let row = ActiveModel {
        worker: Set(None),
        lease_expires_at: Set(0),
        ..Default::default()
    };
    let released = Entity::update_many()
        .set(row)
        .filter(Column::Id.eq(id))
        .filter(Column::Worker.eq(worker))
        .filter(Column::Fence.eq(fence))
        .exec(db)
        .await?;
    Ok(released.rows_affected == 1)
}

/// Hands everything back that a worker holds, in one statement. Says how many runs these were.
///
/// # Errors
/// When the statement fails.
pub async fn release_all(db: &impl Conn, worker: &str) -> Result<u64> {
    let row = ActiveModel {
        worker: Set(None),
        lease_expires_at: Set(0),
        ..Default::default()
    };
    let released = Entity::update_many()
        .set(row)
        .filter(Column::Worker.eq(worker))
        .exec(db)
        .await?;
    Ok(released.rows_affected)
}

/// Ends every lease now, as if it had run out. Says how many there were.
///
/// # Errors
/// When the statement fails.
pub async fn expire_all(db: &impl Conn, now: i64) -> Result<u64> {
    let expired = Entity::update_many()
        .col_expr(Column::LeaseExpiresAt, Expr::val(now))
        .filter(Column::Worker.is_not_null())
        .filter(Column::LeaseExpiresAt.gt(now))
        .exec(db)
        .await?;
    Ok(expired.rows_affected)
}

async fn set(db: &impl Conn, id: Uuid, row: ActiveModel) -> Result<()> {
    Entity::update_many()
        .set(row)
        .filter(Column::Id.eq(id))
        .exec(db)
        .await?;
    Ok(())
}

/// Asks whoever holds it to stop. The first request counts.
///
/// # Errors
/// When the statement fails.
pub async fn request_stop(db: &impl Conn, id: Uuid, now: i64) -> Result<()> {
    let row = ActiveModel {
        stop_requested_at: Set(Some(now)),
        ..Default::default()
    };
    Entity::update_many()
        .set(row)
        .filter(Column::Id.eq(id))
        .filter(Column::StopRequestedAt.is_null())
        .exec(db)
        .await?;
    Ok(())
}

/// Notes what a run has reserved, or that it has nothing reserved.
///
/// # Errors
/// When the statement fails.
pub async fn set_reservation(db: &impl Conn, id: Uuid, reservation: Option<String>) -> Result<()> {
    let row = ActiveModel {
        reservation: Set(reservation),
        ..Default::default()
    };
    set(db, id, row).await
}

/// Removes a run that has ended.
///
/// # Errors
/// When the statement fails.
pub async fn delete(db: &impl Conn, id: Uuid) -> Result<()> {
    Entity::delete_by_id(id).exec(db).await?;
    Ok(())
}

/// Runs that ought to end though nobody works on them: given up by the queue, past their
/// deadline, or asked to stop. Oldest first.
///
/// # Errors
/// When the statement fails.
pub async fn abandoned(db: &impl Conn, now: i64, limit: u64) -> Result<Vec<Model>> {
    Ok(Entity::find()
        .filter(Column::LeaseExpiresAt.lte(now))
        .filter(
            Condition::any()
                .add(
                    Condition::all()
                        .add(Column::ExpiresAt.lte(now))
                        .add(Column::Fence.eq(0)),
                )
                .add(Column::DeadlineAt.lte(now))
                .add(Column::StopRequestedAt.is_not_null()),
        )
        .order_by_asc(Column::QueuedAt)
        .limit(limit)
        .all(db)
        .await?)
}

/// Runs that nobody holds, of definitions other than these: each definition with how many there are, at most `limit` of
/// them.
///
/// # Errors
/// When the statement fails.
pub async fn waiting_for_others(
    db: &impl Conn,
    known: &[String],
    now: i64,
    limit: u64,
) -> Result<Vec<(String, i64)>> {
    #[derive(FromQueryResult)]
    struct Row {
        definition: String,
        runs: i64,
    }
    let rows = Entity::find()
        .select_only()
        .column(Column::Definition)
        .column_as(Expr::col(Column::Id).count(), "runs")
        .filter(Column::LeaseExpiresAt.lte(now))
        .filter(Column::Definition.is_not_in(known))
        .group_by(Column::Definition)
        .order_by_asc(Column::Definition)
        .limit(limit)
        .into_model::<Row>()
        .all(db)
        .await?;
    Ok(rows.into_iter().map(|row| (row.definition, row.runs)).collect())
}

/// The queue, for operators.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Depth {
    /// Runs that nobody holds.
    pub waiting: u64,
    /// Runs under a lease.
    pub running: u64,
    /// When the oldest waiting run was queued.
    pub oldest_queued_at: Option<i64>,
}

/// Counts the queue.
///
/// # Errors
/// When the statement fails.
pub async fn depth(db: &impl Conn, now: i64) -> Result<Depth> {
    #[derive(FromQueryResult)]
    struct Row {
        runs: i64,
        oldest: Option<i64>,
    }
    let count = async |held: bool| {
        let held = if held {
            Column::LeaseExpiresAt.gt(now)
        } else {
            Column::LeaseExpiresAt.lte(now)
        };
        Entity::find()
            .select_only()
            .column_as(Expr::col(Column::Id).count(), "runs")
            .column_as(Expr::col(Column::QueuedAt).min(), "oldest")
            .filter(held)
            .into_model::<Row>()
            .one(db)
            .await
    };
    let (waiting, running) = (count(false).await?, count(true).await?);
    let number = |row: &Option<Row>| row.as_ref().map_or(0, |row| u64::try_from(row.runs).unwrap_or(0));
    Ok(Depth {
        waiting: number(&waiting),
        running: number(&running),
        oldest_queued_at: waiting.and_then(|row| row.oldest),
    })
}
