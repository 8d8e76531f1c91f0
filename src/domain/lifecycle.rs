//! The life of an execution: `PENDING → IN_PROGRESS → FINISHED | FAILED`, exactly these four.
//! Cancelled, expired, timed out and abandoned executions are FAILED with a category that says so.
//!
//! Every change of an execution goes through [`save`]: it checks the move, raises the revision
//! and writes the change-log row in the same transaction.

use entity::{change, execution, run};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::access::Viewer;
use super::explanation::Cause;
use super::journal::{self, Entry, Progress};
use super::{Fault, Store, Work, faults};
use crate::base::failure::{self, ExplanationSource, FailureCategory};
use crate::base::text::without_nul;
use crate::bus::Signal;
use crate::db;

/// Where an execution is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Accepted and stored.
    Pending,
    /// A worker has taken it. It never goes back, whatever happens to the worker.
    InProgress,
    /// There is a result.
    Finished,
    /// There is a failure.
    Failed,
}

/// The legal moves. IN_PROGRESS never goes back.
const MOVES: [(Status, Status); 4] = [
    (Status::Pending, Status::InProgress),
    // Cancelled, expired or unable to start.
    (Status::Pending, Status::Failed),
    (Status::InProgress, Status::Finished),
    (Status::InProgress, Status::Failed),
];

impl Status {
    /// Every status, in the contract's order.
    pub const ALL: [Self; 4] = [Self::Pending, Self::InProgress, Self::Finished, Self::Failed];

    /// The stored form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::InProgress => "in_progress",
            Self::Finished => "finished",
            Self::Failed => "failed",
        }
    }

    /// Reads the stored form.
    pub fn from_stored(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// No move leads out of it.
    pub fn is_terminal(self) -> bool {
        !MOVES.iter().any(|(from, _)| *from == self)
    }

    /// Whether the move is legal.
    pub fn may_become(self, next: Self) -> bool {
        MOVES.contains(&(self, next))
    }
}

/// The status of a row.
///
/// # Errors
/// `Corrupt` for a status that no version of this program wrote.
pub fn status(row: &execution::Model) -> Result<Status, Fault> {
    Status::from_stored(&row.status).ok_or_else(|| Fault::Corrupt {
        what: "execution.status",
        id: row.id.to_string(),
    })
}

/// Why an execution or a reply failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Stored form of a [`FailureCategory`].
    pub category: String,
    /// One of the execution type's codes.
    pub code: String,
    /// For people.
    pub explanation: String,
    /// Stored form of an [`ExplanationSource`].
    pub source: String,
    /// Whether the same input may well succeed when it is launched again.
    pub retryable: bool,
}

impl Failure {
    /// A failure with a built-in code, explained by the system.
    pub fn of(category: FailureCategory, explanation: impl Into<String>) -> Self {
        Self {
            category: category.as_str().to_owned(),
            code: category.as_str().to_owned(),
            explanation: explanation.into(),
            source: ExplanationSource::System.as_str().to_owned(),
            retryable: category.is_retryable(),
        }
    }

    /// A failure with one of the further built-in codes, explained by the system.
    pub fn coded(code: &str, explanation: impl Into<String>) -> Self {
        let known = failure::built_in().into_iter().find(|known| known.code == code);
        let known = known.expect("codes are given by their constants");
        Self {
            code: known.code,
            retryable: known.retryable,
            ..Self::of(known.category, explanation)
        }
    }

    /// The same, explained by someone else.
    pub fn explained_by(mut self, source: ExplanationSource) -> Self {
        self.source = source.as_str().to_owned();
        self
    }
}

/// How an execution ends.
#[derive(Debug, Clone, PartialEq)]
pub enum Ending {
    /// With a result.
    Finished(Value),
    /// With a failure.
    Failed(Failure),
}

/// Writes a changed row. `before` was read and locked in this work.
///
/// # Errors
/// When the database fails, or the row has changed since it was read: a defect, as it was locked.
pub async fn save(
    work: &mut Work,
    before: &execution::Model,
    mut after: execution::Model,
) -> Result<execution::Model, Fault> {
    let (from, to) = (status(before)?, status(&after)?);
    assert!(from == to || from.may_become(to), "{from:?} never becomes {to:?}");
    after.revision = before.revision + 1;
    after.updated_at = work.now;
    if !db::executions::replace(&work.tx, before, after.clone()).await? {
        return Err(Fault::Corrupt {
            what: "revision",
            id: before.id.to_string(),
        });
    }
    log_change(work, &after, (from != to).then_some(from), false).await?;
    Ok(after)
}

/// Writes the change-log row of a change.
pub(super) async fn log_change(
    work: &mut Work,
    row: &execution::Model,
    previous: Option<Status>,
    is_deletion: bool,
) -> Result<(), Fault> {
    let change = change::Model {
        number: 0,         // given by the database
        transaction_id: 0, // given by the database
        execution_id: row.id,
        revision: row.revision,
        is_deletion,
        data_set_id: row.data_set_id,
        agent_id: row.agent_id,
        execution_key: row.execution_key.clone(),
        launched_by: row.launched_by,
        status: row.status.clone(),
        previous_status: previous.map(|status| status.as_str().to_owned()),
        occurred_at: work.now,
    };
    db::changes::insert(&work.tx, change).await?;
    work.signal(Signal::Changed);
    Ok(())
}

/// A worker takes a pending execution.
///
/// # Errors
/// When the database fails.
pub async fn start(work: &mut Work, before: &execution::Model) -> Result<execution::Model, Fault> {
    let mut after = before.clone();
    after.status = Status::InProgress.as_str().to_owned();
    after.started_at = Some(work.now);
    after.deadline_at = before.max_duration_ms.map(|most| work.now.saturating_add(most));
    let entry = Entry::StatusChanged {
        from: Some(Status::Pending),
        to: Status::InProgress,
    };
    let after = save(work, before, after).await?;
    journal::append(work, after.conversation_id, Some(after.attempt), vec![entry]).await?;
    Ok(after)
}

/// Ends an execution and its run. Once a cancel was accepted the end is CANCELED, whatever the
/// caller came with.
///
/// # Errors
/// When the database fails.
pub async fn end(
    work: &mut Work,
    before: &execution::Model,
    run: Uuid,
    ending: Ending,
) -> Result<execution::Model, Fault> {
    let from = status(before)?;
    let mut after = before.clone();
    after.finished_at = Some(work.now);
    after.duration_ms = before.started_at.map(|started| (work.now - started).max(0));
    let ending = if before.cancel_requested_at.is_some() {
        after.cancel_confirmed_at = Some(work.now);
        Ending::Failed(canceled(before))
    } else {
        ending
    };
    let to = match &ending {
        Ending::Finished(result) => {
            let result = without_nul(result.clone()).to_string();
            db::executions::set_result(&work.tx, before.id, &result).await?;
            Status::Finished
        }
        Ending::Failed(failure) => {
            after.failure_category = Some(failure.category.clone());
            after.failure_code = Some(failure.code.clone());
            after.failure_retryable = Some(failure.retryable);
            let explanation = failure.explanation.replace('\0', "\u{FFFD}");
            db::executions::set_explanation(&work.tx, before.id, &explanation, &failure.source).await?;
            Status::Failed
        }
    };
    after.status = to.as_str().to_owned();
    let after = save(work, before, after).await?;
    let entry = Entry::StatusChanged { from: Some(from), to };
    journal::append(work, after.conversation_id, Some(after.attempt), vec![entry]).await?;
    db::events::clear_started(&work.tx, after.conversation_id).await?;
    db::runs::delete(&work.tx, run).await?;
    let category = after
        .failure_category
        .clone()
        .unwrap_or_else(|| "none".to_owned());
    let ended =
        metrics::counter!("agentic_executions_ended_total", "status" => to.as_str(), "category" => category);
    work.count(ended);
    Ok(after)
}

fn canceled(row: &execution::Model) -> Failure {
    match row
        .cancel_reason
        .as_deref()
        .filter(|reason| !reason.trim().is_empty())
    {
        Some(reason) => Failure::of(FailureCategory::Canceled, reason).explained_by(ExplanationSource::User),
        None => Cause::Canceled.of_execution(row),
    }
}

/// Notes how far the agent is.
///
/// # Errors
/// When the database fails.
pub async fn report_progress(
    work: &mut Work,
    before: &execution::Model,
    progress: Progress,
) -> Result<execution::Model, Fault> {
    let mut after = before.clone();
    after.progress_done = Some(progress.done);
    after.progress_total = progress.total;
    after.progress_note.clone_from(&progress.note);
    let after = save(work, before, after).await?;
    journal::append(
        work,
        after.conversation_id,
        Some(after.attempt),
        vec![Entry::Progress(progress)],
    )
    .await?;
    Ok(after)
}

/// Why an execution was not canceled.
#[derive(Debug, thiserror::Error)]
pub enum CancelError {
    /// Not there, or not the viewer's to see.
    #[error("there is no such execution")]
    NotFound,
    /// It ended before, in another way.
    #[error("the execution has ended already")]
    AlreadyTerminal(Box<execution::Model>),
    /// Longer than a reason may be.
    #[error("a reason has 2000 characters at most and no U+0000")]
    BadReason,
    /// A fault.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// A reason's greatest length in characters.
pub const MAX_REASON: usize = 2000;

/// Whether a reason is out of its limits.
pub fn is_bad_reason(reason: Option<&str>) -> bool {
    reason.is_some_and(|reason| reason.chars().count() > MAX_REASON || reason.contains('\0'))
}

/// Cancels an execution. What nobody works on ends at once; a worker is told to abort what it
/// does and then confirms. Cancelling again succeeds and keeps the first reason.
///
/// # Errors
/// [`CancelError`].
pub async fn cancel(
    store: &Store,
    viewer: &Viewer,
    id: Uuid,
    reason: Option<&str>,
) -> Result<execution::Model, CancelError> {
    if is_bad_reason(reason) {
        return Err(CancelError::BadReason);
    }
    let mut work = store.begin().await?;
    let run = db::runs::find_of_execution_locked(&work.tx, id).await?;
    let before = db::executions::find_locked(&work.tx, id).await?;
    let before = before
        .filter(|row| viewer.sees_execution(row))
        .ok_or(CancelError::NotFound)?;
    let (Some(run), false) = (run, status(&before)?.is_terminal()) else {
        return if before.failure_category.as_deref() == Some(FailureCategory::Canceled.as_str()) {
            Ok(before)
        } else {
            Err(CancelError::AlreadyTerminal(Box::new(before)))
        };
    };
    if before.cancel_requested_at.is_some() {
        return Ok(before);
    }
    let mut after = before.clone();
    after.cancel_requested_at = Some(work.now);
    after.cancel_requested_by = Some(viewer.user_id);
    after.cancel_reason = reason.map(str::to_owned);
    let mut after = save(&mut work, &before, after).await?;
    if is_held(&run, work.now) {
        db::runs::request_stop(&work.tx, run.id, work.now).await?;
        work.signal(Signal::Stop(run.id));
    } else {
        let ending = Ending::Failed(canceled(&after));
        after = end(&mut work, &after, run.id, ending).await?;
    }
    work.commit().await?;
    Ok(after)
}

/// Whether somebody works on a run.
pub fn is_held(run: &run::Model, now: i64) -> bool {
    run.lease_expires_at > now
}

/// Deletes an execution with its journal and its files. Whoever runs it loses the run.
///
/// # Errors
/// When the database fails. False when there is none.
pub async fn delete(store: &Store, id: Uuid) -> Result<bool, Fault> {
    let mut work = store.begin().await?;
    let run = db::runs::find_of_execution_locked(&work.tx, id).await?;
    let Some(row) = db::executions::find_locked(&work.tx, id).await? else {
        return Ok(false);
    };
    if let Some(run) = run {
        db::runs::delete(&work.tx, run.id).await?;
        work.signal(Signal::Stop(run.id));
    }
    let last = execution::Model {
        revision: row.revision + 1,
        ..row.clone()
    };
    log_change(&mut work, &last, None, true).await?;
    db::files::delete_of_conversation(&work.tx, row.conversation_id).await?;
    db::executions::delete(&work.tx, id).await?;
    db::conversations::delete(&work.tx, row.conversation_id).await?;
    work.signal(Signal::Conversation(row.conversation_id));
    work.commit().await?;
    Ok(true)
}

faults!(CancelError);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finished_and_failed_are_the_ends_and_nothing_goes_back() {
        assert!(Status::Finished.is_terminal() && Status::Failed.is_terminal());
        assert!(!Status::Pending.is_terminal() && !Status::InProgress.is_terminal());
        assert!(!Status::InProgress.may_become(Status::Pending));
        assert!(!Status::Pending.may_become(Status::Finished));
    }

    #[test]
    fn every_status_reads_back() {
        for status in Status::ALL {
            assert_eq!(Status::from_stored(status.as_str()), Some(status));
        }
        assert_eq!(Status::from_stored("PENDING"), None);
    }
}
