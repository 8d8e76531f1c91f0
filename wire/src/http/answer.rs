//! Answers in one piece: status, headers and JSON.

use axum::{body::Body, response::Response};
use http::{HeaderValue, StatusCode, header};

use super::accept::Media;
use crate::{fault::Fault, run::Event, socket};

/// One operation's answer.
pub(super) fn single(event: &Event, media: Media) -> Response {
    let mut response = Response::new(Body::from(event.to_json()));
    let headers = response.headers_mut();
    match event {
        Event::Next(given) => {
            headers.extend(given.http_headers.clone());
            if let Some(control) = given.cache_control.value().and_then(|value| value.parse().ok())
                && given.errors.is_empty()
            {
                headers.entry(header::CACHE_CONTROL).or_insert(control);
            }
        }
        Event::Refused(fault) => return refusal_with(fault, media, response),
    }
    headers.insert(header::CONTENT_TYPE, content_type(media));
    response
}

/// A refusal of the whole request.
pub(super) fn refusal(fault: &Fault, media: Media) -> Response {
    let body = Event::Refused(fault.clone()).to_json();
    refusal_with(fault, media, Response::new(Body::from(body)))
}

/// The answers of a batch, in its order; each says for itself how it went.
pub(super) fn batch(events: &[Event], media: Media) -> Response {
    let body: Vec<String> = events.iter().map(Event::to_json).collect();
    let mut response = Response::new(Body::from(format!("[{}]", body.join(","))));
    let headers = response.headers_mut();
    for event in events {
        if let Event::Next(given) = event {
            for (name, value) in &given.http_headers {
                headers.append(name, value.clone());
            }
        }
    }
    headers.insert(header::CONTENT_TYPE, content_type(media));
    response
}

fn refusal_with(fault: &Fault, media: Media, mut response: Response) -> Response {
    if fault.is_transport || media != Media::Json {
        *response.status_mut() = fault.status;
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, content_type(media));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(allow) = fault.allow {
        headers.insert(header::ALLOW, HeaderValue::from_static(allow));
    }
    if fault.status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if fault.status == StatusCode::UPGRADE_REQUIRED {
        headers.insert(
            header::SEC_WEBSOCKET_VERSION,
            HeaderValue::from_static(socket::VERSION),
        );
    }
    if let Some(after) = fault.retry_after {
        headers.insert(
            header::RETRY_AFTER,
            HeaderValue::from(after.as_secs_f64().ceil() as u64),
        );
    }
    response
}

fn content_type(media: Media) -> HeaderValue {
    HeaderValue::from_static(match media {
        Media::Json => "application/json; charset=utf-8",
        _ => "application/graphql-response+json; charset=utf-8",
    })
}
