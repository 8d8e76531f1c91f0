//! Refusals in the one shape that GraphQL clients read, whichever route refuses.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::graphql::RequestId;

/// `{"errors": [{"message", "extensions": {"code"}}]}`.
pub(super) fn refuse(status: StatusCode, code: &str, message: &str) -> Response {
    let body = json!({"errors": [{"message": message, "extensions": {"code": code}}]});
    (status, Json(body)).into_response()
}

/// A fault: the cause is in the log, under the request's id.
pub(super) fn fault(id: &RequestId) -> Response {
    let extensions = json!({"code": "INTERNAL", "requestId": id.0});
    let body = json!({"errors": [{"message": "the server failed", "extensions": extensions}]});
    (StatusCode::INTERNAL_SERVER_ERROR, Json(body)).into_response()
}

/// No token, or one that is worth nothing (RFC 6750, section 3).
pub(super) fn unauthenticated(message: &str) -> Response {
    let mut answer = refuse(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", message);
    answer
        .headers_mut()
        .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    answer
}

/// Too much at once, and when to come back.
pub(super) fn rate_limited(message: &str, wait: Duration) -> Response {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let extensions = json!({"code": "RATE_LIMITED", "retryAfterSeconds": seconds});
    let body = json!({"errors": [{"message": message, "extensions": extensions}]});
    let headers = [(header::RETRY_AFTER, HeaderValue::from(seconds))];
    (StatusCode::TOO_MANY_REQUESTS, headers, Json(body)).into_response()
}

/// The router adds `Allow`.
pub(super) async fn method_not_allowed() -> Response {
    refuse(
        StatusCode::METHOD_NOT_ALLOWED,
        "BAD_USER_INPUT",
        "this path does not take that method",
    )
}
