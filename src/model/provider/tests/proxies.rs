//! Who a request passes through on its way to a provider: nobody, unless the model's declaration says
//! so.

use secrecy::SecretString;
use serde_json::json;
use tokio::process::Command;

use crate::base::clock::Clock;
use crate::model::declared;
use crate::model::provider::Provider;

use super::server::{Answer, Said, Server, frames, whole};
use super::{KEY, ask, circuit, declaration, hello};

/// Tells the child of the test below where to ask.
const ENDPOINT: &str = "AGENTIC_TEST_ENDPOINT";

/// Variables are a process's own: the test asks in a child of its own kind, which has them set.
#[tokio::test]
#[allow(clippy::disallowed_methods)] // it is about variables
async fn no_proxy_variable_is_read() {
    if let Ok(url) = std::env::var(ENDPOINT) {
        let provider = Provider::new(declaration("openai", &url, ""), Clock::system(), circuit());
        let reply = ask(&provider.expect("a provider"), &hello()).await.0;
        reply.expect("the endpoint answers");
        return;
    }
    let fine =
        |_: usize, _: &super::server::Seen| Answer::json(200, &whole("openai", &[Said::Text("hi")], "stop"));
    let (endpoint, other) = (Server::start(fine).await, Server::start(fine).await);
    let mut child = Command::new(std::env::current_exe().expect("this test"));
    child
        .args([
            "--exact",
            "model::provider::tests::proxies::no_proxy_variable_is_read",
        ])
        .env(ENDPOINT, endpoint.url("openai"))
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .env_remove("REQUEST_METHOD");
    for name in [
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
    ] {
        child.env(name, format!("http://{}", other.address));
    }
    let output = child.output().await.expect("it runs");
    assert!(output.status.success(), "{output:?}");
    assert_eq!((endpoint.count(), other.count()), (1, 0), "it is asked directly");
}

#[tokio::test]
async fn a_declared_proxy_is_asked_and_is_shown_no_more_than_it_must_be() {
    let server =
        Server::start(|_, _| Answer::stream("ollama", &frames("ollama", &[Said::Text("hi")], "stop"))).await;
    let more = format!("proxy = \"http://{}\"", server.address);
    let declared = declaration("ollama", "http://models.example:11434", &more);
    let provider = Provider::new(declared, Clock::system(), circuit()).expect("a provider");
    ask(&provider, &hello()).await.0.expect("through the proxy");
    let seen = &server.seen()[0];
    assert_eq!(seen.path, "http://models.example:11434/api/chat");
    assert_eq!(seen.header("proxy-authorization"), None);

    // An address with TLS is reached through a tunnel: the proxy sees a name, and neither key nor words.
    let server = Server::start(|_, _| Answer::json(502, &json!({}))).await;
    let text = format!(
        "[[model]]\nname = \"m\"\nprovider = \"openai\"\nmodel = \"m\"\nbase_url = \"https://models.example/v1\"\napi_key_env = \"KEY\"\nproxy = \"http://{}\"\nproxy_login_env = \"LOGIN\"",
        server.address
    );
    let declared = declared::read(&text, |name| {
        Some(SecretString::from(if name == "LOGIN" {
            "me:secret:er"
        } else {
            KEY
        }))
    });
    assert_eq!(declared.mistakes, []);
    let declared = declared.models.into_iter().next().expect("a model");
    assert!(!format!("{declared:?}").contains("secret"), "{declared:?}");
    let provider = Provider::new(declared, Clock::system(), circuit()).expect("a provider");
    let error = ask(&provider, &hello()).await.0.expect_err("no tunnel");
    assert_eq!(error.outcome(), "down", "{error}");
    assert!(!format!("{error:?}").contains("secret"), "{error}");
    let seen = server.seen();
    let tunnel = seen.first().expect("it is asked for one");
    assert_eq!(tunnel.path, "models.example:443");
    assert_eq!(
        tunnel.header("proxy-authorization"),
        Some("Basic bWU6c2VjcmV0OmVy")
    );
    assert!(!format!("{seen:?}").contains(KEY), "{seen:?}");
}
