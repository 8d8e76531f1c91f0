//! Reading a request's body under limits, whatever it says of its own length.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use async_graphql::Executor;
use axum::body::{Body, BodyDataStream, HttpBody};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use http::{HeaderMap, StatusCode, header};

use super::{accept::split_quoted, bad, upload};
use crate::{
    Mounted,
    fault::{Fault, code},
    params::{self, Params},
};

/// What the body says it is.
pub(super) enum ContentType {
    Json,
    Form { boundary: String },
}

pub(super) fn content_type(headers: &HeaderMap) -> Result<ContentType, Fault> {
    let refuse =
        |message| Fault::transport(StatusCode::UNSUPPORTED_MEDIA_TYPE, code::BAD_USER_INPUT, message);
    let unsupported =
        || refuse("the body has to be application/json in UTF-8, or multipart/form-data for uploads");
    if headers
        .get(header::CONTENT_ENCODING)
        .is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
    {
        return Err(refuse("the body must not be compressed"));
    }
    let value = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .ok_or_else(unsupported)?;
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
            if is_utf8 {
                Ok(ContentType::Json)
            } else {
                Err(unsupported())
            }
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

pub(super) async fn receive<E: Executor>(
    mounted: &Mounted<E>,
    headers: &HeaderMap,
    body: Incoming,
) -> Result<params::Body, Fault> {
    let limits = &mounted.settings.http;
    receive_json(headers, body, limits.body_bytes, limits.batch).await
}

/// A JSON body of at most `max` bytes.
pub(super) async fn receive_json(
    headers: &HeaderMap,
    mut body: Incoming,
    max: usize,
    max_batch: Option<usize>,
) -> Result<params::Body, Fault> {
    let too_large = || Fault::too_large(format!("the body is larger than {max} bytes"));
    if content_length(headers).is_some_and(|length| length > max as u64) {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(content_length(headers).unwrap_or(0) as usize);
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|_| bad("the body broke off"))?;
        if bytes.len() + chunk.len() > max {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
    params::Body::from_json(&bytes, max_batch).map_err(bad)
}

pub(super) async fn receive_form<E: Executor>(
    mounted: &Mounted<E>,
    headers: &HeaderMap,
    body: Incoming,
    boundary: String,
) -> Result<params::Body, Fault> {
    let settings = &mounted.settings;
    let max = settings.upload.total_bytes + 2 * settings.http.body_bytes as u64;
    if content_length(headers).is_some_and(|length| length > max) {
        return Err(Fault::too_large(format!("the body is larger than {max} bytes")));
    }
    let bounds = upload::Bounds {
        http: &settings.http,
        upload: &settings.upload,
    };
    let check = |requests: &[Params]| {
        requests
            .iter()
            .filter_map(|params| params.query.as_deref())
            .try_for_each(|query| mounted.gate.prepare(query).map(drop))
    };
    upload::read(body, boundary, &bounds, check).await
}

/// A request's body that is read on for a while when it is dropped before its end, and forgotten: a connection closed
/// on a client that still sends is reset, and the client would never see why it was refused.
pub(super) struct Incoming {
    chunks: Option<BodyDataStream>,
    linger: Duration,
    /// Whether the client waits for a 100 before it sends: then there is nothing to read on, and asking would call
    /// for it.
    is_held_back: bool,
}

impl Incoming {
    pub(super) fn new(body: Body, headers: &HeaderMap, linger: Duration) -> Self {
        let chunks = (!body.is_end_stream()).then(|| body.into_data_stream());
        Self {
            chunks,
            linger,
            is_held_back: headers.contains_key(header::EXPECT),
        }
    }
}

impl Stream for Incoming {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.is_held_back = false;
        let Some(chunks) = &mut self.chunks else {
            return Poll::Ready(None);
        };
        let chunk = std::task::ready!(chunks.poll_next_unpin(context));
        if !matches!(chunk, Some(Ok(_))) {
            self.chunks = None;
        }
        Poll::Ready(chunk)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        let Some(mut chunks) = self.chunks.take().filter(|_| !self.is_held_back) else {
            return;
        };
        let linger = self.linger;
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let read = async move { while let Some(Ok(_)) = chunks.next().await {} };
            runtime.spawn(async move { tokio::time::timeout(linger, read).await });
        }
    }
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
