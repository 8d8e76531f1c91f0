//! The opening handshake over HTTP/1.1 (RFC 6455, section 4.2). Our own, for the stream has to stay at hand: what a
//! peer still sends after an error must be read and thrown away, or it never sees our close frame.

use axum::{body::Body, response::Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts};
use hyper::upgrade::OnUpgrade;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::fault::{Fault, code};

/// The only version (section 4.4).
pub(crate) const VERSION: &str = "13";

/// A handshake that can be accepted.
pub(super) struct Handshake {
    key: HeaderValue,
    protocol: &'static str,
    /// Gives the connection once the answer is out.
    pub(super) connection: OnUpgrade,
}

/// Whether the request asks for a WebSocket.
pub(crate) fn is_upgrade(parts: &Parts) -> bool {
    parts.method == Method::GET && has_token(&parts.headers, &header::UPGRADE, "websocket")
}

impl Handshake {
    /// Reads what the client asks for, and whether it speaks this protocol.
    pub(super) fn read(parts: &mut Parts, protocol: &'static str) -> Result<Self, Fault> {
        let headers = &parts.headers;
        let refuse =
            |message: String| Fault::transport(StatusCode::BAD_REQUEST, code::BAD_USER_INPUT, message);
        if headers
            .get(header::SEC_WEBSOCKET_VERSION)
            .is_none_or(|version| version != VERSION)
        {
            return Err(Fault::transport(
                StatusCode::UPGRADE_REQUIRED,
                code::BAD_USER_INPUT,
                format!("the only version of WebSockets is {VERSION}"),
            ));
        }
        if !has_token(headers, &header::CONNECTION, "upgrade") {
            return Err(refuse("a WebSocket's request says `Connection: Upgrade`".into()));
        }
        let key = headers
            .get(header::SEC_WEBSOCKET_KEY)
            .filter(|key| is_key(key.as_bytes()))
            .cloned()
            .ok_or_else(|| refuse("Sec-WebSocket-Key has to be 16 bytes in base64".into()))?;
        if !tokens(headers, &header::SEC_WEBSOCKET_PROTOCOL).any(|offered| offered == protocol.as_bytes()) {
            return Err(refuse(format!("the only subprotocol is {protocol}")));
        }
        // HTTP/1.0 has none.
        let connection = parts
            .extensions
            .remove::<OnUpgrade>()
            .ok_or_else(|| refuse("this connection cannot become a WebSocket".into()))?;
        Ok(Self {
            key,
            protocol,
            connection,
        })
    }

    /// The answer that accepts it.
    pub(super) fn answer(&self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(
            header::SEC_WEBSOCKET_PROTOCOL,
            HeaderValue::from_static(self.protocol),
        );
        if let Ok(accept) = HeaderValue::try_from(derive_accept_key(self.key.as_bytes())) {
            headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
        }
        response
    }
}

/// 16 bytes are 22 digits and two signs of padding.
fn is_key(key: &[u8]) -> bool {
    key.len() == 24
        && key.ends_with(b"==")
        && key[..22]
            .iter()
            .all(|digit| digit.is_ascii_alphanumeric() || matches!(digit, b'+' | b'/'))
}

/// The members of a header that is a list, however many lines it has.
fn tokens<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h [u8]> {
    headers
        .get_all(name)
        .into_iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
}

fn has_token(headers: &HeaderMap, name: &HeaderName, wanted: &str) -> bool {
    tokens(headers, name).any(|token| token.eq_ignore_ascii_case(wanted.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let whole = [
            ("connection", "keep-alive, Upgrade"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("sec-websocket-protocol", "graphql-ws, a"),
        ];
        for (name, value, status, words) in [
            ("sec-websocket-version", "8", 426, "version"),
            ("connection", "close", 400, "Connection: Upgrade"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ", 400, "base64"),
            ("sec-websocket-protocol", "graphql-ws", 400, "subprotocol"),
            // All is well but for the connection, and here there is none.
            ("upgrade", "WebSocket", 400, "cannot become"),
        ] {
            let mut request = http::Request::new(());
            for (name, value) in whole.into_iter().chain([(name, value)]) {
                request.headers_mut().insert(name, value.parse().unwrap());
            }
            let mut parts = request.into_parts().0;
            assert_eq!(is_upgrade(&parts), name == "upgrade");
            let fault = Handshake::read(&mut parts, "a").err().unwrap();
            assert_eq!(fault.status, status, "{name}");
            assert!(
                fault.errors[0].message.contains(words),
                "{name}: {}",
                fault.errors[0].message
            );
        }
    }
}
