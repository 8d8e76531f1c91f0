//! An ordered journal: a person's, or exactly one execution's.

use sea_orm::entity::prelude::*;

/// A row of `conversation`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "conversation")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The data set.
    pub data_set_id: Uuid,
    /// The agent.
    pub agent_id: Uuid,
    /// The user.
    pub started_by: Uuid,
    /// Held by a person; false for an execution's.
    pub is_chat: bool,
    /// The execution.
    pub execution_id: Option<Uuid>,
    /// Title.
    pub title: Option<String>,
    /// For prefix search.
    pub title_folded: Option<String>,
    /// Of its newest event; the row lock on it makes sequences dense.
    pub last_sequence: i64,
    /// Set while an answer is owed.
    pub reply_run_id: Option<Uuid>,
    /// JSON text: why the last answer failed.
    pub reply_failure: Option<String>,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// Of the last write.
    pub updated_at: i64,
}

/// It has no relations: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
