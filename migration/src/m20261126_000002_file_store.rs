//! Which file store belongs to this database: one row, by whose id that store has a mark.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{integer, uuid};

const NAME: &str = "file_store";

/// The migration.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table(NAME)
            .col(integer("id").primary_key())
            .col(uuid("mark"));
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(NAME).to_owned()).await
    }
}
