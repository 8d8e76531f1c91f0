//! What is asked of executions.

use serde_json::json;

use super::{NOT_FOUND, Row, input};
use crate::support::client::LAUNCH;

pub(super) const QUERIES: &[Row] = &[
    (
        "node",
        |s| {
            (
                "query($id: ID!) { node(id: $id) { id } }",
                json!({ "id": s.execution }),
            )
        },
        ["null", "null", "ok", "ok"],
    ),
    (
        "nodes",
        |s| {
            (
                "query($id: ID!) { nodes(ids: [$id]) { id } }",
                json!({ "id": s.execution }),
            )
        },
        ["null", "null", "ok", "ok"],
    ),
    (
        "execution",
        |s| {
            (
                "query($id: ID!) { execution(id: $id) { id } }",
                json!({ "id": s.execution }),
            )
        },
        ["null", "null", "ok", "ok"],
    ),
    (
        "executions",
        |_| ("{ executions { nodes { id } } }", json!({})),
        ["empty", "empty", "ok", "ok"],
    ),
    (
        "executionFacets",
        |_| ("{ executionFacets { nodes: launchedBy { count } } }", json!({})),
        ["empty", "empty", "ok", "ok"],
    ),
    (
        "executionStats",
        |_| {
            (
                "{ executionStats(range: {}) { nodes: agents { usage { modelCalls } } } }",
                json!({}),
            )
        },
        ["empty", "empty", "ok", "ok"],
    ),
    (
        "validateExecutionInput",
        |s| {
            (
                "query($id: ID!) { validateExecutionInput(agentId: $id, executionKey: \"noop\", input: {}) { errors { __typename } } }",
                json!({ "id": s.agent }),
            )
        },
        [NOT_FOUND, "ok", "ok", "ok"],
    ),
];

pub(super) const MUTATIONS: &[Row] = &[
    (
        "launchExecution",
        |s| {
            (
                LAUNCH,
                input(json!({ "agentId": s.agent, "executionKey": "noop" })),
            )
        },
        [NOT_FOUND, "ok", "ok", "ok"],
    ),
    (
        "cancelExecution",
        |s| {
            (
                mutation!("cancelExecution", "CancelExecutionInput"),
                input(json!({ "id": s.canceled })),
            )
        },
        [NOT_FOUND, NOT_FOUND, "ok", "ok"],
    ),
    (
        "cancelExecutions",
        |s| {
            (
                mutation!("cancelExecutions", "CancelExecutionsInput"),
                input(json!({ "ids": [s.canceled_in_bulk] })),
            )
        },
        [NOT_FOUND, NOT_FOUND, "ok", "ok"],
    ),
    (
        "retryExecution",
        |s| {
            (
                mutation!("retryExecution", "RetryExecutionInput"),
                input(json!({ "id": s.ended })),
            )
        },
        [NOT_FOUND, NOT_FOUND, "ok", "ok"],
    ),
    (
        "retryExecutions",
        |s| {
            (
                mutation!("retryExecutions", "RetryExecutionsInput"),
                input(json!({ "ids": [s.ended] })),
            )
        },
        [NOT_FOUND, NOT_FOUND, "ok", "ok"],
    ),
];

pub(super) const UPLOADS: &[Row] = &[(
    "uploadFile",
    |s| {
        (
            mutation!("uploadFile", "UploadFileInput"),
            input(json!({ "agentId": s.agent, "file": null })),
        )
    },
    [NOT_FOUND, "ok", "ok", "ok"],
)];

pub(super) const SUBSCRIPTIONS: &[Row] = &[
    (
        "executionStatus",
        |s| {
            (
                "subscription($id: ID!) { executionStatus(id: $id) { status } }",
                json!({ "id": s.execution }),
            )
        },
        ["NOT_FOUND", "NOT_FOUND", "ok", "ok"],
    ),
    (
        "executionsChanged",
        |_| ("subscription { executionsChanged { resync } }", json!({})),
        ["ok"; 4],
    ),
];
