//! The log of one conversation: every entry once, in order, from a position on.

use entity::conversation;
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
        let mut subject = find(&hub, &mut current, id).await?;
        let mut grown = hub.follow_conversation(id);
        // What lies ahead was given out by a newer copy of the database: from there nothing would come.
        let mut seen = after.min(subject.last_sequence);
        // Only the end of an execution ends its journal, and that is an entry: it is asked for
        // once, for whoever comes after it.
        let mut is_checked = false;
        loop {
            // Marked as seen before the read: what comes after it wakes this again.
            grown.borrow_and_update();
            let events = journal::after(hub.store().db.read(), id, seen, AT_ONCE).await?;
            let is_empty = events.is_empty();
            for event in events {
                seen = event.sequence;
                let is_last = matches!(event.entry, Entry::StatusChanged { to, .. } if to.is_terminal());
                if !viewer_now(&mut current)?.sees_conversation(&subject) {
                    Err(Error::NotFound("conversation"))?;
                }
                yield event;
                if is_last {
                    return;
                }
            }
            if !is_empty {
                continue;
            }
            if !is_checked {
                is_checked = true;
                if has_ended(&hub, id).await? {
                    // The last entry may have been written since the journal was read.
                    if journal::after(hub.store().db.read(), id, seen, 1).await?.is_empty() {
                        return;
                    }
                    continue;
                }
            }
            let has_grown = tokio::select! {
                grown = grown.changed() => if grown.is_ok() { true } else { return },
                () = access_changed(&mut current) => false,
            };
            if !has_grown {
                subject = find(&hub, &mut current, id).await?;
            } else if *grown.borrow() < 0 {
                // The hub found it deleted.
                return;
            }
        }
    }
}

pub(super) async fn find(hub: &Hub, current: &mut Current, id: Uuid) -> Result<conversation::Model, Error> {
    let viewer = viewer_now(current)?;
    let row = db::conversations::find(hub.store().db.read(), id).await?;
    row.filter(|row| viewer.sees_conversation(row))
        .ok_or(Error::NotFound("conversation"))
}

/// True when nothing more can come: its execution has ended, or it was deleted.
pub(super) async fn has_ended(hub: &Hub, id: Uuid) -> Result<bool, Error> {
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
