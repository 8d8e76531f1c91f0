//! Blobs: bytes with a row of their own. The row is written before the bytes and goes with them, so a
//! crash in between leaves nothing that the sweeper does not find.

use tokio::io::AsyncRead;
use uuid::Uuid;

use super::rules::{MAX_FILENAME, base_name};
use super::{Taken, sniff};
use crate::base::chain::Chain;
use crate::db;
use crate::domain::{Fault, Store};
use crate::storage::Storage;

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
                error = %Chain(&error),
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

/// Removes what came with a request that failed. What cannot be removed now is swept later.
pub async fn discard(store: &Store, storage: &Storage, taken: &[Taken]) {
    for one in taken.iter().filter(|one| one.is_new) {
        if let Err(error) = forget(store, storage, one.blob_id).await {
            tracing::warn!(blob.id = %one.blob_id, error = %Chain(&error), "a refused upload stays until it is swept");
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
