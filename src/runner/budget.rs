//! What a run may use: its definition's own limits, and the budgets that it shares with others. A
//! model call is reserved in both before it is made, in a commit that is due anyway, and settled
//! with its answer; tool calls are taken with the turn that asks for them.
//!
//! How much a call will use nobody knows. An execution's own limits expect that it uses what the
//! one before it did; shared ones, which many calls draw on at once, reserve the most that the
//! request and the longest answer can be, and get back what was not used. The most that a request
//! can be is a token for each of its bytes, for no tokenizer makes more of them; or, where the
//! provider has counted the conversation before, that count and a token for each byte since.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use entity::{execution, usage_day};

use crate::base::period::DAY_MS;
use crate::db;
use crate::definitions::Limits;
use crate::domain::budgets::{Amount, Budget};
use crate::domain::explanation::{Budget as Kind, Cause};
use crate::domain::journal::{Entry, Tokens};
use crate::model::{Price, Profile, ToolSpec};

use super::exit::Exit;
use super::held::Held;
use super::model::Session;
use super::transcript::{Size, Transcript};

/// The longest answer of a model that was declared without `max_output_tokens`: longer than most,
/// and what several providers take for granted.
const ANSWER: i64 = 4096;

/// Tokens that a provider adds to a request of its own: a few hundred for tools, where they are told.
const TEMPLATE: usize = 1000;

/// Tokens around each part: who speaks, what begins and ends.
const FRAME: usize = 16;

/// Tokens of a picture: most providers count one or two thousand of a large one, none five.
const PICTURE: usize = 5000;

/// What a run's calls are reserved in.
pub(super) struct Allowance {
    limits: Limits,
    shared: Vec<Arc<Budget>>,
    price: Option<Price>,
    longest_answer: i64,
    sees_images: bool,
    next: Mutex<Next>,
}

/// What the next request will be.
#[derive(Clone, Copy, Debug, Default)]
struct Next {
    /// Bytes of the tools that it names.
    tools: usize,
    /// All else of it.
    all: Size,
    /// What of that the model has not seen yet.
    new: Size,
    /// As the provider counted the call before.
    last: Tokens,
    /// Of a reply: the calls that its journal tells of, and those whose answers broke off.
    calls: u64,
    broken: u64,
}

/// How far this worker has come with a run's next model call.
#[derive(Debug, Default)]
pub(super) struct NextCall(AtomicU8);

impl NextCall {
    const RESERVED: u8 = 1;
    const BEGUN: u8 = 2;

    /// It is counted, and what it may use is reserved.
    pub fn reserve(&self) {
        self.0.store(Self::RESERVED, Ordering::SeqCst);
    }

    /// From here on what was reserved may be used.
    pub fn begin(&self) {
        self.0.store(Self::BEGUN, Ordering::SeqCst);
    }

    pub fn is_reserved(&self) -> bool {
        self.0.load(Ordering::SeqCst) == Self::RESERVED
    }

    /// Not one that an earlier worker reserved.
    pub fn is_ours(&self) -> bool {
        self.0.load(Ordering::SeqCst) != 0
    }
}

impl Allowance {
    pub fn new(
        limits: Limits,
        shared: Vec<Arc<Budget>>,
        model: Profile,
        longest_answer: Option<u32>,
    ) -> Self {
        let longest_answer = longest_answer.or(model.max_output_tokens);
        Self {
            limits,
            shared,
            price: model.price,
            longest_answer: longest_answer.map_or(ANSWER, i64::from),
            sees_images: model.sees_images,
            next: Mutex::default(),
        }
    }

    fn next(&self) -> MutexGuard<'_, Next> {
        self.next.lock().expect("no holder panics")
    }

    /// Looks at the tools that the next request will name.
    pub fn look_at_tools<'t>(&self, tools: impl Iterator<Item = &'t ToolSpec>) {
        let length =
            |tool: &ToolSpec| tool.name.len() + tool.description.len() + tool.parameters.to_string().len();
        self.next().tools = tools.map(length).sum();
    }

    /// Looks at where the run stands.
    pub fn look(&self, transcript: &Transcript) {
        let mut next = self.next();
        next.all = transcript.size();
        next.new = transcript.size_since_answer;
        next.last = transcript.last_usage;
    }

    /// The next request will hold this too.
    pub fn add(&self, more: Size) {
        let mut next = self.next();
        next.all = next.all.and(more);
        next.new = next.new.and(more);
    }

    /// The same of an entry that is about to be written.
    pub fn add_entry(&self, entry: &Entry) {
        if let Entry::Message { message, .. } = entry {
            message.parts.iter().for_each(|part| self.add(Size::of(part)));
        }
    }

    /// The prompt of a person's conversation, which stands in no journal.
    pub fn add_prompt(&self, text: &str) {
        let mut next = self.next();
        next.all = next.all.and(Size::of_text(text));
    }

    /// With what it costs.
    pub fn priced(&self, mut usage: Tokens) -> Tokens {
        usage.cost_micro_usd = self.price.map(|price| cost(price, &usage));
        usage
    }

    fn last(&self) -> Tokens {
        self.next().last
    }

    /// The most tokens that the next request can be.
    fn longest_request(&self) -> i64 {
        let next = *self.next();
        let most = |size: Size| {
            let pictures = if self.sees_images { size.files * PICTURE } else { 0 };
            let tokens = size.bytes + size.parts * FRAME + pictures;
            i64::try_from(tokens).unwrap_or(i64::MAX)
        };
        let added = i64::try_from(TEMPLATE + next.tools).unwrap_or(i64::MAX);
        let anew = most(next.all).saturating_add(added);
        if next.last.input == 0 {
            return anew;
        }
        // What it said itself was counted as it was said; the tools are among what it was told.
        anew.min(next.last.all().saturating_add(most(next.new)))
    }

    /// The most that the next call may use of shared budgets.
    fn call(&self) -> Amount {
        let input = self.longest_request();
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

    /// Why a reply may not call its model again, which was called so often.
    pub fn own_replies(&self, made: u64) -> Option<Cause> {
        let mut next = self.next();
        next.calls = made;
        let most = u64::from(self.limits.max_model_calls);
        (made.saturating_add(next.broken) >= most).then(|| over(Kind::ModelCalls, most))
    }

    /// The same after a call whose answer broke off, which stands in no journal.
    fn own_replies_again(&self) -> Option<Cause> {
        let made = {
            let mut next = self.next();
            next.broken += 1;
            next.calls
        };
        self.own_replies(made)
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
    held.reserves(&session.job.next_call);
    if let Some(row) = held.execution().await? {
        row.model_calls = row.model_calls.saturating_add(1);
    }
    Ok(Ok(()))
}

/// Whether a call has to be reserved in budgets that others share.
pub(super) fn is_shared(session: &Session<'_>) -> bool {
    !session.allowance.shared.is_empty()
}

/// Counts a call whose answer broke off, with what is known to have been used, and reserves the next:
/// both are paid for.
pub(super) async fn reserve_again(session: &Session<'_>, used: Tokens) -> Result<(), Exit> {
    let mut held = session.hold().await?;
    count_unanswered(session, &mut held, used).await?;
    let reserved = if held.execution().await?.is_some() {
        reserve(session, &mut held).await?
    } else {
        match session.allowance.own_replies_again() {
            Some(cause) => Err(cause),
            None => reserve_shared(session, &mut held).await?,
        }
    };
    held.commit().await?;
    Ok(reserved?)
}

/// Counts what is known to have been used by a call that gave no answer, and is not made again.
pub(super) async fn settle_unanswered(session: &Session<'_>, used: Tokens) -> Result<(), Exit> {
    if used.all() == 0 {
        return Ok(());
    }
    let mut held = session.hold().await?;
    count_unanswered(session, &mut held, used).await?;
    held.commit().await
}

/// Of shared budgets all that was reserved is used, for how much more it was than is known nobody says.
async fn count_unanswered(session: &Session<'_>, held: &mut Held, used: Tokens) -> Result<(), Exit> {
    if used.all() > 0 {
        settle(session, held, used).await?;
        held.settle_all();
    }
    Ok(())
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
    if usage.all() == 0 {
        // It does not count, so nobody knows: what was reserved is used.
        held.settle_all();
    } else {
        held.settle(usage.all(), usage.cost_micro_usd.unwrap_or(0));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::base::message::Part;

    use super::*;

    const LIMITS: Limits = Limits {
        max_model_calls: 9,
        max_tool_calls: 9,
        max_tokens: 100,
        max_cost_micro_usd: Some(50),
        max_duration_seconds: 9,
    };

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
    fn a_request_is_at_most_what_was_counted_before_and_a_token_for_each_byte_since() {
        let profile = Profile {
            sees_images: true,
            max_output_tokens: Some(500),
            ..Profile::default()
        };
        let allowance = Allowance::new(LIMITS, Vec::new(), profile, None);
        allowance.next().tools = 2000;
        let prompt = Size {
            bytes: 300,
            parts: 2,
            files: 1,
        };
        allowance.add(prompt);
        let first = 300 + 2 * 16 + 5000 + 1000 + 2000;
        assert_eq!(allowance.call().tokens, first + 500);
        let (mut counted, result) = (Transcript::default(), Part::text("x".repeat(70)));
        counted.last_usage = Tokens {
            input: 900,
            output: 40,
            ..Tokens::default()
        };
        allowance.look(&counted);
        allowance.add(Size::of(&result));
        // All of it anew would be less here, but for what a provider adds.
        allowance.next().all = prompt;
        assert_eq!(allowance.call().tokens, 940 + 70 + 16 + 500);
    }

    #[test]
    fn an_execution_stops_before_the_call_that_would_go_over_its_own_limits() {
        let allowance = Allowance::new(LIMITS, Vec::new(), Profile::default(), None);
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
        allowance.next().last = used(10, Some(20));
        assert_eq!(ask(90, Some(30)), None);
        assert_eq!(ask(91, Some(30)), Some(over(Kind::Tokens, 100)));
        assert_eq!(ask(90, Some(31)), Some(over(Kind::Cost, 50)));
        assert_eq!(allowance.own_tools(8, 1), None);
        assert_eq!(allowance.own_tools(8, 2), Some(over(Kind::ToolCalls, 9)));
    }
}
