//! SQL: connections, transactions, and the queries, one module a table. The only floor besides
//! `entity` that knows sea-orm. It knows no rules: who may do what, and what may follow what,
//! stands in `domain`.
//!
//! One code path serves SQLite and PostgreSQL. Reads go to a pool; writes begin at once as
//! writers ([`Db::begin`]), for a SQLite transaction that turns from reader to writer fails
//! whatever its busy timeout. On SQLite all writes of a process share one connection, so they
//! queue here instead of failing there.
//!
//! To add a query: a function in its table's module that takes `&impl Conn` first, then the
//! owner, then the rest.

pub mod agents;
pub mod budgets;
pub mod changes;
pub mod conversations;
mod error;
pub mod events;
pub mod executions;
pub mod files;
pub mod idempotency;
pub mod keyset;
pub mod people;
pub mod records;
pub mod runs;
pub mod sessions;
#[cfg(test)]
pub(crate) mod testing;
pub mod usage;

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use migration::{Migrator, MigratorTrait};
use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::sqlx::{self, Connection, PgConnection};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseBackend, DatabaseConnection, DatabaseTransaction,
    FromQueryResult, SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};
use tokio::sync::{Semaphore, SemaphorePermit};

pub use error::{ConnectError, Error, Told};
/// Whatever takes statements: the read pool or a transaction.
pub use sea_orm::ConnectionTrait as Conn;

/// A result of this floor.
pub type Result<T> = std::result::Result<T, Error>;

/// An open write transaction. Dropped without [`Db::commit`] it is rolled back.
pub type Tx = DatabaseTransaction;

/// A database that takes longer to answer is not there.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// No transaction here waits for anything but the database. One that stands still belongs to a
/// process that does (stopped, or its host gone), and its locks would keep others from taking over
/// its runs: PostgreSQL ends it.
const IDLE_IN_TRANSACTION: &str = "10s";

/// How many connections, and how long a statement may take.
#[derive(Debug, Clone)]
pub struct Options {
    /// Connections of the pool; on SQLite, of readers.
    pub connections: u32,
    /// PostgreSQL ends a statement that takes longer: a filter that no index serves costs this
    /// much and not the whole server.
    pub statement_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connections: 10,
            statement_timeout: Duration::from_secs(15),
        }
    }
}

/// A database.
#[derive(Clone, Debug)]
pub struct Db {
    read: DatabaseConnection,
    write: DatabaseConnection,
    /// One permit for each statement that may read very many rows at a time.
    wide: Arc<Semaphore>,
    statements: Arc<AtomicU64>,
}

/// A connection pool for statements that read very many rows, while one has leave to.
#[derive(Debug)]
pub struct WideRead<'d> {
    read: &'d DatabaseConnection,
    _leave: Option<SemaphorePermit<'d>>,
}

impl Deref for WideRead<'_> {
    type Target = DatabaseConnection;

    fn deref(&self) -> &DatabaseConnection {
        self.read
    }
}

impl Db {
    /// Connects; the database file of SQLite is made when it is missing.
    ///
    /// # Errors
    /// [`ConnectError`] for an address that cannot be used, or a database that does not answer
    /// within five seconds.
    pub async fn connect(url: &str, options: &Options) -> std::result::Result<Self, ConnectError> {
        let statements = Arc::new(AtomicU64::new(0));
        let scheme = url.split(':').next().unwrap_or_default();
        let (read, write) = match scheme {
            "sqlite" => {
                let read = open(sqlite(url, options.connections), &statements).await?;
                // One connection: SQLite has one writer, so a queue here beats failures there.
                let write = open(sqlite(url, 1), &statements).await?;
                (read, write)
            }
            "postgres" | "postgresql" => {
                probe(url).await?;
                let pool = open(postgres(url, options), &statements).await?;
                (pool.clone(), pool)
            }
            _ => return Err(ConnectError::Scheme(scheme.to_owned())),
        };
        Ok(Self {
            read,
            write,
            wide: Arc::new(Semaphore::new(wide_reads(options.connections))),
            statements,
        })
    }

    /// For reading.
    pub fn read(&self) -> &DatabaseConnection {
        &self.read
    }

    /// For a statement that reads very many rows, such as figures do: a third of the connections
    /// take such at a time, so that those who ask for little never wait behind them. Waits for its
    /// turn, first come, first served; the time limit of a request ends the waiting with it. Hold it
    /// for the statement alone, and one at a time.
    pub async fn read_wide(&self) -> WideRead<'_> {
        WideRead {
            read: &self.read,
            // Nobody closes it.
            _leave: self.wide.acquire().await.ok(),
        }
    }

    /// True on PostgreSQL, the database that several processes share.
    pub fn is_postgres(&self) -> bool {
        self.read.get_database_backend() == DatabaseBackend::Postgres
    }

    /// Begins a write transaction.
    ///
    /// # Errors
    /// When no connection is to be had.
    pub async fn begin(&self) -> Result<Tx> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..Default::default()
        };
        Ok(self.write.begin_with_options(options).await?)
    }

    /// Makes a transaction's writes durable.
    ///
    /// # Errors
    /// When the database could not; whether it did is then unknown.
    pub async fn commit(&self, tx: Tx) -> Result<()> {
        Ok(tx.commit().await?)
    }

    /// Brings the schema to this binary's, or leaves it as it was. Several processes may start at
    /// once: one migrates while the others wait.
    ///
    /// # Errors
    /// [`ConnectError::Newer`] when the database has migrations that this binary does not know,
    /// [`ConnectError::Foreign`] when a file is another program's.
    pub async fn migrate(&self) -> std::result::Result<(), ConnectError> {
        self.known_migrations().await?;
        // On SQLite the lock of the one writer, in which all of it happens: a process that is killed
        // halfway would otherwise leave tables that the next one cannot make again.
        let lock = self.begin().await.map_err(ConnectError::Query)?;
        let migrated = if self.is_postgres() {
            // The lock belongs to a transaction, so it goes with the connection whatever happens.
            // Whoever waits here waits for a whole migration.
            for take in [
                "SET LOCAL statement_timeout = 0",
                "SET LOCAL idle_in_transaction_session_timeout = 0",
                "SELECT pg_advisory_xact_lock(4711202611)",
            ] {
                let taken = lock.execute_unprepared(take).await;
                taken.map_err(|error| ConnectError::Query(error.into()))?;
            }
            // Each migration in a transaction of its own.
            Migrator::up(&self.write, None).await
        } else {
            Migrator::up(&lock, None).await
        };
        migrated.map_err(ConnectError::Migrate)?;
        self.commit(lock).await.map_err(ConnectError::Query)
    }

    /// Says whether the schema is this binary's, without changing anything.
    ///
    /// # Errors
    /// [`ConnectError::Newer`], [`ConnectError::Older`], [`ConnectError::Empty`], [`ConnectError::Foreign`], or no
    /// connection.
    pub async fn check_schema(&self) -> std::result::Result<(), ConnectError> {
        let applied = self.known_migrations().await?;
        match applied {
            0 => Err(ConnectError::Empty),
            some if some < Migrator::migrations().len() => Err(ConnectError::Older),
            _ => Ok(()),
        }
    }

    /// How many of this binary's migrations the database has. One that has others is refused.
    async fn known_migrations(&self) -> std::result::Result<usize, ConnectError> {
        #[derive(FromQueryResult)]
        struct Applied {
            version: String,
        }
        let backend = self.read.get_database_backend();
        // PostgreSQL's may hold what extensions make. A file is one program's.
        let tables = match backend {
            DatabaseBackend::Postgres => {
                "SELECT tablename AS version FROM pg_tables WHERE tablename = 'seaql_migrations' AND schemaname = current_schema()"
            }
            _ => {
                "SELECT name AS version FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~'"
            }
        };
        let query =
            |sql: &str| Applied::find_by_statement(Statement::from_string(backend, sql)).all(&self.read);
        let failed = |error: sea_orm::DbErr| ConnectError::Query(error.into());
        // In one statement, for another process may be migrating: all of its tables or none.
        let tables = query(tables).await.map_err(failed)?;
        if tables.iter().all(|table| table.version != "seaql_migrations") {
            return match tables.into_iter().next() {
                Some(table) => Err(ConnectError::Foreign(table.version)),
                None => Ok(0),
            };
        }
        let applied = query("SELECT version FROM seaql_migrations")
            .await
            .map_err(failed)?;
        let known: Vec<String> = Migrator::migrations()
            .iter()
            .map(|m| m.name().to_owned())
            .collect();
        match applied.iter().find(|row| !known.contains(&row.version)) {
            Some(row) => Err(ConnectError::Newer(row.version.clone())),
            None => Ok(applied.len()),
        }
    }

    /// True when the database answers.
    pub async fn is_alive(&self) -> bool {
        self.read.ping().await.is_ok()
    }

    /// How many statements were sent since the start: tests count what a page costs.
    pub fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }

    /// Closes all connections.
    pub async fn close(self) {
        // A pool that is already closed is what was wanted.
        let _ = self.write.close().await;
        let _ = self.read.close().await;
    }
}

fn wide_reads(connections: u32) -> usize {
    usize::try_from(connections / 3).unwrap_or(1).max(1)
}

fn sqlite(url: &str, connections: u32) -> ConnectOptions {
    let url = if url.contains("mode=") {
        url.to_owned()
    } else {
        let sign = if url.contains('?') { '&' } else { '?' };
        format!("{url}{sign}mode=rwc")
    };
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .map_sqlx_sqlite_opts(|sqlite| {
            sqlite
                .journal_mode(sea_orm::sqlx::sqlite::SqliteJournalMode::Wal)
                // Accepted means durable, also when the power goes.
                .synchronous(sea_orm::sqlx::sqlite::SqliteSynchronous::Full)
                // Another process (the command line) may hold the write lock for a moment.
                .busy_timeout(Duration::from_secs(10))
                .foreign_keys(true)
        });
    options
}

// The pool tries again and again and then says only that time is up; one connection says why.
async fn probe(url: &str) -> std::result::Result<(), ConnectError> {
    let options: PgConnectOptions = url.parse().map_err(ConnectError::Address)?;
    let failed = |error: sqlx::Error| ConnectError::Unreachable {
        database: options
            .get_database()
            .unwrap_or(options.get_username())
            .to_owned(),
        server: match options.get_socket() {
            Some(folder) => folder.display().to_string(),
            None => format!("{}:{}", options.get_host(), options.get_port()),
        },
        error: Told::from(error),
    };
    match tokio::time::timeout(CONNECT_WITHIN, PgConnection::connect_with(&options)).await {
        // Closed so that the server does not log a cut connection; that it fails is no matter.
        Ok(connection) => drop(connection.map_err(failed)?.close().await),
        Err(_) => return Err(failed(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()))),
    }
    Ok(())
}

fn postgres(url: &str, options: &Options) -> ConnectOptions {
    let mut connect = ConnectOptions::new(url.to_owned());
    let timeout = format!("{}ms", options.statement_timeout.as_millis());
    connect
        .max_connections(options.connections)
        .map_sqlx_postgres_opts(move |postgres| {
            postgres.options([
                ("statement_timeout", timeout.as_str()),
                ("idle_in_transaction_session_timeout", IDLE_IN_TRANSACTION),
            ])
        });
    connect
}

async fn open(
    mut options: ConnectOptions,
    statements: &Arc<AtomicU64>,
) -> std::result::Result<DatabaseConnection, ConnectError> {
    options
        .connect_timeout(CONNECT_WITHIN)
        .acquire_timeout(Duration::from_secs(10))
        .sqlx_logging(false);
    let mut connection = Database::connect(options).await.map_err(ConnectError::Connect)?;
    let statements = Arc::clone(statements);
    connection.set_metric_callback(move |_| {
        statements.fetch_add(1, Ordering::Relaxed);
    });
    Ok(connection)
}
