//! Which values occur among executions: menus for the filters of a list.
//!
//! To add one: its variant of `db::executions::facets::Facet`, and a field here that leaves its own
//! condition out of the filter.

use async_graphql::{Context, Object, SimpleObject};
use uuid::Uuid;

use super::agent::Agent;
use super::deps;
use super::errors::{self, Code, Result, bad_input, error, viewer};
use super::filter::ExecutionFilter;
use super::loaders::{self, AgentOf, UserOf};
use super::scalar::int;
use super::user::User;
use crate::base::page::COUNT_LIMIT;
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
/// without the filter's own condition on it. Counted over the newest 10,000 of what then matches.
/// Lists that are not selected are not counted.
#[Object]
impl ExecutionFacets {
    /// Whose executions they are.
    async fn agents(&self, ctx: &Context<'_>) -> Result<Vec<AgentFacet>> {
        let without = Filter {
            agent_ids: None,
            ..self.filter.clone()
        };
        let mut listed = Vec::new();
        for (id, count) in self.count::<Uuid>(ctx, without, Facet::Agent).await? {
            let agent = Agent(loaders::get(ctx, AgentOf(id)).await?);
            listed.push(AgentFacet { agent, count });
        }
        Ok(listed)
    }

    /// Of which execution types they are, by key.
    async fn execution_keys(&self, ctx: &Context<'_>) -> Result<Vec<ValueFacet>> {
        let without = Filter {
            execution_keys: None,
            ..self.filter.clone()
        };
        let catalog = &deps(ctx).catalog;
        let name = |key: &str| catalog.execution_type(key).map(|known| known.name.clone());
        self.values(ctx, without, Facet::ExecutionKey, name).await
    }

    /// Their labels. An execution counts for each of its own.
    async fn labels(&self, ctx: &Context<'_>) -> Result<Vec<ValueFacet>> {
        let without = Filter {
            labels: Vec::new(),
            ..self.filter.clone()
        };
        self.values(ctx, without, Facet::Label, |_| None).await
    }

    /// The codes that they failed with.
    async fn failure_codes(&self, ctx: &Context<'_>) -> Result<Vec<ValueFacet>> {
        let without = Filter {
            failure_codes: None,
            ..self.filter.clone()
        };
        self.values(ctx, without, Facet::FailureCode, |_| None).await
    }

    /// Who launched them.
    async fn launched_by(&self, ctx: &Context<'_>) -> Result<Vec<UserFacet>> {
        let without = Filter {
            launched_by_ids: None,
            ..self.filter.clone()
        };
        let mut listed = Vec::new();
        for (id, count) in self.count::<Uuid>(ctx, without, Facet::LaunchedBy).await? {
            let user = User(loaders::get(ctx, UserOf(id)).await?);
            listed.push(UserFacet { user, count });
        }
        Ok(listed)
    }
}

impl ExecutionFacets {
    async fn count<T: Value>(
        &self,
        ctx: &Context<'_>,
        filter: Filter,
        facet: Facet,
    ) -> Result<Vec<(T, i32)>> {
        let plan =
            Plan::new(&self.reach, &filter).map_err(|many| error(Code::LimitExceeded, many.to_string()))?;
        let counted = facets::count(deps(ctx).store.db.read(), &plan, facet, COUNT_LIMIT, self.limit)
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
        filter: Filter,
        facet: Facet,
        name: impl Fn(&str) -> Option<String>,
    ) -> Result<Vec<ValueFacet>> {
        let counted = self.count::<String>(ctx, filter, facet).await?;
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

/// Root field about values that occur.
#[derive(Default)]
pub struct FacetQuery;

#[Object]
impl FacetQuery {
    /// The values that occur among the executions that the viewer may see and the filter matches:
    /// menus for filters.
    #[graphql(complexity = "usize::try_from(limit.unwrap_or(DEFAULT)).unwrap_or(0) * child_complexity + 100")]
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
