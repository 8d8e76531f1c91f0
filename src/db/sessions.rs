//! Sessions of browsers, and the codes of sign-in links.

use entity::{access_token, session, sign_in_code};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::{Conn, Result, people};

/// A session with the token that it ends with, if it was made from one.
pub type WithToken = (session::Model, Option<access_token::Model>);

/// Stores a new session.
///
/// # Errors
/// When the statement fails.
pub async fn insert(db: &impl Conn, row: session::Model) -> Result<()> {
    session::Entity::insert(row.into_active_model())
        .exec_without_returning(db)
        .await?;
    Ok(())
}

/// A session by its secret's hash.
///
/// # Errors
/// When a statement fails.
pub async fn find(db: &impl Conn, secret_hash: &str) -> Result<Option<WithToken>> {
    let by_hash = session::Column::SecretHash.eq(secret_hash);
    let found = session::Entity::find().filter(by_hash).all(db).await?;
    Ok(with_tokens(db, found).await?.pop())
}

/// Sessions by id, in no order.
///
/// # Errors
/// When a statement fails.
pub async fn find_many(db: &impl Conn, ids: &[Uuid]) -> Result<Vec<WithToken>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let with = session::Column::Id.is_in(ids.iter().copied());
    let found = session::Entity::find().filter(with).all(db).await?;
    with_tokens(db, found).await
}

async fn with_tokens(db: &impl Conn, sessions: Vec<session::Model>) -> Result<Vec<WithToken>> {
    let ids: Vec<Uuid> = sessions.iter().filter_map(|row| row.token_id).collect();
    let tokens = people::find_tokens(db, &ids).await?;
    let pair = |row: session::Model| {
        let token = tokens.iter().find(|token| Some(token.id) == row.token_id);
        let token = token.cloned();
        (row, token)
    };
    Ok(sessions.into_iter().map(pair).collect())
}

/// Ends a session; the first time counts. False when it had ended.
///
/// # Errors
/// When the statement fails.
pub async fn end(db: &impl Conn, id: Uuid, now: i64) -> Result<bool> {
    let ended = session::Entity::update_many()
        .col_expr(session::Column::EndedAt, Expr::value(now))
        .filter(session::Column::Id.eq(id))
        .filter(session::Column::EndedAt.is_null())
        .exec(db)
        .await?;
    Ok(ended.rows_affected > 0)
}

/// Ends all sessions of a user that have not ended.
///
/// # Errors
/// When the statement fails.
pub async fn end_all(db: &impl Conn, user: Uuid, now: i64) -> Result<u64> {
    let ended = session::Entity::update_many()
        .col_expr(session::Column::EndedAt, Expr::value(now))
        .filter(session::Column::UserId.eq(user))
        .filter(session::Column::EndedAt.is_null())
        .filter(session::Column::ExpiresAt.gt(now))
        .exec(db)
        .await?;
    Ok(ended.rows_affected)
}

/// Stores a new code.
///
/// # Errors
/// When the statement fails.
pub async fn insert_code(db: &impl Conn, row: sign_in_code::Model) -> Result<()> {
    sign_in_code::Entity::insert(row.into_active_model())
        .exec_without_returning(db)
        .await?;
    Ok(())
}

/// Redeems a code: whose it was, for the first who asks in time, and for nobody after them.
///
/// # Errors
/// When a statement fails.
pub async fn try_redeem(db: &impl Conn, secret_hash: &str, now: i64) -> Result<Option<Uuid>> {
    let redeemed = sign_in_code::Entity::update_many()
        .col_expr(sign_in_code::Column::UsedAt, Expr::value(now))
        .filter(sign_in_code::Column::SecretHash.eq(secret_hash))
        .filter(sign_in_code::Column::UsedAt.is_null())
        .filter(sign_in_code::Column::ExpiresAt.gt(now))
        .exec(db)
        .await?;
    if redeemed.rows_affected == 0 {
        return Ok(None);
    }
    let by_hash = sign_in_code::Column::SecretHash.eq(secret_hash);
    let row = sign_in_code::Entity::find().filter(by_hash).one(db).await?;
    Ok(row.map(|row| row.user_id))
}

/// Forgets about `limit` of the sessions, and of the codes, that ended before an instant, and says
/// how many.
///
/// # Errors
/// When a statement fails.
pub async fn trim(db: &impl Conn, before: i64, limit: u64) -> Result<u64> {
    let sessions: Vec<Uuid> = session::Entity::find()
        .select_only()
        .column(session::Column::Id)
        .filter(session::Column::ExpiresAt.lt(before))
        .order_by_asc(session::Column::ExpiresAt)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await?;
    let codes: Vec<Uuid> = sign_in_code::Entity::find()
        .select_only()
        .column(sign_in_code::Column::Id)
        .filter(sign_in_code::Column::ExpiresAt.lt(before))
        .order_by_asc(sign_in_code::Column::ExpiresAt)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await?;
    let mut deleted = 0;
    if !sessions.is_empty() {
        let with = session::Column::Id.is_in(sessions);
        deleted += session::Entity::delete_many()
            .filter(with)
            .exec(db)
            .await?
            .rows_affected;
    }
    if !codes.is_empty() {
        let with = sign_in_code::Column::Id.is_in(codes);
        deleted += sign_in_code::Entity::delete_many()
            .filter(with)
            .exec(db)
            .await?
            .rows_affected;
    }
    Ok(deleted)
}
