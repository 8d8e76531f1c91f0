//! An execution's loop: render the message, ask the model, run its calls, until it answers without
//! one; then the validators, in order. Each round of [`run`] looks at the transcript and does the
//! one thing that comes next, so it makes no difference whether the round before was this worker's.
//!
//! The model call is counted in the execution's row before it is made, in a commit that is due
//! anyway; an answer, its verdict and what follows from it share a commit.

use std::collections::HashSet;
use std::sync::Arc;

use entity::execution;
use serde_json::Value;

use crate::base::failure::{ExplanationSource, FailureCategory};
use crate::base::message::{Message, Part, Role};
use crate::db;
use crate::definitions::{ExecutionType, ValidatorSpec};
use crate::domain::Fault;
use crate::domain::explanation::Cause;
use crate::domain::journal::{self, Entry};
use crate::domain::lifecycle::{Ending, Failure};
use crate::model::{Purpose, Request, Scene};

use super::budget;
use super::calls::{self, Turn};
use super::drive::Job;
use super::exit::Exit;
use super::held::Held;
use super::model::{About, Answered, Session, file_parts, get_agent};
use super::transcript::{Call, Refusal, Transcript, calls_of};
use super::validators::{Answer, Verdict};

struct Execution<'a> {
    session: Session<'a>,
    execution_type: Arc<ExecutionType>,
    max_attempts: i32,
    input: Value,
    transcript: Transcript,
    /// Calls that an earlier claim has begun.
    started: HashSet<String>,
    /// The next model call is in the budget already.
    is_reserved: bool,
}

/// Works until the execution has ended.
pub(super) async fn run(job: &Job, row: &execution::Model) -> Result<(), Exit> {
    let mut execution = load(job, row).await?;
    // Calls that an earlier worker left want their tools at once.
    execution.session.refresh_tools().await?;
    loop {
        job.lease.boundary()?;
        if execution.next().await? {
            return Ok(());
        }
    }
}

async fn load<'a>(job: &'a Job, row: &execution::Model) -> Result<Execution<'a>, Exit> {
    let db = job.deps.store.db.read();
    let conversation = row.conversation_id;
    let ids = [row.id];
    let (payloads, files, events, started) = (
        db::executions::payloads(db, &ids).await?,
        db::files::of_executions(db, &ids).await?,
        journal::read_all(db, conversation).await?,
        db::events::started(db, conversation).await?,
    );
    let agent = get_agent(job, row.agent_id).await?;
    let input = payloads
        .first()
        .and_then(|row| serde_json::from_str(&row.input).ok());
    let input = input.ok_or_else(|| Fault::Corrupt {
        what: "execution_payload",
        id: row.id.to_string(),
    })?;
    let execution_type = job.deps.catalog.execution_type(&row.execution_key).cloned();
    // Only runs of known definitions are claimed.
    let execution_type = execution_type.ok_or_else(|| {
        tracing::error!(
            execution.key = row.execution_key,
            "a run cannot start: its execution type is gone"
        );
        Exit::from(Cause::DefinitionGone)
    })?;
    let about = About {
        agent,
        files,
        execution_type: Some(Arc::clone(&execution_type)),
    };
    Ok(Execution {
        session: Session::new(job, about)?,
        execution_type,
        max_attempts: row.max_attempts,
        input,
        transcript: Transcript::read(events.iter().map(|event| &event.entry)),
        started: started.into_iter().map(|mark| mark.call_id).collect(),
        is_reserved: false,
    })
}

impl Execution<'_> {
    /// Does what comes next; true when the execution has ended.
    async fn next(&mut self) -> Result<bool, Exit> {
        if self.transcript.attempt == 0 {
            self.begin().await?;
            return Ok(false);
        }
        let pending = self.transcript.pending();
        if !pending.is_empty() {
            self.make(&pending).await?;
            return Ok(false);
        }
        if let Some(refusal) = self.transcript.exhausted.clone() {
            return self.explain(&refusal).await;
        }
        // An agent that stopped is not asked for more, and not for an answer.
        if let verdict @ Judged::Stopped(_) = self.judge(None) {
            return self.conclude(self.session.hold().await?, None, verdict).await;
        }
        match self.transcript.answer() {
            Some(text) => {
                let verdict = self.judge(Some(&text));
                self.conclude(self.session.hold().await?, None, verdict).await
            }
            None => self.turn().await,
        }
    }

    /// The prompt, the first message and the first attempt, and the first model call reserved.
    async fn begin(&mut self) -> Result<(), Exit> {
        let files = self.session.context.file_infos();
        let text = self
            .execution_type
            .render_message(&self.input, &files)
            .map_err(|error| {
                tracing::error!(execution.key = self.execution_type.key, %error, "a message template failed");
                Exit::from(Cause::MessageNotWritten)
            })?;
        let system = self.session.prompt(&self.session.agent_type.execution_prompt);
        let mut parts = vec![Part::text(text)];
        parts.extend(file_parts(&self.session.context.files));
        let entries = vec![
            Entry::message(Message::text(Role::System, system)),
            Entry::message(Message {
                role: Role::User,
                parts,
            }),
            Entry::AttemptStarted { attempt: 1 },
        ];
        let mut held = self.session.hold().await?;
        for entry in &entries {
            held.journal(Some(1), entry.clone());
            self.session.allowance.add_entry(entry);
        }
        self.is_reserved = budget::reserve(&self.session, &mut held).await?.is_ok();
        held.commit().await?;
        entries.iter().for_each(|entry| self.transcript.apply(entry));
        Ok(())
    }

    /// Runs the calls of the last turn that have no result.
    async fn make(&mut self, pending: &[Call]) -> Result<(), Exit> {
        let turn = Turn {
            calls: pending,
            started: &self.started,
            attempt: Some(self.transcript.attempt),
        };
        self.session.allowance.look(&self.transcript);
        let done = calls::run(&self.session, turn).await?;
        self.is_reserved |= done.is_reserved;
        for entry in &done.entries {
            self.transcript.apply(entry);
        }
        Ok(())
    }

    /// Asks the model for its next turn.
    async fn turn(&mut self) -> Result<bool, Exit> {
        if !std::mem::take(&mut self.is_reserved) {
            self.session.allowance.look(&self.transcript);
            let mut held = self.session.hold().await?;
            if let Err(cause) = budget::reserve(&self.session, &mut held).await? {
                return Self::over(held, &cause).await;
            }
            held.commit().await?;
        }
        self.session.refresh_tools().await?;
        let Answered { reply, writing } = self.session.ask(self.request(Purpose::Turn)).await?;
        let message = self.transcript.admit(reply.parts.clone());
        let calls: Vec<Call> = calls_of(&message).collect();
        let text = message.plain_text();
        let (entry, usage) = self.session.entry(message, &reply);
        let mut held = self.session.hold().await?;
        held.say_as(writing.message());
        let attempt = self.transcript.attempt;
        budget::settle(&self.session, &mut held, usage).await?;
        if calls.is_empty() {
            let verdict = self.judge(Some(&text));
            return self.conclude(held, Some(entry), verdict).await;
        }
        held.journal(Some(attempt), entry.clone());
        let made = held.get_execution().await?.tool_calls;
        let made = u64::try_from(made).unwrap_or(0);
        // Before anything is written about them: a model may ask for more than a statement takes.
        if let Some(cause) = self.session.allowance.own_tools(made, calls.len()) {
            return Self::over(held, &cause).await;
        }
        calls::mark_repeatable(&self.session, &held, &calls).await?;
        if let Err(cause) = budget::take_tools(&self.session, &mut held, calls.len()).await? {
            return Self::over(held, &cause).await;
        }
        let row = held.get_execution().await?;
        row.tool_calls = row.tool_calls.saturating_add(count(calls.len()));
        held.commit().await?;
        self.transcript.apply(&entry);
        Ok(false)
    }

    fn request(&self, purpose: Purpose) -> Request {
        let transcript = &self.transcript;
        let tools = match purpose {
            Purpose::Explanation => Vec::new(),
            Purpose::Turn | Purpose::Conversation => self.session.tool_specs(),
        };
        Request {
            // As the journal has it, for the definition may have changed since.
            system: transcript.system.clone().unwrap_or_default(),
            messages: transcript.view(),
            tools,
            purpose,
            files: Vec::new(),
            output_schema: match purpose {
                Purpose::Explanation => None,
                Purpose::Turn | Purpose::Conversation => {
                    let schema = self.execution_type.output_schema.as_ref();
                    schema.map(|schema| schema.document().clone())
                }
            },
            settings: self.session.settings,
            rehearsal: Scene {
                script: Arc::clone(&self.execution_type.script),
                input: self.input.clone(),
                files: self.session.context.file_infos(),
                attempt: u32::try_from(transcript.attempt).unwrap_or(1),
                feedback: transcript.feedback.clone(),
                step: transcript.step(),
                turn_offset: 0,
            },
        }
    }

    /// What the validators say: all of them about an answer, the first alone without one.
    fn judge(&self, text: Option<&str>) -> Judged {
        let mut answer = Answer {
            text: text.unwrap_or_default(),
            value: None,
            input: &self.input,
            execution_type: &self.execution_type,
            calls: &self.transcript.recorded,
        };
        let asked = if text.is_some() { usize::MAX } else { 1 };
        for ValidatorSpec { name, settings } in self.execution_type.validators.iter().take(asked) {
            // Loading refuses names that are not registered.
            let Some(validator) = self.session.job.deps.registry.find_validator(name) else {
                continue;
            };
            match validator.judge(&answer, settings) {
                Verdict::Pass => {}
                Verdict::Read(value) => answer.value = Some(value),
                Verdict::Refuse(feedback) => {
                    return Judged::Refused(Refusal {
                        validator: name.clone(),
                        feedback,
                    });
                }
                Verdict::Fail { code, explanation } => {
                    return Judged::Failed {
                        validator: name.clone(),
                        code,
                        words: explanation,
                    };
                }
                Verdict::Stop { code, reason } => {
                    let failure = self.failure(FailureCategory::StoppedByAgent, code, reason);
                    return Judged::Stopped(failure.explained_by(ExplanationSource::Agent));
                }
            }
        }
        let result = answer.value.take();
        Judged::Passed(result.unwrap_or_else(|| Value::String(answer.text.to_owned())))
    }

    /// A failure with one of the type's own codes, else with the category's.
    fn failure(&self, category: FailureCategory, code: Option<String>, explanation: String) -> Failure {
        let known = code.and_then(|code| self.execution_type.failure_code(&code));
        match known {
            Some(known) => Failure {
                code: known.code.clone(),
                retryable: known.retryable,
                ..Failure::of(known.category, explanation)
            },
            None => Failure::of(category, explanation),
        }
    }

    /// Writes an answer with its verdict and what follows from it; true when the execution has
    /// ended.
    async fn conclude(
        &mut self,
        mut held: Held,
        answer: Option<Entry>,
        judged: Judged,
    ) -> Result<bool, Exit> {
        let attempt = self.transcript.attempt;
        let rejected = |refusal: &Refusal, will_retry| Entry::ValidatorRejected {
            attempt,
            validator: refusal.validator.clone(),
            feedback: refusal.feedback.clone(),
            will_retry,
        };
        let mut entries: Vec<Entry> = answer.into_iter().collect();
        let ending = match judged {
            Judged::Passed(result) => Ending::Finished(result),
            Judged::Stopped(failure) => Ending::Failed(failure),
            Judged::Failed {
                validator,
                code,
                words,
            } => {
                let refusal = Refusal {
                    validator: validator.clone(),
                    feedback: words.clone(),
                };
                entries.push(rejected(&refusal, false));
                let cause = Cause::RefusedForGood { validator, words };
                let framed = cause.of_execution(held.get_execution().await?);
                let coded = self.failure(
                    FailureCategory::ValidationFailed,
                    code,
                    framed.explanation.clone(),
                );
                Ending::Failed(Failure {
                    source: framed.source,
                    ..coded
                })
            }
            Judged::Refused(refusal) => {
                let will_retry = attempt < self.max_attempts;
                entries.push(rejected(&refusal, will_retry));
                entries.push(Entry::message(Message::text(Role::Validator, refusal.feedback)));
                self.commit_refusal(held, entries, will_retry).await?;
                return Ok(false);
            }
        };
        for entry in entries {
            held.journal(Some(attempt), entry);
        }
        held.end(ending).await?;
        Ok(true)
    }

    async fn commit_refusal(
        &mut self,
        mut held: Held,
        entries: Vec<Entry>,
        will_retry: bool,
    ) -> Result<(), Exit> {
        let attempt = self.transcript.attempt;
        let next = Entry::AttemptStarted { attempt: attempt + 1 };
        for entry in &entries {
            held.journal(Some(attempt), entry.clone());
        }
        if will_retry {
            held.journal(Some(attempt + 1), next.clone());
            held.get_execution().await?.attempt = attempt + 1;
        }
        self.session.allowance.look(&self.transcript);
        entries
            .iter()
            .for_each(|entry| self.session.allowance.add_entry(entry));
        let reserved = if will_retry {
            budget::reserve(&self.session, &mut held).await?
        } else {
            // The explanation is always allowed by the execution's own limits, and counted.
            budget::reserve_shared(&self.session, &mut held).await?
        };
        self.is_reserved = reserved.is_ok();
        held.commit().await?;
        entries.iter().for_each(|entry| self.transcript.apply(entry));
        if will_retry {
            self.transcript.apply(&next);
        }
        Ok(())
    }

    /// The model says why it did not come to an accepted answer; if it cannot, the system does.
    async fn explain(&mut self, refusal: &Refusal) -> Result<bool, Exit> {
        if !std::mem::take(&mut self.is_reserved) {
            self.session.allowance.look(&self.transcript);
            let mut held = self.session.hold().await?;
            if budget::reserve_shared(&self.session, &mut held).await?.is_err() {
                return Self::over(held, &unexplained(refusal)).await;
            }
            held.commit().await?;
        }
        let mut request = self.request(Purpose::Explanation);
        let ask = "No attempt is left, so the job has failed. Say in two or three sentences, for the person who asked for it, what was tried, what stopped it and what they can do now. Answer in plain text.";
        request.messages.push(Message::text(Role::User, ask));
        let attempt = self.transcript.attempt;
        let mut is_free = false;
        let answered = match self.session.ask(request).await {
            Ok(reply) => Some(reply),
            Err(Exit::Ended(cause)) => {
                is_free = cause.is_free();
                None
            }
            Err(exit) => return Err(exit),
        };
        let mut held = self.session.hold().await?;
        let mut explanation = String::new();
        if let Some(Answered { reply, writing }) = &answered {
            held.say_as(writing.message());
            let mut message = self.transcript.admit(reply.parts.clone());
            // It was offered none.
            message
                .parts
                .retain(|part| !matches!(part, Part::ToolCall { .. }));
            explanation = message.plain_text().trim().to_owned();
            let (entry, usage) = self.session.entry(message, reply);
            held.journal(Some(attempt), entry);
            budget::settle(&self.session, &mut held, usage).await?;
        } else if is_free {
            held.settle(0, 0);
        }
        let failure = if explanation.is_empty() {
            unexplained(refusal).of_execution(held.get_execution().await?)
        } else {
            Failure::of(FailureCategory::MaxRetriesExceeded, explanation)
                .explained_by(ExplanationSource::Model)
        };
        held.end(Ending::Failed(failure)).await?;
        Ok(true)
    }

    /// Ends it for a reason of the system's.
    async fn over(mut held: Held, cause: &Cause) -> Result<bool, Exit> {
        let failure = cause.of_execution(held.get_execution().await?);
        held.end(Ending::Failed(failure)).await?;
        Ok(true)
    }
}

enum Judged {
    Passed(Value),
    Refused(Refusal),
    /// For good.
    Failed {
        validator: String,
        code: Option<String>,
        words: String,
    },
    Stopped(Failure),
}

/// Why it ends when the model does not explain.
fn unexplained(refusal: &Refusal) -> Cause {
    Cause::Refused {
        validator: refusal.validator.clone(),
        feedback: refusal.feedback.clone(),
    }
}

fn count(calls: usize) -> i32 {
    i32::try_from(calls).unwrap_or(i32::MAX)
}
