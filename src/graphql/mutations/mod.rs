//! Mutations, one story a file: input, payload, refusals, resolver. What a caller can act on is a
//! member of the payload's `errors`; top-level errors are bad requests and faults.
//!
//! To add one: a file with a struct that resolves it, its line in [`Mutation`], its rows in the
//! tests. The rule itself belongs to the domain.

// A request makes few refusals, and a union wants the object itself, not a box.
#![allow(clippy::large_enum_variant)]

mod access_tokens;
mod agents;
mod cancel_execution;
mod data_sets;
pub mod idempotency;
mod launch_execution;
mod members;
mod records;
pub mod refusals;
mod retry_execution;
mod send_message;
mod sign_in;
mod start_conversation;
mod stop_reply;
mod upload;
mod upload_file;
mod users;

#[cfg(test)]
pub(super) mod tests;

use std::collections::HashSet;

use async_graphql::{Context, MergedObject, Union};

use super::errors::{Result, internal};
use crate::base::id::Kind;
use crate::domain::administration;
use refusals::{InvalidArgumentError, NameTakenError, NotAllowedError, NotFoundError, Place, read_id};

/// Everything that changes something.
#[derive(MergedObject, Default)]
pub struct Mutation(
    launch_execution::LaunchExecution,
    cancel_execution::CancelExecution,
    retry_execution::RetryExecution,
    start_conversation::StartConversation,
    send_message::SendMessage,
    stop_reply::StopReply,
    upload_file::UploadFile,
    sign_in::SignIn,
    access_tokens::AccessTokens,
    users::Users,
    data_sets::DataSets,
    members::Members,
    agents::Agents,
    records::Records,
);

/// What administration refuses. Members may be added: handle the ones you know, and fall back on
/// UserError.message.
#[derive(Union, Clone, Debug)]
#[allow(missing_docs)] // each is the type it holds
pub enum AdminError {
    NotFound(NotFoundError),
    NotAllowed(NotAllowedError),
    InvalidArgument(InvalidArgumentError),
    NameTaken(NameTakenError),
}

/// A refusal of administration as clients read it; a fault is none.
fn admin_refused<E>(
    ctx: &Context<'_>,
    error: administration::Error,
    ids: &[(&str, &str)],
    place: Place,
) -> Result<E>
where
    E: From<NotFoundError> + From<NotAllowedError> + From<InvalidArgumentError> + From<NameTakenError>,
{
    use administration::Error;
    Ok(match error {
        Error::NotFound { argument, kind } => {
            let given = ids.iter().find(|(name, _)| *name == argument);
            NotFoundError::of(kind, given.map_or("", |(_, id)| *id), place.path(argument)).into()
        }
        Error::NotMember => NotFoundError {
            code: "NOT_FOUND".to_owned(),
            message: "This user is no member of the data set.".to_owned(),
            path: place.path("userId"),
        }
        .into(),
        Error::NotAllowed { argument, message } => {
            let path = argument.and_then(|argument| place.path(argument));
            NotAllowedError::new(message, path).into()
        }
        Error::Argument(bad) => InvalidArgumentError::of(&bad, place).into(),
        Error::NameTaken(name) => NameTakenError::of(&name).into(),
        Error::Fault(fault) => return Err(internal(ctx, &fault)),
    })
}

/// Ids of one list in its order, each read on its own and taken once: what names nothing is refused by
/// its place.
fn read_ids(
    kind: Kind,
    ids: &[async_graphql::ID],
) -> Vec<(usize, std::result::Result<uuid::Uuid, NotFoundError>)> {
    // What is malformed is known by its text alone.
    let mut known: HashSet<std::result::Result<uuid::Uuid, &str>> = HashSet::new();
    let mut read = Vec::with_capacity(ids.len());
    for (index, given) in ids.iter().enumerate() {
        let id = read_id(kind, given, Place::Entry("ids", index), "ids");
        if known.insert(id.as_ref().map_or(Err(given.as_str()), |id| Ok(*id))) {
            read.push((index, id));
        }
    }
    read
}

/// More ids than one request may name; none when they are few enough.
fn too_many_ids(ids: &[async_graphql::ID]) -> Option<InvalidArgumentError> {
    use crate::domain::MAX_BULK_IDS;
    (ids.len() > MAX_BULK_IDS).then(|| {
        let message = format!("{} ids were given; {MAX_BULK_IDS} are taken at most", ids.len());
        InvalidArgumentError::new(&message, Place::Input.path("ids"))
    })
}
