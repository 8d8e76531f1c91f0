//! A database of its own for each unit test: a SQLite file, or, where `UNIT_TESTS_ON=postgres`
//! says so, one on the throw-away server that `TEST_POSTGRES_URL` names. `make test` runs the unit
//! tests once on each.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use sea_orm::{ConnectionTrait, FromQueryResult, Statement};

use super::{Db, Options};

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A migrated database that nobody else has.
#[allow(clippy::disallowed_methods)] // which server there is only the environment knows
pub async fn fresh(folder: &Path) -> Db {
    let setting = |name| std::env::var(name).ok();
    let url = if setting("UNIT_TESTS_ON").as_deref() == Some("postgres") {
        let server = setting("TEST_POSTGRES_URL").expect("TEST_POSTGRES_URL names a throw-away server");
        copy_on(&server).await
    } else {
        format!("sqlite://{}", folder.join("unit.db").display())
    };
    let db = connect(&url).await;
    db.migrate().await.expect("migrates");
    db
}

async fn copy_on(server: &str) -> String {
    let name = format!(
        "unit_{}_{}",
        std::process::id(),
        NUMBER.fetch_add(1, Ordering::Relaxed)
    );
    let admin = connect(server).await;
    let create = format!("CREATE DATABASE {name}");
    admin
        .read()
        .execute_unprepared(&create)
        .await
        .expect("a database");
    admin.close().await;
    let (host, _) = server.rsplit_once('/').expect("an address with a database");
    format!("{host}/{name}")
}

async fn connect(url: &str) -> Db {
    Db::connect(url, &Options::default()).await.expect("connects")
}

/// What a statement meets when the database is away.
pub fn unavailable() -> super::Error {
    super::Error::Unavailable(sea_orm::DbErr::Custom("nobody answers".to_owned()))
}

/// On SQLite: refuses every write, as on a disk that cannot be written to, or takes them again.
pub async fn refuse_writes(db: &Db, yes: bool) {
    let set = format!("PRAGMA query_only = {yes}");
    db.write.execute_unprepared(&set).await.expect("is set");
}

#[derive(FromQueryResult)]
struct Table {
    name: String,
    rows: i64,
}

/// How many rows each table has, by name: tests see that a refusal stored nothing.
pub async fn count_rows(db: &Db) -> Vec<(String, i64)> {
    let backend = db.read().get_database_backend();
    let query = |sql: String| Table::find_by_statement(Statement::from_string(backend, sql)).all(db.read());
    let names = if db.is_postgres() {
        "SELECT tablename::text AS name, 0::bigint AS rows FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
    } else {
        "SELECT name, 0 AS rows FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
    };
    let mut counts = Vec::new();
    for Table { name, .. } in query(names.to_owned()).await.expect("tables") {
        let counted = query(format!(
            "SELECT '{name}' AS name, COUNT(*) AS rows FROM \"{name}\""
        ))
        .await;
        counts.extend(
            counted
                .expect("rows")
                .into_iter()
                .map(|table| (table.name, table.rows)),
        );
    }
    counts
}
