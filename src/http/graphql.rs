//! `/graphql`: our schema on the `wire` crate, which speaks the protocols. What is ours stands
//! here: who is asking, the limits, what someone may who is nobody yet, and that sockets end with
//! the credential that opened them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use futures::future::BoxFuture;
use http::request::Parts;
use serde_json::Value as Json;
use uuid::Uuid;
use wire::{
    Admit, Authenticate, Caller, Close, Connections, CursorField, DocumentLimits, Guest, HttpLimits,
    Identity, Origins, Refusal, Settings, SocketLimits, UploadLimits, Wire,
};

use super::{Deps, auth, observe, origin};
use crate::domain::access::{Credential, Renewal, Viewer};
use crate::graphql as api;
use crate::graphql::session::{Door, Guesses};

/// How often a credential's watch looks whether there is still a socket to end.
const WATCHED_FOR: Duration = Duration::from_secs(60);

/// From a change of access to the end of its sockets, which know the viewer as they were.
const SAY_FIRST: Duration = Duration::from_millis(500);

/// For the files of one request to come: 500 MB, the default settings' most, at 14 Mbit/s.
pub(super) const UPLOAD_TIME: Duration = Duration::from_secs(300);

/// The schema's routes, and a handle on its open sockets and streams.
pub(super) fn mount<S: Clone + Send + Sync + 'static>(deps: &Arc<Deps>) -> (Router<S>, Connections) {
    let watch = Arc::new(Watch::default());
    let http = &deps.settings;
    let number = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    let settings = Settings {
        document: DocumentLimits {
            depth: deps.limits.max_depth,
            aliases: deps.limits.max_aliases,
            introspection: deps.limits.introspection,
            ..DocumentLimits::default()
        },
        http: HttpLimits {
            body_bytes: number(http.max_body_bytes),
            time: http.request_timeout,
            ..HttpLimits::default()
        },
        upload: UploadLimits {
            file_bytes: http.max_upload_bytes,
            files: http.max_upload_files as usize,
            total_bytes: http.max_upload_bytes.saturating_mul(http.max_upload_files.into()),
            time: UPLOAD_TIME,
        },
        socket: SocketLimits {
            message_bytes: number(http.max_body_bytes),
            ..SocketLimits::default()
        },
        ..Settings::default()
    };
    let wire = Wire::builder(deps.schema.clone(), api::sdl())
        .settings(settings)
        .authenticate(Callers {
            deps: Arc::clone(deps),
            watch: Arc::clone(&watch),
        })
        .admit(Rates(deps.schema.data::<api::Throttle>().cloned()))
        .origins(Origins::Custom(Arc::new({
            let (own, others) = (deps.own(), deps.others());
            // Sockets of others have a token to show: no cookie of theirs is believed.
            move |headers| own.asks(headers, false) || others.ask(headers)
        })))
        .resume(CursorField("cursor".to_owned()))
        .build()
        .expect("our own schema is valid");
    let connections = wire.connections();
    watch.over(deps.renewal.clone(), connections.clone());
    (wire.routes("/graphql"), connections)
}

/// Counts the operations of each token. What they cost is charged by the schema, which knows it.
struct Rates(Option<api::Throttle>);

impl Admit for Rates {
    fn arrive(&self, caller: Caller<'_>) -> Result<(), Refusal> {
        let Some((throttle, viewer)) = self.0.as_ref().zip(caller.get::<Viewer>()) else {
            return Ok(());
        };
        throttle
            .arrive(viewer.credential.id())
            .map_err(|wait| Refusal::rate_limited("too many operations of this token within a minute", wait))
    }
}

/// What someone without credentials may: become someone. Its field has to be the operation's only
/// one, so that one request is one guess.
const OPEN: &[&str] = &["signIn"];

/// Largest body of a sign-in: its document, a secret, and what clients add.
const SIGN_IN_BYTES: usize = 8 * 1024;

/// For that body to come.
const SIGN_IN_TIME: Duration = Duration::from_secs(10);

/// Finds who is asking.
struct Callers {
    deps: Arc<Deps>,
    watch: Arc<Watch>,
}

impl Authenticate for Callers {
    fn request<'a>(&'a self, parts: &'a Parts) -> BoxFuture<'a, Result<Identity, Refusal>> {
        Box::pin(async {
            let is_safe = auth::is_safe(&parts.method);
            let found = auth::identify(&self.deps, &parts.headers, &parts.extensions, is_safe).await;
            let (session, mut identity) = match found {
                Ok(viewer) => (session(&viewer), identity(viewer)),
                // Nobody signs in by what changes nothing, nor from a page of another site.
                Err(auth::Refused::Nothing) if !is_safe && self.deps.own().asks(&parts.headers, true) => {
                    (None, guest())
                }
                Err(refused) => return Err(refuse(refused, parts, auth::NOTHING)),
            };
            identity.data.insert(observe::id(&parts.extensions));
            identity.data.insert(self.door(parts, session));
            Ok(identity)
        })
    }

    fn connection<'a>(
        &'a self,
        parts: &'a Parts,
        payload: &'a Json,
    ) -> BoxFuture<'a, Result<Identity, Refusal>> {
        Box::pin(async {
            let found = match payload_secret(payload) {
                Some(token) => auth::by_token(&self.deps, token, &parts.extensions).await,
                // An upgrade is a GET, but what follows may change things.
                None => auth::identify(&self.deps, &parts.headers, &parts.extensions, false).await,
            };
            let viewer = found.map_err(|refused| refuse(refused, parts, NO_PAYLOAD_TOKEN))?;
            self.watch.follow(&viewer);
            let mut identity = identity(viewer);
            identity.data.insert(observe::id(&parts.extensions));
            Ok(identity)
        })
    }
}

impl Callers {
    fn door(&self, parts: &Parts, session: Option<Uuid>) -> Door {
        let settings = &self.deps.settings;
        Door {
            guesses: Arc::new(FromHere {
                strangers: self.deps.strangers.clone(),
                address: auth::address(&parts.extensions),
            }),
            lasts: settings.session,
            cookie: settings.cookie(),
            session,
        }
    }
}

/// The guesses of one address.
#[derive(Debug)]
struct FromHere {
    strangers: auth::Strangers,
    address: Option<IpAddr>,
}

impl Guesses for FromHere {
    fn check(&self, secret: &str) -> Result<(), Duration> {
        match self.address {
            Some(address) => self.strangers.check(address, secret),
            None => Ok(()),
        }
    }

    fn learn(&self, secret: &str, is_valid: bool) {
        if let Some(address) = self.address {
            self.strangers.learn(address, secret, is_valid);
        }
    }
}

fn session(viewer: &Viewer) -> Option<Uuid> {
    match viewer.credential {
        Credential::Session(id) => Some(id),
        Credential::Token(_) => None,
    }
}

fn identity(viewer: Viewer) -> Identity {
    let key = viewer.credential.id().simple().to_string();
    Identity::with(viewer).keyed(key)
}

fn guest() -> Identity {
    Identity {
        guest: Some(Guest {
            refusal: Refusal::unauthenticated(auth::NOTHING),
            root_fields: OPEN,
            body_bytes: SIGN_IN_BYTES,
            body_time: SIGN_IN_TIME,
        }),
        ..Identity::default()
    }
}

fn refuse(refused: auth::Refused, parts: &Parts, nothing: &str) -> Refusal {
    match refused {
        auth::Refused::Nothing => Refusal::unauthenticated(nothing),
        auth::Refused::Unknown => Refusal::unauthenticated(auth::BAD_TOKEN),
        auth::Refused::Foreign => Refusal::forbidden(origin::FOREIGN),
        auth::Refused::TooOften(wait) => Refusal::rate_limited(auth::TOO_OFTEN, wait),
        auth::Refused::Failed => {
            let id = observe::id(&parts.extensions);
            Refusal {
                status: http::StatusCode::SERVICE_UNAVAILABLE,
                code: wire::code::INTERNAL,
                message: format!("the server failed; its log has request {}", id.0),
                retry_after: Some(Duration::from_secs(1)),
            }
        }
    }
}

const NO_PAYLOAD_TOKEN: &str = "send a token in the payload of connection_init, as Authorization, or sign in";

/// Clients differ in where they put it; the secret may stand with or without `Bearer`.
fn payload_secret(payload: &Json) -> Option<&str> {
    let text = [
        "/Authorization",
        "/authorization",
        "/headers/Authorization",
        "/headers/authorization",
        "/token",
    ]
    .iter()
    .find_map(|pointer| payload.pointer(pointer)?.as_str())?;
    auth::secret(text).or_else(|| {
        let text = text.trim();
        (!text.is_empty() && !text.contains(' ')).then_some(text)
    })
}

/// Ends the sockets of a credential that was revoked or has expired, or whose user is not any more what
/// they were when the socket opened; also those on which nothing runs.
#[derive(Default)]
struct Watch {
    parts: Mutex<Option<(Renewal, Connections)>>,
    /// When each credential last opened a socket; its task ends a while after the last.
    followed: Mutex<HashMap<Credential, tokio::time::Instant>>,
}

impl Watch {
    fn over(&self, renewal: Renewal, connections: Connections) {
        *self.parts.lock().expect("no holder panics") = Some((renewal, connections));
    }

    fn follow(self: &Arc<Self>, viewer: &Viewer) {
        let Some((renewal, connections)) = self.parts.lock().expect("no holder panics").clone() else {
            return;
        };
        let credential = viewer.credential;
        let now = tokio::time::Instant::now();
        let known = self
            .followed
            .lock()
            .expect("no holder panics")
            .insert(credential, now);
        if known.is_some() {
            return;
        }
        let mut access = renewal.follow(viewer);
        let watch = Arc::clone(self);
        tokio::spawn(async move {
            let key = credential.id().simple().to_string();
            let mut known = access.borrow_and_update().clone();
            loop {
                tokio::select! {
                    // An error says that nobody renews it any more: no access either.
                    changed = access.changed() => {
                        let now = access.borrow_and_update().clone();
                        if changed.is_err() || now.is_none() {
                            watch.followed.lock().expect("no holder panics").remove(&credential);
                            connections.close(&key, &Close::forbidden());
                            return;
                        }
                        if now != known {
                            // Streams say what they lost; then clients come back as what they are now.
                            tokio::time::sleep(SAY_FIRST).await;
                            connections.close(&key, &Close::new(1012, "access has changed"));
                            known = now;
                        }
                    }
                    () = tokio::time::sleep(WATCHED_FOR) => {
                        let mut followed = watch.followed.lock().expect("no holder panics");
                        let is_recent = followed.get(&credential).is_some_and(|at| at.elapsed() < WATCHED_FOR);
                        if !is_recent && connections.count_of(&key) == 0 {
                            followed.remove(&credential);
                            return;
                        }
                    }
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_token_is_found_wherever_clients_put_it() {
        for payload in [
            json!({"Authorization": "Bearer abc"}),
            json!({"authorization": "bearer abc"}),
            json!({"headers": {"Authorization": "Bearer abc"}}),
            json!({"token": "abc"}),
        ] {
            assert_eq!(payload_secret(&payload), Some("abc"), "{payload}");
        }
        for payload in [
            json!({}),
            json!({"Authorization": "Basic abc"}),
            json!({"token": 5}),
            json!(null),
        ] {
            assert_eq!(payload_secret(&payload), None, "{payload}");
        }
    }
}
