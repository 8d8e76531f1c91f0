//! Files: taken in under their rules, stored before the launch that names them, attached in its
//! transaction.

pub mod belonging;
mod blob;
mod rules;
pub mod sniff;
mod take;

use entity::{agent, conversation, file};
use futures::stream::BoxStream;
use uuid::Uuid;

use super::access::Viewer;
use super::agents;
use super::{Fault, Store, Work, faults};
use crate::db;
use crate::definitions::Catalog;
use crate::storage::{self, Storage};

pub use blob::{discard, forget, keep};
pub use rules::{MAX_FILENAME, Rejected, Rule};
pub use take::{hash_all, take};

/// A file that comes with a request, spooled to disk.
#[derive(Debug)]
pub struct Incoming {
    /// As given; a path in front is cut off.
    pub filename: String,
    /// Its bytes.
    pub content: tokio::fs::File,
}

/// Why files were not taken.
#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    /// One broke a rule; nothing of them is kept.
    #[error("a file was refused")]
    Rejected(Box<Rejected>),
    /// A fault.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// A stored file that nothing has yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    blob_id: Uuid,
    /// Its bytes came with this request, and go if it fails.
    is_new: bool,
    filename: String,
    content_type: String,
    size_bytes: i64,
    sha256: String,
}

impl Taken {
    /// The row that attaches it to a conversation, and to its execution where it has one.
    pub fn attach(self, work: &Work, owner: Uuid, to: &conversation::Model, position: i32) -> file::Model {
        file::Model {
            conversation_id: Some(to.id),
            execution_id: to.execution_id,
            position,
            ..self.stage(work, owner, to.data_set_id)
        }
    }

    /// The row that keeps it for a later `fileIds`.
    pub fn stage(self, work: &Work, owner: Uuid, data_set: Uuid) -> file::Model {
        file::Model {
            id: work.id(),
            blob_id: self.blob_id,
            data_set_id: data_set,
            owner_id: owner,
            conversation_id: None,
            execution_id: None,
            position: 0,
            filename: self.filename,
            content_type: self.content_type,
            size_bytes: self.size_bytes,
            sha256: self.sha256,
            created_at: work.now,
        }
    }

    fn of(row: file::Model) -> Self {
        Self {
            blob_id: row.blob_id,
            is_new: false,
            filename: row.filename,
            content_type: row.content_type,
            size_bytes: row.size_bytes,
            sha256: row.sha256,
        }
    }
}

/// Attaches what a tool brought to the conversation it was called in, and gives the rows. It is no
/// part of what the execution was launched with, so a retry does not bring it along.
///
/// # Errors
/// When the database fails.
pub async fn attach(work: &Work, conversation: Uuid, brought: Vec<Taken>) -> Result<Vec<file::Model>, Fault> {
    if brought.is_empty() {
        return Ok(Vec::new());
    }
    let found = db::conversations::find(&work.tx, conversation).await?;
    let to = found.ok_or_else(|| Fault::Corrupt {
        what: "conversation",
        id: conversation.to_string(),
    })?;
    let first = db::files::of_conversation(&work.tx, conversation).await?.len();
    let row = |(taken, position): (Taken, usize)| file::Model {
        conversation_id: Some(to.id),
        position: i32::try_from(position).unwrap_or(i32::MAX),
        ..taken.stage(work, to.started_by, to.data_set_id)
    };
    let rows: Vec<file::Model> = brought.into_iter().zip(first..).map(row).collect();
    db::files::insert(&work.tx, rows.clone()).await?;
    Ok(rows)
}

/// Why a file was not stored for later.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// No such agent, or not the viewer's to see.
    #[error("there is no such agent")]
    AgentNotFound,
    /// It takes no new work.
    #[error("the agent is retired")]
    AgentRetired(Box<agent::Model>),
    /// The file was refused.
    #[error("a file was refused")]
    File(Box<Rejected>),
    /// A fault.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<TakeError> for UploadError {
    fn from(error: TakeError) -> Self {
        match error {
            TakeError::Rejected(rejected) => Self::File(rejected),
            TakeError::Fault(fault) => Self::Fault(fault),
        }
    }
}

/// Stores a file under an agent's rules for a later `fileIds`. It is swept when nothing takes it.
///
/// # Errors
/// [`UploadError`]; nothing is stored then.
pub async fn upload(
    store: &Store,
    catalog: &Catalog,
    storage: &Storage,
    viewer: &Viewer,
    agent_id: Uuid,
    incoming: Incoming,
) -> Result<file::Model, UploadError> {
    let agent = db::agents::find(store.db.read(), agent_id).await?;
    let agent = agent
        .filter(|agent| viewer.sees_data_set(agent.data_set_id))
        .ok_or(UploadError::AgentNotFound)?;
    let Some(known) = agents::find_working(catalog, &agent) else {
        return Err(UploadError::AgentRetired(Box::new(agent)));
    };
    let rules = known.file_rules.as_ref();
    let uploads = vec![incoming];
    let taken = take(store, storage, viewer, rules, agent.data_set_id, uploads, &[]).await?;
    let stored = stage(store, viewer, agent.data_set_id, &taken).await;
    if stored.is_err() {
        discard(store, storage, &taken).await;
    }
    Ok(stored?)
}

async fn stage(
    store: &Store,
    viewer: &Viewer,
    data_set: Uuid,
    taken: &[Taken],
) -> Result<file::Model, Fault> {
    let one = taken.first().expect("one file was given, so one was taken");
    let work = store.begin().await?;
    let row = one.clone().stage(&work, viewer.user_id, data_set);
    db::files::insert(&work.tx, vec![row.clone()]).await?;
    work.commit().await?;
    Ok(row)
}

/// A file that the viewer may read.
///
/// # Errors
/// When the database fails.
pub async fn find(store: &Store, viewer: &Viewer, id: Uuid) -> Result<Option<file::Model>, Fault> {
    let row = db::files::find_many(store.db.read(), &[id]).await?.pop();
    Ok(row.filter(|row| viewer.sees_file(row)))
}

/// A file's bytes, or those of a range, end excluded.
///
/// # Errors
/// When the store fails.
pub async fn open(
    storage: &Storage,
    row: &file::Model,
    range: Option<std::ops::Range<u64>>,
) -> Result<BoxStream<'static, Result<bytes::Bytes, storage::Error>>, storage::Error> {
    storage.read(row.blob_id, range).await
}

/// A whole file of at most `limit` bytes, for a tool; none when it is longer.
///
/// # Errors
/// When the store fails.
pub async fn read_all(
    storage: &Storage,
    row: &file::Model,
    limit: u64,
) -> Result<Option<Vec<u8>>, storage::Error> {
    storage.read_all(row.blob_id, limit).await
}
faults!(TakeError, UploadError);
