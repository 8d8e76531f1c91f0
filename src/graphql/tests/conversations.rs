//! Conversations: their messages, events and positions.

use serde_json::{Value, json};
use uuid::Uuid;

use super::Api;
use crate::base::id::Kind;
use crate::base::message::{Message, Part, Role};
use crate::domain::{access, people};

#[tokio::test]
async fn an_executions_conversation_is_read_only_and_never_listed() {
    let api = Api::new().await;
    let world = &api.world;
    let launched = world.launch(&world.member).await;
    let image = api.db_insert_file(&launched, "photo.png").await;
    let result = Part::ToolResult {
        call_id: "c1".to_owned(),
        tool: "read_file".to_owned(),
        is_error: false,
        output: Value::Null,
        duration_ms: Some(3),
        // One that is gone is left out.
        files: vec![image, Uuid::from_u128(404)],
    };
    let said = Message {
        role: Role::Tool,
        parts: vec![Part::text("so"), result],
    };
    api.say(&launched, Message::text(Role::User, "work")).await;
    api.say(&launched, said).await;
    world.finish(&launched).await;
    let read = "query($id: ID!) { execution(id: $id) { result conversation { readOnly readOnlyReason activity execution { id }
        messages(roles: [TOOL]) { totalCount nodes { id sequence role attempt parts { __typename ... on TextPart { id text } ... on ToolResultPart { id output outputBytes durationMs files { id filename } } } } }
        timeline(last: 1) { totalCount nodes { sequence ... on StatusChangedEvent { from to execution { id status } } } } } }
        conversations { totalCount } }";
    let answer = api.ask(&world.member, read, json!({ "id": launched })).await;
    let conversation = &answer["execution"]["conversation"];
    assert_eq!(
        (&conversation["readOnly"], &conversation["readOnlyReason"]),
        (&json!(true), &json!("EXECUTION"))
    );
    assert_eq!(conversation["execution"]["id"], json!(launched));
    assert_eq!(conversation["messages"]["totalCount"], json!(1));
    let message = &conversation["messages"]["nodes"][0];
    let id = message["id"].as_str().expect("an id");
    assert_eq!(message["parts"][0]["id"], json!(format!("{id}.0")));
    assert_eq!(
        message["parts"][1],
        json!({ "__typename": "ToolResultPart", "id": format!("{id}.1"), "output": null, "outputBytes": 4, "durationMs": 3, "files": [{ "id": Kind::File.format(image), "filename": "photo.png" }] })
    );
    let last = &conversation["timeline"]["nodes"][0];
    assert_eq!(
        (&last["to"], &last["execution"]["status"]),
        (&json!("FINISHED"), &json!("FINISHED"))
    );
    assert_eq!(answer["conversations"]["totalCount"], json!(0));
}

#[tokio::test]
async fn events_go_on_from_any_cursor_of_the_conversation_and_no_other() {
    let api = Api::new().await;
    let world = &api.world;
    let launched = world.launch(&world.member).await;
    let other = world.launch(&world.member).await;
    world.finish(&launched).await;
    let read = "query($id: ID!, $after: StreamCursor, $first: Int) { execution(id: $id) { conversation { streamCursor events(after: $after, first: $first) { events { sequence cursor } cursor hasMore } } } }";
    let mut after = Value::Null;
    let mut sequences = Vec::new();
    loop {
        let answer = api
            .ask(
                &world.member,
                read,
                json!({ "id": launched, "after": after, "first": 1 }),
            )
            .await;
        let page = answer["execution"]["conversation"]["events"].clone();
        sequences.extend(
            page["events"]
                .as_array()
                .expect("events")
                .iter()
                .map(|event| event["sequence"].as_i64().expect("a number")),
        );
        after = page["cursor"].clone();
        if page["hasMore"] == json!(false) {
            assert_eq!(after, answer["execution"]["conversation"]["streamCursor"]);
            break;
        }
    }
    let dense: Vec<i64> = (1..).take(sequences.len()).collect();
    assert_eq!(sequences, dense);
    assert_eq!(
        api.refused(&world.member, read, json!({ "id": other, "after": after }))
            .await,
        "BAD_CURSOR"
    );
    assert_eq!(
        api.refused(&world.member, read, json!({ "id": other, "first": 0 }))
            .await,
        "BAD_USER_INPUT"
    );
}

#[tokio::test]
async fn people_find_their_own_conversations() {
    let api = Api::new().await;
    let world = &api.world;
    let input =
        json!({ "agentId": super::super::mutations::tests::world::agent(world.paper), "title": "Über Tee" });
    let started = world
        .run(&world.member, "startConversation", "conversation { id }", input)
        .await;
    let id = &started["conversation"]["id"];
    let list = "query($search: String, $agentId: ID) { conversations(search: $search, agentId: $agentId) { totalCount nodes { id title readOnlyReason } } }";
    let found = api.ask(&world.member, list, json!({ "search": "üb" })).await;
    assert_eq!(
        found["conversations"]["nodes"][0],
        json!({ "id": id, "title": "Über Tee", "readOnlyReason": null })
    );
    let found = api.ask(&world.admin, list, json!({})).await;
    assert_eq!(
        found["conversations"]["nodes"][0]["readOnlyReason"],
        json!("NOT_PARTICIPANT")
    );
    let found = api.ask(&world.member, list, json!({ "search": "  " })).await;
    assert_eq!(found["conversations"]["totalCount"], 1, "blank is no condition");
    for variables in [json!({ "search": "tee" }), json!({ "agentId": id })] {
        let found = api.ask(&world.member, list, variables).await;
        assert_eq!(found["conversations"], json!({ "totalCount": 0, "nodes": [] }));
    }
    assert_eq!(
        api.ask(&world.other, list, json!({})).await["conversations"]["totalCount"],
        json!(0)
    );
}

#[tokio::test]
async fn lists_over_more_data_sets_than_a_statement_takes_are_refused_as_executions_are() {
    let api = Api::new().await;
    let world = &api.world;
    let list = "query($set: ID) { conversations(dataSetId: $set) { totalCount nodes { id } } }";
    let joined = async |sets: std::ops::Range<i32>| {
        let user = world.member.user_id;
        let work = world.store.begin().await.expect("begins");
        for number in sets {
            let set = people::create_data_set(&work, &format!("set {number}"))
                .await
                .expect("a data set");
            let added = people::add_member(&work, set.id, user, access::Role::Member).await;
            added.expect("a member");
        }
        work.commit().await.expect("commits");
        let made = people::create_token(&world.store, user, "more", None).await;
        let (_, secret) = made.expect("a token");
        let viewer = access::authenticate(&world.store, &secret).await;
        viewer.expect("answers").expect("is known")
    };
    let input = json!({ "agentId": super::super::mutations::tests::world::agent(world.paper) });
    world
        .run(&world.member, "startConversation", "created", input)
        .await;
    let member = joined(1..64).await;
    // The least of a few: the hub looks at the change log by itself, which can only add.
    let mut least = u64::MAX;
    for _ in 0..5 {
        let before = world.store.db.statements();
        let all = api.ask(&member, list, json!({})).await;
        assert_eq!(all["conversations"]["totalCount"], 1);
        least = least.min(world.store.db.statements() - before);
    }
    assert_eq!(least, 2, "a page and a count, however many data sets");
    let member = joined(64..65).await;
    assert_eq!(api.refused(&member, list, json!({})).await, "LIMIT_EXCEEDED");
    let executions = "{ executions { nodes { id } } }";
    assert_eq!(
        api.refused(&member, executions, json!({})).await,
        "LIMIT_EXCEEDED"
    );
    let set = Kind::DataSet.format(world.set);
    let one = api.ask(&member, list, json!({ "set": set })).await;
    assert_eq!(one["conversations"]["totalCount"], 1);
}

#[tokio::test]
async fn a_role_that_is_named_many_times_is_one() {
    let api = Api::new().await;
    let world = &api.world;
    let launched = world.launch(&world.member).await;
    api.say(&launched, Message::text(Role::User, "work")).await;
    let query = "query($id: ID!, $roles: [MessageRole!]) { execution(id: $id) { conversation {
        messages(roles: $roles) { totalCount nodes { role } } } } }";
    let roles = vec!["USER"; 70_000];
    let said = api
        .ask(&world.member, query, json!({ "id": launched, "roles": roles }))
        .await;
    let messages = &said["execution"]["conversation"]["messages"];
    assert_eq!(messages["nodes"][0], json!({ "role": "USER" }));
    assert_eq!(
        messages["totalCount"],
        messages["nodes"].as_array().map_or(0, Vec::len)
    );
}
