//! Sweeps every few seconds: ends what nobody works on and ought to have ended, and now and then
//! forgets what is old. Every process sweeps; doing it twice at once does no harm.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::base::chain::Chain;
use crate::domain::sweep::{self, Retention};
use crate::domain::{Fault, Store};
use crate::storage::Storage;

/// How often, and how long things are kept.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Between two looks for abandoned runs: how late an expiry or a cancel of a run whose worker
    /// vanished is confirmed.
    pub every: Duration,
    /// Between two rounds of forgetting.
    pub forget_every: Duration,
    /// How long things are kept.
    pub retention: Retention,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(3),
            forget_every: Duration::from_secs(5 * 60),
            retention: Retention::default(),
        }
    }
}

/// Sweeps until `stop` is cancelled.
pub async fn run(store: Store, storage: Storage, settings: Settings, stop: CancellationToken) {
    let mut forget_at = store.clock.monotonic();
    let rounds = async {
        loop {
            match sweep::end_abandoned(&store).await {
                Ok(0) => {}
                Ok(ended) => tracing::info!(ended, "ended abandoned runs"),
                Err(fault) => failed(&fault),
            }
            if store.clock.monotonic() >= forget_at {
                forget_at = store.clock.monotonic() + settings.forget_every;
                if let Err(fault) = sweep::forget_old(&store, &storage, &settings.retention).await {
                    failed(&fault);
                }
            }
            tokio::time::sleep(settings.every).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = rounds => {}
    }
}

fn failed(fault: &Fault) {
    tracing::warn!(
        error = %Chain(fault),
        "a sweep failed; the next one goes on"
    );
}
