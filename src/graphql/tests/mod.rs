//! The queries, asked as clients ask them, on a database of their own each.

mod conversations;
mod executions;
mod limits;
mod nodes;
mod schema;
mod stats;
mod usage;

use async_graphql::{Request, Response, Variables};
use entity::{execution, execution_payload};
use serde_json::{Value, json};
use uuid::Uuid;

use super::mutations::tests::world::{START, World};
use super::{Deps, Limits, RequestId, Schema, build};
use crate::base::id::Kind;
use crate::base::message::Message;
use crate::db;
use crate::domain::access::Viewer;
use crate::domain::journal::{self, Entry};

/// A world behind the whole schema.
struct Api {
    world: World,
    schema: Schema,
}

impl Api {
    async fn new() -> Self {
        let world = World::new().await;
        let deps = world.schema.data::<Deps>().expect("the world has them").clone();
        let schema = build(deps);
        Self { world, schema }
    }

    /// The same under other limits.
    fn limit(&mut self, change: impl FnOnce(&mut Limits)) {
        let mut deps = self
            .world
            .schema
            .data::<Deps>()
            .expect("the world has them")
            .clone();
        change(&mut deps.limits);
        self.schema = build(deps);
    }

    async fn respond(&self, viewer: &Viewer, query: &str, variables: Value) -> Response {
        let request = Request::new(query)
            .variables(Variables::from_json(variables))
            .data(viewer.clone())
            .data(RequestId("request-1".to_owned()));
        self.schema.execute(request).await
    }

    /// The data of an answer without errors.
    async fn ask(&self, viewer: &Viewer, query: &str, variables: Value) -> Value {
        let response = self.respond(viewer, query, variables).await;
        assert!(response.errors.is_empty(), "{query}: {:?}", response.errors);
        response.data.into_json().expect("json")
    }

    /// The code of the first error.
    async fn refused(&self, viewer: &Viewer, query: &str, variables: Value) -> String {
        let response = self.respond(viewer, query, variables).await;
        let error = response.errors.first().expect("an error");
        let extensions = serde_json::to_value(&error.extensions).expect("json");
        extensions["code"].as_str().expect("a code").to_owned()
    }

    /// Says something in an execution's conversation, as a worker would.
    async fn say(&self, execution: &str, message: Message) {
        let id = Kind::Execution.parse(execution).expect("an id");
        let db = &self.world.store.db;
        let row = db::executions::find(db.read(), id)
            .await
            .expect("reads")
            .expect("a row");
        let mut work = self.world.store.begin().await.expect("begins");
        let entry = Entry::Message {
            message,
            model: Some("rehearsal".to_owned()),
            usage: None,
        };
        journal::append(&mut work, row.conversation_id, Some(1), vec![entry])
            .await
            .expect("appends");
        work.commit().await.expect("commits");
    }

    /// A file in an execution's conversation, without bytes.
    async fn db_insert_file(&self, execution: &str, filename: &str) -> Uuid {
        let world = &self.world;
        let id = Kind::Execution.parse(execution).expect("an id");
        let db = &world.store.db;
        let found = db::executions::find(db.read(), id).await.expect("reads");
        let work = world.store.begin().await.expect("begins");
        let row = entity::file::Model {
            id: work.id(),
            blob_id: work.id(),
            data_set_id: world.set,
            owner_id: world.member.user_id,
            conversation_id: found.map(|row| row.conversation_id),
            execution_id: Some(id),
            position: 0,
            filename: filename.to_owned(),
            content_type: "image/png".to_owned(),
            size_bytes: 1,
            sha256: String::new(),
            created_at: work.now,
        };
        db::files::stage(&work.tx, row.blob_id, work.now)
            .await
            .expect("stages");
        db::files::insert(&work.tx, vec![row.clone()])
            .await
            .expect("inserts");
        work.commit().await.expect("commits");
        row.id
    }

    /// A stored execution of the member's that nobody launched, changed by `change`.
    async fn db_insert(
        &self,
        number: u128,
        change: impl FnOnce(&mut execution::Model),
        labels: &[&str],
    ) -> Uuid {
        let world = &self.world;
        let id = Uuid::from_u128(number);
        let mut row = execution::Model {
            id,
            revision: 1,
            status: "pending".to_owned(),
            data_set_id: world.set,
            agent_id: world.paper,
            execution_key: "musing".to_owned(),
            schema_version: "1".to_owned(),
            conversation_id: id,
            launched_by: world.member.user_id,
            attempt: 1,
            max_attempts: 4,
            failure_category: None,
            failure_code: None,
            failure_retryable: None,
            cancel_requested_at: None,
            cancel_requested_by: None,
            cancel_reason: None,
            cancel_confirmed_at: None,
            progress_done: None,
            progress_total: None,
            progress_note: None,
            input_tokens: 0,
            output_tokens: 0,
            model_calls: 0,
            tool_calls: 0,
            cost_micro_usd: None,
            cached_input_tokens: 0,
            retry_of: None,
            max_duration_ms: None,
            created_at: START,
            started_at: None,
            finished_at: None,
            duration_ms: None,
            expires_at: None,
            deadline_at: None,
            updated_at: START,
        };
        change(&mut row);
        let payload = execution_payload::Model {
            execution_id: id,
            input: json!({ "number": number.to_string() }).to_string(),
            result: None,
            explanation: None,
            explanation_source: None,
        };
        let conversation = entity::conversation::Model {
            id,
            data_set_id: row.data_set_id,
            agent_id: row.agent_id,
            started_by: row.launched_by,
            is_chat: false,
            execution_id: Some(id),
            title: None,
            title_folded: None,
            last_sequence: 0,
            reply_run_id: None,
            reply_failure: None,
            created_at: START,
            updated_at: START,
        };
        let labels: Vec<String> = labels.iter().map(|&label| label.to_owned()).collect();
        let tx = world.store.db.begin().await.expect("begins");
        db::conversations::insert(&tx, conversation)
            .await
            .expect("inserts");
        db::executions::insert(&tx, row, payload, &labels)
            .await
            .expect("inserts");
        world.store.db.commit(tx).await.expect("commits");
        id
    }
}

fn exe(id: Uuid) -> String {
    Kind::Execution.format(id)
}
