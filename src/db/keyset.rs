//! Keyset pages: rows beyond a (sort key, id) pair, so that page N costs what page 1 costs.
//!
//! Two rules for every order. Ties are broken by id, in the same direction. Null keys come last
//! in both directions, so an order over a nullable column is read as two runs, first the rows
//! with a key, then those without, each of which an index serves.

use sea_orm::sea_query::{
    Alias, Condition, Expr, ExprTrait, IntoIden, Order, SelectStatement, SimpleExpr, UnionType,
};
use sea_orm::{FromQueryResult, Value};
use uuid::Uuid;

use super::{Conn, Result};
use crate::base::page::{COUNT_LIMIT, Count, Window};

/// An order of a table's rows.
#[derive(Debug, Clone)]
pub struct Keyset {
    /// The sort column.
    pub key: (&'static str, &'static str),
    /// The id column: table and name.
    pub id: (&'static str, &'static str),
    /// Greatest first.
    pub descending: bool,
    /// Whether `key` holds whole numbers; else text.
    pub is_number: bool,
}

/// Which rows of a nullable order a run covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Rows that have a key.
    Keyed,
    /// Rows whose key is null.
    Null,
}

/// Counts the rows of these selects together, up to [`COUNT_LIMIT`], in one statement. Each selects
/// `one`, and is not limited yet.
///
/// # Errors
/// When the statement fails.
pub async fn count(db: &impl Conn, runs: Vec<SelectStatement>) -> Result<Count> {
    #[derive(FromQueryResult)]
    struct Counted {
        counted: i64,
    }
    let mut runs = runs.into_iter().map(|mut run| {
        run.limit(COUNT_LIMIT + 1);
        let mut wrapped = SelectStatement::new();
        wrapped.column("one").from_subquery(run, "run");
        wrapped
    });
    let Some(mut union) = runs.next() else {
        return Ok(Count {
            count: 0,
            is_exact: true,
        });
    };
    for run in runs {
        union.union(UnionType::All, run);
    }
    let mut capped = SelectStatement::new();
    capped
        .column("one")
        .from_subquery(union, "all_runs")
        .limit(COUNT_LIMIT + 1);
    let mut count = SelectStatement::new();
    count
        .expr_as(Expr::col("one").count(), "counted")
        .from_subquery(capped, "capped");
    let statement = db.get_database_backend().build(&count);
    let counted = Counted::find_by_statement(statement).one(db).await?;
    Ok(Count::capped(
        counted.map_or(0, |row| u64::try_from(row.counted).unwrap_or(0)),
    ))
}

impl Keyset {
    /// The condition that leaves the window's rows of one side; `None` when there can be none.
    ///
    /// A cursor whose key is not of the order's type cannot be one of ours: it bounds nothing
    /// here, for the caller has refused it before (`PageCursor::decode` ties it to the order).
    pub fn bounds(&self, window: &Window, side: Side) -> Option<Condition> {
        let mut all = Condition::all();
        for (cursor, forward) in [(&window.after, true), (&window.before, false)] {
            let Some(cursor) = cursor else { continue };
            let beyond = forward != self.descending;
            match (side, &cursor.key) {
                (Side::Keyed, Some(key)) => all = all.add(self.compare(Some(key), cursor.id, beyond)),
                (Side::Null, None) => all = all.add(self.compare(None, cursor.id, beyond)),
                // Nulls are last: all of them follow a keyed cursor, no keyed row follows a null one.
                (Side::Keyed, None) if forward => return None,
                (Side::Null, Some(_)) if !forward => return None,
                _ => {}
            }
        }
        Some(all)
    }

    fn compare(&self, key: Option<&String>, id: Uuid, greater: bool) -> SimpleExpr {
        let id_value = Expr::val(id);
        let Some(key) = key else {
            let column = Expr::col(self.id);
            return if greater {
                column.gt(id_value)
            } else {
                column.lt(id_value)
            };
        };
        let key_value: Value = match (self.is_number, key.parse::<i64>()) {
            (true, Ok(number)) => number.into(),
            _ => key.clone().into(),
        };
        let row = Expr::tuple([Expr::col(self.key), Expr::col(self.id)]);
        let position = Expr::tuple([Expr::val(key_value), id_value]);
        if greater {
            row.gt(position)
        } else {
            row.lt(position)
        }
    }

    /// Orders a run in scanning direction: reversed when the window counts from the end.
    pub fn order(&self, select: &mut SelectStatement, window: &Window, side: Side) {
        let order = self.direction(window);
        if side == Side::Keyed {
            select.order_by(self.key, order.clone());
        }
        select.order_by(self.id, order);
    }

    /// Scanning direction.
    pub fn direction(&self, window: &Window) -> Order {
        if self.descending == window.from_end {
            Order::Asc
        } else {
            Order::Desc
        }
    }

    /// Bounds, orders and limits a select over rows that all have a key.
    pub fn apply(&self, select: &mut SelectStatement, window: &Window) {
        if let Some(bounds) = self.bounds(window, Side::Keyed) {
            select.cond_where(bounds);
        }
        self.order(select, window, Side::Keyed);
        select.limit(window.limit + 1);
    }

    /// Joins runs, each already ordered and limited, into one in scanning order.
    /// `columns` are the names that every run selects, the key's and the id's among them.
    pub fn merge(
        &self,
        runs: Vec<SelectStatement>,
        window: &Window,
        columns: &[&'static str],
    ) -> SelectStatement {
        let mut runs = runs.into_iter().map(|run| {
            // SQLite takes an ordered, limited select inside a union only as a subquery.
            let mut wrapped = SelectStatement::new();
            wrapped.columns(columns.iter().map(|name| Alias::new(*name)));
            wrapped.from_subquery(run, "run");
            wrapped
        });
        let mut union = runs.next().unwrap_or_default();
        for run in runs {
            union.union(UnionType::All, run);
        }
        let mut merged = SelectStatement::new();
        let key = Expr::col(Alias::new(self.key.1));
        let nulls = if window.from_end { Order::Desc } else { Order::Asc };
        merged
            .columns(columns.iter().map(|name| Alias::new(*name)))
            .from_subquery(union, "page")
            .order_by_expr(key.is_null(), nulls)
            .order_by(self.key.1.into_iden(), self.direction(window))
            .order_by(self.id.1.into_iden(), self.direction(window))
            .limit(window.limit + 1);
        merged
    }
}
