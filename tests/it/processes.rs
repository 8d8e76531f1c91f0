//! Whole processes, killed, stopped and cut off as life does it.

use std::time::Duration;

use futures::{StreamExt, stream};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::both;
use crate::support::client::{Client, LAUNCH};
use crate::support::database::{Kind, connect};
use crate::support::eventually;
use crate::support::site::{PATIENCE, Site};

const TRANSCRIPT: &str = "query($id: ID!) { execution(id: $id) { status conversation { timeline(first: 100) { nodes { __typename sequence
    ... on StatusChangedEvent { from to } ... on MessageAddedEvent { message { role parts { __typename
      ... on TextPart { text } ... on ToolCallPart { callId tool arguments } ... on ToolResultPart { callId tool isError output } } } }
    ... on ProgressEvent { progress { done total } } } } } } }";

/// The journal with what differs between undisturbed runs taken out: nothing but times and ids.
async fn transcript(client: &Client, id: &str) -> Vec<Value> {
    let data = client.data(TRANSCRIPT, json!({ "id": id })).await;
    data["execution"]["conversation"]["timeline"]["nodes"]
        .as_array()
        .expect("events")
        .clone()
}

/// Results of one turn may be journaled in any order; everything else is in order.
fn sorted(transcript: &[Value]) -> Vec<String> {
    let mut lines: Vec<String> = transcript
        .iter()
        .map(|event| {
            let mut event = event.clone();
            event["sequence"] = Value::Null;
            event.to_string()
        })
        .collect();
    lines.sort();
    lines
}

async fn records(client: &Client) -> Value {
    client
        .data(
            "{ dataSets { nodes { records(first: 100) { nodes { collection key document } } } } }",
            json!({}),
        )
        .await
}

async fn journal_length(site: &Site, conversation: uuid::Uuid) -> i64 {
    let found =
        agentic_executions::db::conversations::last_sequences(site.database.db.read(), &[conversation]).await;
    found.expect("reads").first().map_or(0, |(_, last)| *last)
}

/// Returns in the moment in which it does, for there the process is to be killed.
async fn journal_reaches(site: &Site, conversation: uuid::Uuid, entry: i64) {
    let reaches = async {
        while journal_length(site, conversation).await < entry {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, reaches).await.expect("it grows");
}

fn number(kind: agentic_executions::base::id::Kind, id: &Value) -> uuid::Uuid {
    kind.parse(id.as_str().expect("an id")).expect("a well-formed id")
}

/// Lets a worker write up to an entry and then sit in the transaction of the next.
struct Gate<'a>(&'a Site);

impl Gate<'_> {
    async fn install(site: &Site) -> Gate<'_> {
        let db = site.database.db.read();
        for statement in [
            "CREATE TABLE gate (at bigint)",
            "CREATE FUNCTION gate() RETURNS trigger AS $$ BEGIN
               IF EXISTS (SELECT 1 FROM gate WHERE at = NEW.sequence) THEN PERFORM pg_sleep(120); END IF; RETURN NEW;
             END $$ LANGUAGE plpgsql",
            "CREATE TRIGGER gate BEFORE INSERT ON event FOR EACH ROW EXECUTE FUNCTION gate()",
        ] {
            db.execute_unprepared(statement).await.expect("a gate");
        }
        Gate(site)
    }

    async fn close_at(&self, sequence: i64) {
        let db = self.0.database.db.read();
        db.execute_unprepared("DELETE FROM gate").await.expect("opens");
        db.execute_unprepared(&format!("INSERT INTO gate VALUES ({sequence})"))
            .await
            .expect("closes");
    }

    async fn waits(&self) -> bool {
        let sleeping =
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
        let backend = sea_orm::DatabaseBackend::Postgres;
        let found = self
            .0
            .database
            .db
            .read()
            .query_one_raw(sea_orm::Statement::from_string(backend, sleeping))
            .await;
        found.expect("reads").is_some()
    }

    /// Opens it, and ends the sessions that a killed process has left behind.
    async fn open(&self) {
        let db = self.0.database.db.read();
        db.execute_unprepared("DELETE FROM gate").await.expect("opens");
        db.execute_unprepared(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'",
        )
        .await
        .expect("ends them");
    }
}

/// The worker process is killed with SIGKILL after each journal entry in turn; another finishes,
/// and nobody can tell.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g4_a_worker_killed_after_any_entry_leaves_no_trace() {
    let mut site = Site::new(Kind::Postgres).await;
    // Each round waits until one has run out.
    site.set("AGENTIC_LEASE", "2s");
    let api = site.serve(&["--no-worker"]).await;
    let client = api.admin();
    let agent = client.agent("trials").await;
    let mut worker = site.worker();
    let undisturbed = client.launch(&agent, "ledger", json!({ "rounds": 2 })).await;
    assert_eq!(client.ended(&undisturbed).await["status"], "FINISHED");
    let expected = transcript(&client, &undisturbed).await;
    let expected_records = records(&client).await;
    let entries = i64::try_from(expected.len()).expect("few");
    assert!(entries >= 16, "several turns and tool calls: {entries}");
    let gate = Gate::install(&site).await;
    for entry in 1..entries {
        clear_records(&site).await;
        gate.close_at(entry + 1).await;
        let id = client.launch(&agent, "ledger", json!({ "rounds": 2 })).await;
        eventually("the worker writes the next entry", async || gate.waits().await).await;
        let conversation = number(
            agentic_executions::base::id::Kind::Conversation,
            &client.execution(&id).await["conversation"]["id"],
        );
        assert!(journal_length(&site, conversation).await <= entry);
        worker.kill();
        gate.open().await;
        worker = site.worker();
        let ended = client.ended(&id).await;
        assert_eq!(ended["status"], "FINISHED", "killed after entry {entry}: {ended}");
        assert_eq!(
            sorted(&transcript(&client, &id).await),
            sorted(&expected),
            "killed after entry {entry}"
        );
        assert_eq!(
            records(&client).await,
            expected_records,
            "killed after entry {entry}"
        );
    }
}

async fn clear_records(site: &Site) {
    site.database
        .db
        .read()
        .execute_unprepared("DELETE FROM record")
        .await
        .expect("clears");
}

/// On SQLite there is one process: it is killed at whatever it is just doing, and started again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g4_a_server_killed_at_any_moment_goes_on_where_it_was() {
    let site = Site::new(Kind::Sqlite).await;
    let mut server = site.serve(&[]).await;
    let agent = server.admin().agent("trials").await;
    let undisturbed = server
        .admin()
        .launch(&agent, "ledger", json!({ "rounds": 3 }))
        .await;
    assert_eq!(server.admin().ended(&undisturbed).await["status"], "FINISHED");
    let expected = transcript(&server.admin(), &undisturbed).await;
    let expected_records = records(&server.admin()).await;
    for entry in (1..i64::try_from(expected.len()).expect("few")).step_by(2) {
        let clear = connect(&site.database.url).await;
        let tx = clear.begin().await.expect("begins");
        tx.execute_unprepared("DELETE FROM record").await.expect("clears");
        clear.commit(tx).await.expect("commits");
        let id = server
            .admin()
            .launch(&agent, "ledger", json!({ "rounds": 3 }))
            .await;
        let conversation = number(
            agentic_executions::base::id::Kind::Conversation,
            &server.admin().execution(&id).await["conversation"]["id"],
        );
        journal_reaches(&site, conversation, entry).await;
        server.kill();
        server = site.serve(&[]).await;
        assert_eq!(
            server.admin().ended(&id).await["status"],
            "FINISHED",
            "killed after entry {entry}"
        );
        assert_eq!(
            sorted(&transcript(&server.admin(), &id).await),
            sorted(&expected),
            "killed after entry {entry}"
        );
        assert_eq!(
            records(&server.admin()).await,
            expected_records,
            "killed after entry {entry}"
        );
    }
}

/// On SQLite the next process knows that the one before is gone: nobody waits until a lease runs out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g4_a_server_that_is_started_again_takes_its_runs_over_at_once() {
    let mut site = Site::new(Kind::Sqlite).await;
    site.set("AGENTIC_LEASE", "1h");
    let server = site.serve(&[]).await;
    let agent = server.admin().agent("trials").await;
    let id = server
        .admin()
        .launch(&agent, "ledger", json!({ "rounds": 12 }))
        .await;
    let conversation = number(
        agentic_executions::base::id::Kind::Conversation,
        &server.admin().execution(&id).await["conversation"]["id"],
    );
    journal_reaches(&site, conversation, 6).await;
    server.kill();
    let server = site.serve(&[]).await;
    assert_eq!(server.admin().ended(&id).await["status"], "FINISHED");
}

/// The API process is killed in the middle of a launch's transaction: nothing of it is there, and the
/// client's repetition with its key makes it once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g1_an_api_killed_in_mid_launch_leaves_nothing_half_done() {
    let site = Site::new(Kind::Postgres).await;
    let api = site.serve(&["--no-worker"]).await;
    let client = api.admin();
    let agent = client.agent("trials").await;
    let gate = Gate::install(&site).await;
    gate.close_at(1).await;
    let launch =
        json!({ "input": { "agentId": agent, "executionKey": "noop", "idempotency": { "key": "once" } } });
    let request = client
        .request()
        .json(&json!({ "query": LAUNCH, "variables": launch }));
    let asked = tokio::spawn(request.send());
    eventually("the launch is half written", async || gate.waits().await).await;
    api.kill();
    gate.open().await;
    assert!(asked.await.expect("ran").is_err(), "it was never answered");
    for table in [
        "execution",
        "conversation",
        "run",
        "event",
        "change",
        "idempotency_key",
    ] {
        let count = sea_orm::Statement::from_string(
            sea_orm::DatabaseBackend::Postgres,
            format!("SELECT COUNT(*) AS n FROM {table}"),
        );
        let row = site
            .database
            .db
            .read()
            .query_one_raw(count)
            .await
            .expect("reads")
            .expect("a row");
        assert_eq!(row.try_get::<i64>("", "n").expect("a number"), 0, "{table}");
    }
    let api = site.serve(&["--no-worker"]).await;
    let again = api.admin().data(LAUNCH, launch).await;
    assert_eq!(again["launchExecution"]["created"], true, "{again}");
}

/// SIGSTOP past the lease, another takes over, SIGCONT: it does nothing more to the run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g3_a_worker_stopped_past_its_lease_and_continued_does_nothing_more() {
    let mut site = Site::new(Kind::Postgres).await;
    // Each round waits until one has run out.
    site.set("AGENTIC_LEASE", "2s");
    let api = site.serve(&["--no-worker"]).await;
    let client = api.admin();
    let agent = client.agent("trials").await;
    let first = site.worker();
    let undisturbed = client.launch(&agent, "ledger", json!({ "rounds": 2 })).await;
    assert_eq!(client.ended(&undisturbed).await["status"], "FINISHED");
    let expected = transcript(&client, &undisturbed).await;
    let gate = Gate::install(&site).await;
    for entry in [5, 9] {
        clear_records(&site).await;
        gate.close_at(entry).await;
        let id = client.launch(&agent, "ledger", json!({ "rounds": 2 })).await;
        eventually("the worker writes", async || gate.waits().await).await;
        first.signal("STOP");
        // Its session ends: what it was writing is rolled back while it sleeps.
        gate.open().await;
        let second = site.worker();
        assert_eq!(client.ended(&id).await["status"], "FINISHED");
        let lost = || site.log().matches("lost the lease of a run").count();
        let before = lost();
        first.signal("CONT");
        eventually("it wakes, finds its lease gone, and lets go", async || {
            lost() > before
        })
        .await;
        assert_eq!(sorted(&transcript(&client, &id).await), sorted(&expected));
        assert_eq!(second.terminate().await, Some(0));
    }
}

/// Two API processes and two workers on one PostgreSQL: what a worker journals is with a subscriber
/// of an API process that did not start it sooner than the hub looks by itself, and all of it also
/// when that process's listening connection is cut.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_on_one_node_sees_what_another_does_also_after_its_listener_was_cut() {
    let site = Site::new(Kind::Postgres).await;
    let (one, two) = (
        site.serve(&["--no-worker"]).await,
        site.serve(&["--no-worker"]).await,
    );
    let workers = [site.worker(), site.worker()];
    let agent = one.admin().agent("trials").await;
    let mut delays = Vec::new();
    for round in 0..9 {
        // Nobody works before the subscription has begun: all but the first entry tells of its speed.
        workers.iter().for_each(|worker| worker.signal("STOP"));
        let id = one
            .admin()
            .launch(&agent, "ledger", json!({ "rounds": 12 }))
            .await;
        let conversation = one.admin().execution(&id).await["conversation"]["id"].clone();
        let mut socket = two.admin().socket().await;
        let watch = "subscription($id: ID!) { conversationEvents(id: $id) { sequence occurredAt } }";
        socket.subscribe(watch, json!({ "id": conversation })).await;
        let first = socket.next().await.expect("launched");
        assert_eq!(first["conversationEvents"]["sequence"], 1);
        if round >= 6 {
            let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'";
            site.database
                .db
                .read()
                .execute_unprepared(cut)
                .await
                .expect("cuts");
        }
        workers.iter().for_each(|worker| worker.signal("CONT"));
        let mut last = 1;
        while let Some(data) = socket.next().await {
            let event = &data["conversationEvents"];
            last += 1;
            assert_eq!(event["sequence"], last, "each once, in order");
            let occurred = agentic_executions::base::clock::from_rfc3339(
                event["occurredAt"].as_str().expect("an instant"),
            );
            if round < 6 {
                delays.push(
                    agentic_executions::base::clock::Clock::system().now() - occurred.expect("an instant"),
                );
            }
        }
        assert_eq!(one.admin().execution(&id).await["status"], "FINISHED");
        assert_eq!(
            last,
            i64::try_from(transcript(&one.admin(), &id).await.len()).expect("few"),
            "to the end"
        );
    }
    delays.sort_unstable();
    let part = |percent: usize| delays[delays.len() * percent / 100];
    let figures = format!(
        "of {} delays half {} ms, 75 % {} ms",
        delays.len(),
        part(50),
        part(75)
    );
    eprintln!("{figures}");
    // By the hub's own look each second half of them would be longer.
    assert!(part(75) < 500, "{figures}");
}

both! {
    /// G9: SIGTERM lets a run reach its next entry, hands it over and ends with 0.
    async fn g9_a_server_told_to_end_hands_its_runs_over_and_closes_its_streams(site: Site) {
        let server = site.serve(&[]).await;
        let client = server.admin();
        let agent = client.agent("trials").await;
        let id = client.launch(&agent, "slow", json!({})).await;
        eventually("it is taken", async || client.execution(&id).await["status"] == "IN_PROGRESS").await;
        let mut socket = client.socket().await;
        socket.subscribe("subscription($id: ID!) { executionStatus(id: $id) { status } }", json!({ "id": id })).await;
        socket.next().await.expect("a state");
        let began = Instant::now();
        assert_eq!(server.terminate().await, Some(0));
        assert!(began.elapsed() < Duration::from_secs(50), "not after the minute that the model takes");
        // What was on its way comes first.
        while socket.next().await.is_some() {}
        assert_eq!(socket.closed, Some(1012), "clients come back on it");
        let run = "SELECT 1 AS one FROM run WHERE lease_expires_at = 0 AND worker IS NULL";
        let db = connect(&site.database.url).await;
        let statement = sea_orm::Statement::from_string(db.read().get_database_backend(), run);
        assert!(db.read().query_one_raw(statement).await.expect("reads").is_some(), "the lease was released");
    }

    /// Balancers have their time to turn away: until then every request is answered.
    async fn g9_a_server_that_drains_says_that_it_is_not_ready_and_still_answers(site: Site) {
        // Also on a busy machine it is asked many times in it.
        const DRAIN: Duration = Duration::from_secs(10);
        site.set("AGENTIC_DRAIN", "10s");
        let server = site.serve(&["--no-worker"]).await;
        let client = server.admin();
        let began = Instant::now();
        server.signal("TERM");
        let mut says_so = false;
        loop {
            let ready = client.get("/health/ready").send().await;
            let data = client.request().json(&json!({ "query": "{ __typename }" })).send().await;
            let (Ok(ready), Ok(data)) = (ready, data) else { break };
            assert_eq!(data.status(), 200);
            says_so |= ready.status() == 503;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(says_so && began.elapsed() >= DRAIN, "{says_so}, {:?}", began.elapsed());
        assert_eq!(server.ended().await, Some(0));
    }

    async fn g5_cancel_stops_the_model_call_and_is_confirmed(site: Site) {
        let server = site.serve(&[]).await;
        let client = server.admin();
        let agent = client.agent("trials").await;
        let id = client.launch(&agent, "slow", json!({})).await;
        eventually("the model is asked", async || client.execution(&id).await["usage"]["modelCalls"] == 1).await;
        let cancel = "mutation($id: ID!) { cancelExecution(input: {id: $id, reason: \"too slow\"}) { execution { status } errors { __typename } } }";
        let began = Instant::now();
        client.data(cancel, json!({ "id": id })).await;
        let ended = client.ended(&id).await;
        assert!(began.elapsed() < Duration::from_secs(50), "not after the minutes that the model takes");
        assert_eq!(ended["failure"]["category"], "CANCELED");
        assert_eq!((&ended["failure"]["explanation"], &ended["failure"]["explanationSource"]), (&json!("too slow"), &json!("USER")));
        assert!(ended["cancellation"]["confirmedAt"].is_string());
        assert_eq!(ended["usage"]["modelCalls"], 1, "no further call");
    }

    async fn a_model_that_never_answers_json_fails_with_its_own_explanation(site: Site) {
        let server = site.serve(&[]).await;
        let client = server.admin();
        let agent = client.agent("trials").await;
        let id = client.launch(&agent, "stubborn", json!({})).await;
        let ended = client.ended(&id).await;
        assert_eq!(ended["status"], "FAILED");
        assert_eq!(ended["failure"], json!({
            "category": "MAX_RETRIES_EXCEEDED", "code": "max_retries_exceeded", "retryable": true,
            "explanation": "I did not answer in JSON in any of 4 attempts.", "explanationSource": "MODEL",
        }));
        assert_eq!(ended["attempt"], 4);
    }

    async fn a_conversation_is_answered_can_be_stopped_and_refuses_to_be_talked_over(site: Site) {
        let server = site.serve(&[]).await;
        let client = server.admin();
        let agent = client.agent("trials").await;
        let start = "mutation($agent: ID!) { startConversation(input: {agentId: $agent}) { conversation { id readOnly } errors { __typename } } }";
        let made = client.data(start, json!({ "agent": agent })).await;
        let id = made["startConversation"]["conversation"]["id"].clone();
        let mut socket = client.socket().await;
        let watch = "subscription($id: ID!) { conversationEvents(id: $id) { __typename sequence ... on MessageAddedEvent { message { role parts { ... on TextPart { text } } } } ... on ReplyEndedEvent { outcome } } }";
        socket.subscribe(watch, json!({ "id": id })).await;
        let send = "mutation($id: ID!, $text: String!) { sendMessage(input: {conversationId: $id, text: $text}) { message { id } errors { __typename } } }";
        client.data(send, json!({ "id": id, "text": "hello" })).await;
        let mut said = Vec::new();
        let outcome = loop {
            let event = socket.next().await.expect("goes on")["conversationEvents"].clone();
            if event["__typename"] == "MessageAddedEvent" {
                said.push((event["message"]["role"].clone(), event["message"]["parts"][0]["text"].clone()));
            }
            if event["__typename"] == "ReplyEndedEvent" {
                break event["outcome"].clone();
            }
        };
        assert_eq!(outcome, "ANSWERED");
        assert_eq!(said.first(), Some(&(json!("USER"), json!("hello"))));
        assert_eq!(said.last(), Some(&(json!("ASSISTANT"), json!("You said: hello"))));
        client.data(send, json!({ "id": id, "text": "wait for it" })).await;
        let busy = client.data(send, json!({ "id": id, "text": "and?" })).await;
        assert_eq!(busy["sendMessage"]["errors"][0]["__typename"], "ConversationBusyError");
        let stop = "mutation($id: ID!) { stopReply(input: {conversationId: $id}) { conversation { activity } errors { __typename } } }";
        client.data(stop, json!({ "id": id })).await;
        loop {
            let event = socket.next().await.expect("goes on")["conversationEvents"].clone();
            if event["__typename"] == "ReplyEndedEvent" {
                assert_eq!(event["outcome"], "STOPPED");
                break;
            }
        }
    }

    /// The reference product lost 21 to 41 % here, for it enqueued before it committed.
    async fn two_thousand_launches_end_and_none_is_lost_or_run_twice(site: Site) {
        let server = site.serve(&[]).await;
        let client = server.admin();
        let agent = client.agent("trials").await;
        let launches = (0..2000).map(|_| client.launch(&agent, "noop", json!({})));
        stream::iter(launches).buffer_unordered(16).for_each(|_| async {}).await;
        let count = "{ executions { totalCount statusCounts { status count } } }";
        // However long a busy machine takes, as long as now and then one ends.
        let mut finished = 0;
        while finished < 2000 {
            let before = finished;
            eventually("another has ended", async || {
                let counts = client.data(count, json!({})).await;
                finished = counts["executions"]["statusCounts"][2]["count"].as_i64().expect("a count");
                finished > before
            })
            .await;
        }
        let starts = "SELECT COUNT(*) AS n FROM event WHERE kind = 'message' AND role = 'assistant'";
        let db = site.database.db.read();
        let row = db.query_one_raw(sea_orm::Statement::from_string(db.get_database_backend(), starts)).await.expect("reads");
        assert_eq!(row.expect("a row").try_get::<i64>("", "n").expect("a number"), 2000, "each answered once");
    }
}
