//! A label of an execution. The keys that lists filter and order by are repeated here, so that one index serves a list by label.

use sea_orm::entity::prelude::*;

/// A row of `execution_label`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "execution_label")]
pub struct Model {
    /// The execution.
    #[sea_orm(primary_key, auto_increment = false)]
    pub execution_id: Uuid,
    /// As given.
    #[sea_orm(primary_key, auto_increment = false)]
    pub label: String,
    /// For prefix search.
    pub label_folded: String,
    /// As given at launch.
    pub position: i32,
    /// The data set.
    pub data_set_id: Uuid,
    /// The execution's.
    pub created_at: i64,
}

/// It has no relations: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
