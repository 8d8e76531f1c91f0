//! Users as others see them, and the list of them for server admins.

use async_graphql::{Context, ID, Object};
use entity::user;

use super::errors::{self, Code, Result, error, viewer};
use super::page::{self, Args, Sort, Total, connection, exactly};
use super::{deps, filter};
use crate::base::id::Kind;
use crate::db;

/// A user.
#[derive(Clone, Debug)]
pub struct User(pub user::Model);

connection!(
    UserConnection,
    UserEdge,
    User,
    "A page of users, by name.",
    "The user."
);

/// Someone, or a program, who uses this server.
#[Object]
impl User {
    /// Opaque. Node gives back whom the viewer shares a data set with, and anyone to server admins; of
    /// others who are shown, such as who launched an execution and has left since, it gives null.
    pub async fn id(&self) -> ID {
        Kind::User.format(self.0.id).into()
    }

    /// Unique on the server.
    async fn name(&self) -> &str {
        &self.0.name
    }
}

/// Root fields about users.
#[derive(Default)]
pub struct UserQuery;

#[Object]
impl UserQuery {
    /// All users, by name. For server admins; others are refused with FORBIDDEN.
    #[graphql(complexity = "page::cost(first, last, child_complexity)")]
    async fn users(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Start of a name; the case of the letters A to Z is ignored.")] search: Option<
            String,
        >,
        #[graphql(
            desc = "How many of the first rows, 0 to the server's maxPageSize. 25 when neither first nor last is given."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only rows after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many of the last rows instead; not together with first.")] last: Option<i32>,
        #[graphql(desc = "Only rows before this cursor.")] before: Option<String>,
    ) -> Result<UserConnection> {
        if !viewer(ctx)?.is_server_admin {
            return Err(error(Code::Forbidden, "only server admins list users"));
        }
        let search = filter::search(search)?;
        let args = Args {
            first,
            after,
            last,
            before,
        };
        let sort = Sort::text(db::people::USER_ORDER);
        let window = args.window(ctx, &sort)?;
        let db = deps(ctx).store.db.clone();
        let page = db::people::page_users(db.read(), search.as_deref(), &window)
            .await
            .map_err(|failed| errors::internal(ctx, &failed.into()))?;
        let total = Total::by(move || {
            let (db, search) = (db.clone(), search.clone());
            async move {
                Ok(exactly(
                    db::people::count_users(db.read(), search.as_deref()).await?,
                ))
            }
        });
        Ok(UserConnection::of(page, total, |row| {
            (sort.cursor(&row.name, row.id), User(row))
        }))
    }
}
