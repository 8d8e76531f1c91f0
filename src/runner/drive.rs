//! Drives one claimed run to its end, or lets go of it. All that can happen to a run meets here:
//! what its code returns, what cuts it, and what panics in it.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use entity::{execution, run};
use futures::FutureExt;

use crate::base::chain::Chain;
use crate::db;
use crate::domain::conversations::Ended;
use crate::domain::explanation::Cause;
use crate::domain::lifecycle::Ending;
use crate::domain::{Fault, claim};

use super::budget::NextCall;
use super::exit::Exit;
use super::held::Held;
use super::lease::Lease;
use super::worker::Deps;
use super::{execution as executions, reply};

/// Faults without progress between them that end a run: with the waits between them half a minute,
/// in which what is only slow or full for a moment comes round.
const FAULTS: u32 = 6;
const FIRST_WAIT: Duration = Duration::from_secs(1);

pub(super) struct Job {
    pub deps: Arc<Deps>,
    pub lease: Arc<Lease>,
    pub run: run::Model,
    pub next_call: Arc<NextCall>,
}

/// Returns when the run has ended or is another worker's.
pub(super) async fn drive(job: &Job) {
    let mut faults = Faults::default();
    loop {
        let exit = match AssertUnwindSafe(work(job)).catch_unwind().await {
            Ok(Ok(())) => return,
            Ok(Err(exit)) => exit,
            Err(panic) => {
                tracing::error!(panic = words_of(panic.as_ref()), "a run panicked");
                Cause::Internal.into()
            }
        };
        let was_cut = matches!(exit, Exit::Stopped | Exit::Overdue);
        let fault = match settle(job, exit).await {
            Ok(()) => return,
            Err(Exit::Fault(fault)) => fault,
            Err(_) => return lost(),
        };
        let wait = faults.wait_after(&fault, sequence(job).await);
        tracing::error!(
            error = %Chain(&fault),
            faults = faults.count,
            "a run met a fault"
        );
        let Some(wait) = wait else {
            let end = Cause::Internal.into();
            if let Err(exit) = settle(job, end).await {
                tracing::error!(?exit, "a run could not be ended; it is handed back");
            }
            return;
        };
        // Cut meanwhile: the next round sees it. A worker that shuts down has no time for more
        // rounds; what it cannot hand back is taken over when the lease runs out.
        let waited = match was_cut {
            true => job.lease.rest(wait).await,
            false => job.lease.wait(wait).await,
        };
        if let Err(parked @ Exit::Parked) = waited {
            if let Err(exit) = settle(job, parked).await {
                tracing::warn!(?exit, "a lease is left to run out");
            }
            return;
        }
    }
}

/// Faults of a run since its journal last grew.
#[derive(Debug, Default)]
struct Faults {
    count: u32,
    sequence: i64,
}

impl Faults {
    /// How long to wait before the run goes on from its journal, which now reaches to `sequence`; none
    /// when it is to be given up.
    fn wait_after(&mut self, fault: &Fault, sequence: Option<i64>) -> Option<Duration> {
        if let Some(sequence) = sequence.filter(|sequence| *sequence > self.sequence) {
            *self = Self { count: 0, sequence };
        }
        match fault {
            // No matter of this run's. While its lease lasts it is tried, and then by whoever takes it
            // over: an outage costs its own length and no execution.
            passing if passing.is_passing() => Some(FIRST_WAIT),
            Fault::Corrupt { .. } => None,
            _ => {
                self.count += 1;
                (self.count < FAULTS).then(|| FIRST_WAIT * 2_u32.pow(self.count - 1))
            }
        }
    }
}

/// How far the journal is; none when that cannot be said now.
async fn sequence(job: &Job) -> Option<i64> {
    let found = db::conversations::last_sequences(job.deps.store.db.read(), &[job.run.conversation_id]).await;
    found.ok()?.first().map(|(_, sequence)| *sequence)
}

async fn work(job: &Job) -> Result<(), Exit> {
    job.lease.boundary()?;
    match job.run.execution_id {
        Some(id) => {
            let row: Option<execution::Model> = db::executions::find(job.deps.store.db.read(), id).await?;
            executions::run(job, &row.ok_or(Exit::Lost)?).await
        }
        None => reply::run(job).await,
    }
}

/// Writes what there is to write about an exit.
async fn settle(job: &Job, exit: Exit) -> Result<(), Exit> {
    let cause = match exit {
        Exit::Fault(_) => return Err(exit),
        Exit::Lost => {
            lost();
            return Ok(());
        }
        Exit::Parked => {
            let store = &job.deps.store;
            if job.next_call.is_reserved() {
                // Whoever goes on reserves anew.
                let mut held = Held::open(store, &job.lease).await?;
                held.give_back().await?;
                match held.commit().await {
                    Ok(()) | Err(Exit::Stopped) => {}
                    Err(exit) => return Err(exit),
                }
            }
            claim::release(store, job.lease.run, &job.lease.worker, job.lease.fence).await?;
            tracing::info!("handed a run back");
            return Ok(());
        }
        // Its end is CANCELED whatever is said here.
        Exit::Stopped => Cause::Canceled,
        Exit::Overdue => Cause::TimedOut {
            limit_ms: job.run.deadline_at.map(|at| at.saturating_sub(job.run.queued_at)),
        },
        Exit::Ended(cause) => cause,
    };
    let mut held = Held::open(&job.deps.store, &job.lease).await?;
    if cause.is_free() && job.next_call.is_ours() {
        held.settle(0, 0);
    } else if job.next_call.is_reserved() {
        held.give_back().await?;
    }
    // How far one came that was cut off nobody knows: what was reserved counts.
    if job.run.execution_id.is_some() {
        let failure = cause.of_execution(held.get_execution().await?);
        held.end(Ending::Failed(failure)).await
    } else {
        held.end_reply(Ended::Failed(cause.of_reply())).await
    }
}

fn lost() {
    metrics::counter!("agentic_runs_lost_total").increment(1);
    tracing::warn!("lost the lease of a run; another worker goes on");
}

fn words_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without words")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage;

    fn broken() -> Fault {
        let source = std::io::Error::other("the disk is gone");
        Fault::Storage(storage::Error::Read(source))
    }

    #[test]
    fn progress_between_faults_starts_the_count_anew() {
        let mut faults = Faults::default();
        for sequence in 1..=20 {
            assert_eq!(faults.wait_after(&broken(), Some(sequence)), Some(FIRST_WAIT));
        }
        let waits = std::iter::from_fn(|| faults.wait_after(&broken(), Some(20)));
        assert_eq!(
            waits.map(|wait| wait.as_secs()).collect::<Vec<_>>(),
            [2, 4, 8, 16]
        );
    }

    #[test]
    fn a_database_that_is_away_ends_no_run_however_long() {
        let mut faults = Faults::default();
        let away = || Fault::Database(db::testing::unavailable());
        assert!((0..1000).all(|_| faults.wait_after(&away(), None) == Some(FIRST_WAIT)));
    }

    #[test]
    fn what_cannot_be_read_is_not_read_again() {
        let id = String::new();
        let corrupt = Fault::Corrupt { what: "event", id };
        assert_eq!(Faults::default().wait_after(&corrupt, None), None);
    }
}
