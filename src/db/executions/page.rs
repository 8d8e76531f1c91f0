//! Pages and counts of executions.
//!
//! An OR of values spoils a keyset index (at a million rows on PostgreSQL, 3 agents and 2
//! statuses took 15.6 ms as `IN` and 0.4 ms as a union), so a list is expanded into branches,
//! visibility × agents × statuses, each over one index and with its own limit, and these are
//! merged. `ARCHITECTURE.md` says which filters and orders an index serves.

use entity::execution::{self, Model};
use sea_orm::sea_query::{Condition, Expr, ExprTrait, JoinType, Query, SelectStatement};
use sea_orm::{EntityTrait, IdenStatic, Iterable};
use uuid::Uuid;

use super::filter::{Driver, Filter, Reach, found_by};
use crate::base::page::{Count, Page, Window};
use crate::db::keyset::{self, Keyset, Side};
use crate::db::{Conn, Result};

/// Branches a list may have. More would cost more than the scan it avoids.
pub const MAX_BRANCHES: usize = 64;

/// What a list is ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum OrderField {
    CreatedAt,
    StartedAt,
    FinishedAt,
    Duration,
}

/// An order of executions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// Its field.
    pub field: OrderField,
    /// Greatest first; nulls are last all the same.
    pub descending: bool,
}

impl Default for Order {
    fn default() -> Self {
        Self {
            field: OrderField::CreatedAt,
            descending: true,
        }
    }
}

impl Order {
    fn column(self) -> &'static str {
        match self.field {
            OrderField::CreatedAt => "created_at",
            OrderField::StartedAt => "started_at",
            OrderField::FinishedAt => "finished_at",
            OrderField::Duration => "duration_ms",
        }
    }

    /// As page cursors name it.
    pub fn name(self) -> String {
        let direction = if self.descending { "desc" } else { "asc" };
        format!("executions.{}.{direction}", self.column())
    }

    /// The row's sort key, as page cursors carry it.
    pub fn key(self, row: &Model) -> Option<i64> {
        match self.field {
            OrderField::CreatedAt => Some(row.created_at),
            OrderField::StartedAt => row.started_at,
            OrderField::FinishedAt => row.finished_at,
            OrderField::Duration => row.duration_ms,
        }
    }
}

/// The filter needs more branches than a list may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the filter combines {0} lists of data sets, agents and statuses; {MAX_BRANCHES} at most")]
pub struct TooManyBranches(pub usize);

/// A list that can be read and counted.
#[derive(Debug, Clone)]
pub struct Plan {
    filter: Filter,
    branches: Vec<Branch>,
}

/// Equalities that one index serves.
#[derive(Debug, Clone, Default)]
struct Branch {
    data_set: Option<Uuid>,
    launched_by: Option<Uuid>,
    agent: Option<Uuid>,
    status: Option<String>,
}

impl Plan {
    /// Expands what the viewer may see and asks for.
    ///
    /// # Errors
    /// [`TooManyBranches`]; narrow the filter.
    pub fn new(reach: &Reach, filter: &Filter) -> std::result::Result<Self, TooManyBranches> {
        let wanted = |set: &Uuid| filter.data_set_ids.as_ref().is_none_or(|ids| ids.contains(set));
        let visible: Vec<Branch> = match (reach, &filter.data_set_ids) {
            (Reach::Everything, None) => vec![Branch::default()],
            (Reach::Everything, Some(ids)) => ids
                .iter()
                .map(|id| Branch {
                    data_set: Some(*id),
                    ..Branch::default()
                })
                .collect(),
            (Reach::Sets(sets), _) => sets
                .iter()
                .filter(|(set, _)| wanted(set))
                .map(|(set, only)| Branch {
                    data_set: Some(*set),
                    launched_by: *only,
                    ..Branch::default()
                })
                .collect(),
        };
        // What a single launcher is asked for is as good as the viewer's own.
        let visible = visible
            .into_iter()
            .map(|branch| match filter.launched_by_ids.as_deref() {
                Some([only]) if branch.launched_by.is_none() && branch.data_set.is_some() => Branch {
                    launched_by: Some(*only),
                    ..branch
                },
                _ => branch,
            });
        let mut branches: Vec<Branch> = visible.collect();
        if let Some(agents) = &filter.agent_ids {
            branches = cross(branches, &unique(agents), |branch, agent| {
                branch.agent = Some(*agent)
            });
        }
        if let Some(statuses) = &filter.statuses {
            branches = cross(branches, &unique(statuses), |branch, status| {
                branch.status = Some(status.clone())
            });
        }
        if branches.len() > MAX_BRANCHES {
            return Err(TooManyBranches(branches.len()));
        }
        Ok(Self {
            filter: filter.clone(),
            branches,
        })
    }

    fn keyset(&self, order: Order) -> Keyset {
        // A list by label in order of creation runs over the label's own index.
        let by_label = self.driver() == Driver::Label && order.field == OrderField::CreatedAt;
        let (key, id) = if by_label {
            (
                ("execution_label", "created_at"),
                ("execution_label", "execution_id"),
            )
        } else {
            (("execution", order.column()), ("execution", "id"))
        };
        Keyset {
            key,
            id,
            descending: order.descending,
            is_number: true,
        }
    }

    fn driver(&self) -> Driver {
        let has_sets = self.branches.iter().all(|branch| branch.data_set.is_some());
        if has_sets && !self.filter.labels.is_empty() {
            Driver::Label
        } else if self.filter.search.is_some() {
            Driver::Search
        } else {
            Driver::Order
        }
    }

    fn select(&self, branch: &Branch) -> SelectStatement {
        let mut select = Query::select();
        let driver = self.driver();
        let mut condition = self.filter.residual(driver);
        let equal = |name: &'static str| Expr::col(("execution", name));
        match (driver, &self.filter.search) {
            (Driver::Label, _) => {
                let label = |name: &'static str| Expr::col(("execution_label", name));
                let on = label("execution_id").equals(("execution", "id"));
                select
                    .from("execution_label")
                    .join(JoinType::InnerJoin, "execution", on);
                condition = condition
                    .add(label("label").eq(self.filter.labels[0].as_str()))
                    .add_option(branch.data_set.map(|set| label("data_set_id").eq(set)))
                    // A label's row was created with its execution's: the range bounds its index too.
                    .add_option(
                        self.filter
                            .created_at
                            .from
                            .map(|from| label("created_at").gte(from)),
                    )
                    .add_option(self.filter.created_at.to.map(|to| label("created_at").lt(to)));
            }
            (Driver::Search, Some(search)) => {
                // A cross join keeps SQLite from running over the order and asking for each row.
                select.from_subquery(found_by(search), "found").join(
                    JoinType::CrossJoin,
                    "execution",
                    Condition::all(),
                );
                condition = condition.add(equal("id").equals(("found", "execution_id")));
            }
            _ => {
                select.from("execution");
            }
        }
        condition = condition
            .add_option(branch.data_set.map(|set| equal("data_set_id").eq(set)))
            .add_option(branch.launched_by.map(|user| equal("launched_by").eq(user)))
            .add_option(branch.agent.map(|agent| equal("agent_id").eq(agent)))
            .add_option(branch.status.as_deref().map(|status| equal("status").eq(status)));
        select.cond_where(condition);
        select
    }

    /// The statement that reads a page; none where nothing can match.
    pub fn page_statement(&self, order: Order, window: &Window) -> Option<SelectStatement> {
        let keyset = self.keyset(order);
        let nullable = order.field != OrderField::CreatedAt;
        let sides: &[Side] = if nullable {
            &[Side::Keyed, Side::Null]
        } else {
            &[Side::Keyed]
        };
        let mut runs = Vec::new();
        for branch in &self.branches {
            for side in sides {
                let Some(bounds) = keyset.bounds(window, *side) else {
                    continue;
                };
                let mut run = self.select(branch);
                run.columns(columns().map(|name| ("execution", name)));
                if nullable {
                    let key = Expr::col(keyset.key);
                    let is_side = if *side == Side::Null {
                        key.is_null()
                    } else {
                        key.is_not_null()
                    };
                    run.cond_where(Condition::all().add(is_side));
                }
                run.cond_where(bounds).limit(window.limit + 1);
                keyset.order(&mut run, window, *side);
                runs.push(run);
            }
        }
        if runs.is_empty() {
            return None;
        }
        let names: Vec<&'static str> = columns().collect();
        let outer = Keyset {
            key: ("execution", order.column()),
            id: ("execution", "id"),
            ..keyset
        };
        Some(outer.merge(runs, window, &names))
    }

    /// The newest of what the list holds, in these columns (and `created_at` and `id`); none where
    /// nothing can match. It reads what the first page of that list reads, and as far as `limit`.
    pub fn newest(&self, columns: &[&'static str], limit: u64) -> Option<SelectStatement> {
        let keyset = self.keyset(Order::default());
        let window = Window::first(limit.saturating_sub(1));
        let mut names = vec!["id", "created_at"];
        names.extend(
            columns
                .iter()
                .filter(|name| !matches!(**name, "id" | "created_at")),
        );
        let mut runs: Vec<SelectStatement> = Vec::with_capacity(self.branches.len());
        for branch in &self.branches {
            let mut run = self.select(branch);
            run.columns(names.iter().map(|name| ("execution", *name)));
            keyset.order(&mut run, &window, Side::Keyed);
            run.limit(limit);
            runs.push(run);
        }
        if runs.len() < 2 {
            return runs.pop();
        }
        let outer = Keyset {
            key: ("execution", "created_at"),
            id: ("execution", "id"),
            ..keyset
        };
        Some(outer.merge(runs, &window, &names))
    }

    /// Reads a page.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn page(&self, db: &impl Conn, order: Order, window: &Window) -> Result<Page<Model>> {
        let Some(statement) = self.page_statement(order, window) else {
            return Ok(Page::empty());
        };
        let statement = db.get_database_backend().build(&statement);
        let rows = execution::Entity::find().from_raw_sql(statement).all(db).await?;
        Ok(Page::cut(rows, window))
    }

    /// Counts what the list holds, up to the server's limit.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn count(&self, db: &impl Conn) -> Result<Count> {
        let runs = self.branches.iter().map(|branch| {
            let mut run = self.select(branch);
            run.expr_as(Expr::val(1), "one");
            run
        });
        keyset::count(db, runs.collect()).await
    }
}

fn columns() -> impl Iterator<Item = &'static str> {
    execution::Column::iter().map(|column| column.as_str())
}

fn cross<T>(branches: Vec<Branch>, values: &[T], set: impl Fn(&mut Branch, &T)) -> Vec<Branch> {
    let mut crossed = Vec::with_capacity(branches.len() * values.len());
    for branch in branches {
        for value in values {
            let mut branch = branch.clone();
            set(&mut branch, value);
            crossed.push(branch);
        }
    }
    crossed
}

fn unique<T: PartialEq + Clone>(values: &[T]) -> Vec<T> {
    let mut unique: Vec<T> = Vec::with_capacity(values.len());
    for value in values {
        if !unique.contains(value) {
            unique.push(value.clone());
        }
    }
    unique
}
