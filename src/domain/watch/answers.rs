//! A conversation's answers while they are being written: what there is so far, then what is added.
//! Nothing of it can be missed, for the finished message is an entry of the log.

use std::time::Duration;

use futures::Stream;
use uuid::Uuid;

use super::events::{find, has_ended};
use super::hub::Hub;
use super::{Error, Open, access_changed, viewer_now};
use crate::bus::answers::Addition;
use crate::domain::access::Current;

/// Between two looks: words come together then, and a page draws twenty times a second at most.
const PAUSE: Duration = Duration::from_millis(50);

enum Event {
    Written,
    Grown,
    AccessChanged,
}

/// Watches what is written in a conversation. An execution's ends with the execution.
pub fn watch(hub: Hub, mut current: Current, id: Uuid) -> impl Stream<Item = Result<Addition, Error>> + Send {
    async_stream::try_stream! {
        let _open = Open::new("answers");
        let mut subject = find(&hub, &mut current, id).await?;
        let mut answer = hub.store().bus.answers().follow(id);
        let mut grown = hub.follow_conversation(id);
        grown.borrow_and_update();
        let mut is_over = has_ended(&hub, id).await?;
        loop {
            let additions = answer.take();
            if !additions.is_empty() && !viewer_now(&mut current)?.sees_conversation(&subject) {
                Err(Error::NotFound("conversation"))?;
            }
            for addition in additions {
                yield addition;
            }
            if is_over {
                return;
            }
            let event = tokio::select! {
                () = answer.changed() => Event::Written,
                grown = grown.changed() => if grown.is_ok() { Event::Grown } else { return },
                () = access_changed(&mut current) => Event::AccessChanged,
            };
            match event {
                Event::Written => tokio::time::sleep(PAUSE).await,
                Event::Grown => is_over = has_ended(&hub, id).await?,
                Event::AccessChanged => subject = find(&hub, &mut current, id).await?,
            }
        }
    }
}
