//! Every way in which an execution or an answer ends without success leaves words that a person can
//! act on: what was tried, what stopped it, what to do. What broke inside stays in the log.

use std::time::Duration;

use serde_json::json;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::domain::journal::Entry;
use crate::domain::{launch, lifecycle};
use crate::model::{Purpose, Request};
use crate::runner::sweeper;

use super::replies::ask;
use super::stage::{Act, Stage, call, eventually, say};

/// Category and explanation of an execution that has ended.
async fn told(stage: &Stage, id: Uuid) -> (String, String) {
    let ended = stage.ended(id).await;
    let explanation = stage.payload(id).await.1.unwrap_or_default();
    (ended.failure_category.unwrap_or_default(), explanation)
}

/// It says what was tried, what stopped it and what to do, and nothing of the inside.
fn says((category, explanation): &(String, String), wanted: &str, parts: &[&str]) {
    assert_eq!(category, wanted, "{explanation}");
    for part in parts {
        assert!(explanation.contains(part), "{part:?} is not in {explanation:?}");
    }
    for inside in ["panic", "secret", "sqlite", "Error", "Exit"] {
        assert!(!explanation.contains(inside), "{inside:?} is in {explanation:?}");
    }
}

/// For an execution as for an answer.
const PAST_THE_DEADLINE: Duration = Duration::from_secs(601);

async fn sweep(stage: &Stage, until: impl AsyncFn() -> bool) {
    let stop = CancellationToken::new();
    let settings = sweeper::Settings {
        every: Duration::from_millis(5),
        ..sweeper::Settings::default()
    };
    let (store, storage) = (stage.store.clone(), stage.deps.storage.clone());
    let sweeping = tokio::spawn(sweeper::run(store, storage, settings, stop.clone()));
    eventually("the sweeper", async || until().await.then_some(())).await;
    stop.cancel();
    sweeping.await.expect("stops");
}

fn play(request: &Request) -> Act {
    let case = request.rehearsal.input["case"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    match (case.as_str(), request.purpose, request.rehearsal.step) {
        (_, Purpose::Explanation, _) => Act::Fail(crate::model::Error::Refused {
            reason: "secret".to_owned(),
            usage: crate::model::Usage::default(),
        }),
        ("panic", ..) => Act::Panic,
        ("retries", ..) => say("no JSON"),
        ("hopeless", ..) => say("hopeless"),
        ("stop", ..) => call(&[(
            "a",
            "stop_execution",
            json!({"reason": "I read both pages, and neither names a price. Send a price list."}),
        )]),
        ("stop_unknown", ..) => call(&[(
            "a",
            "stop_execution",
            json!({"reason": "Who knows.", "code": "odd"}),
        )]),
        ("budget", _, step) => {
            let id = format!("c{step}");
            call(&[(id.as_str(), "probe", json!({"n": 1}))])
        }
        ("hang", ..) => Act::Hang,
        other => panic!("not expected: {other:?}"),
    }
}

async fn run(stage: &Stage, case: &str) -> (String, String) {
    let launched = stage.launch(json!({"case": case}), None).await;
    told(stage, launched.id).await
}

#[tokio::test]
async fn executions_that_a_worker_ends() {
    let stage = Stage::new(play).await;
    let _worker = stage.patient_worker();
    let again = "Launch it again";
    let internal = run(&stage, "panic").await;
    says(
        &internal,
        "runtime_error",
        &["had made 1 model call", "inside this server broke", again, "log"],
    );
    let retries = run(&stage, "retries").await;
    says(
        &retries,
        "max_retries_exceeded",
        &["answered twice", "refused by json", again],
    );
    let hopeless = run(&stage, "hopeless").await;
    says(
        &hopeless,
        "validation_failed",
        &["The agent answered", "strict", "It is hopeless.", again],
    );
    let stopped = run(&stage, "stop").await;
    says(
        &stopped,
        "stopped_by_agent",
        &["I read both pages", "neither names a price", "Send a price list."],
    );
    let unknown = run(&stage, "stop_unknown").await;
    says(&unknown, "unknown", &["Who knows."]);
    let budget = run(&stage, "budget").await;
    says(
        &budget,
        "budget_exceeded",
        &[
            "6 tool calls",
            "more tool calls than the 6",
            "max_tool_calls",
            again,
        ],
    );

    let launched = stage.launch(json!({"case": "hang"}), None).await;
    stage.wait_until_begun("model Turn 1 0").await;
    lifecycle::cancel(&stage.store, &stage.viewer, launched.id, None)
        .await
        .expect("cancels");
    let canceled = told(&stage, launched.id).await;
    says(
        &canceled,
        "canceled",
        &["a user canceled it", "without giving a reason", again],
    );

    let launched = stage.launch(json!({"case": "hang"}), None).await;
    eventually("its begin", async || {
        (stage.execution(launched.id).await.model_calls == 1).then_some(())
    })
    .await;
    stage.store.clock.advance(PAST_THE_DEADLINE);
    let timed_out = told(&stage, launched.id).await;
    says(
        &timed_out,
        "timed_out",
        &["1 model call", "its maximum duration of 10 minutes", again],
    );
}

#[tokio::test]
async fn executions_that_no_worker_ends() {
    let stage = Stage::new(play).await;
    let request = launch::Request {
        agent_id: Some(stage.agent.id),
        execution_key: "test".to_owned(),
        input: json!({"case": "hang"}),
        ttl_seconds: Some(30),
        ..launch::Request::default()
    };
    let tools = launch::Tools {
        catalog: &stage.deps.catalog,
        storage: &stage.deps.storage,
    };
    let launched = launch::launch(&stage.store, tools, &stage.viewer, request).await;
    let waiting = launched.expect("launches").execution;
    stage.store.clock.advance(Duration::from_secs(31));
    sweep(&stage, async || {
        stage.execution(waiting.id).await.finished_at.is_some()
    })
    .await;
    let expired = told(&stage, waiting.id).await;
    says(
        &expired,
        "expired",
        &[
            "never begun",
            "30 seconds",
            "longer time to live",
            "Launch it again",
        ],
    );

    let launched = stage.launch(json!({"case": "hang"}), None).await;
    for round in 0..4 {
        let worker = stage.worker();
        eventually("a claim or the end", async || {
            let has_begun = stage.gate.begun("model Turn 1 0") > round;
            let has_ended = stage.execution(launched.id).await.finished_at.is_some();
            (has_begun || has_ended).then_some(())
        })
        .await;
        worker.vanish().await;
        stage.store.clock.advance(Duration::from_secs(50));
    }
    let lost = told(&stage, launched.id).await;
    says(
        &lost,
        "worker_lost",
        &[
            "vanished 3 times in a row",
            "without any progress",
            "Launch it again",
        ],
    );

    let launched = stage.launch(json!({"case": "hang"}), None).await;
    let reason = Some("The wrong file was attached.");
    lifecycle::cancel(&stage.store, &stage.viewer, launched.id, reason)
        .await
        .expect("cancels");
    let canceled = told(&stage, launched.id).await;
    says(&canceled, "canceled", &["The wrong file was attached."]);
    assert_eq!(stage.payload(launched.id).await.2.as_deref(), Some("user"));
}

/// Category and explanation of a conversation's last answer, once it has ended.
async fn told_of_reply(stage: &Stage, conversation: Uuid) -> (String, String) {
    eventually("the answer's end", async || {
        let entries = stage.journal(conversation).await;
        entries.into_iter().rev().find_map(|entry| match entry {
            Entry::ReplyEnded { failure, .. } => {
                failure.map(|failure| (failure.category, failure.explanation))
            }
            _ => None,
        })
    })
    .await
}

#[tokio::test]
async fn answers_in_conversations() {
    let stage = Stage::new(|request: &Request| {
        let asked = request.messages[0].plain_text();
        let step = request.rehearsal.step;
        match asked.as_str() {
            "panic" => Act::Panic,
            "hang" => Act::Hang,
            _ => {
                let id = format!("c{step}");
                call(&[(id.as_str(), "list_files", json!({}))])
            }
        }
    })
    .await;
    let again = "Send the message again";
    let worker = stage.patient_worker();
    let id = ask(&stage, None, "panic").await.id;
    says(
        &told_of_reply(&stage, id).await,
        "runtime_error",
        &["was answering", "inside this server broke", again],
    );
    let id = ask(&stage, None, "budget").await.id;
    let budget = told_of_reply(&stage, id).await;
    says(
        &budget,
        "budget_exceeded",
        &[
            "more tool calls than the 6",
            "Ask for less at a time",
            "max_tool_calls",
        ],
    );
    let before = stage.gate.begun("model Conversation 1 0");
    let id = ask(&stage, None, "hang").await.id;
    eventually("the answer's begin", async || {
        (stage.gate.begun("model Conversation 1 0") > before).then_some(())
    })
    .await;
    stage.store.clock.advance(PAST_THE_DEADLINE);
    let timed_out = told_of_reply(&stage, id).await;
    says(
        &timed_out,
        "timed_out",
        &["still answering", "the time of 10 minutes for one answer", again],
    );
    worker.stop(Duration::ZERO).await;

    let id = ask(&stage, None, "hang").await.id;
    let before = stage.gate.begun("model Conversation 1 0");
    for round in 0..4 {
        let worker = stage.worker();
        eventually("a claim or the end", async || {
            let has_begun = stage.gate.begun("model Conversation 1 0") > before + round;
            let has_ended = stage
                .journal(id)
                .await
                .iter()
                .any(|entry| matches!(entry, Entry::ReplyEnded { .. }));
            (has_begun || has_ended).then_some(())
        })
        .await;
        worker.vanish().await;
        stage.store.clock.advance(Duration::from_secs(50));
    }
    let lost = told_of_reply(&stage, id).await;
    says(&lost, "worker_lost", &["vanished 3 times in a row", again]);
}
