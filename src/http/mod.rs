//! The routes: who may come in, and what carries requests to the parts below. It knows HTTP and
//! decides nothing about executions.
//!
//! A request passes, from the outside in: `observe` (id, log span, latency, panics, time limit),
//! security headers, compression, `auth` where the route wants a token, the route. To add a
//! route: its handler in a file of its own and one line in [`router`].

mod answer;
mod auth;
mod connection;
mod files;
mod graphql;
mod health;
mod observe;
mod origin;
mod page;
mod stop;

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use tower::util::option_layer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate};

use crate::config;
use crate::domain::Store;
use crate::domain::access::Renewal;
use crate::graphql as api;
use crate::storage::Storage;
use crate::telemetry::metrics::Metrics;

pub use auth::Strangers;
pub use connection::serve;
pub use health::{Watched, routes as health_routes};
pub use stop::Stop;

/// What the routes need.
#[derive(Clone)]
pub struct Deps {
    /// What `/graphql` serves.
    pub schema: api::Schema,
    /// Tokens, files' rows, the queue.
    pub store: Store,
    /// Files' bytes.
    pub storage: Storage,
    /// Ends the sockets of whoever lost access.
    pub renewal: Renewal,
    /// What `/metrics` shows.
    pub metrics: Metrics,
    /// How it all ends.
    pub stop: Stop,
    /// Who shows tokens that are not valid.
    pub strangers: Strangers,
    /// What one operation may ask for.
    pub limits: api::Limits,
    /// Limits.
    pub settings: config::Http,
}

impl Deps {
    /// Which pages are ours.
    fn own(&self) -> origin::Own {
        origin::Own::new(self.settings.public_url.as_deref())
    }

    fn watched(&self) -> health::Watched {
        health::Watched {
            store: self.store.clone(),
            metrics: self.metrics.clone(),
            stop: self.stop.clone(),
        }
    }

    /// Which pages elsewhere may ask with a token.
    fn others(&self) -> origin::Others {
        origin::Others::new(&self.settings.allowed_origins)
    }
}

/// How often closing streams are looked at.
const CLOSING: std::time::Duration = std::time::Duration::from_millis(20);

/// Every route.
pub fn router(deps: Deps) -> Router {
    let deps = Arc::new(deps);
    let authenticated = from_fn_with_state(Arc::clone(&deps), auth::require);
    // Files are not compressed: their ranges and ETags are of the bytes as stored.
    let files = Router::new().route(
        "/files/{id}",
        get(files::serve)
            .fallback(answer::method_not_allowed)
            .layer(authenticated),
    );
    let (graphql, connections) = graphql::mount(&deps);
    // Outside of authentication: a browser asks without a token whether it may bring one.
    let cors = deps.others().cors();
    let files = files.layer(option_layer(cors.clone()));
    let graphql = graphql.layer(option_layer(cors));
    let stop = deps.stop.clone();
    tokio::spawn(deps.stop.track(async move {
        stop.closed().await;
        connections.shut_down();
        while connections.count() > 0 {
            tokio::time::sleep(CLOSING).await;
        }
    }));
    let compressed = Router::new()
        .merge(graphql)
        .merge(health::routes(deps.watched()))
        .fallback(page::home)
        .layer(
            CompressionLayer::new().compress_when(
                // A stream's parts would wait in the encoder.
                DefaultPredicate::new()
                    .and(NotForContentType::const_new("multipart/mixed"))
                    // Compressed already.
                    .and(NotForContentType::const_new("font/woff")),
            ),
        );
    compressed
        .merge(files)
        .layer(from_fn(page::secure))
        .layer(from_fn_with_state(Arc::clone(&deps), observe::observe))
        .with_state(deps)
}

#[cfg(test)]
mod tests;
