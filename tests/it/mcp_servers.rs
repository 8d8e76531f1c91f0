//! The gateway to MCP servers by itself: what becomes of calls when a server blocks, hangs, stops
//! reading or does not begin. Runs that use such servers are in `mcp.rs`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use agentic_executions::base::clock::Clock;
use agentic_executions::child::Launcher;
use agentic_executions::mcp::{Error, Key, Reach, Servers, Settings};
use axum::http::StatusCode;
use axum::response::IntoResponse;
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

/// A program that notes each of its starts, and does this then.
fn noting(folder: &Path, then: &str) -> (Reach, PathBuf) {
    let log = folder.join("starts");
    let environment = [
        ("LOG", log.to_str().expect("a path")),
        ("PATH", "/usr/bin:/bin"),
        ("KEY", "hunter2-and-more"),
    ];
    let script = format!("echo begun >> \"$LOG\"; {then}");
    (child("sh", &["-c", &script], &environment), log)
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

/// A server at an address that answers calls in the body, as stateless ones do.
#[derive(Default)]
struct Site {
    /// Does one thing at a time: whatever comes meanwhile waits.
    turn: Option<tokio::sync::Mutex<()>>,
    /// Refuses to say that it is there.
    is_mute: AtomicBool,
}

impl Site {
    async fn open(self) -> (Arc<Self>, Reach) {
        let site = Arc::new(self);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let asked = Arc::clone(&site);
        let app = axum::Router::new().route(
            "/mcp",
            axum::routing::post(move |axum::Json(message): axum::Json<Value>| {
                let site = Arc::clone(&asked);
                async move { site.answer(&message).await }
            }),
        );
        tokio::spawn(async move { axum::serve(listener, app).await });
        let reach = Reach::Http {
            url: format!("http://127.0.0.1:{port}/mcp"),
            headers: Vec::new(),
        };
        (site, reach)
    }

    async fn answer(&self, message: &Value) -> axum::response::Response {
        let _turn = match &self.turn {
            Some(turn) => Some(turn.lock().await),
            None => None,
        };
        let result = match message["method"].as_str().expect("a method") {
            "initialize" => json!({
                "protocolVersion": message["params"]["protocolVersion"],
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "site", "version": "1"},
            }),
            "ping" if self.is_mute.load(Ordering::SeqCst) => {
                return StatusCode::INTERNAL_SERVER_ERROR.into_response();
            }
            "ping" => json!({}),
            "tools/call" => {
                let arguments = &message["params"]["arguments"];
                let ms = arguments["ms"].as_u64().unwrap_or_default();
                tokio::time::sleep(Duration::from_millis(ms)).await;
                json!({"content": [{"type": "text", "text": arguments["n"].to_string()}]})
            }
            _ => return StatusCode::ACCEPTED.into_response(),
        };
        axum::Json(json!({"jsonrpc": "2.0", "id": message["id"], "result": result})).into_response()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_does_one_thing_at_a_time_is_busy_and_not_dead() {
    let site = Site {
        turn: Some(tokio::sync::Mutex::default()),
        ..Site::default()
    };
    let (_, reach) = site.open().await;
    let servers = servers(reach, Duration::from_secs(60));
    // Longer than anyone waits for a sign of life.
    let first = begin(&servers, "wait", json!({"n": 1, "ms": 6500}));
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(
        text(&servers, "wait", json!({"n": 2})).await.expect("answers"),
        "2"
    );
    assert_eq!(first.await.expect("no panic").expect("answers"), "1");
    servers.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_calls_than_a_server_is_given_at_once_wait_for_each_other() {
    let (_, reach) = Site::default().open().await;
    let servers = servers(reach, Duration::from_secs(60));
    let calls = (0..80).map(|n| begin(&servers, "wait", json!({"n": n, "ms": 6000})));
    let calls: Vec<_> = calls.collect();
    for (call, n) in calls.into_iter().zip(0..) {
        let answer = call.await.expect("no panic");
        assert_eq!(answer.expect("answers"), n.to_string());
    }
    servers.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_was_cut_off_takes_no_other_with_it() {
    let (site, reach) = Site::default().open().await;
    let servers = servers(reach, Duration::from_secs(3));
    let slow = begin(&servers, "wait", json!({"n": 1, "ms": 60_000}));
    tokio::time::sleep(Duration::from_secs(2)).await;
    let other = begin(&servers, "wait", json!({"n": 2, "ms": 2000}));
    tokio::time::sleep(Duration::from_millis(500)).await;
    site.is_mute.store(true, Ordering::SeqCst);
    let slow = slow.await.expect("no panic");
    assert!(matches!(slow, Err(Error::TooSlow { .. })), "{slow:?}");
    assert_eq!(other.await.expect("no panic").expect("answers"), "2");
    servers.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_wait_for_a_server_share_its_start_and_wait_no_longer_than_a_call_may_take() {
    let folder = tempfile::tempdir().expect("a folder");
    // It reads, and never says a word.
    let (reach, log) = noting(folder.path(), "exec cat > /dev/null");
    let servers = servers(reach, Duration::from_secs(2));
    let calls: Vec<_> = (0..4)
        .map(|n| begin(&servers, "count", json!({"n": n})))
        .collect();
    for call in calls {
        let answer = timeout(Duration::from_secs(6), call).await.expect("an end");
        let answer = answer.expect("no panic");
        assert!(matches!(answer, Err(Error::Unavailable { .. })), "{answer:?}");
    }
    assert_eq!(lines(&log).len(), 1);
    servers.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_wait_for_a_server_share_the_failure_of_its_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let (reach, log) = noting(folder.path(), "sleep 1; exit 1");
    let servers = servers(reach, Duration::from_secs(30));
    let (all, key) = (servers.clone(), key());
    let asked = (0..5).map(|_| all.tools(&key));
    for answer in timeout(SOON, futures::future::join_all(asked))
        .await
        .expect("an end")
    {
        assert!(matches!(answer, Err(Error::Unavailable { .. })), "{answer:?}");
    }
    assert_eq!(lines(&log).len(), 1);
    servers.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_server_was_given_is_not_in_what_is_said_of_its_failure() {
    let folder = tempfile::tempdir().expect("a folder");
    let (reach, _) = noting(folder.path(), "echo \"the key $KEY is not valid\" >&2; exit 1");
    let servers = servers(reach, Duration::from_secs(30));
    let failed = servers.tools(&key()).await.expect_err("it ends").to_string();
    assert!(
        failed.contains("the key [REDACTED] is not valid") && !failed.contains("hunter2"),
        "{failed}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_changed_is_fetched_also_when_whoever_asked_first_went_away() {
    let folder = tempfile::tempdir().expect("a folder");
    let (reach, log) = stubborn(folder.path());
    let servers = servers(reach, Duration::from_secs(10));
    let has_extra = async || {
        let listed = servers.tools(&key()).await.expect("a list");
        listed.tools.iter().any(|tool| tool.name == "extra")
    };
    assert!(!has_extra().await);
    text(&servers, "grow-slowly", json!({})).await.expect("grows");
    // It is asked anew, and whoever asked does not wait for it.
    eventually("it is listed again", async || {
        let _ = timeout(Duration::from_millis(100), servers.tools(&key())).await;
        lines(&log).iter().filter(|line| *line == "listed").count() > 1
    })
    .await;
    assert!(has_extra().await);
    servers.close().await;
}
