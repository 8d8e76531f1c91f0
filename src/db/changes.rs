//! The change log over all executions, in commit order as readers see it.
//!
//! On PostgreSQL numbers are given out before transactions commit: 2 can be visible before 1, and
//! a reader that has gone past 2 would never see 1. So each row carries its transaction's `xid8`,
//! readers go by (transaction, number), and read only transactions below
//! `pg_snapshot_xmin(pg_current_snapshot())`: all of these have ended, so nothing can turn up
//! behind the reader. The price is that one long transaction anywhere in the database server
//! delays the log by its length. On SQLite the one writer gives the order and the transaction is 0.

use entity::change::{ActiveModel, Column, Entity, Model};
use sea_orm::ActiveValue::NotSet;
use sea_orm::sea_query::{Expr, ExprTrait, Order};
use sea_orm::{
    ColumnTrait, EntityTrait, FromQueryResult, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    Statement,
};
use uuid::Uuid;

use super::{Conn, Db, Result};
use crate::base::cursor::LogPosition;

/// Appends a row; number and transaction are the database's to give.
///
/// # Errors
/// When the statement fails.
pub async fn insert(db: &impl Conn, row: Model) -> Result<()> {
    let row = ActiveModel {
        number: NotSet,
        transaction_id: NotSet,
        ..row.into_active_model()
    };
    Entity::insert(row).exec_without_returning(db).await?;
    Ok(())
}

/// A row's place.
pub fn position(row: &Model) -> LogPosition {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // the low bits are those that differ
    let digest = {
        let (id, revision, at) = (
            row.execution_id.as_u128() as u32,
            row.revision as u32,
            row.occurred_at as u32,
        );
        (id.rotate_left(11) ^ revision).rotate_left(11) ^ at
    };
    LogPosition {
        transaction: row.transaction_id,
        number: row.number,
        digest,
    }
}

/// The end of what can be read now: all rows up to here have been seen by whoever reads after it.
///
/// # Errors
/// When the statement fails.
pub async fn head(db: &Db) -> Result<LogPosition> {
    let mut newest = Entity::find()
        .order_by_desc(Column::TransactionId)
        .order_by_desc(Column::Number)
        .limit(1);
    if db.is_postgres() {
        // Before a row of a transaction that is still open, others may turn up.
        newest = newest.filter(Expr::col(Column::TransactionId).lt(Expr::cust(XMIN)));
    }
    let newest = newest.one(db.read()).await?;
    Ok(newest.as_ref().map(position).unwrap_or_default())
}

/// Whether a row is at this place that says what the one said that the place was taken from.
///
/// # Errors
/// When the statement fails.
pub async fn is_at(db: &impl Conn, at: LogPosition) -> Result<bool> {
    let row = Entity::find_by_id(at.number).one(db).await?;
    Ok(row.is_some_and(|row| position(&row) == at))
}

/// What a reader of the log found.
#[derive(Debug, Clone)]
pub struct Read {
    /// Rows that nothing can turn up before, in order.
    pub rows: Vec<Model>,
    /// There are committed rows that must still wait for an older transaction to end: read again
    /// in a moment.
    pub is_held_back: bool,
}

/// Up to `limit` rows after a position, in order.
///
/// # Errors
/// When a statement fails.
pub async fn after(db: &Db, at: LogPosition, limit: u64) -> Result<Read> {
    // Taken before the rows: what had ended by then is all visible to the second statement.
    let open_from = if db.is_postgres() {
        xmin(db).await?
    } else {
        i64::MAX
    };
    let place = Expr::tuple([Expr::col(Column::TransactionId), Expr::col(Column::Number)]);
    let mut rows = Entity::find()
        .filter(place.gt(Expr::tuple([Expr::val(at.transaction), Expr::val(at.number)])))
        .order_by(Column::TransactionId, Order::Asc)
        .order_by(Column::Number, Order::Asc)
        .limit(limit)
        .all(db.read())
        .await?;
    let finished = rows.partition_point(|row| row.transaction_id < open_from);
    let is_held_back = finished < rows.len();
    rows.truncate(finished);
    Ok(Read { rows, is_held_back })
}

/// Changes of one execution after a revision, oldest first.
///
/// # Errors
/// When the statement fails.
pub async fn of_execution(
    db: &impl Conn,
    execution: Uuid,
    after_revision: i64,
    limit: u64,
) -> Result<Vec<Model>> {
    Ok(Entity::find()
        .filter(Column::ExecutionId.eq(execution))
        .filter(Column::Revision.gt(after_revision))
        .order_by_asc(Column::Revision)
        .limit(limit)
        .all(db)
        .await?)
}

/// The first row still kept; none when the log is empty.
///
/// # Errors
/// When the statement fails.
pub async fn oldest(db: &impl Conn) -> Result<Option<LogPosition>> {
    let oldest = Entity::find()
        .order_by_asc(Column::TransactionId)
        .order_by_asc(Column::Number)
        .limit(1)
        .one(db)
        .await?;
    Ok(oldest.as_ref().map(position))
}

/// Deletes up to `limit` of the rows older than an instant, and says how many went. The newest of
/// them stays: it marks up to where the log was cut.
///
/// Always from the front, for clocks differ and a reader goes by place: what lies behind a row that
/// stays is not older for whoever stands at that row. It costs `limit` rows however long the log is.
///
/// # Errors
/// When the statement fails.
pub async fn trim(db: &impl Conn, before: i64, limit: u64) -> Result<u64> {
    let front: Vec<(i64, i64)> = Entity::find()
        .select_only()
        .column(Column::Number)
        .column(Column::OccurredAt)
        .order_by_asc(Column::TransactionId)
        .order_by_asc(Column::Number)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await?;
    let old = front.into_iter().take_while(|(_, at)| *at < before);
    let mut numbers: Vec<i64> = old.map(|(number, _)| number).collect();
    numbers.pop();
    if numbers.is_empty() {
        return Ok(0);
    }
    let deleted = Entity::delete_many()
        .filter(Column::Number.is_in(numbers))
        .exec(db)
        .await?;
    Ok(deleted.rows_affected)
}

// No transaction below it is open.
const XMIN: &str = "pg_snapshot_xmin(pg_current_snapshot())::text::bigint";

#[derive(FromQueryResult)]
struct Number {
    value: i64,
}

async fn xmin(db: &Db) -> Result<i64> {
    let (backend, sql) = (
        db.read().get_database_backend(),
        format!("SELECT {XMIN} AS value"),
    );
    let row = Number::find_by_statement(Statement::from_string(backend, sql))
        .one(db.read())
        .await?;
    Ok(row.map_or(0, |row| row.value))
}
