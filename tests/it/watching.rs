//! G6: a subscriber that hands back its cursor misses nothing, over cuts, lost signals and writers
//! that commit out of order. Two stores stand for two nodes where a test needs them.

use std::collections::{BTreeMap, HashMap};
use std::pin::pin;
use std::time::Duration;

use agentic_executions::base::cursor::{LogPosition, StreamCursor};
use agentic_executions::base::page::Window;
use agentic_executions::bus::{Bus, Signal};
use agentic_executions::db;
use agentic_executions::db::executions::filter::Filter;
use agentic_executions::db::executions::page::{Order, Plan};
use agentic_executions::domain::claim::{self, Claimed};
use agentic_executions::domain::journal::Progress;
use agentic_executions::domain::lifecycle::{self, Ending, Status};
use agentic_executions::domain::watch::{self, Hub, events, set, status};
use agentic_executions::domain::{Store, access, people};
use futures::{Stream, StreamExt};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sea_orm::ConnectionTrait;
use serde_json::json;
use uuid::Uuid;

use crate::both;

const PATIENCE: Duration = Duration::from_secs(20);

async fn next<T>(stream: &mut (impl Stream<Item = T> + Unpin)) -> Option<T> {
    tokio::time::timeout(PATIENCE, stream.next())
        .await
        .expect("the stream goes on")
}

async fn report(store: &Store, worker: &str, claimed: &Claimed, done: i32) {
    let held = claim::hold(store, claimed.run.id, worker, claimed.run.fence)
        .await
        .expect("answers");
    let Some((mut work, _)) = held else { return };
    let id = claimed.run.execution_id.expect("an execution");
    let row = agentic_executions::db::executions::find_locked(&work.tx, id)
        .await
        .expect("reads")
        .expect("is there");
    let progress = Progress {
        done,
        total: None,
        note: None,
    };
    lifecycle::report_progress(&mut work, &row, progress)
        .await
        .expect("reports");
    work.commit().await.expect("commits");
}

fn everything() -> set::Request {
    set::Request {
        filter: Filter::default(),
        after: None,
        wants_total: false,
        wants_by_status: false,
    }
}

/// What a client makes of frames, as the contract tells it to.
#[derive(Default)]
struct Held {
    rows: BTreeMap<Uuid, entity::execution::Model>,
}

impl Held {
    fn apply(&mut self, frame: set::Frame) {
        for change in frame.changes {
            match change {
                set::Change::Entered(now) | set::Change::Updated(now) => {
                    let row = now.execution.clone();
                    let is_older = self
                        .rows
                        .get(&row.id)
                        .is_some_and(|held| held.revision > row.revision);
                    if !is_older {
                        self.rows.insert(row.id, row);
                    }
                }
                set::Change::Left { id, .. } => {
                    self.rows.remove(&id);
                }
            }
        }
    }

    async fn query(world: &crate::support::World, filter: &Filter) -> Self {
        let plan = Plan::new(&world.admin.reach(), filter).expect("a plan");
        let page = plan
            .page(world.store.db.read(), Order::default(), &Window::first(100_000))
            .await
            .expect("reads");
        Self {
            rows: page.rows.into_iter().map(|row| (row.id, row)).collect(),
        }
    }
}

both! {
    async fn g6_a_log_repeats_and_misses_nothing_over_a_thousand_cuts(world: World) {
        const ENTRIES: i64 = 1500;
        let row = world.launch().await.execution;
        let claimed = world.claim("one").await.remove(0);
        let hub = Hub::start(world.store.clone()).await.expect("starts");
        let current = world.follow(&world.owner);
        let store = world.store.clone();
        let writer = tokio::spawn(async move {
            // Two entries are there: launched, taken.
            for done in 0..ENTRIES - 3 {
                report(&store, "one", &claimed, i32::try_from(done).expect("small")).await;
            }
            crate::support::world::finish(&store, "one", &claimed, Ending::Finished(json!(1))).await;
        });
        let mut random = StdRng::seed_from_u64(6);
        let (mut cursor, mut seen, mut cuts) = (0, Vec::new(), 0);
        'reading: loop {
            let mut stream = pin!(events::watch(hub.clone(), current.clone(), row.conversation_id, cursor));
            for _ in 0..random.random_range(0..3) {
                match next(&mut stream).await {
                    Some(event) => {
                        let event = event.expect("no error");
                        cursor = event.sequence;
                        seen.push(event.sequence);
                    }
                    None => break 'reading,
                }
            }
            cuts += 1;
        }
        writer.await.expect("writes");
        assert!(cuts >= 1000, "{cuts} cuts");
        assert_eq!(seen.len(), 1500, "each entry once");
        assert!(seen.iter().copied().eq(1..=ENTRIES), "in order");
    }

    async fn g6_a_set_ends_as_the_query_gives_it_whatever_writers_do(world: World) {
        let filter = Filter { statuses: Some(vec!["pending".to_owned(), "in_progress".to_owned()]), data_set_ids: Some(vec![world.set]), ..Filter::default() };
        for _ in 0..20 {
            world.launch().await;
        }
        let hub = Hub::start(world.store.clone()).await.expect("starts");
        let current = world.follow(&world.admin);
        let request = set::Request { filter: filter.clone(), ..everything() };
        let mut first = Box::pin(set::watch(hub.clone(), current.clone(), request.clone()));
        let frame = next(&mut first).await.expect("a frame").expect("no error");
        assert!(frame.resync && frame.changes.is_empty());
        let mut cursor = frame.position;
        drop(first);
        let mut held = Held::query(&world, &filter).await;

        let writers: Vec<_> = (0..4_u64).map(|seed| {
            let store = world.store.clone();
            let owner = world.owner.clone();
            let (catalog, storage, agent) = (world.catalog.clone(), world.storage.clone(), world.agent);
            tokio::spawn(async move {
                let mut random = StdRng::seed_from_u64(seed);
                let worker = format!("worker {seed}");
                let definitions = vec![agentic_executions::domain::launch::definition_of("invoice-scanning", "invoice-scanning")];
                for _ in 0..40 {
                    let request = agentic_executions::domain::launch::Request { agent_id: Some(agent), execution_key: "invoice-scanning".to_owned(), input: json!({}), ..Default::default() };
                    let tools = agentic_executions::domain::launch::Tools { catalog: &catalog, storage: &storage };
                    let id = agentic_executions::domain::launch::launch(&store, tools, &owner, request).await.expect("launches").execution.id;
                    for claimed in claim::claim(&store, &worker, &definitions, 1, &crate::support::world::terms()).await.expect("claims") {
                        report(&store, &worker, &claimed, 1).await;
                        hold_open(&store, &worker, &claimed, random.random_range(0..12)).await;
                        if random.random_bool(0.7) {
                            crate::support::world::finish(&store, &worker, &claimed, Ending::Finished(json!(1))).await;
                        }
                    }
                    if random.random_bool(0.2) {
                        lifecycle::delete(&store, id).await.expect("deletes");
                    }
                }
            })
        }).collect();

        // The reader is cut at random and goes on with its cursor.
        let mut random = StdRng::seed_from_u64(99);
        let all_written = futures::future::join_all(writers);
        let mut all_written = pin!(all_written);
        let mut is_written = false;
        while !is_written {
            let mut stream = Box::pin(set::watch(hub.clone(), current.clone(), set::Request { after: Some(cursor), ..request.clone() }));
            for _ in 0..random.random_range(1..4) {
                tokio::select! {
                    frame = stream.next() => {
                        let frame = frame.expect("goes on").expect("no error");
                        assert!(!frame.resync, "the log reaches back");
                        cursor = frame.position;
                        held.apply(frame);
                    }
                    done = &mut all_written => {
                        done.into_iter().for_each(|writer| writer.expect("writes"));
                        is_written = true;
                        break;
                    }
                }
            }
        }
        let expected = Held::query(&world, &filter).await;
        let mut stream = Box::pin(set::watch(hub.clone(), current.clone(), set::Request { after: Some(cursor), ..request }));
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while held.rows != expected.rows {
            let frame = tokio::time::timeout_at(deadline, stream.next()).await;
            held.apply(frame.unwrap_or_else(|_| panic!("{} held, {} expected", held.rows.len(), expected.rows.len())).expect("goes on").expect("no error"));
        }
    }

    async fn a_state_comes_first_and_the_stream_ends_with_the_terminal_one(world: World) {
        let id = world.launch().await.execution.id;
        let hub = Hub::start(world.store.clone()).await.expect("starts");
        let mut stream = Box::pin(status::watch(hub.clone(), world.follow(&world.owner), id, None));
        let first = next(&mut stream).await.expect("a state").expect("no error");
        assert_eq!((first.status, first.previous_status, first.skipped), (Status::Pending, None, 0));
        let claimed = world.claim("one").await.remove(0);
        let taken = next(&mut stream).await.expect("a change").expect("no error");
        assert_eq!((taken.status, taken.previous_status), (Status::InProgress, Some(Status::Pending)));
        world.finish("one", &claimed, Ending::Finished(json!(1))).await;
        let last = next(&mut stream).await.expect("a change").expect("no error");
        assert_eq!((last.status, last.previous_status), (Status::Finished, Some(Status::InProgress)));
        assert!(next(&mut stream).await.is_none(), "it completes");
        let mut again = Box::pin(status::watch(hub.clone(), world.follow(&world.owner), id, None));
        assert_eq!(next(&mut again).await.expect("the state").expect("no error").status, Status::Finished);
        assert!(next(&mut again).await.is_none(), "also when it was terminal already");
        let mut replay = Box::pin(status::watch(hub, world.follow(&world.owner), id, Some(1)));
        let replayed: Vec<_> = [next(&mut replay).await, next(&mut replay).await].into_iter().flatten().map(|update| {
            let update = update.expect("no error");
            (update.previous_status, update.status, update.skipped)
        }).collect();
        assert_eq!(replayed, [(Some(Status::Pending), Status::InProgress, 0), (Some(Status::InProgress), Status::Finished, 0)]);
        assert!(next(&mut replay).await.is_none());
    }

    async fn a_slow_subscriber_gets_the_newest_state_and_is_told_how_many_it_missed(world: World) {
        let id = world.launch().await.execution.id;
        let claimed = world.claim("one").await.remove(0);
        let hub = Hub::start(world.store.clone()).await.expect("starts");
        let mut stream = Box::pin(status::watch(hub, world.follow(&world.owner), id, None));
        let mut revision = next(&mut stream).await.expect("a state").expect("no error").execution.revision;
        for done in 0..300 {
            report(&world.store, "one", &claimed, done).await;
        }
        let newest = world.execution(id).await.revision;
        let mut received = 0;
        while revision < newest {
            let update = next(&mut stream).await.expect("goes on").expect("no error");
            let StreamCursor::Execution { revision: at, .. } = update.cursor else { panic!("another cursor") };
            assert_eq!(update.skipped, at - revision - 1, "what was folded is counted");
            revision = at;
            received += 1;
        }
        assert!(received < 300, "folded");
    }

    async fn an_update_never_carries_an_older_execution_than_its_own_change(world: World) {
        let row = world.launch().await.execution;
        let claimed = world.claim("one").await.remove(0);
        let hub = Hub::start(world.store.clone()).await.expect("starts");
        let store = world.store.clone();
        let busy = tokio::spawn(async move {
            for done in 0.. {
                report(&store, "one", &claimed, done).await;
            }
        });
        // Whoever comes back reads the row and the log while both go on.
        for _ in 0..300 {
            let after = world.execution(row.id).await.revision - 1;
            let mut stream = Box::pin(status::watch(hub.clone(), world.follow(&world.owner), row.id, Some(after)));
            for _ in 0..3 {
                let update = next(&mut stream).await.expect("goes on").expect("no error");
                let StreamCursor::Execution { revision, .. } = update.cursor else { panic!("another cursor") };
                assert!(update.execution.revision >= revision, "{} with change {revision}", update.execution.revision);
            }
        }
        busy.abort();
    }

    async fn a_lost_signal_delays_and_loses_nothing(world: World) {
        let row = world.launch().await.execution;
        // A node that hears no signal of the other's.
        let deaf = Store { bus: Bus::local(), ..world.store.clone() };
        let hub = Hub::start(deaf).await.expect("starts");
        let mut log = Box::pin(events::watch(hub.clone(), world.follow(&world.owner), row.conversation_id, 0));
        let mut state = Box::pin(status::watch(hub, world.follow(&world.owner), row.id, None));
        next(&mut log).await.expect("launched").expect("no error");
        next(&mut state).await.expect("pending").expect("no error");
        world.claim("one").await;
        assert_eq!(next(&mut log).await.expect("taken").expect("no error").sequence, 2);
        assert_eq!(next(&mut state).await.expect("taken").expect("no error").status, Status::InProgress);
    }

    async fn a_lost_signal_loses_nothing_also_on_a_node_that_hears_many_others(world: World) {
        let row = world.launch().await.execution;
        let deaf = Store { bus: Bus::local(), ..world.store.clone() };
        let bus = deaf.bus.clone();
        let chatter = tokio::spawn(async move {
            loop {
                bus.publish(&[Signal::Queued, Signal::Conversation(Uuid::from_u128(1))]);
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        let hub = Hub::start(deaf).await.expect("starts");
        let mut log = Box::pin(events::watch(hub, world.follow(&world.owner), row.conversation_id, 0));
        next(&mut log).await.expect("launched").expect("no error");
        world.claim("one").await;
        assert_eq!(next(&mut log).await.expect("taken").expect("no error").sequence, 2);
        chatter.abort();
    }

    async fn who_loses_access_in_the_middle_of_a_log_gets_no_more_of_it(world: World) {
        let row = world.launch().await.execution;
        let claimed = world.claim("one").await.remove(0);
        let hub = Hub::start(world.store.clone()).await.expect("starts");
        let renewal = access::Renewal::start(world.store.clone());
        let mut log = Box::pin(events::watch(hub, renewal.follow(&world.owner), row.conversation_id, 0));
        next(&mut log).await.expect("launched").expect("no error");
        // The second is read with the first and waits to be delivered.
        let work = world.store.begin().await.expect("begins");
        agentic_executions::db::people::remove_member(&work.tx, world.set, world.owner.user_id).await.expect("removes");
        work.commit().await.expect("commits");
        renewal.renew(&world.store).await.expect("renews");
        report(&world.store, "one", &claimed, 1).await;
        assert!(matches!(next(&mut log).await, Some(Err(watch::Error::NotFound(_)))));
    }

    async fn idle_subscribers_cost_no_query(world: World) {
        let mut streams = Vec::new();
        let hub = Hub::start(world.store.clone()).await.expect("starts");
        let renewal = access::Renewal::start(world.store.clone());
        for _ in 0..100 {
            let row = world.launch().await.execution;
            let current = renewal.follow(&world.owner);
            streams.push(tokio::spawn(drain(status::watch(hub.clone(), current.clone(), row.id, None))));
            streams.push(tokio::spawn(drain(events::watch(hub.clone(), current.clone(), row.conversation_id, 0))));
            streams.push(tokio::spawn(drain(set::watch(hub.clone(), current, everything()))));
        }
        // The node's own: the log and the journals each second, access every two.
        const OF_TICKS: u64 = 25;
        // The least of a few: they may still begin, and a busy machine makes three seconds longer.
        let mut least = u64::MAX;
        for _ in 0..5 {
            let before = world.store.db.statements();
            tokio::time::sleep(Duration::from_secs(3)).await;
            least = least.min(world.store.db.statements() - before);
            if least <= OF_TICKS {
                break;
            }
        }
        assert!(least <= OF_TICKS, "{least} statements in three seconds for 300 idle subscribers");
        streams.iter().for_each(tokio::task::JoinHandle::abort);
    }

    async fn a_revoked_token_ends_its_streams_and_a_lost_membership_its_set(world: World) {
        let row = world.launch().await.execution;
        let hub = Hub::start(world.store.clone()).await.expect("starts");
        let renewal = access::Renewal::start(world.store.clone());
        let mut owner = Box::pin(events::watch(hub.clone(), renewal.follow(&world.owner), row.conversation_id, 0));
        let mut admin = Box::pin(set::watch(hub.clone(), renewal.follow(&world.admin), everything()));
        next(&mut owner).await.expect("launched").expect("no error");
        assert!(next(&mut admin).await.expect("a frame").expect("no error").resync);
        let work = world.store.begin().await.expect("begins");
        agentic_executions::db::people::revoke_token(&work.tx, world.owner.credential.id(), work.now).await.expect("revokes");
        agentic_executions::db::people::remove_member(&work.tx, world.set, world.admin.user_id).await.expect("removes");
        work.commit().await.expect("commits");
        renewal.renew(&world.store).await.expect("renews");
        assert!(matches!(next(&mut owner).await, Some(Err(watch::Error::CredentialEnded))));
        assert!(matches!(next(&mut admin).await, Some(Err(watch::Error::Forbidden))));
    }

    async fn a_change_of_role_starts_the_set_over(world: World) {
        world.launch().await;
        let hub = Hub::start(world.store.clone()).await.expect("starts");
        let renewal = access::Renewal::start(world.store.clone());
        let mut stream = Box::pin(set::watch(hub, renewal.follow(&world.member), everything()));
        assert!(next(&mut stream).await.expect("a frame").expect("no error").resync);
        let work = world.store.begin().await.expect("begins");
        people::add_member(&work, world.set, world.member.user_id, access::Role::Admin).await.expect("promotes");
        work.commit().await.expect("commits");
        renewal.renew(&world.store).await.expect("renews");
        assert!(next(&mut stream).await.expect("a frame").expect("no error").resync);
        let new = world.launch().await.execution.id;
        // What came before may be repeated.
        let sees_it = |frame: &set::Frame| {
            frame.changes.iter().any(|change| matches!(change, set::Change::Entered(now) if now.execution.id == new))
        };
        while !sees_it(&next(&mut stream).await.expect("a frame").expect("no error")) {}
    }

    async fn a_cursor_older_than_the_log_starts_the_set_over(world: World) {
        for _ in 0..5 {
            world.launch().await;
        }
        let old = LogPosition { number: 1, ..Default::default() };
        let tx = world.store.db.begin().await.expect("begins");
        agentic_executions::db::changes::trim(&tx, i64::MAX, 1000).await.expect("trims");
        world.store.db.commit(tx).await.expect("commits");
        let hub = Hub::start(world.store.clone()).await.expect("starts");
        let request = set::Request { after: Some(old), ..everything() };
        let mut stream = Box::pin(set::watch(hub, world.follow(&world.admin), request));
        assert!(next(&mut stream).await.expect("a frame").expect("no error").resync);
    }

    async fn the_log_is_cut_from_its_front_whatever_clocks_say(world: World) {
        for _ in 0..4 {
            world.launch().await;
        }
        let db = &world.store.db;
        // The node that wrote the second was ahead of the others.
        let tx = db.begin().await.expect("begins");
        tx.execute_unprepared("UPDATE change SET occurred_at = occurred_at + 60000 WHERE number = 2").await.expect("writes");
        db.commit(tx).await.expect("commits");
        let cut_after = async |seconds: i64| {
            let tx = db.begin().await.expect("begins");
            let before = world.store.clock.now() + seconds * 1000;
            agentic_executions::db::changes::trim(&tx, before, 1000).await.expect("trims");
            db.commit(tx).await.expect("commits");
            let left = agentic_executions::db::changes::oldest(db.read()).await.expect("reads").expect("a mark");
            (left.number, world.db_log(100).await.len())
        };
        assert_eq!(cut_after(1).await, (1, 4), "nothing goes from behind a row that stays");
        assert_eq!(cut_after(61).await, (4, 1), "the newest that is old marks the cut");
    }

    async fn a_cursor_that_an_execution_has_not_reached_gets_its_state(world: World) {
        let row = world.launch().await.execution;
        let hub = Hub::start(world.store.clone()).await.expect("starts");
        let mut stream = pin!(status::watch(hub, world.follow(&world.owner), row.id, Some(row.revision + 7)));
        let state = next(&mut stream).await.expect("a state").expect("no error");
        assert_eq!((state.execution.revision, state.status), (row.revision, Status::Pending));
    }

    async fn a_log_goes_on_from_its_end_where_a_cursor_lies_ahead_of_it(world: World) {
        let row = world.launch().await.execution;
        let claimed = world.claim("one").await.remove(0);
        let hub = Hub::start(world.store.clone()).await.expect("starts");
        // From before a restore.
        let mut log = Box::pin(events::watch(hub, world.follow(&world.owner), row.conversation_id, 1000));
        // Whatever was there when it began, two entries at least, is not repeated.
        let event = {
            let mut first = pin!(next(&mut log));
            loop {
                tokio::select! {
                    event = &mut first => break event.expect("goes on").expect("no error"),
                    () = tokio::time::sleep(Duration::from_millis(50)) => report(&world.store, "one", &claimed, 1).await,
                }
            }
        };
        assert!(event.sequence > 2, "{}", event.sequence);
        world.finish("one", &claimed, Ending::Finished(json!(1))).await;
        let mut last = event.sequence;
        while let Some(event) = next(&mut log).await {
            last += 1;
            assert_eq!(event.expect("no error").sequence, last);
        }
    }

    async fn a_cursor_that_the_log_has_not_reached_starts_the_set_over(world: World) {
        world.launch().await;
        let ahead = LogPosition { transaction: i64::MAX, number: 1, ..Default::default() };
        let hub = Hub::start(world.store.clone()).await.expect("starts");
        let request = set::Request { after: Some(ahead), ..everything() };
        let mut stream = Box::pin(set::watch(hub, world.follow(&world.admin), request));
        assert!(next(&mut stream).await.expect("a frame").expect("no error").resync);
    }

    async fn a_cursor_of_what_a_restored_copy_never_saw_starts_the_set_over(world: World) {
        let db = &world.store.db;
        let newest = async |rows: usize| loop {
            let read = db::changes::after(db, Default::default(), 100).await.expect("reads");
            // Other transactions in the same server may hold the newest back.
            if read.rows.len() == rows {
                break db::changes::position(read.rows.last().expect("a row"));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        let hub = Hub::start(world.store.clone()).await.expect("starts");
        world.launch().await;
        let kept = newest(1).await;
        world.launch().await;
        let lost = newest(2).await;
        // What was written since the copy was made is gone, and its number is given out again.
        let tx = db.begin().await.expect("begins");
        let delete = format!("DELETE FROM change WHERE number > {}", kept.number);
        tx.execute_unprepared(&delete).await.expect("deletes");
        if !db.is_postgres() {
            let again = format!("UPDATE sqlite_sequence SET seq = {} WHERE name = 'change'", kept.number);
            tx.execute_unprepared(&again).await.expect("writes");
        }
        db.commit(tx).await.expect("commits");
        for _ in 0..3 {
            world.launch().await;
        }
        let now = newest(4).await;
        assert!(lost < now, "the log has come further than the cursor");
        for (after, starts_over) in [(lost, true), (kept, false), (now, false)] {
            let request = set::Request { after: Some(after), ..everything() };
            let mut stream = Box::pin(set::watch(hub.clone(), world.follow(&world.admin), request));
            world.launch().await;
            let frame = next(&mut stream).await.expect("a frame").expect("no error");
            assert_eq!(frame.resync, starts_over, "{after:?} in {kept:?}, {lost:?}, {now:?}");
        }
    }

    async fn counts_come_with_the_last_change_of_a_burst(world: World) {
        let hub = Hub::start(world.store.clone()).await.expect("starts");
        let request = set::Request { wants_total: true, wants_by_status: true, ..everything() };
        let mut stream = Box::pin(set::watch(hub, world.follow(&world.admin), request));
        let first = next(&mut stream).await.expect("a frame").expect("no error");
        assert_eq!(first.counts.total.map(|count| count.count), Some(0));
        for _ in 0..30 {
            world.launch().await;
        }
        let mut counted = HashMap::new();
        while counted.get("total") != Some(&30) {
            let frame = next(&mut stream).await.expect("a frame").expect("no error");
            if let (Some(total), Some(by_status)) = (frame.counts.total, frame.counts.by_status) {
                counted.insert("total", total.count);
                assert_eq!(by_status[0].count, total.count, "all are pending");
            }
        }
    }
}

async fn drain<T>(stream: impl Stream<Item = T>) {
    stream.for_each(|_| async {}).await;
}

/// A change whose transaction stays open for a while, so that later ones commit before it.
async fn hold_open(store: &Store, worker: &str, claimed: &Claimed, milliseconds: u64) {
    let held = claim::hold(store, claimed.run.id, worker, claimed.run.fence)
        .await
        .expect("answers");
    let Some((mut work, _)) = held else { return };
    let id = claimed.run.execution_id.expect("an execution");
    let Some(row) = agentic_executions::db::executions::find_locked(&work.tx, id)
        .await
        .expect("reads")
    else {
        return;
    };
    let progress = Progress {
        done: 2,
        total: None,
        note: None,
    };
    lifecycle::report_progress(&mut work, &row, progress)
        .await
        .expect("reports");
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    work.commit().await.expect("commits");
}

/// The trap that the log's order avoids: a number given out first and committed last.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_commits_late_is_not_passed_over() {
    let world = crate::support::World::new(crate::support::database::Kind::Postgres).await;
    world.launch().await;
    let claimed = world.claim("one").await.remove(0);
    let start = agentic_executions::db::changes::head(&world.store.db)
        .await
        .expect("reads");
    let (mut late, _) = claim::hold(&world.store, claimed.run.id, "one", claimed.run.fence)
        .await
        .expect("answers")
        .expect("held");
    let id = claimed.run.execution_id.expect("an execution");
    let row = agentic_executions::db::executions::find_locked(&late.tx, id)
        .await
        .expect("reads")
        .expect("is there");
    lifecycle::report_progress(
        &mut late,
        &row,
        Progress {
            done: 1,
            total: None,
            note: None,
        },
    )
    .await
    .expect("reports");
    let early = world.launch().await.execution.id;
    // Other tests' transactions on the same server may repeat what came before; that is legal.
    let seen = async || {
        let read = agentic_executions::db::changes::after(&world.store.db, start, 100)
            .await
            .expect("reads");
        let ids: Vec<_> = read
            .rows
            .iter()
            .map(|change| (change.execution_id, change.revision))
            .collect();
        (ids, read.is_held_back)
    };
    let (rows, is_held_back) = seen().await;
    assert!(
        !rows.iter().any(|(changed, _)| *changed == early) && is_held_back,
        "the later one waits"
    );
    late.commit().await.expect("commits");
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let rows = loop {
        let (rows, is_held_back) = seen().await;
        if !is_held_back && rows.iter().any(|(changed, _)| *changed == early) {
            break rows;
        }
        assert!(tokio::time::Instant::now() < deadline, "it never shows");
    };
    assert_eq!(rows[rows.len() - 2..], [(id, row.revision + 1), (early, 1)]);
}
