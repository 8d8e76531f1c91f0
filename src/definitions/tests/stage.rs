//! A stage for rehearsals: the tools in memory and a loop that runs one attempt.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::base::message::{Message, Part, Role};
use crate::definitions::{Catalog, ExecutionType, FileInfo, Sources, demo_records};
use crate::model::rehearsal::Rehearsal;
use crate::model::{Error, Model, Purpose, Reply, Request, Scene, Settings, ToolSpec};

use super::KNOWN;

pub(super) fn catalog() -> Catalog {
    Catalog::load(&Sources::shipped(), &KNOWN).expect("the shipped definitions are right")
}

/// How an attempt ended.
#[derive(Debug, PartialEq)]
pub(super) enum End {
    Answered(Value),
    Stopped { code: String, reason: String },
}

#[derive(Clone, Default)]
pub(super) struct Stage {
    pub records: BTreeMap<(String, String), Value>,
    pub files: Vec<(FileInfo, Option<String>)>,
    /// What `fetch_page` finds on the web, by address.
    pub pages: BTreeMap<String, String>,
    /// Characters that `read_file` returns at a time.
    pub page: usize,
    pub messages: Vec<Message>,
    pub attempt: u32,
}

impl Stage {
    pub fn with_demo() -> Self {
        let mut stage = Self {
            page: 100_000,
            attempt: 1,
            ..Self::default()
        };
        for (collection, records) in demo_records() {
            for record in records.as_array().expect("a list of records") {
                let key = record["key"].as_str().expect("a key").to_owned();
                stage
                    .records
                    .insert((collection.clone(), key), record["document"].clone());
            }
        }
        stage
    }

    /// Attaches a file; without text it cannot be read.
    pub fn file(mut self, filename: &str, text: Option<&str>) -> Self {
        let info = FileInfo {
            file_id: format!("fil_{}", self.files.len()),
            filename: filename.to_owned(),
            content_type: "text/csv".to_owned(),
            size_bytes: 1,
        };
        self.files.push((info, text.map(str::to_owned)));
        self
    }

    pub fn document(&self, collection: &str, key: &str) -> &Value {
        &self.records[&(collection.to_owned(), key.to_owned())]
    }

    pub fn request(&self, execution_type: &ExecutionType, input: &Value) -> Request {
        let step = self
            .messages
            .iter()
            .filter(|message| message.role == Role::Assistant)
            .count();
        let files: Vec<FileInfo> = self.files.iter().map(|(info, _)| info.clone()).collect();
        let first = execution_type.render_message(input, &files).expect("a message");
        let mut messages = vec![Message::text(Role::User, first)];
        messages.extend(self.messages.iter().cloned());
        Request {
            system: "prompt".to_owned(),
            messages,
            tools: Vec::<ToolSpec>::new(),
            purpose: Purpose::Turn,
            files: Vec::new(),
            output_schema: None,
            settings: Settings::default(),
            rehearsal: Scene {
                script: execution_type.script.clone(),
                input: input.clone(),
                files,
                attempt: self.attempt,
                feedback: Vec::new(),
                step,
                turn_offset: 0,
            },
        }
    }

    /// Plays one attempt to its end.
    pub async fn run(&mut self, key: &str, input: Value) -> Result<End, Error> {
        let catalog = catalog();
        let execution_type = catalog.execution_type(key).expect("shipped");
        assert_eq!(execution_type.input_schema.check(&input), []);
        self.messages.clear();
        for _ in 0..60 {
            let reply = self.ask(execution_type, &input).await?;
            let turn = Message {
                role: Role::Assistant,
                parts: reply.parts,
            };
            self.messages.push(turn.clone());
            let mut results = Vec::new();
            for (call_id, tool, arguments) in turn.tool_calls() {
                if tool == "stop_execution" {
                    let text = |name: &str| arguments[name].as_str().unwrap_or_default().to_owned();
                    let (code, reason) = (text("code"), text("reason"));
                    assert!(execution_type.failure_code(&code).is_some(), "{code}");
                    return Ok(End::Stopped { code, reason });
                }
                let outcome = self.call(tool, arguments);
                results.push(Part::ToolResult {
                    call_id: call_id.to_owned(),
                    tool: tool.to_owned(),
                    is_error: outcome.is_err(),
                    output: outcome.unwrap_or_else(|error| json!({"error": error})),
                    duration_ms: None,
                    files: Vec::new(),
                });
            }
            if results.is_empty() {
                let answer: Value = serde_json::from_str(&turn.plain_text()).expect("a JSON answer");
                if let Some(schema) = &execution_type.output_schema {
                    assert_eq!(schema.check(&answer), [], "{answer}");
                }
                return Ok(End::Answered(answer));
            }
            self.messages.push(Message {
                role: Role::Tool,
                parts: results,
            });
        }
        panic!("the script does not come to an end");
    }

    // A resumed run asks again and must be answered alike.
    async fn ask(&self, execution_type: &ExecutionType, input: &Value) -> Result<Reply, Error> {
        let request = self.request(execution_type, input);
        let reply = Rehearsal::default().complete(&request, &|_| {}).await;
        assert_eq!(reply, Rehearsal::default().complete(&request, &|_| {}).await);
        reply
    }

    fn call(&mut self, tool: &str, arguments: &Value) -> Result<Value, String> {
        match tool {
            "list_files" => {
                let files: Value = self.files.iter().map(|(info, _)| info.to_json()).collect();
                Ok(json!({"files": files}))
            }
            "read_file" => self.read(arguments),
            "fetch_page" => {
                let url = arguments["url"].as_str().expect("a url");
                let text = self
                    .pages
                    .get(url)
                    .ok_or_else(|| format!("{url} answered 404 Not Found"))?;
                Ok(json!({"url": url, "title": null, "text": text, "offset": 0, "next_offset": null}))
            }
            "search_records" => {
                let collection = arguments["collection"].as_str().expect("collection");
                let limit = arguments["limit"].as_u64().unwrap_or(100) as usize;
                let keys = arguments["keys"].as_array().expect("keys");
                let found: Value = keys
                    .iter()
                    .filter_map(|key| {
                        let key = key.as_str().expect("a key");
                        let document = self.records.get(&(collection.to_owned(), key.to_owned()))?;
                        Some(json!({"key": key, "document": document}))
                    })
                    .take(limit)
                    .collect();
                Ok(json!({"records": found}))
            }
            "upsert_records" => Ok(self.upsert(arguments)),
            "report_progress" => {
                assert!(arguments["done"].is_u64(), "{arguments}");
                Ok(json!({}))
            }
            other => Err(format!("there is no tool {other}")),
        }
    }

    fn read(&self, arguments: &Value) -> Result<Value, String> {
        let (info, text) = self
            .files
            .iter()
            .find(|(info, _)| arguments["file_id"] == info.file_id.as_str())
            .expect("an attached file");
        let text = text
            .as_deref()
            .ok_or_else(|| format!("{} is protected by a password", info.filename))?;
        let text = text.trim_start_matches('\u{FEFF}');
        let offset = arguments["offset"].as_u64().unwrap_or(0) as usize;
        let page: String = text.chars().skip(offset).take(self.page).collect();
        let end = offset + page.chars().count();
        let total = text.chars().count();
        Ok(json!({
            "filename": info.filename, "text": page, "offset": offset,
            "next_offset": if end < total { Some(end) } else { None }, "total_characters": total,
        }))
    }

    fn upsert(&mut self, arguments: &Value) -> Value {
        let collection = arguments["collection"].as_str().expect("collection");
        let mut results = Vec::new();
        for record in arguments["records"].as_array().expect("records") {
            let key = record["key"].as_str().expect("a key").to_owned();
            if key.contains("FAIL") {
                results.push(json!({"key": key, "outcome": "failed", "message": "no such luck"}));
                continue;
            }
            let new = record["document"].as_object().expect("a document");
            let entry = self.records.entry((collection.to_owned(), key.clone()));
            let is_new = matches!(entry, std::collections::btree_map::Entry::Vacant(_));
            let stored = entry.or_insert_with(|| json!({}));
            let before = stored.clone();
            let members = stored.as_object_mut().expect("an object");
            members.extend(new.iter().map(|(name, value)| (name.clone(), value.clone())));
            let outcome = match (is_new, before == *stored) {
                (true, _) => "created",
                (_, true) => "unchanged",
                _ => "updated",
            };
            results.push(json!({"key": key, "outcome": outcome}));
        }
        json!({"results": results})
    }
}
