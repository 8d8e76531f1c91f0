//! What an idempotency key made.

use sea_orm::entity::prelude::*;

/// A row of `idempotency_key`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "idempotency_key")]
pub struct Model {
    /// Whose key it is.
    #[sea_orm(primary_key, auto_increment = false)]
    pub viewer_id: Uuid,
    /// The mutation it was given to.
    #[sea_orm(primary_key, auto_increment = false)]
    pub mutation: String,
    /// The client's key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: String,
    /// SHA-256 of the canonical payload.
    pub fingerprint: String,
    /// The execution, conversation or message that was made.
    pub subject_id: Uuid,
    /// Milliseconds since 1970.
    pub created_at: i64,
}

/// It has no relations: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
