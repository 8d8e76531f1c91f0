//! createAccessToken and revokeAccessToken.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::refusals::{Place, read_id};
use super::{AdminError, admin_refused};
use crate::base::id::Kind;
use crate::domain::administration::tokens;
use crate::graphql::access_token::AccessToken;
use crate::graphql::deps;
use crate::graphql::errors::{Result, viewer};
use crate::graphql::scalar::DateTime;

/// A token to make.
#[derive(InputObject)]
pub struct CreateAccessTokenInput {
    /// For people, to tell tokens apart; 1 to 100 characters.
    name: String,
    /// Another user, for server admins; the viewer when left out.
    user_id: Option<ID>,
    /// In the future; it never expires when left out.
    expires_at: Option<DateTime>,
}

/// What became of it.
#[derive(SimpleObject)]
pub struct CreateAccessTokenPayload {
    /// The token; null exactly when errors is not empty.
    access_token: Option<AccessToken>,
    /// What a client sends as its bearer token. Shown this once and kept nowhere; null exactly
    /// when errors is not empty.
    secret: Option<String>,
    /// Why none was made.
    errors: Vec<AdminError>,
}

/// A token to revoke.
#[derive(InputObject)]
pub struct RevokeAccessTokenInput {
    /// One of the viewer's own, or anyone's for server admins.
    id: ID,
}

/// What became of it.
#[derive(SimpleObject)]
pub struct RevokeAccessTokenPayload {
    /// The revoked token; null exactly when errors is not empty.
    access_token: Option<AccessToken>,
    /// Why it was not revoked.
    errors: Vec<AdminError>,
}

/// Resolves them.
#[derive(Default)]
pub struct AccessTokens;

#[Object]
impl AccessTokens {
    /// Makes an access token for the viewer, or for another user when the viewer is a server
    /// admin.
    async fn create_access_token(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to call the token, and whose it is to be.")] input: CreateAccessTokenInput,
    ) -> Result<CreateAccessTokenPayload> {
        let viewer = viewer(ctx)?;
        let refuse = |error| CreateAccessTokenPayload {
            access_token: None,
            secret: None,
            errors: vec![error],
        };
        let given = input.user_id.as_ref().map_or("", |id| id.as_str());
        let user = match &input.user_id {
            None => viewer.user_id,
            Some(id) => match read_id(Kind::User, id, Place::Input, "userId") {
                Ok(id) => id,
                Err(error) => return Ok(refuse(error.into())),
            },
        };
        let expires_at = input.expires_at.map(|at| at.0);
        Ok(
            match tokens::create(&deps(ctx).store, viewer, user, &input.name, expires_at).await {
                Ok((row, secret)) => CreateAccessTokenPayload {
                    access_token: Some(AccessToken(row)),
                    secret: Some(secret),
                    errors: Vec::new(),
                },
                Err(error) => refuse(admin_refused(ctx, error, &[("userId", given)], Place::Input)?),
            },
        )
    }

    /// Ends an access token: requests with it are refused from now on, and its open streams end
    /// within five seconds. Revoking again succeeds.
    async fn revoke_access_token(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which token.")] input: RevokeAccessTokenInput,
    ) -> Result<RevokeAccessTokenPayload> {
        let viewer = viewer(ctx)?;
        let refuse = |error| RevokeAccessTokenPayload {
            access_token: None,
            errors: vec![error],
        };
        let id = match read_id(Kind::Token, &input.id, Place::Input, "id") {
            Ok(id) => id,
            Err(error) => return Ok(refuse(error.into())),
        };
        Ok(match tokens::revoke(&deps(ctx).store, viewer, id).await {
            Ok(row) => RevokeAccessTokenPayload {
                access_token: Some(AccessToken(row)),
                errors: Vec::new(),
            },
            Err(error) => refuse(admin_refused(ctx, error, &[("id", &input.id)], Place::Input)?),
        })
    }
}
