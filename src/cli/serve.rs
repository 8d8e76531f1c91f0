//! `serve` and `worker`: start, wait for a signal, end cleanly.
//!
//! The start goes from what costs nothing to what others see: settings, definitions, database,
//! files, port, and only then demo, workers and listening. The end goes the other way: not ready,
//! runs handed back, streams closed, database closed. A second signal ends the process at once.

use std::fs::File;
use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::time::Duration;

use secrecy::ExposeSecret;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::field;

use super::report::Failure;
use super::{open_files, print, wiring};
use crate::base::clock::Clock;
use crate::config::Settings;
use crate::db;
use crate::definitions::Catalog;
use crate::domain::access::Renewal;
use crate::domain::budgets::Budgets;
use crate::domain::watch::Hub;
use crate::domain::{Store, claim, files, people, sessions};
use crate::http;
use crate::mcp::Servers;
use crate::storage::Storage;
use crate::telemetry::metrics::Metrics;
use crate::{graphql, runner};

/// After the runs: for answers under way and for streams to say good-bye.
const CLOSE_WITHIN: Duration = Duration::from_secs(10);

pub(super) async fn serve(settings: Settings, has_worker: bool) -> Result<(), Failure> {
    open_files::raise();
    let mut signals = Signals::hear()?;
    let started = tokio::select! {
        started = start_serving(&settings, has_worker) => started?,
        // Nothing was taken on yet.
        () = signals.next() => return Ok(()),
    };
    let Serving {
        work,
        stop,
        address,
        mut server,
    } = started;
    print(&settings.http.public_url(address))?;
    tracing::info!(%address, worker = has_worker, "listening");
    let early = tokio::select! {
        () = signals.next() => None,
        ended = &mut server => Some(ended),
    };
    if let Some(ended) = early {
        ended.map_err(|error| Failure::chain("the listener failed", error))?;
        return Err(Failure::said("the listener ended by itself"));
    }
    tracing::info!("shutting down; a second signal ends at once");
    signals.exit_at_the_next();
    stop.announce();
    // At once: balancers turn away while runs reach their next entry.
    let (store, ()) = tokio::join!(work.end(settings.grace), tokio::time::sleep(settings.drain));
    stop.close();
    let closed = async {
        stop.drained().await;
        // It only ends so when asked to.
        let _ = server.await;
    };
    if tokio::time::timeout(CLOSE_WITHIN, closed).await.is_err() {
        tracing::warn!("some connections did not end in time and are cut");
    }
    store.bus.flush().await;
    store.db.close().await;
    tracing::info!("stopped");
    Ok(())
}

struct Serving {
    work: Work,
    stop: http::Stop,
    address: SocketAddr,
    server: JoinHandle<()>,
}

async fn start_serving(settings: &Settings, has_worker: bool) -> Result<Serving, Failure> {
    let metrics = Metrics::install();
    let parts = Parts::make(settings, has_worker).await?;
    let (listener, address) = bind(settings.http.listen).await?;
    let store = parts.store.clone();
    let first = seed(settings, &store, &parts.catalog, address).await?;
    let renewal = Renewal::start(store.clone());
    let limits = wiring::limits(settings);
    let schema = graphql::build(graphql::Deps {
        store: store.clone(),
        catalog: parts.catalog.clone(),
        storage: parts.storage.clone(),
        hub: Hub::start(store.clone()).await?,
        renewal: renewal.clone(),
        limits: limits.clone(),
        budgets: parts.budgets.clone(),
    });
    let stop = http::Stop::default();
    tokio::spawn(metrics.clone().keep_up());
    let strangers = http::Strangers::new(store.clock.clone(), settings.http.failures_per_minute);
    let router = http::router(http::Deps {
        schema,
        store,
        storage: parts.storage.clone(),
        renewal,
        metrics,
        stop: stop.clone(),
        strangers,
        limits,
        settings: settings.http.clone(),
    });
    if let Some(user) = first {
        invite(settings, &parts.store, user, address).await?;
    }
    let work = Work::start(settings, parts, has_worker).await?;
    let server = tokio::spawn(http::serve(listener, router, stop.clone()));
    Ok(Serving {
        work,
        stop,
        address,
        server,
    })
}

/// What a fresh database gets, and who may now sign in for the first time. The demo first: it wants
/// an empty one, and is no admin.
async fn seed(
    settings: &Settings,
    store: &Store,
    catalog: &Catalog,
    address: SocketAddr,
) -> Result<Option<&'static str>, Failure> {
    let mut first = None;
    if settings.demo && address.ip().is_loopback() && people::create_demo(store, catalog).await? {
        tracing::info!(
            "made the demo: `agentic-executions token create --user {0}` prints a token for it, and `sign-in-link --user {0}` \
             a link for a browser",
            people::DEMO
        );
        first = Some(people::DEMO);
    }
    if let Some(token) = &settings.bootstrap_token
        && people::bootstrap(store, token.expose_secret()).await?
    {
        tracing::info!(
            "made the first admin, with the bootstrap token: browsers sign in with it, or by the link that \
             `agentic-executions sign-in-link --user {}` prints",
            people::ADMIN
        );
        first = first.or(Some(people::ADMIN));
    }
    if first.is_none() && db::people::count_users(store.db.read(), None).await? == 0 {
        tracing::warn!(
            "nobody can sign in yet: start with a bootstrap token (--bootstrap-token or AGENTIC_BOOTSTRAP_TOKEN, {} characters or \
             more), which makes the first admin, or run `agentic-executions user create {1} --admin` and then `token create --user {1}` \
             or `sign-in-link --user {1}` on this database; the demo is made on a loopback address alone",
            people::MIN_BOOTSTRAP,
            people::ADMIN
        );
    }
    Ok(first)
}

/// Shows whoever sits at the terminal how to get in. The link is a secret: it goes to no pipe and
/// no file, where it would be kept.
async fn invite(
    settings: &Settings,
    store: &Store,
    user: &'static str,
    address: SocketAddr,
) -> Result<(), Failure> {
    let terminal = std::io::stderr();
    if !terminal.is_terminal() {
        return Ok(());
    }
    let Some(row) = db::people::find_user_by_name(store.db.read(), user).await? else {
        return Ok(());
    };
    let code = sessions::create_code(store, row.id).await?;
    let link = settings.http.sign_in_link(address, &code);
    let minutes = sessions::LINK_LASTS.as_secs() / 60;
    // A terminal that goes away at this moment is no reason to stop.
    let _ = writeln!(
        terminal.lock(),
        "\n  Sign in as `{user}`, once and within {minutes} minutes:\n\n    {link}\n"
    );
    Ok(())
}

pub(super) async fn worker(settings: Settings) -> Result<(), Failure> {
    if !settings.database.is_postgres() {
        return Err(Failure::said(
            "a worker of its own needs PostgreSQL, as SQLite serves one process: set DATABASE_URL to postgres://USER@HOST/NAME, or use `serve`, which works on runs too",
        ));
    }
    let mut signals = Signals::hear()?;
    let started = tokio::select! {
        started = start_working(&settings) => started?,
        () = signals.next() => return Ok(()),
    };
    let Working { work, told } = started;
    tracing::info!(
        address = told.as_ref().map(|told| field::display(told.address)),
        "working"
    );
    signals.next().await;
    tracing::info!("shutting down; a second signal ends at once");
    signals.exit_at_the_next();
    if let Some(told) = &told {
        told.stop.announce();
    }
    let store = work.end(settings.grace).await;
    if let Some(told) = told {
        told.stop.close();
        // Whoever scrapes is given its answer; a connection that is only kept open ends with the process.
        let _ = tokio::time::timeout(CLOSE_WITHIN, told.server).await;
    }
    store.bus.flush().await;
    store.db.close().await;
    tracing::info!("stopped");
    Ok(())
}

struct Working {
    work: Work,
    told: Option<Told>,
}

/// Where a worker without an API tells how it is.
struct Told {
    address: SocketAddr,
    stop: http::Stop,
    server: JoinHandle<()>,
}

async fn start_working(settings: &Settings) -> Result<Working, Failure> {
    // Before the first run, or its numbers are counted by nobody.
    let metrics = settings.worker.listen.map(|listen| (listen, Metrics::install()));
    let parts = Parts::make(settings, true).await?;
    let told = match metrics {
        Some((listen, metrics)) => Some(tell(listen, metrics, &parts.store).await?),
        None => None,
    };
    let work = Work::start(settings, parts, true).await?;
    Ok(Working { work, told })
}

async fn tell(listen: SocketAddr, metrics: Metrics, store: &Store) -> Result<Told, Failure> {
    let (listener, address) = bind(listen).await?;
    let stop = http::Stop::default();
    tokio::spawn(metrics.clone().keep_up());
    let routes = http::health_routes(http::Watched {
        store: store.clone(),
        metrics,
        stop: stop.clone(),
    });
    Ok(Told {
        address,
        server: tokio::spawn(http::serve(listener, routes, stop.clone())),
        stop,
    })
}

async fn bind(listen: SocketAddr) -> Result<(TcpListener, SocketAddr), Failure> {
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|error| Failure::chain(format!("cannot listen on {listen}"), error))?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// What every server is made of.
struct Parts {
    registry: runner::Registry,
    models: crate::model::Models,
    catalog: Catalog,
    mcp: Servers,
    budgets: Budgets,
    store: Store,
    storage: Storage,
    lock: Option<File>,
}

impl Parts {
    async fn make(settings: &Settings, has_worker: bool) -> Result<Self, Failure> {
        let mut registry = runner::Registry::built_in(wiring::fetcher(settings), wiring::documents());
        let offered = wiring::models(settings)?;
        let catalog = wiring::catalog(settings, &registry, &offered)?.without_cases();
        let budgets = wiring::budgets(settings, &catalog, &offered)?;
        let models = offered.models;
        // Whoever works on no runs is not asked for what these servers are given.
        let mcp = if has_worker {
            wiring::mcp(&catalog, &Clock::system())?
        } else {
            Servers::default()
        };
        registry.mcp_servers(mcp.clone());
        let store = wiring::shared_store(settings).await?;
        let storage = wiring::storage(settings)?;
        files::belonging::check(&store, &storage).await?;
        let lock = match has_worker {
            true => wiring::lock_of_worker(settings)?,
            false => None,
        };
        Ok(Self {
            registry,
            models,
            catalog,
            mcp,
            budgets,
            store,
            storage,
            lock,
        })
    }
}

/// What goes on without anyone asking.
struct Work {
    store: Store,
    worker: Option<runner::Handle>,
    mcp: Servers,
    sweeper: JoinHandle<()>,
    cancel_sweeper: CancellationToken,
    /// Given up when all runs are handed back.
    _lock: Option<File>,
}

impl Work {
    async fn start(settings: &Settings, parts: Parts, has_worker: bool) -> Result<Self, Failure> {
        let store = parts.store.clone();
        if parts.lock.is_some() {
            // Whoever held these runs was killed: nobody has to wait until their leases run out.
            let ended = claim::end_leases(&store).await?;
            if ended > 0 {
                tracing::info!(runs = ended, "takes over the runs of a process that is gone");
            }
        }
        let cancel_sweeper = CancellationToken::new();
        let sweeper = tokio::spawn(runner::sweeper::run(
            store.clone(),
            parts.storage.clone(),
            wiring::sweeper(&settings.retention),
            cancel_sweeper.clone(),
        ));
        let mcp = parts.mcp;
        if has_worker {
            // It ends with the sweeper, and holds nothing that anyone waits for.
            let stop = cancel_sweeper.clone();
            tokio::spawn(runner::strangers::run(store.clone(), parts.catalog.clone(), stop));
        }
        let worker = has_worker.then(|| {
            let terms = wiring::worker(&settings.worker);
            let deps = runner::Deps {
                store: parts.store,
                catalog: parts.catalog,
                storage: parts.storage,
                models: parts.models,
                registry: parts.registry,
                budgets: parts.budgets,
            };
            runner::Worker::start(deps, terms)
        });
        Ok(Self {
            store,
            worker,
            mcp,
            sweeper,
            cancel_sweeper,
            _lock: parts.lock,
        })
    }

    /// Hands every run back, at the latest when the grace is over.
    async fn end(self, grace: Duration) -> Store {
        if let Some(worker) = self.worker {
            worker.stop(grace).await;
        }
        self.mcp.close().await;
        self.cancel_sweeper.cancel();
        if self.sweeper.await.is_err() {
            tracing::warn!("the sweeper had ended before");
        }
        self.store
    }
}

/// SIGTERM and SIGINT.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn hear() -> Result<Self, Failure> {
        let hear = |kind| {
            signal(kind).map_err(|error| Failure::chain("the system's signals cannot be heard", error))
        };
        Ok(Self {
            terminate: hear(SignalKind::terminate())?,
            interrupt: hear(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    fn exit_at_the_next(mut self) {
        tokio::spawn(async move {
            self.next().await;
            tracing::warn!("ended by a second signal; runs under way are taken over when their leases end");
            std::process::exit(1);
        });
    }
}
