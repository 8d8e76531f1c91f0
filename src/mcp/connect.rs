//! The two ways to a server.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use rmcp::model::{ClientCapabilities, ClientConfig, Implementation};
use rmcp::service::{NotificationContext, Peer, RunningService};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::async_rw::AsyncRwTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{ClientHandler, RoleClient, ServiceExt};
use secrecy::{ExposeSecret, SecretString};

use crate::base::chain::Chain;
use crate::base::tls;
use crate::child::{Child, Launcher, Program};

use super::Reach;
use super::secrets::Secrets;

/// One message of a server: what its greatest result may be, an image in base64 among it.
const MAX_MESSAGE_BYTES: usize = 32 * 1024 * 1024;

/// For a child that broke off in its greeting to end.
const LAST_WORDS_WITHIN: Duration = Duration::from_secs(1);

const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// Calls of one server that are worked on at once; more wait. A worker's runs are 16 unless said
/// otherwise, and a turn of each may have several.
pub(super) const CALLS_AT_ONCE: u32 = 64;

/// Beside calls: signs of life and pages of lists, which must not wait behind them.
const OTHERS_AT_ONCE: usize = 16;

/// A server that has introduced itself.
#[derive(Debug)]
pub(super) struct Connection {
    service: RunningService<RoleClient, Handler>,
    /// Taken when it is ended; dropped, it ends too.
    child: Mutex<Option<Child>>,
}

impl Connection {
    pub fn peer(&self) -> &Peer<RoleClient> {
        self.service.peer()
    }

    pub fn is_closed(&self) -> bool {
        self.service.is_closed() || self.service.is_transport_closed()
    }

    /// Ends it; what waits for an answer is told that there will be none. A child has until the end of
    /// the grace to end by itself, and is then killed with all that it started.
    pub async fn end(&self, grace: Duration) {
        self.service.cancellation_token().cancel();
        let child = self.child.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(child) = child {
            child.end_within(grace).await;
        }
    }
}

/// What the server may tell us unasked. Whatever it asks is refused.
#[derive(Debug)]
pub(super) struct Handler {
    /// How often the list has changed.
    changes: Arc<AtomicU64>,
}

impl ClientHandler for Handler {
    async fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.changes.fetch_add(1, Ordering::SeqCst);
    }

    fn get_info(&self) -> ClientConfig {
        let ours = Implementation::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
        ClientConfig::new(ClientCapabilities::default(), ours)
    }
}

/// Starts or reaches a server and greets it; or says why not, without its secrets. Aborted by
/// dropping the future: a child that was started ends with it.
pub(super) async fn connect(
    launcher: &Launcher,
    reach: &Reach,
    secrets: &Secrets,
    changes: Arc<AtomicU64>,
) -> Result<Connection, String> {
    let handler = Handler { changes };
    match reach {
        Reach::Child {
            command,
            arguments,
            environment,
        } => {
            let program = Program {
                file: command.into(),
                arguments: arguments.iter().map(Into::into).collect(),
                environment: environment
                    .iter()
                    .map(|(name, value)| (name.into(), value.expose_secret().into()))
                    .collect(),
                ..Program::default()
            };
            let mut child = launcher
                .start(&program)
                .map_err(|error| Chain(&error).to_string())?;
            let (Some(output), Some(input)) = (child.stdout.take(), child.stdin.take()) else {
                return Err("the child has no standard input and output".to_owned());
            };
            let transport = AsyncRwTransport::new(output, input).with_max_line_length(MAX_MESSAGE_BYTES);
            match handler.serve(transport).await {
                Ok(service) => Ok(Connection {
                    service,
                    child: Mutex::new(Some(child)),
                }),
                Err(error) => {
                    // What it wrote last says more than that it is gone.
                    let _ = tokio::time::timeout(LAST_WORDS_WITHIN, child.wait()).await;
                    let why = secrets.hide(&Chain(&error).to_string());
                    Err(format!("{why}; it said: {:?}", secrets.hide_tail(&child.said())))
                }
            }
        }
        Reach::Http { url, headers } => {
            tls::use_ring();
            let client = reqwest::Client::builder()
                .no_proxy()
                .connect_timeout(CONNECT_WITHIN)
                // The headers are meant for this server, not for where it points.
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .map_err(|error| Chain(&error).to_string())?;
            let config = StreamableHttpClientTransportConfig::with_uri(url.as_str())
                .custom_headers(headers_of(headers)?)
                .max_concurrent_requests(CALLS_AT_ONCE as usize + OTHERS_AT_ONCE)
                .max_sse_event_size(MAX_MESSAGE_BYTES)
                .max_json_response_size(MAX_MESSAGE_BYTES);
            let transport = StreamableHttpClientTransport::with_client(client, config);
            let service = handler
                .serve(transport)
                .await
                .map_err(|error| secrets.hide(&Chain(&error).to_string()))?;
            Ok(Connection {
                service,
                child: Mutex::default(),
            })
        }
    }
}

fn headers_of(headers: &[(String, SecretString)]) -> Result<HashMap<HeaderName, HeaderValue>, String> {
    let header = |(name, value): &(String, SecretString)| {
        let parsed = HeaderName::try_from(name.as_str()).map_err(|_| format!("{name} is no header"))?;
        let mut value = HeaderValue::try_from(value.expose_secret())
            .map_err(|_| format!("the value for {name} cannot be sent as a header"))?;
        value.set_sensitive(true);
        Ok((parsed, value))
    };
    headers.iter().map(header).collect()
}
