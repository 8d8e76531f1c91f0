//! Why a run's code stops before the run has ended: `?` carries it up to `drive`, which decides
//! what is written about it, if anything.

use crate::db;
use crate::domain::Fault;
use crate::domain::explanation::Cause;

#[derive(Debug)]
pub(super) enum Exit {
    /// The lease is gone: nothing may be written any more.
    Lost,
    /// Cancel or stop was asked for.
    Stopped,
    /// It has run longer than it may.
    Overdue,
    /// The worker shuts down: hand the run back.
    Parked,
    /// It ends, for this reason of the system's.
    Ended(Cause),
    /// The database or the file store failed: going on from the journal may help.
    Fault(Fault),
}

impl From<Cause> for Exit {
    fn from(cause: Cause) -> Self {
        Self::Ended(cause)
    }
}

impl From<Fault> for Exit {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<db::Error> for Exit {
    fn from(error: db::Error) -> Self {
        Self::Fault(error.into())
    }
}
