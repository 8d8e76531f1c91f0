//! Providers against a server that speaks their protocols, and against one that breaks them.

mod faults;
mod proxies;
pub(crate) mod server;
mod shapes;
mod strangers;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Value, json};

use crate::base::clock::Clock;
use crate::base::message::{Message, Part, Role};
use crate::model::circuit::Circuit;
use crate::model::declared::{self, Declaration};
use crate::model::rehearsal::Script;
use crate::model::{Delta, DeltaKind, Error, Model, Purpose, Reply, Request, Scene, Settings, ToolSpec};

use super::Provider;
use server::Server;

const KEY: &str = "sk-only-for-the-provider";

/// A declaration of one kind at an address, with more lines of TOML.
pub(crate) fn declaration(kind: &str, url: &str, more: &str) -> Declaration {
    let text = format!(
        "[[model]]\nname = \"test\"\nprovider = \"{kind}\"\nmodel = \"the-model\"\nbase_url = \"{url}\"\napi_key_env = \"KEY\"\n{more}"
    );
    let declared = declared::read(&text, |_| Some(SecretString::from(KEY)));
    assert_eq!(declared.mistakes, []);
    declared.models.into_iter().next().expect("a model")
}

pub(crate) fn circuit() -> Circuit {
    Circuit::new("test", Duration::from_secs(300))
}

fn provider(kind: &str, server: &Server, more: &str) -> Provider {
    let declaration = declaration(kind, &server.url(kind), more);
    Provider::new(declaration, Clock::system(), circuit()).expect("a provider")
}

fn request(messages: Vec<Message>) -> Request {
    let tool = |name: &str| ToolSpec {
        name: name.to_owned(),
        description: format!("What {name} does."),
        parameters: json!({"type": "object", "properties": {"n": {"type": "integer"}}}),
    };
    Request {
        system: "Do the job.".to_owned(),
        messages,
        tools: vec![tool("read_file"), tool("count")],
        purpose: Purpose::Turn,
        files: Vec::new(),
        output_schema: None,
        settings: Settings::default(),
        rehearsal: Scene {
            script: Arc::new(Script::absent("none")),
            input: Value::Null,
            files: Vec::new(),
            attempt: 1,
            feedback: Vec::new(),
            step: 0,
            turn_offset: 0,
        },
    }
}

fn hello() -> Request {
    request(vec![Message::text(Role::User, "Hello")])
}

/// Asks, and hears what is told on the way.
async fn ask(provider: &Provider, request: &Request) -> (Result<Reply, Error>, Vec<Delta>) {
    let heard = Mutex::new(Vec::new());
    let live = |delta| heard.lock().expect("no panic").push(delta);
    let reply = provider.complete(request, &live).await;
    (reply, heard.into_inner().expect("no panic"))
}

/// Whatever happens, within this time.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(Duration::from_secs(20), what).await;
    done.expect("it ends by itself")
}

/// The parts that readers are shown, as the deltas built them up.
fn built(deltas: &[Delta]) -> Vec<(DeltaKind, String)> {
    let mut parts: Vec<(DeltaKind, String)> = Vec::new();
    for delta in deltas {
        match parts.get_mut(delta.part) {
            Some((kind, text)) => {
                assert_eq!(*kind, delta.kind, "a part keeps its kind");
                text.push_str(&delta.text);
            }
            None => {
                assert_eq!(delta.part, parts.len(), "parts come in order");
                parts.push((delta.kind, delta.text.clone()));
            }
        }
    }
    parts
}

fn shown(reply: &Reply) -> Vec<(DeltaKind, String)> {
    let part = |part: &Part| match part {
        Part::Text { text } => Some((DeltaKind::Text, text.clone())),
        Part::Reasoning { text } => Some((DeltaKind::Reasoning, text.clone())),
        Part::ToolCall { arguments, .. } => Some((
            DeltaKind::ToolArguments,
            match arguments {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            },
        )),
        _ => None,
    };
    reply.parts.iter().filter_map(part).collect()
}
