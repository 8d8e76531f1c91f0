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
use crate::definitions::{ExecutionType, Limits, ValidatorSpec};
use crate::domain::Fault;
use crate::domain::explanation::{Budget, Cause};
use crate::domain::journal::{self, Entry};
use crate::domain::lifecycle::{Ending, Failure};
use crate::model::{Purpose, Request, Scene};

use super::calls::{self, Turn};
use super::drive::Job;
use super::exit::Exit;
use super::held::Held;
use super::model::{About, Session, file_parts, get_agent};
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
        self.is_reserved = try_reserve(&mut held, &self.session.agent_type.limits).await?;
        self.commit(held, entries, 1).await
    }

    /// Runs the calls of the last turn that have no result.
    async fn make(&mut self, pending: &[Call]) -> Result<(), Exit> {
        let turn = Turn {
            calls: pending,
            started: &self.started,
            attempt: Some(self.transcript.attempt),
        };
        let done = calls::run(&self.session, turn).await?;
        self.is_reserved |= done.is_reserved;
        for entry in &done.entries {
            self.transcript.apply(entry);
        }
        Ok(())
    }

    /// Asks the model for its next turn.
    async fn turn(&mut self) -> Result<bool, Exit> {
        let limits = self.session.agent_type.limits;
        if !std::mem::take(&mut self.is_reserved) {
            let mut held = self.session.hold().await?;
            if !try_reserve(&mut held, &limits).await? {
                let row = held.get_execution().await?;
                let cause = over_budget(row, &limits, 0, true).unwrap_or(Cause::Unknown);
                let failure = cause.of_execution(row);
                held.end(Ending::Failed(failure)).await?;
                return Ok(true);
            }
            held.commit().await?;
        }
        self.session.refresh_tools().await?;
        let reply = self.session.ask(self.request(Purpose::Turn)).await?;
        let message = self.transcript.admit(reply.parts.clone());
        let calls: Vec<Call> = calls_of(&message).collect();
        let text = message.plain_text();
        let (entry, usage) = self.session.entry(message, &reply);
        let mut held = self.session.hold().await?;
        let attempt = self.transcript.attempt;
        let row = held.get_execution().await?;
        row.input_tokens = row.input_tokens.saturating_add(usage.input);
        row.output_tokens = row.output_tokens.saturating_add(usage.output);
        if calls.is_empty() {
            let verdict = self.judge(Some(&text));
            return self.conclude(held, Some(entry), verdict).await;
        }
        if let Some(cause) = over_budget(row, &limits, calls.len(), false) {
            let failure = cause.of_execution(row);
            held.journal(Some(attempt), entry);
            held.end(Ending::Failed(failure)).await?;
            return Ok(true);
        }
        row.tool_calls = row.tool_calls.saturating_add(count(calls.len()));
        calls::mark_repeatable(&self.session, &held, &calls).await?;
        self.commit(held, vec![entry], attempt).await?;
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
                if will_retry {
                    held.get_execution().await?.attempt = attempt + 1;
                    let limits = &self.session.agent_type.limits;
                    self.is_reserved = try_reserve(&mut held, limits).await?;
                } else {
                    // The explanation is always allowed, and counted.
                    held.get_execution().await?.model_calls += 1;
                }
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
        }
        held.commit().await?;
        entries.iter().for_each(|entry| self.transcript.apply(entry));
        if will_retry {
            self.transcript.apply(&next);
        }
        Ok(())
    }

    /// The model says why it did not come to an accepted answer; if it cannot, the system does.
    async fn explain(&mut self, refusal: &Refusal) -> Result<bool, Exit> {
        let mut request = self.request(Purpose::Explanation);
        let ask = "No attempt is left, so the job has failed. Say in two or three sentences, for the person who asked for it, what was tried, what stopped it and what they can do now. Answer in plain text.";
        request.messages.push(Message::text(Role::User, ask));
        let attempt = self.transcript.attempt;
        let answered = match self.session.ask(request).await {
            Ok(reply) => Some(reply),
            Err(Exit::Ended(_)) => None,
            Err(exit) => return Err(exit),
        };
        let mut held = self.session.hold().await?;
        let mut explanation = String::new();
        if let Some(reply) = answered {
            let mut message = self.transcript.admit(reply.parts.clone());
            // It was offered none.
            message
                .parts
                .retain(|part| !matches!(part, Part::ToolCall { .. }));
            explanation = message.plain_text().trim().to_owned();
            let (entry, usage) = self.session.entry(message, &reply);
            held.journal(Some(attempt), entry);
            let row = held.get_execution().await?;
            row.input_tokens = row.input_tokens.saturating_add(usage.input);
            row.output_tokens = row.output_tokens.saturating_add(usage.output);
        }
        let failure = if explanation.is_empty() {
            let cause = Cause::Refused {
                validator: refusal.validator.clone(),
                feedback: refusal.feedback.clone(),
            };
            cause.of_execution(held.get_execution().await?)
        } else {
            Failure::of(FailureCategory::MaxRetriesExceeded, explanation)
                .explained_by(ExplanationSource::Model)
        };
        held.end(Ending::Failed(failure)).await?;
        Ok(true)
    }

    async fn commit(&mut self, mut held: Held, entries: Vec<Entry>, attempt: i32) -> Result<(), Exit> {
        for entry in &entries {
            held.journal(Some(attempt), entry.clone());
        }
        held.commit().await?;
        entries.iter().for_each(|entry| self.transcript.apply(entry));
        Ok(())
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

/// Counts the next model call, if the budget has room for it.
pub(super) async fn try_reserve(held: &mut Held, limits: &Limits) -> Result<bool, Exit> {
    let row = held.get_execution().await?;
    if over_budget(row, limits, 0, true).is_some() {
        return Ok(false);
    }
    row.model_calls = row.model_calls.saturating_add(1);
    Ok(true)
}

/// Whether so many tool calls, or another model call, would go over the budget.
fn over_budget(row: &execution::Model, limits: &Limits, tools: usize, model: bool) -> Option<Cause> {
    let tokens = row.input_tokens.saturating_add(row.output_tokens);
    if u64::try_from(tokens).unwrap_or(0) >= limits.max_tokens {
        return Some(over(Budget::Tokens, limits));
    }
    let most = |limit: u32| i32::try_from(limit).unwrap_or(i32::MAX);
    if model && row.model_calls >= most(limits.max_model_calls) {
        return Some(over(Budget::ModelCalls, limits));
    }
    if row.tool_calls.saturating_add(count(tools)) > most(limits.max_tool_calls) {
        return Some(over(Budget::ToolCalls, limits));
    }
    None
}

/// Why whoever wants more than its definition allows is ended.
pub(super) fn over(of: Budget, limits: &Limits) -> Cause {
    let limit = match of {
        Budget::ModelCalls => u64::from(limits.max_model_calls),
        Budget::ToolCalls => u64::from(limits.max_tool_calls),
        Budget::Tokens => limits.max_tokens,
    };
    Cause::OverBudget { of, limit }
}

fn count(calls: usize) -> i32 {
    i32::try_from(calls).unwrap_or(i32::MAX)
}
