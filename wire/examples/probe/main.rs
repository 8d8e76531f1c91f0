//! Serves the probe schema for the conformance suite: `cargo run -p wire --example probe -- 8190`.

mod schema;

use tower_http::compression::{
    CompressionLayer, Predicate,
    predicate::{DefaultPredicate, NotForContentType},
};
use wire::{CursorField, Wire};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .init();
    let port = std::env::args().nth(1).map_or(Ok(8190), |port| port.parse())?;
    let (executor, sdl) = schema::build();
    let wire = Wire::builder(executor, sdl)
        .authenticate(schema::Tokens)
        .resume(CursorField("cursor".into()))
        .build()?;
    let compression = CompressionLayer::new()
        .compress_when(DefaultPredicate::new().and(NotForContentType::const_new("multipart/mixed")));
    let app: axum::Router = wire.routes("/graphql").layer(compression);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("{}", listener.local_addr()?);
    axum::serve(listener, app)
        .with_graceful_shutdown(async move {
            let _ = tokio::signal::ctrl_c().await;
            wire.connections().shut_down();
        })
        .await?;
    Ok(())
}
