//! From folders to agent types. Goes on after every mistake, so that one run reports them all.

mod agent;
mod case;
mod execution;
mod mcp;
mod reader;

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::catalog::AgentType;
use super::source::Sources;

/// Checks the settings of a validator: what is wrong, for the author of the definition.
pub type CheckSettings = fn(&Value) -> Result<(), String>;

/// The names that definitions may use, from whoever implements them.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// Tools.
    pub tools: &'a [&'a str],
    /// Validators, each with the check of its settings.
    pub validators: &'a [(&'a str, CheckSettings)],
    /// Models.
    pub models: &'a [&'a str],
    /// Those of the models that cost something which nobody declared.
    pub unpriced_models: &'a [&'a str],
}

/// Something wrong with a definition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// Relative to the definitions' directory.
    pub file: String,
    /// RFC 6901, into the file; empty for the whole.
    pub pointer: String,
    /// For the author.
    pub message: String,
}

impl Mistake {
    pub(super) fn new(file: &str, pointer: &str, message: &str) -> Self {
        Self {
            file: file.to_owned(),
            pointer: pointer.to_owned(),
            message: message.to_owned(),
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pointer.as_str() {
            "" => write!(f, "{}: {}", self.file, self.message),
            pointer => write!(f, "{}#{pointer}: {}", self.file, self.message),
        }
    }
}

pub(super) fn load(sources: &Sources, known: &Known<'_>) -> Result<Vec<AgentType>, Vec<Mistake>> {
    let mut mistakes = Vec::new();
    let mut chosen: BTreeMap<String, agent::Draft> = BTreeMap::new();
    for folders in sources.read(&mut mistakes) {
        let mut here: BTreeMap<String, agent::Draft> = BTreeMap::new();
        for folder in &folders {
            let draft = agent::read(folder, known);
            match here.get(&draft.key) {
                Some(first) => {
                    let message = format!("the key {} is taken by {}", draft.key, first.file);
                    mistakes.push(Mistake::new(&draft.file, "/key", &message));
                    mistakes.extend(draft.mistakes);
                }
                None => {
                    here.insert(draft.key.clone(), draft);
                }
            }
        }
        // What is overridden is not loaded, so its mistakes are nobody's.
        chosen.extend(here);
    }
    let mut taken: BTreeMap<String, String> = BTreeMap::new();
    let mut agent_types = Vec::new();
    for draft in chosen.into_values() {
        for (key, file) in &draft.execution_keys {
            if let Some(first) = taken.insert(key.clone(), file.clone()) {
                let message = format!("the key {key} is taken by {first}");
                mistakes.push(Mistake::new(file, "/key", &message));
            }
        }
        mistakes.extend(draft.mistakes);
        agent_types.extend(draft.agent_type);
    }
    if agent_types.is_empty() && mistakes.is_empty() {
        mistakes.push(Mistake::new(".", "", "there is no agent type"));
    }
    if mistakes.is_empty() {
        return Ok(agent_types);
    }
    mistakes.sort();
    mistakes.dedup();
    Err(mistakes)
}
