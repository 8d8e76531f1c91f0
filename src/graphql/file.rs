//! FileAttachment.

use async_graphql::{ID, Object};

use crate::base::id::Kind;

/// FileAttachment.
#[derive(Clone, Debug)]
pub struct FileAttachment(pub entity::file::Model);

#[Object]
impl FileAttachment {
    /// Opaque and stable.
    async fn id(&self) -> ID {
        Kind::File.format(self.0.id).into()
    }
}
