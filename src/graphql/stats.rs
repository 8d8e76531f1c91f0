//! Figures over executions: what an overview draws. The database computes them; here they are cut
//! to the range and put into the contract's words.

use async_graphql::{Context, Enum, Object, SimpleObject};
use tokio::sync::OnceCell;

use super::agent::Agent;
use super::deps;
use super::errors::{self, Code, Result, bad_input, error, viewer};
use super::executions::{ExecutionStatusCount, status_counts};
use super::failure::{FailureCategory, category_of};
use super::filter::{DateTimeRange, ExecutionFilter};
use super::loaders::{self, AgentOf};
use super::scalar::{DateTime, int};
use crate::base::clock::UnixMs;
use crate::base::intervals::{self, Interval, TooMany};
use crate::base::page::{Count, Window};
use crate::db;
use crate::db::executions::filter::{Filter, Range, Reach};
use crate::db::executions::page::{Order, OrderField, Plan};
use crate::db::executions::stats::{self, Figures, Sample};
use crate::domain::lifecycle::Status;

/// Intervals of one series.
const MAX_INTERVALS: usize = 500;

/// What a statement costs that may read `max_stats_rows`: some tenths of a second, as long as pages
/// of some hundred fields take.
const STATEMENT: usize = 500;

/// How long one interval of a series is.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(remote = "Interval")]
pub enum StatsInterval {
    /// 60 seconds.
    Minute,
    /// From one full hour of the time zone to the next.
    Hour,
    /// A day of the time zone: 23 or 25 hours long where clocks change.
    Day,
    /// From Monday on.
    Week,
}

/// How long things took, in milliseconds, by nearest rank: so many of a hundred took no longer.
#[derive(SimpleObject, Clone, Copy, Debug)]
pub struct DurationStats {
    /// Half of them.
    pub p50_ms: f64,
    /// Nine of ten.
    pub p90_ms: f64,
    /// 99 of a hundred.
    pub p99_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

/// What was used, in whole numbers up to 2^53, too large for Int.
#[derive(SimpleObject, Clone, Copy, Debug)]
pub struct UsageStats {
    /// Tokens that models read.
    pub input_tokens: f64,
    /// Tokens that models wrote.
    pub output_tokens: f64,
    /// Requests to models.
    pub model_calls: f64,
    /// Calls of tools.
    pub tool_calls: f64,
    /// In millionths of a US dollar, of what has a price.
    pub cost_micro_usd: f64,
}

/// One way in which executions failed.
#[derive(SimpleObject, Clone, Debug)]
pub struct FailureStats {
    /// Its category.
    pub category: FailureCategory,
    /// Its code.
    pub code: String,
    /// How many.
    pub count: i32,
}

/// An agent's executions.
#[derive(SimpleObject, Clone, Debug)]
pub struct AgentStats {
    /// The agent.
    pub agent: Agent,
    /// How many are in each status: four entries, in the enum's order.
    pub status_counts: Vec<ExecutionStatusCount>,
    /// How long they ran; null when nothing has run to its end.
    pub duration: Option<DurationStats>,
    /// What they used.
    pub usage: UsageStats,
}

/// What was created in one interval.
#[derive(SimpleObject, Clone, Debug)]
pub struct ExecutionStatsPoint {
    /// Its begin.
    pub from: DateTime,
    /// Its end, this instant itself not included.
    pub to: DateTime,
    /// How many are in each status: four entries, in the enum's order.
    pub status_counts: Vec<ExecutionStatusCount>,
    /// How long they ran; null when nothing has run to its end.
    pub duration: Option<DurationStats>,
    /// What they used.
    pub usage: UsageStats,
}

/// Figures over executions.
#[derive(Debug)]
pub struct ExecutionStats {
    reach: Reach,
    filter: Filter,
    /// The filter, cut to the range.
    ranged: Filter,
    as_of: UnixMs,
    /// The most executions that are computed over.
    rows: u64,
    overall: OnceCell<Figures>,
}

/// Figures of the executions that were created in the range. Sums are whole numbers up to 2^53,
/// too large for Int. Exact for up to 100,000 executions; of more, all figures are of the newest
/// 100,000, and isExact says so. Fields that are not selected are not computed.
#[Object]
impl ExecutionStats {
    /// When they were computed.
    async fn as_of(&self) -> DateTime {
        DateTime(self.as_of)
    }

    /// False where more executions matched than are computed over: all figures are then of the
    /// newest of them, those created since `from`.
    async fn is_exact(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(self.is_all(self.overall(ctx).await?))
    }

    /// Begin of what the figures are of: the range's, or of the oldest execution among them where
    /// the range has none or isExact is false. Null when there is no such execution.
    async fn from(&self, ctx: &Context<'_>) -> Result<Option<DateTime>> {
        Ok(self.begin(ctx).await?.map(DateTime))
    }

    /// End of what the figures are of.
    async fn to(&self) -> DateTime {
        DateTime(self.end())
    }

    /// How many executions there are.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i32> {
        Ok(int(self.overall(ctx).await?.total()))
    }

    /// How many are in each status: four entries, in the enum's order.
    async fn status_counts(&self, ctx: &Context<'_>) -> Result<Vec<ExecutionStatusCount>> {
        let overall = self.overall(ctx).await?;
        Ok(counts(overall, self.is_all(overall)))
    }

    /// Every interval that the range touches, empty ones too, oldest first; more than 500 are
    /// refused with LIMIT_EXCEEDED. The first and the last may reach beyond the range; only what
    /// was created within it counts.
    #[graphql(complexity = "500 * child_complexity + STATEMENT")]
    async fn series(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How long one interval is.")] interval: StatsInterval,
        #[graphql(desc = "An IANA name, such as Europe/Vienna; UTC when left out.")] time_zone: Option<
            String,
        >,
    ) -> Result<Vec<ExecutionStatsPoint>> {
        let name = time_zone.as_deref().unwrap_or("UTC");
        let Some(zone) = intervals::zone(name) else {
            let shown: String = name.chars().take(40).collect();
            return Err(bad_input(format!(
                "timeZone is an IANA name such as Europe/Vienna, and {shown:?} is none"
            )));
        };
        let Some(begin) = self.begin(ctx).await? else {
            return Ok(Vec::new());
        };
        let bounds = intervals::bounds(begin, self.end(), interval.into(), zone, MAX_INTERVALS).map_err(
            |TooMany(most)| {
                let message =
                    format!("the range has more than {most} intervals: shorten it, or take longer ones");
                error(Code::LimitExceeded, message)
            },
        )?;
        let exact = self.is_all(self.overall(ctx).await?);
        let db = deps(ctx).store.db.read_wide().await;
        let spans = stats::by_span(&*db, self.sample(&self.ranged()?), &bounds)
            .await
            .map_err(|failed| errors::internal(ctx, &failed.into()))?;
        let point = |(figures, bounds): (Figures, &[UnixMs])| ExecutionStatsPoint {
            from: DateTime(bounds[0]),
            to: DateTime(bounds[1]),
            status_counts: counts(&figures, exact),
            duration: duration(&figures),
            usage: usage(&figures),
        };
        Ok(spans.into_iter().zip(bounds.windows(2)).map(point).collect())
    }

    /// How long they ran; null when nothing has run to its end.
    async fn duration(&self, ctx: &Context<'_>) -> Result<Option<DurationStats>> {
        Ok(duration(self.overall(ctx).await?))
    }

    /// How long they waited for a worker; null when none has started.
    async fn queue_time(&self, ctx: &Context<'_>) -> Result<Option<DurationStats>> {
        let overall = self.overall(ctx).await?;
        Ok(percentiles(
            overall.wait_p50,
            overall.wait_p90,
            overall.wait_p99,
            overall.wait_max,
        ))
    }

    /// In which ways they failed, most frequent first; at most 100.
    #[graphql(complexity = "100 * child_complexity + STATEMENT")]
    async fn failures(&self, ctx: &Context<'_>) -> Result<Vec<FailureStats>> {
        let db = deps(ctx).store.db.read_wide().await;
        let counted = stats::failures(&*db, self.sample(&self.ranged()?))
            .await
            .map_err(|failed| errors::internal(ctx, &failed.into()))?;
        let one = |row: stats::FailureCount| FailureStats {
            category: category_of(&row.category),
            code: row.code.unwrap_or(row.category),
            count: int(row.counted),
        };
        Ok(counted.into_iter().map(one).collect())
    }

    /// By agent, the one with the most executions first; at most 100.
    #[graphql(complexity = "100 * child_complexity + STATEMENT")]
    async fn agents(&self, ctx: &Context<'_>) -> Result<Vec<AgentStats>> {
        let exact = self.is_all(self.overall(ctx).await?);
        let db = deps(ctx).store.db.read_wide().await;
        let counted = stats::by_agent(&*db, self.sample(&self.ranged()?))
            .await
            .map_err(|failed| errors::internal(ctx, &failed.into()))?;
        drop(db);
        let agents = loaders::get_all(ctx, counted.iter().map(|(id, _)| AgentOf(*id))).await?;
        let listed = agents.into_iter().zip(counted);
        let one = |(agent, (_, figures))| AgentStats {
            agent: Agent(agent),
            status_counts: counts(&figures, exact),
            duration: duration(&figures),
            usage: usage(&figures),
        };
        Ok(listed.map(one).collect())
    }

    /// What they used.
    async fn usage(&self, ctx: &Context<'_>) -> Result<UsageStats> {
        Ok(usage(self.overall(ctx).await?))
    }

    /// Age of the oldest PENDING execution that the filter matches, whatever the range; null when
    /// none is pending.
    #[graphql(complexity = 25)]
    async fn oldest_pending_ms(&self, ctx: &Context<'_>) -> Result<Option<f64>> {
        let pending = Status::Pending.as_str().to_owned();
        if self
            .filter
            .statuses
            .as_ref()
            .is_some_and(|list| !list.contains(&pending))
        {
            return Ok(None);
        }
        let filter = Filter {
            statuses: Some(vec![pending]),
            ..self.filter.clone()
        };
        let oldest_first = Order {
            field: OrderField::CreatedAt,
            descending: false,
        };
        let page = self
            .plan(&filter)?
            .page(deps(ctx).store.db.read(), oldest_first, &Window::first(1))
            .await
            .map_err(|failed| errors::internal(ctx, &failed.into()))?;
        let age = |created_at: UnixMs| number(self.as_of.saturating_sub(created_at).max(0));
        Ok(page.rows.first().map(|row| age(row.created_at)))
    }
}

impl ExecutionStats {
    fn plan(&self, filter: &Filter) -> Result<Plan> {
        Plan::new(&self.reach, filter).map_err(|many| error(Code::LimitExceeded, many.to_string()))
    }

    fn ranged(&self) -> Result<Plan> {
        self.plan(&self.ranged)
    }

    fn sample<'p>(&self, plan: &'p Plan) -> Sample<'p> {
        Sample {
            plan,
            rows: self.rows,
        }
    }

    fn is_all(&self, overall: &Figures) -> bool {
        u64::try_from(overall.total()).unwrap_or(0) <= self.rows
    }

    /// What most fields are parts of, computed once.
    async fn overall(&self, ctx: &Context<'_>) -> Result<&Figures> {
        let plan = self.ranged()?;
        self.overall
            .get_or_try_init(async || {
                let db = deps(ctx).store.db.read_wide().await;
                stats::overall(&*db, self.sample(&plan)).await
            })
            .await
            .map_err(|failed: db::Error| errors::internal(ctx, &failed.into()))
    }

    async fn begin(&self, ctx: &Context<'_>) -> Result<Option<UnixMs>> {
        let overall = self.overall(ctx).await?;
        Ok(match self.ranged.created_at.from {
            Some(from) if self.is_all(overall) => Some(from),
            _ => overall.oldest,
        })
    }

    fn end(&self) -> UnixMs {
        self.ranged.created_at.to.unwrap_or(self.as_of)
    }
}

fn counts(figures: &Figures, is_exact: bool) -> Vec<ExecutionStatusCount> {
    let count = |number: i64| Count {
        count: u64::try_from(number).unwrap_or(0),
        is_exact,
    };
    status_counts(
        [
            figures.pending,
            figures.in_progress,
            figures.finished,
            figures.failed,
        ]
        .map(count),
    )
}

fn duration(figures: &Figures) -> Option<DurationStats> {
    percentiles(
        figures.duration_p50,
        figures.duration_p90,
        figures.duration_p99,
        figures.duration_max,
    )
}

fn percentiles(
    p50: Option<i64>,
    p90: Option<i64>,
    p99: Option<i64>,
    max: Option<i64>,
) -> Option<DurationStats> {
    Some(DurationStats {
        p50_ms: number(p50?),
        p90_ms: number(p90?),
        p99_ms: number(p99?),
        max_ms: number(max?),
    })
}

fn usage(figures: &Figures) -> UsageStats {
    UsageStats {
        input_tokens: number(figures.input_tokens),
        output_tokens: number(figures.output_tokens),
        model_calls: number(figures.model_calls),
        tool_calls: number(figures.tool_calls),
        cost_micro_usd: number(figures.cost_micro_usd),
    }
}

/// Exact up to 2^53, as the contract says.
fn number(whole: i64) -> f64 {
    whole as f64
}

/// The tighter of two ranges.
fn meet(one: Range, other: Range) -> Range {
    Range {
        from: one.from.max(other.from),
        to: match (one.to, other.to) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        },
    }
}

/// Root field about figures.
#[derive(Default)]
pub struct StatsQuery;

#[Object]
impl StatsQuery {
    /// Figures over the executions that the viewer may see, the filter matches, and that were
    /// created in the range.
    #[graphql(complexity = "child_complexity + STATEMENT")]
    async fn execution_stats(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which executions; all when null.")] filter: Option<ExecutionFilter>,
        #[graphql(desc = "When they were created. Null bounds mean the first execution and now.")]
        range: DateTimeRange,
    ) -> Result<ExecutionStats> {
        let filter = filter.unwrap_or_default().read()?;
        let as_of = deps(ctx).store.clock.now();
        let asked = Range {
            from: range.from.map(|at| at.0),
            // What is created at this very millisecond counts.
            to: Some(range.to.map_or(as_of.saturating_add(1), |at| at.0)),
        };
        let ranged = Filter {
            created_at: meet(filter.created_at, asked),
            ..filter.clone()
        };
        let stats = ExecutionStats {
            reach: viewer(ctx)?.reach(),
            filter,
            ranged,
            as_of,
            rows: deps(ctx).limits.max_stats_rows,
            overall: OnceCell::new(),
        };
        // A filter of too many branches is refused whatever is selected.
        stats.ranged()?;
        Ok(stats)
    }
}
