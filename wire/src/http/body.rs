//! Reading a request's body under limits, whatever it says of its own length.

use async_graphql::Executor;
use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures::StreamExt;
use http::{HeaderMap, StatusCode, header};

use super::{accept::split_quoted, bad, upload};
use crate::{
    Mounted,
    fault::{Fault, code},
    limits::HttpLimits,
    params::{self, Params},
};

/// What the body says it is.
pub(super) enum ContentType {
    Json,
    Form { boundary: String },
}

pub(super) fn content_type(headers: &HeaderMap) -> Result<ContentType, Fault> {
    let unsupported = || {
        Fault::transport(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            code::BAD_USER_INPUT,
            "the body has to be application/json in UTF-8, or multipart/form-data for uploads",
        )
    };
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
    body: Body,
) -> Result<params::Body, Fault> {
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

pub(super) async fn receive_form<E: Executor>(
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
        return Err(Fault::too_large(format!(
            "the body is larger than {max} bytes"
        )));
    }
    // The body stays in reach of the drain, whatever the form's reader makes of it.
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let chunks = Lent {
        body: Some(chunks),
        give_back: Some(sender),
    };
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
    body: Option<BodyDataStream>,
    give_back: Option<tokio::sync::oneshot::Sender<BodyDataStream>>,
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
fn drain(mut chunks: BodyDataStream, limits: &HttpLimits) {
    let read = async move { while let Some(Ok(_)) = chunks.next().await {} };
    tokio::spawn(tokio::time::timeout(limits.linger, read));
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}
