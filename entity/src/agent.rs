//! A configured instance of an agent type in one data set.

use sea_orm::entity::prelude::*;

/// A row of `agent`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "agent")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The data set.
    pub data_set_id: Uuid,
    /// Of the definition.
    pub agent_type_key: String,
    /// Unique in its data set.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// JSON text.
    pub configuration: String,
    /// Set: it takes no new work.
    pub retired_at: Option<i64>,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// Milliseconds since 1970.
    pub updated_at: i64,
}

/// It has no relations: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
