//! Measured figures, as ratios to a reference in the same run: `make bench`.
//!
//! The reference for what goes through the database is `pgbench` with the same statements on the
//! same server, at the same concurrency: what is lost to it is what we add. Needs
//! `TEST_POSTGRES_URL` (a throw-away server) and `pgbench` on the path or in PostgreSQL's own
//! directory. Nothing here is a test: these numbers are for reading.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use agentic_executions::base::tls;
use agentic_executions::db::{Db, Options};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

const CONCURRENCY: usize = 16;
const SECONDS: u64 = 8;
const TOKEN: &str = "a-token-for-benchmarks-of-at-least-32-characters";
/// Executions in the table before anything is measured.
const ROWS: u64 = 100_000;

#[tokio::main]
#[allow(clippy::disallowed_methods)] // measuring real time is what this is for
async fn main() {
    // `cargo test --benches` and `cargo clippy` run this too; it measures only when asked.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let server = std::env::var("TEST_POSTGRES_URL")
        .expect("TEST_POSTGRES_URL names a throw-away PostgreSQL; run `make bench`");
    machine();
    let site = Site::new(&server).await;
    let api = site.start(&["serve", "--no-worker"]).await;
    let agent = site.agent().await;
    launches(&site, &agent).await;
    pages(&site, &agent).await;
    latency(&site, &agent).await;
    drop(api);
    throughput(&site).await;
}

fn machine() {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu
        .lines()
        .find(|line| line.starts_with("model name"))
        .and_then(|line| line.split(':').nth(1))
        .unwrap_or("unknown");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = read("/proc/meminfo");
    let memory = memory
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .nth(1)
        .and_then(|kb| kb.parse::<u64>().ok())
        .unwrap_or(0);
    println!(
        "machine: {cores} cores,{model}, {} GiB; everything, the database too, on it",
        memory / 1024 / 1024
    );
    println!("concurrency {CONCURRENCY}, {SECONDS} s each\n");
}

struct Site {
    url: String,
    db: Db,
    base: String,
    http: reqwest::Client,
    directory: PathBuf,
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Site {
    async fn new(server: &str) -> Self {
        let name = format!("bench_{}", std::process::id());
        let admin = Db::connect(server, &Options::default())
            .await
            .expect("the server answers");
        admin
            .read()
            .execute_unprepared(&format!("CREATE DATABASE {name}"))
            .await
            .expect("a database");
        let (host, query) = server
            .split_once('?')
            .map_or((server, ""), |(host, query)| (host, query));
        let host = host.rsplit_once('/').expect("an address").0;
        let url = if query.is_empty() {
            format!("{host}/{name}")
        } else {
            format!("{host}/{name}?{query}")
        };
        let db = Db::connect(&url, &Options::default()).await.expect("connects");
        db.migrate().await.expect("migrates");
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .expect("a port")
            .local_addr()
            .expect("an address")
            .port();
        let directory = std::env::temp_dir().join(&name);
        std::fs::create_dir_all(&directory).expect("a directory");
        tls::use_ring();
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        Self {
            url,
            db,
            base: format!("http://127.0.0.1:{port}"),
            http,
            directory,
        }
    }

    async fn start(&self, arguments: &[&str]) -> Running {
        let definitions = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/definitions");
        let child = Command::new(env!("CARGO_BIN_EXE_agentic-executions"))
            .args(arguments)
            .env("DATABASE_URL", &self.url)
            .env("AGENTIC_LISTEN", self.base.trim_start_matches("http://"))
            .env(
                "AGENTIC_FILES_URL",
                format!("file://{}", self.directory.display()),
            )
            .env("AGENTIC_DEFINITIONS", definitions)
            .env("AGENTIC_BOOTSTRAP_TOKEN", TOKEN)
            .env("AGENTIC_LOG", "warn")
            .stdout(Stdio::null())
            .spawn()
            .expect("starts");
        let running = Running(child);
        while self
            .http
            .get(format!("{}/health/ready", self.base))
            .send()
            .await
            .is_err()
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        running
    }

    async fn ask(&self, query: &str, variables: Value) -> Value {
        let body = json!({ "query": query, "variables": variables });
        let answer = self
            .http
            .post(format!("{}/graphql", self.base))
            .bearer_auth(TOKEN)
            .json(&body)
            .send()
            .await
            .expect("answers");
        let answer: Value = answer.json().await.expect("JSON");
        assert!(answer["errors"].is_null(), "{answer}");
        answer["data"].clone()
    }

    async fn agent(&self) -> String {
        let set = self
            .ask(
                "mutation { createDataSet(input: {name: \"bench\"}) { dataSet { id } } }",
                json!({}),
            )
            .await;
        let create = "mutation($set: ID!) { createAgent(input: {dataSetId: $set, agentTypeKey: \"trials\", name: \"trials\"}) { agent { id } } }";
        let agent = self
            .ask(create, json!({ "set": set["createDataSet"]["dataSet"]["id"] }))
            .await;
        agent["createAgent"]["agent"]["id"]
            .as_str()
            .expect("an id")
            .to_owned()
    }

    /// Operations a second of `CONCURRENCY` clients.
    #[allow(clippy::disallowed_methods)]
    async fn rate(&self, query: &str, variables: Value) -> f64 {
        let began = Instant::now();
        let end = began + Duration::from_secs(SECONDS);
        let client = || async {
            let mut done = 0_u32;
            while Instant::now() < end {
                self.ask(query, variables.clone()).await;
                done += 1;
            }
            done
        };
        let done: u32 = futures::future::join_all((0..CONCURRENCY).map(|_| client()))
            .await
            .into_iter()
            .sum();
        f64::from(done) / began.elapsed().as_secs_f64()
    }

    /// Transactions a second of the same statements through pgbench.
    fn pgbench(&self, name: &str, script: &str) -> f64 {
        let file = self.directory.join(format!("{name}.sql"));
        std::fs::write(&file, script).expect("writes");
        let known = [
            "pgbench".to_owned(),
            "/usr/lib/postgresql/15/bin/pgbench".to_owned(),
        ];
        let found = known.into_iter().find(|path| {
            Command::new(path)
                .arg("--version")
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .is_ok()
        });
        let concurrency = CONCURRENCY.to_string();
        let output = Command::new(found.expect("pgbench is installed"))
            .args([
                "-n",
                "-M",
                "prepared",
                "-j",
                "2",
                "-c",
                &concurrency,
                "-T",
                &SECONDS.to_string(),
                "-f",
            ])
            .arg(&file)
            .arg(&self.url)
            .output()
            .expect("runs");
        let text =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        let tps = text
            .lines()
            .find(|line| line.starts_with("tps = "))
            .and_then(|line| line.split_whitespace().nth(2));
        tps.and_then(|number| number.parse().ok())
            .unwrap_or_else(|| panic!("pgbench: {text}"))
    }
}

fn report(what: &str, ours: f64, reference: f64) {
    println!(
        "{what}: {ours:.0}/s, the same SQL through pgbench {reference:.0}/s, ratio {:.2}",
        ours / reference
    );
}

async fn launches(site: &Site, agent: &str) {
    let launch = "mutation($agent: ID!) { launchExecution(input: {agentId: $agent, executionKey: \"noop\", input: {}}) { execution { id status } errors { __typename } } }";
    let ours = site.rate(launch, json!({ "agent": agent })).await;
    // What a launch reads and writes, with the same indexes and the same commit.
    let script = "
SELECT * FROM access_token WHERE secret_hash = 'none';
SELECT * FROM \"user\" LIMIT 1;
SELECT * FROM member WHERE user_id = gen_random_uuid();
SELECT * FROM agent LIMIT 1;
BEGIN;
WITH ids AS MATERIALIZED (SELECT gen_random_uuid() AS e, gen_random_uuid() AS c, a.id AS agent, a.data_set_id AS s, u.id AS u, (extract(epoch FROM now()) * 1000)::bigint AS t FROM agent a, \"user\" u LIMIT 1),
 con AS (INSERT INTO conversation (id, data_set_id, agent_id, started_by, is_chat, execution_id, last_sequence, created_at, updated_at) SELECT c, s, agent, u, false, e, 1, t, t FROM ids),
 exe AS (INSERT INTO execution (id, revision, status, data_set_id, agent_id, execution_key, schema_version, conversation_id, launched_by, attempt, max_attempts, input_tokens, output_tokens, model_calls, tool_calls, created_at, updated_at) SELECT e, 1, 'pending', s, agent, 'noop', 'v', c, u, 1, 1, 0, 0, 0, 0, t, t FROM ids),
 pay AS (INSERT INTO execution_payload (execution_id, input) SELECT e, '{}' FROM ids),
 evt AS (INSERT INTO event (conversation_id, sequence, id, kind, attempt, body, occurred_at) SELECT c, 1, gen_random_uuid(), 'status_changed', 1, '{}', t FROM ids),
 chg AS (INSERT INTO change (execution_id, revision, is_deletion, data_set_id, agent_id, execution_key, launched_by, status, occurred_at) SELECT e, 1, false, s, agent, 'noop', u, 'pending', t FROM ids)
INSERT INTO run (id, kind, execution_id, conversation_id, definition, queued_at, fence, lease_expires_at, stall_sequence, stalls) SELECT gen_random_uuid(), 'reference', e, c, 'none', t, 0, 0, 0, 0 FROM ids;
COMMIT;
";
    report("launches", ours, site.pgbench("launch", script));
}

async fn pages(site: &Site, agent: &str) {
    let fill = format!(
        "INSERT INTO execution (id, revision, status, data_set_id, agent_id, execution_key, schema_version, conversation_id, launched_by, attempt, max_attempts, input_tokens, output_tokens, model_calls, tool_calls, created_at, updated_at)
         SELECT gen_random_uuid(), 1, CASE n % 3 WHEN 0 THEN 'pending' WHEN 1 THEN 'finished' ELSE 'failed' END, a.data_set_id, a.id, 'noop', 'v', gen_random_uuid(), u.id, 1, 1, 0, 0, 0, 0, 1700000000000 + n, 0
         FROM generate_series(1, {ROWS}) AS t(n), (SELECT * FROM agent LIMIT 1) a, (SELECT * FROM \"user\" LIMIT 1) u"
    );
    site.db.read().execute_unprepared(&fill).await.expect("fills");
    site.db
        .read()
        .execute_unprepared("ANALYZE")
        .await
        .expect("analyzes");
    let page = "query($agent: ID!) { executions(first: 25, filter: {agentIds: [$agent], statuses: [FINISHED, FAILED]}) { nodes { id status executionKey createdAt } pageInfo { endCursor hasNextPage } } }";
    let ours = site.rate(page, json!({ "agent": agent })).await;
    let branch = |status: &str| {
        format!(
            "(SELECT * FROM (SELECT * FROM execution WHERE agent_id = (SELECT id FROM agent LIMIT 1) AND status = '{status}' ORDER BY created_at DESC, id DESC LIMIT 26) run)"
        )
    };
    let script = format!(
        "SELECT * FROM access_token WHERE secret_hash = 'none';\nSELECT * FROM \"user\" LIMIT 1;\nSELECT * FROM member WHERE user_id = gen_random_uuid();\nSELECT * FROM ({} UNION ALL {}) page ORDER BY created_at DESC, id DESC LIMIT 26;\n",
        branch("finished"),
        branch("failed")
    );
    report(
        &format!("a filtered first page of {ROWS} rows"),
        ours,
        site.pgbench("page", &script),
    );
}

/// From the answer of a launch, which is after its commit, to the frame that brings it.
#[allow(clippy::disallowed_methods)]
async fn latency(site: &Site, agent: &str) {
    use futures::{SinkExt, StreamExt};
    use tokio_tungstenite::tungstenite::Message;
    use tokio_tungstenite::tungstenite::client::IntoClientRequest;
    let mut request = format!("{}/graphql", site.base.replacen("http", "ws", 1))
        .into_client_request()
        .expect("a request");
    request.headers_mut().insert(
        "sec-websocket-protocol",
        "graphql-transport-ws".parse().expect("a header"),
    );
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await.expect("connects");
    let watch =
        "subscription { executionsChanged { changes { ... on ExecutionEntered { edge { node { id } } } } } }";
    for message in [
        json!({ "type": "connection_init", "payload": { "Authorization": format!("Bearer {TOKEN}") } }),
        json!({ "type": "subscribe", "id": "1", "payload": { "query": watch } }),
    ] {
        socket
            .send(Message::text(message.to_string()))
            .await
            .expect("sends");
    }
    let launch = "mutation($agent: ID!) { launchExecution(input: {agentId: $agent, executionKey: \"noop\", input: {}}) { execution { id } } }";
    let mut delays = Vec::new();
    tokio::time::sleep(Duration::from_millis(500)).await;
    for _ in 0..100 {
        let id = site.ask(launch, json!({ "agent": agent })).await["launchExecution"]["execution"]["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        let committed = Instant::now();
        while let Some(Ok(frame)) = socket.next().await {
            if frame.to_text().is_ok_and(|text| text.contains(&id)) {
                break;
            }
        }
        delays.push(committed.elapsed());
        // Frames are at most ten a second: without a pause this would measure their pace.
        tokio::time::sleep(Duration::from_millis(120)).await;
    }
    delays.sort();
    println!(
        "from commit to subscriber: median {:.1} ms, 95th percentile {:.1} ms",
        delays[50].as_secs_f64() * 1e3,
        delays[95].as_secs_f64() * 1e3
    );
}

/// No-op executions from pending to finished, by one worker process.
#[allow(clippy::disallowed_methods)]
async fn throughput(site: &Site) {
    let count = async |what: &str| {
        let sql = format!("SELECT COUNT(*) AS n FROM run WHERE {what}");
        let row = site
            .db
            .read()
            .query_one_raw(sea_orm::Statement::from_string(
                sea_orm::DatabaseBackend::Postgres,
                sql,
            ))
            .await
            .expect("reads");
        row.expect("a row").try_get::<i64>("", "n").expect("a number")
    };
    site.db
        .read()
        .execute_unprepared("DELETE FROM run WHERE kind = 'reference'")
        .await
        .expect("clears");
    let queued = count("TRUE").await;
    // The start is counted too: what the worker does before it is ready must not come for free.
    let began = Instant::now();
    let worker = site.start(&["serve"]).await;
    while count("TRUE").await > 0 && began.elapsed() < Duration::from_secs(120) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let ended = queued - count("TRUE").await;
    drop(worker);
    #[allow(clippy::cast_precision_loss)] // some thousands
    let ours = ended as f64 / began.elapsed().as_secs_f64();
    // A no-op is three commits: claimed, asked, answered. The reference commits three rows.
    let commit = "BEGIN;\nINSERT INTO idempotency_key (viewer_id, mutation, key, fingerprint, subject_id, created_at) SELECT id, 'bench', gen_random_uuid()::text, '', id, 0 FROM \"user\" LIMIT 1;\nCOMMIT;\n";
    report(
        "no-op executions from pending to finished",
        ours,
        site.pgbench("commits", &commit.repeat(3)),
    );
}
