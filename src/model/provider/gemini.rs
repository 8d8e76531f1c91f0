//! `streamGenerateContent`, as events. The end marker is the candidate's `finishReason`; a stream
//! that closes without one has broken off. Some versions put one into every chunk: so it counts
//! when the stream has come to its end, and not within an event.

use serde_json::{Map, Value, json};

use crate::base::message::Part;
use crate::model::declared::{Declaration, Effort};
use crate::model::{Error, Request, Usage};

use super::draft::{Draft, Stop, interrupted};
use super::fault::Words;
use super::turns::{self, Block, Image, Turn};
use super::{Asked, Outgoing, Protocol, Read, tokens};

pub(super) const NAME: &str = "gemini";

pub(super) struct Gemini;

impl Protocol for Gemini {
    fn outgoing(&self, to: &Declaration, request: &Request, asked: &Asked) -> Outgoing {
        let mut body = Map::new();
        if !request.system.trim().is_empty() {
            let system = json!({"parts": [{"text": request.system}]});
            body.insert("systemInstruction".to_owned(), system);
        }
        body.insert("contents".to_owned(), contents(request));
        if !request.tools.is_empty() {
            let tool = |tool: &crate::model::ToolSpec| {
                json!({
                    "name": tool.name,
                    "description": tool.description,
                    "parametersJsonSchema": turns::bare(&tool.parameters),
                })
            };
            let tools: Vec<Value> = request.tools.iter().map(tool).collect();
            body.insert("tools".to_owned(), json!([{"functionDeclarations": tools}]));
        }
        let mut settings = Map::new();
        if let Some(temperature) = asked.temperature {
            settings.insert("temperature".to_owned(), json!(temperature));
        }
        if let Some(most) = asked.max_output_tokens {
            settings.insert("maxOutputTokens".to_owned(), json!(most));
        }
        if let Some(effort) = to.effort {
            let budget = match effort {
                Effort::Low => 1024,
                Effort::Medium => 8192,
                Effort::High => 24576,
            };
            let thinking = json!({"includeThoughts": true, "thinkingBudget": budget});
            settings.insert("thinkingConfig".to_owned(), thinking);
        }
        // Before Gemini 3 it refuses a request that has both, and what is called is not always told by
        // its name.
        if let Some(schema) = asked.schema.filter(|_| request.tools.is_empty()) {
            settings.insert("responseMimeType".to_owned(), json!("application/json"));
            settings.insert("responseJsonSchema".to_owned(), turns::bare(schema));
        }
        if !settings.is_empty() {
            body.insert("generationConfig".to_owned(), settings.into());
        }
        let path = if to.is_streaming {
            format!("models/{}:streamGenerateContent?alt=sse", to.model)
        } else {
            format!("models/{}:generateContent", to.model)
        };
        Outgoing {
            path,
            headers: Vec::new(),
            key_header: "x-goog-api-key",
            body,
        }
    }

    fn reader(&self) -> Box<dyn Read> {
        Box::new(Reader)
    }
}

fn contents(request: &Request) -> Value {
    let content = |turn| match turn {
        Turn::Model(parts) => json!({"role": "model", "parts": said(parts)}),
        Turn::User(blocks) => {
            let mut parts: Vec<Value> = blocks.into_iter().flat_map(heard).collect();
            // It counts answers against calls: they come first, and pictures of theirs after them.
            parts.sort_by_key(|part| part.get("functionResponse").is_none());
            json!({"role": "user", "parts": parts})
        }
    };
    turns::of(request).into_iter().map(content).collect()
}

fn said(parts: &[Part]) -> Vec<Value> {
    let mut said: Vec<Value> = Vec::new();
    for part in parts {
        match part {
            Part::Text { text } if !text.is_empty() => said.push(json!({"text": text})),
            Part::ToolCall { tool, arguments, .. } => said.push(json!({
                "functionCall": {"name": turns::token(tool), "args": turns::object(arguments)},
            })),
            // The signature belongs to the part before; that of a thought, which is not sent back,
            // goes alone.
            Part::Opaque { provider, data } if provider == NAME => {
                let signature = data["thoughtSignature"].clone();
                let is_of_last = data["of"] != "thought";
                match said.last_mut() {
                    Some(last) if is_of_last && last["thoughtSignature"].is_null() => {
                        last["thoughtSignature"] = signature;
                    }
                    _ => said.push(json!({"text": "", "thoughtSignature": signature})),
                }
            }
            _ => {}
        }
    }
    said
}

fn heard(block: Block<'_>) -> Vec<Value> {
    let picture =
        |image: &Image<'_>| json!({"inlineData": {"mimeType": image.media_type, "data": image.base64()}});
    match block {
        Block::Text(text) => vec![json!({"text": text})],
        Block::Image(image) => vec![picture(&image)],
        Block::Result {
            tool,
            is_error,
            output,
            images,
            ..
        } => {
            // It wants an object, and its own words for success and failure.
            let response = if is_error {
                json!({"error": output.get("error").unwrap_or(output)})
            } else {
                json!({"output": output})
            };
            let result = json!({"functionResponse": {"name": turns::token(tool), "response": response}});
            std::iter::once(result)
                .chain(images.iter().map(picture))
                .collect()
        }
    }
}

struct Reader;

impl Read for Reader {
    fn event(&mut self, _name: Option<&str>, data: &str, draft: &mut Draft<'_>) -> Result<bool, Error> {
        self.chunk(&super::json(data)?, draft)?;
        Ok(false)
    }

    fn ends_with_its_stream(&self, draft: &Draft<'_>) -> bool {
        draft.has_end()
    }

    fn whole(&mut self, body: &Value, draft: &mut Draft<'_>) -> Result<(), Error> {
        // Without `alt=sse` a stream is a list of chunks.
        match body.as_array() {
            Some(chunks) => {
                for chunk in chunks {
                    self.chunk(chunk, draft)?;
                }
            }
            None => self.chunk(body, draft)?,
        }
        Ok(())
    }
}

impl Reader {
    fn chunk(&self, chunk: &Value, draft: &mut Draft<'_>) -> Result<(), Error> {
        if chunk.get("error").is_some_and(|error| !error.is_null()) {
            return Err(Words::of_value(chunk).in_stream());
        }
        usage(&chunk["usageMetadata"], draft);
        if let Some(reason) = chunk["promptFeedback"]["blockReason"].as_str() {
            draft.end(Stop::Refused(reason.to_owned()));
            return Ok(());
        }
        let Some(candidate) = chunk["candidates"].get(0) else {
            return if chunk["usageMetadata"].is_object() {
                Ok(())
            } else {
                Err(interrupted("a chunk without candidates"))
            };
        };
        for part in candidate["content"]["parts"].as_array().into_iter().flatten() {
            self.part(part, draft)?;
        }
        let Some(reason) = candidate["finishReason"].as_str() else {
            return Ok(());
        };
        draft.end(match reason {
            "STOP" => Stop::Whole,
            "MAX_TOKENS" => Stop::Cut(reason.to_owned()),
            "SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" | "LANGUAGE"
            | "IMAGE_SAFETY" => Stop::Refused(reason.to_owned()),
            // A malformed or unexpected call among them: another try may do better.
            other => Stop::Broken(format!("it ended with {other:?}")),
        });
        Ok(())
    }

    fn part(&self, part: &Value, draft: &mut Draft<'_>) -> Result<(), Error> {
        let is_thought = part["thought"] == true;
        if let Some(call) = part.get("functionCall") {
            let name = call["name"].as_str().unwrap_or_default();
            draft.whole_call(call["id"].as_str().unwrap_or_default(), name, &call["args"])?;
        } else if let Some(text) = part["text"].as_str() {
            if is_thought {
                draft.reasoning(text)?;
            } else {
                draft.text(text)?;
            }
        } else if part.get("thoughtSignature").is_none() {
            return Err(interrupted("a part of an unknown kind"));
        }
        if let Some(signature) = part["thoughtSignature"].as_str() {
            let of = if is_thought { "thought" } else { "part" };
            draft.opaque(json!({"thoughtSignature": signature, "of": of}))?;
        }
        Ok(())
    }
}

/// Totals so far.
fn usage(usage: &Value, draft: &mut Draft<'_>) {
    if !usage.is_object() {
        return;
    }
    let count = |name: &str| tokens(&usage[name]).unwrap_or(0);
    draft.usage = Usage {
        input_tokens: count("promptTokenCount") + count("toolUsePromptTokenCount"),
        cached_input_tokens: count("cachedContentTokenCount"),
        output_tokens: count("candidatesTokenCount") + count("thoughtsTokenCount"),
    };
}
