//! The set that a filter gives, as frames of changes. Entered and updated are upserts. Left is
//! sent whenever an execution matches the filter's fixed part (data set, agent, type, launched by)
//! and no longer the rest, whether or not the client ever saw it. Repeats are legal.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::time::Instant;
use uuid::Uuid;

use super::hub::{AT_ONCE, Batch, Entry, Hub, Snapshot, load};
use super::{Error, Open, access_changed, viewer_now};
use crate::base::cursor::LogPosition;
use crate::base::page::Count;
use crate::db;
use crate::db::executions::filter::{Filter, Reach};
use crate::db::executions::page::Plan;
use crate::domain::access::{Current, Viewer};
use crate::domain::lifecycle::Status;

/// Frames are at most ten a second: one change a frame costs a normalized cache 1 to 3 ms each,
/// fifty a frame 0.2 to 0.6.
const FRAME_EVERY: Duration = Duration::from_millis(100);

/// Executions in a frame, about.
const FRAME_MOST: usize = 1000;

/// Counts are taken at most so often, and always once more after the last change.
const COUNT_EVERY: Duration = Duration::from_secs(1);

/// What one execution did to the set.
#[derive(Debug, Clone)]
pub enum Change {
    /// It is in the set, and was not before.
    Entered(Arc<Snapshot>),
    /// It is in the set.
    Updated(Arc<Snapshot>),
    /// It is not in the set.
    Left {
        /// Which.
        id: Uuid,
        /// As it is now; none when it was deleted.
        now: Option<Arc<Snapshot>>,
    },
}

/// How many executions the set has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// In all.
    pub total: Option<Count>,
    /// In each status, in the contract's order, whatever statuses the filter names.
    pub by_status: Option<[Count; 4]>,
}

/// What happened since the last frame.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Go on from here.
    pub position: LogPosition,
    /// Drop what you hold and query again.
    pub resync: bool,
    /// One for each execution, in the order of their newest change.
    pub changes: Vec<Change>,
    /// Where asked for, and newer than the last sent.
    pub counts: Counts,
}

/// What to watch.
#[derive(Debug, Clone)]
pub struct Request {
    /// Which executions.
    pub filter: Filter,
    /// Where the client stands.
    pub after: Option<LogPosition>,
    /// The total is selected.
    pub wants_total: bool,
    /// The counts by status are selected.
    pub wants_by_status: bool,
}

/// Watches a set.
pub fn watch(
    hub: Hub,
    mut current: Current,
    request: Request,
) -> impl Stream<Item = Result<Frame, Error>> + Send {
    async_stream::try_stream! {
        let _open = Open::new("set");
        let mut feed = hub.follow_all();
        let mut viewer = viewer_now(&mut current)?;
        // Refused at once, not when the counts come up.
        Plan::new(&viewer.reach(), &request.filter)?;
        let mut set = Set::new(hub.clone(), request.clone(), viewer.reach());
        match request.after {
            Some(after) if !is_cut(&hub, after).await? => set.at = after,
            _ => yield set.resync().await?,
        }
        set.catch_up().await?;
        loop {
            while !set.folded.is_empty() || set.is_behind || set.counts_due() {
                tokio::time::sleep_until(set.next_frame).await;
                // What came during the wait goes into the same frame.
                while let Some(batch) = try_next(&mut feed) {
                    set.take(batch).await?;
                }
                if set.is_behind && set.folded.is_empty() {
                    set.catch_up().await?;
                }
                let now = viewer_now(&mut current)?;
                if *now != *viewer {
                    yield set.on_access(&viewer, &now).await?;
                    viewer = now;
                    continue;
                }
                yield set.frame().await?;
            }
            let counts_at = set.counts_at;
            let received = tokio::select! {
                batch = feed.recv() => match batch {
                    Ok(batch) => Some(Received::Batch(batch)),
                    Err(RecvError::Lagged(_)) => Some(Received::Gap),
                    Err(RecvError::Closed) => break,
                },
                () = access_changed(&mut current) => None,
                () = tokio::time::sleep_until(counts_at), if set.counts_stale => None,
            };
            if let Some(received) = received {
                set.take(received).await?;
            }
            let now = viewer_now(&mut current)?;
            if *now != *viewer {
                yield set.on_access(&viewer, &now).await?;
                viewer = now;
            }
        }
    }
}

enum Received {
    Batch(Arc<Batch>),
    Gap,
}

fn try_next(feed: &mut tokio::sync::broadcast::Receiver<Arc<Batch>>) -> Option<Received> {
    match feed.try_recv() {
        Ok(batch) => Some(Received::Batch(batch)),
        Err(TryRecvError::Lagged(_)) => Some(Received::Gap),
        Err(TryRecvError::Empty | TryRecvError::Closed) => None,
    }
}

/// True when the log no longer reaches back to the position; or when the database is an older copy of
/// the one that gave it out, and has not come so far again, or has come there in another way.
async fn is_cut(hub: &Hub, after: LogPosition) -> Result<bool, Error> {
    let db = &hub.store().db;
    if after > db::changes::head(db).await? {
        return Ok(true);
    }
    let oldest = db::changes::oldest(db.read()).await?;
    // Number 1 still being there means that nothing was ever cut off.
    if oldest.is_some_and(|oldest| oldest.number > 1 && after < oldest) {
        return Ok(true);
    }
    Ok(after != LogPosition::default() && !db::changes::is_at(db.read(), after).await?)
}

struct Set {
    hub: Hub,
    request: Request,
    reach: Reach,
    at: LogPosition,
    folded: HashMap<Uuid, Folded>,
    /// The log holds more than went into this frame.
    is_behind: bool,
    order: u64,
    next_frame: Instant,
    counts_stale: bool,
    counts_at: Instant,
}

/// Changes of one execution that go into one frame.
struct Folded {
    order: u64,
    newest: Arc<Entry>,
    has_entered: bool,
}

impl Set {
    fn new(hub: Hub, request: Request, reach: Reach) -> Self {
        Self {
            hub,
            request,
            reach,
            at: LogPosition::default(),
            folded: HashMap::new(),
            is_behind: false,
            order: 0,
            next_frame: Instant::now(),
            counts_stale: false,
            counts_at: Instant::now(),
        }
    }

    fn wants_counts(&self) -> bool {
        self.request.wants_total || self.request.wants_by_status
    }

    fn counts_due(&self) -> bool {
        self.counts_stale && self.counts_at <= Instant::now()
    }

    /// Starts over from the log's end, which is taken before the client queries.
    async fn resync(&mut self) -> Result<Frame, Error> {
        self.at = db::changes::head(&self.hub.store().db).await?;
        self.folded.clear();
        self.is_behind = false;
        self.counts_stale = self.wants_counts();
        let mut frame = self.frame().await?;
        frame.resync = true;
        Ok(frame)
    }

    /// A change of role starts over; a lost data set that the filter is about ends the stream.
    async fn on_access(&mut self, before: &Viewer, now: &Viewer) -> Result<Frame, Error> {
        let is_watched = |set: &Uuid| {
            self.request
                .filter
                .data_set_ids
                .as_ref()
                .is_none_or(|ids| ids.contains(set))
        };
        let lost = match (before.data_sets(), now.data_sets()) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(before), Some(now)) => before.iter().any(|set| !now.contains(set) && is_watched(set)),
        };
        if lost {
            return Err(Error::Forbidden);
        }
        self.reach = now.reach();
        self.resync().await
    }

    /// Reads the log itself, to its end or until a frame is full: who comes back after days must
    /// not have all of them in memory at once.
    async fn catch_up(&mut self) -> Result<(), Error> {
        self.is_behind = false;
        loop {
            if self.folded.len() >= FRAME_MOST {
                self.is_behind = true;
                return Ok(());
            }
            let read = db::changes::after(&self.hub.store().db, self.at, AT_ONCE).await?;
            let Some(last) = read.rows.last() else {
                return Ok(());
            };
            let to = db::changes::position(last);
            let entries = load(self.hub.store(), read.rows).await?;
            self.fold(&entries);
            self.at = to;
        }
    }

    async fn take(&mut self, received: Received) -> Result<(), Error> {
        match received {
            // The log has it, when its turn comes.
            _ if self.is_behind => {}
            Received::Batch(batch) if batch.to <= self.at => {}
            Received::Batch(batch) if batch.from <= self.at => {
                let fresh = batch
                    .entries
                    .partition_point(|entry| db::changes::position(&entry.change) <= self.at);
                self.fold(&batch.entries[fresh..]);
                self.at = batch.to;
            }
            // Something lies between: the log has it.
            Received::Batch(_) | Received::Gap => self.catch_up().await?,
        }
        Ok(())
    }

    fn fold(&mut self, entries: &[Arc<Entry>]) {
        for entry in entries {
            let change = &entry.change;
            let is_ours = self.reach.sees(change.data_set_id, change.launched_by)
                && self.request.filter.matches_fixed(
                    change.execution_id,
                    change.data_set_id,
                    change.agent_id,
                    &change.execution_key,
                    change.launched_by,
                );
            if !is_ours {
                continue;
            }
            self.order += 1;
            self.counts_stale |= self.wants_counts();
            let has_entered = self.enters(entry);
            let folded = self.folded.entry(change.execution_id).or_insert_with(|| Folded {
                order: 0,
                newest: Arc::clone(entry),
                has_entered: false,
            });
            folded.order = self.order;
            folded.newest = Arc::clone(entry);
            folded.has_entered |= has_entered;
        }
    }

    /// Whether this change brings it into the set: it is new, or its status was none of those
    /// asked for.
    fn enters(&self, entry: &Entry) -> bool {
        let statuses = self.request.filter.statuses.as_ref();
        entry.change.revision == 1
            || match (statuses, &entry.change.previous_status) {
                (Some(statuses), Some(previous)) => !statuses.contains(previous),
                _ => false,
            }
    }

    async fn frame(&mut self) -> Result<Frame, Error> {
        let mut folded: Vec<Folded> = self.folded.drain().map(|(_, folded)| folded).collect();
        folded.sort_by_key(|folded| folded.order);
        let changes = folded.into_iter().map(|folded| self.judge(folded)).collect();
        let counts = if self.counts_due() {
            self.count().await?
        } else {
            Counts::default()
        };
        self.next_frame = Instant::now() + FRAME_EVERY;
        Ok(Frame {
            position: self.at,
            resync: false,
            changes,
            counts,
        })
    }

    fn judge(&self, folded: Folded) -> Change {
        let id = folded.newest.change.execution_id;
        match &folded.newest.now {
            Some(now) if self.request.filter.matches(&now.execution, &now.labels) => {
                if folded.has_entered {
                    Change::Entered(Arc::clone(now))
                } else {
                    Change::Updated(Arc::clone(now))
                }
            }
            now => Change::Left { id, now: now.clone() },
        }
    }

    async fn count(&mut self) -> Result<Counts, Error> {
        self.counts_stale = false;
        self.counts_at = Instant::now() + COUNT_EVERY;
        let db = self.hub.store().db.read();
        let mut counts = Counts::default();
        if self.request.wants_total {
            counts.total = Some(Plan::new(&self.reach, &self.request.filter)?.count(db).await?);
        }
        if self.request.wants_by_status {
            counts.by_status = Some(count_by_status(db, &self.reach, &self.request.filter).await?);
        }
        Ok(counts)
    }
}

/// How many executions a filter, less its statuses, matches in each status.
///
/// # Errors
/// When the filter asks for more than a list may, or the database fails.
pub async fn count_by_status(
    db: &impl db::Conn,
    reach: &Reach,
    filter: &Filter,
) -> Result<[Count; 4], Error> {
    let mut counts = [Count::default(); 4];
    for (count, status) in counts.iter_mut().zip(Status::ALL) {
        let in_status = Filter {
            statuses: Some(vec![status.as_str().to_owned()]),
            ..filter.clone()
        };
        *count = Plan::new(reach, &in_status)?.count(db).await?;
    }
    Ok(counts)
}
