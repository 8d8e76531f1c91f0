//! Stands for a tool that reaches outside this server while a case is played: answers what the
//! case holds, to exactly the calls that it holds, and never asks the tool itself.

use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::Value;

use crate::definitions::case::OutsideResult;
use crate::model::ToolSpec;
use crate::model::rehearsal::recording::Names;

use super::{Context, Effect, Error, Output, Outside, Tool};

pub(in crate::runner) struct FromCase {
    spec: ToolSpec,
    is_for_conversations: bool,
    /// What is left, in the case's order.
    left: Mutex<Vec<OutsideResult>>,
}

impl FromCase {
    /// In the place of `tool`.
    pub fn instead_of(tool: &Arc<dyn Tool>, results: &[OutsideResult]) -> Self {
        let spec = tool.spec();
        let own = results.iter().filter(|result| result.tool == spec.name);
        Self {
            left: Mutex::new(own.cloned().collect()),
            is_for_conversations: tool.is_for_conversations(),
            spec,
        }
    }

    /// In the place of a tool that is not known here, such as an MCP server's.
    pub fn named(name: &str, results: &[OutsideResult]) -> Self {
        let own = results.iter().filter(|result| result.tool == name);
        Self {
            spec: ToolSpec {
                name: name.to_owned(),
                description: "Answered from the case.".to_owned(),
                parameters: serde_json::json!({}),
            },
            is_for_conversations: true,
            left: Mutex::new(own.cloned().collect()),
        }
    }

    fn take(&self, arguments: &Value) -> Option<OutsideResult> {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let place = left.iter().position(|result| result.arguments == *arguments)?;
        Some(left.remove(place))
    }
}

impl Tool for FromCase {
    fn spec(&self) -> ToolSpec {
        self.spec.clone()
    }

    fn effect(&self) -> Effect<'_> {
        Effect::Outside(self)
    }

    fn is_for_conversations(&self) -> bool {
        self.is_for_conversations
    }
}

impl Outside for FromCase {
    fn is_idempotent(&self) -> bool {
        // Each answer is there once.
        false
    }

    fn call<'a>(&'a self, context: &'a Context, given: &'a Value) -> BoxFuture<'a, Result<Output, Error>> {
        async move {
            let files = || context.file_infos().into_iter().map(|file| file.file_id);
            let asked = Names::recording(files()).in_json(given);
            let Some(result) = self.take(&asked) else {
                return Err(Error::Refused(format!(
                    "the case has no result of {} for these arguments",
                    self.spec.name
                )));
            };
            let output = Names::playing(files()).in_json(&result.output);
            if !result.is_error {
                return Ok(output.into());
            }
            Err(Error::Said(output))
        }
        .boxed()
    }
}
