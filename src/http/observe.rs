//! What surrounds every request: its id, its log span, its trace, its latency, its time limit, and a clean
//! answer when a promise inside the program is broken.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{Extensions, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use futures::FutureExt;
use tracing::field::Empty;
use tracing::{Instrument, Span};

use super::graphql::UPLOAD_TIME;
use super::{Deps, answer};
use crate::graphql::RequestId;
use crate::telemetry::traces;

/// Taken from the client or made; echoed, logged, and in every INTERNAL error.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A longer id is not taken: it would fill log lines.
const MAX_ID: usize = 128;

/// The id of the request that these extensions belong to.
pub(super) fn id(extensions: &Extensions) -> RequestId {
    extensions
        .get()
        .cloned()
        .unwrap_or_else(|| RequestId("none".to_owned()))
}

pub(super) async fn observe(State(deps): State<Arc<Deps>>, mut request: Request, next: Next) -> Response {
    let id = given(&request).unwrap_or_else(|| deps.store.ids.next().simple().to_string());
    let id = RequestId(id);
    request.extensions_mut().insert(id.clone());
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        // The protocols below name their faults by the same id.
        request.headers_mut().insert(REQUEST_ID, value);
    }
    let route = match request.extensions().get::<MatchedPath>() {
        Some(path) => path.as_str().to_owned(),
        None => "page".to_owned(),
    };
    let method = method(request.method());
    let span = tracing::info_span!("request", request.id = %id.0, method, route);
    let begun = deps.store.clock.monotonic();
    // The protocols keep the limit themselves, for a body to come and again for its operation: theirs is the better
    // answer, and this is for what they do not see. An upload takes what its line takes.
    let mut limit = 2 * deps.settings.request_timeout;
    if is_upload(&request) {
        limit += UPLOAD_TIME;
    }
    let trace = trace(&request, &id, method, &route);
    let mut answer = answer_within(limit, request, next, &id)
        .instrument(span.clone())
        .instrument(trace.clone())
        .await;
    let took = deps.store.clock.monotonic().saturating_sub(begun);
    let status = answer.status().as_u16();
    trace.record("http.response.status_code", status);
    if answer.status().is_server_error() {
        trace.record("otel.status_code", "ERROR");
    }
    metrics::histogram!(
        "agentic_http_request_seconds",
        "route" => route,
        "method" => method,
        "status" => status.to_string()
    )
    .record(took.as_secs_f64());
    span.in_scope(|| tracing::debug!(status, took_ms = took.as_millis(), "answered a request"));
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        answer.headers_mut().insert(REQUEST_ID, value);
    }
    answer
}

// The limit is for the answer's head: streams, sockets and downloads go on after it.
async fn answer_within(limit: Duration, request: Request, next: Next, id: &RequestId) -> Response {
    // What a panic interrupts is this request's own and is dropped with it.
    let run = AssertUnwindSafe(next.run(request)).catch_unwind();
    match tokio::time::timeout(limit, run).await {
        Ok(Ok(answer)) => answer,
        // The panic hook has written the log line.
        Ok(Err(_)) => answer::fault(id),
        Err(_) => answer::refuse(
            StatusCode::SERVICE_UNAVAILABLE,
            "LIMIT_EXCEEDED",
            &format!(
                "the request took longer than {}",
                humantime::format_duration(limit)
            ),
        ),
    }
}

fn is_upload(request: &Request) -> bool {
    let kind = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| {
        kind.trim_start()
            .to_ascii_lowercase()
            .starts_with("multipart/form-data")
    })
}

/// The request's part of its client's trace. Its fields are those of OpenTelemetry's semantic
/// conventions for HTTP.
fn trace(request: &Request, id: &RequestId, method: &str, route: &str) -> Span {
    // Probes and scrapes come every few seconds and would be most of what a collector keeps.
    if route.starts_with("/health/") || route == "/metrics" {
        return Span::none();
    }
    let span = tracing::info_span!(
        target: traces::TARGET,
        "request",
        otel.name = format!("{method} {route}"),
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = method,
        http.route = route,
        http.response.status_code = Empty,
        request.id = %id.0,
    );
    let parent = request.headers().get(traces::HEADER);
    if let Some(parent) = parent.and_then(|value| value.to_str().ok()) {
        traces::join(&span, parent);
    }
    span
}

fn given(request: &Request) -> Option<String> {
    let id = request.headers().get(REQUEST_ID)?.to_str().ok()?;
    let is_fit = !id.is_empty() && id.len() <= MAX_ID && id.bytes().all(|byte| byte.is_ascii_graphic());
    is_fit.then(|| id.to_owned())
}

// A client may invent methods; each would become a series of its own.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::PATCH => "PATCH",
        _ => "other",
    }
}
