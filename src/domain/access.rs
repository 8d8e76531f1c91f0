//! Who is asking, and what they may see and do.
//!
//! A user is a member or an admin of data sets. Members see the executions and conversations
//! that they launched or started; admins of a data set see all of its. A server admin is an admin
//! everywhere. What a viewer may not see answers exactly like what is not there.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use entity::{conversation, execution, file};
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use uuid::Uuid;

use super::{Fault, Store};
use crate::base::clock::UnixMs;
use crate::db;
use crate::db::executions::filter::Reach;

/// How often open streams' access is looked up again. With it a revoked token or a lost
/// membership ends a stream within five seconds.
pub const RENEW_EVERY: Duration = Duration::from_secs(2);

/// Tokens looked up in one statement.
const TOKENS_AT_ONCE: usize = 1000;

/// A token's use is noted once in this many milliseconds, so that reading costs no write.
const TOUCH_EVERY_MS: i64 = 60_000;

/// A role in a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Launches, and sees their own.
    Member,
    /// Sees all, and manages.
    Admin,
}

impl Role {
    /// The stored form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Admin => "admin",
        }
    }

    /// Reads the stored form.
    pub fn from_stored(text: &str) -> Option<Self> {
        [Self::Member, Self::Admin]
            .into_iter()
            .find(|role| role.as_str() == text)
    }
}

/// Whoever is asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewer {
    /// The user.
    pub user_id: Uuid,
    /// Their name.
    pub name: String,
    /// An admin everywhere.
    pub is_server_admin: bool,
    /// The credential.
    pub token_id: Uuid,
    /// When the credential ends; streams end with it.
    pub expires_at: Option<UnixMs>,
    roles: Vec<(Uuid, Role)>,
}

impl Viewer {
    /// Their membership of a data set; none for a server admin who is no member.
    pub fn membership(&self, data_set: Uuid) -> Option<Role> {
        self.roles
            .iter()
            .find(|(set, _)| *set == data_set)
            .map(|(_, role)| *role)
    }

    /// What they are in a data set; none where they may see nothing.
    pub fn role(&self, data_set: Uuid) -> Option<Role> {
        if self.is_server_admin {
            return Some(Role::Admin);
        }
        self.membership(data_set)
    }

    /// True where they see and manage all.
    pub fn administers(&self, data_set: Uuid) -> bool {
        self.role(data_set) == Some(Role::Admin)
    }

    /// The data sets that they may see; none: all of them.
    pub fn data_sets(&self) -> Option<Vec<Uuid>> {
        if self.is_server_admin {
            return None;
        }
        Some(self.roles.iter().map(|(set, _)| *set).collect())
    }

    /// Which executions and conversations they may see.
    pub fn reach(&self) -> Reach {
        if self.is_server_admin {
            return Reach::Everything;
        }
        let own = |role: &Role| (*role == Role::Member).then_some(self.user_id);
        Reach::Sets(self.roles.iter().map(|(set, role)| (*set, own(role))).collect())
    }

    /// May read it.
    pub fn sees_execution(&self, row: &execution::Model) -> bool {
        self.owns(row.data_set_id, row.launched_by)
    }

    /// May read it.
    pub fn sees_conversation(&self, row: &conversation::Model) -> bool {
        self.owns(row.data_set_id, row.started_by)
    }

    /// May download and attach it.
    pub fn sees_file(&self, row: &file::Model) -> bool {
        self.owns(row.data_set_id, row.owner_id)
    }

    fn owns(&self, data_set: Uuid, owner: Uuid) -> bool {
        match self.role(data_set) {
            Some(Role::Admin) => true,
            Some(Role::Member) => owner == self.user_id,
            None => false,
        }
    }
}

/// The stored form of a token's secret: SHA-256 in hexadecimal. A fast hash serves, for the
/// secret is 256 random bits and not a password.
pub fn hash_secret(secret: &str) -> String {
    hex(&Sha256::digest(secret.as_bytes()))
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Finds who a bearer token belongs to; none when it is unknown, revoked or expired.
///
/// # Errors
/// When the database fails.
pub async fn authenticate(store: &Store, secret: &str) -> Result<Option<Viewer>, Fault> {
    let Some((token, user)) = db::people::find_token(store.db.read(), &hash_secret(secret)).await? else {
        return Ok(None);
    };
    let now = store.clock.now();
    if !is_live(&token, now) {
        return Ok(None);
    }
    if token.last_used_at.is_none_or(|at| at + TOUCH_EVERY_MS <= now) {
        let tx = store.db.begin().await?;
        db::people::touch_token(&tx, token.id, now).await?;
        store.db.commit(tx).await?;
    }
    let memberships = db::people::memberships(store.db.read(), &[user.id]).await?;
    Ok(Some(viewer(&token, user, &memberships)))
}

fn is_live(token: &entity::access_token::Model, now: UnixMs) -> bool {
    token.revoked_at.is_none() && token.expires_at.is_none_or(|at| at > now)
}

fn viewer(
    token: &entity::access_token::Model,
    user: entity::user::Model,
    memberships: &[entity::member::Model],
) -> Viewer {
    let roles = memberships
        .iter()
        .filter(|row| row.user_id == user.id)
        .filter_map(|row| Role::from_stored(&row.role).map(|role| (row.data_set_id, role)))
        .collect();
    Viewer {
        user_id: user.id,
        name: user.name,
        is_server_admin: user.is_admin,
        token_id: token.id,
        expires_at: token.expires_at,
        roles,
    }
}

/// The access of everyone with an open stream, looked up again every [`RENEW_EVERY`] in a
/// constant number of statements however many streams there are.
#[derive(Debug, Clone)]
pub struct Renewal(Arc<Mutex<Followed>>);

/// By token.
type Followed = HashMap<Uuid, watch::Sender<Option<Arc<Viewer>>>>;

/// A viewer as of now; none once the credential has ended.
pub type Current = watch::Receiver<Option<Arc<Viewer>>>;

impl Renewal {
    /// Starts renewing, for as long as the process lives.
    pub fn start(store: Store) -> Self {
        let renewal = Self(Arc::default());
        let task = renewal.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(RENEW_EVERY).await;
                if let Err(error) = task.renew(&store).await {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "access could not be renewed"
                    );
                }
            }
        });
        renewal
    }

    /// Follows a viewer's access, from what is known now.
    pub fn follow(&self, viewer: &Viewer) -> Current {
        let mut followed = self.0.lock().expect("no holder panics");
        let sender = followed
            .entry(viewer.token_id)
            .or_insert_with(|| watch::Sender::new(None));
        // The viewer was just looked up: others of the same token learn of it too.
        sender.send_if_modified(|known| {
            let is_news = known.as_deref() != Some(viewer);
            if is_news {
                *known = Some(Arc::new(viewer.clone()));
            }
            is_news
        });
        sender.subscribe()
    }

    /// Looks everyone up again, now.
    ///
    /// # Errors
    /// When the database fails; what was known stays.
    pub async fn renew(&self, store: &Store) -> Result<(), Fault> {
        let tokens: Vec<Uuid> = {
            let mut followed = self.0.lock().expect("no holder panics");
            followed.retain(|_, sender| sender.receiver_count() > 0);
            followed.keys().copied().collect()
        };
        for tokens in tokens.chunks(TOKENS_AT_ONCE) {
            self.renew_some(store, tokens).await?;
        }
        Ok(())
    }

    /// Only these: who comes meanwhile was not looked up and is not judged.
    async fn renew_some(&self, store: &Store, tokens: &[Uuid]) -> Result<(), Fault> {
        let now = store.clock.now();
        let rows = db::people::find_tokens(store.db.read(), tokens).await?;
        let user_ids: Vec<Uuid> = rows.iter().map(|row| row.user_id).collect();
        let users = db::people::find_users(store.db.read(), &user_ids).await?;
        let memberships = db::people::memberships(store.db.read(), &user_ids).await?;
        let current = |token: &Uuid| {
            let row = rows
                .iter()
                .find(|row| row.id == *token)
                .filter(|row| is_live(row, now))?;
            let user = users.iter().find(|user| user.id == row.user_id)?;
            Some(Arc::new(viewer(row, user.clone(), &memberships)))
        };
        let followed = self.0.lock().expect("no holder panics");
        for token in tokens {
            let Some(sender) = followed.get(token) else {
                continue;
            };
            let current = current(token);
            sender.send_if_modified(|known| {
                let changed = *known != current;
                *known = current;
                changed
            });
        }
        Ok(())
    }
}
