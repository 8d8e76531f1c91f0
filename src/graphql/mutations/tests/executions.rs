//! Launching, cancelling, retrying.

use serde_json::{Value, json};

use super::world::{World, agent, refusal};
use crate::base::id::Kind;
use crate::graphql::mutations::tests::world::START;

const LAUNCH: &str = "launchExecution";
const WITH_ID: &str = "created execution { id status input }";

fn job(world: &World, more: Value) -> Value {
    let mut input = json!({
        "agentId": agent(world.paper), "executionKey": "sorting", "input": { "skus": ["a"] },
    });
    for (name, value) in more.as_object().expect("members") {
        input[name] = value.clone();
    }
    input
}

#[tokio::test]
async fn every_refusal_of_a_launch_is_typed_and_stores_nothing() {
    let world = World::new().await;
    let unknown = agent(uuid::Uuid::from_u128(7));
    let foreign = Kind::Execution.format(world.paper);
    let before = world.stored().await;
    let long = "x".repeat(1024 * 1024);
    let many: Vec<String> = (0..21).map(|n| n.to_string()).collect();
    let not_found = "NotFoundError NOT_FOUND input.agentId";
    let rows: Vec<(Value, &str)> = vec![
        (json!({ "agentId": unknown }), not_found),
        (json!({ "agentId": "garbage" }), not_found),
        (json!({ "agentId": "" }), not_found),
        (json!({ "agentId": "a\u{0}b" }), not_found),
        (json!({ "agentId": foreign }), not_found),
        (
            json!({ "executionKey": "pondering" }),
            "ExecutionTypeMismatchError EXECUTION_TYPE_MISMATCH input.executionKey",
        ),
        (
            json!({ "input": { "skus": [1, "b"], "note": "too long", "more": true } }),
            "InputValidationError INPUT_VALIDATION input.input",
        ),
        (
            json!({ "input": null }),
            "InputValidationError INPUT_VALIDATION input.input",
        ),
        (
            json!({ "expectedSchemaVersion": "old" }),
            "SchemaVersionConflictError SCHEMA_VERSION_CONFLICT input.expectedSchemaVersion",
        ),
        (
            json!({ "labels": many }),
            "InvalidArgumentError INVALID_ARGUMENT input.labels",
        ),
        (
            json!({ "labels": ["a", "b", "c", long] }),
            "InvalidArgumentError INVALID_ARGUMENT input.labels.3",
        ),
        (
            json!({ "labels": ["a", "nul\u{0}"] }),
            "InvalidArgumentError INVALID_ARGUMENT input.labels.1",
        ),
        (
            json!({ "labels": ["a", "a"] }),
            "InvalidArgumentError INVALID_ARGUMENT input.labels.1",
        ),
        (
            json!({ "labels": ["  "] }),
            "InvalidArgumentError INVALID_ARGUMENT input.labels.0",
        ),
        (
            json!({ "ttlSeconds": -1 }),
            "InvalidArgumentError INVALID_ARGUMENT input.ttlSeconds",
        ),
        (
            json!({ "ttlSeconds": 0 }),
            "InvalidArgumentError INVALID_ARGUMENT input.ttlSeconds",
        ),
        (
            json!({ "ttlSeconds": 2_592_001 }),
            "InvalidArgumentError INVALID_ARGUMENT input.ttlSeconds",
        ),
        (
            json!({ "maxDurationSeconds": 2_073_601 }),
            "InvalidArgumentError INVALID_ARGUMENT input.maxDurationSeconds",
        ),
        (
            json!({ "idempotency": { "key": "k".repeat(300) } }),
            "InvalidArgumentError INVALID_ARGUMENT input.idempotency.key",
        ),
        (
            json!({ "idempotency": { "key": "" } }),
            "InvalidArgumentError INVALID_ARGUMENT input.idempotency.key",
        ),
        (
            json!({ "fileIds": ["garbage"] }),
            "NotFoundError NOT_FOUND input.fileIds.0",
        ),
        (
            json!({ "fileIds": ["a", "b", "c"] }),
            "FileRejectedError FILE_REJECTED input.fileIds",
        ),
    ];
    for (more, expected) in rows {
        let payload = world
            .run(&world.member, LAUNCH, WITH_ID, job(&world, more.clone()))
            .await;
        let shown: String = more.to_string().chars().take(80).collect();
        assert_eq!(refusal(&payload), expected, "{shown}");
        assert_eq!(
            (&payload["execution"], &payload["created"]),
            (&Value::Null, &json!(false))
        );
        assert_eq!(world.stored().await, before, "{shown}");
    }
    let payload = world
        .run(&world.stranger, LAUNCH, WITH_ID, job(&world, json!({})))
        .await;
    assert_eq!(refusal(&payload), not_found);
    assert_eq!(payload["errors"][0]["message"], "There is no such agent.");
    assert_eq!(world.stored().await, before);
}

#[tokio::test]
async fn all_violations_come_at_once_and_an_id_of_another_kind_is_told() {
    let world = World::new().await;
    let bad = json!({ "input": { "skus": [1], "note": "too long", "more": true } });
    let selection =
        "execution { id } errors { ... on InputValidationError { issues { pointer keyword property } } }";
    let payload = world
        .run(&world.member, LAUNCH, selection, job(&world, bad))
        .await;
    let issues = payload["errors"][0]["issues"].as_array().expect("issues");
    let keywords: Vec<&str> = issues
        .iter()
        .filter_map(|issue| issue["keyword"].as_str())
        .collect();
    assert_eq!(keywords.len(), 3, "{issues:?}");
    for keyword in ["type", "maxLength", "additionalProperties"] {
        assert!(keywords.contains(&keyword), "{keywords:?}");
    }
    let foreign = json!({ "agentId": Kind::User.format(world.paper) });
    let payload = world
        .run(&world.member, LAUNCH, WITH_ID, job(&world, foreign))
        .await;
    assert_eq!(
        payload["errors"][0]["message"],
        "There is no such agent: an agent is expected here, and the id is a user's."
    );
    let other = json!({ "executionKey": "pondering" });
    let selection = "errors { ... on ExecutionTypeMismatchError { availableKeys } }";
    let payload = world
        .run(&world.member, LAUNCH, selection, job(&world, other))
        .await;
    assert_eq!(
        payload["errors"][0]["availableKeys"],
        json!(["musing", "sorting"])
    );
}

#[tokio::test]
async fn an_input_left_out_is_empty_and_a_launch_is_stored_before_it_is_answered() {
    let world = World::new().await;
    let input = json!({ "agentId": agent(world.paper), "executionKey": "musing", "labels": ["one", "two"] });
    let payload = world
        .run(
            &world.member,
            LAUNCH,
            "created execution { id status input labels }",
            input,
        )
        .await;
    let id = payload["execution"]["id"].as_str().expect("an id");
    assert_eq!(
        payload,
        json!({
            "created": true, "errors": [],
            "execution": { "id": id, "status": "PENDING", "input": {}, "labels": ["one", "two"] },
        })
    );
    let (_, run) = world.start(id).await;
    assert_eq!(run.queued_at, START);
}

#[tokio::test]
async fn hostile_values_get_a_clear_error_and_store_nothing() {
    let world = World::new().await;
    let before = world.stored().await;
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    let id = agent(world.paper);
    let launch = |input: &str| {
        format!(
            "mutation {{ launchExecution(input: {{ agentId: \"{id}\", executionKey: \"musing\", {input} }}) {{ \
             created errors {{ ... on UserError {{ code }} }} }} }}"
        )
    };
    let inputs = [
        launch(&format!("input: {{ a: {deep} }}")),
        launch(r#"labels: ["\uD800"]"#),
        launch(r#"input: { a: "\u0000" }"#),
        launch(r#"input: { a: "\uDFFF" }"#),
        launch(r##"files: ["#__graphql_file__:0"]"##),
        launch(r##"files: ["#__graphql_file__:x"]"##),
        launch("ttlSeconds: 99999999999"),
    ];
    for query in inputs {
        let shown: String = query.chars().take(120).collect();
        let response = world
            .schema
            .execute(world.request(&world.member, &query, json!({})))
            .await;
        let refused = response.data.into_json().expect("json")["launchExecution"]["errors"].take();
        assert!(
            !response.errors.is_empty() || refused.as_array().is_some_and(|list| !list.is_empty()),
            "{shown}"
        );
        assert_eq!(world.stored().await, before, "{shown}");
    }
    let nul = json!({ "input": { "skus": ["a\u{0}"] } });
    let response = world
        .respond(&world.member, LAUNCH, WITH_ID, job(&world, nul), Vec::new())
        .await;
    assert!(!response.errors.is_empty());
    assert_eq!(world.stored().await, before);
}

#[tokio::test]
async fn a_key_gives_the_first_answer_again_and_conflicts_with_another_payload() {
    let world = World::new().await;
    let keyed = |more: Value| {
        let mut input = job(&world, more);
        input["idempotency"]["key"] = json!("once");
        input
    };
    let first = world.run(&world.member, LAUNCH, WITH_ID, keyed(json!({}))).await;
    assert_eq!(first["created"], true);
    let stored = world.stored().await;

    let retire = json!({ "id": agent(world.paper) });
    world
        .run(&world.admin, "retireAgent", "agent { id }", retire)
        .await;
    let again = world.run(&world.member, LAUNCH, WITH_ID, keyed(json!({}))).await;
    assert_eq!(again["created"], false);
    assert_eq!(again["execution"]["id"], first["execution"]["id"]);

    let existing = "created execution { id } errors { ... on IdempotencyConflictError { existing { id } } }";
    let other = world
        .run(
            &world.member,
            LAUNCH,
            existing,
            keyed(json!({ "labels": ["new"] })),
        )
        .await;
    assert_eq!(
        refusal(&other),
        "IdempotencyConflictError IDEMPOTENCY_CONFLICT input.idempotency.key"
    );
    assert_eq!(other["errors"][0]["existing"]["id"], first["execution"]["id"]);

    let mut reject = keyed(json!({}));
    reject["idempotency"]["onDuplicate"] = json!("REJECT");
    let rejected = world.run(&world.member, LAUNCH, existing, reject).await;
    assert_eq!(
        refusal(&rejected),
        "IdempotencyConflictError DUPLICATE input.idempotency.key"
    );

    assert_eq!(world.stored().await, stored);
    // Another viewer's key is another key.
    let other = world.run(&world.other, LAUNCH, WITH_ID, keyed(json!({}))).await;
    assert_eq!(refusal(&other), "AgentRetiredError AGENT_RETIRED input.agentId");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn racing_launches_with_one_key_make_one_execution() {
    let world = World::new().await;
    let input = job(&world, json!({ "idempotency": { "key": "race" } }));
    let racing = (0..8).map(|_| world.run(&world.member, LAUNCH, WITH_ID, input.clone()));
    let answers = futures::future::join_all(racing).await;
    let created = answers.iter().filter(|answer| answer["created"] == true).count();
    assert_eq!(created, 1);
    assert!(
        answers
            .iter()
            .all(|answer| answer["execution"]["id"] == answers[0]["execution"]["id"])
    );
    let (rows, _) = world.stored().await;
    assert!(rows.contains(&("execution".to_owned(), 1)), "{rows:?}");
}

#[tokio::test]
async fn a_cancel_ends_what_nobody_works_on_and_succeeds_again() {
    let world = World::new().await;
    let id = world.launch(&world.member).await;
    let cancel = "cancelExecution";
    let selection = "execution { status failure { category explanation } }";
    for (given, expected) in [
        (json!({ "id": "garbage" }), "NotFoundError NOT_FOUND input.id"),
        (
            json!({ "id": agent(world.paper) }),
            "NotFoundError NOT_FOUND input.id",
        ),
        (
            json!({ "id": id, "reason": "r".repeat(2001) }),
            "InvalidArgumentError INVALID_ARGUMENT input.reason",
        ),
        (
            json!({ "id": id, "reason": "\u{0}" }),
            "InvalidArgumentError INVALID_ARGUMENT input.reason",
        ),
    ] {
        let payload = world.run(&world.member, cancel, selection, given).await;
        assert_eq!(refusal(&payload), expected);
    }
    for viewer in [&world.other, &world.stranger] {
        let payload = world.run(viewer, cancel, selection, json!({ "id": id })).await;
        assert_eq!(refusal(&payload), "NotFoundError NOT_FOUND input.id");
    }
    for reason in ["changed my mind", "another reason"] {
        let payload = world
            .run(
                &world.member,
                cancel,
                selection,
                json!({ "id": id, "reason": reason }),
            )
            .await;
        assert_eq!(
            payload["execution"],
            json!({ "status": "FAILED", "failure": { "category": "CANCELED", "explanation": "changed my mind" } })
        );
    }
    let done = world.launch(&world.member).await;
    world.finish(&done).await;
    let payload = world
        .run(&world.admin, cancel, selection, json!({ "id": done }))
        .await;
    assert_eq!(
        refusal(&payload),
        "ExecutionAlreadyTerminalError EXECUTION_ALREADY_TERMINAL input.id"
    );
}

#[tokio::test]
async fn bulk_cancels_and_retries_judge_each_id_by_itself() {
    let world = World::new().await;
    let (mine, done) = (
        world.launch(&world.member).await,
        world.launch(&world.member).await,
    );
    world.finish(&done).await;
    let theirs = world.launch(&world.other).await;
    let ids = json!([mine, "garbage", done, theirs, mine]);
    let payload = world
        .run(
            &world.member,
            "cancelExecutions",
            "executions { id status }",
            json!({ "ids": ids }),
        )
        .await;
    // The one that the play worker still holds ends in a moment; it was accepted all the same.
    assert_eq!(payload["executions"].as_array().map(Vec::len), Some(1));
    assert_eq!(payload["executions"][0]["id"], mine.as_str());
    let mut paths: Vec<String> = payload["errors"]
        .as_array()
        .expect("errors")
        .iter()
        .map(|error| {
            format!(
                "{} {}",
                error["code"].as_str().expect("a code"),
                error["path"][2].as_str().expect("a place")
            )
        })
        .collect();
    paths.sort();
    assert_eq!(
        paths,
        ["EXECUTION_ALREADY_TERMINAL 2", "NOT_FOUND 1", "NOT_FOUND 3"]
    );

    let many: Vec<String> = (0..101).map(|n| n.to_string()).collect();
    for mutation in ["cancelExecutions", "retryExecutions", "deleteRecords"] {
        let selection = if mutation == "deleteRecords" {
            "deletedIds"
        } else {
            "executions { id }"
        };
        let payload = world
            .run(&world.member, mutation, selection, json!({ "ids": many }))
            .await;
        assert_eq!(
            refusal(&payload),
            "InvalidArgumentError INVALID_ARGUMENT input.ids"
        );
    }

    let input = json!({ "ids": [done, theirs], "idempotency": { "key": "k" } });
    let retried = "executions { id }";
    let first = world
        .run(&world.member, "retryExecutions", retried, input.clone())
        .await;
    assert_eq!(refusal(&first), "NotFoundError NOT_FOUND input.ids.1");
    let again = world.run(&world.member, "retryExecutions", retried, input).await;
    assert_eq!(first["executions"], again["executions"]);
    assert_eq!(first["executions"].as_array().map(Vec::len), Some(1));
    let bad = json!({ "ids": [done], "idempotency": { "key": "" } });
    let payload = world.run(&world.member, "retryExecutions", retried, bad).await;
    assert_eq!(
        refusal(&payload),
        "InvalidArgumentError INVALID_ARGUMENT input.idempotency.key"
    );
}

#[tokio::test]
async fn a_retry_is_a_new_execution_of_the_same_job() {
    let world = World::new().await;
    let retry = "retryExecution";
    let selection = "created execution { id input labels retryOf { id } }";
    let first = world
        .run(
            &world.member,
            LAUNCH,
            WITH_ID,
            job(&world, json!({ "labels": ["kept"] })),
        )
        .await;
    let id = first["execution"]["id"].as_str().expect("an id");
    let early = world
        .run(&world.member, retry, selection, json!({ "id": id }))
        .await;
    assert_eq!(
        refusal(&early),
        "ExecutionNotTerminalError EXECUTION_NOT_TERMINAL input.id"
    );
    world.finish(id).await;
    let stored = world.stored().await;
    for (given, expected) in [
        (json!({ "id": "x" }), "NotFoundError NOT_FOUND input.id"),
        (
            json!({ "id": id, "input": {} }),
            "InputValidationError INPUT_VALIDATION input.input",
        ),
        (
            json!({ "id": id, "input": null }),
            "InputValidationError INPUT_VALIDATION input.input",
        ),
        (
            json!({ "id": id, "labels": [""] }),
            "InvalidArgumentError INVALID_ARGUMENT input.labels.0",
        ),
        (
            json!({ "id": id, "ttlSeconds": -5 }),
            "InvalidArgumentError INVALID_ARGUMENT input.ttlSeconds",
        ),
        (
            json!({ "id": id, "fileIds": ["fil_x"] }),
            "NotFoundError NOT_FOUND input.fileIds.0",
        ),
        (
            json!({ "id": id, "expectedSchemaVersion": "old" }),
            "SchemaVersionConflictError SCHEMA_VERSION_CONFLICT input.expectedSchemaVersion",
        ),
        (
            json!({ "id": id, "idempotency": { "key": "k".repeat(256) } }),
            "InvalidArgumentError INVALID_ARGUMENT input.idempotency.key",
        ),
    ] {
        let payload = world.run(&world.member, retry, selection, given).await;
        assert_eq!(refusal(&payload), expected);
        assert_eq!(world.stored().await, stored);
    }
    let keyed = json!({ "id": id, "idempotency": { "key": "k" } });
    let payload = world.run(&world.member, retry, selection, keyed.clone()).await;
    assert_eq!(payload["created"], true);
    assert_eq!(payload["execution"]["input"], json!({ "skus": ["a"] }));
    assert_eq!(payload["execution"]["labels"], json!(["kept"]));
    assert_eq!(payload["execution"]["retryOf"]["id"], id);
    let again = world.run(&world.member, retry, selection, keyed).await;
    assert_eq!(
        (&again["created"], &again["execution"]),
        (&json!(false), &payload["execution"])
    );
    let other = json!({ "id": id, "labels": [], "idempotency": { "key": "k" } });
    let payload = world.run(&world.member, retry, selection, other).await;
    assert_eq!(
        refusal(&payload),
        "IdempotencyConflictError IDEMPOTENCY_CONFLICT input.idempotency.key"
    );

    let agent_id = agent(world.paper);
    world
        .run(
            &world.admin,
            "retireAgent",
            "agent { id }",
            json!({ "id": agent_id }),
        )
        .await;
    let payload = world
        .run(&world.member, retry, selection, json!({ "id": id }))
        .await;
    assert_eq!(refusal(&payload), "AgentRetiredError AGENT_RETIRED input.id");
}

#[tokio::test]
async fn refusals_of_many_come_by_place_and_malformed_ids_once() {
    let world = World::new().await;
    let unknown = Kind::Execution.format(world.set);
    for mutation in ["cancelExecutions", "retryExecutions"] {
        let ids = json!({ "ids": [unknown, "?", unknown, "?", "!"] });
        let payload = world.run(&world.member, mutation, "executions { id }", ids).await;
        let errors = payload["errors"].as_array().expect("a list").iter();
        let places: Vec<&Value> = errors.map(|error| &error["path"][2]).collect();
        assert_eq!(places, ["0", "1", "4"], "{mutation}");
    }
}
