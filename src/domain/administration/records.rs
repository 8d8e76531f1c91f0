//! Records as people write them: all of a request or nothing, so that whoever is told of a
//! mistake can send the corrected whole again.

use std::collections::{HashMap, HashSet};

use entity::record;
use serde_json::Value;
use uuid::Uuid;

use super::{Error, require_admin};
use crate::base::id::Kind;
use crate::db;
use crate::domain::BadArgument;
use crate::domain::access::Viewer;
use crate::domain::records::{self, MAX_AT_ONCE, Mode, Part};
use crate::domain::{Fault, Store};

const WRITERS: &str = "only admins of a data set write its records";

/// Stores documents by key: each takes the place of the one that is there. The rows in the order
/// of the documents.
///
/// # Errors
/// All refusals at once; nothing is stored then. Never an empty list.
pub async fn upsert(
    store: &Store,
    viewer: &Viewer,
    data_set: Uuid,
    collection: &str,
    documents: &[(String, Value)],
) -> Result<Vec<record::Model>, Vec<Error>> {
    let one = |error: Error| vec![error];
    let (argument, kind) = ("dataSetId", Kind::DataSet);
    require_admin(viewer, data_set, argument, kind, WRITERS).map_err(one)?;
    let refused = check(collection, documents);
    if !refused.is_empty() {
        return Err(refused);
    }
    store_all(store, data_set, collection, documents)
        .await
        .map_err(one)
}

async fn store_all(
    store: &Store,
    data_set: Uuid,
    collection: &str,
    documents: &[(String, Value)],
) -> Result<Vec<record::Model>, Error> {
    let work = store.begin().await?;
    // A server admin's role says nothing about whether the data set is there.
    let found = db::people::find_data_sets(&work.tx, &[data_set]).await?;
    if found.is_empty() {
        return Err(Error::NotFound {
            argument: "dataSetId",
            kind: Kind::DataSet,
        });
    }
    records::upsert(&work, data_set, collection, documents, Mode::Replace).await?;
    let keys: Vec<String> = documents.iter().map(|(key, _)| key.clone()).collect();
    let rows = db::records::find_by_keys(&work.tx, data_set, collection, &keys).await?;
    work.commit().await?;
    let mut by_key: HashMap<String, record::Model> =
        rows.into_iter().map(|row| (row.key.clone(), row)).collect();
    let missing = || Fault::Corrupt {
        what: "record",
        id: data_set.to_string(),
    };
    keys.iter()
        .map(|key| by_key.remove(key).ok_or_else(|| missing().into()))
        .collect()
}

fn check(collection: &str, documents: &[(String, Value)]) -> Vec<Error> {
    let mut refused: Vec<Error> = Vec::new();
    if let Some(message) = records::check_collection(collection) {
        refused.push(BadArgument::new("collection", message).into());
    }
    if documents.len() > MAX_AT_ONCE {
        let message = format!(
            "{} records were given; {MAX_AT_ONCE} are taken at most",
            documents.len()
        );
        refused.push(BadArgument::new("records", message).into());
        return refused;
    }
    let mut seen = HashSet::new();
    for (place, (key, document)) in documents.iter().enumerate() {
        let mut refuse = |member: &str, message: String| {
            let path = vec!["records".to_owned(), place.to_string(), member.to_owned()];
            refused.push(BadArgument { path, message }.into());
        };
        if !seen.insert(key) {
            refuse("key", "a key is given once".to_owned());
        }
        for (part, message) in records::check(key, document) {
            let member = match part {
                Part::Key => "key",
                Part::Document => "document",
            };
            refuse(member, message);
        }
    }
    refused
}

/// What became of the records that someone wanted deleted.
#[derive(Debug, Default)]
pub struct Deleted {
    /// These are gone.
    pub ids: Vec<Uuid>,
    /// These are not, by their place in the request.
    pub refused: Vec<(usize, Error)>,
}

/// Deletes records, each on its own: one that cannot go keeps no other.
///
/// # Errors
/// When the database fails; nothing is deleted then.
pub async fn delete(store: &Store, viewer: &Viewer, ids: &[(usize, Uuid)]) -> Result<Deleted, Fault> {
    let work = store.begin().await?;
    let wanted: Vec<Uuid> = ids.iter().map(|(_, id)| *id).collect();
    let rows = db::records::find_many(&work.tx, &wanted).await?;
    let (argument, kind) = ("ids", Kind::Record);
    let mut deleted = Deleted::default();
    for (place, id) in ids {
        let allowed = match rows.iter().find(|row| row.id == *id) {
            Some(row) => require_admin(viewer, row.data_set_id, argument, kind, WRITERS),
            None => Err(Error::NotFound { argument, kind }),
        };
        match allowed {
            Ok(()) => deleted.ids.push(*id),
            Err(error) => deleted.refused.push((*place, error)),
        }
    }
    if !deleted.ids.is_empty() {
        db::records::delete(&work.tx, &deleted.ids).await?;
    }
    work.commit().await?;
    Ok(deleted)
}
