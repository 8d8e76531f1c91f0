//! graphql-transport-ws: one task for each socket, which reads, runs the operations and writes, taking turns. A peer
//! that does not read holds up its own operations and nothing else; what it is owed is bounded by one message.

mod handshake;
mod message;

use std::{
    collections::HashMap,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use async_graphql::{Data, Executor};
use axum::response::Response;
use futures::{
    FutureExt, SinkExt, Stream, StreamExt,
    future::BoxFuture,
    stream::{AbortHandle, Abortable, BoxStream, SelectAll},
};
use http::{StatusCode, request::Parts};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Error as Broken, Message as Frame, protocol},
};

pub(crate) use self::handshake::{VERSION, is_upgrade};
use self::{
    handshake::Handshake,
    message::{Message, of_operation, plain, reason},
};
use crate::{
    Mounted,
    connections::{Close, Ticket},
    fault::{Fault, code, error},
    hooks::{Identity, Refusal},
    params::Params,
    run::{self, Event, Origin, RequestId},
};

const PROTOCOL: &str = "graphql-transport-ws";

/// Buffers of the WebSocket library, in bytes. Its own default of 128 KiB is what an idle socket would cost.
const BUFFER_BYTES: usize = 4096;

/// Answers the handshake, and starts the socket's task.
pub(crate) fn upgrade<E: Executor>(mounted: Arc<Mounted<E>>, mut parts: Parts) -> Result<Response, Fault> {
    if !mounted.origins.allow(&parts.headers) {
        return Err(Fault::transport(
            StatusCode::FORBIDDEN,
            code::FORBIDDEN,
            "pages of this origin may not connect",
        ));
    }
    let handshake = Handshake::read(&mut parts, PROTOCOL)?;
    let ticket = mounted.connections.open().map_err(|_| {
        Fault::transport(
            StatusCode::SERVICE_UNAVAILABLE,
            code::LIMIT_EXCEEDED,
            "too many open sockets",
        )
    })?;
    let answer = handshake.answer();
    tokio::spawn(async move {
        let connection = match handshake.connection.await {
            Ok(connection) => TokioIo::new(connection),
            Err(error) => {
                tracing::debug!(%error, "a connection ended before it became a socket");
                return;
            }
        };
        let limits = &mounted.settings.socket;
        let config = protocol::WebSocketConfig::default()
            .read_buffer_size(BUFFER_BYTES)
            .write_buffer_size(BUFFER_BYTES)
            .max_message_size(Some(limits.message_bytes))
            .max_frame_size(Some(limits.message_bytes));
        let socket = WebSocketStream::from_raw_socket(connection, protocol::Role::Server, Some(config)).await;
        let now = Instant::now();
        // Not by way of a variable: the task would have room for both.
        Session {
            mounted,
            socket,
            ticket,
            state: State::Waiting(Arc::new(parts)),
            operations: SelectAll::new(),
            running: HashMap::new(),
            opened: now,
            heard: now,
            pinged: None,
        }
        .run()
        .await;
    });
    Ok(answer)
}

struct Session<E: Executor> {
    mounted: Arc<Mounted<E>>,
    socket: WebSocketStream<TokioIo<Upgraded>>,
    ticket: Ticket,
    state: State,
    operations: SelectAll<Abortable<Running>>,
    running: HashMap<Arc<str>, AbortHandle>,
    opened: Instant,
    /// When the peer gave its last sign of life.
    heard: Instant,
    /// When it was last asked for one, if it has not answered.
    pinged: Option<Instant>,
}

enum State {
    /// For `connection_init`, with the headers of the upgrade.
    Waiting(Arc<Parts>),
    /// For the verdict on the credentials.
    Judging(BoxFuture<'static, Result<Identity, Refusal>>),
    Acknowledged(Arc<Data>),
}

/// Why a session ends.
enum End {
    /// With a close frame of ours.
    Close(Close),
    /// The peer is gone, or is to be treated as if it were.
    Gone,
}

/// An operation's events with its id, and then its end.
struct Running {
    id: Arc<str>,
    events: BoxStream<'static, Event>,
    is_over: bool,
}

impl Stream for Running {
    type Item = (Arc<str>, Option<Event>);

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let event = std::task::ready!(self.events.poll_next_unpin(context));
        // An `error` is an operation's last message, and nothing completes it.
        self.is_over = matches!(event, None | Some(Event::Refused(_)));
        Poll::Ready(Some((self.id.clone(), event)))
    }
}

/// What woke the session.
enum Turn {
    Frame(Option<Result<Frame, Broken>>),
    Event((Arc<str>, Option<Event>)),
    Verdict(Result<Identity, Refusal>),
    Clock,
    Closed(Close),
}

impl<E: Executor> Session<E> {
    async fn run(mut self) {
        let end = loop {
            if let Err(end) = self.turn().await {
                break end;
            }
        };
        // Sources stop now, not after the goodbye.
        self.operations.clear();
        self.running.clear();
        let patience = self.mounted.settings.socket.close;
        let End::Close(Close { code, reason: why }) = end else {
            return;
        };
        let _ = timeout(patience, async {
            let frame = protocol::CloseFrame {
                code: code.into(),
                reason: reason(&why).into(),
            };
            self.socket.send(Frame::Close(Some(frame))).await?;
            while let Some(Ok(_)) = self.socket.next().await {}
            // A connection dropped on unread bytes is reset, and the reset can overtake our close frame. What follows
            // an error the library does not read.
            let connection = self.socket.get_mut();
            connection.shutdown().await?;
            // On the heap: every idle socket would hold it otherwise.
            let mut rest = vec![0; BUFFER_BYTES];
            while connection.read(&mut rest).await? > 0 {}
            Ok::<_, Broken>(())
        })
        .await;
    }

    async fn turn(&mut self) -> Result<(), End> {
        let Self {
            socket,
            ticket,
            state,
            operations,
            ..
        } = self;
        let alarm = {
            let limits = &self.mounted.settings.socket;
            let life = self
                .pinged
                .map_or(self.heard + limits.ping, |pinged| pinged + limits.pong);
            match state {
                State::Acknowledged(_) => life,
                _ => life.min(self.opened + limits.init),
            }
        };
        let verdict = async {
            match state {
                State::Judging(verdict) => verdict.await,
                _ => std::future::pending().await,
            }
        };
        // In random order, so that nothing that is always ready keeps the rest from its turn.
        let turn = tokio::select! {
            close = ticket.closed() => Turn::Closed(close),
            frame = socket.next() => Turn::Frame(frame),
            Some(event) = operations.next(), if !operations.is_empty() => Turn::Event(event),
            verdict = verdict => Turn::Verdict(verdict),
            () = tokio::time::sleep_until(alarm) => Turn::Clock,
        };
        match turn {
            Turn::Closed(close) => Err(End::Close(close)),
            Turn::Frame(frame) => self.frame(frame).await,
            Turn::Event((id, event)) => {
                if matches!(event, None | Some(Event::Refused(_))) {
                    self.running.remove(&id);
                }
                self.send(of_operation(&id, event.as_ref())).await
            }
            Turn::Verdict(verdict) => self.acknowledge(verdict).await,
            Turn::Clock => self.look_at_clock().await,
        }
    }

    async fn look_at_clock(&mut self) -> Result<(), End> {
        let limits = &self.mounted.settings.socket;
        let now = Instant::now();
        if !matches!(self.state, State::Acknowledged(_)) && now >= self.opened + limits.init {
            return close(4408, "Connection initialisation timeout");
        }
        match self.pinged {
            Some(pinged) if now >= pinged + limits.pong => Err(End::Gone),
            Some(_) => Ok(()),
            None if now >= self.heard + limits.ping => {
                self.pinged = Some(now);
                self.write(Frame::Ping(Default::default())).await
            }
            None => Ok(()),
        }
    }

    async fn frame(&mut self, frame: Option<Result<Frame, Broken>>) -> Result<(), End> {
        self.heard = Instant::now();
        self.pinged = None;
        let text = match frame {
            None | Some(Ok(Frame::Close(_))) => return self.farewell().await,
            Some(Ok(Frame::Text(text))) => text,
            Some(Ok(Frame::Binary(_))) => return close(4400, "Invalid message: binary"),
            // By ourselves, in place of the library's own pong: that one waits in memory without bound while
            // the peer does not read, and this one for as long as any other message.
            Some(Ok(Frame::Ping(payload))) => return self.write(Frame::Pong(payload)).await,
            // The library reads no frame that is not part of a message.
            Some(Ok(Frame::Pong(_) | Frame::Frame(_))) => return Ok(()),
            Some(Err(error)) => return Err(broken(&error)),
        };
        let message = match Message::parse(&text) {
            Ok(message) => message,
            Err(why) => return close(4400, &why),
        };
        match message {
            Message::Pong => Ok(()),
            Message::Ping(payload) => self.send(plain("pong", payload)).await,
            Message::Complete { id } => {
                if let Some(operation) = self.running.remove(id.as_str()) {
                    operation.abort();
                }
                Ok(())
            }
            Message::Init(payload) => {
                let State::Waiting(parts) = &self.state else {
                    return close(4429, "Too many initialisation requests");
                };
                let (mounted, parts) = (self.mounted.clone(), parts.clone());
                self.state = State::Judging(
                    async move { mounted.authenticate.connection(&parts, &payload).await }.boxed(),
                );
                Ok(())
            }
            Message::Subscribe { id, params } => match &self.state {
                State::Acknowledged(session) => {
                    let session = session.clone();
                    self.subscribe(id.into(), *params, session).await
                }
                _ => close(4401, "Unauthorized"),
            },
        }
    }

    /// The library answers a close frame while it is read to its end.
    async fn farewell(&mut self) -> Result<(), End> {
        self.operations.clear();
        let patience = self.mounted.settings.socket.close;
        let _ = timeout(patience, async {
            while let Some(Ok(_)) = self.socket.next().await {}
        })
        .await;
        Err(End::Gone)
    }

    async fn acknowledge(&mut self, verdict: Result<Identity, Refusal>) -> Result<(), End> {
        match verdict {
            Err(refusal) => {
                tracing::debug!(code = refusal.code, "a socket was refused");
                Err(End::Close(if refusal.is_for_now() {
                    Close::new(1013, "Try again later")
                } else {
                    Close::forbidden()
                }))
            }
            Ok(Identity { guest: Some(_), .. }) => {
                tracing::debug!("a socket of a guest was refused");
                Err(End::Close(Close::forbidden()))
            }
            Ok(Identity { data, key, ack, .. }) => {
                if self.ticket.claim(key).is_err() {
                    // 1013, try again later: clients of graphql-ws do, with a growing delay.
                    return close(1013, "Too many sockets of this caller");
                }
                self.state = State::Acknowledged(Arc::new(data));
                self.send(plain("connection_ack", ack)).await
            }
        }
    }

    async fn subscribe(&mut self, id: Arc<str>, params: Params, session: Arc<Data>) -> Result<(), End> {
        if self.running.contains_key(&id) {
            return close(4409, &format!("Subscriber for {id} already exists"));
        }
        let max = self.mounted.settings.socket.operations;
        if self.running.len() >= max {
            let fault = Fault::document(vec![error(
                code::LIMIT_EXCEEDED,
                format!("more than {max} operations on one socket"),
                None,
            )]);
            return self.send(of_operation(&id, Some(&Event::Refused(fault)))).await;
        }
        let request_id = RequestId::random();
        let origin = Origin {
            id: &request_id,
            caller: &session,
            guest: None,
            resume: None,
        };
        let admitted = std::panic::catch_unwind(AssertUnwindSafe(|| {
            run::admit(&self.mounted, params, &origin, |_| Ok(()))
        }))
        .unwrap_or_else(|panic| Err(run::panicked(&request_id, &*panic)));
        let job = match admitted {
            Ok(job) => job,
            Err(fault) => {
                return self.send(of_operation(&id, Some(&Event::Refused(fault)))).await;
            }
        };
        let events = job.events(&self.mounted.executor, session, self.mounted.settings.http.time);
        let (handle, registration) = AbortHandle::new_pair();
        let running = Running {
            id: id.clone(),
            events,
            is_over: false,
        };
        self.operations.push(Abortable::new(running, registration));
        self.running.insert(id, handle);
        Ok(())
    }

    async fn send(&mut self, text: String) -> Result<(), End> {
        self.write(Frame::text(text)).await
    }

    /// Writes, and gives up on a peer that takes too long to read.
    async fn write(&mut self, message: Frame) -> Result<(), End> {
        let patience = self.mounted.settings.socket.write;
        tokio::select! {
            biased;
            written = timeout(patience, self.socket.send(message)) => match written {
                Ok(Ok(())) => Ok(()),
                _ => Err(End::Gone),
            },
            close = self.ticket.closed() => Err(End::Close(close)),
        }
    }
}

/// What the peer did wrong, where it was the peer (RFC 6455, section 7.4.1).
fn broken(error: &Broken) -> End {
    tracing::debug!(%error, "a socket broke");
    let (code, reason) = match error {
        Broken::Capacity(_) => (1009, "Message too big"),
        Broken::Utf8(_) => (1007, "A text is not UTF-8"),
        Broken::Protocol(_) => (1002, "Protocol error"),
        _ => return End::Gone,
    };
    End::Close(Close::new(code, reason))
}

fn close(code: u16, reason: &str) -> Result<(), End> {
    Err(End::Close(Close::new(code, reason)))
}
