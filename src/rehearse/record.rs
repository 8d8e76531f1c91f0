//! An execution that has ended, as a case: its input and files, what its model said, what it met in
//! the records and in other systems, and what came of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use entity::execution;
use serde_json::Value;
use uuid::Uuid;

use crate::base::failure::{ExplanationSource, FailureCategory};
use crate::base::id::Kind;
use crate::base::message::{Message, Part, Role};
use crate::db;
use crate::definitions::case::{
    Attachment, CaseFile, Expected, ExpectedCall, ExpectedFailure, OutsideResult, Story,
};
use crate::definitions::{Case, Catalog};
use crate::domain::journal::{self, Entry, Event, Tokens};
use crate::domain::lifecycle::{self, Status};
use crate::domain::{Fault, Store, files};
use crate::model::rehearsal::recording::{self, Names, Piece, Said, Turn};
use crate::runner::Registry;
use crate::storage::{self, Storage};

use super::met::Met;
use super::play::{self, PlayedCall};

/// A file larger than this fits no definition.
const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;

/// Why no case was made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is none of this id.
    #[error("there is no execution {0}")]
    NotFound(String),
    /// It is still going on.
    #[error("the execution has not ended: it is {0}")]
    NotEnded(&'static str),
    /// It ended by something that no model said.
    #[error("it ended {0}, which is nothing that a script can play again")]
    NotPlayable(String),
    /// Its definition is not among those that were loaded.
    #[error("its execution type {0} is not among the definitions")]
    UnknownType(String),
    /// A definition takes no file of this size.
    #[error("its file {0} is larger than {MAX_FILE_BYTES} bytes, which is more than a case may hold")]
    FileTooLarge(String),
    /// A fault.
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

/// A case, and the execution type that it is one of.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Recorded {
    pub execution_key: String,
    pub case: Case,
}

/// What an execution is recorded with.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Sources {
    pub store: Store,
    pub storage: Storage,
    pub catalog: Catalog,
    pub registry: Registry,
}

/// Makes a case of this name from an execution.
///
/// # Errors
/// [`Error`].
pub async fn record(sources: &Sources, id: Uuid, name: &str) -> Result<Recorded, Error> {
    let db = sources.store.db.read();
    let row = db::executions::find(db, id).await?;
    let row = row.ok_or_else(|| Error::NotFound(Kind::Execution.format(id)))?;
    check_playable(&row)?;
    if sources.catalog.execution_type(&row.execution_key).is_none() {
        return Err(Error::UnknownType(row.execution_key));
    }
    let payload = db::executions::payloads(db, &[id]).await?.pop();
    let corrupt = || Fault::Corrupt {
        what: "execution_payload",
        id: id.to_string(),
    };
    let payload = payload.ok_or_else(corrupt)?;
    let input = serde_json::from_str(&payload.input).map_err(|_| corrupt())?;
    let attached = db::files::of_executions(db, &[id]).await?;
    let names = Names::recording(attached.iter().map(|file| Kind::File.format(file.id)));
    let events = journal::read_all(db, row.conversation_id).await?;
    let calls = play::calls(&events, &names);
    let (turns, explanation) = turns(&events, &names);

    let mut attachments = Vec::new();
    let mut case_files = Vec::new();
    for (file, place) in attached.iter().zip(1..) {
        let bytes = files::read_all(&sources.storage, file, MAX_FILE_BYTES).await?;
        let bytes = bytes.ok_or_else(|| Error::FileTooLarge(file.filename.clone()))?;
        attachments.push(attachment(&file.filename, place, &attachments));
        case_files.push(CaseFile {
            filename: file.filename.clone(),
            bytes: Arc::from(bytes),
        });
    }
    let outside = calls.iter().filter(|call| !sources.registry.is_ours(&call.tool));
    let results = outside
        .filter_map(|call| {
            Some(OutsideResult {
                tool: call.tool.clone(),
                arguments: call.arguments.clone(),
                is_error: call.is_error?,
                output: call.output.clone()?,
            })
        })
        .collect();
    let met = Met::of(&calls);
    let result: Option<Value> = payload.result.and_then(|text| serde_json::from_str(&text).ok());
    let failure = row.failure_code.clone().map(|code| ExpectedFailure {
        code,
        category: row.failure_category.clone(),
        // The system may come to say it better.
        explanation: payload
            .explanation
            .filter(|_| payload.explanation_source.as_deref() != Some(ExplanationSource::System.as_str()))
            .map(|text| names.in_text(&text).into_owned()),
    });
    let expect = Expected {
        status: row.status.clone(),
        result: result.map(|result| names.in_json(&result)),
        failure,
        attempts: Some(play::attempts(&events)),
        records: met.after(),
        calls: Some(calls.into_iter().map(expected_call).collect()),
    };
    let story = Story {
        description: Some(description(&row, &events)),
        input: names.in_json(&input),
        files: attachments,
        records: met.before(),
        turns: Some(turns),
        explanation,
        sees_images: was_shown_images(&events),
        results,
        expect,
    };
    Ok(Recorded {
        execution_key: row.execution_key,
        case: Case {
            name: name.to_owned(),
            story,
            files: case_files,
        },
    })
}

fn check_playable(row: &execution::Model) -> Result<(), Error> {
    let status = lifecycle::status(row)?;
    if !status.is_terminal() {
        return Err(Error::NotEnded(status.as_str()));
    }
    if status == Status::Finished {
        return Ok(());
    }
    let category = row.failure_category.as_deref().unwrap_or_default();
    match FailureCategory::from_stored(category) {
        Some(
            FailureCategory::MaxRetriesExceeded
            | FailureCategory::ValidationFailed
            | FailureCategory::StoppedByAgent
            | FailureCategory::BudgetExceeded,
        ) => Ok(()),
        _ => Err(Error::NotPlayable(category.replace('_', " "))),
    }
}

fn description(row: &execution::Model, events: &[Event]) -> String {
    let models: BTreeSet<&str> = events
        .iter()
        .filter_map(|event| match &event.entry {
            Entry::Message { model, .. } => model.as_deref(),
            _ => None,
        })
        .collect();
    let models: Vec<&str> = models.into_iter().collect();
    let at = crate::base::clock::to_rfc3339(row.created_at);
    let id = Kind::Execution.format(row.id);
    match models.as_slice() {
        [] => format!("Recorded from {id} of {at}; no model was asked."),
        models => format!("Recorded from {id} of {at}, worked on by {}.", models.join(", ")),
    }
}

/// Only a model that sees is shown a file by `read_file`; others are told that they cannot be.
fn was_shown_images(events: &[Event]) -> bool {
    let parts = events.iter().flat_map(|event| match &event.entry {
        Entry::Message { message, .. } => message.parts.as_slice(),
        _ => &[],
    });
    parts.into_iter().any(|part| {
        matches!(part, Part::ToolResult { tool, files, .. } if tool == "read_file" && !files.is_empty())
    })
}

/// What the model said, turn by turn, and its explanation, which follows the last refusal.
fn turns(events: &[Event], names: &Names) -> (Vec<Turn>, Option<Said>) {
    let mut turns = Vec::new();
    let mut explanation = None;
    let mut is_exhausted = false;
    for event in events {
        match &event.entry {
            Entry::ValidatorRejected { will_retry, .. } => is_exhausted = !will_retry,
            Entry::Message { message, usage, .. } if message.role == Role::Assistant => {
                let said = said(message, *usage, names);
                if is_exhausted {
                    explanation = Some(said);
                } else {
                    let attempt = event.attempt.and_then(|attempt| u32::try_from(attempt).ok());
                    let attempt = attempt.unwrap_or(1);
                    turns.push(Turn { attempt, said });
                }
            }
            _ => {}
        }
    }
    (turns, explanation)
}

fn said(message: &Message, usage: Option<Tokens>, names: &Names) -> Said {
    let piece = |part: &Part| match part {
        Part::Text { text } => Some(Piece::Text(names.in_text(text).into_owned())),
        Part::Reasoning { text } => Some(Piece::Reasoning(names.in_text(text).into_owned())),
        Part::ToolCall {
            call_id,
            tool,
            arguments,
        } => Some(Piece::Call {
            id: call_id.clone(),
            tool: tool.clone(),
            arguments: names.in_json(arguments),
        }),
        Part::Opaque { provider, data } => Some(Piece::Opaque {
            provider: provider.clone(),
            data: data.clone(),
        }),
        // Of others: a model says neither.
        Part::ToolResult { .. } | Part::File { .. } => None,
    };
    let count = |tokens: i64| u64::try_from(tokens).unwrap_or(0);
    Said {
        parts: message.parts.iter().filter_map(piece).collect(),
        usage: usage.map(|usage| recording::Tokens {
            input: count(usage.input),
            cached_input: count(usage.cached_input),
            output: count(usage.output),
        }),
    }
}

fn expected_call(call: PlayedCall) -> ExpectedCall {
    ExpectedCall {
        tool: call.tool,
        arguments: Some(call.arguments),
        is_error: call.is_error,
        output: call.output,
    }
}

/// A place for a file: under its own name where that can be one and is not taken.
fn attachment(filename: &str, place: usize, taken: &[Attachment]) -> Attachment {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let path = format!("files/{filename}");
    let is_free = taken.iter().all(|other| !other.path.eq_ignore_ascii_case(&path));
    if filename.chars().all(is_plain) && !filename.starts_with('.') && is_free {
        return Attachment { path, filename: None };
    }
    Attachment {
        path: format!("files/{place}"),
        filename: Some(filename.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_lie_under_their_names_where_these_can_be_names() {
        let mut taken = Vec::new();
        for (place, name) in ["a.csv", "A.csv", "ö.csv", ".hidden", "b c.csv"]
            .into_iter()
            .enumerate()
        {
            let next = attachment(name, place + 1, &taken);
            assert_eq!(next.filename(), name);
            taken.push(next);
        }
        let paths: Vec<&str> = taken.iter().map(|it| it.path.as_str()).collect();
        assert_eq!(paths, ["files/a.csv", "files/2", "files/3", "files/4", "files/5"]);
    }
}
