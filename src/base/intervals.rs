//! Intervals of a calendar in a time zone: minutes, hours, days, weeks, with the days of 23 and 25
//! hours that clock changes make. An interval begins where the last one ended, so that every
//! instant is in exactly one.

use chrono::{
    DateTime, Datelike, Days, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone, Utc,
};
use chrono_tz::Tz;

use super::clock::UnixMs;

/// How long an interval is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Interval {
    Minute,
    Hour,
    Day,
    /// From Monday on (ISO 8601).
    Week,
}

/// More intervals than asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the range has more than {0} intervals")]
pub struct TooMany(pub usize);

/// A time zone by its IANA name, such as `Europe/Vienna`.
pub fn zone(name: &str) -> Option<Tz> {
    name.parse().ok()
}

/// The bounds of the intervals that `from <= t < to` touches: one more than there are intervals,
/// and none where the range is empty.
///
/// # Errors
/// [`TooMany`] for more intervals than `most`.
pub fn bounds(
    from: UnixMs,
    to: UnixMs,
    interval: Interval,
    zone: Tz,
    most: usize,
) -> Result<Vec<UnixMs>, TooMany> {
    if from >= to {
        return Ok(Vec::new());
    }
    // Before anything is computed: a range of a thousand years has very many minutes.
    let shortest = match interval {
        Interval::Minute => MINUTE,
        Interval::Hour => HOUR,
        // A clock change shortens a day by an hour or two, and skips one at most.
        Interval::Day | Interval::Week => 20 * HOUR,
    };
    let at_least = to.saturating_sub(from) / (8 * 24 * HOUR);
    let at_most = to.saturating_sub(from) / shortest;
    let is_far_too_many = match interval {
        Interval::Minute | Interval::Hour | Interval::Day => at_most > 3 * most as i64,
        Interval::Week => at_least > most as i64,
    };
    if is_far_too_many {
        return Err(TooMany(most));
    }
    let mut bounds = vec![floor(from, interval, zone)];
    while let Some(last) = bounds.last().copied().filter(|last| *last < to) {
        if bounds.len() > most {
            return Err(TooMany(most));
        }
        bounds.push(next(last, interval, zone));
    }
    Ok(bounds)
}

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

fn floor(at: UnixMs, interval: Interval, zone: Tz) -> UnixMs {
    match interval {
        Interval::Minute | Interval::Hour => {
            let unit = if interval == Interval::Minute {
                MINUTE
            } else {
                HOUR
            };
            at - (at + offset(at, zone)).rem_euclid(unit)
        }
        Interval::Day => start_of(local(at, zone).date(), zone),
        Interval::Week => {
            let date = local(at, zone).date();
            let since_monday = u64::from(date.weekday().num_days_from_monday());
            let monday = date.checked_sub_days(Days::new(since_monday));
            start_of(monday.unwrap_or(date), zone)
        }
    }
}

fn next(at: UnixMs, interval: Interval, zone: Tz) -> UnixMs {
    let days = match interval {
        Interval::Minute | Interval::Hour => {
            let unit = if interval == Interval::Minute {
                MINUTE
            } else {
                HOUR
            };
            let next = at + unit;
            // Where clocks change by half an hour, the interval is longer until they agree again.
            let over = (next + offset(next, zone)).rem_euclid(unit);
            return if over == 0 { next } else { next + unit - over };
        }
        Interval::Day => 1,
        Interval::Week => 7,
    };
    let mut date = local(at, zone).date();
    loop {
        date = date.checked_add_days(Days::new(days)).unwrap_or(NaiveDate::MAX);
        let start = start_of(date, zone);
        // A zone that changes sides of the date line skips a day.
        if start > at || date == NaiveDate::MAX {
            return start.max(at + 1);
        }
    }
}

fn instant(at: UnixMs) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(at).unwrap_or(DateTime::<Utc>::MIN_UTC)
}

fn local(at: UnixMs, zone: Tz) -> NaiveDateTime {
    instant(at).with_timezone(&zone).naive_local()
}

/// From UTC to local time, in milliseconds.
fn offset(at: UnixMs, zone: Tz) -> i64 {
    let offset = zone.offset_from_utc_datetime(&instant(at).naive_utc()).fix();
    i64::from(offset.local_minus_utc()) * 1000
}

/// When a date begins: not always at midnight, for some clocks change then.
fn start_of(date: NaiveDate, zone: Tz) -> UnixMs {
    let midnight = date.and_time(NaiveTime::MIN);
    // No change skips more than a day.
    for minutes in 0..=24 * 60 {
        let wall = midnight + chrono::TimeDelta::minutes(minutes);
        match zone.from_local_datetime(&wall) {
            LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => return at.timestamp_millis(),
            LocalResult::None => {}
        }
    }
    midnight.and_utc().timestamp_millis()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::{from_rfc3339, to_rfc3339};

    fn cut(from: &str, to: &str, interval: Interval, name: &str) -> Vec<String> {
        let at = |text: &str| from_rfc3339(text).expect("an instant");
        let zone = zone(name).expect("a zone");
        let bounds = bounds(at(from), at(to), interval, zone, 500).expect("few");
        bounds
            .into_iter()
            .map(|at| to_rfc3339(at).replace(":00.000Z", "Z"))
            .collect()
    }

    #[test]
    fn days_are_those_of_the_zone_and_as_long_as_they_are_there() {
        // Vienna goes from +1 to +2 on 29 March 2026, at 01:00 UTC.
        assert_eq!(
            cut(
                "2026-03-28T12:00:00Z",
                "2026-03-30T12:00:00Z",
                Interval::Day,
                "Europe/Vienna"
            ),
            [
                "2026-03-27T23:00Z",
                "2026-03-28T23:00Z",
                "2026-03-29T22:00Z",
                "2026-03-30T22:00Z"
            ]
        );
        // And back on 25 October: 25 hours.
        assert_eq!(
            cut(
                "2026-10-25T00:00:00Z",
                "2026-10-25T12:00:00Z",
                Interval::Day,
                "Europe/Vienna"
            ),
            ["2026-10-24T22:00Z", "2026-10-25T23:00Z"]
        );
        // Santiago's clocks change at midnight: 6 September 2026 begins at 01:00 there.
        assert_eq!(
            cut(
                "2026-09-06T12:00:00Z",
                "2026-09-06T13:00:00Z",
                Interval::Day,
                "America/Santiago"
            ),
            ["2026-09-06T04:00Z", "2026-09-07T03:00Z"]
        );
        // Samoa had no 30 December 2011.
        assert_eq!(
            cut(
                "2011-12-29T12:00:00Z",
                "2011-12-31T09:00:00Z",
                Interval::Day,
                "Pacific/Apia"
            ),
            ["2011-12-29T10:00Z", "2011-12-30T10:00Z", "2011-12-31T10:00Z"]
        );
    }

    #[test]
    fn an_hour_that_comes_twice_is_two_and_half_hours_are_caught_up() {
        assert_eq!(
            cut(
                "2026-10-25T00:30:00Z",
                "2026-10-25T02:30:00Z",
                Interval::Hour,
                "Europe/Vienna"
            ),
            [
                "2026-10-25T00:00Z",
                "2026-10-25T01:00Z",
                "2026-10-25T02:00Z",
                "2026-10-25T03:00Z"
            ]
        );
        assert_eq!(
            cut(
                "2026-01-01T00:10:00Z",
                "2026-01-01T01:00:00Z",
                Interval::Hour,
                "Asia/Kolkata"
            ),
            ["2025-12-31T23:30Z", "2026-01-01T00:30Z", "2026-01-01T01:30Z"]
        );
        // Lord Howe's clocks go from 02:00 to 02:30 on 4 October 2026, at 15:30 UTC the day before.
        assert_eq!(
            cut(
                "2026-10-03T13:30:00Z",
                "2026-10-03T17:00:00Z",
                Interval::Hour,
                "Australia/Lord_Howe"
            ),
            [
                "2026-10-03T13:30Z",
                "2026-10-03T14:30Z",
                "2026-10-03T16:00Z",
                "2026-10-03T17:00Z"
            ]
        );
    }

    #[test]
    fn weeks_begin_on_monday() {
        assert_eq!(
            cut(
                "2026-11-25T12:00:00Z",
                "2026-12-01T00:00:00Z",
                Interval::Week,
                "UTC"
            ),
            ["2026-11-23T00:00Z", "2026-11-30T00:00Z", "2026-12-07T00:00Z"]
        );
    }

    #[test]
    fn the_ends_of_the_range_and_the_bound_are_exact() {
        let minute = |count: i64, most| bounds(0, count * MINUTE, Interval::Minute, Tz::UTC, most);
        assert_eq!(minute(0, 500), Ok(vec![]));
        assert_eq!(minute(2, 500), Ok(vec![0, MINUTE, 2 * MINUTE]));
        assert_eq!(
            bounds(0, MINUTE + 1, Interval::Minute, Tz::UTC, 500),
            Ok(vec![0, MINUTE, 2 * MINUTE])
        );
        assert_eq!(minute(500, 500).map(|bounds| bounds.len()), Ok(501));
        assert_eq!(minute(501, 500), Err(TooMany(500)));
        for interval in [Interval::Minute, Interval::Hour, Interval::Day, Interval::Week] {
            assert_eq!(
                bounds(i64::MIN / 4, i64::MAX / 4, interval, Tz::UTC, 500),
                Err(TooMany(500))
            );
        }
        assert_eq!(zone("Mars/Olympus"), None);
    }
}
