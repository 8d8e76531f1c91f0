//! Who is asking, found out before a byte of the body is read.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::Response;

use super::{Deps, answer, observe};
use crate::domain::access::{self, Viewer};

/// What a client without a token is told.
pub(super) const NO_TOKEN: &str = "send `Authorization: Bearer <token>`";

/// What a client is told whose token is unknown, revoked or expired: which of them is nobody's
/// business.
pub(super) const BAD_TOKEN: &str = "the token is not valid";

/// Puts the [`Viewer`] into the request, or answers 401.
pub(super) async fn require(State(deps): State<Arc<Deps>>, mut request: Request, next: Next) -> Response {
    let Some(secret) = bearer(request.headers()) else {
        return answer::unauthenticated(NO_TOKEN);
    };
    match find(&deps, secret).await {
        Ok(Some(viewer)) => {
            request.extensions_mut().insert(viewer);
            next.run(request).await
        }
        Ok(None) => answer::unauthenticated(BAD_TOKEN),
        Err(Failed) => answer::fault(&observe::id(request.extensions())),
    }
}

/// The token could not be looked up; the log says why.
pub(super) struct Failed;

/// Whom a token belongs to; none when it is not valid.
pub(super) async fn find(deps: &Deps, secret: &str) -> Result<Option<Viewer>, Failed> {
    access::authenticate(&deps.store, secret).await.map_err(|error| {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "a token could not be looked up"
        );
        Failed
    })
}

/// The secret of the Authorization header.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    secret(headers.get(header::AUTHORIZATION)?.to_str().ok()?)
}

/// The secret of `Bearer <secret>`; the scheme's case does not matter (RFC 9110, section 11.1).
pub(super) fn secret(credentials: &str) -> Option<&str> {
    let (scheme, secret) = credentials.trim().split_once(' ')?;
    let secret = secret.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !secret.is_empty()).then_some(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_whatever_the_case_of_its_scheme() {
        assert_eq!(secret("Bearer abc"), Some("abc"));
        assert_eq!(secret("bearer  abc "), Some("abc"));
        for wrong in ["abc", "Bearer", "Bearer ", "Basic abc", ""] {
            assert_eq!(secret(wrong), None, "{wrong}");
        }
    }
}
