//! The rules: who may do what, what may follow what, what is written together. It speaks to the
//! database through `db`, to other parts through signals, and to no client and no model.
//!
//! Writes go through a [`Work`]: one transaction, and the signals to publish once it is durable.
//! Rows are locked in one order, so that no two writers wait for each other: run, execution,
//! conversation, counters of budgets. To add an operation: a verb in its noun's module with an error enum of its own.

pub mod access;
pub mod administration;
pub mod agents;
pub mod budgets;
pub mod claim;
pub mod conversations;
pub mod explanation;
pub mod files;
pub mod idempotency;
pub mod journal;
pub mod launch;
pub mod lifecycle;
pub mod people;
pub mod records;
pub mod sessions;
pub mod sweep;
pub mod watch;

use crate::base::clock::{Clock, UnixMs};
use crate::base::id::Ids;
use crate::bus::{Bus, Signal};
use crate::db::{self, Db, Tx};
use crate::storage;

/// Ids that one request names, to read, cancel, retry or delete what they are: executions change each
/// in a transaction of its own, and a request must end in the time that it has.
pub const MAX_BULK_IDS: usize = 100;

/// A fault: nothing the caller did, and nothing for a client to read.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] db::Error),
    /// The file store failed.
    #[error("the file store failed")]
    Storage(#[from] storage::Error),
    /// A stored row is not what this program writes.
    #[error("stored {what} of {id} cannot be read")]
    Corrupt {
        /// Table or column.
        what: &'static str,
        /// Of the row.
        id: String,
    },
}

impl Fault {
    /// The database is away or takes no writes: nothing is wrong with what was to be done.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Database(db::Error::Unavailable(_)))
    }
}

/// Lets `?` carry database errors into an operation's own error as its fault.
macro_rules! faults {
    ($($error:ty),+) => {$(
        impl From<crate::db::Error> for $error {
            fn from(error: crate::db::Error) -> Self {
                Self::Fault(error.into())
            }
        }
    )+};
}
use faults;

/// An argument outside its limits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BadArgument {
    /// Path below `input`.
    pub path: Vec<String>,
    /// For people.
    pub message: String,
}

impl BadArgument {
    /// About one argument.
    pub fn new(argument: &str, message: impl Into<String>) -> Self {
        Self {
            path: vec![argument.to_owned()],
            message: message.into(),
        }
    }
}

/// What every operation needs. Clones share it.
#[derive(Debug, Clone)]
pub struct Store {
    /// The rows.
    pub db: Db,
    /// The signals.
    pub bus: Bus,
    /// The time.
    pub clock: Clock,
    /// New ids.
    pub ids: Ids,
}

impl Store {
    /// Begins a unit of work.
    ///
    /// # Errors
    /// When the database cannot begin.
    pub async fn begin(&self) -> Result<Work, Fault> {
        Ok(Work {
            tx: self.db.begin().await?,
            now: self.clock.now(),
            store: self.clone(),
            signals: Vec::new(),
            counts: Vec::new(),
        })
    }
}

/// Writes that become durable together. Dropped without [`commit`](Self::commit), none does.
#[derive(Debug)]
pub struct Work {
    /// The transaction.
    pub tx: Tx,
    /// The instant at which all of it happens.
    pub now: UnixMs,
    store: Store,
    signals: Vec<Signal>,
    counts: Vec<metrics::Counter>,
}

impl Work {
    /// Says where to look again once this is durable.
    pub fn signal(&mut self, signal: Signal) {
        if !self.signals.contains(&signal) {
            self.signals.push(signal);
        }
    }

    /// Counts one more once this is durable.
    pub fn count(&mut self, counter: metrics::Counter) {
        self.counts.push(counter);
    }

    /// A new id.
    pub fn id(&self) -> uuid::Uuid {
        self.store.ids.next()
    }

    /// Makes it durable, then signals and counts.
    ///
    /// # Errors
    /// When the database could not commit.
    pub async fn commit(self) -> Result<(), Fault> {
        self.store.db.commit(self.tx).await?;
        self.store.bus.publish(&self.signals);
        for counter in &self.counts {
            counter.increment(1);
        }
        Ok(())
    }
}
