//! A world on SQLite with two agents, and people of every standing: what mutations and
//! subscriptions are tested in.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use async_graphql::{Object, Request, Response, Schema, UploadValue, Variables};
use entity::execution;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::base::clock::Clock;
use crate::base::id::{Ids, Kind};
use crate::bus::Bus;
use crate::db;
use crate::definitions::{Catalog, Known, Sources};
use crate::domain::access::{self, Renewal, Role, Viewer};
use crate::domain::budgets::Budgets;
use crate::domain::claim::{self, Terms};
use crate::domain::lifecycle::{self, Ending};
use crate::domain::watch::Hub;
use crate::domain::{Store, people};
use crate::graphql::mutations::Mutation;
use crate::graphql::mutations::refusals::UserError;
use crate::graphql::subscriptions::Subscription;
use crate::graphql::{Deps, Limits, RequestId, loaders};
use crate::storage::Storage;

/// Where every test's clock starts.
pub const START: i64 = 1_800_000_000_000;

/// A schema needs a query.
pub struct Query;

#[Object]
impl Query {
    async fn ping(&self) -> bool {
        true
    }
}

pub struct World {
    pub schema: Schema<Query, Mutation, Subscription>,
    pub store: Store,
    pub storage: Storage,
    pub renewal: Renewal,
    pub set: Uuid,
    /// Takes files.
    pub paper: Uuid,
    /// Takes none.
    pub plain: Uuid,
    pub server_admin: Viewer,
    pub admin: Viewer,
    pub member: Viewer,
    pub other: Viewer,
    pub stranger: Viewer,
    directory: tempfile::TempDir,
}

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(path, text).expect("a file");
}

const SAYS: &str = "[[turn]]\ntext = \"done\"\n";

fn definitions(root: &Path) -> Catalog {
    for (agent, files) in [
        (
            "paper",
            "[files]\nmax_files = 2\nmax_bytes_per_file = 64\nmax_bytes_total = 100\nextensions = [\".csv\", \".txt\"]\ncontent_types = [\"text/csv\", \"text/plain\"]\n",
        ),
        ("plain", ""),
    ] {
        let head = format!("key = \"{agent}\"\nname = \"{agent}\"\nmodel = \"rehearsal\"\n{files}");
        write(root, &format!("{agent}/agent.toml"), &head);
        let configuration = json!({
            "type": "object", "properties": { "tone": { "enum": ["dry", "warm"] } }, "additionalProperties": false,
        });
        write(
            root,
            &format!("{agent}/configuration.schema.json"),
            &configuration.to_string(),
        );
        write(root, &format!("{agent}/prompts/execution.md"), "Work.");
        write(root, &format!("{agent}/prompts/conversation.md"), "Talk.");
        write(root, &format!("{agent}/rehearsal.toml"), SAYS);
    }
    let sorting = json!({
        "type": "object", "required": ["skus"], "additionalProperties": false,
        "properties": {
            "skus": { "type": "array", "minItems": 1, "items": { "type": "string" } },
            "note": { "type": "string", "maxLength": 5 },
        },
    });
    for (agent, key, schema) in [
        ("paper", "sorting", sorting),
        ("paper", "musing", json!({ "type": "object" })),
        ("plain", "pondering", json!({ "type": "object" })),
    ] {
        let folder = format!("{agent}/executions/{key}");
        write(
            root,
            &format!("{folder}/execution.toml"),
            &format!("key = \"{key}\"\nname = \"{key}\"\n"),
        );
        write(root, &format!("{folder}/input.schema.json"), &schema.to_string());
        write(root, &format!("{folder}/message.md.j2"), "Do it.");
        write(root, &format!("{folder}/rehearsal.toml"), SAYS);
    }
    let known = Known {
        tools: &[],
        validators: &[],
        models: &["rehearsal"],
        unpriced_models: &[],
    };
    Catalog::load(&Sources::only(root), &known).expect("the definitions load")
}

impl World {
    pub async fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path();
        let db = db::testing::fresh(path).await;
        let storage = Storage::open(&format!("file://{}/files", path.display())).expect("a store");
        let catalog = definitions(&path.join("definitions"));
        let clock = Clock::manual(START);
        let store = Store {
            db,
            bus: Bus::local(),
            ids: Ids::seeded(clock.clone(), 1),
            clock,
        };
        let work = store.begin().await.expect("begins");
        let set = people::create_data_set(&work, "shop")
            .await
            .expect("a data set")
            .id;
        let mut agents = Vec::new();
        for key in ["paper", "plain"] {
            let agent = people::create_agent(&work, set, key, key, None, &json!({})).await;
            agents.push(agent.expect("an agent").id);
        }
        work.commit().await.expect("commits");
        let person = async |name: &str, is_admin: bool, role: Option<Role>| {
            let user = people::create_user(&store, name, is_admin, &[])
                .await
                .expect("a user");
            if let Some(role) = role {
                let work = store.begin().await.expect("begins");
                people::add_member(&work, set, user.id, role)
                    .await
                    .expect("a member");
                work.commit().await.expect("commits");
            }
            let (_, secret) = people::create_token(&store, user.id, "test", None)
                .await
                .expect("a token");
            access::authenticate(&store, &secret)
                .await
                .expect("answers")
                .expect("is known")
        };
        let server_admin = person("server admin", true, None).await;
        let admin = person("admin", false, Some(Role::Admin)).await;
        let member = person("member", false, Some(Role::Member)).await;
        let other = person("other", false, Some(Role::Member)).await;
        let stranger = person("stranger", false, None).await;
        let hub = Hub::start(store.clone()).await.expect("a hub");
        let renewal = Renewal::start(store.clone());
        let deps = Deps {
            store: store.clone(),
            catalog,
            storage: storage.clone(),
            hub,
            renewal: renewal.clone(),
            limits: Limits::default(),
            budgets: Budgets::default(),
        };
        let schema = Schema::build(Query, Mutation::default(), Subscription::default())
            .register_output_type::<UserError>()
            .data(deps)
            .finish();
        Self {
            schema,
            store,
            storage,
            renewal,
            set,
            paper: agents[0],
            plain: agents[1],
            server_admin,
            admin,
            member,
            other,
            stranger,
            directory,
        }
    }

    pub fn request(&self, viewer: &Viewer, query: &str, variables: Value) -> Request {
        Request::new(query)
            .variables(Variables::from_json(variables))
            .data(viewer.clone())
            .data(RequestId("test".to_owned()))
            .data(loaders::new(self.store.db.clone()))
    }

    /// Runs a mutation by its name with an input; what is selected of the payload besides errors.
    pub async fn run(&self, viewer: &Viewer, mutation: &str, selection: &str, input: Value) -> Value {
        self.run_with(viewer, mutation, selection, input, Vec::new())
            .await
    }

    /// With files: where in the input, name and bytes.
    pub async fn run_with(
        &self,
        viewer: &Viewer,
        mutation: &str,
        selection: &str,
        input: Value,
        files: Vec<(&str, &str, Vec<u8>)>,
    ) -> Value {
        let response = self.respond(viewer, mutation, selection, input, files).await;
        assert!(response.errors.is_empty(), "{mutation}: {:?}", response.errors);
        response.data.into_json().expect("json")[mutation].take()
    }

    pub async fn respond(
        &self,
        viewer: &Viewer,
        mutation: &str,
        selection: &str,
        input: Value,
        files: Vec<(&str, &str, Vec<u8>)>,
    ) -> Response {
        let (first, rest) = mutation.split_at(1);
        let basics = "errors { __typename ... on UserError { code message path } ";
        // One selection of a field: merging several is the wire's work, not the library's.
        let selection = if selection.contains("errors {") {
            selection.replace("errors {", basics)
        } else {
            format!("{selection} {basics} }}")
        };
        let query = format!(
            "mutation($input: {}{rest}Input!) {{ {mutation}(input: $input) {{ {selection} }} }}",
            first.to_uppercase()
        );
        let mut request = self.request(viewer, &query, json!({ "input": input }));
        for (place, filename, bytes) in files {
            let mut content = tempfile::tempfile().expect("a file");
            content.write_all(&bytes).expect("writes");
            let upload = UploadValue {
                filename: filename.to_owned(),
                content_type: None,
                content,
            };
            request.set_upload(&format!("variables.input.{place}"), upload);
        }
        self.schema.execute(request).await
    }

    /// Everything that is stored: rows of each table, and files.
    pub async fn stored(&self) -> (Vec<(String, i64)>, usize) {
        let mut files = 0;
        let mut folders = vec![self.directory.path().join("files")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files += 1;
                }
            }
        }
        (db::testing::count_rows(&self.store.db).await, files)
    }

    /// Launches as someone; the id as clients see it.
    pub async fn launch(&self, viewer: &Viewer) -> String {
        let input = json!({ "agentId": agent(self.paper), "executionKey": "musing" });
        let payload = self
            .run(viewer, "launchExecution", "execution { id }", input)
            .await;
        payload["execution"]["id"].as_str().expect("an id").to_owned()
    }

    pub async fn start(&self, id: &str) -> (execution::Model, entity::run::Model) {
        let kinds: Vec<String> = ["paper/musing", "paper/sorting", "paper"]
            .map(str::to_owned)
            .to_vec();
        let terms = Terms {
            lease: Duration::from_secs(45),
            max_stalls: 3,
        };
        let claimed = claim::claim(&self.store, "worker", &kinds, 100, &terms)
            .await
            .expect("claims");
        let wanted = Kind::Execution.parse(id).expect("an id");
        let claimed = claimed
            .into_iter()
            .find(|one| one.run.execution_id == Some(wanted))
            .expect("is claimed");
        (claimed.execution.expect("an execution"), claimed.run)
    }

    /// Plays a worker that takes an execution and ends it.
    pub async fn finish(&self, id: &str) {
        let (_, run) = self.start(id).await;
        self.end(id, &run).await;
    }

    pub async fn end(&self, id: &str, run: &entity::run::Model) {
        let held = claim::hold(&self.store, run.id, "worker", run.fence)
            .await
            .expect("answers");
        let (mut work, run) = held.expect("is held");
        let id = Kind::Execution.parse(id).expect("an id");
        let row = db::executions::find_locked(&work.tx, id)
            .await
            .expect("answers")
            .expect("a row");
        let ending = Ending::Finished(json!({ "ok": true }));
        lifecycle::end(&mut work, &row, run.id, ending)
            .await
            .expect("ends");
        work.commit().await.expect("commits");
    }

    /// The viewer as a request that comes now would have it.
    pub async fn again(&self, viewer: &Viewer) -> Viewer {
        let (_, secret) = people::create_token(&self.store, viewer.user_id, "again", None)
            .await
            .expect("a token");
        access::authenticate(&self.store, &secret)
            .await
            .expect("answers")
            .expect("is known")
    }
}

pub fn agent(id: Uuid) -> String {
    Kind::Agent.format(id)
}

/// Typename, code and path of the first refusal, as `NotFoundError NOT_FOUND input.agentId`.
pub fn refusal(payload: &Value) -> String {
    let error = &payload["errors"][0];
    let path = error["path"].as_array().map_or_else(String::new, |path| {
        path.iter()
            .map(|part| part.as_str().expect("text"))
            .collect::<Vec<_>>()
            .join(".")
    });
    let text = |member: &str| error[member].as_str().unwrap_or("-").to_owned();
    format!("{} {} {path}", text("__typename"), text("code"))
}
