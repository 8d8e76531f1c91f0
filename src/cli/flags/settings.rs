//! The settings: one flag and one variable of the environment each. Their help is the manual: it names
//! the default, and what a value is for.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::BoolishValueParser;

use crate::base::network::Network;
use crate::cli::report::Failure;
use crate::config::{self, Settings};

/// sqlx passes on every notice of the server.
pub(in crate::cli) const USUAL_LOG: &str = "info,sqlx=warn";

/// This machine alone, until an operator says otherwise.
const USUAL_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8000);

/// Every setting. Those of secrets never show their value.
#[derive(Debug, Args)]
#[command(next_help_heading = "Settings")]
pub(in crate::cli) struct SettingFlags {
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

    /// Address and port of the API; port 0 takes a free one. A worker without an API serves /metrics and
    /// /health there, and opens no port unless it is given one [default: 127.0.0.1:8000; of a worker: none]
    #[arg(
        long,
        env = "AGENTIC_LISTEN",
        value_name = "ADDRESS:PORT",
        value_parser = listen_address,
        global = true
    )]
    listen: Option<SocketAddr>,

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

    /// How long a shutdown goes on answering, with `/health/ready` saying no, so that balancers turn
    /// to other nodes first
    #[arg(long, env = "AGENTIC_DRAIN", value_name = "DURATION", default_value = "0s", value_parser = humantime::parse_duration, global = true)]
    drain: Duration,

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

    /// How long the id of an uploaded file may be taken by launches and messages, which keep files of their own
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
                listen: self.listen.unwrap_or(USUAL_LISTEN),
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
                listen: self.listen,
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
            drain: self.drain,
            log: self.log,
            traces_endpoint: self.traces_endpoint,
        };
        match settings.check() {
            Ok(()) => Ok(settings),
            Err(mistakes) => Err(Failure::Settings(mistakes.iter().map(told).collect())),
        }
    }
}

/// With both of the setting's names: whoever gave a flag looks for a flag.
fn told(mistake: &config::Mistake) -> String {
    let config::Mistake { setting, problem } = mistake;
    match super::flag_of(setting) {
        Some(flag) => format!("{setting} (--{flag}) {problem}"),
        None => mistake.to_string(),
    }
}

fn listen_address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(
        |_| "use an address in numbers and a port, such as 127.0.0.1:8000, 0.0.0.0:8000 or [::1]:8000",
    )
}
