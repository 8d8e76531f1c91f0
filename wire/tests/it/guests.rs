//! Callers without credentials: one operation is open to them, and its answer can carry headers.

use std::time::Duration;

use async_graphql::{Context, EmptySubscription, Executor, Object, Schema, ValidationMode};
use axum::{body::Body, response::Response};
use futures::future::BoxFuture;
use http::{Request, StatusCode, header, request::Parts};
use serde_json::{Value as Json, json};
use tower::ServiceExt;
use wire::{Authenticate, Guest, Identity, Refusal, Wire};

struct Query;

#[Object]
impl Query {
    async fn hello(&self) -> &str {
        "hello"
    }
}

struct Mutation;

#[Object]
impl Mutation {
    async fn enter(&self, ctx: &Context<'_>, name: String) -> String {
        ctx.append_http_header("set-cookie", format!("name={name}"));
        name
    }

    async fn bump(&self) -> i32 {
        1
    }
}

/// Whoever shows nothing is a guest.
struct Door;

impl Authenticate for Door {
    fn request<'a>(&'a self, parts: &'a Parts) -> BoxFuture<'a, Result<Identity, Refusal>> {
        let is_guest = !parts.headers.contains_key(header::AUTHORIZATION);
        Box::pin(async move {
            Ok(Identity {
                guest: is_guest.then(|| Guest {
                    refusal: Refusal::unauthenticated("show a token"),
                    root_fields: &["enter"],
                    body_bytes: 200,
                    body_time: Duration::from_secs(5),
                }),
                ..Identity::default()
            })
        })
    }

    fn connection<'a>(&'a self, parts: &'a Parts, _: &'a Json) -> BoxFuture<'a, Result<Identity, Refusal>> {
        self.request(parts)
    }
}

fn wire() -> Wire<impl Executor> {
    let schema = Schema::build(Query, Mutation, EmptySubscription)
        .validation_mode(ValidationMode::Fast)
        .finish();
    let sdl = schema.sdl();
    Wire::builder(schema, sdl).authenticate(Door).build().unwrap()
}

fn post(body: impl Into<Body>) -> Request<Body> {
    Request::post("/graphql")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/json")
        .body(body.into())
        .unwrap()
}

fn query(source: &str) -> Request<Body> {
    post(json!({ "query": source }).to_string())
}

async fn send(wire: &Wire<impl Executor>, request: Request<Body>) -> Response {
    wire.routes::<()>("/graphql").oneshot(request).await.unwrap()
}

async fn text(response: Response) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn a_guest_gets_the_open_field_and_its_headers() {
    let wire = wire();
    for source in [
        r#"mutation { enter(name: "ann") }"#,
        r#"mutation { __typename enter(name: "ann") }"#,
        r#"mutation { ...F ...F } fragment F on Mutation { enter(name: "ann") }"#,
    ] {
        let response = send(&wire, query(source)).await;
        assert_eq!(response.status(), StatusCode::OK, "{source}");
        assert_eq!(response.headers()["set-cookie"], "name=ann");
        assert!(text(response).await.contains(r#""enter":"ann""#));
    }
    let mut streamed = query(r#"mutation { enter(name: "ann") }"#);
    streamed
        .headers_mut()
        .insert(header::ACCEPT, "text/event-stream".parse().unwrap());
    let response = send(&wire, streamed).await;
    assert_eq!(response.headers()["set-cookie"], "name=ann");
    assert!(
        response.headers()[header::CONTENT_TYPE]
            .to_str()
            .unwrap()
            .starts_with("text/event-stream")
    );
}

#[tokio::test]
async fn a_guests_mistakes_in_the_open_field_are_told() {
    let source = "mutation($name: String!) { enter(name: $name) }";
    let response = send(&wire(), query(source)).await;
    assert_eq!(
        response.status(),
        StatusCode::OK,
        "as for everyone under application/json"
    );
    assert!(text(response).await.contains("BAD_USER_INPUT"));
}

#[tokio::test]
async fn all_else_of_a_guest_is_refused_whatever_it_is() {
    let wire = wire();
    let long = format!("mutation {{ enter(name: \"{}\") }}", "x".repeat(300));
    let mut refused = vec![
        Request::get("/graphql?query=%7Bhello%7D")
            .body(Body::empty())
            .unwrap(),
        Request::get("/graphql?variables=%7B")
            .body(Body::empty())
            .unwrap(),
        post("no JSON"),
        post(r#"[{"query": "{ hello }"}]"#),
        post(r#"{"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "00"}}}"#),
        Request::post("/graphql")
            .header(header::CONTENT_TYPE, "multipart/form-data; boundary=x")
            .header("graphql-require-preflight", "1")
            .body(Body::from_stream(futures::stream::pending::<
                Result<&str, std::io::Error>,
            >()))
            .unwrap(),
    ];
    refused.extend(
        [
            "{ hello }",
            "{ __schema { queryType { name } } }",
            "mutation { bump }",
            r#"mutation { enter(name: "ann") bump }"#,
            r#"mutation { a: enter(name: "a") b: enter(name: "b") }"#,
            r#"mutation { enter(name: "ann") @skip(if: true) ... on Mutation { bump } }"#,
            "mutation { __typename }",
            "mutation { enter }",
            "mutation { nothing }",
            "{",
            long.as_str(),
        ]
        .map(query),
    );
    for request in refused {
        let what = format!("{request:?}");
        let response = send(&wire, request).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{what}");
        assert_eq!(response.headers()[header::WWW_AUTHENTICATE], "Bearer");
        let body = text(response).await;
        assert!(
            body.contains("show a token") && body.contains("UNAUTHENTICATED"),
            "{what}: {body}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_guests_slow_body_is_not_waited_for() {
    let never = Body::from_stream(futures::stream::pending::<Result<&str, std::io::Error>>());
    let begun = tokio::time::Instant::now();
    let response = send(&wire(), post(never)).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert!(begun.elapsed() <= Duration::from_secs(6));
}

#[tokio::test]
async fn what_a_guest_sends_is_not_remembered() {
    use sha2::{Digest, Sha256};
    let wire = wire();
    let source = r#"mutation { enter(name: "ann") }"#;
    let hash: String = Sha256::digest(source)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let extensions = json!({"persistedQuery": {"version": 1, "sha256Hash": hash}});
    let body = json!({"query": source, "extensions": extensions});
    assert_eq!(send(&wire, post(body.to_string())).await.status(), StatusCode::OK);
    let mut known = post(json!({ "extensions": extensions }).to_string());
    known
        .headers_mut()
        .insert(header::AUTHORIZATION, "Bearer x".parse().unwrap());
    assert!(
        text(send(&wire, known).await)
            .await
            .contains("PERSISTED_QUERY_NOT_FOUND")
    );
}
