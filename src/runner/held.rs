//! A write of a run: one transaction that holds the run's row at this worker's fence, so that
//! nobody can take the run before it ends. Entries and changes of the execution's row are gathered
//! and written once, at the end.
//!
//! Rows are locked in the domain's order: run (on opening), execution ([`Held::execution`]),
//! conversation (on writing the entries), counters of budgets. A write never waits for a model or for a tool elsewhere.

use std::sync::Arc;

use entity::{execution, run};
use tokio::sync::OwnedMutexGuard;
use uuid::Uuid;

use crate::base::message::Role;
use crate::db;
use crate::domain::budgets::{self, Amount, Budget, Spent};
use crate::domain::conversations::{self, Ended};
use crate::domain::journal::{self, Entry};
use crate::domain::lifecycle::{self, Ending};
use crate::domain::{Fault, Store, Work, claim};

use super::budget::NextCall;
use super::exit::Exit;
use super::lease::Lease;

/// An open write of a run. Dropped without a commit, nothing of it happens.
#[derive(Debug)]
pub struct Held {
    /// The transaction: what a tool writes through it happens exactly once, with its result.
    pub work: Work,
    run: run::Model,
    execution: Option<Rows>,
    entries: Vec<(Option<i32>, Entry)>,
    /// What the call that was reserved has used.
    used: Option<Used>,
    /// The id of the model's message among them, which was told before.
    told: Option<Uuid>,
    /// To be told once the next model call is reserved.
    reserves: Option<Arc<NextCall>>,
    /// The session's turn to write, given up last.
    turn: Option<OwnedMutexGuard<()>>,
}

#[derive(Debug)]
enum Used {
    Known { tokens: i64, cost_micro_usd: i64 },
    AllThatWasReserved,
}

#[derive(Debug)]
struct Rows {
    before: execution::Model,
    after: execution::Model,
}

impl Held {
    pub(super) async fn open(store: &Store, lease: &Lease) -> Result<Self, Exit> {
        match claim::hold(store, lease.run, &lease.worker, lease.fence).await? {
            Some((work, run)) => Ok(Self {
                work,
                run,
                execution: None,
                entries: Vec::new(),
                used: None,
                told: None,
                reserves: None,
                turn: None,
            }),
            None => Err(Exit::Lost),
        }
    }

    /// Keeps the session's other writes waiting until this one is done.
    pub(super) fn in_turn(mut self, turn: OwnedMutexGuard<()>) -> Self {
        self.turn = Some(turn);
        self
    }

    /// True when cancel or stop was asked for: the last moment not to begin something.
    pub(super) fn is_stopped(&self) -> bool {
        self.run.stop_requested_at.is_some()
    }

    /// The execution's row, locked; what is changed in it is saved with the commit. None in a
    /// person's conversation.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn execution(&mut self) -> Result<Option<&mut execution::Model>, Fault> {
        if self.execution.is_none()
            && let Some(id) = self.run.execution_id
            && let Some(row) = db::executions::find_locked(&self.work.tx, id).await?
        {
            self.execution = Some(Rows {
                before: row.clone(),
                after: row,
            });
        }
        Ok(self.execution.as_mut().map(|rows| &mut rows.after))
    }

    /// [`execution`](Self::execution) where there must be one; a run whose execution is gone is
    /// lost, for deleting one ends its run.
    pub(super) async fn get_execution(&mut self) -> Result<&mut execution::Model, Exit> {
        self.execution().await?.ok_or(Exit::Lost)
    }

    /// Adds an entry to the journal. `attempt` is none in people's conversations.
    pub fn journal(&mut self, attempt: Option<i32>, entry: Entry) {
        self.entries.push((attempt, entry));
    }

    /// The model's message will be stored under this id: whoever heard it being written knows it.
    pub(super) fn say_as(&mut self, message: Uuid) {
        self.told = Some(message);
    }

    pub(super) fn conversation_id(&self) -> Uuid {
        self.run.conversation_id
    }

    /// Takes a model call from shared budgets; see [`budgets::reserve`]. What was gathered is written
    /// first, so that their counters are locked last.
    pub(super) async fn reserve(
        &mut self,
        shared: &[Arc<Budget>],
        call: Amount,
    ) -> Result<Result<(), Spent>, Fault> {
        if shared.is_empty() && self.run.reservation.is_none() {
            return Ok(Ok(()));
        }
        self.write_entries().await?;
        self.write_used().await?;
        budgets::reserve(&self.work, &mut self.run, shared, call).await
    }

    /// Takes tool calls from shared budgets.
    pub(super) async fn take(
        &mut self,
        shared: &[Arc<Budget>],
        wanted: Amount,
    ) -> Result<Result<(), Spent>, Fault> {
        if shared.is_empty() {
            return Ok(Ok(()));
        }
        self.write_entries().await?;
        self.write_used().await?;
        budgets::take(&self.work, shared, wanted).await
    }

    /// Says what the call that was reserved has used; it is settled with this write.
    pub(super) fn settle(&mut self, tokens: i64, cost_micro_usd: i64) {
        self.used = Some(Used::Known {
            tokens,
            cost_micro_usd,
        });
    }

    /// The same where nobody knows it.
    pub(super) fn settle_all(&mut self) {
        self.used = Some(Used::AllThatWasReserved);
    }

    /// Says that this write reserves the next model call.
    pub(super) fn reserves(&mut self, next_call: &Arc<NextCall>) {
        self.reserves = Some(Arc::clone(next_call));
    }

    /// Gives back what was reserved for a call that was not begun.
    pub(super) async fn give_back(&mut self) -> Result<(), Exit> {
        if let Some(row) = self.execution().await? {
            row.model_calls = row.model_calls.saturating_sub(1);
        }
        Ok(budgets::give_back(&self.work, &mut self.run).await?)
    }

    async fn write_used(&mut self) -> Result<(), Fault> {
        match self.used.take() {
            Some(Used::Known {
                tokens,
                cost_micro_usd,
            }) => budgets::settle(&self.work, &mut self.run, tokens, cost_micro_usd).await,
            Some(Used::AllThatWasReserved) => budgets::settle_all(&self.work, &mut self.run).await,
            None => Ok(()),
        }
    }

    /// Makes it durable. `Stopped` when it is durable and cancel or stop was asked for before: a
    /// lost signal then costs this one step and not a heartbeat.
    pub(super) async fn commit(mut self) -> Result<(), Exit> {
        if let Some(rows) = self.execution.take()
            && rows.after != rows.before
        {
            lifecycle::save(&mut self.work, &rows.before, rows.after).await?;
        }
        self.write_entries().await?;
        self.write_used().await?;
        let is_stopped = self.is_stopped();
        self.work.commit().await?;
        if let Some(next_call) = self.reserves {
            next_call.reserve();
        }
        if is_stopped { Err(Exit::Stopped) } else { Ok(()) }
    }

    /// Ends the execution, with all that was gathered, in this one commit.
    pub(super) async fn end(mut self, ending: Ending) -> Result<(), Exit> {
        self.get_execution().await?;
        let rows = self.execution.take().ok_or(Exit::Lost)?;
        self.write_entries().await?;
        // The gathered changes go into the row that the end saves; revision and status are those
        // that were read.
        lifecycle::end(&mut self.work, &rows.after, self.run.id, ending).await?;
        self.write_used().await?;
        Ok(self.work.commit().await?)
    }

    /// Ends the reply, with all that was gathered, in this one commit.
    pub(super) async fn end_reply(mut self, ended: Ended) -> Result<(), Exit> {
        self.write_entries().await?;
        conversations::end_reply(&mut self.work, &self.run, ended).await?;
        self.write_used().await?;
        Ok(self.work.commit().await?)
    }

    async fn write_entries(&mut self) -> Result<(), Fault> {
        let mut left = std::mem::take(&mut self.entries).into_iter().peekable();
        while let Some((attempt, first)) = left.next() {
            let mut together = vec![first];
            while let Some((_, entry)) = left.next_if(|(next, _)| *next == attempt) {
                together.push(entry);
            }
            let named = together.into_iter().map(|entry| {
                let is_answer =
                    matches!(&entry, Entry::Message { message, .. } if message.role == Role::Assistant);
                let told = if is_answer { self.told.take() } else { None };
                (told.unwrap_or_else(|| self.work.id()), entry)
            });
            let named = named.collect();
            journal::append_as(&mut self.work, self.run.conversation_id, attempt, named).await?;
        }
        Ok(())
    }
}
