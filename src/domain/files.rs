//! Files: taken in under their rules, stored before the launch that names them, attached in its
//! transaction. A blob's row is written before its bytes, so a crash in between leaves nothing
//! that the sweeper does not find.

pub mod sniff;

use std::io::SeekFrom;

use entity::{agent, conversation, file};
use futures::stream::BoxStream;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncSeekExt};
use uuid::Uuid;

use super::access::{Viewer, hex};
use super::{Fault, Store, Work, faults};
use crate::base::id::Kind;
use crate::db;
use crate::definitions::{Catalog, FileRules};
use crate::storage::{self, Storage};

/// A file name's greatest length in characters.
pub const MAX_FILENAME: usize = 255;

/// A file that comes with a request, spooled to disk.
#[derive(Debug)]
pub struct Incoming {
    /// As given; a path in front is cut off.
    pub filename: String,
    /// Its bytes.
    pub content: tokio::fs::File,
}

/// Which rule a file broke: the API's `FileRule`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Rule {
    NotAccepted,
    TooMany,
    TooLarge,
    TotalTooLarge,
    Empty,
    Extension,
    Content,
}

/// A refused file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The rule.
    pub rule: Rule,
    /// Position in files, then file ids; none when all are meant.
    pub index: Option<usize>,
    /// Its name.
    pub filename: Option<String>,
    /// What is taken; none where nothing is.
    pub rules: Option<FileRules>,
    /// For people.
    pub message: String,
    /// It is a file id that names nothing the viewer may see.
    pub is_unknown_id: bool,
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

/// Name and SHA-256 of each upload, for an idempotency fingerprint; the files stand at their
/// beginning again afterwards.
///
/// # Errors
/// For a file that cannot be read.
pub async fn hash_all(uploads: &mut [Incoming]) -> Result<Vec<(String, String)>, TakeError> {
    let mut hashes = Vec::with_capacity(uploads.len());
    for (index, upload) in uploads.iter_mut().enumerate() {
        let Ok(hash) = hash(&mut upload.content).await else {
            let message = "the upload could not be read".to_owned();
            return Err(refuse(
                Rule::Content,
                Some((index, &upload.filename)),
                None,
                message,
            ));
        };
        hashes.push((upload.filename.clone(), hash));
    }
    Ok(hashes)
}

async fn hash(content: &mut tokio::fs::File) -> std::io::Result<String> {
    content.seek(SeekFrom::Start(0)).await?;
    let mut hash = Sha256::new();
    let mut chunk = vec![0; 64 * 1024];
    loop {
        let read = content.read(&mut chunk).await?;
        if read == 0 {
            break;
        }
        hash.update(&chunk[..read]);
    }
    content.seek(SeekFrom::Start(0)).await?;
    Ok(hex(&hash.finalize()))
}

/// Checks and stores uploads, and finds files stored before. All or nothing.
///
/// # Errors
/// [`TakeError`].
pub async fn take(
    store: &Store,
    storage: &Storage,
    viewer: &Viewer,
    rules: Option<&FileRules>,
    data_set: Uuid,
    uploads: Vec<Incoming>,
    file_ids: &[String],
) -> Result<Vec<Taken>, TakeError> {
    let count = uploads.len() + file_ids.len();
    if count == 0 {
        return Ok(Vec::new());
    }
    let Some(rules) = rules else {
        return Err(refuse(
            Rule::NotAccepted,
            None,
            None,
            "this takes no files".to_owned(),
        ));
    };
    if count > rules.max_files as usize {
        let message = format!("{count} files were given; {} are taken at most", rules.max_files);
        return Err(refuse(Rule::TooMany, None, Some(rules), message));
    }
    let known = find_stored(store, viewer, data_set, file_ids, uploads.len()).await?;
    let mut total = 0;
    for (index, upload) in uploads.iter().enumerate() {
        let size = upload.content.metadata().await.map_or(0, |facts| facts.len());
        check_before(rules, index, &upload.filename, size)?;
        total += size;
    }
    for (row, index) in known.iter().zip(uploads.len()..) {
        let size = u64::try_from(row.size_bytes).unwrap_or(0);
        check_before(rules, index, &row.filename, size)?;
        check_content(rules, index, &row.filename, &row.content_type)?;
        total += size;
    }
    if total > rules.max_bytes_total {
        let message = format!(
            "the files have {total} bytes together; {} are taken at most",
            rules.max_bytes_total
        );
        return Err(refuse(Rule::TotalTooLarge, None, Some(rules), message));
    }
    let mut taken = Vec::with_capacity(count);
    for (index, upload) in uploads.into_iter().enumerate() {
        match store_one(store, storage, rules, index, upload).await {
            Ok(one) => taken.push(one),
            Err(error) => {
                discard(store, storage, &taken).await;
                return Err(error);
            }
        }
    }
    taken.extend(known.into_iter().map(Taken::of));
    Ok(taken)
}

async fn find_stored(
    store: &Store,
    viewer: &Viewer,
    data_set: Uuid,
    file_ids: &[String],
    offset: usize,
) -> Result<Vec<file::Model>, TakeError> {
    let ids: Vec<Option<Uuid>> = file_ids.iter().map(|id| Kind::File.parse(id).ok()).collect();
    let wanted: Vec<Uuid> = ids.iter().flatten().copied().collect();
    let rows = db::files::find_many(store.db.read(), &wanted).await?;
    let mut found = Vec::with_capacity(ids.len());
    for (index, id) in ids.iter().enumerate() {
        // Only within one data set: its admins decide who sees its files.
        let row = rows
            .iter()
            .find(|row| Some(row.id) == *id && row.data_set_id == data_set && viewer.sees_file(row));
        let Some(row) = row else {
            return Err(TakeError::Rejected(Box::new(Rejected {
                rule: Rule::NotAccepted,
                index: Some(offset + index),
                filename: None,
                rules: None,
                message: format!("there is no file {}", file_ids[index]),
                is_unknown_id: true,
            })));
        };
        found.push(row.clone());
    }
    Ok(found)
}

fn check_before(rules: &FileRules, index: usize, filename: &str, size: u64) -> Result<(), TakeError> {
    let refused = |rule, message| Err(refuse(rule, Some((index, filename)), Some(rules), message));
    let name = base_name(filename);
    let extension = name
        .rsplit_once('.')
        .map(|(_, extension)| format!(".{}", extension.to_lowercase()));
    if !extension.is_some_and(|extension| rules.extensions.contains(&extension)) {
        return refused(
            Rule::Extension,
            format!("a file name ends in one of {}", rules.extensions.join(", ")),
        );
    }
    if name.chars().count() > MAX_FILENAME || name.contains('\0') {
        return refused(
            Rule::Extension,
            format!("a file name has {MAX_FILENAME} characters at most and no U+0000"),
        );
    }
    if size == 0 {
        return refused(Rule::Empty, "the file has no bytes".to_owned());
    }
    if size > rules.max_bytes_per_file {
        let message = format!(
            "the file has {size} bytes; {} are taken at most",
            rules.max_bytes_per_file
        );
        return refused(Rule::TooLarge, message);
    }
    Ok(())
}

fn check_content(
    rules: &FileRules,
    index: usize,
    filename: &str,
    content_type: &str,
) -> Result<(), TakeError> {
    if rules.content_types.iter().any(|taken| taken == content_type) {
        return Ok(());
    }
    let message = match sniff::hint(content_type, filename) {
        Some(hint) => format!("the content is {hint}"),
        None => format!(
            "the content is {content_type}; what is taken is {}",
            rules.content_types.join(", ")
        ),
    };
    Err(refuse(
        Rule::Content,
        Some((index, filename)),
        Some(rules),
        message,
    ))
}

async fn store_one(
    store: &Store,
    storage: &Storage,
    rules: &FileRules,
    index: usize,
    mut upload: Incoming,
) -> Result<Taken, TakeError> {
    // One part can be named twice in a request: both then share their place in it.
    if upload.content.seek(SeekFrom::Start(0)).await.is_err() {
        let message = "the upload could not be read".to_owned();
        return Err(refuse(
            Rule::Content,
            Some((index, &upload.filename)),
            Some(rules),
            message,
        ));
    }
    let taken = keep(store, storage, &upload.filename, upload.content).await?;
    if let Err(error) = check_content(rules, index, &taken.filename, &taken.content_type) {
        discard(store, storage, std::slice::from_ref(&taken)).await;
        return Err(error);
    }
    Ok(taken)
}

/// Stores bytes under no rules but that their name fits, such as what a tool gave. Swept like an
/// upload when nothing attaches them.
///
/// # Errors
/// When the database or the store fails; nothing is kept then.
pub async fn keep(
    store: &Store,
    storage: &Storage,
    filename: &str,
    content: impl AsyncRead + Unpin + Send,
) -> Result<Taken, Fault> {
    let name = base_name(filename).replace('\0', "\u{FFFD}");
    let mut taken = Taken {
        blob_id: store.ids.next(),
        is_new: true,
        filename: name.chars().take(MAX_FILENAME).collect(),
        content_type: String::new(),
        size_bytes: 0,
        sha256: String::new(),
    };
    let tx = store.db.begin().await?;
    db::files::stage(&tx, taken.blob_id, store.clock.now()).await?;
    store.db.commit(tx).await?;
    let written = match storage.write(taken.blob_id, content).await {
        Ok(written) => written,
        Err(error) => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "a file could not be stored"
            );
            discard(store, storage, std::slice::from_ref(&taken)).await;
            return Err(error.into());
        }
    };
    taken.content_type = sniff::content_type(&written.head, &taken.filename);
    taken.size_bytes = i64::try_from(written.size_bytes).unwrap_or(i64::MAX);
    taken.sha256 = written.sha256;
    let tx = store.db.begin().await?;
    db::files::complete(&tx, taken.blob_id, taken.size_bytes, &taken.sha256).await?;
    store.db.commit(tx).await?;
    Ok(taken)
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

/// Removes what came with a request that failed. What cannot be removed now is swept later.
pub async fn discard(store: &Store, storage: &Storage, taken: &[Taken]) {
    for one in taken.iter().filter(|one| one.is_new) {
        if let Err(error) = forget(store, storage, one.blob_id).await {
            tracing::warn!(blob.id = %one.blob_id, error = &error as &dyn std::error::Error, "a refused upload stays until it is swept");
        }
    }
}

/// Removes a blob that no file uses, row and bytes. The row goes first and its deletion is made
/// durable last: a file that is just being attached either comes before, and the blob stays, or
/// waits and finds it gone. Nothing accepted ever loses its bytes.
///
/// # Errors
/// When the database or the store fails; the blob is then still there.
pub async fn forget(store: &Store, storage: &Storage, blob: Uuid) -> Result<(), Fault> {
    let tx = store.db.begin().await?;
    if db::files::delete_unused_blob(&tx, blob).await? {
        storage.delete(blob).await?;
    }
    Ok(store.db.commit(tx).await?)
}

fn refuse(rule: Rule, which: Option<(usize, &str)>, rules: Option<&FileRules>, message: String) -> TakeError {
    TakeError::Rejected(Box::new(Rejected {
        rule,
        index: which.map(|(index, _)| index),
        filename: which.map(|(_, filename)| filename.to_owned()),
        rules: rules.cloned(),
        message,
        is_unknown_id: false,
    }))
}

fn base_name(filename: &str) -> &str {
    filename.rsplit(['/', '\\']).next().unwrap_or(filename)
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
        .filter(|agent| viewer.role(agent.data_set_id).is_some())
        .ok_or(UploadError::AgentNotFound)?;
    if agent.retired_at.is_some() {
        return Err(UploadError::AgentRetired(Box::new(agent)));
    }
    let rules = catalog
        .agent_type(&agent.agent_type_key)
        .and_then(|known| known.file_rules.as_ref());
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
