//! Sessions of browsers, and the codes of one-time sign-in links. Of both secrets only the hash is
//! kept.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null, pk_uuid, text, uuid, uuid_null};

/// The migration.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let session = vec![
            pk_uuid("id"),
            uuid("user_id"),
            uuid_null("token_id"),
            text("secret_hash"),
            big_integer("created_at"),
            big_integer("expires_at"),
            big_integer_null("ended_at"),
        ];
        table(manager, "session", session).await?;
        index(manager, "session", "secret_hash", true).await?;
        // For ending all of a user's.
        index(manager, "session", "user_id", false).await?;
        // For the sweeper.
        index(manager, "session", "expires_at", false).await?;

        let code = vec![
            pk_uuid("id"),
            uuid("user_id"),
            text("secret_hash"),
            big_integer("created_at"),
            big_integer("expires_at"),
            big_integer_null("used_at"),
        ];
        table(manager, "sign_in_code", code).await?;
        index(manager, "sign_in_code", "secret_hash", true).await?;
        index(manager, "sign_in_code", "expires_at", false).await
    }
}

async fn table(
    manager: &SchemaManager<'_>,
    name: &'static str,
    columns: Vec<ColumnDef>,
) -> Result<(), DbErr> {
    let mut table = Table::create();
    table.table(name);
    for mut column in columns {
        table.col(&mut column);
    }
    let mut owner = ForeignKey::create();
    owner
        .name(format!("{name}_user_id_fk"))
        .from(name, "user_id")
        .to("user", "id");
    table.foreign_key(&mut owner);
    manager.create_table(table).await
}

async fn index(
    manager: &SchemaManager<'_>,
    table: &'static str,
    column: &'static str,
    is_unique: bool,
) -> Result<(), DbErr> {
    let mut index = Index::create();
    index.name(format!("{table}_{column}")).table(table).col(column);
    if is_unique {
        index.unique();
    }
    manager.create_index(index).await
}
