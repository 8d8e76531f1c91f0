//! One entry of a conversation's append-only journal. A message is an event.

use sea_orm::entity::prelude::*;

/// A row of `event`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "event")]
pub struct Model {
    /// The conversation.
    #[sea_orm(primary_key, auto_increment = false)]
    pub conversation_id: Uuid,
    /// Dense, from 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub sequence: i64,
    /// Primary key.
    pub id: Uuid,
    /// What happened.
    pub kind: String,
    /// Of a message.
    pub role: Option<String>,
    /// The correction cycle.
    pub attempt: Option<i32>,
    /// JSON text; its shape follows `kind`.
    pub body: String,
    /// When.
    pub occurred_at: i64,
}

/// It has no relations: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
