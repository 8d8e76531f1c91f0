//! The gateway to MCP servers by itself: what becomes of calls when a server blocks, hangs, stops
//! reading or does not begin. Runs that use such servers are in `mcp.rs`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use agentic_executions::base::clock::Clock;
use agentic_executions::child::Launcher;
use agentic_executions::mcp::{Error, Key, Reach, Servers, Settings};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::eventually;

/// Far more than what is claimed takes, and far less than what it took otherwise.
const SOON: Duration = Duration::from_secs(20);

fn key() -> Key {
    ("trials".to_owned(), "trial".to_owned())
}

fn servers(reach: Reach, call_timeout: Duration) -> Servers {
    let launcher = Launcher::of(env!("CARGO_BIN_EXE_agentic-executions"));
    let settings = Settings { reach, call_timeout };
    Servers::new(&Clock::system(), &launcher, [(key(), settings)])
}

fn child(command: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Reach {
    Reach::Child {
        command: command.to_owned(),
        arguments: arguments.iter().map(|it| (*it).to_owned()).collect(),
        environment: environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).into()))
            .collect(),
    }
}

/// The one that misbehaves on demand, and the file of what it was asked.
fn stubborn(folder: &Path) -> (Reach, PathBuf) {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/mcp/stubborn.mjs");
    let log = folder.join("calls");
    let environment = [("STUBBORN_LOG", log.to_str().expect("a path"))];
    let reach = child("node", &[script.to_str().expect("a path")], &environment);
    (reach, log)
}

fn lines(log: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

async fn text(servers: &Servers, tool: &str, arguments: Value) -> Result<String, Error> {
    let answer = timeout(SOON, servers.call(&key(), tool, &arguments)).await;
    Ok(answer.expect("an end")?.text)
}

/// Calls beside this one.
fn begin(
    servers: &Servers,
    tool: &'static str,
    arguments: Value,
) -> tokio::task::JoinHandle<Result<String, Error>> {
    let servers = servers.clone();
    tokio::spawn(async move { text(&servers, tool, arguments).await })
}

fn pid(log: &Path, tool: &str) -> Option<u32> {
    let lines = lines(log);
    let last = lines.iter().rev().find_map(|line| line.strip_prefix(tool))?;
    last.trim().parse().ok()
}

fn is_alive(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stops_reading_is_cut_off_and_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    let (reach, log) = stubborn(folder.path());
    let servers = servers(reach, Duration::from_secs(2));
    assert_eq!(
        text(&servers, "count", json!({"n": 1})).await.expect("counts"),
        "1"
    );
    let hung = begin(&servers, "hang", json!({}));
    eventually("it hangs", async || pid(&log, "hang").is_some()).await;
    let first = pid(&log, "hang").expect("a process");
    // More than a pipe holds: the rest of it, and whatever follows, is never written.
    let large = text(&servers, "count", json!({"n": 2, "more": "x".repeat(1 << 20)})).await;
    assert!(matches!(large, Err(Error::TooSlow { .. })), "{large:?}");
    let hung = hung.await.expect("no panic");
    assert!(matches!(hung, Err(Error::TooSlow { .. })), "{hung:?}");
    assert_eq!(
        text(&servers, "count", json!({"n": 3})).await.expect("counts"),
        "3"
    );
    eventually("it is ended", async || !is_alive(first)).await;
    servers.close().await;
}
