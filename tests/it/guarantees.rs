//! The guarantees of the lifecycle, on the rules alone: workers are played by hand, so that each
//! race can be set up exactly.

use std::time::Duration;

use agentic_executions::base::failure::FailureCategory;
use agentic_executions::db;
use agentic_executions::domain::idempotency::{self, Key};
use agentic_executions::domain::journal::{self, Entry};
use agentic_executions::domain::launch;
use agentic_executions::domain::lifecycle::{self, CancelError, Ending, Failure, Status};
use agentic_executions::domain::records::{self, Mode, Outcome};
use agentic_executions::domain::{access, claim, files, people, sweep};
use futures::{StreamExt, stream};
use sea_orm::ConnectionTrait;
use serde_json::json;

use crate::both;
use crate::support::eventually;
use crate::support::world::{finish, terms};

/// More than there are connections, and few enough that each gets one in time.
const AT_ONCE: usize = 16;

fn key(text: &str) -> Option<Key> {
    Some(Key {
        key: text.to_owned(),
        reject_duplicates: false,
    })
}

fn done() -> Ending {
    Ending::Finished(json!({"ok": true}))
}

both! {
    async fn g1_a_launch_stores_all_of_an_execution_or_nothing(world: World) {
        let launched = world.launch().await;
        let row = launched.execution;
        assert_eq!(row.status, "pending");
        let events = journal::read_all(world.store.db.read(), row.conversation_id).await.expect("reads");
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].entry, Entry::StatusChanged { from: None, to: Status::Pending });
        let before = db_counts(&world).await;
        let mut broken = world.request();
        broken.input = json!({"skus": "no list"});
        let refusal = launch::launch(&world.store, world.tools(), &world.owner, broken).await;
        assert!(matches!(refusal, Err(launch::Error::Input(_))), "{refusal:?}");
        assert_eq!(db_counts(&world).await, before, "a refused launch leaves nothing");
    }

    async fn g2_eight_racing_launches_with_one_key_make_one_execution(world: World) {
        let launches = (0..8).map(|_| {
            let request = launch::Request { idempotency: key("once"), ..world.request() };
            launch::launch(&world.store, world.tools(), &world.owner, request)
        });
        let launched: Vec<_> = futures::future::join_all(launches).await.into_iter().map(|made| made.expect("launches")).collect();
        let ids: std::collections::HashSet<_> = launched.iter().map(|made| made.execution.id).collect();
        assert_eq!(ids.len(), 1);
        assert_eq!(launched.iter().filter(|made| made.created).count(), 1);
        let other = launch::Request { idempotency: key("once"), labels: vec!["other".to_owned()], ..world.request() };
        let refusal = launch::launch(&world.store, world.tools(), &world.owner, other).await;
        assert!(matches!(refusal, Err(launch::Error::Conflict(Some(_), idempotency::Conflict::OtherPayload))), "{refusal:?}");
    }

    async fn g2_a_repeated_key_gets_its_first_answer_also_when_the_world_has_changed(world: World) {
        let request = || launch::Request { idempotency: key("once"), ..world.request() };
        let first = launch::launch(&world.store, world.tools(), &world.owner, request()).await.expect("launches");
        let agent = db::agents::find(world.store.db.read(), world.agent).await.expect("reads").expect("is there");
        let work = world.store.begin().await.expect("begins");
        let retired = entity::agent::Model { retired_at: Some(work.now), ..agent.clone() };
        db::agents::replace(&work.tx, &agent, retired).await.expect("retires");
        work.commit().await.expect("commits");
        let again = launch::launch(&world.store, world.tools(), &world.owner, request()).await.expect("is answered");
        assert_eq!(again.execution.id, first.execution.id);
        assert!(!again.created);
    }

    async fn g3_a_second_worker_cannot_write_after_losing_its_lease(world: World) {
        world.launch().await;
        let first = world.claim("one").await.remove(0);
        world.advance(46);
        let second = world.claim("two").await.remove(0);
        assert!(second.is_takeover);
        assert!(second.run.fence > first.run.fence);
        assert!(!world.finish("one", &first, done()).await, "the first has lost it");
        assert!(world.finish("two", &second, done()).await);
    }

    async fn g3_a_lease_that_ran_out_is_gone_also_when_nobody_took_the_run(world: World) {
        world.launch().await;
        let claimed = world.claim("one").await.remove(0);
        world.advance(46);
        assert!(!world.finish("one", &claimed, done()).await);
        let kept = claim::renew(&world.store, "one", &terms()).await.expect("answers");
        assert!(kept.is_empty(), "a heartbeat does not bring it back");
    }

    async fn g3_one_heartbeat_keeps_every_lease_of_a_worker(world: World) {
        for _ in 0..3 {
            world.launch().await;
        }
        assert_eq!(world.claim("one").await.len(), 3);
        world.advance(40);
        let before = world.store.db.statements();
        let kept = claim::renew(&world.store, "one", &terms()).await.expect("answers");
        assert_eq!(kept.len(), 3);
        assert!(world.store.db.statements() - before <= 1, "one statement");
        world.advance(40);
        assert!(world.claim("two").await.is_empty(), "still held");
    }

    async fn g4_three_stalls_end_in_worker_lost_and_a_hand_over_is_none(world: World) {
        let id = world.launch().await.execution.id;
        let claimed = world.claim("zero").await.remove(0);
        for worker in ["one", "two", "three", "four"] {
            let released = claim::release(&world.store, claimed.run.id, "zero", claimed.run.fence).await;
            if released.expect("answers") {
                let next = world.claim(worker).await.remove(0);
                assert!(!next.is_takeover, "a hand-over is no takeover");
            }
        }
        for worker in ["five", "six"] {
            world.advance(46);
            assert_eq!(world.claim(worker).await.len(), 1);
        }
        world.advance(46);
        assert!(world.claim("seven").await.is_empty());
        let row = world.execution(id).await;
        assert_eq!(row.failure_category.as_deref(), Some("worker_lost"));
    }

    async fn g4_progress_between_two_crashes_starts_the_count_anew(world: World) {
        let id = world.launch().await.execution.id;
        for round in 0..6 {
            let worker = format!("worker {round}");
            let claimed = world.claim(&worker).await.remove(0);
            let (mut work, _) = claim::hold(&world.store, claimed.run.id, &worker, claimed.run.fence).await.expect("answers").expect("held");
            let progress = journal::Progress { done: round, total: None, note: None };
            let row = db::executions::find_locked(&work.tx, id).await.expect("reads").expect("is there");
            lifecycle::report_progress(&mut work, &row, progress).await.expect("reports");
            work.commit().await.expect("commits");
            world.advance(46);
        }
        assert_eq!(world.execution(id).await.status, "in_progress");
    }

    async fn g5_a_pending_execution_is_canceled_at_once_and_canceling_again_succeeds(world: World) {
        let id = world.launch().await.execution.id;
        let first = lifecycle::cancel(&world.store, &world.owner, id, Some("changed my mind")).await.expect("cancels");
        assert_eq!((first.status.as_str(), first.failure_category.as_deref()), ("failed", Some("canceled")));
        assert!(first.cancel_confirmed_at.is_some());
        let again = lifecycle::cancel(&world.store, &world.owner, id, Some("another reason")).await.expect("succeeds again");
        assert_eq!(again, first);
        assert!(world.claim("one").await.is_empty());
    }

    async fn g5_once_a_cancel_is_accepted_the_end_is_canceled(world: World) {
        let id = world.launch().await.execution.id;
        let claimed = world.claim("one").await.remove(0);
        let asked = lifecycle::cancel(&world.store, &world.owner, id, None).await.expect("is accepted");
        assert_eq!(asked.status, "in_progress");
        let kept = claim::renew(&world.store, "one", &terms()).await.expect("answers");
        assert!(kept[0].stop_requested_at.is_some(), "the heartbeat tells");
        assert!(world.finish("one", &claimed, done()).await);
        let row = world.execution(id).await;
        assert_eq!((row.status.as_str(), row.failure_category.as_deref()), ("failed", Some("canceled")));
        assert!(row.cancel_confirmed_at.is_some());
    }

    async fn g5_what_has_finished_cannot_be_canceled(world: World) {
        let id = world.launch().await.execution.id;
        let claimed = world.claim("one").await.remove(0);
        world.finish("one", &claimed, done()).await;
        let refusal = lifecycle::cancel(&world.store, &world.owner, id, None).await;
        assert!(matches!(refusal, Err(CancelError::AlreadyTerminal(_))), "{refusal:?}");
    }

    async fn g5_the_sweeper_confirms_when_the_holder_has_vanished(world: World) {
        let id = world.launch().await.execution.id;
        world.claim("one").await;
        lifecycle::cancel(&world.store, &world.owner, id, None).await.expect("is accepted");
        world.advance(46);
        assert!(world.claim("two").await.is_empty(), "what is to stop is not taken over");
        assert_eq!(sweep::end_abandoned(&world.store).await.expect("sweeps"), 1);
        assert_eq!(world.execution(id).await.failure_category.as_deref(), Some("canceled"));
    }

    /// A thousand of each race; whatever wins, there is one end, and it is CANCELED when the
    /// cancel was accepted.
    async fn g5_cancel_races_end_in_one_way(world: World) {
        const ROUNDS: usize = 1000;
        for race in [Race::Finish, Race::Takeover, Race::Pending, Race::Twice] {
            for chunk in (0..ROUNDS).collect::<Vec<_>>().chunks(50) {
                let mut launched = Vec::new();
                for _ in chunk {
                    launched.push(world.launch().await.execution.id);
                }
                let claimed = if race == Race::Pending { Vec::new() } else { world.claim("one").await };
                if race == Race::Takeover {
                    world.advance(46);
                }
                let rivals = launched.iter().map(|id| {
                    let own = claimed.iter().find(|claimed| claimed.run.execution_id == Some(*id));
                    rival(&world, race, own)
                });
                let cancels = launched.iter().map(|id| lifecycle::cancel(&world.store, &world.owner, *id, None));
                let races = cancels.zip(rivals).map(async |(cancel, rival)| tokio::join!(cancel, rival).0);
                let canceled: Vec<_> = stream::iter(races).buffered(AT_ONCE / 2).collect().await;
                if race == Race::Twice {
                    for id in &launched {
                        lifecycle::cancel(&world.store, &world.owner, *id, None).await.expect("again");
                    }
                }
                // Whoever still holds something confirms, else the sweeper does.
                world.advance(46);
                while sweep::end_abandoned(&world.store).await.expect("sweeps") > 0 {}
                for (id, cancel) in launched.iter().zip(canceled) {
                    let row = world.execution(*id).await;
                    let ends = db::changes::of_execution(world.store.db.read(), *id, 0, 100).await.expect("reads");
                    let terminal = ends.iter().filter(|change| change.previous_status.is_some() && matches!(change.status.as_str(), "finished" | "failed"));
                    assert_eq!(terminal.count(), 1, "{race:?} {id}: one end");
                    match cancel {
                        Ok(_) => assert_eq!(row.failure_category.as_deref(), Some("canceled"), "{race:?} {id}"),
                        Err(CancelError::AlreadyTerminal(_)) => assert_eq!(row.status, "finished", "{race:?} {id}"),
                        Err(error) => panic!("{race:?} {id}: {error}"),
                    }
                }
            }
        }
    }

    async fn g7_the_queue_gives_up_after_the_time_to_live(world: World) {
        let request = launch::Request { ttl_seconds: Some(10), ..world.request() };
        let id = launch::launch(&world.store, world.tools(), &world.owner, request).await.expect("launches").execution.id;
        world.advance(10);
        assert!(world.claim("one").await.is_empty(), "an expired run is not claimed");
        assert_eq!(sweep::end_abandoned(&world.store).await.expect("sweeps"), 1);
        let row = world.execution(id).await;
        assert_eq!((row.failure_category.as_deref(), row.started_at, row.duration_ms), (Some("expired"), None, None));
    }

    async fn g7_running_is_bounded_also_when_the_worker_has_vanished(world: World) {
        let request = launch::Request { max_duration_seconds: Some(60), ttl_seconds: Some(5), ..world.request() };
        let id = launch::launch(&world.store, world.tools(), &world.owner, request).await.expect("launches").execution.id;
        world.claim("one").await;
        world.advance(61);
        assert!(world.claim("two").await.is_empty());
        assert_eq!(sweep::end_abandoned(&world.store).await.expect("sweeps"), 1);
        assert_eq!(world.execution(id).await.failure_category.as_deref(), Some("timed_out"));
    }

    async fn g8_every_failure_that_the_system_ends_has_an_explanation(world: World) {
        for category in FailureCategory::ALL {
            let id = world.launch().await.execution.id;
            let claimed = world.claim("one").await.remove(0);
            world.finish("one", &claimed, Ending::Failed(Failure::of(category, "what happened"))).await;
            let payload = db::executions::payloads(world.store.db.read(), &[id]).await.expect("reads").remove(0);
            assert_eq!(payload.explanation.as_deref(), Some("what happened"));
            assert_eq!(payload.explanation_source.as_deref(), Some("system"));
        }
    }

    async fn two_writers_of_one_new_record_lose_nothing_of_each_other(world: World) {
        for round in 0..30 {
            let write = async |member: &str| {
                let work = world.store.begin().await.expect("begins");
                let documents = [(format!("key {round}"), json!({ member: round }))];
                let outcomes = records::upsert(&work, world.set, "products", &documents, Mode::Merge).await.expect("writes");
                work.commit().await.expect("commits");
                outcomes
            };
            let (one, other) = tokio::join!(write("colour"), write("weight"));
            let made = [one, other].concat().iter().filter(|outcome| **outcome == Outcome::Created).count();
            assert_eq!(made, 1, "one makes it, the other changes it");
            let search = records::Search { collection: "products".to_owned(), keys: Some(vec![format!("key {round}")]), limit: 1, ..Default::default() };
            let found = records::search(&world.store, world.set, &search).await.expect("reads");
            assert_eq!((&found[0].1["colour"], &found[0].1["weight"]), (&json!(round), &json!(round)));
        }
    }

    async fn a_blob_that_a_file_uses_is_never_forgotten(world: World) {
        let blob = world.store.ids.next();
        world.storage.write(blob, b"bytes".as_slice()).await.expect("writes");
        let work = world.store.begin().await.expect("begins");
        db::files::stage(&work.tx, blob, work.now).await.expect("stages");
        let row = entity::file::Model {
            id: work.id(), blob_id: blob, data_set_id: world.set, owner_id: world.owner.user_id, conversation_id: None,
            execution_id: None, position: 0, filename: "a.csv".to_owned(), content_type: "text/csv".to_owned(),
            size_bytes: 5, sha256: String::new(), created_at: work.now,
        };
        db::files::insert(&work.tx, vec![row]).await.expect("attaches");
        work.commit().await.expect("commits");
        files::forget(&world.store, &world.storage, blob).await.expect("looks");
        assert!(world.storage.read_all(blob, 10).await.expect("reads").is_some(), "in use");
        world.advance(2 * 24 * 60 * 60);
        sweep::forget_old(&world.store, &world.storage, &sweep::Retention::default()).await.expect("sweeps");
        assert!(world.storage.read_all(blob, 10).await.is_err(), "swept once nothing uses it");
    }

    async fn a_disk_that_is_full_keeps_nobody_from_reading(world: World) {
        let (_, secret) = people::create_token(&world.store, world.owner.user_id, "test", None).await.expect("a token");
        let full = if world.store.db.is_postgres() {
            "CREATE FUNCTION full_disk() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = '53100'; END $$ LANGUAGE plpgsql;
             CREATE TRIGGER full_disk BEFORE UPDATE ON access_token FOR EACH ROW EXECUTE FUNCTION full_disk()"
        } else {
            "CREATE TRIGGER full_disk BEFORE UPDATE ON access_token BEGIN SELECT RAISE(ABORT, 'no space left'); END"
        };
        let tx = world.store.db.begin().await.expect("begins");
        tx.execute_unprepared(full).await.expect("is full");
        world.store.db.commit(tx).await.expect("commits");
        let viewer = access::authenticate(&world.store, &secret).await.expect("answers");
        assert_eq!(viewer.map(|viewer| viewer.user_id), Some(world.owner.user_id));
    }

    async fn two_thousand_launches_while_workers_are_busy_are_each_run_once(world: World) {
        let workers = ["one", "two"].map(|name| tokio::spawn(work(world.store.clone(), name)));
        let launches = (0..2000).map(|_| world.launch());
        stream::iter(launches).buffer_unordered(AT_ONCE).for_each(|_| async {}).await;
        // However long a busy machine takes, as long as now and then one ends.
        let mut left = 2001;
        while left > 0 {
            let before = left;
            eventually("another has ended", async || {
                let depth = db::runs::depth(world.store.db.read(), world.store.clock.now()).await.expect("counts");
                left = depth.waiting + depth.running;
                left < before
            }).await;
        }
        workers.iter().for_each(tokio::task::JoinHandle::abort);
        let filter = db::executions::filter::Filter { statuses: Some(vec!["finished".to_owned()]), ..Default::default() };
        let plan = db::executions::page::Plan::new(&world.admin.reach(), &filter).expect("a plan");
        assert_eq!(plan.count(world.store.db.read()).await.expect("counts").count, 2000);
        let finished = world.db_log(100_000).await.iter().filter(|change| change.status == "finished").count();
        assert_eq!(finished, 2000, "each ended once");
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Race {
    Finish,
    Takeover,
    Pending,
    Twice,
}

async fn rival(world: &crate::support::World, race: Race, claimed: Option<&claim::Claimed>) {
    match (race, claimed) {
        (Race::Finish, Some(claimed)) => {
            world.finish("one", claimed, done()).await;
        }
        (Race::Takeover | Race::Pending, _) => {
            for taken in world.claim("two").await {
                world.finish("two", &taken, done()).await;
            }
        }
        (Race::Twice, Some(claimed)) => {
            let _ = lifecycle::cancel(
                &world.store,
                &world.owner,
                claimed.run.execution_id.expect("an execution"),
                None,
            )
            .await;
        }
        _ => {}
    }
}

async fn work(store: agentic_executions::domain::Store, name: &'static str) {
    let definitions = vec![launch::definition_of(
        crate::support::world::AGENT_TYPE,
        "invoice-scanning",
    )];
    loop {
        let claimed = claim::claim(&store, name, &definitions, 20, &terms())
            .await
            .expect("claims");
        if claimed.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        for one in claimed {
            finish(&store, name, &one, done()).await;
        }
    }
}

async fn db_counts(world: &crate::support::World) -> (u64, u64, usize) {
    let plan = db::executions::page::Plan::new(&world.admin.reach(), &Default::default()).expect("a plan");
    let executions = plan.count(world.store.db.read()).await.expect("counts").count;
    let depth = db::runs::depth(world.store.db.read(), world.store.clock.now())
        .await
        .expect("counts");
    (executions, depth.waiting, world.db_log(1000).await.len())
}
