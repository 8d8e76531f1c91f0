//! `json`: the answer is one JSON value. A Markdown fence around it is taken away, for models put
//! one there whatever they are told.

use serde_json::Value;

use crate::base::text::{MAX_JSON_DEPTH, json_depth};

use super::{Answer, Validator, Verdict};

pub(super) struct Json;

impl Validator for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn judge(&self, answer: &Answer<'_>, _: &Value) -> Verdict {
        match parse(answer.text) {
            Ok(value) => Verdict::Read(value),
            Err(feedback) => Verdict::Refuse(feedback),
        }
    }
}

pub(super) fn parse(text: &str) -> Result<Value, String> {
    let value: Value = serde_json::from_str(without_fence(text)).map_err(|error| {
        format!("The answer is not JSON: {error}. Answer with one JSON value and nothing else, without a word before or after it.")
    })?;
    if json_depth(&value) > MAX_JSON_DEPTH {
        return Err(format!("The answer nests deeper than {MAX_JSON_DEPTH}."));
    }
    Ok(value)
}

fn without_fence(text: &str) -> &str {
    let text = text.trim();
    let inner = text
        .strip_prefix("```")
        .and_then(|text| text.strip_suffix("```"))
        .and_then(|text| text.split_once('\n'))
        .filter(|(language, _)| matches!(language.trim(), "" | "json" | "JSON"));
    inner.map_or(text, |(_, inner)| inner.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_fenced_answer_is_read_and_words_around_it_are_refused() {
        for text in ["{\"a\": 1}", "```json\n{\"a\": 1}\n```", " ```\n{\"a\": 1}```\n"] {
            assert_eq!(parse(text), Ok(json!({"a": 1})), "{text}");
        }
        assert!(parse("Here it is: {\"a\": 1}").is_err());
        assert!(parse("").is_err());
    }
}
