//! The template of an execution's first message. It sees `input` and `files`
//! (`file_id filename content_type size_bytes`), nothing else.

use std::sync::Arc;

use minijinja::value::Value;
use serde_json::Value as Json;

use crate::base::template::{Error, Limits, Templates, value_of};
use crate::model::FileInfo;

/// A message lists what is to be done and never holds a document; a megabyte is an input gone
/// wrong.
const LIMITS: Limits = Limits {
    fuel: 2_000_000,
    output_bytes: 1024 * 1024,
};

const NAME: &str = "message";

/// A parsed message template. Cheap to clone.
#[derive(Clone, Debug)]
pub struct MessageTemplate(Arc<Templates>);

impl MessageTemplate {
    /// Parses a template.
    ///
    /// # Errors
    /// It does not parse.
    pub fn parse(source: &str) -> Result<Self, Error> {
        let mut templates = Templates::new(LIMITS);
        templates.add(NAME, source)?;
        Ok(Self(Arc::new(templates)))
    }

    /// The message for this input and these files.
    ///
    /// # Errors
    /// The template fails on them, runs out of fuel or writes too much.
    pub fn render(&self, input: &Json, files: &[FileInfo]) -> Result<String, Error> {
        let files: Json = files.iter().map(FileInfo::to_json).collect();
        let context = Value::from_pairs([("input", value_of(input)), ("files", value_of(&files))]);
        self.0.render(NAME, &context)
    }
}
