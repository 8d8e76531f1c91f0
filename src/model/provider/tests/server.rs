//! A server that speaks the providers' protocols and breaks them on demand, byte by byte. It counts
//! what it is asked and sees when a client hangs up.
#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::expect_used)] // each of its users takes a part
#![allow(clippy::disallowed_methods)] // what a client does is measured in real time

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    pub path: String,
    /// Lower case.
    pub headers: Vec<(String, String)>,
    pub body: Value,
    pub at: Instant,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// How an answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// As HTTP wants it.
    Whole,
    /// The connection is cut.
    Cut,
    /// Nothing more comes.
    Hang,
}

#[derive(Clone, Debug)]
pub enum Step {
    Send(Vec<u8>),
    Wait(Duration),
}

#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub steps: Vec<Step>,
    pub end: End,
}

impl Answer {
    /// A stream of one protocol.
    pub fn stream(kind: &str, frames: &[String]) -> Self {
        let media_type = if kind == "ollama" {
            "application/x-ndjson"
        } else {
            "text/event-stream"
        };
        Self {
            status: 200,
            headers: vec![("content-type", media_type.to_owned())],
            steps: frames
                .iter()
                .map(|frame| Step::Send(frame.clone().into_bytes()))
                .collect(),
            end: End::Whole,
        }
    }

    pub fn json(status: u16, body: &Value) -> Self {
        Self {
            status,
            headers: vec![("content-type", "application/json".to_owned())],
            steps: vec![Step::Send(body.to_string().into_bytes())],
            end: End::Whole,
        }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn ending(mut self, end: End) -> Self {
        self.end = end;
        self
    }

    /// Nothing at all comes.
    pub fn silence() -> Self {
        Self {
            status: 0,
            headers: Vec::new(),
            steps: Vec::new(),
            end: End::Hang,
        }
    }
}

type Script = dyn Fn(usize, &Seen) -> Answer + Send + Sync;

/// At work until it is dropped.
pub struct Server {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    closed: Arc<Mutex<Vec<(usize, Instant)>>>,
    _work: AbortOnDropHandle<()>,
}

impl Server {
    /// Answers by the number of the request, from 0, and what it says.
    pub async fn start(script: impl Fn(usize, &Seen) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        Self::on(listener, script)
    }

    pub fn on(
        listener: TcpListener,
        script: impl Fn(usize, &Seen) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let address = listener.local_addr().expect("an address");
        let (seen, closed) = (Arc::default(), Arc::default());
        let script: Arc<Script> = Arc::new(script);
        let (all, ends) = (Arc::clone(&seen), Arc::clone(&closed));
        let work = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (script, all, ends) = (Arc::clone(&script), Arc::clone(&all), Arc::clone(&ends));
                connections.spawn(serve(stream, script, all, ends));
                while connections.try_join_next().is_some() {}
            }
        });
        Self {
            address,
            seen,
            closed,
            _work: AbortOnDropHandle::new(work),
        }
    }

    pub fn url(&self, kind: &str) -> String {
        let path = match kind {
            "openai" | "openai-compatible" | "anthropic" => "/v1",
            "gemini" => "/v1beta",
            _ => "",
        };
        format!("http://{}{path}", self.address)
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("no panic").clone()
    }

    pub fn count(&self) -> usize {
        self.seen.lock().expect("no panic").len()
    }

    /// When clients hung up in the middle of an answer.
    pub fn closed(&self) -> Vec<Instant> {
        let closed = self.closed.lock().expect("no panic");
        closed.iter().map(|(_, at)| *at).collect()
    }

    /// When the client hung up in the middle of the answer to this request, if it has.
    pub fn closed_at(&self, number: usize) -> Option<Instant> {
        let closed = self.closed.lock().expect("no panic");
        closed.iter().find(|(of, _)| *of == number).map(|(_, at)| *at)
    }
}

async fn serve(
    stream: TcpStream,
    script: Arc<Script>,
    all: Arc<Mutex<Vec<Seen>>>,
    ends: Arc<Mutex<Vec<(usize, Instant)>>>,
) {
    let _ = stream.set_nodelay(true);
    let mut stream = BufReader::new(stream);
    while let Some(seen) = request(&mut stream).await {
        let number = {
            let mut all = all.lock().expect("no panic");
            all.push(seen.clone());
            all.len() - 1
        };
        let answer = script(number, &seen);
        if answer.status > 0 {
            let mut head = format!(
                "HTTP/1.1 {} Status\r\ntransfer-encoding: chunked\r\n",
                answer.status
            );
            for (name, value) in &answer.headers {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
            head.push_str("\r\n");
            if stream.write_all(head.as_bytes()).await.is_err() {
                return;
            }
        }
        for step in &answer.steps {
            match step {
                Step::Send(bytes) if bytes.is_empty() => {}
                Step::Send(bytes) => {
                    let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
                    chunk.extend_from_slice(bytes);
                    chunk.extend_from_slice(b"\r\n");
                    if stream.write_all(&chunk).await.is_err() || stream.flush().await.is_err() {
                        ends.lock().expect("no panic").push((number, Instant::now()));
                        return;
                    }
                }
                Step::Wait(time) => {
                    let mut byte = [0];
                    tokio::select! {
                        () = tokio::time::sleep(*time) => {}
                        _ = stream.read(&mut byte) => {
                            ends.lock().expect("no panic").push((number, Instant::now()));
                            return;
                        }
                    }
                }
            }
        }
        match answer.end {
            End::Whole => {
                if stream.write_all(b"0\r\n\r\n").await.is_err() || stream.flush().await.is_err() {
                    return;
                }
            }
            End::Cut => return,
            End::Hang => {
                let mut byte = [0];
                let _ = stream.read(&mut byte).await;
                ends.lock().expect("no panic").push((number, Instant::now()));
                return;
            }
        }
    }
}

async fn request(stream: &mut BufReader<TcpStream>) -> Option<Seen> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let mut lines = head.lines();
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Seen {
        path,
        headers,
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
        at: Instant::now(),
    })
}

/// What a model says, whatever the protocol.
#[derive(Clone, Debug)]
pub enum Said {
    /// With its signature, where the protocol has one.
    Reasoning(&'static str),
    Text(&'static str),
    Call(&'static str, &'static str, Value),
}

pub const KINDS: [&str; 4] = ["openai", "anthropic", "gemini", "ollama"];

/// A stream in a protocol's shape, frame by frame. `stop` is `stop`, `tools`, `length` or `filter`.
pub fn frames(kind: &str, said: &[Said], stop: &str) -> Vec<String> {
    match kind {
        "anthropic" => anthropic(said, stop),
        "gemini" => gemini(said, stop),
        "ollama" => ollama(said, stop),
        _ => openai(said, stop),
    }
}

/// Two halves, so that everything comes in pieces.
fn halves(text: &str) -> [&str; 2] {
    let middle = (text.len() / 2..text.len()).find(|at| text.is_char_boundary(*at));
    let (one, other) = text.split_at(middle.unwrap_or(0));
    [one, other]
}

fn openai(said: &[Said], stop: &str) -> Vec<String> {
    let chunk = |delta: Value, stop: Value| {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": stop});
        json!({"id": "c", "object": "chat.completion.chunk", "choices": [choice], "usage": null})
    };
    let mut chunks = vec![chunk(json!({"role": "assistant", "content": ""}), Value::Null)];
    let mut index = 0;
    for said in said {
        match said {
            Said::Reasoning(text) => {
                for half in halves(text) {
                    chunks.push(chunk(json!({"reasoning_content": half}), Value::Null));
                }
            }
            Said::Text(text) => {
                for half in halves(text) {
                    chunks.push(chunk(json!({"content": half}), Value::Null));
                }
            }
            Said::Call(id, name, arguments) => {
                let begin = json!({"index": index, "id": id, "type": "function",
                    "function": {"name": name, "arguments": ""}});
                chunks.push(chunk(json!({"tool_calls": [begin]}), Value::Null));
                for half in halves(&arguments_text(arguments)) {
                    let more = json!({"index": index, "function": {"arguments": half}});
                    chunks.push(chunk(json!({"tool_calls": [more]}), Value::Null));
                }
                index += 1;
            }
        }
    }
    let stop = match stop {
        "tools" => "tool_calls",
        "filter" => "content_filter",
        other => other,
    };
    chunks.push(chunk(json!({}), json!(stop)));
    chunks.push(json!({"id": "c", "choices": [], "usage": {
        "prompt_tokens": 100, "completion_tokens": 20, "prompt_tokens_details": {"cached_tokens": 60}}}));
    let mut frames: Vec<String> = chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect();
    frames.push("data: [DONE]\n\n".to_owned());
    frames
}

fn arguments_text(arguments: &Value) -> String {
    match arguments {
        // To be sent as it is: no JSON.
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn anthropic(said: &[Said], stop: &str) -> Vec<String> {
    let mut events = vec![
        json!({"type": "message_start", "message": {"id": "m", "role": "assistant", "content": [],
            "usage": {"input_tokens": 40, "cache_read_input_tokens": 60, "output_tokens": 1}}}),
        json!({"type": "ping"}),
    ];
    for (index, said) in said.iter().enumerate() {
        let start =
            |block: Value| json!({"type": "content_block_start", "index": index, "content_block": block});
        let delta = |delta: Value| json!({"type": "content_block_delta", "index": index, "delta": delta});
        match said {
            Said::Reasoning(text) => {
                events.push(start(
                    json!({"type": "thinking", "thinking": "", "signature": ""}),
                ));
                for half in halves(text) {
                    events.push(delta(json!({"type": "thinking_delta", "thinking": half})));
                }
                events.push(delta(json!({"type": "signature_delta", "signature": "signed"})));
            }
            Said::Text(text) => {
                events.push(start(json!({"type": "text", "text": ""})));
                for half in halves(text) {
                    events.push(delta(json!({"type": "text_delta", "text": half})));
                }
            }
            Said::Call(id, name, arguments) => {
                events.push(start(
                    json!({"type": "tool_use", "id": id, "name": name, "input": {}}),
                ));
                for half in halves(&arguments_text(arguments)) {
                    events.push(delta(json!({"type": "input_json_delta", "partial_json": half})));
                }
            }
        }
        events.push(json!({"type": "content_block_stop", "index": index}));
    }
    let stop = match stop {
        "tools" => "tool_use",
        "length" => "max_tokens",
        "filter" => "refusal",
        _ => "end_turn",
    };
    events.push(
        json!({"type": "message_delta", "delta": {"stop_reason": stop}, "usage": {"output_tokens": 20}}),
    );
    events.push(json!({"type": "message_stop"}));
    events
        .iter()
        .map(|event| {
            format!(
                "event: {}\ndata: {event}\n\n",
                event["type"].as_str().expect("a type")
            )
        })
        .collect()
}

fn gemini(said: &[Said], stop: &str) -> Vec<String> {
    let usage = json!({"promptTokenCount": 100, "cachedContentTokenCount": 60, "candidatesTokenCount": 15, "thoughtsTokenCount": 5});
    let chunk = |parts: Vec<Value>| json!({"candidates": [{"content": {"role": "model", "parts": parts}}]});
    let mut chunks = Vec::new();
    for said in said {
        match said {
            Said::Reasoning(text) => {
                for half in halves(text) {
                    chunks.push(chunk(vec![json!({"text": half, "thought": true})]));
                }
            }
            Said::Text(text) => {
                for half in halves(text) {
                    chunks.push(chunk(vec![json!({"text": half})]));
                }
            }
            Said::Call(_, name, arguments) => chunks.push(chunk(vec![json!({
                "functionCall": {"name": name, "args": arguments}, "thoughtSignature": "signed",
            })])),
        }
    }
    let stop = match stop {
        "length" => "MAX_TOKENS",
        "filter" => "SAFETY",
        _ => "STOP",
    };
    let mut last = chunk(vec![json!({"text": ""})]);
    last["candidates"][0]["finishReason"] = json!(stop);
    last["usageMetadata"] = usage;
    chunks.push(last);
    // As the real one ends its lines.
    chunks
        .iter()
        .map(|chunk| format!("data: {chunk}\r\n\r\n"))
        .collect()
}

fn ollama(said: &[Said], stop: &str) -> Vec<String> {
    let line = |message: Value| json!({"model": "m", "message": message, "done": false});
    let mut lines = Vec::new();
    for said in said {
        match said {
            Said::Reasoning(text) => {
                for half in halves(text) {
                    lines.push(line(
                        json!({"role": "assistant", "content": "", "thinking": half}),
                    ));
                }
            }
            Said::Text(text) => {
                for half in halves(text) {
                    lines.push(line(json!({"role": "assistant", "content": half})));
                }
            }
            Said::Call(id, name, arguments) => lines.push(line(json!({
                "role": "assistant", "content": "",
                "tool_calls": [{"id": id, "function": {"name": name, "arguments": arguments}}],
            }))),
        }
    }
    let stop = match stop {
        "length" => "length",
        "filter" => "filtered",
        _ => "stop",
    };
    lines.push(
        json!({"model": "m", "message": {"role": "assistant", "content": ""}, "done": true,
        "done_reason": stop, "prompt_eval_count": 100, "prompt_eval_cached_count": 60, "eval_count": 20}),
    );
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// The same as one answer that is not streamed.
pub fn whole(kind: &str, said: &[Said], stop: &str) -> Value {
    let text: String = said
        .iter()
        .filter_map(|said| match said {
            Said::Text(text) => Some(*text),
            _ => None,
        })
        .collect();
    let calls = said.iter().filter_map(|said| match said {
        Said::Call(id, name, arguments) => Some((id, name, arguments)),
        _ => None,
    });
    match kind {
        "anthropic" => {
            let block = |said: &Said| match said {
                Said::Reasoning(text) => json!({"type": "thinking", "thinking": text, "signature": "signed"}),
                Said::Text(text) => json!({"type": "text", "text": text}),
                Said::Call(id, name, input) => {
                    json!({"type": "tool_use", "id": id, "name": name, "input": input})
                }
            };
            let content: Vec<Value> = said.iter().map(block).collect();
            let stop = if stop == "tools" { "tool_use" } else { "end_turn" };
            json!({"type": "message", "role": "assistant", "content": content, "stop_reason": stop,
                "usage": {"input_tokens": 40, "cache_read_input_tokens": 60, "output_tokens": 20}})
        }
        "gemini" => {
            let part = |said: &Said| match said {
                Said::Reasoning(text) => json!({"text": text, "thought": true}),
                Said::Text(text) => json!({"text": text}),
                Said::Call(_, name, args) => json!({
                    "functionCall": {"name": name, "args": args}, "thoughtSignature": "signed",
                }),
            };
            let parts: Vec<Value> = said.iter().map(part).collect();
            json!({"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}], "usageMetadata": {
                "promptTokenCount": 100, "cachedContentTokenCount": 60, "candidatesTokenCount": 20}})
        }
        "ollama" => {
            let calls: Vec<Value> = calls
                .map(|(id, name, arguments)| json!({"id": id, "function": {"name": name, "arguments": arguments}}))
                .collect();
            json!({"message": {"role": "assistant", "content": text, "tool_calls": calls}, "done": true,
                "done_reason": "stop", "prompt_eval_count": 100, "prompt_eval_cached_count": 60, "eval_count": 20})
        }
        _ => {
            let calls: Vec<Value> = calls
                .map(|(id, name, arguments)| {
                    let function = json!({"name": name, "arguments": arguments_text(arguments)});
                    json!({"id": id, "type": "function", "function": function})
                })
                .collect();
            let stop = if stop == "tools" { "tool_calls" } else { "stop" };
            let message = json!({"role": "assistant", "content": text, "tool_calls": calls});
            json!({"choices": [{"index": 0, "message": message, "finish_reason": stop}], "usage": {
                "prompt_tokens": 100, "completion_tokens": 20, "prompt_tokens_details": {"cached_tokens": 60}}})
        }
    }
}
