//! What our wire costs beside the library's stock integration: `make bench`, or
//! `scripts/with-postgres.sh cargo bench --bench wire`.
//!
//! One schema over one database, mounted twice: on `wire`, which checks documents itself and has the
//! library trust it, and on async-graphql-axum as its documentation shows, with the library's own
//! checks. Both find out who is asking from the bearer token by the same statements. The same clients
//! ask both for a filtered first page, in turns, so that what else the machine does falls on both.
//! It prints; it never fails: noise is no defect.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use agentic_executions::base::clock::Clock;
use agentic_executions::base::id::Ids;
use agentic_executions::base::tls;
use agentic_executions::bus::Bus;
use agentic_executions::child::Launcher;
use agentic_executions::db::{Db, Options};
use agentic_executions::definitions::{Catalog, Sources};
use agentic_executions::documents::Reader;
use agentic_executions::domain::access::{self, Renewal, Viewer};
use agentic_executions::domain::budgets::Budgets;
use agentic_executions::domain::watch::Hub;
use agentic_executions::domain::{Store, people};
use agentic_executions::fetch::{Fetcher, Rules};
use agentic_executions::graphql::{self, RequestId};
use agentic_executions::model::Models;
use agentic_executions::runner::Registry;
use agentic_executions::storage::Storage;
use async_graphql::ValidationMode;
use async_graphql_axum::{GraphQLRequest, GraphQLResponse};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header, request::Parts};
use axum::routing::post;
use futures::future::BoxFuture;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use wire::{Authenticate, Identity, Refusal, Wire};

const TOKEN: &str = "a-token-for-benchmarks-of-at-least-32-characters";
const ROWS: u64 = 100_000;
const CONCURRENCY: usize = 8;
/// Turns of each side, and how long one takes.
const TURNS: usize = 7;
const TURN: Duration = Duration::from_secs(2);

/// A list page as clients with collocated fragments write it.
const PAGE: &str = "
query Page($agents: [ID!]!) {
  executions(first: 25, filter: {agentIds: $agents, statuses: [FINISHED, FAILED]}) {
    edges { cursor node { ...Row ...State } }
    pageInfo { endCursor hasNextPage }
  }
}
fragment Row on Execution { __typename id executionKey createdAt ...State }
fragment State on Execution { id status isTerminal revision }
";

#[tokio::main]
#[allow(clippy::disallowed_methods)] // what to measure against only the environment knows
async fn main() {
    // `cargo test --benches` and `cargo clippy` run this too; it measures only when asked.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let server = std::env::var("TEST_POSTGRES_URL")
        .expect("TEST_POSTGRES_URL names a throw-away PostgreSQL; run `make bench`");
    tls::use_ring();
    let db = database(&server).await;
    let (deps, agent) = world(db).await;
    let ours = serve(ours(deps.clone())).await;
    let stock = serve(stock(deps)).await;
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let body = json!({ "query": PAGE, "variables": { "agents": [agent] } });

    let answers = [ask(&client, ours, &body).await, ask(&client, stock, &body).await];
    assert_eq!(answers[0]["data"], answers[1]["data"], "both give the same page");
    assert_eq!(
        answers[0]["data"]["executions"]["edges"].as_array().map(Vec::len),
        Some(25)
    );

    let (mut of_ours, mut of_stock) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        of_ours.push(rate(&client, ours, &body).await);
        of_stock.push(rate(&client, stock, &body).await);
    }
    let (ours, stock) = (median(of_ours), median(of_stock));
    println!(
        "a filtered first page of {ROWS} rows, {CONCURRENCY} clients: {ours:.0}/s on wire, {stock:.0}/s on the stock integration, ratio {:.2}",
        ours / stock
    );
}

async fn database(server: &str) -> Db {
    let name = format!("wire_{}", std::process::id());
    let admin = Db::connect(server, &Options::default())
        .await
        .expect("the server answers");
    admin
        .read()
        .execute_unprepared(&format!("CREATE DATABASE {name}"))
        .await
        .expect("a database");
    let host = server.rsplit_once('/').expect("an address with a database").0;
    let db = Db::connect(&format!("{host}/{name}"), &Options::default())
        .await
        .expect("connects");
    db.migrate().await.expect("migrates");
    db
}

/// The demo with one agent's executions beside it, and that agent's id.
async fn world(db: Db) -> (graphql::Deps, String) {
    let clock = Clock::system();
    let store = Store {
        db,
        bus: Bus::local(),
        ids: Ids::random(clock.clone()),
        clock,
    };
    let models = Models::rehearsal_only();
    let registry = Registry::built_in(
        Fetcher::new(Rules::default()),
        Reader::new(Launcher::this_program()),
    );
    let catalog = Catalog::load(&Sources::shipped(), &registry.names(&models).known())
        .expect("the shipped definitions are right");
    people::create_demo(&store, &catalog).await.expect("a demo");
    people::bootstrap(&store, TOKEN).await.expect("an admin");
    let fill = format!(
        "INSERT INTO execution (id, revision, status, data_set_id, agent_id, execution_key, schema_version, conversation_id, launched_by, attempt, max_attempts, input_tokens, output_tokens, model_calls, tool_calls, created_at, updated_at)
         SELECT gen_random_uuid(), 1, CASE n % 3 WHEN 0 THEN 'pending' WHEN 1 THEN 'finished' ELSE 'failed' END, a.data_set_id, a.id, 'invoice-scanning', 'v', gen_random_uuid(), u.id, 1, 1, 0, 0, 0, 0, 1700000000000 + n, 0
         FROM generate_series(1, {ROWS}) AS t(n), (SELECT * FROM agent WHERE agent_type_key = 'invoice-scanning') a, (SELECT * FROM \"user\" LIMIT 1) u"
    );
    let db = store.db.read();
    db.execute_unprepared(&fill).await.expect("fills");
    db.execute_unprepared("ANALYZE").await.expect("analyzes");
    let folder = std::env::temp_dir().join(format!("wire-bench-{}", std::process::id()));
    let deps = graphql::Deps {
        catalog,
        storage: Storage::open(&format!("file://{}", folder.display())).expect("a folder"),
        hub: Hub::start(store.clone()).await.expect("a hub"),
        renewal: Renewal::start(store.clone()),
        limits: graphql::Limits::default(),
        budgets: Budgets::default(),
        store,
    };
    let api = serve(stock(deps.clone())).await;
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let agents = ask(
        &client,
        api,
        &json!({ "query": "{ agents { nodes { id agentTypeKey } } }" }),
    )
    .await;
    let agent = agents["data"]["agents"]["nodes"]
        .as_array()
        .and_then(|nodes| {
            nodes
                .iter()
                .find(|node| node["agentTypeKey"] == "invoice-scanning")
        })
        .and_then(|node| node["id"].as_str())
        .expect("the demo has an agent of each type");
    (deps, agent.to_owned())
}

fn ours(deps: graphql::Deps) -> Router {
    let tokens = Tokens(deps.store.clone());
    Wire::builder(graphql::build(deps), graphql::sdl())
        .authenticate(tokens)
        .build()
        .expect("our own schema is valid")
        .routes("/graphql")
}

struct Tokens(Store);

impl Authenticate for Tokens {
    fn request<'a>(&'a self, parts: &'a Parts) -> BoxFuture<'a, Result<Identity, Refusal>> {
        Box::pin(async move {
            let viewer = viewer(&self.0, &parts.headers).await;
            let mut identity = viewer
                .map(Identity::with)
                .ok_or_else(|| Refusal::unauthenticated("no token"))?;
            identity.data.insert(RequestId("bench".to_owned()));
            Ok(identity)
        })
    }

    fn connection<'a>(&'a self, _: &'a Parts, _: &'a Value) -> BoxFuture<'a, Result<Identity, Refusal>> {
        Box::pin(async { Err(Refusal::unauthenticated("there are no sockets here")) })
    }
}

/// As the documentation of async-graphql-axum has it.
fn stock(deps: graphql::Deps) -> Router {
    let store = deps.store.clone();
    let schema = graphql::builder(deps)
        .validation_mode(ValidationMode::Strict)
        .finish();
    let handle = async |State((schema, store)): State<(graphql::Schema, Store)>,
                        headers: HeaderMap,
                        request: GraphQLRequest| {
        let viewer = viewer(&store, &headers).await.ok_or(StatusCode::UNAUTHORIZED)?;
        let request = request
            .into_inner()
            .data(viewer)
            .data(RequestId("bench".to_owned()));
        Ok::<GraphQLResponse, StatusCode>(schema.execute(request).await.into())
    };
    Router::new()
        .route("/graphql", post(handle))
        .with_state((schema, store))
}

async fn viewer(store: &Store, headers: &HeaderMap) -> Option<Viewer> {
    let secret = headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .strip_prefix("Bearer ")?;
    access::authenticate(store, secret)
        .await
        .expect("the database answers")
}

async fn serve(router: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

async fn ask(client: &reqwest::Client, api: SocketAddr, body: &Value) -> Value {
    let request = client.post(format!("http://{api}/graphql")).bearer_auth(TOKEN);
    let answer = request.json(body).send().await.expect("answers");
    let answer: Value = answer.json().await.expect("JSON");
    assert!(answer["errors"].is_null(), "{answer}");
    answer
}

/// Pages a second.
#[allow(clippy::disallowed_methods)] // measuring real time is what this is for
async fn rate(client: &reqwest::Client, api: SocketAddr, body: &Value) -> f64 {
    let began = Instant::now();
    let one = || async {
        let mut done = 0_u32;
        while began.elapsed() < TURN {
            ask(client, api, body).await;
            done += 1;
        }
        done
    };
    let done: u32 = futures::future::join_all((0..CONCURRENCY).map(|_| one()))
        .await
        .into_iter()
        .sum();
    f64::from(done) / began.elapsed().as_secs_f64()
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}
