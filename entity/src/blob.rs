//! Stored bytes, shared by all files made from them. The row is written before the bytes, so that none are ever without one.

use sea_orm::entity::prelude::*;

/// A row of `blob`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "blob")]
pub struct Model {
    /// Names the bytes in storage.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Bytes.
    pub size_bytes: i64,
    /// Hexadecimal; empty until all bytes are there.
    pub sha256: String,
    /// Milliseconds since 1970.
    pub created_at: i64,
}

/// It has no relations: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
