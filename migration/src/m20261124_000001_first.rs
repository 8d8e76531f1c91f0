//! The first schema. Migrations write their tables out by hand and never import `entity`: they
//! stay what they were while entities move on.
//!
//! Names of indexes say what they serve: `<table>_<columns>`. `ARCHITECTURE.md` has the table of
//! filters and orders, and a test reads the query plans.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, boolean, boolean_null, integer, integer_null, pk_uuid, text, text_null,
    uuid, uuid_null,
};
use sea_orm_migration::sea_orm::DatabaseBackend;

/// The migration.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let steps = Steps { manager };
        steps.people().await?;
        steps.executions().await?;
        steps.conversations().await?;
        steps.change_log().await?;
        steps.files().await
    }
}

struct Steps<'m> {
    manager: &'m SchemaManager<'m>,
}

impl Steps<'_> {
    async fn people(&self) -> Result<(), DbErr> {
        let user = vec![
            pk_uuid("id"),
            text("name"),
            boolean("is_admin"),
            big_integer("created_at"),
        ];
        self.table("user", user, &[]).await?;
        self.unique("user", &["name"]).await?;

        let data_set = vec![pk_uuid("id"), text("name"), big_integer("created_at")];
        self.table("data_set", data_set, &[]).await?;
        self.unique("data_set", &["name"]).await?;

        let token = vec![
            pk_uuid("id"),
            uuid("user_id"),
            text("name"),
            text("prefix"),
            text("secret_hash"),
            big_integer("created_at"),
            big_integer_null("last_used_at"),
            big_integer_null("expires_at"),
            big_integer_null("revoked_at"),
        ];
        self.table("access_token", token, &[("user_id", "user")]).await?;
        self.unique("access_token", &["secret_hash"]).await?;
        self.index("access_token", &["user_id", "created_at", "id"])
            .await?;

        let member = vec![
            pk_uuid("id"),
            uuid("data_set_id"),
            uuid("user_id"),
            text("role"),
            big_integer("created_at"),
        ];
        let owners = [("data_set_id", "data_set"), ("user_id", "user")];
        self.table("member", member, &owners).await?;
        self.unique("member", &["user_id", "data_set_id"]).await?;
        self.index("member", &["data_set_id", "created_at", "id"]).await?;

        let record = vec![
            pk_uuid("id"),
            uuid("data_set_id"),
            self.bytewise("collection"),
            self.bytewise("key"),
            self.bytewise("key_folded"),
            text("document"),
            big_integer("created_at"),
            big_integer("updated_at"),
        ];
        self.table("record", record, &[("data_set_id", "data_set")])
            .await?;
        self.unique("record", &["data_set_id", "collection", "key"])
            .await?;
        self.index("record", &["data_set_id", "collection", "key_folded", "id"])
            .await?;
        self.index("record", &["data_set_id", "key_folded", "id"]).await?;

        let agent = vec![
            pk_uuid("id"),
            uuid("data_set_id"),
            text("agent_type_key"),
            text("name"),
            text_null("description"),
            text("configuration"),
            big_integer_null("retired_at"),
            big_integer("created_at"),
            big_integer("updated_at"),
        ];
        self.table("agent", agent, &[("data_set_id", "data_set")]).await?;
        self.unique("agent", &["data_set_id", "name"]).await?;
        self.index("agent", &["data_set_id", "created_at", "id"]).await
    }

    async fn executions(&self) -> Result<(), DbErr> {
        let execution = vec![
            pk_uuid("id"),
            big_integer("revision"),
            text("status"),
            uuid("data_set_id"),
            uuid("agent_id"),
            text("execution_key"),
            text("schema_version"),
            uuid("conversation_id"),
            uuid("launched_by"),
            integer("attempt"),
            integer("max_attempts"),
            text_null("failure_category"),
            text_null("failure_code"),
            boolean_null("failure_retryable"),
            big_integer_null("cancel_requested_at"),
            uuid_null("cancel_requested_by"),
            text_null("cancel_reason"),
            big_integer_null("cancel_confirmed_at"),
            integer_null("progress_done"),
            integer_null("progress_total"),
            text_null("progress_note"),
            big_integer("input_tokens"),
            big_integer("output_tokens"),
            integer("model_calls"),
            integer("tool_calls"),
            big_integer_null("cost_micro_usd"),
            uuid_null("retry_of"),
            big_integer_null("max_duration_ms"),
            big_integer("created_at"),
            big_integer_null("started_at"),
            big_integer_null("finished_at"),
            big_integer_null("duration_ms"),
            big_integer_null("expires_at"),
            big_integer_null("deadline_at"),
            big_integer("updated_at"),
        ];
        let parents = [
            ("data_set_id", "data_set"),
            ("agent_id", "agent"),
            ("launched_by", "user"),
        ];
        self.table("execution", execution, &parents).await?;
        for columns in [
            &["created_at", "id"][..],
            &["data_set_id", "created_at", "id"],
            &["data_set_id", "status", "created_at", "id"],
            &["agent_id", "created_at", "id"],
            &["agent_id", "status", "created_at", "id"],
            &["launched_by", "data_set_id", "created_at", "id"],
            &["launched_by", "data_set_id", "status", "created_at", "id"],
            &["data_set_id", "started_at", "id"],
            &["data_set_id", "finished_at", "id"],
            &["data_set_id", "duration_ms", "id"],
            &["launched_by", "data_set_id", "started_at", "id"],
            &["launched_by", "data_set_id", "finished_at", "id"],
            &["launched_by", "data_set_id", "duration_ms", "id"],
            &["retry_of", "created_at", "id"],
        ] {
            self.index("execution", columns).await?;
        }

        let payload = vec![
            pk_uuid("execution_id"),
            text("input"),
            text_null("result"),
            text_null("explanation"),
            text_null("explanation_source"),
        ];
        let of_execution = [("execution_id", "execution")];
        self.table("execution_payload", payload, &of_execution).await?;

        let label = vec![
            uuid("execution_id"),
            self.bytewise("label"),
            self.bytewise("label_folded"),
            integer("position"),
            uuid("data_set_id"),
            big_integer("created_at"),
        ];
        self.keyed(
            "execution_label",
            label,
            &["execution_id", "label"],
            &of_execution,
        )
        .await?;
        self.index(
            "execution_label",
            &["data_set_id", "label", "created_at", "execution_id"],
        )
        .await?;
        self.index("execution_label", &["label_folded", "execution_id"])
            .await?;

        let run = vec![
            pk_uuid("id"),
            text("kind"),
            uuid_null("execution_id"),
            uuid("conversation_id"),
            text("definition"),
            big_integer("queued_at"),
            big_integer_null("expires_at"),
            big_integer_null("deadline_at"),
            text_null("worker"),
            big_integer("fence"),
            big_integer("lease_expires_at"),
            big_integer_null("stop_requested_at"),
            big_integer("stall_sequence"),
            integer("stalls"),
            text_null("trace_parent"),
        ];
        self.table("run", run, &[]).await?;
        self.unique("run", &["execution_id"]).await?;
        self.index("run", &["queued_at", "id"]).await?;
        self.index("run", &["worker"]).await?;
        // For the sweeper: the few that ought to have ended.
        self.index("run", &["expires_at"]).await?;
        self.index("run", &["deadline_at"]).await?;
        self.index("run", &["stop_requested_at"]).await?;

        let key = vec![
            uuid("viewer_id"),
            text("mutation"),
            self.bytewise("key"),
            text("fingerprint"),
            uuid("subject_id"),
            big_integer("created_at"),
        ];
        let primary = ["viewer_id", "mutation", "key"];
        self.keyed("idempotency_key", key, &primary, &[("viewer_id", "user")])
            .await?;
        self.index("idempotency_key", &["created_at"]).await
    }

    async fn conversations(&self) -> Result<(), DbErr> {
        let conversation = vec![
            pk_uuid("id"),
            uuid("data_set_id"),
            uuid("agent_id"),
            uuid("started_by"),
            boolean("is_chat"),
            uuid_null("execution_id"),
            text_null("title"),
            self.bytewise("title_folded").null().to_owned(),
            big_integer("last_sequence"),
            uuid_null("reply_run_id"),
            text_null("reply_failure"),
            big_integer("created_at"),
            big_integer("updated_at"),
        ];
        let parents = [
            ("data_set_id", "data_set"),
            ("agent_id", "agent"),
            ("started_by", "user"),
        ];
        self.table("conversation", conversation, &parents).await?;
        self.unique("conversation", &["execution_id"]).await?;
        for columns in [
            &["is_chat", "data_set_id", "updated_at", "id"][..],
            &["is_chat", "started_by", "data_set_id", "updated_at", "id"],
            &["is_chat", "agent_id", "updated_at", "id"],
        ] {
            self.index("conversation", columns).await?;
        }

        let event = vec![
            uuid("conversation_id"),
            big_integer("sequence"),
            uuid("id"),
            text("kind"),
            text_null("role"),
            integer_null("attempt"),
            text("body"),
            big_integer("occurred_at"),
        ];
        let of_conversation = [("conversation_id", "conversation")];
        self.keyed("event", event, &["conversation_id", "sequence"], &of_conversation)
            .await?;
        self.unique("event", &["id"]).await?;

        let start = vec![
            uuid("conversation_id"),
            text("call_id"),
            big_integer("fence"),
            big_integer("started_at"),
        ];
        self.keyed(
            "tool_start",
            start,
            &["conversation_id", "call_id"],
            &of_conversation,
        )
        .await
    }

    async fn change_log(&self) -> Result<(), DbErr> {
        let mut number = ColumnDef::new("number");
        number.big_integer().not_null().auto_increment().primary_key();
        let mut transaction = big_integer("transaction_id");
        // Numbers are given out before commits, and 2 may be seen before 1: readers therefore
        // order by the transaction and read only below the oldest that is still open.
        transaction.default(match self.manager.get_database_backend() {
            DatabaseBackend::Postgres => Expr::cust("(pg_current_xact_id()::text::bigint)"),
            _ => Expr::val(0),
        });
        if self.manager.get_database_backend() == DatabaseBackend::Sqlite {
            // AUTOINCREMENT never gives a number out twice, also when the newest row was deleted.
            number = ColumnDef::new("number");
            number.integer().not_null().auto_increment().primary_key();
        }
        let change = vec![
            number,
            transaction,
            uuid("execution_id"),
            big_integer("revision"),
            boolean("is_deletion"),
            uuid("data_set_id"),
            uuid("agent_id"),
            text("execution_key"),
            uuid("launched_by"),
            text("status"),
            text_null("previous_status"),
            big_integer("occurred_at"),
        ];
        self.table("change", change, &[]).await?;
        self.index("change", &["transaction_id", "number"]).await?;
        self.index("change", &["execution_id", "revision"]).await
    }

    async fn files(&self) -> Result<(), DbErr> {
        let blob = vec![
            pk_uuid("id"),
            big_integer("size_bytes"),
            text("sha256"),
            big_integer("created_at"),
        ];
        self.table("blob", blob, &[]).await?;
        self.index("blob", &["created_at"]).await?;

        let file = vec![
            pk_uuid("id"),
            uuid("blob_id"),
            uuid("data_set_id"),
            uuid("owner_id"),
            uuid_null("conversation_id"),
            uuid_null("execution_id"),
            integer("position"),
            text("filename"),
            text("content_type"),
            big_integer("size_bytes"),
            text("sha256"),
            big_integer("created_at"),
        ];
        let parents = [
            ("blob_id", "blob"),
            ("data_set_id", "data_set"),
            ("owner_id", "user"),
        ];
        self.table("file", file, &parents).await?;
        self.index("file", &["execution_id", "position"]).await?;
        self.index("file", &["conversation_id", "created_at"]).await?;
        self.index("file", &["blob_id"]).await
    }

    /// A table whose columns name their own primary key.
    async fn table(
        &self,
        name: &'static str,
        columns: Vec<ColumnDef>,
        parents: &[(&'static str, &'static str)],
    ) -> Result<(), DbErr> {
        self.keyed(name, columns, &[], parents).await
    }

    /// A table with a primary key over several columns. Rows go with their execution or
    /// conversation; nothing else can be deleted while something hangs off it.
    async fn keyed(
        &self,
        name: &'static str,
        columns: Vec<ColumnDef>,
        primary: &[&'static str],
        parents: &[(&'static str, &'static str)],
    ) -> Result<(), DbErr> {
        let mut table = Table::create();
        table.table(name);
        for mut column in columns {
            table.col(&mut column);
        }
        if !primary.is_empty() {
            let mut key = Index::create();
            for column in primary {
                key.col(*column);
            }
            table.primary_key(&mut key);
        }
        for (column, parent) in parents {
            let mut foreign = ForeignKey::create();
            foreign
                .name(format!("{name}_{column}_fk"))
                .from(name, *column)
                .to(*parent, "id");
            if matches!(*parent, "execution" | "conversation") {
                foreign.on_delete(ForeignKeyAction::Cascade);
            }
            table.foreign_key(&mut foreign);
        }
        self.manager.create_table(table).await
    }

    async fn index(&self, table: &'static str, columns: &[&'static str]) -> Result<(), DbErr> {
        self.create_index(table, columns, false).await
    }

    async fn unique(&self, table: &'static str, columns: &[&'static str]) -> Result<(), DbErr> {
        self.create_index(table, columns, true).await
    }

    async fn create_index(
        &self,
        table: &'static str,
        columns: &[&'static str],
        unique: bool,
    ) -> Result<(), DbErr> {
        let mut index = Index::create();
        index.name(format!("{table}_{}", columns.join("_"))).table(table);
        for column in columns {
            index.col(*column);
        }
        if unique {
            index.unique();
        }
        self.manager.create_index(index).await
    }

    /// Text that is compared byte by byte, whatever the database's locale: what pages, prefixes
    /// and unique keys go by must sort alike everywhere.
    fn bytewise(&self, name: &'static str) -> ColumnDef {
        let mut column = text(name);
        if self.manager.get_database_backend() == DatabaseBackend::Postgres {
            column.extra("COLLATE \"C\"");
        }
        column
    }
}
