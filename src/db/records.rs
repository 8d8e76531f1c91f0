//! Records of a data set.

use entity::record::{Column, Entity, Model};
use sea_orm::sea_query::{Alias, Condition, Expr, ExprTrait, OnConflict, Query};
use sea_orm::{
    ColumnTrait, EntityTrait, FromQueryResult, IdenStatic, IntoActiveModel, Iterable, QueryFilter,
    QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::keyset::{self, Keyset};
use super::{Conn, Result};
use crate::base::page::{Count, Page, Window};
use crate::base::text;

/// The records of these keys, locked until the transaction ends, in key order so that two
/// writers cannot wait for each other.
///
/// # Errors
/// When the statement fails.
pub async fn find_locked(
    db: &impl Conn,
    data_set: Uuid,
    collection: &str,
    keys: &[String],
) -> Result<Vec<Model>> {
    let query = of_keys(data_set, collection, keys)
        .order_by_asc(Column::Key)
        .lock_exclusive();
    Ok(query.all(db).await?)
}

/// The records of these keys.
///
/// # Errors
/// When the statement fails.
pub async fn find_by_keys(
    db: &impl Conn,
    data_set: Uuid,
    collection: &str,
    keys: &[String],
) -> Result<Vec<Model>> {
    Ok(of_keys(data_set, collection, keys)
        .order_by_asc(Column::Key)
        .all(db)
        .await?)
}

fn of_keys(data_set: Uuid, collection: &str, keys: &[String]) -> sea_orm::Select<Entity> {
    Entity::find()
        .filter(Column::DataSetId.eq(data_set))
        .filter(Column::Collection.eq(collection))
        .filter(Column::Key.is_in(keys))
}

/// Records by id, whoever may see them.
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

/// Stores records whose keys nobody has; the keys of those that were stored. For the others a
/// writer was there first.
///
/// # Errors
/// When the statement fails.
pub async fn insert_new(db: &impl Conn, rows: Vec<Model>) -> Result<Vec<String>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let columns = [Column::DataSetId, Column::Collection, Column::Key];
    let rows = rows.into_iter().map(IntoActiveModel::into_active_model);
    let stored = Entity::insert_many(rows)
        .on_conflict(OnConflict::columns(columns).do_nothing().to_owned())
        .exec_with_returning(db)
        .await?;
    Ok(stored.into_iter().map(|row| row.key).collect())
}

/// Replaces the documents of records that this transaction has locked.
///
/// # Errors
/// When the statement fails.
pub async fn update(db: &impl Conn, rows: Vec<Model>) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let replace = OnConflict::columns([Column::DataSetId, Column::Collection, Column::Key])
        .update_columns([Column::Document, Column::UpdatedAt])
        .to_owned();
    let rows = rows.into_iter().map(IntoActiveModel::into_active_model);
    Entity::insert_many(rows)
        .on_conflict(replace)
        .exec_without_returning(db)
        .await?;
    Ok(())
}

/// Deletes records by id.
///
/// # Errors
/// When the statement fails.
pub async fn delete(db: &impl Conn, ids: &[Uuid]) -> Result<()> {
    Entity::delete_many()
        .filter(Column::Id.is_in(ids.iter().copied()))
        .exec(db)
        .await?;
    Ok(())
}

/// Which records of a data set are meant.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of this collection.
    pub collection: Option<String>,
    /// Start of the key, letter case ignored.
    pub search: Option<String>,
}

/// By key.
pub const ORDER: &str = "records.key.asc";

/// A page of a data set's records.
///
/// # Errors
/// When the statement fails.
pub async fn page(db: &impl Conn, data_set: Uuid, filter: &Filter, window: &Window) -> Result<Page<Model>> {
    let keyset = Keyset {
        key: ("record", "key_folded"),
        id: ("record", "id"),
        descending: false,
        is_number: false,
    };
    let mut select = Query::select();
    select
        .columns(Column::iter().map(|column| ("record", Alias::new(column.as_str()))))
        .from("record")
        .cond_where(condition(data_set, filter));
    keyset.apply(&mut select, window);
    let rows = Model::find_by_statement(db.get_database_backend().build(&select))
        .all(db)
        .await?;
    Ok(Page::cut(rows, window))
}

/// Counts them, up to the server's limit.
///
/// # Errors
/// When the statement fails.
pub async fn count(db: &impl Conn, data_set: Uuid, filter: &Filter) -> Result<Count> {
    let mut select = Query::select();
    select
        .expr_as(Expr::val(1), "one")
        .from("record")
        .cond_where(condition(data_set, filter));
    keyset::count(db, vec![select]).await
}

/// The collections of these data sets and how many records each has, by name: data set, name,
/// records.
///
/// # Errors
/// When the statement fails.
pub async fn collections(db: &impl Conn, data_sets: &[Uuid]) -> Result<Vec<(Uuid, String, i64)>> {
    Ok(Entity::find()
        .select_only()
        .column(Column::DataSetId)
        .column(Column::Collection)
        .column_as(Expr::col(Column::Id).count(), "records")
        .filter(Column::DataSetId.is_in(data_sets.iter().copied()))
        .group_by(Column::DataSetId)
        .group_by(Column::Collection)
        .order_by_asc(Column::Collection)
        .into_tuple()
        .all(db)
        .await?)
}

fn condition(data_set: Uuid, filter: &Filter) -> Condition {
    let mut all = Condition::all().add(Column::DataSetId.eq(data_set));
    if let Some(collection) = &filter.collection {
        all = all.add(Column::Collection.eq(collection.as_str()));
    }
    if let Some(search) = &filter.search {
        let folded = text::fold(search);
        all = all.add(Column::KeyFolded.gte(folded.as_str()));
        all = all.add_option(text::prefix_upper_bound(&folded).map(|upper| Column::KeyFolded.lt(upper)));
    }
    all
}
