//! The command line: what a script needs stands alone on standard output, and whatever cannot
//! work is one clear line and a non-zero exit.

use std::process::{Command, Stdio};
use std::sync::mpsc;

use sea_orm::ConnectionTrait;

use crate::both;
use crate::support::database::Kind;
use crate::support::site::{PATIENCE, binary};
use crate::support::{Site, eventually};

/// Runs a command to its end: one that goes on, for it began to serve, is killed and has no code.
pub fn run(mut command: Command) -> (Option<i32>, String, String) {
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    let id = child.id().to_string();
    let (ended, waiting) = mpsc::channel::<()>();
    let guard = std::thread::spawn(move || {
        if waiting.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
            let _ = Command::new("kill").args(["-KILL", &id]).status();
        }
    });
    let output = child.wait_with_output().expect("ends");
    drop(ended);
    guard.join().expect("no panic");
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

/// It failed, with a message that says all of this and is no panic.
pub fn fails(command: Command, says: &[&str]) {
    let (code, stdout, stderr) = run(command);
    assert!(code.is_some_and(|code| code != 0), "{code:?}\n{stdout}\n{stderr}");
    for word in says {
        assert!(stderr.contains(word), "`{word}` is not in: {stderr}");
    }
    assert!(
        !stderr.contains("panicked") && !stderr.contains("RUST_BACKTRACE"),
        "{stderr}"
    );
}

#[test]
fn the_schema_command_prints_what_is_checked_in() {
    let mut command = binary();
    command.arg("schema");
    let (code, stdout, _) = run(command);
    let checked_in =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/schema.graphql")).expect("is there");
    assert_eq!(code, Some(0));
    assert!(
        stdout == checked_in,
        "schema.graphql is not what the binary prints: run `make schema`"
    );
}

#[test]
fn check_lists_every_mistake_at_once_and_the_server_refuses_to_start() {
    let directory = tempfile::tempdir().expect("a directory");
    let folder = directory.path().join("broken");
    let execution = folder.join("executions/first");
    std::fs::create_dir_all(&execution).expect("folders");
    std::fs::create_dir_all(folder.join("prompts")).expect("folders");
    let agent = "key = \"broken\"\nname = \"Broken\"\nmodel = \"rehearsal\"\ntools = [\"no_such_tool\"]\n[limits]\nmax_model_calls = 1\nmax_tool_calls = 1\nmax_tokens = 1\nmax_duration_seconds = 1\n";
    std::fs::write(folder.join("agent.toml"), agent).expect("writes");
    std::fs::write(folder.join("rehearsal.toml"), "[[turn]]\ntext = \"hi\"\n").expect("writes");
    for prompt in ["execution", "conversation"] {
        std::fs::write(folder.join(format!("prompts/{prompt}.md")), "You.").expect("writes");
    }
    std::fs::write(
        execution.join("execution.toml"),
        "key = \"invoice-scanning\"\nname = \"Taken\"\nmax_retries = 0\n",
    )
    .expect("writes");
    std::fs::write(
        execution.join("input.schema.json"),
        "{\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"strin\"}}}",
    )
    .expect("writes");
    std::fs::write(execution.join("message.md.j2"), "Go.").expect("writes");
    std::fs::write(execution.join("rehearsal.toml"), "[[turn]]\ntext = \"hi\"\n").expect("writes");
    for arguments in [&["check"][..], &["serve"]] {
        let mut command = binary();
        command
            .args(arguments)
            .env("AGENTIC_DEFINITIONS", directory.path());
        command.env(
            "DATABASE_URL",
            format!("sqlite://{}", directory.path().join("t.db").display()),
        );
        command.env(
            "AGENTIC_FILES_URL",
            format!("file://{}", directory.path().join("files").display()),
        );
        let (code, stdout, stderr) = run(command);
        let said = stdout + &stderr;
        assert_ne!(code, Some(0), "{said}");
        for word in ["no_such_tool", "/properties/a/type", "invoice-scanning"] {
            assert!(said.contains(word), "`{word}` is not in: {said}");
        }
    }
}

#[test]
fn models_are_declared_in_a_file_whose_mistakes_come_with_those_of_the_definitions() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("models.toml");
    let declare = |text: &str| std::fs::write(&file, text).expect("writes");
    let check = |key: &str| {
        let mut command = binary();
        command
            .arg("check")
            .arg("--models")
            .arg(&file)
            .env("SOME_KEY", key);
        run(command)
    };
    let right =
        "[[model]]\nname = \"fast\"\nprovider = \"openai\"\nmodel = \"x\"\napi_key_env = \"SOME_KEY\"\n";
    declare(right);
    let (code, stdout, stderr) = check("sk-very-secret");
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let (code, stdout, _) = check("");
    assert_ne!(code, Some(0));
    assert!(
        stdout.contains("models.toml#/model/0/api_key_env: ") && stdout.contains("SOME_KEY"),
        "{stdout}"
    );
    declare(&right.replace("openai", "nobody").replace("SOME_KEY", "PATH"));
    let (code, stdout, stderr) = check("sk-very-secret");
    assert_ne!(code, Some(0));
    assert!(stdout.contains("models.toml#/model/0/provider: "), "{stdout}");
    assert!(!format!("{stdout}{stderr}").contains("sk-very-secret"));
}

#[test]
fn what_cannot_be_reached_or_read_is_said_in_a_line() {
    let directory = tempfile::tempdir().expect("a directory");
    let with = |url: &str| {
        let mut command = binary();
        command.arg("serve").env("DATABASE_URL", url);
        command.env(
            "AGENTIC_FILES_URL",
            format!("file://{}", directory.path().join("files").display()),
        );
        command.env("AGENTIC_LISTEN", "127.0.0.1:0");
        command
    };
    // Nobody listens there.
    fails(
        with("postgres://nobody@127.0.0.1:1/none"),
        &["database none", "127.0.0.1:1"],
    );
    fails(
        with("postgres://nobody@no host/none"),
        &["DATABASE_URL", "HOST/NAME"],
    );
    fails(with("mysql://somewhere/else"), &["sqlite", "postgres"]);
    let file = directory.path().join("no-database");
    std::fs::write(
        &file,
        "this is no database, and long enough to be told apart from one",
    )
    .expect("writes");
    fails(with(&format!("sqlite://{}", file.display())), &["database"]);
    let sqlite = format!("sqlite://{}", directory.path().join("t.db").display());
    let mut alone = binary();
    alone.arg("worker").env("DATABASE_URL", &sqlite);
    fails(alone, &["PostgreSQL"]);
    let mut short = with(&sqlite);
    short.env("AGENTIC_BOOTSTRAP_TOKEN", "short");
    fails(short, &["32"]);
    let mut wrong = with(&sqlite);
    wrong.env("AGENTIC_LEASE", "soon");
    fails(wrong, &["soon", "AGENTIC_LEASE"]);
    let mut named = with(&sqlite);
    named.env("AGENTIC_LISTEN", "localhost:8000");
    fails(named, &["AGENTIC_LISTEN", "127.0.0.1:8000"]);
    let mut flag = with(&sqlite);
    flag.args(["--listen", "8000"]);
    fails(flag, &["--listen", "127.0.0.1:8000"]);
    let folder = directory.path().join("a-folder");
    std::fs::create_dir(&folder).expect("a folder");
    fails(
        with(&format!("sqlite://{}", folder.display())),
        &["database", "a-folder"],
    );
    let mut unwritable = with(&sqlite);
    unwritable.env("AGENTIC_FILES_URL", "file:///proc");
    fails(unwritable, &["/proc", "files"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_in_use_is_said_in_a_line() {
    let site = Site::new(Kind::Sqlite).await;
    let server = site.serve(&["--no-worker"]).await;
    let mut second = site.command(&["serve", "--no-worker"]);
    second.env("AGENTIC_LISTEN", server.base.trim_start_matches("http://"));
    fails(second, &["in use"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_worker_on_one_sqlite_file_is_refused_in_a_line_and_a_second_api_is_not() {
    let site = Site::new(Kind::Sqlite).await;
    let _first = site.serve(&[]).await;
    let mut second = site.command(&["serve"]);
    second.env("AGENTIC_LISTEN", "127.0.0.1:0");
    fails(second, &["another process", "--no-worker"]);
    site.serve(&["--no-worker"]).await;
}

both! {
    async fn a_database_newer_than_the_binary_is_refused(site: Site) {
        let tx = site.database.db.begin().await.expect("begins");
        tx.execute_unprepared("INSERT INTO seaql_migrations (version, applied_at) VALUES ('m29990101_000001_later', 0)").await.expect("inserts");
        site.database.db.commit(tx).await.expect("commits");
        let mut command = site.command(&["serve"]);
        command.env("AGENTIC_LISTEN", "127.0.0.1:0");
        fails(command, &["newer", "m29990101_000001_later"]);
        fails(site.command(&["migrate"]), &["newer"]);
    }

    async fn health_and_metrics_tell_an_operator_what_there_is(site: Site) {
        let server = site.serve(&[]).await;
        let client = server.admin();
        let agent = client.agent("trials").await;
        let id = client.launch(&agent, "noop", serde_json::json!({})).await;
        client.ended(&id).await;
        for path in ["/health/live", "/health/ready"] {
            eventually(path, async || server.client("").get(path).send().await.expect("answers").status() == 200).await;
        }
        for name in ["queue_depth", "queue_oldest", "running", "ended_total", "lease_losses", "subscribers", "request"] {
            let numbers = async || client.get("/metrics").send().await.expect("answers").text().await.expect("text");
            eventually(name, async || numbers().await.contains(name)).await;
        }
        assert!(!site.log().contains(crate::support::site::ADMIN_TOKEN), "no secret is logged");
    }
}
