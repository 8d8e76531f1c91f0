//! What agents there are and what they can do: definitions read from files, checked, and held as
//! plain data. Nothing here runs an agent, touches a database or changes after loading.
//!
//! A definition is data: `definitions/<agent-type>/` with `agent.toml`, prompts, and a folder for
//! each execution type (see `format` for every file). To add one, copy a shipped folder into the
//! directory that `--definitions` names and run `agentic-executions check`; loading reports every
//! mistake at once. A new setting goes into the JSON Schema of its file (`agent.schema.json`,
//! `execution.schema.json`), into the structure that `format` reads it into, and into the types
//! here.

pub mod case;
mod catalog;
mod format;
mod load;
mod message;
mod shipped;
mod source;

pub use case::Case;
pub use catalog::{
    AgentType, Catalog, Example, ExecutionType, FileRules, Limits, McpReach, McpServer, STOPPED_BY_AGENT,
    ValidatorSpec,
};
pub use load::{CheckSettings, Known, Mistake};
pub use message::MessageTemplate;
pub use shipped::demo_records;
pub use source::Sources;

pub use crate::base::failure::{FailureCategory, FailureCode};
pub use crate::base::template::Error as TemplateError;
pub use crate::model::FileInfo;

#[cfg(test)]
mod tests;
