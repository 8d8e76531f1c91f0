//! Which values occur among the executions that a filter matches: counted over the newest of them,
//! so that the cost is bounded however many there are. What reads the newest is what lists them,
//! by the same indexes.

use sea_orm::sea_query::{Expr, ExprTrait, JoinType, Order as Direction, Query, SelectStatement};

use super::page::Plan;
use crate::db::{Conn, Result};

/// What a list's values are read as.
pub use sea_orm::TryGetable as Value;

/// What is told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Facet {
    Agent,
    ExecutionKey,
    Label,
    FailureCode,
    LaunchedBy,
}

impl Facet {
    /// Each of them.
    pub const ALL: [Self; 5] = [
        Self::Agent,
        Self::ExecutionKey,
        Self::Label,
        Self::FailureCode,
        Self::LaunchedBy,
    ];
}

/// The statement that counts among the newest `rows`; none where nothing can match.
pub fn statement(plan: &Plan, facet: Facet, rows: u64, limit: u64) -> Option<SelectStatement> {
    let column = match facet {
        Facet::Agent => "agent_id",
        Facet::ExecutionKey => "execution_key",
        Facet::Label => "id",
        Facet::FailureCode => "failure_code",
        Facet::LaunchedBy => "launched_by",
    };
    let sample = plan.newest(&[column], rows)?;
    let mut counted = Query::select();
    counted.from_subquery(sample, "sample");
    let value = if facet == Facet::Label {
        let on = Expr::col(("execution_label", "execution_id")).equals(("sample", "id"));
        counted.join(JoinType::InnerJoin, "execution_label", on);
        ("execution_label", "label")
    } else {
        ("sample", column)
    };
    counted
        .expr_as(Expr::col(value), "value")
        .expr_as(Expr::cust("COUNT(*)"), "counted")
        .and_where(Expr::col(value).is_not_null())
        .group_by_col(value)
        .order_by_expr(Expr::cust("COUNT(*)"), Direction::Desc)
        // So that equal counts do not change places from one answer to the next.
        .order_by(value, Direction::Asc)
        .limit(limit);
    Some(counted)
}

/// The values and how often each occurs among the newest `rows`, the `limit` most frequent, in that
/// order.
///
/// # Errors
/// When the statement fails.
pub async fn count<T: Value>(
    db: &impl Conn,
    plan: &Plan,
    facet: Facet,
    rows: u64,
    limit: u64,
) -> Result<Vec<(T, i64)>> {
    let Some(statement) = statement(plan, facet, rows, limit) else {
        return Ok(Vec::new());
    };
    let statement = db.get_database_backend().build(&statement);
    let rows = db.query_all_raw(statement).await?;
    let read = |row: &sea_orm::QueryResult| Ok((row.try_get("", "value")?, row.try_get("", "counted")?));
    rows.iter().map(read).collect()
}

/// Whether no more than `rows` match: then the newest of them are all.
///
/// # Errors
/// When the statement fails.
pub async fn is_all(db: &impl Conn, plan: &Plan, rows: u64) -> Result<bool> {
    let Some(sample) = plan.newest(&["id"], rows.saturating_add(1)) else {
        return Ok(true);
    };
    let mut counted = Query::select();
    counted
        .expr_as(Expr::cust("COUNT(*)"), "counted")
        .from_subquery(sample, "sample");
    let statement = db.get_database_backend().build(&counted);
    let row = db.query_one_raw(statement).await?;
    let counted: i64 = row.map_or(Ok(0), |row| row.try_get("", "counted"))?;
    Ok(u64::try_from(counted).unwrap_or(0) <= rows)
}
