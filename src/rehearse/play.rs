//! One case, played: a database and a file store of its own, the case's records, a launch as the
//! API makes it, and a worker with the rehearsal model.

use std::collections::HashMap;
use std::io::{Seek, Write};
use std::sync::Arc;
use std::time::Duration;

use entity::execution;
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use uuid::Uuid;

use crate::base::clock::Clock;
use crate::base::id::{Ids, Kind};
use crate::base::message::{Part, Role};
use crate::bus::Bus;
use crate::db::{self, Db};
use crate::definitions::{Case, Catalog, ExecutionType};
use crate::domain::access::{self, Viewer};
use crate::domain::budgets::Budgets;
use crate::domain::journal::{self, Entry, Event};
use crate::domain::launch::{self, Request};
use crate::domain::records::{self, Mode, Search};
use crate::domain::{Fault, Store, files, people};
use crate::model::Models;
use crate::model::rehearsal::Rehearsal;
use crate::model::rehearsal::recording::Names;
use crate::runner::{Deps, Registry, Settings, Worker};
use crate::storage::{self, Storage};

/// What a case is played with.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Where its execution type is.
    pub catalog: Catalog,
    /// The tools and validators of a server.
    pub registry: Registry,
}

/// What came of a case. Files go by the names that recordings give them.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct Played {
    pub status: String,
    pub result: Option<Value>,
    pub failure: Option<PlayedFailure>,
    /// Correction cycles begun.
    pub attempts: u32,
    /// In call order.
    pub calls: Vec<PlayedCall>,
    /// All documents, by collection and key.
    pub records: Map<String, Value>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct PlayedFailure {
    pub code: String,
    pub category: String,
    pub explanation: String,
    pub source: String,
}

#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct PlayedCall {
    pub tool: String,
    pub arguments: Value,
    /// None where the call was never made.
    pub is_error: Option<bool>,
    pub output: Option<Value>,
}

/// Why a case could not be played.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such execution type.
    #[error("there is no execution type {0}")]
    UnknownType(String),
    /// The launch was refused.
    #[error("it could not be launched: {0}")]
    Refused(String),
    /// The place to play it in could not be made.
    #[error("the place for it could not be made")]
    Place(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A fault.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<db::Error> for Error {
    fn from(error: db::Error) -> Self {
        Self::Fault(error.into())
    }
}

impl From<people::Error> for Error {
    fn from(error: people::Error) -> Self {
        place(error)
    }
}

fn place(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Place(Box::new(error))
}

impl Played {
    /// In the form of what a case expects.
    pub fn to_json(&self) -> Value {
        let mut all = Map::new();
        all.insert("status".to_owned(), json!(self.status));
        if let Some(result) = &self.result {
            all.insert("result".to_owned(), result.clone());
        }
        if let Some(failure) = &self.failure {
            let failure = json!({
                "code": failure.code, "category": failure.category, "explanation": failure.explanation,
            });
            all.insert("failure".to_owned(), failure);
        }
        all.insert("attempts".to_owned(), json!(self.attempts));
        let calls = self.calls.iter().map(|call| {
            json!({
                "tool": call.tool, "arguments": call.arguments,
                "is_error": call.is_error, "output": call.output,
            })
        });
        all.insert("calls".to_owned(), calls.collect());
        all.insert("records".to_owned(), Value::Object(self.records.clone()));
        Value::Object(all)
    }
}

/// Plays a case of an execution type to its end.
///
/// # Errors
/// [`Error`]: it did not even begin, or the database of its own failed.
pub async fn play(setup: &Setup, execution_key: &str, case: &Case) -> Result<Played, Error> {
    let script = case.script();
    let results = case.story.results.iter();
    let outside = results.map(|result| result.tool.clone()).collect();
    let catalog = setup.catalog.clone();
    let catalog = catalog.rehearsing(execution_key, script.as_ref(), &outside);
    let Some(execution_type) = catalog.execution_type(execution_key).cloned() else {
        return Err(Error::UnknownType(execution_key.to_owned()));
    };
    let stage = Stage::build(&execution_type, catalog, setup, case).await?;
    let id = stage.launch(&execution_type, case).await?;
    let row = stage.run_to_the_end(id).await?;
    let played = stage.read(&row, case).await;
    stage.deps.store.db.close().await;
    played
}

struct Stage {
    /// Goes with its files when the stage is dropped.
    _directory: TempDir,
    deps: Deps,
    viewer: Viewer,
    data_set: Uuid,
    agent: Uuid,
}

impl Stage {
    async fn build(
        execution_type: &ExecutionType,
        catalog: Catalog,
        setup: &Setup,
        case: &Case,
    ) -> Result<Self, Error> {
        let directory = tempfile::tempdir().map_err(place)?;
        let at = |name: &str| directory.path().join(name).display().to_string();
        let db = Db::connect(&format!("sqlite://{}", at("rows.db")), &db::Options::default()).await;
        let db = db.map_err(place)?;
        db.migrate().await.map_err(place)?;
        let storage = Storage::open(&format!("file://{}", at("files"))).map_err(place)?;
        let clock = Clock::system();
        let store = Store {
            db,
            bus: Bus::local(),
            ids: Ids::random(clock.clone()),
            clock,
        };
        let user = people::create_user(&store, "rehearsal", true, &[]).await?;
        let (_, secret) = people::create_token(&store, user.id, "rehearsal", None).await?;
        let viewer = access::authenticate(&store, &secret).await?;
        let work = store.begin().await?;
        let set = people::create_data_set(&work, "rehearsal").await?;
        let none = Value::Object(Map::new());
        let key = &execution_type.agent_type_key;
        let agent = people::create_agent(&work, set.id, key, "rehearsal", None, &none).await?;
        for (collection, records) in &case.story.records {
            let documents: Vec<(String, Value)> = records
                .iter()
                .map(|record| (record.key.clone(), record.document.clone()))
                .collect();
            records::upsert(&work, set.id, collection, &documents, Mode::Replace).await?;
        }
        work.commit().await?;
        let mut models = Models::default();
        models.register(Arc::new(Rehearsal::brisk().seeing(case.story.sees_images)));
        let deps = Deps {
            store,
            catalog,
            storage,
            models,
            registry: setup.registry.for_case(&case.story.results),
            budgets: Budgets::default(),
        };
        Ok(Self {
            _directory: directory,
            deps,
            viewer: viewer.expect("the token was made just now"),
            data_set: set.id,
            agent: agent.id,
        })
    }

    async fn launch(&self, execution_type: &ExecutionType, case: &Case) -> Result<Uuid, Error> {
        let mut uploads = Vec::with_capacity(case.files.len());
        for file in &case.files {
            let mut content = tempfile::tempfile().map_err(place)?;
            content.write_all(&file.bytes).map_err(place)?;
            content.rewind().map_err(place)?;
            uploads.push(files::Incoming {
                filename: file.filename.clone(),
                content: tokio::fs::File::from_std(content),
            });
        }
        let request = Request {
            agent_id: Some(self.agent),
            execution_key: execution_type.key.clone(),
            input: case.story.input.clone(),
            uploads,
            ..Request::default()
        };
        let tools = launch::Tools {
            catalog: &self.deps.catalog,
            storage: &self.deps.storage,
        };
        match launch::launch(&self.deps.store, tools, &self.viewer, request).await {
            Ok(launched) => Ok(launched.execution.id),
            Err(launch::Error::Fault(fault)) => Err(fault.into()),
            Err(error) => Err(Error::Refused(words(&error))),
        }
    }

    async fn run_to_the_end(&self, id: Uuid) -> Result<execution::Model, Error> {
        let store = &self.deps.store;
        let mut signals = store.bus.listen();
        let worker = Worker::start(self.deps.clone(), Settings::default());
        let ended = loop {
            match db::executions::find(store.db.read(), id).await {
                Ok(Some(row)) if row.finished_at.is_some() => break Ok(row),
                Ok(Some(_)) => {}
                Ok(None) => {
                    break Err(Fault::Corrupt {
                        what: "execution",
                        id: Kind::Execution.format(id),
                    });
                }
                Err(error) => break Err(error.into()),
            }
            // A signal may be lost; the execution's own limits bound how often this looks.
            let _ = tokio::time::timeout(Duration::from_secs(1), signals.next()).await;
        };
        worker.stop(Duration::from_secs(5)).await;
        Ok(ended?)
    }

    async fn read(&self, row: &execution::Model, case: &Case) -> Result<Played, Error> {
        let store = &self.deps.store;
        let db = store.db.read();
        let events = journal::read_all(db, row.conversation_id).await?;
        let attached = db::files::of_executions(db, &[row.id]).await?;
        let ids = attached.iter().map(|file| Kind::File.format(file.id));
        let names = Names::recording(ids);
        let payload = db::executions::payloads(db, &[row.id]).await?.pop();
        let payload = payload.ok_or_else(|| Fault::Corrupt {
            what: "execution_payload",
            id: row.id.to_string(),
        })?;
        let result = payload.result.and_then(|text| serde_json::from_str(&text).ok());
        let failure = row.failure_code.as_ref().map(|code| PlayedFailure {
            code: code.clone(),
            category: row.failure_category.clone().unwrap_or_default(),
            explanation: names
                .in_text(&payload.explanation.unwrap_or_default())
                .into_owned(),
            source: payload.explanation_source.unwrap_or_default(),
        });
        let mut records = Map::new();
        let before = case.story.records.keys();
        let expected = case.story.expect.records.keys();
        for collection in before.chain(expected) {
            let search = Search {
                collection: collection.clone(),
                limit: 1_000_000,
                ..Search::default()
            };
            let found = records::search(store, self.data_set, &search).await?;
            let documents: Map<String, Value> = found.into_iter().collect();
            records.insert(collection.clone(), names.in_json(&Value::Object(documents)));
        }
        Ok(Played {
            status: row.status.clone(),
            result: result.map(|result| names.in_json(&result)),
            failure,
            attempts: attempts(&events),
            calls: calls(&events, &names),
            records,
        })
    }
}

/// Correction cycles begun.
pub(super) fn attempts(events: &[Event]) -> u32 {
    let begun = events
        .iter()
        .filter(|event| matches!(event.entry, Entry::AttemptStarted { .. }));
    u32::try_from(begun.count()).unwrap_or(u32::MAX)
}

/// Every call of the journal with its result, in call order.
pub(super) fn calls(events: &[Event], names: &Names) -> Vec<PlayedCall> {
    let mut results: HashMap<&str, (bool, &Value)> = HashMap::new();
    let messages = || {
        events.iter().filter_map(|event| match &event.entry {
            Entry::Message { message, .. } => Some(message),
            _ => None,
        })
    };
    for part in messages().flat_map(|message| &message.parts) {
        if let Part::ToolResult {
            call_id,
            is_error,
            output,
            ..
        } = part
        {
            results.insert(call_id, (*is_error, output));
        }
    }
    messages()
        .filter(|message| message.role == Role::Assistant)
        .flat_map(|message| message.tool_calls())
        .map(|(call_id, tool, arguments)| {
            let result = results.get(call_id);
            PlayedCall {
                tool: tool.to_owned(),
                arguments: names.in_json(arguments),
                is_error: result.map(|(is_error, _)| *is_error),
                output: result.map(|(_, output)| names.in_json(output)),
            }
        })
        .collect()
}

/// What a refused launch says, with the reasons that its parts carry.
fn words(error: &launch::Error) -> String {
    match error {
        launch::Error::Input(issues) => {
            let issues: Vec<String> = issues
                .iter()
                .map(|issue| format!("{}: {}", issue.pointer, issue.message))
                .collect();
            format!("{error}: {}", issues.join("; "))
        }
        launch::Error::File(rejected) => {
            let name = rejected.filename.as_deref().unwrap_or("the files");
            format!("{name}: {}", rejected.message)
        }
        other => other.to_string(),
    }
}

impl From<storage::Error> for Error {
    fn from(error: storage::Error) -> Self {
        Self::Fault(error.into())
    }
}
