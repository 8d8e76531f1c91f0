//! Which executions a client asks for, and in which order.
//!
//! An id that is malformed or of another kind names nothing, so it matches nothing: it is left
//! out of its list. To add a condition: a field here and in `db::executions::filter`, where SQL
//! and memory judge alike.

use async_graphql::{Enum, ID, InputObject};
use uuid::Uuid;

use super::errors::{Code, Result, bad_input, error};
use super::executions::ExecutionStatus;
use super::failure::FailureCategory;
use super::page::{Key, Sort};
use super::scalar::DateTime;
use crate::base::failure as base;
use crate::base::id::Kind;
use crate::db::executions::filter::{Filter, Range};
use crate::db::executions::page::{Order, OrderField};
use crate::domain::lifecycle::Status;

/// Members of all lists of a filter together. Each becomes a parameter in every branch of a
/// statement, and SQLite takes 32,766 parameters.
const MAX_MEMBERS: usize = 200;

/// Characters of a text to search for.
const MAX_SEARCH: usize = 200;

/// Which way to sort.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderDirection {
    /// Least first.
    Asc,
    /// Greatest first.
    Desc,
}

/// A span of time, from <= t < to. An end that is left out is open.
#[derive(InputObject, Clone, Copy, Debug, Default)]
pub struct DateTimeRange {
    /// Not before this.
    pub from: Option<DateTime>,
    /// Before this, this instant itself not included.
    pub to: Option<DateTime>,
}

/// Which executions are meant. Fields are ANDed, members of a list are ORed, an empty list matches
/// nothing, null means no condition; labels alone are ANDed, and an empty list of them is no
/// condition. An id that does not exist, or not to the viewer, matches
/// nothing. All lists together take 200 members; more, or a combination of lists that would take
/// too many index scans, is refused with LIMIT_EXCEEDED.
#[derive(InputObject, Clone, Debug, Default)]
pub struct ExecutionFilter {
    /// These executions.
    pub ids: Option<Vec<ID>>,
    /// Of these data sets.
    pub data_set_ids: Option<Vec<ID>>,
    /// Of these agents.
    pub agent_ids: Option<Vec<ID>>,
    /// Of these execution types, by key.
    pub execution_keys: Option<Vec<String>>,
    /// In these statuses.
    pub statuses: Option<Vec<ExecutionStatus>>,
    /// Failed in these categories.
    pub failure_categories: Option<Vec<FailureCategory>>,
    /// Failed with these codes.
    pub failure_codes: Option<Vec<String>>,
    /// Launched by these users.
    pub launched_by_ids: Option<Vec<ID>>,
    /// Every one of these labels. An empty list is no condition.
    pub labels: Option<Vec<String>>,
    /// Accepted within this span.
    pub created_at: Option<DateTimeRange>,
    /// Taken by a worker within this span; what never started matches only a range without ends.
    pub started_at: Option<DateTimeRange>,
    /// Ended within this span; what has not ended matches only a range without ends.
    pub finished_at: Option<DateTimeRange>,
    /// True: only retries of others; false: none of them.
    pub is_retry: Option<bool>,
    /// Retries of these executions.
    pub retry_of_ids: Option<Vec<ID>>,
    /// Start of an id or of a label, letter case ignored.
    pub search: Option<String>,
}

impl ExecutionFilter {
    /// As the database and the live feed judge it.
    ///
    /// # Errors
    /// BAD_USER_INPUT for text that cannot be stored, LIMIT_EXCEEDED for too many members.
    pub fn read(self) -> Result<Filter> {
        let filter = Filter {
            ids: ids(Kind::Execution, self.ids),
            data_set_ids: ids(Kind::DataSet, self.data_set_ids),
            agent_ids: ids(Kind::Agent, self.agent_ids),
            execution_keys: texts("executionKeys", self.execution_keys)?,
            statuses: self
                .statuses
                .map(|list| unique(list.into_iter().map(|one| Status::from(one).as_str().to_owned()))),
            failure_categories: self.failure_categories.map(|list| {
                unique(
                    list.into_iter()
                        .map(|one| base::FailureCategory::from(one).as_str().to_owned()),
                )
            }),
            failure_codes: texts("failureCodes", self.failure_codes)?,
            launched_by_ids: ids(Kind::User, self.launched_by_ids),
            labels: texts("labels", self.labels)?.unwrap_or_default(),
            created_at: range(self.created_at),
            started_at: range(self.started_at),
            finished_at: range(self.finished_at),
            is_retry: self.is_retry,
            retry_of_ids: ids(Kind::Execution, self.retry_of_ids),
            search: search(self.search)?,
        };
        let length = |list: &Option<Vec<Uuid>>| list.as_ref().map_or(0, Vec::len);
        let texts = |list: &Option<Vec<String>>| list.as_ref().map_or(0, Vec::len);
        let members = length(&filter.ids)
            + length(&filter.data_set_ids)
            + length(&filter.agent_ids)
            + length(&filter.launched_by_ids)
            + length(&filter.retry_of_ids)
            + texts(&filter.execution_keys)
            + texts(&filter.failure_codes)
            + filter.labels.len();
        if members > MAX_MEMBERS {
            return Err(error(
                Code::LimitExceeded,
                format!("the lists of the filter have {members} members; {MAX_MEMBERS} at most"),
            ));
        }
        Ok(filter)
    }
}

fn ids(kind: Kind, list: Option<Vec<ID>>) -> Option<Vec<Uuid>> {
    list.map(|list| unique(list.iter().filter_map(|id| kind.parse(id).ok())))
}

fn texts(name: &str, list: Option<Vec<String>>) -> Result<Option<Vec<String>>> {
    list.map(|list| {
        for text in &list {
            check_text(name, text)?;
        }
        Ok(unique(list.into_iter()))
    })
    .transpose()
}

fn unique<T: PartialEq>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut unique = Vec::new();
    for value in values {
        // Ids beyond the limit are refused anyway, so the square of it bounds this.
        if unique.len() > MAX_MEMBERS || !unique.contains(&value) {
            unique.push(value);
        }
    }
    unique
}

fn range(range: Option<DateTimeRange>) -> Range {
    let range = range.unwrap_or_default();
    Range {
        from: range.from.map(|at| at.0),
        to: range.to.map(|at| at.0),
    }
}

/// A text to search for, without the blanks around it; blank is none.
///
/// # Errors
/// BAD_USER_INPUT.
pub fn search(text: Option<String>) -> Result<Option<String>> {
    let text = text.map(|text| text.trim().to_owned());
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    check_text("search", &text)?;
    if text.chars().count() > MAX_SEARCH {
        return Err(bad_input(format!("search has {MAX_SEARCH} characters at most")));
    }
    Ok(Some(text))
}

/// Refuses text that no database here stores.
///
/// # Errors
/// BAD_USER_INPUT.
pub fn check_text(name: &str, text: &str) -> Result<()> {
    if text.contains('\0') {
        return Err(bad_input(format!("{name} must not hold U+0000")));
    }
    Ok(())
}

/// What executions are ordered by.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExecutionOrderField {
    /// When they were accepted.
    CreatedAt,
    /// When a worker took them. Those that never started come last.
    StartedAt,
    /// When they ended. Those that have not ended come last.
    FinishedAt,
    /// How long they ran. Those without a duration come last.
    Duration,
}

/// An order of executions. Ties are broken by id, which compares as a string, in the same
/// direction. Null dates and durations come last in both directions. A cursor belongs to the order
/// that made it; under another it is refused with BAD_CURSOR.
#[derive(InputObject, Clone, Copy, Debug)]
pub struct ExecutionOrder {
    /// What to order by.
    pub field: ExecutionOrderField,
    /// Which way.
    pub direction: OrderDirection,
}

impl From<ExecutionOrder> for Order {
    fn from(order: ExecutionOrder) -> Self {
        Self {
            field: match order.field {
                ExecutionOrderField::CreatedAt => OrderField::CreatedAt,
                ExecutionOrderField::StartedAt => OrderField::StartedAt,
                ExecutionOrderField::FinishedAt => OrderField::FinishedAt,
                ExecutionOrderField::Duration => OrderField::Duration,
            },
            descending: order.direction == OrderDirection::Desc,
        }
    }
}

/// The order as page cursors know it.
pub fn sort(order: Order) -> Sort {
    Sort {
        name: order.name(),
        key: match order.field {
            OrderField::CreatedAt => Key::Number,
            _ => Key::NullableNumber,
        },
    }
}
