//! The `Range` header (RFC 9110, section 14). One range is served; several, other units and what
//! cannot be read are answered with the whole, as the RFC allows.

use std::ops::Range;

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    /// The whole.
    All,
    /// These bytes, end excluded; never none.
    Part(Range<u64>),
    /// A range without a byte in it: 416.
    Nothing,
}

pub(super) fn parse(header: Option<&str>, size: u64) -> Asked {
    let Some(ranges) = header.and_then(|header| header.trim().strip_prefix("bytes=")) else {
        return Asked::All;
    };
    let Some((first, last)) = ranges.trim().split_once('-') else {
        return Asked::All;
    };
    let (first, last) = (first.trim(), last.trim());
    let part = match (number(first), number(last)) {
        // The last so many bytes.
        (None, Some(count)) if first.is_empty() => size.saturating_sub(count)..size,
        (Some(first), None) if last.is_empty() => first..size,
        (Some(first), Some(last)) if first <= last => first..size.min(last.saturating_add(1)),
        _ => return Asked::All,
    };
    if part.is_empty() {
        return Asked::Nothing;
    }
    Asked::Part(part)
}

// Digits only: `parse` alone would take a plus sign. What is too large is beyond every file.
fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_served_in_all_its_forms() {
        for (header, part) in [
            ("bytes=0-0", 0..1),
            ("bytes=2-4", 2..5),
            ("bytes=7-", 7..10),
            ("bytes=-3", 7..10),
            ("bytes=-30", 0..10),
            ("bytes=5-99999999999999999999999", 5..10),
            (" bytes= 1 - 2 ", 1..3),
        ] {
            assert_eq!(parse(Some(header), 10), Asked::Part(part), "{header}");
        }
    }

    #[test]
    fn a_range_beyond_the_end_holds_nothing() {
        for header in ["bytes=10-", "bytes=10-12", "bytes=-0"] {
            assert_eq!(parse(Some(header), 10), Asked::Nothing, "{header}");
        }
        assert_eq!(parse(Some("bytes=0-"), 0), Asked::Nothing);
    }

    #[test]
    fn what_is_no_single_range_of_bytes_gets_the_whole() {
        for header in [
            "bytes=0-1,3-4",
            "bytes=4-2",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=+1-2",
            "lines=0-1",
            "",
        ] {
            assert_eq!(parse(Some(header), 10), Asked::All, "{header}");
        }
        assert_eq!(parse(None, 10), Asked::All);
    }
}
