//! A database for each test. PostgreSQL's are copies of one that was migrated once.

use std::sync::atomic::{AtomicU32, Ordering};

use agentic_executions::db::{Db, Options};
use sqlx::{Connection, Executor, PgConnection};
use tokio::sync::OnceCell;

/// Which database a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

/// A database of its own.
#[derive(Debug)]
pub struct TestDatabase {
    pub url: String,
    pub db: Db,
    // Removed with its files when the test ends.
    _directory: Option<tempfile::TempDir>,
}

static TEMPLATE: OnceCell<String> = OnceCell::const_new();
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// The throw-away server that `make test` starts.
#[allow(clippy::disallowed_methods)] // where the server is only the environment knows
pub fn postgres_server() -> String {
    std::env::var("TEST_POSTGRES_URL").expect(
        "TEST_POSTGRES_URL names no PostgreSQL server; run `make test`, or `scripts/with-postgres.sh cargo test`",
    )
}

impl TestDatabase {
    pub async fn new(kind: Kind) -> Self {
        match kind {
            Kind::Sqlite => {
                let (url, directory) = empty(kind).await;
                let db = connect(&url).await;
                db.migrate().await.expect("migrates");
                Self {
                    url,
                    db,
                    _directory: directory,
                }
            }
            Kind::Postgres => {
                let url = copy_of_template().await;
                let db = connect(&url).await;
                Self {
                    url,
                    db,
                    _directory: None,
                }
            }
        }
    }
}

/// The address of a database without a schema, and the folder that it goes with.
pub async fn empty(kind: Kind) -> (String, Option<tempfile::TempDir>) {
    match kind {
        Kind::Sqlite => {
            let directory = tempfile::tempdir().expect("a directory");
            let url = format!("sqlite://{}", directory.path().join("test.db").display());
            (url, Some(directory))
        }
        Kind::Postgres => {
            let name = next_name();
            let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
            server().await.execute(create).await.expect("a database");
            (address(&name), None)
        }
    }
}

fn next_name() -> String {
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!("test_{}_{number}", std::process::id())
}

pub async fn connect(url: &str) -> Db {
    Db::connect(url, &Options::default()).await.expect("connects")
}

/// An address on the throw-away server.
fn address(database: &str) -> String {
    let server = postgres_server();
    let (base, query) = server
        .split_once('?')
        .map_or((server.as_str(), None), |(base, query)| (base, Some(query)));
    let host = base.rsplit_once('/').map_or(base, |(host, _)| host);
    match query {
        Some(query) => format!("{host}/{database}?{query}"),
        None => format!("{host}/{database}"),
    }
}

async fn server() -> PgConnection {
    PgConnection::connect(&postgres_server())
        .await
        .expect("the throw-away server answers")
}

async fn copy_of_template() -> String {
    let template = TEMPLATE
        .get_or_init(|| async {
            let name = format!("template_{}", std::process::id());
            let mut server = server().await;
            server
                .execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}")))
                .await
                .expect("a template");
            let db = connect(&address(&name)).await;
            db.migrate().await.expect("migrates");
            db.close().await;
            name
        })
        .await;
    let name = next_name();
    let mut server = server().await;
    let copy = format!("CREATE DATABASE {name} TEMPLATE {template}");
    // Two copies at once may find the template in use.
    for attempt in 0.. {
        match server.execute(sqlx::AssertSqlSafe(copy.clone())).await {
            Ok(_) => break,
            Err(_) if attempt < 100 => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
            Err(error) => panic!("no copy of the template: {error}"),
        }
    }
    address(&name)
}
