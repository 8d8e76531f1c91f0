//! Budgets that executions and replies share: so much for a data set, an agent, an agent type, a
//! model or everything, in an hour, a day, a month or in all. What one execution may use by itself
//! is its definition's and not looked at here.
//!
//! A call is taken from its budgets before it is made ([`take`]) and settled after it
//! ([`settle`]), each in a transaction that the run writes anyway. What was taken stands in the
//! run's row until then, so a worker that dies leaves it there: it counts as used, for nobody
//! knows what of it was, and the next worker begins anew. No counter can be overspent, however many
//! take from it: the room is looked at by the statement that takes, under the row's lock.
//!
//! Counters are locked after everything else, in the order of their names, and hardly before the
//! commit: a budget's row is the one that all its executions want. To add a scope: a member of
//! [`Scope`] and its line in [`Scope::covers`] and in `budgets.schema.json`.

mod declared;

use std::sync::Arc;

use entity::run;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Fault, Store, Work};
use crate::base::clock::{UnixMs, to_rfc3339};
use crate::base::period::Period;
use crate::db;
use crate::db::budgets::Most;

pub use crate::db::budgets::Amount;
pub use declared::{Declared, Known, Mistake, read};

/// A shared budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// Unique; its counters are kept under it.
    pub name: String,
    /// What it is for.
    pub scope: Scope,
    /// How long it lasts.
    pub period: Period,
    /// What there is of it.
    pub most: Most,
}

/// What a budget is for: whatever has all that is named here; with nothing named, everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Scope {
    pub data_set: Option<Uuid>,
    pub agent: Option<Uuid>,
    pub agent_type: Option<String>,
    pub model: Option<String>,
}

/// Who makes a call.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)]
pub struct Subject<'a> {
    pub data_set: Uuid,
    pub agent: Uuid,
    pub agent_type: &'a str,
    pub model: &'a str,
}

impl Scope {
    fn covers(&self, subject: &Subject<'_>) -> bool {
        self.data_set.is_none_or(|it| it == subject.data_set)
            && self.agent.is_none_or(|it| it == subject.agent)
            && self.agent_type.as_ref().is_none_or(|it| it == subject.agent_type)
            && self.model.as_ref().is_none_or(|it| it == subject.model)
    }
}

/// The budgets that the operator declared, by name. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Budgets(Arc<[Arc<Budget>]>);

impl Budgets {
    /// These and no others.
    pub fn new(mut budgets: Vec<Budget>) -> Self {
        budgets.sort_by(|one, other| one.name.cmp(&other.name));
        Self(budgets.into_iter().map(Arc::new).collect())
    }

    /// Every one, by name.
    pub fn all(&self) -> &[Arc<Budget>] {
        &self.0
    }

    /// Those that a call of this subject is taken from.
    pub fn of(&self, subject: &Subject<'_>) -> Vec<Arc<Budget>> {
        let covering = self.0.iter().filter(|budget| budget.scope.covers(subject));
        covering.cloned().collect()
    }
}

/// What was taken for a model call that has not been settled; kept in the run's row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    tokens: i64,
    cost_micro_usd: i64,
    /// Names and periods.
    counters: Vec<(String, String)>,
}

/// A budget has no room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spent {
    budget: Arc<Budget>,
    what: &'static str,
    most: i64,
    used: i64,
    wanted: i64,
    renews_at: Option<UnixMs>,
}

/// Takes this from every one of the budgets, or nothing from any.
///
/// # Errors
/// When the database fails.
pub async fn take(work: &Work, budgets: &[Arc<Budget>], wanted: Amount) -> Result<Result<(), Spent>, Fault> {
    let mut taken: Vec<(&str, String)> = Vec::with_capacity(budgets.len());
    for budget in budgets {
        let period = budget.period.label(work.now);
        let (name, most) = (budget.name.as_str(), budget.most);
        let try_add = async || db::budgets::try_add(&work.tx, name, &period, wanted, most).await;
        // The counter is there in all but the first call of a period.
        let is_taken =
            try_add().await? || (db::budgets::open(&work.tx, name, &period).await? && try_add().await?);
        if !is_taken {
            let spent = look(work, budget, &period, wanted).await?;
            for (name, period) in &taken {
                db::budgets::add(&work.tx, name, period, less(wanted)).await?;
            }
            metrics::counter!("agentic_budget_refusals_total", "budget" => budget.name.clone()).increment(1);
            return Ok(Err(spent));
        }
        taken.push((name, period));
    }
    Ok(Ok(()))
}

/// Takes a model call, and what it may at most use, from every one of the budgets; the run's row
/// then says so. A reservation that stands there is an earlier worker's, and stays used.
///
/// # Errors
/// When the database fails.
pub async fn reserve(
    work: &Work,
    run: &mut run::Model,
    budgets: &[Arc<Budget>],
    call: Amount,
) -> Result<Result<(), Spent>, Fault> {
    if run.reservation.is_some() {
        tracing::warn!(run.id = %run.id, "what a call that was cut off had reserved counts as used");
        keep(work, run, None).await?;
    }
    if budgets.is_empty() {
        return Ok(Ok(()));
    }
    if let Err(spent) = take(work, budgets, call).await? {
        return Ok(Err(spent));
    }
    let counters = budgets
        .iter()
        .map(|budget| (budget.name.clone(), budget.period.label(work.now)));
    let reservation = Reservation {
        tokens: call.tokens,
        cost_micro_usd: call.cost_micro_usd,
        counters: counters.collect(),
    };
    keep(work, run, Some(&reservation)).await?;
    Ok(Ok(()))
}

/// Puts what a call really used in the place of what was reserved for it. Once: the run's row
/// forgets it in the same transaction. The call itself stays counted.
///
/// # Errors
/// When the database fails, or the row cannot be read.
pub async fn settle(
    work: &Work,
    run: &mut run::Model,
    tokens: i64,
    cost_micro_usd: i64,
) -> Result<(), Fault> {
    let correction = |reserved: &Reservation| Amount {
        tokens: tokens.saturating_sub(reserved.tokens),
        cost_micro_usd: cost_micro_usd.saturating_sub(reserved.cost_micro_usd),
        ..Amount::default()
    };
    correct(work, run, correction).await
}

/// Counts all that was reserved as used.
///
/// # Errors
/// When the database fails, or the row cannot be read.
pub async fn settle_all(work: &Work, run: &mut run::Model) -> Result<(), Fault> {
    correct(work, run, |_| Amount::default()).await
}

/// Gives back what was reserved for a call that was never begun.
///
/// # Errors
/// As [`settle`].
pub async fn give_back(work: &Work, run: &mut run::Model) -> Result<(), Fault> {
    let correction = |reserved: &Reservation| {
        less(Amount {
            model_calls: 1,
            tokens: reserved.tokens,
            cost_micro_usd: reserved.cost_micro_usd,
            ..Amount::default()
        })
    };
    correct(work, run, correction).await
}

async fn correct(
    work: &Work,
    run: &mut run::Model,
    correction: impl Fn(&Reservation) -> Amount,
) -> Result<(), Fault> {
    let Some(text) = &run.reservation else {
        return Ok(());
    };
    let reserved: Reservation = serde_json::from_str(text).map_err(|_| Fault::Corrupt {
        what: "run.reservation",
        id: run.id.to_string(),
    })?;
    keep(work, run, None).await?;
    let more = correction(&reserved);
    if more != Amount::default() {
        for (name, period) in &reserved.counters {
            db::budgets::add(&work.tx, name, period, more).await?;
        }
    }
    Ok(())
}

async fn keep(work: &Work, run: &mut run::Model, reservation: Option<&Reservation>) -> Result<(), Fault> {
    let text = reservation.map(|it| serde_json::to_string(it).expect("plain data"));
    db::runs::set_reservation(&work.tx, run.id, text.clone()).await?;
    run.reservation = text;
    Ok(())
}

fn less(amount: Amount) -> Amount {
    Amount {
        model_calls: -amount.model_calls,
        tool_calls: -amount.tool_calls,
        tokens: -amount.tokens,
        cost_micro_usd: -amount.cost_micro_usd,
    }
}

/// What is used or reserved of a budget in its period.
///
/// # Errors
/// When the database fails.
pub async fn used(store: &Store, budget: &Budget) -> Result<Amount, Fault> {
    let period = budget.period.label(store.clock.now());
    counted(store.db.read(), &budget.name, &period).await
}

/// As [`used`] of each, in one statement and in their order.
///
/// # Errors
/// When the database fails.
pub async fn used_of_each(store: &Store, budgets: &[Arc<Budget>]) -> Result<Vec<Amount>, Fault> {
    let now = store.clock.now();
    let counters: Vec<(String, String)> = budgets
        .iter()
        .map(|budget| (budget.name.clone(), budget.period.label(now)))
        .collect();
    let rows = db::budgets::find_many(store.db.read(), &counters).await?;
    let one = |(name, period): &(String, String)| {
        let row = rows.iter().find(|row| row.name == *name && row.period == *period);
        row.map_or_else(Amount::default, amount)
    };
    Ok(counters.iter().map(one).collect())
}

fn amount(row: &entity::budget_use::Model) -> Amount {
    Amount {
        model_calls: row.model_calls,
        tool_calls: row.tool_calls,
        tokens: row.tokens,
        cost_micro_usd: row.cost_micro_usd,
    }
}

async fn counted(db: &impl db::Conn, name: &str, period: &str) -> Result<Amount, Fault> {
    let row = db::budgets::find(db, name, period).await?;
    Ok(row.as_ref().map_or_else(Amount::default, amount))
}

/// What of the budget has no room.
async fn look(work: &Work, budget: &Arc<Budget>, period: &str, wanted: Amount) -> Result<Spent, Fault> {
    let used = counted(&work.tx, &budget.name, period).await?;
    let most = &budget.most;
    let kinds = [
        (
            "model calls",
            most.model_calls,
            used.model_calls,
            wanted.model_calls,
        ),
        ("tool calls", most.tool_calls, used.tool_calls, wanted.tool_calls),
        ("tokens", most.tokens, used.tokens, wanted.tokens),
        (
            COST,
            most.cost_micro_usd,
            used.cost_micro_usd,
            wanted.cost_micro_usd,
        ),
    ];
    let full = kinds
        .into_iter()
        .find_map(|(what, most, used, wanted)| {
            let most = most?;
            (wanted > 0 && used.saturating_add(wanted) > most).then_some((what, most, used, wanted))
        })
        // Somebody gave something back just now.
        .unwrap_or(("calls", 0, 0, 0));
    let (what, most, used, wanted) = full;
    Ok(Spent {
        budget: Arc::clone(budget),
        what,
        most,
        used,
        wanted,
        renews_at: budget.period.ends(work.now),
    })
}

const COST: &str = "cost";

impl Spent {
    /// Whether there will be room again.
    pub fn renews(&self) -> bool {
        self.renews_at.is_some()
    }

    /// For people: which budget, and how much of it there is and was wanted.
    pub fn words(&self) -> String {
        let name = &self.budget.name;
        let period = self.budget.period.words();
        let (most, used, wanted) = if self.what == COST {
            (usd(self.most), usd(self.used), usd(self.wanted))
        } else {
            let most = format!("{} {}", self.most, self.what);
            (most, self.used.to_string(), self.wanted.to_string())
        };
        format!(
            "the shared budget `{name}` had no room for the next step: of {most} {period}, {used} are used or reserved, and this would have been {wanted} more"
        )
    }

    /// For people: when it renews, and what to do then.
    pub fn advice(&self, again: &str) -> String {
        match self.renews_at {
            Some(at) => format!(
                "It renews at {}: {again} then, or have the operator raise it.",
                to_rfc3339(at)
            ),
            None => "It does not renew: have the operator raise it.".to_owned(),
        }
    }
}

/// Millionths of a dollar as people read them.
pub fn usd(micro: i64) -> String {
    let text = format!("{}.{:06}", micro / 1_000_000, micro.rem_euclid(1_000_000));
    let cents = text.len() - 4;
    let (whole, rest) = text.split_at(cents);
    format!("USD {whole}{}", rest.trim_end_matches('0'))
}

#[cfg(test)]
mod tests;
