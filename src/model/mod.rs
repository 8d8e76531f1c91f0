//! Model providers behind one trait. A provider turns one [`Request`] into one [`Reply`]; it keeps
//! no conversation between requests, runs no tool, stores nothing and never asks twice: whether to
//! ask again is the runner's. Dropping the future aborts the request and what it costs.
//!
//! The operator declares models in a file ([`declared`]); each becomes a [`provider::Provider`].
//! To add a provider that speaks another protocol: a [`provider`] of its own kind, see there. To
//! add something else that answers: a type that implements [`Model`], and its registration in
//! `cli`. Keys come from the environment there and stay inside the provider.

pub mod circuit;
pub mod declared;
pub mod provider;
pub mod rehearsal;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use serde_json::Value;
use uuid::Uuid;

use crate::base::message::{Message, Part};

use circuit::Circuit;
use rehearsal::Script;

/// Something that answers turns of a conversation.
pub trait Model: Send + Sync {
    /// As definitions and `Message.model` name it.
    fn name(&self) -> &str;

    /// What it can do and costs; nothing of either unless it says so.
    fn profile(&self) -> Profile {
        Profile::default()
    }

    /// What calls to its endpoint know of each other; none where there is no endpoint.
    fn circuit(&self) -> Option<&Circuit> {
        None
    }

    /// Whether images that come with messages and results can be shown to it.
    fn sees_images(&self) -> bool {
        self.profile().sees_images
    }

    /// The next turn. What is said is told to `live` while it is being said; the reply has all of
    /// it. Cancelled by dropping the future.
    fn complete<'a>(
        &'a self,
        request: &'a Request,
        live: &'a Live<'a>,
    ) -> BoxFuture<'a, Result<Reply, Error>>;
}

/// What a model can do and costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// It takes images; others are told that there is one.
    pub sees_images: bool,
    /// It can be held to a JSON Schema.
    pub has_structured_output: bool,
    /// None where nothing is known about its cost.
    pub price: Option<Price>,
    /// The most tokens of one answer; none where it was declared without.
    pub max_output_tokens: Option<u32>,
}

/// What tokens cost, in millionths of a US dollar for a million of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Price {
    pub input: u64,
    pub cached_input: u64,
    pub output: u64,
}

/// Hears an answer while it is being written.
pub type Live<'a> = dyn Fn(Delta) + Send + Sync + 'a;

/// More of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delta {
    /// Index into the parts that readers are shown.
    pub part: usize,
    /// What it is.
    pub kind: DeltaKind,
    /// To be appended.
    pub text: String,
}

/// What is being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum DeltaKind {
    Text,
    Reasoning,
    ToolArguments,
}

/// What a model is asked.
#[derive(Clone, Debug)]
pub struct Request {
    /// The prompt, rendered.
    pub system: String,
    /// This attempt's view of the conversation, oldest first.
    pub messages: Vec<Message>,
    /// The tools that it may call; none when it explains.
    pub tools: Vec<ToolSpec>,
    /// What the answer is for.
    pub purpose: Purpose,
    /// The files that messages and results name.
    pub files: Vec<Attachment>,
    /// What the answer must satisfy, for models that can be held to it.
    pub output_schema: Option<Value>,
    /// How it is to answer.
    pub settings: Settings,
    /// What a rehearsal sees beside the messages. Real providers never read it.
    pub rehearsal: Scene,
}

/// How a model is to answer; what is none is as the model was declared.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Settings {
    /// 0 for the likeliest words.
    pub temperature: Option<f64>,
    /// Of one answer, reasoning included.
    pub max_output_tokens: Option<u32>,
    /// For one whole answer.
    pub timeout: Option<Duration>,
}

/// A file that a request is about.
#[derive(Clone, Debug)]
pub struct Attachment {
    /// Its row, as parts name it.
    pub id: Uuid,
    /// As tools know it.
    pub info: FileInfo,
    /// Its bytes, where it is an image and the model sees.
    pub image: Option<Bytes>,
}

/// A tool as the model sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolSpec {
    /// Its name.
    pub name: String,
    /// When and how to use it.
    pub description: String,
    /// JSON Schema of its arguments.
    pub parameters: Value,
}

/// What an answer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A turn of an execution.
    Turn,
    /// Why the execution failed, in words for the user.
    Explanation,
    /// A turn of a person's conversation.
    Conversation,
}

/// What a rehearsal sees beside the messages: all that its choices depend on, so that a request
/// made again after a crash is answered alike.
#[derive(Clone, Debug)]
pub struct Scene {
    /// The script to play.
    pub script: Arc<Script>,
    /// The execution's input; an empty object in a person's conversation.
    pub input: Value,
    /// The files that came with it.
    pub files: Vec<FileInfo>,
    /// Correction cycle, from 1.
    pub attempt: u32,
    /// What validators said about earlier attempts, oldest first.
    pub feedback: Vec<String>,
    /// Turns of the model so far, from 0: in this attempt, or since the last user message.
    pub step: usize,
    /// In a person's conversation, how many messages it holds so far: keeps call ids unique.
    pub turn_offset: usize,
}

/// A file as prompts, scripts and tools see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileInfo {
    /// Public id.
    pub file_id: String,
    /// As uploaded.
    pub filename: String,
    /// As sniffed.
    pub content_type: String,
    /// Its size.
    pub size_bytes: u64,
}

impl FileInfo {
    /// The form that tools return and templates see.
    pub fn to_json(&self) -> Value {
        serde_json::json!({
            "file_id": self.file_id,
            "filename": self.filename,
            "content_type": self.content_type,
            "size_bytes": self.size_bytes,
        })
    }
}

/// What a model answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// Reasoning, text and tool calls, in the order said.
    pub parts: Vec<Part>,
    /// What it cost.
    pub usage: Usage,
}

/// Tokens of one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Usage {
    /// With the cached ones.
    pub input_tokens: u64,
    /// Those that the provider had kept and charges less for.
    pub cached_input_tokens: u64,
    /// With reasoning.
    pub output_tokens: u64,
}

/// Why there is no answer. Reasons are for the log: they may quote the provider.
///
/// Where an answer was begun that is none, `usage` is what it used as far as the provider had said:
/// it is paid for all the same. A request that was turned away, or met a failure of the provider's
/// own, is not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum Error {
    /// Rate limited or overloaded: asking again later may help.
    #[error("the model is unavailable: {reason}")]
    Unavailable {
        reason: String,
        /// When the provider says to come back.
        retry_after: Option<Duration>,
    },
    /// Its endpoint is not reachable, fails, or does not answer in time: nobody else is answered
    /// there either.
    #[error("the model's endpoint is down: {reason}")]
    Down {
        reason: String,
        /// When the provider says to come back.
        retry_after: Option<Duration>,
    },
    /// The answer broke off or cannot be read: asking again may help.
    #[error("the model's answer broke off: {reason}")]
    Interrupted { reason: String, usage: Usage },
    /// The answer reached the most tokens that it may have, so it is no whole one.
    #[error("the model's answer was cut off: {reason}")]
    CutOff { reason: String, usage: Usage },
    /// The request is longer than the model can read.
    #[error("the request is too long for the model: {reason}")]
    TooLong { reason: String },
    /// The model, or its provider's filter, will not answer this request, now or later.
    #[error("the model refused the request: {reason}")]
    Refused { reason: String, usage: Usage },
    /// The provider does not take the request as this server is set up to make it: its key, its
    /// account, the model's name.
    #[error("the model is set up wrongly: {reason}")]
    Misconfigured { reason: String },
    /// It answered something that is no answer, and would again: a script that does not go on.
    #[error("the model's answer is unusable: {reason}")]
    Broken { reason: String },
}

impl Error {
    /// A word for metrics and traces.
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::Unavailable { .. } => "unavailable",
            Self::Down { .. } => "down",
            Self::Interrupted { .. } => "interrupted",
            Self::CutOff { .. } => "cut_off",
            Self::TooLong { .. } => "too_long",
            Self::Refused { .. } => "refused",
            Self::Misconfigured { .. } => "misconfigured",
            Self::Broken { .. } => "broken",
        }
    }

    /// What was used although there is no answer, as far as the provider had said.
    pub fn usage(&self) -> Usage {
        match self {
            Self::Interrupted { usage, .. } | Self::CutOff { usage, .. } | Self::Refused { usage, .. } => {
                *usage
            }
            Self::Unavailable { .. }
            | Self::Down { .. }
            | Self::TooLong { .. }
            | Self::Misconfigured { .. }
            | Self::Broken { .. } => Usage::default(),
        }
    }

    /// The same error in other words.
    #[must_use]
    fn with_reason(mut self, words: impl FnOnce(String) -> String) -> Self {
        match &mut self {
            Self::Unavailable { reason, .. }
            | Self::Down { reason, .. }
            | Self::Interrupted { reason, .. }
            | Self::CutOff { reason, .. }
            | Self::TooLong { reason }
            | Self::Refused { reason, .. }
            | Self::Misconfigured { reason }
            | Self::Broken { reason } => *reason = words(std::mem::take(reason)),
        }
        self
    }

    /// The same error after so much was used.
    #[must_use]
    fn having_used(mut self, used: Usage) -> Self {
        if let Self::Interrupted { usage, .. } | Self::CutOff { usage, .. } | Self::Refused { usage, .. } =
            &mut self
        {
            *usage = used;
        }
        self
    }
}

/// The models that this process can ask, by name.
#[derive(Clone, Default)]
pub struct Models(BTreeMap<String, Arc<dyn Model>>);

impl Models {
    /// The rehearsal model alone: what a server without configured providers has.
    pub fn rehearsal_only() -> Self {
        let mut models = Self::default();
        models.register(Arc::new(rehearsal::Rehearsal::default()));
        models
    }

    /// Adds a model, or replaces the one of the same name.
    pub fn register(&mut self, model: Arc<dyn Model>) {
        self.0.insert(model.name().to_owned(), model);
    }

    /// The model of this name.
    pub fn find(&self, name: &str) -> Option<Arc<dyn Model>> {
        self.0.get(name).cloned()
    }

    /// The names of those whose endpoint is down: no run of theirs should be begun.
    pub fn blocked(&self, now: Duration) -> Vec<String> {
        let is_blocked =
            |model: &Arc<dyn Model>| model.circuit().is_some_and(|circuit| circuit.is_blocking(now));
        let blocked = self.0.iter().filter(|(_, model)| is_blocked(model));
        blocked.map(|(name, _)| name.clone()).collect()
    }

    /// Whether an endpoint that was down may be tried again, by one run.
    pub fn has_trial(&self, now: Duration) -> bool {
        let mut circuits = self.0.values().filter_map(|model| model.circuit());
        circuits.any(|circuit| circuit.is_open() && !circuit.is_blocking(now))
    }

    /// The names of those whose cost nobody declared. The rehearsal costs nothing.
    pub fn unpriced(&self) -> Vec<&str> {
        let is_unpriced =
            |model: &Arc<dyn Model>| model.name() != rehearsal::NAME && model.profile().price.is_none();
        let unpriced = self.0.iter().filter(|(_, model)| is_unpriced(model));
        unpriced.map(|(name, _)| name.as_str()).collect()
    }

    /// Every name, sorted.
    pub fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }
}
