//! `node`, and the nouns beside executions and conversations.

use serde_json::{Value, json};

use super::Api;
use crate::base::id::Kind;
use crate::base::message::{Message, Role};

const NODE: &str = "query($id: ID!) { node(id: $id) { __typename id } }";

#[tokio::test]
async fn every_node_comes_back_by_its_id_and_to_nobody_else() {
    let api = Api::new().await;
    let world = &api.world;
    let launched = world.launch(&world.member).await;
    api.say(&launched, Message::text(Role::Assistant, "done")).await;
    let read = "query($id: ID!) { execution(id: $id) {
        id agent { id agentType { id } } executionType { id } dataSet { id members(first: 1) { nodes { id } } } launchedBy { id }
        conversation { id messages { nodes { id } } timeline { nodes { id } } }
    } accessTokens { nodes { id } } }";
    let answer = api.ask(&world.member, read, json!({ "id": launched })).await;
    let execution = &answer["execution"];
    let shared = ["/agent/agentType/id", "/executionType/id"];
    let own = [
        "/id",
        "/agent/id",
        "/dataSet/id",
        "/dataSet/members/nodes/0/id",
        "/launchedBy/id",
        "/conversation/id",
        "/conversation/messages/nodes/0/id",
        "/conversation/timeline/nodes/0/id",
        "/conversation/timeline/nodes/1/id",
    ];
    let mut ids: Vec<(Value, bool)> = Vec::new();
    ids.extend(
        shared
            .iter()
            .map(|at| (execution.pointer(at).expect(at).clone(), true)),
    );
    ids.extend(
        own.iter()
            .map(|at| (execution.pointer(at).expect(at).clone(), false)),
    );
    ids.push((answer["accessTokens"]["nodes"][0]["id"].clone(), false));
    for (id, is_shared) in &ids {
        let found = api.ask(&world.member, NODE, json!({ "id": id })).await;
        assert_eq!(&found["node"]["id"], id, "{found}");
        let found = api.ask(&world.stranger, NODE, json!({ "id": id })).await;
        assert_eq!(found["node"]["id"] == *id, *is_shared, "{id}");
    }
    let all: Vec<&Value> = ids.iter().map(|(id, _)| id).collect();
    let nodes = "query($ids: [ID!]!) { nodes(ids: $ids) { id ... on ConversationEvent { sequence } } }";
    let found = api.ask(&world.member, nodes, json!({ "ids": all })).await;
    let found: Vec<&Value> = found["nodes"]
        .as_array()
        .expect("nodes")
        .iter()
        .map(|node| &node["id"])
        .collect();
    assert_eq!(found, all);
    assert_eq!(
        api.refused(&world.member, nodes, json!({ "ids": vec!["a"; 101] }))
            .await,
        "LIMIT_EXCEEDED"
    );
}

#[tokio::test]
async fn garbage_and_ids_of_nothing_are_null() {
    let api = Api::new().await;
    let member = &api.world.member;
    let nothing = Kind::Execution.format(uuid::Uuid::from_u128(1));
    for id in [
        "",
        "garbage",
        "typ_nothing",
        "aty_",
        "exe_",
        "ses_00000000000000000000000000000001",
        &nothing,
    ] {
        let found = api.ask(member, NODE, json!({ "id": id })).await;
        assert_eq!(found["node"], Value::Null, "{id}");
    }
}

#[tokio::test]
async fn what_a_viewer_may_do_follows_their_role() {
    let api = Api::new().await;
    let world = &api.world;
    let set = Kind::DataSet.format(world.set);
    let read = "query($id: ID!) { dataSet(id: $id) { viewerRole viewerCan { launch manageAgents } agents { totalCount nodes { viewerCan { launch update } acceptsFiles } } } }";
    for (viewer, role, manages) in [
        (&world.member, json!("MEMBER"), false),
        (&world.admin, json!("ADMIN"), true),
        (&world.server_admin, Value::Null, true),
    ] {
        let answer = api.ask(viewer, read, json!({ "id": set })).await;
        let set = &answer["dataSet"];
        assert_eq!(set["viewerRole"], role);
        assert_eq!(
            set["viewerCan"],
            json!({ "launch": true, "manageAgents": manages })
        );
        assert_eq!(set["agents"]["totalCount"], json!(2));
        assert_eq!(
            set["agents"]["nodes"][0]["viewerCan"],
            json!({ "launch": true, "update": manages })
        );
    }
    assert_eq!(
        api.ask(&world.stranger, read, json!({ "id": set })).await["dataSet"],
        Value::Null
    );
}

#[tokio::test]
async fn records_are_paged_searched_and_counted() {
    let api = Api::new().await;
    let world = &api.world;
    let work = world.store.begin().await.expect("begins");
    let documents: Vec<(String, Value)> = ["B-2", "a-1", "C-3"]
        .iter()
        .map(|key| ((*key).to_owned(), json!({ "of": key })))
        .collect();
    crate::domain::records::upsert(
        &work,
        world.set,
        "products",
        &documents,
        crate::domain::records::Mode::Replace,
    )
    .await
    .expect("stores");
    work.commit().await.expect("commits");
    let read = "query($id: ID!, $first: Int, $after: String, $search: String) { dataSet(id: $id) { collections { name recordCount }
        records(first: $first, after: $after, search: $search) { totalCount nodes { key document } pageInfo { endCursor hasNextPage } } } }";
    let id = Kind::DataSet.format(world.set);
    let page = api
        .ask(&world.member, read, json!({ "id": id, "first": 2 }))
        .await;
    let set = &page["dataSet"];
    assert_eq!(
        set["collections"],
        json!([{ "name": "products", "recordCount": 3 }])
    );
    assert_eq!(
        set["records"]["nodes"][0],
        json!({ "key": "a-1", "document": { "of": "a-1" } })
    );
    assert_eq!(
        (
            &set["records"]["totalCount"],
            &set["records"]["pageInfo"]["hasNextPage"]
        ),
        (&json!(3), &json!(true))
    );
    let next = api
        .ask(
            &world.member,
            read,
            json!({ "id": id, "after": set["records"]["pageInfo"]["endCursor"] }),
        )
        .await;
    assert_eq!(next["dataSet"]["records"]["nodes"][0]["key"], json!("C-3"));
    let found = api
        .ask(&world.member, read, json!({ "id": id, "search": "b" }))
        .await;
    assert_eq!(found["dataSet"]["records"]["nodes"][0]["key"], json!("B-2"));
    let one = "query($id: ID!) { record(dataSetId: $id, collection: \"products\", key: \"a-1\") { id collection } }";
    assert_eq!(
        api.ask(&world.member, one, json!({ "id": id })).await["record"]["collection"],
        json!("products")
    );
    assert_eq!(
        api.ask(&world.stranger, one, json!({ "id": id })).await["record"],
        Value::Null
    );
}

#[tokio::test]
async fn the_list_of_users_and_others_tokens_are_for_server_admins() {
    let api = Api::new().await;
    let world = &api.world;
    let users = "{ users(search: \"ADM\") { totalCount nodes { name } } }";
    assert_eq!(api.refused(&world.admin, users, json!({})).await, "FORBIDDEN");
    assert_eq!(
        api.ask(&world.server_admin, users, json!({})).await["users"],
        json!({ "totalCount": 1, "nodes": [{ "name": "admin" }] })
    );
    let tokens = "query($id: ID) { accessTokens(userId: $id) { totalCount nodes { name user { name } } } }";
    let member = Kind::User.format(world.member.user_id);
    assert_eq!(
        api.ask(&world.admin, tokens, json!({ "id": member })).await["accessTokens"]["totalCount"],
        json!(0)
    );
    assert_eq!(
        api.ask(&world.server_admin, tokens, json!({ "id": member }))
            .await["accessTokens"]["nodes"][0]["user"]["name"],
        json!("member")
    );
    let session = "{ session { user { name } isServerAdmin expiresAt } server { maxPageSize maxLabels } viewer { name } agentTypes { key executionTypes { key schemaVersion } } }";
    let answer = api.ask(&world.member, session, json!({})).await;
    assert_eq!(
        answer["session"],
        json!({ "user": { "name": "member" }, "isServerAdmin": false, "expiresAt": null })
    );
    assert_eq!(
        answer["agentTypes"][0]["executionTypes"][0]["key"],
        json!("musing")
    );
}

#[tokio::test]
async fn counting_records_stops_at_the_servers_limit_and_says_so() {
    let api = Api::new().await;
    let world = &api.world;
    let read = "query($id: ID!) { dataSet(id: $id) { records(first: 1) { totalCount totalCountIsExact } } }";
    let id = Kind::DataSet.format(world.set);
    for (stored, counted, is_exact) in [(10_000, 10_000, true), (10_100, 10_000, false)] {
        let documents: Vec<(String, Value)> = (0..100)
            .map(|number| (format!("{stored} {number}"), json!({})))
            .collect();
        let batches = if is_exact { 100 } else { 1 };
        let work = world.store.begin().await.expect("begins");
        for batch in 0..batches {
            let documents: Vec<(String, Value)> = documents
                .iter()
                .map(|(key, document)| (format!("{batch} {key}"), document.clone()))
                .collect();
            let mode = crate::domain::records::Mode::Replace;
            crate::domain::records::upsert(&work, world.set, "products", &documents, mode)
                .await
                .expect("stores");
        }
        work.commit().await.expect("commits");
        let read = api.ask(&world.member, read, json!({ "id": id })).await;
        assert_eq!(
            read["dataSet"]["records"],
            json!({ "totalCount": counted, "totalCountIsExact": is_exact })
        );
    }
}
