//! What each stream delivers, how it ends, and what it refuses, at the schema.

use std::pin::Pin;
use std::time::Duration;

use async_graphql::Response;
use futures::{Stream, StreamExt};
use serde_json::{Value, json};

use crate::base::id::Kind;
use crate::bus::answers as written;
use crate::domain::access::Viewer;
use crate::graphql::mutations::tests::world::{World, agent};

const STATUS: &str = "subscription($id: ID!, $after: StreamCursor) { executionStatus(id: $id, after: $after) { \
                      cursor status previousStatus isTerminal skipped execution { id status } } }";
const EVENTS: &str = "subscription($id: ID!, $after: StreamCursor) { conversationEvents(id: $id, after: $after) { \
                      __typename cursor sequence ... on StatusChangedEvent { to execution { status } } } }";
const SET: &str = "subscription($filter: ExecutionFilter, $after: StreamCursor) { \
                   executionsChanged(filter: $filter, after: $after) { cursor resync changes { __typename \
                   ... on ExecutionEntered { edge { cursor node { id status } } } \
                   ... on ExecutionUpdated { edge { node { id status } } } \
                   ... on ExecutionLeft { executionId execution { status } } } } }";

type Answers<'a> = Pin<Box<dyn Stream<Item = Response> + Send + 'a>>;

fn watch<'a>(world: &'a World, viewer: &Viewer, query: &str, variables: Value) -> Answers<'a> {
    Box::pin(
        world
            .schema
            .execute_stream(world.request(viewer, query, variables)),
    )
}

async fn answer(answers: &mut Answers<'_>) -> Option<Response> {
    let soon = Duration::from_secs(20);
    tokio::time::timeout(soon, answers.next())
        .await
        .expect("the stream says something")
}

/// The next payload, without its field's name.
async fn next(answers: &mut Answers<'_>) -> Value {
    let response = answer(answers).await.expect("the stream goes on");
    assert!(response.errors.is_empty(), "{:?}", response.errors);
    let Value::Object(data) = response.data.into_json().expect("json") else {
        panic!("no data")
    };
    data.into_iter().next().expect("one field").1
}

/// The code of the error that ends the stream.
async fn end(answers: &mut Answers<'_>) -> String {
    let response = answer(answers).await.expect("an error");
    let code = response
        .errors
        .first()
        .and_then(|error| error.extensions.as_ref()?.get("code").cloned());
    assert!(answer(answers).await.is_none(), "an error ends the stream");
    code.map_or_else(String::new, |code| code.to_string().trim_matches('"').to_owned())
}

async fn conversation_of(world: &World, id: &str) -> String {
    let cancel = json!({ "id": id });
    let selection = "execution { conversation { id } } errors { ... on ExecutionAlreadyTerminalError { execution { conversation { id } } } }";
    let payload = world
        .run(&world.admin, "cancelExecution", selection, cancel)
        .await;
    let either = [&payload["execution"], &payload["errors"][0]["execution"]];
    let id = either
        .iter()
        .find_map(|execution| execution["conversation"]["id"].as_str());
    id.expect("a conversation").to_owned()
}

#[tokio::test]
async fn the_state_comes_first_then_each_change_and_the_terminal_one_completes() {
    let world = World::new().await;
    let id = world.launch(&world.member).await;
    let mut answers = watch(&world, &world.member, STATUS, json!({ "id": id }));
    let first = next(&mut answers).await;
    assert_eq!(
        (&first["status"], &first["previousStatus"], &first["isTerminal"]),
        (&json!("PENDING"), &Value::Null, &json!(false))
    );
    let (_, run) = world.start(&id).await;
    let second = next(&mut answers).await;
    assert_eq!(
        (&second["status"], &second["previousStatus"]),
        (&json!("IN_PROGRESS"), &json!("PENDING"))
    );
    world.end(&id, &run).await;
    let third = next(&mut answers).await;
    assert_eq!(
        (&third["status"], &third["isTerminal"], &third["execution"]["id"]),
        (&json!("FINISHED"), &json!(true), &json!(id))
    );
    assert!(answer(&mut answers).await.is_none(), "completes");

    // Terminal already: once more the state, and the end.
    let mut answers = watch(&world, &world.member, STATUS, json!({ "id": id }));
    assert_eq!(next(&mut answers).await["status"], "FINISHED");
    assert!(answer(&mut answers).await.is_none(), "completes");

    // From a cursor each change since then, the execution as it is now.
    let mut answers = watch(
        &world,
        &world.member,
        STATUS,
        json!({ "id": id, "after": first["cursor"] }),
    );
    for status in ["IN_PROGRESS", "FINISHED"] {
        let update = next(&mut answers).await;
        assert_eq!(
            (&update["status"], &update["skipped"]),
            (&json!(status), &json!(0))
        );
        assert_eq!(update["execution"]["status"], "FINISHED");
    }
    assert!(answer(&mut answers).await.is_none(), "completes");
    let mut answers = watch(
        &world,
        &world.member,
        STATUS,
        json!({ "id": id, "after": third["cursor"] }),
    );
    assert!(answer(&mut answers).await.is_none(), "nothing is left to tell");
}

#[tokio::test]
async fn the_log_replays_every_event_once_and_completes_with_the_execution() {
    let world = World::new().await;
    let id = world.launch(&world.member).await;
    world.finish(&id).await;
    let conversation = conversation_of(&world, &id).await;
    let mut seen = Vec::new();
    let mut answers = watch(&world, &world.member, EVENTS, json!({ "id": conversation }));
    while let Some(response) = answer(&mut answers).await {
        assert!(response.errors.is_empty(), "{:?}", response.errors);
        seen.push(response.data.into_json().expect("json")["conversationEvents"].take());
    }
    let sequences: Vec<i64> = seen
        .iter()
        .filter_map(|event| event["sequence"].as_i64())
        .collect();
    assert_eq!(sequences, [1, 2, 3]);
    assert_eq!(seen[0]["__typename"], "StatusChangedEvent");
    assert_eq!(
        (&seen[0]["to"], &seen[0]["execution"]["status"]),
        (&json!("PENDING"), &json!("FINISHED"))
    );
    let after = json!({ "id": conversation, "after": seen[1]["cursor"] });
    let mut answers = watch(&world, &world.member, EVENTS, after);
    assert_eq!(next(&mut answers).await, seen[2]);
    assert!(answer(&mut answers).await.is_none(), "completes");
}

#[tokio::test]
async fn a_conversation_of_people_is_followed_live_and_does_not_complete() {
    let world = World::new().await;
    let started = world
        .run(
            &world.member,
            "startConversation",
            "conversation { id }",
            json!({ "agentId": agent(world.paper) }),
        )
        .await;
    let id = started["conversation"]["id"].clone();
    let mut answers = watch(&world, &world.member, EVENTS, json!({ "id": id }));
    let say = json!({ "conversationId": id, "text": "hi" });
    world
        .run(&world.member, "sendMessage", "message { id }", say)
        .await;
    assert_eq!(next(&mut answers).await["__typename"], "MessageAddedEvent");
    assert_eq!(next(&mut answers).await["__typename"], "ReplyStartedEvent");
    world
        .run(
            &world.member,
            "stopReply",
            "conversation { id }",
            json!({ "conversationId": id }),
        )
        .await;
    let last = next(&mut answers).await;
    assert_eq!(
        (&last["__typename"], &last["sequence"]),
        (&json!("ReplyEndedEvent"), &json!(3))
    );
    let more = tokio::time::timeout(Duration::from_millis(50), answers.next()).await;
    assert!(more.is_err(), "it waits for more");
}

#[tokio::test]
async fn an_answer_is_told_while_it_is_written_and_completes_with_the_execution() {
    let world = World::new().await;
    let execution = world.launch(&world.member).await;
    let row = Kind::Execution.parse(&execution).expect("an id");
    let row = crate::db::executions::find(world.store.db.read(), row).await;
    let id = row.expect("reads").expect("is there").conversation_id;
    let conversation = Kind::Conversation.format(id);
    let message = world.store.ids.next();
    let writing = world.store.bus.answers().begin(id, message);
    writing.say(0, written::Kind::Reasoning, "Let me");
    let query =
        "subscription($id: ID!) { messageDeltas(conversationId: $id) { messageId part kind text replace } }";
    let mut answers = watch(&world, &world.member, query, json!({ "id": conversation }));
    let delta = |part: i32, kind: &str, text: &str, replace: bool| json!({ "messageId": Kind::Message.format(message), "part": part, "kind": kind, "text": text, "replace": replace });
    assert_eq!(next(&mut answers).await, delta(0, "REASONING", "Let me", true));
    writing.say(0, written::Kind::Reasoning, " see.");
    writing.say(1, written::Kind::ToolArguments, "{}");
    assert_eq!(next(&mut answers).await, delta(0, "REASONING", " see.", false));
    assert_eq!(next(&mut answers).await, delta(1, "TOOL_ARGUMENTS", "{}", true));
    let input = json!({ "id": execution });
    world
        .run(&world.member, "cancelExecution", "execution { status }", input)
        .await;
    assert!(answer(&mut answers).await.is_none(), "completes");
    let mut strange = watch(&world, &world.stranger, query, json!({ "id": conversation }));
    assert_eq!(end(&mut strange).await, "NOT_FOUND");
}

#[tokio::test]
async fn cursors_and_ids_of_anything_else_are_refused() {
    let world = World::new().await;
    let (one, two) = (
        world.launch(&world.member).await,
        world.launch(&world.member).await,
    );
    let conversation = conversation_of(&world, &one).await;
    let cursor = |answers: Value| answers["cursor"].clone();
    let of_one = cursor(next(&mut watch(&world, &world.member, STATUS, json!({ "id": one }))).await);
    let of_log = cursor(
        next(&mut watch(
            &world,
            &world.member,
            EVENTS,
            json!({ "id": conversation }),
        ))
        .await,
    );
    let of_set = cursor(next(&mut watch(&world, &world.member, SET, json!({}))).await);
    for (query, id, after) in [
        (STATUS, &two, &of_one),
        (STATUS, &one, &of_log),
        (STATUS, &one, &of_set),
        (STATUS, &one, &json!("broken")),
        (EVENTS, &conversation, &of_one),
        (EVENTS, &conversation, &of_set),
        (EVENTS, &conversation, &json!("")),
        (SET, &one, &of_one),
        (SET, &one, &of_log),
        (SET, &one, &json!("broken")),
    ] {
        let variables = json!({ "id": id, "after": after });
        assert_eq!(
            end(&mut watch(&world, &world.member, query, variables)).await,
            "BAD_CURSOR",
            "{query} {after}"
        );
    }
    let unknown = Kind::Execution.format(world.set);
    for (viewer, query, id) in [
        (&world.member, STATUS, "garbage"),
        (&world.member, STATUS, conversation.as_str()),
        (&world.member, STATUS, unknown.as_str()),
        (&world.other, STATUS, one.as_str()),
        (&world.stranger, STATUS, one.as_str()),
        (&world.member, EVENTS, one.as_str()),
        (&world.other, EVENTS, conversation.as_str()),
    ] {
        assert_eq!(
            end(&mut watch(&world, viewer, query, json!({ "id": id }))).await,
            "NOT_FOUND",
            "{id}"
        );
    }
    let mut foreign = watch(&world, &world.member, STATUS, json!({ "id": conversation }));
    assert_eq!(
        answer(&mut foreign).await.expect("an error").errors[0].message,
        "there is no such execution: an execution is expected here, and the id is a conversation's"
    );
}

/// Waits until the log's end is past all that was written: on PostgreSQL another test's open
/// transaction holds it back for a moment, and a set watched from there repeats what came before,
/// as it may.
async fn settled(world: &World) {
    loop {
        let log = crate::db::changes::after(&world.store.db, Default::default(), 1000).await;
        let log = log.expect("reads");
        if !log.is_held_back && !log.rows.is_empty() {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// The changes of the next frames until there are `count`, as `Entered id`.
async fn changes(answers: &mut Answers<'_>, count: usize) -> (Vec<String>, Value) {
    let (mut seen, mut cursor) = (Vec::new(), Value::Null);
    while seen.len() < count {
        let frame = next(answers).await;
        assert_eq!(frame["resync"], false);
        cursor = frame["cursor"].clone();
        for change in frame["changes"].as_array().expect("changes") {
            let id = change["edge"]["node"]["id"]
                .as_str()
                .or(change["executionId"].as_str());
            let kind = change["__typename"]
                .as_str()
                .expect("a type")
                .trim_start_matches("Execution");
            seen.push(format!("{kind} {}", id.expect("an id")));
        }
    }
    (seen, cursor)
}

#[tokio::test]
async fn a_set_says_resync_first_and_then_what_entered_was_updated_and_left() {
    let world = World::new().await;
    let old = world.launch(&world.member).await;
    settled(&world).await;
    let mut all = watch(&world, &world.member, SET, json!({}));
    let pending = json!({ "filter": { "statuses": ["PENDING"] } });
    let mut waiting = watch(&world, &world.admin, SET, pending.clone());
    for answers in [&mut all, &mut waiting] {
        let first = next(answers).await;
        assert_eq!((&first["resync"], &first["changes"]), (&json!(true), &json!([])));
    }
    let new = world.launch(&world.member).await;
    let theirs = world.launch(&world.other).await;
    let (seen, _) = changes(&mut all, 1).await;
    assert_eq!(seen, [format!("Entered {new}")]);
    let (seen, cursor) = changes(&mut waiting, 2).await;
    assert_eq!(seen, [format!("Entered {new}"), format!("Entered {theirs}")]);

    // Takes all three.
    let (_, run) = world.start(&new).await;
    let (seen, _) = changes(&mut all, 2).await;
    assert_eq!(seen, [format!("Updated {old}"), format!("Updated {new}")]);
    let left: Vec<String> = [&old, &new, &theirs].map(|id| format!("Left {id}")).to_vec();
    assert_eq!(
        changes(&mut waiting, 3).await.0,
        left,
        "also what the client never saw"
    );
    drop(waiting);

    // Back with the cursor: what was missed comes first, folded.
    world.end(&new, &run).await;
    let mut variables = pending;
    variables["after"] = cursor;
    let mut back = watch(&world, &world.admin, SET, variables);
    let (mut seen, _) = changes(&mut back, 3).await;
    seen.sort();
    let mut left = left;
    left.sort();
    assert_eq!(seen, left);
}

#[tokio::test]
async fn a_set_counts_only_what_is_selected() {
    let world = World::new().await;
    world.launch(&world.member).await;
    let counting = "subscription { executionsChanged(filter: { statuses: [FINISHED] }) { resync totalCount \
                    statusCounts { status count isExact } } }";
    let mut answers = watch(&world, &world.member, counting, json!({}));
    let first = next(&mut answers).await;
    assert_eq!(
        (&first["resync"], &first["totalCount"]),
        (&json!(true), &json!(0))
    );
    assert_eq!(
        first["statusCounts"][0],
        json!({ "status": "PENDING", "count": 1, "isExact": true })
    );
    assert_eq!(first["statusCounts"].as_array().map(Vec::len), Some(4));

    // The node's own ticks count too, so the cheapest of some tries stands for each.
    let cheapest = async |query: &str| {
        let mut least = u64::MAX;
        for _ in 0..5 {
            let before = world.store.db.statements();
            let mut answers = watch(&world, &world.member, query, json!({}));
            next(&mut answers).await;
            least = least.min(world.store.db.statements() - before);
        }
        least
    };
    let without = cheapest("subscription { executionsChanged { resync } }").await;
    let with = cheapest("subscription { executionsChanged { n: totalCount } }").await;
    assert_eq!(with, without + 1);
}

#[tokio::test]
async fn edges_carry_the_cursor_of_the_order_asked_for() {
    let world = World::new().await;
    let query = "subscription { executionsChanged(orderBy: { field: FINISHED_AT, direction: ASC }) { resync changes { \
                 ... on ExecutionEntered { edge { cursor } } } } }";
    let mut answers = watch(&world, &world.member, query, json!({}));
    next(&mut answers).await;
    world.launch(&world.member).await;
    let frame = next(&mut answers).await;
    let cursor = frame["changes"][0]["edge"]["cursor"].as_str().expect("a cursor");
    crate::base::cursor::PageCursor::decode(cursor, "executions.finished_at.asc").expect("is of that order");
}

#[tokio::test]
async fn access_that_ends_ends_the_streams() {
    let world = World::new().await;
    let id = world.launch(&world.member).await;
    let mut status = watch(&world, &world.member, STATUS, json!({ "id": id }));
    let mut set = watch(&world, &world.member, SET, json!({}));
    next(&mut status).await;
    next(&mut set).await;
    let work = world.store.begin().await.expect("begins");
    crate::db::people::remove_member(&work.tx, world.set, world.member.user_id)
        .await
        .expect("removes");
    work.commit().await.expect("commits");
    world.renewal.renew(&world.store).await.expect("renews");
    assert_eq!(end(&mut status).await, "NOT_FOUND");
    assert_eq!(end(&mut set).await, "FORBIDDEN");

    let mut own = watch(&world, &world.other, SET, json!({}));
    next(&mut own).await;
    let token = json!({ "id": Kind::Token.format(world.other.credential.id()) });
    world
        .run(&world.other, "revokeAccessToken", "accessToken { id }", token)
        .await;
    world.renewal.renew(&world.store).await.expect("renews");
    assert_eq!(end(&mut own).await, "UNAUTHENTICATED");
}

#[tokio::test]
async fn a_fault_inside_a_stream_is_internal_with_the_request_and_without_its_cause() {
    let world = World::new().await;
    let id = world.launch(&world.member).await;
    world.store.db.clone().close().await;
    let mut answers = watch(&world, &world.member, STATUS, json!({ "id": id }));
    let response = answer(&mut answers).await.expect("an error");
    assert_eq!(response.errors[0].message, "internal error");
    let extensions = response.errors[0].extensions.clone().expect("extensions");
    assert_eq!(extensions.get("code"), Some(&"INTERNAL".into()));
    assert_eq!(extensions.get("requestId"), Some(&"test".into()));
    assert!(answer(&mut answers).await.is_none());
    // Nobody known may watch nothing.
    let mut nobody: Answers<'_> = Box::pin(
        world
            .schema
            .execute_stream("subscription { executionsChanged { resync } }"),
    );
    assert_eq!(end(&mut nobody).await, "UNAUTHENTICATED");
}
