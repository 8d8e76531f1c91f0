//! Replies in people's conversations.

use std::time::Duration;

use entity::conversation;
use serde_json::json;
use uuid::Uuid;

use crate::base::message::{Part, Role};
use crate::domain::conversations::{self, Said};
use crate::domain::journal::{Entry, ReplyOutcome};
use crate::model::{Purpose, Request};

use super::stage::{Act, Stage, call, eventually, say};

pub(super) async fn ask(stage: &Stage, conversation: Option<Uuid>, text: &str) -> conversation::Model {
    let id = match conversation {
        Some(id) => id,
        None => {
            let (store, catalog) = (&stage.store, &stage.deps.catalog);
            let started =
                conversations::start(store, catalog, &stage.viewer, stage.agent.id, None, None).await;
            started.expect("starts").0.id
        }
    };
    let said = Said {
        conversation_id: id,
        text: text.to_owned(),
        uploads: Vec::new(),
        file_ids: Vec::new(),
        idempotency: None,
    };
    let deps = &stage.deps;
    let sent = conversations::send_message(&stage.store, &deps.catalog, &deps.storage, &stage.viewer, said);
    sent.await.expect("sends").conversation
}

async fn outcome(stage: &Stage, conversation: Uuid, number: usize) -> (ReplyOutcome, Option<String>) {
    eventually("the reply's end", async || {
        let entries = stage.journal(conversation).await.into_iter();
        let mut ends = entries.filter_map(|entry| match entry {
            Entry::ReplyEnded { outcome, failure } => Some((outcome, failure.map(|failure| failure.code))),
            _ => None,
        });
        ends.nth(number)
    })
    .await
}

#[tokio::test]
async fn a_reply_uses_tools_ends_answered_and_the_next_one_sees_it() {
    let stage = Stage::new(|request: &Request| {
        assert_eq!(request.purpose, Purpose::Conversation);
        assert!(request.system.starts_with("Be kind."));
        let names: Vec<&str> = request.tools.iter().map(|tool| tool.name.as_str()).collect();
        assert!(
            !names.contains(&"stop_execution") && !names.contains(&"report_progress"),
            "{names:?}"
        );
        match (request.messages.len(), request.rehearsal.step) {
            (1, 0) => call(&[("a", "search_records", json!({"collection": "products"}))]),
            (3, 1) => say("There is nothing."),
            (5, 0) => say("Still nothing."),
            other => panic!("not expected: {other:?}"),
        }
    })
    .await;
    let _worker = stage.worker();
    let id = ask(&stage, None, "What is there?").await.id;
    assert_eq!(outcome(&stage, id, 0).await, (ReplyOutcome::Answered, None));
    ask(&stage, Some(id), "And now?").await;
    assert_eq!(outcome(&stage, id, 1).await, (ReplyOutcome::Answered, None));
    let last = stage.messages(id).await.pop().expect("a message");
    assert_eq!(
        (last.role, last.plain_text().as_str()),
        (Role::Assistant, "Still nothing.")
    );
}

#[tokio::test]
async fn a_stopped_reply_aborts_its_call_and_leaves_a_conversation_that_goes_on() {
    let stage = Stage::gated(|request: &Request| match request.messages.len() {
        1 => call(&[("a", "probe", json!({"n": 1}))]),
        _ => {
            // The call without a result is not left hanging.
            let answered = &request.messages[2].parts[..];
            assert!(
                matches!(answered, [Part::ToolResult { is_error: true, .. }]),
                "{answered:?}"
            );
            say("Fine.")
        }
    })
    .await;
    let _worker = stage.worker_beating(Duration::from_secs(60));
    let id = ask(&stage, None, "Go").await.id;
    stage.gate.let_through(1);
    stage.wait_until_begun("probe 1").await;
    conversations::stop_reply(&stage.store, &stage.viewer, id)
        .await
        .expect("stops");
    assert_eq!(outcome(&stage, id, 0).await, (ReplyOutcome::Stopped, None));
    stage.gate.let_through(10);
    ask(&stage, Some(id), "And?").await;
    assert_eq!(outcome(&stage, id, 1).await, (ReplyOutcome::Answered, None));
}

#[tokio::test]
async fn a_reply_survives_a_crash_and_fails_with_a_reason() {
    let stage = Stage::gated(|request: &Request| match request.rehearsal.step {
        0 => call(&[("a", "probe", json!({"n": 1}))]),
        _ => Act::Panic,
    })
    .await;
    let worker = stage.worker();
    let id = ask(&stage, None, "Go").await.id;
    stage.gate.let_through(2);
    stage.wait_for_steps(id, 2).await;
    worker.vanish().await;
    stage.store.clock.advance(Duration::from_secs(50));
    stage.gate.let_through(10);
    let _worker = stage.worker();
    let failed = (ReplyOutcome::Failed, Some("runtime_error".to_owned()));
    assert_eq!(outcome(&stage, id, 0).await, failed);
    assert!(
        stage
            .gate
            .counts()
            .iter()
            .all(|(what, count)| what.ends_with(" 1") || *count == 1)
    );
}
