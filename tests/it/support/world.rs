//! A world: a store with people, a data set and an agent in it, and hands to play a worker with.
//! Helpers that write past the public operations are called `db_*`.

use std::time::Duration;

use agentic_executions::base::clock::Clock;
use agentic_executions::base::id::Ids;
use agentic_executions::bus::Bus;
use agentic_executions::definitions::{Catalog, Known, Sources};
use agentic_executions::domain::access::{self, Renewal, Role, Viewer};
use agentic_executions::domain::claim::{self, Claimed, Terms};
use agentic_executions::domain::launch::{self, Launched, Tools};
use agentic_executions::domain::lifecycle::{self, Ending};
use agentic_executions::domain::{Store, people};
use agentic_executions::storage::Storage;
use serde_json::{Value, json};
use uuid::Uuid;

use super::database::{Kind, TestDatabase};

/// Where every test's clock starts.
pub const START: i64 = 1_800_000_000_000;

/// The agent type that worlds have an agent of.
pub const AGENT_TYPE: &str = "invoice-scanning";

pub struct World {
    pub store: Store,
    pub catalog: Catalog,
    pub storage: Storage,
    pub set: Uuid,
    pub agent: Uuid,
    /// Launches.
    pub owner: Viewer,
    /// Administers the data set.
    pub admin: Viewer,
    /// Another member of the data set.
    pub member: Viewer,
    // Its file goes when the world does.
    _database: TestDatabase,
    _files: tempfile::TempDir,
}

/// The shipped definitions, with every tool and validator taken as known.
pub fn shipped() -> Catalog {
    let anything = |_: &Value| Ok(());
    let known = Known {
        tools: &[
            "list_files",
            "read_file",
            "search_records",
            "upsert_records",
            "fetch_page",
            "report_progress",
            "stop_execution",
        ],
        validators: &[
            ("json", anything),
            ("output_schema", anything),
            ("tool_succeeded", anything),
            ("covers", anything),
            ("accounts_for", anything),
        ],
        models: &["rehearsal"],
        unpriced_models: &[],
    };
    Catalog::load(&Sources::shipped(), &known).expect("the shipped definitions load")
}

pub fn terms() -> Terms {
    Terms {
        lease: Duration::from_secs(45),
        max_stalls: 3,
    }
}

impl World {
    pub async fn new(kind: Kind) -> Self {
        let database = TestDatabase::new(kind).await;
        let files = tempfile::tempdir().expect("a directory");
        let storage = Storage::open(&format!("file://{}", files.path().display())).expect("opens");
        let clock = Clock::manual(START);
        let store = Store {
            db: database.db.clone(),
            bus: Bus::local(),
            ids: Ids::seeded(clock.clone(), 1),
            clock,
        };
        let work = store.begin().await.expect("begins");
        let set = people::create_data_set(&work, "shop")
            .await
            .expect("a data set")
            .id;
        let agent = people::create_agent(&work, set, AGENT_TYPE, "Scanner", None, &json!({}))
            .await
            .expect("an agent")
            .id;
        work.commit().await.expect("commits");
        let person = async |name: &str, role: Role| {
            let user = people::create_user(&store, name, false, &[])
                .await
                .expect("a user");
            let work = store.begin().await.expect("begins");
            people::add_member(&work, set, user.id, role)
                .await
                .expect("a member");
            work.commit().await.expect("commits");
            let (_, secret) = people::create_token(&store, user.id, "test", None)
                .await
                .expect("a token");
            access::authenticate(&store, &secret)
                .await
                .expect("answers")
                .expect("is known")
        };
        Self {
            owner: person("owner", Role::Member).await,
            admin: person("admin", Role::Admin).await,
            member: person("member", Role::Member).await,
            catalog: shipped(),
            storage,
            set,
            agent,
            _database: database,
            _files: files,
            store,
        }
    }

    pub fn tools(&self) -> Tools<'_> {
        Tools {
            catalog: &self.catalog,
            storage: &self.storage,
        }
    }

    pub fn request(&self) -> launch::Request {
        launch::Request {
            agent_id: Some(self.agent),
            execution_key: "invoice-scanning".to_owned(),
            input: json!({}),
            ..Default::default()
        }
    }

    pub async fn launch(&self) -> Launched {
        launch::launch(&self.store, self.tools(), &self.owner, self.request())
            .await
            .expect("launches")
    }

    /// Claims as a worker of that name.
    pub async fn claim(&self, worker: &str) -> Vec<Claimed> {
        let definitions = vec![
            launch::definition_of(AGENT_TYPE, "invoice-scanning"),
            AGENT_TYPE.to_owned(),
        ];
        claim::claim(&self.store, worker, &definitions, 100, &terms())
            .await
            .expect("claims")
    }

    /// Ends a claimed execution; false when its lease was lost.
    pub async fn finish(&self, worker: &str, claimed: &Claimed, ending: Ending) -> bool {
        finish(&self.store, worker, claimed, ending).await
    }

    pub fn advance(&self, seconds: u64) {
        self.store.clock.advance(Duration::from_secs(seconds));
    }

    pub async fn execution(&self, id: Uuid) -> entity::execution::Model {
        let row = agentic_executions::db::executions::find(self.store.db.read(), id)
            .await
            .expect("reads");
        row.expect("is there")
    }

    /// The change log, once nothing of it is held back: on PostgreSQL a transaction of any other test
    /// may do that for a while.
    pub async fn db_log(&self, most: u64) -> Vec<entity::change::Model> {
        let mut rows = Vec::new();
        super::eventually("nothing is held back", async || {
            let read = agentic_executions::db::changes::after(&self.store.db, Default::default(), most);
            let read = read.await.expect("reads");
            rows = read.rows;
            !read.is_held_back
        })
        .await;
        rows
    }

    pub fn follow(&self, viewer: &Viewer) -> access::Current {
        Renewal::start(self.store.clone()).follow(viewer)
    }
}

pub async fn finish(store: &Store, worker: &str, claimed: &Claimed, ending: Ending) -> bool {
    let held = claim::hold(store, claimed.run.id, worker, claimed.run.fence)
        .await
        .expect("answers");
    let Some((mut work, run)) = held else { return false };
    let id = claimed.execution.as_ref().expect("an execution").id;
    let row = agentic_executions::db::executions::find_locked(&work.tx, id)
        .await
        .expect("reads")
        .expect("is there");
    lifecycle::end(&mut work, &row, run.id, ending)
        .await
        .expect("ends");
    work.commit().await.expect("commits");
    true
}
