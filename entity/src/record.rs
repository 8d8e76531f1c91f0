//! One JSON document of a data set.

use sea_orm::entity::prelude::*;

/// A row of `record`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "record")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The data set.
    pub data_set_id: Uuid,
    /// A name such as `products`.
    pub collection: String,
    /// Unique in its collection.
    pub key: String,
    /// `key` with letter case folded, for prefix search.
    pub key_folded: String,
    /// JSON text, member order kept.
    pub document: String,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// Milliseconds since 1970.
    pub updated_at: i64,
}

/// It has no relations: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
