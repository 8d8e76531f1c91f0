//! Records: the JSON documents that agents read and write.

use async_graphql::{Context, ID, Object};
use entity::record;

use super::data_set::{self, DataSet};
use super::deps;
use super::errors::{self, Result, viewer};
use super::filter::check_text;
use super::loaders::{self, DataSetOf};
use super::page::connection;
use super::scalar::{DateTime, Json};
use crate::base::id::Kind;
use crate::db;
use crate::domain::Fault;

/// A record.
#[derive(Clone, Debug)]
pub struct DataRecord(pub record::Model);

connection!(
    DataRecordConnection,
    DataRecordEdge,
    DataRecord,
    "A page of a data set's records, by key.",
    "The record.",
    capped
);

/// One JSON document of a data set, in a named collection, such as a product or an order.
#[Object]
impl DataRecord {
    /// Opaque; refetch with node. It stays when the document changes.
    pub async fn id(&self) -> ID {
        Kind::Record.format(self.0.id).into()
    }

    /// The collection that it is in, for example "products".
    async fn collection(&self) -> &str {
        &self.0.collection
    }

    /// Unique in its collection, for example an SKU.
    async fn key(&self) -> &str {
        &self.0.key
    }

    /// The document: a JSON object.
    async fn document(&self, ctx: &Context<'_>) -> Result<Json> {
        stored_json(ctx, "record.document", &self.0.id, &self.0.document)
    }

    /// Where it belongs.
    async fn data_set(&self, ctx: &Context<'_>) -> Result<DataSet> {
        Ok(DataSet(loaders::get(ctx, DataSetOf(self.0.data_set_id)).await?))
    }

    /// When it was first stored.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// When its document last changed.
    async fn updated_at(&self) -> DateTime {
        DateTime(self.0.updated_at)
    }
}

/// JSON that this program stored as text.
///
/// # Errors
/// INTERNAL when it is none.
pub fn stored_json(ctx: &Context<'_>, what: &'static str, id: &uuid::Uuid, text: &str) -> Result<Json> {
    serde_json::from_str(text).map(Json).map_err(|_| {
        let id = id.to_string();
        errors::internal(ctx, &Fault::Corrupt { what, id })
    })
}

/// Root fields about records.
#[derive(Default)]
pub struct RecordQuery;

#[Object]
impl RecordQuery {
    /// The record of a key. Null when it does not exist or the viewer may not see its data set.
    async fn record(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The data set.")] data_set_id: ID,
        #[graphql(desc = "The collection, for example \"products\".")] collection: String,
        #[graphql(desc = "The key, letter case as stored.")] key: String,
    ) -> Result<Option<DataRecord>> {
        viewer(ctx)?;
        check_text("collection", &collection)?;
        check_text("key", &key)?;
        let Some(set) = data_set::visible_id(ctx, &data_set_id)? else {
            return Ok(None);
        };
        let rows = db::records::find_by_keys(deps(ctx).store.db.read(), set, &collection, &[key])
            .await
            .map_err(|failed| errors::internal(ctx, &failed.into()))?;
        Ok(rows.into_iter().next().map(DataRecord))
    }
}
