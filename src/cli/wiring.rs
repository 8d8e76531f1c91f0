//! Concrete parts, made from settings: the only place that chooses between them.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::report::Failure;
use crate::base::clock::Clock;
use crate::base::id::Ids;
use crate::bus::{self, Bus};
use crate::child::Launcher;
use crate::config::{self, Settings};
use crate::db::{self, Db};
use crate::definitions::{Catalog, McpReach, Mistake, Sources};
use crate::domain::Store;
use crate::domain::budgets::{self, Budgets};
use crate::domain::sweep::Retention;
use crate::fetch::{self, Fetcher};
use crate::mcp;
use crate::model::circuit::Circuit;
use crate::model::provider::Provider;
use crate::model::{Models, declared};
use crate::storage::Storage;
use crate::{documents, graphql, runner};

/// The models that can be asked.
pub(super) struct Offered {
    pub models: Models,
    /// Declared ones that cannot be used are named all the same: what refers to them is right.
    names: Vec<String>,
    mistakes: Vec<Mistake>,
}

/// The rehearsal, and what the operator declares. Mistakes are told with those of the definitions.
pub(super) fn models(settings: &Settings) -> Result<Offered, Failure> {
    let mut offered = Offered {
        models: Models::rehearsal_only(),
        names: Vec::new(),
        mistakes: Vec::new(),
    };
    let Some(file) = &settings.models else {
        return Ok(offered);
    };
    let shown = file.display().to_string();
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::chain(format!("{shown} cannot be read"), error))?;
    let declared = declared::read(&text, environment);
    let mistake = |mistake: declared::Mistake| Mistake {
        file: shown.clone(),
        pointer: mistake.pointer,
        message: mistake.message,
    };
    offered.mistakes = declared.mistakes.into_iter().map(mistake).collect();
    offered.names = declared.names;
    let mut circuits: BTreeMap<String, Circuit> = BTreeMap::new();
    for declaration in declared.models {
        // The machine behind it is what goes down, whatever the path; or the one before it.
        let mut endpoint = declaration.base_url.origin().ascii_serialization();
        if let Some(proxy) = &declaration.proxy {
            let proxy = proxy.origin().ascii_serialization();
            endpoint = format!("{endpoint} through {proxy}");
        }
        let circuit = circuits
            .entry(endpoint.clone())
            .or_insert_with(|| Circuit::new(endpoint, declaration.time.outage))
            .clone();
        let name = declaration.name.clone();
        let provider = Provider::new(declaration, Clock::system(), circuit).map_err(|error| {
            Failure::chain(format!("the model {name} cannot be reached from here"), error)
        })?;
        offered.models.register(Arc::new(provider));
    }
    Ok(offered)
}

/// A secret's value; one that is set to nothing is not set.
#[allow(clippy::disallowed_methods)] // read once, at start: which variables it is, only the file says
fn environment(variable: &str) -> Option<SecretString> {
    let value = std::env::var(variable).ok()?;
    (!value.is_empty()).then(|| SecretString::from(value))
}

/// Pages of the web.
pub(super) fn fetcher(settings: &Settings) -> Fetcher {
    Fetcher::new(fetch::Rules {
        allowed: settings.fetch.allowed.clone(),
        ..fetch::Rules::default()
    })
}

/// The text of documents, taken apart by children of this binary.
pub(super) fn documents() -> documents::Reader {
    documents::Reader::new(Launcher::this_program())
}

/// The definitions, without a mistake.
pub(super) fn catalog(
    settings: &Settings,
    registry: &runner::Registry,
    offered: &Offered,
) -> Result<Catalog, Failure> {
    let sources = match &settings.definitions {
        Some(directory) => Sources::shipped().and(directory),
        None => Sources::shipped(),
    };
    let names = registry.names(&offered.models).and_models(&offered.names);
    let mut mistakes = offered.mistakes.clone();
    match Catalog::load(&sources, &names.known()) {
        Ok(catalog) if mistakes.is_empty() => Ok(catalog),
        Ok(_) => Err(Failure::Definitions(mistakes)),
        Err(more) => {
            mistakes.extend(more);
            Err(Failure::Definitions(mistakes))
        }
    }
}

/// The variables that MCP servers of the definitions are to be given and that are not set, each in words.
#[allow(clippy::disallowed_methods)] // only the definitions know which variables are meant
pub(super) fn unset_variables(catalog: &Catalog) -> Vec<String> {
    let mut unset = Vec::new();
    for agent_type in catalog.agent_types() {
        for server in &agent_type.mcp {
            let missing = server.variables().into_iter();
            unset.extend(missing.filter(|name| std::env::var(name).is_err()).map(|name| {
                format!(
                    "the environment lacks {name}, which the MCP server {} of the agent type {} is to be given",
                    server.name, agent_type.key
                )
            }));
        }
    }
    unset
}

/// The MCP servers that the definitions name. What these are given of the environment is read here,
/// once, and goes to nobody else.
#[allow(clippy::disallowed_methods)] // only the definitions know which variables are meant
pub(super) fn mcp(catalog: &Catalog, clock: &Clock) -> Result<mcp::Servers, Failure> {
    let unset = unset_variables(catalog);
    if !unset.is_empty() {
        return Err(Failure::said(unset.join("; ")));
    }
    let read = |name: &String| {
        let value = std::env::var(name).unwrap_or_default();
        SecretString::from(value)
    };
    let mut servers = Vec::new();
    for agent_type in catalog.agent_types() {
        for server in &agent_type.mcp {
            let reach = match &server.reach {
                McpReach::Child {
                    command,
                    arguments,
                    environment,
                } => mcp::Reach::Child {
                    command: command.clone(),
                    arguments: arguments.clone(),
                    environment: environment
                        .iter()
                        .map(|name| (name.clone(), read(name)))
                        .collect(),
                },
                McpReach::Http { url, headers } => mcp::Reach::Http {
                    url: url.clone(),
                    headers: headers
                        .iter()
                        .map(|(header, name)| (header.clone(), read(name)))
                        .collect(),
                },
            };
            let settings = mcp::Settings {
                reach,
                call_timeout: Duration::from_secs(u64::from(server.timeout_seconds)),
            };
            servers.push(((agent_type.key.clone(), server.name.clone()), settings));
        }
    }
    Ok(mcp::Servers::new(clock, &Launcher::this_program(), servers))
}

/// The budgets that executions share.
pub(super) fn budgets(settings: &Settings, catalog: &Catalog, offered: &Offered) -> Result<Budgets, Failure> {
    let Some(file) = &settings.budgets else {
        return Ok(Budgets::default());
    };
    let shown = file.display().to_string();
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::chain(format!("{shown} cannot be read"), error))?;
    let agent_types: Vec<&str> = catalog.agent_types().map(|known| known.key.as_str()).collect();
    let known = budgets::Known {
        agent_types: &agent_types,
        models: &offered.models.names(),
        unpriced_models: &offered.models.unpriced(),
    };
    let declared = budgets::read(&text, &known);
    if declared.mistakes.is_empty() {
        return Ok(Budgets::new(declared.budgets));
    }
    let mistake = |mistake: budgets::Mistake| Mistake {
        file: shown.clone(),
        pointer: mistake.pointer,
        message: mistake.message,
    };
    let mistakes = declared.mistakes.into_iter().map(mistake).collect();
    Err(Failure::Definitions(mistakes))
}

/// The database of a server, whatever its schema. The file of SQLite is made when it is missing, with its folder.
async fn make_or_open(settings: &Settings) -> Result<Db, Failure> {
    if let Some(file) = settings.database.sqlite_file() {
        make_for_us_alone(&file)?;
    }
    open(settings).await
}

/// Makes a file and its folder, where they are missing, readable by this process's user alone. What SQLite puts beside
/// its file has the file's rights.
fn make_for_us_alone(file: &Path) -> Result<(), Failure> {
    let cannot_be_made = |what: &str, path: &Path, error: std::io::Error| {
        Failure::chain(format!("the {what} {} cannot be made", path.display()), error)
    };
    if let Some(folder) = file.parent() {
        let mut builder = DirBuilder::new();
        let made = builder.recursive(true).mode(0o700).create(folder);
        made.map_err(|error| cannot_be_made("folder", folder, error))?;
    }
    let mut options = File::options();
    match options.write(true).create_new(true).mode(0o600).open(file) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(cannot_be_made("file", file, error)),
        _ => Ok(()),
    }
}

/// The database, which must be there: a command that only looks makes none.
async fn open_existing(settings: &Settings) -> Result<Db, Failure> {
    if let Some(file) = settings.database.sqlite_file()
        && !file.exists()
    {
        return Err(Failure::said(format!(
            "there is no database at {}: name the one of your server with --database-url or DATABASE_URL; `serve` and `migrate` make one",
            file.display()
        )));
    }
    open(settings).await
}

async fn open(settings: &Settings) -> Result<Db, Failure> {
    let options = db::Options {
        connections: settings.database.connections,
        ..db::Options::default()
    };
    let connected = Db::connect(settings.database.url.expose_secret(), &options).await;
    connected.map_err(|error| about_database(settings, error))
}

fn about_database(settings: &Settings, error: db::ConnectError) -> Failure {
    match settings.database.sqlite_file() {
        // SQLite's own words name none.
        Some(file) => Failure::chain(format!("the file {} cannot be used", file.display()), error),
        None => error.into(),
    }
}

/// A database of this binary's schema, made or brought up to date.
async fn migrated(settings: &Settings) -> Result<Db, Failure> {
    let db = make_or_open(settings).await?;
    match db.migrate().await {
        Ok(()) => Ok(db),
        Err(error) => Err(about_database(settings, error)),
    }
}

pub(super) async fn migrate(settings: &Settings) -> Result<(), Failure> {
    migrated(settings).await?.close().await;
    Ok(())
}

/// For a command beside a running server: whoever it concerns looks at the database by itself.
pub(super) async fn local_store(settings: &Settings) -> Result<Store, Failure> {
    let db = open_existing(settings).await?;
    let checked = db.check_schema().await;
    checked.map_err(|error| about_database(settings, error))?;
    let clock = Clock::system();
    Ok(Store {
        db,
        bus: Bus::local(),
        ids: Ids::random(clock.clone()),
        clock,
    })
}

/// For a server: brings the schema up to date, and hears other processes where there may be some.
pub(super) async fn shared_store(settings: &Settings) -> Result<Store, Failure> {
    let db = migrated(settings).await?;
    let clock = Clock::system();
    let ids = Ids::random(clock.clone());
    let bus = if db.is_postgres() {
        let url = settings.database.url.expose_secret();
        bus::postgres::connect(url, ids.next())
            .await
            .map_err(|error| Failure::chain("signals cannot be heard", error))?
    } else {
        Bus::local()
    };
    Ok(Store { db, bus, clock, ids })
}

/// The lock of the one worker that a SQLite file has; none on PostgreSQL, which has as many as there
/// are. It is the system's and goes with the process, however that ends: whoever has it knows that
/// nobody else works on this file's runs.
pub(super) fn lock_of_worker(settings: &Settings) -> Result<Option<File>, Failure> {
    let Some(database) = settings.database.sqlite_file() else {
        return Ok(None);
    };
    let mut path = database.clone().into_os_string();
    path.push("-worker");
    let shown = path.display().to_string();
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path);
    let lock = lock.map_err(|error| Failure::chain(format!("the file {shown} cannot be made"), error))?;
    match lock.try_lock() {
        Ok(()) => Ok(Some(lock)),
        Err(TryLockError::WouldBlock) => Err(Failure::said(format!(
            "another process works on the runs of {} already: stop it, or start this one with --no-worker",
            database.display()
        ))),
        Err(TryLockError::Error(error)) => Err(Failure::chain(
            format!("the file {shown} cannot be locked"),
            error,
        )),
    }
}

pub(super) fn storage(settings: &Settings) -> Result<Storage, Failure> {
    let storage = Storage::open(&settings.files_url)?;
    Ok(storage)
}

pub(super) fn limits(settings: &Settings) -> graphql::Limits {
    graphql::Limits {
        max_depth: settings.graphql.max_depth,
        max_complexity: settings.graphql.max_complexity,
        requests_per_minute: settings.graphql.requests_per_minute,
        cost_per_minute: settings.graphql.cost_per_minute,
        introspection: settings.graphql.introspection,
        max_upload_bytes: settings.http.max_upload_bytes,
        ..graphql::Limits::default()
    }
}

pub(super) fn worker(settings: &config::Worker) -> runner::Settings {
    runner::Settings {
        name: "worker".to_owned(),
        concurrency: settings.concurrency,
        lease: settings.lease,
        heartbeat: settings.heartbeat,
        lease_margin: settings.lease_margin,
        max_stalls: i32::try_from(settings.max_stalls).unwrap_or(i32::MAX),
        poll: settings.poll,
    }
}

// `..` for what runs need no setting for: how often it sweeps.
#[allow(clippy::needless_update)]
pub(super) fn sweeper(settings: &config::Retention) -> runner::sweeper::Settings {
    runner::sweeper::Settings {
        retention: Retention {
            changes: settings.changes,
            idempotency_keys: settings.idempotency_keys,
            staged_files: settings.staged_files,
        },
        ..runner::sweeper::Settings::default()
    }
}
