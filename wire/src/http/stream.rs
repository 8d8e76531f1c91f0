//! Answers in many pieces: GraphQL over server-sent events in distinct-connections mode, and Apollo's multipart
//! subscriptions. Each ends with the client's connection, and from outside through
//! [`Connections`](crate::Connections).

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{body::Body, response::Response};
use bytes::Bytes;
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use http::{HeaderMap, HeaderValue, header};
use tokio::{sync::mpsc, time::timeout};

use super::accept::Media;
use crate::{
    connections::{Close, Ticket},
    fault::{Fault, code},
    hooks::Resume,
    run::Event,
};

/// What a stream needs beside its events.
pub(super) struct Setting {
    pub(super) media: Media,
    pub(super) heartbeat: Duration,
    /// A reader that takes so long to take one event is given up.
    pub(super) write: Duration,
    pub(super) resume: Arc<dyn Resume>,
    /// Its place among the open connections; none for an answer of one event.
    pub(super) ticket: Option<Ticket>,
}

struct State {
    events: BoxStream<'static, Event>,
    setting: Setting,
    at: At,
}

#[derive(PartialEq)]
enum At {
    Start,
    Running,
    /// The end is still to be written.
    Ending,
    Over,
}

/// A response that writes events as they come.
pub(super) fn stream(events: BoxStream<'static, Event>, setting: Setting) -> Response {
    let content_type = match setting.media {
        Media::Multipart => "multipart/mixed; boundary=\"graphql\"; subscriptionSpec=\"1.0\"",
        _ => "text/event-stream; charset=utf-8",
    };
    let patience = setting.write;
    let mut state = State {
        events,
        setting,
        at: At::Start,
    };
    let (sender, mut receiver) = mpsc::channel::<Bytes>(1);
    // A task of its own, for a body is not asked for more while its reader stalls, and then could not be given up.
    tokio::spawn(async move {
        loop {
            let chunk = tokio::select! {
                () = sender.closed() => return,
                chunk = state.next() => chunk,
            };
            let Some(chunk) = chunk else { return };
            match timeout(patience, sender.send(chunk.into())).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return,
                Err(_) => {
                    tracing::debug!("a stream was given up, its reader having stalled");
                    return;
                }
            }
        }
    });
    let body = stream::poll_fn(move |context| {
        receiver
            .poll_recv(context)
            .map(|chunk| chunk.map(Ok::<_, Infallible>))
    });
    let mut response = Response::new(Body::from_stream(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("no-cache, no-transform"),
    );
    // nginx and its kin hold back what they may buffer.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// An answer of one event as a stream, with the headers that resolvers gave.
pub(super) fn one(event: Event, setting: Setting) -> Response {
    let given = match &event {
        Event::Next(response) => response.http_headers.clone(),
        Event::Refused(_) => HeaderMap::new(),
    };
    let mut response = stream(stream::once(std::future::ready(event)).boxed(), setting);
    let own = std::mem::replace(response.headers_mut(), given);
    response.headers_mut().extend(own);
    response
}

impl State {
    async fn next(&mut self) -> Option<String> {
        match self.at {
            At::Start => {
                self.at = At::Running;
                // So that the headers leave now and not with the first event.
                return Some(match self.setting.media {
                    Media::Multipart => "\r\n--graphql".into(),
                    _ => ":\n\n".into(),
                });
            }
            At::Running => {}
            At::Ending => {
                self.at = At::Over;
                return Some(self.end());
            }
            At::Over => return None,
        }
        let closed = async {
            match &mut self.setting.ticket {
                Some(ticket) => ticket.closed().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            close = closed => self.close(&close),
            next = timeout(self.setting.heartbeat, self.events.next()) => match next {
                Err(_) => Some(self.beat()),
                Ok(None) => {
                    self.at = At::Over;
                    Some(self.end())
                }
                Ok(Some(event)) => {
                    if matches!(event, Event::Refused(_)) {
                        self.at = At::Ending;
                    }
                    Some(self.event(&event))
                }
            },
        }
    }

    /// On a restart the stream breaks off, and clients reconnect; for any other reason it is told and completed.
    fn close(&mut self, close: &Close) -> Option<String> {
        self.at = At::Over;
        if close.code == Close::restart().code {
            return None;
        }
        self.at = At::Ending;
        // What 4403 says on a socket. Not FORBIDDEN: with new credentials the same stream goes on.
        let fault = Fault::transport(
            http::StatusCode::UNAUTHORIZED,
            code::UNAUTHENTICATED,
            close.reason.clone(),
        );
        Some(self.event(&Event::Refused(fault)))
    }

    fn event(&self, event: &Event) -> String {
        let json = event.to_json();
        if self.setting.media == Media::Multipart {
            return format!("\r\ncontent-type: application/json\r\n\r\n{{\"payload\":{json}}}\r\n--graphql");
        }
        let id = match event {
            Event::Next(response) => self.setting.resume.cursor(&response.data),
            Event::Refused(_) => None,
        };
        match id.filter(|id| !id.contains(['\n', '\r', '\0'])) {
            Some(id) => format!("id: {id}\nevent: next\ndata: {json}\n\n"),
            None => format!("event: next\ndata: {json}\n\n"),
        }
    }

    fn beat(&self) -> String {
        match self.setting.media {
            Media::Multipart => "\r\ncontent-type: application/json\r\n\r\n{}\r\n--graphql".into(),
            _ => ":\n\n".into(),
        }
    }

    /// `EventSource` drops events without a data field, hence the empty one.
    fn end(&self) -> String {
        match self.setting.media {
            Media::Multipart => "--\r\n".into(),
            _ => "event: complete\ndata:\n\n".into(),
        }
    }
}
