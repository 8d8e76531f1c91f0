//! An answer while it comes in: its parts, in the order said, told on as they grow. Only
//! [`Draft::finish`] makes a reply of it, and only when the provider said that it is whole.

use std::collections::HashMap;

use serde_json::Value;

use crate::base::message::Part;
use crate::base::text::{MAX_PART_DEPTH, json_depth};
use crate::model::{Delta, DeltaKind, Error, Live, Reply, Usage};

use super::key::Key;

/// More calls in one turn are a loop, not a plan.
const MAX_CALLS: usize = 1000;

/// Parts of one answer, signatures among them: text that changes with reasoning so often is a stream
/// that lost its way, and each part is a row of somebody's page.
const MAX_PIECES: usize = 10_000;

/// Why a provider says that the answer ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// All is said.
    Whole,
    /// All is said, and it waits for the results of its calls.
    Called,
    /// The most tokens are reached.
    Cut(String),
    /// It will not say more.
    Refused(String),
    /// A reason that nobody here knows, or one that says that something broke.
    Broken(String),
}

pub(super) struct Draft<'a> {
    pieces: Vec<Piece>,
    /// Of the pieces, those that readers are shown.
    shown: usize,
    /// Where the last of these is.
    last_shown: Option<usize>,
    /// Where calls are, by how the provider numbers or names them.
    calls: HashMap<String, usize>,
    live: &'a Live<'a>,
    provider: &'static str,
    key: Key<'a>,
    pub usage: Usage,
    stop: Option<Stop>,
}

enum Piece {
    Text(Words),
    Reasoning(Words),
    Call {
        id: String,
        tool: String,
        arguments: Words,
    },
    Opaque(Value),
}

/// Words of a part that readers are shown.
struct Words {
    /// Of the parts that are shown.
    place: usize,
    kind: DeltaKind,
    /// As said and told so far.
    said: String,
    /// What could be the beginning of the key: what comes next shows whether it is.
    held: String,
}

impl Words {
    fn go_on(&mut self, more: &str, key: Key<'_>, live: &Live<'_>) {
        let mut more = std::mem::take(&mut self.held) + more;
        self.held = key.out_of_more(&mut more);
        self.tell(more, live);
    }

    /// Nothing comes next, or something else does first.
    fn let_go(&mut self, live: &Live<'_>) {
        let held = std::mem::take(&mut self.held);
        self.tell(held, live);
    }

    fn tell(&mut self, more: String, live: &Live<'_>) {
        if more.is_empty() {
            return;
        }
        self.said.push_str(&more);
        live(Delta {
            part: self.place,
            kind: self.kind,
            text: more,
        });
    }
}

impl Piece {
    fn words(&mut self) -> Option<&mut Words> {
        match self {
            Self::Text(words) | Self::Reasoning(words) | Self::Call { arguments: words, .. } => Some(words),
            Self::Opaque(_) => None,
        }
    }
}

impl<'a> Draft<'a> {
    pub fn new(provider: &'static str, key: Key<'a>, live: &'a Live<'a>) -> Self {
        Self {
            pieces: Vec::new(),
            shown: 0,
            last_shown: None,
            calls: HashMap::new(),
            live,
            provider,
            key,
            usage: Usage::default(),
            stop: None,
        }
    }

    /// Whether anything was said.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// More text: of the part before when that is text, or a part of its own.
    pub fn text(&mut self, more: &str) -> Result<(), Error> {
        if more.is_empty() {
            return Ok(());
        }
        if !matches!(self.last_shown(), Some(Piece::Text(_))) {
            let words = self.begin(DeltaKind::Text);
            self.push(Piece::Text(words))?;
        }
        self.more_of_last(more);
        Ok(())
    }

    pub fn reasoning(&mut self, more: &str) -> Result<(), Error> {
        if more.is_empty() {
            return Ok(());
        }
        if !matches!(self.last_shown(), Some(Piece::Reasoning(_))) {
            let words = self.begin(DeltaKind::Reasoning);
            self.push(Piece::Reasoning(words))?;
        }
        self.more_of_last(more);
        Ok(())
    }

    /// What the provider wants back with the part before.
    pub fn opaque(&mut self, data: Value) -> Result<(), Error> {
        // It has to be kept whole, and could not be read back.
        if json_depth(&data) > MAX_PART_DEPTH {
            return Err(interrupted(format!(
                "a part that nests deeper than {MAX_PART_DEPTH}"
            )));
        }
        self.push(Piece::Opaque(data))
    }

    /// Why it ends. Who says that it was cut off or refused is not contradicted by a later word.
    pub fn end(&mut self, stop: Stop) {
        if matches!(self.stop, None | Some(Stop::Whole | Stop::Called)) {
            self.stop = Some(stop);
        }
    }

    /// Whether the provider said why it ends.
    pub fn has_end(&self) -> bool {
        self.stop.is_some()
    }

    /// Whether it said that all is said.
    pub fn is_whole(&self) -> bool {
        matches!(self.stop, Some(Stop::Whole | Stop::Called))
    }

    fn begin(&self, kind: DeltaKind) -> Words {
        Words {
            place: self.shown,
            kind,
            said: String::new(),
            held: String::new(),
        }
    }

    fn push(&mut self, mut piece: Piece) -> Result<(), Error> {
        if self.pieces.len() >= MAX_PIECES {
            return Err(interrupted(format!("more than {MAX_PIECES} parts in one answer")));
        }
        if piece.words().is_some() {
            let live = self.live;
            // Parts are told of in their order.
            if let Some(before) = self.last_shown().and_then(Piece::words) {
                before.let_go(live);
            }
            self.last_shown = Some(self.pieces.len());
            self.shown += 1;
        }
        self.pieces.push(piece);
        Ok(())
    }

    pub fn has_call(&self, key: &str) -> bool {
        self.calls.contains_key(key)
    }

    /// A call begins. `key` is its own, as the provider numbers or names it.
    pub fn call(&mut self, key: &str, id: &str, tool: &str) -> Result<(), Error> {
        if self.calls.len() >= MAX_CALLS {
            return Err(interrupted(format!(
                "more than {MAX_CALLS} tool calls in one answer"
            )));
        }
        self.calls.insert(key.to_owned(), self.pieces.len());
        let arguments = self.begin(DeltaKind::ToolArguments);
        self.push(Piece::Call {
            id: id.to_owned(),
            tool: tool.to_owned(),
            arguments,
        })
    }

    /// More of a call's arguments.
    pub fn more_of_call(&mut self, key: &str, more: &str) -> Result<(), Error> {
        let place = self.calls.get(key).copied();
        let Some(words) = place.and_then(|place| self.pieces[place].words()) else {
            return Err(interrupted("a piece of a tool call that never began"));
        };
        words.go_on(more, self.key, self.live);
        Ok(())
    }

    /// A call that comes whole.
    pub fn whole_call(&mut self, id: &str, tool: &str, arguments: &Value) -> Result<(), Error> {
        let key = format!("whole {}", self.pieces.len());
        self.call(&key, id, tool)?;
        let text = match arguments {
            Value::Null => String::new(),
            // As some write them down although they come whole.
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        self.more_of_call(&key, &text)
    }

    /// The reply, when it is one; else an error that knows what was used.
    pub fn finish(mut self) -> Result<Reply, Error> {
        let (usage, live) = (self.usage, self.live);
        for words in self.pieces.iter_mut().filter_map(Piece::words) {
            words.let_go(live);
        }
        let parts = self.into_parts().map_err(|error| error.having_used(usage))?;
        Ok(Reply { parts, usage })
    }

    fn into_parts(self) -> Result<Vec<Part>, Error> {
        match self.stop {
            Some(Stop::Whole) => {}
            Some(Stop::Called) if self.calls.is_empty() => {
                return Err(interrupted("it ended for a tool call that never came"));
            }
            Some(Stop::Called) => {}
            Some(Stop::Cut(reason)) => {
                return Err(Error::CutOff {
                    reason,
                    usage: Usage::default(),
                });
            }
            Some(Stop::Refused(reason)) => return Err(refused(reason)),
            Some(Stop::Broken(reason)) => return Err(interrupted(reason)),
            None => return Err(interrupted("it ended without saying why".to_owned())),
        }
        let mut parts = Vec::with_capacity(self.pieces.len());
        for piece in self.pieces {
            let part = match piece {
                Piece::Text(words) => Part::Text { text: words.said },
                Piece::Reasoning(words) => Part::Reasoning { text: words.said },
                Piece::Call { id, tool, arguments } => {
                    if tool.is_empty() {
                        return Err(interrupted("a tool call without a name".to_owned()));
                    }
                    Part::ToolCall {
                        call_id: id,
                        tool,
                        arguments: read_arguments(arguments.said),
                    }
                }
                Piece::Opaque(data) => Part::Opaque {
                    provider: self.provider.to_owned(),
                    data,
                },
            };
            // Arguments are read only now, and pieces of several calls may come by turns.
            parts.push(self.key.out_of_part(part));
        }
        let is_answer = |part: &Part| match part {
            Part::Text { text } => !text.trim().is_empty(),
            Part::ToolCall { .. } => true,
            _ => false,
        };
        if !parts.iter().any(is_answer) {
            return Err(interrupted("it holds neither text nor a tool call".to_owned()));
        }
        Ok(parts)
    }

    fn last_shown(&mut self) -> Option<&mut Piece> {
        self.last_shown.map(|place| &mut self.pieces[place])
    }

    fn more_of_last(&mut self, more: &str) {
        let (key, live) = (self.key, self.live);
        if let Some(words) = self.last_shown().and_then(Piece::words) {
            words.go_on(more, key, live);
        }
    }
}

/// What is not JSON stays text: the tool's schema refuses it, and the model is told why.
fn read_arguments(text: String) -> Value {
    // Some write nothing, and some `null`, for a tool that needs nothing to be told.
    if matches!(text.trim(), "" | "null") {
        return Value::Object(serde_json::Map::new());
    }
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

/// An answer that is none. What it used is added where the draft is given up.
pub(super) fn interrupted(reason: impl Into<String>) -> Error {
    Error::Interrupted {
        reason: reason.into(),
        usage: Usage::default(),
    }
}

pub(super) fn refused(reason: String) -> Error {
    Error::Refused {
        reason,
        usage: Usage::default(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use serde_json::json;

    use super::*;

    #[test]
    #[allow(clippy::disallowed_methods)] // it is this machine's time that must not be wasted
    fn more_of_a_part_costs_the_same_however_many_parts_there_are() {
        let live = |_| {};
        let mut draft = Draft::new("test", Key::new(None), &live);
        for _ in 0..MAX_PIECES - 2 {
            draft.opaque(json!(1)).expect("there is room");
        }
        draft.text("a").expect("there is room");
        draft.call("c", "c", "count").expect("there is room");
        let begun = Instant::now();
        for _ in 0..200_000 {
            draft.more_of_call("c", "1").expect("it began");
        }
        for _ in 0..MAX_PIECES {
            draft.opaque(json!(1)).expect_err("there is no room");
        }
        // Looking at all of them each time takes far longer.
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    }
}
