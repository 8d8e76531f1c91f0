//! Servers that nobody here wrote: HTTP of every age, bodies in every wrapping, and what endpoints
//! that only resemble a provider's leave out, add or get wrong. Each is told byte by byte, for what
//! writes well-formed HTTP could not say it. What is whole is read; what is not is an error of the
//! right kind, within time, and never a part of an answer.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::task::AbortOnDropHandle;

use crate::base::clock::Clock;
use crate::base::message::Part;
use crate::model::provider::Provider;
use crate::model::{Error, Reply};

use super::server::{Answer, KINDS, Said, Server, frames, whole};
use super::{KEY, ask, circuit, declaration, hello, provider, soon};

/// What a stranger does once it has read a request.
#[derive(Clone)]
enum Do {
    Send(Vec<u8>),
    /// One byte after the other, each in a packet of its own.
    Drip(Vec<u8>, Duration),
    Close,
    Reset,
    Hang,
}

struct Stranger {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
    _work: AbortOnDropHandle<()>,
}

impl Stranger {
    async fn start(acts: Vec<Do>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let work = tokio::spawn(async move {
            let mut served = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                served.spawn(act(stream, acts.clone(), Arc::clone(&count)));
            }
        });
        Self {
            address,
            asked,
            _work: AbortOnDropHandle::new(work),
        }
    }

    fn provider(&self, kind: &str, more: &str) -> Provider {
        let path = match kind {
            "gemini" => "/v1beta",
            "ollama" => "",
            _ => "/v1",
        };
        let declaration = declaration(kind, &format!("http://{}{path}", self.address), more);
        Provider::new(declaration, Clock::system(), circuit()).expect("a provider")
    }
}

async fn act(mut stream: TcpStream, acts: Vec<Do>, asked: Arc<AtomicUsize>) {
    let _ = stream.set_nodelay(true);
    let mut request = Vec::new();
    let mut piece = [0; 4096];
    // The whole request: a body that is never read would make a close a reset.
    loop {
        match stream.read(&mut piece).await {
            Ok(read @ 1..) => request.extend_from_slice(&piece[..read]),
            _ => return,
        }
        let text = String::from_utf8_lossy(&request);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head.to_lowercase();
        let length = length.split("content-length: ").nth(1);
        let length = length.and_then(|rest| rest.lines().next()?.trim().parse().ok());
        if body.len() >= length.unwrap_or(0) {
            break;
        }
    }
    asked.fetch_add(1, Ordering::SeqCst);
    for act in acts {
        match act {
            Do::Send(bytes) => {
                if stream.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            Do::Drip(bytes, wait) => {
                for byte in bytes {
                    if stream.write_all(&[byte]).await.is_err() {
                        return;
                    }
                    tokio::time::sleep(wait).await;
                }
            }
            Do::Close => return,
            Do::Reset => {
                let _ = stream.set_zero_linger();
                return;
            }
            Do::Hang => {
                let _ = stream.read(&mut piece).await;
                return;
            }
        }
    }
}

/// As most servers begin an answer, without saying how long it is: it ends with the connection.
fn head(status: &str, more: &[&str]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status}\r\nconnection: close\r\n");
    for line in more {
        head.push_str(line);
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    head.into_bytes()
}

const SSE: &str = "content-type: text/event-stream";
const JSON: &str = "content-type: application/json";
const HTML: &str = "<!DOCTYPE html>\n<html><body><h1>502 Bad Gateway</h1><p>nginx</p></body></html>\n";

fn chunks(pieces: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for piece in pieces {
        bytes.extend_from_slice(format!("{:X};ext=1\r\n", piece.len()).as_bytes());
        bytes.extend_from_slice(piece);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("writes");
    encoder.finish().expect("ends")
}

fn fine(kind: &str) -> String {
    frames(kind, &[Said::Text("All is fine.")], "stop").concat()
}

/// A stream of Chat Completions, chunk by chunk.
fn chat(chunks: &[Value]) -> String {
    let mut text: String = chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect();
    text.push_str("data: [DONE]\n\n");
    text
}

fn choice(delta: Value, stop: Value) -> Value {
    json!({"choices": [{"index": 0, "delta": delta, "finish_reason": stop}]})
}

async fn answered(kind: &str, acts: Vec<Do>) -> Result<Reply, Error> {
    let stranger = Stranger::start(acts).await;
    let provider = stranger.provider(kind, "");
    let reply = soon(ask(&provider, &hello())).await.0;
    assert_eq!(stranger.asked.load(Ordering::SeqCst), 1, "it is asked once");
    reply
}

/// A head and a body, after which the connection is closed.
async fn said(kind: &str, head: Vec<u8>, body: impl Into<Vec<u8>>) -> Result<Reply, Error> {
    answered(kind, vec![Do::Send(head), Do::Send(body.into()), Do::Close]).await
}

fn text_of(reply: &Reply) -> String {
    let texts = reply.parts.iter().filter_map(|part| match part {
        Part::Text { text } => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

#[tokio::test]
async fn a_whole_answer_is_read_however_http_carries_it() {
    for kind in KINDS {
        let body = fine(kind);
        let media_type = if kind == "ollama" {
            "content-type: application/x-ndjson"
        } else {
            SSE
        };
        let length = format!("content-length: {}", body.len());
        let mut with_trailers = chunks(&[body.as_bytes()]);
        with_trailers
            .extend_from_slice(b"0\r\nx-checksum: abc\r\n\r\nHTTP/1.1 500 what comes after is garbage");
        let split: Vec<&[u8]> = body.as_bytes().chunks(3).collect();
        let old = [b"HTTP/1.0 200 OK\r\n", media_type.as_bytes(), b"\r\n\r\n"].concat();
        let chunked = || head("200 OK", &[media_type, "Transfer-Encoding: chunked"]);
        let mut in_threes = chunks(&split);
        in_threes.extend_from_slice(b"0\r\n\r\n");
        let cases: Vec<(&str, Vec<Do>)> = vec![
            (
                "HTTP/1.0, to the end of the connection",
                vec![Do::Send(old), Do::Send(body.clone().into())],
            ),
            (
                "with a length",
                vec![
                    Do::Send(head("200 OK", &[media_type, &length])),
                    Do::Send(body.clone().into()),
                    Do::Hang,
                ],
            ),
            (
                "chunked, with extensions, trailers and garbage",
                vec![Do::Send(chunked()), Do::Send(with_trailers), Do::Hang],
            ),
            (
                "in chunks of three bytes",
                vec![Do::Send(chunked()), Do::Send(in_threes), Do::Hang],
            ),
            (
                "without a status text",
                vec![
                    Do::Send(head("200", &[media_type])),
                    Do::Send(body.clone().into()),
                ],
            ),
            (
                "after a 103",
                vec![
                    Do::Send(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n".to_vec()),
                    Do::Send(head("200 OK", &[media_type])),
                    Do::Send(body.clone().into()),
                ],
            ),
            (
                "compressed",
                vec![
                    Do::Send(head("200 OK", &[media_type, "content-encoding: gzip"])),
                    Do::Send(gzip(body.as_bytes())),
                ],
            ),
            (
                "without a media type",
                vec![Do::Send(head("200 OK", &[])), Do::Send(body.clone().into())],
            ),
            (
                "byte by byte",
                vec![
                    Do::Send(head("200 OK", &[media_type])),
                    Do::Drip(body.clone().into(), Duration::ZERO),
                ],
            ),
        ];
        for (what, acts) in cases {
            let reply = answered(kind, acts).await;
            let reply = reply.unwrap_or_else(|error| panic!("{kind}, {what}: {error}"));
            assert_eq!(text_of(&reply), "All is fine.", "{kind}, {what}");
        }
    }
}

#[tokio::test]
async fn a_whole_answer_is_read_however_its_events_are_written() {
    for kind in ["openai", "anthropic", "gemini"] {
        let body = fine(kind).replace("\r\n", "\n");
        let commented = body.replace("\n\n", "\n\n: keep-alive\n\n:\n\n");
        let cases = [
            ("a byte order mark", format!("\u{FEFF}{body}")),
            ("lines that end with CR", body.replace('\n', "\r")),
            ("lines that end with CR LF", body.replace('\n', "\r\n")),
            ("comments between events", commented),
            ("no blank after the colon", body.replace("data: ", "data:")),
            (
                "ids and times to come back",
                body.replace("data: ", "id: 7\nretry: 3000\ndata: "),
            ),
            (
                "events without data",
                body.replace("\n\n", "\n\nevent: ping\n\nid: 1\n\n"),
            ),
            ("data without anything", body.replace("\n\n", "\n\ndata:\n\n")),
        ];
        for (what, body) in cases {
            let reply = said(kind, head("200 OK", &[SSE]), body).await;
            let reply = reply.unwrap_or_else(|error| panic!("{kind}, {what}: {error}"));
            assert_eq!(text_of(&reply), "All is fine.", "{kind}, {what}");
        }
    }
    let marked = format!("\u{FEFF}{}", fine("ollama").trim_end());
    let reply = said("ollama", head("200 OK", &[]), marked)
        .await
        .expect("no last line end");
    assert_eq!(text_of(&reply), "All is fine.");
}

#[tokio::test]
async fn what_resembles_chat_completions_is_read_as_far_as_it_makes_sense() {
    let call = |call: Value| choice(json!({"tool_calls": [call]}), Value::Null);
    let ended = |stop: &str| choice(json!({}), json!(stop));
    let count = |arguments: Value| json!({"index": 0, "id": "a", "function": {"name": "count", "arguments": arguments}});
    let usage = |tokens: Value| json!({"choices": [], "usage": {"prompt_tokens": tokens, "completion_tokens": tokens, "prompt_tokens_details": null}});
    let cases: Vec<(&str, Vec<Value>, Value)> = vec![
        (
            "members that are null",
            vec![
                json!({"id": null, "error": null, "usage": null, "choices": [{"index": 0, "finish_reason": null,
                "delta": {"role": "assistant", "content": null, "refusal": null, "tool_calls": null, "reasoning": null}}]}),
                choice(json!({"content": "fine"}), json!("stop")),
            ],
            json!("fine"),
        ),
        (
            "no index, no delta at the end",
            vec![
                json!({"choices": [{"delta": {"content": "fine"}}]}),
                json!({"choices": [{"finish_reason": "stop"}]}),
            ],
            json!("fine"),
        ),
        (
            "chunks without choices",
            vec![
                json!({"choices": [], "prompt_filter_results": []}),
                choice(json!({"content": "fine"}), Value::Null),
                json!({"choices": []}),
                ended("stop"),
                usage(json!(5)),
            ],
            json!("fine"),
        ),
        (
            "a second answer that nobody asked for",
            vec![
                choice(json!({"content": "fi"}), Value::Null),
                json!({"choices": [{"index": 1, "delta": {"content": "other"}, "finish_reason": "stop"}]}),
                json!({"choices": [{"index": 1, "delta": {"content": "other"}}, {"index": 0, "delta": {"content": "ne"}}]}),
                ended("stop"),
            ],
            json!("fine"),
        ),
        (
            "the reason to stop in every chunk",
            vec![
                choice(json!({"content": "fi"}), json!("stop")),
                choice(json!({"content": "ne"}), json!("stop")),
            ],
            json!("fine"),
        ),
        (
            "arguments as an object",
            vec![call(count(json!({"n": 1}))), ended("tool_calls")],
            json!({"n": 1}),
        ),
        (
            "arguments that are null",
            vec![call(count(Value::Null)), ended("tool_calls")],
            json!({}),
        ),
        (
            "arguments that say null",
            vec![call(count(json!("null"))), ended("tool_calls")],
            json!({}),
        ),
        (
            "no arguments",
            vec![call(count(json!(""))), ended("tool_calls")],
            json!({}),
        ),
        (
            "arguments that are a list",
            vec![call(count(json!([1]))), ended("tool_calls")],
            json!([1]),
        ),
        (
            "arguments that are no JSON",
            vec![call(count(json!("{n: 1}"))), ended("tool_calls")],
            json!("{n: 1}"),
        ),
        (
            "arguments letter by letter",
            vec![
                call(count(json!("{"))),
                call(json!({"index": 0, "function": {"arguments": "\"n\""}})),
                call(json!({"index": 0, "id": null, "function": {"name": null, "arguments": ":1"}})),
                call(json!({"index": 0, "id": "a", "function": {"name": "", "arguments": "}"}})),
                ended("stop"),
            ],
            json!({"n": 1}),
        ),
    ];
    for (what, stream, expected) in cases {
        let reply = said("openai", head("200 OK", &[SSE]), chat(&stream)).await;
        let reply = reply.unwrap_or_else(|error| panic!("{what}: {error}"));
        let found = match &reply.parts[..] {
            [Part::Text { text }] => json!(text),
            [Part::ToolCall { arguments, .. }] => arguments.clone(),
            other => panic!("{what}: {other:?}"),
        };
        assert_eq!(found, expected, "{what}");
    }
    for (reported, known) in [
        (json!(5.0), 5),
        (json!(-5), 0),
        (json!("5"), 0),
        (json!(null), 0),
        (json!(u64::MAX), 1_000_000_000),
        (json!(1e300), 1_000_000_000),
    ] {
        let stream = chat(&[
            choice(json!({"content": "fine"}), json!("stop")),
            usage(reported.clone()),
        ]);
        let reply = said("openai", head("200 OK", &[SSE]), stream)
            .await
            .expect("an answer");
        assert_eq!(reply.usage.input_tokens, known, "{reported}");
    }
}

#[tokio::test]
async fn numbers_that_no_provider_could_have_counted_do_not_overflow() {
    let most = u64::MAX;
    let anthropic = json!({"type": "message", "content": [{"type": "text", "text": "fine"}], "stop_reason": "end_turn",
        "usage": {"input_tokens": most, "cache_read_input_tokens": most, "cache_creation_input_tokens": most, "output_tokens": most}});
    let gemini = json!({"candidates": [{"content": {"parts": [{"text": "fine"}]}, "finishReason": "STOP"}], "usageMetadata": {
        "promptTokenCount": most, "toolUsePromptTokenCount": most, "candidatesTokenCount": most, "thoughtsTokenCount": most}});
    for (kind, body) in [("anthropic", anthropic), ("gemini", gemini)] {
        let reply = said(kind, head("200 OK", &[JSON]), body.to_string())
            .await
            .expect(kind);
        assert!(
            reply.usage.input_tokens <= 3_000_000_000,
            "{kind}: {:?}",
            reply.usage
        );
    }
}

#[tokio::test]
async fn what_resembles_the_other_protocols_is_read_as_far_as_it_makes_sense() {
    // As the first version of Gemini did.
    let chunk = |text: &str| {
        format!(
            "data: {}\n\n",
            json!({"error": null, "candidates": [{"content": {"parts": [{"text": text}]}, "finishReason": "STOP"}]})
        )
    };
    let stream = chunk("All ") + &chunk("is ") + &chunk("fine.");
    let reply = said("gemini", head("200 OK", &[SSE]), stream.clone())
        .await
        .expect("an answer");
    assert_eq!(text_of(&reply), "All is fine.");
    let cut = vec![
        Do::Send(head("200 OK", &[SSE, "transfer-encoding: chunked"])),
        Do::Send(chunks(&[chunk("All ").as_bytes()])),
        Do::Close,
    ];
    let error = answered("gemini", cut).await.expect_err("a part of an answer");
    assert_eq!(error.outcome(), "interrupted", "{error}");

    // What begins another event was not the last of the answer, whatever the one before it said.
    let begun = chunk("is ");
    for end in 1..begun.len() {
        let stream = chunk("All ") + &begun[..end];
        match said("gemini", head("200 OK", &[SSE]), stream).await {
            Err(error) => assert_eq!(error.outcome(), "interrupted", "{end}: {error}"),
            Ok(reply) => panic!("cut at {end}: {reply:?}"),
        }
    }
    for harmless in [": bye", "\r\n", ": bye\n\n", "\n: bye"] {
        let stream = chunk("All ") + harmless;
        let reply = said("gemini", head("200 OK", &[SSE]), stream).await;
        assert_eq!(text_of(&reply.expect(harmless)), "All ");
    }

    // Arguments that are no object never become none.
    for input in [json!([1]), json!("text"), json!(5)] {
        let body = json!({"type": "message", "stop_reason": "tool_use",
            "content": [{"type": "tool_use", "id": "a", "name": "count", "input": input}]});
        let reply = said("anthropic", head("200 OK", &[JSON]), body.to_string())
            .await
            .expect("a call");
        let [Part::ToolCall { arguments, .. }] = &reply.parts[..] else {
            panic!("{:?}", reply.parts)
        };
        assert_eq!(*arguments, input);
    }
    let line = json!({"error": null, "message": {"role": "assistant", "content": "fine"}, "done": true});
    let reply = said("ollama", head("200 OK", &[JSON]), line.to_string())
        .await
        .expect("an answer");
    assert_eq!(text_of(&reply), "fine");
}

#[tokio::test]
async fn what_is_no_answer_is_an_error_of_the_right_kind() {
    let half = frames("openai", &[Said::Text("half an answer")], "stop")[..2].concat();
    let sse = || head("200 OK", &[SSE]);
    let chunked = || head("200 OK", &[SSE, "transfer-encoding: chunked"]);
    let no_mark = chat(&[choice(json!({"content": "half"}), json!("stop"))]).replace("data: [DONE]\n\n", "");
    let no_reason = chat(&[choice(json!({"content": "half"}), Value::Null)]);
    let lost_call = chat(&[choice(json!({"content": "I will count."}), json!("tool_calls"))]);
    let then_stop = chat(&[
        choice(json!({"content": "half"}), json!("length")),
        choice(json!({}), json!("stop")),
    ]);
    let then_filter = chat(&[
        choice(json!({"content": "half"}), json!("stop")),
        choice(json!({}), json!("content_filter")),
    ]);
    let nameless = chat(&[choice(
        json!({"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}),
        json!("tool_calls"),
    )]);
    let invalid = [
        half.as_bytes(),
        b"data: {\"choices\": [{\"delta\": {\"content\": \"\xFF\xFE\"}}]}\n\n",
    ]
    .concat();
    let zipped = gzip(fine("openai").as_bytes());
    let error = |body: Value| {
        vec![
            Do::Send(head("200 OK", &[JSON])),
            Do::Send(body.to_string().into()),
        ]
    };
    let send = |head: Vec<u8>, body: &str| vec![Do::Send(head), Do::Send(body.into())];
    let cases: Vec<(&str, Vec<Do>, &str)> = vec![
        (
            "a page for people",
            send(head("200 OK", &["content-type: text/html"]), HTML),
            "interrupted",
        ),
        (
            "a page for people in a stream's clothes",
            send(sse(), HTML),
            "interrupted",
        ),
        (
            "a gateway's page",
            send(head("502 Bad Gateway", &["content-type: text/html"]), HTML),
            "down",
        ),
        (
            "Cloudflare's own status",
            send(head("520 Unknown", &[]), HTML),
            "down",
        ),
        ("a status nobody knows", send(head("799 Odd", &[]), ""), "down"),
        ("nothing", send(sse(), ""), "interrupted"),
        ("no content", send(head("204 No Content", &[]), ""), "interrupted"),
        (
            "an error as an answer",
            error(json!({"error": {"message": "slow", "code": "rate_limit_exceeded"}})),
            "unavailable",
        ),
        (
            "an error in words",
            error(json!({"error": "the engine is overloaded"})),
            "interrupted",
        ),
        (
            "an error of a framework",
            error(json!({"detail": "Internal Server Error"})),
            "interrupted",
        ),
        ("an empty object", error(json!({})), "interrupted"),
        ("no object", error(json!(["a"])), "interrupted"),
        ("no choices", error(json!({"choices": []})), "interrupted"),
        (
            "an error of the account",
            error(json!({"error": {"code": "insufficient_quota", "message": "pay"}})),
            "misconfigured",
        ),
        ("no end marker", send(sse(), &no_mark), "interrupted"),
        ("no reason to stop", send(sse(), &no_reason), "interrupted"),
        ("a call that never came", send(sse(), &lost_call), "interrupted"),
        ("cut off, and then not", send(sse(), &then_stop), "cut_off"),
        ("whole, and then filtered", send(sse(), &then_filter), "refused"),
        ("a call without a name", send(sse(), &nameless), "interrupted"),
        (
            "bytes that are no text",
            vec![Do::Send(sse()), Do::Send(invalid)],
            "interrupted",
        ),
        (
            "a field that nobody knows",
            send(sse(), &half.replace("data:", "dat:")),
            "interrupted",
        ),
        (
            "a reset in the stream",
            vec![
                Do::Send(sse()),
                Do::Send(half.clone().into()),
                Do::Drip(vec![b'\n'], Duration::from_millis(50)),
                Do::Reset,
            ],
            "interrupted",
        ),
        ("a reset before the head", vec![Do::Reset], "down"),
        ("closed before the head", vec![Do::Close], "down"),
        (
            "closed in the head",
            vec![Do::Send(b"HTTP/1.1 200 OK\r\ncontent-ty".to_vec()), Do::Close],
            "down",
        ),
        (
            "no HTTP",
            vec![Do::Send(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()), Do::Close],
            "down",
        ),
        (
            "a head without end",
            vec![
                Do::Send(b"HTTP/1.1 200 OK\r\nx: ".to_vec()),
                Do::Send(vec![b'a'; 2 << 20]),
                Do::Hang,
            ],
            "down",
        ),
        (
            "a chunk's length that is none",
            vec![
                Do::Send(chunked()),
                Do::Send(chunks(&[half.as_bytes()])),
                Do::Send(b"zz\r\n".to_vec()),
            ],
            "interrupted",
        ),
        (
            "a chunk that does not end",
            vec![
                Do::Send(chunked()),
                Do::Send(b"fffff\r\n".to_vec()),
                Do::Send(half.clone().into()),
                Do::Close,
            ],
            "interrupted",
        ),
        (
            "shorter than its length",
            send(head("200 OK", &[SSE, "content-length: 100000"]), &half),
            "interrupted",
        ),
        (
            "compressed and cut",
            vec![
                Do::Send(head("200 OK", &[SSE, "content-encoding: gzip"])),
                Do::Send(zipped[..zipped.len() / 2].to_vec()),
            ],
            "interrupted",
        ),
        (
            "said to be compressed",
            vec![
                Do::Send(head("200 OK", &[SSE, "content-encoding: gzip"])),
                Do::Send(fine("openai").into()),
            ],
            "interrupted",
        ),
        (
            "a compressed bomb",
            vec![
                Do::Send(head("200 OK", &[SSE, "content-encoding: gzip"])),
                Do::Send(gzip(&vec![b'a'; 64 << 20])),
            ],
            "interrupted",
        ),
    ];
    for (what, acts, outcome) in cases {
        match answered("openai", acts).await {
            Err(error) => assert_eq!(error.outcome(), outcome, "{what}: {error}"),
            Ok(reply) => panic!("{what}: {reply:?}"),
        }
    }
}

#[tokio::test]
async fn who_turns_requests_away_says_when_to_come_back_in_every_way() {
    let minute = "Too many tokens, please wait before trying again.";
    let date = "retry-after: Wed, 21 Oct 2015 07:28:30 GMT";
    let cases: Vec<(&str, Vec<&str>, &str, Option<Duration>)> = vec![
        (
            "seconds",
            vec!["retry-after: 7"],
            "",
            Some(Duration::from_secs(7)),
        ),
        (
            "parts of a second",
            vec!["retry-after: 0.25"],
            "",
            Some(Duration::from_millis(250)),
        ),
        (
            "a date",
            vec![date, "date: Wed, 21 Oct 2015 07:28:00 GMT"],
            "",
            Some(Duration::from_secs(30)),
        ),
        ("a date long gone", vec![date], "", Some(Duration::ZERO)),
        ("words", vec!["retry-after: in a while"], "", None),
        ("less than nothing", vec!["retry-after: -3"], "", None),
        (
            "never",
            vec!["retry-after: 1000000000000000000000000"],
            "",
            Some(Duration::from_secs(31_536_000)),
        ),
        ("tokens of a minute", vec![], minute, None),
        ("a page", vec!["content-type: text/html"], HTML, None),
    ];
    for (what, headers, body, wait) in cases {
        let error = said("openai", head("429 Too Many Requests", &headers), body)
            .await
            .expect_err(what);
        let Error::Unavailable { retry_after, .. } = error else {
            panic!("{what}: {error}")
        };
        assert_eq!(retry_after, wait, "{what}");
    }
}

#[tokio::test]
async fn no_redirect_is_followed_and_no_key_goes_elsewhere() {
    let elsewhere =
        Server::start(|_, _| Answer::json(200, &whole("openai", &[Said::Text("give me the key")], "stop")))
            .await;
    for status in [301, 302, 303, 307, 308] {
        let location = format!("{}/chat/completions", elsewhere.url("openai"));
        let server =
            Server::start(move |_, _| Answer::json(status, &json!({})).with("location", location.clone()))
                .await;
        let error = ask(&provider("openai", &server, ""), &hello())
            .await
            .0
            .expect_err("a redirect");
        assert_eq!(error.outcome(), "misconfigured", "{status}: {error}");
        assert_eq!((server.count(), elsewhere.count()), (1, 0), "{status}");
    }
}

#[tokio::test]
async fn a_provider_that_repeats_the_key_does_not_bring_it_into_the_log_or_the_answer() {
    let wrong = json!({"error": {"message": format!("Incorrect API key provided: {KEY}."), "code": "invalid_api_key"}});
    for (status, body) in [
        ("401 Unauthorized", wrong.to_string()),
        ("403 Forbidden", format!("no: {KEY}")),
        ("200 OK", wrong.to_string()),
    ] {
        let error = said("openai", head(status, &[JSON]), body)
            .await
            .expect_err(status);
        assert!(!format!("{error:?}").contains(KEY), "{error}");
    }
    let stream = chat(&[json!({"error": {"message": KEY, "type": "server_error"}})]);
    let error = said("openai", head("200 OK", &[SSE]), stream)
        .await
        .expect_err("an error");
    assert!(!format!("{error:?}").contains(KEY), "{error}");
    let stream = chat(&[choice(
        json!({"content": format!("Your key is {KEY}")}),
        json!("stop"),
    )]);
    let reply = said("openai", head("200 OK", &[SSE]), stream)
        .await
        .expect("an answer");
    assert_eq!(text_of(&reply), "Your key is …");
}

/// The stream and everything that could be shown or stored of it.
async fn without_key(kind: &str, stream: String) -> (Reply, Vec<crate::model::Delta>) {
    let stranger = Stranger::start(vec![
        Do::Send(head("200 OK", &[SSE])),
        Do::Send(stream.into()),
        Do::Close,
    ])
    .await;
    let (reply, deltas) = soon(ask(&stranger.provider(kind, ""), &hello())).await;
    let reply = reply.expect(kind);
    let parts = serde_json::to_string(&reply.parts).expect("plain data");
    assert!(!parts.contains(KEY), "{kind}: {parts}");
    let told: String = deltas.iter().map(|delta| delta.text.as_str()).collect();
    assert!(!told.contains(KEY), "{kind}: {told}");
    (reply, deltas)
}

#[tokio::test]
async fn a_key_that_comes_in_pieces_or_escaped_is_found_as_well() {
    // Cut at every letter, in words, thoughts and arguments.
    for cut in 1..KEY.len() {
        let (one, other) = KEY.split_at(cut);
        for name in ["content", "reasoning"] {
            let stream = chat(&[
                choice(json!({name: format!("It is {one}")}), Value::Null),
                choice(json!({name: format!("{other}, I think.")}), Value::Null),
                choice(json!({"content": "."}), json!("stop")),
            ]);
            let (reply, deltas) = without_key("openai", stream).await;
            let (shown, built) = (super::shown(&reply), super::built(&deltas));
            assert_eq!(shown, built);
            let all: String = shown.into_iter().map(|(_, text)| text).collect();
            assert_eq!(all, "It is …, I think..", "{cut}");
        }
        let piece = |call: Value| choice(json!({"tool_calls": [call]}), Value::Null);
        let stream = chat(&[
            piece(
                json!({"index": 0, "id": "a", "function": {"name": "count", "arguments": format!("{{\"n\": \"{one}")}}),
            ),
            piece(json!({"index": 0, "function": {"arguments": format!("{other}\"}}")}})),
            choice(json!({}), json!("tool_calls")),
        ]);
        let (reply, _) = without_key("openai", stream).await;
        let Some(Part::ToolCall { arguments, .. }) = reply.parts.first() else {
            panic!("{reply:?}")
        };
        assert_eq!(*arguments, json!({"n": "…"}), "{cut}");
    }
    // In every letter's other ways to be written.
    let escaped: String = KEY.chars().map(|c| format!("\\u{:04X}", u32::from(c))).collect();
    let twice = escaped.replace('\\', "\\\\");
    for text in [&escaped, &twice] {
        let stream = format!(
            "data: {{\"choices\": [{{\"delta\": {{\"content\": \"{text}\"}}, \"finish_reason\": \"stop\"}}]}}\n\ndata: [DONE]\n\n"
        );
        let (reply, _) = without_key("openai", stream).await;
        assert_eq!(text_of(&reply), "…");
        let body = format!("{{\"error\": {{\"message\": \"wrong key: {text}\"}}}}");
        let error = said("openai", head("401 Unauthorized", &[JSON]), body)
            .await
            .expect_err("wrong");
        assert!(error.to_string().ends_with("wrong key: …"), "{error}");
    }
    let stream = format!(
        "data: {{\"choices\": [{{\"delta\": {{\"tool_calls\": [{{\"id\": \"a\", \"function\": {{\"name\": \"count\", \"arguments\": \"{{\\\"{twice}\\\": 1}}\"}}}}]}}, \"finish_reason\": \"tool_calls\"}}]}}\n\ndata: [DONE]\n\n"
    );
    let (reply, _) = without_key("openai", stream).await;
    let Some(Part::ToolCall { arguments, .. }) = reply.parts.first() else {
        panic!("{reply:?}")
    };
    assert_eq!(*arguments, json!({"…": 1}));
    // What only begins like it is told all the same, at the end at the latest.
    let stream = chat(&[
        choice(json!({"reasoning": "Is it sk-on"}), Value::Null),
        choice(json!({"content": "No: sk-only"}), Value::Null),
        choice(json!({"content": "-for-you, or \\"}), json!("stop")),
    ]);
    let (reply, deltas) = without_key("openai", stream).await;
    assert_eq!(text_of(&reply), "No: sk-only-for-you, or \\");
    assert_eq!(super::shown(&reply), super::built(&deltas));
    // A refusal, too, is put together from pieces.
    let (one, other) = KEY.split_at(5);
    let stream = chat(&[
        choice(json!({"refusal": one}), Value::Null),
        choice(json!({"refusal": other}), json!("stop")),
    ]);
    let error = said("openai", head("200 OK", &[SSE]), stream)
        .await
        .expect_err("a refusal");
    assert_eq!(error.outcome(), "refused");
    assert!(!format!("{error:?}").contains(KEY), "{error}");
}

#[tokio::test]
async fn a_comment_is_a_sign_of_life_and_no_first_word() {
    let all = frames("openai", &[Said::Text("All is fine.")], "stop");
    let (begun, rest) = all.split_at(2);
    // For longer than it may be silent.
    let comments = || Do::Drip(b":\n".repeat(50), Duration::from_millis(60));
    let acts = vec![
        Do::Send(head("200 OK", &[SSE])),
        Do::Send(begun.concat().into()),
        comments(),
        Do::Send(rest.concat().into()),
    ];
    let stranger = Stranger::start(acts).await;
    let time = "[model.time]\nfirst_token_seconds = 60\nidle_seconds = 5\nanswer_seconds = 60";
    let reply = soon(ask(&stranger.provider("openai", time), &hello()))
        .await
        .0
        .expect("it thinks for long");
    assert_eq!(text_of(&reply), "All is fine.");
    let acts = vec![
        Do::Send(head("200 OK", &[SSE])),
        comments(),
        comments(),
        comments(),
        comments(),
        Do::Hang,
    ];
    let stranger = Stranger::start(acts).await;
    let time = "[model.time]\nfirst_token_seconds = 0.5\nidle_seconds = 60\nanswer_seconds = 60";
    let error = soon(ask(&stranger.provider("openai", time), &hello()))
        .await
        .0
        .expect_err("it never begins");
    assert_eq!(error.outcome(), "down", "{error}");
}

#[tokio::test]
async fn headers_that_come_byte_by_byte_are_waited_for_as_long_as_a_first_word() {
    let acts = vec![
        Do::Drip(head("200 OK", &[SSE]), Duration::from_millis(100)),
        Do::Send(fine("openai").into()),
    ];
    let stranger = Stranger::start(acts).await;
    let provider = stranger.provider("openai", "[model.time]\nfirst_token_seconds = 0.3");
    let error = soon(ask(&provider, &hello())).await.0.expect_err("too slow");
    assert_eq!(error.outcome(), "down", "{error}");
}

/// A listener whose queue is full: what connects is neither taken nor refused.
async fn full() -> (tokio::net::TcpListener, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket
        .bind("127.0.0.1:0".parse().expect("an address"))
        .expect("a port");
    let listener = socket.listen(1).expect("listens");
    let address = listener.local_addr().expect("an address");
    let mut waiting = Vec::new();
    for _ in 0..64 {
        let connected = tokio::time::timeout(Duration::from_millis(300), TcpStream::connect(address));
        match connected.await {
            Ok(Ok(stream)) => waiting.push(stream),
            _ => return (listener, waiting),
        }
    }
    panic!("its queue never fills");
}

#[tokio::test]
async fn a_connection_that_never_comes_is_given_up_after_connect_seconds() {
    let (listener, _waiting) = full().await;
    let address = listener.local_addr().expect("an address");
    for kind in KINDS {
        // Nothing else would end it within the test.
        let time = "[model.time]\nconnect_seconds = 0.2\nfirst_token_seconds = 600\nanswer_seconds = 600";
        let declaration = declaration(kind, &format!("http://{address}/v1"), time);
        let provider = Provider::new(declaration, Clock::system(), circuit()).expect("a provider");
        let error = soon(ask(&provider, &hello())).await.0.expect_err(kind);
        assert_eq!(error.outcome(), "down", "{kind}: {error}");
    }
}

#[tokio::test]
async fn an_answer_of_endless_parts_is_none() {
    let mut stream = vec![];
    for _ in 0..6_000 {
        stream.push(choice(json!({"reasoning": "Hm."}), Value::Null));
        stream.push(choice(json!({"content": "Oh."}), Value::Null));
    }
    stream.push(choice(json!({}), json!("stop")));
    // It is seen as they come, not at an end that may be far.
    let acts = vec![
        Do::Send(head("200 OK", &[SSE])),
        Do::Send(chat(&stream[..11_000]).replace("data: [DONE]", ":").into()),
        Do::Hang,
    ];
    let error = answered("openai", acts).await.expect_err("too many");
    assert!(error.to_string().contains("parts"), "{error}");
    let error = said("openai", head("200 OK", &[SSE]), chat(&stream))
        .await
        .expect_err("too many");
    assert!(error.to_string().contains("parts"), "{error}");
}

#[tokio::test]
async fn what_nests_deeper_than_can_be_stored_is_no_part_of_an_answer() {
    let deep = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    let stream = |levels: usize| {
        let block = format!("{{\"type\": \"of tomorrow\", \"data\": {}}}", deep(levels));
        let events = [
            "{\"type\": \"message_start\", \"message\": {}}".to_owned(),
            format!("{{\"type\": \"content_block_start\", \"index\": 0, \"content_block\": {block}}}"),
            "{\"type\": \"content_block_stop\", \"index\": 0}".to_owned(),
            "{\"type\": \"content_block_start\", \"index\": 1, \"content_block\": {\"type\": \"text\", \"text\": \"fine\"}}".to_owned(),
            "{\"type\": \"content_block_stop\", \"index\": 1}".to_owned(),
            "{\"type\": \"message_delta\", \"delta\": {\"stop_reason\": \"end_turn\"}}".to_owned(),
            "{\"type\": \"message_stop\"}".to_owned(),
        ];
        events.map(|event| format!("data: {event}\n\n")).concat()
    };
    for levels in [1, 100, 111, 112, 120, 121, 122, 123, 124, 125, 126, 200] {
        match said("anthropic", head("200 OK", &[SSE]), stream(levels)).await {
            Ok(reply) => {
                assert!(levels < 112, "{levels}");
                // Sixteen levels is what an entry may put around it.
                let parts = json!({"parts": reply.parts}).to_string();
                serde_json::from_str::<Value>(&parts).expect("it reads back");
            }
            Err(error) => {
                assert!(levels >= 112, "{levels}: {error}");
                assert_eq!(error.outcome(), "interrupted", "{levels}: {error}");
            }
        }
    }
}
