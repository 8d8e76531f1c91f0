//! What can go wrong with SQL, sorted by what a caller can do about it.

use sea_orm::{DbErr, RuntimeErr, SqlErr};

/// A statement failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A unique index already has the value: someone else was first.
    #[error("the value is taken")]
    Taken(#[source] DbErr),
    /// The database cannot be reached, or has no connection left.
    #[error("the database cannot be reached")]
    Unavailable(#[source] DbErr),
    /// The database ended the statement because it took too long.
    #[error("the statement took too long")]
    TooSlow(#[source] DbErr),
    /// A stored row is not what this binary writes.
    #[error("stored {what} of {id} cannot be read")]
    Corrupt {
        /// Table or column.
        what: &'static str,
        /// Of the row.
        id: String,
    },
    /// Anything else: a defect.
    #[error("a statement failed")]
    Failed(#[source] DbErr),
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        if let Some(SqlErr::UniqueConstraintViolation(_)) = error.sql_err() {
            return Self::Taken(error);
        }
        match &error {
            DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => Self::Unavailable(error),
            DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause)) => {
                match cause.as_ref() {
                    // query_canceled: statement_timeout ended it.
                    sea_orm::sqlx::Error::Database(cause) if cause.code().as_deref() == Some("57014") => {
                        Self::TooSlow(error)
                    }
                    // admin_shutdown, crash_shutdown, cannot_connect_now.
                    sea_orm::sqlx::Error::Database(cause)
                        if matches!(cause.code().as_deref(), Some("57P01" | "57P02" | "57P03")) =>
                    {
                        Self::Unavailable(error)
                    }
                    sea_orm::sqlx::Error::Io(_)
                    | sea_orm::sqlx::Error::PoolTimedOut
                    | sea_orm::sqlx::Error::PoolClosed => Self::Unavailable(error),
                    _ => Self::Failed(error),
                }
            }
            _ => Self::Failed(error),
        }
    }
}

/// The database cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Neither SQLite nor PostgreSQL.
    #[error("DATABASE_URL starts with `{0}:`; use sqlite://PATH or postgres://USER@HOST/NAME")]
    Scheme(String),
    /// No answer, or a refusal.
    #[error("the database cannot be reached")]
    Connect(#[source] DbErr),
    /// It answered, and then failed.
    #[error("the database does not answer")]
    Query(#[source] Error),
    /// A migration failed.
    #[error("the schema cannot be brought up to date")]
    Migrate(#[source] DbErr),
    /// A newer binary has been here.
    #[error(
        "the database is newer than this binary: it has migration {0}; start the binary that made it, or a newer one"
    )]
    Newer(String),
    /// Migrations are missing.
    #[error(
        "the database is older than this binary: run `agentic-executions migrate` or start `serve` first"
    )]
    Older,
}
