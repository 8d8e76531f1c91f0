//! Who judges an agent's answer. Validators are asked in the definition's order; the first that
//! does not pass decides. They are pure: the answer is not in the journal yet when they judge it, so
//! that answer and verdict share a commit.
//!
//! To add one: a file beside this and its line in `built_in`; a user of the library registers theirs
//! with `Registry::validator`. Settings come from the definition and are checked when it loads.

mod accounts_for;
mod covers;
mod json;
mod output_schema;
mod stopped_by_agent;
mod tool_succeeded;

use std::sync::Arc;

use serde_json::Value;

use crate::definitions::{CheckSettings, ExecutionType};

/// Judges answers.
pub trait Validator: Send + Sync {
    /// As definitions name it.
    fn name(&self) -> &str;

    /// Checks the settings that a definition gives it. Without an own one it takes none.
    fn settings_check(&self) -> CheckSettings {
        no_settings
    }

    /// Judges. It must be quick and change nothing.
    fn judge(&self, answer: &Answer<'_>, settings: &Value) -> Verdict;
}

/// What is judged.
#[derive(Debug)]
pub struct Answer<'a> {
    /// What the agent said.
    pub text: &'a str,
    /// What a validator before this one read from it.
    pub value: Option<Value>,
    /// The execution's input.
    pub input: &'a Value,
    /// What was asked for.
    pub execution_type: &'a ExecutionType,
    /// Every tool call that has a result, of the whole execution, in the order of the results.
    pub calls: &'a [Recorded],
}

/// A tool call and its result.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct Recorded {
    pub attempt: i32,
    pub call_id: String,
    pub tool: String,
    pub arguments: Value,
    pub is_error: bool,
    pub output: Value,
}

/// What a validator says.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// No objection.
    Pass,
    /// No objection, and this is what the answer says.
    Read(Value),
    /// Another attempt may mend it: the words go to the model.
    Refuse(String),
    /// No attempt can mend it.
    Fail {
        /// One of the execution type's codes; else `validation_failed`.
        code: Option<String>,
        /// For people.
        explanation: String,
    },
    /// The agent itself gave up.
    Stop {
        /// One of the execution type's codes; else `stopped_by_agent`.
        code: Option<String>,
        /// The agent's.
        reason: String,
    },
}

/// The validators that come with the server.
pub(super) fn built_in() -> Vec<Arc<dyn Validator>> {
    vec![
        Arc::new(stopped_by_agent::StoppedByAgent),
        Arc::new(json::Json),
        Arc::new(output_schema::OutputSchema),
        Arc::new(tool_succeeded::ToolSucceeded),
        Arc::new(covers::Covers),
        Arc::new(accounts_for::AccountsFor),
    ]
}

/// The check of a validator without settings.
///
/// # Errors
/// When there are some.
pub fn no_settings(settings: &Value) -> Result<(), String> {
    only(settings, &[])
}

/// Exactly these settings, each a text.
fn only(settings: &Value, names: &[&str]) -> Result<(), String> {
    if let Some(missing) = names.iter().find(|name| !settings[**name].is_string()) {
        return Err(format!("{missing} is required, and is a text"));
    }
    let mut given = settings.as_object().into_iter().flatten();
    match given.find(|(name, _)| !names.contains(&name.as_str())) {
        Some((unknown, _)) if names.is_empty() => Err(format!("{unknown}: it takes no settings")),
        Some((unknown, _)) => Err(format!(
            "{unknown} is not known here; it takes {}",
            names.join(", ")
        )),
        None => Ok(()),
    }
}

/// The value of an answer without reading it twice.
fn value_of(answer: &Answer<'_>) -> Result<Value, String> {
    answer.value.clone().map_or_else(|| json::parse(answer.text), Ok)
}
