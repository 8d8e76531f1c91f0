//! The journal: what happened in a conversation, in order, and the only truth about it. Entries
//! are appended and never changed; sequence numbers are dense, given out under the lock of the
//! conversation's row.
//!
//! To add a kind of entry: a variant of [`Entry`], its name in [`Entry::kind`], and a type in the
//! GraphQL contract.

use entity::event;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::lifecycle::{Failure, Status};
use super::{Fault, Work};
use crate::base::message::{Message, Role};
use crate::base::text::without_nul;
use crate::bus::Signal;
use crate::db;

/// The kind of entry that messages are.
pub const MESSAGE: &str = "message";

/// One entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Entry {
    /// Someone said something.
    Message {
        #[serde(flatten)]
        message: Message,
        /// The model that wrote it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        usage: Option<Tokens>,
    },
    /// The execution's status changed; `from` is none at launch.
    StatusChanged { from: Option<Status>, to: Status },
    /// A correction cycle begins.
    AttemptStarted { attempt: i32 },
    /// A validator refused the answer.
    ValidatorRejected {
        attempt: i32,
        validator: String,
        feedback: String,
        will_retry: bool,
    },
    /// The agent said how far it is.
    Progress(Progress),
    /// An answer is owed.
    ReplyStarted,
    /// The answer is there, or is not to be had.
    ReplyEnded {
        outcome: ReplyOutcome,
        failure: Option<Failure>,
    },
}

/// Tokens of one model call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Tokens {
    /// With the cached ones.
    pub input: i64,
    pub output: i64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cached_input: i64,
    /// None where the model has no price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_micro_usd: Option<i64>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // as serde calls it
fn is_zero(number: &i64) -> bool {
    *number == 0
}

impl Tokens {
    /// Read and written.
    pub fn all(&self) -> i64 {
        self.input.saturating_add(self.output)
    }

    /// Together with more.
    #[must_use]
    pub fn and(self, more: Self) -> Self {
        let cost = |tokens: Self| tokens.cost_micro_usd.unwrap_or(0);
        let is_priced = self.cost_micro_usd.is_some() || more.cost_micro_usd.is_some();
        Self {
            input: self.input.saturating_add(more.input),
            output: self.output.saturating_add(more.output),
            cached_input: self.cached_input.saturating_add(more.cached_input),
            cost_micro_usd: is_priced.then(|| cost(self).saturating_add(cost(more))),
        }
    }
}

/// How far an execution is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Progress {
    pub done: i32,
    pub total: Option<i32>,
    pub note: Option<String>,
}

/// How a reply ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum ReplyOutcome {
    Answered,
    Stopped,
    Failed,
}

impl Entry {
    /// A message that no model wrote.
    pub fn message(message: Message) -> Self {
        Self::Message {
            message,
            model: None,
            usage: None,
        }
    }

    /// The stored name of the kind.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Message { .. } => MESSAGE,
            Self::StatusChanged { .. } => "status_changed",
            Self::AttemptStarted { .. } => "attempt_started",
            Self::ValidatorRejected { .. } => "validator_rejected",
            Self::Progress(_) => "progress",
            Self::ReplyStarted => "reply_started",
            Self::ReplyEnded { .. } => "reply_ended",
        }
    }

    fn role(&self) -> Option<Role> {
        match self {
            Self::Message { message, .. } => Some(message.role),
            _ => None,
        }
    }
}

/// An entry as stored.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct Event {
    pub id: Uuid,
    pub conversation_id: Uuid,
    pub sequence: i64,
    pub attempt: Option<i32>,
    pub occurred_at: i64,
    pub entry: Entry,
}

impl Event {
    /// Reads a row.
    ///
    /// # Errors
    /// `Corrupt` when no version of this program wrote it.
    pub fn from_row(row: event::Model) -> Result<Self, Fault> {
        let entry = serde_json::from_str(&row.body).map_err(|_| Fault::Corrupt {
            what: "event",
            id: row.id.to_string(),
        })?;
        Ok(Self {
            id: row.id,
            conversation_id: row.conversation_id,
            sequence: row.sequence,
            attempt: row.attempt,
            occurred_at: row.occurred_at,
            entry,
        })
    }
}

/// Appends entries in one go; they become durable with `work`. `attempt` is the execution's
/// correction cycle, none in people's conversations.
///
/// # Errors
/// When the database fails.
pub async fn append(
    work: &mut Work,
    conversation: Uuid,
    attempt: Option<i32>,
    entries: Vec<Entry>,
) -> Result<Vec<Event>, Fault> {
    let entries = entries.into_iter().map(|entry| (work.id(), entry)).collect();
    append_as(work, conversation, attempt, entries).await
}

/// [`append`] with ids given, for messages whose id was told before they were stored.
///
/// # Errors
/// When the database fails.
pub async fn append_as(
    work: &mut Work,
    conversation: Uuid,
    attempt: Option<i32>,
    entries: Vec<(Uuid, Entry)>,
) -> Result<Vec<Event>, Fault> {
    if entries.is_empty() {
        return Ok(Vec::new());
    }
    let count = i64::try_from(entries.len()).unwrap_or(i64::MAX);
    let last = db::conversations::advance(&work.tx, conversation, count, work.now).await?;
    let mut rows = Vec::with_capacity(entries.len());
    let mut events = Vec::with_capacity(entries.len());
    for ((id, entry), sequence) in entries.into_iter().zip(last - count + 1..) {
        // What models and tools say may hold U+0000, which PostgreSQL cannot store.
        let body = without_nul(serde_json::to_value(&entry).expect("entries are plain data"));
        rows.push(event::Model {
            conversation_id: conversation,
            sequence,
            id,
            kind: entry.kind().to_owned(),
            role: entry.role().map(|role| role.as_str().to_owned()),
            attempt,
            body: body.to_string(),
            occurred_at: work.now,
        });
        events.push(Event {
            id,
            conversation_id: conversation,
            sequence,
            attempt,
            occurred_at: work.now,
            entry,
        });
    }
    db::events::insert(&work.tx, rows).await?;
    work.signal(Signal::Conversation(conversation));
    Ok(events)
}

/// Up to `limit` entries after a sequence number.
///
/// # Errors
/// When the database fails.
pub async fn after(
    db: &impl db::Conn,
    conversation: Uuid,
    sequence: i64,
    limit: u64,
) -> Result<Vec<Event>, Fault> {
    let rows = db::events::after(db, conversation, sequence, limit).await?;
    rows.into_iter().map(Event::from_row).collect()
}

/// The whole journal.
///
/// # Errors
/// When the database fails.
pub async fn read_all(db: &impl db::Conn, conversation: Uuid) -> Result<Vec<Event>, Fault> {
    const AT_ONCE: u64 = 1000;
    let mut all: Vec<Event> = Vec::new();
    loop {
        let last = all.last().map_or(0, |event| event.sequence);
        let next = after(db, conversation, last, AT_ONCE).await?;
        let is_last = (next.len() as u64) < AT_ONCE;
        all.extend(next);
        if is_last {
            return Ok(all);
        }
    }
}
