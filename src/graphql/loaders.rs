//! Rows by key, read for a whole level of an answer at once: a page of 25 executions with agent,
//! data set, conversation, files and labels costs a constant number of statements.
//!
//! Loaders belong to one request and remember nothing: two reads of one row are two reads, each
//! as it is then. They check no access; whoever hands a row to a client does. To add one: a key
//! type, its [`Loader`], and nothing else.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_graphql::Context;
use async_graphql::dataloader::{DataLoader, Loader};
use entity::{
    access_token, agent, conversation, data_set, event, execution, execution_payload, file, member, record,
    usage_day, user,
};
use futures::future::try_join_all;
use uuid::Uuid;

use super::errors::{self, Result};
use crate::db::{self, Db};
use crate::domain::Fault;

/// How long keys are gathered before they are read: the resolvers of one level are polled in far
/// less, and a timer has no finer grain.
const GATHER: Duration = Duration::from_millis(1);

/// The loaders of one request.
pub type Loaders = DataLoader<Reader>;

/// Reads rows for [`Loaders`].
pub struct Reader(Db);

/// Fresh loaders.
pub fn new(db: Db) -> Loaders {
    DataLoader::new(Reader(db), tokio::spawn).delay(GATHER)
}

/// A fault that all who waited for the same statement share, and that is logged once.
#[derive(Debug)]
pub struct Shared {
    fault: Fault,
    is_logged: AtomicBool,
}

impl From<Fault> for Shared {
    fn from(fault: Fault) -> Self {
        Self {
            fault,
            is_logged: AtomicBool::new(false),
        }
    }
}

/// One value; none where there is none.
///
/// # Errors
/// INTERNAL.
pub async fn find<K>(ctx: &Context<'_>, key: K) -> Result<Option<<Reader as Loader<K>>::Value>>
where
    K: Send + Sync + std::hash::Hash + Eq + Clone + 'static,
    Reader: Loader<K, Error = Arc<Shared>>,
{
    let loaded = ctx.data_unchecked::<Loaders>().load_one(key).await;
    loaded.map_err(|shared| {
        if shared.is_logged.swap(true, Ordering::Relaxed) {
            errors::internal_logged(ctx)
        } else {
            errors::internal(ctx, &shared.fault)
        }
    })
}

/// One value that must be there, as rows refer to it.
///
/// # Errors
/// INTERNAL, also when it is not there.
pub async fn get<K>(ctx: &Context<'_>, key: K) -> Result<<Reader as Loader<K>>::Value>
where
    K: Send + Sync + std::hash::Hash + Eq + Clone + std::fmt::Debug + 'static,
    Reader: Loader<K, Error = Arc<Shared>>,
{
    let id = format!("{key:?}");
    match find(ctx, key).await? {
        Some(value) => Ok(value),
        None => Err(errors::internal(
            ctx,
            &Fault::Corrupt {
                what: "reference",
                id,
            },
        )),
    }
}

/// Values that must be there, in the order of their keys: one statement for all.
///
/// # Errors
/// As [`get`].
pub async fn get_all<K>(
    ctx: &Context<'_>,
    keys: impl Iterator<Item = K>,
) -> Result<Vec<<Reader as Loader<K>>::Value>>
where
    K: Send + Sync + std::hash::Hash + Eq + Clone + std::fmt::Debug + 'static,
    Reader: Loader<K, Error = Arc<Shared>>,
{
    try_join_all(keys.map(|key| get(ctx, key))).await
}

/// Loaders of one row for one id.
macro_rules! by_id {
    ($($(#[$doc:meta])* $key:ident => $model:ty, $field:ident, $read:path;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub struct $key(pub Uuid);

        impl Loader<$key> for Reader {
            type Value = $model;
            type Error = Arc<Shared>;

            async fn load(&self, keys: &[$key]) -> std::result::Result<HashMap<$key, $model>, Arc<Shared>> {
                let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
                let rows = $read(self.0.read(), &ids).await.map_err(shared)?;
                Ok(rows.into_iter().map(|row| ($key(row.$field), row)).collect())
            }
        }
    )+};
}

by_id! {
    /// An agent.
    AgentOf => agent::Model, id, db::agents::find_many;
    /// A user.
    UserOf => user::Model, id, db::people::find_users;
    /// A data set.
    DataSetOf => data_set::Model, id, db::people::find_data_sets;
    /// A conversation.
    ConversationOf => conversation::Model, id, db::conversations::find_many;
    /// An execution.
    ExecutionOf => execution::Model, id, db::executions::find_many;
    /// The wide part of an execution.
    PayloadOf => execution_payload::Model, execution_id, db::executions::payloads;
    /// A file.
    FileOf => file::Model, id, db::files::find_many;
    /// A journal entry.
    EventOf => event::Model, id, db::events::find_many;
    /// A record.
    RecordOf => record::Model, id, db::records::find_many;
    /// A membership.
    MemberOf => member::Model, id, db::people::find_members;
    /// An access token.
    TokenOf => access_token::Model, id, db::people::find_tokens;
}

/// The labels of an execution, in the order given at launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LabelsOf(pub Uuid);

impl Loader<LabelsOf> for Reader {
    type Value = Vec<String>;
    type Error = Arc<Shared>;

    async fn load(
        &self,
        keys: &[LabelsOf],
    ) -> std::result::Result<HashMap<LabelsOf, Vec<String>>, Arc<Shared>> {
        let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        let rows = db::executions::labels(self.0.read(), &ids)
            .await
            .map_err(shared)?;
        Ok(grouped(rows, |row| LabelsOf(row.execution_id), |row| row.label))
    }
}

/// The files of an execution, in the order given at launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FilesOf(pub Uuid);

impl Loader<FilesOf> for Reader {
    type Value = Vec<file::Model>;
    type Error = Arc<Shared>;

    async fn load(
        &self,
        keys: &[FilesOf],
    ) -> std::result::Result<HashMap<FilesOf, Vec<file::Model>>, Arc<Shared>> {
        let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        let rows = db::files::of_executions(self.0.read(), &ids)
            .await
            .map_err(shared)?;
        let of_execution = rows.into_iter().filter(|row| row.execution_id.is_some());
        Ok(grouped(
            of_execution,
            |row| FilesOf(row.execution_id.unwrap_or_default()),
            |row| row,
        ))
    }
}

/// What validators refused in a conversation, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RejectionsIn(pub Uuid);

impl Loader<RejectionsIn> for Reader {
    type Value = Vec<event::Model>;
    type Error = Arc<Shared>;

    async fn load(
        &self,
        keys: &[RejectionsIn],
    ) -> std::result::Result<HashMap<RejectionsIn, Vec<event::Model>>, Arc<Shared>> {
        let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        let rows = db::events::find_of_kind(self.0.read(), &ids, "validator_rejected")
            .await
            .map_err(shared)?;
        Ok(grouped(rows, |row| RejectionsIn(row.conversation_id), |row| row))
    }
}

/// The memberships of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MembershipsOf(pub Uuid);

impl Loader<MembershipsOf> for Reader {
    type Value = Vec<member::Model>;
    type Error = Arc<Shared>;

    async fn load(
        &self,
        keys: &[MembershipsOf],
    ) -> std::result::Result<HashMap<MembershipsOf, Vec<member::Model>>, Arc<Shared>> {
        let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        let rows = db::people::memberships(self.0.read(), &ids)
            .await
            .map_err(shared)?;
        Ok(grouped(rows, |row| MembershipsOf(row.user_id), |row| row))
    }
}

/// The keys of the agent types in use in a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TypeKeysIn(pub Uuid);

impl Loader<TypeKeysIn> for Reader {
    type Value = Vec<String>;
    type Error = Arc<Shared>;

    async fn load(
        &self,
        keys: &[TypeKeysIn],
    ) -> std::result::Result<HashMap<TypeKeysIn, Vec<String>>, Arc<Shared>> {
        let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        let rows = db::agents::type_keys(self.0.read(), &ids).await.map_err(shared)?;
        Ok(grouped(rows, |row| TypeKeysIn(row.0), |row| row.1))
    }
}

/// The collections of a data set and how many records each has, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CollectionsIn(pub Uuid);

impl Loader<CollectionsIn> for Reader {
    type Value = Vec<(String, i64)>;
    type Error = Arc<Shared>;

    async fn load(
        &self,
        keys: &[CollectionsIn],
    ) -> std::result::Result<HashMap<CollectionsIn, Vec<(String, i64)>>, Arc<Shared>> {
        let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        let db = self.0.read_wide().await;
        let rows = db::records::collections(&*db, &ids).await.map_err(shared)?;
        Ok(grouped(rows, |row| CollectionsIn(row.0), |row| (row.1, row.2)))
    }
}

/// What a conversation used of models, by day and model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UsageIn(pub Uuid);

impl Loader<UsageIn> for Reader {
    type Value = Vec<usage_day::Model>;
    type Error = Arc<Shared>;

    async fn load(
        &self,
        keys: &[UsageIn],
    ) -> std::result::Result<HashMap<UsageIn, Vec<usage_day::Model>>, Arc<Shared>> {
        let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        let rows = db::usage::of_conversations(self.0.read(), &ids)
            .await
            .map_err(shared)?;
        Ok(grouped(rows, |row| UsageIn(row.conversation_id), |row| row))
    }
}

fn shared(error: db::Error) -> Arc<Shared> {
    Arc::new(Fault::from(error).into())
}

fn grouped<R, K: std::hash::Hash + Eq, V>(
    rows: impl IntoIterator<Item = R>,
    key: impl Fn(&R) -> K,
    value: impl Fn(R) -> V,
) -> HashMap<K, Vec<V>> {
    let mut groups: HashMap<K, Vec<V>> = HashMap::new();
    for row in rows {
        groups.entry(key(&row)).or_default().push(value(row));
    }
    groups
}
