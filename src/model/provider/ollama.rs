//! Ollama's own `/api/chat`: one JSON object a line; the one that says `done` is the end marker.

use serde_json::{Map, Value, json};

use crate::base::message::Part;
use crate::model::declared::{Declaration, Effort};
use crate::model::{Error, Request, Usage};

use super::draft::{Draft, Stop, interrupted};
use super::fault::Words;
use super::turns::{self, Block, Turn};
use super::{Asked, Outgoing, Protocol, Read, tokens};

pub(super) struct Ollama;

impl Protocol for Ollama {
    fn outgoing(&self, to: &Declaration, request: &Request, asked: &Asked) -> Outgoing {
        let mut body = Map::new();
        body.insert("model".to_owned(), json!(to.model));
        body.insert("messages".to_owned(), messages(request));
        body.insert("stream".to_owned(), json!(to.is_streaming));
        if !request.tools.is_empty() {
            let tool = |tool: &crate::model::ToolSpec| {
                json!({"type": "function", "function": {
                    "name": tool.name, "description": tool.description, "parameters": tool.parameters,
                }})
            };
            body.insert("tools".to_owned(), request.tools.iter().map(tool).collect());
        }
        let mut options = Map::new();
        if let Some(temperature) = asked.temperature {
            options.insert("temperature".to_owned(), json!(temperature));
        }
        if let Some(most) = asked.max_output_tokens {
            options.insert("num_predict".to_owned(), json!(most));
        }
        if !options.is_empty() {
            body.insert("options".to_owned(), options.into());
        }
        if let Some(effort) = to.effort {
            let think = match effort {
                Effort::Low => "low",
                Effort::Medium => "medium",
                Effort::High => "high",
            };
            body.insert("think".to_owned(), json!(think));
        }
        // The format is a grammar for all that is said: with it no tool could be called.
        if let Some(schema) = asked.schema.filter(|_| request.tools.is_empty()) {
            body.insert("format".to_owned(), turns::bare(schema));
        }
        Outgoing {
            path: "api/chat".to_owned(),
            headers: Vec::new(),
            key_header: "authorization",
            body,
        }
    }

    fn is_lines(&self) -> bool {
        true
    }

    fn reader(&self) -> Box<dyn Read> {
        Box::new(Reader)
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
    let mut thinking = String::new();
    let mut calls = Vec::new();
    for part in parts {
        match part {
            Part::Text { text: more } => text.push_str(more),
            Part::Reasoning { text: more } => thinking.push_str(more),
            Part::ToolCall { tool, arguments, .. } => {
                let function = json!({"name": turns::token(tool), "arguments": turns::object(arguments)});
                calls.push(json!({"function": function}));
            }
            _ => {}
        }
    }
    let mut message = json!({"role": "assistant", "content": text});
    if !thinking.is_empty() {
        message["thinking"] = thinking.into();
    }
    if !calls.is_empty() {
        message["tool_calls"] = calls.into();
    }
    message
}

fn heard(blocks: Vec<Block<'_>>, messages: &mut Vec<Value>) {
    let mut texts = Vec::new();
    let mut pictures = Vec::new();
    for block in blocks {
        match block {
            Block::Text(text) => texts.push(text),
            Block::Image(image) => pictures.push(image.base64()),
            Block::Result {
                tool, output, images, ..
            } => {
                let content = turns::output_text(output);
                messages.push(json!({"role": "tool", "tool_name": turns::token(tool), "content": content}));
                pictures.extend(images.iter().map(super::turns::Image::base64));
            }
        }
    }
    if texts.is_empty() && pictures.is_empty() {
        return;
    }
    let mut message = json!({"role": "user", "content": texts.join("\n\n")});
    if !pictures.is_empty() {
        message["images"] = pictures.into();
    }
    messages.push(message);
}

struct Reader;

impl Read for Reader {
    fn event(&mut self, _name: Option<&str>, data: &str, draft: &mut Draft<'_>) -> Result<bool, Error> {
        let line = super::json(data)?;
        self.line(&line, draft)
    }

    fn whole(&mut self, body: &Value, draft: &mut Draft<'_>) -> Result<(), Error> {
        if self.line(body, draft)? {
            Ok(())
        } else {
            Err(interrupted("an answer that is not done"))
        }
    }
}

impl Reader {
    fn line(&self, line: &Value, draft: &mut Draft<'_>) -> Result<bool, Error> {
        if line.get("error").is_some_and(|error| !error.is_null()) {
            return Err(Words::of_value(line).in_stream());
        }
        let message = &line["message"];
        let is_done = line["done"] == true;
        if !message.is_object() && !is_done {
            return Err(interrupted("a line without a message"));
        }
        draft.reasoning(message["thinking"].as_str().unwrap_or_default())?;
        draft.text(message["content"].as_str().unwrap_or_default())?;
        for call in message["tool_calls"].as_array().into_iter().flatten() {
            let name = call["function"]["name"].as_str().unwrap_or_default();
            let id = call["id"].as_str().unwrap_or_default();
            draft.whole_call(id, name, &call["function"]["arguments"])?;
        }
        if !is_done {
            return Ok(false);
        }
        let count = |name: &str| tokens(&line[name]).unwrap_or(0);
        draft.usage = Usage {
            input_tokens: count("prompt_eval_count"),
            cached_input_tokens: count("prompt_eval_cached_count"),
            output_tokens: count("eval_count"),
        };
        draft.end(match line["done_reason"].as_str() {
            // Servers of old give no reason.
            Some("stop") | None => Stop::Whole,
            Some(reason @ "length") => Stop::Cut(reason.to_owned()),
            Some(other) => Stop::Broken(format!("it ended with {other:?}")),
        });
        Ok(true)
    }
}
