//! The two steps in which the API ends: first it says that it will ([`Stop::announce`]), so that a
//! balancer turns to other nodes while this one still answers; then streams and the listener close
//! ([`Stop::close`]).

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How the API ends. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    announced: CancellationToken,
    closed: CancellationToken,
    streams: TaskTracker,
}

impl Stop {
    /// From now on the node says that it is not ready.
    pub fn announce(&self) {
        self.announced.cancel();
    }

    /// Closes streams and the listener.
    pub fn close(&self) {
        self.announce();
        self.closed.cancel();
        self.streams.close();
    }

    /// Waits until every stream has said good-bye.
    pub async fn drained(&self) {
        self.streams.wait().await;
    }

    pub(super) fn is_announced(&self) -> bool {
        self.announced.is_cancelled()
    }

    pub(super) async fn closed(&self) {
        self.closed.cancelled().await;
    }

    /// Counts a stream among those that [`drained`](Self::drained) waits for.
    pub(super) fn track<T>(
        &self,
        stream: impl Future<Output = T> + Send + 'static,
    ) -> impl Future<Output = T> + Send + 'static {
        self.streams.track_future(stream)
    }
}
