//! Flags and environment, read into [`config::Settings`]. Help texts are the manual: they name the
//! default, and what a value is for.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{BoolishValueParser, Resettable};
use clap::{Args, CommandFactory, Parser, Subcommand};

use super::report::Failure;
use crate::base::network::Network;
use crate::config::{self, Settings};

/// A server for autonomous agent jobs: launched with structured input, watched live over GraphQL,
/// ended in a result or an explained failure.
///
/// Without a command it serves: API and worker on one machine, with SQLite and files under ./data.
/// Every setting can be given as a flag or in the environment; the flag wins. What a script needs
/// stands alone on standard output, all else goes to standard error.
#[derive(Debug, Parser)]
#[command(name = "agentic-executions", version, disable_help_subcommand = true)]
pub(super) struct Flags {
    #[command(flatten)]
    pub settings: SettingFlags,
    #[command(flatten)]
    pub serve: ServeFlags,
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Serves the API and works on runs (the default); prints the address
    Serve(ServeFlags),
    /// Works on runs beside API nodes that share its database; PostgreSQL only
    Worker,
    /// Brings the database's schema up to date, as `serve` and `worker` do at start
    Migrate,
    /// Prints the GraphQL schema
    Schema,
    /// Checks the definitions, the models and the budgets: prints every mistake as `file#pointer: message`, and fails if there
    /// is one
    Check,
    /// Executions as tests: records one as a case of its definition, and plays cases
    #[command(subcommand, arg_required_else_help = false)]
    Rehearse(RehearseCommand),
    /// Users
    #[command(subcommand, arg_required_else_help = false)]
    User(UserCommand),
    /// Access tokens
    #[command(subcommand, arg_required_else_help = false)]
    Token(TokenCommand),
    /// Prints a link with which a user signs in to the dashboard, once and within ten minutes
    SignInLink {
        /// The name of the user
        #[arg(long, value_name = "NAME")]
        user: String,
    },
}

#[derive(Debug, Default, Args)]
pub(super) struct ServeFlags {
    /// Serves the API alone; runs wait for `agentic-executions worker`
    #[arg(long)]
    pub no_worker: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum RehearseCommand {
    /// Writes an execution that has ended as a case: its input and files, what its model said, what
    /// it met in records and other systems, and what came of it; prints the folder, and fails if the
    /// case does not play back as it was
    Record(RecordCase),
    /// Plays cases in a database of their own, each from nothing but what it holds; prints pass or
    /// fail with every difference, and fails if there is one
    Test(TestCases),
}

#[derive(Debug, Args)]
pub(super) struct RecordCase {
    /// The execution's id
    #[arg(value_name = "EXECUTION")]
    pub id: String,
    /// The folder that the case's own is made in [default: `cases` of its execution type, where that
    /// is in the directory of --definitions]
    #[arg(long, value_name = "DIRECTORY")]
    pub into: Option<PathBuf>,
    /// The case's name [default: the execution's id]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct TestCases {
    /// Key of an agent type or of an execution type; without it all cases are played
    #[arg(value_name = "DEFINITION")]
    pub definition: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Makes a user and prints the id
    Create(CreateUser),
}

#[derive(Debug, Args)]
pub(super) struct CreateUser {
    /// Unique on the server
    pub name: String,
    /// May see and manage everything
    #[arg(long)]
    pub admin: bool,
    /// Makes them a member of this data set; may be given several times
    #[arg(long = "data-set", value_name = "ID")]
    pub data_sets: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Makes an access token and prints it: it is kept nowhere and never shown again
    Create(CreateToken),
    /// Prints every token, tab-separated: id, user, name, first characters, created, last used,
    /// expires, revoked
    List,
    /// Ends a token; streams opened with it end within five seconds
    Revoke {
        /// As `token list` prints it
        id: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct CreateToken {
    /// The name of its user
    #[arg(long, value_name = "NAME")]
    pub user: String,
    /// What it is for, to tell tokens apart
    #[arg(long, default_value = "command line")]
    pub name: String,
    /// Ends by itself after this time, for example 90d; without it never
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub expires: Option<Duration>,
}

/// sqlx passes on every notice of the server.
pub(super) const USUAL_LOG: &str = "info,sqlx=warn";

/// Every setting. Those of secrets never show their value.
#[derive(Debug, Args)]
#[command(next_help_heading = "Settings")]
pub(super) struct SettingFlags {
    /// Where the rows are: sqlite://PATH or postgres://USER:PASSWORD@HOST/NAME
    #[arg(
        long,
        env = "DATABASE_URL",
        value_name = "URL",
        hide_env_values = true,
        default_value = "sqlite://data/agentic-executions.db",
        global = true
    )]
    database_url: secrecy::SecretString,

    /// Connections to the database, 2 or more; on SQLite, of readers
    #[arg(
        long,
        env = "AGENTIC_DATABASE_CONNECTIONS",
        value_name = "NUMBER",
        default_value_t = 10,
        global = true
    )]
    database_connections: u32,

    /// Address and port of the API; port 0 takes a free one
    #[arg(
        long,
        env = "AGENTIC_LISTEN",
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:8000",
        value_parser = listen_address,
        global = true
    )]
    listen: SocketAddr,

    /// Where browsers reach the API, when a proxy stands before it; without it the listening address
    #[arg(long, env = "AGENTIC_PUBLIC_URL", value_name = "URL", global = true)]
    public_url: Option<String>,

    /// Pages of other origins that may use the API with a token, such as http://localhost:5173; several with commas
    #[arg(
        long,
        env = "AGENTIC_ALLOWED_ORIGINS",
        value_name = "ORIGIN",
        value_delimiter = ',',
        global = true
    )]
    allowed_origins: Vec<String>,

    /// Where files are: file:///ABSOLUTE/PATH [default: files under ./data]
    #[arg(long, env = "AGENTIC_FILES_URL", value_name = "URL", global = true)]
    files_url: Option<String>,

    /// A directory of agent types that adds to the shipped ones; the same key overrides
    #[arg(long, env = "AGENTIC_DEFINITIONS", value_name = "DIRECTORY", global = true)]
    definitions: Option<PathBuf>,

    /// A TOML file that declares the models that agents may run on; keys stay in the environment
    #[arg(long, env = "AGENTIC_MODELS", value_name = "FILE", global = true)]
    models: Option<PathBuf>,

    /// A TOML file that declares budgets which executions share; the same on every node
    #[arg(long, env = "AGENTIC_BUDGETS", value_name = "FILE", global = true)]
    budgets: Option<PathBuf>,

    /// The first admin's token, 32 characters or more; acts only while there is no admin
    #[arg(
        long,
        env = "AGENTIC_BOOTSTRAP_TOKEN",
        value_name = "SECRET",
        hide_env_values = true,
        global = true
    )]
    bootstrap_token: Option<secrecy::SecretString>,

    /// Makes a demo data set with an agent of each type, on an empty database and a loopback address
    #[arg(
        long,
        env = "AGENTIC_DEMO",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_value = "true",
        default_missing_value = "true",
        value_parser = BoolishValueParser::new(),
        global = true
    )]
    demo: bool,

    /// Runs that one worker works on at once
    #[arg(
        long,
        env = "AGENTIC_WORKER_CONCURRENCY",
        value_name = "NUMBER",
        default_value_t = 16,
        global = true
    )]
    worker_concurrency: usize,

    /// How long a run stays with a worker that gives no sign
    #[arg(long, env = "AGENTIC_LEASE", value_name = "DURATION", default_value = "45s", value_parser = humantime::parse_duration, global = true)]
    lease: Duration,

    /// How often a worker gives its sign
    #[arg(long, env = "AGENTIC_HEARTBEAT", value_name = "DURATION", default_value = "10s", value_parser = humantime::parse_duration, global = true)]
    heartbeat: Duration,

    /// How long before a lease ends its worker stops by itself [default: a ninth of the lease]
    #[arg(long, env = "AGENTIC_LEASE_MARGIN", value_name = "DURATION", value_parser = humantime::parse_duration, global = true)]
    lease_margin: Option<Duration>,

    /// Workers that may vanish over a run, without progress between, before it is given up
    #[arg(
        long,
        env = "AGENTIC_MAX_STALLS",
        value_name = "NUMBER",
        default_value_t = 3,
        global = true
    )]
    max_stalls: u32,

    /// How often a worker looks at the queue when no signal says so
    #[arg(long, env = "AGENTIC_POLL", value_name = "DURATION", default_value = "1s", value_parser = humantime::parse_duration, global = true)]
    poll: Duration,

    /// Private networks that agents may fetch pages from, such as `10.1.0.0/16,127.0.0.1`; without
    /// it only the public internet
    #[arg(
        long,
        env = "AGENTIC_FETCH_ALLOW",
        value_name = "NETWORKS",
        value_delimiter = ',',
        global = true
    )]
    fetch_allow: Vec<Network>,

    /// How long a shutdown waits for runs to reach their next journal entry
    #[arg(long, env = "AGENTIC_GRACE", value_name = "DURATION", default_value = "30s", value_parser = humantime::parse_duration, global = true)]
    grace: Duration,

    /// Greatest size of a request without files, and of a WebSocket message
    #[arg(long, env = "AGENTIC_MAX_BODY_BYTES", value_name = "BYTES", default_value_t = 2 * 1024 * 1024, global = true)]
    max_body_bytes: u64,

    /// Greatest size of one uploaded file; agent types may take less
    #[arg(long, env = "AGENTIC_MAX_UPLOAD_BYTES", value_name = "BYTES", default_value_t = 50 * 1024 * 1024, global = true)]
    max_upload_bytes: u64,

    /// Most files of one request; agent types may take fewer
    #[arg(
        long,
        env = "AGENTIC_MAX_UPLOAD_FILES",
        value_name = "NUMBER",
        default_value_t = 20,
        global = true
    )]
    max_upload_files: u32,

    /// How long a request's body may take to come, and again its operation; uploads have five minutes to come, streams no
    /// such limit
    #[arg(long, env = "AGENTIC_REQUEST_TIMEOUT", value_name = "DURATION", default_value = "60s", value_parser = humantime::parse_duration, global = true)]
    request_timeout: Duration,

    /// How long a browser stays signed in
    #[arg(long, env = "AGENTIC_SESSION", value_name = "DURATION", default_value = "7d", value_parser = humantime::parse_duration, global = true)]
    session: Duration,

    /// Whether clients may ask for the schema
    #[arg(
        long,
        env = "AGENTIC_INTROSPECTION",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_value = "true",
        default_missing_value = "true",
        value_parser = BoolishValueParser::new(),
        global = true
    )]
    introspection: bool,

    /// Deepest nesting of a GraphQL operation
    #[arg(
        long,
        env = "AGENTIC_MAX_QUERY_DEPTH",
        value_name = "NUMBER",
        default_value_t = 20,
        global = true
    )]
    max_query_depth: usize,

    /// Most fields of a GraphQL operation, each times the size of the pages it stands in
    #[arg(
        long,
        env = "AGENTIC_MAX_QUERY_COMPLEXITY",
        value_name = "NUMBER",
        default_value_t = 20_000,
        global = true
    )]
    max_query_complexity: usize,

    /// Most GraphQL operations of one token in a minute, on each node; 0 for no limit
    #[arg(
        long,
        env = "AGENTIC_REQUESTS_PER_MINUTE",
        value_name = "NUMBER",
        default_value_t = 120_000,
        global = true
    )]
    requests_per_minute: u64,

    /// Most that the operations of one token may cost in a minute, on each node, counted as for
    /// AGENTIC_MAX_QUERY_COMPLEXITY; 0 for no limit
    #[arg(
        long,
        env = "AGENTIC_COST_PER_MINUTE",
        value_name = "NUMBER",
        default_value_t = 30_000_000,
        global = true
    )]
    cost_per_minute: u64,

    /// Most tokens in a minute that are not valid, from one address; 0 for no limit
    #[arg(
        long,
        env = "AGENTIC_FAILURES_PER_MINUTE",
        value_name = "NUMBER",
        default_value_t = 600,
        global = true
    )]
    failures_per_minute: u64,

    /// How long a subscriber may be away and still catch up
    #[arg(long, env = "AGENTIC_KEEP_CHANGES", value_name = "DURATION", default_value = "7d", value_parser = humantime::parse_duration, global = true)]
    keep_changes: Duration,

    /// How long an idempotency key is remembered; 24h at least
    #[arg(long, env = "AGENTIC_KEEP_KEYS", value_name = "DURATION", default_value = "2d", value_parser = humantime::parse_duration, global = true)]
    keep_keys: Duration,

    /// How long an uploaded file is kept that nothing has taken
    #[arg(long, env = "AGENTIC_KEEP_UPLOADS", value_name = "DURATION", default_value = "1d", value_parser = humantime::parse_duration, global = true)]
    keep_uploads: Duration,

    /// Which log lines are written, for example `info` or `warn,agentic_executions=debug`
    #[arg(
        long,
        env = "AGENTIC_LOG",
        value_name = "FILTER",
        default_value = USUAL_LOG,
        global = true
    )]
    log: String,

    /// The collector that traces are sent to, by OTLP over plain HTTP: http://HOST:PORT; without it
    /// there are none. The other OTEL_* variables (service name, headers, sampler, batches) count too
    #[arg(
        long = "otlp-endpoint",
        env = "OTEL_EXPORTER_OTLP_ENDPOINT",
        value_name = "URL",
        hide_env_values = true,
        global = true
    )]
    traces_endpoint: Option<String>,
}

impl SettingFlags {
    /// Plain data, checked.
    pub fn read(self) -> Result<Settings, Failure> {
        let files_url = match self.files_url {
            Some(url) => url,
            None => {
                let path = std::path::absolute("data/files")
                    .map_err(|error| Failure::chain("the working directory cannot be found", error))?;
                format!("file://{}", path.display())
            }
        };
        let settings = Settings {
            database: config::Database {
                url: self.database_url,
                connections: self.database_connections,
            },
            files_url,
            definitions: self.definitions,
            budgets: self.budgets,
            models: self.models,
            http: config::Http {
                listen: self.listen,
                public_url: self.public_url,
                allowed_origins: self.allowed_origins,
                max_body_bytes: self.max_body_bytes,
                max_upload_bytes: self.max_upload_bytes,
                max_upload_files: self.max_upload_files,
                request_timeout: self.request_timeout,
                failures_per_minute: self.failures_per_minute,
                session: self.session,
            },
            graphql: config::Graphql {
                introspection: self.introspection,
                max_depth: self.max_query_depth,
                max_complexity: self.max_query_complexity,
                requests_per_minute: self.requests_per_minute,
                cost_per_minute: self.cost_per_minute,
            },
            worker: config::Worker {
                concurrency: self.worker_concurrency,
                lease: self.lease,
                heartbeat: self.heartbeat,
                // A ninth of 45 s is 5 s: time for a model call's last journal entry to commit.
                lease_margin: self.lease_margin.unwrap_or(self.lease / 9),
                max_stalls: self.max_stalls,
                poll: self.poll,
            },
            fetch: config::Fetch {
                allowed: self.fetch_allow,
            },
            retention: config::Retention {
                changes: self.keep_changes,
                idempotency_keys: self.keep_keys,
                staged_files: self.keep_uploads,
            },
            bootstrap_token: self.bootstrap_token,
            demo: self.demo,
            grace: self.grace,
            log: self.log,
            traces_endpoint: self.traces_endpoint,
        };
        settings.check()?;
        Ok(settings)
    }
}

fn listen_address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(
        |_| "use an address in numbers and a port, such as 127.0.0.1:8000, 0.0.0.0:8000 or [::1]:8000",
    )
}

/// The variable of the environment that gave an argument this value; none when a flag did.
pub(super) fn variable_of(argument: &str, value: &str) -> Option<String> {
    let long = argument.strip_prefix("--")?.split([' ', '=', '[']).next()?;
    let command = Flags::command();
    let known = command
        .get_arguments()
        .find(|known| known.get_long() == Some(long))?;
    let variable = known.get_env()?;
    let is_it = std::env::var_os(variable).is_some_and(|set| set == value);
    is_it.then(|| variable.to_string_lossy().into_owned())
}

/// A variable that is set to nothing is not set: container files pass them on so.
pub(super) fn without_empty_environment(command: clap::Command) -> clap::Command {
    let is_empty = |argument: &clap::Arg| {
        let value = argument.get_env().and_then(std::env::var_os);
        value.is_some_and(|value| value.is_empty())
    };
    command.mut_args(move |argument| {
        if is_empty(&argument) {
            argument.env(Resettable::Reset)
        } else {
            argument
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Flags, clap::Error> {
        Flags::try_parse_from(std::iter::once(&"agentic-executions").chain(arguments))
    }

    #[test]
    fn the_flags_are_well_formed() {
        Flags::command().debug_assert();
    }

    #[test]
    fn settings_may_stand_before_and_after_the_command() {
        for arguments in [
            ["--grace", "5s", "token", "list"],
            ["token", "list", "--grace", "5s"],
        ] {
            let flags = parse(&arguments).expect("parses");
            let settings = flags.settings.read().expect("fine");
            assert_eq!(settings.grace, Duration::from_secs(5));
        }
    }

    #[test]
    fn half_a_command_is_told_what_it_lacks() {
        for (noun, commands) in [
            ("user", "create"),
            ("token", "create, list, revoke"),
            ("rehearse", "record, test"),
        ] {
            let refusal = parse(&[noun]).expect_err("lacks a command").to_string();
            let first = refusal.split("\n\n").next().unwrap_or_default();
            assert!(
                first.starts_with("error: ") && first.contains(commands),
                "{refusal}"
            );
        }
    }

    #[test]
    fn no_command_serves() {
        let flags = parse(&["--no-worker"]).expect("parses");
        assert!(flags.command.is_none() && flags.serve.no_worker);
    }

    #[test]
    fn a_secret_that_is_refused_is_not_repeated() {
        let flags = parse(&["--bootstrap-token", "too-short-secret"]).expect("parses");
        let failure = flags.settings.read().expect_err("too short").to_string();
        assert!(failure.starts_with("AGENTIC_BOOTSTRAP_TOKEN") && !failure.contains("too-short-secret"));
    }

    #[test]
    fn every_setting_says_what_it_is_for_and_can_come_from_the_environment() {
        let command = Flags::command();
        let settings = command
            .get_arguments()
            .filter(|argument| argument.get_help_heading() == Some("Settings"));
        for argument in settings.filter(|argument| argument.get_id() != "no_worker") {
            assert!(argument.get_help().is_some(), "{}", argument.get_id());
            assert!(argument.get_env().is_some(), "{}", argument.get_id());
        }
    }
}
