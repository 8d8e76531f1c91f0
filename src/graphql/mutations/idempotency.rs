//! The guard against doing something twice.

use async_graphql::{Enum, InputObject};

use crate::domain::idempotency;

/// What a repeated idempotency key gets.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDuplicate {
    /// What it made the first time, with created: false, when the payload is the same.
    ReturnExisting,
    /// A conflict with code DUPLICATE, also when the payload is the same.
    Reject,
}

/// Guards a request that may be sent again, after a lost answer or by a double click, against
/// being done twice.
#[derive(InputObject, Clone, Debug)]
pub struct IdempotencyInput {
    /// 1 to 255 characters, unique for each viewer and mutation, kept for 24 hours at least.
    key: String,
    /// REJECT: a conflict with code DUPLICATE, also when the payload is the same. With another
    /// payload the key is refused either way, with code IDEMPOTENCY_CONFLICT.
    #[graphql(default_with = "Some(OnDuplicate::ReturnExisting)")]
    on_duplicate: Option<OnDuplicate>,
}

impl From<IdempotencyInput> for idempotency::Key {
    fn from(input: IdempotencyInput) -> Self {
        Self {
            key: input.key,
            reject_duplicates: input.on_duplicate == Some(OnDuplicate::Reject),
        }
    }
}

/// Code and message of a conflict.
pub fn conflict(conflict: idempotency::Conflict) -> (String, String) {
    let (code, message) = match conflict {
        idempotency::Conflict::OtherPayload => (
            "IDEMPOTENCY_CONFLICT",
            "This idempotency key was used before, with another payload.",
        ),
        idempotency::Conflict::Duplicate => ("DUPLICATE", "This idempotency key was used before."),
    };
    (code.to_owned(), message.to_owned())
}
