//! Log lines on standard error: readable on a terminal, one JSON object a line otherwise.

use std::io::IsTerminal;

use tracing_subscriber::filter::{FilterExt, LevelFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{EnvFilter, Layer};

use super::traces::{self, Traces};

/// Whatever level is asked for, rmcp is heard only where it is named itself: it logs what servers say,
/// whole, from info on, and parts of it in errors. Of its one exception no error repeats a word of
/// theirs, and one tells what nothing else does: that a message was too long to be taken.
const ALWAYS: &str = "rmcp=off,rmcp::transport::async_rw=error";

/// Log lines cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The filter cannot be read.
    #[error("the log filter `{filter}` cannot be read; use for example `info` or `info,sqlx=warn`")]
    Filter {
        /// As given.
        filter: String,
        /// Why.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// Another part of the process took the place.
    #[error("log lines go somewhere else already")]
    Installed(#[source] TryInitError),
}

/// Writes what `filter` lets through, from now on, and hands the spans of traces to `traces`,
/// whatever the filter says. What MCP servers say is in no line, unless the filter names `rmcp`. A
/// panic becomes a log line too.
///
/// # Errors
/// [`Error`].
pub fn start(filter: &str, traces: Option<&Traces>) -> Result<(), Error> {
    // Of two directives for one part the later holds. Nothing stays nothing.
    let whole = match filter.trim() {
        "" | "off" => filter.to_owned(),
        filter => format!("{ALWAYS},{filter}"),
    };
    let parsed = EnvFilter::builder()
        .parse(whole)
        .map_err(|source| Error::Filter {
            filter: filter.to_owned(),
            source,
        })?;
    let is_ours = filter_fn(|metadata| metadata.target() != traces::TARGET);
    // With a level of its own, or the filter's would be forgotten and every line asked about.
    let lines = parsed.and(is_ours.with_max_level_hint(LevelFilter::TRACE));
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let layer = if std::io::stderr().is_terminal() {
        layer.with_target(false).with_filter(lines).boxed()
    } else {
        let layer = layer.json().flatten_event(true).with_span_list(false);
        layer.with_filter(lines).boxed()
    };
    let layers: Vec<_> = std::iter::once(layer).chain(traces.map(Traces::layer)).collect();
    let registry = tracing_subscriber::registry().with(layers);
    registry.try_init().map_err(Error::Installed)?;
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let reason = panic.payload_as_str().unwrap_or("no reason given");
        tracing::error!(place, reason, "a promise inside the program was broken");
    }));
    Ok(())
}
