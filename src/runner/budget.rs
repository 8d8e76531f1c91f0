//! What a run may use: its definition's own limits, and the budgets that it shares with others. A
//! model call is reserved in both before it is made, in a commit that is due anyway, and settled
//! with its answer; tool calls are taken with the turn that asks for them.
//!
//! How much a call will use nobody knows. An execution's own limits expect that it uses what the
//! one before it did; shared ones, which many calls draw on at once, reserve what the request is
//! long plus the longest answer, and get back what was not used.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use entity::{execution, usage_day};

use crate::base::period::DAY_MS;
use crate::db;
use crate::definitions::Limits;
use crate::domain::budgets::{Amount, Budget};
use crate::domain::explanation::{Budget as Kind, Cause};
use crate::domain::journal::Tokens;
use crate::model::{Price, ToolSpec};

use super::exit::Exit;
use super::held::Held;
use super::model::Session;
use super::transcript::Transcript;

/// Characters of a token: languages and JSON differ between two and five. Few, for what is
/// reserved too much comes back, and what is reserved too little is overspent.
const CHARACTERS: usize = 3;

/// The longest answer of a model that was declared without `max_output_tokens`: longer than most,
/// and what several providers take for granted.
const ANSWER: i64 = 4096;

/// What a run's calls are reserved in.
pub(super) struct Allowance {
    limits: Limits,
    shared: Vec<Arc<Budget>>,
    price: Option<Price>,
    longest_answer: i64,
    tools_length: AtomicUsize,
    /// What the next request is long, its tools apart.
    length: AtomicUsize,
    last: std::sync::Mutex<Tokens>,
}

impl Allowance {
    pub fn new(
        limits: Limits,
        shared: Vec<Arc<Budget>>,
        price: Option<Price>,
        longest_answer: Option<u32>,
    ) -> Self {
        Self {
            limits,
            shared,
            price,
            longest_answer: longest_answer.map_or(ANSWER, i64::from),
            tools_length: AtomicUsize::new(0),
            length: AtomicUsize::new(0),
            last: std::sync::Mutex::default(),
        }
    }

    /// Looks at the tools that the next request will name.
    pub fn look_at_tools<'t>(&self, tools: impl Iterator<Item = &'t ToolSpec>) {
        let length =
            |tool: &ToolSpec| tool.name.len() + tool.description.len() + tool.parameters.to_string().len();
        self.tools_length
            .store(tools.map(length).sum(), Ordering::Relaxed);
    }

    /// Looks at where the run stands.
    pub fn look(&self, transcript: &Transcript) {
        self.length.store(transcript.length(), Ordering::Relaxed);
        *self.last.lock().expect("no holder panics") = transcript.last_usage;
    }

    /// The next request will be longer by so much.
    pub fn lengthen(&self, characters: usize) {
        self.length.fetch_add(characters, Ordering::Relaxed);
    }

    /// With what it costs.
    pub fn priced(&self, mut usage: Tokens) -> Tokens {
        usage.cost_micro_usd = self.price.map(|price| cost(price, &usage));
        usage
    }

    fn last(&self) -> Tokens {
        *self.last.lock().expect("no holder panics")
    }

    /// What the next call may use of shared budgets.
    fn call(&self) -> Amount {
        let characters = self.length.load(Ordering::Relaxed) + self.tools_length.load(Ordering::Relaxed);
        let length = i64::try_from(characters.div_ceil(CHARACTERS)).unwrap_or(i64::MAX);
        let input = length.max(self.last().all());
        let most = self.priced(Tokens {
            input,
            output: self.longest_answer,
            ..Tokens::default()
        });
        Amount {
            model_calls: 1,
            tokens: most.all(),
            cost_micro_usd: most.cost_micro_usd.unwrap_or(0),
            ..Amount::default()
        }
    }

    /// Why an execution may not call its model again.
    fn own(&self, row: &execution::Model) -> Option<Cause> {
        let most = self.limits.max_model_calls;
        if i64::from(row.model_calls) >= i64::from(most) {
            return Some(over(Kind::ModelCalls, u64::from(most)));
        }
        self.own_tokens(&Tokens {
            input: row.input_tokens,
            output: row.output_tokens,
            cached_input: row.cached_input_tokens,
            cost_micro_usd: row.cost_micro_usd,
        })
    }

    /// The same by tokens and cost, of an execution or a reply: what the call before used is what
    /// the next will use at least, for it reads all of that again.
    pub fn own_tokens(&self, used: &Tokens) -> Option<Cause> {
        let unsigned = |number: i64| u64::try_from(number).unwrap_or(0);
        let is_over =
            |spent: u64, expected: u64, most: u64| spent >= most || spent.saturating_add(expected) > most;
        let last = self.last();
        let most = self.limits.max_tokens;
        if is_over(unsigned(used.all()), unsigned(last.all()), most) {
            return Some(over(Kind::Tokens, most));
        }
        let most = unsigned(self.limits.max_cost_micro_usd?);
        let expected = unsigned(last.cost_micro_usd.unwrap_or(0));
        is_over(unsigned(used.cost_micro_usd?), expected, most).then(|| over(Kind::Cost, most))
    }

    /// Why so many tool calls more may not be made.
    pub fn own_tools(&self, made: u64, more: usize) -> Option<Cause> {
        let most = u64::from(self.limits.max_tool_calls);
        (made.saturating_add(more as u64) > most).then(|| over(Kind::ToolCalls, most))
    }

    /// Why a reply may not call its model again.
    pub fn own_replies(&self, made: u64) -> Option<Cause> {
        let most = u64::from(self.limits.max_model_calls);
        (made >= most).then(|| over(Kind::ModelCalls, most))
    }
}

fn over(of: Kind, limit: u64) -> Cause {
    Cause::OverBudget { of, limit }
}

fn cost(price: Price, usage: &Tokens) -> i64 {
    let cached = usage.cached_input.clamp(0, usage.input.max(0));
    let of = |tokens: i64, price: u64| u128::from(tokens.max(0).unsigned_abs()) * u128::from(price);
    let all = of(usage.input - cached, price.input)
        + of(cached, price.cached_input)
        + of(usage.output, price.output);
    // Prices are for a million tokens.
    i64::try_from((all + 500_000) / 1_000_000).unwrap_or(i64::MAX)
}

/// Reserves the next model call of an execution.
pub(super) async fn reserve(session: &Session<'_>, held: &mut Held) -> Result<Result<(), Cause>, Exit> {
    let row = held.get_execution().await?;
    if let Some(cause) = session.allowance.own(row) {
        return Ok(Err(cause));
    }
    reserve_shared(session, held).await
}

/// The same for a call that an execution's own limits always allow: the explanation.
pub(super) async fn reserve_shared(
    session: &Session<'_>,
    held: &mut Held,
) -> Result<Result<(), Cause>, Exit> {
    let allowance = &session.allowance;
    if let Err(spent) = held.reserve(&allowance.shared, allowance.call()).await? {
        return Ok(Err(Cause::SharedBudgetSpent(Box::new(spent))));
    }
    session.job.has_begun_call(false);
    if let Some(row) = held.execution().await? {
        row.model_calls = row.model_calls.saturating_add(1);
    }
    Ok(Ok(()))
}

/// Whether a call has to be reserved in budgets that others share.
pub(super) fn is_shared(session: &Session<'_>) -> bool {
    !session.allowance.shared.is_empty()
}

/// Takes the tool calls of a turn from the budgets that the run shares.
pub(super) async fn take_tools(
    session: &Session<'_>,
    held: &mut Held,
    count: usize,
) -> Result<Result<(), Cause>, Exit> {
    let wanted = Amount {
        tool_calls: i64::try_from(count).unwrap_or(i64::MAX),
        ..Amount::default()
    };
    let taken = held.take(&session.allowance.shared, wanted).await?;
    Ok(taken.map_err(|spent| Cause::SharedBudgetSpent(Box::new(spent))))
}

/// Counts what an answer used, and settles its reservation; the answer's entry is gathered before.
pub(super) async fn settle(session: &Session<'_>, held: &mut Held, usage: Tokens) -> Result<(), Exit> {
    if let Some(row) = held.execution().await? {
        row.input_tokens = row.input_tokens.saturating_add(usage.input);
        row.cached_input_tokens = row.cached_input_tokens.saturating_add(usage.cached_input);
        row.output_tokens = row.output_tokens.saturating_add(usage.output);
        if let Some(more) = usage.cost_micro_usd {
            row.cost_micro_usd = Some(row.cost_micro_usd.unwrap_or(0).saturating_add(more));
        }
    }
    let context = &session.context;
    let more = usage_day::Model {
        conversation_id: context.conversation_id,
        day: held.work.now.div_euclid(DAY_MS),
        model: session.model.name().to_owned(),
        execution_id: context.execution_id,
        data_set_id: context.data_set_id,
        agent_id: session.agent_id,
        model_calls: 1,
        unpriced_calls: i64::from(usage.cost_micro_usd.is_none()),
        input_tokens: usage.input,
        cached_input_tokens: usage.cached_input,
        output_tokens: usage.output,
        cost_micro_usd: usage.cost_micro_usd.unwrap_or(0),
    };
    db::usage::add(&held.work.tx, more).await?;
    held.settle(usage.all(), usage.cost_micro_usd.unwrap_or(0));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cached_tokens_have_their_own_price_and_halves_are_rounded_up() {
        let price = Price {
            input: 3_000_000,
            cached_input: 300_000,
            output: 15_000_000,
        };
        let usage = |input, cached_input, output| Tokens {
            input,
            cached_input,
            output,
            cost_micro_usd: None,
        };
        assert_eq!(cost(price, &usage(1000, 0, 100)), 4500);
        assert_eq!(cost(price, &usage(1000, 900, 100)), 2070);
        assert_eq!(
            cost(price, &usage(5, 9, 0)),
            2,
            "no more can be cached than there is"
        );
        assert_eq!(cost(price, &usage(i64::MAX, 0, i64::MAX)), i64::MAX);
    }

    #[test]
    fn an_execution_stops_before_the_call_that_would_go_over_its_own_limits() {
        let limits = Limits {
            max_model_calls: 9,
            max_tool_calls: 9,
            max_tokens: 100,
            max_cost_micro_usd: Some(50),
            max_duration_seconds: 9,
        };
        let allowance = Allowance::new(limits, Vec::new(), None, None);
        let used = |tokens, cost_micro_usd| Tokens {
            input: tokens,
            cost_micro_usd,
            ..Tokens::default()
        };
        let ask = |tokens, cost| allowance.own_tokens(&used(tokens, cost));
        assert_eq!(ask(99, Some(49)), None);
        assert_eq!(ask(100, None), Some(over(Kind::Tokens, 100)));
        assert_eq!(ask(1, Some(50)), Some(over(Kind::Cost, 50)));
        assert_eq!(ask(1, None), None, "without a price there is no cost");
        *allowance.last.lock().expect("no panic") = used(10, Some(20));
        assert_eq!(ask(90, Some(30)), None);
        assert_eq!(ask(91, Some(30)), Some(over(Kind::Tokens, 100)));
        assert_eq!(ask(90, Some(31)), Some(over(Kind::Cost, 50)));
        assert_eq!(allowance.own_tools(8, 1), None);
        assert_eq!(allowance.own_tools(8, 2), Some(over(Kind::ToolCalls, 9)));
    }
}
