//! Which executions are meant: the one predicate that drives lists, counts and the live feed.
//! Its two readings, as SQL and as a judgement in memory, stand side by side so that they cannot
//! drift apart; a test holds them to each other.

use entity::execution::Model;
use sea_orm::sea_query::{Condition, Expr, ExprTrait, Query, SelectStatement, SimpleExpr, UnionType};
use uuid::Uuid;

use crate::base::clock::UnixMs;
use crate::base::id::Kind;
use crate::base::text;

/// `from <= t < to`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Range {
    /// Not before.
    pub from: Option<UnixMs>,
    /// Before.
    pub to: Option<UnixMs>,
}

/// What a client asks for. Fields are ANDed, members of a list ORed, an empty list matches
/// nothing, `None` is no condition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)] // each is the API's argument of the same name
pub struct Filter {
    pub ids: Option<Vec<Uuid>>,
    pub data_set_ids: Option<Vec<Uuid>>,
    pub agent_ids: Option<Vec<Uuid>>,
    pub execution_keys: Option<Vec<String>>,
    /// Stored forms.
    pub statuses: Option<Vec<String>>,
    /// Stored forms.
    pub failure_categories: Option<Vec<String>>,
    pub failure_codes: Option<Vec<String>>,
    pub launched_by_ids: Option<Vec<Uuid>>,
    /// Every one of these.
    pub labels: Vec<String>,
    pub created_at: Range,
    pub started_at: Range,
    pub finished_at: Range,
    pub is_retry: Option<bool>,
    pub retry_of_ids: Option<Vec<Uuid>>,
    /// Start of an id or of a label, letter case ignored.
    pub search: Option<String>,
}

/// Which executions a viewer may see: the owner that every query takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// All of the server's.
    Everything,
    /// Those of these data sets; with a user, only what that user launched there.
    Sets(Vec<(Uuid, Option<Uuid>)>),
}

impl Reach {
    /// Whether the execution may be seen.
    pub fn sees(&self, data_set: Uuid, launched_by: Uuid) -> bool {
        match self {
            Self::Everything => true,
            Self::Sets(sets) => sets
                .iter()
                .any(|(set, only)| *set == data_set && only.is_none_or(|user| user == launched_by)),
        }
    }
}

/// The start of an id as a range of ids: `exe_0192` and `0192` alike; none for what starts no id.
fn id_range(search: &str) -> Option<(Uuid, Uuid)> {
    let folded = text::fold(search);
    let digits = folded
        .strip_prefix(&format!("{}_", Kind::Execution.prefix()))
        .unwrap_or(&folded);
    if digits.is_empty() || digits.len() > 32 || !digits.bytes().all(|c| c.is_ascii_hexdigit()) {
        return None;
    }
    let low = Uuid::try_parse(&format!("{digits:0<32}")).ok()?;
    let high = Uuid::try_parse(&format!("{digits:f<32}")).ok()?;
    Some((low, high))
}

/// What a branch of a list runs over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Driver {
    /// The executions in their order.
    Order,
    /// The rows of the first label, in order of creation.
    Label,
    /// The few that the search finds.
    Search,
}

impl Filter {
    /// The judgement in memory, of a row and its labels.
    pub fn matches(&self, row: &Model, labels: &[String]) -> bool {
        self.matches_fixed(
            row.id,
            row.data_set_id,
            row.agent_id,
            &row.execution_key,
            row.launched_by,
        ) && self.matches_changing(row, labels)
    }

    /// The part that no change of an execution can change, and that its change-log rows carry.
    pub fn matches_fixed(&self, id: Uuid, data_set: Uuid, agent: Uuid, key: &str, launched_by: Uuid) -> bool {
        within(&self.ids, &id)
            && within(&self.data_set_ids, &data_set)
            && within(&self.agent_ids, &agent)
            && self
                .execution_keys
                .as_ref()
                .is_none_or(|keys| keys.iter().any(|k| k == key))
            && within(&self.launched_by_ids, &launched_by)
    }

    fn matches_changing(&self, row: &Model, labels: &[String]) -> bool {
        let text_within = |list: &Option<Vec<String>>, value: &Option<String>| match (list, value) {
            (None, _) => true,
            (Some(list), Some(value)) => list.contains(value),
            (Some(_), None) => false,
        };
        self.statuses
            .as_ref()
            .is_none_or(|list| list.contains(&row.status))
            && text_within(&self.failure_categories, &row.failure_category)
            && text_within(&self.failure_codes, &row.failure_code)
            && self.labels.iter().all(|label| labels.contains(label))
            && in_range(self.created_at, Some(row.created_at))
            && in_range(self.started_at, row.started_at)
            && in_range(self.finished_at, row.finished_at)
            && self
                .is_retry
                .is_none_or(|is_retry| row.retry_of.is_some() == is_retry)
            && match (&self.retry_of_ids, row.retry_of) {
                (None, _) => true,
                (Some(ids), Some(id)) => ids.contains(&id),
                (Some(_), None) => false,
            }
            && self
                .search
                .as_ref()
                .is_none_or(|search| found(search, row.id, labels))
    }

    /// What no branch of the query plan takes care of, as SQL over the table `execution`.
    /// `driver` is what the branch already runs over.
    pub(super) fn residual(&self, driver: Driver) -> Condition {
        let col = |name: &'static str| Expr::col(("execution", name));
        let mut all = Condition::all();
        if let Some(ids) = &self.ids {
            all = all.add(any_of(col("id"), ids));
        }
        if let Some(ids) = &self.data_set_ids {
            all = all.add(any_of(col("data_set_id"), ids));
        }
        if let Some(keys) = &self.execution_keys {
            all = all.add(any_of(col("execution_key"), keys));
        }
        if let Some(categories) = &self.failure_categories {
            all = all.add(any_of(col("failure_category"), categories));
        }
        if let Some(codes) = &self.failure_codes {
            all = all.add(any_of(col("failure_code"), codes));
        }
        if let Some(ids) = &self.launched_by_ids {
            all = all.add(any_of(col("launched_by"), ids));
        }
        if let Some(ids) = &self.retry_of_ids {
            all = all.add(any_of(col("retry_of"), ids));
        }
        for label in self.labels.iter().skip(usize::from(driver == Driver::Label)) {
            all = all.add(has_label(
                Condition::all().add(Expr::col(("execution_label", "label")).eq(label.as_str())),
            ));
        }
        for (range, name) in [
            (self.created_at, "created_at"),
            (self.started_at, "started_at"),
            (self.finished_at, "finished_at"),
        ] {
            if let Some(from) = range.from {
                all = all.add(col(name).gte(from));
            }
            if let Some(to) = range.to {
                all = all.add(col(name).lt(to));
            }
        }
        match self.is_retry {
            Some(true) => all = all.add(col("retry_of").is_not_null()),
            Some(false) => all = all.add(col("retry_of").is_null()),
            None => {}
        }
        if let Some(search) = self.search.as_ref().filter(|_| driver != Driver::Search) {
            all = all.add(Expr::col(("execution", "id")).in_subquery(found_by(search)));
        }
        all
    }
}

fn within(list: &Option<Vec<Uuid>>, value: &Uuid) -> bool {
    list.as_ref().is_none_or(|list| list.contains(value))
}

fn in_range(range: Range, at: Option<UnixMs>) -> bool {
    match at {
        Some(at) => range.from.is_none_or(|from| from <= at) && range.to.is_none_or(|to| at < to),
        None => range == Range::default(),
    }
}

fn found(search: &str, id: Uuid, labels: &[String]) -> bool {
    let folded = text::fold(search);
    id_range(search).is_some_and(|(low, high)| low <= id && id <= high)
        || labels.iter().any(|label| text::fold(label).starts_with(&folded))
}

/// `column IN (…)`; an empty list matches nothing.
fn any_of<T: Clone + Into<sea_orm::Value>>(column: Expr, list: &[T]) -> SimpleExpr {
    column.is_in(list.iter().cloned().map(Into::<sea_orm::Value>::into))
}

fn has_label(condition: Condition) -> SimpleExpr {
    let mut labels = Query::select();
    labels
        .expr(Expr::val(1))
        .from("execution_label")
        .and_where(Expr::col(("execution_label", "execution_id")).equals(("execution", "id")))
        .cond_where(condition);
    Expr::exists(labels)
}

/// The ids that a search finds, as column `execution_id`: by an index for labels and one for ids.
pub(super) fn found_by(search: &str) -> SelectStatement {
    let folded = text::fold(search);
    let label = || Expr::col(("execution_label", "label_folded"));
    let mut found = Query::select();
    found
        .column(("execution_label", "execution_id"))
        .from("execution_label")
        .and_where(label().gte(folded.as_str()));
    if let Some(upper) = text::prefix_upper_bound(&folded) {
        found.and_where(label().lt(upper));
    }
    if let Some((low, high)) = id_range(search) {
        let mut by_id = Query::select();
        by_id
            .column(("execution", "id"))
            .from("execution")
            .and_where(Expr::col(("execution", "id")).between(low, high));
        found.union(UnionType::Distinct, by_id);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_of_an_id_is_a_range_with_or_without_its_prefix() {
        let (low, high) = id_range("exe_01AB").expect("hexadecimal");
        assert_eq!(low.simple().to_string(), format!("{:0<32}", "01ab"));
        assert_eq!(high.simple().to_string(), format!("{:f<32}", "01ab"));
        assert_eq!(id_range("01ab"), Some((low, high)));
        assert_eq!(id_range("exe_"), None);
        assert_eq!(id_range("urgent"), None);
    }

    #[test]
    fn a_member_reaches_only_what_they_launched() {
        let (set, me, other) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
        let reach = Reach::Sets(vec![(set, Some(me))]);
        assert!(reach.sees(set, me));
        assert!(!reach.sees(set, other) && !reach.sees(other, me));
    }
}
