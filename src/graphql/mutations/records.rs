//! upsertRecords and deleteRecords.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::refusals::{Place, read_id};
use super::{AdminError, admin_refused, read_ids, too_many_ids};
use crate::base::id::Kind;
use crate::domain::administration::records;
use crate::graphql::errors::{Result, internal, viewer};
use crate::graphql::record::DataRecord;
use crate::graphql::scalar::Json;
use crate::graphql::{deps, page};

/// A document to store.
#[derive(InputObject)]
pub struct RecordInput {
    /// Unique in its collection, for example an SKU; 1 to 255 characters.
    key: String,
    /// A JSON object of at most 1 MiB. It takes the place of the one that is there.
    document: Json,
}

/// Documents to store.
#[derive(InputObject)]
pub struct UpsertRecordsInput {
    /// The data set.
    data_set_id: ID,
    /// A name such as "products": lower-case letters, digits, hyphens and underscores.
    collection: String,
    /// At most 1000, each key once.
    records: Vec<RecordInput>,
}

/// What became of them.
#[derive(SimpleObject)]
pub struct UpsertRecordsPayload {
    /// The records as they are now, in the order given; empty when errors is not.
    records: Vec<DataRecord>,
    /// Everything that is wrong, each with its place in path: ["input", "records", "3", "key"].
    /// Nothing is stored then.
    errors: Vec<AdminError>,
}

/// Records to delete.
#[derive(InputObject)]
pub struct DeleteRecordsInput {
    /// ServerInfo.maxBulkIds at most. One given twice counts once.
    ids: Vec<ID>,
}

/// What became of them.
#[derive(SimpleObject)]
pub struct DeleteRecordsPayload {
    /// Those that are gone, in the order of the ids.
    deleted_ids: Vec<ID>,
    /// Those that were not deleted, each with its place in path: ["input", "ids", "3"].
    errors: Vec<AdminError>,
}

/// Resolves them.
#[derive(Default)]
pub struct Records;

#[Object]
impl Records {
    /// Stores records by key, all or none of them: new ones are made, those that are there get
    /// the new document. For admins of the data set.
    #[graphql(complexity = "page::times(input.records.len(), child_complexity)")]
    async fn upsert_records(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The records, and of which data set.")] input: UpsertRecordsInput,
    ) -> Result<UpsertRecordsPayload> {
        let viewer = viewer(ctx)?;
        let refuse = |errors| UpsertRecordsPayload {
            records: Vec::new(),
            errors,
        };
        let given = &input.data_set_id;
        let set = match read_id(Kind::DataSet, given, Place::Input, "dataSetId") {
            Ok(id) => id,
            Err(error) => return Ok(refuse(vec![error.into()])),
        };
        let documents: Vec<_> = input
            .records
            .into_iter()
            .map(|record| (record.key, record.document.0))
            .collect();
        let store = &deps(ctx).store;
        let stored = records::upsert(store, viewer, set, &input.collection, &documents).await;
        Ok(match stored {
            Ok(rows) => UpsertRecordsPayload {
                records: rows.into_iter().map(DataRecord).collect(),
                errors: Vec::new(),
            },
            Err(errors) => {
                let mut refused = Vec::with_capacity(errors.len());
                for error in errors {
                    refused.push(admin_refused(ctx, error, &[("dataSetId", given)], Place::Input)?);
                }
                refuse(refused)
            }
        })
    }

    /// Deletes records, each on its own: one that cannot be deleted keeps no other. For admins of
    /// their data sets.
    #[graphql(complexity = "page::times(input.ids.len(), child_complexity)")]
    async fn delete_records(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which records.")] input: DeleteRecordsInput,
    ) -> Result<DeleteRecordsPayload> {
        let viewer = viewer(ctx)?;
        if let Some(refused) = too_many_ids(&input.ids) {
            return Ok(DeleteRecordsPayload {
                deleted_ids: Vec::new(),
                errors: vec![refused.into()],
            });
        }
        let (mut ids, mut refused) = (Vec::new(), Vec::new());
        for (index, id) in read_ids(Kind::Record, &input.ids) {
            match id {
                Ok(id) => ids.push((index, id)),
                Err(error) => refused.push((index, error.into())),
            }
        }
        let deleted = records::delete(&deps(ctx).store, viewer, &ids).await;
        let deleted = deleted.map_err(|fault| internal(ctx, &fault))?;
        for (index, error) in deleted.refused {
            let place = Place::Entry("ids", index);
            let error = admin_refused(ctx, error, &[("ids", &input.ids[index])], place)?;
            refused.push((index, error));
        }
        refused.sort_by_key(|(index, _)| *index);
        let errors = refused.into_iter().map(|(_, error)| error).collect();
        Ok(DeleteRecordsPayload {
            deleted_ids: deleted
                .ids
                .into_iter()
                .map(|id| Kind::Record.format(id).into())
                .collect(),
            errors,
        })
    }
}
