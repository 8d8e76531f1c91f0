//! Who is asking, found out before a byte of the body is read: by a bearer token, or by the cookie
//! of a session when one of our own pages asks.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{Extensions, HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use super::{Deps, answer, observe, origin};
use crate::base::buckets::Buckets;
use crate::base::chain::Chain;
use crate::base::clock::Clock;
use crate::domain::Fault;
use crate::domain::access::{self, Viewer};

/// What a client is told that shows nothing.
pub(super) const NOTHING: &str = "send `Authorization: Bearer <token>`, or sign in";

/// What a client is told whose token is unknown, revoked or expired: which of them is nobody's
/// business.
pub(super) const BAD_TOKEN: &str = "the token is not valid";

/// What an address is told that has shown too many tokens which are not valid.
pub(super) const TOO_OFTEN: &str =
    "too many tokens that are not valid came from this address within a minute";

/// Why there is no viewer.
pub(super) enum Refused {
    /// Nothing was shown, or a cookie that is worth nothing any more: its browser cannot take it
    /// back, and must not be kept from signing in.
    Nothing,
    /// The token is not valid, or the credentials are of another kind.
    Unknown,
    /// The cookie may be good, but no page of ours sent it.
    Foreign,
    /// It was not looked up: too many of its address were not valid. For how long.
    TooOften(Duration),
    /// It could not be looked up; the log says why.
    Failed,
}

/// Puts the [`Viewer`] into the request, or answers 401 or 403.
pub(super) async fn require(State(deps): State<Arc<Deps>>, mut request: Request, next: Next) -> Response {
    let is_safe = is_safe(request.method());
    match identify(&deps, request.headers(), request.extensions(), is_safe).await {
        Ok(viewer) => {
            request.extensions_mut().insert(viewer);
            next.run(request).await
        }
        Err(Refused::Nothing) => answer::unauthenticated(NOTHING),
        Err(Refused::Unknown) => answer::unauthenticated(BAD_TOKEN),
        Err(Refused::Foreign) => answer::refuse(StatusCode::FORBIDDEN, "FORBIDDEN", origin::FOREIGN),
        Err(Refused::TooOften(wait)) => answer::rate_limited(TOO_OFTEN, wait),
        Err(Refused::Failed) => answer::fault(&observe::id(request.extensions())),
    }
}

/// Whether a method changes nothing (RFC 9110, section 9.2.1).
pub(super) fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Who sent these headers. A token counts before a cookie: whoever sends one means it.
pub(super) async fn identify(
    deps: &Deps,
    headers: &HeaderMap,
    extensions: &Extensions,
    is_safe: bool,
) -> Result<Viewer, Refused> {
    if headers.contains_key(header::AUTHORIZATION) {
        return match bearer(headers) {
            Some(token) => by_token(deps, token, extensions).await,
            None => Err(Refused::Unknown),
        };
    }
    let secret = cookie(deps, headers).ok_or(Refused::Nothing)?;
    if !deps.own().asks(headers, is_safe) {
        return Err(Refused::Foreign);
    }
    let found = access::authenticate_session(&deps.store, secret).await;
    found.map_err(|fault| failed(&fault))?.ok_or(Refused::Nothing)
}

/// Whom a token belongs to. Addresses that show too many that are not valid are made to wait, except for tokens that
/// were valid before: behind a proxy everyone has one address, and a stranger there must not lock others out.
pub(super) async fn by_token(deps: &Deps, token: &str, extensions: &Extensions) -> Result<Viewer, Refused> {
    let address = address(extensions);
    if let Some(address) = address {
        deps.strangers.check(address, token).map_err(Refused::TooOften)?;
    }
    let found = access::authenticate(&deps.store, token).await;
    let found = found.map_err(|fault| failed(&fault))?;
    if let Some(address) = address {
        deps.strangers.learn(address, token, found.is_some());
    }
    found.ok_or(Refused::Unknown)
}

fn failed(fault: &Fault) -> Refused {
    tracing::error!(
        error = %Chain(fault),
        "credentials could not be looked up"
    );
    Refused::Failed
}

/// Whence a request comes, as far as this server knows.
pub(super) fn address(extensions: &Extensions) -> Option<IpAddr> {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>();
    peer.map(|ConnectInfo(address)| address.ip())
}

/// The session's secret, wherever it stands among the cookies.
fn cookie<'h>(deps: &Deps, headers: &'h HeaderMap) -> Option<&'h str> {
    let cookie = deps.settings.cookie();
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|cookies| cookies.to_str().ok())
        .find_map(|cookies| cookie.read(cookies))
}

/// Counts, for each address, the tokens from there that were not valid.
#[derive(Clone, Debug)]
pub struct Strangers(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Clock,
    failures: Buckets<IpAddr>,
    /// Hashes of tokens that were valid when they were last looked up.
    valid: Mutex<HashSet<String>>,
}

/// More are forgotten all at once, and learnt again with their next use.
const MAX_VALID: usize = 10_000;

impl Strangers {
    /// With so many tokens a minute that are not valid; 0: as many as come.
    pub fn new(clock: Clock, failures_per_minute: u64) -> Self {
        Self(Arc::new(Inner {
            clock,
            failures: Buckets::new(failures_per_minute),
            valid: Mutex::default(),
        }))
    }

    pub(super) fn check(&self, address: IpAddr, secret: &str) -> Result<(), Duration> {
        let looked = self.0.failures.look(&network(address), self.0.clock.monotonic());
        match looked {
            Err(wait) if !self.valid().contains(&access::hash_secret(secret)) => Err(wait),
            _ => Ok(()),
        }
    }

    pub(super) fn learn(&self, address: IpAddr, secret: &str, is_valid: bool) {
        let hash = access::hash_secret(secret);
        let mut valid = self.valid();
        if is_valid {
            if valid.len() >= MAX_VALID && !valid.contains(&hash) {
                valid.clear();
            }
            valid.insert(hash);
        } else {
            valid.remove(&hash);
            // Whether points are left is asked before the next look-up.
            let _ = self
                .0
                .failures
                .take(network(address), 1, self.0.clock.monotonic());
        }
    }

    fn valid(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.0.valid.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one guest has of addresses: an IPv4 address, or 64 bits of an IPv6 one.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
        address => address,
    }
}

/// The secret of the Authorization header.
fn bearer(headers: &HeaderMap) -> Option<&str> {
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
