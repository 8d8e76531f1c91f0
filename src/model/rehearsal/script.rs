//! A script: parsed and checked once, played for every request.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use minijinja::value::Value;
use serde::Deserialize;
use serde_json::Value as Json;

use crate::base::json_schema::Schema;
use crate::base::message::Part;
use crate::base::template::{self, Limits, Templates};
use crate::base::toml_text;
use crate::model::{Error, Purpose, Request, Usage};

use super::recording::{Recording, Said};
use super::{filters, scene};

/// Enough to read a document of some ten thousand lines; a second of work or so.
const LIMITS: Limits = Limits {
    fuel: 20_000_000,
    output_bytes: 4 * 1024 * 1024,
};

/// A turn that calls more tools than this is a loop gone wrong.
const MAX_CALLS: usize = 500;

static FORMAT: LazyLock<Schema> = LazyLock::new(|| {
    let document =
        serde_json::from_str(include_str!("script.schema.json")).expect("script.schema.json is JSON");
    Schema::compile(document).expect("script.schema.json is a schema")
});

/// A rehearsal script: parsed, or recorded.
#[derive(Debug)]
pub struct Script {
    name: String,
    templates: Templates,
    has_given: bool,
    turns: Vec<Turn>,
    /// Played instead of the turns.
    recording: Option<Recording>,
}

/// Something wrong with a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// RFC 6901, into the script; empty for the whole.
    pub pointer: String,
    /// For its author.
    pub message: String,
}

/// A turn that was found, and what it says.
pub(super) struct Played {
    pub delay: Duration,
    pub outcome: Result<Vec<Part>, Error>,
    /// As recorded; none where it is to be simulated.
    pub usage: Option<Usage>,
}

#[derive(Deserialize)]
struct File {
    given: Option<String>,
    #[serde(default)]
    turn: Vec<Turn>,
    explanation: Option<Explanation>,
}

#[derive(Debug, Deserialize)]
struct Turn {
    when: Option<String>,
    reasoning: Option<String>,
    text: Option<String>,
    #[serde(default)]
    delay_ms: u64,
    error: Option<Failure>,
    #[serde(default)]
    call: Vec<Call>,
}

#[derive(Debug, Deserialize)]
struct Call {
    tool: String,
    #[serde(default = "no_arguments")]
    arguments: String,
    for_each: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Failure {
    kind: FailureKind,
    message: String,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum FailureKind {
    Unavailable,
    Refused,
    Broken,
}

#[derive(Deserialize)]
struct Explanation {
    text: String,
}

fn no_arguments() -> String {
    "{}".to_owned()
}

const GIVEN: &str = "given";
const EXPLANATION: &str = "explanation";

impl Script {
    /// Parses a script. `name` is what errors call it, such as its path.
    ///
    /// ```toml
    /// # Optional: a template, run first; what it sets at its top level, every turn below sees.
    /// given = "{% set lines = documents|map(attribute='text')|join('\n')|csv('sku') %}"
    ///
    /// [[turn]]
    /// when = "unread"               # an expression; see below
    /// reasoning = "There is more."  # a template
    /// delay_ms = 20                 # simulated latency
    /// [[turn.call]]
    /// tool = "read_file"
    /// for_each = "unread"           # an expression: one call for each `item`, `index` from 0
    /// arguments = '{"file_id": {{ item.file_id|tojson }}, "offset": {{ item.offset }}}'
    ///
    /// [[turn]]
    /// when = "true"
    /// text = '{"lines": {{ lines|length }}}'
    ///
    /// [explanation]                 # when the model is asked why an execution failed
    /// text = "Refused: {{ feedback|last }}"
    /// ```
    ///
    /// **Which turn is played:** the first whose `when` holds. A turn without `when` stands for
    /// its own place: it is played as the first turn of an attempt if it is the first in the
    /// script, as the second if it is the second, and so on. So a script without conditions is
    /// played from top to bottom, and one with conditions is a table of rules in which a turn
    /// repeats as long as it is the first that holds. If none holds, the request fails.
    ///
    /// A turn may have `error = {kind = "unavailable" | "refused" | "broken", message = "…"}`
    /// instead of words. The variables are listed in `scene`, the functions in `filters`.
    ///
    /// # Errors
    /// Every mistake there is.
    pub fn parse(name: &str, text: &str) -> Result<Self, Vec<Mistake>> {
        let document = toml_text::to_json(text).map_err(|error| {
            vec![Mistake {
                pointer: String::new(),
                message: error.to_string(),
            }]
        })?;
        let issues = FORMAT.check(&document);
        if !issues.is_empty() {
            return Err(issues.into_iter().map(Mistake::from).collect());
        }
        let file: File = serde_json::from_value(document).map_err(|error| {
            vec![Mistake {
                pointer: String::new(),
                message: error.to_string(),
            }]
        })?;
        Self::build(name, file)
    }

    /// The script of a definition that has none: asked anything, it fails and says so.
    pub fn absent(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            templates: Templates::new(LIMITS),
            has_given: false,
            turns: Vec::new(),
            recording: None,
        }
    }

    /// The script that says again what a model said, word for word: nothing in it is evaluated.
    pub fn recorded(name: &str, recording: Recording) -> Self {
        Self {
            recording: Some(recording),
            ..Self::absent(name)
        }
    }

    fn build(name: &str, file: File) -> Result<Self, Vec<Mistake>> {
        let mut templates = Templates::new(LIMITS);
        filters::add(templates.environment_mut());
        let mut mistakes = Vec::new();
        let mut note = |pointer: String, result: Result<(), template::Error>| {
            if let Err(error) = result {
                mistakes.push(Mistake {
                    pointer,
                    message: error.to_string(),
                });
            }
        };
        if let Some(given) = &file.given {
            note("/given".to_owned(), templates.add(GIVEN, given));
        }
        if let Some(explanation) = &file.explanation {
            let result = templates.add(EXPLANATION, &explanation.text);
            note("/explanation/text".to_owned(), result);
        }
        for (number, turn) in file.turn.iter().enumerate() {
            let at = |what: &str| format!("/turn/{number}/{what}");
            for (what, source) in [("reasoning", &turn.reasoning), ("text", &turn.text)] {
                if let Some(source) = source {
                    note(at(what), templates.add(&at(what), source));
                }
            }
            if let Some(when) = &turn.when {
                note(at("when"), templates.check_expression(when));
            }
            for (index, call) in turn.call.iter().enumerate() {
                let at = |what: &str| format!("/turn/{number}/call/{index}/{what}");
                note(at("arguments"), templates.add(&at("arguments"), &call.arguments));
                if let Some(for_each) = &call.for_each {
                    note(at("for_each"), templates.check_expression(for_each));
                }
            }
        }
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        Ok(Self {
            name: name.to_owned(),
            templates,
            has_given: file.given.is_some(),
            turns: file.turn,
            recording: None,
        })
    }

    /// The turn that answers the request.
    pub(super) fn play(&self, request: &Request) -> Result<Played, Error> {
        if let Some(recording) = &self.recording {
            let scene = &request.rehearsal;
            let said = recording.turn(scene.attempt, scene.step);
            return said.map(|said| again(said, request)).ok_or_else(|| Error::Broken {
                reason: format!(
                    "recording {}: it has no turn for step {} of attempt {}, so the execution goes another way than the recorded one",
                    self.name, scene.step, scene.attempt
                ),
            });
        }
        let variables = self.context(request)?;
        let context = Value::from_pairs(variables.clone());
        let step = request.rehearsal.step;
        for (number, turn) in self.turns.iter().enumerate() {
            let holds = match &turn.when {
                None => number == step,
                Some(when) => self
                    .templates
                    .evaluate(when, &context)
                    .map_err(|error| self.broken(step, &format!("/turn/{number}/when"), &error))?
                    .is_true(),
            };
            if holds {
                let outcome = match &turn.error {
                    Some(failure) => Err(failure.as_error()),
                    None => self.say(request, number, turn, &context, &variables),
                };
                let delay = Duration::from_millis(turn.delay_ms);
                return Ok(Played {
                    delay,
                    outcome,
                    usage: None,
                });
            }
        }
        Err(Error::Broken {
            reason: format!(
                "rehearsal script {}: none of its {} turns is for step {step} of attempt {}",
                self.name,
                self.turns.len(),
                request.rehearsal.attempt
            ),
        })
    }

    /// The explanation of a failure.
    pub(super) fn explain(&self, request: &Request) -> Result<Played, Error> {
        let scene = &request.rehearsal;
        let recorded = self.recording.as_ref().map(|it| it.explanation.as_ref());
        if let Some(said) = recorded.flatten() {
            return Ok(again(said, request));
        }
        let text = if self.templates.contains(EXPLANATION) {
            let context = Value::from_pairs(self.context(request)?);
            self.render(scene.step, EXPLANATION, &context)?
        } else {
            match scene.feedback.last() {
                Some(feedback) => format!(
                    "All {} attempts were refused. The last objection: {feedback}",
                    scene.attempt
                ),
                None => "The execution failed, and its rehearsal script says no more.".to_owned(),
            }
        };
        Ok(Played {
            delay: Duration::ZERO,
            outcome: Ok(vec![Part::text(text)]),
            usage: None,
        })
    }

    fn context(&self, request: &Request) -> Result<BTreeMap<String, Value>, Error> {
        let mut variables: BTreeMap<String, Value> = scene::variables(request).into_iter().collect();
        if self.has_given {
            let context = Value::from_pairs(variables.clone());
            let given = self
                .templates
                .variables(GIVEN, &context)
                .map_err(|error| self.broken(request.rehearsal.step, "/given", &error))?;
            variables.extend(given);
        }
        Ok(variables)
    }

    fn say(
        &self,
        request: &Request,
        number: usize,
        turn: &Turn,
        context: &Value,
        variables: &BTreeMap<String, Value>,
    ) -> Result<Vec<Part>, Error> {
        let step = request.rehearsal.step;
        let mut parts = Vec::new();
        if turn.reasoning.is_some() {
            let text = self.render(step, &format!("/turn/{number}/reasoning"), context)?;
            parts.push(Part::Reasoning { text });
        }
        if turn.text.is_some() {
            let text = self.render(step, &format!("/turn/{number}/text"), context)?;
            parts.push(Part::Text { text });
        }
        let mut calls = 0;
        for (index, call) in turn.call.iter().enumerate() {
            let at = |what: &str| format!("/turn/{number}/call/{index}/{what}");
            let items: Vec<Option<Value>> = match &call.for_each {
                None => vec![None],
                Some(for_each) => {
                    let failed = |error| self.broken(step, &at("for_each"), &error);
                    let list = self.templates.evaluate(for_each, context).map_err(failed)?;
                    let items = list.try_iter().map_err(|error| failed(error.into()))?;
                    items.take(MAX_CALLS + 1).map(Some).collect()
                }
            };
            for (place, item) in items.into_iter().enumerate() {
                if calls == MAX_CALLS {
                    let error = template::Error::new(format!("more than {MAX_CALLS} calls"));
                    return Err(self.broken(step, &at("for_each"), &error));
                }
                let name = at("arguments");
                let text = match item {
                    None => self.render(step, &name, context)?,
                    Some(item) => {
                        let mut variables = variables.clone();
                        variables.insert("item".to_owned(), item);
                        variables.insert("index".to_owned(), Value::from(place));
                        self.render(step, &name, &Value::from_pairs(variables))?
                    }
                };
                let arguments = serde_json::from_str::<Json>(&text).map_err(|error| {
                    let error = template::Error::new(format!("renders to no JSON: {error}"));
                    self.broken(step, &name, &error)
                })?;
                parts.push(Part::ToolCall {
                    call_id: call_id(request, calls),
                    tool: call.tool.clone(),
                    arguments,
                });
                calls += 1;
            }
        }
        Ok(parts)
    }

    fn render(&self, step: usize, name: &str, context: &Value) -> Result<String, Error> {
        self.templates
            .render(name, context)
            .map_err(|error| self.broken(step, name, &error))
    }

    fn broken(&self, step: usize, pointer: &str, error: &template::Error) -> Error {
        Error::Broken {
            reason: format!("rehearsal script {}#{pointer} at step {step}: {error}", self.name),
        }
    }
}

fn again(said: &Said, request: &Request) -> Played {
    Played {
        delay: Duration::ZERO,
        outcome: Ok(said.about(&request.rehearsal.files)),
        usage: said.usage.map(Usage::from),
    }
}

impl Failure {
    fn as_error(&self) -> Error {
        let reason = self.message.clone();
        match self.kind {
            FailureKind::Unavailable => Error::Unavailable {
                reason,
                retry_after: None,
            },
            FailureKind::Refused => Error::Refused {
                reason,
                usage: Usage::default(),
            },
            FailureKind::Broken => Error::Broken { reason },
        }
    }
}

impl From<crate::base::json_schema::Issue> for Mistake {
    fn from(issue: crate::base::json_schema::Issue) -> Self {
        Self {
            pointer: issue.pointer,
            message: issue.message,
        }
    }
}

// Unique in its conversation: attempt and step in an execution, the messages before it in a
// person's.
fn call_id(request: &Request, index: usize) -> String {
    let scene = &request.rehearsal;
    match request.purpose {
        Purpose::Conversation => format!("call_m{}_{}_{index}", scene.turn_offset, scene.step),
        _ => format!("call_{}_{}_{index}", scene.attempt, scene.step),
    }
}
