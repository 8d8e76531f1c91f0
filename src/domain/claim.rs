//! How workers come to runs and keep them.
//!
//! A worker claims runs in batches. Each claim raises the run's fence, and every write of the run
//! names worker and fence ([`hold`]): whoever lost the lease cannot write, however late it wakes.
//! One heartbeat statement keeps all leases of a worker.
//!
//! A run whose lease ran out is taken over and resumed from its journal. After
//! [`Terms::max_stalls`] expiries without a journal entry between them it ends in WORKER_LOST. A
//! clean hand-over ([`release`]) is no takeover and counts for nothing.

use std::time::Duration;

use entity::{execution, run};
use uuid::Uuid;

use super::explanation::Cause;
use super::lifecycle::{self, Ending, Status};
use super::{Fault, Store, Work, conversations};
use crate::base::chain::Chain;
use crate::base::clock::ms;
use crate::base::id::Kind;
use crate::bus::Signal;
use crate::db;
pub use crate::db::runs::Wanted;
use crate::db::runs::{Lease, Renewed};

/// How long a lease lasts, and how often a run may stall.
#[derive(Debug, Clone)]
pub struct Terms {
    /// Of a lease, from claim or heartbeat.
    pub lease: Duration,
    /// Lease expiries without progress that end a run.
    pub max_stalls: i32,
}

/// A run in hand.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// The run as leased.
    pub run: run::Model,
    /// Its execution; none for a reply.
    pub execution: Option<execution::Model>,
    /// Someone else held it and vanished.
    pub is_takeover: bool,
}

/// Takes up to `limit` runs that nobody holds and whose definition is among `definitions`.
///
/// # Errors
/// When the database fails.
pub async fn claim(
    store: &Store,
    worker: &str,
    definitions: &[String],
    limit: u64,
    terms: &Terms,
) -> Result<Vec<Claimed>, Fault> {
    let wanted = Wanted {
        definitions,
        without_models: &[],
        without_definitions: &[],
    };
    claim_wanted(store, worker, wanted, limit, terms).await
}

/// [`claim`], leaving alone the runs of some models.
///
/// # Errors
/// When the database fails.
pub async fn claim_wanted(
    store: &Store,
    worker: &str,
    wanted: Wanted<'_>,
    limit: u64,
    terms: &Terms,
) -> Result<Vec<Claimed>, Fault> {
    let mut work = store.begin().await?;
    let runs = db::runs::claimable(&work.tx, wanted, work.now, limit).await?;
    let mut claimed = Vec::with_capacity(runs.len());
    for run in runs {
        let id = run.id;
        match take(&mut work, worker, run, terms).await {
            Ok(taken) => claimed.extend(taken),
            Err(fault @ Fault::Corrupt { .. }) => {
                passed_over(id, &fault);
                // Left at the head of the queue, a few such would fill every batch.
                let until = work.now.saturating_add(ms(terms.lease));
                db::runs::put_off(&work.tx, id, until).await?;
            }
            Err(fault) => return Err(fault),
        }
    }
    work.commit().await?;
    for taken in claimed.iter().filter(|taken| taken.is_takeover) {
        took_over(taken);
    }
    Ok(claimed)
}

fn took_over(taken: &Claimed) {
    let run = &taken.run;
    tracing::info!(
        run.id = %run.id,
        execution.id = run.execution_id.map(|id| Kind::Execution.format(id)),
        conversation.id = Kind::Conversation.format(run.conversation_id),
        stalls = run.stalls,
        "took over a run whose worker gave no more sign"
    );
}

fn passed_over(run: Uuid, fault: &Fault) {
    let error = Chain(fault);
    tracing::error!(run.id = %run, %error, "a run cannot be claimed and is passed over");
}

/// `Corrupt` comes before anything is written: the batch goes on without this run.
async fn take(
    work: &mut Work,
    worker: &str,
    mut run: run::Model,
    terms: &Terms,
) -> Result<Option<Claimed>, Fault> {
    let is_takeover = run.worker.is_some();
    let execution = match run.execution_id {
        Some(id) => db::executions::find_locked(&work.tx, id).await?,
        None => None,
    };
    if let Some(row) = &execution
        && lifecycle::status(row)?.is_terminal()
    {
        return Err(Fault::Corrupt {
            what: "run of an execution that has ended",
            id: run.id.to_string(),
        });
    }
    if is_takeover {
        let journal = db::conversations::last_sequences(&work.tx, &[run.conversation_id]).await?;
        let sequence = journal.first().map_or(0, |(_, sequence)| *sequence);
        run.stalls = if run.stall_sequence == sequence {
            run.stalls + 1
        } else {
            1
        };
        run.stall_sequence = sequence;
        work.count(metrics::counter!("agentic_lease_losses_total"));
        if run.stalls >= terms.max_stalls {
            tracing::warn!(
                run.id = %run.id,
                execution.id = run.execution_id.map(|id| Kind::Execution.format(id)),
                stalls = run.stalls,
                "gave up a run whose workers keep vanishing"
            );
            give_up(work, &run, execution.as_ref()).await?;
            return Ok(None);
        }
    }
    let execution = match execution {
        Some(row) if lifecycle::status(&row)? == Status::Pending => Some(lifecycle::start(work, &row).await?),
        other => other,
    };
    run.fence += 1;
    run.worker = Some(worker.to_owned());
    run.lease_expires_at = work.now.saturating_add(ms(terms.lease));
    if let Some(execution) = &execution {
        run.deadline_at = execution.deadline_at;
    }
    let lease = Lease {
        worker,
        fence: run.fence,
        lease_expires_at: run.lease_expires_at,
        deadline_at: run.deadline_at,
        stall_sequence: run.stall_sequence,
        stalls: run.stalls,
    };
    db::runs::lease(&work.tx, run.id, lease).await?;
    Ok(Some(Claimed {
        run,
        execution,
        is_takeover,
    }))
}

async fn give_up(
    work: &mut Work,
    run: &run::Model,
    execution: Option<&execution::Model>,
) -> Result<(), Fault> {
    let cause = Cause::WorkerLost { workers: run.stalls };
    match execution {
        Some(row) => {
            let failure = cause.of_execution(row);
            lifecycle::end(work, row, run.id, Ending::Failed(failure)).await?;
        }
        None => {
            let ended = conversations::Ended::Failed(cause.of_reply());
            conversations::end_reply(work, run, ended).await?;
        }
    }
    Ok(())
}

/// Keeps every lease that the worker still holds, in one statement. A run that is not in the
/// answer is lost.
///
/// # Errors
/// When the database fails; the leases then run on.
pub async fn renew(store: &Store, worker: &str, terms: &Terms) -> Result<Vec<Renewed>, Fault> {
    let now = store.clock.now();
    let tx = store.db.begin().await?;
    let kept = db::runs::renew(&tx, worker, now, now.saturating_add(ms(terms.lease))).await?;
    store.db.commit(tx).await?;
    Ok(kept)
}

/// Begins a write of a run: none when the lease is lost. Until the work ends nobody else can take
/// the run.
///
/// # Errors
/// When the database fails.
pub async fn hold(
    store: &Store,
    run: Uuid,
    worker: &str,
    fence: i64,
) -> Result<Option<(Work, run::Model)>, Fault> {
    let work = store.begin().await?;
    let held = db::runs::hold(&work.tx, run, worker, fence, work.now).await?;
    Ok(held.map(|run| (work, run)))
}

/// Hands a run back, for others to go on with at once. False when it was lost before.
///
/// # Errors
/// When the database fails.
pub async fn release(store: &Store, run: Uuid, worker: &str, fence: i64) -> Result<bool, Fault> {
    let mut work = store.begin().await?;
    let released = db::runs::release(&work.tx, run, worker, fence).await?;
    work.signal(Signal::Queued);
    work.commit().await?;
    Ok(released)
}

/// Takes every run from whoever holds it, for a process that knows that nobody else works here: those
/// who did are gone. What follows is a takeover like any other, so a run that ends its workers is
/// still given up in time. Says how many runs these were.
///
/// # Errors
/// When the database fails.
pub async fn end_leases(store: &Store) -> Result<u64, Fault> {
    let work = store.begin().await?;
    let ended = db::runs::expire_all(&work.tx, work.now).await?;
    work.commit().await?;
    Ok(ended)
}

/// Hands back every run that the worker still holds. Says how many.
///
/// # Errors
/// When the database fails.
pub async fn release_all(store: &Store, worker: &str) -> Result<u64, Fault> {
    let mut work = store.begin().await?;
    let released = db::runs::release_all(&work.tx, worker).await?;
    if released > 0 {
        work.signal(Signal::Queued);
    }
    work.commit().await?;
    Ok(released)
}
