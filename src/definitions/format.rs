//! The files of a definition:
//!
//! ```text
//! <folder>/                          one agent type
//!   agent.toml                       agent.schema.json says what is in it
//!   configuration.schema.json        what an agent's settings may override (optional)
//!   prompts/execution.md             system prompt of executions
//!   prompts/conversation.md          system prompt of people's conversations
//!   rehearsal.toml                   what the rehearsal model says in conversations
//!   executions/<folder>/             one execution type
//!     execution.toml                 execution.schema.json says what is in it
//!     input.schema.json
//!     output.schema.json             (optional)
//!     message.md.j2                  the first message: a template over input and files
//!     rehearsal.toml                 what the rehearsal model plays
//!     examples/*.json                {name, description, input}, beside those in execution.toml
//!     samples/*                      documents to try it with
//!     cases/<name>/case.json         case.schema.json says what is in it: an execution as it ought to go
//!     cases/<name>/files/*           what is attached to it
//! ```
//!
//! The `rehearsal.toml` are wanted where the agent's model is `rehearsal`. Every TOML file is
//! checked as JSON against its schema first, so that all its mistakes come at once; the structures
//! here then only take over what is known to fit.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use crate::base::json_schema::Schema;

pub(super) static AGENT: LazyLock<Schema> = LazyLock::new(|| compile(include_str!("agent.schema.json")));
pub(super) static EXECUTION: LazyLock<Schema> =
    LazyLock::new(|| compile(include_str!("execution.schema.json")));
/// An example in a file of its own is like one in `execution.toml`.
pub(super) static EXAMPLE: LazyLock<Schema> = LazyLock::new(|| {
    let definitions = &EXECUTION.document()["$defs"];
    let document = serde_json::json!({"$ref": "#/$defs/example", "$defs": definitions});
    Schema::compile(document).expect("the schema of an example is a schema")
});

pub(super) static CASE: LazyLock<Schema> = LazyLock::new(|| compile(include_str!("case.schema.json")));

fn compile(text: &str) -> Schema {
    let document = serde_json::from_str(text).expect("the schema beside this file is JSON");
    Schema::compile(document).expect("the schema beside this file is a schema")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AgentFile {
    pub key: String,
    pub name: String,
    pub description: Option<String>,
    pub model: String,
    #[serde(default)]
    pub model_settings: ModelTable,
    #[serde(default)]
    pub tools: Vec<String>,
    /// Taken over table by table, see `Reader::tables`.
    #[serde(default, rename = "mcp")]
    _mcp: IgnoredAny,
    #[serde(default)]
    pub limits: LimitsTable,
    pub files: Option<FilesTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct McpTable {
    pub name: String,
    pub command: Option<String>,
    #[serde(default)]
    pub args: Vec<String>,
    #[serde(default)]
    pub env: Vec<String>,
    pub url: Option<String>,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    pub tools: Vec<String>,
    #[serde(default)]
    pub idempotent: Vec<String>,
    /// A minute is what people wait for.
    #[serde(default = "a_minute")]
    pub timeout_seconds: u32,
}

fn a_minute() -> u32 {
    60
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ModelTable {
    pub temperature: Option<f64>,
    pub max_output_tokens: Option<u32>,
    pub timeout_seconds: Option<f64>,
}

/// The defaults fit a job on one document of a few thousand lines.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LimitsTable {
    pub max_model_calls: u32,
    pub max_tool_calls: u32,
    pub max_tokens: u64,
    /// In US dollars.
    pub max_cost: Option<f64>,
    pub max_duration_seconds: u32,
}

impl Default for LimitsTable {
    fn default() -> Self {
        Self {
            max_model_calls: 60,
            max_tool_calls: 300,
            max_tokens: 2_000_000,
            max_cost: None,
            max_duration_seconds: 900,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FilesTable {
    pub max_files: u32,
    pub max_bytes_per_file: u64,
    pub max_bytes_total: u64,
    pub extensions: Vec<String>,
    pub content_types: Vec<String>,
}

/// Without its lists: those are taken over table by table, see `Reader::tables`.
#[derive(Deserialize)]
pub(super) struct ExecutionFile {
    pub key: String,
    pub name: String,
    pub description: Option<String>,
    /// Three corrections are what models need at most to mend an answer's form.
    #[serde(default = "three")]
    pub max_retries: u32,
}

fn three() -> u32 {
    3
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ValidatorTable {
    pub name: String,
    #[serde(default)]
    pub settings: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FailureCodeTable {
    pub code: String,
    pub category: String,
    pub description: String,
    pub retryable: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExampleTable {
    pub name: String,
    pub description: Option<String>,
    pub input: Value,
}
