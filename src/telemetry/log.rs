//! Log lines on standard error: readable on a terminal, one JSON object a line otherwise.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

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

/// Writes what `filter` lets through, from now on. A panic becomes a log line too.
///
/// # Errors
/// [`Error`].
pub fn start(filter: &str) -> Result<(), Error> {
    let parsed = EnvFilter::builder()
        .parse(filter)
        .map_err(|source| Error::Filter {
            filter: filter.to_owned(),
            source,
        })?;
    let registry = tracing_subscriber::registry().with(parsed);
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        registry.with(layer.with_target(false)).try_init()
    } else {
        registry
            .with(layer.json().flatten_event(true).with_span_list(false))
            .try_init()
    }
    .map_err(Error::Installed)?;
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let reason = panic.payload_as_str().unwrap_or("no reason given");
        tracing::error!(place, reason, "a promise inside the program was broken");
    }));
    Ok(())
}
