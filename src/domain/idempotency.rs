//! Idempotency: a client's key makes a repeated request get its first answer. A key's scope is
//! viewer, mutation, key; it is looked up before anything is checked, so that the answer stays the
//! same also when the world has changed since, and taken as the first statement of the transaction
//! that does the work, so that of racing requests one does it.
//!
//! To guard another mutation: its payload's [`fingerprint`], [`find_made`] before its checks,
//! [`try_take`] first in its transaction, and [`get_made`] when that says no.

use entity::idempotency_key;
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::access::{Viewer, hex};
use super::{BadArgument, Fault, Store, Work};
use crate::base::text::canonical;
use crate::db;

/// A key's greatest length in characters.
pub const MAX_LENGTH: usize = 255;

/// A client's guard against doing something twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// 1 to 255 characters.
    pub key: String,
    /// Refuse a repetition also when its payload is the same.
    pub reject_duplicates: bool,
}

impl Key {
    /// Checks the key.
    ///
    /// # Errors
    /// [`BadArgument`].
    pub fn check(&self) -> Result<(), BadArgument> {
        let length = self.key.chars().count();
        if length == 0 || length > MAX_LENGTH || self.key.contains('\0') {
            return Err(BadArgument {
                path: vec!["idempotency".to_owned(), "key".to_owned()],
                message: format!("an idempotency key has 1 to {MAX_LENGTH} characters and no U+0000"),
            });
        }
        Ok(())
    }
}

/// How a key that was used before stands to this request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conflict {
    /// The payload is another.
    OtherPayload,
    /// The payload is the same, and REJECT was asked for.
    Duplicate,
}

/// What a key made before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The execution, conversation or message.
    pub subject_id: Uuid,
    /// Set when this request may not have it.
    pub conflict: Option<Conflict>,
}

impl Made {
    /// What it made is not there any more.
    pub(super) fn is_gone(&self) -> Fault {
        Fault::Corrupt {
            what: "idempotency_key",
            id: self.subject_id.to_string(),
        }
    }
}

/// SHA-256 of the canonical payload.
pub(super) fn fingerprint(payload: &Value) -> String {
    hex(&Sha256::digest(canonical(payload).to_string().as_bytes()))
}

/// What a key made before; none when it is new.
pub(super) async fn find_made(
    store: &Store,
    viewer: &Viewer,
    mutation: &str,
    key: &Key,
    fingerprint: &str,
) -> Result<Option<Made>, Fault> {
    let row = db::idempotency::find(store.db.read(), viewer.user_id, mutation, &key.key).await?;
    Ok(row.map(|row| Made {
        subject_id: row.subject_id,
        conflict: if row.fingerprint != fingerprint {
            Some(Conflict::OtherPayload)
        } else {
            key.reject_duplicates.then_some(Conflict::Duplicate)
        },
    }))
}

/// What a key has made that could not be taken.
pub(super) async fn get_made(
    store: &Store,
    viewer: &Viewer,
    mutation: &str,
    key: &Key,
    fingerprint: &str,
) -> Result<Made, Fault> {
    find_made(store, viewer, mutation, key, fingerprint)
        .await?
        .ok_or_else(|| Fault::Corrupt {
            what: "idempotency_key",
            id: key.key.clone(),
        })
}

/// Takes a key, as the first statement of its transaction; false when another request has it.
pub(super) async fn try_take(
    work: &Work,
    viewer: &Viewer,
    mutation: &str,
    key: &Key,
    fingerprint: &str,
    subject: Uuid,
) -> Result<bool, Fault> {
    let row = idempotency_key::Model {
        viewer_id: viewer.user_id,
        mutation: mutation.to_owned(),
        key: key.key.clone(),
        fingerprint: fingerprint.to_owned(),
        subject_id: subject,
        created_at: work.now,
    };
    Ok(db::idempotency::try_take(&work.tx, row).await?)
}
