//! conversationEvents.

use async_graphql::{Context, ID, Subscription};
use futures::{Stream, StreamExt};

use super::{ended, foreign_cursor, subject};
use crate::base::cursor;
use crate::base::id::Kind;
use crate::domain::watch::events;
use crate::graphql::deps;
use crate::graphql::errors::{Result, viewer};
use crate::graphql::event::ConversationEvent;
use crate::graphql::scalar::StreamCursor;

/// Resolves it.
#[derive(Default)]
pub struct Events;

#[Subscription]
impl Events {
    /// All that happens in one conversation, in order, none left out: stored events from `after`
    /// (from the first when null), then live ones. For an execution's conversation it completes
    /// with the execution. An id that is not there, or not the viewer's, ends it with NOT_FOUND.
    async fn conversation_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The conversation.")] id: ID,
        #[graphql(desc = "From Conversation.streamCursor or an earlier event of the same conversation.")]
        after: Option<StreamCursor>,
    ) -> Result<impl Stream<Item = Result<ConversationEvent>>> {
        let viewer = viewer(ctx)?;
        let deps = deps(ctx);
        let id = subject(Kind::Conversation, &id)?;
        let after = match after.map(|after| after.read()).transpose()? {
            None => 0,
            Some(cursor::StreamCursor::Conversation { id: of, sequence }) if of == id => sequence,
            Some(_) => return Err(foreign_cursor("conversationEvents")),
        };
        let entries = events::watch(deps.hub.clone(), deps.renewal.follow(viewer), id, after);
        Ok(entries.map(move |entry| {
            entry
                .map(ConversationEvent::of)
                .map_err(|cause| ended(ctx, &cause))
        }))
    }
}
