//! Top-level errors: a bad request or a fault. Refusals that a caller can act on are members of
//! a payload's `errors` and no concern of this file.
//!
//! Every top-level error has one of [`Code`] in `extensions.code`.

use async_graphql::{Context, Error, ErrorExtensions};

use super::RequestId;
use crate::base::chain::Chain;
use crate::domain::Fault;
use crate::domain::access::Viewer;

/// A result of a resolver.
pub type Result<T> = std::result::Result<T, Error>;

/// The closed list of `extensions.code`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Code {
    Unauthenticated,
    Forbidden,
    NotFound,
    BadUserInput,
    BadCursor,
    LimitExceeded,
    RateLimited,
    Internal,
}

impl Code {
    /// As clients see it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::Forbidden => "FORBIDDEN",
            Self::NotFound => "NOT_FOUND",
            Self::BadUserInput => "BAD_USER_INPUT",
            Self::BadCursor => "BAD_CURSOR",
            Self::LimitExceeded => "LIMIT_EXCEEDED",
            Self::RateLimited => "RATE_LIMITED",
            Self::Internal => "INTERNAL",
        }
    }
}

/// An error of this code.
pub fn error(code: Code, message: impl Into<String>) -> Error {
    Error::new(message).extend_with(|_, extensions| extensions.set("code", code.as_str()))
}

/// The request is not what it must be.
pub fn bad_input(message: impl Into<String>) -> Error {
    error(Code::BadUserInput, message)
}

/// Logs a fault with its whole chain, once, and answers without it.
pub fn internal(ctx: &Context<'_>, fault: &Fault) -> Error {
    let request_id = ctx.data_opt::<RequestId>().map_or("-", |id| id.0.as_str());
    tracing::error!(
        request.id = request_id,
        field = %ctx.item.node.response_key().node,
        error = %Chain(fault),
        "a request failed"
    );
    internal_logged(ctx)
}

/// [`internal`] for a fault that is in the log already.
pub fn internal_logged(ctx: &Context<'_>) -> Error {
    let request_id = ctx.data_opt::<RequestId>().map_or("-", |id| id.0.as_str());
    error(Code::Internal, "internal error").extend_with(|_, extensions| {
        extensions.set("requestId", request_id);
    })
}

/// Who is asking.
///
/// # Errors
/// UNAUTHENTICATED when nobody is known.
pub fn viewer<'a>(ctx: &Context<'a>) -> Result<&'a Viewer> {
    ctx.data_opt::<Viewer>()
        .ok_or_else(|| error(Code::Unauthenticated, "a valid token is required"))
}
