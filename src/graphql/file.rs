//! Files: what is known about them. Their bytes are the HTTP route's.

use async_graphql::{ID, Object};
use entity::file;

use super::scalar::int;
use crate::base::id::Kind;

/// A stored file.
#[derive(Clone, Debug)]
pub struct FileAttachment(pub file::Model);

/// A file of an execution or of a message. It never changes.
#[Object]
impl FileAttachment {
    /// Opaque; refetch with node, or hand it to fileIds of a launch.
    pub async fn id(&self) -> ID {
        Kind::File.format(self.0.id).into()
    }

    /// As given, without a path.
    async fn filename(&self) -> &str {
        &self.0.filename
    }

    /// What the bytes are, found by looking at them.
    async fn content_type(&self) -> &str {
        &self.0.content_type
    }

    /// How many bytes it has.
    async fn size_bytes(&self) -> i32 {
        int(self.0.size_bytes)
    }

    /// SHA-256 of the bytes in lower-case hexadecimal.
    async fn sha256(&self) -> &str {
        &self.0.sha256
    }

    /// Path on this server that never changes; wants the same cookie or bearer token as the API,
    /// takes ranges.
    async fn download_url(&self) -> String {
        format!("/files/{}", Kind::File.format(self.0.id))
    }
}
