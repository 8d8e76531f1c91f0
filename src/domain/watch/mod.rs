//! Watching: three streams over what is stored, none of which misses anything for a subscriber
//! that hands back its cursor.
//!
//! | stream | is | delivers |
//! |---|---|---|
//! | [`status`] | the state of one execution | the newest; what was folded away is counted |
//! | [`set`] | the set that a filter gives | frames of entered, updated and left |
//! | [`events`] | the log of one conversation | every entry, once, in order |
//!
//! Beside them [`answers`]: what a model is just writing, lossy and nowhere stored.
//!
//! Each subscribes to the [`Hub`] first, then reads from its cursor, then follows. Signals and
//! the hub's copies only say that there is something; falling behind means reading again from
//! the last position, never a silent or ended stream. Access is judged anew for everything sent.

pub mod answers;
pub mod events;
mod hub;
pub mod set;
pub mod status;

pub use hub::{Entry, Hub, Snapshot};

use std::sync::Arc;

use super::access::{Current, Viewer};
use super::{Fault, faults};

/// Why a stream ended, or never began.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The subject is not there, or not the viewer's to see.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The filter asks for more than a list may.
    #[error(transparent)]
    TooMany(#[from] crate::db::executions::page::TooManyBranches),
    /// The viewer lost the membership that the stream was about.
    #[error("the viewer may no longer see this")]
    Forbidden,
    /// The credential was revoked or has expired.
    #[error("the credential has ended")]
    CredentialEnded,
    /// A fault.
    #[error(transparent)]
    Fault(#[from] Fault),
}

faults!(Error);

/// The viewer as of now.
fn viewer_now(current: &mut Current) -> Result<Arc<Viewer>, Error> {
    current.borrow_and_update().clone().ok_or(Error::CredentialEnded)
}

/// Waits for the viewer's access to change. It never comes back where nobody renews it.
async fn access_changed(current: &mut Current) {
    if current.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Counts an open stream for as long as it lives.
struct Open(&'static str);

impl Open {
    fn new(stream: &'static str) -> Self {
        metrics::gauge!("agentic_subscribers", "stream" => stream).increment(1.0);
        Self(stream)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        metrics::gauge!("agentic_subscribers", "stream" => self.0).decrement(1.0);
    }
}
