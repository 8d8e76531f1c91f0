//! Agents.

use entity::agent::{Column, Entity, Model};
use sea_orm::sea_query::{Alias, Condition, Query};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, FromQueryResult, IdenStatic, IntoActiveModel, Iterable,
    PaginatorTrait, QueryFilter, QuerySelect,
};
use uuid::Uuid;

use super::keyset::Keyset;
use super::{Conn, Result};
use crate::base::page::{Page, Window};

/// Stores a new agent.
///
/// # Errors
/// `Taken` when its data set has an agent of that name.
pub async fn insert(db: &impl Conn, row: Model) -> Result<()> {
    Entity::insert(row.into_active_model())
        .exec_without_returning(db)
        .await?;
    Ok(())
}

/// Replaces an agent that has not changed since it was read; else false.
///
/// # Errors
/// `Taken` when its data set has another agent of that name.
pub async fn replace(db: &impl Conn, before: &Model, after: Model) -> Result<bool> {
    let mut active = after.into_active_model().reset_all();
    active.id = sea_orm::ActiveValue::NotSet;
    let updated = Entity::update_many()
        .set(active)
        .filter(Column::Id.eq(before.id))
        .filter(Column::UpdatedAt.eq(before.updated_at))
        .exec(db)
        .await?;
    Ok(updated.rows_affected == 1)
}

/// One agent, whoever may see it.
///
/// # Errors
/// When the statement fails.
pub async fn find(db: &impl Conn, id: Uuid) -> Result<Option<Model>> {
    Ok(Entity::find_by_id(id).one(db).await?)
}

/// One agent, locked until the transaction ends.
///
/// # Errors
/// When the statement fails.
pub async fn find_locked(db: &impl Conn, id: Uuid) -> Result<Option<Model>> {
    Ok(Entity::find_by_id(id).lock_exclusive().one(db).await?)
}

/// Those of the ids that exist, in no order.
///
/// # Errors
/// When the statement fails.
pub async fn find_many(db: &impl Conn, ids: &[Uuid]) -> Result<Vec<Model>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(Entity::find()
        .filter(Column::Id.is_in(ids.iter().copied()))
        .all(db)
        .await?)
}

/// Oldest first.
pub const ORDER: &str = "agents.created_at.asc";

/// A page of the agents of these data sets (`None`: of all).
///
/// # Errors
/// When the statement fails.
pub async fn page(
    db: &impl Conn,
    data_sets: Option<&[Uuid]>,
    with_retired: bool,
    window: &Window,
) -> Result<Page<Model>> {
    let keyset = Keyset {
        key: ("agent", "created_at"),
        id: ("agent", "id"),
        descending: false,
        is_number: true,
    };
    let mut select = Query::select();
    select
        .columns(Column::iter().map(|column| ("agent", Alias::new(column.as_str()))))
        .from("agent")
        .cond_where(condition(data_sets, with_retired));
    keyset.apply(&mut select, window);
    let rows = Model::find_by_statement(db.get_database_backend().build(&select))
        .all(db)
        .await?;
    Ok(Page::cut(rows, window))
}

/// Counts them.
///
/// # Errors
/// When the statement fails.
pub async fn count(db: &impl Conn, data_sets: Option<&[Uuid]>, with_retired: bool) -> Result<u64> {
    Ok(Entity::find()
        .filter(condition(data_sets, with_retired))
        .count(db)
        .await?)
}

/// The agent type keys in use in these data sets, each once: data set, key.
///
/// # Errors
/// When the statement fails.
pub async fn type_keys(db: &impl Conn, data_sets: &[Uuid]) -> Result<Vec<(Uuid, String)>> {
    Ok(Entity::find()
        .select_only()
        .column(Column::DataSetId)
        .column(Column::AgentTypeKey)
        .distinct()
        .filter(Column::DataSetId.is_in(data_sets.iter().copied()))
        .into_tuple()
        .all(db)
        .await?)
}

fn condition(data_sets: Option<&[Uuid]>, with_retired: bool) -> Condition {
    let mut all = Condition::all();
    if let Some(sets) = data_sets {
        all = all.add(Column::DataSetId.is_in(sets.iter().copied()));
    }
    if !with_retired {
        all = all.add(Column::RetiredAt.is_null());
    }
    all
}
