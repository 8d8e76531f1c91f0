//! People's conversations with agents. A message queues a reply: a run like an execution's, that
//! survives a crash, can be stopped, and always ends in an entry that says how. Executions'
//! conversations are read-only and only read here.

use std::time::Duration;

use entity::{agent, conversation, file, run};
use serde_json::json;
use uuid::Uuid;

use super::access::Viewer;
use super::agents;
use super::files::{self, Rejected, Taken};
use super::idempotency::{self, Conflict, Key, Made};
use super::journal::{self, Entry, Event, ReplyOutcome};
use super::launch;
use super::lifecycle::{self, Failure};
use super::{BadArgument, Fault, Store, Work, faults};
use crate::base::clock::ms;
use crate::base::message::{Message, Part, Role};
use crate::base::text::fold;
use crate::bus::Signal;
use crate::db;
use crate::definitions::{AgentType, Catalog};
use crate::storage::Storage;
use crate::telemetry::traces;

/// A message's greatest length in characters.
pub const MAX_TEXT: usize = 100_000;

/// A title's greatest length in characters.
pub const MAX_TITLE: usize = 200;

/// Why a conversation takes no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadOnly {
    /// It is an execution's own.
    Execution,
    /// Its agent takes no new work.
    AgentRetired,
    /// Someone else holds it.
    NotParticipant,
}

/// Whether the viewer may write to a conversation that they see.
pub fn read_only(
    viewer: &Viewer,
    catalog: &Catalog,
    row: &conversation::Model,
    agent: &agent::Model,
) -> Option<ReadOnly> {
    if !row.is_chat {
        Some(ReadOnly::Execution)
    } else if row.started_by != viewer.user_id {
        Some(ReadOnly::NotParticipant)
    } else if agents::find_working(catalog, agent).is_none() {
        Some(ReadOnly::AgentRetired)
    } else {
        None
    }
}

/// A conversation that the viewer may see.
///
/// # Errors
/// When the database fails.
pub async fn find(store: &Store, viewer: &Viewer, id: Uuid) -> Result<Option<conversation::Model>, Fault> {
    let row = db::conversations::find(store.db.read(), id).await?;
    Ok(row.filter(|row| viewer.sees_conversation(row)))
}

/// Why a conversation was not started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No such agent, or not the viewer's to see.
    #[error("there is no such agent")]
    AgentNotFound,
    /// It takes no new work: see [`agents::find_working`].
    #[error("the agent takes no new work")]
    AgentRetired(Box<agent::Model>),
    /// A title or key out of its limits.
    #[error(transparent)]
    Argument(#[from] BadArgument),
    /// The key was used before.
    #[error("the idempotency key was used before")]
    Conflict(Box<conversation::Model>, Conflict),
    /// A fault.
    #[error(transparent)]
    Fault(#[from] Fault),
}

const START: &str = "startConversation";

/// Starts a conversation; false when the idempotency key had started it before.
///
/// # Errors
/// [`StartError`].
pub async fn start(
    store: &Store,
    catalog: &Catalog,
    viewer: &Viewer,
    agent_id: Uuid,
    title: Option<String>,
    idempotency: Option<&Key>,
) -> Result<(conversation::Model, bool), StartError> {
    idempotency.map_or(Ok(()), Key::check)?;
    let fingerprint = idempotency::fingerprint(&json!({ "agentId": agent_id, "title": title }));
    if let Some(key) = idempotency
        && let Some(made) = idempotency::find_made(store, viewer, START, key, &fingerprint).await?
    {
        return started_before(store, viewer, made).await;
    }
    let agent = db::agents::find(store.db.read(), agent_id).await?;
    let agent = agent
        .filter(|agent| viewer.sees_data_set(agent.data_set_id))
        .ok_or(StartError::AgentNotFound)?;
    if agents::find_working(catalog, &agent).is_none() {
        return Err(StartError::AgentRetired(Box::new(agent)));
    }
    if title
        .as_ref()
        .is_some_and(|title| title.chars().count() > MAX_TITLE || title.contains('\0'))
    {
        let message = format!("a title has {MAX_TITLE} characters at most and no U+0000");
        return Err(BadArgument::new("title", message).into());
    }
    let mut work = store.begin().await?;
    let id = work.id();
    if let Some(key) = idempotency
        && !idempotency::try_take(&work, viewer, START, key, &fingerprint, id).await?
    {
        drop(work);
        let made = idempotency::get_made(store, viewer, START, key, &fingerprint).await?;
        return started_before(store, viewer, made).await;
    }
    let row = conversation::Model {
        id,
        data_set_id: agent.data_set_id,
        agent_id: agent.id,
        started_by: viewer.user_id,
        is_chat: true,
        execution_id: None,
        title_folded: title.as_deref().map(fold),
        title,
        last_sequence: 0,
        reply_run_id: None,
        reply_failure: None,
        created_at: work.now,
        updated_at: work.now,
    };
    db::conversations::insert(&work.tx, row.clone()).await?;
    work.signal(Signal::Conversation(id));
    work.commit().await?;
    Ok((row, true))
}

async fn started_before(
    store: &Store,
    viewer: &Viewer,
    made: Made,
) -> Result<(conversation::Model, bool), StartError> {
    let row = db::conversations::find(store.db.read(), made.subject_id)
        .await?
        .ok_or_else(|| made.is_gone())?;
    // Whoever lost the data set since no longer sees its agents and conversations.
    if !viewer.sees_conversation(&row) {
        return Err(StartError::AgentNotFound);
    }
    match made.conflict {
        None => Ok((row, false)),
        Some(conflict) => Err(StartError::Conflict(Box::new(row), conflict)),
    }
}

/// Why a message was not taken.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// Not there, or not the viewer's to see.
    #[error("there is no such conversation")]
    NotFound,
    /// Not the viewer's to write to.
    #[error("this conversation is read-only")]
    ReadOnly(ReadOnly),
    /// The agent is still answering.
    #[error("the agent is still answering")]
    Busy(Box<conversation::Model>),
    /// A file was refused.
    #[error("a file was refused")]
    File(Box<Rejected>),
    /// Text or key out of its limits.
    #[error(transparent)]
    Argument(#[from] BadArgument),
    /// The key was used before.
    #[error("the idempotency key was used before")]
    Conflict(Box<conversation::Model>, Conflict),
    /// A fault.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<files::TakeError> for SendError {
    fn from(error: files::TakeError) -> Self {
        match error {
            files::TakeError::Rejected(rejected) => Self::File(rejected),
            files::TakeError::Fault(fault) => Self::Fault(fault),
        }
    }
}

/// What someone says.
#[derive(Debug)]
pub struct Said {
    /// The conversation.
    pub conversation_id: Uuid,
    /// Not blank.
    pub text: String,
    /// Files that come with the request.
    pub uploads: Vec<files::Incoming>,
    /// Files stored before.
    pub file_ids: Vec<String>,
    /// Against saying it twice.
    pub idempotency: Option<Key>,
}

/// A message that was taken.
#[derive(Debug)]
pub struct Sent {
    /// The stored message.
    pub event: Event,
    /// As it is now.
    pub conversation: conversation::Model,
    /// False when the idempotency key had sent it before.
    pub created: bool,
}

const SEND: &str = "sendMessage";

/// Stores a message and queues the reply.
///
/// # Errors
/// [`SendError`].
pub async fn send_message(
    store: &Store,
    catalog: &Catalog,
    storage: &Storage,
    viewer: &Viewer,
    mut said: Said,
) -> Result<Sent, SendError> {
    let mut guard = None;
    if let Some(key) = said.idempotency {
        key.check()?;
        let hashes = files::hash_all(&mut said.uploads).await?;
        let fingerprint = idempotency::fingerprint(&json!({
            "conversationId": said.conversation_id, "text": said.text, "files": hashes, "fileIds": said.file_ids,
        }));
        if let Some(made) = idempotency::find_made(store, viewer, SEND, &key, &fingerprint).await? {
            return sent_before(store, viewer, made).await;
        }
        guard = Some((key, fingerprint));
    }
    let row = find(store, viewer, said.conversation_id)
        .await?
        .ok_or(SendError::NotFound)?;
    let agent = db::agents::find(store.db.read(), row.agent_id)
        .await?
        .ok_or(SendError::NotFound)?;
    if let Some(reason) = read_only(viewer, catalog, &row, &agent) {
        return Err(SendError::ReadOnly(reason));
    }
    let agent_type =
        agents::find_working(catalog, &agent).ok_or(SendError::ReadOnly(ReadOnly::AgentRetired))?;
    let length = said.text.chars().count();
    if said.text.trim().is_empty() || length > MAX_TEXT || said.text.contains('\0') {
        let message = format!("a message has 1 to {MAX_TEXT} characters, not only blanks, and no U+0000");
        return Err(BadArgument::new("text", message).into());
    }
    let rules = agent_type.file_rules.as_ref();
    let taken = files::take(
        store,
        storage,
        viewer,
        rules,
        row.data_set_id,
        said.uploads,
        &said.file_ids,
    )
    .await?;
    let idempotency = guard
        .as_ref()
        .map(|(key, fingerprint)| (key, fingerprint.as_str()));
    let stored = store_message(
        store,
        viewer,
        agent_type,
        row.id,
        said.text,
        taken.clone(),
        idempotency,
    )
    .await;
    if !matches!(stored, Ok(Some(_))) {
        files::discard(store, storage, &taken).await;
    }
    match (stored?, idempotency) {
        (Some(sent), _) => Ok(sent),
        (None, Some((key, fingerprint))) => {
            let made = idempotency::get_made(store, viewer, SEND, key, fingerprint).await?;
            sent_before(store, viewer, made).await
        }
        (None, None) => unreachable!("only a key can be taken already"),
    }
}

/// None when the key was taken meanwhile.
async fn store_message(
    store: &Store,
    viewer: &Viewer,
    agent_type: &AgentType,
    conversation: Uuid,
    text: String,
    taken: Vec<Taken>,
    idempotency: Option<(&Key, &str)>,
) -> Result<Option<Sent>, SendError> {
    let mut work = store.begin().await?;
    let message_id = work.id();
    if let Some((key, fingerprint)) = idempotency
        && !idempotency::try_take(&work, viewer, SEND, key, fingerprint, message_id).await?
    {
        return Ok(None);
    }
    let row = db::conversations::find_locked(&work.tx, conversation)
        .await?
        .ok_or(SendError::NotFound)?;
    if row.reply_run_id.is_some() {
        return Err(SendError::Busy(Box::new(row)));
    }
    let attach = |(taken, position): (Taken, i32)| taken.attach(&work, viewer.user_id, &row, position);
    let files: Vec<file::Model> = taken.into_iter().zip(0..).map(attach).collect();
    let mut parts = vec![Part::text(text)];
    parts.extend(files.iter().map(|file| Part::File { file_id: file.id }));
    db::files::insert(&work.tx, files).await?;
    let said = Entry::message(Message {
        role: Role::User,
        parts,
    });
    let entries = vec![(message_id, said), (work.id(), Entry::ReplyStarted)];
    let mut events = journal::append_as(&mut work, conversation, None, entries).await?;
    let agent = db::agents::find(&work.tx, row.agent_id).await?;
    let longest = Duration::from_secs(u64::from(agent_type.limits.max_duration_seconds));
    let run = run::Model {
        id: work.id(),
        kind: "reply".to_owned(),
        execution_id: None,
        conversation_id: conversation,
        definition: agent_type.key.clone(),
        queued_at: work.now,
        expires_at: None,
        deadline_at: Some(work.now.saturating_add(ms(longest))),
        worker: None,
        fence: 0,
        lease_expires_at: 0,
        stop_requested_at: None,
        stall_sequence: 0,
        stalls: 0,
        model: agent.and_then(|agent| launch::chosen_model(&agent.configuration)),
        trace_parent: traces::current(),
        reservation: None,
    };
    db::conversations::set_reply(&work.tx, conversation, Some(run.id), None).await?;
    db::runs::insert(&work.tx, run).await?;
    work.signal(Signal::Queued);
    let now = db::conversations::find(&work.tx, conversation)
        .await?
        .ok_or(SendError::NotFound)?;
    work.commit().await?;
    Ok(Some(Sent {
        event: events.swap_remove(0),
        conversation: now,
        created: true,
    }))
}

async fn sent_before(store: &Store, viewer: &Viewer, made: Made) -> Result<Sent, SendError> {
    let row = db::events::find_many(store.db.read(), &[made.subject_id])
        .await?
        .pop();
    let event = Event::from_row(row.ok_or_else(|| made.is_gone())?)?;
    let conversation = db::conversations::find(store.db.read(), event.conversation_id).await?;
    let mut conversation = conversation.ok_or_else(|| made.is_gone())?;
    if !viewer.sees_conversation(&conversation) {
        return Err(SendError::NotFound);
    }
    // As after the first time, when the reply had just been begun: from there its end is still to come.
    conversation.last_sequence = conversation.last_sequence.min(event.sequence + 1);
    match made.conflict {
        None => Ok(Sent {
            event,
            conversation,
            created: false,
        }),
        Some(conflict) => Err(SendError::Conflict(Box::new(conversation), conflict)),
    }
}

/// How a reply ends.
#[derive(Debug, Clone, PartialEq)]
pub enum Ended {
    /// The answer is in the journal.
    Answered,
    /// The person asked for the end.
    Stopped,
    /// There is no answer.
    Failed(Failure),
}

/// Ends a reply and its run. Once a stop was asked for the end is STOPPED.
///
/// # Errors
/// When the database fails.
pub async fn end_reply(work: &mut Work, run: &run::Model, ended: Ended) -> Result<(), Fault> {
    let ended = if run.stop_requested_at.is_some() {
        Ended::Stopped
    } else {
        ended
    };
    let (outcome, failure) = match ended {
        Ended::Answered => (ReplyOutcome::Answered, None),
        Ended::Stopped => (ReplyOutcome::Stopped, None),
        Ended::Failed(mut failure) => {
            failure.explanation = failure.explanation.replace('\0', "\u{FFFD}");
            (ReplyOutcome::Failed, Some(failure))
        }
    };
    let stored = failure.as_ref().map(|failure| json!(failure).to_string());
    let entry = Entry::ReplyEnded { outcome, failure };
    journal::append(work, run.conversation_id, None, vec![entry]).await?;
    db::conversations::set_reply(&work.tx, run.conversation_id, None, stored).await?;
    db::events::clear_started(&work.tx, run.conversation_id).await?;
    Ok(db::runs::delete(&work.tx, run.id).await?)
}

/// Why an answer was not stopped.
#[derive(Debug, thiserror::Error)]
pub enum StopError {
    /// Not there, or not the viewer's to see.
    #[error("there is no such conversation")]
    NotFound,
    /// Someone else holds it, or it is an execution's.
    #[error("this conversation is not the viewer's to stop")]
    NotAllowed,
    /// A fault.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Stops the answer that is owed; success also when there is none.
///
/// # Errors
/// [`StopError`].
pub async fn stop_reply(store: &Store, viewer: &Viewer, id: Uuid) -> Result<conversation::Model, StopError> {
    let row = find(store, viewer, id).await?.ok_or(StopError::NotFound)?;
    if !row.is_chat || row.started_by != viewer.user_id {
        return Err(StopError::NotAllowed);
    }
    let Some(run) = row.reply_run_id else {
        return Ok(row);
    };
    let mut work = store.begin().await?;
    if let Some(mut run) = db::runs::find_locked(&work.tx, run).await? {
        if lifecycle::is_held(&run, work.now) {
            db::runs::request_stop(&work.tx, run.id, work.now).await?;
            work.signal(Signal::Stop(run.id));
        } else {
            run.stop_requested_at = Some(work.now);
            end_reply(&mut work, &run, Ended::Stopped).await?;
        }
    }
    let now = db::conversations::find(&work.tx, id)
        .await?
        .ok_or(StopError::NotFound)?;
    work.commit().await?;
    Ok(now)
}
faults!(StartError, SendError, StopError);
