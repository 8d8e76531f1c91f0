//! Tools of other systems, by the Model Context Protocol: servers that the operator's definitions
//! name, reached as a child process or over streamable HTTP.
//!
//! A server is started when the first run asks for its tools, and shared by all runs of its agent
//! type in this process. One that dies is started again, later each time while it keeps dying; a call
//! that hangs is cut off at its time limit, and a server that answers nobody then is replaced. Calls
//! that it still works on are never cut by another's failure. What a server says is a stranger's
//! word: its lists and results are bounded, and nothing it asks of us (sampling, roots, questions to
//! the user) is granted.
//!
//! It knows no definition, stores nothing and decides nothing about repeating a call. To add another
//! way to reach a server: a variant of [`Reach`] and its `connect`.

mod connect;
mod joint;
mod live;
mod result;
mod secrets;
mod server;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use serde_json::Value;

use crate::base::clock::Clock;
use crate::child::Launcher;

use server::Server;

/// What the log may have of the library beneath: whatever level is asked for, it is heard only where
/// it is named itself, for it logs what servers say, whole, from info on, and parts of it in errors. Of
/// the one exception no error repeats a word of theirs, and one tells what nothing else does: that a
/// message was too long to be taken.
pub const LOG: &str = "rmcp=off,rmcp::transport::async_rw=error";

/// How a server is reached.
#[derive(Clone, Debug)]
pub enum Reach {
    /// It runs as a child process and speaks over its standard input and output.
    Child {
        /// The program.
        command: String,
        /// Its arguments.
        arguments: Vec<String>,
        /// All that it inherits.
        environment: Vec<(String, SecretString)>,
    },
    /// It listens at an address.
    Http {
        /// `http://` or `https://`.
        url: String,
        /// Sent with every request.
        headers: Vec<(String, SecretString)>,
    },
}

/// A server.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How it is reached.
    pub reach: Reach,
    /// For one call.
    pub call_timeout: Duration,
}

/// What a server is found by: the agent type, and the server's name in it.
pub type Key = (String, String);

/// The servers of this process. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Servers(Arc<BTreeMap<Key, Arc<Server>>>);

/// A tool of a server.
#[derive(Clone, Debug, PartialEq)]
pub struct Tool {
    /// As the server calls it.
    pub name: String,
    /// For the model.
    pub description: String,
    /// JSON Schema of its arguments, unchecked.
    pub parameters: Value,
    /// The server says that a call may be repeated.
    pub is_idempotent: bool,
}

/// The tools of a server, as it last listed them.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Another list has another number.
    pub version: u64,
    /// In the server's order.
    pub tools: Arc<[Tool]>,
}

/// What a call gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The server says that the call failed.
    pub is_error: bool,
    /// All texts, joined by line breaks.
    pub text: String,
    /// Its structured result.
    pub structured: Option<Value>,
    /// What it refers to or embeds as text: `uri`, and what is known of `name`, `mime_type`, `text`.
    pub resources: Vec<Value>,
    /// Images, sounds and other bytes.
    pub blobs: Vec<Blob>,
    /// Pieces that were too many or too large, or cannot be read.
    pub left_out: usize,
}

/// Bytes in a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// The last part of its URI, where it has one.
    pub name: Option<String>,
    /// As the server says.
    pub media_type: Option<String>,
    /// The content.
    pub bytes: Vec<u8>,
}

/// Why there is no answer. The values that a server was given are in none of its words.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It could not be started or reached, or did not list its tools. Nothing was called.
    #[error("the server is not to be had: {reason}")]
    Unavailable {
        /// For the log.
        reason: String,
    },
    /// It ended or broke off while it was working on the call: nobody knows how far it came.
    #[error("the server broke off: {reason}")]
    BrokenOff {
        /// For the log.
        reason: String,
    },
    /// The call took longer than it may, and was cut off.
    #[error("the call took longer than {} seconds and was cut off", limit.as_secs_f64())]
    TooSlow {
        /// What it may take.
        limit: Duration,
    },
    /// The server refused the call.
    #[error("{message}")]
    Refused {
        /// The server's words.
        message: String,
    },
}

impl Servers {
    /// These servers; none is started yet.
    pub fn new(
        clock: &Clock,
        launcher: &Launcher,
        servers: impl IntoIterator<Item = (Key, Settings)>,
    ) -> Self {
        let server = |(key, settings): (Key, Settings)| {
            let name = format!("{}/{}", key.0, key.1);
            (
                key,
                Arc::new(Server::new(&name, settings, launcher.clone(), clock.clone())),
            )
        };
        Self(Arc::new(servers.into_iter().map(server).collect()))
    }

    /// The tools of a server, which is started when it is not running. Waits a minute or so at most.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn tools(&self, key: &Key) -> Result<Listed, Error> {
        self.get(key)?.tools().await
    }

    /// Calls a tool. All of it, a start of the server included, takes no longer than a call may, but for
    /// a moment in which one that did not answer is looked after. Dropping the future cancels the call
    /// and tells the server.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn call(&self, key: &Key, tool: &str, arguments: &Value) -> Result<Answer, Error> {
        self.get(key)?.call(tool, arguments).await
    }

    /// Ends every server. One that is asked for again is started again.
    pub async fn close(&self) {
        futures::future::join_all(self.0.values().map(|server| server.close())).await;
    }

    fn get(&self, key: &Key) -> Result<&Arc<Server>, Error> {
        self.0.get(key).ok_or_else(|| Error::Unavailable {
            reason: format!("there is no server {} of {}", key.1, key.0),
        })
    }
}
