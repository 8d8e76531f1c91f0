//! The code of a one-time sign-in link, of which only the hash is kept.

use sea_orm::entity::prelude::*;

/// A row of `sign_in_code`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sign_in_code")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Who signs in with it.
    pub user_id: Uuid,
    /// SHA-256 in hexadecimal.
    pub secret_hash: String,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// From then on it is worth nothing.
    pub expires_at: i64,
    /// When it was redeemed; null until then.
    pub used_at: Option<i64>,
}

/// It has no relations: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
