//! The state of one execution: the newest wins, and what was folded away is counted.

use std::sync::Arc;

use entity::{change, execution};
use futures::Stream;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use uuid::Uuid;

use super::hub::{Entry, Hub};
use super::{Error, Open, access_changed, viewer_now};
use crate::base::cursor::StreamCursor;
use crate::db;
use crate::domain::Fault;
use crate::domain::access::Current;
use crate::domain::lifecycle::{self, Status};

/// Changes replayed one by one; what lies before the last so many is folded.
const REPLAYED: u64 = 1000;

/// The state after a change.
#[derive(Debug, Clone)]
pub struct Update {
    /// Go on from here.
    pub cursor: StreamCursor,
    /// As it is now, which may be newer than this change.
    pub execution: execution::Model,
    /// After this change.
    pub status: Status,
    /// Before it; none when it did not change the status.
    pub previous_status: Option<Status>,
    /// When it happened.
    pub occurred_at: i64,
    /// Changes folded into this one.
    pub skipped: i64,
}

/// Where a stream stands.
struct Seen {
    revision: i64,
    status: Option<Status>,
}

/// Watches an execution. Without `after` its state now comes first; with it, each change since.
/// Ends after the terminal state.
pub fn watch(
    hub: Hub,
    mut current: Current,
    id: Uuid,
    after: Option<i64>,
) -> impl Stream<Item = Result<Update, Error>> + Send {
    async_stream::try_stream! {
        let _open = Open::new("status");
        // Whoever may not see it leaves nothing behind.
        visible(&hub, &mut current, id).await?;
        let mut feed = hub.follow_execution(id);
        let mut row = visible(&hub, &mut current, id).await?;
        let mut seen = Seen { revision: row.revision, status: Some(lifecycle::status(&row)?) };
        match after {
            None => yield state(&row)?,
            // The database is an older copy of the one that gave the cursor out.
            Some(after) if after > row.revision => yield state(&row)?,
            Some(after) => {
                seen = Seen { revision: after, status: None };
                // What is committed while the log is read is read too, until both agree.
                while seen.revision < row.revision {
                    let changes = db::changes::of_execution(hub.store().db.read(), id, seen.revision, REPLAYED).await?;
                    // After the log: a change goes out with an execution at least as new as itself.
                    row = visible(&hub, &mut current, id).await?;
                    if changes.is_empty() {
                        // The log is shorter than the client was away: the state stands for it.
                        let mut update = state(&row)?;
                        update.skipped = row.revision - seen.revision - 1;
                        seen = Seen { revision: row.revision, status: Some(update.status) };
                        yield update;
                    }
                    for change in changes {
                        if !viewer_now(&mut current)?.sees_execution(&row) {
                            Err(Error::NotFound("execution"))?;
                        }
                        let update = replay(&change, &row, &seen)?;
                        seen = Seen { revision: change.revision, status: Some(update.status) };
                        yield update;
                    }
                }
            }
        }
        let mut is_over = seen.revision >= row.revision && lifecycle::status(&row)?.is_terminal();
        while !is_over {
            let next = tokio::select! {
                received = feed.recv() => Some(received),
                () = access_changed(&mut current) => None,
            };
            let newest = match next {
                Some(Ok(entry)) => drain(&mut feed, entry),
                // Fell behind: the state now stands for all that was missed.
                Some(Err(RecvError::Lagged(_))) => None,
                Some(Err(RecvError::Closed)) => break,
                None => {
                    visible(&hub, &mut current, id).await?;
                    continue;
                }
            };
            let update = match newest {
                Some(entry) => live(&entry, &seen)?,
                None => live_state(&visible(&hub, &mut current, id).await?, &seen)?,
            };
            let Some(update) = update else { continue };
            viewer_now(&mut current)?
                .sees_execution(&update.execution)
                .then_some(())
                .ok_or(Error::NotFound("execution"))?;
            let StreamCursor::Execution { revision, .. } = update.cursor else { continue };
            seen = Seen { revision, status: Some(update.status) };
            is_over = update.status.is_terminal();
            yield update;
        }
    }
}

async fn visible(hub: &Hub, current: &mut Current, id: Uuid) -> Result<execution::Model, Error> {
    let viewer = viewer_now(current)?;
    let row = db::executions::find(hub.store().db.read(), id).await?;
    row.filter(|row| viewer.sees_execution(row))
        .ok_or(Error::NotFound("execution"))
}

fn state(row: &execution::Model) -> Result<Update, Fault> {
    Ok(Update {
        cursor: cursor(row.id, row.revision),
        status: lifecycle::status(row)?,
        previous_status: None,
        occurred_at: row.updated_at,
        skipped: 0,
        execution: row.clone(),
    })
}

fn cursor(id: Uuid, revision: i64) -> StreamCursor {
    StreamCursor::Execution { id, revision }
}

fn stored(text: &str, id: Uuid) -> Result<Status, Fault> {
    Status::from_stored(text).ok_or_else(|| Fault::Corrupt {
        what: "change.status",
        id: id.to_string(),
    })
}

fn replay(change: &change::Model, row: &execution::Model, seen: &Seen) -> Result<Update, Fault> {
    let status = stored(&change.status, change.execution_id)?;
    let logged = change
        .previous_status
        .as_deref()
        .map(|text| stored(text, change.execution_id))
        .transpose()?;
    Ok(Update {
        cursor: cursor(change.execution_id, change.revision),
        status,
        previous_status: previous(seen, status).or(logged),
        occurred_at: change.occurred_at,
        skipped: change.revision - seen.revision - 1,
        execution: row.clone(),
    })
}

/// The status last sent, where this is another.
fn previous(seen: &Seen, status: Status) -> Option<Status> {
    seen.status.filter(|before| *before != status)
}

fn drain(feed: &mut tokio::sync::broadcast::Receiver<Arc<Entry>>, first: Arc<Entry>) -> Option<Arc<Entry>> {
    let mut newest = first;
    loop {
        match feed.try_recv() {
            Ok(entry) => newest = entry,
            Err(TryRecvError::Empty | TryRecvError::Closed) => return Some(newest),
            Err(TryRecvError::Lagged(_)) => return None,
        }
    }
}

fn live(entry: &Entry, seen: &Seen) -> Result<Option<Update>, Error> {
    if entry.change.revision <= seen.revision {
        return Ok(None);
    }
    let Some(now) = &entry.now else {
        return Err(Error::NotFound("execution"));
    };
    // The row may already be newer than the change; then the newest is what is told.
    if now.execution.revision > entry.change.revision {
        return Ok(live_state(&now.execution, seen)?);
    }
    Ok(Some(replay(&entry.change, &now.execution, seen)?))
}

fn live_state(row: &execution::Model, seen: &Seen) -> Result<Option<Update>, Fault> {
    if row.revision <= seen.revision {
        return Ok(None);
    }
    let mut update = state(row)?;
    update.previous_status = previous(seen, update.status);
    update.skipped = row.revision - seen.revision - 1;
    Ok(Some(update))
}
