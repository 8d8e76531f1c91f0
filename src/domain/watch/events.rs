//! The log of one conversation: every entry once, in order, from a position on.

use futures::Stream;
use uuid::Uuid;

use super::hub::Hub;
use super::{Error, Open, access_changed, viewer_now};
use crate::db;
use crate::domain::access::Current;
use crate::domain::journal::{self, Entry, Event};
use crate::domain::lifecycle;

/// Entries read at once.
const AT_ONCE: u64 = 200;

/// Watches a conversation from after a sequence number. An execution's ends with the execution.
pub fn watch(
    hub: Hub,
    mut current: Current,
    id: Uuid,
    after: i64,
) -> impl Stream<Item = Result<Event, Error>> + Send {
    async_stream::try_stream! {
        let _open = Open::new("events");
        let mut grown = hub.follow_conversation(id);
        check(&hub, &mut current, id).await?;
        let mut seen = after;
        loop {
            // Marked as seen before the read: what comes after it wakes this again.
            grown.borrow_and_update();
            let events = journal::after(hub.store().db.read(), id, seen, AT_ONCE).await?;
            let is_empty = events.is_empty();
            for event in events {
                seen = event.sequence;
                let is_last = matches!(event.entry, Entry::StatusChanged { to, .. } if to.is_terminal());
                viewer_now(&mut current)?;
                yield event;
                if is_last {
                    return;
                }
            }
            if !is_empty {
                continue;
            }
            if has_ended(&hub, id).await? {
                // The last entry may have been written since the journal was read.
                if journal::after(hub.store().db.read(), id, seen, 1).await?.is_empty() {
                    return;
                }
                continue;
            }
            let access_may_have_changed = tokio::select! {
                grown = grown.changed() => if grown.is_ok() { false } else { return },
                () = access_changed(&mut current) => true,
            };
            if access_may_have_changed {
                check(&hub, &mut current, id).await?;
            }
        }
    }
}

async fn check(hub: &Hub, current: &mut Current, id: Uuid) -> Result<(), Error> {
    let viewer = viewer_now(current)?;
    let row = db::conversations::find(hub.store().db.read(), id).await?;
    let is_visible = row.is_some_and(|row| viewer.sees_conversation(&row));
    if is_visible {
        Ok(())
    } else {
        Err(Error::NotFound("conversation"))
    }
}

/// True when nothing more can come: its execution has ended, or it was deleted.
async fn has_ended(hub: &Hub, id: Uuid) -> Result<bool, Error> {
    let db = hub.store().db.read();
    let Some(row) = db::conversations::find(db, id).await? else {
        return Ok(true);
    };
    let Some(execution) = row.execution_id else {
        return Ok(false);
    };
    match db::executions::find(db, execution).await? {
        Some(execution) => Ok(lifecycle::status(&execution)?.is_terminal()),
        None => Ok(true),
    }
}
