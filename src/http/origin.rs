//! Whether a request comes from a page of this server. A browser adds a cookie to whatever it
//! sends here, whoever wrote the page that asked for it; so what is believed because of a cookie
//! has to come from our own pages. Pages elsewhere that the operator names bring a token, and
//! their browsers are told to let them ([`Others`]).

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use tower_http::cors::CorsLayer;
use url::Url;

/// Set by browsers, and by no page (Fetch Metadata).
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What a page elsewhere is told.
pub(super) const FOREIGN: &str = "requests with the session's cookie have to come from this server's own pages (behind a proxy AGENTIC_PUBLIC_URL has to name it); others send a token";

/// Which origin is ours.
#[derive(Debug, Clone)]
pub(super) struct Own {
    public: Option<String>,
}

impl Own {
    /// The origin of this address; without one, that of the host which a request names.
    pub fn new(public_url: Option<&str>) -> Self {
        // Settings are checked: it is an origin.
        let public = public_url.and_then(|url| Url::parse(url).ok());
        Self {
            public: public.map(|url| url.origin().ascii_serialization()),
        }
    }

    /// True when a page of ours asks, or what its user typed (only where nothing is changed:
    /// `is_safe`). A request that says nothing about where it comes from is believed where nothing
    /// is changed: browsers leave `Origin` out of those, and older ones the rest too.
    pub fn asks(&self, headers: &HeaderMap, is_safe: bool) -> bool {
        match headers.get(SITE).map(|site| site.as_bytes()) {
            // Whatever a proxy made of the host.
            Some(b"same-origin") => return true,
            Some(b"none") if is_safe => return true,
            Some(_) => return false,
            None => {}
        }
        match headers.get(header::ORIGIN) {
            Some(origin) => origin.to_str().is_ok_and(|origin| self.is(origin, headers)),
            None => is_safe,
        }
    }

    fn is(&self, origin: &str, headers: &HeaderMap) -> bool {
        if let Some(public) = &self.public {
            return public.eq_ignore_ascii_case(origin);
        }
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let of_origin = origin.split_once("://").map(|(_, host)| host);
        host.zip(of_origin)
            .is_some_and(|(host, origin)| host.eq_ignore_ascii_case(origin))
    }
}

/// Which pages elsewhere may use the API.
#[derive(Debug, Clone)]
pub(super) struct Others(Vec<HeaderValue>);

impl Others {
    /// Pages of these origins.
    pub fn new(origins: &[String]) -> Self {
        // Settings are checked: each is one.
        let read =
            |url: &String| HeaderValue::try_from(Url::parse(url).ok()?.origin().ascii_serialization()).ok();
        Self(origins.iter().filter_map(read).collect())
    }

    /// Whether one of them asks.
    pub fn ask(&self, headers: &HeaderMap) -> bool {
        headers
            .get(header::ORIGIN)
            .is_some_and(|origin| self.0.contains(origin))
    }

    /// What tells their browsers (Fetch, section 3.3); nothing where there are none. Without
    /// credentials: cookies stay at home.
    pub fn cors(&self) -> Option<CorsLayer> {
        const ASKED: [HeaderName; 9] = [
            header::ACCEPT,
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            HeaderName::from_static("apollo-require-preflight"),
            HeaderName::from_static("apollographql-client-name"),
            HeaderName::from_static("apollographql-client-version"),
            HeaderName::from_static("graphql-require-preflight"),
            HeaderName::from_static("last-event-id"),
            super::observe::REQUEST_ID,
        ];
        let layer = || {
            CorsLayer::new()
                .allow_origin(self.0.clone())
                .allow_methods([Method::GET, Method::POST])
                .allow_headers(ASKED)
                .expose_headers([
                    header::CONTENT_DISPOSITION,
                    header::RETRY_AFTER,
                    super::observe::REQUEST_ID,
                ])
                .max_age(PREFLIGHT_FOR)
        };
        (!self.0.is_empty()).then(layer)
    }
}

/// How long browsers keep what they may; they cap it at this or less.
const PREFLIGHT_FOR: Duration = Duration::from_secs(2 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "a.example:8000".parse().expect("a value"));
        for (name, value) in pairs {
            let name: HeaderName = name.parse().expect("a name");
            headers.insert(name, value.parse().expect("a value"));
        }
        headers
    }

    #[test]
    fn our_own_pages_ask_and_no_others() {
        let own = Own::new(None);
        for (pairs, changes, reads) in [
            (&[][..], false, true),
            (&[("origin", "http://a.example:8000")], true, true),
            (&[("origin", "http://b.example:8000")], false, false),
            (&[("origin", "http://a.example")], false, false),
            (&[("origin", "null")], false, false),
            (&[("sec-fetch-site", "same-origin")], true, true),
            (&[("sec-fetch-site", "none")], false, true),
            (&[("sec-fetch-site", "same-site")], false, false),
            (
                &[
                    ("sec-fetch-site", "cross-site"),
                    ("origin", "http://a.example:8000"),
                ],
                false,
                false,
            ),
        ] {
            let headers = headers(pairs);
            assert_eq!(own.asks(&headers, false), changes, "{pairs:?}");
            assert_eq!(own.asks(&headers, true), reads, "{pairs:?}");
        }
    }

    #[test]
    fn behind_a_proxy_the_public_address_counts_and_not_the_host() {
        let own = Own::new(Some("https://Agents.example:443"));
        assert!(own.asks(&headers(&[("origin", "https://agents.example")]), false));
        for foreign in [
            "http://agents.example",
            "http://a.example:8000",
            "https://agents.example:8443",
        ] {
            assert!(!own.asks(&headers(&[("origin", foreign)]), false), "{foreign}");
        }
    }
}
