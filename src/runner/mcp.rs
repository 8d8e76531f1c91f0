//! The tools of MCP servers, as agents call them: listed when a run asks for them, compiled once for
//! each list, and called like any tool that acts elsewhere. A tool that is not allowed, whose schema
//! cannot be checked or whose name no model could say is not offered, and the log says why.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Map, Value, json};

use crate::base::chain::Chain;
use crate::base::json_schema::Schema;
use crate::definitions::McpServer;
use crate::domain::files::{self, Taken};
use crate::mcp::{self, Answer, Key, Listed, Servers};
use crate::model::ToolSpec;

use super::registry::Registered;
use super::tools::{Context, Effect, Error, Output, Outside, Tool};

/// What the strictest provider takes as a tool's name.
const MAX_NAME: usize = 64;

/// A longer description costs more than it tells.
const MAX_DESCRIPTION: usize = 8_000;

/// The MCP servers of this process, as tools. Clones share them.
#[derive(Clone, Default)]
pub struct McpTools(Arc<Shared>);

#[derive(Default)]
struct Shared {
    servers: Servers,
    compiled: Mutex<HashMap<Key, (u64, Offered)>>,
}

/// What OpenAI takes nowhere but inside of properties, and Anthropic refuses most of.
const REFUSED_AT_THE_TOP: [&str; 5] = ["anyOf", "oneOf", "allOf", "enum", "not"];

pub(super) type Offered = Arc<[Arc<Registered>]>;

impl McpTools {
    /// The tools of these servers.
    pub fn new(servers: Servers) -> Self {
        Self(Arc::new(Shared {
            servers,
            compiled: Mutex::default(),
        }))
    }

    /// What a server of an agent type has to offer now.
    pub(super) async fn of(&self, agent_type: &str, server: &McpServer) -> Result<Offered, mcp::Error> {
        let key = (agent_type.to_owned(), server.name.clone());
        let listed = self.0.servers.tools(&key).await?;
        let compiled = || self.0.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((version, offered)) = compiled().get(&key)
            && *version == listed.version
        {
            return Ok(Arc::clone(offered));
        }
        let offered = self.compile(&key, server, &listed);
        compiled().insert(key, (listed.version, Arc::clone(&offered)));
        Ok(offered)
    }

    fn compile(&self, key: &Key, server: &McpServer, listed: &Listed) -> Offered {
        let mut offered: Vec<Arc<Registered>> = Vec::new();
        for tool in listed.tools.iter().filter(|tool| server.allows(&tool.name)) {
            let left_out = |why: &str| {
                tracing::warn!(
                    server = server.name,
                    tool = tool.name,
                    "a tool of an MCP server is not offered: {why}"
                );
            };
            let name = server.tool_name(&tool.name);
            let is_sayable = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
            if name.len() > MAX_NAME || !name.chars().all(is_sayable) {
                left_out("models take names of at most 64 letters, digits, hyphens and underscores");
                continue;
            }
            if offered.iter().any(|other| other.spec.name == name) {
                left_out("another of its tools has this name");
                continue;
            }
            let Some(schema) = of_object(&tool.parameters) else {
                left_out("its schema wants its arguments to be something else than an object");
                continue;
            };
            let parameters = match Schema::compile_foreign(Value::Object(schema.clone())) {
                Ok(parameters) => parameters,
                Err(error) => {
                    left_out(&format!(
                        "its schema cannot be checked: {}: {}",
                        error.pointer, error.message
                    ));
                    continue;
                }
            };
            let (parameters_shown, more) = shown(schema);
            let mut description: String = tool.description.chars().take(MAX_DESCRIPTION).collect();
            if let Some(more) = more {
                description += &format!("\n\nThe arguments also have to satisfy this JSON Schema: {more}");
            }
            let spec = ToolSpec {
                name,
                description: description.trim_start().to_owned(),
                parameters: parameters_shown,
            };
            offered.push(Arc::new(Registered {
                spec: spec.clone(),
                parameters,
                tool: Arc::new(McpTool {
                    servers: self.0.servers.clone(),
                    key: key.clone(),
                    name: tool.name.clone(),
                    is_idempotent: tool.is_idempotent || server.idempotent.contains(&tool.name),
                    spec,
                }),
            }));
        }
        let missing = server
            .tools
            .iter()
            .filter(|allowed| *allowed != "*" && !listed.tools.iter().any(|tool| tool.name == **allowed));
        for name in missing {
            tracing::warn!(
                server = server.name,
                tool = name,
                "an MCP server does not have a tool that agents may call"
            );
        }
        offered.into()
    }
}

/// A schema of arguments, which are an object whether it says so or not; none when it forbids that.
fn of_object(parameters: &Value) -> Option<Map<String, Value>> {
    let mut members = parameters.as_object()?.clone();
    let is_of_objects = match members.get("type") {
        None => true,
        Some(Value::Array(types)) => types.iter().any(|kind| kind == "object"),
        Some(kind) => kind == "object",
    };
    members.insert("type".to_owned(), json!("object"));
    is_of_objects.then_some(members)
}

/// A schema as models are shown it, and what of it they have to be told in words. Providers know no
/// dialects, and refuse a whole request for one tool whose schema has no properties or one of
/// [`REFUSED_AT_THE_TOP`]; calls are checked against all of it nevertheless.
fn shown(mut members: Map<String, Value>) -> (Value, Option<String>) {
    members.shift_remove("$schema");
    let mut more = Map::new();
    for keyword in REFUSED_AT_THE_TOP {
        if let Some(value) = members.shift_remove(keyword) {
            more.insert(keyword.to_owned(), value);
        }
    }
    members.entry("properties").or_insert_with(|| json!({}));
    let more = (!more.is_empty()).then(|| Value::Object(more).to_string());
    // Half of a schema tells nothing; what a call breaks of it, its refusal tells.
    let more = more.filter(|more| more.len() <= MAX_DESCRIPTION);
    (Value::Object(members), more)
}

struct McpTool {
    servers: Servers,
    key: Key,
    /// As the server calls it.
    name: String,
    is_idempotent: bool,
    spec: ToolSpec,
}

impl Tool for McpTool {
    fn spec(&self) -> ToolSpec {
        self.spec.clone()
    }

    fn effect(&self) -> Effect<'_> {
        Effect::Outside(self)
    }
}

impl Outside for McpTool {
    fn is_idempotent(&self) -> bool {
        self.is_idempotent
    }

    fn call<'a>(&'a self, context: &'a Context, given: &'a Value) -> BoxFuture<'a, Result<Output, Error>> {
        async move {
            let mut answer = self.servers.call(&self.key, &self.name, given).await;
            if self.is_idempotent && matches!(answer, Err(mcp::Error::BrokenOff { .. })) {
                answer = self.servers.call(&self.key, &self.name, given).await;
            }
            let error = match answer {
                Ok(answer) => return output(context, answer).await,
                Err(error) => error,
            };
            let error_said = match &error {
                // The server's own words are for the model, and may repeat what it was given.
                mcp::Error::Refused { .. } => "the server refused the call".to_owned(),
                error => Chain(error).to_string(),
            };
            tracing::warn!(
                server = self.key.1,
                tool = self.name,
                error = error_said,
                "a tool of an MCP server gave no result"
            );
            Err(Error::Refused(match error {
                mcp::Error::Unavailable { .. } => {
                    "the system behind this tool cannot be reached now, and nothing was done".to_owned()
                }
                mcp::Error::BrokenOff { .. } if self.is_idempotent => {
                    "the system behind this tool ended while it worked on the call, twice".to_owned()
                }
                // As after a crash of ours.
                mcp::Error::BrokenOff { .. } => "interrupted, outcome unknown".to_owned(),
                mcp::Error::TooSlow { limit } => format!(
                    "the call took longer than {} seconds and was cut off, outcome unknown",
                    limit.as_secs()
                ),
                mcp::Error::Refused { message } => message,
            }))
        }
        .boxed()
    }
}

async fn output(context: &Context, answer: Answer) -> Result<Output, Error> {
    if answer.is_error {
        let said = [
            answer.text,
            answer.structured.map(|it| it.to_string()).unwrap_or_default(),
        ];
        let said: Vec<String> = said.into_iter().filter(|text| !text.trim().is_empty()).collect();
        return Err(Error::Refused(if said.is_empty() {
            "the tool failed and does not say why".to_owned()
        } else {
            said.join("\n")
        }));
    }
    let mut value = Map::new();
    if !answer.text.is_empty() || answer.structured.is_none() {
        value.insert("text".to_owned(), Value::String(answer.text));
    }
    if let Some(structured) = answer.structured {
        value.insert("structured".to_owned(), structured);
    }
    if !answer.resources.is_empty() {
        value.insert("resources".to_owned(), Value::Array(answer.resources));
    }
    if answer.left_out > 0 {
        value.insert("left_out".to_owned(), json!(answer.left_out));
    }
    let mut new_files: Vec<Taken> = Vec::new();
    for (blob, number) in answer.blobs.into_iter().zip(1..) {
        let name = blob
            .name
            .unwrap_or_else(|| filename(number, blob.media_type.as_deref()));
        match files::keep(&context.store, &context.storage, &name, blob.bytes.as_slice()).await {
            Ok(taken) => new_files.push(taken),
            Err(fault) => {
                files::discard(&context.store, &context.storage, &new_files).await;
                return Err(fault.into());
            }
        }
    }
    Ok(Output {
        value: Value::Object(value),
        files: Vec::new(),
        new_files,
    })
}

fn filename(number: usize, media_type: Option<&str>) -> String {
    let kind = media_type.unwrap_or_default();
    let plain = kind.split(';').next().unwrap_or_default();
    let extension = match plain.trim() {
        "image/png" => "png",
        "image/jpeg" => "jpg",
        "image/gif" => "gif",
        "image/webp" => "webp",
        "audio/wav" | "audio/x-wav" => "wav",
        "audio/mpeg" => "mp3",
        "application/pdf" => "pdf",
        _ => "bin",
    };
    format!("{number}.{extension}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definitions::McpReach;

    fn offered(parameters: Value) -> Option<Arc<Registered>> {
        let server = McpServer {
            name: "trial".to_owned(),
            reach: McpReach::Child {
                command: String::new(),
                arguments: Vec::new(),
                environment: Vec::new(),
            },
            tools: vec!["*".to_owned()],
            idempotent: Vec::new(),
            timeout_seconds: 1,
        };
        let tool = mcp::Tool {
            name: "act".to_owned(),
            description: "Acts.".to_owned(),
            parameters,
            is_idempotent: false,
        };
        let listed = Listed {
            version: 0,
            tools: Arc::new([tool]),
        };
        let key = ("type".to_owned(), "trial".to_owned());
        let offered = McpTools::default().compile(&key, &server, &listed);
        offered.first().cloned()
    }

    #[test]
    fn every_schema_that_is_offered_is_one_that_providers_take() {
        for (given, takes) in [
            (json!({}), json!({"type": "object", "properties": {}})),
            (
                json!({"type": ["object", "null"], "properties": {"a": {}}}),
                json!({"type": "object", "properties": {"a": {}}}),
            ),
            (
                json!({"$schema": "http://json-schema.org/draft-07/schema#", "properties": {"a": {}}, "required": ["a"]}),
                json!({"properties": {"a": {}}, "required": ["a"], "type": "object"}),
            ),
        ] {
            let offered = offered(given).expect("offered");
            assert_eq!(offered.spec.parameters, takes);
            assert_eq!(offered.spec.description, "Acts.");
            assert_eq!(offered.parameters.check(&json!({"a": 1})), []);
            assert_eq!(offered.parameters.check(&json!([])).len(), 1, "{takes}");
        }
        for other in [json!({"type": "string"}), json!({"type": ["array", "null"]})] {
            assert!(offered(other).is_none());
        }
    }

    #[test]
    fn what_providers_refuse_at_the_top_is_said_in_words_and_checked_all_the_same() {
        let either = json!([{"required": ["a"]}, {"required": ["b"]}]);
        let schema = json!({"type": "object", "properties": {"a": {}, "b": {}}, "anyOf": either});
        let offered = offered(schema).expect("offered");
        assert_eq!(
            offered.spec.parameters,
            json!({"type": "object", "properties": {"a": {}, "b": {}}})
        );
        assert_eq!(
            offered.spec.description,
            format!("Acts.\n\nThe arguments also have to satisfy this JSON Schema: {{\"anyOf\":{either}}}")
        );
        assert_eq!(offered.parameters.check(&json!({"b": 1})), []);
        assert_ne!(offered.parameters.check(&json!({"c": 1})), []);
    }
}
