//! Log lines on standard error: readable on a terminal, one JSON object a line otherwise.

use std::io::IsTerminal;

use tracing_subscriber::filter::{FilterExt, LevelFilter, dynamic_filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{EnvFilter, Layer};

use super::traces::{self, Traces};

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
    /// A word of it is neither a level nor says what it is about.
    #[error(
        "the log filter names no level `{0}`; use error, warn, info, debug, trace or off, or PART=LEVEL as in `info,sqlx=warn`"
    )]
    Level(String),
    /// Another part of the process took the place.
    #[error("log lines go somewhere else already")]
    Installed(#[source] TryInitError),
}

/// Writes what `filter` lets through, from now on, and hands the spans of traces to `traces`,
/// whatever the filter says. Of parts that `quiet` has directives for, it lets through what those do,
/// unless it names them itself. A panic becomes a log line too.
///
/// # Errors
/// [`Error`].
pub fn start(filter: &str, quiet: &str, traces: Option<&Traces>) -> Result<(), Error> {
    if let Some(word) = no_level(filter) {
        return Err(Error::Level(word.to_owned()));
    }
    // Of two directives for one part the later holds. Nothing stays nothing.
    let whole = match filter.trim() {
        "" | "off" => filter.to_owned(),
        filter => format!("{quiet},{filter}"),
    };
    let parsed = EnvFilter::builder()
        .parse(whole)
        .map_err(|source| Error::Filter {
            filter: filter.to_owned(),
            source,
        })?;
    // Asked anew for every line: where the library is only asked whether a line would be written, as sqlx
    // does, it keeps the answer and drops the next line for it, unless that is asked about too.
    let is_ours = dynamic_filter_fn(|metadata, _| metadata.target() != traces::TARGET);
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

/// The first word that stands alone and is no level. The library takes it for the name of a part and writes nothing
/// else: all lines of a server whose `info` is misspelt.
fn no_level(filter: &str) -> Option<&str> {
    let mut words = filter.split(',').map(str::trim);
    words.find(|word| {
        let stands_alone = !word.is_empty() && !word.contains(['=', '[', ':', '{']);
        stands_alone && word.parse::<LevelFilter>().is_err()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_that_is_misspelt_is_no_filter() {
        for (filter, word) in [
            ("info", None),
            ("INFO,sqlx=warn", None),
            ("off", None),
            ("", None),
            ("warn,agentic_executions::http=debug,[run]=trace", None),
            ("foo", Some("foo")),
            ("sqlx=warn, inof", Some("inof")),
        ] {
            assert_eq!(no_level(filter), word, "{filter}");
        }
        assert!(matches!(start("foo", "", None), Err(Error::Level(_))));
    }
}
