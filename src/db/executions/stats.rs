//! Figures over executions: how many in each status, how long they ran and waited, what they used.
//! Computed by the database over a [`Sample`], the newest of what a filter matches: exact for up to
//! so many, and bounded beyond. What reads the newest is what lists them, by the same indexes.
//!
//! Percentiles are by nearest rank: the least duration that so many of all are not longer than. It
//! takes a window function, which both databases have, where `percentile_disc` is PostgreSQL's own.

use sea_orm::sea_query::{Alias, Expr, ExprTrait, Order as Direction, Query, SelectStatement};
use sea_orm::{FromQueryResult, QueryResult, TryGetable};
use uuid::Uuid;

use super::page::Plan;
use crate::base::clock::UnixMs;
use crate::db::{Conn, Result};

/// Agents and failure codes told apart: those with the most executions.
pub const GROUPS: u64 = 100;

/// What figures are computed from.
#[derive(Debug, Clone, Copy)]
pub struct Sample<'p> {
    /// What matches.
    pub plan: &'p Plan,
    /// So many of it, the newest, and one more: who counts it knows that there is more.
    pub rows: u64,
}

impl Sample<'_> {
    fn select(self, columns: &[&'static str]) -> Option<SelectStatement> {
        self.plan.newest(columns, self.rows.saturating_add(1))
    }
}

/// Figures of one group.
#[derive(Debug, Clone, Default, PartialEq, Eq, FromQueryResult)]
#[allow(missing_docs)] // sums and percentiles of the columns of these names
pub struct Figures {
    pub pending: i64,
    pub in_progress: i64,
    pub finished: i64,
    pub failed: i64,
    pub input_tokens: i64,
    pub output_tokens: i64,
    pub model_calls: i64,
    pub tool_calls: i64,
    pub cost_micro_usd: i64,
    pub duration_p50: Option<i64>,
    pub duration_p90: Option<i64>,
    pub duration_p99: Option<i64>,
    pub duration_max: Option<i64>,
    pub wait_p50: Option<i64>,
    pub wait_p90: Option<i64>,
    pub wait_p99: Option<i64>,
    pub wait_max: Option<i64>,
    /// When the oldest of them was created.
    pub oldest: Option<UnixMs>,
}

impl Figures {
    /// All of them.
    pub fn total(&self) -> i64 {
        self.pending + self.in_progress + self.finished + self.failed
    }
}

/// How often executions failed in one way.
#[derive(Debug, Clone, PartialEq, Eq, FromQueryResult)]
#[allow(missing_docs)]
pub struct FailureCount {
    pub category: String,
    pub code: Option<String>,
    pub counted: i64,
}

/// What the figures are told apart by.
#[derive(Debug, Clone, Copy)]
enum Group<'g> {
    All,
    Agent,
    /// By creation, between neighbouring bounds.
    Span(&'g [UnixMs]),
}

const COLUMNS: [&str; 10] = [
    "status",
    "agent_id",
    "created_at",
    "started_at",
    "duration_ms",
    "input_tokens",
    "output_tokens",
    "model_calls",
    "tool_calls",
    "cost_micro_usd",
];

impl Group<'_> {
    /// SQL over the sample's columns, of numbers that are ours.
    fn key(self) -> String {
        match self {
            Self::All => "0".to_owned(),
            Self::Agent => "agent_id".to_owned(),
            Self::Span(bounds) => span_key(bounds),
        }
    }
}

/// Which span an instant is in, as arithmetic: bounds at equal distances are one case, so a year of
/// days has a few, where clocks changed. (A join with 500 bounds compares each row with each.)
fn span_key(bounds: &[UnixMs]) -> String {
    let mut cases = Vec::new();
    let mut first = 0;
    while first + 1 < bounds.len() {
        let width = bounds[first + 1] - bounds[first];
        let mut last = first + 1;
        while last + 1 < bounds.len() && bounds[last + 1] - bounds[last] == width {
            last += 1;
        }
        cases.push(format!(
            "WHEN created_at < {} THEN {first} + (created_at - ({})) / {width}",
            bounds[last], bounds[first]
        ));
        first = last;
    }
    format!("CASE {} ELSE -1 END", cases.join(" "))
}

fn grouped(sample: Sample<'_>, group: Group<'_>) -> Option<SelectStatement> {
    let sample = sample.select(&COLUMNS)?;
    let mut keyed = Query::select();
    keyed
        .expr_as(Expr::cust(group.key()), "k")
        .columns(COLUMNS.iter().filter(|name| **name != "agent_id").copied())
        .expr_as(Expr::cust("started_at - created_at"), "wait_ms")
        .from_subquery(sample, "sample");
    let mut ranked = Query::select();
    ranked
        .column("k")
        .columns(["status", "created_at", "duration_ms", "wait_ms"]);
    ranked.columns([
        "input_tokens",
        "output_tokens",
        "model_calls",
        "tool_calls",
        "cost_micro_usd",
    ]);
    for (value, rank, count) in [
        ("duration_ms", "duration_rank", "durations"),
        ("wait_ms", "wait_rank", "waits"),
    ] {
        ranked
            .expr_as(
                Expr::cust(format!(
                    "ROW_NUMBER() OVER (PARTITION BY k, {value} IS NULL ORDER BY {value})"
                )),
                rank,
            )
            .expr_as(Expr::cust(format!("COUNT({value}) OVER (PARTITION BY k)")), count);
    }
    ranked.from_subquery(keyed, "keyed");
    let mut figures = Query::select();
    figures.column("k");
    for status in ["pending", "in_progress", "finished", "failed"] {
        figures.expr_as(
            Expr::cust(format!("SUM(CASE WHEN status = '{status}' THEN 1 ELSE 0 END)")),
            status,
        );
    }
    for name in [
        "input_tokens",
        "output_tokens",
        "model_calls",
        "tool_calls",
        "cost_micro_usd",
    ] {
        // PostgreSQL sums bigints to numeric.
        figures.expr_as(
            Expr::cust(format!("CAST(COALESCE(SUM({name}), 0) AS BIGINT)")),
            name,
        );
    }
    for (name, value, rank, count) in [
        ("duration", "duration_ms", "duration_rank", "durations"),
        ("wait", "wait_ms", "wait_rank", "waits"),
    ] {
        for percent in [50, 90, 99] {
            figures.expr_as(
                Expr::cust(format!(
                    "MAX(CASE WHEN {value} IS NOT NULL AND {rank} = ({count} * {percent} + 99) / 100 THEN {value} END)"
                )),
                Alias::new(format!("{name}_p{percent}")),
            );
        }
        figures.expr_as(
            Expr::cust(format!("MAX({value})")),
            Alias::new(format!("{name}_max")),
        );
    }
    figures
        .expr_as(Expr::cust("MIN(created_at)"), "oldest")
        .from_subquery(ranked, "ranked")
        .group_by_col("k")
        .order_by_expr(Expr::cust("COUNT(*)"), Direction::Desc)
        .order_by("k", Direction::Asc);
    if matches!(group, Group::Agent) {
        figures.limit(GROUPS);
    }
    Some(figures)
}

/// The statement of [`overall`]; none where nothing can match.
pub fn overall_statement(sample: Sample<'_>) -> Option<SelectStatement> {
    grouped(sample, Group::All)
}

/// The statement of [`by_span`]; none where nothing can match.
pub fn span_statement(sample: Sample<'_>, bounds: &[UnixMs]) -> Option<SelectStatement> {
    grouped(sample, Group::Span(bounds))
}

async fn read<K: TryGetable>(
    db: &impl Conn,
    sample: Sample<'_>,
    group: Group<'_>,
) -> Result<Vec<(K, Figures)>> {
    let Some(statement) = grouped(sample, group) else {
        return Ok(Vec::new());
    };
    let rows = db
        .query_all_raw(db.get_database_backend().build(&statement))
        .await?;
    let read = |row: &QueryResult| Ok((row.try_get("", "k")?, Figures::from_query_result(row, "")?));
    rows.iter().map(read).collect()
}

/// Of all of them together.
///
/// # Errors
/// When the statement fails.
pub async fn overall(db: &impl Conn, sample: Sample<'_>) -> Result<Figures> {
    let mut rows = read::<i32>(db, sample, Group::All).await?;
    Ok(rows.pop().map_or_else(Figures::default, |(_, figures)| figures))
}

/// Of each agent, the one with most executions first; at most [`GROUPS`].
///
/// # Errors
/// When the statement fails.
pub async fn by_agent(db: &impl Conn, sample: Sample<'_>) -> Result<Vec<(Uuid, Figures)>> {
    read(db, sample, Group::Agent).await
}

/// Of what was created between each two neighbouring bounds, in their order; also of spans in which
/// nothing was.
///
/// # Errors
/// When the statement fails.
pub async fn by_span(db: &impl Conn, sample: Sample<'_>, bounds: &[UnixMs]) -> Result<Vec<Figures>> {
    let mut spans = vec![Figures::default(); bounds.len().saturating_sub(1)];
    if spans.is_empty() {
        return Ok(spans);
    }
    for (at, figures) in read::<i64>(db, sample, Group::Span(bounds)).await? {
        if let Some(span) = usize::try_from(at).ok().and_then(|at| spans.get_mut(at)) {
            *span = figures;
        }
    }
    Ok(spans)
}

/// How often they failed in which way, the most frequent first; at most [`GROUPS`].
///
/// # Errors
/// When the statement fails.
pub async fn failures(db: &impl Conn, sample: Sample<'_>) -> Result<Vec<FailureCount>> {
    let Some(sample) = sample.select(&["failure_category", "failure_code"]) else {
        return Ok(Vec::new());
    };
    let mut counted = Query::select();
    counted
        .expr_as(Expr::col("failure_category"), "category")
        .expr_as(Expr::col("failure_code"), "code")
        .expr_as(Expr::cust("COUNT(*)"), "counted")
        .from_subquery(sample, "sample")
        .and_where(Expr::col("failure_category").is_not_null())
        .group_by_columns(["failure_category", "failure_code"])
        .order_by_expr(Expr::cust("COUNT(*)"), Direction::Desc)
        .order_by("failure_category", Direction::Asc)
        .order_by("failure_code", Direction::Asc)
        .limit(GROUPS);
    let statement = db.get_database_backend().build(&counted);
    Ok(FailureCount::find_by_statement(statement).all(db).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_spans_are_one_case() {
        assert_eq!(
            span_key(&[0, 10, 20, 25, 35, 45]),
            "CASE WHEN created_at < 20 THEN 0 + (created_at - (0)) / 10 \
             WHEN created_at < 25 THEN 2 + (created_at - (20)) / 5 \
             WHEN created_at < 45 THEN 3 + (created_at - (25)) / 10 ELSE -1 END"
        );
    }
}
