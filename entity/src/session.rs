//! A browser's session, of whose cookie only the hash is kept.

use sea_orm::entity::prelude::*;

/// A row of `session`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "session")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The user.
    pub user_id: Uuid,
    /// The access token that it was made from, with which it ends; null for one from a link.
    pub token_id: Option<Uuid>,
    /// SHA-256 in hexadecimal.
    pub secret_hash: String,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// At the latest.
    pub expires_at: i64,
    /// When someone signed out; null until then.
    pub ended_at: Option<i64>,
}

/// It has no relations: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
