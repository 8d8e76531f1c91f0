//! `stop_execution`: the agent found that the job cannot be done. The call only records that; the
//! execution ends after the turn, when the validator `stopped_by_agent` sees it.

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};

use crate::base::failure::{FailureCategory, built_in};
use crate::definitions::ExecutionType;
use crate::model::ToolSpec;

use super::{Context, Effect, Error, Output, Outside, Tool};

pub(in crate::runner) const NAME: &str = "stop_execution";

pub(super) struct StopExecution;

impl Tool for StopExecution {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: NAME.to_owned(),
            description: "Ends the job without a result because it cannot be done. Give the reason in words for whoever asked for it (what you tried, what stopped you, what they can do now), and the failure code that fits, if one does.".to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "reason": {"type": "string", "minLength": 1, "maxLength": 4000},
                    "code": {"type": ["string", "null"]},
                },
                "required": ["reason"],
                "additionalProperties": false,
            }),
        }
    }

    fn effect(&self) -> Effect<'_> {
        Effect::Outside(self)
    }

    fn is_ours(&self) -> bool {
        true
    }

    fn is_for_conversations(&self) -> bool {
        false
    }
}

impl Outside for StopExecution {
    fn is_idempotent(&self) -> bool {
        true
    }

    fn call<'a>(&'a self, context: &'a Context, given: &'a Value) -> BoxFuture<'a, Result<Output, Error>> {
        async move {
            match (given["code"].as_str(), &context.execution_type) {
                (Some(code), Some(execution_type)) => check_code(execution_type, code),
                _ => Ok(json!({}).into()),
            }
        }
        .boxed()
    }
}

// The other built-in codes say what the system found, which the agent cannot.
fn check_code(execution_type: &ExecutionType, code: &str) -> Result<Output, Error> {
    let own = FailureCategory::StoppedByAgent.as_str();
    let others = built_in();
    let mut codes = execution_type
        .failure_codes
        .iter()
        .map(|known| known.code.as_str())
        .filter(|known| *known == own || others.iter().all(|other| other.code != *known));
    if codes.clone().any(|known| known == code) {
        return Ok(json!({}).into());
    }
    let first = codes.next().unwrap_or(own).to_owned();
    let codes = codes.fold(first, |list, code| format!("{list}, {code}"));
    Err(Error::Refused(format!(
        "there is no failure code {code}; there are {codes}"
    )))
}
