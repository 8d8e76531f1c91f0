//! Users.

use entity::user;

use super::{Error, require_server_admin};
use crate::domain::Store;
use crate::domain::access::Viewer;
use crate::domain::people;

/// Makes a user, who administers nothing and is a member of nothing yet.
///
/// # Errors
/// [`Error`].
pub async fn create(store: &Store, viewer: &Viewer, name: &str) -> Result<user::Model, Error> {
    require_server_admin(viewer, "only server admins create users")?;
    Ok(people::create_user(store, name, false, &[]).await?)
}
