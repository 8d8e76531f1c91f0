//! The schema that the conformance suite asks for (`conformance/config.mjs`): streams that tick, flood, fail and
//! panic, counters that show what runs, and abstract types whose fields are counted.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI32, Ordering},
    },
    time::Duration,
};

use async_graphql::{
    Context, Enum, Error, ErrorExtensions, Executor, InputObject, Interface, Object, OneofObject, Result,
    Schema, SimpleObject, Union, Upload, ValidationMode,
};
use futures::{
    Stream, StreamExt,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use http::request::Parts;
use serde_json::Value as Json;
use wire::{Authenticate, Identity, Refusal};

/// How often things happened in one schema.
#[derive(Default)]
pub struct Counters {
    live: AtomicI32,
    bumps: AtomicI32,
    names: AtomicI32,
}

/// The token of the request.
pub struct Token(pub Option<String>);

/// Lets in everyone but `bad`.
pub struct Tokens;

impl Tokens {
    fn judge(token: Option<&str>) -> Result<Identity, Refusal> {
        match token {
            Some("bad") => Err(Refusal::unauthenticated("this token is not known")),
            token => {
                let identity = Identity::with(Token(token.map(str::to_owned)));
                Ok(match token {
                    Some(token) => identity.keyed(token),
                    None => identity,
                })
            }
        }
    }
}

impl Authenticate for Tokens {
    fn request<'a>(&'a self, parts: &'a Parts) -> BoxFuture<'a, Result<Identity, Refusal>> {
        let header = parts
            .headers
            .get(http::header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let identity = Self::judge(header.and_then(|value| value.strip_prefix("Bearer ")));
        Box::pin(async { identity })
    }

    fn connection<'a>(&'a self, _: &'a Parts, payload: &'a Json) -> BoxFuture<'a, Result<Identity, Refusal>> {
        let identity = Self::judge(payload.get("token").and_then(Json::as_str));
        Box::pin(async { identity })
    }
}

/// Reads.
pub struct Query;

/// Writes.
pub struct Mutation;

/// Streams.
pub struct Subscription;

/// Something with a name.
#[derive(SimpleObject)]
struct Thing {
    id: String,
    name: String,
}

/// An owner, whose name is counted.
struct Owner;

#[Object]
impl Owner {
    async fn name(&self, ctx: &Context<'_>) -> String {
        ctx.data_unchecked::<Arc<Counters>>()
            .names
            .fetch_add(1, Ordering::SeqCst);
        "o".into()
    }

    async fn email(&self) -> &str {
        "e"
    }
}

struct Cat;

#[Object]
impl Cat {
    async fn id(&self, ctx: &Context<'_>) -> String {
        ctx.data_unchecked::<Arc<Counters>>()
            .names
            .fetch_add(1, Ordering::SeqCst);
        "cat".into()
    }

    async fn owner(&self) -> Owner {
        Owner
    }

    async fn meows(&self) -> bool {
        true
    }
}

struct Dog;

#[Object]
impl Dog {
    async fn id(&self, ctx: &Context<'_>) -> String {
        ctx.data_unchecked::<Arc<Counters>>()
            .names
            .fetch_add(1, Ordering::SeqCst);
        "dog".into()
    }

    async fn owner(&self) -> Owner {
        Owner
    }

    async fn barks(&self) -> bool {
        true
    }
}

#[derive(Interface)]
#[graphql(field(name = "id", ty = "String"), field(name = "owner", ty = "Owner"))]
enum Pet {
    Cat(Cat),
    Dog(Dog),
}

/// A union of one.
#[derive(Union)]
enum Only {
    Cat(Cat),
}

#[derive(Union)]
enum Found {
    Cat(Cat),
    Owner(Owner),
}

/// Fields that fail.
struct Trouble;

#[Object]
impl Trouble {
    async fn fine(&self) -> &str {
        "fine"
    }

    async fn may(&self) -> Result<Option<String>> {
        Err("may".into())
    }

    async fn must(&self) -> Result<String> {
        Err("must".into())
    }

    async fn found(&self) -> Vec<Found> {
        vec![Found::Cat(Cat), Found::Owner(Owner)]
    }
}

#[derive(Enum, Clone, Copy, PartialEq, Eq)]
enum Colour {
    Red,
    Green,
}

#[derive(InputObject)]
struct Filter {
    colours: Option<Vec<Colour>>,
    #[graphql(default = 7)]
    at_least: i32,
    ratio: Option<f64>,
    inner: Option<Box<Filter>>,
}

#[derive(OneofObject)]
enum Pick {
    Name(String),
    Number(i32),
}

#[Object]
impl Query {
    async fn hello(&self) -> &str {
        "hello"
    }

    async fn boom(&self) -> Result<Option<String>> {
        Err("boom".into())
    }

    async fn boom_nn(&self) -> Result<String> {
        Err("boom".into())
    }

    async fn panic(&self) -> Option<String> {
        fail()
    }

    async fn slow(&self, ms: i32) -> i32 {
        tokio::time::sleep(Duration::from_millis(ms.max(0) as u64)).await;
        ms
    }

    async fn live_subs(&self, ctx: &Context<'_>) -> i32 {
        ctx.data_unchecked::<Arc<Counters>>().live.load(Ordering::SeqCst)
    }

    async fn bumps(&self, ctx: &Context<'_>) -> i32 {
        ctx.data_unchecked::<Arc<Counters>>().bumps.load(Ordering::SeqCst)
    }

    /// How often a name or an id of a pet was asked for.
    async fn names(&self, ctx: &Context<'_>) -> i32 {
        ctx.data_unchecked::<Arc<Counters>>().names.load(Ordering::SeqCst)
    }

    async fn whoami(&self, ctx: &Context<'_>) -> Option<String> {
        ctx.data_opt::<Token>().and_then(|token| token.0.clone())
    }

    async fn pets(&self) -> Vec<Pet> {
        vec![Pet::Cat(Cat), Pet::Dog(Dog)]
    }

    async fn found(&self) -> Vec<Found> {
        vec![Found::Cat(Cat), Found::Owner(Owner)]
    }

    async fn only(&self) -> Only {
        Only::Cat(Cat)
    }

    async fn trouble(&self) -> Trouble {
        Trouble
    }

    async fn maybe_troubles(&self) -> Vec<Option<Trouble>> {
        vec![Some(Trouble), None]
    }

    /// What arrived, in Rust's words.
    async fn filter(
        &self,
        by: Option<Filter>,
        #[graphql(default = 3)] times: i32,
        pick: Option<Pick>,
    ) -> String {
        fn show(by: &Filter) -> String {
            format!(
                "{:?} {} {:?} {}",
                by.colours
                    .as_ref()
                    .map(|colours| colours.iter().map(|c| *c as u8).collect::<Vec<_>>()),
                by.at_least,
                by.ratio,
                by.inner.as_deref().map(show).unwrap_or_default()
            )
        }
        let pick = match pick {
            Some(Pick::Name(name)) => name,
            Some(Pick::Number(number)) => number.to_string(),
            None => String::new(),
        };
        format!("{}|{times}|{pick}", by.as_ref().map(show).unwrap_or_default())
    }
}

/// Not `panic!` in the resolver itself, which would make the code around it unreachable.
fn fail() -> Option<String> {
    panic!("on purpose")
}

fn size(upload: Upload, ctx: &Context<'_>) -> Result<i32> {
    Ok(i32::try_from(upload.value(ctx)?.size()?)?)
}

#[Object]
impl Mutation {
    async fn noop(&self) -> Option<i32> {
        None
    }

    async fn bump(&self, ctx: &Context<'_>) -> Thing {
        ctx.data_unchecked::<Arc<Counters>>()
            .bumps
            .fetch_add(1, Ordering::SeqCst);
        Thing {
            id: "1".into(),
            name: "x".into(),
        }
    }

    /// The file's size in bytes.
    async fn upload(&self, ctx: &Context<'_>, file: Upload) -> Result<i32> {
        size(file, ctx)
    }

    async fn upload_many(&self, ctx: &Context<'_>, files: Vec<Upload>) -> Result<Vec<i32>> {
        files.into_iter().map(|file| size(file, ctx)).collect()
    }
}

/// Counts a source for as long as it lives.
struct Live(Arc<Counters>);

impl Live {
    fn new(ctx: &Context<'_>) -> Self {
        let counters = ctx.data_unchecked::<Arc<Counters>>().clone();
        counters.live.fetch_add(1, Ordering::SeqCst);
        Self(counters)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.0.live.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A number with its own name as a cursor.
#[derive(SimpleObject)]
struct Counted {
    number: i32,
    cursor: String,
}

#[async_graphql::Subscription]
impl Subscription {
    async fn ticker(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 100)] ms: i32,
        #[graphql(default = 1_000_000)] count: i32,
    ) -> impl Stream<Item = i32> + use<> {
        let live = Live::new(ctx);
        let pause = Duration::from_millis(ms.max(0) as u64);
        stream::unfold((0, live), move |(at, live)| async move {
            if at >= count {
                return None;
            }
            tokio::time::sleep(pause).await;
            Some((at, (at + 1, live)))
        })
    }

    async fn greetings(&self) -> impl Stream<Item = &'static str> + use<> {
        stream::iter(["Hi", "Bonjour", "Hola", "Ciao", "Zdravo"])
    }

    async fn flood(&self, ctx: &Context<'_>, size: i32, count: i32) -> impl Stream<Item = String> + use<> {
        let live = Live::new(ctx);
        let filling = "x".repeat(size.clamp(0, 1_000_000) as usize);
        stream::iter(0..count).map(move |at| {
            let _ = &live;
            format!("{at}:{filling}")
        })
    }

    async fn fail_start(&self) -> Result<BoxStream<'static, i32>> {
        Err(Error::new("cannot start").extend_with(|_, extensions| extensions.set("code", "FORBIDDEN")))
    }

    async fn fail_mid(&self) -> impl Stream<Item = Result<i32>> + use<> {
        stream::iter([Ok(1), Err("mid".into()), Ok(3)])
    }

    async fn panic_mid(&self) -> impl Stream<Item = i32> + use<> {
        stream::iter([1, 2]).map(|at| if at == 2 { panic!("on purpose") } else { at })
    }

    async fn whoami(&self, ctx: &Context<'_>) -> impl Stream<Item = Option<String>> + use<> {
        let token = ctx.data_opt::<Token>().and_then(|token| token.0.clone());
        stream::once(async { token })
    }

    /// Numbers up to `to`, from the start or behind the cursor.
    async fn count(&self, after: Option<String>, to: i32) -> impl Stream<Item = Counted> + use<> {
        let from = after
            .and_then(|cursor| cursor.strip_prefix('c')?.parse::<i32>().ok())
            .unwrap_or(0);
        stream::iter(from + 1..=to).map(|number| Counted {
            number,
            cursor: format!("c{number}"),
        })
    }
}

/// The schema with counters of its own, and its SDL.
pub fn build() -> (impl Executor, String) {
    let schema = Schema::build(Query, Mutation, Subscription)
        .data(Arc::<Counters>::default())
        .validation_mode(ValidationMode::Fast)
        .limit_recursive_depth(2 * wire::DocumentLimits::default().depth + 2)
        .finish();
    let sdl = schema.sdl();
    (schema, sdl)
}
