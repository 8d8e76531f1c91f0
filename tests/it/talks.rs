//! People's conversations on models that are somewhere else: the real binary, and a server that
//! speaks the providers' protocols. The prompt that is used, words while they are written, files,
//! tools of other systems, a stop that hangs up, a crash, and budgets; on both databases.
#![allow(clippy::disallowed_methods)] // how long a stop takes to hang up is measured in real time

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::both;
use crate::support::client::{Client, Socket};
use crate::support::{Site, eventually};

#[path = "../../src/model/provider/tests/server.rs"]
mod provider;

use provider::{Answer, End, KINDS, Said, Seen, Server, frames};

const PROMPT: &str = "You are the shop's own helper.";
const CSV: &str = "sku,stock\nMUG-001,17\n";
/// 1 by 1, red.
const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFAAH/q842iQAAAABJRU5ErkJggg==";
const KEY: &str = "a-key-of-nobody-and-nothing";

fn png() -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD
        .decode(PNG)
        .expect("base64")
}

/// An agent type that talks, with a tool of another system, and these models.
struct Talk {
    site: Site,
    folder: tempfile::TempDir,
}

impl Talk {
    fn new(mut site: Site, models: &[(&str, &Server, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let put = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(path, text).expect("writes");
        };
        let stubborn = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mcp/stubborn.mjs");
        let mut declared = String::new();
        for (kind, server, more) in models {
            let name = if more.contains("sees_images") {
                format!("{kind}-sees")
            } else {
                format!("{kind}-blind")
            };
            declared += &format!(
                "[[model]]\nname = \"{name}\"\nprovider = \"{kind}\"\nmodel = \"m\"\nbase_url = \"{}\"\napi_key_env = \"TALK_KEY\"\n{more}\n",
                server.url(kind)
            );
        }
        put("models.toml", &declared);
        put(
            "definitions/talker/agent.toml",
            &format!(
                "key = \"talker\"\nname = \"Talker\"\nmodel = \"openai-sees\"\ntools = [\"list_files\", \"read_file\"]\n\
                 [files]\nmax_files = 3\nmax_bytes_per_file = 100000\nmax_bytes_total = 200000\n\
                 extensions = [\".csv\", \".png\"]\ncontent_types = [\"text/csv\", \"text/plain\", \"image/png\"]\n\
                 [[mcp]]\nname = \"stubborn\"\ncommand = \"node\"\nargs = [{}]\nenv = [\"STUBBORN_LOG\"]\ntools = [\"count\"]\n",
                json!(stubborn.display().to_string())
            ),
        );
        put("definitions/talker/prompts/execution.md", "Do the job.");
        put("definitions/talker/prompts/conversation.md", PROMPT);
        put(
            "definitions/talker/rehearsal.toml",
            "[[turn]]\ntext = \"nobody asks this one\"\n",
        );
        let at = |file: &str| format!("definitions/talker/executions/nothing/{file}");
        put(&at("execution.toml"), "key = \"nothing\"\nname = \"Nothing\"\n");
        put(&at("input.schema.json"), "{\"type\": \"object\"}");
        put(&at("message.md.j2"), "Go.");
        let path = |name: &str| folder.path().join(name).display().to_string();
        site.set("AGENTIC_DEFINITIONS", &path("definitions"));
        site.set("AGENTIC_MODELS", &path("models.toml"));
        site.set("STUBBORN_LOG", &path("calls"));
        site.set("TALK_KEY", KEY);
        Self { site, folder }
    }

    /// Calls that the other system has heard of.
    fn counted(&self) -> usize {
        let text = std::fs::read_to_string(self.folder.path().join("calls")).unwrap_or_default();
        text.lines().filter(|line| line.starts_with("count")).count()
    }
}

/// A conversation with an agent on this model.
async fn start(client: &Client, model: &str) -> String {
    client.agent("talker").await;
    let create = "mutation($input: CreateAgentInput!) { createAgent(input: $input) { agent { id } errors { ... on UserError { message } } } }";
    let sets = client.data("{ dataSets { nodes { id } } }", json!({})).await;
    let input = json!({"dataSetId": sets["dataSets"]["nodes"][0]["id"], "agentTypeKey": "talker", "name": model, "configuration": {"model": model}});
    let made = client.data(create, json!({ "input": input })).await;
    let agent = &made["createAgent"]["agent"]["id"];
    assert!(agent.is_string(), "{made}");
    let start = "mutation($input: StartConversationInput!) { startConversation(input: $input) { conversation { id } errors { __typename } } }";
    let started = client.data(start, json!({"input": {"agentId": agent}})).await;
    let id = started["startConversation"]["conversation"]["id"].as_str();
    id.unwrap_or_else(|| panic!("{started}")).to_owned()
}

async fn send(client: &Client, conversation: &str, text: &str, files: &[(&str, &[u8])]) {
    let send = "mutation($input: SendMessageInput!) { sendMessage(input: $input) { created errors { ... on UserError { code message } } } }";
    let input = json!({"input": {"conversationId": conversation, "text": text}});
    let body = if files.is_empty() {
        client.post(send, input).await.1
    } else {
        client.upload(send, input, files).await.1
    };
    assert_eq!(
        body["data"]["sendMessage"],
        json!({"created": true, "errors": []}),
        "{body}"
    );
}

/// What happens in a conversation from now on.
async fn events(client: &Client, conversation: &str) -> Socket {
    let mut socket = client.socket().await;
    let query = "subscription($id: ID!) { conversationEvents(id: $id) { __typename
        ... on MessageAddedEvent { message { id role model parts { __typename ... on TextPart { text }
          ... on ToolResultPart { tool isError output } } } }
        ... on ReplyEndedEvent { outcome failure { category code explanation } } } }";
    socket.subscribe(query, json!({"id": conversation})).await;
    socket
}

/// The next end of a reply, and the messages up to it.
async fn ended(socket: &mut Socket) -> (Value, Vec<Value>) {
    let mut messages = Vec::new();
    loop {
        let event = socket.next().await.expect("it goes on")["conversationEvents"].clone();
        match event["__typename"].as_str() {
            Some("MessageAddedEvent") => messages.push(event["message"].clone()),
            Some("ReplyEndedEvent") => return (event, messages),
            _ => {}
        }
    }
}

/// The id that the request names for the file of this name.
fn file_id(seen: &Seen, name: &str) -> String {
    let body = seen.body.to_string().replace('\\', "");
    let before = body
        .split(&format!("\"filename\":\"{name}\""))
        .next()
        .expect("a beginning");
    let start = before
        .rfind("fil_")
        .unwrap_or_else(|| panic!("no {name} in {body}"));
    before[start..]
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect()
}

/// Stands before a provider, and holds back what it says from a word on until it is told to go on.
async fn hold_back(provider: SocketAddr, word: &'static str, go_on: Arc<Notify>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (mut asks, mut hears) = client.into_split();
            let server = TcpStream::connect(provider).await.expect("connects");
            let (mut says, mut is_asked) = server.into_split();
            tokio::spawn(async move { tokio::io::copy(&mut asks, &mut is_asked).await });
            let go_on = Arc::clone(&go_on);
            tokio::spawn(async move {
                let (mut said, mut passed, mut is_held) = (Vec::new(), 0, false);
                while says.read_buf(&mut said).await.is_ok_and(|read| read > 0) {
                    let place = said.windows(word.len()).position(|part| part == word.as_bytes());
                    if let Some(place) = place.filter(|_| !is_held) {
                        let before = &said[passed..place.max(passed)];
                        hears.write_all(before).await.expect("listens");
                        passed += before.len();
                        go_on.notified().await;
                        is_held = true;
                    }
                    hears.write_all(&said[passed..]).await.expect("listens");
                    passed = said.len();
                }
            });
        }
    });
    address
}

/// Reads the table, counts elsewhere, and then answers in two halves.
fn helper(kind: &'static str) -> impl Fn(usize, &Seen) -> Answer + Send + Sync + 'static {
    move |number, seen| match number {
        0 => {
            let turn = [
                Said::Reasoning("First the table."),
                Said::Call("a", "read_file", json!({"file_id": file_id(seen, "stock.csv")})),
                Said::Call("b", "stubborn__count", json!({"n": 7})),
            ];
            Answer::stream(kind, &frames(kind, &turn, "tools"))
        }
        _ => Answer::stream(
            kind,
            &frames(
                kind,
                &[Said::Text("There are seventeen mugs, and the picture is red.")],
                "stop",
            ),
        ),
    }
}

both! {
    async fn a_person_is_answered_on_every_protocol_with_files_tools_and_words_as_they_are_written(site: Site) {
        let mut servers = Vec::new();
        let go_on = Arc::new(Notify::new());
        for kind in KINDS {
            let mut server = Server::start(helper(kind)).await;
            server.address = hold_back(server.address, "picture", Arc::clone(&go_on)).await;
            servers.push(server);
        }
        let models: Vec<(&str, &Server, &str)> = KINDS.iter().zip(&servers).map(|(kind, server)| (*kind, server, "sees_images = true")).collect();
        let talk = Talk::new(site, &models);
        let binary = talk.site.serve(&[]).await;
        let client = binary.admin();
        for (kind, server) in KINDS.iter().zip(&servers) {
            let id = start(&client, &format!("{kind}-sees")).await;
            let mut deltas = client.socket().await;
            let query = "subscription($id: ID!) { messageDeltas(conversationId: $id) { messageId kind text } }";
            deltas.subscribe(query, json!({"id": id})).await;
            let mut events = events(&client, &id).await;
            send(&client, &id, "How many mugs, and what is on the picture?", &[("red.png", &png()), ("stock.csv", CSV.as_bytes())]).await;
            // The first half comes while the second is still to be said.
            let first = loop {
                let delta = deltas.next().await.expect("it goes on")["messageDeltas"].clone();
                if delta["kind"] == "TEXT" {
                    break delta;
                }
            };
            let activity = client.data("query($id: ID!) { conversation(id: $id) { activity } }", json!({"id": id})).await;
            assert_eq!(activity["conversation"]["activity"], "REPLYING", "{kind}");
            go_on.notify_one();
            let (end, messages) = ended(&mut events).await;
            assert_eq!(end["outcome"], "ANSWERED", "{kind}: {end}");
            let answer = messages.last().expect("an answer");
            assert_eq!((&answer["id"], &answer["model"]), (&first["messageId"], &json!(format!("{kind}-sees"))), "{kind}");
            let text = answer["parts"][0]["text"].as_str().expect("text");
            assert_eq!(text, "There are seventeen mugs, and the picture is red.");
            assert!(text.starts_with(first["text"].as_str().expect("text")), "{kind}: {first}");
            let [asked, again] = &server.seen()[..] else { panic!("{kind}: {} requests", server.count()) };
            let (asked, again) = (asked.body.to_string(), again.body.to_string());
            assert!(asked.contains(PROMPT) && !asked.contains("Do the job."), "{kind}: the conversation's prompt: {asked}");
            assert!(asked.contains(PNG), "{kind}: the picture is shown: {asked}");
            assert!(!asked.contains("MUG-001"), "{kind}: the table is there to be read");
            assert!(again.contains("MUG-001,17") && again.contains("stubborn__count"), "{kind}: {again}");
        }
        assert_eq!(talk.counted(), KINDS.len());
        assert!(!talk.site.log().contains(KEY));
    }

    async fn a_model_that_does_not_see_is_told_and_its_tool_says_so(site: Site) {
        let server = Server::start(|number, seen| match number {
            0 => Answer::stream("openai", &frames("openai", &[Said::Call("a", "read_file", json!({"file_id": file_id(seen, "red.png")}))], "tools")),
            _ => Answer::stream("openai", &frames("openai", &[Said::Text("I cannot see it.")], "stop")),
        }).await;
        let talk = Talk::new(site, &[("openai", &server, "sees_images = true"), ("openai", &server, "")]);
        let binary = talk.site.serve(&[]).await;
        let client = binary.admin();
        let id = start(&client, "openai-blind").await;
        let mut events = events(&client, &id).await;
        send(&client, &id, "What is on it?", &[("red.png", &png())]).await;
        let (end, messages) = ended(&mut events).await;
        assert_eq!(end["outcome"], "ANSWERED", "{end}");
        let seen = server.seen();
        let asked = seen[0].body.to_string();
        assert!(asked.contains("does not see images") && !asked.contains(PNG), "{asked}");
        let results = messages.iter().flat_map(|message| message["parts"].as_array().cloned().unwrap_or_default());
        let result = results.into_iter().find(|part| part["tool"] == "read_file" && part["__typename"] == "ToolResultPart").expect("a result");
        assert_eq!(result["isError"], true, "{result}");
        assert!(result["output"].to_string().contains("image"), "{result}");
        assert!(!seen[1].body.to_string().contains(PNG));
    }

    async fn a_stop_hangs_up_on_the_provider_and_the_conversation_goes_on(site: Site) {
        let begun = frames("openai", &[Said::Text("A long story, and more of it.")], "stop")[..2].to_vec();
        let server = Server::start(move |number, seen| match number {
            0 => Answer::stream("openai", &begun).ending(End::Hang),
            _ => {
                // Nothing of what broke off is told as if it had been said.
                assert!(!seen.body.to_string().contains("A long story"), "{}", seen.body);
                Answer::stream("openai", &frames("openai", &[Said::Text("Fine.")], "stop"))
            }
        }).await;
        let talk = Talk::new(site, &[("openai", &server, "sees_images = true")]);
        let binary = talk.site.serve(&[]).await;
        let client = binary.admin();
        let id = start(&client, "openai-sees").await;
        let mut events = events(&client, &id).await;
        send(&client, &id, "Tell me a story.", &[]).await;
        eventually("the provider is asked", async || server.count() == 1).await;
        let stop = "mutation($id: ID!) { stopReply(input: {conversationId: $id}) { conversation { id } errors { __typename } } }";
        let stopped = client.data(stop, json!({"id": id})).await;
        let accepted = Instant::now();
        assert_eq!(stopped["stopReply"]["errors"], json!([]));
        eventually("it hangs up", async || server.closed().len() == 1).await;
        let took = server.closed()[0].saturating_duration_since(accepted);
        assert!(took < Duration::from_secs(30), "{took:?}");
        let (end, _) = ended(&mut events).await;
        assert_eq!(end["outcome"], "STOPPED", "{end}");
        assert_eq!(server.count(), 1, "no later request");
        send(&client, &id, "Enough.", &[]).await;
        let (end, messages) = ended(&mut events).await;
        assert_eq!(end["outcome"], "ANSWERED", "{end}");
        assert_eq!(messages.last().expect("an answer")["parts"][0]["text"], "Fine.");
    }

    async fn a_reply_whose_worker_was_killed_goes_on_from_its_journal(site: Site) {
        site.set("AGENTIC_LEASE", "10s");
        let begun = frames("openai", &[Said::Text("There are sev")], "stop")[..2].to_vec();
        let server = Server::start(move |number, _| match number {
            0 => Answer::stream("openai", &frames("openai", &[Said::Call("a", "stubborn__count", json!({"n": 7}))], "tools")),
            1 => Answer::stream("openai", &begun).ending(End::Hang),
            _ => Answer::stream("openai", &frames("openai", &[Said::Text("There are seven.")], "stop")),
        }).await;
        let talk = Talk::new(site, &[("openai", &server, "sees_images = true")]);
        let binary = talk.site.serve(&[]).await;
        let client = binary.admin();
        let id = start(&client, "openai-sees").await;
        send(&client, &id, "Count.", &[]).await;
        eventually("it is being answered", async || server.count() == 2).await;
        binary.kill();
        eventually("the connection ends with it", async || server.closed().len() == 1).await;
        let binary = talk.site.serve(&[]).await;
        let mut events = events(&binary.admin(), &id).await;
        let (end, messages) = ended(&mut events).await;
        assert_eq!(end["outcome"], "ANSWERED", "{end}");
        assert_eq!(messages.last().expect("an answer")["parts"][0]["text"], "There are seven.");
        assert_eq!((server.count(), talk.counted()), (3, 1), "what was journaled is not done again");
        let seen = server.seen();
        assert_eq!(seen[1].body["messages"], seen[2].body["messages"], "it is asked what it was asked before");
    }

    async fn replies_on_a_provider_draw_on_budgets_and_say_when_they_are_spent(site: Site) {
        let server = Server::start(|_, _| Answer::stream("openai", &frames("openai", &[Said::Text("Hello.")], "stop"))).await;
        let mut talk = Talk::new(site, &[("openai", &server, "sees_images = true\nmax_output_tokens = 50\n[model.price]\ninput = 10.0\noutput = 10.0")]);
        let budgets = talk.folder.path().join("budgets.toml");
        std::fs::write(&budgets, "[[budget]]\nname = \"talks\"\nperiod = \"total\"\nmax_model_calls = 2\n").expect("writes");
        talk.site.set("AGENTIC_BUDGETS", &budgets.display().to_string());
        let binary = talk.site.serve(&[]).await;
        let client = binary.admin();
        let id = start(&client, "openai-sees").await;
        let mut events = events(&client, &id).await;
        for outcome in ["ANSWERED", "ANSWERED", "FAILED"] {
            send(&client, &id, "Hello?", &[]).await;
            let (end, _) = ended(&mut events).await;
            assert_eq!(end["outcome"], outcome, "{end}");
            if outcome == "FAILED" {
                assert_eq!(end["failure"]["category"], "BUDGET_EXCEEDED");
                assert!(end["failure"]["explanation"].to_string().contains("`talks`"), "{end}");
            }
        }
        assert_eq!(server.count(), 2, "a call that has no room is not made");
        let used = client.data("{ budgets { used { modelCalls tokens costMicroUsd } } }", json!({})).await;
        // What the provider reported, twice: 120 tokens at 10 dollars a million.
        let used = &used["budgets"][0]["used"];
        assert_eq!(*used, json!({"modelCalls": 2.0, "tokens": 240.0, "costMicroUsd": 2400.0}));
    }
}
