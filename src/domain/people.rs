//! Users, tokens, data sets, memberships and agents: what an operator sets up, and the demo.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entity::{access_token, agent, data_set, member, user};
use serde_json::Value;
use uuid::Uuid;

use super::access::{Role, hash_secret};
use super::records::{self, Mode};
use super::{Fault, Store, Work, faults};
use crate::base::clock::ms;
use crate::db;
use crate::definitions::Catalog;

/// A name's greatest length in characters.
pub const MAX_NAME: usize = 100;

/// A bootstrap token's least length in characters.
pub const MIN_BOOTSTRAP: usize = 32;

/// Why something was not set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The name is used already.
    #[error("the name `{0}` is taken")]
    NameTaken(String),
    /// The name is out of its limits.
    #[error("a name has 1 to {MAX_NAME} characters, not only blanks, and no control characters")]
    BadName,
    /// There is nothing of that name or id.
    #[error("there is no {0}")]
    NotFound(String),
    /// A fault.
    #[error(transparent)]
    Fault(#[from] Fault),
}

faults!(Error);

pub(super) fn named(error: db::Error, name: &str) -> Error {
    match error {
        db::Error::Taken(_) => Error::NameTaken(name.to_owned()),
        other => other.into(),
    }
}

/// Says whether a name may be one.
///
/// # Errors
/// [`Error::BadName`].
pub fn check_name(name: &str) -> Result<(), Error> {
    let length = name.chars().count();
    if name.trim().is_empty() || length > MAX_NAME || name.chars().any(char::is_control) {
        return Err(Error::BadName);
    }
    Ok(())
}

/// Makes a user, a member of the given data sets.
///
/// # Errors
/// [`Error`].
pub async fn create_user(
    store: &Store,
    name: &str,
    is_admin: bool,
    data_sets: &[Uuid],
) -> Result<user::Model, Error> {
    check_name(name)?;
    let work = store.begin().await?;
    let found = db::people::find_data_sets(&work.tx, data_sets).await?;
    if let Some(missing) = data_sets
        .iter()
        .find(|id| !found.iter().any(|set| set.id == **id))
    {
        let id = crate::base::id::Kind::DataSet.format(*missing);
        return Err(Error::NotFound(format!("data set {id}")));
    }
    let row = insert_user(&work, work.id(), name, is_admin).await?;
    for set in data_sets {
        add_member(&work, *set, row.id, Role::Member).await?;
    }
    work.commit().await?;
    Ok(row)
}

pub(super) async fn insert_user(
    work: &Work,
    id: Uuid,
    name: &str,
    is_admin: bool,
) -> Result<user::Model, Error> {
    let row = user::Model {
        id,
        name: name.to_owned(),
        is_admin,
        created_at: work.now,
    };
    db::people::insert_user(&work.tx, row.clone())
        .await
        .map_err(|error| named(error, name))?;
    Ok(row)
}

/// Makes someone a member of a data set, or changes their role.
///
/// # Errors
/// When the database fails.
pub async fn add_member(work: &Work, data_set: Uuid, user: Uuid, role: Role) -> Result<member::Model, Fault> {
    let row = member::Model {
        id: work.id(),
        data_set_id: data_set,
        user_id: user,
        role: role.as_str().to_owned(),
        created_at: work.now,
    };
    Ok(db::people::set_member(&work.tx, row).await?)
}

/// Makes a token for a user, and gives its secret, which is kept nowhere.
///
/// # Errors
/// When the database fails.
pub async fn create_token(
    store: &Store,
    user: Uuid,
    name: &str,
    expires_in: Option<Duration>,
) -> Result<(access_token::Model, String), Error> {
    check_name(name)?;
    let secret = new_secret(store);
    let work = store.begin().await?;
    let expires_at = expires_in.map(|time| work.now.saturating_add(ms(time)));
    let row = insert_token(&work, user, name, &secret, expires_at).await?;
    work.commit().await?;
    Ok((row, secret))
}

/// A token's secret: 256 random bits, with a beginning by which scanners recognise it.
pub(super) fn new_secret(store: &Store) -> String {
    format!("aex_{}", URL_SAFE_NO_PAD.encode(store.ids.secret()))
}

pub(super) async fn insert_token(
    work: &Work,
    user: Uuid,
    name: &str,
    secret: &str,
    expires_at: Option<i64>,
) -> Result<access_token::Model, Fault> {
    let row = access_token::Model {
        id: work.id(),
        user_id: user,
        name: name.to_owned(),
        // Enough to tell tokens apart, too little to guess one.
        prefix: secret.chars().take(8).collect(),
        secret_hash: hash_secret(secret),
        created_at: work.now,
        last_used_at: None,
        expires_at,
        revoked_at: None,
    };
    db::people::insert_token(&work.tx, row.clone()).await?;
    Ok(row)
}

/// Ends a token; one that has ended stays as it is.
///
/// # Errors
/// [`Error::NotFound`] when there is none of this id.
pub async fn revoke_token(store: &Store, token: Uuid) -> Result<(), Error> {
    let work = store.begin().await?;
    if db::people::find_tokens(&work.tx, &[token]).await?.is_empty() {
        let id = crate::base::id::Kind::Token.format(token);
        return Err(Error::NotFound(format!("token {id}")));
    }
    db::people::revoke_token(&work.tx, token, work.now).await?;
    Ok(work.commit().await?)
}

/// The first admin's name.
pub const ADMIN: &str = "admin";

/// Makes the first admin with the token given by the operator. Once there is an admin it does
/// nothing. Of several processes that start at once one does it.
///
/// # Errors
/// When the database fails.
pub async fn bootstrap(store: &Store, secret: &str) -> Result<bool, Error> {
    if db::people::has_admin(store.db.read()).await? {
        return Ok(false);
    }
    let work = store.begin().await?;
    let made = insert_user(&work, work.id(), ADMIN, true).await;
    let admin = match made {
        // Another process was first, or someone who is no admin has the name.
        Err(Error::NameTaken(name)) => {
            drop(work);
            let was_first = db::people::has_admin(store.db.read()).await?;
            return if was_first {
                Ok(false)
            } else {
                Err(Error::NameTaken(name))
            };
        }
        other => other?,
    };
    insert_token(&work, admin.id, "bootstrap", secret, None).await?;
    work.commit().await?;
    Ok(true)
}

/// Makes a data set.
///
/// # Errors
/// [`Error`].
pub async fn create_data_set(work: &Work, name: &str) -> Result<data_set::Model, Error> {
    check_name(name)?;
    let row = data_set::Model {
        id: work.id(),
        name: name.to_owned(),
        created_at: work.now,
    };
    db::people::insert_data_set(&work.tx, row.clone())
        .await
        .map_err(|error| named(error, name))?;
    Ok(row)
}

/// Makes an agent.
///
/// # Errors
/// [`Error`].
pub async fn create_agent(
    work: &Work,
    data_set: Uuid,
    agent_type: &str,
    name: &str,
    description: Option<String>,
    configuration: &Value,
) -> Result<agent::Model, Error> {
    check_name(name)?;
    let row = agent::Model {
        id: work.id(),
        data_set_id: data_set,
        agent_type_key: agent_type.to_owned(),
        name: name.to_owned(),
        description,
        configuration: configuration.to_string(),
        retired_at: None,
        created_at: work.now,
        updated_at: work.now,
    };
    db::agents::insert(&work.tx, row.clone())
        .await
        .map_err(|error| named(error, name))?;
    Ok(row)
}

/// The demo's data set and user.
pub const DEMO: &str = "demo";

/// Makes the demo on an empty database: a data set with records, one agent of each agent type,
/// and a user `demo` who administers it. False when the database is not empty.
///
/// # Errors
/// [`Error`].
pub async fn create_demo(store: &Store, catalog: &Catalog) -> Result<bool, Error> {
    if !db::people::is_empty(store.db.read()).await? {
        return Ok(false);
    }
    let work = store.begin().await?;
    let set = match create_data_set(&work, DEMO).await {
        // Another process was first.
        Err(Error::NameTaken(_)) => return Ok(false),
        other => other?,
    };
    let user = insert_user(&work, work.id(), DEMO, false).await?;
    add_member(&work, set.id, user.id, Role::Admin).await?;
    for (agent_type, name) in catalog.agent_types().zip(demo_names(catalog)) {
        let settings = Value::Object(serde_json::Map::new());
        create_agent(
            &work,
            set.id,
            &agent_type.key,
            &name,
            agent_type.description.clone(),
            &settings,
        )
        .await?;
    }
    for (collection, records) in crate::definitions::demo_records() {
        let documents: Vec<(String, Value)> = records
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|record| Some((record["key"].as_str()?.to_owned(), record["document"].clone())))
            .collect();
        records::upsert(&work, set.id, &collection, &documents, Mode::Replace).await?;
    }
    work.commit().await?;
    Ok(true)
}

/// What the demo's agents are called, in the order of their types. Types may share a name, as a copied
/// folder does until someone changes it; agents of a data set may not, so theirs say which type it is.
fn demo_names(catalog: &Catalog) -> Vec<String> {
    let types: Vec<_> = catalog.agent_types().collect();
    let bearers = |name: &str| types.iter().filter(|other| other.name == name).count();
    let mut names: Vec<String> = Vec::with_capacity(types.len());
    for agent_type in &types {
        let (name, key) = (&agent_type.name, &agent_type.key);
        let own = (bearers(name) == 1).then(|| name.clone());
        let room = MAX_NAME.saturating_sub(key.chars().count() + " ()".len());
        let short: String = name.chars().take(room).collect();
        let told_apart = std::iter::once(format!("{short} ({key})"));
        let numbered = (2..).map(|number| format!("{key} {number}"));
        // Another type may be called just so by its author.
        let is_free = |name: &String| !names.contains(name) && bearers(name) == 0;
        let name = own.or_else(|| told_apart.chain(numbered).find(is_free));
        names.extend(name);
    }
    names
}
