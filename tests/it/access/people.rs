//! What people ask about themselves, each other and the server.

use serde_json::json;

use super::{NOT_ALLOWED, NOT_FOUND, Row, input};

pub(super) const QUERIES: &[Row] = &[
    ("viewer", |_| ("{ viewer { id } }", json!({})), ["ok"; 4]),
    ("session", |_| ("{ session { id } }", json!({})), ["ok"; 4]),
    ("server", |_| ("{ server { version } }", json!({})), ["ok"; 4]),
    (
        "accessTokens",
        |_| ("{ accessTokens { nodes { id } } }", json!({})),
        ["ok"; 4],
    ),
    (
        "users",
        |_| ("{ users { nodes { id } } }", json!({})),
        ["FORBIDDEN"; 4],
    ),
];

pub(super) const MUTATIONS: &[Row] = &[
    (
        "signIn",
        |_| {
            (
                mutation!("signIn", "SignInInput"),
                input(json!({ "code": "no such code" })),
            )
        },
        ["InvalidCredentialError"; 4],
    ),
    (
        "signOut",
        |_| ("mutation { signOut(input: {}) { signedOut } }", json!({})),
        ["ok"; 4],
    ),
    (
        "createAccessToken",
        |s| {
            (
                mutation!("createAccessToken", "CreateAccessTokenInput"),
                input(json!({ "name": format!("t{}", s.number) })),
            )
        },
        ["ok"; 4],
    ),
    (
        "revokeAccessToken",
        |s| {
            (
                mutation!("revokeAccessToken", "RevokeAccessTokenInput"),
                input(json!({ "id": s.token })),
            )
        },
        [NOT_FOUND, NOT_FOUND, "ok", NOT_FOUND],
    ),
    (
        "createUser",
        |s| {
            (
                mutation!("createUser", "CreateUserInput"),
                input(json!({ "name": format!("u{}", s.number) })),
            )
        },
        [NOT_ALLOWED; 4],
    ),
];
