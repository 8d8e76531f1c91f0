//! The public language. It turns what clients write into calls of the domain, and rows into what
//! the contract names; it decides no rule, sends no SQL of its own and knows no protocol.
//!
//! A folder or a file per noun; the roots here only merge them. To add a field: a method on the
//! noun's type with a description for API readers, a loader when it needs rows (`loaders`), then
//! `make schema` and the printed difference in the same commit.

pub mod access_token;
pub mod agent;
pub mod conversation;
pub mod data_set;
pub mod definition;
pub mod errors;
pub mod event;
pub mod execution;
pub mod executions;
pub mod failure;
pub mod file;
pub mod filter;
pub mod input;
pub mod loaders;
pub mod message;
pub mod mutations;
pub mod page;
pub mod record;
pub mod scalar;
pub mod subscriptions;
pub mod user;

use async_graphql::Context;

use crate::definitions::Catalog;
use crate::domain::Store;
use crate::domain::access::Renewal;
use crate::domain::watch::Hub;
use crate::storage::Storage;

/// What the resolvers need.
#[derive(Clone, Debug)]
pub struct Deps {
    /// Rows, signals, time and ids.
    pub store: Store,
    /// The definitions.
    pub catalog: Catalog,
    /// The bytes of files.
    pub storage: Storage,
    /// What changes.
    pub hub: Hub,
    /// Who may still see what, for open streams.
    pub renewal: Renewal,
    /// What a request may ask for.
    pub limits: Limits,
}

/// Names a request in logs and in answers about faults. Put into the data of each request.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// What one request may ask for.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Levels of selections. Introspection by graphql-js nests 15.
    pub max_depth: usize,
    /// Fields, those of a page counted once for each row asked for.
    pub max_complexity: usize,
    /// Rows of one page.
    pub max_page: u64,
    /// Whether the schema may be asked about.
    pub introspection: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_depth: 20, max_complexity: 20_000, max_page: 100, introspection: true }
    }
}

/// What the resolvers need, as [`build`] put it into the schema.
pub fn deps<'a>(ctx: &Context<'a>) -> &'a Deps {
    ctx.data_unchecked::<Deps>()
}
