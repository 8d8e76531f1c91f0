//! The rehearsal model: plays a [`Script`] from the definition instead of asking a provider. It is
//! the offline default, the test double and the load generator, and it is always named for what
//! it is.
//!
//! It is stateless and deterministic: the turn depends on the request alone, never on the clock,
//! on chance or on what was asked before, so a request made again after a crash is answered
//! alike. A script really reads the attached documents and really calls tools, through the same
//! loop as any model. What a script does not foresee is an error that names the script and the
//! step: nothing is made up. Token usage is simulated at four characters a token.
//!
//! The script's format is described at [`Script::parse`]; to teach scripts another function, add
//! it to `filters`. Instead of a script it can play a [`recording`] of what a model once said.

mod filters;
pub mod recording;
mod scene;
mod script;
mod table;

use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::base::message::Part;

use super::{Delta, DeltaKind, Error, Live, Model, Profile, Purpose, Reply, Request, Usage};

pub use script::{Mistake, Script};

/// The name that definitions and `Message.model` carry.
pub const NAME: &str = "rehearsal";

/// The player.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rehearsal {
    is_brisk: bool,
    sees_images: bool,
}

impl Rehearsal {
    /// One that leaves out the delays that scripts ask for: tests of what is said need not wait.
    pub fn brisk() -> Self {
        Self {
            is_brisk: true,
            ..Self::default()
        }
    }

    /// One that is shown images, as the model was whose words it plays.
    #[must_use]
    pub fn seeing(self, sees_images: bool) -> Self {
        Self { sees_images, ..self }
    }
}

impl Model for Rehearsal {
    fn name(&self) -> &str {
        NAME
    }

    fn profile(&self) -> Profile {
        Profile {
            sees_images: self.sees_images,
            ..Profile::default()
        }
    }

    fn complete<'a>(
        &'a self,
        request: &'a Request,
        live: &'a Live<'a>,
    ) -> BoxFuture<'a, Result<Reply, Error>> {
        async move {
            let script = &request.rehearsal.script;
            let played = match request.purpose {
                Purpose::Explanation => script.explain(request)?,
                Purpose::Turn | Purpose::Conversation => script.play(request)?,
            };
            let delay = if self.is_brisk {
                Duration::ZERO
            } else {
                played.delay
            };
            let deltas = played.outcome.as_deref().map_or_else(|_| Vec::new(), deltas);
            // The first piece comes after a moment too, as with any model.
            let pause = delay / u32::try_from(deltas.len().max(1)).unwrap_or(u32::MAX);
            if deltas.is_empty() && !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            for delta in deltas {
                if !pause.is_zero() {
                    tokio::time::sleep(pause).await;
                }
                live(delta);
            }
            let parts = played.outcome?;
            let usage = played.usage.unwrap_or_else(|| usage(request, &parts));
            Ok(Reply { parts, usage })
        }
        .boxed()
    }
}

/// Pieces that a turn is told in: enough to be seen, and timers cost more than they tell.
const PIECES: usize = 8;

/// A turn as it might be written, a few words at a time.
fn deltas(parts: &[Part]) -> Vec<Delta> {
    let mut deltas = Vec::new();
    let shown = parts.iter().filter(|part| part.is_shown()).enumerate();
    for (part, said) in shown {
        let (kind, text) = match said {
            Part::Text { text } => (DeltaKind::Text, text.clone()),
            Part::Reasoning { text } => (DeltaKind::Reasoning, text.clone()),
            Part::ToolCall { arguments, .. } => (DeltaKind::ToolArguments, arguments.to_string()),
            _ => continue,
        };
        let at_once = text.len().div_ceil(PIECES).max(1);
        let mut piece = String::new();
        for word in text.split_inclusive(' ') {
            piece.push_str(word);
            if piece.len() >= at_once {
                let text = std::mem::take(&mut piece);
                deltas.push(Delta { part, kind, text });
            }
        }
        if !piece.is_empty() {
            deltas.push(Delta {
                part,
                kind,
                text: piece,
            });
        }
    }
    deltas
}

// Four characters a token is the usual rule of thumb for English; it makes budgets and usage
// behave, and claims no more.
fn usage(request: &Request, answer: &[Part]) -> Usage {
    let asked = request.messages.iter().flat_map(|message| &message.parts);
    let characters = |parts: &mut dyn Iterator<Item = &Part>| parts.map(length).sum::<usize>();
    let tokens = |characters: usize| characters.div_ceil(4) as u64;
    Usage {
        cached_input_tokens: 0,
        input_tokens: tokens(request.system.chars().count() + characters(&mut asked.into_iter())),
        output_tokens: tokens(characters(&mut answer.iter())),
    }
}

fn length(part: &Part) -> usize {
    match part {
        Part::Text { text } | Part::Reasoning { text } => text.chars().count(),
        Part::ToolCall { tool, arguments, .. } => tool.len() + arguments.to_string().len(),
        Part::ToolResult { output, .. } => output.to_string().len(),
        Part::File { .. } | Part::Opaque { .. } => 0,
    }
}

#[cfg(test)]
mod tests;
