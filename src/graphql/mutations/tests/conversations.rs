//! Conversations of people.

use serde_json::{Value, json};

use super::world::{World, agent, refusal};
use crate::base::id::Kind;
use crate::domain::people;

const START: &str = "startConversation";
const SEND: &str = "sendMessage";
const STARTED: &str = "created conversation { id title }";
const SENT: &str = "created message { id } conversation { id activity }";

async fn start(world: &World) -> String {
    let payload = world
        .run(
            &world.member,
            START,
            STARTED,
            json!({ "agentId": agent(world.paper) }),
        )
        .await;
    payload["conversation"]["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn a_conversation_starts_once_a_key_and_refuses_what_it_must() {
    let world = World::new().await;
    let id = agent(world.paper);
    let before = world.stored().await;
    for (viewer, given, expected) in [
        (
            &world.member,
            json!({ "agentId": "x" }),
            "NotFoundError NOT_FOUND input.agentId",
        ),
        (
            &world.stranger,
            json!({ "agentId": id }),
            "NotFoundError NOT_FOUND input.agentId",
        ),
        (
            &world.member,
            json!({ "agentId": id, "title": "t".repeat(201) }),
            "InvalidArgumentError INVALID_ARGUMENT input.title",
        ),
        (
            &world.member,
            json!({ "agentId": id, "idempotency": { "key": "" } }),
            "InvalidArgumentError INVALID_ARGUMENT input.idempotency.key",
        ),
    ] {
        let payload = world.run(viewer, START, STARTED, given).await;
        assert_eq!(refusal(&payload), expected);
        assert_eq!(world.stored().await, before);
    }
    let keyed = json!({ "agentId": id, "title": "hello", "idempotency": { "key": "k" } });
    let first = world.run(&world.member, START, STARTED, keyed.clone()).await;
    let again = world.run(&world.member, START, STARTED, keyed.clone()).await;
    assert_eq!(
        (&first["created"], &again["created"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(first["conversation"], again["conversation"]);
    let mut other = keyed.clone();
    other["title"] = json!("another");
    let payload = world.run(&world.member, START, STARTED, other).await;
    let conflict = "ConversationIdempotencyConflictError IDEMPOTENCY_CONFLICT input.idempotency.key";
    assert_eq!(refusal(&payload), conflict);

    world
        .run(&world.admin, "retireAgent", "agent { id }", json!({ "id": id }))
        .await;
    let payload = world
        .run(&world.member, START, STARTED, json!({ "agentId": id }))
        .await;
    assert_eq!(refusal(&payload), "AgentRetiredError AGENT_RETIRED input.agentId");

    // Whoever left the data set no longer sees what the key made.
    let leave = json!({
        "dataSetId": Kind::DataSet.format(world.set), "userId": Kind::User.format(world.member.user_id),
    });
    world
        .run(&world.admin, "removeDataSetMember", "removedMemberId", leave)
        .await;
    let gone = world.again(&world.member).await;
    let payload = world.run(&gone, START, STARTED, keyed).await;
    assert_eq!(refusal(&payload), "NotFoundError NOT_FOUND input.agentId");
}

#[tokio::test]
async fn a_message_queues_a_reply_and_waits_for_its_end() {
    let world = World::new().await;
    let id = start(&world).await;
    let before = world.stored().await;
    for (viewer, given, expected) in [
        (
            &world.member,
            json!({ "conversationId": "x", "text": "hi" }),
            "NotFoundError NOT_FOUND input.conversationId",
        ),
        (
            &world.other,
            json!({ "conversationId": id, "text": "hi" }),
            "NotFoundError NOT_FOUND input.conversationId",
        ),
        (
            &world.admin,
            json!({ "conversationId": id, "text": "hi" }),
            "ConversationReadOnlyError CONVERSATION_READ_ONLY input.conversationId",
        ),
        (
            &world.member,
            json!({ "conversationId": id, "text": " " }),
            "InvalidArgumentError INVALID_ARGUMENT input.text",
        ),
        (
            &world.member,
            json!({ "conversationId": id, "text": "\u{0}" }),
            "InvalidArgumentError INVALID_ARGUMENT input.text",
        ),
        (
            &world.member,
            json!({ "conversationId": id, "text": "hi", "fileIds": ["fil_1"] }),
            "NotFoundError NOT_FOUND input.fileIds.0",
        ),
        (
            &world.member,
            json!({ "conversationId": id, "text": "hi", "fileIds": ["a", "b", "c"] }),
            "FileRejectedError FILE_REJECTED input.fileIds",
        ),
    ] {
        let payload = world.run(viewer, SEND, SENT, given).await;
        assert_eq!(refusal(&payload), expected);
        assert_eq!(world.stored().await, before);
    }
    let keyed = json!({ "conversationId": id, "text": "hi", "idempotency": { "key": "k" } });
    let first = world.run(&world.member, SEND, SENT, keyed.clone()).await;
    assert_eq!(first["conversation"]["activity"], "REPLYING");
    let again = world.run(&world.member, SEND, SENT, keyed).await;
    assert_eq!(
        (&again["created"], &again["message"]),
        (&json!(false), &first["message"])
    );
    let other = json!({ "conversationId": id, "text": "ho", "idempotency": { "key": "k" } });
    let payload = world.run(&world.member, SEND, SENT, other).await;
    let conflict = "ConversationIdempotencyConflictError IDEMPOTENCY_CONFLICT input.idempotency.key";
    assert_eq!(refusal(&payload), conflict);
    let busy = world
        .run(
            &world.member,
            SEND,
            SENT,
            json!({ "conversationId": id, "text": "and?" }),
        )
        .await;
    assert_eq!(
        refusal(&busy),
        "ConversationBusyError CONVERSATION_BUSY input.conversationId"
    );

    let stop = "stopReply";
    let activity = "conversation { activity }";
    for (viewer, given, expected) in [
        (
            &world.member,
            json!({ "conversationId": "x" }),
            "NotFoundError NOT_FOUND input.conversationId",
        ),
        (
            &world.other,
            json!({ "conversationId": id }),
            "NotFoundError NOT_FOUND input.conversationId",
        ),
        (
            &world.admin,
            json!({ "conversationId": id }),
            "NotAllowedError NOT_ALLOWED input.conversationId",
        ),
    ] {
        assert_eq!(refusal(&world.run(viewer, stop, activity, given).await), expected);
    }
    for _ in 0..2 {
        let stopped = world
            .run(&world.member, stop, activity, json!({ "conversationId": id }))
            .await;
        assert_eq!(stopped["conversation"]["activity"], "IDLE");
    }
    let sent = world
        .run(
            &world.member,
            SEND,
            SENT,
            json!({ "conversationId": id, "text": "and?" }),
        )
        .await;
    assert_eq!(sent["created"], true);
}

#[tokio::test]
async fn a_message_sent_twice_gives_the_cursor_that_its_answer_is_still_to_come_from() {
    let world = World::new().await;
    let id = start(&world).await;
    let keyed = json!({ "conversationId": id, "text": "hi", "idempotency": { "key": "k" } });
    let cursor = "conversation { streamCursor }";
    let first = world.run(&world.member, SEND, cursor, keyed.clone()).await;
    let ended = json!({ "conversationId": id });
    world
        .run(&world.member, "stopReply", "conversation { activity }", ended)
        .await;
    let again = world.run(&world.member, SEND, cursor, keyed).await;
    assert_eq!(first["conversation"], again["conversation"]);
}

#[tokio::test]
async fn what_is_read_only_says_so_in_these_words_and_why() {
    let world = World::new().await;
    let launch = json!({ "agentId": agent(world.paper), "executionKey": "musing" });
    let payload = world
        .run(
            &world.member,
            "launchExecution",
            "execution { conversation { id } }",
            launch,
        )
        .await;
    let of_execution = payload["execution"]["conversation"]["id"].clone();
    let own = start(&world).await;
    let reason = "message { id } errors { ... on ConversationReadOnlyError { reason } }";
    let say = |id: &Value| json!({ "conversationId": id, "text": "hi" });
    world
        .run(
            &world.admin,
            "retireAgent",
            "agent { id }",
            json!({ "id": agent(world.paper) }),
        )
        .await;
    for (viewer, id, expected) in [
        (&world.member, of_execution, "EXECUTION"),
        (&world.member, json!(own), "AGENT_RETIRED"),
        (&world.admin, json!(own), "NOT_PARTICIPANT"),
    ] {
        let payload = world.run(viewer, SEND, reason, say(&id)).await;
        assert_eq!(payload["errors"][0]["message"], "This conversation is read-only.");
        assert_eq!(payload["errors"][0]["reason"], expected);
    }
}

#[tokio::test]
async fn nothing_is_started_with_an_agent_whose_type_is_gone() {
    let world = World::new().await;
    let work = world.store.begin().await.expect("begins");
    let gone = people::create_agent(&work, world.set, "of yesterday", "gone", None, &json!({}))
        .await
        .expect("an agent");
    work.commit().await.expect("commits");
    let id = agent(gone.id);
    let before = world.stored().await;
    let payload = world
        .run(&world.member, START, STARTED, json!({ "agentId": id }))
        .await;
    assert_eq!(refusal(&payload), "AgentRetiredError AGENT_RETIRED input.agentId");
    assert_eq!(
        payload["errors"][0]["message"],
        "The agent takes no new work, for its agent type is no longer registered."
    );
    assert_eq!(world.stored().await, before);
}
