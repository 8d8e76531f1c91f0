//! What a script sees: the request as the variables of its templates.
//!
//! | variable | is |
//! |---|---|
//! | `input`, `files` | the execution's input; its files (`file_id filename content_type size_bytes`) |
//! | `attempt`, `feedback` | correction cycle from 1; what validators said about earlier ones |
//! | `step` | turns of the model so far in this attempt, or since the last user message |
//! | `results` | tool results of this attempt, in order: `tool call_id arguments is_error output` |
//! | `called` | the same by tool: `called.read_file` is a list, missing if it was never called |
//! | `documents` | what `read_file` has returned, pages joined: `file_id filename text` |
//! | `unread` | what is left to read: `file_id filename offset` |
//! | `message` | the last user message's text |

use std::collections::BTreeMap;

use minijinja::value::Value;
use serde_json::{Value as Json, json};

use crate::base::message::{Message, Part, Role};
use crate::base::template::value_of;
use crate::model::Request;

/// All variables, without those that the script's `given` adds.
pub(super) fn variables(request: &Request) -> Vec<(String, Value)> {
    let scene = &request.rehearsal;
    let results = results(&request.messages);
    let (documents, unread) = documents(request, &results);
    let mut called: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for result in &results {
        called.entry(result.tool).or_default().push(result.value.clone());
    }
    let message = request
        .messages
        .iter()
        .rfind(|message| message.role == Role::User)
        .map(Message::plain_text);
    let files: Json = scene.files.iter().map(|file| file.to_json()).collect();
    let all = [
        ("input", value_of(&scene.input)),
        ("files", value_of(&files)),
        ("attempt", Value::from(scene.attempt)),
        ("feedback", scene.feedback.iter().collect()),
        ("step", Value::from(scene.step)),
        (
            "results",
            results.iter().map(|result| result.value.clone()).collect(),
        ),
        ("called", Value::from_pairs(called)),
        ("documents", value_of(&documents)),
        ("unread", value_of(&unread)),
        ("message", Value::from(message.unwrap_or_default())),
    ];
    all.into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

struct Result<'a> {
    tool: &'a str,
    arguments: &'a Json,
    output: &'a Json,
    is_error: bool,
    value: Value,
}

// Since the last word of a user or a validator: what came before belongs to an earlier attempt or
// an earlier question.
fn results(messages: &[Message]) -> Vec<Result<'_>> {
    let begin = messages
        .iter()
        .rposition(|message| matches!(message.role, Role::User | Role::Validator))
        .map_or(0, |last| last + 1);
    let recent = &messages[begin..];
    let calls: BTreeMap<&str, &Json> = recent
        .iter()
        .flat_map(Message::tool_calls)
        .map(|(call_id, _, arguments)| (call_id, arguments))
        .collect();
    let parts = recent.iter().flat_map(|message| &message.parts);
    parts
        .filter_map(|part| match part {
            Part::ToolResult {
                call_id,
                tool,
                is_error,
                output,
                ..
            } => {
                let arguments = calls.get(call_id.as_str()).copied().unwrap_or(&Json::Null);
                let value = Value::from_pairs([
                    ("tool", Value::from(tool)),
                    ("call_id", Value::from(call_id)),
                    ("arguments", value_of(arguments)),
                    ("is_error", Value::from(*is_error)),
                    ("output", value_of(output)),
                ]);
                Some(Result {
                    tool,
                    arguments,
                    output,
                    is_error: *is_error,
                    value,
                })
            }
            _ => None,
        })
        .collect()
}

// A file whose reading failed is not left to read: it would fail again, for ever.
fn documents(request: &Request, results: &[Result<'_>]) -> (Json, Json) {
    let (mut documents, mut unread) = (Vec::new(), Vec::new());
    for file in &request.rehearsal.files {
        let pages: Vec<&Result<'_>> = results
            .iter()
            .filter(|result| {
                result.tool == "read_file" && result.arguments["file_id"] == file.file_id.as_str()
            })
            .collect();
        let text: String = pages
            .iter()
            .filter(|page| !page.is_error)
            .filter_map(|page| page.output["text"].as_str())
            .collect();
        let left = match pages.last() {
            None => Some(0),
            Some(page) if page.is_error => None,
            Some(page) => page.output["next_offset"].as_u64(),
        };
        if let Some(offset) = left {
            unread.push(json!({"file_id": file.file_id, "filename": file.filename, "offset": offset}));
        }
        if pages.iter().any(|page| !page.is_error) {
            documents.push(json!({"file_id": file.file_id, "filename": file.filename, "text": text}));
        }
    }
    (Json::from(documents), Json::from(unread))
}
