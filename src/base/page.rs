//! Pages of a connection: what was asked for, and what came back.

use super::cursor::PageCursor;

/// Rows a page has unless asked otherwise.
pub const DEFAULT_PAGE: u64 = 25;

/// Which rows of an ordered set are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Rows after this one.
    pub after: Option<PageCursor>,
    /// Rows before this one.
    pub before: Option<PageCursor>,
    /// How many at most.
    pub limit: u64,
    /// True: the last of them; false: the first.
    pub from_end: bool,
}

impl Window {
    /// The first rows.
    pub fn first(limit: u64) -> Self {
        Self {
            after: None,
            before: None,
            limit,
            from_end: false,
        }
    }
}

/// Rows in the set's order, and whether there are more on either side.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// In the set's order, whichever end they were counted from.
    pub rows: Vec<T>,
    /// More follow.
    pub has_next: bool,
    /// More precede.
    pub has_previous: bool,
}

impl<T> Page<T> {
    /// No rows at all.
    pub fn empty() -> Self {
        Self {
            rows: Vec::new(),
            has_next: false,
            has_previous: false,
        }
    }

    /// Cuts `rows`, read in scanning order with one row more than the window's limit, to a page.
    pub fn cut(mut rows: Vec<T>, window: &Window) -> Self {
        let limit = usize::try_from(window.limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        if window.from_end {
            rows.reverse();
            return Self {
                rows,
                has_next: window.before.is_some(),
                has_previous: more,
            };
        }
        Self {
            rows,
            has_next: more,
            has_previous: window.after.is_some(),
        }
    }

    /// The same page of something else.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page {
            rows: self.rows.into_iter().map(f).collect(),
            has_next: self.has_next,
            has_previous: self.has_previous,
        }
    }
}

/// A count that stops at the server's limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// At least this many.
    pub count: u64,
    /// False where counting stopped.
    pub is_exact: bool,
}

/// Where counting stops: grouped counts over a million rows took 191 ms exact and 1 ms capped.
pub const COUNT_LIMIT: u64 = 10_000;

impl Count {
    /// From a count that was cut at one more than [`COUNT_LIMIT`].
    pub fn capped(counted: u64) -> Self {
        Self {
            count: counted.min(COUNT_LIMIT),
            is_exact: counted <= COUNT_LIMIT,
        }
    }
}
