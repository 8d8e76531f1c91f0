//! One connection to a server: how many calls it works on, and whether it still answers.
//!
//! A connection is never cut under a call. One that is given up is left: nobody new comes to it, and
//! it ends when the last of its calls is over, which each call's own time limit makes sure of.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use rmcp::RoleClient;
use rmcp::model::{
    CallToolRequest, CallToolRequestParams, CancelledNotificationParam, ClientRequest, PingRequest,
    RequestId, ServerResult,
};
use rmcp::service::{Peer, PeerRequestOptions, RequestHandle, ServiceError};
use serde_json::Value;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::Listed;
use super::connect::{CALLS_AT_ONCE, Connection};

#[derive(Debug)]
pub(super) struct Live {
    pub connection: Connection,
    pub listed: Mutex<Option<Listed>>,
    /// Set when the server says that its list has changed.
    pub is_stale: Arc<AtomicBool>,
    /// One for each call that may be worked on. What waits for one was not sent, and can still go
    /// elsewhere.
    slots: Arc<Semaphore>,
    left: CancellationToken,
}

/// A call that was sent. Dropped before its answer came, it is withdrawn.
#[derive(Debug)]
pub(super) struct Asked {
    pub live: Arc<Live>,
    handle: RequestHandle<RoleClient>,
    withdraw: Withdraw,
    slot: OwnedSemaphorePermit,
}

impl Live {
    pub fn new(connection: Connection, is_stale: Arc<AtomicBool>) -> Self {
        Self {
            connection,
            listed: Mutex::default(),
            is_stale,
            slots: Arc::new(Semaphore::new(CALLS_AT_ONCE as usize)),
            left: CancellationToken::new(),
        }
    }

    /// Whether it works on a call.
    pub fn is_busy(&self) -> bool {
        self.slots.available_permits() < CALLS_AT_ONCE as usize
    }

    /// Whether it answers at all. A busy one may well have no time to.
    pub async fn answers(&self, within: Duration) -> bool {
        let ping = ClientRequest::PingRequest(PingRequest::default());
        let ping = self.connection.peer().send_request(ping);
        match tokio::time::timeout(within, ping).await {
            // A refusal is an answer too.
            Ok(answer) => matches!(answer, Ok(_) | Err(ServiceError::McpError(_))),
            Err(_) => false,
        }
    }

    /// Waits until there is room for one more call; none when the connection was left meanwhile.
    async fn slot(&self) -> Option<OwnedSemaphorePermit> {
        let slot = tokio::select! {
            biased;
            () = self.left.cancelled() => return None,
            slot = Arc::clone(&self.slots).acquire_owned() => slot.ok()?,
        };
        // Whoever leaves it says so before looking who is there.
        (!self.left.is_cancelled()).then_some(slot)
    }

    /// Sends a call once there is room for it; none when the connection was left before. Dropping the
    /// future sends nothing.
    pub async fn ask(self: &Arc<Self>, tool: &str, arguments: &Value) -> Option<Result<Asked, ServiceError>> {
        let slot = self.slot().await?;
        let mut params = CallToolRequestParams::new(tool.to_owned());
        params.arguments = arguments.as_object().cloned();
        let request = ClientRequest::CallToolRequest(CallToolRequest::new(params));
        let peer = self.connection.peer();
        // Without the library's own limit, which first waits until the server has taken the word that
        // nobody waits any more: one that does not read takes none.
        let options = PeerRequestOptions::no_options();
        let sent = peer.send_request_with_option(request, options).await;
        Some(sent.map(|handle| Asked {
            live: Arc::clone(self),
            withdraw: Withdraw(Some((peer.clone(), handle.id.clone()))),
            handle,
            slot,
        }))
    }

    /// Lets nobody new come, and ends it at once when there is no call, or else with the last, or with
    /// `closing`.
    pub async fn leave(self: &Arc<Self>, closing: &CancellationToken) {
        self.left.cancel();
        if !self.is_busy() {
            return self.connection.end(Duration::ZERO).await;
        }
        let (live, closing) = (Arc::clone(self), closing.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = closing.cancelled() => {}
                _ = live.slots.acquire_many(CALLS_AT_ONCE) => {}
            }
            live.connection.end(Duration::ZERO).await;
        });
    }
}

impl Asked {
    pub async fn answer(self) -> Result<ServerResult, ServiceError> {
        let Self {
            handle,
            mut withdraw,
            slot,
            ..
        } = self;
        let answer = handle.await_response().await;
        withdraw.0 = None;
        drop(slot);
        answer
    }
}

/// Tells the server that nobody waits for the answer any more, unless it came.
#[derive(Debug)]
struct Withdraw(Option<(Peer<RoleClient>, RequestId)>);

impl Drop for Withdraw {
    fn drop(&mut self) {
        let Some((peer, id)) = self.0.take() else { return };
        // A run is cut from within the runtime; at its very end there is nobody left to tell.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let reason = Some("nobody waits for it any more".to_owned());
                let told = CancelledNotificationParam::new(Some(id), reason);
                // A server that is gone need not be told.
                let _ = peer.notify_cancelled(told).await;
            });
        }
    }
}
