//! An answer while it comes in: its parts, in the order said, told on as they grow. Only
//! [`Draft::finish`] makes a reply of it, and only when the provider said that it is whole.

use serde_json::Value;

use crate::base::message::Part;
use crate::base::text::{MAX_PART_DEPTH, json_depth};
use crate::model::{Delta, DeltaKind, Error, Live, Reply, Usage};

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
    live: &'a Live<'a>,
    provider: &'static str,
    pub usage: Usage,
    stop: Option<Stop>,
}

enum Piece {
    Text(String),
    Reasoning(String),
    Call {
        /// As the provider numbers or names it.
        key: String,
        id: String,
        tool: String,
        /// As written so far.
        arguments: String,
    },
    Opaque(Value),
}

impl Piece {
    fn is_shown(&self) -> bool {
        !matches!(self, Self::Opaque(_))
    }
}

impl<'a> Draft<'a> {
    pub fn new(provider: &'static str, live: &'a Live<'a>) -> Self {
        Self {
            pieces: Vec::new(),
            shown: 0,
            live,
            provider,
            usage: Usage::default(),
            stop: None,
        }
    }

    /// Whether anything was said.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// More text: of the part before when that is text, or a part of its own.
    pub fn text(&mut self, more: &str) {
        if more.is_empty() {
            return;
        }
        match self.last_shown() {
            Some(Piece::Text(text)) => text.push_str(more),
            _ => self.push(Piece::Text(more.to_owned())),
        }
        self.tell_last(DeltaKind::Text, more);
    }

    pub fn reasoning(&mut self, more: &str) {
        if more.is_empty() {
            return;
        }
        match self.last_shown() {
            Some(Piece::Reasoning(text)) => text.push_str(more),
            _ => self.push(Piece::Reasoning(more.to_owned())),
        }
        self.tell_last(DeltaKind::Reasoning, more);
    }

    /// What the provider wants back with the part before.
    pub fn opaque(&mut self, data: Value) -> Result<(), Error> {
        // It has to be kept whole, and could not be read back.
        if json_depth(&data) > MAX_PART_DEPTH {
            return Err(interrupted(format!(
                "a part that nests deeper than {MAX_PART_DEPTH}"
            )));
        }
        self.push(Piece::Opaque(data));
        Ok(())
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

    fn push(&mut self, piece: Piece) {
        self.shown += usize::from(piece.is_shown());
        self.pieces.push(piece);
    }

    pub fn has_call(&self, key: &str) -> bool {
        self.calls().any(|known| known == key)
    }

    fn calls(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Call { key, .. } => Some(key.as_str()),
            _ => None,
        })
    }

    /// A call begins.
    pub fn call(&mut self, key: &str, id: &str, tool: &str) -> Result<(), Error> {
        if self.calls().count() >= MAX_CALLS {
            return Err(interrupted(format!(
                "more than {MAX_CALLS} tool calls in one answer"
            )));
        }
        self.push(Piece::Call {
            key: key.to_owned(),
            id: id.to_owned(),
            tool: tool.to_owned(),
            arguments: String::new(),
        });
        Ok(())
    }

    /// More of a call's arguments.
    pub fn more_of_call(&mut self, key: &str, more: &str) -> Result<(), Error> {
        let mut shown = 0;
        for piece in &mut self.pieces {
            if let Piece::Call {
                key: known,
                arguments,
                ..
            } = piece
                && known == key
            {
                arguments.push_str(more);
                if !more.is_empty() {
                    (self.live)(Delta {
                        part: shown,
                        kind: DeltaKind::ToolArguments,
                        text: more.to_owned(),
                    });
                }
                return Ok(());
            }
            shown += usize::from(piece.is_shown());
        }
        Err(interrupted("a piece of a tool call that never began".to_owned()))
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
    pub fn finish(self) -> Result<Reply, Error> {
        let usage = self.usage;
        let parts = self.into_parts().map_err(|error| error.having_used(usage))?;
        Ok(Reply { parts, usage })
    }

    fn into_parts(self) -> Result<Vec<Part>, Error> {
        match self.stop {
            Some(Stop::Whole) => {}
            Some(Stop::Called) if self.calls().next().is_none() => {
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
        if self.pieces.len() > MAX_PIECES {
            return Err(interrupted(format!("more than {MAX_PIECES} parts in one answer")));
        }
        let mut parts = Vec::with_capacity(self.pieces.len());
        for piece in self.pieces {
            parts.push(match piece {
                Piece::Text(text) => Part::Text { text },
                Piece::Reasoning(text) => Part::Reasoning { text },
                Piece::Call {
                    id, tool, arguments, ..
                } => {
                    if tool.is_empty() {
                        return Err(interrupted("a tool call without a name".to_owned()));
                    }
                    Part::ToolCall {
                        call_id: id,
                        tool,
                        arguments: read_arguments(arguments),
                    }
                }
                Piece::Opaque(data) => Part::Opaque {
                    provider: self.provider.to_owned(),
                    data,
                },
            });
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
        self.pieces.iter_mut().rev().find(|piece| piece.is_shown())
    }

    fn tell_last(&self, kind: DeltaKind, more: &str) {
        (self.live)(Delta {
            part: self.shown.saturating_sub(1),
            kind,
            text: more.to_owned(),
        });
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
