//! From parameters to answers, the same for every protocol: find the text, pass the gate, execute, and see that
//! neither a panic nor a long wait takes anything else down.

use std::{
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use async_graphql::{Data, Executor, Request, Response, ServerError, Value};
use futures::{
    FutureExt, Stream, StreamExt,
    stream::{self, BoxStream},
};
use http::StatusCode;
use sha2::{Digest, Sha256};

use crate::{
    Mounted,
    fault::{Fault, code, error},
    gate::{Extras, Introspected, Kind, Operation, Prepared, Shape},
    hooks::{Caller, Guest, OperationInfo, Refusal},
    params::Params,
};

/// The id under which a request stands in the log and in `x-request-id`. Resolvers find it in their context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(pub Arc<str>);

impl RequestId {
    /// 64 random bits.
    pub(crate) fn random() -> Self {
        use std::hash::{BuildHasher, Hasher};
        // Each RandomState has keys of its own, so its empty hash is a random number.
        let bits = std::collections::hash_map::RandomState::new()
            .build_hasher()
            .finish();
        Self(format!("{bits:016x}").into())
    }
}

/// An operation that passed the gate.
pub(crate) struct Job {
    pub(crate) kind: Kind,
    request: Request,
    info: OperationInfo,
    answer: Answer,
    id: RequestId,
}

/// What becomes of the library's answers.
struct Answer {
    shape: Shape,
    /// What was asked of the schema itself, answered before.
    introspected: Introspected,
    /// Nothing else was asked.
    is_whole: bool,
}

/// What a request brings beside its parameters.
pub(crate) struct Origin<'o> {
    pub(crate) id: &'o RequestId,
    pub(crate) caller: &'o Data,
    pub(crate) guest: Option<&'o Guest>,
    /// `Last-Event-ID`.
    pub(crate) resume: Option<&'o str>,
}

/// One answer of an operation.
pub(crate) enum Event {
    /// Has `data`.
    Next(Response),
    /// Nothing was executed, or the source stream could not start.
    Refused(Fault),
}

/// Passes the gate. `allows` judges the operation before its variables are looked at.
pub(crate) fn admit<E: Executor>(
    mounted: &Mounted<E>,
    mut params: Params,
    origin: &Origin<'_>,
    allows: impl FnOnce(&Operation<'_>) -> Result<(), Fault>,
) -> Result<Job, Fault> {
    mounted
        .admit
        .arrive(Caller(origin.caller))
        .map_err(Refusal::into_fault)?;
    let (source, prepared) = match origin.guest {
        None => {
            let source = text(mounted, &mut params)?;
            let prepared = mounted.gate.prepare(&source)?;
            (source, prepared)
        }
        Some(guest) => judge_guest(mounted, &mut params, guest)?,
    };
    let operation = prepared.operation(params.operation_name.as_deref())?;
    allows(&operation)?;
    let kind = operation.kind();
    let extras = Extras {
        uploads: params.uploads.len(),
        resume: origin
            .resume
            .filter(|_| kind == Kind::Subscription)
            .map(|cursor| (mounted.resume.argument(), cursor)),
    };
    let mut bound = mounted
        .gate
        .bind(&operation, params.variables.unwrap_or_default().0, &extras)?;
    let info = OperationInfo {
        kind,
        name: operation.name().map(str::to_owned),
        fields: bound.fields,
    };
    mounted
        .admit
        .admit(Caller(origin.caller), &info)
        .map_err(Refusal::into_fault)?;
    let introspected = mounted.gate.introspect(&mut bound);
    let answer = Answer {
        is_whole: !introspected.is_empty() && bound.is_empty(),
        introspected,
        shape: bound.shape,
    };

    let mut request = Request::new(source.as_ref()).variables(bound.variables);
    request.set_parsed_query(bound.document);
    request.uploads = params.uploads;
    if let Some(mut extensions) = params.extensions {
        let extensions = std::mem::take(&mut *extensions.0);
        request.extensions.0 = extensions
            .into_iter()
            .map(|(name, value)| (name.to_string(), value))
            .collect();
    }
    Ok(Job {
        kind,
        request,
        info,
        answer,
        id: origin.id.clone(),
    })
}

/// A guest's document, if it asks for nothing but what guests may have.
fn judge_guest<E: Executor>(
    mounted: &Mounted<E>,
    params: &mut Params,
    guest: &Guest,
) -> Result<(Arc<str>, Arc<Prepared>), Fault> {
    let refuse = || guest.refusal.clone().into_fault();
    let source: Arc<str> = params.query.take().ok_or_else(refuse)?.into();
    let prepared = mounted.gate.judge(&source).map_err(|_| refuse())?;
    let operation = prepared
        .operation(params.operation_name.as_deref())
        .map_err(|_| refuse())?;
    if operation.is_only(guest.root_fields) {
        Ok((source, Arc::new(prepared)))
    } else {
        Err(refuse())
    }
}

/// The document's text, sent or persisted.
fn text<E: Executor>(mounted: &Mounted<E>, params: &mut Params) -> Result<Arc<str>, Fault> {
    let hash = match params.persisted() {
        None => {
            return match params.query.take() {
                Some(query) => Ok(query.into()),
                None => Err(Fault {
                    is_transport: true,
                    ..Fault::bad("the request has no `query`", None)
                }),
            };
        }
        Some(hash) => decode(hash)
            .ok_or_else(|| Fault::bad("sha256Hash of a persisted query is 64 hexadecimal digits", None))?,
    };
    match params.query.take() {
        None => mounted.persisted.get(&hash).ok_or_else(|| {
            Fault::document(vec![error(
                code::PERSISTED_QUERY_NOT_FOUND,
                "PersistedQueryNotFound",
                None,
            )])
        }),
        Some(query) => {
            if <[u8; 32]>::from(Sha256::digest(query.as_bytes())) != hash {
                return Err(Fault::bad("sha256Hash is not the hash of `query`", None));
            }
            // Only what is valid is worth a place.
            mounted.gate.prepare(&query)?;
            let query: Arc<str> = query.into();
            mounted.persisted.put(hash, query.len(), query.clone());
            Ok(query)
        }
    }
}

fn decode(hex: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    for (byte, digits) in hash.iter_mut().zip(hex.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(hash)
}

impl Job {
    /// Runs a query or mutation. The caller's data goes to the resolvers.
    pub(crate) async fn answer<E: Executor>(mut self, executor: &E, caller: Data, time: Duration) -> Event {
        if self.answer.is_whole {
            return self.answer.sort_out(Response::default());
        }
        self.request.data = caller;
        self.request = self.request.data(self.info).data(self.id.clone());
        let run = AssertUnwindSafe(executor.execute(self.request)).catch_unwind();
        match tokio::time::timeout(time, run).await {
            Ok(Ok(response)) => self.answer.sort_out(response),
            Ok(Err(panic)) => Event::Refused(panicked(&self.id, &*panic)),
            Err(_) => Event::Refused(too_long(time)),
        }
    }

    /// Runs any operation as a stream; the caller's data is the session's.
    pub(crate) fn events<E: Executor>(
        self,
        executor: &E,
        session: Arc<Data>,
        time: Duration,
    ) -> BoxStream<'static, Event> {
        let Job {
            kind,
            request,
            info,
            mut answer,
            id,
        } = self;
        if answer.is_whole {
            let event = answer.sort_out(Response::default());
            return stream::once(std::future::ready(event)).boxed();
        }
        let request = request.data(info).data(id.clone());
        let source = executor.execute_stream(request, Some(session));
        let events = Events {
            source,
            answer,
            id,
            is_first: kind == Kind::Subscription,
            held: None,
            is_done: false,
        };
        if kind == Kind::Subscription {
            return events.boxed();
        }
        stream::once(async move {
            let mut events = events;
            match tokio::time::timeout(time, events.next()).await {
                Ok(Some(event)) => event,
                Ok(None) => Event::Refused(Fault::internal(&events.id.0)),
                Err(_) => Event::Refused(too_long(time)),
            }
        })
        .boxed()
    }
}

/// Answers of the library, in order, panics caught, a failed start told apart from a failed event.
struct Events {
    source: BoxStream<'static, Response>,
    answer: Answer,
    id: RequestId,
    is_first: bool,
    held: Option<Response>,
    is_done: bool,
}

impl Events {
    fn poll_source(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Response, Fault>>> {
        let Self {
            source, id, is_done, ..
        } = self;
        match std::panic::catch_unwind(AssertUnwindSafe(|| source.poll_next_unpin(context))) {
            Ok(poll) => poll.map(|next| next.map(Ok)),
            Err(panic) => {
                *is_done = true;
                Poll::Ready(Some(Err(panicked(id, &*panic))))
            }
        }
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        let this = &mut *self;
        if let Some(held) = this.held.take() {
            return Poll::Ready(Some(this.answer.sort_out(held)));
        }
        if this.is_done {
            return Poll::Ready(None);
        }
        let response = match std::task::ready!(this.poll_source(context)) {
            None => {
                this.is_done = true;
                return Poll::Ready(None);
            }
            Some(Err(fault)) => return Poll::Ready(Some(Event::Refused(fault))),
            Some(Ok(response)) => response,
        };
        // Errors, no data, and then nothing: the source stream did not start (spec, section 6.2.3.1). The library
        // gives it the shape of an event.
        if std::mem::take(&mut this.is_first) && response.data == Value::Null && response.is_err() {
            match this.poll_source(context) {
                Poll::Ready(None) => {
                    this.is_done = true;
                    return Poll::Ready(Some(Event::Refused(refused(response))));
                }
                Poll::Ready(Some(Ok(next))) => this.held = Some(next),
                Poll::Ready(Some(Err(_))) | Poll::Pending => {}
            }
        }
        Poll::Ready(Some(this.answer.sort_out(response)))
    }
}

impl Answer {
    /// An error of a resolver has a path; without one the library refused the request.
    fn sort_out(&mut self, mut response: Response) -> Event {
        if response.data == Value::Null
            && !response.errors.is_empty()
            && response.errors.iter().all(|error| error.path.is_empty())
        {
            for error in &mut response.errors {
                let extensions = error.extensions.get_or_insert_default();
                if extensions.get("code").is_none() {
                    extensions.set("code", code::BAD_USER_INPUT);
                }
            }
            return Event::Refused(refused(response));
        }
        // Only a query has these, and a query has one answer.
        let introspected = std::mem::take(&mut self.introspected);
        if !introspected.is_empty() {
            match &mut response.data {
                Value::Object(data) => data.extend(introspected),
                data => *data = Value::Object(introspected),
            }
        }
        self.shape.arrange(&mut response.data, &response.errors);
        Event::Next(response)
    }
}

/// What the library refused. An extension of the schema that knows more than the gate, such as what an operation
/// costs, may refuse with RATE_LIMITED and `retryAfterSeconds`, and HTTP says it with 429 as it does for a
/// [`Refusal`].
fn refused(response: Response) -> Fault {
    let of_error = |error: &ServerError| {
        let extensions = error.extensions.as_ref()?;
        (extensions.get("code") == Some(&Value::from(code::RATE_LIMITED))).then(|| {
            match extensions.get("retryAfterSeconds") {
                Some(Value::Number(seconds)) => seconds.as_u64().map(Duration::from_secs),
                _ => None,
            }
        })
    };
    let limited = response.errors.iter().find_map(of_error);
    let mut fault = Fault::document(response.errors);
    if let Some(retry_after) = limited {
        fault.status = StatusCode::TOO_MANY_REQUESTS;
        fault.is_transport = true;
        fault.retry_after = retry_after;
    }
    fault.extensions = response.extensions;
    fault
}

pub(crate) fn panicked(id: &RequestId, panic: &(dyn std::any::Any + Send)) -> Fault {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("of another type");
    tracing::error!(request.id = %id.0, panic = message, "a resolver panicked");
    Fault::internal(&id.0)
}

fn too_long(time: Duration) -> Fault {
    Fault::transport(
        StatusCode::SERVICE_UNAVAILABLE,
        code::LIMIT_EXCEEDED,
        format!("the request took longer than {} s", time.as_secs_f64()),
    )
}

/// A response as JSON (spec, section 7.1): errors first, `data` unless nothing was executed.
#[derive(serde::Serialize)]
pub(crate) struct Written<'r> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'r [ServerError],
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'r Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extensions: Option<&'r std::collections::BTreeMap<String, Value>>,
}

impl<'r> Written<'r> {
    pub(crate) fn errors(&self) -> &'r [ServerError] {
        self.errors
    }
}

impl<'r> From<&'r Event> for Written<'r> {
    fn from(event: &'r Event) -> Self {
        match event {
            Event::Next(response) => Self {
                errors: &response.errors,
                data: Some(&response.data),
                extensions: Some(&response.extensions).filter(|extensions| !extensions.is_empty()),
            },
            Event::Refused(fault) => Self {
                errors: &fault.errors,
                data: None,
                extensions: Some(&fault.extensions).filter(|extensions| !extensions.is_empty()),
            },
        }
    }
}

impl Event {
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(&Written::from(self)).unwrap_or_else(|error| {
            tracing::error!(%error, "an answer could not be written as JSON");
            r#"{"errors":[{"message":"an internal fault, which was logged","extensions":{"code":"INTERNAL"}}]}"#.into()
        })
    }
}
