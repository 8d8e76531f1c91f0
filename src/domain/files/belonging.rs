//! Whether a file store is the one of this database. With another one work would be taken, and fail file by file.

use crate::db;
use crate::domain::{Fault, Store, faults};
use crate::storage::{self, Storage};

/// Why a store is not used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is another database's, or new, or was lost.
    #[error(
        "the folder that AGENTIC_FILES_URL names is not the file store of this database, for it lacks the file {0}, which was put \
         there at the first start: name the right folder, or, where its files are lost, put an empty file of that name into it"
    )]
    Foreign(String),
    /// A fault.
    #[error(transparent)]
    Fault(#[from] Fault),
}

faults!(Error);

impl From<storage::Error> for Error {
    fn from(error: storage::Error) -> Self {
        Self::Fault(error.into())
    }
}

/// Marks the store of a database that has none yet, and refuses one that lacks the database's mark. Of several
/// processes that start at once one marks its store, and the others look for that mark.
///
/// # Errors
/// [`Error`].
pub async fn check(store: &Store, storage: &Storage) -> Result<(), Error> {
    if db::files::find_mark(store.db.read()).await?.is_none() {
        let mark = store.ids.next();
        let tx = store.db.begin().await?;
        if db::files::try_mark(&tx, mark).await? {
            // Before the row is there for others, who look for it at once.
            storage.put_mark(mark).await?;
            return Ok(store.db.commit(tx).await?);
        }
    }
    match db::files::find_mark(store.db.read()).await? {
        Some(mark) if !storage.has_mark(mark).await? => Err(Error::Foreign(storage::mark_name(mark))),
        _ => Ok(()),
    }
}
