//! The leases of this process, as far as it can know them: what the database said last, measured
//! on the monotonic clock from before it was asked, so that what is thought to be held is held.
//!
//! A lease is also where a run is interrupted: [`Lease::cut`] aborts its running step at once,
//! parking lets it reach its next journal entry. The database stays the judge: every write checks
//! the lease there again (`held`).

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::base::clock::{Clock, UnixMs};
use crate::domain::claim::Claimed;

use super::exit::Exit;

/// Why a running step is aborted. The first reason counts: a lease lost after it stops the write
/// that the reason leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    Lost,
    Stopped,
    Overdue,
}

/// How often a wait looks at the clock, which a test may move.
pub(super) const TICK: Duration = Duration::from_millis(20);

/// One run in hand.
#[derive(Debug)]
pub(super) struct Lease {
    pub run: Uuid,
    pub worker: Arc<str>,
    pub fence: i64,
    clock: Clock,
    margin: Duration,
    /// Milliseconds on the monotonic clock.
    valid_until: AtomicU64,
    deadline_at: Option<UnixMs>,
    reason: OnceLock<Cut>,
    cut: CancellationToken,
    park: CancellationToken,
}

/// What all leases of a worker share.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    pub worker: Arc<str>,
    pub clock: Clock,
    pub lease: Duration,
    /// Kept free at the end of a lease for what a step does between its check and its write.
    pub margin: Duration,
    /// Cancelled when the worker shuts down.
    pub park: CancellationToken,
}

impl Lease {
    /// `asked_at` is the monotonic time before the claim was sent.
    pub fn new(terms: &Terms, claimed: &Claimed, asked_at: Duration) -> Self {
        Self {
            run: claimed.run.id,
            worker: Arc::clone(&terms.worker),
            fence: claimed.run.fence,
            clock: terms.clock.clone(),
            margin: terms.margin,
            valid_until: AtomicU64::new(millis(asked_at + terms.lease)),
            deadline_at: claimed.run.deadline_at,
            reason: OnceLock::new(),
            cut: CancellationToken::new(),
            park: terms.park.clone(),
        }
    }

    pub fn extend(&self, until: Duration) {
        self.valid_until.fetch_max(millis(until), Ordering::SeqCst);
    }

    /// Aborts what runs, and lets nothing more begin.
    pub fn cut(&self, reason: Cut) {
        let _ = self.reason.set(reason); // the first reason counts
        self.cut.cancel();
    }

    /// Whether a model or tool call may begin now.
    pub fn check(&self) -> Result<(), Exit> {
        if let Some(exit) = self.exit() {
            return Err(exit);
        }
        if millis(self.clock.monotonic() + self.margin) >= self.valid_until.load(Ordering::SeqCst) {
            return Err(Exit::Lost);
        }
        Ok(())
    }

    /// Between two journal entries: whether to go on.
    pub fn boundary(&self) -> Result<(), Exit> {
        self.check()?;
        if self.park.is_cancelled() {
            return Err(Exit::Parked);
        }
        Ok(())
    }

    /// A step that is aborted when the run is cut.
    pub async fn or_cut<T>(&self, step: impl Future<Output = T>) -> Result<T, Exit> {
        tokio::select! {
            biased;
            () = self.cut.cancelled() => Err(self.exit().unwrap_or(Exit::Lost)),
            done = step => Ok(done),
        }
    }

    /// Waits; ends early when the run is cut or parked.
    pub async fn wait(&self, time: Duration) -> Result<(), Exit> {
        let until = self.clock.monotonic() + time;
        loop {
            self.boundary()?;
            let left = until.saturating_sub(self.clock.monotonic());
            if left.is_zero() {
                return Ok(());
            }
            tokio::select! {
                () = self.cut.cancelled() => {}
                () = self.park.cancelled() => {}
                () = tokio::time::sleep(left.min(TICK)) => {}
            }
        }
    }

    /// Waits after a cut; ends early only when the run is parked.
    pub async fn rest(&self, time: Duration) -> Result<(), Exit> {
        let until = self.clock.monotonic() + time;
        loop {
            let left = until.saturating_sub(self.clock.monotonic());
            if left.is_zero() {
                return Ok(());
            }
            tokio::select! {
                () = self.park.cancelled() => return Err(Exit::Parked),
                () = tokio::time::sleep(left.min(TICK)) => {}
            }
        }
    }

    /// Cuts the run when its lease or its time has run out.
    fn look(&self) {
        if self.deadline_at.is_some_and(|at| at <= self.clock.now()) {
            self.cut(Cut::Overdue);
        }
        if millis(self.clock.monotonic()) >= self.valid_until.load(Ordering::SeqCst) {
            self.cut(Cut::Lost);
        }
    }

    fn exit(&self) -> Option<Exit> {
        if !self.cut.is_cancelled() {
            return None;
        }
        Some(match self.reason.get() {
            Some(Cut::Stopped) => Exit::Stopped,
            Some(Cut::Overdue) => Exit::Overdue,
            Some(Cut::Lost) | None => Exit::Lost,
        })
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The leases of a worker. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Leases(Arc<Mutex<HashMap<Uuid, Arc<Lease>>>>);

impl Leases {
    fn with<T>(&self, look: impl FnOnce(&mut HashMap<Uuid, Arc<Lease>>) -> T) -> T {
        // No holder panics; a poisoned map would still be whole.
        let mut leases = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let result = look(&mut leases);
        #[allow(clippy::cast_precision_loss)] // thousands at most
        metrics::gauge!("agentic_runs_in_progress").set(leases.len() as f64);
        result
    }

    pub fn insert(&self, lease: Arc<Lease>) {
        let known = self.with(|leases| leases.insert(lease.run, lease));
        // Claimed anew before its end was seen here: what still runs under the old one is nobody's.
        if let Some(old) = known {
            old.cut(Cut::Lost);
        }
    }

    /// Forgets a lease, unless the run was claimed anew meanwhile.
    pub fn remove(&self, lease: &Lease) {
        self.with(|leases| {
            if leases
                .get(&lease.run)
                .is_some_and(|known| known.fence == lease.fence)
            {
                leases.remove(&lease.run);
            }
        });
    }

    pub fn find(&self, run: Uuid) -> Option<Arc<Lease>> {
        self.with(|leases| leases.get(&run).cloned())
    }

    pub fn all(&self) -> Vec<Arc<Lease>> {
        self.with(|leases| leases.values().cloned().collect())
    }

    /// Cuts every run whose lease or time has run out.
    pub fn look(&self) {
        for lease in self.all() {
            lease.look();
        }
    }
}
