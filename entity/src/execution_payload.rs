//! The wide part of an execution.

use sea_orm::entity::prelude::*;

/// A row of `execution_payload`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "execution_payload")]
pub struct Model {
    /// The execution.
    #[sea_orm(primary_key, auto_increment = false)]
    pub execution_id: Uuid,
    /// JSON text.
    pub input: String,
    /// JSON text.
    pub result: Option<String>,
    /// Of a failure, for people.
    pub explanation: Option<String>,
    /// Explanation source.
    pub explanation_source: Option<String>,
}

/// It has no relations: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
