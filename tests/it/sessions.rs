//! Browsers' sessions on the real binary: the link that is printed, the cookie, and what ends it.
//! From which pages a cookie is taken, and all that is refused, is tested in `src/http`.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::both;
use crate::support::Site;
use crate::support::client::Socket;
use crate::support::site::{ADMIN_TOKEN, PATIENCE, Process};

const SIGN_IN: &str = "mutation($input: SignInInput!) { signIn(input: $input) { session { user { name } isServerAdmin } errors { ... on UserError { code } } } }";

/// Asks as a page of the server does.
async fn page(server: &Process, cookie: &str, query: &str, variables: Value) -> reqwest::Response {
    let request = reqwest::Client::builder().no_proxy().build().expect("a client");
    let request = request
        .post(format!("{}/graphql", server.base))
        .header("origin", &server.base)
        .header("cookie", cookie)
        .json(&json!({ "query": query, "variables": variables }))
        .timeout(PATIENCE);
    request.send().await.expect("answers")
}

/// The cookie of a sign-in, and who signed in.
async fn sign_in(server: &Process, input: Value) -> (String, Value) {
    let answer = page(server, "", SIGN_IN, json!({ "input": input })).await;
    let set = answer.headers().get("set-cookie").expect("a cookie");
    let set = set.to_str().expect("ASCII").to_owned();
    let body: Value = answer.json().await.expect("JSON");
    let pair = set.split(';').next().expect("a pair").to_owned();
    (pair, body["data"]["signIn"]["session"].clone())
}

fn link(site: &Site, server: &Process, user: &str) -> String {
    let mut command = site.command(&["sign-in-link", "--user", user]);
    command.env("AGENTIC_LISTEN", server.base.trim_start_matches("http://"));
    let output = command.output().expect("runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

/// Opens a socket with a cookie alone, and gives the close code that ends it.
async fn end_of_socket(server: &Process, cookie: &str) -> Option<u16> {
    let url = format!("{}/graphql", server.base.replacen("http", "ws", 1));
    let mut request = url.into_client_request().expect("a request");
    for (name, value) in [
        ("sec-websocket-protocol", "graphql-transport-ws"),
        ("origin", server.base.as_str()),
        ("cookie", cookie),
    ] {
        request
            .headers_mut()
            .insert(name, value.parse().expect("a header"));
    }
    let mut socket = Socket::open(request, json!({ "type": "connection_init" })).await;
    assert_eq!(
        socket.receive().await.expect("an answer")["type"],
        "connection_ack"
    );
    socket
        .subscribe("subscription { executionsChanged { resync } }", json!({}))
        .await;
    assert_eq!(
        socket.next().await.expect("a frame")["executionsChanged"]["resync"],
        true
    );
    // What the stream says before the end is not this test's matter.
    while socket.receive().await.is_some() {}
    socket.closed
}

both! {
    async fn a_printed_link_signs_in_once_and_no_secret_is_logged(site: Site) {
        site.set("AGENTIC_LOG", "debug");
        let server = site.serve(&["--no-worker"]).await;
        let link = link(&site, &server, "admin");
        let code = link.strip_prefix(&format!("{}/sign-in#", server.base)).unwrap_or_else(|| panic!("{link}"));
        let (cookie, session) = sign_in(&server, json!({ "code": code })).await;
        assert_eq!(session, json!({ "user": { "name": "admin" }, "isServerAdmin": true }));
        let asked = page(&server, &cookie, "{ viewer { name } }", json!({})).await;
        assert_eq!(asked.json::<Value>().await.expect("JSON")["data"]["viewer"]["name"], "admin");
        let again = page(&server, "", SIGN_IN, json!({ "input": { "code": code } })).await;
        assert!(again.headers().get("set-cookie").is_none(), "a code is good once");
        let again: Value = again.json().await.expect("JSON");
        assert_eq!(again["data"]["signIn"]["errors"][0]["code"], "INVALID_CREDENTIAL");
        sign_in(&server, json!({ "token": ADMIN_TOKEN })).await;
        let log = site.log();
        let (_, secret) = cookie.split_once('=').expect("a pair");
        for secret in [code, secret, ADMIN_TOKEN] {
            assert!(!log.contains(secret), "no secret is logged");
        }
        assert!(!log.contains("/sign-in#"), "nor is the first start's link, where there is no terminal");
    }

    async fn a_session_that_is_over_closes_its_socket_with_4403(site: Site) {
        // Long enough to sign in and to hear something.
        site.set("AGENTIC_SESSION", "15s");
        let server = site.serve(&["--no-worker"]).await;
        let (cookie, _) = sign_in(&server, json!({ "token": ADMIN_TOKEN })).await;
        let begun = tokio::time::Instant::now();
        assert_eq!(end_of_socket(&server, &cookie).await, Some(4403));
        // Its own time, five seconds until that is noticed, and some for this machine.
        assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
        assert_eq!(page(&server, &cookie, "{ viewer { name } }", json!({})).await.status(), 401);
    }
}

#[test]
fn the_first_start_shows_a_link_to_a_terminal_and_later_ones_do_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let start = || {
        // `script` gives it a terminal.
        let mut command = Command::new("script");
        command
            .args([
                "-qec",
                &format!("{} --no-worker", env!("CARGO_BIN_EXE_agentic-executions")),
                "/dev/null",
            ])
            .env_remove("AGENTIC_BOOTSTRAP_TOKEN")
            .env("AGENTIC_LISTEN", "127.0.0.1:0")
            .env("AGENTIC_DEMO", "true")
            .env("AGENTIC_LOG", "info")
            .env(
                "DATABASE_URL",
                format!("sqlite://{}/rows.db", folder.path().display()),
            )
            .env(
                "AGENTIC_FILES_URL",
                format!("file://{}/files", folder.path().display()),
            )
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut child = command.spawn().expect("script runs");
        let mut said = String::new();
        let mut out = child.stdout.take().expect("its output");
        let mut some = [0; 1024];
        while !said.contains("listening") {
            let read = out.read(&mut some).expect("reads");
            assert!(read > 0, "it ended: {said}");
            said.push_str(&String::from_utf8_lossy(&some[..read]));
        }
        // Not killed: `script` hands the signal on, and the server would stay where nothing hangs up.
        let told = Command::new("kill").arg(child.id().to_string()).status();
        assert!(told.expect("kill runs").success());
        child.wait().expect("is gone");
        said
    };
    let first = start();
    assert!(
        first.contains("Sign in as `demo`") && first.contains("/sign-in#"),
        "{first}"
    );
    let code = first
        .split("/sign-in#")
        .nth(1)
        .and_then(|rest| rest.split_whitespace().next());
    assert!(code.is_some_and(|code| code.len() == 43), "256 bits: {code:?}");
    let second = start();
    assert!(!second.contains("/sign-in#"), "{second}");
}

#[test]
fn a_link_for_nobody_or_to_nowhere_is_refused_in_a_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = |listen: &str, migrated: bool| {
        let mut command = crate::support::site::binary();
        command
            .args(if migrated {
                &["sign-in-link", "--user", "nobody"][..]
            } else {
                &["migrate"]
            })
            .env("AGENTIC_LISTEN", listen)
            .env(
                "DATABASE_URL",
                format!("sqlite://{}/rows.db", folder.path().display()),
            );
        let output = command.output().expect("runs");
        (
            output.status.success(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    assert!(run("127.0.0.1:8000", false).0);
    let (done, said) = run("127.0.0.1:8000", true);
    assert!(!done && said.contains("there is no user \"nobody\""), "{said}");
    let (done, said) = run("127.0.0.1:0", true);
    assert!(!done && said.contains("AGENTIC_PUBLIC_URL"), "{said}");
}
