//! What agents can do. A tool declares its arguments by JSON Schema, which the runner checks before
//! the tool runs, and what kind of effect a call has, which decides how it is made to happen once:
//!
//! | effect | what happens |
//! |---|---|
//! | [`Effect::Outside`] | reads, and anything elsewhere: runs beside the turn's other calls, aborted on cancel; its result is journaled afterwards, so after a crash it is repeated if it says that it may be, and else reported as cut off |
//! | [`Effect::InOurDatabase`] | writes rows of ours: runs in the transaction that checks the lease and stores its result, so it happens exactly once |
//!
//! A tool judges nothing about access: the [`Context`] names the one data set that it may touch. It
//! never ends a run. To add one: a file beside this, its line in `built_in`, and its contract in
//! the definitions' documentation; a user of the library registers theirs with `Registry::tool`.

mod fetch_page;
mod from_case;
mod list_files;
mod part;
mod read_file;
mod report_progress;
mod search_records;
mod stop_execution;
mod upsert_records;

use std::sync::Arc;

use entity::file;
use futures::future::BoxFuture;
use serde_json::Value;
use uuid::Uuid;

use crate::base::id::Kind;
use crate::db;
use crate::definitions::ExecutionType;
use crate::documents;
use crate::domain::files::Taken;
use crate::domain::{Fault, Store};
use crate::fetch::Fetcher;
use crate::model::{FileInfo, ToolSpec};
use crate::storage::{self, Storage};

use super::Held;

pub(super) use from_case::FromCase;
pub(super) use stop_execution::NAME as STOP_EXECUTION;

/// Something that an agent can call.
pub trait Tool: Send + Sync {
    /// Its name, when and how to use it, and the JSON Schema of its arguments.
    fn spec(&self) -> ToolSpec;

    /// What a call does: the tool itself, as the one kind or the other.
    fn effect(&self) -> Effect<'_>;

    /// Whether all that it reads and writes is this server's own, so that a rehearsed case can
    /// really run it; what reaches further is answered from the case.
    fn is_ours(&self) -> bool {
        matches!(self.effect(), Effect::InOurDatabase(_))
    }

    /// Whether agents may call it in people's conversations too.
    fn is_for_conversations(&self) -> bool {
        true
    }
}

/// What a call does.
#[allow(missing_debug_implementations)]
pub enum Effect<'a> {
    /// It reads, or acts elsewhere.
    Outside(&'a dyn Outside),
    /// It writes rows of ours.
    InOurDatabase(&'a dyn InOurDatabase),
}

impl Effect<'_> {
    /// Whether a call that was cut off may simply be made again.
    pub(super) fn is_repeatable(&self) -> bool {
        match self {
            Self::Outside(tool) => tool.is_idempotent(),
            // Without its result in the journal it did not happen.
            Self::InOurDatabase(_) => true,
        }
    }
}

/// A tool that reads, or acts elsewhere.
pub trait Outside: Send + Sync {
    /// Whether a call that was cut off, with nobody knowing how far it came, may be made again.
    fn is_idempotent(&self) -> bool;

    /// Makes the call. Aborted by dropping the future.
    fn call<'a>(&'a self, context: &'a Context, arguments: &'a Value)
    -> BoxFuture<'a, Result<Output, Error>>;
}

/// A tool that writes rows of ours.
pub trait InOurDatabase: Send + Sync {
    /// Makes the call, writing through `held` only. On an error nothing of it is kept. It must not
    /// wait for anything but the database, for the transaction is open.
    fn call<'a>(
        &'a self,
        context: &'a Context,
        arguments: &'a Value,
        held: &'a mut Held,
    ) -> BoxFuture<'a, Result<Output, Error>>;
}

/// What a call gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// For the model to read.
    pub value: Value,
    /// Rows of files that belong to it, of this conversation only: whoever may read that may read
    /// them. A model that sees is shown those that are images.
    pub files: Vec<Uuid>,
    /// What the call brought and nobody has yet: becomes files of the conversation with the result's
    /// own commit, and is named after the others.
    pub new_files: Vec<Taken>,
}

impl From<Value> for Output {
    fn from(value: Value) -> Self {
        Self {
            value,
            files: Vec::new(),
            new_files: Vec::new(),
        }
    }
}

/// Why a call gave no output.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// For the model to read and go on from: what was wrong with the call.
    #[error("{0}")]
    Refused(String),
    /// The same, as the whole output.
    #[error("{0}")]
    Said(Value),
    /// The database or the file store failed; the call is made again.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<db::Error> for Error {
    fn from(error: db::Error) -> Self {
        Self::Fault(error.into())
    }
}

impl From<storage::Error> for Error {
    fn from(error: storage::Error) -> Self {
        Self::Fault(error.into())
    }
}

/// What a call happens in.
#[derive(Debug, Clone)]
pub struct Context {
    /// The rows.
    pub store: Store,
    /// The bytes of files.
    pub storage: Storage,
    /// All that the agent may touch.
    pub data_set_id: Uuid,
    /// Whose journal the call is in.
    pub conversation_id: Uuid,
    /// None in a person's conversation.
    pub execution_id: Option<Uuid>,
    /// None in a person's conversation.
    pub execution_type: Option<Arc<ExecutionType>>,
    /// The files that came with the execution, or with the conversation so far.
    pub files: Arc<[file::Model]>,
    /// Images that a result names are shown to the model.
    pub model_sees_images: bool,
}

impl Context {
    /// The files as models see them.
    pub fn file_infos(&self) -> Vec<FileInfo> {
        self.files.iter().map(info).collect()
    }
}

/// A file as models see it.
pub(super) fn info(row: &file::Model) -> FileInfo {
    FileInfo {
        file_id: Kind::File.format(row.id),
        filename: row.filename.clone(),
        content_type: row.content_type.clone(),
        size_bytes: u64::try_from(row.size_bytes).unwrap_or(0),
    }
}

/// The tools that come with the server.
pub(super) fn built_in(fetcher: Fetcher, documents: documents::Reader) -> Vec<Arc<dyn Tool>> {
    vec![
        Arc::new(fetch_page::FetchPage::new(fetcher, documents.clone())),
        Arc::new(list_files::ListFiles),
        Arc::new(read_file::ReadFile::new(documents)),
        Arc::new(search_records::SearchRecords),
        Arc::new(upsert_records::UpsertRecords),
        Arc::new(report_progress::ReportProgress),
        Arc::new(stop_execution::StopExecution),
    ]
}

/// Arguments that the tool's schema let through, as its structure.
fn arguments<T: serde::de::DeserializeOwned>(arguments: &Value) -> Result<T, Error> {
    T::deserialize(arguments)
        .map_err(|error| Error::Refused(format!("the arguments cannot be read: {error}")))
}
