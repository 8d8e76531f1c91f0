//! What is asked of conversations.

use serde_json::json;

use super::{NOT_ALLOWED, NOT_FOUND, Row, input};

pub(super) const QUERIES: &[Row] = &[
    (
        "conversation",
        |s| {
            (
                "query($id: ID!) { conversation(id: $id) { id } }",
                json!({ "id": s.conversation }),
            )
        },
        ["null", "null", "ok", "ok"],
    ),
    (
        "conversations",
        |_| ("{ conversations { nodes { id } } }", json!({})),
        ["empty", "empty", "ok", "ok"],
    ),
];

pub(super) const MUTATIONS: &[Row] = &[
    (
        "startConversation",
        |s| {
            (
                mutation!("startConversation", "StartConversationInput"),
                input(json!({ "agentId": s.agent })),
            )
        },
        [NOT_FOUND, "ok", "ok", "ok"],
    ),
    (
        "sendMessage",
        |s| {
            (
                mutation!("sendMessage", "SendMessageInput"),
                input(json!({ "conversationId": s.conversation, "text": "hello" })),
            )
        },
        [NOT_FOUND, NOT_FOUND, "ok", "ConversationReadOnlyError"],
    ),
    (
        "stopReply",
        |s| {
            (
                mutation!("stopReply", "StopReplyInput"),
                input(json!({ "conversationId": s.conversation })),
            )
        },
        [NOT_FOUND, NOT_FOUND, "ok", NOT_ALLOWED],
    ),
];

pub(super) const SUBSCRIPTIONS: &[Row] = &[
    (
        "conversationEvents",
        |s| {
            (
                "subscription($id: ID!) { conversationEvents(id: $id) { sequence } }",
                json!({ "id": s.conversation }),
            )
        },
        ["NOT_FOUND", "NOT_FOUND", "ok", "ok"],
    ),
    (
        "messageDeltas",
        |s| {
            (
                "subscription($id: ID!) { messageDeltas(conversationId: $id) { text } }",
                json!({ "id": s.transcript }),
            )
        },
        // Whoever may see it is told nothing until it ends.
        ["NOT_FOUND", "NOT_FOUND", "null", "null"],
    ),
];
