//! User.

use async_graphql::{ID, Object};

use crate::base::id::Kind;

/// User.
#[derive(Clone, Debug)]
pub struct User(pub entity::user::Model);

#[Object]
impl User {
    /// Opaque and stable.
    async fn id(&self) -> ID {
        Kind::User.format(self.0.id).into()
    }
}
