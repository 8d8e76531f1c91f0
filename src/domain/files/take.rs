//! Taking files with a request: uploads are checked and stored, files stored before are found. All or
//! nothing.

use std::io::SeekFrom;

use entity::file;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use uuid::Uuid;

use super::blob::{discard, keep};
use super::rules::{Rejected, Rule, check_before, check_content, check_image, refuse};
use super::{Incoming, TakeError, Taken};
use crate::base::id::Kind;
use crate::base::image;
use crate::db;
use crate::definitions::FileRules;
use crate::domain::Store;
use crate::domain::access::{Viewer, hex};
use crate::storage::Storage;

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
        if image::is_shown(&row.content_type) {
            check_image(rules, index, &row.filename, image::check_size(size))?;
        }
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
    let taken = keep(store, storage, &upload.filename, &mut upload.content).await?;
    let mut checked = check_content(rules, index, &taken.filename, &taken.content_type);
    if checked.is_ok() && image::is_shown(&taken.content_type) {
        let is_fit = look_at(&taken, &mut upload.content).await;
        checked = check_image(rules, index, &taken.filename, is_fit);
    }
    if let Err(error) = checked {
        discard(store, storage, std::slice::from_ref(&taken)).await;
        return Err(error);
    }
    Ok(taken)
}

async fn look_at(taken: &Taken, content: &mut tokio::fs::File) -> Result<(), image::Unfit> {
    image::check_size(u64::try_from(taken.size_bytes).unwrap_or(u64::MAX))?;
    let mut bytes = Vec::new();
    let read = async {
        content.seek(SeekFrom::Start(0)).await?;
        content.read_to_end(&mut bytes).await
    };
    // It was read a moment ago.
    read.await.map_err(|_| image::Unfit::Damaged)?;
    image::check(&taken.content_type, &bytes)
}
