//! graphql-transport-ws as the embedding server sees it: caps, hooks and handles. The protocol itself is held by
//! `conformance/ws.mjs`.

use std::time::Duration;

use async_graphql::Executor;
use futures::{SinkExt, StreamExt, future::BoxFuture};
use http::request::Parts;
use serde_json::{Value as Json, json};
use tokio::{io::AsyncWriteExt, net::TcpStream};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{Message, client::IntoClientRequest},
};
use wire::{
    Admit, Authenticate, Caller, Close, Connections, Identity, OperationInfo, Origins, Refusal, Settings,
    SocketLimits, Wire,
};

use crate::probe;

struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    async fn send(&mut self, message: Json) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    async fn next(&mut self) -> Json {
        loop {
            match self.0.next().await.unwrap().unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Close(frame) => {
                    let frame = frame.unwrap();
                    return json!({"close": u16::from(frame.code), "reason": frame.reason.as_str()});
                }
                _ => {}
            }
        }
    }
}

struct Server {
    url: String,
    connections: Connections,
}

impl Server {
    async fn start<E: Executor>(wire: Wire<E>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/graphql", listener.local_addr().unwrap());
        let connections = wire.connections();
        tokio::spawn(async move { axum::serve(listener, wire.routes::<()>("/graphql")).await });
        Self { url, connections }
    }

    async fn connect(&self, origin: Option<&str>) -> Result<Socket, u16> {
        let mut request = self.url.as_str().into_client_request().unwrap();
        let headers = request.headers_mut();
        headers.insert("sec-websocket-protocol", "graphql-transport-ws".parse().unwrap());
        if let Some(origin) = origin {
            headers.insert("origin", origin.parse().unwrap());
        }
        match tokio_tungstenite::connect_async(request).await {
            Ok((socket, _)) => Ok(Socket(socket)),
            Err(tokio_tungstenite::tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    /// A socket that was acknowledged, with the acknowledgement.
    async fn acknowledged(&self, payload: Json) -> (Socket, Json) {
        let mut socket = self.connect(None).await.unwrap();
        socket
            .send(json!({"type": "connection_init", "payload": payload}))
            .await;
        let ack = socket.next().await;
        (socket, ack)
    }
}

#[tokio::test]
async fn a_revoked_token_closes_its_sockets_and_no_others() {
    let server = Server::start(probe().build().unwrap()).await;
    let (mut one, _) = server.acknowledged(json!({"token": "t1"})).await;
    let (mut other, _) = server.acknowledged(json!({"token": "t2"})).await;
    one.send(
        json!({"id": "1", "type": "subscribe", "payload": {"query": "subscription { ticker(ms: 60000) }"}}),
    )
    .await;
    assert_eq!(server.connections.close("t1", &Close::forbidden()), 1);
    assert_eq!(one.next().await, json!({"close": 4403, "reason": "Forbidden"}));
    other.send(json!({"type": "ping"})).await;
    assert_eq!(other.next().await, json!({"type": "pong"}));
}

#[tokio::test]
async fn a_restart_closes_all_with_1012_and_takes_no_more() {
    let server = Server::start(probe().build().unwrap()).await;
    let mut waiting = server.connect(None).await.unwrap();
    let (mut acknowledged, _) = server.acknowledged(json!({})).await;
    assert_eq!(server.connections.shut_down(), 2);
    assert_eq!(waiting.next().await["close"], 1012);
    assert_eq!(acknowledged.next().await["close"], 1012);
    assert_eq!(server.connect(None).await.err(), Some(503));
}

#[tokio::test]
async fn sockets_and_operations_are_counted() {
    let socket = SocketLimits {
        per_key: 1,
        operations: 1,
        total: 3,
        ..Default::default()
    };
    let server = Server::start(
        probe()
            .settings(Settings {
                socket,
                ..Default::default()
            })
            .build()
            .unwrap(),
    )
    .await;
    let (mut first, _) = server.acknowledged(json!({"token": "t1"})).await;
    let (_second, refused) = server.acknowledged(json!({"token": "t1"})).await;
    assert_eq!(refused["close"], 1013);
    for id in ["a", "b"] {
        first.send(json!({"id": id, "type": "subscribe", "payload": {"query": "subscription { ticker(ms: 60000) }"}})).await;
    }
    let refusal = first.next().await;
    assert_eq!((&refusal["id"], &refusal["type"]), (&json!("b"), &json!("error")));
    assert_eq!(refusal["payload"][0]["extensions"]["code"], "LIMIT_EXCEEDED");
}

#[tokio::test]
async fn what_is_no_websocket_message_is_refused_with_the_code_that_says_why() {
    let server = Server::start(probe().build().unwrap()).await;
    // RFC 6455, section 5.2: the first byte says what it is, the second masks and counts, then four of mask.
    for (why, frame, code) in [
        ("not UTF-8", &[0x81, 0x81, 0, 0, 0, 0, 0xff][..], 1007),
        ("a reserved opcode", &[0x83, 0x80, 0, 0, 0, 0], 1002),
        ("a reserved bit", &[0xc1, 0x80, 0, 0, 0, 0], 1002),
        ("without a mask", &[0x81, 0x01, b'x'], 1002),
        ("a ping in pieces", &[0x09, 0x80, 0, 0, 0, 0], 1002),
        ("the end of nothing", &[0x80, 0x80, 0, 0, 0, 0], 1002),
        (
            "too long",
            &[0x81, 0xff, 0, 0, 0, 0, 0xff, 0, 0, 0, 0, 0, 0, 0],
            1009,
        ),
        ("binary", &[0x82, 0x80, 0, 0, 0, 0], 4400),
    ] {
        let (mut socket, _) = server.acknowledged(json!({})).await;
        let MaybeTlsStream::Plain(stream) = socket.0.get_mut() else {
            panic!("there is no TLS here")
        };
        stream.write_all(frame).await.unwrap();
        assert_eq!(socket.next().await["close"], code, "{why}");
    }
}

#[tokio::test]
async fn pings_of_who_does_not_read_are_held_by_nobody() {
    let socket = SocketLimits {
        write: Duration::from_millis(300),
        ..Default::default()
    };
    let settings = Settings {
        socket,
        ..Default::default()
    };
    let server = Server::start(probe().settings(settings).build().unwrap()).await;
    let (mut socket, _) = server.acknowledged(json!({})).await;
    let MaybeTlsStream::Plain(stream) = socket.0.get_mut() else {
        panic!("there is no TLS here")
    };
    // Masked with nothing, and as long as a ping may be.
    let mut ping = vec![0x89, 0xfd, 0, 0, 0, 0];
    ping.resize(6 + 125, b'x');
    let many = ping.repeat(1_000);
    // Pongs fill the buffers on the way, then the server waits for them to be read, and then no longer.
    let taken = async {
        let mut taken = 0;
        while taken < 100_000_000 && stream.write_all(&many).await.is_ok() {
            taken += many.len();
        }
        taken
    };
    let taken = tokio::time::timeout(Duration::from_secs(20), taken)
        .await
        .unwrap();
    assert!(taken < 50_000_000, "{taken} bytes were taken");
}

#[tokio::test]
async fn who_comes_too_often_is_told_to_come_again() {
    let server = Server::start(probe().authenticate(Busy).build().unwrap()).await;
    let (_socket, refused) = server.acknowledged(json!({})).await;
    assert_eq!(refused["close"], 1013);
}

struct Busy;

impl Authenticate for Busy {
    fn request<'a>(&'a self, _: &'a Parts) -> BoxFuture<'a, Result<Identity, Refusal>> {
        Box::pin(async { Err(Refusal::rate_limited("later", Duration::from_secs(3))) })
    }

    fn connection<'a>(&'a self, parts: &'a Parts, _: &'a Json) -> BoxFuture<'a, Result<Identity, Refusal>> {
        self.request(parts)
    }
}

#[tokio::test]
async fn places_come_free_when_sockets_go() {
    let socket = SocketLimits {
        total: 1,
        ..Default::default()
    };
    let server = Server::start(
        probe()
            .settings(Settings {
                socket,
                ..Default::default()
            })
            .build()
            .unwrap(),
    )
    .await;
    let (socket, _) = server.acknowledged(json!({})).await;
    assert_eq!(server.connect(None).await.err(), Some(503));
    drop(socket);
    tokio::time::timeout(Duration::from_secs(5), async {
        while server.connect(None).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn pages_of_other_origins_are_kept_out() {
    let listed = Origins::Listed(vec!["https://a.example".into()]);
    let server = Server::start(probe().origins(listed).build().unwrap()).await;
    assert_eq!(server.connect(Some("https://b.example")).await.err(), Some(403));
    assert!(server.connect(Some("https://a.example")).await.is_ok());
    assert!(server.connect(None).await.is_ok());
}

struct Acknowledging;

impl Authenticate for Acknowledging {
    fn request<'a>(&'a self, _: &'a Parts) -> BoxFuture<'a, Result<Identity, Refusal>> {
        Box::pin(async { Ok(Identity::default()) })
    }

    fn connection<'a>(&'a self, parts: &'a Parts, _: &'a Json) -> BoxFuture<'a, Result<Identity, Refusal>> {
        let host = parts.headers.contains_key("host");
        Box::pin(async move {
            Ok(Identity {
                ack: Some(json!({ "host": host })),
                ..Identity::default()
            })
        })
    }
}

#[tokio::test]
async fn the_hook_sees_the_headers_and_fills_the_acknowledgement() {
    let server = Server::start(probe().authenticate(Acknowledging).build().unwrap()).await;
    let (_socket, ack) = server.acknowledged(json!({})).await;
    assert_eq!(ack, json!({"type": "connection_ack", "payload": {"host": true}}));
}

#[tokio::test]
async fn a_root_field_collected_from_two_fragments_is_one_stream() {
    let server = Server::start(probe().build().unwrap()).await;
    let (mut socket, _) = server.acknowledged(json!({})).await;
    let source = "subscription { ...A ...B } fragment A on Subscription { count(to: 2) { number } }
        fragment B on Subscription { count(to: 2) { cursor } }";
    socket
        .send(json!({"id": "1", "type": "subscribe", "payload": {"query": source}}))
        .await;
    for number in 1..=2 {
        assert_eq!(
            socket.next().await["payload"],
            json!({"data": {"count": {"number": number, "cursor": format!("c{number}")}}})
        );
    }
    assert_eq!(socket.next().await, json!({"id": "1", "type": "complete"}));
}

struct NotTwice(std::sync::atomic::AtomicBool);

impl Admit for NotTwice {
    fn arrive(&self, _: Caller<'_>) -> Result<(), Refusal> {
        match self.0.swap(true, std::sync::atomic::Ordering::SeqCst) {
            false => Ok(()),
            true => Err(Refusal::rate_limited("one is enough", Duration::from_secs(3))),
        }
    }

    fn admit(&self, _: Caller<'_>, _: &OperationInfo) -> Result<(), Refusal> {
        Ok(())
    }
}

#[tokio::test]
async fn a_rate_limit_refuses_the_operation_and_leaves_the_socket_and_what_runs_on_it() {
    let server = Server::start(probe().admit(NotTwice(Default::default())).build().unwrap()).await;
    let (mut socket, _) = server.acknowledged(json!({})).await;
    for id in ["a", "b"] {
        socket
            .send(json!({"id": id, "type": "subscribe", "payload": {"query": "subscription { ticker(ms: 600000) }"}}))
            .await;
    }
    assert_eq!(
        socket.next().await,
        json!({"id": "b", "type": "error", "payload": [{
            "message": "one is enough",
            "extensions": {"code": "RATE_LIMITED", "retryAfterSeconds": 3}
        }]})
    );
    socket.send(json!({"type": "ping"})).await;
    assert_eq!(socket.next().await, json!({"type": "pong"}));
}
