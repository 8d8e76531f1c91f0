//! Crashes, hand-overs and lost leases.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::base::clock::Clock;
use crate::base::message::{Part, Role};
use crate::bus::Bus;
use crate::db;
use crate::db::testing::refuse_writes;
use crate::model::Request;
use crate::runner::{Settings, Worker};

use super::stage::{Act, Stage, call, eventually, say};

const PAST_THE_LEASE: Duration = Duration::from_secs(50);

fn three_turns(request: &Request) -> Act {
    let write =
        |key: &str| json!({"collection": "products", "records": [{"key": key, "document": {"of": key}}]});
    match (request.rehearsal.attempt, request.rehearsal.step) {
        (1, 0) => call(&[
            ("a", "probe", json!({"n": 1})),
            ("b", "probe", json!({"n": 2})),
            ("c", "upsert_records", write("A")),
        ]),
        (1, _) => say("no JSON"),
        (_, 0) => call(&[
            ("d", "upsert_records", write("B")),
            ("e", "probe", json!({"n": 3})),
        ]),
        _ => say("{\"ok\": true}"),
    }
}

/// Model turns 4, probes 3: effects that pass the gate, each with its entry.
const GATED: usize = 7;

#[tokio::test]
async fn g4_a_run_cut_after_any_step_is_resumed_and_repeats_none_that_was_finished() {
    for cut in 0..GATED {
        let stage = Stage::gated(three_turns).await;
        let launched = stage.launch(json!({"skus": ["A", "B"]}), None).await;
        let conversation = launched.conversation_id;
        let worker = stage.worker();
        stage.gate.let_through(cut);
        eventually("the cut", async || {
            let finished = stage.gate.done.lock().expect("no panic").len();
            // The writes pass no gate: one for each turn that has asked for it. Counted before the
            // journal, which has an entry for each: one that is made meanwhile is waited for.
            let written = stage.records().await.len();
            let journaled = stage.steps(conversation).await - written;
            let turns = stage.gate.begun("probe 1") + stage.gate.begun("probe 3");
            (finished == cut && journaled == cut && written == turns).then_some(())
        })
        .await;
        worker.vanish().await;
        stage.store.clock.advance(PAST_THE_LEASE);
        stage.gate.let_through(100);
        let _worker = stage.worker();
        let ended = stage.ended(launched.id).await;
        assert_eq!(
            (ended.status.as_str(), ended.attempt),
            ("finished", 2),
            "cut after {cut}"
        );
        let counts = stage.gate.counts();
        assert_eq!(counts.len(), GATED, "{counts:?}");
        assert!(
            counts.values().all(|count| *count == 1),
            "cut after {cut}: {counts:?}"
        );
        assert_eq!(stage.steps(conversation).await, GATED + 2);
        assert_eq!(stage.records().await.len(), 2);
    }
}

#[tokio::test]
async fn a_call_that_may_not_be_repeated_is_reported_as_interrupted_whatever_became_of_its_tool() {
    for is_changed in [false, true] {
        let mut stage = Stage::gated(|request: &Request| match request.rehearsal.step {
            0 => call(&[("a", "mail", json!({"n": 1}))]),
            _ => {
                let last = request.messages.last().expect("a message");
                let is_told = matches!(&last.parts[..], [Part::ToolResult { is_error: true, output, .. }]
                    if output["error"] == "interrupted, outcome unknown");
                assert!(is_told, "{last:?}");
                say("{\"ok\": true}")
            }
        })
        .await;
        let launched = stage.launch(json!({}), None).await;
        let worker = stage.worker();
        stage.gate.let_through(1);
        stage.wait_until_begun("mail 1").await;
        worker.vanish().await;
        stage.store.clock.advance(PAST_THE_LEASE);
        stage.gate.let_through(10);
        if is_changed {
            stage.change_mail();
        }
        let _worker = stage.worker();
        assert_eq!(stage.ended(launched.id).await.status, "finished");
        assert_eq!(stage.gate.begun("mail 1"), 1);
    }
}

#[tokio::test]
async fn the_result_of_a_call_outlasts_a_database_that_takes_no_writes_for_a_while() {
    let stage = Stage::gated(|request: &Request| match request.rehearsal.step {
        0 => call(&[("a", "mail", json!({"n": 1})), ("b", "mail", json!({"n": 2}))]),
        _ => say("{\"ok\": true}"),
    })
    .await;
    if stage.store.db.is_postgres() {
        return; // sessions that are open cannot be made to refuse writes
    }
    let launched = stage.launch(json!({}), None).await;
    let _worker = stage.worker_beating(Duration::from_secs(60));
    stage.gate.let_through(1);
    for mail in ["mail 1", "mail 2"] {
        stage.wait_until_begun(mail).await;
    }
    refuse_writes(&stage.store.db, true).await;
    stage.gate.let_through(1);
    eventually("an effect", async || {
        (stage.gate.done.lock().expect("no panic").len() == 2).then_some(())
    })
    .await;
    // It cannot even begin to write, which nothing tells.
    tokio::time::sleep(Duration::from_millis(100)).await;
    refuse_writes(&stage.store.db, false).await;
    stage.store.clock.advance(Duration::from_secs(1));
    stage.gate.let_through(10);
    assert_eq!(stage.ended(launched.id).await.status, "finished");
    for message in stage.messages(launched.conversation_id).await {
        for part in message.parts {
            let is_lost = matches!(&part, Part::ToolResult { is_error: true, .. });
            assert!(!is_lost, "{part:?}");
        }
    }
    assert_eq!((stage.gate.begun("mail 1"), stage.gate.begun("mail 2")), (1, 1));
}

#[tokio::test]
async fn a_call_that_may_not_be_repeated_and_never_began_is_simply_made() {
    let stage = Stage::gated(|request: &Request| match request.rehearsal.step {
        0 => call(&[("a", "mail", json!({"n": 1}))]),
        _ => {
            let last = request.messages.last().expect("a message");
            let is_sent = matches!(&last.parts[..], [Part::ToolResult { is_error: false, .. }]);
            assert!(is_sent, "{last:?}");
            say("{\"ok\": true}")
        }
    })
    .await;
    let launched = stage.launch(json!({}), None).await;
    let first = stage.worker();
    stage.wait_until_begun("model Turn 1 0").await;
    // The turn with the call is journaled, and its worker gone before the call.
    let stopping = tokio::spawn(first.stop(Duration::from_secs(10)));
    tokio::time::sleep(Duration::from_millis(30)).await;
    stage.gate.let_through(1);
    stopping.await.expect("stops");
    assert_eq!(stage.steps(launched.conversation_id).await, 1);
    assert_eq!(stage.gate.begun("mail 1"), 0);
    stage.gate.let_through(10);
    let _second = stage.worker();
    assert_eq!(stage.ended(launched.id).await.status, "finished");
    assert_eq!(stage.gate.begun("mail 1"), 1);
}

#[tokio::test]
async fn g3_a_worker_that_lost_its_lease_writes_nothing_more() {
    let stage = Stage::gated(|_: &Request| say("{\"ok\": true}")).await;
    let launched = stage.launch(json!({}), None).await;
    // Its clock stands, and it neither renews its lease nor hears of its loss: as a process that stood
    // still, it takes the lease for its own.
    let mut deps = stage.deps.clone();
    deps.store.clock = Clock::manual(stage.store.clock.now());
    deps.store.bus = Bus::local();
    let settings = Settings {
        heartbeat: Duration::from_secs(600),
        poll: Duration::from_secs(600),
        ..Settings::default()
    };
    let first = Worker::start(deps, settings);
    stage.wait_until_begun("model Turn 1 0").await;
    stage.store.clock.advance(PAST_THE_LEASE);
    let second = stage.worker();
    eventually("the takeover", async || {
        (stage.gate.begun("model Turn 1 0") == 2).then_some(())
    })
    .await;
    let before = stage.journal(launched.conversation_id).await.len();
    // Who has waited longest is let through: the first has its answer, and comes to an end with it.
    stage.gate.let_through(1);
    eventually("the answer", async || {
        (!stage.requests.lock().expect("no panic").is_empty()).then_some(())
    })
    .await;
    first.stop(Duration::from_secs(60)).await;
    assert_eq!(stage.journal(launched.conversation_id).await.len(), before);
    assert_eq!(stage.execution(launched.id).await.finished_at, None);
    stage.gate.let_through(1);
    assert_eq!(stage.ended(launched.id).await.status, "finished");
    second.stop(Duration::from_secs(60)).await;
    assert_eq!(stage.journal(launched.conversation_id).await.len(), before + 2);
    assert_eq!(stage.requests.lock().expect("no panic").len(), 2);
}

#[tokio::test]
async fn g3_a_lease_that_another_took_is_refused_at_the_write_itself() {
    use crate::domain::claim::{self, Terms};
    use crate::runner::exit::Exit;
    use crate::runner::held::Held;
    use crate::runner::lease::{Lease, Leases, Terms as Shared};

    let stage = Stage::new(|_: &Request| say("{}")).await;
    stage.launch(json!({}), None).await;
    let terms = Terms {
        lease: Duration::from_secs(45),
        max_stalls: 3,
    };
    let known = ["tester/test".to_owned()];
    let claim = async |worker: &str| {
        // A write that was dropped is rolled back in a moment, and a claim passes over its run until then.
        let claimed = eventually("the run is free", async || {
            let claimed = claim::claim(&stage.store, worker, &known, 1, &terms).await;
            claimed.expect("claims").pop()
        })
        .await;
        let shared = Shared {
            worker: worker.into(),
            clock: stage.store.clock.clone(),
            lease: terms.lease,
            margin: Duration::from_secs(5),
            park: tokio_util::sync::CancellationToken::new(),
        };
        Lease::new(&shared, &claimed, stage.store.clock.monotonic())
    };
    let first = claim("one").await;
    drop(Held::open(&stage.store, &first).await.expect("it holds the run"));
    stage.store.clock.advance(Duration::from_secs(41));
    assert!(
        matches!(first.check(), Err(Exit::Lost)),
        "the margin is not for beginning things"
    );
    stage.store.clock.advance(Duration::from_secs(9));
    let second = claim("two").await;
    assert!(matches!(Held::open(&stage.store, &first).await, Err(Exit::Lost)));
    drop(Held::open(&stage.store, &second).await.expect("it holds the run"));
    // Whoever claims its own run anew aborts what it still does under the old lease.
    let (leases, first) = (Leases::default(), Arc::new(first));
    leases.insert(Arc::clone(&first));
    leases.insert(Arc::new(second));
    let step = first.or_cut(std::future::pending::<()>());
    assert!(matches!(
        tokio::time::timeout(Duration::from_secs(5), step).await,
        Ok(Err(Exit::Lost))
    ));
}

#[tokio::test]
async fn g9_a_worker_that_is_stopped_hands_its_runs_over_at_once() {
    let stage = Stage::gated(|request: &Request| match request.rehearsal.step {
        0 => call(&[("a", "probe", json!({"n": 1}))]),
        _ => say("{\"ok\": true}"),
    })
    .await;
    let launched = stage.launch(json!({}), None).await;
    let first = stage.worker();
    stage.wait_until_begun("model Turn 1 0").await;
    // Soft: the turn in progress is journaled, and nothing begins after it.
    let stopping = tokio::spawn(first.stop(Duration::from_secs(10)));
    tokio::time::sleep(Duration::from_millis(30)).await;
    stage.gate.let_through(1);
    stopping.await.expect("stops");
    assert_eq!(stage.steps(launched.conversation_id).await, 1);
    assert_eq!(stage.gate.begun("probe 1"), 0);
    // Hard: what does not end in time is dropped.
    let second = stage.worker();
    stage.wait_until_begun("probe 1").await;
    second.stop(Duration::ZERO).await;
    // The clock stands: no lease has run out, and a third goes on all the same.
    stage.gate.let_through(10);
    let _third = stage.worker();
    assert_eq!(stage.ended(launched.id).await.status, "finished");
    assert_eq!(stage.gate.counts()["model Turn 1 0"], 1);
    let turns = stage.messages(launched.conversation_id).await;
    assert_eq!(
        turns
            .iter()
            .filter(|message| message.role == Role::Assistant)
            .count(),
        2
    );
}

#[tokio::test]
async fn g9_a_worker_that_is_stopped_hands_back_what_it_claimed_and_never_heard_of() {
    use crate::domain::claim::{self, Terms};

    let stage = Stage::gated(|_: &Request| say("{\"ok\": true}")).await;
    // It claims nothing itself.
    let settings = Settings {
        heartbeat: Duration::from_secs(600),
        concurrency: 0,
        ..Settings::default()
    };
    let worker = Worker::start(stage.deps.clone(), settings);
    let terms = Terms {
        lease: Duration::from_secs(45),
        max_stalls: 3,
    };
    let name = worker.name().to_owned();
    let launched = stage.launch(json!({}), None).await;
    let known = ["tester/test".to_owned()];
    let unheard = claim::claim(&stage.store, &name, &known, 1, &terms).await;
    assert_eq!(unheard.expect("claims").len(), 1);
    worker.stop(Duration::ZERO).await;
    let depth = db::runs::depth(stage.store.db.read(), stage.store.clock.now()).await;
    assert_eq!(depth.expect("reads").running, 0);
    stage.gate.let_through(10);
    let _next = stage.worker();
    assert_eq!(stage.ended(launched.id).await.status, "finished");
}

#[tokio::test]
async fn workers_that_keep_vanishing_give_the_run_up() {
    let stage = Stage::gated(|_: &Request| Act::Hang).await;
    let launched = stage.launch(json!({}), None).await;
    for round in 0..4 {
        let worker = stage.worker();
        eventually("a claim or the end", async || {
            let has_begun = stage.gate.begun("model Turn 1 0") > round;
            let has_ended = stage.execution(launched.id).await.finished_at.is_some();
            (has_begun || has_ended).then_some(())
        })
        .await;
        worker.vanish().await;
        stage.store.clock.advance(PAST_THE_LEASE);
    }
    let ended = stage.ended(launched.id).await;
    assert_eq!(ended.failure_category.as_deref(), Some("worker_lost"));
}
