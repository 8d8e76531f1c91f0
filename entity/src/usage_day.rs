//! What one conversation, an execution's or a person's, used of one model on one day (UTC). Only its own run writes it, so no two writers wait for each other here.

use sea_orm::entity::prelude::*;

/// A row of `usage_day`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "usage_day")]
pub struct Model {
    /// The conversation; it may be gone.
    #[sea_orm(primary_key, auto_increment = false)]
    pub conversation_id: Uuid,
    /// Days since 1970.
    #[sea_orm(primary_key, auto_increment = false)]
    pub day: i64,
    /// As `Message.model` names it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub model: String,
    /// None in a person's conversation.
    pub execution_id: Option<Uuid>,
    /// The data set.
    pub data_set_id: Uuid,
    /// The agent.
    pub agent_id: Uuid,
    /// Answers that came.
    pub model_calls: i64,
    /// Those of them without a price.
    pub unpriced_calls: i64,
    /// With the cached ones.
    pub input_tokens: i64,
    /// Cached input tokens.
    pub cached_input_tokens: i64,
    /// Output tokens.
    pub output_tokens: i64,
    /// Of those with a price.
    pub cost_micro_usd: i64,
}

/// It has no relations: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
