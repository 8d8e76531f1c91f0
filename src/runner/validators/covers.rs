//! `covers`: a tool handled every item of a list in the input.
//! `settings = { input = "/skus", tool = "upsert_records" }`; a list that is missing or empty asks
//! for nothing.

use std::collections::HashSet;

use serde_json::Value;

use crate::definitions::CheckSettings;

use super::tool_succeeded::outcomes;
use super::{Answer, Validator, Verdict, only};

pub(super) struct Covers;

/// Items named in one feedback; the model finds the others by itself.
const NAMED: usize = 50;

impl Validator for Covers {
    fn name(&self) -> &'static str {
        "covers"
    }

    fn settings_check(&self) -> CheckSettings {
        |settings| {
            only(settings, &["input", "tool"])?;
            let pointer = settings["input"].as_str().unwrap_or_default();
            if !pointer.starts_with('/') {
                return Err("input is a JSON pointer into the input, for example /skus".to_owned());
            }
            Ok(())
        }
    }

    fn judge(&self, answer: &Answer<'_>, settings: &Value) -> Verdict {
        let text = |name: &str| settings[name].as_str().unwrap_or_default();
        let (pointer, tool) = (text("input"), text("tool"));
        let handled: HashSet<String> = outcomes(tool, answer.calls)
            .into_iter()
            .filter(|outcome| outcome.failure.is_none())
            .filter_map(|outcome| outcome.key)
            .collect();
        let items = answer.input.pointer(pointer).and_then(Value::as_array);
        let mut missing: Vec<String> = items
            .into_iter()
            .flatten()
            .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned))
            .filter(|item| !handled.contains(item))
            .collect();
        if missing.is_empty() {
            return Verdict::Pass;
        }
        let more = missing.len().saturating_sub(NAMED);
        missing.truncate(NAMED);
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        Verdict::Refuse(format!(
            "Not every item of {pointer} was handled with {tool}. Missing: {}{more}. Handle these too and answer again, or stop if that cannot be done.",
            missing.join(", ")
        ))
    }
}
