//! `upsert_records`: writes documents by key, each with its own success or failure.

use futures::FutureExt;
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::domain::records::{self, MAX_AT_ONCE, Mode, Outcome};
use crate::model::ToolSpec;
use crate::runner::Held;

use super::{Context, Effect, Error, InOurDatabase, Output, Tool, arguments};

pub(super) struct UpsertRecords;

#[derive(Deserialize)]
struct Arguments {
    collection: String,
    records: Vec<Document>,
    #[serde(default = "yes")]
    merge: bool,
}

#[derive(Deserialize)]
struct Document {
    key: String,
    document: Value,
}

fn yes() -> bool {
    true
}

impl Tool for UpsertRecords {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "upsert_records".to_owned(),
            description: "Writes records into a collection: a key that is not there is created. Members that a document does not name stay as they are, unless merge is false: then the document replaces the whole. The answer tells for each record what became of it; a failed one does not hinder the others.".to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "collection": {"type": "string", "description": "For example products."},
                    "records": {
                        "type": "array",
                        "minItems": 1,
                        "maxItems": MAX_AT_ONCE,
                        "items": {
                            "type": "object",
                            "properties": {"key": {"type": "string"}, "document": {"type": "object"}},
                            "required": ["key", "document"],
                            "additionalProperties": false,
                        },
                    },
                    "merge": {"type": "boolean", "description": "True when left out."},
                },
                "required": ["collection", "records"],
                "additionalProperties": false,
            }),
        }
    }

    fn effect(&self) -> Effect<'_> {
        Effect::InOurDatabase(self)
    }
}

impl InOurDatabase for UpsertRecords {
    fn call<'a>(
        &'a self,
        context: &'a Context,
        given: &'a Value,
        held: &'a mut Held,
    ) -> BoxFuture<'a, Result<Output, Error>> {
        async move {
            let wanted: Arguments = arguments(given)?;
            if let Some(message) = records::check_collection(&wanted.collection) {
                return Err(Error::Refused(message));
            }
            let documents: Vec<(String, Value)> = wanted
                .records
                .into_iter()
                .map(|record| (record.key, record.document))
                .collect();
            let mode = if wanted.merge { Mode::Merge } else { Mode::Replace };
            let set = context.data_set_id;
            let outcomes = records::upsert(&held.work, set, &wanted.collection, &documents, mode).await?;
            let results: Vec<Value> = documents
                .iter()
                .zip(outcomes)
                .map(|((key, _), outcome)| result(key, outcome))
                .collect();
            Ok(json!({"results": results}).into())
        }
        .boxed()
    }
}

fn result(key: &str, outcome: Outcome) -> Value {
    let outcome = match outcome {
        Outcome::Created => "created",
        Outcome::Updated => "updated",
        Outcome::Unchanged => "unchanged",
        Outcome::Failed(message) => return json!({"key": key, "outcome": "failed", "message": message}),
    };
    json!({"key": key, "outcome": outcome})
}
