//! The Messages API. Blocks are numbered and closed one by one, and `message_stop` is the end
//! marker; a number that is left out is a chunk that was lost.

use serde_json::{Map, Value, json};

use crate::base::message::{Message, Part};
use crate::model::declared::{Declaration, Effort, MESSAGES_OUTPUT_TOKENS};
use crate::model::{Error, Request};

use super::draft::{Draft, Stop, interrupted};
use super::fault::Words;
use super::turns::{self, Block, Image, Turn};
use super::{Asked, Outgoing, Protocol, Read, tokens};

pub(super) const NAME: &str = "anthropic";

pub(super) struct Anthropic;

impl Protocol for Anthropic {
    fn outgoing(&self, to: &Declaration, request: &Request, asked: &Asked) -> Outgoing {
        let mut body = Map::new();
        body.insert("model".to_owned(), json!(to.model));
        let most = asked.max_output_tokens.unwrap_or(MESSAGES_OUTPUT_TOKENS);
        body.insert("max_tokens".to_owned(), json!(most));
        body.insert("stream".to_owned(), json!(to.is_streaming));
        if !request.system.trim().is_empty() {
            body.insert("system".to_owned(), json!(request.system));
        }
        let tool = |tool: &crate::model::ToolSpec| {
            json!({
                "name": tool.name, "description": tool.description, "input_schema": tool.parameters,
            })
        };
        let mut tools: Vec<Value> = request.tools.iter().map(tool).collect();
        if tools.is_empty() {
            // It takes no calls without their tools; none of these may be called.
            tools = called(request);
            if !tools.is_empty() {
                body.insert("tool_choice".to_owned(), json!({"type": "none"}));
            }
        }
        if !tools.is_empty() {
            body.insert("tools".to_owned(), tools.into());
        }
        body.insert("messages".to_owned(), messages(request));
        if let Some(temperature) = asked.temperature {
            body.insert("temperature".to_owned(), json!(temperature));
        }
        let mut output = Map::new();
        if let Some(effort) = to.effort {
            let effort = match effort {
                Effort::Low => "low",
                Effort::Medium => "medium",
                Effort::High => "high",
            };
            body.insert("thinking".to_owned(), json!({"type": "adaptive"}));
            output.insert("effort".to_owned(), json!(effort));
        }
        // Nothing but what it can enforce word by word is taken here.
        if let Some(schema) = asked.schema.filter(|schema| turns::is_strict(schema)) {
            let format = json!({"type": "json_schema", "schema": turns::bare(schema)});
            output.insert("format".to_owned(), format);
        }
        if !output.is_empty() {
            body.insert("output_config".to_owned(), output.into());
        }
        Outgoing {
            path: "messages".to_owned(),
            headers: vec![("anthropic-version", "2023-06-01")],
            key_header: "x-api-key",
            body,
        }
    }

    fn reader(&self) -> Box<dyn Read> {
        Box::<Reader>::default()
    }
}

/// The tools of the calls in a conversation, as far as this API asks for them.
fn called(request: &Request) -> Vec<Value> {
    let calls = request.messages.iter().flat_map(Message::tool_calls);
    let mut names: Vec<String> = Vec::new();
    for (_, tool, _) in calls {
        let name = turns::token(tool);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let tool = |name: String| {
        json!({
            "name": name,
            "description": "Is not offered any more.",
            "input_schema": {"type": "object"},
        })
    };
    names.into_iter().map(tool).collect()
}

fn messages(request: &Request) -> Value {
    let mut messages: Vec<Value> = turns::of(request)
        .into_iter()
        .map(|turn| match turn {
            Turn::Model(parts) => json!({"role": "assistant", "content": said(parts)}),
            Turn::User(blocks) => {
                let content: Vec<Value> = blocks.into_iter().map(heard).collect();
                json!({"role": "user", "content": content})
            }
        })
        .collect();
    // All up to here is the same in the next request: it is read from the provider's cache then.
    if let Some(last) = messages
        .last_mut()
        .and_then(|message| message["content"].as_array_mut())
        && let Some(block) = last.last_mut()
    {
        block["cache_control"] = json!({"type": "ephemeral"});
    }
    messages.into()
}

fn said(parts: &[Part]) -> Vec<Value> {
    let mut content = Vec::new();
    let mut parts = parts.iter().peekable();
    while let Some(part) = parts.next() {
        match part {
            Part::Text { text } if !text.trim().is_empty() => {
                content.push(json!({"type": "text", "text": text}));
            }
            Part::Reasoning { text } => {
                // Thoughts are taken back only with the signature that they came with.
                if let Some(Part::Opaque { provider, data }) = parts.peek()
                    && provider == NAME
                    && let Some(signature) = data["signature"].as_str()
                {
                    content.push(json!({"type": "thinking", "thinking": text, "signature": signature}));
                }
            }
            Part::Opaque { provider, data } if provider == NAME && data["type"].is_string() => {
                content.push(data.clone());
            }
            Part::ToolCall {
                call_id,
                tool,
                arguments,
            } => content.push(json!({
                "type": "tool_use",
                "id": turns::token(call_id),
                "name": turns::token(tool),
                "input": turns::object(arguments),
            })),
            _ => {}
        }
    }
    content
}

fn heard(block: Block<'_>) -> Value {
    let picture = |image: &Image<'_>| {
        json!({"type": "image", "source": {
            "type": "base64", "media_type": image.media_type, "data": image.base64(),
        }})
    };
    match block {
        Block::Text(text) => json!({"type": "text", "text": text}),
        Block::Image(image) => picture(&image),
        Block::Result {
            call_id,
            is_error,
            output,
            images,
            ..
        } => {
            let mut content = vec![json!({"type": "text", "text": turns::output_text(output)})];
            // An empty block is refused.
            content.retain(|block| block["text"].as_str().is_some_and(|text| !text.trim().is_empty()));
            content.extend(images.iter().map(picture));
            json!({
                "type": "tool_result",
                "tool_use_id": turns::token(call_id),
                "content": content,
                "is_error": is_error,
            })
        }
    }
}

#[derive(Default)]
struct Reader {
    has_begun: bool,
    /// Blocks that were opened.
    blocks: u64,
    open: Option<Open>,
}

enum Open {
    Text,
    Thinking {
        signature: String,
    },
    Call,
    /// A block that comes whole with its opening.
    Other,
}

impl Read for Reader {
    fn event(&mut self, name: Option<&str>, data: &str, draft: &mut Draft<'_>) -> Result<bool, Error> {
        let event = super::json(data)?;
        let kind = event["type"].as_str().or(name).unwrap_or_default();
        match kind {
            "message_start" => {
                self.has_begun = true;
                usage(&event["message"]["usage"], draft);
            }
            "content_block_start" => self.open(&event, draft)?,
            "content_block_delta" => self.delta(&event, draft)?,
            "content_block_stop" => {
                self.check_place(&event)?;
                if let Some(Open::Thinking { signature }) = self.open.take()
                    && !signature.is_empty()
                {
                    draft.opaque(json!({"signature": signature}))?;
                }
            }
            "message_delta" => {
                usage(&event["usage"], draft);
                if let Some(reason) = event["delta"]["stop_reason"].as_str() {
                    draft.end(stop(reason));
                }
            }
            "message_stop" => {
                if !self.has_begun {
                    return Err(interrupted("an end without a beginning"));
                }
                if self.open.is_some() && draft.is_whole() {
                    return Err(interrupted("it ended in the middle of a block"));
                }
                return Ok(true);
            }
            "error" => return Err(Words::of_value(&event).in_stream()),
            // The API asks its readers to pass over what they do not know.
            _ => {}
        }
        Ok(false)
    }

    fn whole(&mut self, body: &Value, draft: &mut Draft<'_>) -> Result<(), Error> {
        let Some(content) = body["content"].as_array() else {
            return Err(interrupted("an answer without content"));
        };
        for (place, block) in content.iter().enumerate() {
            self.open(&json!({"index": place, "content_block": block}), draft)?;
            if let Some(Open::Thinking { signature }) = self.open.take()
                && !signature.is_empty()
            {
                draft.opaque(json!({"signature": signature}))?;
            }
        }
        usage(&body["usage"], draft);
        if let Some(reason) = body["stop_reason"].as_str() {
            draft.end(stop(reason));
        }
        Ok(())
    }
}

impl Reader {
    fn open(&mut self, event: &Value, draft: &mut Draft<'_>) -> Result<(), Error> {
        if self.open.is_some() {
            return Err(interrupted("a block began before the one before was closed"));
        }
        if event["index"].as_u64() != Some(self.blocks) {
            return Err(interrupted("a block is missing"));
        }
        let block = &event["content_block"];
        let text = |name: &str| block[name].as_str().unwrap_or_default();
        self.open = Some(match block["type"].as_str() {
            Some("text") => {
                draft.text(text("text"))?;
                Open::Text
            }
            Some("thinking") => {
                draft.reasoning(text("thinking"))?;
                Open::Thinking {
                    signature: text("signature").to_owned(),
                }
            }
            Some("tool_use") => {
                let key = self.blocks.to_string();
                draft.call(&key, text("id"), text("name"))?;
                // It opens with an empty object; the arguments follow as text, but come at once
                // where nothing is streamed. What is no object the tool's schema refuses.
                match &block["input"] {
                    Value::Null => {}
                    Value::Object(input) if input.is_empty() => {}
                    Value::String(text) => draft.more_of_call(&key, text)?,
                    input => draft.more_of_call(&key, &input.to_string())?,
                }
                Open::Call
            }
            Some(_) => {
                draft.opaque(block.clone())?;
                Open::Other
            }
            None => return Err(interrupted("a block without a type")),
        });
        self.blocks += 1;
        Ok(())
    }

    fn check_place(&self, event: &Value) -> Result<(), Error> {
        let is_open = self.open.is_some() && event["index"].as_u64() == self.blocks.checked_sub(1);
        if is_open {
            Ok(())
        } else {
            Err(interrupted("a piece of a block that is not open"))
        }
    }

    fn delta(&mut self, event: &Value, draft: &mut Draft<'_>) -> Result<(), Error> {
        self.check_place(event)?;
        let delta = &event["delta"];
        let text = |name: &str| {
            delta[name]
                .as_str()
                .ok_or_else(|| interrupted(format!("a delta without its {name}")))
        };
        match (delta["type"].as_str(), &mut self.open) {
            (Some("text_delta"), Some(Open::Text)) => draft.text(text("text")?)?,
            (Some("thinking_delta"), Some(Open::Thinking { .. })) => draft.reasoning(text("thinking")?)?,
            (Some("signature_delta"), Some(Open::Thinking { signature })) => {
                signature.push_str(text("signature")?);
            }
            (Some("input_json_delta"), Some(Open::Call)) => {
                draft.more_of_call(&(self.blocks - 1).to_string(), text("partial_json")?)?;
            }
            // Citations and what else is added beside the words.
            (Some(_), Some(Open::Text | Open::Other)) => {}
            _ => return Err(interrupted("a delta that does not fit its block")),
        }
        Ok(())
    }
}

/// Totals so far. Cached tokens are counted apart there, and are part of the input here.
fn usage(usage: &Value, draft: &mut Draft<'_>) {
    let count = |name: &str| tokens(&usage[name]);
    if let Some(input) = count("input_tokens") {
        let cached = count("cache_read_input_tokens").unwrap_or(0);
        let written = count("cache_creation_input_tokens").unwrap_or(0);
        draft.usage.input_tokens = input + cached + written;
        draft.usage.cached_input_tokens = cached;
    }
    if let Some(output) = count("output_tokens") {
        draft.usage.output_tokens = output;
    }
}

fn stop(reason: &str) -> Stop {
    match reason {
        "end_turn" | "stop_sequence" => Stop::Whole,
        "tool_use" => Stop::Called,
        "max_tokens" | "model_context_window_exceeded" => Stop::Cut(reason.to_owned()),
        "refusal" => Stop::Refused(reason.to_owned()),
        other => Stop::Broken(format!("it ended with {other:?}")),
    }
}
