//! What a supervisor and an operator ask. None of it wants a token and none of it tells of data. A worker
//! without an API serves these routes and no others.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use super::Stop;
use crate::base::chain::Chain;
use crate::db;
use crate::domain::Store;
use crate::telemetry::metrics::Metrics;

/// A database that takes longer than this is no help to whoever would be sent here.
const DATABASE_WITHIN: Duration = Duration::from_secs(2);

/// What these routes need.
#[derive(Clone, Debug)]
pub struct Watched {
    /// The database that must answer, and the queue in it.
    pub store: Store,
    /// What `/metrics` shows.
    pub metrics: Metrics,
    /// When to say no.
    pub stop: Stop,
}

/// `/health/live`, `/health/ready` and `/metrics`.
pub fn routes<S: Clone + Send + Sync + 'static>(watched: Watched) -> Router<S> {
    Router::new()
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .route("/metrics", get(metrics))
        .with_state(Arc::new(watched))
}

/// The process runs.
async fn live() -> Response {
    Json(json!({"status": "live"})).into_response()
}

/// Requests can be sent here: the database answers, its schema is this binary's, and no shutdown
/// has begun.
async fn ready(State(watched): State<Arc<Watched>>) -> Response {
    if watched.stop.is_announced() {
        return unready("the server is shutting down");
    }
    match tokio::time::timeout(DATABASE_WITHIN, watched.store.db.check_schema()).await {
        Ok(Ok(())) => Json(json!({"status": "ready"})).into_response(),
        Ok(Err(error)) => {
            tracing::warn!(error = %Chain(&error), "not ready");
            unready(&error.to_string())
        }
        Err(_) => unready("the database does not answer in time"),
    }
}

fn unready(reason: &str) -> Response {
    let body = json!({"status": "unready", "reason": reason});
    (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
}

/// Every number, the queue's as of now.
async fn metrics(State(watched): State<Arc<Watched>>) -> Response {
    let now = watched.store.clock.now();
    let depth = db::runs::depth(watched.store.db.read(), now);
    match tokio::time::timeout(DATABASE_WITHIN, depth).await {
        Ok(Ok(depth)) => set_queue(&depth, now),
        Ok(Err(error)) => {
            tracing::warn!(
                error = %Chain(&error),
                "the queue could not be counted"
            );
        }
        Err(_) => tracing::warn!("the queue could not be counted in time"),
    }
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, watched.metrics.render()).into_response()
}

#[allow(clippy::cast_precision_loss)] // exact up to 2^53
fn set_queue(depth: &db::runs::Depth, now: i64) {
    let oldest_ms = depth.oldest_queued_at.map_or(0, |at| (now - at).max(0));
    metrics::gauge!("agentic_queue_depth").set(depth.waiting as f64);
    metrics::gauge!("agentic_queue_oldest_age_seconds").set(oldest_ms as f64 / 1000.0);
    metrics::gauge!("agentic_runs_running").set(depth.running as f64);
}
