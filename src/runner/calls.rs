//! The tool calls of one turn, side by side. Each makes its own journal entry when it completes:
//! nothing that another call does holds it back, and what is done is never done again.
//!
//! Every call ends in a result, for the model or for the journal's reader: an unknown tool, bad
//! arguments and a call that was cut off are error results. Only what ends the whole run (lost,
//! stopped, a fault) leaves calls without one.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use entity::tool_start;
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use tracing::field::Empty;
use tracing::{Instrument, Span};

use crate::base::chain::Chain;
use crate::base::message::{Message, Part, Role};
use crate::base::text::{json_depth, without_nul};
use crate::db;
use crate::domain::files;
use crate::domain::journal::{self, Entry};
use crate::telemetry::traces;

use super::budget;
use super::exit::Exit;
use super::held::Held;
use super::model::Session;
use super::registry::Registered;
use super::tools::{self, Effect, Error, Output, STOP_EXECUTION};
use super::transcript::{Call, MAX_DEPTH};

/// Calls that run at once: what a turn of hundreds needs, and no more than a server that is asked
/// by a tool would take from one client.
const AT_ONCE: usize = 16;

/// A longer output helps no model and burdens every reader of the journal. A full page of
/// `read_file` fits whatever is in it: 100,000 characters, each of 4 bytes at most, or of 6 where
/// JSON escapes it.
const MAX_OUTPUT_BYTES: usize = 640 * 1024;

/// Between two tries to write a result.
const WRITE_AGAIN: Duration = Duration::from_secs(1);

/// Of an error whose whole is longer.
const MAX_ERROR_CHARACTERS: usize = 20_000;

/// How the calls of a turn are to be made.
pub(super) struct Turn<'a> {
    pub calls: &'a [Call],
    /// Those that an earlier worker had begun.
    pub started: &'a HashSet<String>,
    /// None in people's conversations.
    pub attempt: Option<i32>,
}

/// What came of them.
#[derive(Default)]
pub(super) struct Done {
    pub entries: Vec<Entry>,
    /// The next model call is in the budget already.
    pub is_reserved: bool,
}

/// Marks the calls of a turn that may be repeated, in the turn's own commit. The others are marked
/// one by one, each just before it begins: a mark made sooner would have a call that never began
/// reported as cut off.
pub(super) async fn mark_repeatable(session: &Session<'_>, held: &Held, calls: &[Call]) -> Result<(), Exit> {
    let is_repeatable = |call: &&Call| {
        let known = session.tools.iter().find(|known| known.spec.name == call.tool);
        known.is_some_and(|known| known.tool.effect().is_repeatable())
    };
    mark(session, held, calls.iter().filter(is_repeatable)).await
}

async fn mark(session: &Session<'_>, held: &Held, calls: impl Iterator<Item = &Call>) -> Result<(), Exit> {
    let mark = |call: &Call| tool_start::Model {
        conversation_id: held.conversation_id(),
        call_id: call.call_id.clone(),
        fence: session.job.lease.fence,
        started_at: held.work.now,
    };
    Ok(db::events::mark_started(&held.work.tx, calls.map(mark).collect()).await?)
}

/// Makes the calls. When the worker shuts down, those that have not begun stay without a result.
pub(super) async fn run(session: &Session<'_>, turn: Turn<'_>) -> Result<Done, Exit> {
    let left = AtomicUsize::new(turn.calls.len());
    let stops = turn.calls.iter().any(|call| call.tool == STOP_EXECUTION);
    let one = |call| One {
        session,
        call,
        was_started: turn.started.contains(&call.call_id),
        attempt: turn.attempt,
        // After the last of them the model is asked again, unless the agent has stopped.
        left: (!stops && turn.attempt.is_some()).then_some(&left),
        trace: Span::none(),
    };
    let calls: Vec<_> = turn.calls.iter().map(|call| one(call).traced()).collect();
    stream::iter(calls)
        .buffer_unordered(AT_ONCE)
        .try_fold(Done::default(), async |mut done, made: Option<(Entry, bool)>| {
            if let Some((entry, is_reserved)) = made {
                done.entries.push(entry);
                done.is_reserved |= is_reserved;
            }
            Ok(done)
        })
        .await
}

/// An unknown name is the model's invention: it would be a label of its own, and could say anything.
fn known_name<'a>(session: &Session<'_>, tool: &'a str) -> &'a str {
    let is_known = session.tools.iter().any(|known| known.spec.name == tool);
    if is_known { tool } else { "unknown" }
}

struct One<'a> {
    session: &'a Session<'a>,
    call: &'a Call,
    was_started: bool,
    attempt: Option<i32>,
    left: Option<&'a AtomicUsize>,
    trace: Span,
}

#[derive(Clone)]
struct Outcome {
    is_error: bool,
    output: Output,
    duration_ms: Option<i64>,
}

impl One<'_> {
    async fn traced(mut self) -> Result<Option<(Entry, bool)>, Exit> {
        // Made here, not with the others: those above `AT_ONCE` wait, which is no part of the call.
        let trace = tracing::info_span!(
            target: traces::TARGET,
            "tool call",
            tool = known_name(self.session, &self.call.tool),
            outcome = Empty,
        );
        self.trace = trace.clone();
        self.run().instrument(trace).await
    }

    async fn run(self) -> Result<Option<(Entry, bool)>, Exit> {
        let job = self.session.job;
        let tool = match self.prepare() {
            Ok(tool) => tool,
            Err(output) => {
                let outcome = Outcome {
                    is_error: true,
                    output: output.into(),
                    duration_ms: None,
                };
                return self.journal(None, outcome).await.map(Some);
            }
        };
        let effect = tool.tool.effect();
        match job.lease.boundary() {
            Ok(()) => {}
            Err(Exit::Parked) => return Ok(None),
            Err(exit) => return Err(exit),
        }
        if !effect.is_repeatable() {
            let held = self.session.hold().await?;
            // It may have waited for the other calls' writes; nothing is marked yet.
            match job.lease.boundary() {
                Ok(()) => {}
                Err(Exit::Parked) => return Ok(None),
                Err(exit) => return Err(exit),
            }
            mark(self.session, &held, std::iter::once(self.call)).await?;
            held.commit().await?;
            // From here on a shutdown waits for it: what follows it would report it as cut off.
            job.lease.check()?;
        }
        let clock = &job.deps.store.clock;
        let begun_at = clock.monotonic();
        let context = &self.session.context;
        let (held, output) = match effect {
            Effect::Outside(tool) => {
                let called = tool.call(context, &self.call.arguments);
                (None, job.lease.or_cut(called).await?.and_then(fitting))
            }
            Effect::InOurDatabase(tool) => {
                let mut held = self.session.hold().await?;
                if held.is_stopped() {
                    return Err(Exit::Stopped);
                }
                let output = tool.call(context, &self.call.arguments, &mut held).await;
                let output = output.and_then(fitting);
                // What a call that failed has written is rolled back with its transaction.
                (output.is_ok().then_some(held), output)
            }
        };
        let duration = clock.monotonic().saturating_sub(begun_at);
        let duration_ms = Some(crate::base::clock::ms(duration));
        let outcome = match output {
            Ok(output) => Outcome {
                is_error: false,
                output,
                duration_ms,
            },
            Err(Error::Refused(message)) => Outcome {
                is_error: true,
                output: fitting_error(json!({"error": message})).into(),
                duration_ms,
            },
            Err(Error::Said(output)) => Outcome {
                is_error: true,
                output: fitting_error(output).into(),
                duration_ms,
            },
            Err(Error::Fault(fault)) => return Err(fault.into()),
        };
        self.journal(held, outcome).await.map(Some)
    }

    /// The tool, or why the call is not made.
    fn prepare(&self) -> Result<&Registered, Value> {
        let Call { tool, arguments, .. } = self.call;
        let tools = &self.session.tools;
        let known = tools.iter().find(|known| known.spec.name == *tool);
        // Whatever has become of the tool since: it was begun, and may have had its effect.
        if self.was_started && !known.is_some_and(|known| known.tool.effect().is_repeatable()) {
            return Err(json!({"error": "interrupted, outcome unknown"}));
        }
        let Some(known) = known else {
            let names: Vec<&str> = tools.iter().map(|known| known.spec.name.as_str()).collect();
            let message = format!("there is no tool {tool}; there are {}", names.join(", "));
            return Err(json!({"error": message}));
        };
        let issues = known.parameters.check(arguments);
        if !issues.is_empty() {
            let issues: Vec<Value> = issues
                .into_iter()
                .map(|issue| json!({"pointer": issue.pointer, "message": issue.message}))
                .collect();
            return Err(json!({"error": "the arguments break the tool's schema", "issues": issues}));
        }
        Ok(known)
    }

    /// Writes what came of it. What was done elsewhere is done, whatever becomes of the database: while
    /// the lease lasts its result waits for one that is away.
    async fn journal(self, held: Option<Held>, outcome: Outcome) -> Result<(Entry, bool), Exit> {
        let mut is_last = None;
        if let Some(held) = held {
            return self.write(held, outcome, &mut is_last).await;
        }
        let lease = &self.session.job.lease;
        let mut is_again = false;
        loop {
            let tried = async {
                let held = self.session.hold().await?;
                // A commit that failed may have been heard.
                let written = if is_again {
                    self.find_written().await?
                } else {
                    None
                };
                match written {
                    Some(entry) => Ok((entry, false)),
                    None => self.write(held, outcome.clone(), &mut is_last).await,
                }
            };
            let fault = match tried.await {
                Err(Exit::Fault(fault)) if fault.is_passing() => fault,
                done => return done,
            };
            let tool = known_name(self.session, &self.call.tool);
            tracing::warn!(error = %Chain(&fault), tool, "a tool's result waits for the database");
            lease.check()?;
            lease.rest(WRITE_AGAIN).await?;
            is_again = true;
        }
    }

    async fn find_written(&self) -> Result<Option<Entry>, Exit> {
        let job = self.session.job;
        let events = journal::read_all(job.deps.store.db.read(), job.run.conversation_id).await?;
        let is_its_result =
            |part: &Part| matches!(part, Part::ToolResult { call_id, .. } if *call_id == self.call.call_id);
        let mut entries = events.into_iter().rev().map(|event| event.entry);
        Ok(entries.find(|entry| match entry {
            Entry::Message { message, .. } => message.parts.iter().any(is_its_result),
            _ => false,
        }))
    }

    /// `is_last` says whether it was the turn's last result, once that is known.
    async fn write(
        &self,
        mut held: Held,
        outcome: Outcome,
        is_last: &mut Option<bool>,
    ) -> Result<(Entry, bool), Exit> {
        let result = if outcome.is_error { "error" } else { "success" };
        let tool = self.call.tool.clone();
        let Output {
            mut value,
            mut files,
            new_files,
        } = outcome.output;
        let conversation = held.conversation_id();
        let brought = files::attach(&held.work, conversation, new_files).await?;
        files.extend(brought.iter().map(|file| file.id));
        // By these names the model can read them.
        if let (Some(members), false) = (value.as_object_mut(), brought.is_empty()) {
            let named = brought.iter().map(|file| tools::info(file).to_json()).collect();
            members.insert("files".to_owned(), named);
        }
        let entry = Entry::message(Message {
            role: Role::Tool,
            parts: vec![Part::ToolResult {
                call_id: self.call.call_id.clone(),
                tool: tool.clone(),
                is_error: outcome.is_error,
                output: value,
                duration_ms: outcome.duration_ms,
                files,
            }],
        });
        held.journal(self.attempt, entry.clone());
        let is_last = *is_last.get_or_insert_with(|| {
            self.session.allowance.add_entry(&entry);
            self.left
                .is_some_and(|left| left.fetch_sub(1, Ordering::SeqCst) == 1)
        });
        let is_reserved =
            is_last && !held.is_stopped() && budget::reserve(self.session, &mut held).await?.is_ok();
        held.commit().await?;
        self.trace.record("outcome", result);
        let tool = known_name(self.session, &tool).to_owned();
        metrics::counter!("agentic_tool_calls_total", "tool" => tool, "outcome" => result).increment(1);
        Ok((entry, is_reserved))
    }
}

// What the journal can hold and read back.
fn fitting(output: Output) -> Result<Output, Error> {
    if json_depth(&output.value) > MAX_DEPTH {
        return Err(Error::Refused(format!(
            "the output nests deeper than {MAX_DEPTH}"
        )));
    }
    if output.value.to_string().len() > MAX_OUTPUT_BYTES {
        let message = format!(
            "the output is longer than {MAX_OUTPUT_BYTES} bytes; ask for less at a time, with a smaller limit or a narrower search"
        );
        return Err(Error::Refused(message));
    }
    Ok(Output {
        value: without_nul(output.value),
        ..output
    })
}

// An error is not asked for again in smaller pieces: what it begins with is kept.
fn fitting_error(output: Value) -> Value {
    if json_depth(&output) <= MAX_DEPTH && output.to_string().len() <= MAX_OUTPUT_BYTES {
        return without_nul(output);
    }
    let text = match output["error"].as_str() {
        Some(message) => message.to_owned(),
        None => output.to_string(),
    };
    let kept: String = text.chars().take(MAX_ERROR_CHARACTERS).collect();
    let left_out = text.chars().count() - kept.chars().count();
    without_nul(json!({"error": format!("{kept} … and {left_out} characters more")}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_error_that_is_too_long_the_beginning_is_kept() {
        let short = json!({"error": "no", "code": 5});
        assert_eq!(fitting_error(short.clone()), short);
        let long = fitting_error(json!({"error": "é".repeat(MAX_OUTPUT_BYTES)}));
        let message = long["error"].as_str().expect("a message");
        let left_out = MAX_OUTPUT_BYTES - MAX_ERROR_CHARACTERS;
        assert!(message.starts_with("éé") && message.ends_with(&format!("… and {left_out} characters more")));
        let deep = (0..=MAX_DEPTH).fold(json!("deep"), |inner, _| json!([inner]));
        assert!(fitting_error(deep)["error"].is_string());
    }

    #[test]
    fn a_full_page_fits_and_more_is_refused_with_what_to_do() {
        for widest in ["\u{1}", "\u{10FFFF}"] {
            let page = json!({"filename": "a".repeat(1000), "text": widest.repeat(100_000)});
            assert!(fitting(page.into()).is_ok(), "{widest:?}");
        }
        let Err(Error::Refused(message)) = fitting(json!("a".repeat(MAX_OUTPUT_BYTES)).into()) else {
            panic!("it is too long");
        };
        assert!(message.contains("ask for less"), "{message}");
    }
}
