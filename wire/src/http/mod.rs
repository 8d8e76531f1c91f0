//! GraphQL over HTTP: one route for POST, GET, uploads, streams and the WebSocket upgrade.
//!
//! Statuses follow the published audits of graphql-http rather than the newest draft, which wants 422 and 294: 400
//! for a request error and 200 for anything that has `data`; under `application/json` 200 for every well-formed
//! request (GraphQL over HTTP, section 6.4.1).

mod accept;
mod answer;
mod body;
mod stream;
mod upload;

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use async_graphql::Executor;
use axum::{
    body::Body,
    extract::{Request, State},
    response::Response,
};
use futures::{FutureExt, StreamExt};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts};

use self::{
    accept::{Accept, Media},
    body::{ContentType, Incoming, content_type, receive, receive_form, receive_json},
};
use crate::{
    Mounted,
    fault::{Fault, code},
    gate::{Kind, Operation},
    hooks::Identity,
    params::{self, Params},
    run::{self, Event, Origin, RequestId},
    socket,
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Answers any request to the route.
pub(crate) async fn handle<E: Executor>(
    State(mounted): State<Arc<Mounted<E>>>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let body = Incoming::new(body, &parts.headers, mounted.settings.http.linger);
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
        (8..=64).contains(&id.len())
            && id
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    match headers
        .get(REQUEST_ID)
        .and_then(|id| id.to_str().ok())
        .filter(fit)
    {
        Some(id) => RequestId(id.into()),
        None => RequestId::random(),
    }
}

async fn dispatch<E: Executor>(
    mounted: &Arc<Mounted<E>>,
    parts: Parts,
    body: Incoming,
    id: &RequestId,
) -> Result<Response, Fault> {
    if socket::is_upgrade(&parts) {
        return socket::upgrade(mounted.clone(), parts);
    }
    match parts.method {
        Method::POST => post(mounted, parts, body, id).await,
        Method::GET | Method::HEAD => get(mounted, parts, id).await,
        Method::OPTIONS => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NO_CONTENT;
            response
                .headers_mut()
                .insert(header::ALLOW, HeaderValue::from_static("GET, POST"));
            Ok(response)
        }
        _ => Err(not_allowed("GET, POST", "GraphQL is asked with GET or POST")),
    }
}

async fn get<E: Executor>(
    mounted: &Arc<Mounted<E>>,
    parts: Parts,
    id: &RequestId,
) -> Result<Response, Fault> {
    let accept = acceptable(&parts.headers)?;
    let identity = authenticate(mounted, &parts).await?;
    let params =
        Params::from_query(parts.uri.query().unwrap_or_default()).map_err(|why| match &identity.guest {
            Some(guest) => guest.refusal.clone().into_fault(),
            None => bad(why),
        })?;
    one(
        mounted,
        params,
        Asked {
            accept: &accept,
            parts: &parts,
            identity,
            id,
        },
    )
    .await
}

async fn post<E: Executor>(
    mounted: &Arc<Mounted<E>>,
    parts: Parts,
    body: Incoming,
    id: &RequestId,
) -> Result<Response, Fault> {
    let accept = acceptable(&parts.headers)?;
    let limits = &mounted.settings.http;
    let boundary = match content_type(&parts.headers)? {
        ContentType::Json => None,
        ContentType::Form { boundary } => {
            if !limits
                .preflight_headers
                .iter()
                .any(|name| parts.headers.contains_key(name))
            {
                return Err(bad(format!(
                    "an upload needs one of these headers, which pages of other origins cannot send unasked: {}",
                    limits
                        .preflight_headers
                        .iter()
                        .map(HeaderName::as_str)
                        .collect::<Vec<_>>()
                        .join(", ")
                )));
            }
            Some(boundary)
        }
    };
    let identity = authenticate(mounted, &parts).await?;
    let received = match (&identity.guest, boundary) {
        (None, None) => within(limits.time, receive(mounted, &parts.headers, body)).await?,
        (None, Some(boundary)) => {
            let form = receive_form(mounted, &parts.headers, body, boundary);
            within(mounted.settings.upload.time, form).await?
        }
        (Some(guest), boundary) => {
            let refuse = || guest.refusal.clone().into_fault();
            if boundary.is_some() {
                return Err(refuse());
            }
            let max = guest.body_bytes.min(limits.body_bytes);
            let read = receive_json(&parts.headers, body, max, None);
            match within(guest.body_time.min(limits.time), read).await {
                Ok(one @ params::Body::One(_)) => one,
                Ok(params::Body::Batch(_)) | Err(_) => return Err(refuse()),
            }
        }
    };
    let asked = Asked {
        accept: &accept,
        parts: &parts,
        identity,
        id,
    };
    match received {
        params::Body::One(params) => one(mounted, *params, asked).await,
        params::Body::Batch(batch) => many(mounted, batch, asked).await,
    }
}

async fn within(
    time: Duration,
    received: impl Future<Output = Result<params::Body, Fault>>,
) -> Result<params::Body, Fault> {
    tokio::time::timeout(time, received).await.map_err(|_| {
        Fault::transport(
            StatusCode::REQUEST_TIMEOUT,
            code::LIMIT_EXCEEDED,
            format!("the body took longer than {} s to come", time.as_secs_f64()),
        )
    })?
}

/// One request that was read, with all that is known of it.
struct Asked<'a> {
    accept: &'a Accept,
    parts: &'a Parts,
    identity: Identity,
    id: &'a RequestId,
}

async fn one<E: Executor>(
    mounted: &Arc<Mounted<E>>,
    params: Params,
    asked: Asked<'_>,
) -> Result<Response, Fault> {
    let Asked {
        accept,
        parts,
        identity,
        id,
    } = asked;
    let setting = |media, ticket| stream::Setting {
        media,
        heartbeat: mounted.settings.stream.heartbeat,
        write: mounted.settings.stream.write,
        resume: mounted.resume.clone(),
        ticket,
    };
    let is_get = parts.method != Method::POST;
    let origin = Origin {
        id,
        caller: &identity.data,
        guest: identity.guest.as_ref(),
        resume: parts
            .headers
            .get("last-event-id")
            .and_then(|cursor| cursor.to_str().ok()),
    };
    let single = accept.single().unwrap_or(Media::GraphqlResponse);
    let allows = |operation: &Operation<'_>| match operation.kind() {
        Kind::Mutation if is_get => Err(not_allowed("POST", "a mutation is not run by GET")),
        Kind::Subscription if accept.stream().is_none() => Err(Fault {
            status: StatusCode::NOT_ACCEPTABLE,
            ..Fault::bad(
                "a subscription needs Accept: text/event-stream or multipart/mixed, or a WebSocket",
                None,
            )
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
    let full = || {
        Fault::transport(
            StatusCode::SERVICE_UNAVAILABLE,
            code::LIMIT_EXCEEDED,
            "too many open streams",
        )
    };
    let ticket = mounted.connections.open().map_err(|_| full())?;
    ticket.claim(identity.key).map_err(|_| {
        Fault::transport(
            StatusCode::TOO_MANY_REQUESTS,
            code::LIMIT_EXCEEDED,
            "too many open streams of this caller",
        )
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
    let Asked {
        accept, identity, id, ..
    } = asked;
    let media = accept
        .single()
        .filter(|media| !media.is_stream())
        .ok_or_else(not_acceptable)?;
    let session = Arc::new(identity.data);
    let mut events = Vec::with_capacity(batch.len());
    for params in batch {
        let origin = Origin {
            id,
            caller: &session,
            // A guest's batch was refused.
            guest: None,
            resume: None,
        };
        let allows = |operation: &Operation<'_>| match operation.kind() {
            Kind::Subscription => Err(Fault::bad("a batch takes no subscriptions", None)),
            _ => Ok(()),
        };
        events.push(match run::admit(mounted, params, &origin, allows) {
            Ok(job) => {
                let mut answers = job.events(&mounted.executor, session.clone(), mounted.settings.http.time);
                answers
                    .next()
                    .await
                    .unwrap_or_else(|| Event::Refused(Fault::internal(&id.0)))
            }
            Err(fault) => Event::Refused(fault),
        });
    }
    Ok(answer::batch(&events, media))
}

async fn authenticate<E: Executor>(mounted: &Mounted<E>, parts: &Parts) -> Result<Identity, Fault> {
    mounted
        .authenticate
        .request(parts)
        .await
        .map_err(crate::hooks::Refusal::into_fault)
}

fn acceptable(headers: &HeaderMap) -> Result<Accept, Fault> {
    let accept = Accept::of(headers);
    if accept.single().is_none() {
        Err(not_acceptable())
    } else {
        Ok(accept)
    }
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
