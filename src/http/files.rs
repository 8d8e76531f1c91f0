//! `/files/<id>`: a file's bytes for whoever may see it, as a download that no browser shows or
//! runs. What a viewer may not see answers like what is not there.

mod disposition;
mod range;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, Path, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use entity::file;

use super::{Deps, answer, observe};
use crate::base::chain::Chain;
use crate::base::id::Kind;
use crate::domain::access::Viewer;
use crate::domain::files;
use range::Asked;

pub(super) async fn serve(
    State(deps): State<Arc<Deps>>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let (request, _) = request.into_parts();
    let found = match Kind::File.parse(&id) {
        Ok(id) => files::find(&deps.store, &viewer, id).await,
        Err(_) => Ok(None),
    };
    match found {
        Ok(Some(row)) => answer_with(&deps, &row, &request).await,
        Ok(None) => answer::refuse(StatusCode::NOT_FOUND, "NOT_FOUND", "there is no such file"),
        Err(error) => {
            tracing::error!(
                error = %Chain(&error),
                file.id = id,
                "a file could not be found"
            );
            answer::fault(&observe::id(&request.extensions))
        }
    }
}

async fn answer_with(deps: &Deps, row: &file::Model, request: &Parts) -> Response {
    let asked = &request.headers;
    let etag = format!("\"{}\"", row.sha256);
    let size = u64::try_from(row.size_bytes).unwrap_or(0);
    let mut headers = about(row, &etag);
    if matches_any(asked, &etag) {
        headers.remove(header::CONTENT_TYPE);
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    // Ranges are of GET alone (RFC 9110, section 14.2), and only of the bytes the client began with.
    let ranged = (request.method == Method::GET && is_same(asked, &etag))
        .then(|| asked.get(header::RANGE))
        .flatten();
    let (status, bytes) = match range::parse(ranged.and_then(|value| value.to_str().ok()), size) {
        Asked::All => (StatusCode::OK, 0..size),
        Asked::Part(part) => {
            let shown = format!("bytes {}-{}/{size}", part.start, part.end - 1);
            headers.insert(header::CONTENT_RANGE, ascii(&shown));
            (StatusCode::PARTIAL_CONTENT, part)
        }
        Asked::Nothing => {
            let message = format!("the file has {size} bytes, and the range begins after them");
            let mut answer = answer::refuse(StatusCode::RANGE_NOT_SATISFIABLE, "BAD_USER_INPUT", &message);
            let shown = ascii(&format!("bytes */{size}"));
            answer.headers_mut().insert(header::CONTENT_RANGE, shown);
            return answer;
        }
    };
    headers.insert(header::CONTENT_LENGTH, (bytes.end - bytes.start).into());
    if request.method == Method::HEAD {
        return (status, headers).into_response();
    }
    let part = (status == StatusCode::PARTIAL_CONTENT).then_some(bytes);
    match files::open(&deps.storage, row, part).await {
        Ok(stream) => (status, headers, Body::from_stream(stream)).into_response(),
        Err(error) => {
            tracing::error!(error = %Chain(&error), file.id = %row.id, "a file's bytes could not be read");
            answer::fault(&observe::id(&request.extensions))
        }
    }
}

fn about(row: &file::Model, etag: &str) -> HeaderMap {
    let octets = HeaderValue::from_static("application/octet-stream");
    let kind = HeaderValue::from_str(&row.content_type).unwrap_or(octets);
    HeaderMap::from_iter([
        (header::CONTENT_TYPE, kind),
        (
            header::CONTENT_DISPOSITION,
            ascii(&disposition::attachment(&row.filename)),
        ),
        (header::ETAG, ascii(etag)),
        (header::ACCEPT_RANGES, HeaderValue::from_static("bytes")),
        // Kept by the viewer's own client alone, and asked for again with its token.
        (
            header::CACHE_CONTROL,
            HeaderValue::from_static("private, no-cache"),
        ),
        (header::VARY, HeaderValue::from_static("authorization, cookie")),
        // Should a browser show it all the same, it is a document without origin that runs nothing.
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; sandbox"),
        ),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
    ])
}

fn ascii(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("made of visible ASCII")
}

// If-None-Match (RFC 9110, section 13.1.2).
fn matches_any(headers: &HeaderMap, etag: &str) -> bool {
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|tag| tag.trim())
        .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

// If-Range (RFC 9110, section 13.1.5): a date never matches, for there is none to compare.
fn is_same(headers: &HeaderMap, etag: &str) -> bool {
    headers
        .get(header::IF_RANGE)
        .is_none_or(|value| value.as_bytes() == etag.as_bytes())
}
