//! Connections: arguments become a window of rows, rows become edges with cursors.
//!
//! Every connection works alike: `first` and `after`, or `last` and `before`; 25 rows unless asked
//! otherwise; more than the server's limit is an error and never silently less. To add one: name
//! it in a [`connection!`] beside its node, and give it a [`Sort`].

use std::pin::Pin;
use std::sync::Arc;

use async_graphql::{Context, SimpleObject};
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::deps;
use super::errors::{self, Code, Result, bad_input, error};
use super::scalar::int;
use crate::base::cursor::PageCursor;
use crate::base::page::{Count, DEFAULT_PAGE, Window};
use crate::domain::Fault;

/// Where a page lies in its connection.
#[derive(SimpleObject, Clone, Debug)]
pub struct PageInfo {
    /// Whether rows follow this page.
    pub has_next_page: bool,
    /// Whether rows precede this page.
    pub has_previous_page: bool,
    /// The first edge's cursor: `before` for the page before this one. Null on an empty page.
    pub start_cursor: Option<String>,
    /// The last edge's cursor: `after` for the page after this one. Null on an empty page.
    pub end_cursor: Option<String>,
}

/// The arguments of a connection.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct Args {
    pub first: Option<i32>,
    pub after: Option<String>,
    pub last: Option<i32>,
    pub before: Option<String>,
}

/// The order of a connection, as its cursors know it.
#[derive(Clone, Debug)]
pub struct Sort {
    /// Connection and order, for example `agents.created_at.asc`.
    pub name: String,
    /// What the sort key is.
    pub key: Key,
}

/// What a sort key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// A whole number.
    Number,
    /// A whole number, or null.
    NullableNumber,
    /// Text.
    Text,
}

impl Sort {
    /// An order by a whole number.
    pub fn number(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            key: Key::Number,
        }
    }

    /// An order by text.
    pub fn text(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            key: Key::Text,
        }
    }

    /// The cursor of a row.
    pub fn cursor(&self, key: impl ToString, id: Uuid) -> String {
        self.cursor_or_null(Some(key), id)
    }

    /// The cursor of a row whose key may be null.
    pub fn cursor_or_null(&self, key: Option<impl ToString>, id: Uuid) -> String {
        let key = key.map(|key| key.to_string());
        PageCursor { key, id }.encode(&self.name)
    }

    fn read(&self, text: &str) -> Result<PageCursor> {
        let refused = |message: String| error(Code::BadCursor, message);
        let cursor = PageCursor::decode(text, &self.name).map_err(|bad| refused(bad.to_string()))?;
        // What this order never made was made by hand: no database should see it.
        let fits = match (&cursor.key, self.key) {
            (None, key) => key == Key::NullableNumber,
            (Some(text), Key::Text) => !text.contains('\0'),
            (Some(text), _) => text.parse::<i64>().is_ok(),
        };
        if fits {
            Ok(cursor)
        } else {
            Err(refused("this is no cursor that this server gave out".to_owned()))
        }
    }
}

impl Args {
    /// The rows that are asked for.
    ///
    /// # Errors
    /// BAD_USER_INPUT for sizes out of range or both ends at once, BAD_CURSOR for a cursor that is
    /// broken or another order's.
    pub fn window(&self, ctx: &Context<'_>, sort: &Sort) -> Result<Window> {
        if self.first.is_some() && self.last.is_some() {
            return Err(bad_input("give first or last, not both"));
        }
        let most = deps(ctx).limits.max_page;
        let (name, size) = match self.last {
            Some(last) => ("last", Some(last)),
            None => ("first", self.first),
        };
        let limit = match size.map(u64::try_from) {
            None => DEFAULT_PAGE.min(most),
            Some(Ok(size)) if size <= most => size,
            Some(_) => return Err(bad_input(format!("{name} is a number from 0 to {most}"))),
        };
        let read = |text: &Option<String>| text.as_deref().map(|text| sort.read(text)).transpose();
        Ok(Window {
            after: read(&self.after)?,
            before: read(&self.before)?,
            limit,
            from_end: self.last.is_some(),
        })
    }
}

/// What a page costs: its fields once for each row that is asked for.
pub fn cost(first: Option<i32>, last: Option<i32>, fields: usize) -> usize {
    let asked = first.or(last).and_then(|rows| usize::try_from(rows).ok());
    times(
        asked.unwrap_or(usize::try_from(DEFAULT_PAGE).unwrap_or(1)),
        fields,
    )
}

/// What a list costs: its fields once for each of its rows, and one for itself.
pub fn times(rows: usize, fields: usize) -> usize {
    // Costs are summed up without a check: cut far above every limit and far below what overflows.
    fields.saturating_mul(rows.max(1)).saturating_add(1).min(1 << 40)
}

type Counting = Pin<Box<dyn Future<Output = std::result::Result<Count, Fault>> + Send>>;

/// A count that is taken when it is first asked for, and once.
#[derive(Clone)]
pub struct Total {
    count: Arc<dyn Fn() -> Counting + Send + Sync>,
    counted: Arc<OnceCell<Count>>,
}

impl Total {
    /// Counts like this.
    pub fn by<F, C>(count: F) -> Self
    where
        F: Fn() -> C + Send + Sync + 'static,
        C: Future<Output = std::result::Result<Count, Fault>> + Send + 'static,
    {
        Self {
            count: Arc::new(move || Box::pin(count())),
            counted: Arc::default(),
        }
    }

    /// The count.
    ///
    /// # Errors
    /// INTERNAL.
    pub async fn get(&self, ctx: &Context<'_>) -> Result<Count> {
        let counted = self.counted.get_or_try_init(|| (self.count)()).await;
        counted.copied().map_err(|fault| errors::internal(ctx, &fault))
    }

    /// The count as GraphQL's Int.
    ///
    /// # Errors
    /// INTERNAL.
    pub async fn get_int(&self, ctx: &Context<'_>) -> Result<i32> {
        Ok(count_int(self.get(ctx).await?.count))
    }
}

/// A count as GraphQL's Int.
pub fn count_int(count: u64) -> i32 {
    int(i64::try_from(count).unwrap_or(i64::MAX))
}

/// A count without a limit.
pub fn exactly(count: u64) -> Count {
    Count {
        count,
        is_exact: true,
    }
}

/// Defines the connection and the edge of a node.
///
/// One whose rows are counted up to `COUNT_LIMIT` alone ends in `capped`, and says whether its count
/// is exact.
macro_rules! connection {
    ($connection:ident, $edge:ident, $node:ident, $connection_doc:literal, $node_doc:literal) => {
        $crate::graphql::page::connection!(
            @of $connection,
            $edge,
            $node,
            $connection_doc,
            $node_doc,
            "How many rows there are on all pages together. Counted only when selected."
        );
    };
    ($connection:ident, $edge:ident, $node:ident, $connection_doc:literal, $node_doc:literal, capped) => {
        $crate::graphql::page::connection!(
            @of $connection,
            $edge,
            $node,
            $connection_doc,
            $node_doc,
            "How many rows there are on all pages together, at least: counting stops at the server's limit of 10,000. Counted only when selected.",
            total_count_is_exact
        );
    };
    (
        @of $connection:ident, $edge:ident, $node:ident,
        $connection_doc:literal, $node_doc:literal, $total_doc:literal $(, $is_exact:ident)?
    ) => {
        #[doc = $connection_doc]
        pub struct $connection {
            edges: Vec<$edge>,
            has_next: bool,
            has_previous: bool,
            total: $crate::graphql::page::Total,
        }

        impl $connection {
            /// A page of rows; `edge` gives each its cursor and node.
            pub fn of<R>(
                page: $crate::base::page::Page<R>,
                total: $crate::graphql::page::Total,
                edge: impl Fn(R) -> (String, $node),
            ) -> Self {
                let edges = page.rows.into_iter().map(|row| {
                    let (cursor, node) = edge(row);
                    $edge { cursor, node }
                });
                Self {
                    edges: edges.collect(),
                    has_next: page.has_next,
                    has_previous: page.has_previous,
                    total,
                }
            }
        }

        #[doc = $connection_doc]
        #[async_graphql::Object]
        impl $connection {
            /// The rows with their cursors, in order.
            async fn edges(&self) -> &[$edge] {
                &self.edges
            }

            /// The rows without their cursors, in the same order.
            async fn nodes(&self) -> Vec<&$node> {
                self.edges.iter().map(|edge| &edge.node).collect()
            }

            /// Where this page lies.
            async fn page_info(&self) -> $crate::graphql::page::PageInfo {
                $crate::graphql::page::PageInfo {
                    has_next_page: self.has_next,
                    has_previous_page: self.has_previous,
                    start_cursor: self.edges.first().map(|edge| edge.cursor.clone()),
                    end_cursor: self.edges.last().map(|edge| edge.cursor.clone()),
                }
            }

            #[doc = $total_doc]
            #[graphql(complexity = 25)]
            async fn total_count(
                &self,
                ctx: &async_graphql::Context<'_>,
            ) -> $crate::graphql::errors::Result<i32> {
                self.total.get_int(ctx).await
            }
            $(
                /// False where counting stopped at the server's limit: show "10 000+".
                #[graphql(complexity = 25)]
                async fn $is_exact(
                    &self,
                    ctx: &async_graphql::Context<'_>,
                ) -> $crate::graphql::errors::Result<bool> {
                    Ok(self.total.get(ctx).await?.is_exact)
                }
            )?
        }

        /// A row of a connection and its place there.
        #[derive(async_graphql::SimpleObject, Clone)]
        pub struct $edge {
            /// Opaque: the row's place, for `after` and `before` of the same connection in the
            /// same order.
            pub cursor: String,
            #[doc = $node_doc]
            pub node: $node,
        }
    };
}
pub(in crate::graphql) use connection;
