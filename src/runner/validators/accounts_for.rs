//! `accounts_for`: the answer has a member for every item of a list in the input, and each was tried
//! with a tool, whatever came of that.
//! `settings = { input = "/urls", tool = "fetch_page", argument = "url" }`; a list that is missing or
//! empty asks for nothing.

use std::collections::HashSet;

use serde_json::Value;

use crate::definitions::CheckSettings;

use super::{Answer, Recorded, Validator, Verdict, only, value_of};

pub(super) struct AccountsFor;

/// Items named in one feedback; the model finds the others by itself.
const NAMED: usize = 20;

impl Validator for AccountsFor {
    fn name(&self) -> &'static str {
        "accounts_for"
    }

    fn settings_check(&self) -> CheckSettings {
        |settings| {
            only(settings, &["input", "tool", "argument"])?;
            let pointer = settings["input"].as_str().unwrap_or_default();
            if !pointer.starts_with('/') {
                return Err("input is a JSON pointer into the input, for example /urls".to_owned());
            }
            Ok(())
        }
    }

    fn judge(&self, answer: &Answer<'_>, settings: &Value) -> Verdict {
        let setting = |name: &str| settings[name].as_str().unwrap_or_default();
        let value = match value_of(answer) {
            Ok(value) => value,
            Err(feedback) => return Verdict::Refuse(feedback),
        };
        let items = answer.input.pointer(setting("input")).and_then(Value::as_array);
        let items: Vec<&str> = items.into_iter().flatten().filter_map(Value::as_str).collect();
        let tried = tried(answer.calls, setting("tool"), setting("argument"));
        let untried: Vec<&str> = items
            .iter()
            .copied()
            .filter(|item| !tried.contains(item))
            .collect();
        if !untried.is_empty() {
            return Verdict::Refuse(format!(
                "Not every item of {} was tried with {}. Missing: {}. Try these too and answer again.",
                setting("input"),
                setting("tool"),
                named(&untried)
            ));
        }
        let missing: Vec<&str> = items
            .into_iter()
            .filter(|item| value.get(item).is_none())
            .collect();
        if missing.is_empty() {
            return Verdict::Pass;
        }
        Verdict::Refuse(format!(
            "The answer has no member for {}. Answer again with one for every item of {}, exactly as it was given, also for those that failed.",
            named(&missing),
            setting("input")
        ))
    }
}

fn tried<'c>(calls: &'c [Recorded], tool: &str, argument: &str) -> HashSet<&'c str> {
    let calls = calls.iter().filter(|call| call.tool == tool);
    calls
        .filter_map(|call| call.arguments[argument].as_str())
        .collect()
}

fn named(items: &[&str]) -> String {
    let more = items.len().saturating_sub(NAMED);
    let shown = items[..items.len() - more].join(", ");
    if more > 0 {
        format!("{shown} and {more} more")
    } else {
        shown
    }
}
