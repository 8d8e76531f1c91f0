//! One server: started when it is needed, started again when it died, cut off when it hangs.

use std::pin::pin;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rmcp::model::ServerResult;
use rmcp::service::ServiceError;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::base::chain::Chain;
use crate::base::clock::Clock;
use crate::child::Launcher;

use super::connect;
use super::joint::{self, Joint};
use super::live::{Asked, Live};
use super::secrets::Secrets;
use super::{Answer, Error, Listed, Reach, Settings, result};

/// For the start of a program that may have to be found and loaded first.
const START_WITHIN: Duration = Duration::from_secs(60);

/// For whoever wants its tools, with a start and its list where there is none. Both go on when this is
/// over, and the next who asks finds them further on.
const TOOLS_WITHIN: Duration = Duration::from_secs(75);

/// After a call that was too slow: who does not even answer this hangs, and is replaced.
const PONG_WITHIN: Duration = Duration::from_secs(5);

/// Before a call over HTTP to a server that does nothing else for us: much shorter than a call.
const KNOWN_WITHIN: Duration = Duration::from_secs(5);

/// Between two starts of a server that keeps dying: doubled each time.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// For a child to end by itself when its worker does.
const GRACE: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct Server {
    name: Arc<str>,
    settings: Settings,
    secrets: Secrets,
    launcher: Launcher,
    clock: Clock,
    state: Mutex<State>,
    /// Nothing is started any more, and whoever waits for a start is told so.
    closing: CancellationToken,
    /// Lists that were seen.
    lists: Arc<AtomicU64>,
}

#[derive(Debug, Default)]
struct State {
    live: Option<Arc<Live>>,
    /// The next one, waits before it included: all who want it wait for the same start, and are told
    /// the same when it fails.
    starting: Option<Joint<Arc<Live>>>,
    /// Starts since a call last succeeded.
    starts: u32,
    /// On the monotonic clock.
    last_start: Duration,
}

impl Server {
    pub fn new(name: &str, settings: Settings, launcher: Launcher, clock: Clock) -> Self {
        Self {
            name: name.into(),
            secrets: Secrets::of(&settings.reach),
            settings,
            launcher,
            clock,
            state: Mutex::default(),
            closing: CancellationToken::new(),
            lists: Arc::default(),
        }
    }

    pub async fn tools(self: &Arc<Self>) -> Result<Listed, Error> {
        let listed = tokio::time::timeout(TOOLS_WITHIN, self.listed()).await;
        listed.unwrap_or_else(|_| {
            let seconds = TOOLS_WITHIN.as_secs();
            Err(self.unavailable(&format!("it did not list its tools within {seconds} seconds")))
        })
    }

    async fn listed(self: &Arc<Self>) -> Result<Listed, Error> {
        let live = self.live().await?;
        let reason = match live.tools(&self.lists).await {
            Ok(listed) => return Ok(listed),
            Err(reason) => reason,
        };
        match live.known() {
            // It may have no time to say what is new.
            Some(listed) if live.is_busy() => Ok(listed),
            _ => {
                // One that cannot say what it can do serves nobody.
                self.leave(&live).await;
                Err(self.unavailable(&reason))
            }
        }
    }

    pub async fn call(self: &Arc<Self>, tool: &str, arguments: &Value) -> Result<Answer, Error> {
        let limit = self.settings.call_timeout;
        let mut over = pin!(tokio::time::sleep(limit));
        let asked = tokio::select! {
            asked = self.ask(tool, arguments) => asked?,
            () = &mut over => return Err(Error::Unavailable {
                reason: format!("it was not ready for the call within {} seconds", limit.as_secs_f64()),
            }),
        };
        let live = Arc::clone(&asked.live);
        let answer = tokio::select! {
            answer = asked.answer() => Some(answer),
            () = &mut over => None,
        };
        match answer {
            Some(Ok(ServerResult::CallToolResult(answer))) => {
                self.state().starts = 0;
                Ok(result::read(answer))
            }
            Some(Ok(_)) => Err(Error::Refused {
                message: "the server answered something that is no result of a tool; it may want to ask a person, which it cannot here".to_owned(),
            }),
            Some(Err(ServiceError::McpError(error))) => Err(Error::Refused {
                message: self.secrets.replace(&error.message),
            }),
            Some(Err(error)) => {
                self.leave(&live).await;
                let reason = self.secrets.hide(&Chain(&error).to_string());
                Err(Error::BrokenOff { reason })
            }
            None => {
                if !live.answers(PONG_WITHIN).await {
                    tracing::warn!(server = %self.name, "an MCP server hangs and is replaced");
                    self.leave(&live).await;
                }
                Err(Error::TooSlow { limit })
            }
        }
    }

    /// Sends a call to a server that can be called.
    async fn ask(self: &Arc<Self>, tool: &str, arguments: &Value) -> Result<Asked, Error> {
        loop {
            let live = self.lively().await?;
            match live.ask(tool, arguments).await {
                Some(Ok(asked)) => return Ok(asked),
                Some(Err(error)) => {
                    self.leave(&live).await;
                    return Err(self.unavailable(&Chain(&error).to_string()));
                }
                // Somebody left it meanwhile, and the next is another.
                None => {}
            }
        }
    }

    fn unavailable(&self, reason: &str) -> Error {
        Error::Unavailable {
            reason: self.secrets.hide(reason),
        }
    }

    /// A server that can be called. One at an address is asked first whether it still knows us: after
    /// a restart some answer calls of an old session in a way that belongs to no call. While it works
    /// on calls it is not asked, for some do one thing at a time; were they of an old session, then
    /// the first to reach its limit finds out.
    async fn lively(self: &Arc<Self>) -> Result<Arc<Live>, Error> {
        let live = self.live().await?;
        let is_asked = matches!(self.settings.reach, Reach::Http { .. }) && !live.is_busy();
        if is_asked && !live.answers(KNOWN_WITHIN).await && !live.is_busy() {
            tracing::warn!(
                server = %self.name,
                "an MCP server does not know us any more and is greeted anew"
            );
            self.leave(&live).await;
            return self.live().await;
        }
        Ok(live)
    }

    /// Leaves this connection to the calls that it works on: the next caller starts another.
    async fn leave(&self, live: &Arc<Live>) {
        self.state().live.take_if(|current| Arc::ptr_eq(current, live));
        live.leave(&self.closing).await;
    }

    pub async fn close(&self) {
        self.closing.cancel();
        let live = self.state().live.take();
        if let Some(live) = live {
            live.connection.end(GRACE).await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The running server, started when there is none.
    async fn live(self: &Arc<Self>) -> Result<Arc<Live>, Error> {
        let starting = {
            let mut state = self.state();
            match &state.live {
                Some(live) if !live.connection.is_closed() => return Ok(Arc::clone(live)),
                Some(_) => {
                    tracing::warn!(server = %self.name, "an MCP server has ended and is started again");
                    state.live = None;
                }
                None => {}
            }
            match &state.starting {
                Some(starting) if starting.peek().is_none() => starting.clone(),
                _ => self.start(&mut state),
            }
        };
        starting.await.map_err(|reason| Error::Unavailable {
            reason: reason.to_string(),
        })
    }

    fn start(self: &Arc<Self>, state: &mut State) -> Joint<Arc<Live>> {
        let now = self.clock.monotonic();
        let mut wait = Duration::ZERO;
        if state.starts > 1 {
            let between = FIRST_WAIT * 2_u32.saturating_pow(state.starts - 2);
            wait = (state.last_start + between.min(LONGEST_WAIT)).saturating_sub(now);
        }
        state.starts = state.starts.saturating_add(1);
        state.last_start = now + wait;
        let server = Arc::clone(self);
        let starting = joint::begin(async move {
            let started = tokio::select! {
                biased;
                () = server.closing.cancelled() => Err("this process is ending".into()),
                started = server.connected(wait) => started,
            };
            let mut state = server.state();
            state.starting = None;
            // One that came up while everything was closed would be closed by nobody.
            state.live = started
                .as_ref()
                .ok()
                .filter(|_| !server.closing.is_cancelled())
                .cloned();
            started
        });
        state.starting = Some(starting.clone());
        starting
    }

    async fn connected(&self, wait: Duration) -> Result<Arc<Live>, Arc<str>> {
        tokio::time::sleep(wait).await;
        let changes = Arc::<AtomicU64>::default();
        let connected = connect::connect(
            &self.launcher,
            &self.settings.reach,
            &self.secrets,
            Arc::clone(&changes),
        );
        let connection = tokio::time::timeout(START_WITHIN, connected)
            .await
            .map_err(|_| format!("it did not begin within {} seconds", START_WITHIN.as_secs()))??;
        tracing::info!(server = %self.name, "an MCP server is there");
        Ok(Arc::new(Live::new(Arc::clone(&self.name), connection, changes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn closing_waits_for_no_server_that_is_being_started() {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("listens");
        let address = silent.local_addr().expect("an address");
        let settings = Settings {
            reach: Reach::Http {
                url: format!("http://{address}/mcp"),
                headers: Vec::new(),
            },
            call_timeout: Duration::from_secs(60),
        };
        let server = Arc::new(Server::new(
            "silent",
            settings,
            Launcher::this_program(),
            Clock::system(),
        ));
        let waiting = tokio::spawn({
            let server = Arc::clone(&server);
            async move { server.tools().await }
        });
        // It is greeted, and says nothing.
        let _greeted = silent.accept().await.expect("a connection");
        let soon = Duration::from_secs(10);
        tokio::time::timeout(soon, server.close())
            .await
            .expect("closes at once");
        assert!(matches!(
            waiting.await.expect("ends"),
            Err(Error::Unavailable { .. })
        ));
        assert!(
            matches!(server.tools().await, Err(Error::Unavailable { .. })),
            "nothing is started any more"
        );
    }
}
