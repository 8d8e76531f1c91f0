//! What went wrong, by what a provider says about it: statuses, bodies, events in a stream, and the
//! ways in which a connection ends. Everything here becomes an [`Error`] that says whether asking
//! again may help.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{DATE, HeaderMap, HeaderValue, RETRY_AFTER};
use serde_json::Value;

use crate::base::clock::UnixMs;
use crate::model::Error;

use super::draft::{interrupted, refused};

/// Of a provider's words in the log.
const MAX_QUOTED: usize = 300;

/// A provider that names a longer wait means never; what no number holds is one too.
const LONGEST_NAMED: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A provider's own words about a fault, wherever it keeps them.
#[derive(Debug, Default)]
pub(super) struct Words {
    pub message: String,
    /// Its codes and types, lower case, joined by blanks.
    codes: String,
    /// A wait that stands in the body.
    retry_after: Option<Duration>,
}

impl Words {
    /// From a body or an event's data, whatever its shape.
    pub fn of(text: &str) -> Self {
        match serde_json::from_str::<Value>(text) {
            Ok(value) => Self::of_value(&value),
            Err(_) => Self {
                message: quoted(text),
                ..Self::default()
            },
        }
    }

    pub fn of_value(value: &Value) -> Self {
        // Gemini's whole answers are lists at times.
        let value = value.get(0).unwrap_or(value);
        let error = value.get("error").unwrap_or(value);
        let message = error
            .as_str()
            .or_else(|| error["message"].as_str())
            .or_else(|| value["message"].as_str())
            .or_else(|| value["detail"].as_str())
            .unwrap_or("no reason given");
        let code = |name: &str| match &error[name] {
            Value::String(code) => Some(code.to_lowercase()),
            Value::Number(code) => Some(code.to_string()),
            _ => None,
        };
        let codes: Vec<String> = ["type", "code", "status"].into_iter().filter_map(code).collect();
        Self {
            message: quoted(message),
            codes: codes.join(" "),
            retry_after: error["details"]
                .as_array()
                .into_iter()
                .flatten()
                .find_map(|detail| seconds(detail["retryDelay"].as_str()?.strip_suffix('s')?)),
        }
    }

    fn has_code(&self, codes: &[&str]) -> bool {
        self.codes.split(' ').any(|code| codes.contains(&code))
    }

    fn says(&self, phrases: &[&str]) -> bool {
        let message = self.message.to_lowercase();
        phrases.iter().any(|phrase| message.contains(phrase))
    }

    fn is_too_long(&self) -> bool {
        self.has_code(&[
            "context_length_exceeded",
            "request_too_large",
            "string_above_max_length",
        ]) || self.says(&[
            "maximum context length",
            "context length",
            "context window",
            "context_length",
            "prompt is too long",
            "input is too long",
            "exceeds the maximum number of tokens",
            "input token count",
            "too many tokens",
            "exceed context limit",
        ])
    }

    /// The fault that an event in a stream tells of.
    pub fn in_stream(self) -> Error {
        let reason = self.reason("an error in the stream");
        if self.is_about_account() {
            return Error::Misconfigured { reason };
        }
        // Before what is too long: "too many tokens" are those of a minute here.
        if self.has_code(&[
            "rate_limit_error",
            "rate_limit_exceeded",
            "resource_exhausted",
            "429",
        ]) {
            return Error::Unavailable {
                reason,
                retry_after: self.retry_after,
            };
        }
        if self.is_too_long() {
            return Error::TooLong { reason };
        }
        if self.has_code(&[
            "overloaded_error",
            "api_error",
            "server_error",
            "internal_server_error",
            "internal",
            "unavailable",
            "timeout_error",
            "deadline_exceeded",
            "500",
            "502",
            "503",
            "504",
            "529",
        ]) {
            return Error::Down {
                reason,
                retry_after: self.retry_after,
            };
        }
        if self.is_filtered() {
            return refused(reason);
        }
        if self.has_code(&["invalid_request_error", "invalid_argument", "400"]) {
            return Error::Misconfigured { reason };
        }
        // An answer was under way, so the request itself was taken.
        interrupted(reason)
    }

    fn is_about_account(&self) -> bool {
        self.has_code(&[
            "insufficient_quota",
            "billing_error",
            "authentication_error",
            "permission_error",
            "invalid_api_key",
            "unauthenticated",
            "permission_denied",
            "not_found_error",
            "model_not_found",
        ])
    }

    fn is_filtered(&self) -> bool {
        self.has_code(&[
            "content_filter",
            "content_policy_violation",
            "responsibleaipolicyviolation",
        ])
    }

    fn reason(&self, what: &str) -> String {
        match self.codes.as_str() {
            "" => format!("{what}: {}", self.message),
            codes => format!("{what} ({codes}): {}", self.message),
        }
    }
}

/// What a status other than 2xx says. `now` is for waits that are dates.
pub(super) fn of_status(status: StatusCode, headers: &HeaderMap, body: &str, now: UnixMs) -> Error {
    let words = Words::of(body);
    let reason = words.reason(&format!("it answered {}", status.as_u16()));
    let retry_after = retry_after(headers, now).or(words.retry_after);
    match status.as_u16() {
        429 if words.is_about_account() => Error::Misconfigured { reason },
        // Whatever it says: "too many tokens" are those of a minute here.
        408 | 409 | 425 | 429 => Error::Unavailable { reason, retry_after },
        503 | 529 => Error::Down { reason, retry_after },
        _ if words.is_too_long() => Error::TooLong { reason },
        413 => Error::TooLong { reason },
        500.. => Error::Down { reason, retry_after },
        _ if words.is_filtered() => refused(reason),
        _ => Error::Misconfigured { reason },
    }
}

/// How a connection ended before there was an answer.
pub(super) fn of_transport(error: &reqwest::Error) -> Error {
    let mut reason = String::new();
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        // The first names the URL only, the last says what happened.
        reason = error.to_string();
        cause = error.source();
    }
    Error::Down {
        reason: format!("the connection failed: {}", quoted(&reason)),
        retry_after: None,
    }
}

/// Seconds, or a date (RFC 9110, 10.2.3); milliseconds in the header of the same name that some
/// send beside it.
fn retry_after(headers: &HeaderMap, now: UnixMs) -> Option<Duration> {
    let text = |value: &HeaderValue| value.to_str().ok().map(|text| text.trim().to_owned());
    let millis = headers.get("retry-after-ms").and_then(text);
    if let Some(millis) = millis.and_then(|text| text.parse::<f64>().ok())
        && let Some(wait) = of_seconds(millis / 1000.0)
    {
        return Some(wait);
    }
    let given = headers.get(RETRY_AFTER).and_then(text)?;
    if let Some(wait) = seconds(&given) {
        return Some(wait);
    }
    let unix_ms = |text: &str| -> Option<i64> {
        let since = httpdate::parse_http_date(text)
            .ok()?
            .duration_since(std::time::UNIX_EPOCH);
        i64::try_from(since.ok()?.as_millis()).ok()
    };
    // By the provider's own clock where it shows it: ours may be another.
    let now = headers
        .get(DATE)
        .and_then(text)
        .and_then(|date| unix_ms(&date))
        .unwrap_or(now);
    let wait = unix_ms(&given)?.saturating_sub(now);
    let wait = Duration::from_millis(u64::try_from(wait).unwrap_or(0));
    Some(wait.min(LONGEST_NAMED))
}

fn seconds(text: &str) -> Option<Duration> {
    of_seconds(text.trim().parse().ok()?)
}

fn of_seconds(number: f64) -> Option<Duration> {
    (number.is_finite() && number >= 0.0)
        .then(|| Duration::from_secs_f64(number.min(LONGEST_NAMED.as_secs_f64())))
}

/// Short, in one line, and without what looks like a key: some providers repeat it.
pub(super) fn quoted(text: &str) -> String {
    let words = text.split_whitespace().map(|word| {
        let is_key = word.len() > 24 && word.bytes().all(|byte| byte.is_ascii_graphic()) && {
            let has = |test: fn(&u8) -> bool| word.as_bytes().iter().any(test);
            has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic) && !word.contains("://")
        };
        if is_key { "…" } else { word }
    });
    let line = words.collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_QUOTED) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMs = 1_700_000_000_000; // Tue, 14 Nov 2023 22:13:20 GMT

    fn wait(headers: &[(&'static str, &str)]) -> Option<Duration> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, HeaderValue::from_str(value).expect("a value"));
        }
        retry_after(&map, NOW)
    }

    #[test]
    fn a_wait_is_read_from_seconds_from_dates_and_from_milliseconds() {
        assert_eq!(wait(&[("retry-after", "7")]), Some(Duration::from_secs(7)));
        assert_eq!(wait(&[("retry-after", "0.5")]), Some(Duration::from_millis(500)));
        let date = "Tue, 14 Nov 2023 22:13:50 GMT";
        assert_eq!(wait(&[("retry-after", date)]), Some(Duration::from_secs(30)));
        let other_clock = ("date", "Tue, 14 Nov 2023 22:13:45 GMT");
        assert_eq!(
            wait(&[("retry-after", date), other_clock]),
            Some(Duration::from_secs(5))
        );
        let past = "Tue, 14 Nov 2023 22:00:00 GMT";
        assert_eq!(wait(&[("retry-after", past)]), Some(Duration::ZERO));
        assert_eq!(
            wait(&[("retry-after-ms", "250"), ("retry-after", "9")]),
            Some(Duration::from_millis(250))
        );
        for garbage in ["soon", "-1", "1e999", "NaN", "", "31 Nov 2023"] {
            assert_eq!(wait(&[("retry-after", garbage)]), None, "{garbage}");
        }
        for never in [
            "99999999999999999999999999",
            "18446744073709551615",
            "Fri, 31 Dec 9999 23:59:59 GMT",
        ] {
            assert_eq!(wait(&[("retry-after", never)]), Some(LONGEST_NAMED), "{never}");
        }
    }

    #[test]
    fn a_status_says_whether_asking_again_may_help() {
        let of = |status: u16, body: &str| {
            let status = StatusCode::from_u16(status).expect("a status");
            of_status(status, &HeaderMap::new(), body, NOW).outcome()
        };
        assert_eq!(of(429, "slow down"), "unavailable");
        assert_eq!(
            of(429, r#"{"error": {"code": "insufficient_quota"}}"#),
            "misconfigured"
        );
        assert_eq!(of(500, ""), "down");
        assert_eq!(of(529, r#"{"error": {"type": "overloaded_error"}}"#), "down");
        assert_eq!(of(401, r#"{"error": {"message": "no"}}"#), "misconfigured");
        assert_eq!(of(404, "{}"), "misconfigured");
        assert_eq!(of(413, ""), "too_long");
        assert_eq!(
            of(429, "Too many tokens, please wait before trying again."),
            "unavailable"
        );
        assert_eq!(of(400, "too many tokens: 9000 tokens in the prompt"), "too_long");
        assert_eq!(of(500, "the prompt exceeds the context length"), "too_long");
        assert_eq!(
            of(400, r#"{"error": {"code": "context_length_exceeded"}}"#),
            "too_long"
        );
        let anthropic = r#"{"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long: 1 > 0"}}"#;
        assert_eq!(of(400, anthropic), "too_long");
        assert_eq!(of(400, r#"{"error": {"code": "content_filter"}}"#), "refused");
        let gemini =
            r#"{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "details": [{"retryDelay": "34s"}]}}"#;
        let error = of_status(StatusCode::TOO_MANY_REQUESTS, &HeaderMap::new(), gemini, NOW);
        let Error::Unavailable { retry_after, .. } = error else {
            panic!("{error}")
        };
        assert_eq!(retry_after, Some(Duration::from_secs(34)));
    }

    #[test]
    fn the_log_quotes_no_key_and_no_novel() {
        let said = quoted(
            "Incorrect API key provided: sk-proj-abcdefghijklmnop1234567890.\nSee https://x.example/a1",
        );
        assert_eq!(said, "Incorrect API key provided: … See https://x.example/a1");
        assert!(quoted(&"a ".repeat(1000)).chars().count() <= MAX_QUOTED + 1);
    }
}
