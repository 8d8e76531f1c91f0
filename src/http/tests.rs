use std::net::SocketAddr;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{Request, Response, StatusCode, header};
use entity::file;
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tower::ServiceExt;

mod sessions;

use super::*;
use crate::base::clock::Clock;
use crate::base::id::{Ids, Kind};
use crate::bus::Bus;
use crate::db::{self, Conn};
use crate::definitions::{Catalog, FileRules};
use crate::domain::access::{self, Role};
use crate::domain::budgets::Budgets;
use crate::domain::files::{self, Incoming};
use crate::domain::people;
use crate::domain::sweep::{self, Retention};
use crate::domain::watch::Hub;

const FILE: &[u8] = b"sku,quantity\nA-1,2\nB-2,3\n";

/// A server with a user `ann`, a stranger `bob`, and a file of hers.
struct House {
    deps: Deps,
    router: Router,
    ann: String,
    bob: String,
    file: file::Model,
    _folder: tempfile::TempDir,
}

fn settings() -> config::Http {
    config::Http {
        listen: "127.0.0.1:0".parse().expect("an address"),
        public_url: None,
        allowed_origins: vec!["http://App.example:80".to_owned()],
        max_body_bytes: 1000,
        max_upload_bytes: 1000,
        max_upload_files: 2,
        request_timeout: Duration::from_secs(30),
        failures_per_minute: 3,
        session: Duration::from_secs(3600),
    }
}

async fn deps(folder: &tempfile::TempDir, limits: api::Limits) -> Deps {
    let db = db::testing::fresh(folder.path()).await;
    let clock = Clock::manual(1_700_000_000_000);
    let store = Store {
        db,
        bus: Bus::local(),
        ids: Ids::seeded(clock.clone(), 1),
        clock,
    };
    let storage = Storage::open(&format!("file://{}/files", folder.path().display())).expect("opens");
    let renewal = Renewal::start(store.clone());
    let schema = api::build(api::Deps {
        store: store.clone(),
        catalog: Catalog::default(),
        storage: storage.clone(),
        hub: Hub::start(store.clone()).await.expect("reads the log"),
        renewal: renewal.clone(),
        limits: limits.clone(),
        budgets: Budgets::default(),
    });
    let strangers = Strangers::new(store.clock.clone(), settings().failures_per_minute);
    Deps {
        schema,
        store,
        storage,
        renewal,
        metrics: Metrics::install(),
        stop: Stop::default(),
        strangers,
        limits,
        settings: settings(),
    }
}

async fn house() -> House {
    house_with(api::Limits::default()).await
}

async fn house_with(limits: api::Limits) -> House {
    let folder = tempfile::tempdir().expect("a folder");
    let deps = deps(&folder, limits).await;
    let store = &deps.store;
    let work = store.begin().await.expect("begins");
    let set = people::create_data_set(&work, "shop").await.expect("a data set");
    work.commit().await.expect("commits");
    let ann = token(store, "ann").await;
    let bob = token(store, "bob").await;
    let viewer = access::authenticate(store, &ann)
        .await
        .expect("looks")
        .expect("is ann");
    let work = store.begin().await.expect("begins");
    people::add_member(&work, set.id, viewer.user_id, Role::Member)
        .await
        .expect("a member");
    work.commit().await.expect("commits");
    let viewer = access::authenticate(store, &ann)
        .await
        .expect("looks")
        .expect("is ann");
    let file = stored_file(&deps, &viewer, set.id).await;
    House {
        router: router(deps.clone()),
        deps,
        ann,
        bob,
        file,
        _folder: folder,
    }
}

async fn token(store: &Store, name: &str) -> String {
    let user = people::create_user(store, name, false, &[])
        .await
        .expect("a user");
    let made = people::create_token(store, user.id, "test", None).await;
    made.expect("a token").1
}

async fn stored_file(deps: &Deps, viewer: &access::Viewer, set: uuid::Uuid) -> file::Model {
    let rules = FileRules {
        max_files: 1,
        max_bytes_per_file: 100,
        max_bytes_total: 100,
        extensions: vec![".csv".to_owned()],
        content_types: vec!["text/csv".to_owned()],
    };
    let mut content = tempfile::tempfile().expect("a file");
    std::io::Write::write_all(&mut content, FILE).expect("writes");
    std::io::Seek::rewind(&mut content).expect("rewinds");
    let upload = Incoming {
        filename: "März.csv".to_owned(),
        content: content.into(),
    };
    let taken = files::take(
        &deps.store,
        &deps.storage,
        viewer,
        Some(&rules),
        set,
        vec![upload],
        &[],
    )
    .await;
    let work = deps.store.begin().await.expect("begins");
    let row = taken
        .expect("is taken")
        .remove(0)
        .stage(&work, viewer.user_id, set);
    db::files::insert(&work.tx, vec![row.clone()])
        .await
        .expect("inserts");
    work.commit().await.expect("commits");
    row
}

impl House {
    fn file_path(&self) -> String {
        format!("/files/{}", Kind::File.format(self.file.id))
    }

    async fn send(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.expect("answers")
    }

    /// Forgets what is old, as the sweeper does now and then.
    async fn sweep(&self) {
        let swept = sweep::forget_old(&self.deps.store, &self.deps.storage, &Retention::default()).await;
        swept.expect("sweeps");
    }

    async fn count_rows(&self, table: &str) -> i64 {
        let counts = db::testing::count_rows(&self.deps.store.db).await;
        let of_it = counts.into_iter().find(|(name, _)| name == table);
        of_it.expect("is a table").1
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Response<Body> {
        self.send(with(Request::get(path), headers)).await
    }

    async fn post(&self, token: &str, body: impl Into<Body>) -> Response<Body> {
        let bearer = format!("Bearer {token}");
        let request = Request::post("/graphql")
            .header("authorization", bearer)
            .header("content-type", "application/json");
        self.send(request.body(body.into()).expect("a request")).await
    }

    async fn download(&self, method: &str, headers: &[(&str, &str)]) -> Response<Body> {
        let bearer = format!("Bearer {}", self.ann);
        let request = Request::builder()
            .method(method)
            .uri(self.file_path())
            .header("authorization", bearer);
        self.send(with(request, headers)).await
    }
}

fn with(mut request: axum::http::request::Builder, headers: &[(&str, &str)]) -> Request<Body> {
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::empty()).expect("a request")
}

async fn bytes(answer: Response<Body>) -> Bytes {
    axum::body::to_bytes(answer.into_body(), 1_000_000)
        .await
        .expect("a body")
}

async fn body(answer: Response<Body>) -> Value {
    serde_json::from_slice(&bytes(answer).await).expect("JSON")
}

fn header<'a>(answer: &'a Response<Body>, name: &str) -> &'a str {
    answer
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().expect("ASCII"))
}

#[tokio::test]
async fn who_shows_no_valid_token_is_refused_before_the_body_is_read() {
    let house = house().await;
    for authorization in ["", "Bearer wrong", "Basic YTpi", "Bearer"] {
        let never = Body::from_stream(futures::stream::pending::<Result<Bytes, std::io::Error>>());
        let request = Request::post("/graphql")
            .header("authorization", authorization)
            .header("content-type", "application/json")
            .body(never)
            .expect("a request");
        let answer = house.send(request).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{authorization}");
        assert_eq!(header(&answer, "www-authenticate"), "Bearer");
        assert!(header(&answer, "content-type").starts_with("application/json"));
        let body = body(answer).await;
        assert_eq!(
            body["errors"][0]["extensions"],
            json!({"code": "UNAUTHENTICATED"})
        );
    }
    assert_eq!(
        house.get(&house.file_path(), &[]).await.status(),
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn uploads_that_nothing_took_are_forgotten_with_their_bytes_after_a_day_and_no_sooner() {
    let house = house().await;
    let store = &house.deps.store;
    // More than are deleted in one transaction.
    let more = (0..1500).map(|_| file::Model {
        id: store.ids.next(),
        ..house.file.clone()
    });
    let work = store.begin().await.expect("begins");
    for some in more.collect::<Vec<_>>().chunks(100) {
        db::files::insert(&work.tx, some.to_vec()).await.expect("inserts");
    }
    work.commit().await.expect("commits");
    let kept = async || {
        house.sweep().await;
        (house.count_rows("file").await, house.count_rows("blob").await)
    };
    store.clock.advance(Duration::from_secs(24 * 60 * 60));
    assert_eq!(kept().await, (1501, 1));
    store.clock.advance(Duration::from_secs(1));
    assert_eq!(kept().await, (0, 0));
    let bytes = house.deps.storage.read_all(house.file.blob_id, 100).await;
    assert!(bytes.is_err(), "{bytes:?}");
}

#[tokio::test]
async fn an_operation_runs_and_the_request_keeps_its_id() {
    let house = house().await;
    let bearer = format!("Bearer {}", house.ann);
    let path = "/graphql?query=%7B__typename%7D";
    let given = [("authorization", bearer.as_str()), ("x-request-id", "mine-1")];
    let answer = house.get(path, &given).await;
    assert_eq!(header(&answer, "x-request-id"), "mine-1");
    assert_eq!(header(&answer, "cache-control"), "no-store");
    assert_eq!(body(answer).await["data"], json!({"__typename": "Query"}));
    let unfit = [("authorization", bearer.as_str()), ("x-request-id", "two words")];
    let answer = house.get(path, &unfit).await;
    assert_eq!(header(&answer, "x-request-id").len(), 32);
}

#[tokio::test]
async fn what_is_no_operation_is_a_clear_error() {
    let house = house().await;
    let long = format!("{{\"query\": \"{}\"}}", " ".repeat(2000));
    let deep = format!("{{\"variables\": {}{}}}", "[".repeat(400), "]".repeat(400));
    for (sent, status, code) in [
        ("nonsense", StatusCode::BAD_REQUEST, "BAD_USER_INPUT"),
        ("[{}]", StatusCode::BAD_REQUEST, "BAD_USER_INPUT"),
        (deep.as_str(), StatusCode::BAD_REQUEST, "BAD_USER_INPUT"),
        (long.as_str(), StatusCode::PAYLOAD_TOO_LARGE, "LIMIT_EXCEEDED"),
    ] {
        let answer = house.post(&house.ann, sent.to_owned()).await;
        assert_eq!(answer.status(), status, "{sent}");
        assert_eq!(
            body(answer).await["errors"][0]["extensions"]["code"],
            code,
            "{sent}"
        );
    }
    // Without a length the bytes are counted as they come.
    let chunk = || Ok::<_, std::io::Error>(Bytes::from(vec![b' '; 600]));
    let chunks = futures::stream::iter([chunk(), chunk()]);
    let answer = house.post(&house.ann, Body::from_stream(chunks)).await;
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_mutation_by_get_is_refused() {
    let house = house().await;
    let bearer = format!("Bearer {}", house.ann);
    let path = "/graphql?query=mutation%7B__typename%7D";
    let answer = house.get(path, &[("authorization", &bearer)]).await;
    assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(header(&answer, "allow"), "POST");
}

#[tokio::test]
async fn a_file_comes_as_a_download_that_no_browser_runs() {
    let house = house().await;
    let answer = house.download("GET", &[]).await;
    assert_eq!(answer.status(), StatusCode::OK);
    for (name, value) in [
        ("content-type", "text/csv"),
        ("content-length", "25"),
        ("accept-ranges", "bytes"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; sandbox"),
        (
            "content-disposition",
            "attachment; filename=\"M_rz.csv\"; filename*=UTF-8''M%C3%A4rz.csv",
        ),
        ("etag", &format!("\"{}\"", house.file.sha256)),
    ] {
        assert_eq!(header(&answer, name), value, "{name}");
    }
    assert_eq!(bytes(answer).await, FILE);
    let head = house.download("HEAD", &[]).await;
    assert_eq!(
        (head.status(), header(&head, "content-length")),
        (StatusCode::OK, "25")
    );
    assert!(bytes(head).await.is_empty());
}

#[tokio::test]
async fn a_file_comes_in_ranges() {
    let house = house().await;
    let part = house.download("GET", &[("range", "bytes=13-17")]).await;
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(header(&part, "content-range"), "bytes 13-17/25");
    assert_eq!(header(&part, "content-length"), "5");
    assert_eq!(bytes(part).await, &FILE[13..18]);
    let beyond = house.download("GET", &[("range", "bytes=25-")]).await;
    assert_eq!(beyond.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(header(&beyond, "content-range"), "bytes */25");
    let other = house
        .download("GET", &[("range", "bytes=0-1"), ("if-range", "\"other\"")])
        .await;
    assert_eq!(other.status(), StatusCode::OK);
    let etag = format!("W/\"x\", \"{}\"", house.file.sha256);
    let known = house.download("GET", &[("if-none-match", &etag)]).await;
    assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
    assert!(bytes(known).await.is_empty());
}

#[tokio::test]
async fn anothers_file_and_no_file_look_alike() {
    let house = house().await;
    let bearer = format!("Bearer {}", house.bob);
    let mut answers = Vec::new();
    let nothing = format!("/files/{}", Kind::File.format(uuid::Uuid::from_u128(1)));
    for path in [
        house.file_path().as_str(),
        &nothing,
        "/files/garbage",
        "/files/%00",
    ] {
        let answer = house.get(path, &[("authorization", &bearer)]).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
        answers.push(body(answer).await);
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
}

/// Of a database that is slow for a moment it is said that it is not there.
async fn eventually(what: &str, holds: impl AsyncFn() -> bool) {
    let looks = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let come = tokio::time::timeout(Duration::from_secs(60), looks).await;
    come.unwrap_or_else(|_| panic!("it never came: {what}"));
}

#[tokio::test]
async fn readiness_follows_schema_and_shutdown_and_liveness_neither() {
    let house = house().await;
    let ask = async |path: &str| house.get(path, &[]).await.status();
    let is_ready = async || ask("/health/ready").await == StatusCode::OK;
    eventually("it is ready", is_ready).await;
    db_run(&house, "INSERT INTO seaql_migrations VALUES ('m_of_tomorrow', 0)").await;
    assert_eq!(ask("/health/ready").await, StatusCode::SERVICE_UNAVAILABLE);
    db_run(
        &house,
        "DELETE FROM seaql_migrations WHERE version = 'm_of_tomorrow'",
    )
    .await;
    eventually("it is ready again", is_ready).await;
    house.deps.stop.announce();
    assert_eq!(ask("/health/ready").await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ask("/health/live").await, StatusCode::OK);
}

async fn db_run(house: &House, sql: &str) {
    let tx = house.deps.store.db.begin().await.expect("begins");
    tx.execute_unprepared(sql).await.expect("runs");
    house.deps.store.db.commit(tx).await.expect("commits");
}

#[tokio::test]
async fn the_numbers_name_queue_and_latency_by_route() {
    let house = house().await;
    house.download("GET", &[]).await;
    let numbers = async || {
        let answer = house.get("/metrics", &[]).await;
        assert!(header(&answer, "content-type").starts_with("text/plain"));
        String::from_utf8(bytes(answer).await.to_vec()).expect("text")
    };
    for line in [
        "agentic_queue_depth 0",
        "agentic_queue_oldest_age_seconds 0",
        "agentic_runs_running 0",
        "agentic_http_request_seconds_bucket{route=\"/files/{id}\",method=\"GET\",status=\"200\"",
    ] {
        eventually(line, async || numbers().await.contains(line)).await;
    }
}

#[tokio::test]
async fn everything_else_is_a_page_that_runs_nothing() {
    let house = house().await;
    for path in ["/", "/executions/1", "/graphiql"] {
        let answer = house.get(path, &[]).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert!(header(&answer, "content-security-policy").starts_with("default-src 'none';"));
    }
    let answer = house
        .send(Request::post("/").body(Body::empty()).expect("a request"))
        .await;
    assert_eq!(
        (answer.status(), header(&answer, "allow")),
        (StatusCode::METHOD_NOT_ALLOWED, "GET,HEAD")
    );
}

/// Python's gql finds out by this name, in this case, which protocol was chosen.
#[tokio::test]
async fn a_handshake_is_answered_in_the_letter_case_of_its_client() {
    let house = house().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(serve(listener, house.router.clone(), house.deps.stop.clone()));
    for name in ["Sec-WebSocket-Protocol", "sec-websocket-protocol"] {
        let mut client = TcpStream::connect(address).await.expect("connects");
        let ask = format!(
            "GET /graphql HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\
             {name}: graphql-ws, graphql-transport-ws\r\n\r\n"
        );
        client.write_all(ask.as_bytes()).await.expect("sends");
        let mut head = vec![0; 1000];
        let length = client.read(&mut head).await.expect("answers");
        let head = String::from_utf8(head[..length].to_vec()).expect("ASCII");
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        for line in [
            &format!("\r\n{name}: graphql-transport-ws\r\n"),
            "\r\nUpgrade: websocket\r\n",
            "\r\nConnection: Upgrade\r\n",
            "\r\nSec-Websocket-Accept: ",
        ] {
            assert!(head.contains(line), "{line} is missing in\n{head}");
        }
    }
}

type Client = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

async fn socket(house: &House) -> Client {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("ws://{}/graphql", listener.local_addr().expect("an address"));
    tokio::spawn(serve(listener, house.router.clone(), house.deps.stop.clone()));
    let mut request = url.into_client_request().expect("a request");
    let protocol = header::HeaderValue::from_static("graphql-transport-ws");
    request
        .headers_mut()
        .insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
    tokio_tungstenite::connect_async(request)
        .await
        .expect("connects")
        .0
}

async fn say(client: &mut Client, message: Value) {
    client
        .send(tungstenite::Message::text(message.to_string()))
        .await
        .expect("sends");
}

/// What comes next: a message, or the code of the close.
async fn hear(client: &mut Client) -> Result<Value, u16> {
    loop {
        let message = tokio::time::timeout(Duration::from_secs(10), client.next()).await;
        match message.expect("in time").expect("open").expect("a message") {
            tungstenite::Message::Text(text) => return Ok(serde_json::from_str(&text).expect("JSON")),
            tungstenite::Message::Close(frame) => return Err(frame.expect("a code").code.into()),
            _ => {}
        }
    }
}

fn init(token: &str) -> Value {
    json!({"type": "connection_init", "payload": {"Authorization": format!("Bearer {token}")}})
}

#[tokio::test]
async fn a_socket_takes_its_token_from_any_usual_place() {
    let house = house().await;
    for payload in [
        json!({"authorization": format!("Bearer {}", house.ann)}),
        json!({"headers": {"Authorization": format!("Bearer {}", house.ann)}}),
        json!({"token": house.ann}),
    ] {
        let mut client = socket(&house).await;
        say(
            &mut client,
            json!({"type": "connection_init", "payload": payload}),
        )
        .await;
        assert_eq!(hear(&mut client).await, Ok(json!({"type": "connection_ack"})));
        let query = json!({"query": "{ __typename }"});
        say(
            &mut client,
            json!({"type": "subscribe", "id": "1", "payload": query}),
        )
        .await;
        let answer = hear(&mut client).await.expect("an answer");
        assert_eq!(answer["payload"]["data"], json!({"__typename": "Query"}));
    }
}

#[tokio::test]
async fn a_socket_with_a_bad_token_or_none_is_closed_with_4403() {
    let house = house().await;
    for first in [init("wrong"), json!({"type": "connection_init"})] {
        let mut client = socket(&house).await;
        say(&mut client, first).await;
        assert_eq!(hear(&mut client).await, Err(4403));
    }
}

#[tokio::test]
async fn a_revoked_token_ends_its_socket_with_4403() {
    let house = house().await;
    let mut client = socket(&house).await;
    say(&mut client, init(&house.ann)).await;
    hear(&mut client).await.expect("an ack");
    let store = &house.deps.store;
    let viewer = access::authenticate(store, &house.ann)
        .await
        .expect("looks")
        .expect("is ann");
    people::revoke_token(store, viewer.credential.id())
        .await
        .expect("revokes");
    house.deps.renewal.renew(store).await.expect("renews");
    assert_eq!(hear(&mut client).await, Err(4403));
}

#[tokio::test]
async fn a_shutdown_closes_sockets_with_a_code_on_which_clients_reconnect() {
    let house = house().await;
    let mut client = socket(&house).await;
    say(&mut client, init(&house.ann)).await;
    hear(&mut client).await.expect("an ack");
    house.deps.stop.close();
    assert_eq!(hear(&mut client).await, Err(1012));
    house.deps.stop.drained().await;
}

fn rates(requests_per_minute: u64, cost_per_minute: u64) -> api::Limits {
    api::Limits {
        max_complexity: 50,
        requests_per_minute,
        cost_per_minute,
        ..api::Limits::default()
    }
}

/// 26 points: the default page of 25 with one field, and the page.
const PAGE: &str = r#"{"query": "{ agents { nodes { id } } }"}"#;

fn cost(remaining: u64, reset_at: &str) -> Value {
    json!({"requested": 51, "maximum": 60, "perMinute": 120, "remaining": remaining, "resetAt": reset_at})
}

#[tokio::test]
async fn every_answer_says_what_it_cost_and_what_is_left() {
    let house = house_with(api::Limits {
        max_complexity: 60,
        ..rates(0, 120)
    })
    .await;
    let ask = async |token: &str| body(house.post(token, PAGE).await).await["extensions"]["cost"].clone();
    assert_eq!(ask(&house.ann).await, cost(69, "2023-11-14T22:13:45.500Z"));
    assert_eq!(ask(&house.ann).await, cost(18, "2023-11-14T22:14:11.000Z"));
    // Another's points are another's.
    assert_eq!(ask(&house.bob).await, cost(69, "2023-11-14T22:13:45.500Z"));

    let refused = house.post(&house.ann, PAGE).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(header(&refused, "retry-after"), "17");
    let refused = body(refused).await;
    assert_eq!(refused["data"], Value::Null);
    assert_eq!(
        refused["errors"][0]["message"],
        "the operation costs 51 points, and 18 of this token's 120 a minute are left; come back in 17 s"
    );
    let left = cost(18, "2023-11-14T22:14:11.000Z");
    assert_eq!(
        refused["errors"][0]["extensions"],
        json!({"code": "RATE_LIMITED", "retryAfterSeconds": 17, "cost": left})
    );
    assert_eq!(refused["extensions"]["cost"], left);

    house.deps.store.clock.advance(Duration::from_secs(17));
    assert_eq!(ask(&house.ann).await, cost(1, "2023-11-14T22:14:36.500Z"));
}

#[tokio::test]
async fn an_operation_that_costs_too_much_is_refused_with_the_numbers_and_costs_nothing() {
    let house = house_with(rates(0, 120)).await;
    for _ in 0..5 {
        let wide = r#"{"query": "{ agents(first: 100) { nodes { id } } }"}"#;
        let answer = house.post(&house.ann, wide).await;
        // As every other bad document under `application/json`.
        assert_eq!(answer.status(), StatusCode::OK);
        let answer = body(answer).await;
        assert_eq!(answer["data"], Value::Null);
        let cost = &answer["extensions"]["cost"];
        assert_eq!((&cost["requested"], &cost["maximum"]), (&json!(201), &json!(50)));
        assert_eq!(cost["remaining"], 120);
        let error = &answer["errors"][0];
        assert_eq!(error["extensions"]["code"], "LIMIT_EXCEEDED");
        assert_eq!(
            error["message"],
            "the operation costs 201 points; one may cost 50: ask for fewer fields or smaller pages"
        );
    }
    // Pages of pages of pages do not count round to nothing.
    let page = |inner: &str| format!("retries(first: 2147483647) {{ nodes {{ {inner} }} }}");
    let deep = (0..8).fold("id".to_owned(), |inner, _| page(&inner));
    let query = json!({ "query": format!("{{ execution(id: \"a\") {{ {deep} }} }}") });
    let answer = body(house.post(&house.ann, query.to_string()).await).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "LIMIT_EXCEEDED");
}

#[tokio::test]
async fn a_token_asks_so_often_a_minute_and_no_more_valid_or_not() {
    let house = house_with(rates(3, 0)).await;
    for sent in [
        r#"{"query": "{ __typename }"}"#,
        r#"{"query": "{ nonsense"}"#,
        PAGE,
    ] {
        let status = house.post(&house.ann, sent).await.status();
        assert_ne!(status, StatusCode::TOO_MANY_REQUESTS, "{sent}");
    }
    let refused = house.post(&house.ann, PAGE).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(header(&refused, "retry-after"), "20");
    assert_eq!(
        body(refused).await["errors"][0]["extensions"],
        json!({"code": "RATE_LIMITED", "retryAfterSeconds": 20})
    );
    house.deps.store.clock.advance(Duration::from_secs(20));
    assert_eq!(house.post(&house.ann, PAGE).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn over_a_socket_one_operation_is_refused_and_the_rest_goes_on() {
    let house = house_with(rates(0, 50)).await;
    let mut client = socket(&house).await;
    say(&mut client, init(&house.ann)).await;
    hear(&mut client).await.expect("an ack");
    let ask = |id: &str, query: &str| json!({"type": "subscribe", "id": id, "payload": {"query": query}});
    let list = "{ agents(first: 23) { nodes { id } } }";
    say(&mut client, ask("1", list)).await;
    let answer = hear(&mut client).await.expect("an answer");
    assert_eq!(answer["payload"]["extensions"]["cost"]["remaining"], 3);
    assert_eq!(hear(&mut client).await.expect("an end")["type"], "complete");
    let watch = "subscription { executionsChanged { cursor resync changes { __typename } } }";
    for (id, query) in [
        ("2", list),
        (
            "3",
            "mutation { revokeAccessToken(input: {id: \"x\"}) { errors { __typename } accessToken { id name } } }",
        ),
        ("4", watch),
    ] {
        say(&mut client, ask(id, query)).await;
        let refused = hear(&mut client).await.expect("an answer");
        assert_eq!(
            (&refused["id"], &refused["type"]),
            (&json!(id), &json!("error")),
            "{refused}"
        );
        let extensions = &refused["payload"][0]["extensions"];
        assert_eq!(extensions["code"], "RATE_LIMITED", "{refused}");
        assert!(extensions["retryAfterSeconds"].is_u64(), "{refused}");
    }
    house.deps.store.clock.advance(Duration::from_secs(60));
    say(&mut client, ask("5", list)).await;
    assert_eq!(hear(&mut client).await.expect("an answer")["type"], "next");
}

#[tokio::test]
async fn an_address_that_shows_bad_tokens_waits_and_known_tokens_there_do_not() {
    let house = house().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(serve(listener, house.router.clone(), house.deps.stop.clone()));
    crate::base::tls::use_ring();
    let client = reqwest::Client::new();
    let get = async |path: &str, token: &str| {
        let request = client.get(format!("{url}{path}")).bearer_auth(token);
        request.send().await.expect("answers")
    };
    let query = "/graphql?query=%7B__typename%7D";
    assert_eq!(get(query, &house.ann).await.status(), StatusCode::OK);
    for path in [query, "/files/fil_1", query] {
        assert_eq!(get(path, "wrong").await.status(), StatusCode::UNAUTHORIZED);
    }
    for path in [query, "/files/fil_1"] {
        for token in ["wrong", &house.bob] {
            let refused = get(path, token).await;
            assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS, "{path}");
            assert_eq!(refused.headers()["retry-after"], "20");
            let refused: Value = refused.json().await.expect("JSON");
            assert_eq!(refused["errors"][0]["extensions"]["code"], "RATE_LIMITED");
        }
    }
    assert_eq!(get(query, &house.ann).await.status(), StatusCode::OK);
    house.deps.store.clock.advance(Duration::from_secs(20));
    assert_eq!(get(query, &house.bob).await.status(), StatusCode::OK);
}
