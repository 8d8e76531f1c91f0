//! The viewer, their credentials, and what clients would else hard-code about the server.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Context, ID, Object, SimpleObject};
use uuid::Uuid;

use super::definition::AgentType;
use super::deps;
use super::errors::{Result, viewer};
use super::loaders::{self, UserOf};
use super::page::count_int;
use super::scalar::{DateTime, int};
use super::user::User;
use crate::base::cookie::Cookie;
use crate::base::id::Kind;
use crate::domain::MAX_BULK_IDS;
use crate::domain::access::Viewer;
use crate::domain::launch::{MAX_LABEL, MAX_LABELS};

/// Counts what one sender gets wrong, wherever it shows tokens and codes.
pub trait Guesses: std::fmt::Debug + Send + Sync {
    /// Says whether this may be looked up now.
    ///
    /// # Errors
    /// How long to wait, when there were too many wrong ones.
    fn check(&self, secret: &str) -> std::result::Result<(), Duration>;

    /// Notes what came of it.
    fn learn(&self, secret: &str, is_valid: bool);
}

/// What signing in and out needs of its request: in the data of those whose answer can set a cookie.
#[derive(Clone, Debug)]
pub struct Door {
    /// What its sender got wrong before.
    pub guesses: Arc<dyn Guesses>,
    /// How long a session holds at most.
    pub lasts: Duration,
    /// How its secret travels.
    pub cookie: Cookie,
    /// The session that the browser holds already, which a new one takes the place of.
    pub session: Option<Uuid>,
}

/// The caller's credential.
#[derive(Clone, Debug)]
pub struct Session(pub Viewer);

/// The caller's credential: what it is, whose it is, how long it lasts.
#[Object]
impl Session {
    /// Opaque; not for node.
    pub async fn id(&self) -> ID {
        Kind::Session.format(self.0.credential.id()).into()
    }

    /// Whose it is.
    async fn user(&self, ctx: &Context<'_>) -> Result<User> {
        Ok(User(loaders::get(ctx, UserOf(self.0.user_id)).await?))
    }

    /// Whether they administer the whole server.
    async fn is_server_admin(&self) -> bool {
        self.0.is_server_admin
    }

    /// When it ends; null where it does not. Streams end with 4403 then.
    async fn expires_at(&self) -> Option<DateTime> {
        self.0.expires_at.map(DateTime)
    }
}

/// What clients would else hard-code.
#[derive(SimpleObject, Clone, Debug)]
pub struct ServerInfo {
    /// Of the server, as in its package.
    pub version: String,
    /// The most that `first` and `last` of a connection take.
    pub max_page_size: i32,
    /// The most bytes that one uploaded file may have, whatever an agent's own rules.
    pub max_upload_bytes: i32,
    /// The most ids that nodes and the mutations on several things take.
    pub max_bulk_ids: i32,
    /// The most labels of an execution.
    pub max_labels: i32,
    /// The most characters of a label.
    pub max_label_length: i32,
}

/// Root fields about the caller and the server.
#[derive(Default)]
pub struct SessionQuery;

#[Object]
impl SessionQuery {
    /// Who is asking.
    async fn viewer(&self, ctx: &Context<'_>) -> Result<User> {
        Ok(User(loaders::get(ctx, UserOf(viewer(ctx)?.user_id)).await?))
    }

    /// The credential of this request.
    async fn session(&self, ctx: &Context<'_>) -> Result<Session> {
        Ok(Session(viewer(ctx)?.clone()))
    }

    /// What this server is and takes.
    async fn server(&self, ctx: &Context<'_>) -> Result<ServerInfo> {
        viewer(ctx)?;
        let limits = &deps(ctx).limits;
        Ok(ServerInfo {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            max_page_size: count_int(limits.max_page),
            max_upload_bytes: count_int(limits.max_upload_bytes),
            max_bulk_ids: int(i64::try_from(MAX_BULK_IDS).unwrap_or(i64::MAX)),
            max_labels: int(i64::try_from(MAX_LABELS).unwrap_or(i64::MAX)),
            max_label_length: int(i64::try_from(MAX_LABEL).unwrap_or(i64::MAX)),
        })
    }

    /// Every agent type that this server knows, by key.
    async fn agent_types(&self, ctx: &Context<'_>) -> Result<Vec<AgentType>> {
        viewer(ctx)?;
        Ok(deps(ctx).catalog.agent_types().cloned().map(AgentType).collect())
    }
}
