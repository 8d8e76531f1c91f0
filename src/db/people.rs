//! Users, their tokens, data sets and who is a member of them.

use entity::{access_token, data_set, member, user};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Alias, Condition, Expr, ExprTrait, Func, Query};
use sea_orm::{
    ColumnTrait, EntityTrait, FromQueryResult, IdenStatic, IntoActiveModel, Iterable, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::keyset::Keyset;
use super::{Conn, Result};
use crate::base::page::{Page, Window};
use crate::base::text;

/// Stores a new user.
///
/// # Errors
/// `Taken` when the name is.
pub async fn insert_user(db: &impl Conn, row: user::Model) -> Result<()> {
    user::Entity::insert(row.into_active_model())
        .exec_without_returning(db)
        .await?;
    Ok(())
}

/// Users by id, in no order.
///
/// # Errors
/// When the statement fails.
pub async fn find_users(db: &impl Conn, ids: &[Uuid]) -> Result<Vec<user::Model>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(user::Entity::find()
        .filter(user::Column::Id.is_in(ids.iter().copied()))
        .all(db)
        .await?)
}

/// The user of a name.
///
/// # Errors
/// When the statement fails.
pub async fn find_user_by_name(db: &impl Conn, name: &str) -> Result<Option<user::Model>> {
    Ok(user::Entity::find()
        .filter(user::Column::Name.eq(name))
        .one(db)
        .await?)
}

/// True when somebody administers the server.
///
/// # Errors
/// When the statement fails.
pub async fn has_admin(db: &impl Conn) -> Result<bool> {
    Ok(user::Entity::find()
        .filter(user::Column::IsAdmin.eq(true))
        .one(db)
        .await?
        .is_some())
}

/// Stores a new token.
///
/// # Errors
/// When the statement fails.
pub async fn insert_token(db: &impl Conn, row: access_token::Model) -> Result<()> {
    access_token::Entity::insert(row.into_active_model())
        .exec_without_returning(db)
        .await?;
    Ok(())
}

/// A token and its user, by the secret's hash.
///
/// # Errors
/// When the statement fails.
pub async fn find_token(
    db: &impl Conn,
    secret_hash: &str,
) -> Result<Option<(access_token::Model, user::Model)>> {
    let by_hash = access_token::Column::SecretHash.eq(secret_hash);
    let Some(token) = access_token::Entity::find().filter(by_hash).one(db).await? else {
        return Ok(None);
    };
    let user = user::Entity::find_by_id(token.user_id).one(db).await?;
    Ok(user.map(|user| (token, user)))
}

/// Tokens by id, in no order.
///
/// # Errors
/// When the statement fails.
pub async fn find_tokens(db: &impl Conn, ids: &[Uuid]) -> Result<Vec<access_token::Model>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let with = access_token::Column::Id.is_in(ids.iter().copied());
    Ok(access_token::Entity::find().filter(with).all(db).await?)
}

/// All tokens, oldest first, for the command line.
///
/// # Errors
/// When the statement fails.
pub async fn list_tokens(db: &impl Conn) -> Result<Vec<access_token::Model>> {
    Ok(access_token::Entity::find()
        .order_by_asc(access_token::Column::CreatedAt)
        .all(db)
        .await?)
}

/// Notes that a token was used.
///
/// # Errors
/// When the statement fails.
pub async fn touch_token(db: &impl Conn, id: Uuid, now: i64) -> Result<()> {
    set_token(
        db,
        id,
        access_token::ActiveModel {
            last_used_at: Set(Some(now)),
            ..Default::default()
        },
    )
    .await
}

/// Revokes a token; the first time counts.
///
/// # Errors
/// When the statement fails.
pub async fn revoke_token(db: &impl Conn, id: Uuid, now: i64) -> Result<()> {
    let row = access_token::ActiveModel {
        revoked_at: Set(Some(now)),
        ..Default::default()
    };
    access_token::Entity::update_many()
        .set(row)
        .filter(access_token::Column::Id.eq(id))
        .filter(access_token::Column::RevokedAt.is_null())
        .exec(db)
        .await?;
    Ok(())
}

async fn set_token(db: &impl Conn, id: Uuid, row: access_token::ActiveModel) -> Result<()> {
    access_token::Entity::update_many()
        .set(row)
        .filter(access_token::Column::Id.eq(id))
        .exec(db)
        .await?;
    Ok(())
}

/// Stores a new data set.
///
/// # Errors
/// `Taken` when the name is.
pub async fn insert_data_set(db: &impl Conn, row: data_set::Model) -> Result<()> {
    data_set::Entity::insert(row.into_active_model())
        .exec_without_returning(db)
        .await?;
    Ok(())
}

/// Data sets by id, in no order.
///
/// # Errors
/// When the statement fails.
pub async fn find_data_sets(db: &impl Conn, ids: &[Uuid]) -> Result<Vec<data_set::Model>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(data_set::Entity::find()
        .filter(data_set::Column::Id.is_in(ids.iter().copied()))
        .all(db)
        .await?)
}

/// One data set, locked until the transaction ends: whoever changes its members or its name
/// waits for the other.
///
/// # Errors
/// When the statement fails.
pub async fn find_data_set_locked(db: &impl Conn, id: Uuid) -> Result<Option<data_set::Model>> {
    Ok(data_set::Entity::find_by_id(id).lock_exclusive().one(db).await?)
}

/// Gives a data set another name.
///
/// # Errors
/// `Taken` when another data set has it.
pub async fn rename_data_set(db: &impl Conn, id: Uuid, name: &str) -> Result<()> {
    let row = data_set::ActiveModel {
        name: Set(name.to_owned()),
        ..Default::default()
    };
    data_set::Entity::update_many()
        .set(row)
        .filter(data_set::Column::Id.eq(id))
        .exec(db)
        .await?;
    Ok(())
}

/// True when there is no data set and no user: a fresh database.
///
/// # Errors
/// When the statement fails.
pub async fn is_empty(db: &impl Conn) -> Result<bool> {
    let user = user::Entity::find().one(db).await?;
    let set = data_set::Entity::find().one(db).await?;
    Ok(user.is_none() && set.is_none())
}

/// By name.
pub const DATA_SET_ORDER: &str = "data_sets.name.asc";

/// A page of these data sets (`None`: of all).
///
/// # Errors
/// When the statement fails.
pub async fn page_data_sets(
    db: &impl Conn,
    ids: Option<&[Uuid]>,
    window: &Window,
) -> Result<Page<data_set::Model>> {
    let keyset = Keyset {
        key: ("data_set", "name"),
        id: ("data_set", "id"),
        descending: false,
        is_number: false,
    };
    let mut select = Query::select();
    select
        .columns(data_set::Column::iter().map(|column| ("data_set", Alias::new(column.as_str()))))
        .from("data_set")
        .cond_where(among(data_set::Column::Id, ids));
    keyset.apply(&mut select, window);
    let rows = data_set::Model::find_by_statement(db.get_database_backend().build(&select))
        .all(db)
        .await?;
    Ok(Page::cut(rows, window))
}

/// Counts them.
///
/// # Errors
/// When the statement fails.
pub async fn count_data_sets(db: &impl Conn, ids: Option<&[Uuid]>) -> Result<u64> {
    Ok(data_set::Entity::find()
        .filter(among(data_set::Column::Id, ids))
        .count(db)
        .await?)
}

fn among(column: impl ColumnTrait, ids: Option<&[Uuid]>) -> Condition {
    Condition::all().add_option(ids.map(|ids| column.is_in(ids.iter().copied())))
}

/// Makes someone a member, or changes their role; the row as it then is.
///
/// # Errors
/// When a statement fails.
pub async fn set_member(db: &impl Conn, row: member::Model) -> Result<member::Model> {
    let pair = Condition::all()
        .add(member::Column::UserId.eq(row.user_id))
        .add(member::Column::DataSetId.eq(row.data_set_id));
    let change = sea_orm::sea_query::OnConflict::columns([member::Column::UserId, member::Column::DataSetId])
        .update_column(member::Column::Role)
        .to_owned();
    let fallback = row.clone();
    member::Entity::insert(row.into_active_model())
        .on_conflict(change)
        .exec_without_returning(db)
        .await?;
    let stored = member::Entity::find().filter(pair).one(db).await?;
    Ok(stored.unwrap_or(fallback))
}

/// Ends a membership; the row that was.
///
/// # Errors
/// When a statement fails.
pub async fn remove_member(db: &impl Conn, data_set: Uuid, user: Uuid) -> Result<Option<member::Model>> {
    let pair = Condition::all()
        .add(member::Column::UserId.eq(user))
        .add(member::Column::DataSetId.eq(data_set));
    let Some(row) = member::Entity::find().filter(pair).one(db).await? else {
        return Ok(None);
    };
    member::Entity::delete_by_id(row.id).exec(db).await?;
    Ok(Some(row))
}

/// The members of a data set who have this role (its stored form).
///
/// # Errors
/// When the statement fails.
pub async fn members_in_role(db: &impl Conn, data_set: Uuid, role: &str) -> Result<Vec<member::Model>> {
    Ok(member::Entity::find()
        .filter(member::Column::DataSetId.eq(data_set))
        .filter(member::Column::Role.eq(role))
        .all(db)
        .await?)
}

/// The memberships of these users.
///
/// # Errors
/// When the statement fails.
pub async fn memberships(db: &impl Conn, users: &[Uuid]) -> Result<Vec<member::Model>> {
    if users.is_empty() {
        return Ok(Vec::new());
    }
    let of = member::Column::UserId.is_in(users.iter().copied());
    Ok(member::Entity::find()
        .filter(of)
        .order_by_asc(member::Column::CreatedAt)
        .all(db)
        .await?)
}

/// Memberships by id, in no order.
///
/// # Errors
/// When the statement fails.
pub async fn find_members(db: &impl Conn, ids: &[Uuid]) -> Result<Vec<member::Model>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(member::Entity::find()
        .filter(member::Column::Id.is_in(ids.iter().copied()))
        .all(db)
        .await?)
}

/// Oldest first.
pub const MEMBER_ORDER: &str = "members.created_at.asc";

/// A page of a data set's members.
///
/// # Errors
/// When the statement fails.
pub async fn page_members(db: &impl Conn, data_set: Uuid, window: &Window) -> Result<Page<member::Model>> {
    let keyset = Keyset {
        key: ("member", "created_at"),
        id: ("member", "id"),
        descending: false,
        is_number: true,
    };
    let mut select = Query::select();
    select
        .columns(member::Column::iter().map(|column| ("member", Alias::new(column.as_str()))))
        .from("member")
        .and_where(Expr::col(("member", "data_set_id")).eq(data_set));
    keyset.apply(&mut select, window);
    let rows = member::Model::find_by_statement(db.get_database_backend().build(&select))
        .all(db)
        .await?;
    Ok(Page::cut(rows, window))
}

/// Counts them.
///
/// # Errors
/// When the statement fails.
pub async fn count_members(db: &impl Conn, data_set: Uuid) -> Result<u64> {
    Ok(member::Entity::find()
        .filter(member::Column::DataSetId.eq(data_set))
        .count(db)
        .await?)
}

/// By name.
pub const USER_ORDER: &str = "users.name.asc";

/// A page of all users; `search` is the start of a name, the letter case of ASCII letters ignored
/// (what `lower` does alike in SQLite and under PostgreSQL's collation C).
///
/// # Errors
/// When the statement fails.
pub async fn page_users(db: &impl Conn, search: Option<&str>, window: &Window) -> Result<Page<user::Model>> {
    let keyset = Keyset {
        key: ("user", "name"),
        id: ("user", "id"),
        descending: false,
        is_number: false,
    };
    let mut select = Query::select();
    select
        .columns(user::Column::iter().map(|column| ("user", Alias::new(column.as_str()))))
        .from("user")
        .cond_where(named_like(search));
    keyset.apply(&mut select, window);
    let rows = user::Model::find_by_statement(db.get_database_backend().build(&select))
        .all(db)
        .await?;
    Ok(Page::cut(rows, window))
}

/// Counts them.
///
/// # Errors
/// When the statement fails.
pub async fn count_users(db: &impl Conn, search: Option<&str>) -> Result<u64> {
    Ok(user::Entity::find().filter(named_like(search)).count(db).await?)
}

fn named_like(search: Option<&str>) -> Condition {
    let mut all = Condition::all();
    if let Some(search) = search {
        let folded = search.to_ascii_lowercase();
        let name = || Expr::expr(Func::lower(Expr::col(("user", "name"))));
        all = all.add(name().gte(folded.as_str()));
        all = all.add_option(text::prefix_upper_bound(&folded).map(|upper| name().lt(upper)));
    }
    all
}

/// Newest first.
pub const TOKEN_ORDER: &str = "access_tokens.created_at.desc";

/// A page of a user's tokens.
///
/// # Errors
/// When the statement fails.
pub async fn page_tokens(
    db: &impl Conn,
    user: Uuid,
    with_revoked: bool,
    window: &Window,
) -> Result<Page<access_token::Model>> {
    let keyset = Keyset {
        key: ("access_token", "created_at"),
        id: ("access_token", "id"),
        descending: true,
        is_number: true,
    };
    let mut select = Query::select();
    select
        .columns(access_token::Column::iter().map(|column| ("access_token", Alias::new(column.as_str()))))
        .from("access_token")
        .cond_where(tokens_of(user, with_revoked));
    keyset.apply(&mut select, window);
    let rows = access_token::Model::find_by_statement(db.get_database_backend().build(&select))
        .all(db)
        .await?;
    Ok(Page::cut(rows, window))
}

/// Counts them.
///
/// # Errors
/// When the statement fails.
pub async fn count_tokens(db: &impl Conn, user: Uuid, with_revoked: bool) -> Result<u64> {
    Ok(access_token::Entity::find()
        .filter(tokens_of(user, with_revoked))
        .count(db)
        .await?)
}

fn tokens_of(user: Uuid, with_revoked: bool) -> Condition {
    let mut all = Condition::all().add(access_token::Column::UserId.eq(user));
    if !with_revoked {
        all = all.add(access_token::Column::RevokedAt.is_null());
    }
    all
}
