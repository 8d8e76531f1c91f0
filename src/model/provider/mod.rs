//! A model behind a provider's API. One request, one answer, streamed; what protocols say alike is
//! here, what they say differently in a file of each.
//!
//! It takes nothing for an answer that the provider has not called whole: a stream must end with the
//! marker of its protocol and a reason that says so, every chunk must be readable, and what it holds
//! is limited in bytes and time. It never asks twice and never waits to ask: that is the runner's,
//! which knows whether the run is still wanted. Dropping the future closes the connection.
//!
//! To add a protocol: a file with a type that implements [`Protocol`] and one that implements
//! [`Read`], its kind in `declared`, and its shapes in `tests/`.

mod anthropic;
mod draft;
mod fault;
mod gemini;
mod key;
mod ollama;
mod openai;
mod tail;
mod turns;

#[cfg(test)]
pub(crate) mod tests;

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, Stream, StreamExt, TryFutureExt};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Client, Proxy, Response, Url, redirect};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use sse_stream::SseByteStream;
use tokio::time::{Instant, timeout_at};
use tokio_util::codec::{FramedRead, LinesCodec};
use tokio_util::io::StreamReader;

use crate::base::clock::Clock;
use crate::base::tls;

use super::circuit::Circuit;
use super::declared::{Declaration, Kind, Time};
use super::{Error, Live, Model, Profile, Reply, Request};

use draft::{Draft, interrupted};
use key::Key;
use tail::Tail;

/// Of one whole answer, as sent. The longest that models write are a tenth of that.
const MAX_ANSWER_BYTES: usize = 32 * 1024 * 1024;

/// Of a body that comes with a refusal.
const MAX_FAULT_BYTES: usize = 64 * 1024;

/// Of one answer, as a provider counts them: a thousand times what the longest contexts hold. More is
/// a mistake of the provider's, which sums over many answers must survive.
const MAX_TOKENS: u64 = 1_000_000_000;

/// Some put it before what they send; JSON knows none.
const BYTE_ORDER_MARK: char = '\u{FEFF}';

/// How a provider is spoken to.
trait Protocol: Send + Sync {
    fn outgoing(&self, to: &Declaration, request: &Request, asked: &Asked<'_>) -> Outgoing;

    /// A stream of lines rather than of server-sent events.
    fn is_lines(&self) -> bool {
        false
    }

    fn reader(&self) -> Box<dyn Read>;
}

/// How one answer is read.
trait Read: Send {
    /// One event of a stream; true when it is the end marker.
    fn event(&mut self, name: Option<&str>, data: &str, draft: &mut Draft<'_>) -> Result<bool, Error>;

    /// Whether a stream that has properly closed, and not within an event, was whole: for protocols
    /// whose end marker that is.
    fn ends_with_its_stream(&self, _draft: &Draft<'_>) -> bool {
        false
    }

    /// An answer that came in one piece.
    fn whole(&mut self, body: &Value, draft: &mut Draft<'_>) -> Result<(), Error>;
}

/// What is asked of the model beside the conversation.
struct Asked<'a> {
    temperature: Option<f64>,
    max_output_tokens: Option<u32>,
    schema: Option<&'a Value>,
}

struct Outgoing {
    /// After the base URL.
    path: String,
    headers: Vec<(&'static str, &'static str)>,
    /// Which header carries the key.
    key_header: &'static str,
    body: Map<String, Value>,
}

/// A declared model.
pub struct Provider {
    declaration: Declaration,
    protocol: Box<dyn Protocol>,
    client: Client,
    clock: Clock,
    circuit: Circuit,
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Provider")
            .field("name", &self.declaration.name)
            .finish_non_exhaustive()
    }
}

impl Provider {
    /// The model of a declaration; those of one endpoint share a circuit.
    ///
    /// # Errors
    /// When this machine cannot open connections, for example for want of certificates.
    pub fn new(declaration: Declaration, clock: Clock, circuit: Circuit) -> Result<Self, reqwest::Error> {
        tls::use_ring();
        // Whom a variable of the environment names would see where requests go, and all of those that
        // go without TLS.
        let mut client = Client::builder().no_proxy();
        let uses_tls = |url: &Url| url.scheme() == "https";
        if !uses_tls(&declaration.base_url) && !declaration.proxy.as_ref().is_some_and(uses_tls) {
            // The machine may have no certificates, and none are asked for.
            client = client.tls_certs_only([]);
        }
        if let Some(url) = &declaration.proxy {
            client = client.proxy(proxy(url, declaration.proxy_login.as_ref())?);
        }
        let client = client
            // A redirect would carry the key to another place.
            .redirect(redirect::Policy::none())
            .connect_timeout(declaration.time.connect)
            .user_agent(concat!("agentic-executions/", env!("CARGO_PKG_VERSION")))
            .build()?;
        let protocol: Box<dyn Protocol> = match declaration.kind {
            Kind::OpenAi | Kind::OpenAiCompatible => Box::new(openai::OpenAi),
            Kind::Anthropic => Box::new(anthropic::Anthropic),
            Kind::Gemini => Box::new(gemini::Gemini),
            Kind::Ollama => Box::new(ollama::Ollama),
        };
        Ok(Self {
            declaration,
            protocol,
            client,
            clock,
            circuit,
        })
    }

    async fn ask(&self, request: &Request, live: &Live<'_>) -> Result<Reply, Error> {
        let to = &self.declaration;
        let settings = &request.settings;
        let asked = Asked {
            temperature: settings.temperature.or(to.temperature),
            max_output_tokens: settings.max_output_tokens.or(to.max_output_tokens),
            schema: request
                .output_schema
                .as_ref()
                .filter(|_| to.profile.has_structured_output),
        };
        let deadlines = Deadlines::new(&to.time, settings.timeout);
        let outgoing = self.protocol.outgoing(to, request, &asked);
        let sent = self.request(outgoing)?.send();
        let response = match timeout_at(deadlines.first(), sent).await {
            Ok(sent) => sent.map_err(|error| fault::of_transport(&error))?,
            Err(_) => return Err(deadlines.silent()),
        };
        let status = response.status();
        if !status.is_success() {
            let headers = response.headers().clone();
            let body = limited(response, MAX_FAULT_BYTES)
                .collect_lossy(deadlines.first())
                .await;
            let body = self.key().out_of(body);
            return Err(fault::of_status(status, &headers, &body, self.clock.now()));
        }
        self.read(response, &deadlines, live).await
    }

    async fn read(&self, response: Response, deadlines: &Deadlines, live: &Live<'_>) -> Result<Reply, Error> {
        let mut draft = Draft::new(self.declaration.kind.as_str(), self.key(), live);
        match self.read_into(&mut draft, response, deadlines).await {
            Ok(()) => draft.finish(),
            Err(error) => Err(error.having_used(draft.usage)),
        }
    }

    /// Reads to where the answer ends, whether or not it is whole.
    async fn read_into(
        &self,
        draft: &mut Draft<'_>,
        response: Response,
        deadlines: &Deadlines,
    ) -> Result<(), Error> {
        let to = &self.declaration;
        let mut reader = self.protocol.reader();
        // Some endpoints do not stream, and some say so only by their answer.
        if !to.is_streaming || is_json(&response) && !self.protocol.is_lines() {
            let body = limited(response, MAX_ANSWER_BYTES)
                .collect_text(deadlines.whole)
                .await?;
            let body = self.key().out_of(body);
            let body: Value = serde_json::from_str(body.trim_start_matches(BYTE_ORDER_MARK))
                .map_err(|_| interrupted("an answer that is no JSON"))?;
            if body.get("error").is_some_and(|error| !error.is_null()) {
                return Err(fault::Words::of_value(&body).in_stream());
            }
            return reader.whole(&body, draft);
        }
        let heard = Heard::default();
        let mut events = self.events(response, &heard);
        loop {
            let until = if draft.is_empty() {
                deadlines.first()
            } else {
                deadlines.idle(heard.last())
            };
            let event = match timeout_at(until, events.next()).await {
                Ok(Some(event)) => event?,
                Ok(None) if reader.ends_with_its_stream(draft) && !heard.is_within_event() => return Ok(()),
                Ok(None) => return Err(interrupted("the stream ended without its end marker")),
                Err(_) if draft.is_empty() => return Err(deadlines.silent()),
                // A comment came meanwhile, which is no event, and a sign of life.
                Err(_) if deadlines.idle(heard.last()) > Instant::now() => continue,
                Err(_) => return Err(deadlines.stalled()),
            };
            let data = self.key().out_of(event.data);
            if reader.event(event.name.as_deref(), &data, draft)? {
                return Ok(());
            }
        }
    }

    /// Reads an answer as if it had come over a connection in these pieces; for those who damage it.
    ///
    /// # Errors
    /// As `complete`.
    #[cfg(any(test, fuzzing))]
    pub async fn read_as_sent(&self, pieces: Vec<Vec<u8>>) -> Result<Reply, Error> {
        let body = futures::stream::iter(pieces.into_iter().map(Ok::<_, std::io::Error>));
        let body = reqwest::Body::wrap_stream(body);
        let deadlines = Deadlines::new(&self.declaration.time, None);
        let response = http::Response::new(body).into();
        self.read(response, &deadlines, &|_| {}).await
    }

    fn key(&self) -> Key<'_> {
        Key::new(self.declaration.key.as_ref().map(|key| key.expose_secret()))
    }

    fn request(&self, mut outgoing: Outgoing) -> Result<reqwest::RequestBuilder, Error> {
        let to = &self.declaration;
        outgoing.body.extend(to.extra.clone());
        let base = to.base_url.as_str().trim_end_matches('/');
        let url = Url::parse(&format!("{base}/{}", outgoing.path));
        let misconfigured = |what: &str| Error::Misconfigured {
            reason: format!("{what} of {} cannot be sent", to.name),
        };
        let mut request = self
            .client
            .post(url.map_err(|_| misconfigured("the address"))?)
            .header(CONTENT_TYPE, "application/json")
            .header(
                ACCEPT,
                "text/event-stream, application/x-ndjson, application/json",
            )
            .body(Value::Object(outgoing.body).to_string());
        for (name, value) in outgoing.headers {
            request = request.header(name, value);
        }
        if let Some(key) = &to.key {
            let key = key.expose_secret();
            let value = match outgoing.key_header {
                "authorization" => HeaderValue::from_str(&format!("Bearer {key}")),
                _ => HeaderValue::from_str(key),
            };
            let mut value = value.map_err(|_| misconfigured("the key"))?;
            value.set_sensitive(true);
            request = request.header(HeaderName::from_static(outgoing.key_header), value);
        }
        Ok(request)
    }

    /// The answer as events, whatever carries them.
    fn events(
        &self,
        response: Response,
        heard: &Heard,
    ) -> Pin<Box<dyn Stream<Item = Result<Event, Error>> + Send>> {
        let heard = heard.clone();
        let bytes = limited(response, MAX_ANSWER_BYTES)
            .0
            .inspect(move |bytes| heard.go_on(bytes.as_deref().unwrap_or_default()));
        if self.protocol.is_lines() {
            let reader = StreamReader::new(bytes.map(|bytes| bytes.map_err(std::io::Error::other)));
            let lines = FramedRead::new(reader, LinesCodec::new_with_max_length(MAX_ANSWER_BYTES));
            let event = async |line: Result<String, _>| match line {
                Ok(line) if line.trim().is_empty() => None,
                Ok(data) => Some(Ok(Event { name: None, data })),
                Err(error) => Some(Err(unreadable(&error))),
            };
            return lines.filter_map(event).boxed();
        }
        let event = async |event: Result<sse_stream::Sse, _>| match event {
            Ok(event) => {
                let data = event.data.filter(|data| !data.is_empty())?;
                Some(Ok(Event {
                    name: event.event,
                    data,
                }))
            }
            Err(error) => Some(Err(unreadable(&error))),
        };
        SseByteStream::new(bytes).filter_map(event).boxed()
    }
}

impl Model for Provider {
    fn name(&self) -> &str {
        &self.declaration.name
    }

    fn profile(&self) -> Profile {
        self.declaration.profile
    }

    fn circuit(&self) -> Option<&Circuit> {
        Some(&self.circuit)
    }

    fn complete<'a>(
        &'a self,
        request: &'a Request,
        live: &'a Live<'a>,
    ) -> BoxFuture<'a, Result<Reply, Error>> {
        let answer = self.ask(request, live);
        // Whatever an error quotes, a provider may have put together from pieces.
        answer
            .map_err(move |error| error.with_reason(|reason| self.key().out_of(reason)))
            .boxed()
    }
}

fn proxy(url: &Url, login: Option<&SecretString>) -> Result<Proxy, reqwest::Error> {
    let proxy = Proxy::all(url.as_str())?;
    let login = login.and_then(|login| login.expose_secret().split_once(':'));
    Ok(match login {
        Some((name, password)) => proxy.basic_auth(name, password),
        None => proxy,
    })
}

struct Event {
    name: Option<String>,
    data: String,
}

/// Until when what is waited for. Real time: a provider does not live by a clock of ours.
struct Deadlines {
    time: Time,
    first: Instant,
    whole: Instant,
    answer: Duration,
}

impl Deadlines {
    fn new(time: &Time, answer: Option<Duration>) -> Self {
        let now = Instant::now();
        let answer = answer.unwrap_or(time.answer);
        Self {
            time: *time,
            first: now + time.first_token,
            whole: now + answer,
            answer,
        }
    }

    fn first(&self) -> Instant {
        self.first.min(self.whole)
    }

    fn idle(&self, last_heard: Instant) -> Instant {
        (last_heard + self.time.idle).min(self.whole)
    }

    /// Nothing came in time.
    fn silent(&self) -> Error {
        if self.whole <= self.first {
            return self.stalled();
        }
        Error::Down {
            reason: format!("no answer began within {:?}", self.time.first_token),
            retry_after: None,
        }
    }

    /// It began, and did not go on in time or did not end.
    fn stalled(&self) -> Error {
        let reason = if Instant::now() >= self.whole {
            format!("the answer was not whole within {:?}", self.answer)
        } else {
            format!("nothing more came within {:?}", self.time.idle)
        };
        interrupted(reason)
    }
}

/// When something last came, whatever it was, and whether more of it has to come.
#[derive(Clone)]
struct Heard(Arc<Mutex<(Instant, Tail)>>);

impl Default for Heard {
    fn default() -> Self {
        Self(Arc::new(Mutex::new((Instant::now(), Tail::default()))))
    }
}

impl Heard {
    fn go_on(&self, bytes: &[u8]) {
        let mut heard = self.0.lock().expect("no holder panics");
        heard.0 = Instant::now();
        heard.1.go_on(bytes);
    }

    fn last(&self) -> Instant {
        self.0.lock().expect("no holder panics").0
    }

    /// Of a stream of events; lines are read to their end whatever it is.
    fn is_within_event(&self) -> bool {
        self.0.lock().expect("no holder panics").1.is_within_event()
    }
}

/// So many tokens as a provider reports; none where it reports none.
fn tokens(reported: &Value) -> Option<u64> {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a cast of floats saturates
    let whole = |number: f64| (number >= 0.0).then_some(number as u64);
    // Some count in floats.
    let count = reported.as_u64().or_else(|| reported.as_f64().and_then(whole))?;
    Some(count.min(MAX_TOKENS))
}

fn is_json(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE);
    kind.and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.trim_start().starts_with("application/json"))
}

fn unreadable(error: &(dyn std::error::Error + 'static)) -> Error {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    interrupted(format!(
        "the stream cannot be read: {}",
        fault::quoted(&cause.to_string())
    ))
}

fn json(data: &str) -> Result<Value, Error> {
    match serde_json::from_str(data.trim_start_matches(BYTE_ORDER_MARK)) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err(interrupted("a chunk that is no object")),
        Err(_) => Err(interrupted("a chunk that is no JSON")),
    }
}

/// A body that ends in an error where it grows too long.
struct Limited(Pin<Box<dyn Stream<Item = Result<Bytes, BodyError>> + Send>>);

#[derive(Debug, thiserror::Error)]
enum BodyError {
    #[error("it is longer than {0} bytes")]
    TooLong(usize),
    #[error(transparent)]
    Transport(#[from] reqwest::Error),
}

fn limited(response: Response, most: usize) -> Limited {
    let mut seen = 0;
    let bytes = response.bytes_stream().map(move |bytes| {
        let bytes = bytes?;
        seen += bytes.len();
        if seen > most {
            Err(BodyError::TooLong(most))
        } else {
            Ok(bytes)
        }
    });
    Limited(bytes.boxed())
}

impl Limited {
    async fn collect(&mut self, into: &mut Vec<u8>) -> Result<(), BodyError> {
        while let Some(bytes) = self.0.next().await {
            into.extend_from_slice(&bytes?);
        }
        Ok(())
    }

    /// As much as there is: an error's words help whether or not they are all.
    async fn collect_lossy(mut self, until: Instant) -> String {
        let mut body = Vec::new();
        let _ = timeout_at(until, self.collect(&mut body)).await;
        String::from_utf8_lossy(&body).into_owned()
    }

    async fn collect_text(mut self, until: Instant) -> Result<String, Error> {
        let mut body = Vec::new();
        match timeout_at(until, self.collect(&mut body)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(unreadable(&error)),
            Err(_) => return Err(interrupted("the answer was not whole in time")),
        }
        String::from_utf8(body).map_err(|_| interrupted("an answer that is no JSON"))
    }
}
