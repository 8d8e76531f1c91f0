//! Executions: the narrow row, its payload and its labels.

pub mod facets;
pub mod filter;
pub mod page;
pub mod stats;

use entity::{execution, execution_label, execution_payload};
use sea_orm::ActiveValue::Set;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::{Conn, Result};

/// Stores a new execution with its payload and labels.
///
/// # Errors
/// When a statement fails.
pub async fn insert(
    db: &impl Conn,
    row: execution::Model,
    payload: execution_payload::Model,
    labels: &[String],
) -> Result<()> {
    let labels: Vec<_> = labels
        .iter()
        .zip(0..)
        .map(|(label, position)| execution_label::ActiveModel {
            execution_id: Set(row.id),
            label: Set(label.clone()),
            label_folded: Set(crate::base::text::fold(label)),
            position: Set(position),
            data_set_id: Set(row.data_set_id),
            created_at: Set(row.created_at),
        })
        .collect();
    execution::Entity::insert(row.into_active_model())
        .exec_without_returning(db)
        .await?;
    execution_payload::Entity::insert(payload.into_active_model())
        .exec_without_returning(db)
        .await?;
    if !labels.is_empty() {
        execution_label::Entity::insert_many(labels)
            .exec_without_returning(db)
            .await?;
    }
    Ok(())
}

/// One execution, whoever it belongs to: the caller checks access.
///
/// # Errors
/// When the statement fails.
pub async fn find(db: &impl Conn, id: Uuid) -> Result<Option<execution::Model>> {
    Ok(execution::Entity::find_by_id(id).one(db).await?)
}

/// One execution, locked until the transaction ends.
///
/// # Errors
/// When the statement fails.
pub async fn find_locked(db: &impl Conn, id: Uuid) -> Result<Option<execution::Model>> {
    Ok(execution::Entity::find_by_id(id).lock_exclusive().one(db).await?)
}

/// Those of the ids that exist, in no order.
///
/// # Errors
/// When the statement fails.
pub async fn find_many(db: &impl Conn, ids: &[Uuid]) -> Result<Vec<execution::Model>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let with_ids = execution::Column::Id.is_in(ids.iter().copied());
    Ok(execution::Entity::find().filter(with_ids).all(db).await?)
}

/// Replaces the row `before` by `after`; false when it has changed since it was read.
///
/// # Errors
/// When the statement fails.
pub async fn replace(db: &impl Conn, before: &execution::Model, after: execution::Model) -> Result<bool> {
    let mut active = after.into_active_model().reset_all();
    active.id = sea_orm::ActiveValue::NotSet;
    let updated = execution::Entity::update_many()
        .set(active)
        .filter(execution::Column::Id.eq(before.id))
        .filter(execution::Column::Status.eq(before.status.as_str()))
        .filter(execution::Column::Revision.eq(before.revision))
        .exec(db)
        .await?;
    Ok(updated.rows_affected == 1)
}

/// Deletes an execution; payload and labels go with it.
///
/// # Errors
/// When the statement fails.
pub async fn delete(db: &impl Conn, id: Uuid) -> Result<()> {
    execution::Entity::delete_by_id(id).exec(db).await?;
    Ok(())
}

/// The wide parts of these executions.
///
/// # Errors
/// When the statement fails.
pub async fn payloads(db: &impl Conn, ids: &[Uuid]) -> Result<Vec<execution_payload::Model>> {
    let of = execution_payload::Column::ExecutionId.is_in(ids.iter().copied());
    Ok(execution_payload::Entity::find().filter(of).all(db).await?)
}

/// Stores the result.
///
/// # Errors
/// When the statement fails.
pub async fn set_result(db: &impl Conn, id: Uuid, result: &str) -> Result<()> {
    let payload = execution_payload::ActiveModel {
        result: Set(Some(result.to_owned())),
        ..Default::default()
    };
    set_payload(db, id, payload).await
}

/// Stores a failure's explanation.
///
/// # Errors
/// When the statement fails.
pub async fn set_explanation(db: &impl Conn, id: Uuid, explanation: &str, source: &str) -> Result<()> {
    let payload = execution_payload::ActiveModel {
        explanation: Set(Some(explanation.to_owned())),
        explanation_source: Set(Some(source.to_owned())),
        ..Default::default()
    };
    set_payload(db, id, payload).await
}

async fn set_payload(db: &impl Conn, id: Uuid, payload: execution_payload::ActiveModel) -> Result<()> {
    execution_payload::Entity::update_many()
        .set(payload)
        .filter(execution_payload::Column::ExecutionId.eq(id))
        .exec(db)
        .await?;
    Ok(())
}

/// The labels of these executions, in the order given at launch.
///
/// # Errors
/// When the statement fails.
pub async fn labels(db: &impl Conn, ids: &[Uuid]) -> Result<Vec<execution_label::Model>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(execution_label::Entity::find()
        .filter(execution_label::Column::ExecutionId.is_in(ids.iter().copied()))
        .order_by_asc(execution_label::Column::Position)
        .all(db)
        .await?)
}
