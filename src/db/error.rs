//! What can go wrong with SQL, sorted by what a caller can do about it.

use std::fmt;

use sea_orm::sqlx;
use sea_orm::{DbErr, RuntimeErr, SqlErr};

/// A statement failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A unique index already has the value: someone else was first.
    #[error("the value is taken")]
    Taken(#[source] DbErr),
    /// The database cannot be reached, has no connection left, or cannot write now: the same may
    /// work later.
    #[error("the database is not available")]
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
                    sea_orm::sqlx::Error::Database(said) => match said.code().as_deref().map(meaning) {
                        Some(Meaning::TooSlow) => Self::TooSlow(error),
                        Some(Meaning::Unavailable) => Self::Unavailable(error),
                        _ => Self::Failed(error),
                    },
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

enum Meaning {
    TooSlow,
    Unavailable,
    Other,
}

/// What a code says: five characters are PostgreSQL's, a number is SQLite's.
fn meaning(code: &str) -> Meaning {
    if code.len() == 5 {
        return match code {
            // query_canceled: statement_timeout ended it.
            "57014" => Meaning::TooSlow,
            // read_only_sql_transaction, as on a server that has become a standby;
            // idle_in_transaction_session_timeout; admin_shutdown, crash_shutdown, cannot_connect_now.
            "25006" | "25P03" | "57P01" | "57P02" | "57P03" => Meaning::Unavailable,
            // Of these classes: no connection, no room on disk or for a connection, and a deadlock or
            // a conflict, of which one transaction is told to come again.
            _ if ["08", "53", "40"].iter().any(|class| code.starts_with(class)) => Meaning::Unavailable,
            _ => Meaning::Other,
        };
    }
    // The lowest byte of an extended code is the code. BUSY, LOCKED, READONLY, IOERR, FULL, CANTOPEN.
    match code.parse::<u32>().map(|code| code & 0xff) {
        Ok(5 | 6 | 8 | 10 | 13 | 14) => Meaning::Unavailable,
        _ => Meaning::Other,
    }
}

/// The database cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Neither SQLite nor PostgreSQL.
    #[error("DATABASE_URL starts with `{0}:`; use sqlite://PATH or postgres://USER@HOST/NAME")]
    Scheme(String),
    /// The address says something that nobody can connect to.
    #[error("DATABASE_URL is no address of PostgreSQL; use postgres://USER:PASSWORD@HOST/NAME")]
    Address(#[source] sqlx::Error),
    /// No answer of PostgreSQL, or a refusal.
    #[error("the database {database} at {server} cannot be reached")]
    Unreachable {
        /// Its name, or the user's where the address has none.
        database: String,
        /// Host and port, or the folder of its socket.
        server: String,
        /// As it was told.
        #[source]
        error: Told,
    },
    /// No connection.
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
    /// It holds nothing.
    #[error("the database is empty: run `agentic-executions migrate` or start `serve` first")]
    Empty,
    /// Another program made it.
    #[error("the file is another program's: it has a table {0} and none of ours; name another file")]
    Foreign(String),
}

/// What a server said. The library adds `at line 948`, a line of PostgreSQL's own source, to it.
#[derive(Debug)]
pub enum Told {
    /// PostgreSQL.
    Server(String),
    /// The network, or the library.
    Other(sqlx::Error),
}

impl From<sqlx::Error> for Told {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(said) => Self::Server(said.message().to_owned()),
            other => Self::Other(other),
        }
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(said) => f.write_str(said),
            Self::Other(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Told {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Server(_) => None,
            Self::Other(error) => error.source(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_told_from_a_defect() {
        for code in [
            "5", "261", "13", "778", "8", "14", "08006", "53100", "53300", "25006", "40P01", "57P01",
        ] {
            assert!(matches!(meaning(code), Meaning::Unavailable), "{code}");
        }
        for code in ["1", "19", "2067", "20", "23505", "42601", "57014", "XX000"] {
            assert!(!matches!(meaning(code), Meaning::Unavailable), "{code}");
        }
    }
}
