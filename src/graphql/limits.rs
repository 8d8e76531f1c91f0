//! What a request may ask for, and the code on every top-level error. What a document may be (its
//! size, depth, aliases, fragments) is checked by the `wire` crate before it comes here; what it may
//! cost is counted by the library and judged here, with what its token may still spend (`throttle`).
//!
//! To add a limit: a field of [`Limits`] with its reason, and its check in `http` or where the
//! schema is built.

use std::sync::{Arc, OnceLock};

use async_graphql::extensions::{
    Extension, ExtensionContext, ExtensionFactory, NextPrepareRequest, NextRequest, NextSubscribe,
    NextValidation,
};
use async_graphql::{
    ErrorExtensionValues, Request, Response, ServerError, ServerResult, ValidationResult, Value,
};
use futures::StreamExt;
use futures::stream::BoxStream;

use super::errors::Code;
use super::throttle::{Cost, Throttle};
use super::{Deps, loaders};
use crate::base::page::COUNT_LIMIT;
use crate::domain::access::Viewer;

/// What one request may ask for.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Levels of selections. Introspection by graphql-js nests 15.
    pub max_depth: usize,
    /// Fields, those of a page counted once for each row asked for; counts cost extra. A page of
    /// 100 executions with everything that the dashboard shows costs 6,000.
    pub max_complexity: usize,
    /// Operations of one token, subscriptions counted when they start; 0: as many as come. 2,000 a second are more
    /// than one machine answers.
    pub requests_per_minute: u64,
    /// Points of one token, counted as for `max_complexity`; 0: as many as come. As many as 25 operations a second
    /// of the greatest cost.
    pub cost_per_minute: u64,
    /// Aliased fields, fragments expanded.
    pub max_aliases: usize,
    /// Rows of one page.
    pub max_page: u64,
    /// Executions that the values of a facet are counted over; of more, the newest. As many as are
    /// counted anywhere else.
    pub max_facet_rows: u64,
    /// Executions that statistics are computed over; of more, the newest. At 100,000 either
    /// database takes some tenths of a second.
    pub max_stats_rows: u64,
    /// Bytes of one uploaded file, as the HTTP floor takes them.
    pub max_upload_bytes: u64,
    /// Whether the schema may be asked about.
    pub introspection: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_depth: 20,
            max_complexity: 20_000,
            requests_per_minute: 120_000,
            cost_per_minute: 30_000_000,
            max_aliases: 100,
            max_page: 100,
            max_facet_rows: COUNT_LIMIT,
            max_stats_rows: 100_000,
            max_upload_bytes: 50 * 1024 * 1024,
            introspection: true,
        }
    }
}

/// Gives each request its loaders, charges its token with what it costs, and sees to the codes of its errors.
#[derive(Default)]
pub(super) struct Guard {
    cost: Arc<OnceLock<Cost>>,
}

impl ExtensionFactory for Guard {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Guard::default())
    }
}

#[async_graphql::async_trait::async_trait]
impl Extension for Guard {
    async fn request(&self, ctx: &ExtensionContext<'_>, next: NextRequest<'_>) -> Response {
        priced(coded(next.run(ctx).await), &self.cost)
    }

    async fn validation(
        &self,
        ctx: &ExtensionContext<'_>,
        next: NextValidation<'_>,
    ) -> std::result::Result<ValidationResult, Vec<ServerError>> {
        let result = next.run(ctx).await?;
        if let Some(throttle) = ctx.data_opt::<Throttle>() {
            let token = ctx.data_opt::<Viewer>().map(|viewer| viewer.credential.id());
            let (cost, charged) = throttle.charge(token, result.complexity);
            // The library validates once for each request.
            let _ = self.cost.set(cost);
            charged.map_err(|refused| vec![refused])?;
        }
        Ok(result)
    }

    fn subscribe<'s>(
        &self,
        ctx: &ExtensionContext<'_>,
        stream: BoxStream<'s, Response>,
        next: NextSubscribe<'_>,
    ) -> BoxStream<'s, Response> {
        let cost = Arc::clone(&self.cost);
        let mut is_first = true;
        next.run(ctx, stream)
            .map(move |response| {
                let response = coded(response);
                // A stream costs when it starts, and says so then.
                if std::mem::take(&mut is_first) {
                    priced(response, &cost)
                } else {
                    response
                }
            })
            .boxed()
    }

    async fn prepare_request(
        &self,
        ctx: &ExtensionContext<'_>,
        mut request: Request,
        next: NextPrepareRequest<'_>,
    ) -> ServerResult<Request> {
        if let Some(deps) = ctx.data_opt::<Deps>() {
            request = request.data(loaders::new(deps.store.db.clone()));
        }
        next.run(ctx, request).await
    }
}

/// Says what the operation cost, once that is known. Tools that ask for the schema alone expect the
/// answer of the specification and nothing beside it.
fn priced(response: Response, cost: &OnceLock<Cost>) -> Response {
    let is_introspection = matches!(&response.data, Value::Object(fields)
        if response.errors.is_empty() && fields.keys().all(|key| key.starts_with("__")));
    match cost.get() {
        Some(cost) if !is_introspection => response.extension("cost", cost.to_value()),
        _ => response,
    }
}

/// Sees to it that every error has a code. What has none comes from the library, which refuses
/// documents and arguments; faults are coded where they are logged.
fn coded(mut response: Response) -> Response {
    for error in &mut response.errors {
        let has_code = error
            .extensions
            .as_ref()
            .is_some_and(|extensions| extensions.get("code").is_some());
        if !has_code {
            let is_limit = [
                "Query is nested too deep",
                "The recursion depth",
                "The number of directives",
            ];
            let code = if is_limit.iter().any(|start| error.message.starts_with(start)) {
                Code::LimitExceeded
            } else {
                Code::BadUserInput
            };
            *error = coded_as(error.clone(), code);
        }
    }
    response
}

fn coded_as(mut error: ServerError, code: Code) -> ServerError {
    error
        .extensions
        .get_or_insert_with(ErrorExtensionValues::default)
        .set("code", code.as_str());
    error
}
