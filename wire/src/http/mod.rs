//! GraphQL over HTTP: one route for POST, GET, uploads, streams and the WebSocket upgrade.
//!
//! Statuses follow the published audits of graphql-http rather than the newest draft, which wants 422 and 294: 400
//! for a request error and 200 for anything that has `data`; under `application/json` 200 for every well-formed
//! request (GraphQL over HTTP, section 6.4.1).

mod accept;
mod answer;
mod stream;
mod upload;

use std::{panic::AssertUnwindSafe, sync::Arc};

use async_graphql::Executor;
use axum::{
    body::Body,
    extract::{Request, State},
    response::Response,
};
use bytes::Bytes;
use futures::{FutureExt, StreamExt};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts};

use self::accept::{Accept, Media, split_quoted};
use crate::{
    Mounted,
    fault::{Fault, code},
    gate::{Kind, Operation},
    hooks::Identity,
    limits::HttpLimits,
    params::{self, Params},
    run::{self, Event, Origin, RequestId},
    socket,
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Answers any request to the route.
pub(crate) async fn handle<E: Executor>(State(mounted): State<Arc<Mounted<E>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let id = request_id(&parts.headers);
    let refusal_media = Accept::of(&parts.headers).refusal();
    let run = AssertUnwindSafe(dispatch(&mounted, parts, body, &id)).catch_unwind();
    let mut response = match run.await {
        Ok(Ok(response)) => response,
        Ok(Err(fault)) => answer::refusal(&fault, refusal_media),
        Err(panic) => answer::refusal(&run::panicked(&id, &*panic), refusal_media),
    };
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("accept"));
    if let Ok(id) = HeaderValue::from_str(&id.0) {
        headers.insert(REQUEST_ID, id);
    }
    response
}

/// The caller's own id, if it is fit for a log, else a new one.
fn request_id(headers: &HeaderMap) -> RequestId {
    let fit = |id: &&str| {
        (8..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    match headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).filter(fit) {
        Some(id) => RequestId(id.into()),
        None => RequestId::random(),
    }
}

async fn dispatch<E: Executor>(
    mounted: &Arc<Mounted<E>>,
    mut parts: Parts,
    body: Body,
    id: &RequestId,
) -> Result<Response, Fault> {
    if socket::is_upgrade(&parts) {
        return socket::upgrade(mounted.clone(), &mut parts).await;
    }
    match parts.method {
        Method::POST => post(mounted, parts, body, id).await,
        Method::GET | Method::HEAD => get(mounted, parts, id).await,
        Method::OPTIONS => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NO_CONTENT;
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, POST"));
            Ok(response)
        }
        _ => Err(not_allowed("GET, POST", "GraphQL is asked with GET or POST")),
    }
}

async fn get<E: Executor>(mounted: &Arc<Mounted<E>>, parts: Parts, id: &RequestId) -> Result<Response, Fault> {
    let accept = acceptable(&parts.headers)?;
    let identity = authenticate(mounted, &parts).await?;
    let params = Params::from_query(parts.uri.query().unwrap_or_default()).map_err(bad)?;
    one(mounted, params, Asked { accept: &accept, parts: &parts, identity, id }).await
}

async fn post<E: Executor>(
    mounted: &Arc<Mounted<E>>,
    parts: Parts,
    body: Body,
    id: &RequestId,
) -> Result<Response, Fault> {
    let accept = acceptable(&parts.headers)?;
    let limits = &mounted.settings.http;
    let boundary = match content_type(&parts.headers)? {
        ContentType::Json => None,
        ContentType::Form { boundary } => {
            if !limits.preflight_headers.iter().any(|name| parts.headers.contains_key(name)) {
                return Err(bad(format!(
                    "an upload needs one of these headers, which pages of other origins cannot send unasked: {}",
                    limits.preflight_headers.iter().map(HeaderName::as_str).collect::<Vec<_>>().join(", ")
                )));
            }
            Some(boundary)
        }
    };
    let identity = authenticate(mounted, &parts).await?;
    let asked = Asked { accept: &accept, parts: &parts, identity, id };
    let (time, received) = match boundary {
        None => (limits.time, receive(mounted, &parts.headers, body).boxed()),
        Some(boundary) => (mounted.settings.upload.time, receive_form(mounted, &parts.headers, body, boundary).boxed()),
    };
    match tokio::time::timeout(time, received).await.map_err(|_| run::too_long(time))?? {
        params::Body::One(params) => one(mounted, *params, asked).await,
        params::Body::Batch(batch) => many(mounted, batch, asked).await,
    }
}

async fn receive<E: Executor>(mounted: &Mounted<E>, headers: &HeaderMap, body: Body) -> Result<params::Body, Fault> {
    let limits = &mounted.settings.http;
    let max = limits.body_bytes;
    let mut chunks = body.into_data_stream();
    let too_large = || Fault::too_large(format!("the body is larger than {max} bytes"));
    if content_length(headers).is_some_and(|length| length > max as u64) {
        drain(chunks, limits);
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(content_length(headers).unwrap_or(0) as usize);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| bad("the body broke off"))?;
        if bytes.len() + chunk.len() > max {
            drain(chunks, limits);
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
    params::Body::from_json(&bytes, limits.batch).map_err(bad)
}

async fn receive_form<E: Executor>(
    mounted: &Mounted<E>,
    headers: &HeaderMap,
    body: Body,
    boundary: String,
) -> Result<params::Body, Fault> {
    let settings = &mounted.settings;
    let max = settings.upload.total_bytes + 2 * settings.http.body_bytes as u64;
    let chunks = body.into_data_stream();
    if content_length(headers).is_some_and(|length| length > max) {
        drain(chunks, &settings.http);
        return Err(Fault::too_large(format!("the body is larger than {max} bytes")));
    }
    // The body stays in reach of the drain, whatever the form's reader makes of it.
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let chunks = Lent { body: Some(chunks), give_back: Some(sender) };
    let bounds = upload::Bounds { http: &settings.http, upload: &settings.upload };
    let check = |requests: &[Params]| {
        requests.iter().filter_map(|params| params.query.as_deref()).try_for_each(|query| {
            mounted.gate.prepare(query).map(drop)
        })
    };
    let read = upload::read(chunks, boundary, &bounds, check).await;
    if read.is_err()
        && let Ok(rest) = receiver.await
    {
        drain(rest, &settings.http);
    }
    read
}

/// A body that is handed back when its reader is dropped.
struct Lent {
    body: Option<axum::body::BodyDataStream>,
    give_back: Option<tokio::sync::oneshot::Sender<axum::body::BodyDataStream>>,
}

impl futures::Stream for Lent {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        match &mut self.body {
            Some(body) => body.poll_next_unpin(context),
            None => std::task::Poll::Ready(None),
        }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let (Some(body), Some(give_back)) = (self.body.take(), self.give_back.take()) {
            let _ = give_back.send(body);
        }
    }
}

/// Reads on for a while and forgets: a connection closed on a client that still sends is reset, and the client would
/// never see why.
fn drain(mut chunks: axum::body::BodyDataStream, limits: &HttpLimits) {
    let read = async move { while let Some(Ok(_)) = chunks.next().await {} };
    tokio::spawn(tokio::time::timeout(limits.linger, read));
}

/// One request that was read, with all that is known of it.
struct Asked<'a> {
    accept: &'a Accept,
    parts: &'a Parts,
    identity: Identity,
    id: &'a RequestId,
}

async fn one<E: Executor>(mounted: &Arc<Mounted<E>>, params: Params, asked: Asked<'_>) -> Result<Response, Fault> {
    let Asked { accept, parts, identity, id } = asked;
    let setting = |media, ticket| stream::Setting {
        media,
        heartbeat: mounted.settings.stream.heartbeat,
        resume: mounted.resume.clone(),
        ticket,
    };
    let is_get = parts.method != Method::POST;
    let origin = Origin {
        id,
        caller: &identity.data,
        resume: parts.headers.get("last-event-id").and_then(|cursor| cursor.to_str().ok()),
    };
    let single = accept.single().unwrap_or(Media::GraphqlResponse);
    let allows = |operation: &Operation<'_>| match operation.kind() {
        Kind::Mutation if is_get => Err(not_allowed("POST", "a mutation is not run by GET")),
        Kind::Subscription if accept.stream().is_none() => Err(Fault {
            status: StatusCode::NOT_ACCEPTABLE,
            ..Fault::bad("a subscription needs Accept: text/event-stream or multipart/mixed, or a WebSocket", None)
        }),
        _ => Ok(()),
    };
    let job = match run::admit(mounted, params, &origin, allows) {
        Ok(job) => job,
        // Of an accepted stream, the refusal of the operation is an event.
        Err(fault) if single.is_stream() && !fault.is_transport => {
            return Ok(stream::one(Event::Refused(fault), setting(single, None)));
        }
        Err(fault) => return Err(fault),
    };
    let time = mounted.settings.http.time;
    if job.kind != Kind::Subscription {
        let event = job.answer(&mounted.executor, identity.data, time).await;
        return Ok(if single.is_stream() {
            stream::one(event, setting(single, None))
        } else {
            answer::single(&event, single)
        });
    }
    let full = || Fault::transport(StatusCode::SERVICE_UNAVAILABLE, code::LIMIT_EXCEEDED, "too many open streams");
    let ticket = mounted.connections.open().map_err(|_| full())?;
    ticket.claim(identity.key).map_err(|_| {
        Fault::transport(StatusCode::TOO_MANY_REQUESTS, code::LIMIT_EXCEEDED, "too many open streams of this caller")
    })?;
    let media = accept.stream().unwrap_or(Media::EventStream);
    let events = job.events(&mounted.executor, Arc::new(identity.data), time);
    Ok(stream::stream(events, setting(media, Some(ticket))))
}

async fn many<E: Executor>(
    mounted: &Arc<Mounted<E>>,
    batch: Vec<Params>,
    asked: Asked<'_>,
) -> Result<Response, Fault> {
    let Asked { accept, identity, id, .. } = asked;
    let media = accept.single().filter(|media| !media.is_stream()).ok_or_else(not_acceptable)?;
    let session = Arc::new(identity.data);
    let mut events = Vec::with_capacity(batch.len());
    for params in batch {
        let origin = Origin { id, caller: &session, resume: None };
        let allows = |operation: &Operation<'_>| match operation.kind() {
            Kind::Subscription => Err(Fault::bad("a batch takes no subscriptions", None)),
            _ => Ok(()),
        };
        events.push(match run::admit(mounted, params, &origin, allows) {
            Ok(job) => {
                let mut answers = job.events(&mounted.executor, session.clone(), mounted.settings.http.time);
                answers.next().await.unwrap_or_else(|| Event::Refused(Fault::internal(&id.0)))
            }
            Err(fault) => Event::Refused(fault),
        });
    }
    Ok(answer::batch(&events, media))
}

async fn authenticate<E: Executor>(mounted: &Mounted<E>, parts: &Parts) -> Result<Identity, Fault> {
    mounted.authenticate.request(parts).await.map_err(crate::hooks::Refusal::into_fault)
}

fn acceptable(headers: &HeaderMap) -> Result<Accept, Fault> {
    let accept = Accept::of(headers);
    if accept.single().is_none() { Err(not_acceptable()) } else { Ok(accept) }
}

enum ContentType {
    Json,
    Form { boundary: String },
}

fn content_type(headers: &HeaderMap) -> Result<ContentType, Fault> {
    let unsupported = || {
        Fault::transport(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            code::BAD_USER_INPUT,
            "the body has to be application/json in UTF-8, or multipart/form-data for uploads",
        )
    };
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).ok_or_else(unsupported)?;
    let mut parts = split_quoted(value, ';').map(str::trim);
    let name = parts.next().unwrap_or_default().to_ascii_lowercase();
    let mut parameters = parts.filter_map(|parameter| parameter.split_once('='));
    match name.as_str() {
        "application/json" => {
            let is_utf8 = parameters
                .filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))
                .all(|(_, charset)| {
                    let charset = charset.trim().trim_matches('"');
                    charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("utf8")
                });
            if is_utf8 { Ok(ContentType::Json) } else { Err(unsupported()) }
        }
        "multipart/form-data" => {
            let boundary = parameters
                .find(|(name, _)| name.trim().eq_ignore_ascii_case("boundary"))
                .map(|(_, boundary)| boundary.trim().trim_matches('"').to_owned())
                .filter(|boundary| (1..=70).contains(&boundary.len()))
                .ok_or_else(|| bad("multipart/form-data needs a boundary"))?;
            Ok(ContentType::Form { boundary })
        }
        _ => Err(unsupported()),
    }
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn not_allowed(allow: &'static str, message: &str) -> Fault {
    Fault {
        allow: Some(allow),
        ..Fault::transport(StatusCode::METHOD_NOT_ALLOWED, code::BAD_USER_INPUT, message)
    }
}

fn not_acceptable() -> Fault {
    Fault::transport(
        StatusCode::NOT_ACCEPTABLE,
        code::BAD_USER_INPUT,
        "answers are application/graphql-response+json, application/json, text/event-stream or multipart/mixed",
    )
}

fn bad(message: impl Into<String>) -> Fault {
    Fault::transport(StatusCode::BAD_REQUEST, code::BAD_USER_INPUT, message)
}
