//! Every way in which an answer can be none.
#![allow(clippy::disallowed_methods)] // how long a client takes to hang up is measured in real time

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::base::clock::Clock;
use crate::base::message::Part;
use crate::model::provider::Provider;
use crate::model::{Error, Model, Reply, Usage};

use super::server::{Answer, End, KINDS, Said, Server, Step, frames};
use super::{ask, circuit, declaration, hello, provider, soon};

fn a_turn() -> Vec<Said> {
    vec![
        Said::Reasoning("Think."),
        Said::Text("Töxt."),
        Said::Call("call_a", "count", json!({"n": 1})),
    ]
}

/// Reads bytes as if they had come over a connection, in pieces as given.
async fn read(kind: &'static str, pieces: Vec<Vec<u8>>) -> Result<Reply, Error> {
    static READERS: LazyLock<Vec<Provider>> = LazyLock::new(|| {
        let reader = |kind| {
            Provider::new(
                declaration(kind, "http://127.0.0.1:1", ""),
                Clock::system(),
                circuit(),
            )
        };
        KINDS
            .map(reader)
            .into_iter()
            .collect::<Result<_, _>>()
            .expect("readers")
    });
    let place = KINDS.iter().position(|known| *known == kind).expect("a kind");
    READERS[place].read_as_sent(pieces).await
}

#[tokio::test]
async fn an_answer_cut_at_any_byte_is_no_answer() {
    for kind in KINDS {
        let bytes: Vec<u8> = frames(kind, &a_turn(), "tools").concat().into_bytes();
        let all = read(kind, vec![bytes.clone()]).await.expect(kind);
        for end in 0..bytes.len() {
            match read(kind, vec![bytes[..end].to_vec()]).await {
                Err(Error::Interrupted { .. }) => {}
                // Only blanks and line ends were missing.
                Ok(reply) => {
                    let missing = String::from_utf8_lossy(&bytes[end..]);
                    assert_eq!((missing.trim(), &reply), ("", &all), "{kind} cut at {end}");
                }
                Err(other) => panic!("{kind} cut at {end}: {other}"),
            }
        }
    }
}

#[tokio::test]
async fn an_answer_without_one_of_its_frames_is_the_same_or_none() {
    for kind in KINDS {
        let frames = frames(kind, &a_turn(), "tools");
        let all = read(kind, vec![frames.concat().into_bytes()]).await.expect(kind);
        for (place, frame) in frames.iter().enumerate() {
            for broken in [
                frame.replacen(':', ";", 3),
                frame.replace('}', ""),
                frame.replacen("{\"", "{", 1),
            ] {
                if broken == *frame {
                    continue;
                }
                let mut frames = frames.clone();
                frames[place] = broken.clone();
                match read(kind, vec![frames.concat().into_bytes()]).await {
                    Err(Error::Interrupted { .. }) => {}
                    Ok(reply) => assert_eq!(reply.parts, all.parts, "{kind}: {broken:?}"),
                    Err(other) => panic!("{kind}: {other}"),
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn it_makes_no_difference_where_the_network_cuts_an_answer(kind in 0..KINDS.len(), cuts in prop::collection::vec(1_usize..40, 1..200), crlf: bool) {
        let kind = KINDS[kind];
        let mut text = frames(kind, &a_turn(), "tools").concat();
        if crlf && !text.contains('\r') {
            text = text.replace('\n', "\r\n");
        }
        let (mut rest, mut pieces) = (text.as_bytes(), Vec::new());
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, more) = rest.split_at((*cut).min(rest.len()));
            pieces.push(piece.to_vec());
            rest = more;
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (one, other) = runtime.block_on(async {
            (read(kind, vec![text.clone().into_bytes()]).await, read(kind, pieces).await)
        });
        // Some protocols leave ids to us.
        prop_assert_eq!(one.expect("whole").parts, other.expect("whole").parts);
    }

    #[test]
    fn garbage_is_an_error_and_never_a_panic(kind in 0..KINDS.len(), garbage in prop::collection::vec(any::<u8>(), 0..300), place in 0_usize..2000) {
        let kind = KINDS[kind];
        let mut bytes = frames(kind, &a_turn(), "tools").concat().into_bytes();
        let place = place.min(bytes.len());
        bytes.splice(place..place, garbage);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let _ = runtime.block_on(read(kind, vec![bytes]));
    }
}

#[tokio::test]
async fn a_reason_to_stop_that_is_not_the_end_is_an_error_of_its_own() {
    for kind in KINDS {
        for (stop, outcome) in [("length", "cut_off"), ("filter", "refused")] {
            let stream = frames(kind, &[Said::Text("half an ans")], stop).concat();
            let error = read(kind, vec![stream.into_bytes()]).await.expect_err(kind);
            let is_foreign = kind == "ollama" && stop == "filter";
            let outcome = if is_foreign { "interrupted" } else { outcome };
            assert_eq!(error.outcome(), outcome, "{kind} {stop}: {error}");
        }
    }
}

#[tokio::test]
async fn what_an_answer_used_that_is_none_is_known_as_far_as_the_provider_said() {
    let all = Usage {
        input_tokens: 100,
        cached_input_tokens: 60,
        output_tokens: 20,
    };
    for kind in KINDS {
        for stop in ["length", "filter"] {
            let stream = frames(kind, &[Said::Text("half an ans")], stop).concat();
            let error = read(kind, vec![stream.into_bytes()]).await.expect_err(kind);
            assert_eq!(error.usage(), all, "{kind} {stop}");
        }
        // Whole, and holding nothing.
        let stream = frames(kind, &[Said::Reasoning("Hm.")], "stop").concat();
        let error = read(kind, vec![stream.into_bytes()]).await.expect_err(kind);
        assert_eq!(error.usage(), all, "{kind}");
        // All that is counted was told, and the end is missing.
        let mut cut = frames(kind, &a_turn(), "tools");
        if matches!(kind, "openai" | "anthropic") {
            cut.pop();
            let error = read(kind, vec![cut.concat().into_bytes()]).await.expect_err(kind);
            assert_eq!((error.outcome(), error.usage()), ("interrupted", all), "{kind}");
        }
    }
    // It begins with what it has read.
    let begun = frames("anthropic", &a_turn(), "tools")[..4].concat();
    let error = read("anthropic", vec![begun.into_bytes()])
        .await
        .expect_err("cut");
    assert_eq!(
        error.usage(),
        Usage {
            output_tokens: 1,
            ..all
        }
    );
    let body = json!({"content": [{"type": "text", "text": "half"}], "stop_reason": "max_tokens",
        "usage": {"input_tokens": 40, "cache_read_input_tokens": 60, "output_tokens": 20}});
    let server = Server::start(move |_, _| Answer::json(200, &body)).await;
    let error = ask(&provider("anthropic", &server, ""), &hello())
        .await
        .0
        .expect_err("not whole");
    assert_eq!((error.outcome(), error.usage()), ("cut_off", all));
}

#[tokio::test]
async fn an_answer_without_words_and_calls_is_none() {
    for kind in KINDS {
        let stream = frames(kind, &[Said::Reasoning("Hm.")], "stop").concat();
        let error = read(kind, vec![stream.into_bytes()]).await.expect_err(kind);
        assert_eq!(error.outcome(), "interrupted", "{kind}: {error}");
    }
}

#[tokio::test]
async fn arguments_that_are_no_json_reach_the_tools_schema_as_they_were_written() {
    for kind in ["openai", "anthropic"] {
        let turn = [Said::Call("a", "count", Value::String("{\"n\": ".to_owned()))];
        let reply = read(kind, vec![frames(kind, &turn, "tools").concat().into_bytes()]).await;
        let parts = reply.expect(kind).parts;
        let Some(Part::ToolCall { arguments, .. }) = parts.first() else {
            panic!("{kind}: {parts:?}")
        };
        assert_eq!(arguments, "{\"n\": ", "{kind}");
    }
}

#[tokio::test]
async fn an_error_in_the_stream_says_what_it_is() {
    let cases = [
        (
            "openai",
            "data: {\"error\": {\"message\": \"oops\", \"type\": \"server_error\"}}\n\n",
            "down",
        ),
        (
            "openai",
            "data: {\"error\": {\"message\": \"slow\", \"code\": \"rate_limit_exceeded\"}}\n\n",
            "unavailable",
        ),
        (
            "anthropic",
            "event: error\ndata: {\"type\": \"error\", \"error\": {\"type\": \"overloaded_error\", \"message\": \"Overloaded\"}}\n\n",
            "down",
        ),
        (
            "gemini",
            "data: {\"error\": {\"code\": 503, \"status\": \"UNAVAILABLE\", \"message\": \"no\"}}\n\n",
            "down",
        ),
        (
            "gemini",
            "data: {\"promptFeedback\": {\"blockReason\": \"SAFETY\"}}\n\n",
            "refused",
        ),
        ("ollama", "{\"error\": \"the model crashed\"}\n", "interrupted"),
        (
            "ollama",
            "{\"error\": \"input exceeds the context length\"}\n",
            "too_long",
        ),
    ];
    for (kind, last, outcome) in cases {
        let mut stream = frames(kind, &a_turn(), "tools");
        stream.truncate(3);
        stream.push(last.to_owned());
        let error = read(kind, vec![stream.concat().into_bytes()])
            .await
            .expect_err(kind);
        assert_eq!(error.outcome(), outcome, "{kind}: {error}");
    }
}

#[tokio::test]
async fn a_status_becomes_an_error_with_the_wait_that_it_names() {
    let body = json!({"error": {"message": "slow down", "type": "rate_limit_error"}});
    for kind in KINDS {
        let body = body.clone();
        let server = Server::start(move |_, _| Answer::json(429, &body).with("retry-after", "7")).await;
        let error = ask(&provider(kind, &server, ""), &hello())
            .await
            .0
            .expect_err(kind);
        let Error::Unavailable { retry_after, .. } = error else {
            panic!("{kind}: {error}")
        };
        assert_eq!(retry_after, Some(Duration::from_secs(7)), "{kind}");
        for (status, outcome) in [
            (500, "down"),
            (503, "down"),
            (401, "misconfigured"),
            (302, "misconfigured"),
        ] {
            let server =
                Server::start(move |_, _| Answer::json(status, &json!({})).with("location", "/elsewhere"))
                    .await;
            let error = ask(&provider(kind, &server, ""), &hello())
                .await
                .0
                .expect_err(kind);
            assert_eq!(error.outcome(), outcome, "{kind} {status}: {error}");
            assert_eq!(server.count(), 1, "asked once, and no redirect was followed");
        }
    }
}

#[tokio::test]
async fn nothing_is_waited_for_without_end() {
    // One time each that is short, and none else that would end it within the test.
    let times = |first: f64, idle: f64, answer: f64| {
        format!(
            "[model.time]\nfirst_token_seconds = {first}\nidle_seconds = {idle}\nanswer_seconds = {answer}"
        )
    };
    for kind in KINDS {
        let cases = [
            ("no headers", Answer::silence(), times(0.15, 60.0, 60.0), "down"),
            (
                "no first word",
                Answer::stream(kind, &[]).ending(End::Hang),
                times(0.15, 60.0, 60.0),
                "down",
            ),
            (
                "no next word",
                Answer::stream(kind, &frames(kind, &a_turn(), "tools")[..4]).ending(End::Hang),
                times(60.0, 0.15, 60.0),
                "interrupted",
            ),
        ];
        for (what, answer, time, outcome) in cases {
            let server = Server::start(move |_, _| answer.clone()).await;
            let provider = provider(kind, &server, &time);
            let error = soon(ask(&provider, &hello())).await.0.expect_err(what);
            assert_eq!(error.outcome(), outcome, "{kind}, {what}: {error}");
        }
        // Always something, and never all.
        let more: Vec<String> = frames(kind, &[Said::Text("more and more")], "stop");
        let words = more
            .iter()
            .position(|frame| frame.contains("more"))
            .expect("words");
        let server = Server::start(move |_, _| {
            let mut answer = Answer::stream(kind, &more[..=words]);
            let last = answer.steps.pop().expect("a step");
            for _ in 0..1000 {
                answer
                    .steps
                    .extend([Step::Wait(Duration::from_millis(50)), last.clone()]);
            }
            answer
        })
        .await;
        let provider = provider(kind, &server, &times(60.0, 60.0, 1.5));
        let error = soon(ask(&provider, &hello())).await.0.expect_err(kind);
        assert_eq!(error.outcome(), "interrupted", "{kind}: {error}");
    }
}

#[tokio::test]
async fn a_connection_that_is_cut_or_refused_is_told_apart() {
    for kind in KINDS {
        let half = frames(kind, &a_turn(), "tools")[..3].to_vec();
        let server = Server::start(move |_, _| Answer::stream(kind, &half).ending(End::Cut)).await;
        let error = ask(&provider(kind, &server, ""), &hello())
            .await
            .0
            .expect_err(kind);
        assert_eq!(error.outcome(), "interrupted", "{kind}: {error}");
        let provider = provider(kind, &server, "");
        drop(server);
        let error = soon(ask(&provider, &hello())).await.0.expect_err(kind);
        assert_eq!(error.outcome(), "down", "{kind}: {error}");
    }
}

#[tokio::test]
async fn an_answer_without_end_fills_no_memory() {
    let server = Server::start(|_, _| {
        let mut answer = Answer::stream("openai", &["data: ".to_owned()]);
        answer.steps.extend(vec![Step::Send(vec![b'a'; 1 << 20]); 40]);
        answer.ending(End::Hang)
    })
    .await;
    let error = soon(ask(&provider("openai", &server, ""), &hello()))
        .await
        .0
        .expect_err("too long");
    assert!(error.to_string().contains("longer than"), "{error}");
}

#[tokio::test]
async fn dropping_a_request_hangs_up_at_once_a_thousand_times() {
    let stream = frames("openai", &a_turn(), "tools")[..4].to_vec();
    let server = Server::start(move |_, _| Answer::stream("openai", &stream).ending(End::Hang)).await;
    let provider = provider("openai", &server, "");
    let request = hello();
    let mut took = Vec::new();
    for round in 1..=1000 {
        let (heard, mut first) = tokio::sync::mpsc::unbounded_channel();
        let live = move |_| {
            let _ = heard.send(());
        };
        let answer = provider.complete(&request, &live);
        tokio::select! {
            reply = answer => panic!("it hangs: {reply:?}"),
            _ = first.recv() => {}
        }
        let dropped = Instant::now();
        soon(async {
            while server.closed().len() < round {
                tokio::task::yield_now().await;
            }
        })
        .await;
        took.push(server.closed()[round - 1].saturating_duration_since(dropped));
        assert_eq!(server.count(), round, "no later request");
    }
    took.sort_unstable();
    let figures = format!("half within {:?}, all within {:?}", took[500], took[999]);
    eprintln!("{figures}");
    // What waits for a turn of the processor is not held against it.
    assert!(took[500] < Duration::from_secs(1), "{figures}");
}
