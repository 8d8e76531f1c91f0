//! `/graphql`: our schema on the `wire` crate, which speaks the protocols. What is ours stands
//! here: who is asking, the limits, and that sockets end with the credential that opened them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use futures::future::BoxFuture;
use http::request::Parts;
use serde_json::Value as Json;
use uuid::Uuid;
use wire::{
    Admit, Authenticate, Caller, Close, Connections, CursorField, DocumentLimits, HttpLimits, Identity,
    Refusal, Settings, SocketLimits, UploadLimits, Wire,
};

use super::{Deps, auth, observe};
use crate::domain::access::{Renewal, Viewer};
use crate::graphql as api;

/// How often a credential's watch looks whether there is still a socket to end.
const WATCHED_FOR: Duration = Duration::from_secs(60);

/// From a change of access to the end of its sockets, which know the viewer as they were.
const SAY_FIRST: Duration = Duration::from_millis(500);

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
            ..UploadLimits::default()
        },
        socket: SocketLimits {
            message_bytes: number(http.max_body_bytes),
            ..SocketLimits::default()
        },
        ..Settings::default()
    };
    let wire = Wire::builder(deps.schema.clone(), api::sdl())
        .settings(settings)
        .authenticate(Bearer {
            deps: Arc::clone(deps),
            watch: Arc::clone(&watch),
        })
        .admit(Rates(deps.schema.data::<api::Throttle>().cloned()))
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
            .arrive(viewer.token_id)
            .map_err(|wait| Refusal::rate_limited("too many operations of this token within a minute", wait))
    }
}

/// Finds who is asking by their bearer token.
struct Bearer {
    deps: Arc<Deps>,
    watch: Arc<Watch>,
}

impl Authenticate for Bearer {
    fn request<'a>(&'a self, parts: &'a Parts) -> BoxFuture<'a, Result<Identity, Refusal>> {
        Box::pin(async {
            let secret =
                auth::bearer(&parts.headers).ok_or_else(|| Refusal::unauthenticated(auth::NO_TOKEN))?;
            let viewer = self.find(secret, parts).await?;
            Ok(self.identify(viewer, parts))
        })
    }

    fn connection<'a>(
        &'a self,
        parts: &'a Parts,
        payload: &'a Json,
    ) -> BoxFuture<'a, Result<Identity, Refusal>> {
        Box::pin(async {
            let secret = payload_secret(payload).or_else(|| auth::bearer(&parts.headers));
            let secret = secret.ok_or_else(|| Refusal::unauthenticated(NO_PAYLOAD_TOKEN))?;
            let viewer = self.find(secret, parts).await?;
            self.watch.follow(&viewer);
            Ok(self.identify(viewer, parts))
        })
    }
}

impl Bearer {
    async fn find(&self, secret: &str, parts: &Parts) -> Result<Viewer, Refusal> {
        match auth::find(&self.deps, secret, &parts.extensions).await {
            Ok(viewer) => Ok(viewer),
            Err(auth::Refused::Unknown) => Err(Refusal::unauthenticated(auth::BAD_TOKEN)),
            Err(auth::Refused::TooOften(wait)) => Err(Refusal::rate_limited(auth::TOO_OFTEN, wait)),
            Err(auth::Refused::Failed) => {
                let id = observe::id(&parts.extensions);
                Err(Refusal {
                    status: http::StatusCode::SERVICE_UNAVAILABLE,
                    code: wire::code::INTERNAL,
                    message: format!("the server failed; its log has request {}", id.0),
                    retry_after: Some(Duration::from_secs(1)),
                })
            }
        }
    }

    fn identify(&self, viewer: Viewer, parts: &Parts) -> Identity {
        let key = viewer.token_id.simple().to_string();
        let mut identity = Identity::with(viewer).keyed(key);
        identity.data.insert(observe::id(&parts.extensions));
        identity
    }
}

const NO_PAYLOAD_TOKEN: &str = "send a token in the payload of connection_init, as Authorization";

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

/// Ends the sockets of a token that was revoked or has expired, or whose user is not any more what
/// they were when the socket opened; also those on which nothing runs.
#[derive(Default)]
struct Watch {
    parts: Mutex<Option<(Renewal, Connections)>>,
    /// When each token last opened a socket; its task ends a while after the last.
    followed: Mutex<HashMap<Uuid, tokio::time::Instant>>,
}

impl Watch {
    fn over(&self, renewal: Renewal, connections: Connections) {
        *self.parts.lock().expect("no holder panics") = Some((renewal, connections));
    }

    fn follow(self: &Arc<Self>, viewer: &Viewer) {
        let Some((renewal, connections)) = self.parts.lock().expect("no holder panics").clone() else {
            return;
        };
        let token = viewer.token_id;
        let now = tokio::time::Instant::now();
        let known = self.followed.lock().expect("no holder panics").insert(token, now);
        if known.is_some() {
            return;
        }
        let mut access = renewal.follow(viewer);
        let watch = Arc::clone(self);
        tokio::spawn(async move {
            let key = token.simple().to_string();
            let mut known = access.borrow_and_update().clone();
            loop {
                tokio::select! {
                    // An error says that nobody renews it any more: no access either.
                    changed = access.changed() => {
                        let now = access.borrow_and_update().clone();
                        if changed.is_err() || now.is_none() {
                            watch.followed.lock().expect("no holder panics").remove(&token);
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
                        let is_recent = followed.get(&token).is_some_and(|at| at.elapsed() < WATCHED_FOR);
                        if !is_recent && connections.count_of(&key) == 0 {
                            followed.remove(&token);
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
