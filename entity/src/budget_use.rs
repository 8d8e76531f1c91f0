//! What is used or reserved of one shared budget in one of its periods. The row's lock is what keeps many workers from overspending it together.

use sea_orm::entity::prelude::*;

/// A row of `budget_use`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "budget_use")]
pub struct Model {
    /// As the operator's file names it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// Such as `2026-11` or `total`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub period: String,
    /// Model calls.
    pub model_calls: i64,
    /// Tool calls.
    pub tool_calls: i64,
    /// Input and output together.
    pub tokens: i64,
    /// Cost micro usd.
    pub cost_micro_usd: i64,
}

/// It has no relations: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
