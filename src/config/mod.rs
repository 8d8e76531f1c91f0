//! Settings as plain data. Where they come from (flags, environment) is `cli`'s; what they mean
//! for each other is checked here, in [`Settings::check`]. Nothing here reads the environment, a
//! file or the network, and no secret is ever shown: [`SecretString`] prints as redacted.
//!
//! To add a setting: a field here with its unit in the name or type, its flag in `cli::flags`, its
//! check below when not every value makes sense, and its row in the README.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use crate::base::cookie::Cookie;
use crate::base::network::Network;

/// A bootstrap token's least length: what cannot be guessed at any rate that a server answers.
pub const MIN_BOOTSTRAP_CHARACTERS: usize = 32;

/// Everything that can be set.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the rows are.
    pub database: Database,
    /// Where the bytes of files are.
    pub files_url: String,
    /// A directory that adds to the shipped definitions or overrides them.
    pub definitions: Option<PathBuf>,
    /// The file that declares models; without it there is the rehearsal alone.
    pub models: Option<PathBuf>,
    /// The file that declares budgets which executions share; without it there are none.
    pub budgets: Option<PathBuf>,
    /// The API.
    pub http: Http,
    /// What one GraphQL operation may ask.
    pub graphql: Graphql,
    /// The work on runs.
    pub worker: Worker,
    /// Pages of the web.
    pub fetch: Fetch,
    /// How long things are kept.
    pub retention: Retention,
    /// The first admin's token; acts only while there is no admin.
    pub bootstrap_token: Option<SecretString>,
    /// Make the demo on an empty database and a loopback address.
    pub demo: bool,
    /// How long a shutdown waits for runs and then for answers.
    pub grace: Duration,
    /// How long a shutdown goes on answering while it says that it is not ready.
    pub drain: Duration,
    /// Which log lines are written.
    pub log: String,
    /// Where the collector of traces is; without it there are none.
    pub traces_endpoint: Option<String>,
}

/// Where the rows are.
#[derive(Debug, Clone)]
pub struct Database {
    /// Secret, for it may hold a password.
    pub url: SecretString,
    /// Connections of one process: 2 or more.
    pub connections: u32,
}

impl Database {
    /// True for an address of the database that several processes share.
    pub fn is_postgres(&self) -> bool {
        let url = self.url.expose_secret();
        url.starts_with("postgres:") || url.starts_with("postgresql:")
    }

    /// The file of a SQLite address; none for one in memory or another database.
    pub fn sqlite_file(&self) -> Option<PathBuf> {
        let rest = self.url.expose_secret().strip_prefix("sqlite:")?;
        let path = rest.strip_prefix("//").unwrap_or(rest);
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let is_in_memory = path.contains(":memory:") || query.contains("mode=memory");
        (!path.is_empty() && !is_in_memory).then(|| PathBuf::from(path))
    }

    /// What is wrong with the address; never itself, for it may hold a password.
    fn problem(&self) -> Option<&'static str> {
        let url = self.url.expose_secret();
        if self.is_postgres() {
            return None;
        }
        if !url.starts_with("sqlite:") {
            return Some("names no database that is known; use sqlite://PATH or postgres://USER@HOST/NAME");
        }
        let Some(file) = self.sqlite_file() else {
            // Each connection would have a database of its own.
            return Some(
                "names no file; use sqlite://PATH, for a database in memory cannot be shared by connections",
            );
        };
        if url.contains('?') {
            return Some("says something behind a `?`, of which nothing is taken; use sqlite://PATH");
        }
        let begins_at_home = file.to_str().is_some_and(|path| path.starts_with('~'));
        begins_at_home.then_some(
            "begins with `~`, which a shell replaces in some places and nobody here; write the whole path, \
             sqlite:///home/…",
        )
    }
}

/// The API.
#[derive(Debug, Clone)]
pub struct Http {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where browsers reach it; none: at the listening address.
    pub public_url: Option<String>,
    /// Origins of pages elsewhere that may use the API with a token.
    pub allowed_origins: Vec<String>,
    /// Of a request without files, and of a WebSocket message.
    pub max_body_bytes: u64,
    /// Of one uploaded file. A request has room for what its agent type takes.
    pub max_upload_bytes: u64,
    /// Of one request.
    pub max_upload_files: u32,
    /// For a request's body to come, and again for its operation; streams have no such limit.
    pub request_timeout: Duration,
    /// Tokens of one address that are not valid, within a minute; 0: as many as come.
    pub failures_per_minute: u64,
    /// How long a browser stays signed in.
    pub session: Duration,
}

impl Http {
    /// The cookie of sessions: for https alone where that is how browsers come.
    pub fn cookie(&self) -> Cookie {
        let is_https = |url: &String| url.to_ascii_lowercase().starts_with("https:");
        Cookie {
            is_secure: self.public_url.as_ref().is_some_and(is_https),
        }
    }

    /// The address of a link with which someone signs in once. The code stands in the fragment,
    /// which browsers send to nobody.
    pub fn sign_in_link(&self, bound: SocketAddr, code: &str) -> String {
        format!("{}/sign-in#{code}", self.public_url(bound))
    }

    /// Where browsers reach a server that listens at `bound`.
    pub fn public_url(&self, bound: SocketAddr) -> String {
        match &self.public_url {
            Some(url) => url.clone(),
            None => format!("http://{bound}"),
        }
    }
}

/// What one GraphQL operation may ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Graphql {
    /// May the schema be asked for.
    pub introspection: bool,
    /// Levels of nesting.
    pub max_depth: usize,
    /// Fields, each times the size of the pages it stands in.
    pub max_complexity: usize,
    /// Operations of one token; 0: as many as come.
    pub requests_per_minute: u64,
    /// What the operations of one token may cost, counted as for `max_complexity`; 0: as much as they do.
    pub cost_per_minute: u64,
}

/// The work on runs.
#[derive(Debug, Clone)]
pub struct Worker {
    /// Runs at once.
    pub concurrency: usize,
    /// How long a run stays taken without a heartbeat.
    pub lease: Duration,
    /// How often all leases are renewed.
    pub heartbeat: Duration,
    /// How long before its end a lease counts as gone.
    pub lease_margin: Duration,
    /// Lease expiries without progress that end a run.
    pub max_stalls: u32,
    /// How often the queue is looked at when no signal says so.
    pub poll: Duration,
    /// Where a worker without an API tells how it is; none: nowhere.
    pub listen: Option<SocketAddr>,
}

/// Pages of the web.
#[derive(Debug, Clone, Default)]
pub struct Fetch {
    /// Networks that agents may fetch pages from although they are not of the public internet.
    pub allowed: Vec<Network>,
}

/// How long things are kept.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct Retention {
    pub changes: Duration,
    pub idempotency_keys: Duration,
    pub staged_files: Duration,
}

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting} {problem}")]
pub struct Mistake {
    /// Its name in the environment.
    pub setting: &'static str,
    /// What is wrong, and what would be right; never the value of a secret.
    pub problem: String,
}

/// Those found so far.
#[derive(Default)]
struct Mistakes(Vec<Mistake>);

impl Mistakes {
    fn note(&mut self, setting: &'static str, problem: impl Into<String>) {
        self.0.push(Mistake {
            setting,
            problem: problem.into(),
        });
    }
}

/// The API promises that a key is remembered for a day.
const MIN_KEY_RETENTION: Duration = Duration::from_secs(24 * 60 * 60);

/// Migrating holds a lock on one while it works on another.
const MIN_CONNECTIONS: u32 = 2;

/// Their places are made at start, and no database serves more.
const MAX_CONNECTIONS: u32 = 10_000;

/// Each level of a document takes a place on the stack.
const MAX_QUERY_DEPTH: usize = 200;

/// More runs at once than a process has memory for.
const MAX_CONCURRENCY: usize = 10_000;

/// More is a typing error, and the two multiplied stay far from what a number holds.
const MAX_UPLOAD_BYTES: u64 = 1 << 40;
const MAX_UPLOAD_FILES: u32 = 1000;

/// Beyond a year a duration is a typing error, and sums of instants stay far from their limits.
const MAX_DURATION: Duration = Duration::from_secs(366 * 24 * 60 * 60);

impl Settings {
    /// Says whether the values make sense, alone and together.
    ///
    /// # Errors
    /// Every one that does not.
    pub fn check(&self) -> Result<(), Vec<Mistake>> {
        let mut found = Mistakes::default();
        self.check_addresses(&mut found);
        self.check_secrets(&mut found);
        self.check_limits(&mut found);
        self.check_durations(&mut found);
        self.check_lease(&mut found);
        if found.0.is_empty() { Ok(()) } else { Err(found.0) }
    }

    fn check_addresses(&self, found: &mut Mistakes) {
        if let Some(problem) = self.database.problem() {
            found.note("DATABASE_URL", problem);
        }
        if !self.files_url.starts_with("file:///") {
            let problem = format!("is `{}`; use file:///ABSOLUTE/PATH", self.files_url);
            found.note("AGENTIC_FILES_URL", problem);
        }
        if let Some(directory) = &self.definitions
            && !directory.is_dir()
        {
            let problem = format!("is `{}`, which is no directory", directory.display());
            found.note("AGENTIC_DEFINITIONS", problem);
        }
        let files = [
            ("AGENTIC_MODELS", &self.models),
            ("AGENTIC_BUDGETS", &self.budgets),
        ];
        for (setting, file) in files {
            if let Some(file) = file
                && !file.is_file()
            {
                found.note(setting, format!("is `{}`, which is no file", file.display()));
            }
        }
        if let Some(url) = &self.http.public_url
            && !is_origin(url)
        {
            let problem = format!("is `{url}`; use https://HOST or http://HOST:PORT, without a path");
            found.note("AGENTIC_PUBLIC_URL", problem);
        }
        if let Some(other) = self.http.allowed_origins.iter().find(|url| !is_origin(url)) {
            let problem = format!("names `{other}`; use https://HOST or http://HOST:PORT, without a path");
            found.note("AGENTIC_ALLOWED_ORIGINS", problem);
        }
        if let Some(url) = &self.traces_endpoint
            && !is_plain_http(url)
        {
            // Not the value: it may hold a password.
            found.note(
                "OTEL_EXPORTER_OTLP_ENDPOINT",
                "names no collector; use http://HOST:PORT, which takes OTLP over HTTP without TLS",
            );
        }
    }

    fn check_secrets(&self, found: &mut Mistakes) {
        match &self.bootstrap_token {
            Some(token) if token.expose_secret().chars().count() < MIN_BOOTSTRAP_CHARACTERS => {
                let problem = format!("is too short; use {MIN_BOOTSTRAP_CHARACTERS} characters or more");
                found.note("AGENTIC_BOOTSTRAP_TOKEN", problem);
            }
            // It has to travel in a header.
            Some(token) if !token.expose_secret().bytes().all(|byte| byte.is_ascii_graphic()) => {
                found.note(
                    "AGENTIC_BOOTSTRAP_TOKEN",
                    "holds blanks or characters beyond ASCII",
                );
            }
            _ => {}
        }
    }

    fn check_limits(&self, found: &mut Mistakes) {
        let at_least_one = [
            ("AGENTIC_WORKER_CONCURRENCY", self.worker.concurrency as u64),
            ("AGENTIC_MAX_STALLS", u64::from(self.worker.max_stalls)),
            ("AGENTIC_MAX_BODY_BYTES", self.http.max_body_bytes),
            ("AGENTIC_MAX_UPLOAD_BYTES", self.http.max_upload_bytes),
            ("AGENTIC_MAX_UPLOAD_FILES", u64::from(self.http.max_upload_files)),
            ("AGENTIC_MAX_QUERY_DEPTH", self.graphql.max_depth as u64),
            ("AGENTIC_MAX_QUERY_COMPLEXITY", self.graphql.max_complexity as u64),
        ];
        for (setting, _) in at_least_one.iter().filter(|(_, value)| *value == 0) {
            found.note(setting, "is 0; use 1 or more");
        }
        let cost = self.graphql.cost_per_minute;
        if cost > 0 && cost < self.graphql.max_complexity as u64 {
            let problem = format!(
                "is {cost}; use 0 for no limit, or at least the {} points that one operation may cost \
                 (AGENTIC_MAX_QUERY_COMPLEXITY)",
                self.graphql.max_complexity
            );
            found.note("AGENTIC_COST_PER_MINUTE", problem);
        }
        let connections = self.database.connections;
        if connections < MIN_CONNECTIONS {
            let problem = format!("is {connections}; use {MIN_CONNECTIONS} or more");
            found.note("AGENTIC_DATABASE_CONNECTIONS", problem);
        }
        if connections > MAX_CONNECTIONS {
            let problem = format!("is {connections}; use {MAX_CONNECTIONS} or fewer");
            found.note("AGENTIC_DATABASE_CONNECTIONS", problem);
        }
        if self.graphql.max_depth > MAX_QUERY_DEPTH {
            let problem = format!("is {}; use {MAX_QUERY_DEPTH} or less", self.graphql.max_depth);
            found.note("AGENTIC_MAX_QUERY_DEPTH", problem);
        }
        let concurrency = self.worker.concurrency;
        if concurrency > MAX_CONCURRENCY {
            let problem = format!("is {concurrency}; use {MAX_CONCURRENCY} or fewer, and more workers");
            found.note("AGENTIC_WORKER_CONCURRENCY", problem);
        }
        if self.http.max_upload_bytes > MAX_UPLOAD_BYTES {
            found.note("AGENTIC_MAX_UPLOAD_BYTES", "is more than 1 TiB");
        }
        if self.http.max_upload_files > MAX_UPLOAD_FILES {
            found.note("AGENTIC_MAX_UPLOAD_FILES", "is more than 1000");
        }
    }

    fn check_durations(&self, found: &mut Mistakes) {
        let all = [
            ("AGENTIC_LEASE", self.worker.lease),
            ("AGENTIC_HEARTBEAT", self.worker.heartbeat),
            ("AGENTIC_LEASE_MARGIN", self.worker.lease_margin),
            ("AGENTIC_POLL", self.worker.poll),
            ("AGENTIC_REQUEST_TIMEOUT", self.http.request_timeout),
            ("AGENTIC_SESSION", self.http.session),
            ("AGENTIC_KEEP_CHANGES", self.retention.changes),
            ("AGENTIC_KEEP_KEYS", self.retention.idempotency_keys),
            ("AGENTIC_KEEP_UPLOADS", self.retention.staged_files),
        ];
        // Instants are kept in milliseconds: what is shorter would be nothing.
        for (setting, _) in all.iter().filter(|(_, time)| time.as_millis() == 0) {
            found.note(setting, "is shorter than a millisecond");
        }
        let ends = [("AGENTIC_GRACE", self.grace), ("AGENTIC_DRAIN", self.drain)];
        for (setting, _) in all.iter().chain(&ends).filter(|(_, time)| *time > MAX_DURATION) {
            found.note(setting, "is longer than a year");
        }
        if self.retention.idempotency_keys < MIN_KEY_RETENTION {
            found.note(
                "AGENTIC_KEEP_KEYS",
                "is shorter than the 24h that the API promises",
            );
        }
    }

    fn check_lease(&self, found: &mut Mistakes) {
        let worker = &self.worker;
        // One heartbeat may be lost and the next still arrives before the lease counts as gone. What is out of its own
        // limits was told of already.
        let least = worker
            .heartbeat
            .saturating_mul(2)
            .saturating_add(worker.lease_margin);
        if least > worker.lease && worker.lease <= MAX_DURATION && worker.heartbeat <= MAX_DURATION {
            let shown = humantime::format_duration;
            let problem = format!(
                "is {}; it must cover two heartbeats ({}) and the margin ({})",
                shown(worker.lease),
                shown(worker.heartbeat),
                shown(worker.lease_margin)
            );
            found.note("AGENTIC_LEASE", problem);
        }
    }
}

fn is_plain_http(url: &str) -> bool {
    let uri = url.parse::<http::Uri>();
    // A password belongs into `OTEL_EXPORTER_OTLP_HEADERS`, which nothing prints.
    let is_plain = |uri: http::Uri| uri.scheme_str() == Some("http") && uri.query().is_none();
    uri.is_ok_and(is_plain) && !url.contains('@')
}

fn is_origin(url: &str) -> bool {
    let Ok(uri) = url.parse::<http::Uri>() else {
        return false;
    };
    let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
    let names_host = uri
        .authority()
        .is_some_and(|authority| !authority.as_str().contains('@'));
    is_web && names_host && uri.path() == "/" && uri.query().is_none() && !url.ends_with('/')
}

#[cfg(test)]
mod tests;
