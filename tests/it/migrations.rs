//! The schema comes whole or not at all, however many processes start at once and whatever ends one.

use agentic_executions::db::{ConnectError, Db};
use sea_orm::ConnectionTrait;

use crate::support::database::{Kind, connect, empty};

async fn first_starts_at_once(kind: Kind) {
    let (url, _directory) = empty(kind).await;
    let start = async || {
        let db = connect(&url).await;
        let migrated = db.migrate().await;
        db.close().await;
        migrated
    };
    let starts = futures::future::join_all((0..6).map(|_| start())).await;
    for migrated in starts {
        migrated.expect("finds the schema or makes it");
    }
    connect(&url).await.check_schema().await.expect("is complete");
}

async fn one_that_was_cut_off(kind: Kind) {
    let (url, _directory) = empty(kind).await;
    let db = connect(&url).await;
    // Its name is that of the last table that the first migration makes: it fails there.
    db_run(&db, "CREATE VIEW file AS SELECT 1 AS id").await;
    let cut = db.migrate().await;
    assert!(matches!(cut, Err(ConnectError::Migrate(_))), "{cut:?}");
    db_run(&db, "DROP VIEW file").await;
    db.migrate().await.expect("nothing was left in the way");
    db.check_schema().await.expect("is complete");
}

async fn db_run(db: &Db, statement: &str) {
    let tx = db.begin().await.expect("begins");
    tx.execute_unprepared(statement).await.expect("runs");
    db.commit(tx).await.expect("commits");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_first_starts_at_once_all_find_the_schema_on_sqlite() {
    first_starts_at_once(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_first_starts_at_once_all_find_the_schema_on_postgres() {
    first_starts_at_once(Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_that_was_cut_off_leaves_nothing_in_the_way_on_sqlite() {
    one_that_was_cut_off(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_that_was_cut_off_leaves_nothing_in_the_way_on_postgres() {
    one_that_was_cut_off(Kind::Postgres).await;
}
