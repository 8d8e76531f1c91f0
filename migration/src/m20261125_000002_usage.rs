//! What models were used for, by day, and budgets that executions share.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, text, text_null, uuid, uuid_null};

/// The migration.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut execution = Table::alter();
        execution
            .table("execution")
            .add_column(big_integer("cached_input_tokens").default(0));
        manager.alter_table(execution).await?;
        let mut run = Table::alter();
        run.table("run").add_column(text_null("reservation"));
        manager.alter_table(run).await?;

        // No foreign keys: what was spent stays spent when an execution is deleted.
        let usage = vec![
            uuid("conversation_id"),
            big_integer("day"),
            text("model"),
            uuid_null("execution_id"),
            uuid("data_set_id"),
            uuid("agent_id"),
            big_integer("model_calls"),
            big_integer("unpriced_calls"),
            big_integer("input_tokens"),
            big_integer("cached_input_tokens"),
            big_integer("output_tokens"),
            big_integer("cost_micro_usd"),
        ];
        table(manager, "usage_day", usage, &["conversation_id", "day", "model"]).await?;
        let mut index = Index::create();
        index
            .name("usage_day_data_set_id_day")
            .table("usage_day")
            .col("data_set_id")
            .col("day");
        manager.create_index(index).await?;

        let budget = vec![
            text("name"),
            text("period"),
            big_integer("model_calls"),
            big_integer("tool_calls"),
            big_integer("tokens"),
            big_integer("cost_micro_usd"),
        ];
        table(manager, "budget_use", budget, &["name", "period"]).await
    }
}

async fn table(
    manager: &SchemaManager<'_>,
    name: &'static str,
    columns: Vec<ColumnDef>,
    primary: &[&'static str],
) -> Result<(), DbErr> {
    let mut table = Table::create();
    table.table(name);
    for mut column in columns {
        table.col(&mut column);
    }
    let mut key = Index::create();
    for column in primary {
        key.col(*column);
    }
    table.primary_key(&mut key);
    manager.create_table(table).await
}
