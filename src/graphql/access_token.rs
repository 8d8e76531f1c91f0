//! Access tokens: all but their secret, which is kept nowhere.

use async_graphql::{Context, ID, Object};
use entity::access_token;

use super::errors::Result;
use super::loaders::{self, UserOf};
use super::scalar::DateTime;
use super::user::User;
use crate::base::id::Kind;

/// A bearer token.
#[derive(Clone, Debug)]
pub struct AccessToken(pub access_token::Model);

/// A bearer token, of which the server keeps only a hash. Requests with it act as its user.
#[Object]
impl AccessToken {
    /// Opaque; refetch with node.
    async fn id(&self) -> ID {
        Kind::Token.format(self.0.id).into()
    }

    /// For people, to tell tokens apart.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Whose it is.
    async fn user(&self, ctx: &Context<'_>) -> Result<User> {
        Ok(User(loaders::get(ctx, UserOf(self.0.user_id)).await?))
    }

    /// The first characters of the secret, to tell tokens apart.
    async fn prefix(&self) -> &str {
        &self.0.prefix
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// When it was last used, to the minute; null when never.
    async fn last_used_at(&self) -> Option<DateTime> {
        self.0.last_used_at.map(DateTime)
    }

    /// When it ends; null where it does not expire.
    async fn expires_at(&self) -> Option<DateTime> {
        self.0.expires_at.map(DateTime)
    }

    /// When it was revoked; null where it was not.
    async fn revoked_at(&self) -> Option<DateTime> {
        self.0.revoked_at.map(DateTime)
    }
}
