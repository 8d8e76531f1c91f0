//! Traces, sent over OTLP/HTTP to a collector: the request, the run that it queued, and each model
//! and tool call of the run, under one trace id.
//!
//! Spans of traces and spans of log lines are told apart by [`TARGET`]: a trace then has the names
//! that its readers know (semantic conventions), and a log line keeps the request's or run's id,
//! however deep in a trace it is written. Nobody puts prompts, inputs or contents into either.
//!
//! To add a span: `info_span!(target: traces::TARGET, …)` where the work is done. Without a
//! collector such a span is never made.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{ExporterBuildError, Protocol, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::filter::{LevelFilter, dynamic_filter_fn};
use tracing_subscriber::{Layer, Registry};

use crate::base::chain::Chain;

/// Of the spans that belong to traces and to no log line.
pub const TARGET: &str = "agentic_executions::traces";

/// The header, and the key of W3C Trace Context.
pub const HEADER: &str = "traceparent";

/// Unless `OTEL_SERVICE_NAME` or `OTEL_RESOURCE_ATTRIBUTES` says otherwise.
const SERVICE: &str = "agentic-executions";

/// Traces cannot be sent.
#[derive(Debug, thiserror::Error)]
#[error("traces cannot be sent")]
pub struct Error(#[from] ExporterBuildError);

/// What sends the traces of this process. A thread of its own does it, from a queue of bounded
/// length: whoever makes a span never waits, and what finds the queue full is dropped.
#[derive(Debug)]
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// For the collector at `endpoint`, the address before `/v1/traces`. Whether it is there shows
    /// at the first batch.
    ///
    /// Headers, timeout, sampler, batches and resource are the SDK's own to read from their
    /// standard `OTEL_*` variables: repeating two dozen of them here would only get some wrong.
    ///
    /// # Errors
    /// When the endpoint is no address.
    pub fn to(endpoint: &str) -> Result<Self, Error> {
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
            .build()?;
        let exporter = Reporting {
            exporter,
            is_failing: AtomicBool::new(false),
        };
        let provider = SdkTracerProvider::builder()
            .with_resource(resource())
            .with_batch_exporter(exporter)
            .build();
        Ok(Self(provider))
    }

    /// What hands spans over.
    pub(super) fn layer(&self) -> Box<dyn Layer<Registry> + Send + Sync> {
        // Asked anew for every span, as in `log`.
        let spans = dynamic_filter_fn(|metadata, _| metadata.is_span() && metadata.target() == TARGET);
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer(SERVICE))
            // Our own names say where; files, lines and threads would treble each span.
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_target(false)
            .with_filter(spans.with_max_level_hint(LevelFilter::INFO))
            .boxed()
    }

    /// Sends what is left, for `limit` at most.
    pub async fn flush(self, limit: Duration) {
        // It blocks, and a collector that is away would hold up the runtime's threads.
        let ended = tokio::task::spawn_blocking(move || self.0.shutdown_with_timeout(limit));
        if let Ok(Err(error)) = ended.await {
            tracing::warn!(
                error = %Chain(&error),
                "the last traces were not sent"
            );
        }
    }
}

/// The trace that is being worked in, as a `traceparent`; none outside of one.
pub fn current() -> Option<String> {
    let mut carrier = HashMap::new();
    TraceContextPropagator::new().inject_context(&Context::current(), &mut carrier);
    carrier.remove(HEADER)
}

/// Makes a span that has not begun part of the trace of a `traceparent`. What is none is passed
/// over, as the specification wants: the span then begins a trace.
pub fn join(span: &Span, trace_parent: &str) {
    if span.is_disabled() {
        return;
    }
    let carrier = HashMap::from([(HEADER.to_owned(), trace_parent.to_owned())]);
    let parent = TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier);
    if let Err(error) = span.set_parent(parent) {
        tracing::debug!(%error, "a span begins a trace of its own");
    }
}

fn resource() -> Resource {
    let given = Resource::builder().build();
    let name = given
        .get_ref(&"service.name".into())
        .map_or(Cow::Borrowed(""), |name| name.as_str());
    let version = opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let builder = Resource::builder().with_attribute(version);
    // What the SDK says when nobody named the service.
    if name.is_empty() || name.starts_with("unknown_service") {
        builder.with_service_name(SERVICE).build()
    } else {
        builder.build()
    }
}

/// Says once that the collector cannot be reached, and once that it can again: the SDK would log an
/// error with every batch.
#[derive(Debug)]
struct Reporting<E> {
    exporter: E,
    is_failing: AtomicBool,
}

impl<E: SpanExporter> SpanExporter for Reporting<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let sent = self.exporter.export(batch).await;
        let was_failing = self.is_failing.swap(sent.is_err(), Ordering::Relaxed);
        match sent {
            Err(error) if !was_failing => tracing::warn!(
                error = %Chain(&error),
                "traces cannot be sent and are dropped; everything else goes on"
            ),
            Ok(()) if was_failing => tracing::info!("traces are sent again"),
            _ => {}
        }
        Ok(())
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_of_a_trace_there_is_none_to_carry_on() {
        assert_eq!(current(), None);
    }
}
