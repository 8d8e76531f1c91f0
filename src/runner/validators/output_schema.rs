//! `output_schema`: the answer satisfies the execution type's output schema. All violations go to
//! the model at once, so that one attempt can mend them all.

use std::fmt::Write;

use serde_json::Value;

use super::{Answer, Validator, Verdict, value_of};

pub(super) struct OutputSchema;

impl Validator for OutputSchema {
    fn name(&self) -> &'static str {
        "output_schema"
    }

    fn judge(&self, answer: &Answer<'_>, _: &Value) -> Verdict {
        let value = match value_of(answer) {
            Ok(value) => value,
            Err(feedback) => return Verdict::Refuse(feedback),
        };
        // Loading refuses the validator where there is no schema.
        let Some(schema) = &answer.execution_type.output_schema else {
            return Verdict::Read(value);
        };
        let issues = schema.check(&value);
        if issues.is_empty() {
            return Verdict::Read(value);
        }
        let mut feedback = "The answer breaks the output schema:\n".to_owned();
        for issue in issues {
            let place = if issue.pointer.is_empty() {
                "the answer"
            } else {
                &issue.pointer
            };
            let _ = writeln!(feedback, "- {place}: {}", issue.message); // into a String: cannot fail
        }
        feedback.push_str("Answer again with one JSON value that satisfies the schema.");
        Verdict::Refuse(feedback)
    }
}
