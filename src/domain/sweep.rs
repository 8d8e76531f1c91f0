//! What ends though nobody works on it, and what is forgotten in time. Every process sweeps; each
//! step locks what it ends and looks again, so sweeping twice at once does no harm.

use std::time::Duration;

use entity::run;

use super::conversations::{self, Ended};
use super::explanation::Cause;
use super::files;
use super::lifecycle::{self, Ending};
use super::{Fault, Store, Work};
use crate::base::chain::Chain;
use crate::base::clock::ms;
use crate::base::id::Kind;
use crate::db;
use crate::storage::Storage;

/// Runs ended in one sweep; the rest waits for the next.
const AT_ONCE: u64 = 200;

/// How long things are kept.
#[derive(Debug, Clone)]
pub struct Retention {
    /// Of the change log: how long a subscriber may be away and still catch up.
    pub changes: Duration,
    /// Of idempotency keys.
    pub idempotency_keys: Duration,
    /// Of uploads that nothing took.
    pub staged_files: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        let day = Duration::from_secs(24 * 60 * 60);
        Self {
            changes: day * 7,
            // The API promises 24 hours at least.
            idempotency_keys: day * 2,
            staged_files: day,
        }
    }
}

/// Ends what ought to have ended. Says how many runs it ended.
///
/// # Errors
/// When the database fails.
pub async fn end_abandoned(store: &Store) -> Result<usize, Fault> {
    let found = db::runs::abandoned(store.db.read(), store.clock.now(), AT_ONCE).await?;
    let mut ended = 0;
    for run in found {
        let mut work = store.begin().await?;
        let Some(run) = db::runs::find_locked(&work.tx, run.id).await? else {
            continue;
        };
        if lifecycle::is_held(&run, work.now) {
            continue;
        }
        match end_one(&mut work, &run).await {
            Ok(true) => {
                work.commit().await?;
                ended += 1;
            }
            Ok(false) => {}
            Err(fault @ Fault::Corrupt { .. }) => {
                let error = Chain(&fault);
                let execution = run.execution_id.map(|id| Kind::Execution.format(id));
                tracing::error!(run.id = %run.id, execution.id = execution, %error, "a run cannot be ended and is passed over");
            }
            Err(fault) => return Err(fault),
        }
    }
    Ok(ended)
}

async fn end_one(work: &mut Work, run: &run::Model) -> Result<bool, Fault> {
    let is_past = |at: Option<i64>| at.is_some_and(|at| at <= work.now);
    let since_queued = |at: Option<i64>| at.map(|at| at.saturating_sub(run.queued_at));
    let cause = if run.stop_requested_at.is_some() {
        // The end of an execution is then CANCELED whatever is said here.
        Cause::Canceled
    } else if is_past(run.deadline_at) {
        Cause::TimedOut {
            limit_ms: since_queued(run.deadline_at),
        }
    } else if run.fence == 0 && is_past(run.expires_at) {
        Cause::Expired {
            limit_ms: since_queued(run.expires_at).unwrap_or(0),
        }
    } else {
        return Ok(false);
    };
    let Some(execution) = run.execution_id else {
        let ended = if run.stop_requested_at.is_some() {
            Ended::Stopped
        } else {
            Ended::Failed(cause.of_reply())
        };
        conversations::end_reply(work, run, ended).await?;
        return Ok(true);
    };
    match db::executions::find_locked(&work.tx, execution).await? {
        Some(row) => {
            let failure = cause.of_execution(&row);
            lifecycle::end(work, &row, run.id, Ending::Failed(failure)).await?;
        }
        None => db::runs::delete(&work.tx, run.id).await?,
    }
    Ok(true)
}

/// Rows deleted in one transaction.
const BATCH: u64 = 1000;

/// Forgets what is old, a bounded amount at a time.
///
/// # Errors
/// When the database fails. Bytes that cannot be removed are logged and tried again.
pub async fn forget_old(store: &Store, storage: &Storage, retention: &Retention) -> Result<(), Fault> {
    let now = store.clock.now();
    let before = |kept: Duration| now.saturating_sub(ms(kept));
    // Each batch in a transaction of its own, so that nobody waits for the whole of it.
    while in_batch(store, async |tx| {
        db::changes::trim(tx, before(retention.changes), BATCH).await
    })
    .await?
    {}
    while in_batch(store, async |tx| {
        db::idempotency::trim(tx, before(retention.idempotency_keys), BATCH).await
    })
    .await?
    {}
    // Kept a day longer than they hold, so that nobody wonders where one went.
    let ended = before(Duration::from_secs(24 * 60 * 60));
    while in_batch(store, async |tx| db::sessions::trim(tx, ended, BATCH).await).await? {}
    while in_batch(store, async |tx| {
        db::files::trim_staged(tx, before(retention.staged_files), BATCH).await
    })
    .await?
    {}
    // A launch may be between its upload and its transaction: an hour is longer than any request.
    let unused =
        db::files::unused_blobs(store.db.read(), before(Duration::from_secs(60 * 60)), BATCH).await?;
    for id in unused {
        if let Err(error) = files::forget(store, storage, id).await {
            tracing::warn!(blob.id = %id, error = %Chain(&error), "an unused blob could not be removed");
        }
    }
    Ok(())
}

/// True when there may be more.
async fn in_batch(
    store: &Store,
    delete: impl AsyncFnOnce(&db::Tx) -> db::Result<u64>,
) -> Result<bool, Fault> {
    let tx = store.db.begin().await?;
    let deleted = delete(&tx).await?;
    store.db.commit(tx).await?;
    Ok(deleted > 0)
}
