//! A reply in a person's conversation: the same turns and tool calls as an execution's, with the
//! conversation's prompt, without validators and attempts. What it uses is counted from the journal
//! since the person's last words.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::db;
use crate::domain::conversations::Ended;
use crate::domain::journal;
use crate::model::{Purpose, Request, Scene};

use super::budget;
use super::calls::{self, Turn};
use super::drive::Job;
use super::exit::Exit;
use super::model::{About, Answered, Session, get_agent};
use super::transcript::{Call, Transcript, calls_of};

/// What the model sees of a long conversation. Every current model takes as much, and who talks
/// longer is rarely about the beginning.
const MAX_MESSAGES: usize = 200;
const MAX_CHARACTERS: usize = 400_000;

/// Works until the reply has ended.
pub(super) async fn run(job: &Job) -> Result<(), Exit> {
    let db = job.deps.store.db.read();
    let id = job.run.conversation_id;
    let conversation = db::conversations::find(db, id).await?.ok_or(Exit::Lost)?;
    let events = journal::read_all(db, id).await?;
    let started = db::events::started(db, id).await?;
    let about = About {
        agent: get_agent(job, conversation.agent_id).await?,
        files: db::files::of_conversation(db, id).await?,
        execution_type: None,
    };
    let mut reply = Reply {
        session: Session::new(job, about)?,
        transcript: Transcript::read(events.iter().map(|event| &event.entry)),
        started: started.into_iter().map(|mark| mark.call_id).collect(),
    };
    reply.session.refresh_tools().await?;
    loop {
        job.lease.boundary()?;
        if reply.next().await? {
            return Ok(());
        }
    }
}

struct Reply<'a> {
    session: Session<'a>,
    transcript: Transcript,
    started: HashSet<String>,
}

impl Reply<'_> {
    /// Does what comes next; true when the reply has ended.
    async fn next(&mut self) -> Result<bool, Exit> {
        let pending = self.transcript.pending();
        if !pending.is_empty() {
            let turn = Turn {
                calls: &pending,
                started: &self.started,
                attempt: None,
            };
            let done = calls::run(&self.session, turn).await?;
            done.entries.iter().for_each(|entry| self.transcript.apply(entry));
            return Ok(false);
        }
        if self.transcript.answer().is_some() {
            self.session.hold().await?.end_reply(Ended::Answered).await?;
            return Ok(true);
        }
        self.turn().await
    }

    async fn turn(&mut self) -> Result<bool, Exit> {
        let spent = self.transcript.spent;
        let allowance = &self.session.allowance;
        allowance.look(&self.transcript);
        let prompt = self.session.prompt(&self.session.agent_type.conversation_prompt);
        allowance.add_prompt(&prompt);
        let over = allowance.own_tokens(&spent.usage);
        if let Some(cause) = over.or_else(|| allowance.own_replies(spent.model_calls)) {
            return Err(cause.into());
        }
        if budget::is_shared(&self.session) {
            let mut held = self.session.hold().await?;
            if let Err(cause) = budget::reserve_shared(&self.session, &mut held).await? {
                held.end_reply(Ended::Failed(cause.of_reply())).await?;
                return Ok(true);
            }
            held.commit().await?;
        }
        self.session.refresh_tools().await?;
        let Answered { reply, writing } = self.session.ask(self.request()).await?;
        let message = self.transcript.admit(reply.parts.clone());
        let calls: Vec<Call> = calls_of(&message).collect();
        let (entry, usage) = self.session.entry(message, &reply);
        let mut held = self.session.hold().await?;
        held.say_as(writing.message());
        held.journal(None, entry.clone());
        budget::settle(&self.session, &mut held, usage).await?;
        if calls.is_empty() {
            held.end_reply(Ended::Answered).await?;
            return Ok(true);
        }
        let over = self.session.allowance.own_tools(spent.tool_calls, calls.len());
        let over = match over {
            Some(cause) => Some(cause),
            None => {
                // Only now: a model may ask for more than a statement takes.
                calls::mark_repeatable(&self.session, &held, &calls).await?;
                budget::take_tools(&self.session, &mut held, calls.len())
                    .await?
                    .err()
            }
        };
        if let Some(cause) = over {
            held.end_reply(Ended::Failed(cause.of_reply())).await?;
            return Ok(true);
        }
        held.commit().await?;
        self.transcript.apply(&entry);
        Ok(false)
    }

    fn request(&self) -> Request {
        let agent_type = &self.session.agent_type;
        Request {
            system: self.session.prompt(&agent_type.conversation_prompt),
            messages: self.transcript.newest(MAX_MESSAGES, MAX_CHARACTERS),
            tools: self.session.tool_specs(),
            purpose: Purpose::Conversation,
            files: Vec::new(),
            output_schema: None,
            settings: self.session.settings,
            rehearsal: Scene {
                script: Arc::clone(&agent_type.conversation_rehearsal),
                input: Value::Object(Map::new()),
                files: self.session.context.file_infos(),
                attempt: 1,
                feedback: Vec::new(),
                step: self.transcript.step(),
                turn_offset: self.transcript.question_at,
            },
        }
    }
}
