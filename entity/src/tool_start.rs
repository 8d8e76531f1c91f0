//! The mark that precedes a tool call: with it and without a result in the journal, the outcome is unknown.

use sea_orm::entity::prelude::*;

/// A row of `tool_start`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tool_start")]
pub struct Model {
    /// The conversation.
    #[sea_orm(primary_key, auto_increment = false)]
    pub conversation_id: Uuid,
    /// The model's name for the call.
    #[sea_orm(primary_key, auto_increment = false)]
    pub call_id: String,
    /// Of the claim that started it.
    pub fence: i64,
    /// When.
    pub started_at: i64,
}

/// It has no relations: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
