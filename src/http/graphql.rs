//! `/graphql`: the schema over HTTP and WebSocket, on the library's own readers of both protocols.
//! This file alone knows that; tokens, limits and ends are the parts around it.
//!
//! What it adds to the library: the viewer and the request's id as data of each operation, limits
//! on bodies and files, no mutation by GET, the close codes of graphql-transport-ws where the
//! library has others, and the end of a socket whose token has ended or whose server restarts.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_graphql::http::{
    MultipartOptions, WebSocket as Protocol, WebSocketProtocols, WsMessage, parse_query_string, receive_body,
};
use async_graphql::parser::types::OperationType;
use async_graphql::{Data, ParseRequestError};
use async_graphql_axum::GraphQLResponse;
use axum::body::{Body, Bytes};
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::{SinkExt, StreamExt, TryStreamExt};
use serde_json::Value;
use tokio::sync::mpsc;

use super::{Deps, answer, auth, observe};
use crate::domain::access::{Current, Viewer};
use crate::graphql::RequestId;

const SUBPROTOCOL: &str = "graphql-transport-ws";

/// From the upgrade to `connection_init`.
const INIT_WITHIN: Duration = Duration::from_secs(10);

/// A peer that takes longer to take one message has stopped reading.
const WRITE_WITHIN: Duration = Duration::from_secs(20);

/// Proxies close what is silent for a minute.
const PING_EVERY: Duration = Duration::from_secs(25);

pub(super) async fn post(State(deps): State<Arc<Deps>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let operation = match read(&deps, &parts.headers, body).await {
        Ok(operation) => operation,
        Err(refusal) => return *refusal,
    };
    execute(&deps, &parts, operation).await
}

pub(super) async fn get(State(deps): State<Arc<Deps>>, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    if wants_socket(&parts.method, &parts.headers) {
        return upgrade(deps, &mut parts).await;
    }
    let Ok(mut operation) = parse_query_string(parts.uri.query().unwrap_or_default()) else {
        return answer::refuse(
            StatusCode::BAD_REQUEST,
            "BAD_USER_INPUT",
            "the query string cannot be read",
        );
    };
    if has_mutation(&mut operation) {
        let message = "a mutation is sent by POST";
        let mut answer = answer::refuse(StatusCode::METHOD_NOT_ALLOWED, "BAD_USER_INPUT", message);
        answer
            .headers_mut()
            .insert(header::ALLOW, HeaderValue::from_static("POST"));
        return answer;
    }
    execute(&deps, &parts, operation).await
}

async fn execute(deps: &Deps, parts: &Parts, operation: async_graphql::Request) -> Response {
    // Only sockets come without a viewer.
    let Some(viewer) = parts.extensions.get::<Viewer>() else {
        return answer::unauthenticated(auth::NO_TOKEN);
    };
    let operation = operation
        .data(viewer.clone())
        .data(observe::id(&parts.extensions));
    GraphQLResponse::from(deps.schema.execute(operation).await).into_response()
}

fn has_mutation(operation: &mut async_graphql::Request) -> bool {
    // What cannot be parsed is not run either.
    operation.parsed_query().is_ok_and(|document| {
        let mut operations = document.operations.iter();
        operations.any(|(_, operation)| operation.node.ty == OperationType::Mutation)
    })
}

async fn read(deps: &Deps, headers: &HeaderMap, body: Body) -> Result<async_graphql::Request, Box<Response>> {
    let refuse = |status, code, message: &str| Box::new(answer::refuse(status, code, message));
    let settings = &deps.settings;
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    let essence = kind
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let limit = match essence.as_str() {
        "application/json" => settings.max_body_bytes,
        "multipart/form-data" => {
            let files = settings
                .max_upload_bytes
                .saturating_mul(settings.max_upload_files.into());
            settings.max_body_bytes.saturating_add(files)
        }
        _ => {
            let message = "send application/json, or multipart/form-data with files";
            return Err(refuse(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "BAD_USER_INPUT",
                message,
            ));
        }
    };
    let too_large = || {
        let message = format!("the request has more than {limit} bytes");
        refuse(StatusCode::PAYLOAD_TOO_LARGE, "LIMIT_EXCEEDED", &message)
    };
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let is_over = Arc::new(AtomicBool::new(false));
    let options = MultipartOptions::default()
        .max_file_size(usize::try_from(settings.max_upload_bytes).unwrap_or(usize::MAX))
        .max_num_files(settings.max_upload_files as usize);
    let reader = pin!(limited(body, limit, Arc::clone(&is_over)));
    match receive_body(Some(kind), reader.into_async_read(), options).await {
        Ok(operation) => Ok(operation),
        Err(_) if is_over.load(Ordering::Relaxed) => Err(too_large()),
        Err(ParseRequestError::PayloadTooLarge) => {
            let message = format!(
                "a request holds {} files of {} bytes at most",
                settings.max_upload_files, settings.max_upload_bytes
            );
            Err(refuse(StatusCode::PAYLOAD_TOO_LARGE, "LIMIT_EXCEEDED", &message))
        }
        Err(ParseRequestError::UnsupportedBatch) => {
            let message = "send one operation a request: batches are not taken";
            Err(refuse(StatusCode::BAD_REQUEST, "BAD_USER_INPUT", message))
        }
        Err(error) => {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "a request could not be read"
            );
            let message = "the body is no GraphQL request";
            Err(refuse(StatusCode::BAD_REQUEST, "BAD_USER_INPUT", message))
        }
    }
}

fn limited(
    body: Body,
    limit: u64,
    is_over: Arc<AtomicBool>,
) -> impl futures::Stream<Item = std::io::Result<Bytes>> {
    let mut left = limit;
    body.into_data_stream().map(move |chunk| {
        let chunk = chunk.map_err(std::io::Error::other)?;
        match left.checked_sub(chunk.len() as u64) {
            Some(rest) => left = rest,
            None => {
                is_over.store(true, Ordering::Relaxed);
                return Err(std::io::ErrorKind::FileTooLarge.into());
            }
        }
        Ok(chunk)
    })
}

/// True for the upgrade of a connection to WebSocket.
pub(super) fn wants_socket(method: &Method, headers: &HeaderMap) -> bool {
    let upgrade = headers.get(header::UPGRADE);
    method == Method::GET && upgrade.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

async fn upgrade(deps: Arc<Deps>, parts: &mut Parts) -> Response {
    let upgrade = match WebSocketUpgrade::from_request_parts(parts, &()).await {
        Ok(upgrade) => upgrade.protocols([SUBPROTOCOL]),
        Err(rejection) => return rejection.into_response(),
    };
    if upgrade.selected_protocol().is_none() {
        let message = format!("the WebSocket subprotocol here is {SUBPROTOCOL}");
        return answer::refuse(StatusCode::BAD_REQUEST, "BAD_USER_INPUT", &message);
    }
    let socket = Socket {
        viewer: parts.extensions.get().cloned(),
        request_id: observe::id(&parts.extensions),
    };
    let limit = usize::try_from(deps.settings.max_body_bytes).unwrap_or(usize::MAX);
    upgrade
        .max_message_size(limit)
        .max_frame_size(limit)
        .on_upgrade(async move |stream| {
            let stop = deps.stop.clone();
            stop.track(socket.converse(deps, stream)).await;
        })
}

/// What the upgrade's request said.
struct Socket {
    /// Of its Authorization header.
    viewer: Option<Viewer>,
    request_id: RequestId,
}

/// Why a socket is closed: a code of graphql-transport-ws and a few words.
type Close = (u16, &'static str);

impl Socket {
    async fn converse(self, deps: Arc<Deps>, stream: WebSocket) {
        let _open = Open::count();
        let (mut out, incoming) = stream.split();
        let (accepted, mut accepts) = mpsc::channel(1);
        // A peer that goes or breaks the framing ends its stream, and with it the conversation.
        let messages = incoming
            .take_while(|message| std::future::ready(matches!(message, Ok(message) if !is_close(message))))
            .filter_map(|message| std::future::ready(message.ok().and_then(content)));
        let init_deps = Arc::clone(&deps);
        let protocol = Protocol::new(deps.schema.clone(), messages, WebSocketProtocols::GraphQLWS)
            .on_connection_init(async move |payload| {
                let viewer = self.admit(&init_deps, &payload).await?;
                let mut data = Data::default();
                data.insert(viewer.clone());
                data.insert(self.request_id);
                // The receiver lives as long as the protocol does.
                let _ = accepted.send(viewer).await;
                Ok(data)
            });
        let mut protocol = pin!(protocol);
        let mut access: Option<Current> = None;
        let mut init_deadline = pin!(tokio::time::sleep(INIT_WITHIN));
        let mut pings = tokio::time::interval(PING_EVERY);
        let close: Option<(u16, String)> = loop {
            let message = tokio::select! {
                biased;
                () = deps.stop.closed() => break own((1012, "the server restarts")),
                Some(viewer) = accepts.recv() => {
                    access = Some(deps.renewal.follow(&viewer));
                    continue;
                }
                () = ended(&mut access), if access.is_some() => break own((4403, auth::BAD_TOKEN)),
                () = &mut init_deadline, if access.is_none() => {
                    break own((4408, "connection initialisation timeout"));
                }
                _ = pings.tick() => Message::Ping(Bytes::new()),
                said = protocol.next() => match said {
                    Some(WsMessage::Text(text)) => Message::Text(text.into()),
                    Some(WsMessage::Close(code, reason)) => break Some(corrected(code, reason)),
                    None => break None,
                },
            };
            match tokio::time::timeout(WRITE_WITHIN, out.send(message)).await {
                Ok(Ok(())) => {}
                // Gone, or not reading.
                Ok(Err(_)) | Err(_) => return,
            }
        };
        if let Some((code, reason)) = close {
            let frame = CloseFrame {
                code,
                reason: shortened(&reason).into(),
            };
            // Whoever is gone need not be told.
            let _ = tokio::time::timeout(WRITE_WITHIN, out.send(Message::Close(Some(frame)))).await;
        }
    }

    /// Whom the payload of `connection_init` shows, or else the header of the upgrade.
    async fn admit(&self, deps: &Deps, payload: &Value) -> async_graphql::Result<Viewer> {
        match (payload_secret(payload), &self.viewer) {
            (Some(secret), _) => match auth::find(deps, secret).await {
                Ok(Some(viewer)) => Ok(viewer),
                Ok(None) => Err(auth::BAD_TOKEN.into()),
                Err(auth::Failed) => Err(FAILED.into()),
            },
            (None, Some(viewer)) => Ok(viewer.clone()),
            (None, None) => Err(NO_PAYLOAD_TOKEN.into()),
        }
    }
}

const FAILED: &str = "the server failed";
const NO_PAYLOAD_TOKEN: &str = "send a token in the payload of connection_init";

/// Clients differ in where they put it; the secret may stand with or without `Bearer`.
fn payload_secret(payload: &Value) -> Option<&str> {
    let text = [
        "/Authorization",
        "/authorization",
        "/headers/Authorization",
        "/headers/authorization",
        "/token",
    ]
    .iter()
    .find_map(|pointer| payload.pointer(pointer)?.as_str())?;
    auth::secret(text).or_else(|| {
        let text = text.trim();
        (!text.is_empty() && !text.contains(' ')).then_some(text)
    })
}

async fn ended(access: &mut Option<Current>) {
    match access {
        // An error says that nobody renews it any more: no access either.
        Some(access) => drop(access.wait_for(Option::is_none).await),
        None => std::future::pending().await,
    }
}

fn own((code, reason): Close) -> Option<(u16, String)> {
    Some((code, reason.to_owned()))
}

// The library closes with codes on which clients do not know what to do.
fn corrected(code: u16, reason: String) -> (u16, String) {
    match code {
        1002 if reason == FAILED => (1011, reason),
        1002 if reason == auth::BAD_TOKEN || reason == NO_PAYLOAD_TOKEN => (4403, reason),
        1002 => (4400, "the message is not of graphql-transport-ws".to_owned()),
        1011 => (4401, "unauthorized".to_owned()),
        _ => (code, reason),
    }
}

// A control frame takes 125 bytes, two of them for the code (RFC 6455, section 5.5).
fn shortened(reason: &str) -> String {
    let mut end = reason.len().min(123);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    reason[..end].to_owned()
}

fn is_close(message: &Message) -> bool {
    matches!(message, Message::Close(_))
}

fn content(message: Message) -> Option<Bytes> {
    match message {
        Message::Text(text) => Some(text.into()),
        Message::Binary(bytes) => Some(bytes),
        Message::Ping(_) | Message::Pong(_) | Message::Close(_) => None,
    }
}

/// Counts open sockets for as long as it lives.
struct Open;

impl Open {
    fn count() -> Self {
        metrics::gauge!("agentic_websockets").increment(1);
        Self
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        metrics::gauge!("agentic_websockets").decrement(1);
    }
}
