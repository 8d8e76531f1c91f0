//! The cookie in which a browser carries its session: its name and its two texts (RFC 6265, and
//! `SameSite` of its successor's draft). It knows neither what a session is nor who holds one.

use std::time::Duration;

/// How the cookie is named and guarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cookie {
    /// Browsers then send it over https alone.
    pub is_secure: bool,
}

impl Cookie {
    /// Its name. Under https it has the prefix with which browsers take it from this very host
    /// alone, and never from a neighbour's subdomain or over plain http.
    pub fn name(self) -> &'static str {
        if self.is_secure {
            "__Host-agentic_session"
        } else {
            "agentic_session"
        }
    }

    /// `Set-Cookie` for a secret that is worth something for this long.
    pub fn set(self, secret: &str, lasts: Duration) -> String {
        self.text(secret, lasts.as_secs())
    }

    /// `Set-Cookie` that makes the browser forget it.
    pub fn clear(self) -> String {
        self.text("", 0)
    }

    // Strict: no other site's link, form or script makes a browser send it. The page itself needs
    // none to load, and then asks as the same site.
    fn text(self, value: &str, max_age: u64) -> String {
        let secure = if self.is_secure { "; Secure" } else { "" };
        format!(
            "{}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Strict{secure}",
            self.name()
        )
    }

    /// The secret in a `Cookie` header.
    pub fn read(self, header: &str) -> Option<&str> {
        header
            .split(';')
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(name, _)| *name == self.name())
            .map(|(_, value)| value)
            .filter(|value| !value.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_is_read_back_among_others() {
        for is_secure in [false, true] {
            let cookie = Cookie { is_secure };
            let set = cookie.set("s3cret", Duration::from_secs(60));
            let sent = format!("a=b; {}; agentic=x", set.split(';').next().expect("a pair"));
            assert_eq!(cookie.read(&sent), Some("s3cret"));
            assert_eq!(set.ends_with("; Secure"), is_secure);
            assert!(set.contains("; HttpOnly; SameSite=Strict") && set.contains("; Max-Age=60;"));
        }
        let plain = Cookie { is_secure: false };
        assert!(plain.clear().starts_with("agentic_session=; Path=/; Max-Age=0;"));
        for nothing in ["", "agentic_session", "agentic_session=", "x_agentic_session=1"] {
            assert_eq!(plain.read(nothing), None, "{nothing}");
        }
    }
}
