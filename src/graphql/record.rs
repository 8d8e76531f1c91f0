//! DataRecord.

use async_graphql::{ID, Object};

use crate::base::id::Kind;

/// DataRecord.
#[derive(Clone, Debug)]
pub struct DataRecord(pub entity::record::Model);

#[Object]
impl DataRecord {
    /// Opaque and stable.
    async fn id(&self) -> ID {
        Kind::Record.format(self.0.id).into()
    }
}
