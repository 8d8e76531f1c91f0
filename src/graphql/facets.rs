//! Which values occur among executions: menus for the filters of a list.
//!
//! To add one: its variant of `db::executions::facets::Facet`, its condition in `without`, and a
//! field here.

use async_graphql::{Context, Object, SimpleObject};
use uuid::Uuid;

use super::agent::Agent;
use super::errors::{self, Code, Result, bad_input, error, viewer};
use super::filter::ExecutionFilter;
use super::loaders::{self, AgentOf, UserOf};
use super::scalar::int;
use super::user::User;
use super::{Deps, deps, page};
use crate::db::executions::facets::{self, Facet, Value};
use crate::db::executions::filter::{Filter, Reach};
use crate::db::executions::page::Plan;

/// An agent, and how many of the executions are its.
#[derive(SimpleObject, Clone, Debug)]
pub struct AgentFacet {
    /// The agent.
    pub agent: Agent,
    /// How many.
    pub count: i32,
}

/// A user, and how many of the executions they launched.
#[derive(SimpleObject, Clone, Debug)]
pub struct UserFacet {
    /// The user.
    pub user: User,
    /// How many.
    pub count: i32,
}

/// A value, and how many of the executions have it.
#[derive(SimpleObject, Clone, Debug)]
pub struct ValueFacet {
    /// As the filter takes it.
    pub value: String,
    /// For people: the execution type's name, or the value itself.
    pub label: String,
    /// How many.
    pub count: i32,
}

/// The values that occur among what a filter matches.
#[derive(Debug)]
pub struct ExecutionFacets {
    reach: Reach,
    filter: Filter,
    limit: u64,
}

/// The values that occur among what the filter matches, most frequent first, each list counted
/// without the filter's own condition on it. Counted over the newest 10,000 of what then matches;
/// isExact says whether that is all. Lists that are not selected are not counted.
#[Object]
impl ExecutionFacets {
    /// True when every list is counted over all that matches. False where there is more than the
    /// newest 10,000 for one of them or several: of it counts are "at least", and values may be
    /// missing.
    // Up to five statements; like all here it counts once for each row of a list.
    #[graphql(complexity = "5 * STATEMENT")]
    async fn is_exact(&self, ctx: &Context<'_>) -> Result<bool> {
        let Deps { store, limits, .. } = deps(ctx);
        let mut asked: Vec<Filter> = Vec::new();
        for filter in Facet::ALL.map(|facet| self.without(facet)) {
            // Lists without a condition of their own are counted over the same.
            if asked.contains(&filter) {
                continue;
            }
            let plan = self.plan(&filter)?;
            asked.push(filter);
            let db = store.db.read_wide().await;
            let is_all = facets::is_all(&*db, &plan, limits.max_facet_rows).await;
            if !is_all.map_err(|failed| errors::internal(ctx, &failed.into()))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whose executions they are.
    #[graphql(complexity = "child_complexity + STATEMENT")]
    async fn agents(&self, ctx: &Context<'_>) -> Result<Vec<AgentFacet>> {
        let counted = self.count::<Uuid>(ctx, Facet::Agent).await?;
        let agents = loaders::get_all(ctx, counted.iter().map(|(id, _)| AgentOf(*id))).await?;
        let listed = agents.into_iter().zip(counted);
        let one = |(agent, (_, count))| AgentFacet {
            agent: Agent(agent),
            count,
        };
        Ok(listed.map(one).collect())
    }

    /// Of which execution types they are; the value is the type's key.
    #[graphql(complexity = "child_complexity + STATEMENT")]
    async fn execution_keys(&self, ctx: &Context<'_>) -> Result<Vec<ValueFacet>> {
        let catalog = &deps(ctx).catalog;
        let name = |key: &str| catalog.execution_type(key).map(|known| known.name.clone());
        self.values(ctx, Facet::ExecutionKey, name).await
    }

    /// Their labels. An execution counts for each of its own.
    #[graphql(complexity = "child_complexity + STATEMENT")]
    async fn labels(&self, ctx: &Context<'_>) -> Result<Vec<ValueFacet>> {
        self.values(ctx, Facet::Label, |_| None).await
    }

    /// The codes that they failed with.
    #[graphql(complexity = "child_complexity + STATEMENT")]
    async fn failure_codes(&self, ctx: &Context<'_>) -> Result<Vec<ValueFacet>> {
        self.values(ctx, Facet::FailureCode, |_| None).await
    }

    /// Who launched them.
    #[graphql(complexity = "child_complexity + STATEMENT")]
    async fn launched_by(&self, ctx: &Context<'_>) -> Result<Vec<UserFacet>> {
        let counted = self.count::<Uuid>(ctx, Facet::LaunchedBy).await?;
        let users = loaders::get_all(ctx, counted.iter().map(|(id, _)| UserOf(*id))).await?;
        let listed = users.into_iter().zip(counted);
        let one = |(user, (_, count))| UserFacet {
            user: User(user),
            count,
        };
        Ok(listed.map(one).collect())
    }
}

impl ExecutionFacets {
    /// The filter less its condition on what is counted.
    fn without(&self, facet: Facet) -> Filter {
        let mut filter = self.filter.clone();
        match facet {
            Facet::Agent => filter.agent_ids = None,
            Facet::ExecutionKey => filter.execution_keys = None,
            Facet::Label => filter.labels.clear(),
            Facet::FailureCode => filter.failure_codes = None,
            Facet::LaunchedBy => filter.launched_by_ids = None,
        }
        filter
    }

    fn plan(&self, filter: &Filter) -> Result<Plan> {
        Plan::new(&self.reach, filter).map_err(|many| error(Code::LimitExceeded, many.to_string()))
    }

    async fn count<T: Value>(&self, ctx: &Context<'_>, facet: Facet) -> Result<Vec<(T, i32)>> {
        let Deps { store, limits, .. } = deps(ctx);
        let plan = self.plan(&self.without(facet))?;
        let db = store.db.read_wide().await;
        let counted = facets::count(&*db, &plan, facet, limits.max_facet_rows, self.limit)
            .await
            .map_err(|failed| errors::internal(ctx, &failed.into()))?;
        Ok(counted
            .into_iter()
            .map(|(value, count)| (value, int(count)))
            .collect())
    }

    async fn values(
        &self,
        ctx: &Context<'_>,
        facet: Facet,
        name: impl Fn(&str) -> Option<String>,
    ) -> Result<Vec<ValueFacet>> {
        let counted = self.count::<String>(ctx, facet).await?;
        let listed = counted.into_iter().map(|(value, count)| ValueFacet {
            label: name(&value).unwrap_or_else(|| value.clone()),
            value,
            count,
        });
        Ok(listed.collect())
    }
}

/// Values of one list, unless asked otherwise.
const DEFAULT: i32 = 50;

/// Points of a statement, for each row of a list.
const STATEMENT: usize = 3;

/// A short list reads as many rows as one of so many values.
const LEAST_PRICED: usize = 10;

fn cost(limit: Option<i32>, fields: usize) -> usize {
    let rows = usize::try_from(limit.unwrap_or(DEFAULT)).unwrap_or(0);
    page::times(rows.max(LEAST_PRICED), fields) + 100
}

/// Root field about values that occur.
#[derive(Default)]
pub struct FacetQuery;

#[Object]
impl FacetQuery {
    /// The values that occur among the executions that the viewer may see and the filter matches:
    /// menus for filters.
    #[graphql(complexity = "cost(limit, child_complexity)")]
    async fn execution_facets(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which executions; all when null.")] filter: Option<ExecutionFilter>,
        #[graphql(
            default_with = "Some(50)",
            desc = "How many values of each list, 1 to the server's maxPageSize."
        )]
        limit: Option<i32>,
    ) -> Result<ExecutionFacets> {
        let most = deps(ctx).limits.max_page;
        let limit = u64::try_from(limit.unwrap_or(DEFAULT)).unwrap_or(0);
        if limit == 0 || limit > most {
            return Err(bad_input(format!("limit is a number from 1 to {most}")));
        }
        Ok(ExecutionFacets {
            reach: viewer(ctx)?.reach(),
            filter: filter.unwrap_or_default().read()?,
            limit,
        })
    }
}
