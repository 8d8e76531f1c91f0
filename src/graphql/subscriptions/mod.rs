//! Subscriptions, one stream a file: arguments, payload, resolver. What a stream delivers and
//! never misses is the domain's (`domain::watch`); here its positions become cursors and its end
//! becomes an error that clients know.
//!
//! An error ends a stream; a stream whose subject is over completes without one. To add one: a
//! file with a struct that resolves it and its line in [`Subscription`].

mod conversation_events;
mod execution_status;
mod executions_changed;
mod message_deltas;

#[cfg(test)]
mod tests;

use async_graphql::{Context, Error, MergedSubscription};
use uuid::Uuid;

use super::errors::{Code, Result, error, internal};
use crate::base::id::Kind;
use crate::domain::watch;

/// Everything that can be watched.
#[derive(MergedSubscription, Default)]
pub struct Subscription(
    execution_status::Status,
    executions_changed::Set,
    conversation_events::Events,
    message_deltas::Deltas,
);

/// Why a stream ended, as clients read it.
fn ended(ctx: &Context<'_>, cause: &watch::Error) -> Error {
    match cause {
        watch::Error::NotFound(_) => error(Code::NotFound, cause.to_string()),
        watch::Error::TooMany(_) => error(Code::LimitExceeded, cause.to_string()),
        watch::Error::Forbidden => error(Code::Forbidden, cause.to_string()),
        watch::Error::CredentialEnded => error(Code::Unauthenticated, cause.to_string()),
        watch::Error::Fault(fault) => internal(ctx, fault),
    }
}

/// Reads the id of what is to be watched: one that cannot name it is not found.
fn subject(kind: Kind, id: &str) -> Result<Uuid> {
    kind.parse(id).map_err(|malformed| {
        let expected = kind.noun();
        let noun = expected.split_once(' ').map_or(expected, |(_, noun)| noun);
        let message = match malformed.given {
            Some(given) => format!(
                "there is no such {noun}: {expected} is expected here, and the id is {}'s",
                given.noun()
            ),
            None => format!("there is no such {noun}"),
        };
        error(Code::NotFound, message)
    })
}

/// A cursor that is well formed and of something else.
fn foreign_cursor(stream: &str) -> Error {
    error(
        Code::BadCursor,
        format!("the cursor belongs to another stream than this {stream}"),
    )
}
