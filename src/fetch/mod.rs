//! Bytes from the web, for agents that read pages. What a page may be asked for is decided here:
//! `http` and `https` alone, by addresses of the public internet and the networks that the operator
//! allows. The address that was checked is the one that is connected to: the name is resolved once,
//! by [`Checked`], and the connection is made to what it lets through; each redirect is a request of
//! its own and is checked again. No proxy variable is read, no cookie and no credential is sent.
//!
//! It knows nothing of what a page says: see `runner::tools::fetch_page`.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::StreamExt;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, LOCATION};
use reqwest::{Client, StatusCode, Url, redirect};

use crate::base::network::{self, Network};
use crate::base::tls;

/// Redirects that browsers of old followed at most; more is a loop.
const MAX_REDIRECTS: usize = 10;

/// What a page may cost.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Networks that may be reached although they are not of the public internet.
    pub allowed: Vec<Network>,
    /// Of a page, after decompression.
    pub max_bytes: usize,
    /// From the request to the page's last byte, redirects included.
    pub timeout: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            allowed: Vec::new(),
            // Product pages are a tenth of that.
            max_bytes: 5 * 1024 * 1024,
            timeout: Duration::from_secs(30),
        }
    }
}

/// What was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Where it came from, after redirects.
    pub url: String,
    /// The header's value; empty when there was none.
    pub content_type: String,
    /// Decompressed.
    pub body: Vec<u8>,
}

/// Why there is no page. The text is for the model and people; nothing of it names an address that
/// only the server could know.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum Error {
    #[error("`{0}` is no address of a page: use http:// or https:// with a host")]
    NotAnAddress(String),
    #[error("{0} may not be fetched: it points into a network that this server keeps closed")]
    Closed(String),
    #[error("{0} does not exist: its name is not known")]
    UnknownHost(String),
    #[error("{url} answered {status}")]
    Status { url: String, status: StatusCode },
    #[error("{0} redirects more than {MAX_REDIRECTS} times")]
    TooManyRedirects(String),
    #[error("{url} is larger than {max_bytes} bytes")]
    TooLarge { url: String, max_bytes: usize },
    #[error("{url} did not answer within {seconds} seconds")]
    TimedOut { url: String, seconds: u64 },
    #[error("{url} could not be read: {reason}")]
    Broken { url: String, reason: &'static str },
    #[error("this server cannot open connections to the web")]
    Unavailable(#[source] Arc<reqwest::Error>),
}

/// Fetches pages. Clones share connections.
#[derive(Debug, Clone)]
pub struct Fetcher {
    rules: Arc<Rules>,
    // Made at the first use: it reads the system's certificates, which a machine without the web
    // may lack.
    client: Arc<OnceLock<Result<Client, Arc<reqwest::Error>>>>,
}

impl Fetcher {
    /// One that keeps to these rules.
    pub fn new(rules: Rules) -> Self {
        Self {
            rules: Arc::new(rules),
            client: Arc::default(),
        }
    }

    /// Fetches one page.
    ///
    /// # Errors
    /// When the address is none, is closed, or gives no page within the rules.
    pub async fn get(&self, url: &str) -> Result<Page, Error> {
        let parsed = Url::parse(url.trim()).map_err(|_| Error::NotAnAddress(shown(url)))?;
        match tokio::time::timeout(self.rules.timeout, self.follow(parsed)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Error::TimedOut {
                url: shown(url),
                seconds: self.rules.timeout.as_secs(),
            }),
        }
    }

    async fn follow(&self, mut url: Url) -> Result<Page, Error> {
        let first = shown(url.as_str());
        for _ in 0..=MAX_REDIRECTS {
            let answer = self.ask(&url).await?;
            let status = answer.status();
            if !status.is_redirection() {
                return self.read(&url, answer).await;
            }
            url = target(&url, answer.headers()).ok_or_else(|| Error::Status {
                url: shown(url.as_str()),
                status,
            })?;
        }
        Err(Error::TooManyRedirects(first))
    }

    async fn ask(&self, url: &Url) -> Result<reqwest::Response, Error> {
        let text = shown(url.as_str());
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Error::NotAnAddress(text));
        }
        let Some(host) = url.host() else {
            return Err(Error::NotAnAddress(text));
        };
        // A host that is an address is not resolved, so the resolver would not see it.
        let literal = match host {
            url::Host::Domain(_) => None,
            url::Host::Ipv4(address) => Some(IpAddr::V4(address)),
            url::Host::Ipv6(address) => Some(IpAddr::V6(address)),
        };
        if literal.is_some_and(|address| !self.rules.allow(address)) {
            return Err(Error::Closed(text));
        }
        let mut url = url.clone();
        // What stands before the @ is for no page that an agent was sent to.
        let without = url.set_username("").and_then(|()| url.set_password(None));
        if without.is_err() {
            return Err(Error::NotAnAddress(text));
        }
        let client = self.client()?;
        let request = client.get(url).header(
            ACCEPT,
            "text/html, application/xhtml+xml, text/plain, application/json;q=0.9, */*;q=0.1",
        );
        request.send().await.map_err(|error| broken(text, &error))
    }

    async fn read(&self, url: &Url, answer: reqwest::Response) -> Result<Page, Error> {
        let text = shown(url.as_str());
        let status = answer.status();
        if !status.is_success() {
            return Err(Error::Status { url: text, status });
        }
        let content_type = answer
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let mut body = Vec::new();
        let mut parts = answer.bytes_stream();
        while let Some(part) = parts.next().await {
            let part = part.map_err(|error| broken(text.clone(), &error))?;
            if body.len() + part.len() > self.rules.max_bytes {
                return Err(Error::TooLarge {
                    url: text,
                    max_bytes: self.rules.max_bytes,
                });
            }
            body.extend_from_slice(&part);
        }
        Ok(Page {
            url: without_credentials(url.as_str()),
            content_type,
            body,
        })
    }

    fn client(&self) -> Result<&Client, Error> {
        let made = self.client.get_or_init(|| {
            tls::use_ring();
            Client::builder()
                .no_proxy()
                .redirect(redirect::Policy::none())
                .dns_resolver(Arc::new(Checked(Arc::clone(&self.rules))))
                .connect_timeout(Duration::from_secs(10))
                .user_agent(concat!("agentic-executions/", env!("CARGO_PKG_VERSION")))
                .build()
                .map_err(Arc::new)
        });
        made.as_ref()
            .map_err(|error| Error::Unavailable(Arc::clone(error)))
    }
}

impl Rules {
    fn allow(&self, address: IpAddr) -> bool {
        network::is_public(address) || self.allowed.iter().any(|network| network.contains(address))
    }
}

/// Where a redirect leads; none when it does not say.
fn target(from: &Url, headers: &HeaderMap) -> Option<Url> {
    let location = headers.get(LOCATION)?;
    // Servers send bytes beyond ASCII there; browsers read them as UTF-8.
    from.join(std::str::from_utf8(location.as_bytes()).ok()?).ok()
}

/// Resolves a name to the addresses that may be connected to.
struct Checked(Arc<Rules>);

/// A name whose addresses are all closed.
#[derive(Debug, thiserror::Error)]
#[error("every address of the name is closed")]
struct AllClosed;

/// A name that has no address.
#[derive(Debug, thiserror::Error)]
#[error("the name has no address")]
struct NoAddress;

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let rules = Arc::clone(&self.0);
        Box::pin(async move {
            // The port is set by whoever connects.
            let found: Vec<SocketAddr> = match tokio::net::lookup_host((name.as_str(), 0)).await {
                Ok(found) => found.collect(),
                Err(_) => Vec::new(),
            };
            if found.is_empty() {
                return Err(NoAddress.into());
            }
            let open: Vec<SocketAddr> = found
                .into_iter()
                .filter(|address| rules.allow(address.ip()))
                .collect();
            if open.is_empty() {
                return Err(AllClosed.into());
            }
            Ok(Box::new(open.into_iter()) as Addrs)
        })
    }
}

fn broken(url: String, error: &reqwest::Error) -> Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(inner) = cause {
        if inner.is::<AllClosed>() {
            return Error::Closed(url);
        }
        if inner.is::<NoAddress>() {
            return Error::UnknownHost(url);
        }
        cause = inner.source();
    }
    // Which of the two it was is not told apart by the library: a body that ends early is, too, one
    // that cannot be decoded.
    let reason = if error.is_connect() {
        "no connection was made"
    } else {
        "the connection was cut, or what came is damaged"
    };
    Error::Broken { url, reason }
}

/// An address as messages show it: without credentials, and no longer than a line or three.
fn shown(url: &str) -> String {
    const LONGEST: usize = 300;
    let text = without_credentials(url);
    if text.chars().count() <= LONGEST {
        return text;
    }
    text.chars().take(LONGEST).chain(['…']).collect()
}

fn without_credentials(url: &str) -> String {
    let Ok(mut parsed) = Url::parse(url.trim()) else {
        return url.trim().to_owned();
    };
    // Only addresses without a host refuse, and those have none.
    let _ = parsed.set_username("");
    let _ = parsed.set_password(None);
    parsed.into()
}

#[cfg(test)]
mod tests;
