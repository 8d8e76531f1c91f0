//! Executions that end otherwise: budgets, time, cancel, models that fail, code that panics.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use entity::execution;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::bus::{Bus, Signal};
use crate::db::testing::refuse_writes;
use crate::domain::{Store, lifecycle};
use crate::model::{Error, Request};
use crate::runner::sweeper;

use super::stage::{Act, Stage, call, eventually, say};

/// Of the ten minutes that an execution may take.
const PAST_THE_DEADLINE: Duration = Duration::from_secs(601);

#[tokio::test]
async fn a_budget_is_never_overdrawn() {
    let stage = Stage::new(|_: &Request| call(&[("a", "list_files", json!({}))])).await;
    let ended = stage.run(json!({})).await;
    assert_eq!(ended.failure_category.as_deref(), Some("budget_exceeded"));
    assert_eq!(
        (ended.model_calls, ended.tool_calls),
        (7, 6),
        "the seventh call was not made"
    );
    assert!(
        stage
            .payload(ended.id)
            .await
            .1
            .unwrap_or_default()
            .contains("tool calls")
    );

    let stage = Stage::new(|_: &Request| call(&[])).await;
    let ended = stage.run(json!({})).await;
    assert_eq!(
        ended.failure_category.as_deref(),
        Some("max_retries_exceeded"),
        "an empty answer is no JSON"
    );
}

#[tokio::test]
async fn a_run_is_aborted_at_its_deadline() {
    let stage = Stage::new(|_: &Request| Act::Hang).await;
    let launched = stage.launch(json!({}), None).await;
    let _worker = stage.patient_worker();
    stage.wait_until_begun("model Turn 1 0").await;
    stage.store.clock.advance(PAST_THE_DEADLINE);
    let ended = stage.ended(launched.id).await;
    assert_eq!(ended.failure_category.as_deref(), Some("timed_out"));
    assert!(stage.payload(ended.id).await.1.is_some());
}

#[tokio::test]
async fn a_run_whose_end_cannot_be_written_is_tried_again_and_not_without_pause() {
    let stage = Stage::new(|_: &Request| Act::Hang).await;
    if stage.store.db.is_postgres() {
        return; // sessions that are open cannot be made to refuse writes
    }
    let launched = stage.launch(json!({}), None).await;
    let _worker = stage.patient_worker();
    stage.wait_until_begun("model Turn 1 0").await;
    refuse_writes(&stage.store.db, true).await;
    stage.store.clock.advance(PAST_THE_DEADLINE);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let before = stage.store.db.statements();
    tokio::time::sleep(Duration::from_millis(700)).await;
    let spent = stage.store.db.statements() - before;
    assert!(spent < 100, "{spent} statements in less than a second");
    refuse_writes(&stage.store.db, false).await;
    stage.store.clock.advance(Duration::from_secs(1));
    let ended = stage.ended(launched.id).await;
    assert_eq!(ended.failure_category.as_deref(), Some("timed_out"));
}

#[tokio::test]
async fn a_cancel_aborts_the_model_call_and_no_other_is_made() {
    let stage = Stage::new(|_: &Request| Act::Hang).await;
    let launched = stage.launch(json!({}), None).await;
    let _worker = stage.worker_beating(Duration::from_secs(60));
    stage.wait_until_begun("model Turn 1 0").await;
    lifecycle::cancel(&stage.store, &stage.viewer, launched.id, Some("enough"))
        .await
        .expect("cancels");
    let ended = stage.ended(launched.id).await;
    assert_eq!(ended.failure_category.as_deref(), Some("canceled"));
    assert!(ended.cancel_confirmed_at.is_some());
    assert_eq!(stage.payload(ended.id).await.1.as_deref(), Some("enough"));
    assert_eq!((ended.model_calls, stage.gate.begun("model Turn 1 0")), (1, 1));
}

#[tokio::test]
async fn an_unavailable_model_is_asked_again_and_a_refusing_one_is_not() {
    let tries = AtomicUsize::new(0);
    let stage = Stage::new(move |_: &Request| match tries.fetch_add(1, Ordering::SeqCst) {
        0 => Act::Fail(Error::Unavailable {
            reason: "busy".to_owned(),
            retry_after: Some(Duration::from_secs(3)),
        }),
        _ => Act::Fail(Error::Refused {
            reason: "secret".to_owned(),
            usage: crate::model::Usage::default(),
        }),
    })
    .await;
    let launched = stage.launch(json!({}), None).await;
    let _worker = stage.worker();
    stage.wait_until_begun("model Turn 1 0").await;
    stage.store.clock.advance(Duration::from_secs(2));
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert_eq!(
        stage.gate.begun("model Turn 1 0"),
        1,
        "it waits as long as the provider says"
    );
    // And a second more at most, so that not everybody comes back at once.
    stage.store.clock.advance(Duration::from_secs(2));
    let ended = stage.ended(launched.id).await;
    assert_eq!(stage.gate.begun("model Turn 1 0"), 2);
    assert_eq!(ended.failure_category.as_deref(), Some("runtime_error"));
    assert_eq!(ended.failure_code.as_deref(), Some("model_refused"));
    let words = stage.payload(ended.id).await.1.unwrap_or_default();
    assert!(words.contains("`played`") && !words.contains("secret"), "{words}");
}

#[tokio::test]
async fn a_panic_ends_the_execution_and_not_the_worker() {
    let stage = Stage::new(
        |request: &Request| match request.rehearsal.input["case"].as_str() {
            Some("model") => Act::Panic,
            Some("tool") => call(&[("a", "boom", json!({"n": 1}))]),
            _ => say("{\"ok\": true}"),
        },
    )
    .await;
    let _worker = stage.worker();
    for case in ["model", "tool"] {
        let launched = stage.launch(json!({"case": case}), None).await;
        let ended = stage.ended(launched.id).await;
        assert_eq!(ended.failure_category.as_deref(), Some("runtime_error"), "{case}");
        let explanation = stage.payload(ended.id).await.1.unwrap_or_default();
        assert!(!explanation.contains("panics"), "{explanation}");
    }
    let launched = stage.launch(json!({}), None).await;
    assert_eq!(stage.ended(launched.id).await.status, "finished");
}

#[tokio::test]
async fn a_worker_takes_what_is_queued_while_it_is_busy() {
    let stage = Stage::new(|_: &Request| say("{\"ok\": true}")).await;
    let _worker = stage.worker();
    let mut ids = Vec::new();
    for _ in 0..60 {
        ids.push(stage.launch(json!({}), None).await.id);
    }
    for id in ids {
        let ended = stage.ended(id).await;
        assert_eq!((ended.status.as_str(), ended.model_calls), ("finished", 1));
    }
    eventually("an empty queue", async || {
        let depth = crate::db::runs::depth(stage.store.db.read(), stage.store.clock.now()).await;
        (depth.expect("reads").running == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_refusal_for_good_ends_it_at_once_with_the_validators_words() {
    let stage = Stage::new(|_: &Request| say("hopeless")).await;
    let ended = stage.run(json!({})).await;
    assert_eq!(ended.failure_category.as_deref(), Some("validation_failed"));
    assert_eq!((ended.attempt, ended.model_calls), (1, 1));
    let (_, explanation, source) = stage.payload(ended.id).await;
    let words = "The agent answered, and strict refused the answer in a way that another attempt could not mend: It is hopeless. Launch it again only with another input or other instructions.";
    let expected = (Some(words), Some("validator"));
    assert_eq!((explanation.as_deref(), source.as_deref()), expected);
}

#[tokio::test]
async fn a_turn_of_ten_thousand_calls_is_over_the_limit_and_nothing_else() {
    let stage = Stage::new(|_: &Request| {
        let ids: Vec<String> = (0..10_000).map(|n| format!("call {n}")).collect();
        let calls: Vec<_> = ids
            .iter()
            .map(|id| (id.as_str(), "probe", json!({"n": 1})))
            .collect();
        call(&calls)
    })
    .await;
    let ended = stage.run(json!({})).await;
    assert_eq!(ended.failure_category.as_deref(), Some("budget_exceeded"));
    assert_eq!((ended.model_calls, ended.tool_calls), (1, 0));
}

#[tokio::test]
async fn a_bus_that_is_never_silent_does_not_put_off_a_takeover() {
    let stage = Stage::gated(|_: &Request| say("{\"ok\": true}")).await;
    let launched = stage.launch(json!({}), None).await;
    let first = stage.worker();
    stage.wait_until_begun("model Turn 1 0").await;
    first.vanish().await;
    let other = stage.launch(json!({}), None).await;
    let bus = stage.store.bus.clone();
    let chatter = tokio::spawn(async move {
        loop {
            bus.publish(&[Signal::Changed]);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    // It has looked once, and found the other alone.
    let _second = stage.worker();
    stage.gate.let_through(1);
    assert_eq!(stage.ended(other.id).await.status, "finished");
    stage.store.clock.advance(Duration::from_secs(50));
    stage.gate.let_through(10);
    assert_eq!(stage.ended(launched.id).await.status, "finished");
    chatter.abort();
}

#[tokio::test]
async fn a_cancel_that_nobody_heard_of_costs_one_step_and_no_other_model_call() {
    let stage = Stage::gated(|_: &Request| call(&[("a", "probe", json!({"n": 1}))])).await;
    let launched = stage.launch(json!({}), None).await;
    // Neither a signal nor a heartbeat says it.
    let _worker = stage.worker_beating(Duration::from_secs(600));
    stage.wait_until_begun("model Turn 1 0").await;
    let deaf = Store {
        bus: Bus::local(),
        ..stage.store.clone()
    };
    lifecycle::cancel(&deaf, &stage.viewer, launched.id, None)
        .await
        .expect("cancels");
    stage.gate.let_through(10);
    let ended = stage.ended(launched.id).await;
    assert_eq!(ended.failure_category.as_deref(), Some("canceled"));
    assert_eq!(stage.gate.begun("probe 1"), 0);
    assert_eq!(stage.gate.counts().len(), 1);
}

#[tokio::test]
async fn a_row_that_cannot_be_read_holds_up_no_other_run() {
    let stage = Stage::new(|_: &Request| say("{\"ok\": true}")).await;
    let broken = stage.launch(json!({}), None).await;
    let sound = stage.launch(json!({}), None).await;
    let stopped = stage.launch(json!({}), None).await;
    let db = stage.store.db.begin().await.expect("begins");
    let spoil = execution::Entity::update_many()
        .col_expr(execution::Column::Status, Expr::value("dancing"))
        .filter(execution::Column::Id.eq(broken.id));
    spoil.exec(&db).await.expect("writes");
    stage.store.db.commit(db).await.expect("commits");
    let _worker = stage.worker();
    assert_eq!(stage.ended(sound.id).await.status, "finished");
    assert_eq!(stage.ended(stopped.id).await.status, "finished");
    assert_eq!(stage.execution(broken.id).await.status, "dancing");
}

#[tokio::test]
async fn the_sweeper_confirms_a_cancel_that_no_worker_can() {
    let stage = Stage::new(|_: &Request| Act::Hang).await;
    let launched = stage.launch(json!({}), None).await;
    let worker = stage.worker_beating(Duration::from_secs(600));
    stage.wait_until_begun("model Turn 1 0").await;
    worker.vanish().await;
    lifecycle::cancel(&stage.store, &stage.viewer, launched.id, None)
        .await
        .expect("cancels");
    let stop = CancellationToken::new();
    let settings = sweeper::Settings {
        every: Duration::from_millis(5),
        ..sweeper::Settings::default()
    };
    let (store, storage) = (stage.store.clone(), stage.deps.storage.clone());
    let sweeping = tokio::spawn(sweeper::run(store, storage, settings, stop.clone()));
    tokio::time::sleep(Duration::from_millis(20)).await;
    let row = stage.execution(launched.id).await;
    assert_eq!(row.finished_at, None, "its worker may still be there");
    stage.store.clock.advance(Duration::from_secs(46));
    let ended = stage.ended(launched.id).await;
    assert_eq!(ended.failure_category.as_deref(), Some("canceled"));
    stop.cancel();
    sweeping.await.expect("stops");
}
