//! Idempotency keys. Their scope is viewer, mutation, key.

use entity::idempotency_key::{Column, Entity, Model};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::{Conn, Result};

/// Takes a key, as the first statement of its transaction; false when it was taken before. A
/// racing request waits here until the other has committed or rolled back. (A caught unique
/// violation would leave a PostgreSQL transaction aborted.)
///
/// # Errors
/// When the statement fails.
pub async fn try_take(db: &impl Conn, row: Model) -> Result<bool> {
    let columns = [Column::ViewerId, Column::Mutation, Column::Key];
    let insert = Entity::insert(row.into_active_model())
        .on_conflict(OnConflict::columns(columns).do_nothing().to_owned())
        .exec_without_returning(db)
        .await;
    match insert {
        Ok(rows) => Ok(rows == 1),
        Err(sea_orm::DbErr::RecordNotInserted) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// What a key made.
///
/// # Errors
/// When the statement fails.
pub async fn find(db: &impl Conn, viewer: Uuid, mutation: &str, key: &str) -> Result<Option<Model>> {
    Ok(Entity::find_by_id((viewer, mutation.to_owned(), key.to_owned()))
        .one(db)
        .await?)
}

/// Forgets about `limit` of the keys older than an instant, the oldest first, and says how many.
///
/// # Errors
/// When a statement fails.
pub async fn trim(db: &impl Conn, before: i64, limit: u64) -> Result<u64> {
    let oldest: Vec<i64> = Entity::find()
        .select_only()
        .column(Column::CreatedAt)
        .filter(Column::CreatedAt.lt(before))
        .order_by_asc(Column::CreatedAt)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await?;
    let Some(newest_of_them) = oldest.last() else {
        return Ok(0);
    };
    let deleted = Entity::delete_many()
        .filter(Column::CreatedAt.lte(*newest_of_them))
        .exec(db)
        .await?;
    Ok(deleted.rows_affected)
}
