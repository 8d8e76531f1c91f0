//! `user`, `token` and `sign-in-link`: what an operator does beside a running server, on its database.

use std::collections::HashMap;

use entity::user;
use uuid::Uuid;

use super::flags::{CreateToken, CreateUser};
use super::report::Failure;
use super::{print, wiring};
use crate::base::clock::to_rfc3339;
use crate::base::id::Kind;
use crate::config::Settings;
use crate::db;
use crate::domain::{Store, people, sessions};

pub(super) async fn create_user(settings: &Settings, user: CreateUser) -> Result<(), Failure> {
    let mut data_sets = Vec::with_capacity(user.data_sets.len());
    for id in &user.data_sets {
        data_sets.push(parse(Kind::DataSet, id)?);
    }
    let store = wiring::local_store(settings).await?;
    let row = people::create_user(&store, &user.name, user.admin, &data_sets).await?;
    store.db.close().await;
    print(&Kind::User.format(row.id))
}

pub(super) async fn create_token(settings: &Settings, token: CreateToken) -> Result<(), Failure> {
    let store = wiring::local_store(settings).await?;
    let user = named(&store, &token.user).await?;
    let (_, secret) = people::create_token(&store, user.id, &token.name, token.expires).await?;
    store.db.close().await;
    print(&secret)
}

async fn named(store: &Store, name: &str) -> Result<user::Model, Failure> {
    let found = db::people::find_user_by_name(store.db.read(), name).await?;
    found.ok_or_else(|| {
        Failure::said(format!(
            "there is no user {name:?}; make one with `agentic-executions user create`"
        ))
    })
}

pub(super) async fn print_sign_in_link(settings: &Settings, name: &str) -> Result<(), Failure> {
    let listen = settings.http.listen;
    if settings.http.public_url.is_none() && listen.port() == 0 {
        return Err(Failure::said(
            "port 0 says nothing about where the server is: give its address with --listen or AGENTIC_PUBLIC_URL",
        ));
    }
    let store = wiring::local_store(settings).await?;
    let user = named(&store, name).await?;
    let code = sessions::create_code(&store, user.id).await?;
    store.db.close().await;
    print(&settings.http.sign_in_link(listen, &code))?;
    if settings.http.public_url.is_none() {
        // The server may be anywhere: this command sees its database and not its port.
        eprintln!(
            "The link leads to {}: where browsers reach the server elsewhere, say where with --public-url or \
             AGENTIC_PUBLIC_URL, or with the server's own --listen.",
            settings.http.public_url(listen)
        );
    }
    Ok(())
}

pub(super) async fn list_tokens(settings: &Settings) -> Result<(), Failure> {
    let store = wiring::local_store(settings).await?;
    let tokens = db::people::list_tokens(store.db.read()).await?;
    let mut ids: Vec<Uuid> = tokens.iter().map(|token| token.user_id).collect();
    ids.sort_unstable();
    ids.dedup();
    let users = db::people::find_users(store.db.read(), &ids).await?;
    let names: HashMap<Uuid, String> = users.into_iter().map(|user| (user.id, user.name)).collect();
    store.db.close().await;
    let instant = |at: Option<i64>| at.map_or_else(|| "-".to_owned(), to_rfc3339);
    for token in tokens {
        let columns = [
            Kind::Token.format(token.id),
            names.get(&token.user_id).cloned().unwrap_or_default(),
            token.name,
            token.prefix,
            to_rfc3339(token.created_at),
            instant(token.last_used_at),
            instant(token.expires_at),
            instant(token.revoked_at),
        ];
        print(&columns.join("\t"))?;
    }
    Ok(())
}

pub(super) async fn revoke_token(settings: &Settings, id: &str) -> Result<(), Failure> {
    let token = parse(Kind::Token, id)?;
    let store = wiring::local_store(settings).await?;
    people::revoke_token(&store, token).await?;
    store.db.close().await;
    Ok(())
}

fn parse(kind: Kind, id: &str) -> Result<Uuid, Failure> {
    kind.parse(id)
        .map_err(|_| Failure::said(format!("{id:?} is not the id of {}", kind.noun())))
}
