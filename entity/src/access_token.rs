//! A bearer token, of which only the hash is kept.

use sea_orm::entity::prelude::*;

/// A row of `access_token`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "access_token")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The user.
    pub user_id: Uuid,
    /// For people, to tell tokens apart.
    pub name: String,
    /// The first characters of the secret.
    pub prefix: String,
    /// SHA-256 in hexadecimal.
    pub secret_hash: String,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// Kept to the minute, so that reading costs no write.
    pub last_used_at: Option<i64>,
    /// When; null until then.
    pub expires_at: Option<i64>,
    /// When; null until then.
    pub revoked_at: Option<i64>,
}

/// It has no relations: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
