//! What models were used for and what they cost, and the budgets that executions share.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_graphql::{ComplexObject, Context, Enum, ID, Object, SimpleObject};
use uuid::Uuid;

use super::agent::Agent;
use super::errors::{self, Result, bad_input, viewer};
use super::loaders::{self, AgentOf};
use super::scalar::{DateTime, int};
use super::{Deps, deps, page};
use crate::base::clock::UnixMs;
use crate::base::id::Kind;
use crate::base::period::{DAY_MS, Period};
use crate::db;
use crate::db::budgets::Amount;
use crate::db::usage::Sum;
use crate::domain::Fault;
use crate::domain::budgets;
use crate::domain::journal::Tokens;

/// What one answer of a model used, as its provider reports it.
#[derive(SimpleObject, Clone, Copy, Debug)]
pub struct MessageUsage {
    /// Tokens that the model read, cached ones included.
    pub input_tokens: i32,
    /// Those of them that the provider had kept from an earlier request.
    pub cached_input_tokens: i32,
    /// Tokens that the model wrote, reasoning included.
    pub output_tokens: i32,
    /// In millionths of a US dollar, at the price that the model was declared with; null where it
    /// has none.
    pub cost_micro_usd: Option<i32>,
}

impl From<Tokens> for MessageUsage {
    fn from(tokens: Tokens) -> Self {
        Self {
            input_tokens: int(tokens.input),
            cached_input_tokens: int(tokens.cached_input),
            output_tokens: int(tokens.output),
            cost_micro_usd: tokens.cost_micro_usd.map(int),
        }
    }
}

/// Sums over models' answers: whole numbers up to 2^53, too large for Int.
#[derive(SimpleObject, Clone, Copy, Debug, Default)]
pub struct UsageTotals {
    /// Answers of models, broken ones among them where the provider said what they used. Calls that
    /// brought none are in Execution.usage, but not here.
    pub answers: f64,
    /// Those of them whose model has no price; they are not in costMicroUsd.
    pub unpriced_answers: f64,
    /// Tokens that models read, cached ones included.
    pub input_tokens: f64,
    /// Those of them that the provider had kept from an earlier request.
    pub cached_input_tokens: f64,
    /// Tokens that models wrote.
    pub output_tokens: f64,
    /// In millionths of a US dollar.
    pub cost_micro_usd: f64,
}

// Far below 2^53.
#[allow(clippy::cast_precision_loss)]
impl UsageTotals {
    fn add(&mut self, sum: &Sum) {
        self.answers += sum.model_calls as f64;
        self.unpriced_answers += sum.unpriced_calls as f64;
        self.input_tokens += sum.input_tokens as f64;
        self.cached_input_tokens += sum.cached_input_tokens as f64;
        self.output_tokens += sum.output_tokens as f64;
        self.cost_micro_usd += sum.cost_micro_usd as f64;
    }

    /// Of the rows of one conversation.
    pub(super) fn of(rows: &[entity::usage_day::Model]) -> Self {
        let mut totals = Self::default();
        for row in rows {
            totals.add(&Sum {
                day: row.day,
                agent_id: row.agent_id,
                model: row.model.clone(),
                is_chat: row.execution_id.is_none(),
                model_calls: row.model_calls,
                unpriced_calls: row.unpriced_calls,
                input_tokens: row.input_tokens,
                cached_input_tokens: row.cached_input_tokens,
                output_tokens: row.output_tokens,
                cost_micro_usd: row.cost_micro_usd,
            });
        }
        totals
    }
}

/// What a data set's agents used in a range of days. Deleted executions are still counted.
#[derive(Clone, Debug)]
pub struct DataSetUsage {
    sums: Vec<Sum>,
}

/// What was used on one day.
#[derive(SimpleObject, Clone, Debug)]
pub struct UsageDay {
    /// Its begin, midnight UTC.
    pub day: DateTime,
    /// What was used.
    pub usage: UsageTotals,
}

/// What one agent used.
#[derive(SimpleObject, Clone, Debug)]
#[graphql(complex)]
pub struct UsageOfAgent {
    #[graphql(skip)]
    agent_id: Uuid,
    /// What it used.
    pub usage: UsageTotals,
}

#[ComplexObject]
impl UsageOfAgent {
    /// The agent.
    async fn agent(&self, ctx: &Context<'_>) -> Result<Agent> {
        Ok(Agent(loaders::get(ctx, AgentOf(self.agent_id)).await?))
    }
}

/// What was used of one model.
#[derive(SimpleObject, Clone, Debug)]
pub struct UsageOfModel {
    /// As Message.model names it.
    pub model: String,
    /// What was used of it.
    pub usage: UsageTotals,
}

impl DataSetUsage {
    fn totals<K: Ord>(&self, key: impl Fn(&Sum) -> K) -> BTreeMap<K, UsageTotals> {
        let mut totals: BTreeMap<K, UsageTotals> = BTreeMap::new();
        for sum in &self.sums {
            totals.entry(key(sum)).or_default().add(sum);
        }
        totals
    }

    fn sum(&self, of: impl Fn(&Sum) -> bool) -> UsageTotals {
        self.totals(of).remove(&true).unwrap_or_default()
    }
}

/// What a data set's agents used in a range of days. Deleted executions are still counted.
#[Object]
impl DataSetUsage {
    /// All of it.
    async fn total(&self) -> UsageTotals {
        self.sum(|_| true)
    }

    /// In executions.
    async fn executions(&self) -> UsageTotals {
        self.sum(|sum| !sum.is_chat)
    }

    /// In people's conversations.
    async fn conversations(&self) -> UsageTotals {
        self.sum(|sum| sum.is_chat)
    }

    /// By day, the oldest first; days without any are left out.
    async fn days(&self) -> Vec<UsageDay> {
        let days = self.totals(|sum| sum.day).into_iter();
        days.map(|(day, usage)| UsageDay {
            day: DateTime(day * DAY_MS),
            usage,
        })
        .collect()
    }

    /// By agent, whichever costs most first.
    async fn agents(&self) -> Vec<UsageOfAgent> {
        let agents = self.totals(|sum| sum.agent_id).into_iter();
        let mut agents: Vec<_> = agents
            .map(|(agent_id, usage)| UsageOfAgent { agent_id, usage })
            .collect();
        agents.sort_by(|one, other| dearer(&one.usage, &other.usage));
        agents
    }

    /// By model, whichever costs most first.
    async fn models(&self) -> Vec<UsageOfModel> {
        let models = self.totals(|sum| sum.model.clone()).into_iter();
        let mut models: Vec<_> = models
            .map(|(model, usage)| UsageOfModel { model, usage })
            .collect();
        models.sort_by(|one, other| dearer(&one.usage, &other.usage));
        models
    }
}

fn dearer(one: &UsageTotals, other: &UsageTotals) -> std::cmp::Ordering {
    let key = |usage: &UsageTotals| (usage.cost_micro_usd, usage.input_tokens + usage.output_tokens);
    key(other)
        .partial_cmp(&key(one))
        .unwrap_or(std::cmp::Ordering::Equal)
}

/// A year and a day: what is kept is a row for each conversation, day and model.
const MAX_DAYS: i64 = 366;
const DEFAULT_DAYS: i64 = 30;

/// What it costs: twenty points for each day whose rows are read, and thirty of each of its lists.
/// What ends today is priced as the longest that there is, for costs know no clock.
pub(super) fn cost(from: Option<DateTime>, to: Option<DateTime>, fields: usize) -> usize {
    let days = match (from, to) {
        (None, _) => DEFAULT_DAYS,
        (Some(_), None) => MAX_DAYS,
        // More is refused.
        (Some(from), Some(to)) => (to.0.saturating_sub(from.0) / DAY_MS + 1).clamp(1, MAX_DAYS),
    };
    page::times(30, fields) + 20 * usize::try_from(days).unwrap_or(0) + 100
}

/// What a data set's agents used.
pub(super) async fn of_data_set(
    ctx: &Context<'_>,
    data_set: Uuid,
    from: Option<DateTime>,
    to: Option<DateTime>,
    agent: Option<&ID>,
) -> Result<DataSetUsage> {
    let store = &deps(ctx).store;
    let day = |at: DateTime| at.0.div_euclid(DAY_MS);
    let to = to.map_or_else(|| store.clock.now().div_euclid(DAY_MS), day);
    let from = from.map_or(to - DEFAULT_DAYS + 1, day);
    if from > to {
        return Err(bad_input(
            "`from` is a day after `to`, which is today when left out".to_owned(),
        ));
    }
    if to - from >= MAX_DAYS {
        return Err(bad_input(format!(
            "`from` to `to` are {} days; ask for 1 to {MAX_DAYS}",
            to - from + 1
        )));
    }
    let agent = match agent {
        None => None,
        Some(id) => match Kind::Agent.parse(id) {
            Ok(id) => Some(id),
            Err(_) => return Ok(DataSetUsage { sums: Vec::new() }),
        },
    };
    let db = store.db.read_wide().await;
    let sums = db::usage::sums(&*db, data_set, agent, from, to).await;
    let sums = sums.map_err(|failed| errors::internal(ctx, &failed.into()))?;
    Ok(DataSetUsage { sums })
}

/// How long a budget lasts; periods begin at full hours, midnights and firsts of months in UTC.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(remote = "Period")]
pub enum BudgetPeriod {
    /// From hour to hour.
    Hour,
    /// From day to day.
    Day,
    /// From month to month.
    Month,
    /// For ever: it does not renew.
    Total,
}

/// Amounts of what budgets count: whole numbers up to 2^53. Null is without a limit.
#[derive(SimpleObject, Clone, Copy, Debug)]
pub struct BudgetAmounts {
    /// Calls of models.
    pub model_calls: Option<f64>,
    /// Calls of tools.
    pub tool_calls: Option<f64>,
    /// Tokens, input and output together.
    pub tokens: Option<f64>,
    /// In millionths of a US dollar.
    pub cost_micro_usd: Option<f64>,
}

/// A budget that executions and replies share. The operator declares them; whoever finds one
/// without room fails with BUDGET_EXCEEDED.
#[derive(SimpleObject, Clone, Debug)]
pub struct Budget {
    /// Unique on the server.
    pub name: String,
    /// The data set that it is for; null for any.
    pub data_set_id: Option<ID>,
    /// The agent that it is for; null for any.
    pub agent_id: Option<ID>,
    /// The agent type that it is for; null for any.
    pub agent_type_key: Option<String>,
    /// The model that it is for; null for any.
    pub model: Option<String>,
    /// How long it lasts.
    pub period: BudgetPeriod,
    /// When the next period begins; null for TOTAL.
    pub renews_at: Option<DateTime>,
    /// The most that may be used in a period.
    pub limits: BudgetAmounts,
    /// What is used in this period, with what is reserved for calls that are being made.
    pub used: BudgetAmounts,
}

/// Root field of budgets.
#[derive(Default)]
pub struct BudgetQuery;

#[Object]
impl BudgetQuery {
    /// The budgets that executions share, by name: all of them for server admins, for others those
    /// of data sets that they administer, and of these data sets' agents.
    async fn budgets(&self, ctx: &Context<'_>) -> Result<Vec<Budget>> {
        let viewer = viewer(ctx)?;
        let Deps { store, budgets, .. } = deps(ctx);
        let fault = |fault: Fault| errors::internal(ctx, &fault);
        let scopes = budgets.all().iter().map(|budget| &budget.scope);
        let named: Vec<Uuid> = if viewer.is_server_admin {
            Vec::new()
        } else {
            scopes.filter_map(|scope| scope.agent).collect()
        };
        let agents = db::agents::find_many(store.db.read(), &named).await;
        let agents = agents.map_err(|failed| fault(failed.into()))?;
        let data_set_of = |scope: &budgets::Scope| {
            let of_agent = |id| agents.iter().find(|agent| agent.id == id);
            let of_agent = scope.agent.and_then(of_agent).map(|agent| agent.data_set_id);
            scope.data_set.or(of_agent)
        };
        let is_visible = |budget: &&Arc<budgets::Budget>| {
            viewer.is_server_admin || data_set_of(&budget.scope).is_some_and(|set| viewer.administers(set))
        };
        let shown: Vec<_> = budgets.all().iter().filter(is_visible).cloned().collect();
        let used = budgets::used_of_each(store, &shown).await.map_err(fault)?;
        let now = store.clock.now();
        let shown = shown.iter().zip(used);
        Ok(shown.map(|(budget, used)| show(budget, used, now)).collect())
    }
}

// Far below 2^53.
#[allow(clippy::cast_precision_loss)]
fn show(budget: &budgets::Budget, used: Amount, now: UnixMs) -> Budget {
    let (scope, most) = (&budget.scope, &budget.most);
    let number = |number: i64| number as f64;
    Budget {
        name: budget.name.clone(),
        data_set_id: scope.data_set.map(|id| Kind::DataSet.format(id).into()),
        agent_id: scope.agent.map(|id| Kind::Agent.format(id).into()),
        agent_type_key: scope.agent_type.clone(),
        model: scope.model.clone(),
        period: budget.period.into(),
        renews_at: budget.period.ends(now).map(DateTime),
        limits: BudgetAmounts {
            model_calls: most.model_calls.map(number),
            tool_calls: most.tool_calls.map(number),
            tokens: most.tokens.map(number),
            cost_micro_usd: most.cost_micro_usd.map(number),
        },
        used: BudgetAmounts {
            model_calls: Some(number(used.model_calls)),
            tool_calls: Some(number(used.tool_calls)),
            tokens: Some(number(used.tokens)),
            cost_micro_usd: Some(number(used.cost_micro_usd)),
        },
    }
}
