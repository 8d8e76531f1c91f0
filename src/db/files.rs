//! Files and the blobs they share. A blob's row is written before its bytes, so that no bytes
//! are ever without a row; a blob that no file uses is swept.

use entity::{blob, file, file_store};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict, Query};
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::{Conn, Result};

/// Announces bytes that are about to be written.
///
/// # Errors
/// When the statement fails.
pub async fn stage(db: &impl Conn, id: Uuid, now: i64) -> Result<()> {
    let row = blob::Model {
        id,
        size_bytes: 0,
        sha256: String::new(),
        created_at: now,
    };
    blob::Entity::insert(row.into_active_model())
        .exec_without_returning(db)
        .await?;
    Ok(())
}

/// Says what the bytes turned out to be.
///
/// # Errors
/// When the statement fails.
pub async fn complete(db: &impl Conn, id: Uuid, size_bytes: i64, sha256: &str) -> Result<()> {
    let row = blob::ActiveModel {
        size_bytes: Set(size_bytes),
        sha256: Set(sha256.to_owned()),
        ..Default::default()
    };
    blob::Entity::update_many()
        .set(row)
        .filter(blob::Column::Id.eq(id))
        .exec(db)
        .await?;
    Ok(())
}

/// Attaches or stages files.
///
/// # Errors
/// When the statement fails.
pub async fn insert(db: &impl Conn, rows: Vec<file::Model>) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let rows = rows.into_iter().map(IntoActiveModel::into_active_model);
    file::Entity::insert_many(rows).exec_without_returning(db).await?;
    Ok(())
}

/// Files by id, whoever they belong to, in no order.
///
/// # Errors
/// When the statement fails.
pub async fn find_many(db: &impl Conn, ids: &[Uuid]) -> Result<Vec<file::Model>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(file::Entity::find()
        .filter(file::Column::Id.is_in(ids.iter().copied()))
        .all(db)
        .await?)
}

/// The files of these executions, in order.
///
/// # Errors
/// When the statement fails.
pub async fn of_executions(db: &impl Conn, ids: &[Uuid]) -> Result<Vec<file::Model>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(file::Entity::find()
        .filter(file::Column::ExecutionId.is_in(ids.iter().copied()))
        .order_by_asc(file::Column::Position)
        .all(db)
        .await?)
}

/// The files of a conversation, oldest first.
///
/// # Errors
/// When the statement fails.
pub async fn of_conversation(db: &impl Conn, conversation: Uuid) -> Result<Vec<file::Model>> {
    Ok(file::Entity::find()
        .filter(file::Column::ConversationId.eq(conversation))
        .order_by_asc(file::Column::CreatedAt)
        .order_by_asc(file::Column::Position)
        .all(db)
        .await?)
}

/// Takes files away from an execution that is being deleted.
///
/// # Errors
/// When the statement fails.
pub async fn delete_of_conversation(db: &impl Conn, conversation: Uuid) -> Result<()> {
    let of = file::Column::ConversationId.eq(conversation);
    file::Entity::delete_many().filter(of).exec(db).await?;
    Ok(())
}

/// Forgets about `limit` of the uploads older than an instant that nothing took, the oldest first,
/// and says how many.
///
/// # Errors
/// When a statement fails.
pub async fn trim_staged(db: &impl Conn, before: i64, limit: u64) -> Result<u64> {
    let staged = file::Column::ConversationId
        .is_null()
        .and(file::Column::CreatedAt.lt(before));
    let oldest: Vec<Uuid> = file::Entity::find()
        .select_only()
        .column(file::Column::Id)
        .filter(staged.clone())
        .order_by_asc(file::Column::CreatedAt)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await?;
    if oldest.is_empty() {
        return Ok(0);
    }
    // A launch may have taken one meanwhile.
    let deleted = file::Entity::delete_many()
        .filter(staged)
        .filter(file::Column::Id.is_in(oldest))
        .exec(db)
        .await?;
    Ok(deleted.rows_affected)
}

/// Blobs made before an instant that no file uses.
///
/// # Errors
/// When the statement fails.
pub async fn unused_blobs(db: &impl Conn, before: i64, limit: u64) -> Result<Vec<Uuid>> {
    Ok(blob::Entity::find()
        .select_only()
        .column(blob::Column::Id)
        .filter(blob::Column::CreatedAt.lt(before))
        .filter(is_used().not())
        .order_by_asc(blob::Column::CreatedAt)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await?)
}

/// Forgets a blob that no file uses; false when one does. Until the transaction ends no file can
/// take it.
///
/// # Errors
/// When the statement fails.
pub async fn delete_unused_blob(db: &impl Conn, id: Uuid) -> Result<bool> {
    let deleted = blob::Entity::delete_many()
        .filter(blob::Column::Id.eq(id))
        .filter(is_used().not())
        .exec(db)
        .await?;
    Ok(deleted.rows_affected == 1)
}

fn is_used() -> sea_orm::sea_query::SimpleExpr {
    let mut used = Query::select();
    used.expr(Expr::val(1))
        .from("file")
        .and_where(Expr::col(("file", "blob_id")).equals(("blob", "id")));
    Expr::exists(used)
}

/// The one row of its table.
const STORE: i32 = 1;

/// The mark of the file store that belongs to this database; none before there was one.
///
/// # Errors
/// When the statement fails.
pub async fn find_mark(db: &impl Conn) -> Result<Option<Uuid>> {
    let row = file_store::Entity::find_by_id(STORE).one(db).await?;
    Ok(row.map(|row| row.mark))
}

/// Gives the database its mark; false when it has one. Who comes second waits here for the first.
///
/// # Errors
/// When the statement fails.
pub async fn try_mark(db: &impl Conn, mark: Uuid) -> Result<bool> {
    let row = file_store::Model { id: STORE, mark };
    let first = OnConflict::column(file_store::Column::Id).do_nothing().to_owned();
    let insert = file_store::Entity::insert(row.into_active_model())
        .on_conflict(first)
        .exec_without_returning(db)
        .await;
    match insert {
        Ok(rows) => Ok(rows == 1),
        Err(sea_orm::DbErr::RecordNotInserted) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
