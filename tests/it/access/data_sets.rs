//! What is asked of data sets: their agents, records, budgets and members.

use serde_json::json;

use super::{NOT_ALLOWED, NOT_FOUND, Row, TYPE, input};

pub(super) const QUERIES: &[Row] = &[
    (
        "dataSets",
        |_| ("{ dataSets { nodes { id } } }", json!({})),
        ["empty", "ok", "ok", "ok"],
    ),
    (
        "dataSet",
        |s| {
            (
                "query($id: ID!) { dataSet(id: $id) { id } }",
                json!({ "id": s.set }),
            )
        },
        ["null", "ok", "ok", "ok"],
    ),
    (
        "budgets",
        // There are none here; which of them each would see, the field's own tests say.
        |_| ("{ budgets { name } }", json!({})),
        ["null", "null", "null", "null"],
    ),
    ("agentTypes", |_| ("{ agentTypes { id } }", json!({})), ["ok"; 4]),
    (
        "agents",
        |_| ("{ agents { nodes { id } } }", json!({})),
        ["empty", "ok", "ok", "ok"],
    ),
    (
        "agent",
        |s| {
            (
                "query($id: ID!) { agent(id: $id) { id } }",
                json!({ "id": s.agent }),
            )
        },
        ["null", "ok", "ok", "ok"],
    ),
    (
        "record",
        |s| {
            (
                "query($set: ID!, $key: String!) { record(dataSetId: $set, collection: \"products\", key: $key) { id } }",
                json!({ "set": s.set, "key": s.number.to_string() }),
            )
        },
        ["null", "ok", "ok", "ok"],
    ),
];

pub(super) const MUTATIONS: &[Row] = &[
    (
        "createDataSet",
        |s| {
            (
                mutation!("createDataSet", "CreateDataSetInput"),
                input(json!({ "name": format!("d{}", s.number) })),
            )
        },
        [NOT_ALLOWED; 4],
    ),
    (
        "updateDataSet",
        |s| {
            (
                mutation!("updateDataSet", "UpdateDataSetInput"),
                input(json!({ "id": s.set, "name": "shop" })),
            )
        },
        [NOT_FOUND, NOT_ALLOWED, NOT_ALLOWED, NOT_ALLOWED],
    ),
    (
        "createAgent",
        |s| {
            (
                mutation!("createAgent", "CreateAgentInput"),
                input(json!({ "dataSetId": s.set, "agentTypeKey": TYPE, "name": format!("a{}", s.number) })),
            )
        },
        [NOT_FOUND, NOT_ALLOWED, NOT_ALLOWED, "ok"],
    ),
    (
        "updateAgent",
        |s| {
            (
                mutation!("updateAgent", "UpdateAgentInput"),
                input(json!({ "id": s.changed_agent, "description": "changed" })),
            )
        },
        [NOT_FOUND, NOT_ALLOWED, NOT_ALLOWED, "ok"],
    ),
    (
        "retireAgent",
        |s| {
            (
                mutation!("retireAgent", "RetireAgentInput"),
                input(json!({ "id": s.retired_agent })),
            )
        },
        [NOT_FOUND, NOT_ALLOWED, NOT_ALLOWED, "ok"],
    ),
    (
        "upsertRecords",
        |s| {
            (
                mutation!("upsertRecords", "UpsertRecordsInput"),
                input(
                    json!({ "dataSetId": s.set, "collection": "products", "records": [{ "key": "new", "document": {} }] }),
                ),
            )
        },
        [NOT_FOUND, NOT_ALLOWED, NOT_ALLOWED, "ok"],
    ),
    (
        "deleteRecords",
        |s| {
            (
                mutation!("deleteRecords", "DeleteRecordsInput"),
                input(json!({ "ids": [s.record] })),
            )
        },
        [NOT_FOUND, NOT_ALLOWED, NOT_ALLOWED, "ok"],
    ),
    (
        "setDataSetMember",
        |s| {
            (
                mutation!("setDataSetMember", "SetDataSetMemberInput"),
                input(json!({ "dataSetId": s.set, "userId": s.newcomer, "role": "MEMBER" })),
            )
        },
        [NOT_FOUND, NOT_ALLOWED, NOT_ALLOWED, "ok"],
    ),
    (
        "removeDataSetMember",
        |s| {
            (
                mutation!("removeDataSetMember", "RemoveDataSetMemberInput"),
                input(json!({ "dataSetId": s.set, "userId": s.leaver })),
            )
        },
        [NOT_FOUND, NOT_ALLOWED, NOT_ALLOWED, "ok"],
    ),
];
