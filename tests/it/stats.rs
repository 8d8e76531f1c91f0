//! Figures and facets against the rows they are of, computed by hand: on both databases, for
//! everyone who asks, under filters of every kind that a plan treats differently.

use std::collections::BTreeMap;

use agentic_executions::base::intervals::{self, Interval};
use agentic_executions::db;
use agentic_executions::db::executions::facets::{self, Facet};
use agentic_executions::db::executions::filter::{Filter, Range, Reach};
use agentic_executions::db::executions::page::Plan;
use agentic_executions::db::executions::stats::{self, FailureCount, Figures, Sample};
use entity::{execution, execution_payload};
use uuid::Uuid;

use crate::both;
use crate::support::World;
use crate::support::world::START;

const ALL: u64 = 100_000;
const MINUTE: i64 = 60_000;

/// What was stored: rows with their labels.
type Rows = Vec<(execution::Model, Vec<String>)>;

/// Executions over some days around a change of clocks, of two agents and two people, each number
/// in it following from the row's place alone.
async fn db_fill(world: &World) -> Rows {
    let other = other_agent(world).await;
    let tx = world.store.db.begin().await.expect("begins");
    let mut rows = Vec::new();
    for n in 0..400_i64 {
        // A walk that repeats late.
        let mixed = (n * 7919 + 13) % 1009;
        let status = ["pending", "in_progress", "finished", "failed", "finished"][(mixed % 5) as usize];
        let created_at = START + n * 37 * MINUTE;
        let ended = matches!(status, "finished" | "failed");
        // Some end without having started.
        let started_at = (status != "pending" && mixed % 11 != 0).then_some(created_at + mixed * 100);
        let duration_ms = started_at.filter(|_| ended).map(|_| mixed * mixed % 7_919);
        let (category, code) = match (status, mixed % 3) {
            ("failed", 0) => (Some("validation_failed"), Some("no_such_sku")),
            ("failed", 1) => (Some("canceled"), Some("canceled")),
            ("failed", _) => (Some("timed_out"), Some("timed_out")),
            _ => (None, None),
        };
        let row = execution::Model {
            id: Uuid::from_u128(1_000 + n as u128),
            revision: 1,
            status: status.to_owned(),
            data_set_id: world.set,
            agent_id: if mixed % 4 == 0 { other } else { world.agent },
            execution_key: if mixed % 6 == 0 {
                "order-intake"
            } else {
                "invoice-scanning"
            }
            .to_owned(),
            schema_version: "1".to_owned(),
            conversation_id: Uuid::from_u128(n as u128),
            launched_by: if mixed % 7 == 0 {
                world.member.user_id
            } else {
                world.owner.user_id
            },
            attempt: 1,
            max_attempts: 4,
            failure_category: category.map(str::to_owned),
            failure_code: code.map(str::to_owned),
            failure_retryable: category.map(|_| false),
            cancel_requested_at: None,
            cancel_requested_by: None,
            cancel_reason: None,
            cancel_confirmed_at: None,
            progress_done: None,
            progress_total: None,
            progress_note: None,
            // Together more than 32 bits hold.
            input_tokens: mixed * 50_000_000,
            cached_input_tokens: 0,
            output_tokens: mixed * 3,
            model_calls: (mixed % 9) as i32,
            tool_calls: (mixed % 13) as i32,
            cost_micro_usd: (mixed % 2 == 0).then_some(mixed),
            retry_of: None,
            max_duration_ms: None,
            created_at,
            started_at,
            finished_at: started_at.zip(duration_ms).map(|(at, took)| at + took),
            duration_ms,
            expires_at: None,
            deadline_at: None,
            updated_at: created_at,
        };
        let labels: Vec<String> = [("urgent", 3), ("night", 5), ("batch", 2)]
            .iter()
            .filter(|(_, every)| mixed % every == 0)
            .map(|(label, _)| (*label).to_owned())
            .collect();
        let payload = execution_payload::Model {
            execution_id: row.id,
            input: "{}".to_owned(),
            result: None,
            explanation: None,
            explanation_source: None,
        };
        db::executions::insert(&tx, row.clone(), payload, &labels)
            .await
            .expect("inserts");
        rows.push((row, labels));
    }
    world.store.db.commit(tx).await.expect("commits");
    rows
}

async fn other_agent(world: &World) -> Uuid {
    let tx = world.store.db.begin().await.expect("begins");
    let known = db::agents::find(&tx, world.agent)
        .await
        .expect("reads")
        .expect("is there");
    let row = entity::agent::Model {
        id: Uuid::from_u128(2),
        name: "other".to_owned(),
        ..known
    };
    db::agents::insert(&tx, row.clone()).await.expect("an agent");
    world.store.db.commit(tx).await.expect("commits");
    row.id
}

/// The least value that `percent` of a hundred are not greater than.
fn percentile(sorted: &[i64], percent: usize) -> Option<i64> {
    let at_or_below = |value: &i64| sorted.iter().filter(|one| *one <= value).count();
    sorted
        .iter()
        .find(|value| at_or_below(value) * 100 >= percent * sorted.len())
        .copied()
}

fn by_hand(rows: &[&execution::Model]) -> Figures {
    let count = |status: &str| rows.iter().filter(|row| row.status == status).count() as i64;
    let sorted = |of: &dyn Fn(&execution::Model) -> Option<i64>| {
        let mut values: Vec<i64> = rows.iter().filter_map(|row| of(row)).collect();
        values.sort_unstable();
        values
    };
    let durations = sorted(&|row| row.duration_ms);
    let waits = sorted(&|row| row.started_at.map(|at| at - row.created_at));
    Figures {
        pending: count("pending"),
        in_progress: count("in_progress"),
        finished: count("finished"),
        failed: count("failed"),
        input_tokens: rows.iter().map(|row| row.input_tokens).sum(),
        output_tokens: rows.iter().map(|row| row.output_tokens).sum(),
        model_calls: rows.iter().map(|row| i64::from(row.model_calls)).sum(),
        tool_calls: rows.iter().map(|row| i64::from(row.tool_calls)).sum(),
        cost_micro_usd: rows.iter().filter_map(|row| row.cost_micro_usd).sum(),
        duration_p50: percentile(&durations, 50),
        duration_p90: percentile(&durations, 90),
        duration_p99: percentile(&durations, 99),
        duration_max: durations.last().copied(),
        wait_p50: percentile(&waits, 50),
        wait_p90: percentile(&waits, 90),
        wait_p99: percentile(&waits, 99),
        wait_max: waits.last().copied(),
        oldest: rows.iter().map(|row| row.created_at).min(),
    }
}

/// The most frequent first, and then in order.
fn ranked<K: Ord + Clone>(values: impl Iterator<Item = K>) -> Vec<(K, i64)> {
    let mut counts = BTreeMap::new();
    for value in values {
        *counts.entry(value).or_insert(0) += 1;
    }
    let mut ranked: Vec<(K, i64)> = counts.into_iter().collect();
    ranked.sort_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(&other.0)));
    ranked
}

/// Who asks for what.
fn questions(world: &World) -> Vec<(&'static str, Reach, Filter)> {
    let admin = Reach::Sets(vec![(world.set, None)]);
    let member = Reach::Sets(vec![(world.set, Some(world.owner.user_id))]);
    let texts = |texts: &[&str]| Some(texts.iter().map(|text| (*text).to_owned()).collect());
    let plain = Filter::default;
    vec![
        ("a data set", admin.clone(), plain()),
        ("the server", Reach::Everything, plain()),
        ("one's own", member, plain()),
        ("nothing", Reach::Sets(Vec::new()), plain()),
        (
            "in some statuses, of some agents",
            admin.clone(),
            Filter {
                statuses: texts(&["finished", "failed"]),
                agent_ids: Some(vec![world.agent, Uuid::from_u128(2)]),
                ..plain()
            },
        ),
        (
            "by label",
            admin.clone(),
            Filter {
                labels: vec!["urgent".to_owned(), "batch".to_owned()],
                ..plain()
            },
        ),
        (
            "found",
            admin.clone(),
            Filter {
                search: Some("NIGHT".to_owned()),
                ..plain()
            },
        ),
        (
            "of a range and a type",
            admin,
            Filter {
                execution_keys: texts(&["order-intake"]),
                created_at: Range {
                    from: Some(START + 1_000 * MINUTE),
                    to: Some(START + 9_000 * MINUTE),
                },
                ..plain()
            },
        ),
    ]
}

fn matching<'r>(rows: &'r Rows, reach: &Reach, filter: &Filter) -> Vec<&'r (execution::Model, Vec<String>)> {
    rows.iter()
        .filter(|(row, labels)| reach.sees(row.data_set_id, row.launched_by) && filter.matches(row, labels))
        .collect()
}

both! {
    async fn figures_are_those_of_the_rows(world: World) {
        let rows = db_fill(&world).await;
        let db = world.store.db.read();
        let vienna = intervals::zone("Europe/Vienna").expect("a zone");
        for (what, reach, filter) in questions(&world) {
            let plan = Plan::new(&reach, &filter).expect("a plan");
            let sample = Sample { plan: &plan, rows: ALL };
            let known: Vec<&execution::Model> = matching(&rows, &reach, &filter).into_iter().map(|(row, _)| row).collect();
            assert_eq!(stats::overall(db, sample).await.expect("computes"), by_hand(&known), "{what}");

            let agents: Vec<(Uuid, Figures)> = ranked(known.iter().map(|row| row.agent_id))
                .into_iter()
                .map(|(agent, _)| {
                    let own: Vec<&execution::Model> = known.iter().filter(|row| row.agent_id == agent).copied().collect();
                    (agent, by_hand(&own))
                })
                .collect();
            assert_eq!(stats::by_agent(db, sample).await.expect("computes"), agents, "{what}, by agent");

            // Two days before the first to two after the last, so that some are empty.
            let (from, to) = (START - 2_880 * MINUTE, START + 20_000 * MINUTE);
            for interval in [Interval::Hour, Interval::Day, Interval::Week] {
                let bounds = intervals::bounds(from, to, interval, vienna, 500).expect("few");
                let spans = stats::by_span(db, sample, &bounds).await.expect("computes");
                let expected: Vec<Figures> = bounds
                    .windows(2)
                    .map(|bounds| {
                        let within: Vec<&execution::Model> = known.iter().filter(|row| bounds[0] <= row.created_at && row.created_at < bounds[1]).copied().collect();
                        by_hand(&within)
                    })
                    .collect();
                assert_eq!(spans, expected, "{what}, {interval:?}");
            }

            let failures: Vec<FailureCount> = ranked(known.iter().filter_map(|row| Some((row.failure_category.clone()?, row.failure_code.clone()))))
                .into_iter()
                .map(|((category, code), counted)| FailureCount { category, code, counted })
                .collect();
            assert_eq!(stats::failures(db, sample).await.expect("computes"), failures, "{what}, failures");
        }
    }

    async fn spans_of_a_year_with_two_changes_of_clocks_hold_what_was_created_in_them(world: World) {
        let rows = db_fill(&world).await;
        let new_york = intervals::zone("America/New_York").expect("a zone");
        let bounds = intervals::bounds(START - 400 * 1_440 * MINUTE, START + 50 * 1_440 * MINUTE, Interval::Day, new_york, 500).expect("few");
        let widths = ranked(bounds.windows(2).map(|bounds| (bounds[1] - bounds[0]) / (60 * MINUTE)));
        assert!(widths.len() == 3, "days of 23, 24 and 25 hours: {widths:?}");
        let filter = Filter::default();
        let plan = Plan::new(&Reach::Everything, &filter).expect("a plan");
        let spans = stats::by_span(world.store.db.read(), Sample { plan: &plan, rows: ALL }, &bounds).await.expect("computes");
        for (figures, bounds) in spans.iter().zip(bounds.windows(2)) {
            let within: Vec<&execution::Model> = rows.iter().map(|(row, _)| row).filter(|row| bounds[0] <= row.created_at && row.created_at < bounds[1]).collect();
            assert_eq!(*figures, by_hand(&within), "{bounds:?}");
        }
    }

    async fn of_more_than_the_sample_the_newest_count(world: World) {
        let rows = db_fill(&world).await;
        for (what, reach, filter) in questions(&world) {
            let plan = Plan::new(&reach, &filter).expect("a plan");
            let mut known: Vec<&execution::Model> = matching(&rows, &reach, &filter).into_iter().map(|(row, _)| row).collect();
            known.sort_by_key(|row| std::cmp::Reverse((row.created_at, row.id)));
            known.truncate(8);
            let sample = Sample { plan: &plan, rows: 7 };
            let computed = stats::overall(world.store.db.read(), sample).await.expect("computes");
            assert_eq!(computed, by_hand(&known), "{what}: seven, and one that tells that there are more");
        }
    }

    async fn facets_count_what_occurs_in_the_rows(world: World) {
        let rows = db_fill(&world).await;
        let db = world.store.db.read();
        for (what, reach, filter) in questions(&world) {
            let plan = Plan::new(&reach, &filter).expect("a plan");
            let known = matching(&rows, &reach, &filter);
            let ids = async |facet| facets::count::<Uuid>(db, &plan, facet, ALL, 50).await.expect("counts");
            let texts = async |facet| facets::count::<String>(db, &plan, facet, ALL, 50).await.expect("counts");
            assert_eq!(ids(Facet::Agent).await, ranked(known.iter().map(|(row, _)| row.agent_id)), "{what}");
            assert_eq!(ids(Facet::LaunchedBy).await, ranked(known.iter().map(|(row, _)| row.launched_by)), "{what}");
            assert_eq!(texts(Facet::ExecutionKey).await, ranked(known.iter().map(|(row, _)| row.execution_key.clone())), "{what}");
            assert_eq!(texts(Facet::FailureCode).await, ranked(known.iter().filter_map(|(row, _)| row.failure_code.clone())), "{what}");
            assert_eq!(texts(Facet::Label).await, ranked(known.iter().flat_map(|(_, labels)| labels.clone())), "{what}");
            let most: Vec<(String, i64)> = texts(Facet::Label).await.into_iter().take(1).collect();
            assert_eq!(facets::count::<String>(db, &plan, Facet::Label, ALL, 1).await.expect("counts"), most, "{what}");
        }
    }
}
