//! Hours, days and months of the calendar, in UTC: what budgets are counted in.

use chrono::{DateTime, Datelike, Months, NaiveTime, TimeDelta, Timelike, Utc};
use serde::{Deserialize, Serialize};

use super::clock::UnixMs;

/// Milliseconds of a day.
pub const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// How long a budget lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// From full hour to full hour.
    Hour,
    /// From midnight to midnight.
    Day,
    /// From the first to the last of a month.
    Month,
    /// For ever.
    Total,
}

impl Period {
    /// Names the period that an instant lies in, as budgets store it.
    pub fn label(self, at: UnixMs) -> String {
        let at = instant(at);
        match self {
            Self::Hour => at.format("%Y-%m-%dT%H").to_string(),
            Self::Day => at.format("%Y-%m-%d").to_string(),
            Self::Month => at.format("%Y-%m").to_string(),
            Self::Total => "total".to_owned(),
        }
    }

    /// When the next period begins; none where there is no next.
    pub fn ends(self, at: UnixMs) -> Option<UnixMs> {
        let at = instant(at);
        let day = at.date_naive();
        let next = match self {
            Self::Hour => day.and_hms_opt(at.hour(), 0, 0)? + TimeDelta::hours(1),
            Self::Day => day.succ_opt()?.and_time(NaiveTime::MIN),
            Self::Month => day
                .with_day(1)?
                .checked_add_months(Months::new(1))?
                .and_time(NaiveTime::MIN),
            Self::Total => return None,
        };
        Some(next.and_utc().timestamp_millis())
    }

    /// As a sentence has it: "500 model calls a month".
    pub fn words(self) -> &'static str {
        match self {
            Self::Hour => "an hour",
            Self::Day => "a day",
            Self::Month => "a month",
            Self::Total => "in all",
        }
    }
}

fn instant(at: UnixMs) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(at).unwrap_or(DateTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::super::clock::{from_rfc3339, to_rfc3339};
    use super::*;

    #[test]
    fn periods_follow_the_calendar() {
        let at = from_rfc3339("2028-02-29T23:59:59.999Z").expect("an instant");
        let of = |period: Period| (period.label(at), period.ends(at).map(to_rfc3339));
        let end = Some("2028-03-01T00:00:00.000Z".to_owned());
        assert_eq!(of(Period::Hour), ("2028-02-29T23".to_owned(), end.clone()));
        assert_eq!(of(Period::Day), ("2028-02-29".to_owned(), end.clone()));
        assert_eq!(of(Period::Month), ("2028-02".to_owned(), end));
        assert_eq!(of(Period::Total), ("total".to_owned(), None));
    }
}
