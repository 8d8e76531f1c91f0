//! What models were used for: a row for each conversation, day and model.

use entity::usage_day::{Column, Entity, Model};
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ColumnTrait, EntityTrait, FromQueryResult, IntoActiveModel, QueryFilter, QuerySelect};
use uuid::Uuid;

use super::{Conn, Result};

/// Adds to the row of the same conversation, day and model.
///
/// # Errors
/// When the statement fails.
pub async fn add(db: &impl Conn, more: Model) -> Result<()> {
    let sums = [
        (Column::ModelCalls, more.model_calls),
        (Column::UnpricedCalls, more.unpriced_calls),
        (Column::InputTokens, more.input_tokens),
        (Column::CachedInputTokens, more.cached_input_tokens),
        (Column::OutputTokens, more.output_tokens),
        (Column::CostMicroUsd, more.cost_micro_usd),
    ];
    let sums = sums.map(|(column, more)| (column, Expr::col((Entity, column)).add(more)));
    let mut again = OnConflict::columns([Column::ConversationId, Column::Day, Column::Model]);
    again.values(sums);
    Entity::insert(more.into_active_model())
        .on_conflict(again)
        .exec_without_returning(db)
        .await?;
    Ok(())
}

/// Sums over conversations.
#[derive(Debug, Clone, PartialEq, Eq, FromQueryResult)]
#[allow(missing_docs)] // the columns of the same name
pub struct Sum {
    pub day: i64,
    pub agent_id: Uuid,
    pub model: String,
    pub is_chat: bool,
    pub model_calls: i64,
    pub unpriced_calls: i64,
    pub input_tokens: i64,
    pub cached_input_tokens: i64,
    pub output_tokens: i64,
    pub cost_micro_usd: i64,
}

/// What a data set's agents used from one day to another, both included, by day, agent, model and
/// whether it was for a person's conversation.
///
/// # Errors
/// When the statement fails.
pub async fn sums(
    db: &impl Conn,
    data_set: Uuid,
    agent: Option<Uuid>,
    from: i64,
    to: i64,
) -> Result<Vec<Sum>> {
    // PostgreSQL's sum of bigints is a numeric.
    let sum = |column: Column| Expr::col(column).sum().cast_as("bigint");
    let is_chat = || Expr::col(Column::ExecutionId).is_null();
    let mut query = Entity::find()
        .select_only()
        .column(Column::Day)
        .column(Column::AgentId)
        .column(Column::Model)
        .column_as(is_chat(), "is_chat")
        .filter(Column::DataSetId.eq(data_set))
        .filter(Column::Day.between(from, to))
        .group_by(Column::Day)
        .group_by(Column::AgentId)
        .group_by(Column::Model)
        .group_by(is_chat());
    for (column, name) in [
        (Column::ModelCalls, "model_calls"),
        (Column::UnpricedCalls, "unpriced_calls"),
        (Column::InputTokens, "input_tokens"),
        (Column::CachedInputTokens, "cached_input_tokens"),
        (Column::OutputTokens, "output_tokens"),
        (Column::CostMicroUsd, "cost_micro_usd"),
    ] {
        query = query.column_as(sum(column), name);
    }
    if let Some(agent) = agent {
        query = query.filter(Column::AgentId.eq(agent));
    }
    Ok(query.into_model::<Sum>().all(db).await?)
}

/// The rows of these conversations.
///
/// # Errors
/// When the statement fails.
pub async fn of_conversations(db: &impl Conn, ids: &[Uuid]) -> Result<Vec<Model>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let of = Column::ConversationId.is_in(ids.iter().copied());
    Ok(Entity::find().filter(of).all(db).await?)
}
