//! Tokens, users, data sets, members, agents, records: who may, and what is refused.

use serde_json::{Value, json};

use super::world::{START, World, agent, refusal};
use crate::base::clock::to_rfc3339;
use crate::base::id::Kind;
use crate::domain::access;

#[tokio::test]
async fn everyone_makes_and_revokes_their_own_tokens_and_server_admins_anyones() {
    let world = World::new().await;
    let (create, revoke) = ("createAccessToken", "revokeAccessToken");
    let selection = "secret accessToken { id name prefix user { id } }";
    let member = Kind::User.format(world.member.user_id);
    let nobody = Kind::User.format(world.set);
    let before = world.stored().await;
    for (viewer, given, expected) in [
        (
            &world.member,
            json!({ "name": " " }),
            "InvalidArgumentError INVALID_ARGUMENT input.name",
        ),
        (
            &world.member,
            json!({ "name": "n".repeat(101) }),
            "InvalidArgumentError INVALID_ARGUMENT input.name",
        ),
        (
            &world.member,
            json!({ "name": "n", "expiresAt": to_rfc3339(START) }),
            "InvalidArgumentError INVALID_ARGUMENT input.expiresAt",
        ),
        (
            &world.other,
            json!({ "name": "n", "userId": member }),
            "NotAllowedError NOT_ALLOWED input.userId",
        ),
        (
            &world.other,
            json!({ "name": "n", "userId": nobody }),
            "NotAllowedError NOT_ALLOWED input.userId",
        ),
        (
            &world.server_admin,
            json!({ "name": "n", "userId": nobody }),
            "NotFoundError NOT_FOUND input.userId",
        ),
        (
            &world.server_admin,
            json!({ "name": "n", "userId": "x" }),
            "NotFoundError NOT_FOUND input.userId",
        ),
    ] {
        let payload = world.run(viewer, create, selection, given).await;
        assert_eq!(refusal(&payload), expected);
        assert_eq!(payload["secret"], Value::Null);
        assert_eq!(world.stored().await, before);
    }
    let for_member = json!({ "name": "laptop", "userId": member });
    let made = world
        .run(&world.server_admin, create, selection, for_member)
        .await;
    let secret = made["secret"].as_str().expect("a secret");
    assert!(secret.starts_with(made["accessToken"]["prefix"].as_str().expect("a prefix")));
    let known = access::authenticate(&world.store, secret)
        .await
        .expect("answers")
        .expect("is known");
    assert_eq!(known.user_id, world.member.user_id);

    let id = made["accessToken"]["id"].clone();
    let at = "accessToken { revokedAt }";
    for (viewer, id) in [
        (&world.other, &id),
        (&world.admin, &id),
        (&world.member, &json!("tok_1")),
    ] {
        let payload = world.run(viewer, revoke, at, json!({ "id": id })).await;
        assert_eq!(refusal(&payload), "NotFoundError NOT_FOUND input.id");
    }
    let first = world.run(&world.member, revoke, at, json!({ "id": id })).await;
    world.store.clock.advance(std::time::Duration::from_secs(1));
    let again = world
        .run(&world.server_admin, revoke, at, json!({ "id": id }))
        .await;
    assert_eq!(first["accessToken"], again["accessToken"]);
    assert_eq!(first["accessToken"]["revokedAt"], to_rfc3339(START));
    assert!(
        access::authenticate(&world.store, secret)
            .await
            .expect("answers")
            .is_none()
    );
}

#[tokio::test]
async fn server_admins_make_users_and_data_sets() {
    let world = World::new().await;
    let set = Kind::DataSet.format(world.set);
    for (mutation, selection, given) in [
        ("createUser", "user { id name }", json!({})),
        ("createDataSet", "dataSet { id name }", json!({})),
        ("updateDataSet", "dataSet { id name }", json!({ "id": set })),
    ] {
        let with = |name: &str| {
            let mut input = given.clone();
            input["name"] = json!(name);
            input
        };
        let before = world.stored().await;
        let refused =
            async |viewer, name: &str| refusal(&world.run(viewer, mutation, selection, with(name)).await);
        assert_eq!(
            refused(&world.member, "new").await,
            "NotAllowedError NOT_ALLOWED "
        );
        assert_eq!(refused(&world.admin, "new").await, "NotAllowedError NOT_ALLOWED ");
        let taken = match mutation {
            "createUser" => "member",
            "createDataSet" => "shop",
            _ => "full",
        };
        if mutation == "updateDataSet" {
            let payload = world.run(&world.stranger, mutation, selection, with("new")).await;
            assert_eq!(refusal(&payload), "NotFoundError NOT_FOUND input.id");
            let mut other = with("new");
            other["id"] = json!(agent(world.paper));
            let payload = world.run(&world.server_admin, mutation, selection, other).await;
            assert_eq!(refusal(&payload), "NotFoundError NOT_FOUND input.id");
        }
        assert_eq!(
            refused(&world.server_admin, "bad\u{0}").await,
            "InvalidArgumentError INVALID_ARGUMENT input.name"
        );
        assert_eq!(world.stored().await, before);
        let made = world
            .run(&world.server_admin, mutation, selection, with("full"))
            .await;
        let noun = if mutation == "createUser" {
            "user"
        } else {
            "dataSet"
        };
        if mutation == "updateDataSet" {
            // The name went to the data set made in the row before.
            assert_eq!(refusal(&made), "NameTakenError NAME_TAKEN input.name");
            let renamed = world
                .run(&world.server_admin, mutation, selection, with("renamed"))
                .await;
            assert_eq!(renamed["dataSet"], json!({ "id": set, "name": "renamed" }));
        } else {
            assert_eq!(made[noun]["name"], "full");
            assert_eq!(
                refused(&world.server_admin, taken).await,
                "NameTakenError NAME_TAKEN input.name"
            );
        }
    }
}

#[tokio::test]
async fn admins_of_a_data_set_manage_its_members_and_keep_an_admin() {
    let world = World::new().await;
    let (put, remove) = ("setDataSetMember", "removeDataSetMember");
    let (of_put, of_remove) = (
        "member { id role } dataSet { id }",
        "removedMemberId dataSet { id }",
    );
    let set = Kind::DataSet.format(world.set);
    let user = |viewer: &access::Viewer| Kind::User.format(viewer.user_id);
    let input = |set: &str, user: &str| json!({ "dataSetId": set, "userId": user });
    let as_role = |mut input: Value, role: &str| {
        input["role"] = json!(role);
        input
    };
    let stranger = user(&world.stranger);
    let nobody = Kind::User.format(world.set);
    let before = world.stored().await;
    for (viewer, given, expected) in [
        (
            &world.member,
            input(&set, &stranger),
            "NotAllowedError NOT_ALLOWED input.dataSetId",
        ),
        (
            &world.stranger,
            input(&set, &stranger),
            "NotFoundError NOT_FOUND input.dataSetId",
        ),
        (
            &world.admin,
            input("set_1", &stranger),
            "NotFoundError NOT_FOUND input.dataSetId",
        ),
        (
            &world.admin,
            input(&set, "usr_1"),
            "NotFoundError NOT_FOUND input.userId",
        ),
        (
            &world.admin,
            input(&set, &nobody),
            "NotFoundError NOT_FOUND input.userId",
        ),
        (
            &world.server_admin,
            input(&Kind::DataSet.format(world.paper), &stranger),
            "NotFoundError NOT_FOUND input.dataSetId",
        ),
        (
            &world.admin,
            input(&set, &user(&world.admin)),
            "NotAllowedError NOT_ALLOWED input.userId",
        ),
    ] {
        let payload = world
            .run(viewer, put, of_put, as_role(given.clone(), "MEMBER"))
            .await;
        assert_eq!(refusal(&payload), expected, "{given}");
        let payload = world.run(viewer, remove, of_remove, given.clone()).await;
        assert_eq!(refusal(&payload), expected, "{given}");
        assert_eq!(world.stored().await, before);
    }
    let added = world
        .run(
            &world.admin,
            put,
            of_put,
            as_role(input(&set, &stranger), "MEMBER"),
        )
        .await;
    assert_eq!(added["member"]["role"], "MEMBER");
    let raised = world
        .run(
            &world.admin,
            put,
            of_put,
            as_role(input(&set, &stranger), "ADMIN"),
        )
        .await;
    assert_eq!(
        raised["member"],
        json!({ "id": added["member"]["id"], "role": "ADMIN" })
    );
    assert_eq!(raised["dataSet"]["id"], set.as_str());
    // There is another admin now, so this one may go; what they may do there is theirs to ask again.
    let left = world
        .run(&world.admin, remove, of_remove, input(&set, &user(&world.admin)))
        .await;
    assert_eq!((&left["errors"], &left["dataSet"]), (&json!([]), &Value::Null));
    let last = world
        .run(&world.server_admin, remove, of_remove, input(&set, &stranger))
        .await;
    assert_eq!(last["removedMemberId"], added["member"]["id"]);
    let twice = world
        .run(&world.server_admin, remove, of_remove, input(&set, &stranger))
        .await;
    assert_eq!(refusal(&twice), "NotFoundError NOT_FOUND input.userId");
    assert_eq!(
        twice["errors"][0]["message"],
        "This user is no member of the data set."
    );
}

#[tokio::test]
async fn agents_are_made_changed_and_retired_by_admins_under_their_schema() {
    let world = World::new().await;
    let (create, update, retire) = ("createAgent", "updateAgent", "retireAgent");
    let selection = "agent { id name description configuration updatedAt }";
    let set = Kind::DataSet.format(world.set);
    let new = |more: Value| {
        let mut input = json!({ "dataSetId": set, "agentTypeKey": "paper", "name": "clerk" });
        for (name, value) in more.as_object().expect("members") {
            input[name] = value.clone();
        }
        input
    };
    let before = world.stored().await;
    for (viewer, given, expected) in [
        (
            &world.member,
            json!({}),
            "NotAllowedError NOT_ALLOWED input.dataSetId",
        ),
        (
            &world.stranger,
            json!({}),
            "NotFoundError NOT_FOUND input.dataSetId",
        ),
        (
            &world.admin,
            json!({ "dataSetId": "x" }),
            "NotFoundError NOT_FOUND input.dataSetId",
        ),
        (
            &world.admin,
            json!({ "agentTypeKey": "x" }),
            "NotFoundError NOT_FOUND input.agentTypeKey",
        ),
        (
            &world.admin,
            json!({ "name": "" }),
            "InvalidArgumentError INVALID_ARGUMENT input.name",
        ),
        (
            &world.admin,
            json!({ "name": "paper" }),
            "NameTakenError NAME_TAKEN input.name",
        ),
        (
            &world.admin,
            json!({ "description": "d".repeat(2001) }),
            "InvalidArgumentError INVALID_ARGUMENT input.description",
        ),
        (
            &world.admin,
            json!({ "configuration": { "tone": "loud", "x": 1 } }),
            "InputValidationError INPUT_VALIDATION input.configuration",
        ),
        (
            &world.admin,
            json!({ "configuration": null }),
            "InputValidationError INPUT_VALIDATION input.configuration",
        ),
    ] {
        let payload = world.run(viewer, create, selection, new(given.clone())).await;
        assert_eq!(refusal(&payload), expected, "{given}");
        assert_eq!(world.stored().await, before);
    }
    let made = world
        .run(
            &world.admin,
            create,
            selection,
            new(json!({ "description": "d" })),
        )
        .await;
    assert_eq!(made["agent"]["configuration"], json!({}));
    let id = made["agent"]["id"].clone();
    let read = made["agent"]["updatedAt"].clone();

    let edit = |more: Value| {
        let mut input = more;
        input["id"] = id.clone();
        input
    };
    for (viewer, given, expected) in [
        (&world.member, json!({}), "NotAllowedError NOT_ALLOWED input.id"),
        (&world.stranger, json!({}), "NotFoundError NOT_FOUND input.id"),
        (
            &world.admin,
            json!({ "name": null }),
            "InvalidArgumentError INVALID_ARGUMENT input.name",
        ),
        (
            &world.admin,
            json!({ "name": "plain" }),
            "NameTakenError NAME_TAKEN input.name",
        ),
        (
            &world.admin,
            json!({ "configuration": { "tone": 1 } }),
            "InputValidationError INPUT_VALIDATION input.configuration",
        ),
    ] {
        let payload = world.run(viewer, update, selection, edit(given.clone())).await;
        assert_eq!(refusal(&payload), expected, "{given}");
    }
    let change = json!({ "configuration": { "tone": "dry" }, "expectedUpdatedAt": read });
    let changed = world
        .run(&world.admin, update, selection, edit(change.clone()))
        .await;
    assert_eq!(changed["agent"]["configuration"], json!({ "tone": "dry" }));
    assert_eq!(changed["agent"]["description"], "d");
    assert_ne!(changed["agent"]["updatedAt"], read, "also within one millisecond");
    let current = "agent { id } errors { ... on EditConflictError { current { updatedAt } } }";
    let late = world.run(&world.admin, update, current, edit(change)).await;
    assert_eq!(
        refusal(&late),
        "EditConflictError EDIT_CONFLICT input.expectedUpdatedAt"
    );
    assert_eq!(
        late["errors"][0]["current"]["updatedAt"],
        changed["agent"]["updatedAt"]
    );
    let cleared = world
        .run(
            &world.admin,
            update,
            selection,
            edit(json!({ "description": null })),
        )
        .await;
    assert_eq!(cleared["agent"]["description"], Value::Null);
    assert_eq!(cleared["agent"]["name"], "clerk");

    let at = "agent { retiredAt }";
    for (viewer, given, expected) in [
        (
            &world.member,
            json!({ "id": id }),
            "NotAllowedError NOT_ALLOWED input.id",
        ),
        (
            &world.stranger,
            json!({ "id": id }),
            "NotFoundError NOT_FOUND input.id",
        ),
        (
            &world.admin,
            json!({ "id": set }),
            "NotFoundError NOT_FOUND input.id",
        ),
    ] {
        assert_eq!(refusal(&world.run(viewer, retire, at, given).await), expected);
    }
    let retired = world.run(&world.admin, retire, at, json!({ "id": id })).await;
    assert_eq!(retired["agent"]["retiredAt"], to_rfc3339(START));
    world.store.clock.advance(std::time::Duration::from_secs(1));
    assert_eq!(
        world.run(&world.admin, retire, at, json!({ "id": id })).await,
        retired
    );
    let payload = world
        .run(&world.admin, update, selection, edit(json!({ "name": "late" })))
        .await;
    assert_eq!(refusal(&payload), "AgentRetiredError AGENT_RETIRED input.id");
}

#[tokio::test]
async fn records_are_written_all_or_none_and_deleted_each_by_itself() {
    let world = World::new().await;
    let (upsert, delete) = ("upsertRecords", "deleteRecords");
    let selection = "records { id key document }";
    let set = Kind::DataSet.format(world.set);
    let write = |records: Value| json!({ "dataSetId": set, "collection": "products", "records": records });
    let good = json!([{ "key": "b", "document": { "n": 1 } }, { "key": "a", "document": {} }]);
    let before = world.stored().await;
    let many: Vec<Value> = (0..1001)
        .map(|n| json!({ "key": n.to_string(), "document": {} }))
        .collect();
    let mut elsewhere = write(good.clone());
    elsewhere["dataSetId"] = json!("set_1");
    let mut unnamed = write(good.clone());
    unnamed["collection"] = json!("Not a name");
    let mut gone = write(good.clone());
    gone["dataSetId"] = json!(Kind::DataSet.format(world.paper));
    for (viewer, given, expected) in [
        (
            &world.member,
            write(good.clone()),
            "NotAllowedError NOT_ALLOWED input.dataSetId",
        ),
        (
            &world.stranger,
            write(good.clone()),
            "NotFoundError NOT_FOUND input.dataSetId",
        ),
        (&world.admin, elsewhere, "NotFoundError NOT_FOUND input.dataSetId"),
        (
            &world.server_admin,
            gone,
            "NotFoundError NOT_FOUND input.dataSetId",
        ),
        (
            &world.admin,
            unnamed,
            "InvalidArgumentError INVALID_ARGUMENT input.collection",
        ),
        (
            &world.admin,
            write(json!(many)),
            "InvalidArgumentError INVALID_ARGUMENT input.records",
        ),
        (
            &world.admin,
            write(json!([{ "key": "a", "document": {} }, { "key": "", "document": {} }])),
            "InvalidArgumentError INVALID_ARGUMENT input.records.1.key",
        ),
        (
            &world.admin,
            write(json!([{ "key": "a", "document": {} }, { "key": "a", "document": {} }])),
            "InvalidArgumentError INVALID_ARGUMENT input.records.1.key",
        ),
        (
            &world.admin,
            write(json!([{ "key": "a", "document": [] }])),
            "InvalidArgumentError INVALID_ARGUMENT input.records.0.document",
        ),
    ] {
        let payload = world.run(viewer, upsert, selection, given).await;
        assert_eq!(refusal(&payload), expected);
        assert_eq!(payload["records"], json!([]));
        assert_eq!(world.stored().await, before);
    }
    let wrong = write(
        json!([{ "key": "a", "document": {} }, { "key": " ", "document": [] }, { "key": "a", "document": 1 }]),
    );
    let payload = world.run(&world.admin, upsert, selection, wrong).await;
    assert_eq!(
        paths(&payload),
        [
            "input.records.1.key",
            "input.records.1.document",
            "input.records.2.key",
            "input.records.2.document"
        ],
        "every mistake of each"
    );
    let first = world.run(&world.admin, upsert, selection, write(good)).await;
    let keys: Vec<&Value> = first["records"]
        .as_array()
        .expect("records")
        .iter()
        .map(|one| &one["key"])
        .collect();
    assert_eq!(keys, ["b", "a"]);
    let next = json!([{ "key": "b", "document": { "m": 2 } }, { "key": "c", "document": {} }]);
    let second = world.run(&world.admin, upsert, selection, write(next)).await;
    assert_eq!(second["records"][0]["id"], first["records"][0]["id"]);
    assert_eq!(
        second["records"][0]["document"],
        json!({ "m": 2 }),
        "replaced, not merged"
    );

    let (a, b) = (
        first["records"][1]["id"].clone(),
        first["records"][0]["id"].clone(),
    );
    let payload = world
        .run(&world.member, delete, "deletedIds", json!({ "ids": [a] }))
        .await;
    assert_eq!(refusal(&payload), "NotAllowedError NOT_ALLOWED input.ids.0");
    let payload = world
        .run(&world.stranger, delete, "deletedIds", json!({ "ids": [a] }))
        .await;
    assert_eq!(refusal(&payload), "NotFoundError NOT_FOUND input.ids.0");
    let unknown = Kind::Record.format(world.set);
    let payload = world
        .run(
            &world.admin,
            delete,
            "deletedIds",
            json!({ "ids": [a, unknown, b, a] }),
        )
        .await;
    assert_eq!(payload["deletedIds"], json!([a, b]));
    assert_eq!(refusal(&payload), "NotFoundError NOT_FOUND input.ids.1");
    assert_eq!(payload["errors"].as_array().map(Vec::len), Some(1));
    // By place, and what is given twice once, also where it can be no id.
    let mixed = json!({ "ids": [unknown, "?", a, "?", unknown, "!"] });
    let payload = world.run(&world.admin, delete, "deletedIds", mixed).await;
    assert_eq!(
        paths(&payload),
        ["input.ids.0", "input.ids.1", "input.ids.2", "input.ids.5"]
    );
}

#[tokio::test]
async fn everything_that_is_wrong_with_an_agent_is_said_at_once() {
    let world = World::new().await;
    let bad = json!({ "name": " ", "description": "d".repeat(2001), "configuration": { "colour": "red" } });
    let mut new = bad.clone();
    new["dataSetId"] = json!(Kind::DataSet.format(world.set));
    new["agentTypeKey"] = json!("paper");
    let before = world.stored().await;
    let payload = world
        .run(&world.admin, "createAgent", "agent { id }", new.clone())
        .await;
    let all = ["input.name", "input.description", "input.configuration"];
    assert_eq!(paths(&payload), all);
    new["agentTypeKey"] = json!("of yesterday");
    let payload = world.run(&world.admin, "createAgent", "agent { id }", new).await;
    assert_eq!(
        paths(&payload),
        ["input.name", "input.description", "input.agentTypeKey"]
    );
    let mut edit = bad;
    edit["id"] = json!(agent(world.paper));
    for name in [json!(" "), Value::Null] {
        edit["name"] = name;
        let payload = world
            .run(&world.admin, "updateAgent", "agent { id }", edit.clone())
            .await;
        assert_eq!(paths(&payload), all);
    }
    assert_eq!(world.stored().await, before);
}

/// Where each refusal is.
fn paths(payload: &Value) -> Vec<String> {
    let errors = payload["errors"].as_array().expect("a list").iter();
    errors
        .map(|error| {
            let path = error["path"].as_array().expect("a path").iter();
            let steps: Vec<&str> = path.map(|step| step.as_str().expect("text")).collect();
            steps.join(".")
        })
        .collect()
}
