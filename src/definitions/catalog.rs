//! The loaded definitions: plain data, shared and never changed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::base::failure::FailureCode;
use crate::base::json_schema::Schema;
use crate::base::template;
use crate::base::text::canonical;
use crate::model::rehearsal::{self, Script};
use crate::model::{self, FileInfo};

use super::case::Case;
use super::load::{self, Known, Mistake};
use super::message::MessageTemplate;
use super::source::Sources;

/// The validator that every execution type has first, without naming it.
pub const STOPPED_BY_AGENT: &str = "stopped_by_agent";

/// Every agent type and execution type that this process knows. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    agent_types: Arc<BTreeMap<String, Arc<AgentType>>>,
    execution_types: Arc<BTreeMap<String, Arc<ExecutionType>>>,
}

impl Catalog {
    /// Reads and checks all sources.
    ///
    /// # Errors
    /// Every mistake in every file, sorted. Nothing is loaded then: a server with half of its
    /// definitions would fail executions instead of starts.
    pub fn load(sources: &Sources, known: &Known<'_>) -> Result<Self, Vec<Mistake>> {
        load::load(sources, known).map(Self::new)
    }

    pub(super) fn new(agent_types: Vec<AgentType>) -> Self {
        let agent_types: BTreeMap<String, Arc<AgentType>> = agent_types
            .into_iter()
            .map(|agent_type| (agent_type.key.clone(), Arc::new(agent_type)))
            .collect();
        let execution_types = agent_types
            .values()
            .flat_map(|agent_type| &agent_type.execution_types)
            .map(|execution_type| (execution_type.key.clone(), Arc::clone(execution_type)))
            .collect();
        Self {
            agent_types: Arc::new(agent_types),
            execution_types: Arc::new(execution_types),
        }
    }

    /// The agent type of this key.
    pub fn agent_type(&self, key: &str) -> Option<&Arc<AgentType>> {
        self.agent_types.get(key)
    }

    /// The execution type of this key.
    pub fn execution_type(&self, key: &str) -> Option<&Arc<ExecutionType>> {
        self.execution_types.get(key)
    }

    /// The same without its cases, whose files a server has no use for.
    #[must_use]
    pub fn without_cases(self) -> Self {
        self.changed(|_, execution_type| execution_type.cases.clear())
    }

    /// The same, played by the rehearsal model whatever the operator chose; an execution type by
    /// this script where one is given. No MCP server is reached: of their tools there are those
    /// that are named here.
    #[must_use]
    pub fn rehearsing(
        self,
        execution_type: &str,
        script: Option<&Arc<Script>>,
        outside: &BTreeSet<String>,
    ) -> Self {
        self.changed(|agent_type, known| {
            rehearsal::NAME.clone_into(&mut agent_type.model);
            for server in std::mem::take(&mut agent_type.mcp) {
                let own = outside.iter().filter(|tool| server.may_have(tool));
                agent_type.tools.extend(own.cloned());
            }
            if let (Some(script), true) = (script, known.key == execution_type) {
                known.script = Arc::clone(script);
            }
        })
    }

    fn changed(self, change: impl Fn(&mut AgentType, &mut ExecutionType)) -> Self {
        let agent_types = self.agent_types.values().map(|agent_type| {
            let mut agent_type = AgentType::clone(agent_type);
            let execution_types = std::mem::take(&mut agent_type.execution_types);
            agent_type.execution_types = execution_types
                .into_iter()
                .map(|known| {
                    let mut known = Arc::unwrap_or_clone(known);
                    change(&mut agent_type, &mut known);
                    Arc::new(known)
                })
                .collect();
            agent_type
        });
        Self::new(agent_types.collect())
    }

    /// Every agent type, by key.
    pub fn agent_types(&self) -> impl Iterator<Item = &Arc<AgentType>> {
        self.agent_types.values()
    }

    /// Every execution type, by key.
    pub fn execution_types(&self) -> impl Iterator<Item = &Arc<ExecutionType>> {
        self.execution_types.values()
    }
}

/// A kind of agent.
#[derive(Clone, Debug)]
pub struct AgentType {
    /// Slug, unique on the server.
    pub key: String,
    /// For people.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// The model that it asks unless an agent's settings choose another declared one.
    pub model: String,
    /// How that model is to answer; none of it: as it was declared.
    pub model_settings: model::Settings,
    /// The tools that it may call.
    pub tools: Vec<String>,
    /// Servers whose tools it may call too.
    pub mcp: Vec<McpServer>,
    /// What one execution may use.
    pub limits: Limits,
    /// None where it takes no files.
    pub file_rules: Option<FileRules>,
    /// The system prompt of executions.
    pub execution_prompt: String,
    /// The system prompt of people's conversations.
    pub conversation_prompt: String,
    /// What the rehearsal model says in people's conversations.
    pub conversation_rehearsal: Arc<Script>,
    /// What an agent's settings may override.
    pub configuration_schema: Schema,
    /// In the order of their keys; never empty.
    pub execution_types: Vec<Arc<ExecutionType>>,
}

/// A server that speaks the Model Context Protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct McpServer {
    /// Slug, unique in its agent type; its tools are called `<name>__<tool>`.
    pub name: String,
    /// How it is reached.
    pub reach: McpReach,
    /// What agents may call of it; `*` stands for all.
    pub tools: Vec<String>,
    /// What may be repeated whatever the server says of it.
    pub idempotent: Vec<String>,
    /// For one call.
    pub timeout_seconds: u32,
}

/// How a server is reached. What is secret stands in the environment, and only its name here.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum McpReach {
    Child {
        command: String,
        arguments: Vec<String>,
        /// Variables that it inherits.
        environment: Vec<String>,
    },
    Http {
        url: String,
        /// Each with the variable that holds its value.
        headers: Vec<(String, String)>,
    },
}

impl McpServer {
    /// How agents call a tool of it.
    pub fn tool_name(&self, tool: &str) -> String {
        format!("{}__{tool}", self.name)
    }

    /// Whether agents may call this tool of it.
    pub fn allows(&self, tool: &str) -> bool {
        self.tools.iter().any(|allowed| allowed == "*" || allowed == tool)
    }

    /// Whether this may be the name of one of its tools, as agents call them.
    pub fn may_have(&self, name: &str) -> bool {
        let own = name
            .strip_prefix(&self.name)
            .and_then(|rest| rest.strip_prefix("__"));
        own.is_some_and(|tool| self.allows(tool))
    }

    /// The variables of the environment that it needs.
    pub fn variables(&self) -> Vec<&str> {
        match &self.reach {
            McpReach::Child { environment, .. } => environment.iter().map(String::as_str).collect(),
            McpReach::Http { headers, .. } => headers.iter().map(|(_, name)| name.as_str()).collect(),
        }
    }
}

impl AgentType {
    /// The tools that it may call, as agents call them; `*` for all of a server's.
    pub fn tool_names(&self) -> Vec<String> {
        let servers = self.mcp.iter();
        let of_servers = servers.flat_map(|server| server.tools.iter().map(|tool| server.tool_name(tool)));
        self.tools.iter().cloned().chain(of_servers).collect()
    }
}

/// What one execution, or one reply in a conversation, may use before it is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Limits {
    pub max_model_calls: u32,
    pub max_tool_calls: u32,
    /// Input and output together, over all attempts.
    pub max_tokens: u64,
    /// In millionths of a US dollar, at the model's declared price; does not count without one.
    pub max_cost_micro_usd: Option<i64>,
    /// For executions that ask for no other.
    pub max_duration_seconds: u32,
}

/// Which files are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRules {
    /// In one execution or message.
    pub max_files: u32,
    /// Of each file.
    pub max_bytes_per_file: u64,
    /// Of all together.
    pub max_bytes_total: u64,
    /// Lower case with the dot.
    pub extensions: Vec<String>,
    /// Media types without parameters.
    pub content_types: Vec<String>,
}

/// A kind of job.
#[derive(Clone, Debug)]
pub struct ExecutionType {
    /// Slug, unique on the server, whatever the agent type.
    pub key: String,
    /// The agent type that can do it.
    pub agent_type_key: String,
    /// For people.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// What its input must satisfy.
    pub input_schema: Schema,
    /// What its result must satisfy.
    pub output_schema: Option<Schema>,
    /// Changes exactly when one of the schemas does.
    pub schema_version: String,
    /// Inputs that satisfy the input schema.
    pub examples: Vec<Example>,
    /// None where it takes no files.
    pub file_rules: Option<FileRules>,
    /// The first message of an execution.
    pub message: MessageTemplate,
    /// In the order in which they judge; [`STOPPED_BY_AGENT`] is always first.
    pub validators: Vec<ValidatorSpec>,
    /// Further attempts after the first.
    pub max_retries: u32,
    /// The codes that every type has, then its own.
    pub failure_codes: Vec<FailureCode>,
    /// What the rehearsal model plays.
    pub script: Arc<Script>,
    /// By name: executions as they ought to go.
    pub cases: Vec<Arc<Case>>,
    /// Its folder on disk; none for what is compiled in.
    pub directory: Option<PathBuf>,
}

impl ExecutionType {
    /// The first message of an execution.
    ///
    /// # Errors
    /// The template fails on this input, runs out of fuel or writes too much.
    pub fn render_message(&self, input: &Value, files: &[FileInfo]) -> Result<String, template::Error> {
        self.message.render(input, files)
    }

    /// The definition of a failure code.
    pub fn failure_code(&self, code: &str) -> Option<&FailureCode> {
        self.failure_codes.iter().find(|known| known.code == code)
    }
}

/// An input to start from.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct Example {
    pub name: String,
    pub description: Option<String>,
    pub input: Value,
}

/// A validator and how it is set up.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidatorSpec {
    /// As registered.
    pub name: String,
    /// Checked by the validator when loading; an object.
    pub settings: Value,
}

/// Stands for both schemas as JSON values: neither the order of members nor blanks change it.
pub(super) fn schema_version(input: &Schema, output: Option<&Schema>) -> String {
    let both = Value::from(vec![
        canonical(input.document()),
        output.map_or(Value::Null, |schema| canonical(schema.document())),
    ]);
    let hash = Sha256::digest(both.to_string().as_bytes());
    hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}
