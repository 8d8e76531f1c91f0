//! A case: one execution with all that it depends on, and what ought to come of it. It is written
//! by hand or recorded from an execution, lies in `cases/<name>/case.json` of its execution type
//! beside its files, and is checked when definitions are loaded. Whoever plays it starts from
//! nothing but what it holds.
//!
//! `case.schema.json` describes every member; a new one goes there and into the structures here.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::model::rehearsal::Script;
use crate::model::rehearsal::recording::{Recording, Said, Turn};

/// A case with its files, checked.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its folder's name.
    pub name: String,
    /// What `case.json` holds.
    pub story: Story,
    /// In the story's order.
    pub files: Vec<CaseFile>,
}

/// A file of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct CaseFile {
    pub filename: String,
    pub bytes: Arc<[u8]>,
}

/// What `case.json` holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Story {
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Of the execution.
    pub input: Value,
    /// What is attached to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<Attachment>,
    /// What the data set holds before, by collection.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub records: BTreeMap<String, Vec<Record>>,
    /// What the model says. When left out, the definition's own script is played.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turns: Option<Vec<Turn>>,
    /// What the model says when it is asked why the execution failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Said>,
    /// Whether the model is one that is shown images.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sees_images: bool,
    /// What tools answer that reach outside this server.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub results: Vec<OutsideResult>,
    /// What ought to come of it.
    pub expect: Expected,
}

/// A file of a case, by its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// `files/…` in the case's folder, or `samples/…` in the execution type's.
    pub path: String,
    /// When left out, the path's last part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
}

/// A record that is there before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Record {
    pub key: String,
    pub document: Value,
}

/// What a tool that reaches outside this server answers to a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct OutsideResult {
    pub tool: String,
    pub arguments: Value,
    #[serde(default)]
    pub is_error: bool,
    pub output: Value,
}

/// What ought to come of a case. What is left out may be anything.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expected {
    /// `finished` or `failed`.
    pub status: String,
    /// Of a finished one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// Of a failed one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<ExpectedFailure>,
    /// Correction cycles begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// Every tool call, in call order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls: Option<Vec<ExpectedCall>>,
    /// All documents of these collections afterwards, by key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub records: BTreeMap<String, Map<String, Value>>,
}

/// What ought to be said of a failure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct ExpectedFailure {
    pub code: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<String>,
}

/// A tool call that ought to be made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct ExpectedCall {
    pub tool: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_error: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
}

impl Case {
    /// What the model says in it; none where the definition's own script is played.
    pub fn script(&self) -> Option<Arc<Script>> {
        let recording = Recording {
            turns: self.story.turns.clone()?,
            explanation: self.story.explanation.clone(),
        };
        Some(Arc::new(Script::recorded(&self.name, recording)))
    }
}

impl Attachment {
    /// As the execution's file is called.
    pub fn filename(&self) -> &str {
        let last = self.path.rsplit('/').next().unwrap_or_default();
        self.filename.as_deref().unwrap_or(last)
    }
}
