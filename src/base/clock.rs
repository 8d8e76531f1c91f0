//! Time, handed in rather than taken. Code asks a [`Clock`]; tests move theirs.
//!
//! Instants are whole milliseconds since 1970 (UTC), as the API shows them: nothing finer is
//! stored or sorted, so SQLite, PostgreSQL and every client agree on what is equal and what
//! comes first.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, SecondsFormat, Utc};

/// Milliseconds since the Unix epoch, UTC.
pub type UnixMs = i64;

/// Where the time comes from. Cheap to clone; clones show the same time.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System { started: Instant },
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's clock.
    #[allow(clippy::disallowed_methods)] // the one place that reads the machine's clock
    pub fn system() -> Self {
        Self(Source::System {
            started: Instant::now(),
        })
    }

    /// A clock that stands at `now` until [`advance`](Self::advance) moves it.
    pub fn manual(now: UnixMs) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(now))))
    }

    /// The time of day. It may jump when the machine's clock is set.
    #[allow(clippy::disallowed_methods)]
    pub fn now(&self) -> UnixMs {
        match &self.0 {
            Source::System { .. } => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
            }
            Source::Manual(at) => at.load(Ordering::SeqCst),
        }
    }

    /// Time that only ever goes forward, from an arbitrary zero: what a lease is measured with.
    pub fn monotonic(&self) -> Duration {
        match &self.0 {
            Source::System { started } => started.elapsed(),
            Source::Manual(at) => {
                Duration::from_millis(u64::try_from(at.load(Ordering::SeqCst)).unwrap_or(0))
            }
        }
    }

    /// Moves a manual clock forward; the machine's clock is not ours to move, so there it does nothing.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(at) = &self.0 {
            at.fetch_add(ms(by), Ordering::SeqCst);
        }
    }
}

/// A duration in whole milliseconds, cut at `i64::MAX`.
pub fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// The API's form of an instant: RFC 3339, UTC, always three fractional digits.
pub fn to_rfc3339(at: UnixMs) -> String {
    DateTime::<Utc>::from_timestamp_millis(at)
        .unwrap_or(DateTime::<Utc>::MIN_UTC)
        .to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// What RFC 3339 can write in UTC: years 0000 to 9999.
const WRITABLE: RangeInclusive<UnixMs> = -62_167_219_200_000..=253_402_300_799_999;

/// Reads an RFC 3339 instant with any offset; what is finer than a millisecond is cut off. None for
/// one whose offset takes it out of years 0000 to 9999 in UTC, where it could not be written again.
pub fn from_rfc3339(text: &str) -> Option<UnixMs> {
    DateTime::parse_from_rfc3339(text)
        .ok()
        .map(|at| at.timestamp_millis())
        .filter(|at| WRITABLE.contains(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_always_show_three_fractional_digits_so_that_strings_sort_as_instants_do() {
        assert_eq!(to_rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(to_rfc3339(1_700_000_000_120), "2023-11-14T22:13:20.120Z");
    }

    #[test]
    fn offsets_are_understood_and_finer_digits_cut_off() {
        assert_eq!(from_rfc3339("1970-01-01T01:00:00.0019+01:00"), Some(1));
        assert_eq!(from_rfc3339("1970-01-01"), None);
    }

    #[test]
    fn what_is_read_can_be_written_again() {
        for text in ["0000-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"] {
            assert_eq!(from_rfc3339(text).map(to_rfc3339).as_deref(), Some(text));
        }
        for beyond in ["9999-12-31T23:59:59.999-14:00", "0000-01-01T00:00:00.000+14:00"] {
            assert_eq!(from_rfc3339(beyond), None);
        }
    }

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = Clock::manual(5);
        clock.advance(Duration::from_secs(1));
        assert_eq!(
            (clock.now(), clock.monotonic()),
            (1005, Duration::from_millis(1005))
        );
    }
}
