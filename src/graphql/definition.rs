//! What agents are made from: agent types, execution types and their parts, read from the loaded
//! definitions. No rows.

use std::sync::Arc;

use async_graphql::{ID, Object, SimpleObject};

use super::failure::FailureCategory;
use super::scalar::{Json, int};
use crate::definitions as loaded;

/// The id of an agent type: its key stands in it.
pub fn agent_type_id(key: &str) -> ID {
    format!("aty_{key}").into()
}

/// The id of an execution type: its key stands in it.
pub fn execution_type_id(key: &str) -> ID {
    format!("typ_{key}").into()
}

/// A definition that agents are made from.
#[derive(Clone, Debug)]
pub struct AgentType(pub Arc<loaded::AgentType>);

/// A definition that agents are made from. It is read from files when the server starts and does
/// not change while it runs.
#[Object]
impl AgentType {
    /// Opaque; refetch with node.
    pub async fn id(&self) -> ID {
        agent_type_id(&self.0.key)
    }

    /// Slug, unique on the server.
    async fn key(&self) -> &str {
        &self.0.key
    }

    /// For people.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// For people; null where the definition has none.
    async fn description(&self) -> Option<&str> {
        self.0.description.as_deref()
    }

    /// The model it runs on unless an agent overrides it; "rehearsal" where no model is called.
    async fn model(&self) -> &str {
        &self.0.model
    }

    /// The names of the tools that it may call. Those of another system's server are called
    /// `<server>__<tool>`, and `<server>__*` stands for all of a server's.
    async fn tools(&self) -> Vec<String> {
        self.0.tool_names()
    }

    /// JSON Schema (draft 2020-12) of Agent.configuration.
    async fn configuration_schema(&self) -> Json {
        Json(self.0.configuration_schema.document().clone())
    }

    /// Which files its executions and conversations take; null where they take none.
    async fn file_rules(&self) -> Option<FileRules> {
        self.0.file_rules.as_ref().map(FileRules::of)
    }

    /// The kinds of execution that its agents can run, by key; never empty.
    async fn execution_types(&self) -> Vec<ExecutionType> {
        self.0
            .execution_types
            .iter()
            .cloned()
            .map(ExecutionType)
            .collect()
    }
}

/// A kind of job.
#[derive(Clone, Debug)]
pub struct ExecutionType(pub Arc<loaded::ExecutionType>);

/// A kind of job that an agent type can do: what goes in, what comes out, and how it can fail.
#[Object]
impl ExecutionType {
    /// Opaque; refetch with node.
    pub async fn id(&self) -> ID {
        execution_type_id(&self.0.key)
    }

    /// Slug, unique on the server, for example "catalog-enrichment".
    async fn key(&self) -> &str {
        &self.0.key
    }

    /// For people.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// For people; null where the definition has none.
    async fn description(&self) -> Option<&str> {
        self.0.description.as_deref()
    }

    /// JSON Schema (draft 2020-12) of the input.
    async fn input_schema(&self) -> Json {
        Json(self.0.input_schema.document().clone())
    }

    /// JSON Schema (draft 2020-12) of the result; null where the type declares none.
    async fn output_schema(&self) -> Option<Json> {
        self.0
            .output_schema
            .as_ref()
            .map(|schema| Json(schema.document().clone()))
    }

    /// Changes exactly when inputSchema or outputSchema changes. Hand it back as
    /// expectedSchemaVersion to refuse a launch from an outdated form.
    async fn schema_version(&self) -> &str {
        &self.0.schema_version
    }

    /// Inputs that are known to validate, to fill a form or a playground.
    async fn examples(&self) -> Vec<ExecutionExample> {
        let example = |example: &loaded::Example| ExecutionExample {
            name: example.name.clone(),
            description: example.description.clone(),
            input: Json(example.input.clone()),
        };
        self.0.examples.iter().map(example).collect()
    }

    /// The codes that its executions can fail with: those of every type first, then its own.
    async fn failure_codes(&self) -> Vec<FailureCodeDefinition> {
        let code = |code: &loaded::FailureCode| FailureCodeDefinition {
            code: code.code.clone(),
            category: code.category.into(),
            description: code.description.clone(),
            retryable: code.retryable,
        };
        self.0.failure_codes.iter().map(code).collect()
    }

    /// Null where the type takes no files. Depends on the type alone, so that one cached
    /// ExecutionType serves all agents.
    async fn file_rules(&self) -> Option<FileRules> {
        self.0.file_rules.as_ref().map(FileRules::of)
    }

    /// How many correction cycles may follow the first.
    async fn max_retries(&self) -> i32 {
        int(i64::from(self.0.max_retries))
    }
}

/// An input that is known to validate.
#[derive(SimpleObject, Clone, Debug)]
pub struct ExecutionExample {
    /// For people.
    pub name: String,
    /// For people; null where the definition has none.
    pub description: Option<String>,
    /// Satisfies ExecutionType.inputSchema.
    pub input: Json,
}

/// Which files are taken. Checked on the server; a client may check first to spare its user an
/// upload.
#[derive(SimpleObject, Clone, Debug)]
pub struct FileRules {
    /// Files of one execution or message.
    pub max_files: i32,
    /// Bytes of each file.
    pub max_bytes_per_file: i32,
    /// Bytes of all files of one execution or message together.
    pub max_bytes_total: i32,
    /// Lower case with the dot, as an HTML accept attribute takes them: [".csv", ".pdf"].
    pub extensions: Vec<String>,
    /// Media types without parameters. What counts is what the bytes are, not what the client
    /// says.
    pub content_types: Vec<String>,
}

impl FileRules {
    /// From the definition.
    pub fn of(rules: &loaded::FileRules) -> Self {
        let bytes = |bytes: u64| int(i64::try_from(bytes).unwrap_or(i64::MAX));
        Self {
            max_files: int(i64::from(rules.max_files)),
            max_bytes_per_file: bytes(rules.max_bytes_per_file),
            max_bytes_total: bytes(rules.max_bytes_total),
            extensions: rules.extensions.clone(),
            content_types: rules.content_types.clone(),
        }
    }
}

/// A code that executions of a type can fail with.
#[derive(SimpleObject, Clone, Debug)]
pub struct FailureCodeDefinition {
    /// snake_case, unique in its execution type.
    pub code: String,
    /// The kind of failure.
    pub category: FailureCategory,
    /// For people: what it means.
    pub description: String,
    /// Whether the same input may well succeed when it is launched again.
    pub retryable: bool,
}
