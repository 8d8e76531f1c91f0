//! Model providers behind one trait. A provider turns one [`Request`] into one [`Reply`]; it keeps
//! no state between requests, runs no tool, stores nothing and retries only what its own protocol
//! asks for. Dropping the future aborts the request and what it costs.
//!
//! To add a provider: a folder beside `rehearsal/` with a type that implements [`Model`], and its
//! registration in `cli`, where the operator's configuration is read. Keys come from the
//! environment there and stay inside the provider.

pub mod rehearsal;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use serde_json::Value;

use crate::base::message::{Message, Part};

use rehearsal::Script;

/// Something that answers turns of a conversation.
pub trait Model: Send + Sync {
    /// As definitions and `Message.model` name it.
    fn name(&self) -> &str;

    /// Whether images that a tool's result names can be shown to it.
    fn sees_images(&self) -> bool {
        false
    }

    /// The next turn. Cancelled by dropping the future.
    fn complete<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Reply, Error>>;
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
    /// What a rehearsal sees beside the messages. Real providers never read it.
    pub rehearsal: Scene,
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
    pub input_tokens: u64,
    pub output_tokens: u64,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Overloaded, rate limited or not reachable: asking again later may help.
    #[error("the model is unavailable: {reason}")]
    Unavailable {
        /// For the log.
        reason: String,
        /// When the provider says to come back.
        retry_after: Option<Duration>,
    },
    /// The provider will not answer this request, now or later.
    #[error("the model refused the request: {reason}")]
    Refused {
        /// For the log.
        reason: String,
    },
    /// It answered something that is no answer: a cut stream, a script that does not go on.
    #[error("the model's answer is unusable: {reason}")]
    Broken {
        /// For the log.
        reason: String,
    },
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

    /// Every name, sorted.
    pub fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }
}
