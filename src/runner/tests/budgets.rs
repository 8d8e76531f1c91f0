//! Usage, cost, and budgets that runs share.

use std::time::Duration;

use futures::{StreamExt, stream};
use serde_json::json;

use crate::base::period::Period;
use crate::db;
use crate::db::budgets::{Amount, Most};
use crate::domain::budgets::{self, Budget, Budgets, Scope};
use crate::domain::journal::{Entry, Tokens};
use crate::model::{Error, Request, Usage};

use super::providers::hurry;
use super::replies::ask;
use super::stage::{Act, Stage, call, eventually, say};

const PAST_THE_LEASE: Duration = Duration::from_secs(50);

/// What the played model reports for each answer, at its price.
const ANSWER: Tokens = Tokens {
    input: 10,
    output: 1,
    cached_input: 4,
    // 6 at 1, 4 at a half, 1 at 2.
    cost_micro_usd: Some(10),
};

fn budget(name: &str, most: Most) -> Budget {
    Budget {
        name: name.to_owned(),
        scope: Scope::default(),
        period: Period::Day,
        most,
    }
}

fn calls(most: i64) -> Most {
    Most {
        model_calls: Some(most),
        ..Most::default()
    }
}

impl Stage {
    fn share(&mut self, budgets: Vec<Budget>) {
        self.deps.budgets = Budgets::new(budgets);
    }

    async fn used(&self, place: usize) -> Amount {
        let used = budgets::used(&self.store, &self.deps.budgets.all()[place]).await;
        used.expect("reads")
    }
}

fn used(model_calls: i64, tool_calls: i64) -> Amount {
    Amount {
        model_calls,
        tool_calls,
        tokens: 11 * model_calls,
        cost_micro_usd: 10 * model_calls,
    }
}

fn one_call_then_done(request: &Request) -> Act {
    match request.rehearsal.step {
        0 => call(&[("a", "probe", json!({"n": 1}))]),
        _ => say("{\"ok\": true}"),
    }
}

#[tokio::test]
async fn tokens_and_cost_are_counted_in_the_journal_the_row_and_the_day() {
    let stage = Stage::new(one_call_then_done).await;
    let ended = stage.run(json!({})).await;
    assert_eq!(
        (
            ended.input_tokens,
            ended.cached_input_tokens,
            ended.output_tokens,
            ended.cost_micro_usd
        ),
        (20, 8, 2, Some(20))
    );
    let usages: Vec<Tokens> = stage
        .journal(ended.conversation_id)
        .await
        .into_iter()
        .filter_map(|entry| match entry {
            Entry::Message { usage, .. } => usage,
            _ => None,
        })
        .collect();
    assert_eq!(usages, [ANSWER, ANSWER]);
    let chat = ask(&stage, None, "hello").await;
    let _worker = stage.worker();
    let day = 1_700_000_000_000 / (24 * 60 * 60 * 1000);
    let sums = eventually("both", async || {
        let db = stage.store.db.read();
        let sums = db::usage::sums(db, stage.agent.data_set_id, Some(stage.agent.id), day, day).await;
        let mut sums = sums.expect("reads");
        sums.sort_by_key(|sum| sum.is_chat);
        let answers: i64 = sums.iter().map(|sum| sum.model_calls).sum();
        (answers == 4).then_some(sums)
    })
    .await;
    let shown = sums.iter().map(|sum| {
        assert_eq!((sum.model.as_str(), sum.unpriced_calls), ("played", 0));
        (
            sum.is_chat,
            sum.model_calls,
            sum.input_tokens,
            sum.cached_input_tokens,
            sum.output_tokens,
            sum.cost_micro_usd,
        )
    });
    assert_eq!(
        shown.collect::<Vec<_>>(),
        [(false, 2, 20, 8, 2, 20), (true, 2, 20, 8, 2, 20)]
    );
    let rows = db::usage::of_conversations(stage.store.db.read(), &[chat.id])
        .await
        .expect("reads");
    assert_eq!(rows.len(), 1);
    let other_day = db::usage::sums(
        stage.store.db.read(),
        stage.agent.data_set_id,
        None,
        day + 1,
        day + 9,
    )
    .await;
    assert_eq!(other_day.expect("reads"), []);
}

#[tokio::test]
async fn what_a_call_reserves_comes_back_but_for_what_it_used() {
    let mut stage = Stage::gated(one_call_then_done).await;
    stage.share(vec![budget("all", Most::default())]);
    let launched = stage.launch(json!({}), None).await;
    let _worker = stage.worker();
    stage.wait_until_begun("model Turn 1 0").await;
    let reserved = stage.used(0).await;
    assert_eq!(reserved.model_calls, 1);
    // The longest answer, and some request.
    assert!(reserved.tokens > 4096 && reserved.tokens < 30_000, "{reserved:?}");
    assert!(reserved.cost_micro_usd > 8192, "{reserved:?}");
    stage.gate.let_through(10);
    assert_eq!(stage.ended(launched.id).await.status, "finished");
    assert_eq!(stage.used(0).await, used(2, 1));
}

#[tokio::test]
async fn a_spent_budget_ends_an_execution_and_says_why_and_renews_with_its_period() {
    let mut stage = Stage::new(one_call_then_done).await;
    stage.share(vec![budget("tight", calls(3)), budget("wide", calls(100))]);
    assert_eq!(stage.run(json!({})).await.status, "finished");
    let ended = stage.run(json!({})).await;
    assert_eq!(
        (
            ended.failure_category.as_deref(),
            ended.failure_retryable,
            ended.model_calls
        ),
        (Some("budget_exceeded"), Some(true), 1)
    );
    let explanation = stage.payload(ended.id).await.1.expect("an explanation");
    assert!(
        explanation.contains("shared budget `tight`")
            && explanation.contains("of 3 model calls a day, 3 are used")
            && explanation.contains("It renews at 2023-11-15T00:00:00.000Z"),
        "{explanation}"
    );
    // What the tight one refused the wide one did not count.
    assert_eq!(
        (stage.used(0).await, stage.used(1).await),
        (used(3, 2), used(3, 2))
    );
    stage.store.clock.advance(Duration::from_secs(24 * 60 * 60));
    assert_eq!(stage.run(json!({})).await.status, "finished");
}

#[tokio::test]
async fn tool_calls_tokens_and_cost_have_their_budgets_too() {
    for (most, words) in [
        (
            Most {
                tool_calls: Some(1),
                ..Most::default()
            },
            "of 1 tool calls a day, 1 are used or reserved, and this would have been 1 more",
        ),
        (
            Most {
                tokens: Some(4096),
                ..Most::default()
            },
            "of 4096 tokens a day, 0 are used or reserved",
        ),
        (
            Most {
                cost_micro_usd: Some(8000),
                ..Most::default()
            },
            "of USD 0.008 a day, USD 0.00 are used or reserved",
        ),
    ] {
        let mut stage = Stage::new(one_call_then_done).await;
        stage.share(vec![budget("tight", most)]);
        let first = stage.run(json!({})).await;
        let ended = if most.tool_calls.is_some() {
            stage.run(json!({})).await
        } else {
            first
        };
        assert_eq!(
            ended.failure_category.as_deref(),
            Some("budget_exceeded"),
            "{words}"
        );
        let explanation = stage.payload(ended.id).await.1.expect("an explanation");
        assert!(explanation.contains(words), "{explanation}");
    }
}

#[tokio::test]
async fn what_a_worker_that_died_had_reserved_counts_once_as_used() {
    for cut in ["before the answer", "after it"] {
        let mut stage = Stage::gated(one_call_then_done).await;
        stage.share(vec![budget("all", Most::default())]);
        let launched = stage.launch(json!({}), None).await;
        let worker = stage.worker();
        stage.wait_until_begun("model Turn 1 0").await;
        let reserved = stage.used(0).await;
        if cut == "after it" {
            stage.gate.let_through(1);
            stage.wait_until_begun("probe 1").await;
        }
        worker.vanish().await;
        stage.store.clock.advance(PAST_THE_LEASE);
        stage.gate.let_through(10);
        let _worker = stage.worker();
        assert_eq!(stage.ended(launched.id).await.status, "finished", "{cut}");
        let mut all = used(2, 1);
        if cut == "before the answer" {
            all.model_calls += 1;
            all.tokens += reserved.tokens;
            all.cost_micro_usd += reserved.cost_micro_usd;
        }
        assert_eq!(stage.used(0).await, all, "{cut}");
    }
}

#[tokio::test]
async fn a_worker_that_is_stopped_gives_back_what_it_has_reserved_and_not_begun() {
    for is_shared in [true, false] {
        let mut stage = Stage::gated(one_call_then_done).await;
        if is_shared {
            stage.share(vec![budget("all", Most::default())]);
        }
        let all = async |stage: &Stage| match is_shared {
            true => Some(stage.used(0).await),
            false => None,
        };
        let launched = stage.launch(json!({}), None).await;
        let worker = stage.worker();
        stage.gate.let_through(1);
        stage.wait_until_begun("probe 1").await;
        let stopping = tokio::spawn(worker.stop(Duration::from_secs(10)));
        tokio::time::sleep(Duration::from_millis(30)).await;
        // Its result reserves the next call, which is not made any more.
        stage.gate.let_through(1);
        stopping.await.expect("stops");
        assert_eq!(all(&stage).await, is_shared.then(|| used(1, 1)));
        assert_eq!(stage.execution(launched.id).await.model_calls, 1);
        stage.gate.let_through(10);
        let _worker = stage.worker();
        let ended = stage.ended(launched.id).await;
        assert_eq!((ended.status.as_str(), ended.model_calls), ("finished", 2));
        assert_eq!(all(&stage).await, is_shared.then(|| used(2, 1)));
    }
}

#[tokio::test]
async fn an_answer_that_broke_off_counts_as_a_call_with_what_is_known_of_its_use() {
    let tries = std::sync::atomic::AtomicUsize::new(0);
    let stage =
        Stage::new(
            move |request: &Request| match tries.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
                odd if odd % 2 == 0 => Act::Fail(Error::Interrupted {
                    reason: "it broke off".to_owned(),
                    usage: Usage {
                        input_tokens: 7,
                        output_tokens: 2,
                        ..Usage::default()
                    },
                }),
                _ => match request.rehearsal.input["calls"].as_u64() {
                    Some(_) => call(&[(&format!("c{}", request.rehearsal.step), "probe", json!({"n": 1}))]),
                    None => say("{\"ok\": true}"),
                },
            },
        )
        .await;
    let _hurry = hurry(stage.store.clock.clone());
    let ended = stage.run(json!({})).await;
    assert_eq!(
        (
            ended.status.as_str(),
            ended.model_calls,
            ended.input_tokens,
            ended.output_tokens
        ),
        ("finished", 2, 17, 3)
    );
    let day = 1_700_000_000_000 / (24 * 60 * 60 * 1000);
    let db = stage.store.db.read();
    let sums = db::usage::sums(db, stage.agent.data_set_id, None, day, day + 1).await;
    let calls: i64 = sums.expect("reads").iter().map(|sum| sum.model_calls).sum();
    assert_eq!(calls, 2);
    // The definition allows eight, whole or not.
    let ended = stage.run(json!({"calls": 9})).await;
    assert_eq!(
        (ended.failure_category.as_deref(), ended.model_calls),
        (Some("budget_exceeded"), 8)
    );
    assert_eq!(stage.requests.lock().expect("no panic").len(), 2 + 8);
}

#[tokio::test]
async fn an_answer_whose_tokens_nobody_counted_uses_all_that_was_reserved() {
    let mut stage = Stage::gated(|_: &Request| Act::Tell("{\"ok\": true}")).await;
    stage.share(vec![budget("all", Most::default())]);
    let launched = stage.launch(json!({}), None).await;
    let _worker = stage.worker();
    stage.wait_until_begun("model Turn 1 0").await;
    let reserved = stage.used(0).await;
    stage.gate.let_through(10);
    assert_eq!(stage.ended(launched.id).await.status, "finished");
    assert_eq!(stage.used(0).await, reserved);
}

#[tokio::test]
async fn each_try_after_a_broken_answer_is_reserved_anew_and_not_made_without_room() {
    for (most, status, requests) in [(9, "finished", 3), (2, "failed", 2)] {
        let tries = std::sync::atomic::AtomicUsize::new(0);
        let mut stage =
            Stage::new(
                move |_: &Request| match tries.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
                    0 | 1 => Act::Fail(Error::Interrupted {
                        reason: "it broke off".to_owned(),
                        usage: crate::model::Usage::default(),
                    }),
                    _ => say("{\"ok\": true}"),
                },
            )
            .await;
        stage.share(vec![budget("tight", calls(most))]);
        let _hurry = hurry(stage.store.clock.clone());
        let ended = stage.run(json!({})).await;
        assert_eq!(
            (ended.status.as_str(), ended.model_calls),
            (status, requests as i32)
        );
        assert_eq!(stage.requests.lock().expect("no panic").len(), requests);
        let used = stage.used(0).await;
        assert_eq!(used.model_calls, requests as i64);
        // Of the broken ones each counts with its request and its longest answer.
        assert!(used.tokens > 2 * 4096, "{used:?}");
        if status == "failed" {
            assert_eq!(ended.failure_category.as_deref(), Some("budget_exceeded"));
        }
    }
}

#[tokio::test]
async fn an_explanation_is_never_bought_with_what_a_shared_budget_has_not() {
    let mut stage = Stage::new(|_: &Request| say("no JSON")).await;
    stage.share(vec![budget("tight", calls(2))]);
    let ended = stage.run(json!({})).await;
    assert_eq!(ended.failure_category.as_deref(), Some("max_retries_exceeded"));
    assert_eq!(stage.payload(ended.id).await.2.as_deref(), Some("system"));
    assert_eq!(stage.used(0).await, used(2, 0));
}

#[tokio::test]
async fn replies_draw_on_shared_budgets_as_executions_do() {
    let mut stage = Stage::new(one_call_then_done).await;
    stage.share(vec![budget("tight", calls(3))]);
    let chat = ask(&stage, None, "hello").await;
    let _worker = stage.worker();
    let ends = async |count: usize| {
        eventually("an end", async || {
            let entries = stage.journal(chat.id).await.into_iter();
            let ends: Vec<_> = entries
                .filter_map(|entry| match entry {
                    Entry::ReplyEnded { failure, .. } => Some(failure),
                    _ => None,
                })
                .collect();
            (ends.len() == count).then_some(ends)
        })
        .await
    };
    assert_eq!(ends(1).await, [None]);
    ask(&stage, Some(chat.id), "and again").await;
    let failure = ends(2).await.pop().flatten().expect("a failure");
    assert_eq!(failure.category, "budget_exceeded");
    assert!(failure.explanation.contains("`tight`"), "{}", failure.explanation);
    assert_eq!(stage.used(0).await, used(3, 2));
}

#[tokio::test]
async fn a_thousand_takers_never_overspend() {
    let stage = Stage::new(one_call_then_done).await;
    let budgets = Budgets::new(vec![budget("a", calls(300)), budget("b", calls(500))]);
    let take = async |_| {
        let work = stage.store.begin().await.expect("begins");
        let one = Amount {
            model_calls: 1,
            tokens: 7,
            ..Amount::default()
        };
        let taken = budgets::take(&work, budgets.all(), one).await.expect("works");
        work.commit().await.expect("commits");
        taken.is_ok()
    };
    // More than there are connections, and few enough that each gets one in time.
    let takers = stream::iter(0..1000).map(take).buffer_unordered(16);
    let taken: Vec<bool> = takers.collect().await;
    assert_eq!(taken.into_iter().filter(|is_taken| *is_taken).count(), 300);
    for budget in budgets.all() {
        let used = budgets::used(&stage.store, budget).await.expect("reads");
        assert_eq!((used.model_calls, used.tokens), (300, 2100), "{}", budget.name);
    }
}
