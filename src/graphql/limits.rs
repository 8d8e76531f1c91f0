//! What a request may ask for, checked before it costs anything, and the code on every top-level
//! error. The library's own limits (depth, complexity, directives) are set where the schema is
//! built; here stands what it does not have: nesting before the parser recurses, fragments that
//! multiply, aliases.
//!
//! To add a limit: a field of [`Limits`] with its reason, a check in `check`.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::extensions::{
    Extension, ExtensionContext, ExtensionFactory, NextPrepareRequest, NextRequest, NextSubscribe,
};
use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};
use async_graphql::{ErrorExtensionValues, Name, Request, Response, ServerError, ServerResult};
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

/// Brackets within brackets in the text of a query. The parser recurses, so that much more would
/// overflow its stack and end the process; literals of JSON nest deeper than selections do.
const MAX_NESTING: usize = 128;

/// Selections of a document with its fragments expanded: what validation walks through. Fragments
/// that spread two others each would double it at every level.
const MAX_SELECTIONS: usize = 20_000;

/// Checks each request, gives it its loaders, and sees to the codes of its errors.
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
            check(&mut request, &deps.limits)?;
            request = request.data(loaders::new(deps.store.db.clone()));
        }
        next.run(ctx, request).await
    }
}

fn check(request: &mut Request, limits: &Limits) -> ServerResult<()> {
    if nesting(&request.query) > MAX_NESTING {
        return Err(exceeded(format!(
            "the query nests brackets deeper than {MAX_NESTING}"
        )));
    }
    let document = request.parsed_query()?;
    let mut sizes = Sizes {
        document,
        known: HashMap::new(),
    };
    let mut all = Size::default();
    for (_, operation) in document.operations.iter() {
        all = all.and(sizes.of(&operation.node.selection_set.node, MAX_NESTING));
    }
    if all.selections > MAX_SELECTIONS {
        return Err(exceeded(format!(
            "the query has more than {MAX_SELECTIONS} selections"
        )));
    }
    if all.aliases > limits.max_aliases {
        return Err(exceeded(format!(
            "the query has more than {} aliases",
            limits.max_aliases
        )));
    }
    Ok(())
}

fn exceeded(message: String) -> ServerError {
    coded_as(ServerError::new(message, None), Code::LimitExceeded)
}

/// How deep brackets nest outside strings and comments. Where quotes do not match up it may count
/// too much or too little of what the parser refuses anyway at that place.
fn nesting(query: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0_usize);
    let mut rest = query;
    while let Some(at) = rest.find(['{', '}', '[', ']', '(', ')', '"', '#']) {
        let tail = &rest[at..];
        rest = match tail.as_bytes().first() {
            Some(b'{' | b'[' | b'(') => {
                depth += 1;
                deepest = deepest.max(depth);
                &tail[1..]
            }
            Some(b'#') => tail.find(['\n', '\r']).map_or("", |end| &tail[end..]),
            Some(b'"') => after_string(tail),
            _ => {
                depth = depth.saturating_sub(1);
                &tail[1..]
            }
        };
    }
    deepest
}

/// What follows the string that `text` begins with.
fn after_string(text: &str) -> &str {
    if let Some(block) = text.strip_prefix("\"\"\"") {
        let mut from = 0;
        while let Some(end) = block[from..].find("\"\"\"") {
            let end = from + end;
            if !block[..end].ends_with('\\') {
                return &block[end + 3..];
            }
            from = end + 3;
        }
        return "";
    }
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            // No string goes over the end of a line.
            '\n' | '\r' => return &text[at..],
            '"' if !is_escaped => return &text[at + 1..],
            _ => is_escaped = c == '\\' && !is_escaped,
        }
    }
    ""
}

/// Of a selection set with its fragments expanded.
#[derive(Clone, Copy, Default)]
struct Size {
    selections: usize,
    aliases: usize,
}

impl Size {
    fn and(self, other: Self) -> Self {
        Self {
            selections: self.selections.saturating_add(other.selections),
            aliases: self.aliases.saturating_add(other.aliases),
        }
    }
}

/// Sizes of fragments, each worked out once however often it is spread.
struct Sizes<'a> {
    document: &'a ExecutableDocument,
    known: HashMap<&'a Name, Size>,
}

impl<'a> Sizes<'a> {
    fn of(&mut self, set: &'a SelectionSet, levels: usize) -> Size {
        let mut size = Size::default();
        for selection in &set.items {
            size.selections = size.selections.saturating_add(1);
            let inner = match &selection.node {
                Selection::Field(field) => {
                    size.aliases = size
                        .aliases
                        .saturating_add(usize::from(field.node.alias.is_some()));
                    self.of(&field.node.selection_set.node, levels)
                }
                Selection::InlineFragment(inline) => self.of(&inline.node.selection_set.node, levels),
                Selection::FragmentSpread(spread) => self.fragment(&spread.node.fragment_name.node, levels),
            };
            size = size.and(inner);
        }
        size
    }

    fn fragment(&mut self, name: &'a Name, levels: usize) -> Size {
        if let Some(size) = self.known.get(name) {
            return *size;
        }
        let Some(fragment) = self.document.fragments.get(name) else {
            return Size::default(); // validation says so
        };
        // A fragment that spreads itself has no end; it counts as more than is allowed.
        let endless = Size {
            selections: usize::MAX,
            aliases: 0,
        };
        let Some(levels) = levels.checked_sub(1) else {
            return endless;
        };
        self.known.insert(name, endless);
        let size = self.of(&fragment.node.selection_set.node, levels);
        self.known.insert(name, size);
        size
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_count_where_they_nest_and_not_in_strings_or_comments() {
        assert_eq!(nesting("{ a(b: [[1]]) { c } }"), 4);
        assert_eq!(nesting(r#"{ a(b: "[[[[\"[[") }"#), 2);
        assert_eq!(nesting("{ a(b: \"\"\"[[ \\\"\"\" [[\"\"\") } # [[[[\n"), 2);
        assert_eq!(nesting(&"[".repeat(10_000)), 10_000);
    }

    #[test]
    fn fragments_that_double_are_refused_before_they_are_walked_through() {
        let mut query = "{ ...f0 }".to_owned();
        for level in 0..40 {
            let next = level + 1;
            query += &format!(" fragment f{level} on Query {{ ...f{next} ...f{next} }}");
        }
        query += " fragment f40 on Query { __typename }";
        let refusal = check(&mut Request::new(query), &Limits::default()).expect_err("too many");
        assert!(refusal.message.contains("selections"));
    }

    #[test]
    fn a_fragment_that_spreads_itself_is_refused() {
        let mut request = Request::new("{ ...f } fragment f on Query { ...f }");
        assert!(check(&mut request, &Limits::default()).is_err());
    }
}
