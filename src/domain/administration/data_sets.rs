//! Data sets and their members.
//!
//! The last admin of a data set is removed or demoted by server admins only: a slip would
//! otherwise leave its members with nobody who manages it, and a server admin can always appoint
//! another.

use entity::{data_set, member};
use uuid::Uuid;

use super::{Error, require_admin, require_server_admin};
use crate::base::id::Kind;
use crate::db;
use crate::domain::access::{Role, Viewer};
use crate::domain::people;
use crate::domain::{Store, Work};

/// Makes a data set without members.
///
/// # Errors
/// [`Error`].
pub async fn create(store: &Store, viewer: &Viewer, name: &str) -> Result<data_set::Model, Error> {
    require_server_admin(viewer, "only server admins create data sets")?;
    let work = store.begin().await?;
    let row = people::create_data_set(&work, name).await?;
    work.commit().await?;
    Ok(row)
}

/// Gives a data set another name.
///
/// # Errors
/// [`Error`].
pub async fn rename(store: &Store, viewer: &Viewer, id: Uuid, name: &str) -> Result<data_set::Model, Error> {
    let work = store.begin().await?;
    let mut row = find_locked(&work, viewer, id, "id").await?;
    require_server_admin(viewer, "only server admins rename data sets")?;
    people::check_name(name)?;
    db::people::rename_data_set(&work.tx, id, name)
        .await
        .map_err(|error| people::named(error, name))?;
    work.commit().await?;
    name.clone_into(&mut row.name);
    Ok(row)
}

/// Makes someone a member, or changes their role.
///
/// # Errors
/// [`Error`].
pub async fn set_member(
    store: &Store,
    viewer: &Viewer,
    data_set: Uuid,
    user: Uuid,
    role: Role,
) -> Result<(member::Model, data_set::Model), Error> {
    let work = store.begin().await?;
    let set = find_administered(&work, viewer, data_set).await?;
    if db::people::find_users(&work.tx, &[user]).await?.is_empty() {
        return Err(no_user());
    }
    if role != Role::Admin {
        keep_an_admin(&work, viewer, data_set, user).await?;
    }
    let row = people::add_member(&work, data_set, user, role).await?;
    work.commit().await?;
    Ok((row, set))
}

/// Ends a membership; the row that was.
///
/// # Errors
/// [`Error`].
pub async fn remove_member(
    store: &Store,
    viewer: &Viewer,
    data_set: Uuid,
    user: Uuid,
) -> Result<(member::Model, data_set::Model), Error> {
    let work = store.begin().await?;
    let set = find_administered(&work, viewer, data_set).await?;
    keep_an_admin(&work, viewer, data_set, user).await?;
    let row = db::people::remove_member(&work.tx, data_set, user)
        .await?
        .ok_or(Error::NotMember)?;
    work.commit().await?;
    Ok((row, set))
}

fn no_user() -> Error {
    Error::NotFound {
        argument: "userId",
        kind: Kind::User,
    }
}

async fn find_locked(
    work: &Work,
    viewer: &Viewer,
    id: Uuid,
    argument: &'static str,
) -> Result<data_set::Model, Error> {
    db::people::find_data_set_locked(&work.tx, id)
        .await?
        .filter(|_| viewer.sees_data_set(id))
        .ok_or(Error::NotFound {
            argument,
            kind: Kind::DataSet,
        })
}

async fn find_administered(work: &Work, viewer: &Viewer, id: Uuid) -> Result<data_set::Model, Error> {
    let argument = "dataSetId";
    let row = find_locked(work, viewer, id, argument).await?;
    let message = "only admins of a data set manage its members";
    require_admin(viewer, id, argument, Kind::DataSet, message)?;
    Ok(row)
}

/// The data set is locked, so its admins are who they are until this work ends.
async fn keep_an_admin(work: &Work, viewer: &Viewer, data_set: Uuid, user: Uuid) -> Result<(), Error> {
    if viewer.is_server_admin {
        return Ok(());
    }
    let admins = db::people::members_in_role(&work.tx, data_set, Role::Admin.as_str()).await?;
    match admins.as_slice() {
        [last] if last.user_id == user => Err(Error::NotAllowed {
            argument: Some("userId"),
            message: "this is the data set's last admin, whom only a server admin removes or demotes",
        }),
        _ => Ok(()),
    }
}
