//! Uploads by the multipart request specification (graphql-multipart-request-spec): `operations`, `map`, then the
//! files, which stream into temporary files and never into memory. Whatever is wrong is refused as soon as it shows.

use std::{
    collections::HashMap,
    io::Seek,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use async_graphql::{UploadValue, Value};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use http::StatusCode;
use multer::{Field, Multipart};
use tokio::io::AsyncWriteExt;

use crate::{
    fault::{Fault, code},
    gate::UPLOAD_MARK,
    limits::{HttpLimits, UploadLimits},
    params::{self, Params},
};

/// From the end of a part's content to the beginning of the next one's: a boundary and some headers, in bytes. multer
/// has no bound there, and looks for their end in all that it holds, with each chunk again.
const HEAD_BYTES: usize = 16 * 1024;

/// Bounds on what comes in.
pub(super) struct Bounds<'l> {
    pub(super) http: &'l HttpLimits,
    pub(super) upload: &'l UploadLimits,
}

/// Which request of a batch, and where in its variables.
struct Place {
    request: usize,
    path: Vec<String>,
}

/// Reads the whole form. `check` sees the operations before the first file is taken.
pub(super) async fn read<S, E>(
    body: S,
    boundary: String,
    bounds: &Bounds<'_>,
    check: impl FnOnce(&[Params]) -> Result<(), Fault>,
) -> Result<params::Body, Fault>
where
    S: Stream<Item = Result<Bytes, E>> + Send + Unpin + 'static,
    E: Into<BoxError> + 'static,
{
    let mut form = Form::new(body, boundary);
    let operations = text(&mut form, "operations", bounds.http.body_bytes).await?;
    let (mut requests, is_batch) =
        match params::Body::from_json(&operations, bounds.http.batch).map_err(bad)? {
            params::Body::One(one) => (vec![*one], false),
            params::Body::Batch(batch) => (batch, true),
        };
    let map = text(&mut form, "map", bounds.http.body_bytes).await?;
    let mut places = map_places(&map, &mut requests, is_batch, bounds.upload.files)?;
    check(&requests)?;

    let mut total = 0;
    while let Some(field) = form.next_field().await? {
        let name = field.name().unwrap_or_default().to_owned();
        let Some(here) = places.remove(&name) else {
            return Err(bad(format!("the part {:?} is not in the map", shorten(&name))));
        };
        let file = receive(field, bounds.upload, &mut total).await?;
        put(&mut requests, &here, file)?;
    }
    if let Some(missing) = places.keys().next() {
        return Err(bad(format!(
            "the file {:?} of the map is missing",
            shorten(missing)
        )));
    }
    Ok(if is_batch {
        params::Body::Batch(requests)
    } else {
        params::Body::One(Box::new(requests.pop().unwrap_or_default()))
    })
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A form whose parts have bounded heads.
struct Form {
    parts: Multipart<'static>,
    head_left: Arc<AtomicUsize>,
}

/// What the parser is given: a chunk at a time, so that it has looked at each before the next, and no more of a head
/// than a head may have.
struct Feed<S> {
    chunks: S,
    /// Bytes that may come before the next part's content; `usize::MAX` within one.
    head_left: Arc<AtomicUsize>,
    was_fed: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("the headers of a part are longer than {HEAD_BYTES} bytes")]
struct EndlessHead;

impl Form {
    fn new<S, E>(chunks: S, boundary: String) -> Self
    where
        S: Stream<Item = Result<Bytes, E>> + Send + Unpin + 'static,
        E: Into<BoxError> + 'static,
    {
        let head_left = Arc::new(AtomicUsize::new(HEAD_BYTES));
        let feed = Feed {
            chunks,
            head_left: head_left.clone(),
            was_fed: false,
        };
        Self {
            parts: Multipart::new(feed, boundary),
            head_left,
        }
    }

    /// The next part; the one before has to be read to its end.
    async fn next_field(&mut self) -> Result<Option<Field<'static>>, Fault> {
        // One task feeds and reads: nothing else needs to be in order.
        self.head_left.store(HEAD_BYTES, Ordering::Relaxed);
        let field = self.parts.next_field().await.map_err(broken);
        self.head_left.store(usize::MAX, Ordering::Relaxed);
        field
    }
}

impl<S, E> Stream for Feed<S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: Into<BoxError>,
{
    type Item = Result<Bytes, BoxError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.was_fed) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let left = self.head_left.load(Ordering::Relaxed);
        if left == 0 {
            return Poll::Ready(Some(Err(EndlessHead.into())));
        }
        let chunk = std::task::ready!(self.chunks.poll_next_unpin(context));
        if let Some(Ok(chunk)) = &chunk {
            self.was_fed = true;
            self.head_left
                .store(left.saturating_sub(chunk.len()), Ordering::Relaxed);
        }
        Poll::Ready(chunk.map(|chunk| chunk.map_err(Into::into)))
    }
}

async fn text(form: &mut Form, name: &str, max_bytes: usize) -> Result<Vec<u8>, Fault> {
    let mut field = form
        .next_field()
        .await?
        .filter(|field| field.name() == Some(name))
        .ok_or_else(|| {
            bad(format!(
                "the form needs `operations`, then `map`, then the files; {name} is missing"
            ))
        })?;
    let mut text = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(broken)? {
        if text.len() + chunk.len() > max_bytes {
            return Err(Fault::too_large(format!(
                "{name} is larger than {max_bytes} bytes"
            )));
        }
        text.extend_from_slice(&chunk);
    }
    Ok(text)
}

/// Reads the map and puts a mark that no upload has at every place, which must hold null before.
fn map_places(
    map: &[u8],
    requests: &mut [Params],
    is_batch: bool,
    max: usize,
) -> Result<HashMap<String, Vec<Place>>, Fault> {
    let map: HashMap<String, Vec<String>> = serde_json::from_slice(map)
        .map_err(|error| bad(format!("the map is not an object of lists of paths: {error}")))?;
    let count = map.values().map(Vec::len).sum::<usize>().max(map.len());
    if count > max {
        return Err(Fault::too_large(format!(
            "the map has {count} places, and at most {max} are taken"
        )));
    }
    // A mark that the client wrote would stand for a file once more, beside the places that were counted.
    if requests.iter().any(is_forged) {
        return Err(bad(format!(
            "a text of the variables begins with {UPLOAD_MARK:?}, which stands for files: use null, and the map"
        )));
    }
    let mut places = HashMap::with_capacity(map.len());
    for (file, paths) in map {
        let mut of_file = Vec::with_capacity(paths.len());
        for path in paths {
            let wrong = || {
                bad(format!(
                    "the map's path {:?} leads to no null in the variables",
                    shorten(&path)
                ))
            };
            let mut steps = path.split('.');
            let request = if is_batch {
                steps
                    .next()
                    .and_then(|step| step.parse().ok())
                    .ok_or_else(wrong)?
            } else {
                0
            };
            if steps.next() != Some("variables") {
                return Err(wrong());
            }
            let place = Place {
                request,
                path: steps.map(str::to_owned).collect(),
            };
            let slot = requests
                .get_mut(request)
                .and_then(|params| find(params, &place.path))
                .ok_or_else(wrong)?;
            if *slot != Value::Null {
                return Err(wrong());
            }
            of_file.push(place);
        }
        places.insert(file, of_file);
    }
    Ok(places)
}

fn is_forged(params: &Params) -> bool {
    fn has_mark(value: &Value) -> bool {
        match value {
            Value::String(text) => text.starts_with(UPLOAD_MARK),
            Value::List(items) => items.iter().any(has_mark),
            Value::Object(fields) => fields.values().any(has_mark),
            _ => false,
        }
    }
    let variables = params.variables.iter().flat_map(|variables| variables.0.values());
    variables.into_iter().any(has_mark)
}

fn find<'p>(params: &'p mut Params, path: &[String]) -> Option<&'p mut Value> {
    let (first, rest) = path.split_first()?;
    let variable = params.variables.as_mut()?.0.get_mut(first.as_str())?;
    rest.iter().try_fold(variable, |value, step| match value {
        Value::List(items) => items.get_mut(step.parse::<usize>().ok()?),
        Value::Object(fields) => fields.get_mut(step.as_str()),
        _ => None,
    })
}

fn put(requests: &mut [Params], places: &[Place], file: UploadValue) -> Result<(), Fault> {
    for place in places {
        let Some(params) = requests.get_mut(place.request) else {
            continue;
        };
        let mark = format!("{UPLOAD_MARK}{}", params.uploads.len());
        let copy = file.try_clone().map_err(storage)?;
        if let Some(slot) = find(params, &place.path) {
            *slot = Value::String(mark);
            params.uploads.push(copy);
        }
    }
    Ok(())
}

async fn receive(mut field: Field<'_>, limits: &UploadLimits, total: &mut u64) -> Result<UploadValue, Fault> {
    let filename = field.file_name().unwrap_or_default().to_owned();
    let content_type = field.content_type().map(ToString::to_string);
    let file = tokio::task::spawn_blocking(tempfile::tempfile)
        .await
        .map_err(|error| storage(std::io::Error::other(error)))?
        .map_err(storage)?;
    let mut file = tokio::fs::File::from_std(file);
    let mut size = 0;
    while let Some(chunk) = field.chunk().await.map_err(broken)? {
        size += chunk.len() as u64;
        *total += chunk.len() as u64;
        if size > limits.file_bytes {
            return Err(Fault::too_large(format!(
                "a file is larger than {} bytes",
                limits.file_bytes
            )));
        }
        if *total > limits.total_bytes {
            return Err(Fault::too_large(format!(
                "the files are larger than {} bytes",
                limits.total_bytes
            )));
        }
        file.write_all(&chunk).await.map_err(storage)?;
    }
    file.flush().await.map_err(storage)?;
    let mut content = file.into_std().await;
    content.rewind().map_err(storage)?;
    Ok(UploadValue {
        filename,
        content_type,
        content,
    })
}

fn bad(message: impl Into<String>) -> Fault {
    Fault::transport(StatusCode::BAD_REQUEST, code::BAD_USER_INPUT, message)
}

fn broken(error: multer::Error) -> Fault {
    if let multer::Error::StreamReadFailed(cause) = &error
        && cause.is::<EndlessHead>()
    {
        return Fault::too_large(cause.to_string());
    }
    tracing::debug!(%error, "a multipart body broke off");
    bad("the multipart body is broken")
}

fn storage(error: std::io::Error) -> Fault {
    tracing::error!(%error, "an upload could not be stored");
    Fault::transport(
        StatusCode::INTERNAL_SERVER_ERROR,
        code::INTERNAL,
        "the upload could not be stored",
    )
}

fn shorten(text: &str) -> String {
    text.chars().take(80).collect()
}
