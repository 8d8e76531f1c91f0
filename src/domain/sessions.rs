//! Sessions: what a browser signs in to. A session is a credential of its own, known by its hash
//! alone; it ends by itself, when someone signs out, and with the access token it was made from.
//! Signing in takes a token, or the code of a one-time link.
//!
//! What carries the secret to the browser and back is none of its business.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entity::{session, sign_in_code};
use uuid::Uuid;

use super::access::{self, Credential, Viewer, hash_secret};
use super::{Fault, Store, faults};
use crate::base::clock::ms;
use crate::db;

/// How long a link is good for: time to open it, too little to be found in a scrollback.
pub const LINK_LASTS: Duration = Duration::from_secs(10 * 60);

/// What someone signs in with.
#[derive(Clone, Copy)]
pub enum Proof<'p> {
    /// An access token's secret.
    Token(&'p str),
    /// A sign-in link's code.
    Code(&'p str),
}

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Unknown, used, expired or revoked: which of them is nobody's business.
    #[error("the token or code is not valid")]
    Invalid,
    /// A fault.
    #[error(transparent)]
    Fault(#[from] Fault),
}

faults!(Error);

/// Begins a session of at most this length, in place of an earlier one of the same browser. Gives
/// its secret, which is kept nowhere.
///
/// # Errors
/// [`Error`].
pub async fn sign_in(
    store: &Store,
    proof: Proof<'_>,
    lasts: Duration,
    replaced: Option<Uuid>,
) -> Result<(Viewer, String), Error> {
    let secret = new_secret(store);
    let of_token = match proof {
        Proof::Token(token) => Some(
            access::authenticate(store, token.trim())
                .await?
                .ok_or(Error::Invalid)?,
        ),
        Proof::Code(_) => None,
    };
    let work = store.begin().await?;
    let (user_id, token_id) = match (proof, &of_token) {
        (Proof::Code(code), _) => {
            let hash = hash_secret(code.trim());
            let user = db::sessions::try_redeem(&work.tx, &hash, work.now).await?;
            (user.ok_or(Error::Invalid)?, None)
        }
        (Proof::Token(_), Some(viewer)) => (viewer.user_id, Some(viewer.credential.id())),
        (Proof::Token(_), None) => return Err(Error::Invalid),
    };
    let row = session::Model {
        id: work.id(),
        user_id,
        token_id,
        secret_hash: hash_secret(&secret),
        created_at: work.now,
        expires_at: work.now.saturating_add(ms(lasts)),
        ended_at: None,
    };
    db::sessions::insert(&work.tx, row).await?;
    if let Some(replaced) = replaced {
        db::sessions::end(&work.tx, replaced, work.now).await?;
    }
    work.commit().await?;
    // The token may have ended in between, and the session with it.
    let viewer = access::authenticate_session(store, &secret).await?;
    Ok((viewer.ok_or(Error::Invalid)?, secret))
}

/// Ends the viewer's session, or all of their sessions; says whether one ended. Access tokens
/// stay: they are revoked.
///
/// # Errors
/// When the database fails.
pub async fn sign_out(store: &Store, viewer: &Viewer, everywhere: bool) -> Result<bool, Fault> {
    let work = store.begin().await?;
    let mut ended = match viewer.credential {
        Credential::Session(id) => db::sessions::end(&work.tx, id, work.now).await?,
        Credential::Token(_) => false,
    };
    if everywhere {
        ended |= db::sessions::end_all(&work.tx, viewer.user_id, work.now).await? > 0;
    }
    work.commit().await?;
    Ok(ended)
}

/// Makes the code of a link with which a user signs in once, within [`LINK_LASTS`].
///
/// # Errors
/// When the database fails.
pub async fn create_code(store: &Store, user: Uuid) -> Result<String, Fault> {
    let code = new_secret(store);
    let work = store.begin().await?;
    let row = sign_in_code::Model {
        id: work.id(),
        user_id: user,
        secret_hash: hash_secret(&code),
        created_at: work.now,
        expires_at: work.now.saturating_add(ms(LINK_LASTS)),
        used_at: None,
    };
    db::sessions::insert_code(&work.tx, row).await?;
    work.commit().await?;
    Ok(code)
}

fn new_secret(store: &Store) -> String {
    URL_SAFE_NO_PAD.encode(store.ids.secret())
}
