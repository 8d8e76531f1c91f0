//! What an operator meets who follows the documents: first starts, workers of their own, and what is
//! said where something was forgotten.

use std::path::Path;
use std::process::Stdio;

use sea_orm::ConnectionTrait;
use serde_json::json;

use crate::both;
use crate::commands::{fails, run};
use crate::support::database::{Kind, connect};
use crate::support::site::binary;
use crate::support::{Site, eventually};

/// A shipped agent type copied as "Add an execution type" in `README.md` says, with its two keys changed
/// and nothing else.
fn copy_order_intake(to: &Path) {
    fn copy(from: &Path, to: &Path) {
        std::fs::create_dir_all(to).expect("a folder");
        for entry in std::fs::read_dir(from).expect("a folder").flatten() {
            let target = to.join(entry.file_name());
            if entry.path().is_dir() {
                copy(&entry.path(), &target);
            } else {
                std::fs::copy(entry.path(), target).expect("copies");
            }
        }
    }
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("definitions/order-intake");
    copy(&shipped, to);
    for file in ["agent.toml", "executions/order-intake/execution.toml"] {
        let file = to.join(file);
        let text = std::fs::read_to_string(&file).expect("is there");
        let changed = text.replacen("key = \"order-intake\"", "key = \"returns-intake\"", 1);
        assert_ne!(text, changed);
        std::fs::write(file, changed).expect("writes");
    }
}

both! {
    /// Agents of one data set have names of their own; agent types need not.
    async fn the_first_start_makes_the_demo_also_of_agent_types_that_share_a_name(site: Site) {
        let folder = tempfile::tempdir().expect("a folder");
        copy_order_intake(&folder.path().join("returns-intake"));
        site.set("AGENTIC_DEFINITIONS", &folder.path().display().to_string());
        site.set("AGENTIC_DEMO", "true");
        let (code, stdout, stderr) = run(site.command(&["check"]));
        assert_eq!(code, Some(0), "{stdout}{stderr}");
        let server = site.serve(&["--no-worker"]).await;
        let found = server.admin().data("{ agents { nodes { name agentTypeKey } } }", json!({})).await;
        let agents = found["agents"]["nodes"].as_array().expect("a list");
        let name = |key: &str| &agents.iter().find(|agent| agent["agentTypeKey"] == key).expect("is there")["name"];
        assert_eq!(name("order-intake"), "Order intake (order-intake)");
        assert_eq!(name("returns-intake"), "Order intake (returns-intake)");
        assert_eq!(name("invoice-scanning"), "Invoice scanning");
    }
}

/// A run is worked on by processes of their own on PostgreSQL alone, and there the one that survives is all that an
/// operator can ask.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_is_given_a_port_tells_its_numbers_and_of_what_it_took_over() {
    let mut site = Site::new(Kind::Postgres).await;
    site.set("AGENTIC_LOG", "warn,agentic_executions=debug");
    let api = site.serve(&["--no-worker"]).await;
    let client = api.admin();
    let agent = client.agent("trials").await;
    let first = site.worker();
    let id = client.launch(&agent, "slow", json!({})).await;
    eventually("it runs", async || {
        client.execution(&id).await["status"] == "IN_PROGRESS"
    })
    .await;
    first.kill();
    let second = site.worker_that_listens().await;
    for path in ["/health/live", "/health/ready"] {
        assert_eq!(
            second
                .client("")
                .get(path)
                .send()
                .await
                .expect("answers")
                .status(),
            200,
            "{path}"
        );
    }
    let api_alone = second
        .client("")
        .get("/graphql")
        .send()
        .await
        .expect("answers")
        .status();
    assert_eq!(api_alone, 404, "a worker serves no API");
    eventually("the run is taken over", async || {
        site.log()
            .lines()
            .any(|line| line.contains("took over a run") && line.contains(&id))
    })
    .await;
    let text = second
        .client("")
        .get("/metrics")
        .send()
        .await
        .expect("answers")
        .text()
        .await
        .expect("text");
    for line in [
        "agentic_lease_losses_total 1",
        "agentic_runs_running 1",
        "agentic_queue_depth 0",
    ] {
        assert!(
            text.lines().any(|known| known == line),
            "{line} is not in: {text}"
        );
    }
    assert_eq!(second.terminate().await, Some(0));
    let log = site.log();
    let of_it = log
        .lines()
        .filter(|line| line.contains("claimed a run") && line.contains(&id));
    assert_eq!(
        of_it.count(),
        2,
        "a run's lines have the execution's id as the API gives it: {log}"
    );
}

both! {
    /// Whoever forgets the folder of definitions at a start is told so, and of which they are.
    async fn runs_whose_definition_is_gone_are_told_of_at_start(site: Site) {
        let server = site.serve(&[]).await;
        let client = server.admin();
        let agent = client.agent("trials").await;
        let id = client.launch(&agent, "slow", json!({})).await;
        eventually("it runs", async || client.execution(&id).await["status"] == "IN_PROGRESS").await;
        assert_eq!(server.terminate().await, Some(0));
        let nothing = tempfile::tempdir().expect("a folder");
        copy_order_intake(&nothing.path().join("returns-intake"));
        site.set("AGENTIC_DEFINITIONS", &nothing.path().display().to_string());
        let _server = site.serve(&[]).await;
        eventually("it is said", async || {
            let log = site.log();
            let said = log.lines().find(|line| line.contains("runs wait for a definition"));
            said.is_some_and(|line| line.contains("\"trials/slow\"") && line.contains("\"runs\":1"))
        })
        .await;
    }
}

/// What only looks makes nothing, and says where it has looked.
#[test]
fn a_command_that_looks_into_a_database_makes_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let commands: [&[&str]; 6] = [
        &["token", "list"],
        &["token", "create", "--user", "demo"],
        &["token", "revoke", "tok_00000000000000000000000000000000"],
        &["user", "create", "someone"],
        &["sign-in-link", "--user", "demo"],
        &["rehearse", "record", "exe_00000000000000000000000000000000"],
    ];
    for arguments in commands {
        let mut command = binary();
        command.args(arguments).current_dir(folder.path());
        fails(
            command,
            &[
                "there is no database at data/agentic-executions.db",
                "DATABASE_URL",
            ],
        );
        let left: Vec<_> = std::fs::read_dir(folder.path()).expect("a folder").collect();
        assert!(left.is_empty(), "{arguments:?} left {left:?}");
    }
    let mut command = binary();
    let (code, _, stderr) = run({
        command.arg("migrate").current_dir(folder.path());
        command
    });
    assert_eq!(code, Some(0), "{stderr}");
    assert!(folder.path().join("data/agentic-executions.db").is_file());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_of_another_program_stays_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite://{}", folder.path().join("theirs.db").display());
    let theirs = connect(&url).await;
    let tx = theirs.begin().await.expect("begins");
    tx.execute_unprepared("CREATE TABLE invoices (id integer)")
        .await
        .expect("makes");
    theirs.commit(tx).await.expect("commits");
    theirs.close().await;
    for arguments in [&["migrate"][..], &["token", "list"]] {
        let mut command = binary();
        command.args(arguments).env("DATABASE_URL", &url);
        fails(command, &["theirs.db", "another program's", "invoices"]);
    }
}

/// Whoever else has an account on the machine reads neither rows nor files.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_server_makes_is_for_its_user_alone() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().expect("a folder");
    let mut command = binary();
    command
        .current_dir(folder.path())
        .env("AGENTIC_LISTEN", "127.0.0.1:0");
    let mut server = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts");
    let data = folder.path().join("data");
    let names = ["", "-wal", "-shm", "-worker"].map(|end| format!("agentic-executions.db{end}"));
    eventually("it has made its files", async || {
        names.iter().all(|name| data.join(name).exists()) && data.join("files").exists()
    })
    .await;
    server.kill().expect("kills");
    server.wait().expect("is gone");
    let mode = |path: &Path| std::fs::metadata(path).expect("is there").permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    assert_eq!(mode(&data.join("files")), 0o700);
    for name in names {
        assert_eq!(mode(&data.join(&name)), 0o600, "{name}");
    }
}

both! {
    /// Off loopback there is no demo, and no terminal reads along: the log says how to come in.
    async fn a_server_that_nobody_can_sign_in_to_says_what_to_do(site: Site) {
        site.set("AGENTIC_BOOTSTRAP_TOKEN", "");
        let lonely = site.serve(&["--no-worker"]).await;
        let log = site.log();
        let said = log.lines().find(|line| line.contains("nobody can sign in yet")).expect("it is said");
        for words in ["AGENTIC_BOOTSTRAP_TOKEN", "user create admin --admin", "sign-in-link --user admin"] {
            assert!(said.contains(words), "`{words}` is not in: {said}");
        }
        drop(lonely);
        let (code, stdout, stderr) = run(site.command(&["user", "create", "admin", "--admin"]));
        assert_eq!(code, Some(0), "{stdout}{stderr}");
        let (code, link, stderr) = run(site.command(&["sign-in-link", "--user", "admin"]));
        assert_eq!(code, Some(0), "{stderr}");
        assert!(link.starts_with("http://127.0.0.1:8000/sign-in#"), "{link}");
        for words in ["leads to http://127.0.0.1:8000:", "--listen", "AGENTIC_PUBLIC_URL"] {
            assert!(stderr.contains(words), "`{words}` is not in: {stderr}");
        }
        let mut known = site.command(&["sign-in-link", "--user", "admin"]);
        known.env("AGENTIC_PUBLIC_URL", "https://agents.example");
        let (_, link, stderr) = run(known);
        assert!(link.starts_with("https://agents.example/sign-in#"), "{link}");
        assert_eq!(stderr, "");
        let _server = site.serve(&["--no-worker"]).await;
        assert_eq!(site.log().matches("nobody can sign in yet").count(), 1);
    }
}

/// A name that is mistyped would otherwise be a setting that silently is not set.
#[test]
fn settings_that_there_are_not_are_told_of() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = binary();
    command.arg("migrate").current_dir(folder.path());
    command
        .env("AGENTIC_LISTN", "0.0.0.0:8000")
        .env("AGENTIC_LEASE_MS", "");
    let (code, _, stderr) = run(command);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(
        stderr.contains("AGENTIC_LISTN is set and is no setting: did you mean AGENTIC_LISTEN?"),
        "{stderr}"
    );
    assert!(
        !stderr.contains("AGENTIC_LEASE_MS"),
        "set to nothing is not set: {stderr}"
    );
    let mut command = binary();
    command.args(["check", "--log", "foo"]);
    fails(command, &["names no level `foo`", "info"]);
    let mut command = binary();
    command.args(["check", "--poll", "0s", "--files-url", "files"]);
    fails(
        command,
        &[
            "(--poll) is shorter",
            "(--files-url) is `files`",
            "2 settings cannot be used",
        ],
    );
}

/// What `check` cannot know of the machine that will work, it says of its own.
#[test]
fn check_tells_which_variables_of_mcp_servers_are_not_set_here() {
    let folder = tempfile::tempdir().expect("a folder");
    let own = folder.path().join("returns-intake");
    copy_order_intake(&own);
    let file = own.join("agent.toml");
    let text = std::fs::read_to_string(&file).expect("is there");
    let server = "\n[[mcp]]\nname = \"tickets\"\nurl = \"https://tickets.example/mcp\"\nheaders = { Authorization = \"SOME_AUTH\" }\ntools = [\"search\"]\n";
    std::fs::write(&file, text + server).expect("writes");
    let check = |value: Option<&str>| {
        let mut command = binary();
        command.arg("check").arg("--definitions").arg(folder.path());
        command.envs(value.map(|value| ("SOME_AUTH", value)));
        let (code, stdout, stderr) = run(command);
        assert_eq!(code, Some(0), "{stdout}{stderr}");
        stdout
    };
    let said = check(None);
    assert!(
        said.contains("not set here: the environment lacks SOME_AUTH, which the MCP server tickets of the agent type returns-intake"),
        "{said}"
    );
    assert!(!check(Some("secret")).contains("SOME_AUTH"));
}

both! {
    /// With another store every file of an execution would fail: said before anything is taken.
    async fn a_file_store_that_is_not_the_databases_is_refused_at_start(site: Site) {
        drop(site.serve(&["--no-worker"]).await);
        drop(site.serve(&["--no-worker"]).await);
        let other = tempfile::tempdir().expect("a folder");
        site.set("AGENTIC_FILES_URL", &format!("file://{}", other.path().display()));
        let mut second = site.command(&["serve", "--no-worker"]);
        second.env("AGENTIC_LISTEN", "127.0.0.1:0");
        let (code, _, stderr) = run(second);
        assert_eq!(code, Some(1), "{stderr}");
        assert!(stderr.contains("is not the file store of this database"), "{stderr}");
        let name = stderr.split_whitespace().find(|word| word.starts_with(".database-")).expect("is named");
        std::fs::write(other.path().join(name.trim_end_matches(',')), "").expect("writes");
        drop(site.serve(&["--no-worker"]).await);
    }
}
