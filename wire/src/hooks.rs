//! What an embedding server decides: who is asking, who may ask now, which origins may, and how a stream resumes.
//! Each hook has a default that lets everything through, or does nothing.

use std::{any::Any, any::TypeId, sync::Arc, time::Duration};

use async_graphql::{Data, Value};
use futures::future::BoxFuture;
use http::{HeaderMap, StatusCode, header, request::Parts};
use serde_json::Value as Json;

use crate::{
    fault::{Fault, code},
    gate::Kind,
};

/// Turns credentials into per-request data, or refuses.
pub trait Authenticate: Send + Sync + 'static {
    /// Judges the headers of an HTTP request, before its body is read. A refusal is answered with its status.
    fn request<'a>(&'a self, parts: &'a Parts) -> BoxFuture<'a, Result<Identity, Refusal>>;

    /// Judges the payload of `connection_init` (an object, or null), with the headers of the upgrade. A refusal
    /// closes the socket with 4403.
    fn connection<'a>(
        &'a self,
        parts: &'a Parts,
        payload: &'a Json,
    ) -> BoxFuture<'a, Result<Identity, Refusal>>;
}

/// Lets everyone in, as nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Anyone;

impl Authenticate for Anyone {
    fn request<'a>(&'a self, _: &'a Parts) -> BoxFuture<'a, Result<Identity, Refusal>> {
        Box::pin(async { Ok(Identity::default()) })
    }

    fn connection<'a>(&'a self, _: &'a Parts, _: &'a Json) -> BoxFuture<'a, Result<Identity, Refusal>> {
        Box::pin(async { Ok(Identity::default()) })
    }
}

/// Who is asking.
#[derive(Default)]
pub struct Identity {
    /// What resolvers find in their context: request data over HTTP, session data on sockets and streams.
    pub data: Data,
    /// Sockets and streams with the same key are counted and closed together
    /// ([`Connections::close`](crate::Connections::close)): a token's id, never the token.
    pub key: Option<Arc<str>>,
    /// Payload of `connection_ack`.
    pub ack: Option<Json>,
    /// The caller showed no credentials, and gets little.
    pub guest: Option<Guest>,
}

/// What a caller without credentials gets: one of a few root fields, such as the mutation that turns a secret into a
/// session. All else is answered with the refusal: a body that is too long, slow or no JSON, a document that does not
/// validate, a batch, an upload, a socket. Nothing that a guest sends is remembered.
#[derive(Debug, Clone)]
pub struct Guest {
    /// For everything but these root fields; its status stands under every media type.
    pub refusal: Refusal,
    /// One operation may have one field of these, once, and `__typename`.
    pub root_fields: &'static [&'static str],
    /// Largest body.
    pub body_bytes: usize,
    /// For its coming.
    pub body_time: Duration,
}

impl Identity {
    /// An identity with one value for the resolvers' context.
    pub fn with<D: Any + Send + Sync>(data: D) -> Self {
        let mut identity = Self::default();
        identity.data.insert(data);
        identity
    }

    /// The same, counted and closed under this key.
    #[must_use]
    pub fn keyed(mut self, key: impl Into<Arc<str>>) -> Self {
        self.key = Some(key.into());
        self
    }
}

/// Why not.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// HTTP status: 401, 403, 429 or 503.
    pub status: StatusCode,
    /// `extensions.code`.
    pub code: &'static str,
    /// For the client's eyes.
    pub message: String,
    /// When to come back.
    pub retry_after: Option<Duration>,
}

impl Refusal {
    /// Nothing is wrong with the caller that would not pass: 429 and 5xx.
    pub(crate) fn is_for_now(&self) -> bool {
        self.status == StatusCode::TOO_MANY_REQUESTS || self.status.is_server_error()
    }

    /// No or unknown credentials: 401.
    pub fn unauthenticated(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code::UNAUTHENTICATED, message)
    }

    /// Known, and not allowed: 403.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code::FORBIDDEN, message)
    }

    /// Too much at once: 429, and when to come back.
    pub fn rate_limited(message: impl Into<String>, retry_after: Duration) -> Self {
        Self {
            retry_after: Some(retry_after),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, code::RATE_LIMITED, message)
        }
    }

    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            retry_after: None,
        }
    }

    pub(crate) fn into_fault(self) -> Fault {
        let mut fault = Fault::transport(self.status, self.code, self.message);
        if let Some(after) = self.retry_after {
            let seconds = after.as_secs_f64().ceil() as u64;
            for error in &mut fault.errors {
                error
                    .extensions
                    .get_or_insert_default()
                    .set("retryAfterSeconds", seconds);
            }
        }
        fault.retry_after = self.retry_after;
        fault
    }
}

/// What the gate knows of an operation before it runs. Resolvers find it in their context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationInfo {
    /// What it does.
    pub kind: Kind,
    /// Its name in the document.
    pub name: Option<String>,
    /// Fields it selects after merging, each counted once however long the lists above it are.
    pub fields: usize,
}

/// Decides, for an operation of a known caller, whether it runs now: rate limits, maintenance. That is no property of
/// the operation, so a refusal has its HTTP status under `application/json` too: retries and proxies go by it.
pub trait Admit: Send + Sync + 'static {
    /// Refuses before the document is looked at, or lets it be checked. Asked once for each operation, valid or not,
    /// on sockets and in batches too.
    fn arrive(&self, _caller: Caller<'_>) -> Result<(), Refusal> {
        Ok(())
    }

    /// Refuses a valid operation, or lets it run.
    fn admit(&self, _caller: Caller<'_>, _operation: &OperationInfo) -> Result<(), Refusal> {
        Ok(())
    }
}

/// The data that [`Authenticate`] gave.
#[derive(Clone, Copy)]
pub struct Caller<'c>(pub(crate) &'c Data);

impl<'c> Caller<'c> {
    /// The value of this type, if it was given.
    pub fn get<D: Any + Send + Sync>(self) -> Option<&'c D> {
        self.0
            .get(&TypeId::of::<D>())
            .and_then(|value| value.downcast_ref())
    }
}

/// Lets everything run.
impl Admit for () {}

/// How a stream goes on where it was cut off.
pub trait Resume: Send + Sync + 'static {
    /// The cursor in the data of one payload; it becomes the event's `id` in server-sent events.
    fn cursor(&self, data: &Value) -> Option<String>;

    /// The argument of the subscription's field that takes the `Last-Event-ID` of a reconnect, whatever the document
    /// or its variables say there. A field without it starts afresh.
    fn argument(&self) -> &str {
        "after"
    }
}

/// No event ids.
impl Resume for () {
    fn cursor(&self, _: &Value) -> Option<String> {
        None
    }
}

/// Reads the cursor from a field of this name in the subscription's payload.
#[derive(Debug, Clone)]
pub struct CursorField(pub String);

impl Resume for CursorField {
    fn cursor(&self, data: &Value) -> Option<String> {
        let Value::Object(roots) = data else {
            return None;
        };
        let Some((_, Value::Object(payload))) = roots.first() else {
            return None;
        };
        match payload.get(self.0.as_str()) {
            Some(Value::String(cursor)) => Some(cursor.clone()),
            _ => None,
        }
    }
}

/// Which pages may open a socket. Programs that are no browser send no `Origin` and always may: the check is against
/// cross-site hijacking of cookies, not against strangers.
#[derive(Clone)]
pub enum Origins {
    /// Pages served under the host that the request is for.
    Same,
    /// These and no others, as `scheme://host[:port]`.
    Listed(Vec<String>),
    /// Whatever this says, given the headers of the upgrade.
    Custom(Arc<dyn Fn(&HeaderMap) -> bool + Send + Sync>),
    /// Every page. Only where no cookie identifies anyone.
    Any,
}

impl Origins {
    pub(crate) fn allow(&self, headers: &HeaderMap) -> bool {
        let Some(origin) = headers.get(header::ORIGIN) else {
            return true;
        };
        let Ok(origin) = origin.to_str() else {
            return false;
        };
        match self {
            Self::Any => true,
            Self::Custom(judge) => judge(headers),
            Self::Listed(listed) => listed.iter().any(|known| known.eq_ignore_ascii_case(origin)),
            Self::Same => {
                let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
                let of_origin = origin.split_once("://").map(|(_, host)| host);
                host.zip(of_origin)
                    .is_some_and(|(host, origin)| host.eq_ignore_ascii_case(origin))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_the_same_host_may_and_programs_always() {
        let headers = |origin: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, "a.example:8000".parse().unwrap());
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().unwrap());
            }
            headers
        };
        assert!(Origins::Same.allow(&headers(None)));
        assert!(Origins::Same.allow(&headers(Some("http://a.example:8000"))));
        for foreign in [
            "https://evil.example",
            "http://a.example",
            "null",
            "http://a.example:8000.evil.example",
        ] {
            assert!(!Origins::Same.allow(&headers(Some(foreign))), "{foreign}");
        }
        let listed = Origins::Listed(vec!["https://b.example".into()]);
        assert!(listed.allow(&headers(Some("https://b.example"))));
        assert!(!listed.allow(&headers(Some("http://a.example:8000"))));
    }

    #[test]
    fn the_cursor_is_read_under_any_alias_of_the_root() {
        let data = Value::from_json(serde_json::json!({"x": {"cursor": "c1"}})).unwrap();
        assert_eq!(CursorField("cursor".into()).cursor(&data).as_deref(), Some("c1"));
        assert_eq!(CursorField("cursor".into()).cursor(&Value::Null), None);
    }
}
