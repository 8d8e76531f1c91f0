//! Chat Completions: OpenAI, and everyone who serves the same. The end marker of a stream is
//! `data: [DONE]`.

use serde_json::{Map, Value, json};

use crate::base::message::Part;
use crate::model::declared::{Declaration, Effort, Kind};
use crate::model::{Error, Request, Usage};

use super::draft::{Draft, Stop, interrupted};
use super::fault::Words;
use super::turns::{self, Block, Image, Turn};
use super::{Asked, Outgoing, Protocol, Read, tokens};

pub(super) struct OpenAi;

impl Protocol for OpenAi {
    fn outgoing(&self, to: &Declaration, request: &Request, asked: &Asked) -> Outgoing {
        let mut body = Map::new();
        body.insert("model".to_owned(), json!(to.model));
        body.insert("messages".to_owned(), messages(request));
        body.insert("stream".to_owned(), json!(to.is_streaming));
        if to.is_streaming && to.asks_stream_usage {
            body.insert("stream_options".to_owned(), json!({"include_usage": true}));
        }
        if !request.tools.is_empty() {
            let tool = |tool: &crate::model::ToolSpec| {
                json!({"type": "function", "function": {
                    "name": tool.name, "description": tool.description, "parameters": tool.parameters,
                }})
            };
            body.insert("tools".to_owned(), request.tools.iter().map(tool).collect());
        }
        if let Some(temperature) = asked.temperature {
            body.insert("temperature".to_owned(), json!(temperature));
        }
        if let Some(most) = asked.max_output_tokens {
            // OpenAI's models that think take only the new name, and others only the old one.
            let name = match to.kind {
                Kind::OpenAi => "max_completion_tokens",
                _ => "max_tokens",
            };
            body.insert(name.to_owned(), json!(most));
        }
        if let Some(effort) = to.effort {
            let effort = match effort {
                Effort::Low => "low",
                Effort::Medium => "medium",
                Effort::High => "high",
            };
            body.insert("reasoning_effort".to_owned(), json!(effort));
        }
        if let Some(schema) = asked.schema {
            let format = json!({"type": "json_schema", "json_schema": {
                "name": "answer", "strict": turns::is_strict(schema), "schema": turns::bare(schema),
            }});
            body.insert("response_format".to_owned(), format);
        }
        Outgoing {
            path: "chat/completions".to_owned(),
            headers: Vec::new(),
            key_header: "authorization",
            body,
        }
    }

    fn reader(&self) -> Box<dyn Read> {
        Box::<Reader>::default()
    }
}

fn messages(request: &Request) -> Value {
    let mut messages = vec![json!({"role": "system", "content": request.system})];
    for turn in turns::of(request) {
        match turn {
            Turn::Model(parts) => messages.push(said(parts)),
            Turn::User(blocks) => heard(blocks, &mut messages),
        }
    }
    messages.into()
}

fn said(parts: &[Part]) -> Value {
    let mut text = String::new();
    let mut calls = Vec::new();
    for part in parts {
        match part {
            Part::Text { text: more } => text.push_str(more),
            Part::ToolCall {
                call_id,
                tool,
                arguments,
            } => calls.push(json!({
                "id": call_id,
                "type": "function",
                "function": {"name": turns::token(tool), "arguments": turns::output_text(arguments)},
            })),
            _ => {}
        }
    }
    let content = if text.is_empty() {
        Value::Null
    } else {
        Value::String(text)
    };
    let mut message = json!({"role": "assistant", "content": content});
    if !calls.is_empty() {
        message["tool_calls"] = calls.into();
    }
    message
}

fn heard(blocks: Vec<Block<'_>>, messages: &mut Vec<Value>) {
    let picture = |image: &Image<'_>| json!({"type": "image_url", "image_url": {"url": image.data_url()}});
    let mut content = Vec::new();
    let mut has_images = false;
    for block in blocks {
        match block {
            Block::Text(text) => content.push(json!({"type": "text", "text": text})),
            Block::Image(image) => {
                has_images = true;
                content.push(picture(&image));
            }
            Block::Result {
                call_id,
                output,
                images,
                tool,
                ..
            } => {
                let text = turns::output_text(output);
                messages.push(json!({"role": "tool", "tool_call_id": call_id, "content": text}));
                // Results are text here; their pictures follow all of them.
                for image in &images {
                    has_images = true;
                    content.push(json!({"type": "text", "text": format!("Image from {tool} ({call_id}):")}));
                    content.push(picture(image));
                }
            }
        }
    }
    if content.is_empty() {
        return;
    }
    // Plain text where there is nothing else: not every endpoint takes lists.
    let content = if has_images {
        content.into()
    } else {
        let texts: Vec<&str> = content.iter().filter_map(|part| part["text"].as_str()).collect();
        Value::String(texts.join("\n\n"))
    };
    messages.push(json!({"role": "user", "content": content}));
}

#[derive(Default)]
struct Reader {
    calls: Vec<Call>,
    refusal: String,
}

struct Call {
    index: Option<u64>,
    id: String,
}

impl Read for Reader {
    fn event(&mut self, _name: Option<&str>, data: &str, draft: &mut Draft<'_>) -> Result<bool, Error> {
        if data.trim() == "[DONE]" {
            if !self.refusal.is_empty() {
                draft.end(Stop::Refused(std::mem::take(&mut self.refusal)));
            }
            return Ok(true);
        }
        let chunk = super::json(data)?;
        if let Some(error) = chunk.get("error").filter(|error| !error.is_null()) {
            return Err(Words::of_value(&json!({"error": error})).in_stream());
        }
        self.usage(&chunk, draft);
        // The last chunk holds the usage alone; Azure begins with one about the prompt.
        let Some(choice) = first(&chunk["choices"]) else {
            return if chunk["choices"].is_array() || chunk["usage"].is_object() {
                Ok(false)
            } else {
                Err(interrupted("a chunk without choices"))
            };
        };
        self.message(&choice["delta"], draft)?;
        self.stop(&choice["finish_reason"], draft);
        Ok(false)
    }

    fn whole(&mut self, body: &Value, draft: &mut Draft<'_>) -> Result<(), Error> {
        self.usage(body, draft);
        let choice = first(&body["choices"]).filter(|choice| choice["message"].is_object());
        let choice = choice.ok_or_else(|| interrupted("an answer without a message"))?;
        self.message(&choice["message"], draft)?;
        self.stop(&choice["finish_reason"], draft);
        if !self.refusal.is_empty() {
            draft.end(Stop::Refused(std::mem::take(&mut self.refusal)));
        }
        Ok(())
    }
}

/// The answer, where an endpoint gives several though it was asked for one.
fn first(choices: &Value) -> Option<&Value> {
    let mut choices = choices.as_array()?.iter();
    choices.find(|choice| choice["index"].as_u64().unwrap_or(0) == 0)
}

impl Reader {
    fn usage(&self, chunk: &Value, draft: &mut Draft<'_>) {
        let usage = &chunk["usage"];
        if usage.is_object() {
            let known = |value: &Value| tokens(value).unwrap_or(0);
            draft.usage = Usage {
                input_tokens: known(&usage["prompt_tokens"]),
                cached_input_tokens: known(&usage["prompt_tokens_details"]["cached_tokens"]),
                output_tokens: known(&usage["completion_tokens"]),
            };
        }
    }

    /// A delta, or a message: the same members, in pieces or whole.
    fn message(&mut self, said: &Value, draft: &mut Draft<'_>) -> Result<(), Error> {
        // As most who show reasoning call it, and as some others do.
        for name in ["reasoning_content", "reasoning"] {
            if let Some(text) = said[name].as_str().filter(|text| !text.is_empty()) {
                draft.reasoning(text)?;
                break;
            }
        }
        match &said["content"] {
            Value::String(text) => draft.text(text)?,
            Value::Array(pieces) => {
                for piece in pieces {
                    match piece["type"].as_str() {
                        Some("text") => draft.text(piece["text"].as_str().unwrap_or_default())?,
                        Some("thinking") => {
                            for thought in piece["thinking"].as_array().into_iter().flatten() {
                                draft.reasoning(thought["text"].as_str().unwrap_or_default())?;
                            }
                        }
                        _ => return Err(interrupted("content of an unknown type")),
                    }
                }
            }
            _ => {}
        }
        if let Some(text) = said["refusal"].as_str() {
            self.refusal.push_str(text);
        }
        for call in said["tool_calls"].as_array().into_iter().flatten() {
            self.call(call, draft)?;
        }
        Ok(())
    }

    fn call(&mut self, call: &Value, draft: &mut Draft<'_>) -> Result<(), Error> {
        let id = call["id"].as_str().unwrap_or_default();
        let name = call["function"]["name"].as_str().unwrap_or_default();
        // Some send parsed arguments.
        let arguments = match &call["function"]["arguments"] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let key = self.key(call["index"].as_u64(), id, name);
        if !draft.has_call(&key) {
            draft.call(&key, id, name)?;
        }
        draft.more_of_call(&key, &arguments)
    }

    /// Which call a piece belongs to. Most number them; some leave the number out, and some number
    /// every call 0, so a second id with a name is a second call.
    fn key(&mut self, index: Option<u64>, id: &str, name: &str) -> String {
        let begins = !name.is_empty();
        let known = self.calls.iter().enumerate().rev().find(|(_, call)| match index {
            Some(_) => call.index == index,
            None => id.is_empty() || call.id == id,
        });
        let place = match known {
            Some((place, call)) if id.is_empty() || call.id == id => {
                // Without number and id only a name tells that another begins.
                let is_other = begins && index.is_none() && id.is_empty();
                (!is_other).then_some(place)
            }
            Some((place, _)) if !begins => Some(place),
            _ => None,
        };
        let place = place.unwrap_or_else(|| {
            self.calls.push(Call {
                index,
                id: id.to_owned(),
            });
            self.calls.len() - 1
        });
        place.to_string()
    }

    fn stop(&self, reason: &Value, draft: &mut Draft<'_>) {
        let Some(reason) = reason.as_str().filter(|reason| !reason.is_empty()) else {
            return;
        };
        draft.end(match reason {
            "stop" | "eos" | "end_turn" | "stop_sequence" => Stop::Whole,
            "tool_calls" | "function_call" => Stop::Called,
            "length" | "max_tokens" | "model_length" => Stop::Cut(reason.to_owned()),
            "content_filter" | "refusal" => Stop::Refused(reason.to_owned()),
            other => Stop::Broken(format!("it ended with {other:?}")),
        });
    }
}
