//! The hub: one reader of the change log for all subscribers of a node. It loads what changed
//! once and hands the same copy to everyone, so a change costs one read however many watch, and
//! an idle subscriber costs none.
//!
//! It reads when a signal says so, and on a slow tick, so that a lost signal delays and loses
//! nothing. What it hands on names the positions it lies between: a subscriber that sees a gap
//! reads the log itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use entity::{change, execution};
use tokio::sync::{broadcast, watch};
use uuid::Uuid;

use super::super::{Fault, Store};
use crate::base::chain::Chain;
use crate::base::cursor::LogPosition;
use crate::bus::Signal;
use crate::db;

/// How often the log is read without a signal.
const TICK: Duration = Duration::from_secs(1);

/// How soon rows are looked for again that an older open transaction holds back; each time that
/// they still are, twice as late, up to [`HELD_BACK_MOST`].
const HELD_BACK: Duration = Duration::from_millis(5);

/// A transaction that stays open for long is not waited for at full speed.
const HELD_BACK_MOST: Duration = Duration::from_millis(200);

/// A look that takes longer is given up for the next: a connection whose other end is gone without a
/// word would otherwise keep every subscriber of the node waiting for minutes.
const LOOK_WITHIN: Duration = Duration::from_secs(10);

/// Rows read at once.
pub(super) const AT_ONCE: u64 = 500;

/// Batches that a subscriber may fall behind before it must read the log itself.
const BACKLOG: usize = 256;

/// Conversations asked about in one statement.
const CONVERSATIONS_AT_ONCE: usize = 500;

/// An execution as it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// The narrow row.
    pub execution: execution::Model,
    /// In the order given at launch.
    pub labels: Vec<String>,
}

/// A change, and what it is about.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What was logged.
    pub change: change::Model,
    /// The execution as it is now; none when it was deleted.
    pub now: Option<Arc<Snapshot>>,
}

/// Everything between two positions of the log.
#[derive(Debug)]
pub(super) struct Batch {
    pub from: LogPosition,
    pub to: LogPosition,
    pub entries: Vec<Arc<Entry>>,
}

/// The hub of one node. Clones share it; it stops when the last of them is gone.
#[derive(Clone, Debug)]
pub struct Hub(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    batches: broadcast::Sender<Arc<Batch>>,
    executions: Mutex<HashMap<Uuid, broadcast::Sender<Arc<Entry>>>>,
    conversations: Mutex<HashMap<Uuid, watch::Sender<i64>>>,
}

impl Hub {
    /// Starts reading from the log's end.
    ///
    /// # Errors
    /// When the database does not answer: where the end is must be known before anyone watches.
    pub async fn start(store: Store) -> Result<Self, Fault> {
        let at = db::changes::head(&store.db).await?;
        let inner = Arc::new(Inner {
            store,
            batches: broadcast::Sender::new(BACKLOG),
            executions: Mutex::default(),
            conversations: Mutex::default(),
        });
        tokio::spawn(follow_log(Arc::downgrade(&inner), at));
        Ok(Self(inner))
    }

    /// What everything is read from.
    pub(super) fn store(&self) -> &Store {
        &self.0.store
    }

    /// Everything that changes from now on.
    pub(super) fn follow_all(&self) -> broadcast::Receiver<Arc<Batch>> {
        self.0.batches.subscribe()
    }

    /// What changes of one execution from now on.
    pub(super) fn follow_execution(&self, id: Uuid) -> broadcast::Receiver<Arc<Entry>> {
        let mut followed = self.0.executions.lock().expect("no holder panics");
        followed
            .entry(id)
            .or_insert_with(|| broadcast::Sender::new(BACKLOG))
            .subscribe()
    }

    /// Changes whenever a conversation's journal may have grown.
    pub(super) fn follow_conversation(&self, id: Uuid) -> watch::Receiver<i64> {
        let mut followed = self.0.conversations.lock().expect("no holder panics");
        followed
            .entry(id)
            .or_insert_with(|| watch::Sender::new(0))
            .subscribe()
    }
}

async fn follow_log(hub: Weak<Inner>, mut at: LogPosition) {
    let Some(mut signals) = hub.upgrade().map(|inner| inner.store.bus.listen()) else {
        return;
    };
    // Kept outside the loop: signals must not push the look at everything ahead of them for ever.
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut held_back: Option<Duration> = None;
    loop {
        let look_again = held_back.unwrap_or(HELD_BACK_MOST);
        let look = tokio::select! {
            signal = signals.next() => match signal {
                Some(Signal::Changed) => Look::AtLog,
                Some(Signal::Conversation(id)) => Look::At(id),
                Some(Signal::Missed) => Look::Everywhere,
                Some(Signal::Queued | Signal::Stop(_)) => continue,
                None => return,
            },
            _ = tick.tick() => Look::Everywhere,
            () = tokio::time::sleep(look_again), if held_back.is_some() => Look::AtLog,
        };
        let Some(inner) = hub.upgrade() else { return };
        let looked = async {
            match look {
                Look::At(id) => inner.wake(id),
                Look::AtLog | Look::Everywhere => match inner.read_log(&mut at).await {
                    Ok(false) => held_back = None,
                    Ok(true) => {
                        held_back =
                            Some(held_back.map_or(HELD_BACK, |pause| (pause * 2).min(HELD_BACK_MOST)));
                    }
                    Err(error) => failed(&error, "the change log could not be read"),
                },
            }
            if matches!(look, Look::Everywhere)
                && let Err(error) = inner.wake_grown().await
            {
                failed(&error, "journals could not be looked at");
            }
        };
        if tokio::time::timeout(LOOK_WITHIN, looked).await.is_err() {
            tracing::warn!("the change log was not to be had in time; the next look goes on");
        }
    }
}

fn failed(fault: &Fault, what: &'static str) {
    tracing::warn!(error = %Chain(fault), "{what}");
}

enum Look {
    AtLog,
    At(Uuid),
    Everywhere,
}

impl Inner {
    /// Reads to the log's end and hands on what is new. Given up at any moment, it has handed on
    /// exactly what `at` says.
    async fn read_log(&self, at: &mut LogPosition) -> Result<bool, Fault> {
        loop {
            let read = db::changes::after(&self.store.db, *at, AT_ONCE).await?;
            let Some(last) = read.rows.last() else {
                return Ok(read.is_held_back);
            };
            let to = db::changes::position(last);
            let batch = Batch {
                from: *at,
                to,
                entries: load(&self.store, read.rows).await?,
            };
            *at = to;
            self.hand_on(batch);
        }
    }

    fn hand_on(&self, batch: Batch) {
        {
            let mut followed = self.executions.lock().expect("no holder panics");
            followed.retain(|_, sender| sender.receiver_count() > 0);
            for entry in &batch.entries {
                if let Some(sender) = followed.get(&entry.change.execution_id) {
                    // The receiver may just have gone.
                    let _ = sender.send(Arc::clone(entry));
                }
            }
        }
        let _ = self.batches.send(Arc::new(batch));
    }

    fn wake(&self, conversation: Uuid) {
        let followed = self.conversations.lock().expect("no holder panics");
        if let Some(sender) = followed.get(&conversation) {
            sender.send_modify(|_| {});
        }
    }

    /// One statement for all conversations that someone watches: a lost signal loses nothing.
    async fn wake_grown(&self) -> Result<(), Fault> {
        self.executions
            .lock()
            .expect("no holder panics")
            .retain(|_, sender| sender.receiver_count() > 0);
        let watched: Vec<Uuid> = {
            let mut followed = self.conversations.lock().expect("no holder panics");
            followed.retain(|_, sender| sender.receiver_count() > 0);
            followed.keys().copied().collect()
        };
        for ids in watched.chunks(CONVERSATIONS_AT_ONCE) {
            let found = db::conversations::last_sequences(self.store.db.read(), ids).await?;
            let followed = self.conversations.lock().expect("no holder panics");
            for id in ids {
                let Some(sender) = followed.get(id) else { continue };
                let last = found.iter().find(|(found, _)| found == id).map(|(_, last)| *last);
                // A conversation that was deleted wakes its watchers too.
                sender.send_if_modified(|known| std::mem::replace(known, last.unwrap_or(-1)) != *known);
            }
        }
        Ok(())
    }
}

/// Loads what log rows are about, each execution once.
pub(super) async fn load(store: &Store, changes: Vec<change::Model>) -> Result<Vec<Arc<Entry>>, Fault> {
    let mut ids: Vec<Uuid> = changes.iter().map(|change| change.execution_id).collect();
    ids.sort_unstable();
    ids.dedup();
    let rows = db::executions::find_many(store.db.read(), &ids).await?;
    let mut labels: HashMap<Uuid, Vec<String>> = HashMap::new();
    for row in db::executions::labels(store.db.read(), &ids).await? {
        labels.entry(row.execution_id).or_default().push(row.label);
    }
    let snapshots: HashMap<Uuid, Arc<Snapshot>> = rows
        .into_iter()
        .map(|execution| {
            let labels = labels.remove(&execution.id).unwrap_or_default();
            (execution.id, Arc::new(Snapshot { execution, labels }))
        })
        .collect();
    let entries = changes.into_iter().map(|change| {
        let now = snapshots.get(&change.execution_id).cloned();
        Arc::new(Entry { change, now })
    });
    Ok(entries.collect())
}
