//! GraphQL over HTTP, WebSocket and server-sent events, to the letter, for any async-graphql schema.
//!
//! The library executes; this crate is everything around that: the document gate (bounds, validation, coercion,
//! merging), GraphQL over HTTP with uploads and persisted queries, graphql-transport-ws, graphql-sse and multipart
//! subscriptions. It knows async-graphql and axum, and nothing of what a schema is about.
//!
//! ```
//! use async_graphql::{EmptyMutation, EmptySubscription, Object, Schema, ValidationMode};
//!
//! struct Query;
//!
//! #[Object]
//! impl Query {
//!     async fn hello(&self) -> &str {
//!         "hello"
//!     }
//! }
//!
//! let schema = Schema::build(Query, EmptyMutation, EmptySubscription)
//!     .validation_mode(ValidationMode::Fast)
//!     .limit_recursive_depth(2 * wire::DocumentLimits::default().depth + 2)
//!     .finish();
//! let sdl = schema.sdl();
//! let wire = wire::Wire::builder(schema, sdl).build()?;
//! let app: axum::Router = wire.routes("/graphql");
//! # Ok::<(), wire::InvalidSchema>(())
//! ```
//!
//! # How the schema has to be built
//!
//! - `validation_mode(ValidationMode::Fast)`: the gate has validated and coerced. Strict would do it again, and refuse
//!   variables that nothing uses any more once fields are skipped and merged.
//! - `limit_recursive_depth` of twice [`DocumentLimits::depth`] + 2: the library counts inline fragments as levels, and
//!   merging writes at most one for each level of fields. Its default is 32.
//! - The SDL is that of the very schema; `sdl()` and any of its options will do. Complexity limits of the library work
//!   as before, on the merged document.
//!
//! # How it is served
//!
//! Over HTTP/1.1 by whatever serves axum. `axum::serve` writes header names in lower case; a few clients look for
//! `Sec-WebSocket-Protocol` by its letters, and hyper's `title_case_headers` with `preserve_header_case` helps them.
//!
//! Compression is left to `tower_http::compression`. Its default predicate leaves `text/event-stream` alone; leave
//! out `multipart/mixed` as well, or parts wait in the encoder.
//!
//! # Where to add what
//!
//! A rule on documents goes into `gate`, a bound into `limits` beside its check, a decision of the embedding server
//! into `hooks`. A new protocol is a module that reads `params::Params`, passes `run::admit` and writes
//! `run::Event`s.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod connections;
mod fault;
mod gate;
mod hooks;
mod http;
mod limits;
mod mount;
mod params;
mod run;
mod socket;

pub use connections::{Close, Connections};
pub use fault::{Fault, code, error};
pub use gate::{Gate, InvalidSchema, Kind, Operation, Prepared};
pub use hooks::{
    Admit, Anyone, Authenticate, Caller, CursorField, Guest, Identity, OperationInfo, Origins, Refusal,
    Resume,
};
pub use limits::{DocumentLimits, HttpLimits, Settings, SocketLimits, StreamLimits, UploadLimits};
pub(crate) use mount::Mounted;
pub use mount::{Builder, Wire};
pub use run::RequestId;
