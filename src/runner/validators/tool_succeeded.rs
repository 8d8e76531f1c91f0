//! `tool_succeeded`: what a tool recorded was a success. `settings = { tool = "upsert_records" }`.
//!
//! A tool that answers `{"results": [{"key", "outcome", "message"?}]}` records an outcome for each
//! key; the latest one of a key counts, over all attempts, so that a later call can mend what an
//! earlier one could not do. Of other tools the latest call counts.

use serde_json::Value;

use crate::definitions::CheckSettings;

use super::{Answer, Recorded, Validator, Verdict, only};

pub(super) struct ToolSucceeded;

impl Validator for ToolSucceeded {
    fn name(&self) -> &'static str {
        "tool_succeeded"
    }

    fn settings_check(&self) -> CheckSettings {
        |settings| only(settings, &["tool"])
    }

    fn judge(&self, answer: &Answer<'_>, settings: &Value) -> Verdict {
        let tool = settings["tool"].as_str().unwrap_or_default();
        let failed: Vec<String> = outcomes(tool, answer.calls)
            .into_iter()
            .filter_map(|outcome| {
                let message = outcome.failure?;
                Some(match outcome.key {
                    Some(key) => format!("- {key}: {message}"),
                    None => format!("- {message}"),
                })
            })
            .collect();
        if failed.is_empty() {
            return Verdict::Pass;
        }
        Verdict::Refuse(format!(
            "Not everything that {tool} was called for succeeded:\n{}\nMend these calls and answer again, or stop if that cannot be done.",
            failed.join("\n")
        ))
    }
}

/// The latest outcome of a key, or of the calls that are about no key.
pub(super) struct Outcome {
    pub key: Option<String>,
    /// None: it succeeded.
    pub failure: Option<String>,
}

/// In the order in which the keys were first named.
pub(super) fn outcomes(tool: &str, calls: &[Recorded]) -> Vec<Outcome> {
    let mut latest: Vec<Outcome> = Vec::new();
    let mut places = std::collections::HashMap::new();
    let mut note = |key: Option<String>, failure: Option<String>| {
        let place = *places.entry(key.clone()).or_insert(latest.len());
        if place == latest.len() {
            latest.push(Outcome { key, failure });
        } else {
            latest[place].failure = failure;
        }
    };
    for call in calls.iter().filter(|call| call.tool == tool) {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        if call.is_error {
            // Whatever it was called for did not happen.
            let message = text(&call.output["error"]).unwrap_or_else(|| "the call failed".to_owned());
            let keys = call.arguments["records"].as_array().into_iter().flatten();
            let mut keys = keys.filter_map(|record| text(&record["key"])).peekable();
            if keys.peek().is_none() {
                note(None, Some(message));
            } else {
                keys.for_each(|key| note(Some(key), Some(message.clone())));
            }
            continue;
        }
        // A call that went through mends an earlier one of which nothing is known but its error.
        note(None, None);
        for result in call.output["results"].as_array().into_iter().flatten() {
            let failure = (result["outcome"] == "failed")
                .then(|| text(&result["message"]).unwrap_or_else(|| "it failed".to_owned()));
            note(text(&result["key"]), failure);
        }
    }
    latest
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn call(output: Value, is_error: bool) -> Recorded {
        Recorded {
            attempt: 1,
            call_id: String::new(),
            tool: "upsert_records".to_owned(),
            arguments: json!({"records": [{"key": "A"}]}),
            is_error,
            output,
        }
    }

    fn failures(calls: &[Recorded]) -> Vec<String> {
        let outcomes = outcomes("upsert_records", calls).into_iter();
        outcomes
            .filter_map(|outcome| outcome.failure.and(outcome.key))
            .collect()
    }

    #[test]
    fn the_latest_outcome_of_a_key_counts() {
        let failed = call(
            json!({"results": [{"key": "A", "outcome": "failed", "message": "no"}]}),
            false,
        );
        let refused = call(json!({"error": "bad collection"}), true);
        let done = call(json!({"results": [{"key": "A", "outcome": "updated"}]}), false);
        assert_eq!(failures(std::slice::from_ref(&failed)), ["A"]);
        assert_eq!(failures(std::slice::from_ref(&refused)), ["A"]);
        assert_eq!(failures(&[failed, refused.clone(), done.clone()]), [""; 0]);
        assert_eq!(failures(&[done, refused]), ["A"]);
    }
}
