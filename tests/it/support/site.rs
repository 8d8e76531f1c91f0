//! A site: the real binary on a database of its own, spoken to over the network like any other.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use agentic_executions::base::tls;

use super::client::Client;
use super::database::{Kind, TestDatabase};

/// The first admin's token: `AGENTIC_BOOTSTRAP_TOKEN`.
pub const ADMIN_TOKEN: &str = "an-admin-token-for-tests-of-at-least-32-characters";

/// How long anything may take before a test gives up. Generous: these machines are noisy.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A database, a directory for files, and what every process is started with.
pub struct Site {
    pub database: TestDatabase,
    directory: tempfile::TempDir,
    settings: Vec<(String, String)>,
}

/// A running process, killed when the test ends.
pub struct Process {
    child: Child,
    /// `http://127.0.0.1:<port>`; empty for a worker.
    pub base: String,
}

pub fn definitions() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/definitions")
}

pub fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agentic-executions"));
    // Nothing of whoever runs the tests decides what a process does.
    for (name, _) in std::env::vars().filter(|(name, _)| {
        ["AGENTIC_", "OTEL_", "DATABASE_URL"]
            .iter()
            .any(|own| name.starts_with(own))
    }) {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

impl Site {
    pub async fn new(kind: Kind) -> Self {
        let database = TestDatabase::new(kind).await;
        let directory = tempfile::tempdir().expect("a directory");
        let settings = [
            ("DATABASE_URL", database.url.clone()),
            (
                "AGENTIC_FILES_URL",
                format!("file://{}", directory.path().join("files").display()),
            ),
            ("AGENTIC_DEFINITIONS", definitions().display().to_string()),
            ("AGENTIC_BOOTSTRAP_TOKEN", ADMIN_TOKEN.to_owned()),
            ("AGENTIC_DEMO", "false".to_owned()),
            // On a busy machine none runs out under a worker that is there.
            ("AGENTIC_LEASE", "30s".to_owned()),
            ("AGENTIC_HEARTBEAT", "500ms".to_owned()),
            ("AGENTIC_GRACE", "5s".to_owned()),
            ("AGENTIC_LOG", "warn,agentic_executions=info".to_owned()),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value)).to_vec();
        Self {
            database,
            directory,
            settings,
        }
    }

    /// Another setting for every process from now on.
    pub fn set(&mut self, name: &str, value: &str) {
        self.settings.push((name.to_owned(), value.to_owned()));
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = binary();
        command.args(arguments).envs(self.settings.iter().cloned());
        command
    }

    /// Starts the API, with its own worker unless told otherwise.
    pub async fn serve(&self, arguments: &[&str]) -> Process {
        tls::use_ring();
        let begin = || {
            let listen = format!("127.0.0.1:{}", free_port());
            let mut command = self.command(&[&["serve"], arguments].concat());
            command.env("AGENTIC_LISTEN", &listen);
            self.spawn(command, format!("http://{listen}"))
        };
        let mut process = begin();
        super::eventually("the server is ready", async || {
            if let Some(status) = process.child.try_wait().expect("answers") {
                let log = self.log();
                let taken = format!("cannot listen on {}", process.base.trim_start_matches("http://"));
                assert!(log.contains(&taken), "it ended, {status}: {log}");
                // Somebody took the port in between.
                process = begin();
            }
            reqwest::get(format!("{}/health/ready", process.base))
                .await
                .is_ok_and(|answer| answer.status().is_success())
        })
        .await;
        process
    }

    /// Starts a worker alone.
    pub fn worker(&self) -> Process {
        self.spawn(self.command(&["worker"]), String::new())
    }

    /// Starts a worker that tells how it is, at an address that its log says.
    pub async fn worker_that_listens(&self) -> Process {
        let mut process = self.spawn(
            self.command(&["worker", "--listen", "127.0.0.1:0"]),
            String::new(),
        );
        super::eventually("the worker says where it listens", async || {
            let log = self.log();
            let told = log
                .lines()
                .rev()
                .find(|line| line.contains("\"message\":\"working\""));
            let address = told.and_then(|line| serde_json::from_str::<serde_json::Value>(line).ok());
            let address = address.and_then(|line| Some(line["address"].as_str()?.to_owned()));
            process.base = address
                .map(|address| format!("http://{address}"))
                .unwrap_or_default();
            !process.base.is_empty()
        })
        .await;
        process
    }

    fn spawn(&self, mut command: Command, base: String) -> Process {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.directory.path().join("log"))
            .expect("a log");
        command.stdout(log.try_clone().expect("a log")).stderr(log);
        Process {
            child: command.spawn().expect("starts"),
            base,
        }
    }

    /// How many files' bytes are stored, without the mark of the database.
    pub fn stored_files(&self) -> usize {
        fn count(directory: &std::path::Path) -> usize {
            let Ok(entries) = std::fs::read_dir(directory) else {
                return 0;
            };
            entries
                .flatten()
                .filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'))
                .map(|entry| {
                    if entry.path().is_dir() {
                        count(&entry.path())
                    } else {
                        1
                    }
                })
                .sum()
        }
        count(&self.directory.path().join("files"))
    }

    /// What the processes have logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

impl Process {
    pub fn client(&self, token: &str) -> Client {
        Client::new(&self.base, token)
    }

    pub fn admin(&self) -> Client {
        self.client(ADMIN_TOKEN)
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal: `KILL`, `TERM`, `STOP`, `CONT`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([format!("-{name}"), self.id().to_string()])
            .status();
        assert!(sent.expect("kill runs").success());
    }

    /// Kills it, SIGKILL, and waits until it is gone.
    pub fn kill(mut self) {
        self.child.kill().expect("kills");
        self.child.wait().expect("is gone");
    }

    /// Asks it to end, and gives its exit code.
    pub async fn terminate(self) -> Option<i32> {
        self.signal("TERM");
        self.ended().await
    }

    /// Its exit code, once it has ended by itself.
    pub async fn ended(mut self) -> Option<i32> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("answers") {
                return status.code();
            }
            assert!(tokio::time::Instant::now() < deadline, "it does not end");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A stopped process takes no other signal; an ended one needs none.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .expect("a port")
        .local_addr()
        .expect("an address")
        .port()
}
