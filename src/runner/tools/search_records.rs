//! `search_records`: documents of the data set, by exact keys or by the start of the key.

use futures::FutureExt;
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::domain::records::{self, Search};
use crate::model::ToolSpec;

use super::{Context, Effect, Error, Output, Outside, Tool, arguments};

/// Records at once.
const MOST: u64 = records::MAX_AT_ONCE as u64;

/// Of a search without a limit, unless it names keys.
const USUAL: u64 = 100;

pub(super) struct SearchRecords;

#[derive(Deserialize)]
struct Arguments {
    collection: String,
    keys: Option<Vec<String>>,
    key_prefix: Option<String>,
    limit: Option<u64>,
}

impl Tool for SearchRecords {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "search_records".to_owned(),
            description: "Finds records of a collection, by their exact keys or by the start of the key (letter case ignored), in the order of their keys. Keys that are not found are simply missing in the answer.".to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "collection": {"type": "string", "description": "For example products."},
                    "keys": {"type": "array", "items": {"type": "string"}, "maxItems": MOST},
                    "key_prefix": {"type": "string"},
                    "limit": {"type": "integer", "minimum": 1, "maximum": MOST, "description": "Records to return at most; 100 when left out, or as many as there are keys."},
                },
                "required": ["collection"],
                "additionalProperties": false,
            }),
        }
    }

    fn effect(&self) -> Effect<'_> {
        Effect::Outside(self)
    }

    fn is_ours(&self) -> bool {
        true
    }
}

impl Outside for SearchRecords {
    fn is_idempotent(&self) -> bool {
        true
    }

    fn call<'a>(&'a self, context: &'a Context, given: &'a Value) -> BoxFuture<'a, Result<Output, Error>> {
        async move {
            let wanted: Arguments = arguments(given)?;
            if let Some(message) = records::check_collection(&wanted.collection) {
                return Err(Error::Refused(message));
            }
            if wanted.keys.is_some() && wanted.key_prefix.is_some() {
                let message = "keys and key_prefix exclude each other";
                return Err(Error::Refused(message.to_owned()));
            }
            let usual = wanted.keys.as_ref().map_or(USUAL, |keys| keys.len() as u64);
            let search = Search {
                collection: wanted.collection,
                keys: wanted.keys,
                key_prefix: wanted.key_prefix,
                limit: wanted.limit.unwrap_or(usual).min(MOST),
            };
            let found = records::search(&context.store, context.data_set_id, &search).await?;
            let found: Vec<Value> = found
                .into_iter()
                .map(|(key, document)| json!({"key": key, "document": document}))
                .collect();
            Ok(json!({"records": found}).into())
        }
        .boxed()
    }
}
