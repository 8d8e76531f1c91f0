//! Access tokens: all but their secret, which is kept nowhere.

use async_graphql::{Context, ID, Object};
use entity::access_token;

use super::deps;
use super::errors::{self, Result, viewer};
use super::loaders::{self, UserOf};
use super::page::{self, Args, Sort, Total, connection, exactly};
use super::scalar::DateTime;
use super::user::User;
use crate::base::id::Kind;
use crate::base::page::Page;
use crate::db;

/// A bearer token.
#[derive(Clone, Debug)]
pub struct AccessToken(pub access_token::Model);

/// A bearer token, of which the server keeps only a hash. Requests with it act as its user.
#[Object]
impl AccessToken {
    /// Opaque; refetch with node.
    pub async fn id(&self) -> ID {
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

connection!(
    AccessTokenConnection,
    AccessTokenEdge,
    AccessToken,
    "A page of a user's access tokens, newest first.",
    "The token."
);

/// Root field about access tokens.
#[derive(Default)]
pub struct AccessTokenQuery;

#[Object]
impl AccessTokenQuery {
    /// Access tokens, newest first: the viewer's own; another user's for server admins. For anyone
    /// else another user has none.
    #[allow(clippy::too_many_arguments)] // they are the field's
    #[graphql(complexity = "page::cost(first, last, child_complexity)")]
    async fn access_tokens(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose; the viewer's when null.")] user_id: Option<ID>,
        #[graphql(default_with = "Some(false)", desc = "Revoked ones too.")] include_revoked: Option<bool>,
        #[graphql(
            desc = "How many of the first rows, 0 to the server's maxPageSize. 25 when neither first nor last is given."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only rows after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many of the last rows instead; not together with first.")] last: Option<i32>,
        #[graphql(desc = "Only rows before this cursor.")] before: Option<String>,
    ) -> Result<AccessTokenConnection> {
        let args = Args {
            first,
            after,
            last,
            before,
        };
        let include_revoked = include_revoked.unwrap_or(false);
        let viewer = viewer(ctx)?;
        let user = match &user_id {
            None => Some(viewer.user_id),
            Some(id) => Kind::User
                .parse(id)
                .ok()
                .filter(|user| *user == viewer.user_id || viewer.is_server_admin),
        };
        let sort = Sort::number(db::people::TOKEN_ORDER);
        let window = args.window(ctx, &sort)?;
        let db = deps(ctx).store.db.clone();
        let (page, total) = match user {
            None => (Page::empty(), Total::by(|| async { Ok(exactly(0)) })),
            Some(user) => {
                let page = db::people::page_tokens(db.read(), user, include_revoked, &window)
                    .await
                    .map_err(|failed| errors::internal(ctx, &failed.into()))?;
                let total = Total::by(move || {
                    let db = db.clone();
                    async move {
                        let count = db::people::count_tokens(db.read(), user, include_revoked).await?;
                        Ok(exactly(count))
                    }
                });
                (page, total)
            }
        };
        Ok(AccessTokenConnection::of(page, total, |row| {
            (sort.cursor(row.created_at, row.id), AccessToken(row))
        }))
    }
}
