//! What a request may ask for, and the code on every top-level error. What a document may be (its
//! size, depth, aliases, fragments) is checked by the `wire` crate before it comes here; what it may
//! cost is checked by the library, where the schema is built.
//!
//! To add a limit: a field of [`Limits`] with its reason, and its check in `http` or where the
//! schema is built.

use std::sync::Arc;

use async_graphql::extensions::{
    Extension, ExtensionContext, ExtensionFactory, NextPrepareRequest, NextRequest, NextSubscribe,
};
use async_graphql::{ErrorExtensionValues, Request, Response, ServerError, ServerResult};
use futures::StreamExt;
use futures::stream::BoxStream;

use super::errors::Code;
use super::{Deps, loaders};

/// What one request may ask for.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Levels of selections. Introspection by graphql-js nests 15.
    pub max_depth: usize,
    /// Fields, those of a page counted once for each row asked for; counts cost extra. A page of
    /// 100 executions with everything that the dashboard shows costs 6,000.
    pub max_complexity: usize,
    /// Aliased fields, fragments expanded.
    pub max_aliases: usize,
    /// Directives on one field.
    pub max_directives: usize,
    /// Rows of one page.
    pub max_page: u64,
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
            max_aliases: 100,
            max_directives: 10,
            max_page: 100,
            max_upload_bytes: 50 * 1024 * 1024,
            introspection: true,
        }
    }
}

/// Gives each request its loaders, and sees to the codes of its errors.
pub(super) struct Guard;

impl ExtensionFactory for Guard {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Guard)
    }
}

#[async_graphql::async_trait::async_trait]
impl Extension for Guard {
    async fn request(&self, ctx: &ExtensionContext<'_>, next: NextRequest<'_>) -> Response {
        coded(next.run(ctx).await)
    }

    fn subscribe<'s>(
        &self,
        ctx: &ExtensionContext<'_>,
        stream: BoxStream<'s, Response>,
        next: NextSubscribe<'_>,
    ) -> BoxStream<'s, Response> {
        next.run(ctx, stream).map(coded).boxed()
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
                "Query is too complex",
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
