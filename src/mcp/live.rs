//! One connection to a server: what it lists, how many calls it works on, and whether it still answers.
//!
//! A connection is never cut under a call. One that is given up is left: nobody new comes to it, and
//! it ends when the last of its calls is over, which each call's own time limit makes sure of.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rmcp::RoleClient;
use rmcp::model::{
    CallToolRequest, CallToolRequestParams, CancelledNotificationParam, ClientRequest,
    PaginatedRequestParams, PingRequest, RequestId, ServerResult,
};
use rmcp::service::{Peer, PeerRequestOptions, RequestHandle, ServiceError};
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::base::chain::Chain;

use super::connect::{CALLS_AT_ONCE, Connection};
use super::joint::{self, Joint};
use super::{Listed, Tool};

/// For one page of its list, and for all of them.
const PAGE_WITHIN: Duration = Duration::from_secs(20);
const LIST_WITHIN: Duration = Duration::from_secs(60);

/// Tools of one server. No model chooses well among more.
const MAX_TOOLS: usize = 1000;
const MAX_PAGES: usize = 100;

#[derive(Debug)]
pub(super) struct Live {
    /// Of the server, for the log.
    name: Arc<str>,
    pub connection: Connection,
    /// How often the server has said that its list changed.
    changes: Arc<AtomicU64>,
    list: Mutex<List>,
    /// One for each call that may be worked on. What waits for one was not sent, and can still go
    /// elsewhere.
    slots: Arc<Semaphore>,
    left: CancellationToken,
}

/// What is known of its list: each with the number of changes that had been told before it was asked
/// for, so that one told meanwhile is never lost.
#[derive(Debug, Default)]
struct List {
    known: Option<(u64, Listed)>,
    asked: Option<(u64, Joint<Listed>)>,
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
    pub fn new(name: Arc<str>, connection: Connection, changes: Arc<AtomicU64>) -> Self {
        Self {
            name,
            connection,
            changes,
            list: Mutex::default(),
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

    /// The list as it last was, whatever became of it since.
    pub fn known(&self) -> Option<Listed> {
        self.list().known.as_ref().map(|(_, listed)| listed.clone())
    }

    /// The list as it is now, asked for when it has changed. Those who come meanwhile wait for the same
    /// answer, which is kept also when none of them has the time to. `version` is drawn for a new one.
    ///
    /// # Errors
    /// The server did not tell it: why.
    pub async fn tools(self: &Arc<Self>, version: &Arc<AtomicU64>) -> Result<Listed, Arc<str>> {
        let asked = {
            let mut list = self.list();
            let changes = self.changes.load(Ordering::SeqCst);
            match (&list.known, &list.asked) {
                (Some((at, listed)), _) if *at == changes => return Ok(listed.clone()),
                (_, Some((at, asked))) if *at == changes && asked.peek().is_none() => asked.clone(),
                _ => {
                    let asked = joint::begin(Arc::clone(self).relist(changes, Arc::clone(version)));
                    list.asked = Some((changes, asked.clone()));
                    asked
                }
            }
        };
        asked.await
    }

    async fn relist(self: Arc<Self>, changes: u64, version: Arc<AtomicU64>) -> Result<Listed, Arc<str>> {
        let tools = match tokio::time::timeout(LIST_WITHIN, self.pages()).await {
            Ok(tools) => tools.map_err(|error| Arc::from(Chain(&error).to_string())),
            Err(_) => Err(format!("its list took longer than {} seconds", LIST_WITHIN.as_secs()).into()),
        };
        let listed = tools.map(|tools| Listed {
            version: version.fetch_add(1, Ordering::SeqCst),
            tools: tools.into(),
        });
        let mut list = self.list();
        list.asked.take_if(|(at, _)| *at == changes);
        if let Ok(listed) = &listed
            && list.known.as_ref().is_none_or(|(at, _)| *at < changes)
        {
            list.known = Some((changes, listed.clone()));
        }
        listed
    }

    async fn pages(&self) -> Result<Vec<Tool>, ServiceError> {
        let peer = self.connection.peer();
        let mut tools = Vec::new();
        let mut cursor = None;
        for _ in 0..MAX_PAGES {
            let page = peer.list_tools(Some(PaginatedRequestParams::default().with_cursor(cursor)));
            let page = tokio::time::timeout(PAGE_WITHIN, page)
                .await
                .map_err(|_| ServiceError::Timeout { timeout: PAGE_WITHIN })??;
            tools.extend(page.tools.into_iter().map(tool));
            cursor = page.next_cursor;
            if cursor.is_none() || tools.len() >= MAX_TOOLS {
                break;
            }
        }
        if tools.len() > MAX_TOOLS {
            tracing::warn!(
                server = %self.name,
                tools = tools.len(),
                "an MCP server has more tools than are taken"
            );
            tools.truncate(MAX_TOOLS);
        }
        Ok(tools)
    }

    fn list(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
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

fn tool(listed: rmcp::model::Tool) -> Tool {
    let hints = listed.annotations.unwrap_or_default();
    Tool {
        is_idempotent: hints.read_only_hint == Some(true) || hints.idempotent_hint == Some(true),
        description: listed.description.unwrap_or_default().into_owned(),
        parameters: Value::Object(listed.input_schema.as_ref().clone()),
        name: listed.name.into_owned(),
    }
}
