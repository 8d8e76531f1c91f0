//! DataSet.

use async_graphql::{ID, Object};

use crate::base::id::Kind;

/// DataSet.
#[derive(Clone, Debug)]
pub struct DataSet(pub entity::data_set::Model);

#[Object]
impl DataSet {
    /// Opaque and stable.
    async fn id(&self) -> ID {
        Kind::DataSet.format(self.0.id).into()
    }
}
