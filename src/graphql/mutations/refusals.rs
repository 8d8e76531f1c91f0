//! Refusals that a caller can act on: the types that payloads' `errors` unions are made of. Each
//! has a stable code, a message for people and the path to the argument at fault.
//!
//! To add one: a `refusal!` here, a variant of [`UserError`], and its place in the unions that
//! need it. Adding a member to a union breaks no client; taking one away does.

// Two fields of an interface may well have one type.
#![allow(clippy::duplicated_attributes)]

use async_graphql::{Enum, ID, Interface, SimpleObject};
use uuid::Uuid;

use crate::base::id::{Kind, parse_any};
use crate::domain::BadArgument;
use crate::domain::files;
use crate::graphql::agent::Agent;
use crate::graphql::conversation::{Conversation, ReadOnlyReason};
use crate::graphql::definition::FileRules;
use crate::graphql::execution::Execution;
use crate::graphql::input::InputIssue;

macro_rules! refusal {
    ($(#[$of_type:meta])* $name:ident { $($(#[$of_field:meta])* $field:ident: $ty:ty,)* }) => {
        $(#[$of_type])*
        #[derive(SimpleObject, Clone, Debug)]
        pub struct $name {
            /// Stable and machine-readable, SCREAMING_SNAKE_CASE.
            pub code: String,
            /// For people.
            pub message: String,
            /// Path to the argument at fault, for example ["input", "agentId"] or
            /// ["input", "files", "0"]; null when the whole request is meant.
            pub path: Option<Vec<String>>,
            $($(#[$of_field])* pub $field: $ty,)*
        }
    };
}

refusal! {
    /// The input breaks its JSON Schema. Code INPUT_VALIDATION.
    InputValidationError {
        /// Every violation at once, never empty.
        issues: Vec<InputIssue>,
    }
}
refusal! {
    /// There is no such thing, or it is not the viewer's to see: the two look the same. Code
    /// NOT_FOUND. For a well-formed id of another kind the message says which kind was expected.
    NotFoundError {}
}
refusal! {
    /// The viewer sees it, and it is not theirs to do. Code NOT_ALLOWED.
    NotAllowedError {}
}
refusal! {
    /// An argument outside its limits: labels, ttlSeconds, a name. Code INVALID_ARGUMENT.
    InvalidArgumentError {}
}
refusal! {
    /// The agent takes no new work: it is retired, or its agent type is no longer registered. Code
    /// AGENT_RETIRED.
    AgentRetiredError {
        /// The agent.
        agent: Agent,
    }
}
refusal! {
    /// The agent cannot run executions of this type. Code EXECUTION_TYPE_MISMATCH.
    ExecutionTypeMismatchError {
        /// What it can run: values for executionKey.
        available_keys: Vec<String>,
    }
}
refusal! {
    /// A file was refused, and with it the whole request. Nothing of it is kept. Code
    /// FILE_REJECTED.
    FileRejectedError {
        /// Which rule was broken.
        rule: FileRule,
        /// Position in files, then fileIds; null when all of them are meant.
        index: Option<i32>,
        /// As the client gave it; null when all files are meant.
        filename: Option<String>,
        /// What is taken; null where no files are taken at all.
        rules: Option<FileRules>,
    }
}
refusal! {
    /// The idempotency key was used before: code IDEMPOTENCY_CONFLICT when with another payload,
    /// DUPLICATE when with the same and onDuplicate is REJECT.
    IdempotencyConflictError {
        /// What the key made; null when the viewer may no longer see it.
        existing: Option<Execution>,
    }
}
refusal! {
    /// The idempotency key was used before: code IDEMPOTENCY_CONFLICT when with another payload,
    /// DUPLICATE when with the same and onDuplicate is REJECT.
    ConversationIdempotencyConflictError {
        /// The conversation that the key started or wrote to.
        conversation: Conversation,
    }
}
refusal! {
    /// The execution type's schemas have changed since the client read them. Code
    /// SCHEMA_VERSION_CONFLICT.
    SchemaVersionConflictError {
        /// ExecutionType.schemaVersion now.
        current_version: String,
    }
}
refusal! {
    /// The execution has ended already, in another way than by a cancel. Code
    /// EXECUTION_ALREADY_TERMINAL.
    ExecutionAlreadyTerminalError {
        /// As it ended.
        execution: Execution,
    }
}
refusal! {
    /// The execution has not ended, so there is nothing to retry yet. Code
    /// EXECUTION_NOT_TERMINAL.
    ExecutionNotTerminalError {
        /// As it is now.
        execution: Execution,
    }
}
refusal! {
    /// The conversation takes no messages from the viewer. Code CONVERSATION_READ_ONLY; the
    /// message is "This conversation is read-only."
    ConversationReadOnlyError {
        /// Why.
        reason: ReadOnlyReason,
    }
}
refusal! {
    /// The agent is still answering: stopReply, or wait for ReplyEndedEvent. Code
    /// CONVERSATION_BUSY.
    ConversationBusyError {
        /// As it is now.
        conversation: Conversation,
    }
}
refusal! {
    /// The name is used already. Code NAME_TAKEN.
    NameTakenError {}
}
refusal! {
    /// The agent was changed since the client read it. Code EDIT_CONFLICT.
    EditConflictError {
        /// As it is now.
        current: Agent,
    }
}
refusal! {
    /// The token or code is unknown, used up, expired or revoked: which of them is not told. Code
    /// INVALID_CREDENTIAL.
    InvalidCredentialError {}
}

/// A refusal that the caller can act on. Faults go to the top-level errors instead.
#[derive(Interface, Clone, Debug)]
#[graphql(
    field(
        name = "code",
        ty = "&String",
        desc = "Stable and machine-readable, SCREAMING_SNAKE_CASE."
    ),
    field(name = "message", ty = "&String", desc = "For people."),
    field(
        name = "path",
        ty = "&Option<Vec<String>>",
        desc = "Path to the argument at fault, for example [\"input\", \"agentId\"] or [\"input\", \"files\", \"0\"]; null when the whole request is meant."
    )
)]
#[allow(missing_docs)] // each is the type it holds
pub enum UserError {
    InputValidation(InputValidationError),
    NotFound(NotFoundError),
    NotAllowed(NotAllowedError),
    InvalidArgument(InvalidArgumentError),
    AgentRetired(AgentRetiredError),
    ExecutionTypeMismatch(ExecutionTypeMismatchError),
    FileRejected(FileRejectedError),
    IdempotencyConflict(IdempotencyConflictError),
    ConversationIdempotencyConflict(ConversationIdempotencyConflictError),
    SchemaVersionConflict(SchemaVersionConflictError),
    ExecutionAlreadyTerminal(ExecutionAlreadyTerminalError),
    ExecutionNotTerminal(ExecutionNotTerminalError),
    ConversationReadOnly(ConversationReadOnlyError),
    ConversationBusy(ConversationBusyError),
    NameTaken(NameTakenError),
    EditConflict(EditConflictError),
    InvalidCredential(InvalidCredentialError),
}

/// Why a file was refused.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(remote = "files::Rule")]
pub enum FileRule {
    /// No files are taken here.
    NotAccepted,
    /// More files than FileRules.maxFiles.
    TooMany,
    /// Larger than FileRules.maxBytesPerFile, or an image that is larger than models are shown.
    TooLarge,
    /// Larger together than FileRules.maxBytesTotal.
    TotalTooLarge,
    /// It has no bytes.
    Empty,
    /// Its name does not end in one of FileRules.extensions.
    Extension,
    /// What its bytes are is none of FileRules.contentTypes, whatever its name says, or it is an image
    /// that is damaged or has too many pixels.
    Content,
    /// Its name is longer than 255 characters, or holds U+0000.
    Filename,
}

/// Where the arguments stand that a refusal names.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// Right below `input`.
    Input,
    /// All are those of one entry of a list below `input`.
    Entry(&'static str, usize),
}

impl Place {
    /// The path to an argument.
    pub fn path(self, argument: &str) -> Option<Vec<String>> {
        self.path_in(&[argument.to_owned()])
    }

    /// The path to what lies deeper.
    pub fn path_in(self, below: &[String]) -> Option<Vec<String>> {
        let mut path = vec!["input".to_owned()];
        match self {
            Self::Input => path.extend_from_slice(below),
            Self::Entry(list, index) => path.extend([list.to_owned(), index.to_string()]),
        }
        Some(path)
    }
}

/// Reads an id of a kind; the refusal where it is none.
///
/// # Errors
/// `NotFoundError`.
pub fn read_id(kind: Kind, id: &ID, place: Place, argument: &str) -> Result<Uuid, NotFoundError> {
    kind.parse(id)
        .map_err(|_| NotFoundError::of(kind, id, place.path(argument)))
}

/// Words of the domain as a sentence. One that begins with an argument's name keeps it as it is.
fn sentence(text: &str) -> String {
    let first = text.split(' ').next().unwrap_or_default();
    let mut chars = text.chars();
    let begin: String = match chars.next() {
        Some(c) if first.chars().all(|c| c.is_lowercase()) => c.to_uppercase().collect(),
        other => other.into_iter().collect(),
    };
    format!("{begin}{}.", chars.as_str())
}

impl NotFoundError {
    /// `id` names nothing of this kind that the viewer may see.
    pub fn of(kind: Kind, id: &str, path: Option<Vec<String>>) -> Self {
        let expected = kind.noun();
        let noun = expected.split_once(' ').map_or(expected, |(_, noun)| noun);
        let message = match parse_any(id) {
            Some((given, _)) if given != kind => {
                format!(
                    "There is no such {noun}: {expected} is expected here, and the id is {}'s.",
                    given.noun()
                )
            }
            _ => format!("There is no such {noun}."),
        };
        Self {
            code: "NOT_FOUND".to_owned(),
            message,
            path,
        }
    }
}

impl NotAllowedError {
    /// `message` says who may.
    pub fn new(message: &str, path: Option<Vec<String>>) -> Self {
        Self {
            code: "NOT_ALLOWED".to_owned(),
            message: sentence(message),
            path,
        }
    }
}

impl InvalidCredentialError {
    /// What was given as this member of the input.
    pub fn of(argument: &str) -> Self {
        Self {
            code: "INVALID_CREDENTIAL".to_owned(),
            message: format!("The {argument} is not valid."),
            path: Place::Input.path(argument),
        }
    }
}

impl InvalidArgumentError {
    /// From the domain's words.
    pub fn of(bad: &BadArgument, place: Place) -> Self {
        Self::new(&bad.message, place.path_in(&bad.path))
    }

    /// In other words.
    pub fn new(message: &str, path: Option<Vec<String>>) -> Self {
        Self {
            code: "INVALID_ARGUMENT".to_owned(),
            message: sentence(message),
            path,
        }
    }
}

impl InputValidationError {
    /// About the document at `path`, called `what` for people.
    pub fn of(what: &str, issues: Vec<crate::base::json_schema::Issue>, path: Option<Vec<String>>) -> Self {
        let message = match issues.len() {
            1 => format!("The {what} breaks its schema in one place."),
            count => format!("The {what} breaks its schema in {count} places."),
        };
        Self {
            code: "INPUT_VALIDATION".to_owned(),
            message,
            path,
            issues: issues.into_iter().map(InputIssue::from).collect(),
        }
    }
}

impl AgentRetiredError {
    /// The agent at `path`.
    pub fn of(agent: entity::agent::Model, path: Option<Vec<String>>) -> Self {
        Self {
            code: "AGENT_RETIRED".to_owned(),
            message: if agent.retired_at.is_some() {
                "The agent is retired and takes no new work."
            } else {
                "The agent takes no new work, for its agent type is no longer registered."
            }
            .to_owned(),
            path,
            agent: Agent(agent),
        }
    }
}

impl ExecutionTypeMismatchError {
    /// What the agent can run.
    pub fn of(available_keys: Vec<String>, path: Option<Vec<String>>) -> Self {
        Self {
            code: "EXECUTION_TYPE_MISMATCH".to_owned(),
            message: "The agent cannot run executions of this type.".to_owned(),
            path,
            available_keys,
        }
    }
}

impl SchemaVersionConflictError {
    /// The version that the type has now.
    pub fn of(current_version: String, path: Option<Vec<String>>) -> Self {
        Self {
            code: "SCHEMA_VERSION_CONFLICT".to_owned(),
            message: "The execution type's schemas have changed since they were read.".to_owned(),
            path,
            current_version,
        }
    }
}

impl NameTakenError {
    /// The name.
    pub fn of(name: &str) -> Self {
        Self {
            code: "NAME_TAKEN".to_owned(),
            message: format!("The name \"{name}\" is taken."),
            path: Place::Input.path("name"),
        }
    }
}

/// What became of files: a file id that names nothing is not found, all else breaks a rule.
pub fn file_refused<E>(rejected: files::Rejected, uploads: usize, file_ids: &[ID], place: Place) -> E
where
    E: From<NotFoundError> + From<FileRejectedError>,
{
    let at = |list: &str, index: usize| place.path_in(&[list.to_owned(), index.to_string()]);
    let path = match rejected.index {
        Some(index) if index < uploads => at("files", index),
        Some(index) => at("fileIds", index - uploads),
        None if uploads > 0 => place.path("files"),
        None => place.path("fileIds"),
    };
    if rejected.is_unknown_id {
        let id = rejected.index.and_then(|index| file_ids.get(index - uploads));
        return NotFoundError::of(Kind::File, id.map_or("", |id| id.as_str()), path).into();
    }
    FileRejectedError::of(rejected, path).into()
}

impl FileRejectedError {
    /// The file at `path`.
    pub fn of(rejected: files::Rejected, path: Option<Vec<String>>) -> Self {
        Self {
            code: "FILE_REJECTED".to_owned(),
            message: match &rejected.filename {
                Some(name) => format!("{name}: {}.", rejected.message),
                None => sentence(&rejected.message),
            },
            path,
            rule: rejected.rule.into(),
            index: rejected.index.and_then(|index| i32::try_from(index).ok()),
            filename: rejected.filename,
            rules: rejected.rules.as_ref().map(FileRules::of),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_the_domain_become_sentences() {
        assert_eq!(sentence("a label is short"), "A label is short.");
        assert_eq!(sentence("ttlSeconds is 1 to 9"), "ttlSeconds is 1 to 9.");
        assert_eq!(sentence("20 labels at most"), "20 labels at most.");
    }

    #[test]
    fn an_id_of_another_kind_is_told_apart_and_garbage_is_not() {
        let of = |id: &str| NotFoundError::of(Kind::Agent, id, None).message;
        assert_eq!(of("x"), "There is no such agent.");
        assert_eq!(
            of("exe_0192f3c1000070008000000000000000"),
            "There is no such agent: an agent is expected here, and the id is an execution's."
        );
        assert_eq!(
            of("agt_0192f3c1000070008000000000000000"),
            "There is no such agent."
        );
    }
}
