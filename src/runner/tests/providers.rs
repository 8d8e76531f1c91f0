//! Runs on a provider whose server fails in every way: each recovers, or fails with a code and an
//! explanation; and no part of an answer becomes a result.
#![allow(clippy::disallowed_methods)] // how long it takes to hang up is measured in real time

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio_util::task::AbortOnDropHandle;

use crate::base::clock::Clock;
use crate::domain::claim::{self, Wanted};
use crate::domain::lifecycle;
use crate::model::Models;
use crate::model::circuit::Circuit;
use crate::model::provider::Provider;
use crate::model::provider::tests::declaration;
use crate::model::provider::tests::server::{Answer, End, Said, Server, frames};

use super::stage::{Stage, eventually, say};

/// A stage on which the agent's model is a provider's.
async fn stage(server: &Server, kind: &str) -> (Stage, Circuit) {
    let mut stage = Stage::new(|_| say("nobody asks this one")).await;
    let mut declaration = declaration(kind, &server.url(kind), "");
    declaration.name = "played".to_owned();
    let circuit = Circuit::new("test", Duration::from_secs(300));
    let provider = Provider::new(declaration, Clock::system(), circuit.clone()).expect("a provider");
    let mut models = Models::default();
    models.register(Arc::new(provider));
    stage.deps.models = models;
    (stage, circuit)
}

/// Lets the time that runs wait pass quickly. Their worker is a patient one.
pub(super) fn hurry(clock: Clock) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(async move {
        loop {
            clock.advance(Duration::from_millis(200));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }))
}

fn answer(said: &[Said], stop: &str) -> Answer {
    Answer::stream("openai", &frames("openai", said, stop))
}

const OK: Said = Said::Text("{\"ok\": true}");

#[tokio::test]
async fn every_fault_is_recovered_from_or_ends_with_a_code_and_without_a_result() {
    let error =
        |status: u16, code: &str| Answer::json(status, &json!({"error": {"code": code, "message": "m"}}));
    let half = || {
        let frames = frames("openai", &[OK], "stop");
        Answer::stream("openai", &frames[..3])
    };
    let cases: Vec<(&str, Vec<Answer>, Option<&str>, usize)> = vec![
        (
            "rate limit",
            vec![error(429, "slow").with("retry-after", "3")],
            None,
            2,
        ),
        ("server error", vec![error(500, "oops")], None, 2),
        ("cut connection", vec![half().ending(End::Cut)], None, 2),
        ("no end marker", vec![half()], None, 2),
        (
            "no end marker, ever",
            vec![half(), half(), half()],
            Some("answer_unusable"),
            3,
        ),
        (
            "token limit",
            vec![answer(&[OK], "length")],
            Some("answer_cut_off"),
            1,
        ),
        ("filter", vec![answer(&[OK], "filter")], Some("model_refused"), 1),
        (
            "context",
            vec![error(400, "context_length_exceeded")],
            Some("context_exceeded"),
            1,
        ),
        (
            "key",
            vec![error(401, "invalid_api_key")],
            Some("model_misconfigured"),
            1,
        ),
        (
            "no patience",
            vec![error(429, "slow").with("retry-after", "3600")],
            Some("model_unavailable"),
            1,
        ),
    ];
    for (what, answers, code, requests) in cases {
        let server =
            Server::start(move |number, _| answers.get(number).cloned().unwrap_or(answer(&[OK], "stop")))
                .await;
        let (stage, _) = stage(&server, "openai").await;
        let _hurry = hurry(stage.store.clock.clone());
        let ended = stage.run(json!({})).await;
        assert_eq!(ended.failure_code.as_deref(), code, "{what}");
        let (result, explanation, _) = stage.payload(ended.id).await;
        match code {
            None => assert_eq!(result, Some(json!({"ok": true})), "{what}"),
            Some(_) => {
                assert_eq!(result, None, "{what}");
                assert!(
                    explanation.is_some_and(|words| words.contains("`played`")),
                    "{what}"
                );
            }
        }
        assert_eq!(server.count(), requests, "{what}: no more requests than that");
    }
}

#[tokio::test]
async fn a_tool_that_was_never_offered_and_arguments_that_are_no_json_go_back_to_the_model() {
    let server = Server::start(|number, seen| match number {
        0 => answer(
            &[
                Said::Call("a", "open_the_vault", json!({})),
                Said::Call("b", "list_files", Value::String("{\"n\": ".to_owned())),
            ],
            "tools",
        ),
        _ => {
            let results = seen.body["messages"].to_string();
            assert!(results.contains("there is no tool open_the_vault"), "{results}");
            assert!(results.contains("break the tool's schema"), "{results}");
            answer(&[OK], "stop")
        }
    })
    .await;
    let (stage, _) = stage(&server, "openai").await;
    let ended = stage.run(json!({})).await;
    assert_eq!((ended.failure_code.as_deref(), server.count()), (None, 2));
}

#[tokio::test]
async fn an_endpoint_that_is_down_is_waited_for_and_no_try_is_used_up() {
    let down = || Answer::json(503, &json!({}));
    // More failures than one call has tries.
    let server =
        Server::start(move |number, _| if number < 8 { down() } else { answer(&[OK], "stop") }).await;
    let (stage, circuit) = stage(&server, "openai").await;
    let launched = stage.launch(json!({}), None).await;
    let worker = stage.patient_worker();
    let hurry = hurry(stage.store.clock.clone());
    eventually("the circuit opens", async || circuit.is_open().then_some(())).await;
    let ended = stage.ended(launched.id).await;
    assert_eq!(ended.failure_code, None);
    assert_eq!(
        (server.count(), ended.model_calls),
        (9, 1),
        "one call in the budget, however often it was tried"
    );
    drop(hurry);
    worker.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn no_run_of_a_model_that_is_left_alone_is_claimed() {
    let stage = Stage::new(|_| say("{\"ok\": true}")).await;
    stage.launch(json!({}), None).await;
    let definitions = ["tester/test".to_owned()];
    let terms = claim::Terms {
        lease: Duration::from_secs(45),
        max_stalls: 3,
    };
    let claimed = async |models: &[String], own: &[String]| {
        let wanted = Wanted {
            definitions: &definitions,
            without_models: models,
            without_definitions: own,
        };
        claim::claim_wanted(&stage.store, "w", wanted, 10, &terms)
            .await
            .expect("claims")
            .len()
    };
    let (played, other) = (["played".to_owned()], ["other".to_owned()]);
    assert_eq!(claimed(&played, &definitions).await, 0);
    assert_eq!(claimed(&other, &[]).await, 1);
}

/// So many that a race between a cancel and a request, however rare, is met.
const CANCELS: usize = 1000;
/// As many as the worker runs at once.
const AT_ONCE: usize = 16;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_cancels_hang_up_on_the_provider_and_nothing_more_is_asked() {
    let words = frames("openai", &[OK], "stop")[..2].to_vec();
    let asked = Arc::new(Mutex::new(HashMap::<String, oneshot::Sender<usize>>::new()));
    let waiting = Arc::clone(&asked);
    let server = Server::start(move |number, seen| {
        // Each execution has a name of its own in its first message.
        let said = seen.body["messages"][1]["content"].as_str().expect("words");
        let is_of_name = |c: &char| c.is_ascii_alphanumeric() || *c == '-';
        let name: String = said[said.find("cancel-").expect("a name")..]
            .chars()
            .take_while(is_of_name)
            .collect();
        let told = waiting.lock().expect("no panic").remove(&name);
        told.expect("each asks once").send(number).expect("is waited for");
        Answer::stream("openai", &words).ending(End::Hang)
    })
    .await;
    let (stage, _) = stage(&server, "openai").await;
    // No heartbeat says it: a cancel is heard of by its signal.
    let worker = stage.worker_beating(Duration::from_secs(600));
    let cancel = async |round: usize| {
        let name = format!("cancel-{round}");
        let (tell, number) = oneshot::channel();
        asked.lock().expect("no panic").insert(name.clone(), tell);
        let launched = stage.launch(json!({"skus": [name]}), None).await;
        let number = tokio::time::timeout(Duration::from_secs(30), number).await;
        let number = number.expect("it is asked").expect("a number");
        lifecycle::cancel(&stage.store, &stage.viewer, launched.id, None)
            .await
            .expect("cancels");
        let accepted = Instant::now();
        let closed = eventually("it hangs up", async || server.closed_at(number)).await;
        let ended = stage.ended(launched.id).await;
        assert_eq!(ended.failure_category.as_deref(), Some("canceled"), "{round}");
        closed.saturating_duration_since(accepted)
    };
    let rounds = stream::iter(0..CANCELS).map(cancel).buffer_unordered(AT_ONCE);
    let mut took: Vec<Duration> = rounds.collect().await;
    worker.stop(Duration::from_secs(5)).await;
    assert_eq!(server.count(), CANCELS, "no later request");
    assert_eq!(server.closed().len(), CANCELS, "each hung up once");
    took.sort_unstable();
    let part = |percent: usize| took[(CANCELS * percent / 100).min(CANCELS - 1)];
    let figures = format!(
        "from accepted to hung up: half {:?}, 99 % {:?}, all {:?}",
        part(50),
        part(99),
        part(100)
    );
    eprintln!("{figures}");
    // What waits for a turn of the processor, beside whatever else this machine does, is not held
    // against it.
    assert!(part(50) < Duration::from_secs(1), "{figures}");
}
