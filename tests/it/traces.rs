//! Traces: what a collector receives, and what it costs when there is none.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::both;
use crate::support::client::{Client, LAUNCH};
use crate::support::eventually;

/// Those of the W3C's own example.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// A collector: an address, and the requests that came to it.
struct Collector {
    address: String,
    received: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
}

impl Collector {
    async fn start() -> Self {
        let received = Arc::<Mutex<Vec<ExportTraceServiceRequest>>>::default();
        let take = async |State(received): State<Arc<Mutex<Vec<_>>>>, body: Bytes| {
            let request = ExportTraceServiceRequest::decode(body).expect("protobuf of OTLP");
            received.lock().expect("no one panicked").push(request);
        };
        let router = Router::new()
            .route("/v1/traces", post(take))
            .with_state(received.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, received }
    }

    fn spans(&self) -> Vec<Span> {
        let received = self.received.lock().expect("no one panicked");
        let resources = received.iter().flat_map(|request| &request.resource_spans);
        let scopes = resources.flat_map(|resource| &resource.scope_spans);
        scopes.flat_map(|scope| scope.spans.clone()).collect()
    }

    /// All that it was told, as text.
    fn text(&self) -> String {
        format!("{:?}", self.received.lock().expect("no one panicked"))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn launch(client: &Client, name: &str) -> String {
    let agent = client.agent("trials").await;
    let input = json!({ "rounds": 1, "name": name });
    let variables = json!({ "input": { "agentId": agent, "executionKey": "ledger", "input": input } });
    let request = client
        .request()
        .header("traceparent", format!("00-{TRACE}-{PARENT}-01"));
    let body = json!({ "query": LAUNCH, "variables": variables });
    let (_, body): (_, Value) = client.send(request.json(&body)).await;
    let id = &body["data"]["launchExecution"]["execution"]["id"];
    id.as_str().unwrap_or_else(|| panic!("{body}")).to_owned()
}

both! {
    async fn the_clients_trace_goes_on_in_the_run_and_its_calls(site: Site) {
        let collector = Collector::start().await;
        site.set("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.address);
        // Log lines have no say in traces.
        site.set("AGENTIC_LOG", "warn");
        site.set("OTEL_BSP_SCHEDULE_DELAY", "50");
        let server = site.serve(&[]).await;
        let client = server.admin();
        let id = launch(&client, "secret").await;
        assert_eq!(client.ended(&id).await["status"], "FINISHED");
        eventually("the trace is whole", async || {
            let spans = collector.spans();
            ["POST /graphql", "run", "model call", "tool call"]
                .iter()
                .all(|name| spans.iter().any(|span| span.name == *name && hex(&span.trace_id) == TRACE))
        })
        .await;
        assert_eq!(server.terminate().await, Some(0));
        let all = collector.spans();
        let spans: Vec<&Span> = all.iter().filter(|span| hex(&span.trace_id) == TRACE).collect();
        let one = |name: &str| {
            let found = spans.iter().find(|span| span.name == name);
            *found.unwrap_or_else(|| panic!("no `{name}` among {spans:#?}"))
        };
        let (request, run) = (one("POST /graphql"), one("run"));
        assert_eq!(hex(&request.parent_span_id), PARENT);
        assert_eq!(run.parent_span_id, request.span_id, "queued by it");
        for call in ["model call", "tool call"] {
            assert_eq!(one(call).parent_span_id, run.span_id, "{call} is the run's");
        }
        let strangers = all.iter().filter(|span| hex(&span.trace_id) != TRACE);
        for span in strangers {
            assert!(span.parent_span_id.is_empty() || all.iter().any(|other| other.span_id == span.parent_span_id), "{span:?}");
            assert!(!span.name.contains("health"), "{span:?}");
        }
        let text = collector.text();
        assert!(text.contains("\"agentic-executions\""), "the service's name");
        assert!(!text.contains("secret"), "inputs stay here");
    }

    async fn a_collector_that_is_away_costs_one_warning(site: Site) {
        // Nobody listens there.
        site.set("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1");
        site.set("OTEL_BSP_SCHEDULE_DELAY", "50");
        site.set("OTEL_EXPORTER_OTLP_TIMEOUT", "200");
        let server = site.serve(&[]).await;
        let client = server.admin();
        for _ in 0..3 {
            let id = launch(&client, "plain").await;
            assert_eq!(client.ended(&id).await["status"], "FINISHED");
        }
        let asked_at = Instant::now();
        assert_eq!(server.terminate().await, Some(0));
        assert!(asked_at.elapsed().as_secs() < 50, "it ends within the graces");
        let log = site.log();
        assert_eq!(log.matches("traces cannot be sent").count(), 1, "{log}");
    }

    async fn without_a_collector_a_run_remembers_no_trace(site: Site) {
        let server = site.serve(&["--no-worker"]).await;
        launch(&server.admin(), "plain").await;
        let backend = site.database.db.read().get_database_backend();
        let sql = sea_orm::Statement::from_string(backend, "SELECT trace_parent FROM run");
        let row = site.database.db.read().query_one_raw(sql).await.expect("reads").expect("a run");
        assert_eq!(row.try_get::<Option<String>>("", "trace_parent").expect("text"), None);
    }
}
