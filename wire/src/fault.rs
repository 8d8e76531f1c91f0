//! What is answered when a request is not executed: a list of GraphQL errors, and how HTTP should say it.
//! Never carries internal causes; those go to the log where they happen.

use std::{collections::BTreeMap, time::Duration};

use async_graphql::{Pos, ServerError, Value};
use http::StatusCode;

/// Values of `extensions.code` that this crate gives of its own accord.
pub mod code {
    /// The request is not what it should be: syntax, validation, variables, media types.
    pub const BAD_USER_INPUT: &str = "BAD_USER_INPUT";
    /// A bound of [`Settings`](crate::Settings) was hit.
    pub const LIMIT_EXCEEDED: &str = "LIMIT_EXCEEDED";
    /// A fault of the server, with `extensions.requestId`.
    pub const INTERNAL: &str = "INTERNAL";
    /// No or wrong credentials.
    pub const UNAUTHENTICATED: &str = "UNAUTHENTICATED";
    /// Credentials that do not suffice.
    pub const FORBIDDEN: &str = "FORBIDDEN";
    /// Come back later.
    pub const RATE_LIMITED: &str = "RATE_LIMITED";
    /// The hash of an automatic persisted query is not known here: send the text too.
    pub const PERSISTED_QUERY_NOT_FOUND: &str = "PERSISTED_QUERY_NOT_FOUND";
}

/// A request error (spec, section 7.1.2): nothing was executed, the answer has no `data`.
#[derive(Debug, Clone)]
pub struct Fault {
    /// Status under `application/graphql-response+json`.
    pub status: StatusCode,
    /// Whether the HTTP request itself is at fault. Then the status stands under `application/json` as well; a
    /// well-formed request with a bad document is 200 there (GraphQL over HTTP, section 6.4.1).
    pub is_transport: bool,
    /// At least one.
    pub errors: Vec<ServerError>,
    /// For `Allow`, with 405.
    pub allow: Option<&'static str>,
    /// For `Retry-After`.
    pub retry_after: Option<Duration>,
    /// `extensions` of the answer; sockets, whose `error` message is a bare list of errors, leave them out.
    pub extensions: BTreeMap<String, Value>,
}

impl Fault {
    /// The document, its variables or the choice of operation is wrong: 400.
    pub fn document(errors: Vec<ServerError>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            is_transport: false,
            errors,
            allow: None,
            retry_after: None,
            extensions: BTreeMap::new(),
        }
    }

    /// One error in the document.
    pub fn bad(message: impl Into<String>, pos: Option<Pos>) -> Self {
        Self::document(vec![error(code::BAD_USER_INPUT, message, pos)])
    }

    /// A bound on documents was hit: 400.
    pub fn limit(message: impl Into<String>, pos: Option<Pos>) -> Self {
        Self::document(vec![error(code::LIMIT_EXCEEDED, message, pos)])
    }

    /// The HTTP request itself is at fault.
    pub fn transport(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            is_transport: true,
            errors: vec![error(code, message, None)],
            allow: None,
            retry_after: None,
            extensions: BTreeMap::new(),
        }
    }

    /// A body, file or batch is too big: 413.
    pub fn too_large(message: impl Into<String>) -> Self {
        Self::transport(StatusCode::PAYLOAD_TOO_LARGE, code::LIMIT_EXCEEDED, message)
    }

    /// A fault of ours, already logged under this request id: 500.
    pub fn internal(request_id: &str) -> Self {
        let mut fault = Self::transport(
            StatusCode::INTERNAL_SERVER_ERROR,
            code::INTERNAL,
            "an internal fault, which was logged",
        );
        for error in &mut fault.errors {
            error
                .extensions
                .get_or_insert_default()
                .set("requestId", request_id);
        }
        fault
    }
}

/// One GraphQL error with `extensions.code`.
pub fn error(code: &str, message: impl Into<String>, pos: Option<Pos>) -> ServerError {
    let mut error = ServerError::new(message, pos);
    error.extensions.get_or_insert_default().set("code", code);
    error
}
