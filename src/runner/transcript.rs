//! A run's state: the fold of its journal. Entries just written and entries read back after a crash
//! go through the same [`Transcript::apply`], so a resumed run stands where the first one stood.
//!
//! It knows three things the journal does not say outright: what the model sees now (earlier
//! attempts keep only their answers and what was said about them), which calls of the last turn
//! have no result yet, and what every tool has recorded.

use std::collections::{HashMap, HashSet};

use crate::base::message::{Message, Part, Role};
use crate::base::text::{MAX_PART_DEPTH, json_depth, without_nul};
use crate::domain::journal::{Entry, Tokens};

use super::validators::Recorded;

/// How deep arguments, outputs and a provider's own parts may nest.
pub(super) const MAX_DEPTH: usize = MAX_PART_DEPTH;

/// Bytes in which a file is named: its id, its type, and the longest names that are usual.
const FILE: usize = 400;

/// A tool call of the model.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Call {
    pub call_id: String,
    pub tool: String,
    pub arguments: serde_json::Value,
}

/// A refusal after which no attempt is left.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Refusal {
    pub validator: String,
    pub feedback: String,
}

#[derive(Clone, Debug)]
enum Item {
    Said(Message),
    Turn {
        message: Message,
        results: HashMap<String, Part>,
    },
}

/// How much of a request something is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Size {
    pub bytes: usize,
    pub parts: usize,
    /// Files that it names, each of which may be a picture.
    pub files: usize,
}

impl Size {
    pub fn of(part: &Part) -> Self {
        Self {
            bytes: length(part),
            parts: 1,
            files: match part {
                Part::File { .. } => 1,
                Part::ToolResult { files, .. } => files.len(),
                _ => 0,
            },
        }
    }

    pub fn of_text(text: &str) -> Self {
        Self {
            bytes: text.len(),
            parts: 1,
            files: 0,
        }
    }

    #[must_use]
    pub fn and(self, more: Self) -> Self {
        Self {
            bytes: self.bytes + more.bytes,
            parts: self.parts + more.parts,
            files: self.files + more.files,
        }
    }

    fn of_all<'a>(parts: impl Iterator<Item = &'a Part>) -> Self {
        parts.map(Self::of).fold(Self::default(), Self::and)
    }
}

/// What was used since the last word of a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Spent {
    pub model_calls: u64,
    pub tool_calls: u64,
    pub usage: Tokens,
}

#[derive(Debug, Default)]
pub(super) struct Transcript {
    /// Of an execution.
    pub system: Option<String>,
    /// 0 until the first has begun.
    pub attempt: i32,
    /// What validators said, oldest first.
    pub feedback: Vec<String>,
    /// Set when the last attempt was refused.
    pub exhausted: Option<Refusal>,
    /// Results of the whole execution, as they came.
    pub recorded: Vec<Recorded>,
    pub spent: Spent,
    /// What the model's last turn used.
    pub last_usage: Tokens,
    /// What the model has not seen yet.
    pub size_since_answer: Size,
    /// Messages up to the last word of a person.
    pub question_at: usize,
    messages: usize,
    kept: Vec<Message>,
    items: Vec<Item>,
    call_ids: HashSet<String>,
}

impl Transcript {
    pub fn read<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Self {
        let mut transcript = Self::default();
        for entry in entries {
            transcript.apply(entry);
        }
        transcript
    }

    /// Goes on by an entry that is durable.
    pub fn apply(&mut self, entry: &Entry) {
        match entry {
            Entry::Message { message, usage, .. } => self.hear(message, *usage),
            Entry::AttemptStarted { attempt } => {
                self.attempt = *attempt;
                let ended = std::mem::take(&mut self.items);
                self.kept.extend(ended.into_iter().filter_map(Item::into_kept));
            }
            Entry::ValidatorRejected {
                validator,
                feedback,
                will_retry,
                ..
            } => {
                self.feedback.push(feedback.clone());
                if !will_retry {
                    self.exhausted = Some(Refusal {
                        validator: validator.clone(),
                        feedback: feedback.clone(),
                    });
                }
            }
            Entry::StatusChanged { .. }
            | Entry::Progress(_)
            | Entry::ReplyStarted
            | Entry::ReplyEnded { .. } => {}
        }
    }

    fn hear(&mut self, message: &Message, usage: Option<Tokens>) {
        self.messages += 1;
        self.size_since_answer = match message.role {
            Role::Assistant => Size::default(),
            _ => self.size_since_answer.and(Size::of_all(message.parts.iter())),
        };
        match message.role {
            Role::System => self.system = Some(message.plain_text()),
            Role::User => {
                self.items.push(Item::Said(message.clone()));
                self.spent = Spent::default();
                self.question_at = self.messages;
            }
            Role::Validator => self.items.push(Item::Said(message.clone())),
            Role::Assistant => {
                let ids = message.tool_calls().map(|(id, _, _)| id.to_owned());
                let before = self.call_ids.len();
                self.call_ids.extend(ids);
                self.spent.model_calls += 1;
                self.spent.tool_calls += (self.call_ids.len() - before) as u64;
                if let Some(usage) = usage {
                    self.spent.usage = self.spent.usage.and(usage);
                    self.last_usage = usage;
                }
                self.items.push(Item::Turn {
                    message: message.clone(),
                    results: HashMap::new(),
                });
            }
            Role::Tool => message.parts.iter().for_each(|part| self.record(part)),
        }
    }

    fn record(&mut self, part: &Part) {
        let Part::ToolResult {
            call_id,
            tool,
            is_error,
            output,
            ..
        } = part
        else {
            return;
        };
        for item in self.items.iter_mut().rev() {
            let Item::Turn { message, results } = item else {
                continue;
            };
            let call = message.tool_calls().find(|(id, _, _)| id == call_id);
            let Some((_, _, arguments)) = call else { continue };
            self.recorded.push(Recorded {
                attempt: self.attempt,
                call_id: call_id.clone(),
                tool: tool.clone(),
                arguments: arguments.clone(),
                is_error: *is_error,
                output: output.clone(),
            });
            results.insert(call_id.clone(), part.clone());
            return;
        }
    }

    /// The calls of the last turn that have no result, in call order.
    pub fn pending(&self) -> Vec<Call> {
        let Some(Item::Turn { message, results }) = self.items.last() else {
            return Vec::new();
        };
        calls_of(message)
            .filter(|call| !results.contains_key(&call.call_id))
            .collect()
    }

    /// What the agent said in a last turn without calls.
    pub fn answer(&self) -> Option<String> {
        match self.items.last() {
            Some(Item::Turn { message, .. }) if message.tool_calls().next().is_none() => {
                Some(message.plain_text())
            }
            _ => None,
        }
    }

    /// Turns of the model since the attempt began, or since the last word of a person.
    pub fn step(&self) -> usize {
        let turns = self.items.iter().rev();
        turns
            .take_while(|item| !matches!(item, Item::Said(message) if message.role == Role::User))
            .filter(|item| matches!(item, Item::Turn { .. }))
            .count()
    }

    /// What the model sees.
    pub fn view(&self) -> Vec<Message> {
        let mut view = self.kept.clone();
        self.items.iter().for_each(|item| item.show(&mut view));
        view
    }

    /// Of what the model sees; in a person's conversation without the prompt.
    pub fn size(&self) -> Size {
        let system = self.system.as_deref().map_or(Size::default(), Size::of_text);
        let kept = Size::of_all(self.kept.iter().flat_map(|message| &message.parts));
        let items = self.items.iter().map(Item::size);
        items.fold(system.and(kept), Size::and)
    }

    /// What the model sees of a long conversation: the newest questions with all that followed,
    /// within these limits, and the last question in any case.
    pub fn newest(&self, messages: usize, characters: usize) -> Vec<Message> {
        let mut start = self.items.len();
        let (mut count, mut length) = (0, 0);
        for (place, item) in self.items.iter().enumerate().rev() {
            count += item.count();
            length += item.size().bytes;
            let is_question = matches!(item, Item::Said(message) if message.role == Role::User);
            let is_full = count > messages || length > characters;
            if is_question && (!is_full || start == self.items.len()) {
                start = place;
            }
            if is_full && start < self.items.len() {
                break;
            }
        }
        let mut view = Vec::new();
        self.items[start..].iter().for_each(|item| item.show(&mut view));
        view
    }

    /// A model's turn as it goes into the journal: storable, and with call ids that are unique in
    /// the conversation, for some providers count them anew in every turn.
    pub fn admit(&self, parts: Vec<Part>) -> Message {
        let mut taken: HashSet<String> = HashSet::new();
        let parts = parts.into_iter().map(|part| match part {
            Part::Text { text } => Part::Text { text: storable(text) },
            Part::Reasoning { text } => Part::Reasoning { text: storable(text) },
            Part::ToolCall {
                call_id,
                tool,
                arguments,
            } => {
                let given = storable(call_id);
                let is_free =
                    |id: &String| !id.is_empty() && !taken.contains(id) && !self.call_ids.contains(id);
                let mut call_id = given.clone();
                let mut number = self.call_ids.len() + taken.len();
                while !is_free(&call_id) {
                    number += 1;
                    call_id = format!("{given}_{number}");
                }
                taken.insert(call_id.clone());
                // Nothing that is nested so deep satisfies a tool's schema anyway.
                let is_readable = json_depth(&arguments) <= MAX_DEPTH;
                Part::ToolCall {
                    call_id,
                    tool: storable(tool),
                    arguments: if is_readable {
                        without_nul(arguments)
                    } else {
                        serde_json::Value::Null
                    },
                }
            }
            Part::Opaque { provider, data } => Part::Opaque {
                provider,
                data: without_nul(data),
            },
            other => other,
        });
        Message {
            role: Role::Assistant,
            // Results and files are not a model's to say.
            parts: parts
                .filter(|part| !matches!(part, Part::ToolResult { .. } | Part::File { .. }))
                // Nobody is shown it, and the entry could not be read back with it.
                .filter(|part| !matches!(part, Part::Opaque { data, .. } if json_depth(data) > MAX_DEPTH))
                .collect(),
        }
    }
}

/// The calls that a turn asks for.
pub(super) fn calls_of(message: &Message) -> impl Iterator<Item = Call> + '_ {
    message.tool_calls().map(|(call_id, tool, arguments)| Call {
        call_id: call_id.to_owned(),
        tool: tool.to_owned(),
        arguments: arguments.clone(),
    })
}

impl Item {
    /// What stays of it when its attempt is over: words of others, and answers without the
    /// reasoning and the calls that led to them.
    fn into_kept(self) -> Option<Message> {
        match self {
            Self::Said(message) => Some(message),
            Self::Turn { message, .. } if message.tool_calls().next().is_some() => None,
            Self::Turn { message, .. } => Some(Message::text(Role::Assistant, message.plain_text())),
        }
    }

    fn show(&self, view: &mut Vec<Message>) {
        match self {
            Self::Said(message) => view.push(message.clone()),
            Self::Turn { message, results } => {
                view.push(message.clone());
                for call in calls_of(message) {
                    let result = results.get(&call.call_id).cloned();
                    view.push(Message {
                        role: Role::Tool,
                        parts: vec![result.unwrap_or_else(|| never_run(&call))],
                    });
                }
            }
        }
    }

    fn count(&self) -> usize {
        match self {
            Self::Said(_) => 1,
            Self::Turn { message, .. } => 1 + message.tool_calls().count(),
        }
    }

    fn size(&self) -> Size {
        match self {
            Self::Said(message) => Size::of_all(message.parts.iter()),
            Self::Turn { message, results } => Size::of_all(message.parts.iter().chain(results.values())),
        }
    }
}

// Providers refuse a call without a result; an answer that was stopped leaves some.
fn never_run(call: &Call) -> Part {
    Part::ToolResult {
        call_id: call.call_id.clone(),
        tool: call.tool.clone(),
        is_error: true,
        output: serde_json::json!({"error": "the answer was ended before this had a result"}),
        duration_ms: None,
        files: Vec::new(),
    }
}

fn storable(text: String) -> String {
    if text.contains('\0') {
        text.replace('\0', "\u{FFFD}")
    } else {
        text
    }
}

fn length(part: &Part) -> usize {
    match part {
        Part::Text { text } | Part::Reasoning { text } => text.len(),
        Part::ToolCall {
            call_id,
            tool,
            arguments,
        } => call_id.len() + tool.len() + arguments.to_string().len(),
        Part::ToolResult {
            call_id,
            tool,
            output,
            ..
        } => call_id.len() + tool.len() + output.to_string().len(),
        Part::Opaque { data, .. } => data.to_string().len(),
        Part::File { .. } => FILE,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn nested(levels: usize) -> Value {
        (0..levels).fold(json!(1), |inner, _| json!([inner]))
    }

    #[test]
    fn whatever_a_model_answers_is_an_entry_that_can_be_read_back() {
        for levels in [0, 1, MAX_DEPTH, MAX_DEPTH + 1, 120, 127, 128, 1000] {
            let said = vec![
                Part::text("fine"),
                Part::ToolCall {
                    call_id: "a".to_owned(),
                    tool: "count".to_owned(),
                    arguments: nested(levels),
                },
                Part::Opaque {
                    provider: "other".to_owned(),
                    data: nested(levels),
                },
            ];
            let message = Transcript::default().admit(said);
            let kept = message.parts.len();
            assert_eq!(kept, if levels <= MAX_DEPTH { 3 } else { 2 }, "{levels}");
            let entry = Entry::message(message);
            let stored = serde_json::to_value(&entry).expect("plain data").to_string();
            let read: Entry =
                serde_json::from_str(&stored).unwrap_or_else(|error| panic!("{levels}: {error}"));
            assert_eq!(read, entry);
        }
    }
}
