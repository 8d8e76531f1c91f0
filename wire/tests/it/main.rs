//! The crate from outside, on the probe schema. What needs a client of another language is in `conformance/`.

#![allow(clippy::unwrap_used)]

mod guests;
mod http;
mod merge;
#[path = "../../examples/probe/schema.rs"]
mod schema;
mod shape;
mod socket;

use async_graphql::Executor;
use wire::{Builder, CursorField, Wire};

/// The probe on the wire, to be set up further.
fn probe() -> Builder<impl Executor> {
    let (executor, sdl) = schema::build();
    Wire::builder(executor, sdl)
        .authenticate(schema::Tokens)
        .resume(CursorField("cursor".into()))
}
