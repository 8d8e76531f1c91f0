//! The records that an execution met, told from its calls: they are taken from what the agent was
//! shown, not from the data set, which has gone on since. A document is as it was when a tool first
//! told of it; what was only written, and never read, is known no further than the writing told.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::definitions::case::Record;

use super::play::PlayedCall;

/// The records that an execution met: as it first saw them, and as it left them.
#[derive(Default)]
pub(super) struct Met {
    /// None: it was not there.
    before: BTreeMap<(String, String), Option<Value>>,
    after: BTreeMap<(String, String), Value>,
    written: BTreeSet<String>,
}

impl Met {
    pub fn of(calls: &[PlayedCall]) -> Self {
        let mut met = Self::default();
        for call in calls.iter().filter(|call| call.is_error == Some(false)) {
            let Some(output) = &call.output else { continue };
            let collection = call.arguments["collection"].as_str().unwrap_or_default();
            match call.tool.as_str() {
                "search_records" => met.read(collection, &call.arguments, output),
                "upsert_records" => met.write(collection, &call.arguments, output),
                _ => {}
            }
        }
        met
    }

    fn read(&mut self, collection: &str, arguments: &Value, output: &Value) {
        for record in items(&output["records"]) {
            if let Some(key) = record["key"].as_str() {
                self.see(collection, key, Some(record["document"].clone()));
            }
        }
        let found = items(&output["records"]).count() as u64;
        if arguments["limit"].as_u64().is_some_and(|limit| found >= limit) {
            // The others may be there and were cut off.
            return;
        }
        for key in items(&arguments["keys"]).filter_map(Value::as_str) {
            self.see(collection, key, None);
        }
    }

    fn write(&mut self, collection: &str, arguments: &Value, output: &Value) {
        let merges = arguments["merge"].as_bool().unwrap_or(true);
        let outcomes = items(&output["results"]);
        for (record, outcome) in items(&arguments["records"]).zip(outcomes) {
            let Some(key) = record["key"].as_str() else {
                continue;
            };
            let document = &record["document"];
            match outcome["outcome"].as_str() {
                Some("created") => self.see(collection, key, None),
                // It was there, and what else it held was never told.
                Some("updated") => self.see(collection, key, Some(Value::Object(Map::new()))),
                Some("unchanged") => self.see(collection, key, Some(document.clone())),
                _ => continue,
            }
            let place = (collection.to_owned(), key.to_owned());
            let now = self.after.entry(place).or_insert(Value::Null);
            match (merges, now.as_object_mut(), document.as_object()) {
                (true, Some(members), Some(changes)) => {
                    members.extend(changes.iter().map(|(name, value)| (name.clone(), value.clone())));
                }
                _ => *now = document.clone(),
            }
            self.written.insert(collection.to_owned());
        }
    }

    /// The first sight counts; after that the execution's own writes do.
    fn see(&mut self, collection: &str, key: &str, document: Option<Value>) {
        let place = (collection.to_owned(), key.to_owned());
        if self.before.contains_key(&place) {
            return;
        }
        if let Some(document) = &document {
            self.after.insert(place.clone(), document.clone());
        }
        self.before.insert(place, document);
    }

    pub fn before(&self) -> BTreeMap<String, Vec<Record>> {
        let mut all: BTreeMap<String, Vec<Record>> = BTreeMap::new();
        for ((collection, key), document) in &self.before {
            if let Some(document) = document {
                all.entry(collection.clone()).or_default().push(Record {
                    key: key.clone(),
                    document: document.clone(),
                });
            }
        }
        all
    }

    /// Of the collections that were written to.
    pub fn after(&self) -> BTreeMap<String, Map<String, Value>> {
        let mut all: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
        for ((collection, key), document) in &self.after {
            if self.written.contains(collection) {
                let documents = all.entry(collection.clone()).or_default();
                documents.insert(key.clone(), document.clone());
            }
        }
        all
    }
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn call(tool: &str, arguments: Value, output: Value) -> PlayedCall {
        PlayedCall {
            tool: tool.to_owned(),
            arguments,
            is_error: Some(false),
            output: Some(output),
        }
    }

    #[test]
    fn records_are_taken_as_the_agent_first_saw_them_and_as_it_left_them() {
        let write = |key: &str, document: Value, outcome: &str| {
            call(
                "upsert_records",
                json!({"collection": "p", "records": [{"key": key, "document": document}]}),
                json!({"results": [{"key": key, "outcome": outcome}]}),
            )
        };
        let calls = [
            call(
                "search_records",
                json!({"collection": "p", "keys": ["A", "GONE"]}),
                json!({"records": [{"key": "A", "document": {"n": 1, "m": 1}}]}),
            ),
            write("A", json!({"n": 2}), "updated"),
            write("NEW", json!({"n": 3}), "created"),
            write("BLIND", json!({"n": 4}), "updated"),
            write("SAME", json!({"n": 5}), "unchanged"),
            write("BAD", json!({"n": 6}), "failed"),
            call(
                "search_records",
                json!({"collection": "q"}),
                json!({"records": [{"key": "READ", "document": {}}]}),
            ),
            // Of its own making, so it was not there before.
            call(
                "search_records",
                json!({"collection": "p", "keys": ["NEW"]}),
                json!({"records": [{"key": "NEW", "document": {"n": 3}}]}),
            ),
        ];
        let met = Met::of(&calls);
        let before = serde_json::to_value(met.before()).expect("JSON");
        assert_eq!(
            before,
            json!({
                "p": [
                    {"key": "A", "document": {"n": 1, "m": 1}},
                    {"key": "BLIND", "document": {}},
                    {"key": "SAME", "document": {"n": 5}},
                ],
                "q": [{"key": "READ", "document": {}}],
            })
        );
        let after = serde_json::to_value(met.after()).expect("JSON");
        assert_eq!(
            after,
            json!({"p": {
                "A": {"n": 2, "m": 1}, "NEW": {"n": 3}, "BLIND": {"n": 4}, "SAME": {"n": 5},
            }})
        );
    }
}
