//! Counters of shared budgets. Each change is one statement, whose row lock lasts until the
//! transaction ends: callers make it their last but one.

use entity::budget_use::{Column, Entity, Model};
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ColumnTrait, Condition, EntityTrait, IntoActiveModel, QueryFilter};

use super::{Conn, Result};

/// More or less of each thing that is counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs)] // the columns of the same name
pub struct Amount {
    pub model_calls: i64,
    pub tool_calls: i64,
    pub tokens: i64,
    pub cost_micro_usd: i64,
}

/// The most of each thing; none: as much as comes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs)] // the columns of the same name
pub struct Most {
    pub model_calls: Option<i64>,
    pub tool_calls: Option<i64>,
    pub tokens: Option<i64>,
    pub cost_micro_usd: Option<i64>,
}

fn columns(amount: Amount) -> [(Column, i64); 4] {
    [
        (Column::ModelCalls, amount.model_calls),
        (Column::ToolCalls, amount.tool_calls),
        (Column::Tokens, amount.tokens),
        (Column::CostMicroUsd, amount.cost_micro_usd),
    ]
}

/// Makes a counter that nobody has made; true when it was this call.
///
/// # Errors
/// When the statement fails.
pub async fn open(db: &impl Conn, name: &str, period: &str) -> Result<bool> {
    let row = Model {
        name: name.to_owned(),
        period: period.to_owned(),
        model_calls: 0,
        tool_calls: 0,
        tokens: 0,
        cost_micro_usd: 0,
    };
    let columns = [Column::Name, Column::Period];
    let made = Entity::insert(row.into_active_model())
        .on_conflict(OnConflict::columns(columns).do_nothing().to_owned())
        .exec_without_returning(db)
        .await;
    match made {
        Ok(rows) => Ok(rows == 1),
        Err(sea_orm::DbErr::RecordNotInserted) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Adds `more`, unless something of it would then be above the most; false when nothing was added:
/// there is no room, or no counter. What none is added of is not looked at.
///
/// # Errors
/// When the statement fails.
pub async fn try_add(db: &impl Conn, name: &str, period: &str, more: Amount, most: Most) -> Result<bool> {
    let mut room = Condition::all();
    let limits = [
        most.model_calls,
        most.tool_calls,
        most.tokens,
        most.cost_micro_usd,
    ];
    for ((column, more), most) in columns(more).into_iter().zip(limits) {
        if let (Some(most), true) = (most, more > 0) {
            room = room.add(Expr::col(column).add(more).lte(most));
        }
    }
    add_where(db, name, period, more, room).await
}

/// Adds, or takes away, whatever the limits say.
///
/// # Errors
/// When the statement fails.
pub async fn add(db: &impl Conn, name: &str, period: &str, more: Amount) -> Result<()> {
    add_where(db, name, period, more, Condition::all())
        .await
        .map(|_| ())
}

async fn add_where(db: &impl Conn, name: &str, period: &str, more: Amount, room: Condition) -> Result<bool> {
    let changes = columns(more).into_iter().filter(|(_, more)| *more != 0);
    let mut update = Entity::update_many();
    for (column, more) in changes {
        update = update.col_expr(column, Expr::col(column).add(more));
    }
    let updated = update
        .filter(Column::Name.eq(name))
        .filter(Column::Period.eq(period))
        .filter(room)
        .exec(db)
        .await?;
    Ok(updated.rows_affected == 1)
}

/// Those of these counters that exist, by name and period, in no order.
///
/// # Errors
/// When the statement fails.
pub async fn find_many(db: &impl Conn, counters: &[(String, String)]) -> Result<Vec<Model>> {
    if counters.is_empty() {
        return Ok(Vec::new());
    }
    let any = counters.iter().fold(Condition::any(), |any, (name, period)| {
        any.add(Column::Name.eq(name).and(Column::Period.eq(period)))
    });
    Ok(Entity::find().filter(any).all(db).await?)
}

/// One counter.
///
/// # Errors
/// When the statement fails.
pub async fn find(db: &impl Conn, name: &str, period: &str) -> Result<Option<Model>> {
    let key = (name.to_owned(), period.to_owned());
    Ok(Entity::find_by_id(key).one(db).await?)
}
