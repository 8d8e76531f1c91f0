//! signIn and signOut: a browser's session, whose secret travels in a cookie that no script reads.

use std::time::Duration;

use async_graphql::{Context, ErrorExtensions, InputObject, Object, OneofObject, SimpleObject, Union};
use http::header::SET_COOKIE;

use super::refusals::InvalidCredentialError;
use crate::domain::access::Credential;
use crate::domain::sessions::{self, Proof};
use crate::graphql::deps;
use crate::graphql::errors::{Code, Result, bad_input, error, internal, viewer};
use crate::graphql::session::{Door, Session};

/// A token, or the code of a one-time sign-in link.
#[derive(OneofObject)]
pub enum SignInInput {
    /// An access token: the session ends with it.
    Token(String),
    /// What stands behind the # of a sign-in link: good once, for ten minutes.
    Code(String),
}

/// What became of it.
#[derive(SimpleObject)]
pub struct SignInPayload {
    /// The session, whose cookie comes with this answer; null exactly when errors is not empty.
    session: Option<Session>,
    /// Why nobody was signed in.
    errors: Vec<SignInError>,
}

/// Why nobody was signed in. Members may be added: handle the ones you know, and fall back on
/// UserError.message.
#[derive(Union)]
#[allow(missing_docs)] // each is the type it holds
pub enum SignInError {
    InvalidCredential(InvalidCredentialError),
}

/// How far to sign out.
#[derive(InputObject)]
pub struct SignOutInput {
    /// Also ends the viewer's other sessions.
    #[graphql(default = false)]
    everywhere: bool,
}

/// What became of it.
#[derive(SimpleObject)]
pub struct SignOutPayload {
    /// Whether a session ended. False for a caller with an access token who has none: tokens are
    /// ended by revokeAccessToken.
    signed_out: bool,
}

/// Resolves them.
#[derive(Default)]
pub struct SignIn;

#[Object]
impl SignIn {
    /// Begins a session and sets its cookie, which is then taken in place of a token by this API,
    /// also on WebSockets, and by downloads, from pages of this server alone. The one mutation that
    /// needs no credential: without one it has to be its operation's only field. Not over
    /// WebSocket, where an answer sets no cookie. Too many wrong tries end in RATE_LIMITED.
    async fn sign_in(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to sign in with.")] input: SignInInput,
    ) -> Result<SignInPayload> {
        let Some(door) = ctx.data_opt::<Door>() else {
            return Err(bad_input(
                "a WebSocket cannot set the session's cookie: sign in by POST",
            ));
        };
        let (proof, secret, field) = match &input {
            SignInInput::Token(token) => (Proof::Token(token), token.trim(), "token"),
            SignInInput::Code(code) => (Proof::Code(code), code.trim(), "code"),
        };
        if let Err(wait) = door.guesses.check(secret) {
            let seconds = wait.as_secs_f64().ceil() as u64;
            let message = format!("too many wrong tries to sign in; try again in {seconds} s");
            return Err(error(Code::RateLimited, message)
                .extend_with(|_, extensions| extensions.set("retryAfterSeconds", seconds)));
        }
        match sessions::sign_in(&deps(ctx).store, proof, door.lasts, door.session).await {
            Ok((viewer, cookie)) => {
                // A code is good once: to remember it would be of no use.
                if matches!(proof, Proof::Token(_)) {
                    door.guesses.learn(secret, true);
                }
                let ends = viewer.expires_at.unwrap_or(i64::MAX);
                let left = ends.saturating_sub(deps(ctx).store.clock.now());
                let left = Duration::from_millis(u64::try_from(left).unwrap_or(0));
                ctx.append_http_header(SET_COOKIE, door.cookie.set(&cookie, left));
                Ok(SignInPayload {
                    session: Some(Session(viewer)),
                    errors: Vec::new(),
                })
            }
            Err(sessions::Error::Invalid) => {
                door.guesses.learn(secret, false);
                Ok(SignInPayload {
                    session: None,
                    errors: vec![InvalidCredentialError::of(field).into()],
                })
            }
            Err(sessions::Error::Fault(fault)) => Err(internal(ctx, &fault)),
        }
    }

    /// Ends the viewer's session, and clears its cookie. Its sockets and streams end within five
    /// seconds.
    async fn sign_out(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How far.")] input: SignOutInput,
    ) -> Result<SignOutPayload> {
        let viewer = viewer(ctx)?;
        let signed_out = sessions::sign_out(&deps(ctx).store, viewer, input.everywhere)
            .await
            .map_err(|fault| internal(ctx, &fault))?;
        if let (Some(door), Credential::Session(_)) = (ctx.data_opt::<Door>(), viewer.credential) {
            ctx.append_http_header(SET_COOKIE, door.cookie.clear());
        }
        Ok(SignOutPayload { signed_out })
    }
}
