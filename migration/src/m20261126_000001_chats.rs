//! People's conversations, last written to first, whichever data set they are of: the list of
//! server admins.

use sea_orm_migration::prelude::*;

const NAME: &str = "conversation_is_chat_updated_at_id";

/// The migration.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let index = Index::create()
            .name(NAME)
            .table("conversation")
            .col("is_chat")
            .col("updated_at")
            .col("id")
            .to_owned();
        manager.create_index(index).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let index = Index::drop().name(NAME).table("conversation").to_owned();
        manager.drop_index(index).await
    }
}
