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
pub mod facets;
pub mod failure;
pub mod file;
pub mod filter;
pub mod input;
pub mod limits;
pub mod loaders;
pub mod message;
pub mod mutations;
pub mod node;
pub mod page;
pub mod record;
pub mod scalar;
pub mod session;
pub mod stats;
pub mod subscriptions;
pub mod throttle;
pub mod usage;
pub mod user;
pub mod validation;

use async_graphql::{Context, MergedObject, SDLExportOptions, SchemaBuilder, ValidationMode};

use crate::definitions::Catalog;
use crate::domain::Store;
use crate::domain::access::Renewal;
use crate::domain::budgets::Budgets;
use crate::domain::watch::Hub;
use crate::storage::Storage;

pub use limits::Limits;
pub use throttle::Throttle;

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
    /// What executions share.
    pub budgets: Budgets,
}

/// Names a request in logs and in answers about faults. Put into the data of each request.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// Everything that can be read.
#[derive(MergedObject, Default)]
pub struct Query(
    session::SessionQuery,
    node::NodeQuery,
    data_set::DataSetQuery,
    record::RecordQuery,
    agent::AgentQuery,
    execution::ExecutionQuery,
    facets::FacetQuery,
    stats::StatsQuery,
    validation::ValidationQuery,
    conversation::ConversationQuery,
    user::UserQuery,
    access_token::AccessTokenQuery,
    usage::BudgetQuery,
);

/// The schema, ready to execute requests whose data hold a `Viewer` and a [`RequestId`].
pub type Schema = async_graphql::Schema<Query, mutations::Mutation, subscriptions::Subscription>;

/// A [`Schema`] that is not finished yet.
pub type Builder = SchemaBuilder<Query, mutations::Mutation, subscriptions::Subscription>;

fn types() -> Builder {
    Schema::build(
        Query::default(),
        mutations::Mutation::default(),
        subscriptions::Subscription::default(),
    )
    // Nothing returns the interface itself, so nothing else brings it in.
    .register_output_type::<mutations::refusals::UserError>()
}

/// Builds the schema over what its resolvers need, to be mounted on `wire`.
pub fn build(deps: Deps) -> Schema {
    builder(deps).finish()
}

/// As [`build`], and still open to changes: mounted on anything but `wire`, which checks documents
/// before they come here, it wants [`ValidationMode::Strict`].
pub fn builder(deps: Deps) -> Builder {
    let limits = deps.limits.clone();
    types()
        // `wire` has validated the document, coerced its variables and merged its fields.
        .validation_mode(ValidationMode::Fast)
        // The library counts inline fragments as levels; merging writes one for each at most.
        .limit_recursive_depth(2 * limits.max_depth + 2)
        .extension(limits::Guard::default())
        .data(Throttle::new(deps.store.clock.clone(), &limits))
        .data(deps)
}

/// The schema as text, as `schema.graphql` holds it. Types, fields and arguments are sorted; enum
/// values are not, for their order means something. The directives that every server has are left
/// out, as graphql-js leaves them out: tools bring their own.
pub fn sdl() -> String {
    let options = SDLExportOptions::new()
        .sorted_fields()
        .sorted_arguments()
        .include_specified_by()
        .use_space_ident();
    without_specified_directives(&types().finish().sdl_with_options(options))
}

/// Drops the definitions of the specification's directives, each with its description.
fn without_specified_directives(sdl: &str) -> String {
    const SPECIFIED: [&str; 5] = ["deprecated", "include", "oneOf", "skip", "specifiedBy"];
    let mut kept: Vec<&str> = Vec::new();
    // Where the description began that belongs to the next definition of the top level.
    let mut described = None;
    let mut is_within = false;
    for line in sdl.lines() {
        let name = (line.strip_prefix("directive @")).map(|rest| {
            rest.split(|end: char| !end.is_alphanumeric())
                .next()
                .unwrap_or(rest)
        });
        if name.is_some_and(|name| SPECIFIED.contains(&name)) {
            kept.truncate(described.take().unwrap_or(kept.len()));
            continue;
        }
        if line == "\"\"\"" {
            if !is_within {
                described = Some(kept.len());
            }
            is_within = !is_within;
        } else if !is_within {
            described = None;
        }
        kept.push(line);
    }
    let mut text = kept.join("\n");
    text.push('\n');
    text
}

/// What the resolvers need, as [`build`] put it into the schema.
pub fn deps<'a>(ctx: &Context<'a>) -> &'a Deps {
    ctx.data_unchecked::<Deps>()
}

#[cfg(test)]
mod tests;
