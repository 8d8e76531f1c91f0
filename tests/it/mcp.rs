//! Tools of MCP servers, through whole executions: the official servers as child processes and over
//! HTTP, and one that hangs, dies and changes its list when it is told to.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::both;
use crate::support::client::Client;
use crate::support::database::Kind;
use crate::support::site::{binary, free_port};
use crate::support::{Site, eventually};

/// `npm ci` puts the servers there.
fn servers() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/mcp")
}

fn official(name: &str) -> String {
    let path = servers().join(format!(
        "node_modules/@modelcontextprotocol/server-{name}/dist/index.js"
    ));
    assert!(
        path.is_file(),
        "run `npm --prefix tests/mcp ci` first: there is no {}",
        path.display()
    );
    path.display().to_string()
}

/// Tools that the script can be told to call, beside a table of `[[mcp]]`.
const TOOLS: [&str; 25] = [
    "everything__echo",
    "everything__get-sum",
    "everything__get-env",
    "everything__get-tiny-image",
    "everything__get-structured-content",
    "everything__get-resource-reference",
    "everything__get-resource-links",
    "everything__trigger-long-running-operation",
    "files__write_file",
    "files__read_text_file",
    "files__read_media_file",
    "files__list_directory",
    "memory__create_entities",
    "memory__read_graph",
    "stubborn__wait",
    "stubborn__wait-again",
    "stubborn__hang",
    "stubborn__die",
    "stubborn__count",
    "stubborn__grow",
    "stubborn__refuse",
    "stubborn__extra",
    "stubborn__remote",
    "stubborn__nobody-has-it",
    "list_files",
];

/// A folder of definitions with one agent type that has these servers.
fn define(folder: &Path, mcp: &str) {
    let put = |path: &str, text: &str| {
        let path = folder.join("trials-of-mcp").join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("writes");
    };
    let agent = format!(
        "key = \"trials-of-mcp\"\nname = \"T\"\nmodel = \"rehearsal\"\ntools = [\"list_files\"]\n{mcp}\n[limits]\nmax_model_calls = 50\n"
    );
    put("agent.toml", &agent);
    put("prompts/execution.md", "Call tools.");
    put("prompts/conversation.md", "Call tools.");
    put("rehearsal.toml", "[[turn]]\ntext = \"hi\"\n");
    let at = |file: &str| format!("executions/calls/{file}");
    put(
        &at("execution.toml"),
        "key = \"calls\"\nname = \"C\"\n[[validator]]\nname = \"json\"\n",
    );
    put(&at("input.schema.json"), "{\"type\": \"object\"}");
    put(&at("message.md.j2"), "Go.");
    let mut script = String::new();
    for tool in TOOLS {
        script += &format!(
            "[[turn]]\nwhen = \"step < input.steps|length and input.steps[step].tool == '{tool}'\"\n[[turn.call]]\ntool = \"{tool}\"\nfor_each = \"[input.steps[step]]\"\narguments = \"{{{{ item.arguments|tojson }}}}\"\n"
        );
    }
    script += "[[turn]]\nwhen = \"true\"\ntext = '''\n[{% for it in results %}{\"tool\": {{ it.tool|tojson }}, \"is_error\": {{ it.is_error|tojson }}, \"output\": {{ it.output|tojson }}}{{ \",\" if not loop.last }}{% endfor %}]\n'''\n";
    put(&at("rehearsal.toml"), &script);
}

fn table(name: &str, command: &str, arguments: &[&str], env: &[&str], more: &str) -> String {
    format!(
        "[[mcp]]\nname = \"{name}\"\ncommand = \"{command}\"\nargs = {}\nenv = {}\n{more}\n",
        json!(arguments),
        json!(env)
    )
}

struct Trial {
    site: Site,
    definitions: tempfile::TempDir,
    shared: tempfile::TempDir,
}

impl Trial {
    fn new(mut site: Site, mcp: impl FnOnce(&Path) -> String) -> Self {
        let (definitions, shared) = (
            tempfile::tempdir().expect("a folder"),
            tempfile::tempdir().expect("a folder"),
        );
        define(definitions.path(), &mcp(shared.path()));
        site.set("AGENTIC_DEFINITIONS", &definitions.path().display().to_string());
        site.set("STUBBORN_LOG", &shared.path().join("calls").display().to_string());
        Self {
            site,
            definitions,
            shared,
        }
    }

    /// What the stubborn server was asked, with its process.
    fn asked(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.shared.path().join("calls")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    async fn until_asked(&self, tool: &str, times: usize) -> u32 {
        let of = |line: &String| {
            line.strip_prefix(tool)
                .and_then(|pid| pid.trim().parse::<u32>().ok())
        };
        eventually("the call", async || {
            self.asked().iter().filter_map(of).count() >= times
        })
        .await;
        self.asked().iter().rev().find_map(of).expect("a process")
    }
}

fn stubborn(more: &str) -> String {
    let script = servers().join("stubborn.mjs").display().to_string();
    table("stubborn", "node", &[&script], &["STUBBORN_LOG"], more)
}

async fn launch(client: &Client, steps: Value) -> String {
    let agent = client.agent("trials-of-mcp").await;
    client.launch(&agent, "calls", json!({"steps": steps})).await
}

/// The results of these calls, each `{tool, is_error, output}`.
async fn results(client: &Client, steps: Value) -> Vec<Value> {
    let id = launch(client, steps).await;
    results_of(client, &id).await
}

async fn results_of(client: &Client, id: &str) -> Vec<Value> {
    let ended = client.ended(id).await;
    assert_eq!(ended["status"], "FINISHED", "{ended}");
    ended["result"]
        .as_array()
        .unwrap_or_else(|| panic!("{ended}"))
        .clone()
}

fn step(tool: &str, arguments: Value) -> Value {
    json!({"tool": tool, "arguments": arguments})
}

fn is_alive(pid: u32) -> bool {
    // A zombie is nobody.
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// What holds of the server that has everything, whatever the way to it. Gives the execution.
async fn everything(client: &Client) -> String {
    let steps = json!([
        step("everything__echo", json!({"message": "größer {{ 1 + 1 }}"})),
        step("everything__get-sum", json!({"a": 2, "b": 40})),
        step(
            "everything__get-structured-content",
            json!({"location": "Chicago"})
        ),
        step("everything__get-tiny-image", json!({})),
        step(
            "everything__get-resource-reference",
            json!({"resourceType": "Text", "resourceId": 1})
        ),
        step("everything__get-resource-links", json!({"count": 2})),
        step("everything__get-sum", json!({"a": "two"})),
        step("everything__get-env", json!({})),
    ]);
    let id = launch(client, steps).await;
    let results = results_of(client, &id).await;
    let output = |place: usize| &results[place]["output"];
    assert_eq!(output(0)["text"], "Echo: größer {{ 1 + 1 }}");
    assert!(
        output(1)["text"].as_str().is_some_and(|text| text.contains("42")),
        "{results:?}"
    );
    assert!(
        output(2)["structured"]["temperature"].is_number(),
        "{}",
        output(2)
    );
    assert!(
        output(4)["resources"][0]["uri"].is_string() && output(4)["resources"][0]["text"].is_string(),
        "{}",
        output(4)
    );
    assert_eq!(
        output(5)["resources"].as_array().map(Vec::len),
        Some(2),
        "{}",
        output(5)
    );
    // Refused by its schema before it is made, each violation with its place.
    assert_eq!(results[6]["is_error"], true);
    let pointers: Vec<&str> = output(6)["issues"]
        .as_array()
        .expect("issues")
        .iter()
        .filter_map(|issue| issue["pointer"].as_str())
        .collect();
    assert!(pointers.contains(&"/a"), "{}", output(6));
    // The image is a file, named in the result, to be had like any other; it did not come with the job.
    let query = "query($id: ID!) { execution(id: $id) { files { id } conversation { messages(last: 100) { nodes { parts { ... on ToolResultPart { tool files { filename contentType sizeBytes downloadUrl } } } } } } } }";
    let data = client.data(query, json!({"id": id})).await;
    assert_eq!(data["execution"]["files"], json!([]));
    let nodes = data["execution"]["conversation"]["messages"]["nodes"]
        .as_array()
        .expect("messages")
        .clone();
    let mut parts = nodes
        .iter()
        .flat_map(|node| node["parts"].as_array().cloned().unwrap_or_default());
    let of_image = parts
        .find(|part| part["tool"] == "everything__get-tiny-image")
        .expect("a result");
    let image = &of_image["files"][0];
    let named = &output(3)["files"][0];
    assert!(
        named["file_id"].as_str().is_some_and(|id| id.starts_with("fil_")),
        "the model knows it by its id: {named}"
    );
    assert_eq!(
        (&image["contentType"], &image["filename"]),
        (&json!("image/png"), &json!("1.png")),
        "{of_image}"
    );
    let bytes = client
        .get(image["downloadUrl"].as_str().expect("a path"))
        .send()
        .await
        .expect("answers")
        .bytes()
        .await
        .expect("bytes");
    assert!(
        bytes.starts_with(b"\x89PNG") && json!(bytes.len()) == image["sizeBytes"],
        "{}",
        bytes.len()
    );
    id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_with_everything_works_as_a_child_and_inherits_only_what_is_named() {
    let mut site = Site::new(Kind::Sqlite).await;
    site.set("GIVEN", "handed on");
    site.set("KEPT", "a secret of the server");
    let trial = Trial::new(site, |_| {
        table(
            "everything",
            "node",
            &[&official("everything")],
            &["GIVEN"],
            "tools = [\"*\"]",
        )
    });
    let server = trial.site.serve(&[]).await;
    let client = server.admin();
    let id = everything(&client).await;
    // Recorded, it plays back without any server.
    let into = trial.shared.path().join("cases").display().to_string();
    let record = trial
        .site
        .command(&["rehearse", "record", &id, "--into", &into])
        .output()
        .expect("runs");
    let said = String::from_utf8_lossy(&[record.stdout, record.stderr].concat()).into_owned();
    assert!(record.status.success() && said.contains("pass  calls/"), "{said}");
    let env = results(&client, json!([step("everything__get-env", json!({}))])).await;
    let env: Value = serde_json::from_str(env[0]["output"]["text"].as_str().expect("text")).expect("JSON");
    assert_eq!(env["GIVEN"], "handed on");
    let names: Vec<&String> = env.as_object().expect("variables").keys().collect();
    for kept in ["KEPT", "DATABASE_URL", "AGENTIC_BOOTSTRAP_TOKEN", "HOME"] {
        assert!(
            !names.iter().any(|name| *name == kept),
            "{kept} is among {names:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_with_everything_works_over_http() {
    let port = free_port();
    let remote = Remote::start(port);
    let trial = Trial::new(Site::new(Kind::Sqlite).await, |_| {
        format!("[[mcp]]\nname = \"everything\"\nurl = \"http://127.0.0.1:{port}/mcp\"\ntools = [\"*\"]\n")
    });
    let server = trial.site.serve(&[]).await;
    let client = server.admin();
    everything(&client).await;
    // It is started anew, and does not know the session: the client begins another.
    drop(remote);
    let _remote = Remote::start(port);
    let again = results(
        &client,
        json!([step("everything__echo", json!({"message": "back"}))]),
    )
    .await;
    assert_eq!(again[0]["output"]["text"], "Echo: back");
}

/// The server with everything, listening.
struct Remote(Child);

impl Remote {
    fn start(port: u16) -> Self {
        let mut node = Command::new("node");
        node.args([&official("everything"), "streamableHttp"])
            .env("PORT", port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // From here on its drop ends it, also when it does not listen.
        let remote = Self(node.spawn().expect("node starts"));
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
        for _ in 0..600 {
            if std::net::TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok() {
                return remote;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("the server with everything does not listen");
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

both! {
    async fn files_and_memory_are_tools_within_what_is_allowed(site: Site) {
        let trial = Trial::new(site, |shared| {
            let allowed = shared.display().to_string();
            let memory = "tools = [\"create_entities\", \"read_graph\"]";
            table("files", "node", &[&official("filesystem"), &allowed], &[], "tools = [\"write_file\", \"read_text_file\"]")
                + &table("memory", "node", &[&official("memory")], &["MEMORY_FILE_PATH"], memory)
        });
        let graph = trial.shared.path().join("graph.json").display().to_string();
        let mut trial = trial;
        trial.site.set("MEMORY_FILE_PATH", &graph);
        let server = trial.site.serve(&[]).await;
        let client = server.admin();
        let note = trial.shared.path().join("note.txt").display().to_string();
        let entity = json!({"name": "MUG-001", "entityType": "product", "observations": ["it is blue"]});
        let results = results(&client, json!([
            step("files__write_file", json!({"path": note, "content": "größer"})),
            step("files__read_text_file", json!({"path": note})),
            step("files__read_text_file", json!({"path": "/etc/passwd"})),
            step("files__list_directory", json!({"path": trial.shared.path()})),
            step("memory__create_entities", json!({"entities": [entity]})),
            step("memory__read_graph", json!({})),
        ])).await;
        assert_eq!(std::fs::read_to_string(&note).expect("written"), "größer");
        assert_eq!(results[1]["output"]["text"], "größer");
        assert_eq!(results[2]["is_error"], true, "{}", results[2]);
        assert!(results[2]["output"]["error"].as_str().is_some_and(|text| text.contains("denied")), "{}", results[2]);
        // What is not allowed is not there, whatever the server has.
        assert!(results[3]["output"]["error"].as_str().is_some_and(|text| text.contains("there is no tool files__list_directory")), "{}", results[3]);
        assert!(results[5]["output"].to_string().contains("it is blue"), "{}", results[5]);
        assert!(std::fs::read_to_string(&graph).expect("kept").contains("MUG-001"));
    }
}

both! {
    /// G4: what may be repeated is, and the rest is told as it is.
    async fn g4_a_call_cut_off_by_a_crash_is_repeated_only_where_that_is_declared(site: Site) {
        site.set("AGENTIC_LEASE", "10s");
        let trial = Trial::new(site, |_| stubborn("tools = [\"wait\", \"wait-again\", \"count\"]"));
        let server = trial.site.serve(&[]).await;
        let client = server.admin();
        let once = launch(&client, json!([step("stubborn__wait", json!({}))])).await;
        let child = trial.until_asked("wait", 1).await;
        let again = launch(&client, json!([step("stubborn__wait-again", json!({}))])).await;
        trial.until_asked("wait-again", 1).await;
        assert!(is_alive(child));
        server.kill();
        eventually("the children of a killed worker are gone", async || !is_alive(child)).await;

        let server = trial.site.serve(&[]).await;
        let client = server.admin();
        let results = results_of(&client, &once).await;
        assert_eq!(results[0]["output"]["error"], "interrupted, outcome unknown");
        let other = trial.until_asked("wait-again", 2).await;
        assert_ne!(other, child);
        assert_eq!(trial.asked().iter().filter(|line| line.starts_with("wait ")).count(), 1);
        // A cancel tells the server, and the child goes with the worker.
        let cancel = "mutation($input: CancelExecutionInput!) { cancelExecution(input: $input) { errors { ... on UserError { code } } } }";
        client.data(cancel, json!({"input": {"id": again}})).await;
        eventually("the server is told", async || trial.asked().iter().any(|line| line == "cancelled")).await;
        assert_eq!(client.ended(&again).await["failure"]["category"], "CANCELED");
        assert_eq!(server.terminate().await, Some(0));
        assert!(!is_alive(other));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_dies_in_mid_call_is_started_again() {
    let trial = Trial::new(Site::new(Kind::Sqlite).await, |_| {
        stubborn("tools = [\"*\"]\nidempotent = [\"count\"]")
    });
    let server = trial.site.serve(&[]).await;
    let client = server.admin();
    // By itself.
    let died = results(
        &client,
        json!([
            step("stubborn__die", json!({})),
            step("stubborn__count", json!({"n": 7}))
        ]),
    )
    .await;
    assert_eq!(died[0]["output"]["error"], "interrupted, outcome unknown");
    assert_eq!(died[1]["output"]["text"], "7");
    // By someone's hand: what may be repeated is, and answered by another process.
    let waiting = launch(
        &client,
        json!([
            step("stubborn__wait-again", json!({})),
            step("stubborn__count", json!({"n": 8}))
        ]),
    )
    .await;
    let first = trial.until_asked("wait-again", 1).await;
    kill(first);
    let second = trial.until_asked("wait-again", 2).await;
    assert_ne!(first, second);
    kill(second);
    let results = results_of(&client, &waiting).await;
    assert!(
        results[0]["output"]["error"]
            .as_str()
            .is_some_and(|text| text.contains("twice")),
        "{}",
        results[0]
    );
    assert_eq!(results[1]["output"]["text"], "8");
}

fn kill(pid: u32) {
    let killed = Command::new("kill")
        .args(["-KILL", &pid.to_string()])
        .status()
        .expect("kill runs");
    assert!(killed.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_is_cut_off_at_its_limit_and_a_server_that_hangs_is_replaced() {
    let trial = Trial::new(Site::new(Kind::Sqlite).await, |_| {
        table(
            "everything",
            "node",
            &[&official("everything")],
            &[],
            "tools = [\"*\"]\ntimeout_seconds = 2",
        ) + &stubborn("tools = [\"*\"]\ntimeout_seconds = 1")
    });
    let server = trial.site.serve(&[]).await;
    let client = server.admin();
    let slow = results(
        &client,
        json!([
            step(
                "everything__trigger-long-running-operation",
                json!({"duration": 60, "steps": 2})
            ),
            step("everything__echo", json!({"message": "there"})),
        ]),
    )
    .await;
    assert_eq!(
        slow[0]["output"]["error"],
        "the call took longer than 2 seconds and was cut off, outcome unknown"
    );
    assert_eq!(slow[1]["output"]["text"], "Echo: there");
    let hung = results(
        &client,
        json!([
            step("stubborn__hang", json!({})),
            step("stubborn__count", json!({"n": 9}))
        ]),
    )
    .await;
    assert_eq!(
        hung[0]["output"]["error"],
        "the call took longer than 1 seconds and was cut off, outcome unknown"
    );
    assert_eq!(hung[1]["output"]["text"], "9");
    let pid = trial.until_asked("hang", 1).await;
    eventually("it is ended", async || !is_alive(pid)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_changes_is_offered_anew_and_what_cannot_be_checked_is_not_offered() {
    let trial = Trial::new(Site::new(Kind::Sqlite).await, |_| stubborn("tools = [\"*\"]"));
    let server = trial.site.serve(&[]).await;
    let client = server.admin();
    let results = results(
        &client,
        json!([
            step("stubborn__extra", json!({})),
            step("stubborn__grow", json!({})),
            step("stubborn__extra", json!({})),
            step("stubborn__remote", json!({})),
        ]),
    )
    .await;
    assert!(
        results[0]["output"]["error"]
            .as_str()
            .is_some_and(|text| text.contains("there is no tool stubborn__extra")),
        "{}",
        results[0]
    );
    assert_eq!(results[2]["output"]["text"], "extra");
    assert_eq!(results[3]["is_error"], true);
    assert!(
        !trial.asked().iter().any(|line| line.starts_with("remote")),
        "it was never called"
    );
    let log = trial.site.log();
    assert!(log.contains("its schema cannot be checked"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_server_says_is_in_no_log() {
    let mut site = Site::new(Kind::Sqlite).await;
    site.set("AGENTIC_LOG", "debug");
    let trial = Trial::new(site, |_| stubborn("tools = [\"*\"]"));
    let server = trial.site.serve(&[]).await;
    let client = server.admin();
    let steps = json!([
        step("stubborn__grow", json!({})),
        step("stubborn__refuse", json!({}))
    ]);
    let results = results(&client, steps).await;
    assert_eq!(results[1]["output"]["error"], "nobody is to read this");
    let log = trial.site.log();
    assert!(log.contains("the server refused the call"), "{log}");
    assert!(!log.contains("nobody is to read this"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_not_there_fails_the_execution_in_words_and_check_says_what_it_cannot_see() {
    let trial = Trial::new(Site::new(Kind::Sqlite).await, |_| {
        table("nowhere", "no-such-program-anywhere", &[], &[], "tools = [\"*\"]")
    });
    let server = trial.site.serve(&[]).await;
    let client = server.admin();
    let id = launch(&client, json!([])).await;
    let ended = client.ended(&id).await;
    assert_eq!(ended["failure"]["category"], "RUNTIME_ERROR", "{ended}");
    let words = ended["failure"]["explanation"].as_str().expect("words");
    assert!(
        words.contains("`nowhere`") && words.contains("Launch it again"),
        "{words}"
    );
    assert!(!words.contains("no-such-program"), "{words}");

    let mut check = binary();
    check
        .args(["check", "--definitions"])
        .arg(trial.definitions.path());
    let output = check.output().expect("runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() && said.contains("the MCP server nowhere of trials-of-mcp"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_variable_that_is_missing_is_said_at_start() {
    let trial = Trial::new(Site::new(Kind::Sqlite).await, |_| {
        "[[mcp]]\nname = \"remote\"\nurl = \"http://127.0.0.1:1/mcp\"\ntools = [\"*\"]\nheaders = { Authorization = \"NOT_SET_ANYWHERE\" }\n".to_owned()
    });
    let output = trial.site.command(&["serve"]).output().expect("runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{said}");
    for word in ["NOT_SET_ANYWHERE", "remote", "trials-of-mcp"] {
        assert!(said.contains(word), "`{word}` is not in: {said}");
    }
}

/// Listens, notes who asks with which secret, and answers all alike.
async fn witness(answer: axum::response::Response<String>) -> (u16, Arc<Mutex<Vec<Option<String>>>>) {
    let seen = Arc::<Mutex<Vec<Option<String>>>>::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (status, headers) = (answer.status(), answer.headers().clone());
    let note = Arc::clone(&seen);
    let app = axum::Router::new().fallback(move |asked: axum::http::HeaderMap| {
        let secret = asked
            .get("x-secret")
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        note.lock().expect("no panic").push(secret);
        let headers = headers.clone();
        async move { (status, headers) }
    });
    tokio::spawn(async move { axum::serve(listener, app).await });
    (port, seen)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_header_goes_to_its_server_and_not_where_that_points() {
    let plain = || axum::response::Response::builder();
    let (elsewhere, told) = witness(plain().status(200).body(String::new()).expect("an answer")).await;
    let there = format!("http://127.0.0.1:{elsewhere}/mcp");
    let answer = plain().status(307).header("location", there).body(String::new());
    let (port, seen) = witness(answer.expect("an answer")).await;
    let mut site = Site::new(Kind::Sqlite).await;
    site.set("SECRET_OF_REMOTE", "open sesame");
    let trial = Trial::new(site, |_| {
        format!(
            "[[mcp]]\nname = \"remote\"\nurl = \"http://127.0.0.1:{port}/mcp\"\ntools = [\"*\"]\nheaders = {{ X-Secret = \"SECRET_OF_REMOTE\" }}\n"
        )
    });
    let server = trial.site.serve(&[]).await;
    let client = server.admin();
    let id = launch(&client, json!([])).await;
    let ended = client.ended(&id).await;
    assert_eq!(ended["failure"]["category"], "RUNTIME_ERROR", "{ended}");
    let seen = seen.lock().expect("no panic").clone();
    assert!(
        !seen.is_empty() && seen.iter().all(|secret| secret.as_deref() == Some("open sesame")),
        "{seen:?}"
    );
    assert_eq!(told.lock().expect("no panic").len(), 0, "it was followed");
    assert!(!trial.site.log().contains("open sesame"));
}
