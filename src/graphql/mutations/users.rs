//! createUser.

use async_graphql::{Context, InputObject, Object, SimpleObject};

use super::refusals::Place;
use super::{AdminError, admin_refused};
use crate::domain::administration::users;
use crate::graphql::deps;
use crate::graphql::errors::{Result, viewer};
use crate::graphql::user::User;

/// A user to make.
#[derive(InputObject)]
pub struct CreateUserInput {
    /// Unique on the server; 1 to 100 characters.
    name: String,
}

/// What became of it.
#[derive(SimpleObject)]
pub struct CreateUserPayload {
    /// The user; null exactly when errors is not empty.
    user: Option<User>,
    /// Why none was made.
    errors: Vec<AdminError>,
}

/// Resolves it.
#[derive(Default)]
pub struct Users;

#[Object]
impl Users {
    /// Makes a user, who signs in with a token that createAccessToken makes for them and sees
    /// nothing before they are a member of a data set. For server admins.
    async fn create_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user.")] input: CreateUserInput,
    ) -> Result<CreateUserPayload> {
        let viewer = viewer(ctx)?;
        Ok(match users::create(&deps(ctx).store, viewer, &input.name).await {
            Ok(row) => CreateUserPayload {
                user: Some(User(row)),
                errors: Vec::new(),
            },
            Err(error) => CreateUserPayload {
                user: None,
                errors: vec![admin_refused(ctx, error, &[], Place::Input)?],
            },
        })
    }
}
