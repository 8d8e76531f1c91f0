//! What is sent and what is read, in each protocol's shape.

use bytes::Bytes;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::base::message::{Message, Part, Role};
use crate::model::{Attachment, FileInfo, Request, Settings, Usage};

use super::server::{Answer, KINDS, Said, Server, frames, whole};
use super::{KEY, ask, built, hello, provider, request, shown};

fn a_turn() -> Vec<Said> {
    vec![
        Said::Reasoning("First read it, ünd then count."),
        Said::Text("I will read it."),
        Said::Call("call_a", "read_file", json!({"n": 1})),
        Said::Call("call_b", "count", json!({"n": 2})),
    ]
}

#[tokio::test]
async fn every_protocol_gives_the_parts_in_the_order_said_while_they_are_said() {
    for kind in KINDS {
        let server = Server::start(move |_, _| Answer::stream(kind, &frames(kind, &a_turn(), "tools"))).await;
        let (reply, deltas) = ask(&provider(kind, &server, ""), &hello()).await;
        let reply = reply.expect(kind);
        let visible: Vec<&Part> = reply.parts.iter().filter(|part| part.is_shown()).collect();
        let [Part::Reasoning { text: thought }, Part::Text { text }, one, other] = visible[..] else {
            panic!("{kind}: {visible:?}")
        };
        assert_eq!(thought, "First read it, ünd then count.", "{kind}");
        assert_eq!(text, "I will read it.", "{kind}");
        for (part, name, number) in [(one, "read_file", 1), (other, "count", 2)] {
            let Part::ToolCall { tool, arguments, .. } = part else {
                panic!("{kind}: {part:?}")
            };
            assert_eq!(
                (tool.as_str(), arguments),
                (name, &json!({"n": number})),
                "{kind}"
            );
        }
        assert_eq!(
            built(&deltas),
            shown(&reply),
            "{kind}: what was told is what is there"
        );
        let usage = Usage {
            input_tokens: 100,
            cached_input_tokens: 60,
            output_tokens: 20,
        };
        assert_eq!(reply.usage, usage, "{kind}");
    }
}

#[tokio::test]
async fn an_answer_that_is_not_streamed_is_read_as_well() {
    for kind in KINDS {
        for more in ["streaming = false", ""] {
            let server = Server::start(move |_, _| Answer::json(200, &whole(kind, &a_turn(), "tools"))).await;
            let (reply, _) = ask(&provider(kind, &server, more), &hello()).await;
            let reply = reply.expect(kind);
            let calls = reply
                .parts
                .iter()
                .filter(|part| matches!(part, Part::ToolCall { .. }));
            assert_eq!(calls.count(), 2, "{kind}");
            assert_eq!(reply.usage.input_tokens, 100, "{kind}");
        }
    }
}

#[tokio::test]
async fn the_key_goes_into_the_providers_header_and_the_path_is_its_own() {
    let expected = [
        (
            "openai",
            "/v1/chat/completions",
            "authorization",
            format!("Bearer {KEY}"),
        ),
        (
            "openai-compatible",
            "/v1/chat/completions",
            "authorization",
            format!("Bearer {KEY}"),
        ),
        ("anthropic", "/v1/messages", "x-api-key", KEY.to_owned()),
        (
            "gemini",
            "/v1beta/models/the-model:streamGenerateContent?alt=sse",
            "x-goog-api-key",
            KEY.to_owned(),
        ),
        ("ollama", "/api/chat", "authorization", format!("Bearer {KEY}")),
    ];
    for (kind, path, header, value) in expected {
        let server =
            Server::start(move |_, _| Answer::stream(kind, &frames(kind, &[Said::Text("hi")], "stop"))).await;
        ask(&provider(kind, &server, ""), &hello()).await.0.expect(kind);
        let seen = &server.seen()[0];
        assert_eq!(seen.path, path);
        assert_eq!(seen.header(header), Some(value.as_str()), "{kind}");
        assert!(
            !seen.body.to_string().contains(KEY) && !seen.path.contains(KEY),
            "{kind}"
        );
    }
}

/// A conversation with all that there is: a file, a turn with a signature, two results, a refusal.
fn conversation(kind: &str) -> Vec<Message> {
    let signature = match kind {
        "anthropic" => json!({"signature": "signed"}),
        _ => json!({"thoughtSignature": "signed", "of": "part"}),
    };
    let opaque = Part::Opaque {
        provider: kind.to_owned(),
        data: signature,
    };
    let call = |id: &str, tool: &str, arguments: Value| Part::ToolCall {
        call_id: id.to_owned(),
        tool: tool.to_owned(),
        arguments,
    };
    let mut turn = vec![Part::Reasoning {
        text: "thought".to_owned(),
    }];
    if kind == "anthropic" {
        turn.push(opaque.clone());
    }
    turn.push(call("call_a", "read_file", json!({"n": 1})));
    if kind == "gemini" {
        turn.push(opaque);
    }
    turn.push(call("b b", "not offered", json!("no json")));
    let result = |id: &str, tool: &str, is_error, output: Value| Message {
        role: Role::Tool,
        parts: vec![Part::ToolResult {
            call_id: id.to_owned(),
            tool: tool.to_owned(),
            is_error,
            output,
            duration_ms: None,
            files: if is_error {
                Vec::new()
            } else {
                vec![Uuid::from_u128(8), Uuid::from_u128(7)]
            },
        }],
    };
    vec![
        Message {
            role: Role::User,
            parts: vec![
                Part::text("Read it."),
                Part::File {
                    file_id: Uuid::from_u128(7),
                },
            ],
        },
        Message {
            role: Role::Assistant,
            parts: turn,
        },
        result("call_a", "read_file", false, json!({"text": "a,b"})),
        result(
            "b b",
            "not offered",
            true,
            json!({"error": "there is no such tool"}),
        ),
        Message::text(Role::Validator, "Try again."),
    ]
}

async fn sent(kind: &'static str, more: &str, image: bool) -> Value {
    let request = request(conversation(kind));
    sent_of(kind, more, image, request).await
}

/// The same where no tool is offered.
async fn sent_without_tools(kind: &'static str, more: &str) -> Value {
    let mut request = request(conversation(kind));
    request.tools.clear();
    sent_of(kind, more, true, request).await
}

async fn sent_of(kind: &'static str, more: &str, image: bool, mut request: Request) -> Value {
    let server =
        Server::start(move |_, _| Answer::stream(kind, &frames(kind, &[Said::Text("hi")], "stop"))).await;
    let picture = |number: u128, bytes: &'static [u8]| Attachment {
        id: Uuid::from_u128(number),
        info: FileInfo {
            file_id: format!("fil_{number}"),
            filename: "scan.png".to_owned(),
            content_type: "image/png".to_owned(),
            size_bytes: 3,
        },
        image: image.then(|| Bytes::from_static(bytes)),
    };
    // The second comes with a result, which names the first again.
    request.files = vec![picture(7, b"png"), picture(8, b"PNG")];
    request.output_schema = Some(json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"], "additionalProperties": false,
    }));
    request.settings = Settings {
        temperature: Some(0.5),
        max_output_tokens: Some(900),
        timeout: None,
    };
    ask(&provider(kind, &server, more), &request).await.0.expect(kind);
    server.seen()[0].body.clone()
}

#[tokio::test]
async fn chat_completions_are_asked_as_they_want_it() {
    let body = sent(
        "openai",
        "structured_output = true\nsees_images = true\n[model.extra]\nseed = 5",
        true,
    )
    .await;
    assert_eq!(
        body["messages"][0],
        json!({"role": "system", "content": "Do the job."})
    );
    let user = &body["messages"][1];
    assert_eq!(user["role"], "user");
    assert_eq!(user["content"][0]["text"], "Read it.");
    assert_eq!(
        user["content"][2]["image_url"]["url"],
        "data:image/png;base64,cG5n"
    );
    let turn = &body["messages"][2];
    assert_eq!(turn["content"], Value::Null);
    assert_eq!(
        turn["tool_calls"][0]["function"],
        json!({"name": "read_file", "arguments": "{\"n\":1}"})
    );
    assert_eq!(
        turn["tool_calls"][1]["function"],
        json!({"name": "not_offered", "arguments": "no json"}),
        "what the model made up comes back in a form that the provider takes"
    );
    let result = json!({"role": "tool", "tool_call_id": "call_a", "content": "{\"text\":\"a,b\"}"});
    assert_eq!(body["messages"][3], result);
    assert_eq!(body["messages"][4]["tool_call_id"], "b b");
    let after = &body["messages"][5];
    assert_eq!(after["role"], "user");
    assert_eq!(after["content"][0]["text"], "Image from read_file (call_a):");
    assert_eq!(
        after["content"][1]["image_url"]["url"],
        "data:image/png;base64,UE5H"
    );
    assert_eq!(after["content"][2]["text"], "Try again.");
    assert_eq!(
        body.to_string().matches("cG5n").count(),
        1,
        "a picture is sent once"
    );
    assert_eq!(body["tools"][1]["function"]["name"], "count");
    let format = &body["response_format"]["json_schema"];
    assert_eq!(
        (&format["strict"], &format["schema"]["$schema"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(
        (&body["temperature"], &body["max_completion_tokens"]),
        (&json!(0.5), &json!(900))
    );
    assert_eq!(
        (&body["seed"], &body["stream_options"]["include_usage"]),
        (&json!(5), &json!(true))
    );
    let compatible = sent("openai-compatible", "", true).await;
    assert_eq!(compatible["max_tokens"], 900);
    assert!(
        compatible.get("response_format").is_none(),
        "only where it is declared"
    );
    assert_eq!(compatible["stream_options"]["include_usage"], true);
    let strict = sent("openai-compatible", "stream_usage = false", true).await;
    assert_eq!(
        (&strict["stream"], strict.get("stream_options")),
        (&json!(true), None)
    );
}

#[tokio::test]
async fn messages_are_asked_as_they_want_it() {
    let more = "structured_output = true\nsees_images = true\nreasoning_effort = \"low\"";
    let body = sent("anthropic", more, true).await;
    assert_eq!(body["system"], "Do the job.");
    assert_eq!(body["messages"][0]["content"][2]["source"]["data"], "cG5n");
    let turn = &body["messages"][1]["content"];
    assert_eq!(
        turn[0],
        json!({"type": "thinking", "thinking": "thought", "signature": "signed"}),
        "thoughts go back with their signature"
    );
    assert_eq!(
        turn[1],
        json!({"type": "tool_use", "id": "call_a", "name": "read_file", "input": {"n": 1}})
    );
    assert_eq!(turn[2]["input"], json!({"not_an_object": "no json"}));
    assert_eq!(turn[2]["id"], body["messages"][2]["content"][1]["tool_use_id"]);
    let results = &body["messages"][2]["content"];
    assert_eq!(
        (&results[0]["type"], &results[1]["is_error"]),
        (&json!("tool_result"), &json!(true))
    );
    assert_eq!(results[0]["content"][1]["source"]["data"], "UE5H");
    assert_eq!(results[0]["content"][1]["source"]["data"], "UE5H");
    assert_eq!(results[2]["text"], "Try again.");
    assert_eq!(results[2]["cache_control"]["type"], "ephemeral");
    assert_eq!(
        body["messages"].as_array().map(Vec::len),
        Some(3),
        "turns alternate"
    );
    assert_eq!(
        (&body["max_tokens"], &body["tools"][0]["input_schema"]["type"]),
        (&json!(900), &json!("object"))
    );
    assert_eq!(body["output_config"]["format"]["schema"]["type"], "object");
    assert_eq!(body["output_config"]["effort"], "low");
}

#[tokio::test]
async fn generate_content_is_asked_as_it_wants_it() {
    let body = sent("gemini", "structured_output = true\nsees_images = true", true).await;
    assert_eq!(body["systemInstruction"]["parts"][0]["text"], "Do the job.");
    assert_eq!(body["contents"][0]["parts"][2]["inlineData"]["data"], "cG5n");
    let turn = &body["contents"][1];
    assert_eq!(turn["role"], "model");
    assert_eq!(
        turn["parts"][0],
        json!({"functionCall": {"name": "read_file", "args": {"n": 1}}, "thoughtSignature": "signed"})
    );
    let answers = &body["contents"][2]["parts"];
    assert_eq!(
        answers[0]["functionResponse"]["response"]["output"]["text"],
        "a,b"
    );
    assert_eq!(
        answers[1]["functionResponse"]["response"]["error"],
        "there is no such tool"
    );
    assert_eq!(answers[2]["inlineData"]["data"], "UE5H");
    assert_eq!(answers[3]["text"], "Try again.");
    assert_eq!(
        body["generationConfig"],
        json!({"temperature": 0.5, "maxOutputTokens": 900}),
        "beside tools it takes no schema"
    );
    assert_eq!(body["tools"][0]["functionDeclarations"][0]["name"], "read_file");
    let body = sent_without_tools("gemini", "structured_output = true").await;
    let settings = &body["generationConfig"];
    assert_eq!(settings["responseMimeType"], "application/json");
    assert_eq!(settings["responseJsonSchema"]["required"], json!(["ok"]));
    assert!(body.get("tools").is_none(), "{body}");
}

#[tokio::test]
async fn calls_in_a_conversation_go_to_messages_with_their_tools_where_none_is_offered() {
    let body = sent_without_tools("anthropic", "").await;
    let tools = body["tools"].as_array().expect("tools");
    let names: Vec<&Value> = tools.iter().map(|tool| &tool["name"]).collect();
    assert_eq!(names, ["read_file", "not_offered"], "{body}");
    for tool in tools {
        assert_eq!(tool["input_schema"]["type"], "object", "{tool}");
    }
    assert_eq!(body["tool_choice"], json!({"type": "none"}));
    let body = sent("anthropic", "", true).await;
    assert!(
        body.get("tool_choice").is_none(),
        "those that are offered may be called"
    );
    // The others take calls without tools.
    for kind in ["openai", "gemini", "ollama"] {
        let body = sent_without_tools(kind, "").await;
        assert!(body.get("tools").is_none(), "{kind}: {body}");
    }
    // A conversation without calls needs none.
    let mut plain = hello();
    plain.tools.clear();
    let body = sent_of("anthropic", "", true, plain).await;
    assert_eq!((body.get("tools"), body.get("tool_choice")), (None, None));
}

#[tokio::test]
async fn ollama_is_asked_as_it_wants_it() {
    let body = sent("ollama", "structured_output = true\nsees_images = true", true).await;
    assert_eq!(body["messages"][1]["images"], json!(["cG5n"]));
    assert_eq!(
        body["messages"][2]["tool_calls"][0]["function"]["arguments"],
        json!({"n": 1})
    );
    assert_eq!(body["messages"][3]["tool_name"], "read_file");
    assert_eq!(body["messages"][5]["images"], json!(["UE5H"]));
    assert_eq!(body["options"], json!({"temperature": 0.5, "num_predict": 900}));
    assert!(
        body.get("format").is_none(),
        "with a grammar no tool could be called"
    );
}

#[tokio::test]
async fn a_model_that_does_not_see_is_told_that_there_is_an_image() {
    for kind in KINDS {
        let body = sent(kind, "", false).await.to_string();
        assert!(
            body.contains("does not see images") && body.contains("fil_7"),
            "{kind}: {body}"
        );
    }
}

#[tokio::test]
async fn signatures_of_another_provider_are_not_sent() {
    let server =
        Server::start(|_, _| Answer::stream("anthropic", &frames("anthropic", &[Said::Text("hi")], "stop")))
            .await;
    let request = request(conversation("gemini"));
    ask(&provider("anthropic", &server, ""), &request)
        .await
        .0
        .expect("an answer");
    let body = server.seen()[0].body.to_string();
    assert!(!body.contains("signed") && !body.contains("thought"), "{body}");
}

#[tokio::test]
async fn signatures_come_with_the_part_that_they_sign() {
    for kind in ["anthropic", "gemini"] {
        let server = Server::start(move |_, _| Answer::stream(kind, &frames(kind, &a_turn(), "tools"))).await;
        let reply = ask(&provider(kind, &server, ""), &hello()).await.0.expect(kind);
        let place = reply
            .parts
            .iter()
            .position(|part| !part.is_shown())
            .expect("a signature");
        let before = &reply.parts[place - 1];
        let is_signed = match kind {
            "anthropic" => matches!(before, Part::Reasoning { .. }),
            _ => matches!(before, Part::ToolCall { .. }),
        };
        assert!(is_signed, "{kind}: {:?}", reply.parts);
    }
}

#[tokio::test]
async fn calls_are_told_apart_however_an_endpoint_numbers_them() {
    let call = |call: Value| json!({"choices": [{"delta": {"tool_calls": [call]}, "finish_reason": null}]});
    let function = |name: &str, arguments: &str| json!({"name": name, "arguments": arguments});
    let cases = [
        // Every call is number 0.
        [
            json!({"index": 0, "id": "a", "function": function("count", "{\"n\": 1}")}),
            json!({"index": 0, "id": "b", "function": function("count", "{\"n\": 2}")}),
        ],
        // None has a number.
        [
            json!({"id": "a", "function": function("count", "{\"n\": 1}")}),
            json!({"id": "b", "function": function("count", "{\"n\": 2}")}),
        ],
        // Nor an id.
        [
            json!({"function": function("count", "{\"n\": 1}")}),
            json!({"function": function("count", "{\"n\": 2}")}),
        ],
        // A number that nobody could have reached.
        [
            json!({"index": 4_000_000_000_u64, "id": "a", "function": function("count", "{\"n\": 1}")}),
            json!({"index": 7, "id": "b", "function": function("count", "{\"n\": 2}")}),
        ],
    ];
    for case in cases {
        let mut stream: Vec<String> = case
            .iter()
            .map(|it| format!("data: {}\n\n", call(it.clone())))
            .collect();
        let stop = json!({"choices": [{"delta": {}, "finish_reason": "tool_calls"}]});
        stream.push(format!("data: {stop}\n\ndata: [DONE]\n\n"));
        let server = Server::start(move |_, _| Answer::stream("openai", &stream)).await;
        let reply = ask(&provider("openai", &server, ""), &hello())
            .await
            .0
            .expect("a turn");
        let numbers: Vec<&Value> = reply
            .parts
            .iter()
            .filter_map(|part| match part {
                Part::ToolCall { arguments, .. } => Some(&arguments["n"]),
                _ => None,
            })
            .collect();
        assert_eq!(numbers, [1, 2], "{case:?}");
    }
}
