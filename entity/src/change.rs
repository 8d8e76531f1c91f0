//! The change log: one row with each change of an execution, in the transaction that made it.

use sea_orm::entity::prelude::*;

/// A row of `change`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "change")]
pub struct Model {
    /// Given by the database.
    #[sea_orm(primary_key)]
    pub number: i64,
    /// PostgreSQL's `xid8`, filled by the database; 0 on SQLite.
    pub transaction_id: i64,
    /// The execution.
    pub execution_id: Uuid,
    /// After the change.
    pub revision: i64,
    /// Is deletion.
    pub is_deletion: bool,
    /// The data set.
    pub data_set_id: Uuid,
    /// The agent.
    pub agent_id: Uuid,
    /// Of the execution type.
    pub execution_key: String,
    /// The user.
    pub launched_by: Uuid,
    /// After the change.
    pub status: String,
    /// Null where the status did not change.
    pub previous_status: Option<String>,
    /// When.
    pub occurred_at: i64,
}

/// It has no relations: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
