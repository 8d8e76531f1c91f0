//! `stopped_by_agent`: always first. An agent that called `stop_execution` is not asked for a
//! result.

use serde_json::Value;

use crate::definitions::STOPPED_BY_AGENT;
use crate::runner::tools::STOP_EXECUTION;

use super::{Answer, Validator, Verdict};

pub(super) struct StoppedByAgent;

impl Validator for StoppedByAgent {
    fn name(&self) -> &'static str {
        STOPPED_BY_AGENT
    }

    fn judge(&self, answer: &Answer<'_>, _: &Value) -> Verdict {
        let mut calls = answer.calls.iter();
        match calls.find(|call| call.tool == STOP_EXECUTION && !call.is_error) {
            Some(call) => Verdict::Stop {
                code: call.arguments["code"].as_str().map(str::to_owned),
                reason: call.arguments["reason"].as_str().unwrap_or_default().to_owned(),
            },
            None => Verdict::Pass,
        }
    }
}
