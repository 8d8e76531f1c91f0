//! Access tokens: everyone's own, and anyone's for server admins.

use entity::access_token;
use uuid::Uuid;

use super::Error;
use crate::base::clock::UnixMs;
use crate::base::id::Kind;
use crate::db;
use crate::domain::BadArgument;
use crate::domain::Store;
use crate::domain::access::Viewer;
use crate::domain::people;

/// Makes a token, and gives its secret, which is kept nowhere.
///
/// Whether another user exists is told to server admins alone: everyone else is refused before
/// anyone looks.
///
/// # Errors
/// [`Error`].
pub async fn create(
    store: &Store,
    viewer: &Viewer,
    user: Uuid,
    name: &str,
    expires_at: Option<UnixMs>,
) -> Result<(access_token::Model, String), Error> {
    if user != viewer.user_id && !viewer.is_server_admin {
        return Err(Error::NotAllowed {
            argument: Some("userId"),
            message: "only server admins make tokens for others",
        });
    }
    people::check_name(name)?;
    let work = store.begin().await?;
    if expires_at.is_some_and(|at| at <= work.now) {
        let message = "a token expires in the future, or never when expiresAt is left out";
        return Err(BadArgument::new("expiresAt", message).into());
    }
    if db::people::find_users(&work.tx, &[user]).await?.is_empty() {
        return Err(Error::NotFound {
            argument: "userId",
            kind: Kind::User,
        });
    }
    let secret = people::new_secret(store);
    let row = people::insert_token(&work, user, name, &secret, expires_at).await?;
    work.commit().await?;
    Ok((row, secret))
}

/// Revokes a token; one that is revoked already stays as it is.
///
/// # Errors
/// [`Error`].
pub async fn revoke(store: &Store, viewer: &Viewer, id: Uuid) -> Result<access_token::Model, Error> {
    let missing = || Error::NotFound {
        argument: "id",
        kind: Kind::Token,
    };
    let work = store.begin().await?;
    let row = db::people::find_tokens(&work.tx, &[id]).await?.pop();
    let mut row = row
        .filter(|row| viewer.is_server_admin || row.user_id == viewer.user_id)
        .ok_or_else(missing)?;
    if row.revoked_at.is_none() {
        db::people::revoke_token(&work.tx, id, work.now).await?;
        row.revoked_at = Some(work.now);
    }
    work.commit().await?;
    Ok(row)
}
