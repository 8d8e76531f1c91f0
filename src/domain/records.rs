//! Records: the JSON documents that agents read and write. Keys are unique in their collection.

use std::collections::HashMap;

use entity::record;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{Fault, Store, Work};
use crate::base::text::{MAX_JSON_DEPTH, fold, has_nul, json_depth};
use crate::db;

/// A key's or collection name's greatest length in characters.
pub const MAX_KEY: usize = 255;

/// A document's greatest length as JSON text in bytes.
pub const MAX_DOCUMENT_BYTES: usize = 1024 * 1024;

/// Records in one call.
pub const MAX_AT_ONCE: usize = 1000;

/// What became of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is new.
    Created,
    /// Its document changed.
    Updated,
    /// Its document was that already.
    Unchanged,
    /// It was refused, and why; the others are not touched by that.
    Failed(String),
}

/// How a document meets the one that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Its members replace those of the same name; others stay.
    Merge,
    /// It takes the place of the whole.
    Replace,
}

/// What is wrong with a collection name; none when nothing is.
pub fn check_collection(name: &str) -> Option<String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
    if name.is_empty() || name.chars().count() > MAX_KEY || !name.chars().all(fits) {
        return Some(format!(
            "a collection's name has 1 to {MAX_KEY} lower-case letters, digits, hyphens and underscores"
        ));
    }
    None
}

/// What of a record is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Part {
    Key,
    Document,
}

/// What is wrong with a record, its key first; empty when nothing is.
pub fn check(key: &str, document: &Value) -> Vec<(Part, String)> {
    let mut wrong = Vec::new();
    if key.trim().is_empty() || key.chars().count() > MAX_KEY || key.contains('\0') {
        let message = format!("a key has 1 to {MAX_KEY} characters, not only blanks, and no U+0000");
        wrong.push((Part::Key, message));
    }
    wrong.extend(check_document(document).map(|message| (Part::Document, message)));
    wrong
}

fn check_document(document: &Value) -> Option<String> {
    if !document.is_object() {
        return Some("a document is a JSON object".to_owned());
    }
    if json_depth(document) > MAX_JSON_DEPTH {
        return Some(format!("a document nests at most {MAX_JSON_DEPTH} deep"));
    }
    if has_nul(document) {
        return Some("a document has no U+0000".to_owned());
    }
    if document.to_string().len() > MAX_DOCUMENT_BYTES {
        return Some(format!("a document has at most {MAX_DOCUMENT_BYTES} bytes"));
    }
    None
}

/// Stores documents by key; one outcome for each, in order. They become durable with `work`.
///
/// # Errors
/// When the database fails.
pub async fn upsert(
    work: &Work,
    data_set: Uuid,
    collection: &str,
    documents: &[(String, Value)],
    mode: Mode,
) -> Result<Vec<Outcome>, Fault> {
    let keys: Vec<String> = documents.iter().map(|(key, _)| key.clone()).collect();
    let mut made: Vec<String> = Vec::new();
    loop {
        let stored = db::records::find_locked(&work.tx, data_set, collection, &keys).await?;
        let plan = plan(work, data_set, collection, documents, mode, stored, &made)?;
        // In key order, so that two writers cannot wait for each other.
        let wanted = plan.new.len();
        let inserted = db::records::insert_new(&work.tx, plan.new).await?;
        let is_alone = inserted.len() == wanted;
        made.extend(inserted);
        if is_alone {
            db::records::update(&work.tx, plan.changed).await?;
            return Ok(plan.outcomes);
        }
        // Another writer made one of them since they were looked for: meet what it wrote.
    }
}

/// What an upsert comes down to, given what is stored.
struct Plan {
    outcomes: Vec<Outcome>,
    new: Vec<record::Model>,
    changed: Vec<record::Model>,
}

fn plan(
    work: &Work,
    data_set: Uuid,
    collection: &str,
    documents: &[(String, Value)],
    mode: Mode,
    stored: Vec<record::Model>,
    made: &[String],
) -> Result<Plan, Fault> {
    let known: Vec<String> = stored.iter().map(|row| row.key.clone()).collect();
    let mut current: HashMap<String, record::Model> =
        stored.into_iter().map(|row| (row.key.clone(), row)).collect();
    let mut touched: Vec<String> = Vec::new();
    let mut outcomes = Vec::with_capacity(documents.len());
    for (key, document) in documents {
        if let Some((_, message)) = check(key, document).into_iter().next() {
            outcomes.push(Outcome::Failed(message));
            continue;
        }
        let before = current.get(key);
        let after = match (mode, before) {
            (Mode::Merge, Some(row)) => merged(row, document)?,
            _ => document.clone(),
        };
        let text = after.to_string();
        if before.is_some_and(|row| row.document == text) {
            let is_made = made.contains(key);
            outcomes.push(if is_made {
                Outcome::Created
            } else {
                Outcome::Unchanged
            });
            continue;
        }
        outcomes.push(if before.is_some() {
            Outcome::Updated
        } else {
            Outcome::Created
        });
        let row = record::Model {
            id: before.map_or_else(|| work.id(), |row| row.id),
            data_set_id: data_set,
            collection: collection.to_owned(),
            key: key.clone(),
            key_folded: fold(key),
            document: text,
            created_at: before.map_or(work.now, |row| row.created_at),
            updated_at: work.now,
        };
        current.insert(key.clone(), row);
        if !touched.contains(key) {
            touched.push(key.clone());
        }
    }
    touched.sort();
    let rows = touched.into_iter().filter_map(|key| current.remove(&key));
    let (changed, new) = rows.partition(|row| known.contains(&row.key));
    Ok(Plan {
        outcomes,
        new,
        changed,
    })
}

fn merged(row: &record::Model, document: &Value) -> Result<Value, Fault> {
    let mut members = document_of(row)?;
    if let Value::Object(changes) = document {
        for (name, value) in changes {
            members.insert(name.clone(), value.clone());
        }
    }
    Ok(Value::Object(members))
}

fn document_of(row: &record::Model) -> Result<Map<String, Value>, Fault> {
    match serde_json::from_str(&row.document) {
        Ok(Value::Object(members)) => Ok(members),
        _ => Err(Fault::Corrupt {
            what: "record.document",
            id: row.id.to_string(),
        }),
    }
}

/// Which records a tool asks for.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// In this collection.
    pub collection: String,
    /// Exactly these keys.
    pub keys: Option<Vec<String>>,
    /// Start of the key, letter case ignored.
    pub key_prefix: Option<String>,
    /// At most so many.
    pub limit: u64,
}

/// Finds records of a data set, by key.
///
/// # Errors
/// When the database fails.
pub async fn search(store: &Store, data_set: Uuid, search: &Search) -> Result<Vec<(String, Value)>, Fault> {
    let db = store.db.read();
    let mut rows = match &search.keys {
        Some(keys) => db::records::find_by_keys(db, data_set, &search.collection, keys).await?,
        None => {
            let filter = db::records::Filter {
                collection: Some(search.collection.clone()),
                search: search.key_prefix.clone(),
            };
            let window = crate::base::page::Window::first(search.limit);
            db::records::page(db, data_set, &filter, &window).await?.rows
        }
    };
    rows.truncate(usize::try_from(search.limit).unwrap_or(usize::MAX));
    rows.into_iter()
        .map(|row| Ok((row.key.clone(), Value::Object(document_of(&row)?))))
        .collect()
}
