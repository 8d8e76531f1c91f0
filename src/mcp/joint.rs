//! Work that several wait for: done once, by itself, whoever goes away meanwhile.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};

/// What came of it, for each who waits; or why nothing did.
pub(super) type Joint<T> = Shared<BoxFuture<'static, Result<T, Arc<str>>>>;

/// Begins it at once. Dropping every clone stops nothing.
pub(super) fn begin<T: Clone + Send + Sync + 'static>(
    work: impl Future<Output = Result<T, Arc<str>>> + Send + 'static,
) -> Joint<T> {
    let task = tokio::spawn(work);
    let ended = async move { task.await.unwrap_or_else(|_| Err("it broke down".into())) };
    ended.boxed().shared()
}
