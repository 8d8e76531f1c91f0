//! Numbers for operators, in Prometheus' text format.

use std::sync::OnceLock;
use std::time::Duration;

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Seconds. From a cached answer to the default time limit, each about double the one before: the
/// factor by which two requests differ is then always visible.
const LATENCY: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0,
];

/// Seconds. From an execution without work to one that takes the night.
const LONG: [f64; 12] = [
    0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 1800.0, 3600.0, 14400.0, 43200.0,
];

/// Samples wait in memory until they are sorted into buckets.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// The numbers of this process.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// Collects from now on; again, gives the same numbers.
    pub fn install() -> Self {
        static INSTALLED: OnceLock<PrometheusHandle> = OnceLock::new();
        let handle = INSTALLED.get_or_init(|| {
            let recorder = PrometheusBuilder::new()
                .set_buckets_for_metric(Matcher::Suffix("request_seconds".to_owned()), &LATENCY)
                .and_then(|builder| {
                    builder.set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &LONG)
                })
                .expect("no list of buckets is empty")
                .build_recorder();
            let handle = recorder.handle();
            if metrics::set_global_recorder(recorder).is_err() {
                tracing::warn!("another recorder has the numbers; /metrics stays empty");
            }
            describe();
            handle
        });
        Self(handle.clone())
    }

    /// Keeps memory bounded also when nobody asks for the numbers. Ends when dropped.
    pub async fn keep_up(self) {
        loop {
            tokio::time::sleep(UPKEEP_EVERY).await;
            self.0.run_upkeep();
        }
    }

    /// All numbers as of now.
    pub fn render(&self) -> String {
        self.0.run_upkeep();
        self.0.render()
    }
}

fn describe() {
    describe_gauge!("agentic_queue_depth", Unit::Count, "Runs that wait for a worker");
    describe_gauge!(
        "agentic_queue_oldest_age_seconds",
        Unit::Seconds,
        "How long the oldest waiting run has waited"
    );
    describe_gauge!(
        "agentic_runs_running",
        Unit::Count,
        "Runs under a lease, on all nodes"
    );
    describe_counter!(
        "agentic_executions_launched_total",
        Unit::Count,
        "Executions accepted by this process"
    );
    describe_counter!(
        "agentic_executions_ended_total",
        Unit::Count,
        "Executions ended by this process, by status and failure category"
    );
    describe_counter!(
        "agentic_lease_losses_total",
        Unit::Count,
        "Runs taken over because their worker had vanished"
    );
    describe_gauge!(
        "agentic_model_endpoint_down",
        Unit::Count,
        "1 while a models' endpoint is down: no run of theirs is begun, calls wait"
    );
    describe_counter!(
        "agentic_model_endpoint_outages_total",
        Unit::Count,
        "Times that a models' endpoint was found to be down"
    );
    describe_gauge!("agentic_subscribers", Unit::Count, "Open subscriptions");
    describe_histogram!(
        "agentic_http_request_seconds",
        Unit::Seconds,
        "From the head of a request to the head of its answer, by route, method and status"
    );
    // Shown from the start, at zero: an alert on a number that is not there never fires.
    metrics::counter!("agentic_executions_launched_total").increment(0);
    metrics::counter!("agentic_lease_losses_total").increment(0);
    for stream in ["status", "set", "events"] {
        metrics::gauge!("agentic_subscribers", "stream" => stream).set(0.0);
    }
}
