//! A file as someone attached it. Without a conversation it is staged, and swept a day later.

use sea_orm::entity::prelude::*;

/// A row of `file`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "file")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Its bytes.
    pub blob_id: Uuid,
    /// The data set.
    pub data_set_id: Uuid,
    /// Who may read it besides admins.
    pub owner_id: Uuid,
    /// The conversation.
    pub conversation_id: Option<Uuid>,
    /// The execution.
    pub execution_id: Option<Uuid>,
    /// Among the files of its execution.
    pub position: i32,
    /// As given, without a path.
    pub filename: String,
    /// Sniffed, not claimed.
    pub content_type: String,
    /// Bytes.
    pub size_bytes: i64,
    /// Hexadecimal.
    pub sha256: String,
    /// Milliseconds since 1970.
    pub created_at: i64,
}

/// It has no relations: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
