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
use crate::base::chain::Chain;
use crate::base::clock::UnixMs;
use crate::db;
use crate::db::executions::filter::Reach;

/// How often open streams' access is looked up again. With it a revoked token or a lost
/// membership ends a stream within five seconds.
pub const RENEW_EVERY: Duration = Duration::from_secs(2);

/// A round that takes longer is given up for the next: a connection whose other end is gone without a
/// word would otherwise leave streams open for minutes.
const RENEW_WITHIN: Duration = Duration::from_secs(10);

/// Credentials looked up in one statement.
const AT_ONCE: usize = 1000;

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

/// What a viewer showed of who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Credential {
    /// An access token.
    Token(Uuid),
    /// A browser's session.
    Session(Uuid),
}

impl Credential {
    /// The id of its row.
    pub fn id(self) -> Uuid {
        match self {
            Self::Token(id) | Self::Session(id) => id,
        }
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
    pub credential: Credential,
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

    /// May read it, and what all its members may: its agents, records and members.
    pub fn sees_data_set(&self, data_set: Uuid) -> bool {
        self.role(data_set).is_some()
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
        // A disk that is full must not keep anyone from reading.
        if let Err(error) = touch(store, token.id, now).await {
            let error = Chain(&error);
            tracing::warn!(%error, "a token's use could not be noted");
        }
    }
    let memberships = db::people::memberships(store.db.read(), &[user.id]).await?;
    Ok(Some(viewer(Held::by_token(&token), user, &memberships)))
}

async fn touch(store: &Store, token: Uuid, now: UnixMs) -> Result<(), Fault> {
    let tx = store.db.begin().await?;
    db::people::touch_token(&tx, token, now).await?;
    Ok(store.db.commit(tx).await?)
}

/// Finds whose session a secret is; none when it is unknown, or has ended or expired, or the token
/// that it was made from has.
///
/// # Errors
/// When the database fails.
pub async fn authenticate_session(store: &Store, secret: &str) -> Result<Option<Viewer>, Fault> {
    let found = db::sessions::find(store.db.read(), &hash_secret(secret)).await?;
    let Some(held) = found.and_then(|found| Held::by_session(&found, store.clock.now())) else {
        return Ok(None);
    };
    let user = db::people::find_users(store.db.read(), &[held.user_id])
        .await?
        .pop();
    let memberships = db::people::memberships(store.db.read(), &[held.user_id]).await?;
    Ok(user.map(|user| viewer(held, user, &memberships)))
}

fn is_live(token: &entity::access_token::Model, now: UnixMs) -> bool {
    token.revoked_at.is_none() && token.expires_at.is_none_or(|at| at > now)
}

/// A credential that is good now.
#[derive(Clone, Copy)]
struct Held {
    credential: Credential,
    user_id: Uuid,
    expires_at: Option<UnixMs>,
}

impl Held {
    fn by_token(token: &entity::access_token::Model) -> Self {
        Self {
            credential: Credential::Token(token.id),
            user_id: token.user_id,
            expires_at: token.expires_at,
        }
    }

    /// None when it has ended, or its token has.
    fn by_session((session, token): &db::sessions::WithToken, now: UnixMs) -> Option<Self> {
        let is_good = session.ended_at.is_none() && session.expires_at > now;
        // A session of a token ends with it, whoever revoked it and on whichever node.
        let token_is_good = match session.token_id {
            Some(_) => token.as_ref().is_some_and(|token| is_live(token, now)),
            None => true,
        };
        let ends = token.as_ref().and_then(|token| token.expires_at);
        (is_good && token_is_good).then(|| Self {
            credential: Credential::Session(session.id),
            user_id: session.user_id,
            expires_at: Some(ends.map_or(session.expires_at, |at| at.min(session.expires_at))),
        })
    }
}

fn viewer(held: Held, user: entity::user::Model, memberships: &[entity::member::Model]) -> Viewer {
    let roles = memberships
        .iter()
        .filter(|row| row.user_id == user.id)
        .filter_map(|row| Role::from_stored(&row.role).map(|role| (row.data_set_id, role)))
        .collect();
    Viewer {
        user_id: user.id,
        name: user.name,
        is_server_admin: user.is_admin,
        credential: held.credential,
        expires_at: held.expires_at,
        roles,
    }
}

/// The access of everyone with an open stream, looked up again every [`RENEW_EVERY`] in a
/// constant number of statements however many streams there are.
#[derive(Debug, Clone)]
pub struct Renewal(Arc<Mutex<HashMap<Credential, Followed>>>);

#[derive(Debug)]
struct Followed {
    current: watch::Sender<Option<Arc<Viewer>>>,
    /// How often a request has brought it: what was looked up before the last one is old.
    brought: u64,
}

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
                match tokio::time::timeout(RENEW_WITHIN, task.renew(&store)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => {
                        let error = Chain(&error);
                        tracing::warn!(%error, "access could not be renewed");
                    }
                    Err(_) => tracing::warn!("access could not be renewed in time; the next round goes on"),
                }
            }
        });
        renewal
    }

    /// Follows a viewer's access, from what is known now.
    pub fn follow(&self, viewer: &Viewer) -> Current {
        let mut followed = self.0.lock().expect("no holder panics");
        let known = followed.entry(viewer.credential).or_insert_with(|| Followed {
            current: watch::Sender::new(None),
            brought: 0,
        });
        known.brought += 1;
        let sender = &known.current;
        // The viewer was just looked up: others of the same credential learn of it too.
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
        for some in self.known().chunks(AT_ONCE) {
            self.renew_some(store, some).await?;
        }
        Ok(())
    }

    /// Those with an open stream, and how often each has been brought.
    fn known(&self) -> Vec<(Credential, u64)> {
        let mut followed = self.0.lock().expect("no holder panics");
        followed.retain(|_, known| known.current.receiver_count() > 0);
        followed
            .iter()
            .map(|(credential, known)| (*credential, known.brought))
            .collect()
    }

    /// Only these: who comes meanwhile was not looked up, or is known better, and is not judged.
    async fn renew_some(&self, store: &Store, known: &[(Credential, u64)]) -> Result<(), Fault> {
        let now = store.clock.now();
        let credentials: Vec<Credential> = known.iter().map(|(credential, _)| *credential).collect();
        let held = find_held(store, &credentials, now).await?;
        let user_ids: Vec<Uuid> = held.values().map(|held| held.user_id).collect();
        let users = db::people::find_users(store.db.read(), &user_ids).await?;
        let users: HashMap<Uuid, entity::user::Model> =
            users.into_iter().map(|user| (user.id, user)).collect();
        let memberships = db::people::memberships(store.db.read(), &user_ids).await?;
        let current = |credential: &Credential| {
            let held = held.get(credential)?;
            let user = users.get(&held.user_id)?;
            Some(Arc::new(viewer(*held, user.clone(), &memberships)))
        };
        let followed = self.0.lock().expect("no holder panics");
        for (credential, brought) in known {
            let Some(followed) = followed.get(credential).filter(|it| it.brought == *brought) else {
                continue;
            };
            let current = current(credential);
            followed.current.send_if_modified(|known| {
                let changed = *known != current;
                *known = current;
                changed
            });
        }
        Ok(())
    }
}

/// Which of these are good now.
async fn find_held(
    store: &Store,
    credentials: &[Credential],
    now: UnixMs,
) -> Result<HashMap<Credential, Held>, Fault> {
    let (mut tokens, mut sessions) = (Vec::new(), Vec::new());
    for credential in credentials {
        match credential {
            Credential::Token(id) => tokens.push(*id),
            Credential::Session(id) => sessions.push(*id),
        }
    }
    let tokens = db::people::find_tokens(store.db.read(), &tokens).await?;
    let sessions = db::sessions::find_many(store.db.read(), &sessions).await?;
    let by_token = tokens
        .iter()
        .filter(|token| is_live(token, now))
        .map(Held::by_token);
    let by_session = sessions
        .iter()
        .filter_map(|session| Held::by_session(session, now));
    Ok(by_token
        .chain(by_session)
        .map(|held| (held.credential, held))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::Clock;
    use crate::base::id::Ids;
    use crate::bus::Bus;
    use crate::domain::people;

    #[tokio::test]
    async fn what_a_request_knows_is_not_undone_by_what_was_looked_up_before_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Clock::manual(1_700_000_000_000);
        let store = Store {
            db: db::testing::fresh(folder.path()).await,
            bus: Bus::local(),
            ids: Ids::seeded(clock.clone(), 1),
            clock,
        };
        let user = people::create_user(&store, "ann", false, &[])
            .await
            .expect("a user");
        let (_, secret) = people::create_token(&store, user.id, "test", None)
            .await
            .expect("a token");
        let stored = authenticate(&store, &secret)
            .await
            .expect("looks")
            .expect("is ann");
        let renewal = Renewal(Arc::default());
        let current = renewal.follow(&stored);
        let is_admin = || {
            current
                .borrow()
                .as_ref()
                .is_some_and(|viewer| viewer.is_server_admin)
        };

        let known = renewal.known();
        // While a round looks up what is stored, a request brings what was stored after it.
        renewal.follow(&Viewer {
            is_server_admin: true,
            ..stored.clone()
        });
        renewal.renew_some(&store, &known).await.expect("renews");
        assert!(is_admin());
        renewal.renew(&store).await.expect("renews");
        assert!(!is_admin(), "the next round knows better");
    }
}
