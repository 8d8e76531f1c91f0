//! Tells an operator of runs that this process leaves to others because it lacks their definitions. Where there
//! are no others, as after a start without the folder that held them, such runs wait until their time is up, and
//! nothing else would say why.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::base::chain::Chain;
use crate::db;
use crate::definitions::Catalog;
use crate::domain::Store;

use super::worker::definitions;

/// Often enough to be seen by whoever looks at the log, seldom enough to be no noise.
const EVERY: Duration = Duration::from_secs(5 * 60);

/// Definitions told of at a time: more would be another database's.
const MOST: u64 = 20;

/// Looks at once, and now and then until `stop` is cancelled.
pub async fn run(store: Store, catalog: Catalog, stop: CancellationToken) {
    let known = definitions(&catalog);
    let rounds = async {
        loop {
            tell(&store, &known).await;
            tokio::time::sleep(EVERY).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = rounds => {}
    }
}

async fn tell(store: &Store, known: &[String]) {
    let now = store.clock.now();
    match db::runs::waiting_for_others(store.db.read(), known, now, MOST).await {
        Ok(found) => {
            for (definition, runs) in found {
                tracing::warn!(
                    definition,
                    runs,
                    "runs wait for a definition that this process lacks: unless another worker has it, start this one \
                     with the --definitions that hold it, or cancel them"
                );
            }
        }
        Err(error) => {
            tracing::warn!(error = %Chain(&error), "whether runs wait for other definitions is not known");
        }
    }
}
