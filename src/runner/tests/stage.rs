//! The stage: a database, a small catalog, a played model, and tools that wait at a gate.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use entity::{agent, execution};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::base::clock::Clock;
use crate::base::id::Ids;
use crate::base::message::{Message, Part, Role};
use crate::bus::Bus;
use crate::child::Launcher;
use crate::db;
use crate::definitions::{Catalog, Sources};
use crate::documents::Reader;
use crate::domain::access::{self, Viewer};
use crate::domain::budgets::Budgets;
use crate::domain::journal::{self, Entry};
use crate::domain::launch::{self, Request as Launch};
use crate::domain::{Store, files, people};
use crate::fetch::{Fetcher, Rules};
use crate::model::{
    Delta, DeltaKind, Error, Live, Model, Models, Price, Profile, Reply, Request, ToolSpec, Usage,
};
use crate::runner::tools::{self, Context, Effect, Outside, Tool};
use crate::runner::validators::{Answer, Validator, Verdict};
use crate::runner::{Deps, Handle, Registry, Settings, Worker};
use crate::storage::Storage;

/// What the played model does.
pub(super) enum Act {
    Say(Vec<Part>),
    /// Says it live first, and answers when it is let through once more.
    Tell(&'static str),
    Fail(Error),
    Hang,
    Panic,
}

type Play = dyn Fn(&Request) -> Act + Send + Sync;

pub(super) fn say(text: &str) -> Act {
    Act::Say(vec![Part::text(text)])
}

pub(super) fn call(calls: &[(&str, &str, Value)]) -> Act {
    let part = |(id, tool, arguments): &(&str, &str, Value)| Part::ToolCall {
        call_id: (*id).to_owned(),
        tool: (*tool).to_owned(),
        arguments: arguments.clone(),
    };
    Act::Say(calls.iter().map(part).collect())
}

/// Lets effects through one by one, and remembers what went through.
pub(super) struct Gate {
    permits: Semaphore,
    pub done: Mutex<Vec<String>>,
    pub begun: Mutex<Vec<String>>,
}

impl Gate {
    async fn pass(&self, what: String) {
        self.begun.lock().expect("no panic").push(what.clone());
        self.permits.acquire().await.expect("open").forget();
        self.done.lock().expect("no panic").push(what);
    }

    pub fn let_through(&self, count: usize) {
        self.permits.add_permits(count);
    }

    /// How often each effect was completed.
    pub fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for what in self.done.lock().expect("no panic").iter() {
            *counts.entry(what.clone()).or_default() += 1;
        }
        counts
    }

    pub fn begun(&self, what: &str) -> usize {
        let begun = self.begun.lock().expect("no panic");
        begun.iter().filter(|begun| *begun == what).count()
    }
}

/// The played model that is shown images; the other is not.
pub(super) const SEEING: &str = "seeing";

struct Played {
    name: &'static str,
    play: Arc<Play>,
    gate: Arc<Gate>,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Model for Played {
    fn name(&self) -> &str {
        self.name
    }

    fn sees_images(&self) -> bool {
        self.name == SEEING
    }

    fn profile(&self) -> Profile {
        Profile {
            price: Some(Price {
                input: 1_000_000,
                cached_input: 500_000,
                output: 2_000_000,
            }),
            ..Profile::default()
        }
    }

    fn complete<'a>(
        &'a self,
        request: &'a Request,
        live: &'a Live<'a>,
    ) -> BoxFuture<'a, Result<Reply, Error>> {
        async move {
            let scene = &request.rehearsal;
            let what = format!("model {:?} {} {}", request.purpose, scene.attempt, scene.step);
            self.gate.pass(what).await;
            self.requests.lock().expect("no panic").push(request.clone());
            match (self.play)(request) {
                Act::Say(parts) => Ok(Reply {
                    parts,
                    usage: Usage {
                        input_tokens: 10,
                        cached_input_tokens: 4,
                        output_tokens: 1,
                    },
                }),
                Act::Tell(text) => {
                    live(Delta {
                        part: 0,
                        kind: DeltaKind::Text,
                        text: text.to_owned(),
                    });
                    self.gate.pass("told".to_owned()).await;
                    let (parts, usage) = (vec![Part::text(text)], Usage::default());
                    Ok(Reply { parts, usage })
                }
                Act::Fail(error) => Err(error),
                Act::Hang => std::future::pending().await,
                Act::Panic => panic!("the model panics"),
            }
        }
        .boxed()
    }
}

/// `probe` may be repeated, `mail` may not, `boom` panics, and `slow` ends only when it is told.
struct Probe {
    name: &'static str,
    /// The type of its argument.
    takes: &'static str,
    gate: Arc<Gate>,
}

impl Tool for Probe {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: self.name.to_owned(),
            description: "A test's.".to_owned(),
            parameters: json!({"type": "object", "properties": {"n": {"type": self.takes}}, "required": ["n"]}),
        }
    }

    fn effect(&self) -> Effect<'_> {
        Effect::Outside(self)
    }
}

impl Outside for Probe {
    fn is_idempotent(&self) -> bool {
        self.name != "mail"
    }

    fn call<'a>(
        &'a self,
        _: &'a Context,
        arguments: &'a Value,
    ) -> BoxFuture<'a, Result<tools::Output, tools::Error>> {
        async move {
            assert!(self.name != "boom", "the tool panics");
            self.gate.pass(format!("{} {}", self.name, arguments["n"])).await;
            Ok(json!({"n": arguments["n"]}).into())
        }
        .boxed()
    }
}

/// Refuses for good what is hopeless.
struct Strict;

impl Validator for Strict {
    fn name(&self) -> &'static str {
        "strict"
    }

    fn judge(&self, answer: &Answer<'_>, _: &Value) -> Verdict {
        if answer.text == "hopeless" {
            let explanation = "It is hopeless.".to_owned();
            return Verdict::Fail {
                code: None,
                explanation,
            };
        }
        Verdict::Pass
    }
}

pub(super) const AGENT: &str = r#"
key = "tester"
name = "Tester"
model = "played"
tools = ["list_files", "read_file", "search_records", "upsert_records", "report_progress", "stop_execution", "probe", "mail", "boom"]
[files]
max_files = 2
max_bytes_per_file = 1000
max_bytes_total = 1000
extensions = [".csv", ".png"]
content_types = ["text/csv", "text/plain", "image/png"]
[limits]
max_model_calls = 8
max_tool_calls = 6
max_tokens = 1000
max_duration_seconds = 600
"#;

pub(super) const EXECUTION: &str = r#"
key = "test"
name = "Test"
max_retries = 1
[[validator]]
name = "strict"
[[validator]]
name = "json"
[[validator]]
name = "output_schema"
[[validator]]
name = "tool_succeeded"
settings = { tool = "upsert_records" }
[[validator]]
name = "covers"
settings = { input = "/skus", tool = "upsert_records" }
[[validator]]
name = "accounts_for"
settings = { input = "/collections", tool = "search_records", argument = "collection" }
[[failure_code]]
code = "odd"
category = "unknown"
description = "Nobody knows."
[[failure_code]]
code = "nothing_to_do"
category = "stopped_by_agent"
description = "There is nothing to do."
"#;

pub(super) struct Stage {
    _directory: TempDir,
    pub store: Store,
    pub deps: Deps,
    pub gate: Arc<Gate>,
    pub requests: Arc<Mutex<Vec<Request>>>,
    pub viewer: Viewer,
    pub agent: agent::Model,
}

impl Stage {
    /// A stage whose gate is open.
    pub async fn new(play: impl Fn(&Request) -> Act + Send + Sync + 'static) -> Self {
        let stage = Self::gated(play).await;
        stage.gate.let_through(1000);
        stage
    }

    /// A stage where every model call and every probe waits to be let through.
    pub async fn gated(play: impl Fn(&Request) -> Act + Send + Sync + 'static) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path();
        let definition = path.join("definitions/tester");
        for (file, text) in [
            ("agent.toml", AGENT),
            ("prompts/execution.md", "Do the job."),
            ("prompts/conversation.md", "Be kind."),
            ("executions/test/execution.toml", EXECUTION),
            (
                "executions/test/input.schema.json",
                r#"{"type": "object", "properties": {"skus": {"type": "array"}}}"#,
            ),
            (
                "executions/test/output.schema.json",
                r#"{"type": "object", "required": ["ok"], "properties": {"ok": {"type": "boolean"}}}"#,
            ),
            (
                "executions/test/message.md.j2",
                "Go: {{ input.skus|default([]) }}",
            ),
        ] {
            let file = definition.join(file);
            std::fs::create_dir_all(file.parent().expect("a parent")).expect("a folder");
            std::fs::write(file, text).expect("a file");
        }
        let gate = Arc::new(Gate {
            permits: Semaphore::new(0),
            done: Mutex::default(),
            begun: Mutex::default(),
        });
        let requests = Arc::new(Mutex::default());
        let mut models = Models::default();
        let play: Arc<Play> = Arc::new(play);
        for name in ["played", SEEING] {
            models.register(Arc::new(Played {
                name,
                play: Arc::clone(&play),
                gate: Arc::clone(&gate),
                requests: Arc::clone(&requests),
            }));
        }
        let mut registry = Registry::built_in(
            Fetcher::new(Rules::default()),
            Reader::new(Launcher::this_program()),
        );
        for name in ["probe", "mail", "boom"] {
            let (takes, gate) = ("integer", Arc::clone(&gate));
            registry
                .tool(Arc::new(Probe { name, takes, gate }))
                .expect("a schema");
        }
        registry.validator(Arc::new(Strict));
        let sources = Sources::only(path.join("definitions"));
        let catalog = Catalog::load(&sources, &registry.names(&models).known()).expect("a catalog");
        let clock = Clock::manual(1_700_000_000_000);
        let db = db::testing::fresh(path).await;
        let store = Store {
            db,
            bus: Bus::local(),
            ids: Ids::seeded(clock.clone(), 1),
            clock,
        };
        let storage = Storage::open(&format!("file://{}", path.join("files").display())).expect("opens");
        let user = people::create_user(&store, "someone", true, &[])
            .await
            .expect("a user");
        let (_, secret) = people::create_token(&store, user.id, "test", None)
            .await
            .expect("a token");
        let viewer = access::authenticate(&store, &secret).await.expect("works");
        let work = store.begin().await.expect("begins");
        let set = people::create_data_set(&work, "set").await.expect("a data set");
        let settings = json!({"additional_instructions": "Be brief."});
        let agent = people::create_agent(&work, set.id, "tester", "Tester", None, &settings).await;
        work.commit().await.expect("commits");
        let deps = Deps {
            store: store.clone(),
            catalog,
            storage,
            models,
            registry,
            budgets: Budgets::default(),
        };
        Self {
            _directory: directory,
            store,
            deps,
            gate,
            requests,
            viewer: viewer.expect("a viewer"),
            agent: agent.expect("an agent"),
        }
    }

    /// From now on `mail` takes no number.
    pub fn change_mail(&mut self) {
        let (name, takes, gate) = ("mail", "string", Arc::clone(&self.gate));
        let mail = Arc::new(Probe { name, takes, gate });
        self.deps.registry.tool(mail).expect("a schema");
    }

    pub fn worker(&self) -> Handle {
        self.worker_beating(Duration::from_millis(30))
    }

    /// A worker that renews its leases so often, in real time.
    pub fn worker_beating(&self, heartbeat: Duration) -> Handle {
        self.worker_with(heartbeat, Settings::default().lease)
    }

    /// A worker whose leases outlast whatever the clock is moved by: no heartbeat has to keep up.
    pub fn patient_worker(&self) -> Handle {
        self.worker_with(Duration::from_millis(30), Duration::from_secs(60 * 60))
    }

    fn worker_with(&self, heartbeat: Duration, lease: Duration) -> Handle {
        let settings = Settings {
            heartbeat,
            lease,
            poll: Duration::from_millis(50),
            ..Settings::default()
        };
        Worker::start(self.deps.clone(), settings)
    }

    pub async fn launch(&self, input: Value, csv: Option<&str>) -> execution::Model {
        let file = csv.map(|text| ("a.csv", text.as_bytes()));
        self.launch_with(&self.agent, input, file).await
    }

    /// An agent whose model is shown images.
    pub async fn seeing_agent(&self) -> agent::Model {
        let work = self.store.begin().await.expect("begins");
        let settings = json!({"model": SEEING});
        let set = self.agent.data_set_id;
        let agent = people::create_agent(&work, set, "tester", "Seeing", None, &settings).await;
        work.commit().await.expect("commits");
        agent.expect("an agent")
    }

    pub async fn launch_with(
        &self,
        agent: &agent::Model,
        input: Value,
        file: Option<(&str, &[u8])>,
    ) -> execution::Model {
        let mut uploads = Vec::new();
        if let Some((filename, bytes)) = file {
            let mut file = tempfile::tempfile().expect("a file");
            std::io::Write::write_all(&mut file, bytes).expect("writes");
            uploads.push(files::Incoming {
                filename: filename.to_owned(),
                content: tokio::fs::File::from_std(file),
            });
        }
        let request = Launch {
            agent_id: Some(agent.id),
            execution_key: "test".to_owned(),
            input,
            uploads,
            ..Launch::default()
        };
        let tools = launch::Tools {
            catalog: &self.deps.catalog,
            storage: &self.deps.storage,
        };
        let launched = launch::launch(&self.store, tools, &self.viewer, request).await;
        launched.expect("launches").execution
    }

    pub async fn execution(&self, id: Uuid) -> execution::Model {
        let row = db::executions::find(self.store.db.read(), id).await;
        row.expect("reads").expect("is there")
    }

    /// The execution once it has ended.
    pub async fn ended(&self, id: Uuid) -> execution::Model {
        eventually("the end", async || {
            let row = self.execution(id).await;
            row.finished_at.is_some().then_some(row)
        })
        .await
    }

    /// Runs an execution to its end.
    pub async fn run(&self, input: Value) -> execution::Model {
        let launched = self.launch(input, None).await;
        let worker = self.patient_worker();
        let ended = self.ended(launched.id).await;
        worker.stop(Duration::from_secs(5)).await;
        ended
    }

    /// Result, or explanation and its source.
    pub async fn payload(&self, id: Uuid) -> (Option<Value>, Option<String>, Option<String>) {
        let rows = db::executions::payloads(self.store.db.read(), &[id]).await;
        let row = rows.expect("reads").pop().expect("is there");
        let result = row.result.map(|text| serde_json::from_str(&text).expect("JSON"));
        (result, row.explanation, row.explanation_source)
    }

    pub async fn journal(&self, conversation: Uuid) -> Vec<Entry> {
        let events = journal::read_all(self.store.db.read(), conversation)
            .await
            .expect("reads");
        let dense = events
            .iter()
            .zip(1..)
            .all(|(event, sequence)| event.sequence == sequence);
        assert!(dense, "sequence numbers are dense");
        events.into_iter().map(|event| event.entry).collect()
    }

    pub async fn messages(&self, conversation: Uuid) -> Vec<Message> {
        let entries = self.journal(conversation).await.into_iter();
        entries
            .filter_map(|entry| match entry {
                Entry::Message { message, .. } => Some(message),
                _ => None,
            })
            .collect()
    }

    /// Model turns and tool results in the journal.
    pub async fn steps(&self, conversation: Uuid) -> usize {
        let messages = self.messages(conversation).await;
        let is_step = |message: &&Message| matches!(message.role, Role::Assistant | Role::Tool);
        messages.iter().filter(is_step).count()
    }

    pub async fn wait_for_steps(&self, conversation: Uuid, count: usize) {
        eventually("steps", async || {
            (self.steps(conversation).await == count).then_some(())
        })
        .await;
    }

    pub async fn wait_until_begun(&self, what: &str) {
        eventually(what, async || (self.gate.begun(what) > 0).then_some(())).await;
    }

    pub async fn records(&self) -> Vec<(String, Value)> {
        let search = crate::domain::records::Search {
            collection: "products".to_owned(),
            limit: 100,
            ..Default::default()
        };
        let found = crate::domain::records::search(&self.store, self.agent.data_set_id, &search).await;
        found.expect("reads")
    }
}

/// Looks again and again, ten seconds at most.
pub(super) async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, look: impl Fn() -> F) -> T {
    for _ in 0..2000 {
        if let Some(found) = look().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("waited in vain for {what}");
}
