//! GraphQL over HTTP, straight into the router.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use async_graphql::Executor;
use axum::{body::Body, response::Response};
use futures::StreamExt;
use http::{Request, StatusCode, header};
use serde_json::{Value as Json, json};
use tower::ServiceExt;
use wire::{Admit, Caller, Close, HttpLimits, Kind, OperationInfo, Refusal, Settings, UploadLimits, Wire};

use crate::{probe, schema::Token};

async fn send<E: Executor>(wire: &Wire<E>, request: Request<Body>) -> Response {
    wire.routes::<()>("/graphql").oneshot(request).await.unwrap()
}

async fn text(response: Response) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX)
        .await
        .unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

async fn json_of(response: Response) -> Json {
    serde_json::from_str(&text(response).await).unwrap()
}

fn post() -> http::request::Builder {
    Request::post("/graphql").header(header::CONTENT_TYPE, "application/json")
}

fn query(source: &str) -> Request<Body> {
    post()
        .body(Body::from(json!({ "query": source }).to_string()))
        .unwrap()
}

/// The body of the answer to a query.
pub(crate) async fn ask<E: Executor>(wire: &Wire<E>, source: &str) -> String {
    text(send(wire, query(source)).await).await
}

/// A body that never comes: an answer cannot have waited for it.
fn untouchable() -> Body {
    Body::from_stream(futures::stream::pending::<Result<&str, std::io::Error>>())
}

#[tokio::test]
async fn a_refused_caller_gets_401_before_the_body_is_read() {
    let wire = probe().build().unwrap();
    let request = post()
        .header(header::AUTHORIZATION, "Bearer bad")
        .body(untouchable())
        .unwrap();
    let response = send(&wire, request).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(response.headers()[header::WWW_AUTHENTICATE], "Bearer");
    assert_eq!(
        json_of(response).await,
        json!({"errors": [{"message": "this token is not known", "extensions": {"code": "UNAUTHENTICATED"}}]})
    );
}

#[tokio::test]
async fn introspection_stands_beside_what_the_executor_answers() {
    let wire = probe().build().unwrap();
    for (source, data) in [
        (
            "{ a: __schema { queryType { name } } hello __type(name: \"Nope\") { name } }",
            r#"{"a":{"queryType":{"name":"Query"}},"hello":"hello","__type":null}"#,
        ),
        (
            "{ __type(name: \"Query\") { kind } t: __typename }",
            r#"{"__type":{"kind":"OBJECT"},"t":"Query"}"#,
        ),
    ] {
        assert_eq!(ask(&wire, source).await, format!(r#"{{"data":{data}}}"#));
    }
}

#[tokio::test]
async fn media_types_are_judged_before_the_caller() {
    let wire = probe().build().unwrap();
    for (name, value, status) in [
        (
            header::CONTENT_TYPE,
            "text/plain",
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
        (
            header::CONTENT_ENCODING,
            "gzip",
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
        (header::ACCEPT, "image/png", StatusCode::NOT_ACCEPTABLE),
    ] {
        let mut request = post()
            .header(header::AUTHORIZATION, "Bearer bad")
            .body(untouchable())
            .unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
        assert_eq!(send(&wire, request).await.status(), status, "{value}");
    }
}

#[tokio::test]
async fn a_panic_is_a_500_with_the_request_id_and_nothing_else() {
    let wire = probe().build().unwrap();
    let mut request = query("{ panic }");
    request
        .headers_mut()
        .insert("x-request-id", "my-request-1".parse().unwrap());
    let response = send(&wire, request).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(response.headers()["x-request-id"], "my-request-1");
    assert_eq!(
        json_of(response).await,
        json!({"errors": [{
            "message": "an internal fault, which was logged",
            "extensions": {"code": "INTERNAL", "requestId": "my-request-1"},
        }]})
    );
}

#[tokio::test]
async fn an_id_unfit_for_a_log_is_replaced() {
    let wire = probe().build().unwrap();
    let mut request = query("{ hello }");
    request
        .headers_mut()
        .insert("x-request-id", "a b c d e f g h".parse().unwrap());
    let response = send(&wire, request).await;
    assert_eq!(response.headers()["x-request-id"].len(), 16);
}

#[tokio::test(start_paused = true)]
async fn what_takes_too_long_is_cut_off() {
    let settings = Settings {
        http: HttpLimits {
            time: Duration::from_secs(2),
            ..Default::default()
        },
        ..Default::default()
    };
    let wire = probe().settings(settings).build().unwrap();
    let response = send(&wire, query("{ slow(ms: 1000) }")).await;
    assert_eq!(response.status(), StatusCode::OK);
    let response = send(&wire, query("{ slow(ms: 3000) }")).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        json_of(response).await["errors"][0]["extensions"]["code"],
        "LIMIT_EXCEEDED"
    );

    // A body that trickles is its sender's fault.
    let trickle = futures::stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        Some((Ok::<_, std::io::Error>(" "), ()))
    });
    for body in [untouchable(), Body::from_stream(trickle)] {
        let response = send(&wire, post().body(body).unwrap()).await;
        assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT);
        let why = json_of(response).await["errors"][0]["message"].clone();
        assert_eq!(why, "the body took longer than 2 s to come");
    }
}

#[tokio::test]
async fn a_body_without_a_length_is_bounded_too() {
    let wire = probe().build().unwrap();
    let endless = Body::from_stream(futures::stream::repeat_with(|| {
        Ok::<_, std::io::Error>("x".repeat(65_536))
    }));
    assert_eq!(
        send(&wire, post().body(endless).unwrap()).await.status(),
        StatusCode::PAYLOAD_TOO_LARGE
    );
}

struct NoMutations;

impl Admit for NoMutations {
    fn admit(&self, caller: Caller<'_>, operation: &OperationInfo) -> Result<(), Refusal> {
        let may = caller
            .get::<Token>()
            .is_some_and(|token| token.0.as_deref() == Some("alice"));
        if operation.kind == Kind::Mutation && !may {
            return Err(Refusal::rate_limited(
                "one mutation at a time",
                Duration::from_millis(1500),
            ));
        }
        Ok(())
    }
}

#[tokio::test]
async fn the_embedding_server_says_who_may_ask_now() {
    let wire = probe().admit(NoMutations).build().unwrap();
    let mutation = |token: &str, accept: &str| {
        let mut request = query("mutation { bump { id } }");
        request
            .headers_mut()
            .insert(header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
        request
            .headers_mut()
            .insert(header::ACCEPT, accept.parse().unwrap());
        request
    };
    let graphql = "application/graphql-response+json";
    assert_eq!(
        send(&wire, mutation("alice", graphql)).await.status(),
        StatusCode::OK
    );
    let response = send(&wire, mutation("other", graphql)).await;
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(response.headers()[header::RETRY_AFTER], "2");
    assert_eq!(
        json_of(response).await["errors"][0]["extensions"],
        json!({"code": "RATE_LIMITED", "retryAfterSeconds": 2})
    );
    assert_eq!(
        send(&wire, mutation("other", "application/json")).await.status(),
        StatusCode::TOO_MANY_REQUESTS
    );
}

#[tokio::test]
async fn arguments_defaults_and_one_of_reach_the_resolver() {
    let wire = probe().build().unwrap();
    let source =
        "query($by: Filter, $times: Int, $pick: Pick) { filter(by: $by, times: $times, pick: $pick) }";
    let body = json!({
        "query": source,
        "variables": {"by": {"colours": "GREEN", "inner": {"atLeast": 1, "ratio": 2}}, "pick": {"number": 5}},
    });
    let response = send(&wire, post().body(Body::from(body.to_string())).unwrap()).await;
    assert_eq!(
        json_of(response).await,
        json!({"data": {"filter": "Some([1]) 7 None None 1 Some(2.0) |3|5"}})
    );
}

fn sse(source: &str, cursor: Option<&str>) -> Request<Body> {
    let mut request = query(source);
    request
        .headers_mut()
        .insert(header::ACCEPT, "text/event-stream".parse().unwrap());
    if let Some(cursor) = cursor {
        request
            .headers_mut()
            .insert("last-event-id", cursor.parse().unwrap());
    }
    request
}

#[tokio::test]
async fn events_carry_their_cursor_and_a_reconnect_goes_on_behind_it() {
    let wire = probe().build().unwrap();
    let source = "subscription { count(to: 3) { number cursor } }";
    let event = |n: u8| {
        format!(
            "id: c{n}\nevent: next\ndata: {{\"data\":{{\"count\":{{\"number\":{n},\"cursor\":\"c{n}\"}}}}}}\n\n"
        )
    };
    let response = send(&wire, sse(source, None)).await;
    assert_eq!(response.headers()["x-accel-buffering"], "no");
    let end = "event: complete\ndata:\n\n";
    assert_eq!(
        text(response).await,
        format!(":\n\n{}{}{}{end}", event(1), event(2), event(3))
    );
    assert_eq!(
        text(send(&wire, sse(source, Some("c2"))).await).await,
        format!(":\n\n{}{end}", event(3))
    );
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_has_a_heartbeat_and_ends_when_told() {
    let wire = probe().build().unwrap();
    let mut request = sse("subscription { ticker(ms: 600000) }", None);
    request
        .headers_mut()
        .insert(header::AUTHORIZATION, "Bearer t1".parse().unwrap());
    let mut chunks = send(&wire, request).await.into_body().into_data_stream();
    for _ in 0..3 {
        assert_eq!(chunks.next().await.unwrap().unwrap(), ":\n\n");
    }
    assert_eq!(wire.connections().close("t1", &Close::forbidden()), 1);
    assert_eq!(
        chunks.next().await.unwrap().unwrap(),
        "event: next\ndata: {\"errors\":[{\"message\":\"Forbidden\",\"extensions\":{\"code\":\"UNAUTHENTICATED\"}}]}\n\n"
    );
    assert_eq!(
        chunks.next().await.unwrap().unwrap(),
        "event: complete\ndata:\n\n"
    );
    assert!(chunks.next().await.is_none());
    assert_eq!(wire.connections().count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_stalls_loses_its_stream() {
    let wire = probe().build().unwrap();
    let source = "subscription { flood(size: 10, count: 1000000) }";
    let mut chunks = send(&wire, sse(source, None))
        .await
        .into_body()
        .into_data_stream();
    chunks.next().await.unwrap().unwrap();
    assert_eq!(wire.connections().count(), 1);
    tokio::time::sleep(Duration::from_secs(21)).await;
    assert_eq!(wire.connections().count(), 0);
    assert_eq!(ask(&wire, "{ liveSubs }").await, r#"{"data":{"liveSubs":0}}"#);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_goes_ends_its_stream_though_it_was_silent() {
    let wire = probe().build().unwrap();
    let response = send(&wire, sse("subscription { ticker(ms: 600000) }", None)).await;
    tokio::task::yield_now().await;
    drop(response);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(ask(&wire, "{ liveSubs }").await, r#"{"data":{"liveSubs":0}}"#);
    assert_eq!(wire.connections().count(), 0);
}

#[tokio::test]
async fn at_a_restart_streams_break_off_without_an_end() {
    let wire = probe().build().unwrap();
    let mut chunks = send(&wire, sse("subscription { ticker(ms: 600000) }", None))
        .await
        .into_body()
        .into_data_stream();
    chunks.next().await.unwrap().unwrap();
    wire.connections().shut_down();
    assert!(chunks.next().await.is_none());
    assert_eq!(
        send(&wire, sse("subscription { greetings }", None))
            .await
            .status(),
        StatusCode::SERVICE_UNAVAILABLE
    );
}

fn form(parts: &[(&str, &str, &str)]) -> Request<Body> {
    let mut body = String::new();
    for (name, file, content) in parts {
        let file = if file.is_empty() {
            String::new()
        } else {
            format!("; filename=\"{file}\"")
        };
        body += &format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n{content}\r\n");
    }
    body += "--b--\r\n";
    Request::post("/graphql")
        .header(header::CONTENT_TYPE, "multipart/form-data; boundary=b")
        .header(header::ACCEPT, "application/graphql-response+json")
        .header("graphql-require-preflight", "1")
        .body(Body::from(body))
        .unwrap()
}

const MANY: &str =
    r#"{"query":"mutation($f: [Upload!]!) { uploadMany(files: $f) }","variables":{"f":[null,null]}}"#;

#[tokio::test]
async fn a_file_goes_to_every_place_it_is_mapped_to() {
    let wire = probe().build().unwrap();
    let request = form(&[
        ("operations", "", MANY),
        ("map", "", r#"{"0":["variables.f.0","variables.f.1"]}"#),
        ("0", "a.txt", "12345"),
    ]);
    assert_eq!(
        json_of(send(&wire, request).await).await,
        json!({"data": {"uploadMany": [5, 5]}})
    );
}

#[tokio::test]
async fn a_file_is_nowhere_but_where_it_is_mapped_to() {
    let wire = probe().build().unwrap();
    let forged = MANY.replace("[null,null]", r##"[null,"#__graphql_file__:0"]"##);
    let request = form(&[
        ("operations", "", &forged),
        ("map", "", r#"{"0":["variables.f.0"]}"#),
        ("0", "a.txt", "12345"),
    ]);
    let answer = send(&wire, request).await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    let message = json_of(answer).await["errors"][0]["message"].to_string();
    assert!(message.contains("use null, and the map"), "{message}");
}

#[tokio::test]
async fn files_are_bounded_one_by_one_and_together() {
    let upload = UploadLimits {
        file_bytes: 4,
        total_bytes: 6,
        files: 2,
        ..Default::default()
    };
    let wire = probe()
        .settings(Settings {
            upload,
            ..Default::default()
        })
        .build()
        .unwrap();
    let map = r#"{"0":["variables.f.0"],"1":["variables.f.1"]}"#;
    for (first, second, status) in [
        ("abcd", "ab", StatusCode::OK),
        ("abcde", "", StatusCode::PAYLOAD_TOO_LARGE),
        ("abcd", "abc", StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let request = form(&[
            ("operations", "", MANY),
            ("map", "", map),
            ("0", "a", first),
            ("1", "b", second),
        ]);
        assert_eq!(send(&wire, request).await.status(), status, "{first} {second}");
    }
    let three = r#"{"0":["variables.f.0","variables.f.1","variables.f.0"]}"#;
    let request = form(&[("operations", "", MANY), ("map", "", three), ("0", "a", "a")]);
    assert_eq!(send(&wire, request).await.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn forms_of_the_wrong_shape_are_refused() {
    let wire = probe().build().unwrap();
    let map = r#"{"0":["variables.f.0"]}"#;
    let one = r#"{"query":"mutation($f: Upload!) { upload(file: $f) }","variables":{"f":null}}"#;
    for (why, parts) in [
        ("no map", vec![("operations", "", MANY)]),
        ("map first", vec![("map", "", map), ("operations", "", MANY)]),
        ("no file", vec![("operations", "", MANY), ("map", "", map)]),
        (
            "file not in the map",
            vec![("operations", "", MANY), ("map", "", "{}"), ("0", "a", "a")],
        ),
        (
            "the same file twice",
            vec![
                ("operations", "", MANY),
                ("map", "", map),
                ("0", "a", "a"),
                ("0", "a", "a"),
            ],
        ),
        (
            "a place that is not null",
            vec![
                ("operations", "", one),
                ("map", "", r#"{"0":["variables.f","variables.f.x"]}"#),
            ],
        ),
        (
            "a place outside the variables",
            vec![("operations", "", one), ("map", "", r#"{"0":["query"]}"#)],
        ),
        (
            "another request's place",
            vec![("operations", "", one), ("map", "", r#"{"0":["0.variables.f"]}"#)],
        ),
        (
            "an invalid document",
            vec![("operations", "", r#"{"query":"{ nope }"}"#), ("map", "", "{}")],
        ),
    ] {
        assert_eq!(
            send(&wire, form(&parts)).await.status(),
            StatusCode::BAD_REQUEST,
            "{why}"
        );
    }
}

#[tokio::test]
async fn the_headers_of_a_part_are_bounded_wherever_they_begin() {
    let wire = probe().build().unwrap();
    let operations = format!("--b\r\nContent-Disposition: form-data; name=\"operations\"\r\n\r\n{MANY}\r\n");
    for begin in ["", "--b\r\nX: ", &format!("{operations}--b\r\nX: ")] {
        let sent = Arc::new(AtomicUsize::new(0));
        let counted = sent.clone();
        // As a client writes them: nothing here is a chunk too large to be looked at.
        let endless = futures::stream::repeat("x".repeat(1000)).take(1000);
        let chunks = futures::stream::iter([begin.to_owned()])
            .chain(endless)
            .inspect(move |chunk| {
                counted.fetch_add(chunk.len(), Relaxed);
            })
            .map(Ok::<_, std::io::Error>);
        let mut request = form(&[]);
        *request.body_mut() = Body::from_stream(chunks);
        let answer = send(&wire, request).await;
        let read = sent.load(Relaxed);
        assert!(read < 20_000, "{read} bytes were read behind {begin}");
        assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE, "{begin}");
        assert!(
            text(answer)
                .await
                .contains("the headers of a part are longer than")
        );
    }
}

#[tokio::test]
async fn a_form_may_come_byte_by_byte() {
    let wire = probe().build().unwrap();
    let request = form(&[
        ("operations", "", MANY),
        ("map", "", r#"{"0":["variables.f.0"],"1":["variables.f.1"]}"#),
        ("0", "a.txt", "12345"),
        ("1", "b.txt", "\r\n--"),
    ]);
    let (parts, body) = request.into_parts();
    let whole = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let bytes: Vec<_> = (0..whole.len())
        .map(|at| Ok::<_, std::io::Error>(whole.slice(at..=at)))
        .collect();
    let request = Request::from_parts(parts, Body::from_stream(futures::stream::iter(bytes)));
    assert_eq!(
        json_of(send(&wire, request).await).await,
        json!({"data": {"uploadMany": [5, 4]}})
    );
}

#[tokio::test]
async fn without_a_header_of_its_own_a_form_is_refused_unread() {
    let wire = probe().build().unwrap();
    let mut request = form(&[]);
    request.headers_mut().remove("graphql-require-preflight");
    *request.body_mut() = untouchable();
    assert_eq!(send(&wire, request).await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn batches_are_answered_in_order_where_they_are_switched_on() {
    let http = HttpLimits {
        batch: Some(3),
        ..Default::default()
    };
    let wire = probe()
        .settings(Settings {
            http,
            ..Default::default()
        })
        .build()
        .unwrap();
    let body = json!([{"query": "{ hello }"}, {"query": "{ nope }"}, {"query": "{ whoami }"}]);
    let request = post()
        .header(header::AUTHORIZATION, "Bearer alice")
        .body(Body::from(body.to_string()))
        .unwrap();
    let answers = json_of(send(&wire, request).await).await;
    assert_eq!(answers[0], json!({"data": {"hello": "hello"}}));
    assert!(answers[1]["errors"].is_array() && answers[1].get("data").is_none());
    assert_eq!(answers[2], json!({"data": {"whoami": "alice"}}));

    let four = json!([{}, {}, {}, {}]);
    let response = send(&wire, post().body(Body::from(four.to_string())).unwrap()).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);

    let files = form(&[
        (
            "operations",
            "",
            r#"[{"query":"mutation($f: Upload!) { upload(file: $f) }","variables":{"f":null}}]"#,
        ),
        ("map", "", r#"{"0":["0.variables.f"]}"#),
        ("0", "a.txt", "123"),
    ]);
    assert_eq!(
        json_of(send(&wire, files).await).await,
        json!([{"data": {"upload": 3}}])
    );
}

/// Refuses every operation as an extension of the schema may: with what it knows of the answer's `extensions`.
#[derive(Clone)]
struct Tired;

impl Executor for Tired {
    async fn execute(&self, _: async_graphql::Request) -> async_graphql::Response {
        let error = wire::error(wire::code::RATE_LIMITED, "too dear", None);
        let mut response = async_graphql::Response::from_errors(vec![error]).extension("cost", 7.into());
        response.errors[0]
            .extensions
            .get_or_insert_default()
            .set("retryAfterSeconds", 30);
        response
    }

    fn execute_stream(
        &self,
        request: async_graphql::Request,
        _: Option<std::sync::Arc<async_graphql::Data>>,
    ) -> futures::stream::BoxStream<'static, async_graphql::Response> {
        futures::stream::once(async move { Tired.execute(request).await }).boxed()
    }
}

#[tokio::test]
async fn a_schema_that_refuses_for_its_cost_is_a_429_with_the_time_to_come_back() {
    let (_, sdl) = crate::schema::build();
    let wire = Wire::builder(Tired, sdl).build().unwrap();
    let accepting = |source: &str, accept: &str| {
        let mut request = query(source);
        request
            .headers_mut()
            .insert(header::ACCEPT, accept.parse().unwrap());
        request
    };
    let refused = json!({
        "errors": [{"message": "too dear", "extensions": {"code": "RATE_LIMITED", "retryAfterSeconds": 30}}],
        "extensions": {"cost": 7}
    });
    for accept in ["application/graphql-response+json", "application/json"] {
        let response = send(&wire, accepting("{ __typename }", accept)).await;
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS, "{accept}");
        assert_eq!(response.headers()[header::RETRY_AFTER], "30", "{accept}");
        assert_eq!(json_of(response).await, refused, "{accept}");
    }
    let stream = accepting("subscription { greetings }", "text/event-stream");
    let told = text(send(&wire, stream).await).await;
    assert!(told.contains(r#""retryAfterSeconds":30"#), "{told}");
    assert!(told.contains(r#""extensions":{"cost":7}"#), "{told}");
}

/// Lets nothing in.
struct Full;

impl Admit for Full {
    fn arrive(&self, _: Caller<'_>) -> Result<(), Refusal> {
        Err(Refusal::rate_limited("come back later", Duration::from_secs(5)))
    }
}

#[tokio::test]
async fn what_is_refused_on_arrival_is_429_whatever_the_document_and_the_media_type() {
    let wire = probe().admit(Full).build().unwrap();
    for (source, accept) in [
        ("{ nonsense", "application/json"),
        ("{ __typename }", "application/graphql-response+json"),
        ("subscription { greetings }", "text/event-stream"),
    ] {
        let mut request = query(source);
        request
            .headers_mut()
            .insert(header::ACCEPT, accept.parse().unwrap());
        let response = send(&wire, request).await;
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS, "{source}");
        assert_eq!(response.headers()[header::RETRY_AFTER], "5", "{source}");
    }
}
